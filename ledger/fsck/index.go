// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"bytes"
	"context"
	"errors"

	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
)

// checkIndex makes the rows of the index again, out of the entries and of the
// heads of the payloads, and compares.
func (d *disk) checkIndex() error {
	x := &indexed{disk: d, items: make([]index.Item, 0, index.Segment)}
	full := d.head.Size / index.Segment
	switch have := d.head.Segments; {
	case have > full:
		d.fail(whole(Index, repairStore, "the head row says that the index has %d segments, and the records fill %d", have, full))
	case have < full:
		d.skip(Index, "the index has %d segments of %d: an older program wrote the store; opening the ledger makes the others", have, full)
	}
	// A run of records lies within a tile, and so within a segment.
	payloads := newCursor(d.store.PayloadBlocks(0, d.head.Size))
	defer payloads.stop()
	runs := func(yield func(pair) bool) {
		for b := range joined(d.store.EntryBlocks(0, min(full, d.head.Segments)*index.Segment)) {
			if b.Err != nil {
				continue // reported
			}
			p := pair{b.First, b.Items, make([][]byte, len(b.Items))}
			for i := range p.payloads {
				p.payloads[i], _ = payloads.at(b.First + int64(i))
			}
			if !yield(p) {
				return
			}
		}
	}
	if err := inOrder(d.ctx, d.opt.Workers, runs, x.read, x.take); err != nil {
		return err
	}
	if err := x.finish(min(full, d.head.Segments)); err != nil {
		return err
	}
	d.pass(Index, "%d segments of the index, each that of its records", x.next)
	return nil
}

// indexed is the index made again.
type indexed struct {
	*disk
	next  int64 // segment
	items []index.Item
	blind bool // some of its records are not to be had
}

// itemised is what the index has of a run of records.
type itemised struct {
	first int64
	items []index.Item
	ok    bool
}

func (x *indexed) read(_ context.Context, p pair) itemised {
	out := itemised{p.first, make([]index.Item, len(p.entries)), true}
	for i, entry := range p.entries {
		lf, err := record.ParseLeaf(entry)
		if err == nil && p.payloads[i] == nil {
			err = store.ErrDamaged
		}
		if err == nil {
			out.items[i], err = index.ItemOf(lf, p.payloads[i])
		}
		out.ok = out.ok && err == nil && !x.replay.isLost(p.first+int64(i))
	}
	return out
}

// take takes the next run.
func (x *indexed) take(run itemised) error {
	x.progress("comparing the index", run.first, x.head.Size)
	for x.next < run.first/index.Segment {
		if err := x.compare(); err != nil {
			return err
		}
	}
	x.blind = x.blind || !run.ok
	x.items = append(x.items, run.items...)
	return nil
}

func (x *indexed) finish(segments int64) error {
	for x.next < segments {
		if err := x.compare(); err != nil {
			return err
		}
	}
	return nil
}

// compare holds the rows of the segment whose records were taken against them.
func (x *indexed) compare() error {
	n := x.next
	items := x.items
	blind := x.blind || len(items) != index.Segment
	x.next, x.items, x.blind = n+1, items[:0], false
	differs := func(what string) {
		f := about(Index, n*index.Segment, repairStore, "%s: searches in these records find less than there is, or fail", what)
		f.Last = (n+1)*index.Segment - 1
		x.fail(f)
	}
	var haveNames []byte
	err := x.store.SegmentNames(n, 1, false, func(_ int64, row []byte) error {
		haveNames = bytes.Clone(row)
		return nil
	})
	var haveLists []byte
	if err == nil {
		haveLists, err = x.store.SegmentLists(n)
	}
	switch {
	case errors.Is(err, store.ErrDamaged):
		differs("a row of the index is missing or altered")
		return nil
	case err != nil:
		return err
	case blind:
		x.skip(Index, "records are missing or altered, so not all of the index can be made again")
		return nil
	}
	names, lists := index.Encode(items)
	if !bytes.Equal(names, haveNames) || !bytes.Equal(lists, haveLists) {
		differs("the rows of the index are not those of the records")
	}
	return nil
}
