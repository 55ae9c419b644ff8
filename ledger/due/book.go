// SPDX-License-Identifier: Apache-2.0

package due

import "time"

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
func (d *Debt) At(asOf time.Time) (Item, bool) {
	today := DayOf(asOf, d.zone)
	state, ok := d.state(asOf, today)
	if !ok {
		return Item{}, false
	}
	return d.item(state, asOf, today), true
}

// state is that as of a time, on whose day it is; false before the debt began.
func (d *Debt) state(asOf time.Time, today Day) (State, bool) {
	switch {
	case d.since.After(asOf):
		return "", false
	case d.done && !d.doneAt.After(asOf):
		if d.doneDay > d.due {
			return MetLate, true
		}
		return Met, true
	case today > d.due:
		return Breached, true
	}
	return Open, true
}

// item tells of the debt in a state.
func (d *Debt) item(state State, asOf time.Time, today Day) Item {
	item := Item{
		Obligation: d.of.ID, Title: d.of.Title, Subject: d.subject, State: state, Trigger: d.trigger,
		From: d.from, Due: d.due, Unsure: d.unsure,
	}
	if state == Met || state == MetLate {
		by := d.doneBy
		item.Done, item.DoneBy = d.doneDay, &by
	} else {
		item.Left = today.Until(d.due)
		item.Unsure = item.Unsure || d.doubted && !d.doubtAt.After(asOf)
	}
	return item
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
	lists, listed, today := q.lists(), list{Report: r, limit: q.most()}, map[*time.Location]Day{}
	counts := map[*Obligation]map[State]int64{}
	for _, debts := range b.debts {
		for _, d := range debts {
			if q.Obligation != "" && q.Obligation != d.of.ID {
				continue
			}
			now, ok := today[d.zone]
			if !ok {
				now = DayOf(q.AsOf, d.zone)
				today[d.zone] = now
			}
			state, ok := d.state(q.AsOf, now)
			if !ok {
				continue
			}
			if counts[d.of] == nil {
				counts[d.of] = map[State]int64{}
			}
			counts[d.of][state]++
			if lists(state, d.due) {
				listed.add(state, d.due, func() Item { return d.item(state, q.AsOf, now) })
			}
		}
	}
	for o, states := range counts {
		r.ByObligation[o.ID] = states
		for state, n := range states {
			r.Counts[state] += n
		}
	}
	r.page(&q)
	return r
}
