// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/stats"
	"github.com/lendlog/lendlog/ledger/story"
)

// Statistics counts what lies under a head, in bounded memory: entries as they
// are, and what is sealed of decisions and loans. progress, when not nil, is
// told how much of each of its walks is done.
func (l *Ledger) Statistics(ctx context.Context, head Head, progress func(done, total int64)) (*stats.Report, error) {
	c, err := l.Count(ctx, head, progress)
	if err != nil {
		return nil, err
	}
	return l.Report(c, stats.Scope{})
}

// Count reads the whole ledger as it lay under a head for its statistics.
func (l *Ledger) Count(ctx context.Context, head Head, progress func(done, total int64)) (*stats.Collector, error) {
	c := stats.New(head.Recorded)
	for lf, err := range l.Leaves(ctx, head, progress) {
		if err != nil {
			return nil, err
		}
		c.Leaf(lf.Bytes, lf.Leaf)
	}
	for s, err := range l.Stories(ctx, head, c, progress) {
		if err != nil {
			return nil, err
		}
		c.Story(s)
	}
	return c, nil
}

// Report returns what was counted within a scope, and what the ledger takes on
// disk now.
func (l *Ledger) Report(c *stats.Collector, scope stats.Scope) (*stats.Report, error) {
	store, mirror, err := l.OnDisk()
	if err != nil {
		return nil, err
	}
	r := c.Report(scope)
	r.OnDisk(store, mirror)
	return r, nil
}

// A Selection says which stories are to be read, and what of them.
type Selection interface {
	// Triggers reports whether a record of a type makes its subject one that
	// is to be read.
	Triggers(typ string) bool
	// Reads reports whether records of a type are to be in a story.
	// Corrections and voidings are in any case.
	Reads(typ string) bool
	// Member reports whether members of data of a name are to be in it.
	Member(name string) bool
}

// storyRecords and storyBytes bound what is read of a story: a subject that has
// more is read so far and marked unclear. A file has some hundreds of records,
// with some hundred bytes of what is selected each.
const (
	storyRecords = 1 << 12
	storyBytes   = 4 << 20
)

// scanPlaces bounds what a walk over the ledger remembers, at 40 bytes each.
const scanPlaces = 1 << 19

// scanStep is how many entries or postings are read from the store at a time.
const scanStep = 1024

// Stories reads the whole ledger as it lay under a head, and yields the story of
// every subject that has a record which the selection is triggered by, once, in
// the order of their terms. It walks over the entries, where types stand in the
// clear, and opens only the records that are selected of those subjects. What it
// holds does not grow with the ledger: one story, and the places of so many
// records as fit; where there are more it walks again for the rest.
//
// Restricted records are never in a story: what one is shows in none.
//
// progress, when not nil, is told how much of the walk is done.
func (l *Ledger) Stories(ctx context.Context, head Head, sel Selection, progress func(done, total int64)) iter.Seq2[*story.Story, error] {
	return l.stories(ctx, head, sel, scanPlaces, progress)
}

func (l *Ledger) stories(ctx context.Context, head Head, sel Selection, places int, progress func(done, total int64)) iter.Seq2[*story.Story, error] {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	return func(yield func(*story.Story, error) bool) {
		if err := Whole(ctx); err != nil {
			yield(nil, err)
			return
		}
		for w := (&walk{places: places}); !w.over; {
			err := l.walk(ctx, head, sel, w, progress)
			for err == nil && len(w.found) > 0 {
				var s *story.Story
				if s, err = l.next(ctx, w, sel); err == nil && s != nil && !yield(s, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// errEnough ends a range whose reader wants no more.
var errEnough = errors.New("the reader wants no more")

// Leaves reads all leaves that lie under a head, in their order, each checked
// against the tree. Nothing that is sealed is opened. The bytes of a leaf hold
// until the next.
//
// progress, when not nil, is told how much of it is done.
func (l *Ledger) Leaves(ctx context.Context, head Head, progress func(done, total int64)) iter.Seq2[Leaf, error] {
	return l.leaves(ctx, 0, head, progress)
}

// leaves is Leaves from an index on.
func (l *Ledger) leaves(ctx context.Context, from int64, head Head, progress func(done, total int64)) iter.Seq2[Leaf, error] {
	return func(yield func(Leaf, error) bool) {
		view := l.published.Load().view
		for first := from; first < head.Size; first += scanStep {
			err := ctx.Err()
			if err == nil {
				if progress != nil {
					progress(first, head.Size)
				}
				err = l.store.Entries(first, min(scanStep, head.Size-first), func(i int64, b []byte) error {
					lf, err := l.checkEntry(view, i, b)
					if err == nil && !yield(Leaf{i, b, lf.Leaf}, nil) {
						err = errEnough
					}
					return err
				})
			}
			if err != nil {
				if !errors.Is(err, errEnough) {
					yield(Leaf{}, err)
				}
				return
			}
		}
	}
}

// a place is where a selected record of a subject lies.
type place struct {
	term  [32]byte
	index int64 // negative, by ^, of a record that triggers the selection
}

func (p place) at() int64 { return max(p.index, ^p.index) }

func (p place) compare(q place) int {
	return cmp.Or(bytes.Compare(p.term[:], q.term[:]), cmp.Compare(p.at(), q.at()))
}

// a walk goes over all entries, and remembers the places of those terms that
// lie from one bound on up to another.
type walk struct {
	places int // that fit
	from   [32]byte
	to     *[32]byte // nil where all that follow fit
	found  []place   // sorted when the walk is done
	over   bool      // no further walk is needed
}

func (w *walk) add(p place) {
	if bytes.Compare(p.term[:], w.from[:]) < 0 || w.to != nil && bytes.Compare(p.term[:], w.to[:]) >= 0 {
		return
	}
	if w.found = append(w.found, p); len(w.found) < w.places {
		return
	}
	// Half the terms are left to the next walk. The lowest stays in any case.
	slices.SortFunc(w.found, place.compare)
	keep := len(w.found) / 2
	for keep < len(w.found) && w.found[keep].term == w.found[0].term {
		keep++
	}
	if keep == len(w.found) {
		w.places *= 2 // one subject alone has as many
		return
	}
	bound := w.found[keep].term
	for w.found[keep-1].term == bound {
		keep--
	}
	w.found, w.to = w.found[:keep], &bound
}

// walk finds the places of the terms that follow those of the walk before.
func (l *Ledger) walk(ctx context.Context, head Head, sel Selection, w *walk, progress func(done, total int64)) error {
	if w.to != nil {
		w.from, w.to = *w.to, nil
	}
	for lf, err := range l.Leaves(ctx, head, progress) {
		if err != nil {
			return err
		}
		if lf.Entry == nil {
			continue
		}
		switch typ := lf.Entry.Type; {
		case typ == record.TypeRestricted:
		case sel.Triggers(typ):
			w.add(place{lf.Entry.Term, ^lf.Index})
		case sel.Reads(typ) || alters(typ):
			w.add(place{lf.Entry.Term, lf.Index})
		}
	}
	slices.SortFunc(w.found, place.compare)
	w.over = w.to == nil
	return nil
}

// next reads the story of the first term that was found, nil when nothing
// triggers it.
func (l *Ledger) next(ctx context.Context, w *walk, sel Selection) (*story.Story, error) {
	n := 0
	for n < len(w.found) && w.found[n].term == w.found[0].term {
		n++
	}
	places := w.found[:n]
	w.found = w.found[n:]
	if !triggered(places) {
		return nil, nil
	}
	t := teller{l: l, sel: sel}
	if err := t.tell(ctx, places); err != nil {
		return nil, err
	}
	return t.story(), nil
}

// Story reads the story of one subject as it lay under a head. The story has no
// records when none is selected; an unknown subject is ErrNotFound.
func (l *Ledger) Story(ctx context.Context, head Head, kind, id string, sel Selection) (*story.Story, error) {
	if err := Whole(ctx); err != nil {
		return nil, err
	}
	t := teller{l: l, sel: sel, subject: kind + "/" + id}
	places, err := t.places(ctx, l.terms.Term(kind, id), head.Size)
	if err == nil && t.read == 0 {
		err = fmt.Errorf("the subject is %w", ErrNotFound)
	}
	if err == nil {
		err = t.tell(ctx, places)
	}
	if err != nil {
		return nil, err
	}
	return t.story(), nil
}

// a teller gathers the records of a story.
type teller struct {
	l       *Ledger
	sel     Selection
	subject string
	records []story.Record
	size    int // bytes of what is selected
	unclear bool
	read    int // leaves that were read to find them
}

// places finds the selected records of a subject below a tree size, in their
// order: as many as a story has, and one more where there are more.
func (t *teller) places(ctx context.Context, of [32]byte, size int64) (places []place, err error) {
	t.l.chains.RLock()
	count := t.l.state.chain(of).count
	t.l.chains.RUnlock()
	for from := int64(1); from <= count; from += scanStep {
		postings, err := t.l.store.Postings(of, from, min(scanStep, count-from+1))
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		for _, p := range postings {
			if p.Index >= size || len(places) > storyRecords {
				return places, nil
			}
			lf, err := t.l.leafAt(p.Index)
			if err == nil {
				err = placed(p, lf)
			}
			if err != nil {
				return nil, err
			}
			t.read++
			switch typ := lf.Entry.Type; {
			case typ == record.TypeRestricted:
			case t.sel.Triggers(typ):
				places = append(places, place{of, ^p.Index})
			case t.sel.Reads(typ) || alters(typ):
				places = append(places, place{of, p.Index})
			}
		}
	}
	return places, nil
}

// triggered reports whether a selection is triggered by any of some places.
func triggered(places []place) bool {
	return slices.ContainsFunc(places, func(p place) bool { return p.index < 0 })
}

// tell reads the records at some places into the story.
func (t *teller) tell(ctx context.Context, places []place) error {
	for _, p := range places {
		if more, err := t.add(ctx, p.at()); err != nil || !more {
			return err
		}
	}
	return nil
}

// add reads a record into the story. It reports whether another one may
// follow.
func (t *teller) add(ctx context.Context, index int64) (more bool, err error) {
	if t.full() {
		t.unclear = true
		return false, nil
	}
	r, err := t.l.Record(ctx, index)
	if err != nil {
		return false, err
	}
	t.take(r)
	return true, nil
}

// take adds what is selected of a record to the story.
func (t *teller) take(r *Record) {
	part, _ := r.Story()
	part.Data = selected(part, t.sel)
	t.size += len(part.Data.Bytes())
	t.records = append(t.records, part)
	for _, m := range r.Members {
		if m.Pointer == "/subject" && m.Present {
			t.subject = m.Value.Str
		}
	}
}

// full reports whether no other record may follow.
func (t *teller) full() bool { return len(t.records) >= storyRecords || t.size >= storyBytes }

func (t *teller) story() *story.Story {
	s := story.New(t.subject, t.records)
	s.Unclear = s.Unclear || t.unclear
	return s
}

// selected returns the members of a record that a selection wants; of a
// correction or voiding what it does to which record, and the rest only where
// such records are selected too.
func selected(r story.Record, sel Selection) canon.Value {
	kept := canon.Value{Kind: canon.Object}
	for _, m := range r.Data.Members {
		wanted := sel.Member(m.Name)
		if alters(r.Type) {
			wanted = wanted && sel.Reads(r.Type) || m.Name == "target" || m.Name == "targetSource" || m.Name == "members"
		}
		if wanted {
			kept.Members = append(kept.Members, m)
		}
	}
	return kept
}

// alters reports whether records of a type change what others say.
func alters(typ string) bool {
	return typ == story.Type("record.corrected") || typ == story.Type("record.voided")
}
