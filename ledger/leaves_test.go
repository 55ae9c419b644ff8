// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"errors"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Every leaf is found by its hash, also those that came since somebody last asked, and
// nothing else is.
func TestLeaf(t *testing.T) {
	l := startAudited(t)
	events := ledgertest.NewEvents(3).Take(600)
	for _, n := range []int{1, 299, 300} { // across a tile
		l.Submit(events[:n]...)
		events = events[n:]
		for lf, err := range l.Leaves(t.Context(), l.Head(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			hash := tree.LeafHash(lf.Bytes)
			if got, err := l.Leaf(t.Context(), hash); got != lf.Index || err != nil {
				t.Fatalf("leaf %d is found at %d: %v", lf.Index, got, err)
			}
			hash[31] ^= 1 // begins as a leaf does
			if got, err := l.Leaf(t.Context(), hash); !errors.Is(err, ledger.ErrNotFound) {
				t.Fatalf("none is found at %d: %v", got, err)
			}
		}
	}
}
