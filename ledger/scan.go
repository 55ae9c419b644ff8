// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/lendlog/lendlog/ledger/canon"
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

// scanStep is how many entries or postings are read from the store at a time.
const scanStep = 1024

// Stories reads the whole ledger as it lay under a head, and yields the story of
// every subject that has a record which the selection is triggered by, once, in
// the order of their terms. What it holds does not grow with the ledger.
//
// Restricted records are never in a story: what one is shows in none.
//
// progress, when not nil, is told how much of it is done.
func (l *Ledger) Stories(ctx context.Context, head Head, sel Selection, progress func(done, total int64)) iter.Seq2[*story.Story, error] {
	return l.stories(ctx, head, sel, tellingsRoom, progress)
}

func (l *Ledger) stories(ctx context.Context, head Head, sel Selection, room int, progress func(done, total int64)) iter.Seq2[*story.Story, error] {
	return func(yield func(*story.Story, error) bool) {
		if err := Whole(ctx); err != nil {
			yield(nil, err)
			return
		}
		read := int64(0)
		for of, err := range l.tellings(ctx, l.subjects(ctx), []reading{{sel: sel, size: head.Size}}, room, nil) {
			if err != nil {
				yield(nil, err)
				return
			}
			if read += of.read; progress != nil {
				progress(read, head.Size)
			}
			if t := &of.tellers[0]; t.tells() && !yield(t.story(), nil) {
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

// Story reads the story of one subject as it lay under a head. The story has no
// records when none is selected; an unknown subject is ErrNotFound.
func (l *Ledger) Story(ctx context.Context, head Head, kind, id string, sel Selection) (*story.Story, error) {
	if err := Whole(ctx); err != nil {
		return nil, err
	}
	of, err := l.tell(ctx, l.terms.Term(kind, id), reading{sel: sel, size: head.Size, always: true})
	if err == nil && of.read == 0 {
		err = fmt.Errorf("the subject is %w", ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	of.tellers[0].subject = kind + "/" + id
	return of.tellers[0].story(), nil
}

// tell reads one subject.
func (l *Ledger) tell(ctx context.Context, of [32]byte, want reading) (told *telling, err error) {
	for told, err = range l.tellings(ctx, these(slices.Values([][32]byte{of})), []reading{want}, tellingsRoom, nil) {
		break
	}
	return told, err
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
	return story.Is(typ, "record.corrected") || story.Is(typ, "record.voided")
}
