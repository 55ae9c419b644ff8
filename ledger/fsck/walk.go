// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"iter"
	"sync"

	"github.com/lendlog/lendlog/ledger/index"
)

// A run is entries that follow each other, and their payloads; nil for one that
// is missing.
type run struct {
	first             int64
	entries, payloads [][]byte
}

// runs yields the entries in blocks that begin below end, with their payloads.
func (d *disk) runs(end int64) iter.Seq[run] {
	return func(yield func(run) bool) {
		payloads := newCursor(d.store.PayloadBlocks(0, d.head.Size))
		defer payloads.stop()
		for b := range joined(d.store.EntryBlocks(0, end)) {
			if b.Err != nil {
				continue // reported
			}
			r := run{b.First, b.Items, make([][]byte, len(b.Items))}
			for i := range r.payloads {
				r.payloads[i], _ = payloads.at(b.First + int64(i))
			}
			if !yield(r) {
				return
			}
		}
	}
}

// walked is what was made of a run.
type walked struct {
	first int64
	found []Finding
	items []index.Item
	ok    bool // all of its items are those of its records
}

// deep makes the checks that need entries and payloads together. It goes through
// both once: it opens every payload and holds it against its entry, and makes the
// rows of the index again.
func (d *disk) deep() error {
	x := d.newIndexed()
	o, end := d.newOpener(), x.end
	if o != nil {
		end = d.head.Size
	}
	rooms := sync.Pool{New: func() any { return new(workspace) }}
	walk := func(_ context.Context, r run) walked {
		room := rooms.Get().(*workspace)
		defer rooms.Put(room)
		return d.walk(r, o, x, room)
	}
	err := inOrder(d.ctx, d.opt.Workers, d.runs(end), walk, func(w walked) error {
		for _, f := range w.found {
			d.fail(f)
		}
		d.progress("opening the payloads", w.first, d.head.Size)
		return x.take(w)
	})
	if err != nil {
		return err
	}
	if o != nil {
		o.summary()
	}
	return x.finish()
}

// walk looks at every record of a run. o is nil where nothing can be opened.
func (d *disk) walk(r run, o *opener, x *indexed, room *workspace) walked {
	out := walked{first: r.first, ok: true}
	indexing := r.first < x.end
	if indexing {
		out.items = make([]index.Item, len(r.entries))
	}
	for i, entry := range r.entries {
		room.reset()
		at, payload := r.first+int64(i), r.payloads[i]
		leaf, err := room.record.ParseLeaf(entry)
		lost := at >= d.head.Size || d.replay.isLost(at)
		if indexing {
			out.ok = out.ok && !lost && err == nil && payload != nil
			if out.ok {
				out.items[i], err = index.ItemOf(leaf, payload)
				out.ok = err == nil
			}
		}
		if o != nil && !lost {
			if f := o.record(at, leaf, payload, room); f != nil {
				out.found = append(out.found, *f)
			}
		}
	}
	return out
}
