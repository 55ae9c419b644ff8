// SPDX-License-Identifier: Apache-2.0

package tree_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/lendlog/lendlog/ledger/tree"
)

func numberedLeaves(n int) []tree.Hash {
	leaves := make([]tree.Hash, n)
	for i := range leaves {
		leaves[i] = tree.LeafHash(fmt.Appendf(nil, "leaf %d", i))
	}
	return leaves
}

// subtreeProof is the definition of the draft: the consistency proof of
// [start, end) in the tree over the leaves; whole while the subtree is not cut.
func subtreeProof(leaves []tree.Hash, start, end int, whole bool) []tree.Hash {
	n := len(leaves)
	if start == 0 && end == n {
		if whole {
			return nil
		}
		return []tree.Hash{tree.Small{Leaves: leaves}.Root()}
	}
	k := 1
	for 2*k < n {
		k *= 2
	}
	left, right := leaves[:k], leaves[k:]
	switch {
	case end <= k:
		return append(subtreeProof(left, start, end, whole), tree.Small{Leaves: right}.Root())
	case start >= k:
		return append(subtreeProof(right, start-k, end-k, whole), tree.Small{Leaves: left}.Root())
	}
	return append(subtreeProof(right, 0, end-k, false), tree.Small{Leaves: left}.Root())
}

func aligned(start, end int) bool {
	width := 1
	for width < end-start {
		width *= 2
	}
	return start%width == 0
}

// Every subtree of every tree up to 33 leaves: its proof verifies, and
// with a hash changed, missing or added it does not.
func TestSubtreeConsistency(t *testing.T) {
	const most = 33
	leaves := numberedLeaves(most)
	odd := tree.LeafHash([]byte("odd"))
	for size := 1; size <= most; size++ {
		root := tree.Small{Leaves: leaves[:size]}.Root()
		for start := range size {
			for end := start + 1; end <= size; end++ {
				sub := tree.Small{Leaves: leaves[start:end]}.Root()
				verify := func(proof []tree.Hash, sub, root tree.Hash) error {
					return tree.VerifySubtreeConsistency(proof, int64(start), int64(end), int64(size), sub, root)
				}
				if !aligned(start, end) {
					if verify(nil, sub, root) == nil || verify(nil, root, root) == nil {
						t.Fatalf("[%d, %d) passes for a subtree", start, end)
					}
					continue
				}
				proof := subtreeProof(leaves[:size], start, end, true)
				if err := verify(proof, sub, root); err != nil {
					t.Fatalf("[%d, %d) of %d: %v", start, end, size, err)
				}
				bad := map[string]error{
					"another subtree":  verify(proof, odd, root),
					"another root":     verify(proof, sub, odd),
					"one hash more":    verify(append(slices.Clone(proof), odd), sub, root),
					"one hash first":   verify(append([]tree.Hash{odd}, proof...), sub, root),
					"a larger tree":    tree.VerifySubtreeConsistency(proof, int64(start), int64(end), int64(size)*2, sub, root),
					"the rest of it":   tree.VerifySubtreeConsistency(proof, int64(end), int64(size), int64(size), sub, root),
					"beyond the tree":  tree.VerifySubtreeConsistency(proof, int64(start), int64(end), int64(end)-1, sub, root),
					"a negative start": tree.VerifySubtreeConsistency(proof, int64(start-end), 0, int64(size), sub, root),
				}
				if len(proof) > 0 {
					bad["one hash less"] = verify(proof[:len(proof)-1], sub, root)
				}
				for i := range proof {
					changed := slices.Clone(proof)
					changed[i] = odd
					bad[fmt.Sprintf("hash %d changed", i)] = verify(changed, sub, root)
				}
				for name, err := range bad {
					if err == nil {
						t.Errorf("[%d, %d) of %d verifies with %s", start, end, size, name)
					}
				}
				if start == 0 && end < size {
					plain, err := tlog.ProveTree(int64(size), int64(end), storedHashes(t, leaves[:size]))
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(plain, proof) {
						t.Errorf("[0, %d) of %d: the proof is not the consistency proof of RFC 6962", end, size)
					}
				}
			}
		}
	}
}

// storedHashes is a tree in the order in which tlog stores it.
func storedHashes(t *testing.T, leaves []tree.Hash) tlog.HashReader {
	t.Helper()
	var stored []tree.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tree.Hash, error) {
		out := make([]tree.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	return reader
}

func TestSubtreeInclusion(t *testing.T) {
	leaves := numberedLeaves(33)
	for start := range leaves {
		for end := start + 1; end <= len(leaves); end++ {
			sub := tree.Small{Leaves: leaves[start:end]}
			for index := range leaves {
				var proof []tree.Hash
				inside := index >= start && index < end
				if inside {
					proof = sub.Prove(index - start)
				}
				err := tree.VerifySubtreeInclusion(proof, int64(index), int64(start), int64(end), leaves[index], sub.Root())
				if ok := inside && aligned(start, end); (err == nil) != ok {
					t.Fatalf("leaf %d of [%d, %d): want %v, got %v", index, start, end, ok, err)
				}
			}
		}
	}
}

// Sizes at the end of the range neither overflow nor take long.
func TestSubtreeExtremes(t *testing.T) {
	h := tree.LeafHash(nil)
	for _, size := range []int64{math.MaxInt64, math.MaxInt64 - 1, 1 << 62, 1<<62 + 1} {
		for _, start := range []int64{math.MinInt64, -1, 0, 1, 1 << 62, math.MaxInt64 - 1} {
			for _, end := range []int64{math.MinInt64, -1, 0, 2, 1 << 62, math.MaxInt64} {
				if start == 0 && end == size {
					continue // the whole tree
				}
				if tree.VerifySubtreeConsistency(slices.Repeat([]tree.Hash{h}, 63), start, end, size, h, h) == nil {
					t.Errorf("[%d, %d) of %d verifies", start, end, size)
				}
				if tree.VerifySubtreeInclusion(nil, start, start, end, h, h) == nil && end != start+1 {
					t.Errorf("a leaf is all of [%d, %d)", start, end)
				}
			}
		}
	}
}
