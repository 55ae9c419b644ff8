// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/replay"
	"github.com/lendlog/lendlog/ledger/tree"
)

// leavesOf returns the leaves of a real ledger, whose last is an index-root.
func leavesOf(t testing.TB) (leaves [][]byte, genesis, root tree.Hash) {
	t.Helper()
	l := ledgertest.New(t)
	events := ledgertest.NewEvents(3)
	for range 3 {
		l.Submit(events.Take(60)...)
		if _, err := l.IndexedHead(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	head := l.Head()
	for n := int64(0); n*tree.Width < head.Size; n++ {
		b, err := l.EntryBundle(t.Context(), n, int(min(tree.Width, head.Size-n*tree.Width)))
		if err != nil {
			t.Fatal(err)
		}
		for len(b) > 0 {
			size := 2 + int(binary.BigEndian.Uint16(b))
			leaves = append(leaves, b[2:size:size])
			b = b[size:]
		}
	}
	cp, err := l.Trust().OpenCheckpoint(head.Note)
	if err != nil {
		t.Fatal(err)
	}
	return leaves, l.Trust().Genesis, cp.Root
}

// What the engine wrote is right, also for a replay that goes on from a mark.
func TestHonest(t *testing.T) {
	leaves, genesis, root := leavesOf(t)
	for _, stop := range []int{0, 1, 100, len(leaves)} {
		r := replay.New(genesis, 1000)
		for _, b := range leaves[:stop] {
			if _, err := r.Append(b); err != nil {
				t.Fatal(err)
			}
		}
		again := replay.New(genesis, 1000)
		r.Scan(nil, func(key, val []byte) bool { again.Set(key, val); return true })
		if err := again.Resume(r.Mark()); err != nil {
			t.Fatal(err)
		}
		for i, b := range leaves[stop:] {
			l, err := record.ParseLeaf(b)
			if err != nil {
				t.Fatal(err)
			}
			changed, err := again.Append(b)
			if err != nil {
				t.Fatal(err)
			}
			if (changed != nil) != (l.Entry != nil) || changed != nil && *changed != l.Entry.Term {
				t.Errorf("leaf %d changes %v", stop+i, changed)
			}
		}
		if again.Size() != int64(len(leaves)) || again.Root() != root || again.LastRoot() != int64(len(leaves))-1 {
			t.Errorf("it comes to %d leaves, index-root %d", again.Size(), again.LastRoot())
		}
	}
}

// A leaf that cannot stand where it stands is a fault, and changes nothing.
func TestFaults(t *testing.T) {
	leaves, genesis, _ := leavesOf(t)
	at := len(leaves) - 20 // a record that is not the first of its subject
	for ; ; at-- {
		if l, _ := record.ParseLeaf(leaves[at]); l.Entry != nil && l.Entry.Seq > 1 {
			break
		}
	}
	last := len(leaves) - 1
	change := func(at int, f func(*record.Leaf)) []byte {
		l, err := record.ParseLeaf(leaves[at])
		if err != nil {
			t.Fatal(err)
		}
		if f(&l); l.IndexRoot != nil {
			return l.IndexRoot.Bytes()
		}
		return l.Entry.Bytes()
	}
	for name, tc := range map[string]struct {
		at   int
		leaf []byte
		says string
	}{
		"no genesis":          {0, leaves[1], "another record than the trust file pins"},
		"another genesis":     {0, change(0, func(l *record.Leaf) { l.Entry.Event[0] ^= 1 }), "another record than the trust file pins"},
		"a second genesis":    {at, change(0, func(l *record.Leaf) { l.Entry.Recorded = l.Entry.Recorded.Add(time.Hour) }), "at leaf 0 and nowhere else"},
		"garbage":             {at, []byte("{}"), "no entry"},
		"a root of other map": {last, change(last, func(l *record.Leaf) { l.IndexRoot.Root[31] ^= 1 }), "does not commit"},
		"a root elsewhere":    {last, change(last, func(l *record.Leaf) { l.IndexRoot.Covers++ }), "says that it covers"},
		"a root too early":    {at, leaves[last], "says that it covers"},
		"dated back":          {at, change(at, func(l *record.Leaf) { l.Entry.Recorded = l.Entry.Recorded.Add(-time.Hour) }), "before the record before it"},
		"a ref to itself":     {at, change(at, func(l *record.Leaf) { l.Entry.Refs = []int64{int64(at)} }), "follows from"},
		"a gap":               {at, change(at, func(l *record.Leaf) { l.Entry.Seq++ }), "it is number"},
		"a number twice":      {at + 1, leaves[at], "it is number"},
		"a new subject":       {at, change(at, func(l *record.Leaf) { l.Entry.Term[9] ^= 1 }), "which has 0 before it"},
		"another prev":        {at, change(at, func(l *record.Leaf) { l.Entry.Prev[9] ^= 1 }), "its prev"},
	} {
		r := replay.New(genesis, 1000)
		for _, b := range leaves[:tc.at] {
			if _, err := r.Append(b); err != nil {
				t.Fatal(err)
			}
		}
		before, hash := r.Mark(), r.Hash()
		_, err := r.Append(tc.leaf)
		var f *replay.Fault
		if !errors.As(err, &f) || f.Index != int64(tc.at) || !strings.Contains(f.Text, tc.says) {
			t.Errorf("%s: %v", name, err)
		}
		if after := r.Mark(); after.Size != before.Size || !slices.Equal(after.Roots, before.Roots) || after.LastRoot != before.LastRoot || r.Hash() != hash {
			t.Errorf("%s: it changed something", name)
		}
	}
}

// A replay holds no more subjects than it may.
func TestLimit(t *testing.T) {
	leaves, genesis, _ := leavesOf(t)
	r := replay.New(genesis, 10)
	for _, b := range leaves {
		if _, err := r.Append(b); errors.Is(err, replay.ErrSubjects) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if r.Len() != 10 || r.Size() == int64(len(leaves)) {
		t.Errorf("it has %d subjects", r.Len())
	}
}

// A mark that none could have made is refused.
func TestResumeRefuses(t *testing.T) {
	for _, m := range []replay.Mark{
		{Size: -1, LastRoot: -1}, {Size: 1, LastRoot: -1}, {Size: 2, Roots: make([]tree.Hash, 1), LastRoot: 2},
		{Size: 2, Roots: make([]tree.Hash, 2)}, {Size: 2, Roots: make([]tree.Hash, 1), LastRoot: -2},
	} {
		if err := replay.New(tree.Hash{}, 1).Resume(m); err == nil {
			t.Errorf("%+v is taken", m)
		}
	}
}

// FuzzAppend wants every leaf to be taken, or to change nothing.
func FuzzAppend(f *testing.F) {
	leaves, genesis, _ := leavesOf(f)
	for i := 0; i < len(leaves); i += 20 {
		f.Add(leaves[i], uint16(i))
	}
	f.Fuzz(func(t *testing.T, leaf []byte, at uint16) {
		r := replay.New(genesis, 1000)
		for _, b := range leaves[:int(at)%len(leaves)] {
			if _, err := r.Append(b); err != nil {
				t.Fatal(err)
			}
		}
		size, root, hash := r.Size(), r.Root(), r.Hash()
		if _, err := r.Append(leaf); (err == nil) != (r.Size() == size+1) || err != nil && (r.Root() != root || r.Hash() != hash) {
			t.Errorf("leaf %d, %q: %v, and then there are %d", size, leaf, err, r.Size())
		}
	})
}
