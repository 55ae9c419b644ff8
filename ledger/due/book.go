// SPDX-License-Identifier: Apache-2.0

package due

import (
	"time"
)

// A Debt is what one record gave rise to, whatever the time as of which it is
// judged.
type Debt struct {
	of      *Obligation
	subject string
	trigger int64
	since   time.Time
	from    Day
	due     Day
	zone    *time.Location
	unsure  bool

	done    bool // the first record that discharges it
	doneAt  time.Time
	doneDay Day
	doneBy  int64

	doubted bool // the first that may, and can't be read well enough to tell
	doubtAt time.Time
}

// At judges the debt as of a time; false before it began.
func (d *Debt) At(asOf time.Time) (Item, bool) { return d.at(asOf, DayOf(asOf, d.zone)) }

func (d *Debt) at(asOf time.Time, today Day) (Item, bool) {
	if d.since.After(asOf) {
		return Item{}, false
	}
	item := Item{
		Obligation: d.of.ID, Title: d.of.Title, Subject: d.subject, Trigger: d.trigger,
		From: d.from, Due: d.due, Unsure: d.unsure,
	}
	if d.done && !d.doneAt.After(asOf) {
		by := d.doneBy
		item.State, item.Done, item.DoneBy = Met, d.doneDay, &by
		if d.doneDay > d.due {
			item.State = MetLate
		}
		return item, true
	}
	item.Unsure = item.Unsure || d.doubted && !d.doubtAt.After(asOf)
	item.State, item.Left = Open, today.Until(d.due)
	if today > d.due {
		item.State = Breached
	}
	return item, true
}

// A Book holds all debts of a ledger, in the days of one zone, so that what is owed
// as of any time is told without reading the ledger. It grows with what ever was
// owed: some 300 bytes each.
type Book struct {
	debts    map[int64][]*Debt // by the trigger
	days     map[Day]Day       // each of them once in memory
	subjects int64
}

// NewBook returns a book without debts.
func NewBook() *Book { return &Book{debts: map[int64][]*Debt{}, days: map[Day]Day{}} }

// Add adds the debts of a story that can give rise to any, and Remove takes them
// away again.
func (b *Book) Add(debts []*Debt) {
	b.subjects++
	for _, d := range debts {
		d.from, d.due, d.doneDay = b.day(d.from), b.day(d.due), b.day(d.doneDay)
		b.debts[d.trigger] = append(b.debts[d.trigger], d)
	}
}

// Remove takes away the debts of a story that were added.
func (b *Book) Remove(debts []*Debt) {
	b.subjects--
	for _, d := range debts {
		delete(b.debts, d.trigger) // which is of that story alone
	}
}

func (b *Book) day(d Day) Day {
	known, ok := b.days[d]
	if !ok {
		known, b.days[d] = d, d
	}
	return known
}

// Report tells what Collect would of the same stories. The query's zone has to be
// that of the debts.
func (b *Book) Report(q Query) *Report {
	r := newReport(&q)
	r.Subjects = b.subjects
	today := map[*time.Location]Day{}
	for _, debts := range b.debts {
		for _, d := range debts {
			if _, ok := today[d.zone]; !ok {
				today[d.zone] = DayOf(q.AsOf, d.zone)
			}
			if item, ok := d.at(q.AsOf, today[d.zone]); ok {
				r.add(&q, item)
			}
		}
	}
	r.cut(q.Limit)
	return r
}
