// SPDX-License-Identifier: Apache-2.0

package client

import (
	"testing"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Whoever has the ledger's keys can sign a chain that is none.
func TestFollows(t *testing.T) {
	first := &Record{Index: 7, Entry: []byte("the first"), Leaf: record.Leaf{Entry: &record.Entry{Term: [32]byte{1}, Seq: 3}}}
	for _, x := range []struct {
		name   string
		change func(*Record)
		want   bool
	}{
		{"the next", func(*Record) {}, true},
		{"another term", func(r *Record) { r.Leaf.Entry.Term[0]++ }, false},
		{"another one before", func(r *Record) { r.Leaf.Entry.Prev[0]++ }, false},
		{"a gap", func(r *Record) { r.Leaf.Entry.Seq++ }, false},
		{"the same place", func(r *Record) { r.Index = 7 }, false},
	} {
		next := &Record{Index: 9, Leaf: record.Leaf{Entry: &record.Entry{Term: [32]byte{1}, Seq: 4, Prev: tree.LeafHash(first.Entry)}}}
		x.change(next)
		if got := next.follows(first); got != x.want {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
}
