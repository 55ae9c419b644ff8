// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// honest is a ledger of some thousand records, run four times, that all tests
// of this package copy before they touch it.
var honest struct {
	once  sync.Once
	parts fsck.Parts
	// half is a copy of the store after two of the four runs.
	half string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir := honest.parts.Store; dir != "" {
		_ = os.RemoveAll(filepath.Dir(dir))
	}
	os.Exit(code)
}

// copyOf returns the parts of a copy of the honest ledger.
func copyOf(t *testing.T) fsck.Parts {
	t.Helper()
	honest.once.Do(func() {
		l := ledgertest.New(t)
		events := ledgertest.NewEvents(11)
		l.Submit(events.Take(900)...)
		l.Stop()
		half := ""
		for run := range 3 {
			l = ledgertest.Start(t, l.Dir, ledger.Options{})
			l.Submit(events.Take(500 + run)...)
			l.Stop()
			if run == 0 {
				half = copyDir(t, ledgertest.Parts(t, l.Dir).Store, t.TempDir())
			}
		}
		// The test's own directory goes with the first test.
		dir, err := os.MkdirTemp("", "fsck")
		if err != nil {
			t.Fatal(err)
		}
		honest.parts = copyParts(t, ledgertest.Parts(t, l.Dir), dir)
		honest.half = copyDir(t, half, filepath.Join(dir, "half"))
	})
	return copyParts(t, honest.parts, t.TempDir())
}

func copyParts(t *testing.T, p fsck.Parts, to string) fsck.Parts {
	t.Helper()
	return fsck.Parts{
		Store: copyDir(t, p.Store, filepath.Join(to, "store")), Keys: copyDir(t, p.Keys, filepath.Join(to, "keys")),
		Vault: copyDir(t, p.Vault, filepath.Join(to, "vault")), Head: copyDir(t, p.Head, filepath.Join(to, "head")),
		Mirror: copyDir(t, p.Mirror, filepath.Join(to, "mirror")),
	}
}

func copyDir(t *testing.T, from, to string) string {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(from, name.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// raw works on a store with the database's own tools.
func raw(t *testing.T, p fsck.Parts, do func(*store.Raw)) {
	t.Helper()
	r, err := store.OpenRaw(p.Store)
	if err != nil {
		t.Fatal(err)
	}
	do(r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// An item is a leaf and its payload, on their way into a forged ledger.
type item struct {
	index   int64 // that it has in the forged ledger
	entry   *record.Entry
	root    *record.IndexRoot
	bytes   []byte
	payload []byte
}

// A lie is what an operator changes who has all keys. Each may be nil.
type lie struct {
	drop   func(old int64) bool // leave the leaf out
	before func(*item)          // change it, and then derive seq, prev and the maps anew
	after  func(*item)          // change it as it is signed
	batch  func(*store.Batch)   // change what is committed
}

// forged is a ledger that somebody with all keys made out of an honest one.
type forged struct {
	fsck.Parts
	entries [][]byte
	note    []byte
}

// forge makes another ledger out of the parts of one, with a new store, mirror
// and head file and all signatures, as an operator could who has the keys. It
// is written from the formats, and uses nothing of the engine.
func forge(t *testing.T, p fsck.Parts, l lie) forged {
	t.Helper()
	dir := t.TempDir()
	out := forged{Parts: fsck.Parts{Store: filepath.Join(dir, "store"), Keys: p.Keys, Vault: p.Vault, Head: filepath.Join(dir, "head"), Mirror: filepath.Join(dir, "mirror")}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(out.Head, 0o700))
	keys, err := vault.ReadKeys(p.Keys)
	must(err)
	signer, err := keys.Signer()
	must(err)
	s, err := store.Open(out.Store, true, slog.New(slog.DiscardHandler))
	must(err)
	m, err := store.OpenMirror(out.Mirror)
	must(err)

	var old []item
	var rows []store.KeyRow
	for f := range store.ReadMirror(p.Mirror) {
		must(f.Err)
		for i, b := range f.Batch.Entries {
			leaf, err := record.ParseLeaf(b)
			must(err)
			old = append(old, item{entry: leaf.Entry, root: leaf.IndexRoot, payload: bytes.Clone(f.Batch.Payloads[i])})
		}
		rows = append(rows, f.Batch.Keys...)
	}
	type chain struct {
		seq  int64
		last tree.Hash
	}
	chains := map[[32]byte]chain{}
	places := map[int64]int64{} // old index to new
	var subjects mpt.Tree
	var edge tree.Edge
	head := store.Head{IndexRoot: -1}
	b := &store.Batch{Keys: rows}
	commit := func() {
		if len(b.Entries) == 0 {
			return
		}
		head.Keys += int64(len(b.Keys))
		root, err := tree.View{Edge: edge}.RootAt(edge.Size)
		must(err)
		head.Size = edge.Size
		head.Note, err = tree.Checkpoint{Origin: ledgertest.Origin, Size: edge.Size, Root: root}.Sign(signer)
		must(err)
		b.Head = head
		if l.batch != nil {
			l.batch(b)
		}
		must(s.Commit(b))
		must(m.Append(b))
		out.note = b.Head.Note
		b = &store.Batch{First: edge.Size}
	}
	for i, it := range old {
		if l.drop != nil && l.drop(int64(i)) {
			continue
		}
		it.index = edge.Size
		places[int64(i)] = it.index
		if e := it.entry; e != nil {
			var refs []int64
			for _, r := range e.Refs {
				if to, ok := places[r]; ok {
					refs = append(refs, to)
				}
			}
			e.Refs = refs
		}
		if l.before != nil {
			l.before(&it)
		}
		if e := it.entry; e != nil {
			c := chains[e.Term]
			e.Seq, e.Prev = c.seq+1, c.last
		} else {
			it.root.Covers, it.root.Root = it.index, subjects.Hash()
		}
		if l.after != nil {
			l.after(&it)
		}
		switch {
		case it.bytes != nil:
		case it.entry != nil:
			it.bytes = it.entry.Bytes()
		default:
			it.bytes = it.root.Bytes()
		}
		hash := tree.LeafHash(it.bytes)
		if e := it.entry; e != nil {
			chains[e.Term] = chain{e.Seq, hash}
			subjects.Set(e.Term[:], append(binary.BigEndian.AppendUint64(nil, uint64(e.Seq)), hash[:]...))
			id := store.Identity{Digest: e.Event, Index: it.index, Restricted: e.Type == record.TypeRestricted}
			id.Fold(&head.Fold)
			head.Entries++
			head.Identities++
			head.Recorded = e.Recorded
			b.Identities = append(b.Identities, id)
			b.Postings = append(b.Postings, store.Posting{Term: e.Term, Seq: e.Seq, Index: it.index, Leaf: hash})
		} else {
			head.IndexRoot = it.index
		}
		b.Entries, b.Payloads = append(b.Entries, it.bytes), append(b.Payloads, it.payload)
		out.entries = append(out.entries, it.bytes)
		b.Tiles = append(b.Tiles, edge.Append(hash)...)
		if len(b.Entries) == 100 {
			commit()
		}
	}
	commit()
	must(s.Close())
	must(m.Close())
	must(os.WriteFile(filepath.Join(out.Head, "checkpoint"), out.note, 0o600))
	return out
}

// A tiled log is what a server answers for a list of entries.
type tiled struct {
	entries [][]byte
	note    []byte
	view    tree.View
	full    map[[2]int64]tree.Tile
}

func newTiled(entries [][]byte, note []byte) *tiled {
	l := &tiled{entries: entries, note: note, full: map[[2]int64]tree.Tile{}}
	for _, e := range entries {
		for _, t := range l.view.Append(tree.LeafHash(e)) {
			l.full[[2]int64{int64(t.Level), t.N}] = t.Tile
		}
	}
	l.view.Full = l
	return l
}

// ReadTile implements tree.TileReader.
func (l *tiled) ReadTile(level int, n int64) (tree.Tile, error) {
	return l.full[[2]int64{int64(level), n}], nil
}

// Checkpoint implements fsck.Log.
func (l *tiled) Checkpoint(context.Context) ([]byte, error) { return l.note, nil }

// HashTile implements fsck.Log.
func (l *tiled) HashTile(_ context.Context, level int, n int64, width int) (out []byte, err error) {
	t, err := l.view.Tile(level, n)
	if err != nil {
		return nil, err
	}
	for _, h := range t.Hashes()[:width] {
		out = append(out, h[:]...)
	}
	return out, nil
}

// EntryBundle implements fsck.Log.
func (l *tiled) EntryBundle(_ context.Context, n int64, width int) (out []byte, err error) {
	for _, e := range l.entries[n*tree.Width:][:width] {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(e))), e...)
	}
	return out, nil
}
