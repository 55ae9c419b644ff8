// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// openIndex checks that the rows of all full segments are there, as they were
// written, and reads again what the index has of the records after them. A
// ledger of an older program has no rows yet: they are made.
func (l *Ledger) openIndex(ctx context.Context, view tree.View) error {
	full, have := view.Size/index.Segment, l.state.head.Segments
	if have > full {
		return fmt.Errorf("the head counts %d segments of the index, and the store has records for %d: %w", have, full, ErrDamaged)
	}
	err := l.store.SegmentNames(0, have, false, func(n int64, names []byte) error {
		_, err := l.store.SegmentLists(n)
		return err
	})
	if err != nil {
		return err
	}
	if have < full {
		if err := l.enoughSpace(); err != nil {
			return fmt.Errorf("the index of an older ledger can't be made: %w", err)
		}
	}
	for n := have; n < full; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.opt.Progress("indexing the records for searches", n*index.Segment, view.Size)
		items, err := l.items(view, n*index.Segment, index.Segment)
		if err != nil {
			return err
		}
		s := store.Segment{N: n}
		s.Names, s.Lists = index.Encode(items)
		l.state.head.Segments = n + 1
		err = l.do(stepStore, func() error {
			return l.store.Commit(&store.Batch{First: view.Size, Segments: []store.Segment{s}, Head: l.state.head})
		})
		if err != nil {
			return err
		}
	}
	l.state.newest, err = l.items(view, full*index.Segment, view.Size%index.Segment)
	return err
}

// items returns what the index has of a range of records. What of them is
// missing or was altered is a candidate of every search, and found out by it:
// rot must neither hide a record nor keep the ledger from opening.
func (l *Ledger) items(view tree.View, first, count int64) ([]index.Item, error) {
	leaves := make([]record.Leaf, count)
	known := make([]bool, count)
	for b := range l.store.EntryBlocks(first, first+count) {
		for i, bytes := range within(b, first, count) {
			lf, err := l.checkEntry(view, i, bytes)
			if err != nil && !errors.Is(err, ErrDamaged) {
				return nil, err
			}
			leaves[i-first], known[i-first] = lf.Leaf, err == nil
		}
	}
	items := make([]index.Item, count, index.Segment)
	for i := range items {
		items[i] = index.Unknown()
	}
	for b := range l.store.PayloadBlocks(first, first+count) {
		for i, payload := range within(b, first, count) {
			if !known[i-first] {
				continue
			}
			lf := leaves[i-first]
			var identity [32]byte
			if lf.Entry != nil {
				identity = lf.Entry.Event
			}
			if err := l.checkPayload(i, identity, payload); errors.Is(err, ErrDamaged) {
				continue
			} else if err != nil {
				return nil, err
			}
			it, err := index.ItemOf(lf, payload)
			if err != nil {
				return nil, err
			}
			items[i-first] = it
		}
	}
	return items, nil
}

// within yields the items of a block that lie in a range, by their indexes.
func within(b store.Block, first, count int64) iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		for i, item := range b.Items {
			if at := b.First + int64(i); at >= first && at < first+count && !yield(at, item) {
				return
			}
		}
	}
}
