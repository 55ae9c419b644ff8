// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// An Item is a leaf and its payload, on their way into a forged ledger.
type Item struct {
	Index   int64 // that it has in the forged ledger
	Entry   *record.Entry
	Root    *record.IndexRoot
	Bytes   []byte // nil for those of Entry or Root
	Payload []byte
}

// A Lie is what an operator changes who has all keys. Each may be nil.
type Lie struct {
	Drop   func(old int64) bool // leave the leaf out
	Before func(*Item)          // change it, and then derive seq, prev and the maps anew
	After  func(*Item)          // change it as it is signed
	Batch  func(*store.Batch)   // change what is committed
}

// A Forged is a ledger that somebody with all keys made out of an honest one.
type Forged struct {
	fsck.Parts
	Entries [][]byte
	Note    []byte // signed checkpoint of all of them
}

// Forge makes another ledger out of the parts of one, with a new store, mirror
// and head file and all signatures, as an operator could who has the keys. It
// is written from the formats, and uses nothing of the engine.
func Forge(t testing.TB, p fsck.Parts, l Lie) Forged {
	t.Helper()
	dir := t.TempDir()
	out := Forged{Parts: fsck.Parts{Store: filepath.Join(dir, "store"), Keys: p.Keys, Vault: p.Vault, Head: filepath.Join(dir, "head"), Mirror: filepath.Join(dir, "mirror")}}
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

	var old []Item
	var rows []store.KeyRow
	for f := range store.ReadMirror(p.Mirror) {
		must(f.Err)
		for i, b := range f.Batch.Entries {
			leaf, err := record.ParseLeaf(b)
			must(err)
			old = append(old, Item{Entry: leaf.Entry, Root: leaf.IndexRoot, Payload: bytes.Clone(f.Batch.Payloads[i])})
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
		head.Note, err = tree.Checkpoint{Origin: Origin, Size: edge.Size, Root: root}.Sign(signer)
		must(err)
		b.Head = head
		if l.Batch != nil {
			l.Batch(b)
		}
		must(s.Commit(b))
		must(m.Append(b))
		out.Note = b.Head.Note
		b = &store.Batch{First: edge.Size}
	}
	for i, it := range old {
		if l.Drop != nil && l.Drop(int64(i)) {
			continue
		}
		it.Index = edge.Size
		places[int64(i)] = it.Index
		if e := it.Entry; e != nil {
			var refs []int64
			for _, r := range e.Refs {
				if to, ok := places[r]; ok {
					refs = append(refs, to)
				}
			}
			e.Refs = refs
		}
		if l.Before != nil {
			l.Before(&it)
		}
		if e := it.Entry; e != nil {
			c := chains[e.Term]
			e.Seq, e.Prev = c.seq+1, c.last
		} else {
			it.Root.Covers, it.Root.Root = it.Index, subjects.Hash()
		}
		if l.After != nil {
			l.After(&it)
		}
		switch {
		case it.Bytes != nil:
		case it.Entry != nil:
			it.Bytes = it.Entry.Bytes()
		default:
			it.Bytes = it.Root.Bytes()
		}
		hash := tree.LeafHash(it.Bytes)
		if e := it.Entry; e != nil {
			chains[e.Term] = chain{e.Seq, hash}
			subjects.Set(e.Term[:], append(binary.BigEndian.AppendUint64(nil, uint64(e.Seq)), hash[:]...))
			id := store.Identity{Digest: e.Event, Index: it.Index, Restricted: e.Type == record.TypeRestricted}
			id.Fold(&head.Fold)
			head.Entries++
			head.Identities++
			head.Recorded = e.Recorded
			b.Identities = append(b.Identities, id)
			b.Postings = append(b.Postings, store.Posting{Term: e.Term, Seq: e.Seq, Index: it.Index, Leaf: hash})
		} else {
			head.IndexRoot = it.Index
		}
		b.Entries, b.Payloads = append(b.Entries, it.Bytes), append(b.Payloads, it.Payload)
		out.Entries = append(out.Entries, it.Bytes)
		b.Tiles = append(b.Tiles, edge.Append(hash)...)
		if len(b.Entries) == 100 {
			commit()
		}
	}
	commit()
	must(s.Close())
	must(m.Close())
	must(os.WriteFile(filepath.Join(out.Head, "checkpoint"), out.Note, 0o600))
	return out
}
