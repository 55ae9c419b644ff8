// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// A subtree [start, end) is the tree over the leaves of a larger one from
// index start up to but not including end, where start is a multiple of the
// smallest power of two that is not below end - start. Its inner nodes are
// then inner nodes of the larger tree, but for those at its right edge
// (Merkle Tree Certificates, draft-ietf-plants-merkle-tree-certs).

// VerifySubtreeInclusion checks that leaf stands at index, counted in the
// larger tree, in the subtree [start, end) with that root.
func VerifySubtreeInclusion(proof []Hash, index, start, end int64, leaf, root Hash) error {
	if err := checkSubtree(start, end); err != nil {
		return err
	}
	if index < start || index >= end {
		return fmt.Errorf("index %d is not in the subtree [%d, %d)", index, start, end)
	}
	return VerifyInclusion(proof, index-start, end-start, leaf, root)
}

// VerifySubtreeConsistency checks that the subtree [start, end) with root
// subtree is a part of the tree of that size and root. With start 0 it does
// what VerifyConsistency does.
func VerifySubtreeConsistency(proof []Hash, start, end, size int64, subtree, root Hash) error {
	if err := checkSubtree(start, end); err != nil {
		return err
	}
	if end > size {
		return fmt.Errorf("the subtree [%d, %d) is not in a tree of %d leaves", start, end, size)
	}
	w := subtreeWalk{subtree: subtree, proof: proof}
	part, whole, ok := w.roots(start, end, size, true)
	if !ok || len(w.proof) > 0 || part != subtree || whole != root {
		return errors.New("the consistency proof does not lead from the subtree to the root")
	}
	return nil
}

func checkSubtree(start, end int64) error {
	if start < 0 || start >= end {
		return fmt.Errorf("[%d, %d) is not a subtree: it has no leaves", start, end)
	}
	// Of a number below 2^63 less another, one less has at most 63 bits.
	if width := uint64(1) << bits.Len64(uint64(end-start-1)); uint64(start)%width != 0 {
		return fmt.Errorf("[%d, %d) is not a subtree: its start is not a multiple of %d", start, end, width)
	}
	return nil
}

// A subtreeWalk consumes a consistency proof.
type subtreeWalk struct {
	subtree Hash
	proof   []Hash
}

func (w *subtreeWalk) next() (h Hash, ok bool) {
	if len(w.proof) == 0 {
		return Hash{}, false
	}
	h, w.proof = w.proof[0], w.proof[1:]
	return h, true
}

// roots computes, for a tree of size leaves and its part [start, end), the
// roots that the proof gives to both. While known, the part is the subtree
// itself, whose root the proof leaves out.
func (w *subtreeWalk) roots(start, end, size int64, known bool) (part, whole Hash, ok bool) {
	if start == 0 && end == size {
		if known {
			return w.subtree, w.subtree, true
		}
		part, ok = w.next()
		return part, part, ok
	}
	k := int64(1) << (bits.Len64(uint64(size-1)) - 1) // leaves of the left child
	switch {
	case end <= k:
		part, whole, ok = w.roots(start, end, k, known)
	case start >= k:
		part, whole, ok = w.roots(start-k, end-k, size-k, known)
	default: // the part has leaves on both sides, so it begins with the tree
		part, whole, ok = w.roots(0, end-k, size-k, false)
	}
	sibling, more := w.next()
	switch {
	case !ok || !more:
		return Hash{}, Hash{}, false
	case end <= k:
		return part, tlog.NodeHash(whole, sibling), true
	case start >= k:
		return part, tlog.NodeHash(sibling, whole), true
	}
	return tlog.NodeHash(sibling, part), tlog.NodeHash(sibling, whole), true
}
