// SPDX-License-Identifier: Apache-2.0

package chain

import (
	"bytes"
	"errors"
	"fmt"
)

// lookUp returns the value that a trie of receipts has for a transaction. Nodes
// are those on the way from the root to it, each of which it hashes itself.
//
// The keys are the RLP of the places of transactions, of which none begins
// another, so no branch has a value; and a receipt is longer than 31 bytes, so no
// node is short enough to stand in the one above it instead of its hash. What
// has such is no trie of receipts, and is refused.
func lookUp(root Hash, index uint64, nodes [][]byte) ([]byte, error) {
	if len(nodes) > MaxNodes {
		return nil, fmt.Errorf("it has more than %d nodes", MaxNodes)
	}
	key := nibbles(appendNumber(nil, index))
	for depth, node := range nodes {
		last := depth == len(nodes)-1
		switch {
		case len(node) > MaxNode:
			return nil, fmt.Errorf("node %d has more than %d bytes", depth, MaxNode)
		case keccak(node) != root:
			return nil, fmt.Errorf("node %d is not the one that the header or the node above it names", depth)
		}
		items, err := list(node)
		if err != nil {
			return nil, fmt.Errorf("node %d: %w", depth, err)
		}
		var below item
		switch len(items) {
		case 17:
			if err := branch(items); err != nil {
				return nil, fmt.Errorf("node %d: %w", depth, err)
			}
			if len(key) == 0 {
				return nil, fmt.Errorf("node %d is a branch where the path should have ended", depth)
			}
			below, key = items[key[0]], key[1:]
		case 2:
			part, leaf, err := path(items[0])
			switch {
			case err != nil:
				return nil, fmt.Errorf("node %d: %w", depth, err)
			case !bytes.HasPrefix(key, part), leaf && len(part) < len(key):
				return nil, fmt.Errorf("node %d leads to another receipt", depth)
			case leaf && !last:
				return nil, errors.New("nodes follow the last one")
			case leaf && items[1].list:
				return nil, errKind
			case leaf:
				return items[1].content, nil
			}
			below, key = items[1], key[len(part):]
		default:
			return nil, fmt.Errorf("node %d has %d items, and a node has 2 or 17", depth, len(items))
		}
		if err := below.fill(root[:]); err != nil {
			return nil, fmt.Errorf("node %d names no node below: %w", depth, err)
		}
	}
	return nil, errors.New("the last node is missing")
}

// branch checks what a branch has: sixteen hashes, or nothing in their place, and
// no value.
func branch(items []item) error {
	for i, it := range items {
		if n := len(it.content); it.list || n != 0 && (n != len(Hash{}) || i == 16) {
			return errors.New("it is a branch that no trie of receipts has")
		}
	}
	return nil
}

// path decodes the part of a path that a leaf or an extension has, in half-bytes.
func path(it item) (part []byte, leaf bool, err error) {
	if it.list || len(it.content) == 0 {
		return nil, false, errKind
	}
	part = nibbles(it.content)
	flag := part[0]
	if flag > 3 || flag&1 == 0 && part[1] != 0 {
		return nil, false, errors.New("its path is not encoded as one")
	}
	part = part[2-flag&1:]
	leaf = flag&2 != 0
	if !leaf && len(part) == 0 {
		return nil, false, errors.New("it is an extension without a path")
	}
	return part, leaf, nil
}

func nibbles(b []byte) []byte {
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, c>>4, c&15)
	}
	return out
}
