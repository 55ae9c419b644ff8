// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/lendlog/lendlog/ledger/index"
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

// items returns what the index has of a range of records. What of them was
// altered since is a candidate of every search, and found out by it: rot must
// neither hide a record nor keep the ledger from opening.
func (l *Ledger) items(view tree.View, first, count int64) ([]index.Item, error) {
	items := make([]index.Item, 0, index.Segment)
	leaves := make([]*leaf, 0, count)
	err := l.store.Entries(first, count, func(i int64, b []byte) error {
		lf, err := l.checkEntry(view, i, b)
		if errors.Is(err, ErrDamaged) {
			leaves = append(leaves, nil)
			return nil
		}
		leaves = append(leaves, &lf)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = l.store.Payloads(first, count, func(i int64, payload []byte) error {
		it := index.Unknown()
		if lf := leaves[i-first]; lf != nil {
			var identity [32]byte
			if lf.Entry != nil {
				identity = lf.Entry.Event
			}
			err := l.checkPayload(i, identity, payload)
			if err == nil {
				it, err = index.ItemOf(lf.Leaf, payload)
			}
			if err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
		}
		items = append(items, it)
		return nil
	})
	return items, err
}
