// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"bytes"
	"errors"

	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/store"
)

// indexed is the index made again, out of the entries and of the heads of the
// payloads, and compared.
type indexed struct {
	*disk
	end   int64 // of the records whose segments are compared
	next  int64 // segment
	items []index.Item
	blind bool // some of its records are not to be had
}

func (d *disk) newIndexed() *indexed {
	full := d.head.Size / index.Segment
	switch have := d.head.Segments; {
	case have > full:
		d.fail(whole(Index, repairStore, "the head row says that the index has %d segments, and the records fill %d", have, full))
	case have < full:
		d.skip(Index, "the index has %d segments of %d: an older program wrote the store; opening the ledger makes the others", have, full)
	}
	return &indexed{disk: d, end: min(full, d.head.Segments) * index.Segment, items: make([]index.Item, 0, index.Segment)}
}

// take takes the next run. It lies within a tile, and so within a segment.
func (x *indexed) take(w walked) error {
	if w.first >= x.end {
		return nil
	}
	if err := x.upTo(w.first / index.Segment); err != nil {
		return err
	}
	x.blind = x.blind || !w.ok
	x.items = append(x.items, w.items...)
	return nil
}

func (x *indexed) finish() error {
	if err := x.upTo(x.end / index.Segment); err != nil {
		return err
	}
	x.pass(Index, "%d segments of the index, each that of its records", x.next)
	return nil
}

// upTo compares the segments before one.
func (x *indexed) upTo(segment int64) error {
	for x.next < segment {
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
