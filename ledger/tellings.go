// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/story"
)

// A reading is what is wanted of the stories of subjects.
type reading struct {
	sel    Selection
	size   int64 // of the tree below which records are read
	always bool  // also of a subject that nothing triggers
}

// wants reports whether records of a type are in the stories of a selection.
func wants(sel Selection, typ string) bool {
	return sel.Triggers(typ) || sel.Reads(typ) || alters(typ)
}

// A telling is what was read of one subject.
type telling struct {
	read    int64 // leaves
	tellers []teller
}

// a teller gathers the records of a story.
type teller struct {
	reading
	triggered bool
	wanted    int // records that were found: no more than a story has, and one more
	subject   string
	records   []story.Record
	bytes     int // of what is selected
	unclear   bool
}

// find tells a teller of a record. It reports whether the record is to be opened, if
// the story is.
func (t *teller) find(index int64, typ string) bool {
	if index >= t.size || typ == record.TypeRestricted {
		return false
	}
	t.triggered = t.triggered || t.sel.Triggers(typ)
	if t.wanted > storyRecords || !wants(t.sel, typ) {
		return false
	}
	t.wanted++
	return true
}

// tells reports whether there is a story.
func (t *teller) tells() bool { return t.triggered || t.always }

// takes reports whether a record that was found goes into the story.
func (t *teller) takes(index int64, typ string) bool {
	if !t.tells() || t.unclear || index >= t.size || !wants(t.sel, typ) {
		return false
	}
	t.unclear = len(t.records) >= storyRecords || t.bytes >= storyBytes
	return !t.unclear
}

// take adds what is selected of a record to the story.
func (t *teller) take(r *Record) {
	part, _ := r.Story()
	part.Data = selected(part, t.sel)
	t.bytes += len(part.Data.Bytes())
	t.records = append(t.records, part)
	for _, m := range r.Members {
		if m.Pointer == "/subject" && m.Present {
			t.subject = m.Value.Str
		}
	}
}

func (t *teller) story() *story.Story {
	s := story.New(t.subject, t.records)
	s.Unclear = s.Unclear || t.unclear
	return s
}

// tellingsRoom is how many records are read at a time, at some two kilobytes each:
// the more, the more of those that lie in one block are read with it.
const tellingsRoom = 1 << 15

// tellings reads subjects, and yields of each what the readings want of it, in the
// order of the terms. It reads types from entries, where they stand in the clear, and
// opens only what is wanted of stories that are told. A subject's records lie all over
// the ledger, so those of many subjects are read at a time, in the order in which they
// lie; what is held does not grow with the ledger.
func (l *Ledger) tellings(ctx context.Context, terms iter.Seq2[[32]byte, error], readings []reading, room int) iter.Seq2[*telling, error] {
	return func(yield func(*telling, error) bool) {
		g := gathering{blockReader: l.blockReader(), readings: readings, room: room}
		for _, r := range readings {
			g.size = max(g.size, r.size)
		}
		tell := func() bool {
			if err := g.tell(ctx); err != nil {
				yield(nil, err)
				return false
			}
			for _, t := range g.tellings {
				if !yield(t, nil) {
					return false
				}
			}
			g.tellings, g.spots, g.found = nil, nil, 0
			return true
		}
		for of, err := range terms {
			if err == nil {
				err = g.add(ctx, of)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if g.found >= room && !tell() {
				return
			}
		}
		tell()
	}
}

// a gathering is what is read at a time.
type gathering struct {
	blockReader
	readings []reading
	size     int64 // below which there is something to read
	room     int

	tellings []*telling
	places   []place // whose leaves are to be read
	spots    []spot  // what may be opened
	found    int     // places in all
}

// a place is where the leaf of a subject has to lie.
type place struct {
	store.Posting
	of *telling
}

// a spot is a leaf that somebody wants.
type spot struct {
	index int64
	leaf  leaf
	of    *telling
}

// add finds the records of a subject.
func (g *gathering) add(ctx context.Context, of [32]byte) error {
	t := &telling{tellers: make([]teller, len(g.readings))}
	for i, r := range g.readings {
		t.tellers[i].reading = r
	}
	g.tellings = append(g.tellings, t)
	g.l.chains.RLock()
	count := g.l.state.chain(of).count
	g.l.chains.RUnlock()
	for from := int64(1); from <= count; from += scanStep {
		postings, err := g.l.store.Postings(of, from, min(scanStep, count-from+1))
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		for _, p := range postings {
			if p.Index >= g.size {
				return nil
			}
			g.places = append(g.places, place{p, t})
		}
		g.found += len(postings)
		if len(g.places) >= g.room {
			if err := g.find(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// find reads the leaves at the places.
func (g *gathering) find(ctx context.Context) error {
	slices.SortFunc(g.places, func(a, b place) int { return cmp.Compare(a.Index, b.Index) })
	for _, p := range g.places {
		lf, err := g.placed(p.Posting)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		p.of.read++
		wanted := false
		for i := range p.of.tellers {
			wanted = p.of.tellers[i].find(p.Index, lf.Entry.Type) || wanted
		}
		if wanted {
			g.spots = append(g.spots, spot{p.Index, lf, p.of})
		}
	}
	g.places = g.places[:0]
	return nil
}

// tell opens what is wanted.
func (g *gathering) tell(ctx context.Context) error {
	if err := g.find(ctx); err != nil {
		return err
	}
	slices.SortFunc(g.spots, func(a, b spot) int { return cmp.Compare(a.index, b.index) })
	for _, s := range g.spots {
		var r *Record
		for i := range s.of.tellers {
			t := &s.of.tellers[i]
			if !t.takes(s.index, s.leaf.Entry.Type) {
				continue
			}
			if r == nil {
				var err error
				if r, err = g.record(ctx, s.index, s.leaf); err != nil {
					return err
				}
			}
			t.take(r)
		}
	}
	return ctx.Err()
}
