// SPDX-License-Identifier: Apache-2.0

package mpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
)

// ProveLookup returns a copy of the value of key and whether the tree has it,
// with the proof that this is so under the tree's Hash.
func (t *Tree) ProveLookup(key []byte) (val []byte, ok bool, proof []byte) {
	if t.root == 0 {
		return nil, false, nil
	}
	leaf, path := t.path(key)
	if k, v := t.records.pair(leaf); bytes.Equal(k, key) {
		return append([]byte{}, v...), true, t.appendSteps(nil, path, key)
	}
	return nil, false, t.proveMissing(leaf, path, key)
}

// VerifyLookup checks a proof that in the tree with hash snap the key has the
// value val (ok) or is missing (not ok; then val must be empty). When snap is
// the Hash of a Tree, it accepts only the bytes that ProveLookup returns.
func VerifyLookup(snap Hash, key, val []byte, ok bool, proof []byte) error {
	if ok {
		return climb(snap, leafHash(key, val), never, key, key, proof)
	}
	if len(val) > 0 {
		return errors.New("a missing key has no value")
	}
	return verifyMissing(snap, key, proof, func(other []byte) error {
		if bytes.Equal(other, key) {
			return errors.New("the proof that a key is missing shows that very key")
		}
		return nil
	})
}

// ProvePrefix returns the hash of the tree of all pairs whose key has the
// prefix, with the proof that under the tree's Hash there are no others.
func (t *Tree) ProvePrefix(prefix []byte) (Hash, []byte) {
	if t.root == 0 {
		return emptyHash, nil
	}
	r, path := t.subtree(prefix)
	if r == 0 {
		leaf, _ := t.find(prefix)
		return emptyHash, t.proveMissing(leaf, path, prefix)
	}
	return t.hash(r), t.appendSteps(nil, path, prefix)
}

// VerifyPrefix checks a proof that in the tree with hash snap every key with
// the prefix lies in the subtree with hash h. The subtree may hold other keys
// too: see the package comment for what the caller has to check.
func VerifyPrefix(snap Hash, prefix []byte, h Hash, proof []byte) error {
	if h != emptyHash {
		return climb(snap, h, bitLen(prefix), prefix, prefix, proof)
	}
	return verifyMissing(snap, prefix, proof, func(other []byte) error {
		if HasPrefix(other, prefix) {
			return errors.New("the proof that no key has a prefix shows one that has it")
		}
		return nil
	})
}

// proveMissing returns the proof that a lookup of key ends at another leaf.
func (t *Tree) proveMissing(leaf ref, path []ref, key []byte) []byte {
	return t.appendSteps(bytes.Clone(t.records.bytes(leaf)[1:]), path, key)
}

// appendSteps appends the steps from the end of key's path up to the root.
func (t *Tree) appendSteps(proof []byte, path []ref, key []byte) []byte {
	proof = slices.Grow(proof, len(path)*(2+len(Hash{})))
	for _, r := range slices.Backward(path) {
		n := t.inners.at(r)
		off := t.hash(n.child[1-bitOf(key, n.bit())])
		proof = binary.AppendUvarint(proof, n.bit())
		proof = append(proof, off[:]...)
	}
	return proof
}

// verifyMissing checks a proof that a lookup of key ends at another leaf, of
// whose key check approves.
func verifyMissing(snap Hash, key, proof []byte, check func(other []byte) error) error {
	if snap == emptyHash {
		if len(proof) > 0 {
			return errors.New("a proof about the empty map is not empty")
		}
		return nil
	}
	other, proof, err := cutBytes(proof)
	if err != nil {
		return err
	}
	val, proof, err := cutBytes(proof)
	if err != nil {
		return err
	}
	if err := check(other); err != nil {
		return err
	}
	return climb(snap, leafHash(other, val), never, other, key, proof)
}

// climb checks that the steps, all of which split before the given bit, lead
// from the hash h of a node on key's path up to snap, and that sought would
// have taken the same path.
func climb(snap, h Hash, before uint64, key, sought, steps []byte) error {
	for len(steps) > 0 {
		bit, rest, err := cutUvarint(steps)
		if err != nil {
			return err
		}
		if bit >= before {
			return errors.New("the bit positions of the map proof are out of order")
		}
		if len(rest) < len(h) {
			return errShort
		}
		side := bitOf(key, bit)
		if bitOf(sought, bit) != side {
			return errors.New("the map proof leaves the path of the key")
		}
		off := Hash(rest)
		if side == 0 {
			h = innerHash(bit, h, off)
		} else {
			h = innerHash(bit, off, h)
		}
		before, steps = bit, rest[len(off):]
	}
	if h != snap {
		return errors.New("the map proof leads to another hash")
	}
	return nil
}

var errShort = errors.New("the map proof ends early")

// cutUvarint reads a number in its shortest form.
func cutUvarint(b []byte) (uint64, []byte, error) {
	n, w := binary.Uvarint(b)
	switch {
	case w == 0:
		return 0, nil, errShort
	case w < 0 || w > 1 && b[w-1] == 0:
		return 0, nil, errors.New("a number in the map proof is not in its shortest form")
	}
	return n, b[w:], nil
}

// cutBytes reads a length and as many bytes.
func cutBytes(b []byte) (s, rest []byte, err error) {
	n, b, err := cutUvarint(b)
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(b)) {
		return nil, nil, errShort
	}
	return b[:n], b[n:], nil
}
