// SPDX-License-Identifier: Apache-2.0

package contracts

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// A tree is an RFC 6962 tree of any size that is never in memory: its leaves are
// all alike, but those at marks, which are all different. So the hashes on the
// path of a mark differ from those beside it. Roots and proofs are computed as the
// RFC defines them, in sections 2.1, 2.1.1 and 2.1.2.
type tree struct{ marks []uint64 }

func leaf(mark uint64) tlog.Hash {
	return tlog.RecordHash(binary.BigEndian.AppendUint64([]byte("leaf "), mark))
}

var (
	plain = tlog.RecordHash([]byte("leaf"))
	full  = func() (h [64]tlog.Hash) { // roots of 2^i plain leaves
		h[0] = plain
		for i := range h[1:] {
			h[i+1] = tlog.NodeHash(h[i], h[i])
		}
		return h
	}()
)

// split is the largest power of two below n, which is at least 2.
func split(n uint64) uint64 { return 1 << (bits.Len64(n-1) - 1) }

// hash is the root of the leaves from lo up to hi; lo < hi.
func (t tree) hash(lo, hi uint64) tlog.Hash {
	n := hi - lo
	marked := slices.ContainsFunc(t.marks, func(m uint64) bool { return lo <= m && m < hi })
	switch {
	case n == 1 && marked:
		return leaf(lo)
	case !marked && n&(n-1) == 0:
		return full[bits.Len64(n)-1]
	}
	k := split(n)
	return tlog.NodeHash(t.hash(lo, lo+k), t.hash(lo+k, hi))
}

// root is that of the first size leaves; size > 0.
func (t tree) root(size uint64) tlog.Hash { return t.hash(0, size) }

// inclusion proves the leaf at index, in the tree of this size.
func (t tree) inclusion(index, size uint64) (proof []tlog.Hash) {
	lo, hi := uint64(0), size
	for hi-lo > 1 {
		k := split(hi - lo)
		if index < lo+k {
			proof = append(proof, t.hash(lo+k, hi))
			hi = lo + k
		} else {
			proof = append(proof, t.hash(lo, lo+k))
			lo += k
		}
	}
	slices.Reverse(proof)
	return proof
}

// consistency proves that the tree of size begins with that of old leaves, 0 < old <= size.
func (t tree) consistency(old, size uint64) (proof []tlog.Hash) {
	lo, hi := uint64(0), size
	for old != hi {
		k := split(hi - lo)
		if old <= lo+k {
			proof = append(proof, t.hash(lo+k, hi))
			hi = lo + k
		} else {
			proof = append(proof, t.hash(lo, lo+k))
			lo += k
		}
	}
	if lo != 0 {
		proof = append(proof, t.hash(lo, hi))
	}
	slices.Reverse(proof)
	return proof
}

// The tree that is computed is that of tlog.
func TestTree(t *testing.T) {
	tr := tree{marks: []uint64{0, 3, 4, 11, 16, 17, 36}}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for n := uint64(0); n < 40; n++ {
		h := plain
		if slices.Contains(tr.marks, n) {
			h = leaf(n)
		}
		hashes, err := tlog.StoredHashesForRecordHash(int64(n), h, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		size := n + 1
		if root, err := tlog.TreeHash(int64(size), reader); err != nil || tr.root(size) != root {
			t.Fatalf("root of %d: %v, want %v, %v", size, tr.root(size), root, err)
		}
		for i := range size {
			if p, err := tlog.ProveRecord(int64(size), int64(i), reader); err != nil || !slices.Equal(tr.inclusion(i, size), p) {
				t.Fatalf("inclusion of %d in %d: %v, want %v, %v", i, size, tr.inclusion(i, size), p, err)
			}
			if p, err := tlog.ProveTree(int64(size), int64(i+1), reader); err != nil || !slices.Equal(tr.consistency(i+1, size), p) {
				t.Fatalf("consistency of %d with %d: %v, want %v, %v", i+1, size, tr.consistency(i+1, size), p, err)
			}
		}
	}
}
