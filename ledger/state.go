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

// state is what the next record depends on. It belongs to the sequencer.
// Everything in it can be derived from the entries: extend is the derivation,
// and sequencing, repairing and auditing all go through it.
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

// An extension is a batch that follows a state, and the state after it. It
// changes nothing until it is adopted.
type extension struct {
	batch  *store.Batch
	edge   tree.Edge
	chains map[[32]byte]chain
	newest []index.Item
}

// extend derives all that follows from appending leaves with their payloads. It
// refuses leaves that do not continue the state: a wrong seq or prev, a clock
// that goes back, an index-root that does not cover what lies before it.
func (s *state) extend(leaves []leaf, payloads [][]byte) (*extension, error) {
	x := &extension{
		batch:  &store.Batch{First: s.edge.Size, Head: s.head, Payloads: payloads},
		edge:   s.edge,
		chains: make(map[[32]byte]chain, len(leaves)),
		newest: s.newest,
	}
	b := x.batch
	hashes := make([]tree.Hash, len(leaves))
	for i, lf := range leaves {
		at := b.First + int64(i)
		hashes[i] = tree.LeafHash(lf.bytes)
		b.Entries = append(b.Entries, lf.bytes)
		if err := x.index(at, lf, payloads[i]); err != nil {
			return nil, err
		}
		if r := lf.IndexRoot; r != nil {
			if len(x.chains) > 0 || r.Covers != at || r.Root != s.subjects.Hash() {
				return nil, fmt.Errorf("the index-root at %d does not commit to the map before it", at)
			}
			b.Head.IndexRoot = at
			continue
		}
		e := lf.Entry
		c, ok := x.chains[e.Term]
		if !ok {
			c = s.chain(e.Term)
		}
		switch {
		case e.Seq != c.count+1 || e.Seq > 1 && e.Prev != c.last:
			return nil, fmt.Errorf("record %d does not continue its subject's chain: seq %d after %d", at, e.Seq, c.count)
		case e.Recorded.Before(b.Head.Recorded):
			return nil, fmt.Errorf("record %d is recorded before the one before it", at)
		}
		x.chains[e.Term] = chain{e.Seq, hashes[i]}
		b.Head.Recorded = e.Recorded
		b.Head.Entries++
		b.Head.Identities++
		b.Postings = append(b.Postings, store.Posting{Term: e.Term, Seq: e.Seq, Index: at, Leaf: hashes[i]})
		id := store.Identity{Digest: e.Event, Index: at, Restricted: e.Type == record.TypeRestricted}
		id.Fold(&b.Head.Fold)
		b.Identities = append(b.Identities, id)
	}
	b.Tiles = x.edge.AppendAll(hashes)
	b.Head.Size = x.edge.Size
	return x, nil
}

// index adds a record to the index, and writes the segment that it fills.
func (x *extension) index(at int64, lf leaf, payload []byte) error {
	it, err := index.ItemOf(lf.Leaf, payload)
	if err != nil {
		return fmt.Errorf("the payload of record %d: %w", at, err)
	}
	if x.newest = append(x.newest, it); len(x.newest) == index.Segment {
		n := at / index.Segment
		names, lists := index.Encode(x.newest)
		x.batch.Segments = append(x.batch.Segments, store.Segment{N: n, Names: names, Lists: lists})
		x.batch.Head.Segments = n + 1
		x.newest = make([]index.Item, 0, index.Segment)
	}
	return nil
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
