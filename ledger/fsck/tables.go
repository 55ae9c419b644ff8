// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A table is one kind of rows that the store keeps for entries.
type table struct {
	check string
	rows  *rows // that the entries call for
	scan  func(yield func(index int64, key, value []byte) error) error
	want  func(index int64, l *readLeaf) (int64, []byte, []byte)
	// Texts of a record's row that is missing, or other than it should be,
	// and of one that no record calls for.
	lacks, extra string

	stored  *rows // that the store has
	n       int64
	damaged bool // one of those can't be read
}

const lacksPosting = "the row that places it in the chain of its subject is missing or wrong"

func (d *disk) tables() (postings, identities *table) {
	postings = &table{
		check: Postings, rows: newRows(d.head.Size), scan: d.scanPostings,
		want: func(i int64, l *readLeaf) (int64, []byte, []byte) {
			e := l.leaf.Entry
			return postingRow(new(scratch), store.Posting{Term: e.Term, Seq: e.Seq, Index: i, Leaf: l.hash})
		},
		lacks: lacksPosting,
		extra: "a row places this record in a chain in which it is not",
	}
	identities = &table{
		check: Identities, rows: newRows(d.head.Size),
		scan: func(yield func(int64, []byte, []byte) error) error {
			var row scratch
			return d.store.ScanIdentities(func(id store.Identity) error { return yield(identityRow(&row, id)) })
		},
		want: func(i int64, l *readLeaf) (int64, []byte, []byte) {
			return identityRow(new(scratch), identityOf(i, l.leaf.Entry))
		},
		lacks: "the row of its event identity is missing or names another record: the same event could be accepted again, or two records share one identity",
		extra: "a row says that this record has an event identity that it does not have",
	}
	return postings, identities
}

// read sums up the rows of the store. Its error is no finding.
func (t *table) read(ctx context.Context) error {
	t.stored = t.rows.twin()
	err := t.scan(func(index int64, key, value []byte) error {
		t.n++
		t.stored.add(index, key, value)
		return ctx.Err()
	})
	if t.damaged = errors.Is(err, store.ErrDamaged); t.damaged {
		return nil
	}
	return err
}

// checkRows holds the rows of the store against those that the entries call
// for.
func (d *disk) checkRows() error {
	for _, t := range [...]*table{d.postings, d.identities} {
		if t.damaged {
			d.fail(whole(t.check, repairStore, "a row can't be read"))
			continue
		}
		t.rows.merge(t.stored)
		if err := d.locate(t); err != nil {
			return err
		}
		d.pass(t.check, "%d rows, each that of its record", t.n)
	}
	return nil
}

// maxLocated bounds the runs of rows that are looked at closely: they are held
// in memory.
const maxLocated = 64

// locate finds the rows that differ in the runs whose sums do.
func (d *disk) locate(t *table) error {
	runs := slices.DeleteFunc(t.rows.differ(), func(run int64) bool {
		first := run * t.rows.width
		return first < d.head.Size && d.replay.allLost(first, min(first+t.rows.width, d.head.Size))
	})
	if len(d.replay.lost) > 0 {
		d.skip(t.check, "the rows of records that are missing or altered can't be checked")
	}
	if len(runs) == 0 {
		return nil
	}
	looked := map[int64]bool{}
	for _, run := range runs[:min(len(runs), maxLocated)] {
		looked[run] = true
	}
	have := map[string]string{}
	records := map[string]int64{}
	err := t.scan(func(index int64, key, value []byte) error {
		if looked[t.rows.run(index)] && !d.replay.isLost(index) {
			have[string(key)] = string(value)
			records[string(key)] = index
		}
		return d.ctx.Err()
	})
	if err != nil {
		return err
	}
	found := false
	for _, run := range runs[:len(looked)] {
		first := run * t.rows.width
		err := d.eachLeaf(first, min(first+t.rows.width, d.head.Size), func(i int64, l *readLeaf) {
			if l.leaf.Entry == nil || d.replay.isLost(i) {
				return
			}
			_, key, value := t.want(i, l)
			if got, ok := have[string(key)]; !ok || got != string(value) {
				found = true
				d.fail(about(t.check, i, repairStore, "%s", t.lacks))
			}
			delete(have, string(key))
		})
		if err != nil {
			return err
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(have), func(a, b string) int { return cmp.Compare(records[a], records[b]) }) {
		found = true
		f := about(t.check, records[key], repairStore, "%s", t.extra)
		if records[key] < 0 || records[key] >= d.head.Size {
			f = whole(t.check, repairStore, "a row names record %d, which the ledger does not have", records[key])
		}
		d.fail(f)
	}
	switch {
	case len(runs) > maxLocated:
		d.fail(whole(t.check, repairStore, "rows differ in %d places; the first %d were looked at", len(runs), maxLocated))
	case !found && len(d.replay.lost) == 0:
		d.fail(whole(t.check, repairStore, "the rows are not those of the records"))
	}
	return nil
}

// eachLeaf reads the entries from first up to end that are there.
func (d *disk) eachLeaf(first, end int64, yield func(int64, *readLeaf)) error {
	for b := range d.store.EntryBlocks(first, end) {
		for i, item := range b.Items {
			index := b.First + int64(i)
			if index < first || index >= end {
				continue
			}
			l := readLeaf{hash: tree.LeafHash(item)}
			if l.leaf, l.err = record.ParseLeaf(item); l.err == nil {
				yield(index, &l)
			}
		}
		if err := d.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
