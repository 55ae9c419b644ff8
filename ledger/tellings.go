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

// A wish is what a reading wants of records of a type.
type wish struct {
	wants    bool // them in its stories
	triggers bool // a story
}

func wishOf(sel Selection, typ string) wish {
	if typ == record.TypeRestricted {
		return wish{}
	}
	triggers := sel.Triggers(typ)
	return wish{triggers || sel.Reads(typ) || alters(typ), triggers}
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
func (t *teller) find(index int64, w wish) bool {
	if index >= t.size {
		return false
	}
	t.triggered = t.triggered || w.triggers
	if t.wanted > storyRecords || !w.wants {
		return false
	}
	t.wanted++
	return true
}

// tells reports whether there is a story.
func (t *teller) tells() bool { return t.triggered || t.always }

// takes reports whether a record that was found goes into the story.
func (t *teller) takes(index int64, w wish) bool {
	if !t.tells() || t.unclear || index >= t.size || !w.wants {
		return false
	}
	t.unclear = len(t.records) >= storyRecords || t.bytes >= storyBytes
	return !t.unclear
}

// take adds what is selected of a record to the story. It uses the scratch, and
// returns it.
func (t *teller) take(part story.Record, subject string, scratch []byte) []byte {
	part.Data = selected(part, t.sel)
	scratch = part.Data.Append(scratch[:0])
	t.bytes += len(scratch)
	t.records = append(t.records, part)
	if subject != "" {
		t.subject = subject
	}
	return scratch
}

func (t *teller) story() *story.Story {
	s := story.New(t.subject, t.records)
	s.Unclear = s.Unclear || t.unclear
	return s
}

// tellingsRoom is how many records are read at a time, at some five kilobytes each:
// the more, the more of those that lie in one block are read with it.
const tellingsRoom = 1 << 13

// tellings reads subjects, and yields of each what the readings want of it, in the
// order of the terms. It reads types from entries, where they stand in the clear, and
// opens only what is wanted of stories that are told. A subject's records lie all over
// the ledger, so those of many subjects are read at a time, in the order in which they
// lie; what is held does not grow with the ledger. The pace may be nil.
func (l *Ledger) tellings(ctx context.Context, terms iter.Seq2[[32]byte, error], readings []reading, room int, pace *Pace) iter.Seq2[*telling, error] {
	return func(yield func(*telling, error) bool) {
		g := gathering{blockReader: l.blockReader(), pace: pace, readings: readings, room: room, wishes: map[string][]wish{}}
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
	pace     *Pace
	wishes   map[string][]wish // by type, of each reading

	tellings []*telling
	places   []place // whose leaves are to be read
	spots    []spot  // what may be opened
	found    int     // places in all
	scratch  []byte
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

func (g *gathering) wish(typ string) []wish {
	w, ok := g.wishes[typ]
	if !ok {
		for _, r := range g.readings {
			w = append(w, wishOf(r.sel, typ))
		}
		g.wishes[typ] = w
	}
	return w
}

// add finds the records of a subject.
func (g *gathering) add(ctx context.Context, of [32]byte) error {
	t := &telling{tellers: make([]teller, len(g.readings))}
	for i, r := range g.readings {
		t.tellers[i].reading = r
	}
	g.tellings = append(g.tellings, t)
	for p, err := range g.l.postings(ctx, of, g.size) {
		if err != nil {
			return err
		}
		g.places = append(g.places, place{p, t})
		if g.found++; len(g.places) < g.room {
			continue
		}
		if err := g.find(ctx); err != nil {
			return err
		}
	}
	return nil
}

// postings yields where the records of a subject lie below a tree size, in their order.
func (l *Ledger) postings(ctx context.Context, of [32]byte, size int64) iter.Seq2[store.Posting, error] {
	return func(yield func(store.Posting, error) bool) {
		l.chains.RLock()
		count := l.state.chain(of).count
		l.chains.RUnlock()
		for from := int64(1); from <= count; from += scanStep {
			some, err := l.store.Postings(of, from, min(scanStep, count-from+1))
			if err := errors.Join(err, ctx.Err()); err != nil {
				yield(store.Posting{}, err)
				return
			}
			for _, p := range some {
				if p.Index >= size || !yield(p, nil) {
					return
				}
			}
		}
	}
}

// find reads the leaves at the places.
func (g *gathering) find(ctx context.Context) error {
	slices.SortFunc(g.places, func(a, b place) int { return cmp.Compare(a.Index, b.Index) })
	for _, p := range g.places {
		g.pace.Breathe(ctx)
		lf, err := g.placed(p.Posting)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		p.of.read++
		wanted := false
		for i, w := range g.wish(lf.Entry.Type) {
			wanted = p.of.tellers[i].find(p.Index, w) || wanted
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
		g.pace.Breathe(ctx)
		var part story.Record
		subject, opened := "", false
		for i, w := range g.wish(s.leaf.Entry.Type) {
			t := &s.of.tellers[i]
			if !t.takes(s.index, w) {
				continue
			}
			if !opened {
				r, err := g.record(ctx, s.index, s.leaf)
				if err != nil {
					return err
				}
				part, _ = r.Story()
				subject, opened = r.value("/subject").Str, true
			}
			g.scratch = t.take(part, subject, g.scratch)
		}
	}
	return ctx.Err()
}
