// SPDX-License-Identifier: Apache-2.0

package tree_test

import (
	"errors"
	"testing"

	"github.com/lendlog/lendlog/ledger/tree"
)

// A prefix of any size goes on to the root of the tree of every greater size.
func TestPrefix(t *testing.T) {
	leaves := numberedLeaves(600)
	full := tiles{}
	var edge tree.Edge
	full.put(t, edge.AppendAll(leaves))
	view := tree.View{Edge: edge, Full: full}
	for _, size := range []int64{0, 1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 512, 600} {
		roots, err := view.Prefix(size)
		if err != nil {
			t.Fatal(err)
		}
		p, err := tree.NewPrefix(size, roots)
		if err != nil {
			t.Fatal(err)
		}
		for {
			want, err := view.RootAt(p.Size())
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Root(); got != want {
				t.Fatalf("from %d on, the root of %d leaves is %v, want %v", size, p.Size(), got, want)
			}
			if p.Size() == int64(len(leaves)) {
				break
			}
			p.Append(leaves[p.Size()])
		}
	}
	for _, size := range []int64{-1, 601} {
		if _, err := view.Prefix(size); !errors.Is(err, tree.ErrBeyond) {
			t.Errorf("a prefix of %d leaves: %v", size, err)
		}
	}
	for size, n := range map[int64]int{-1: 64, 0: 1, 3: 1, 4: 2, 1 << 62: 2, 1<<62 + 1: 2} {
		if _, err := tree.NewPrefix(size, make([]tree.Hash, n)); err == nil {
			t.Errorf("%d leaves fall into %d subtrees", size, n)
		}
	}
}
