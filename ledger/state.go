// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"fmt"

	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// state is what is published, and what the next record depends on where no batch is
// on its way. Everything in it can be derived from the entries: an extension is the
// derivation, and sequencing, repairing and opening all go through it.
type state struct {
	edge     tree.Edge
	subjects mpt.Tree // the map: term → be64(count) ‖ leaf hash of the last record
	taken    identities
	head     store.Head

	// newest is what the index has of the records after the last full segment.
	// What is in it does not change, so who has looked at it under the lock may
	// go on reading.
	newest []index.Item
}

// chain is where a subject's records stand.
type chain struct {
	count int64
	last  tree.Hash
}

func (c chain) value() []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 40), uint64(c.count)), c.last[:]...)
}

func (s *state) chain(term [32]byte) chain {
	v, ok := s.subjects.Get(term[:])
	if !ok {
		return chain{}
	}
	c := chain{count: int64(binary.BigEndian.Uint64(v))}
	copy(c.last[:], v[8:])
	return c
}

// a leaf is an entry or an index-root with its bytes.
type leaf struct {
	record.Leaf
	bytes []byte
}

// An extension is a batch that follows a state, or another extension that is on its
// way into it, and what holds after it. It changes nothing until it is adopted.
type extension struct {
	state  *state
	before *extension // on its way into the state; nil where nothing is
	batch  *store.Batch
	edge   tree.Edge // of what lies before the batch, until it is closed
	root   tree.Hash // of edge, once it is closed
	hashes []tree.Hash
	chains map[[32]byte]chain
	taken  map[[32]byte]store.Identity
	newest []index.Item
}

// follow returns an extension with room for so many leaves and none yet. With before,
// nothing of the state is read but its chains and identities, which before has where
// it is going to change them: so before may be adopted meanwhile.
func (s *state) follow(before *extension, room int) *extension {
	x := &extension{
		state: s, before: before, batch: &store.Batch{
			Entries: make([][]byte, 0, room), Payloads: make([][]byte, 0, room),
			Postings: make([]store.Posting, 0, room), Identities: make([]store.Identity, 0, room),
		},
		hashes: make([]tree.Hash, 0, room),
		chains: make(map[[32]byte]chain, room), taken: make(map[[32]byte]store.Identity, room),
	}
	if before != nil {
		x.edge, x.newest, x.batch.Head = before.edge, before.newest, before.batch.Head
	} else {
		x.edge, x.newest, x.batch.Head = s.edge, s.newest, s.head
	}
	x.batch.First = x.edge.Size
	return x
}

// size is that of the ledger with the leaves that were added.
func (x *extension) size() int64 { return x.batch.First + int64(len(x.batch.Entries)) }

// identity returns the record of an identity that is not in the state yet.
func (x *extension) identity(digest [32]byte) (store.Identity, bool) {
	for y := x; y != nil; y = y.before {
		if id, ok := y.taken[digest]; ok {
			return id, true
		}
	}
	return store.Identity{}, false
}

func (x *extension) chain(term [32]byte) chain {
	for y := x; y != nil; y = y.before {
		if c, ok := y.chains[term]; ok {
			return c
		}
	}
	return x.state.chain(term)
}

// add appends a leaf with its payload. c is the chain of its subject. A leaf that
// does not continue what lies before it is refused, and changes nothing: a wrong seq
// or prev, a clock that goes back, an index-root that does not cover what lies before
// it.
func (x *extension) add(lf leaf, payload []byte, c chain) error {
	b, at := x.batch, x.size()
	item, err := index.ItemOf(lf.Leaf, payload)
	if err != nil {
		return fmt.Errorf("the payload of record %d: %w", at, err)
	}
	e := lf.Entry
	switch r := lf.IndexRoot; {
	case r != nil && (x.before != nil || len(x.chains) > 0 || r.Covers != at || r.Root != x.state.subjects.Hash()):
		return fmt.Errorf("the index-root at %d does not commit to the map before it", at)
	case r != nil:
		b.Head.IndexRoot = at
	case e.Seq != c.count+1 || e.Seq > 1 && e.Prev != c.last:
		return fmt.Errorf("record %d does not continue its subject's chain: seq %d after %d", at, e.Seq, c.count)
	case e.Recorded.Before(b.Head.Recorded):
		return fmt.Errorf("record %d is recorded before the one before it", at)
	}
	hash := tree.LeafHash(lf.bytes)
	x.hashes = append(x.hashes, hash)
	b.Entries, b.Payloads = append(b.Entries, lf.bytes), append(b.Payloads, payload)
	x.index(at, item)
	if e == nil {
		return nil
	}
	x.chains[e.Term] = chain{e.Seq, hash}
	b.Head.Recorded = e.Recorded
	b.Head.Entries++
	b.Head.Identities++
	b.Postings = append(b.Postings, store.Posting{Term: e.Term, Seq: e.Seq, Index: at, Leaf: hash})
	id := store.Identity{Digest: e.Event, Index: at, Restricted: e.Type == record.TypeRestricted}
	id.Fold(&b.Head.Fold)
	x.taken[id.Digest] = id
	b.Identities = append(b.Identities, id)
	return nil
}

// index adds a record to the index, and writes the segment that it fills.
func (x *extension) index(at int64, item index.Item) {
	if x.newest = append(x.newest, item); len(x.newest) == index.Segment {
		n := at / index.Segment
		names, lists := index.Encode(x.newest)
		x.batch.Segments = append(x.batch.Segments, store.Segment{N: n, Names: names, Lists: lists})
		x.batch.Head.Segments = n + 1
		x.newest = make([]index.Item, 0, index.Segment)
	}
}

// close derives what follows from all leaves together: nothing is added after that.
func (x *extension) close() (err error) {
	x.batch.Tiles = x.edge.AppendAll(x.hashes)
	x.batch.Head.Size = x.edge.Size
	x.root, err = tree.View{Edge: x.edge}.RootAt(x.edge.Size)
	return err
}

// extend returns the extension by some leaves with their payloads, closed.
func (s *state) extend(leaves []leaf, payloads [][]byte) (*extension, error) {
	x := s.follow(nil, len(leaves))
	for i, lf := range leaves {
		var c chain
		if lf.Entry != nil {
			c = x.chain(lf.Entry.Term)
		}
		if err := x.add(lf, payloads[i], c); err != nil {
			return nil, err
		}
	}
	return x, x.close()
}

// adopt makes the extension the state.
func (s *state) adopt(x *extension) {
	for term, c := range x.chains {
		s.subjects.Set(term[:], c.value())
	}
	for _, id := range x.batch.Identities {
		s.taken.keep(id)
	}
	s.edge = x.edge
	s.newest = x.newest
	s.head = x.batch.Head
}
