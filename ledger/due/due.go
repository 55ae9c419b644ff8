// SPDX-License-Identifier: Apache-2.0

// Package due works out what a lender owes by which day, and whether it was
// done: the notice after a decline, the answer to a complaint, the next
// validation of a model.
//
// What is owed stands in one table, obligations.yaml, of which
// docs/obligations.md is the readable form. A row says which record makes
// something owed, from when the days count, how many there are or which member
// names the last one, which records discharge it, and where the rule comes
// from. The code knows no rule, only how to read the table.
//
//	report, err := table.Collect(due.Query{AsOf: time.Now()}, stories)
//
// # Days
//
// Limits run in calendar days of one zone and end with the day: what is due on
// the 30th day and done in its last minute is in time, and the day after it is
// breached. Business days are not known here, because nothing in a ledger says
// which days a lender is open.
//
// # As of
//
// A judgement is as of a time: a record counts when what it tells had happened
// by then, whenever it was recorded, and corrections and voidings hold from the
// beginning. So the state of a past day is that day's, as far as it is known
// now; what was known then, an earlier checkpoint shows.
package due

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/story"
)

// A State is how an obligation stands as of a time.
type State string

// The states, the most urgent first.
const (
	Breached State = "breached" // not done, and its last day is over
	Open     State = "open"     // not done, and its last day is not over
	MetLate  State = "met-late" // done after its last day
	Met      State = "met"      // done on its last day at the latest
)

// States lists the states, the most urgent first.
var States = []State{Breached, Open, MetLate, Met}

// A Day is a calendar day, YYYY-MM-DD. Days compare as strings do.
type Day string

// lastDay stands for every day after it too: longer ones would not compare.
const lastDay Day = "9999-12-31"

// DayOf returns the day of a time in a zone.
func DayOf(t time.Time, zone *time.Location) Day { return dayAt(t.In(zone)) }

// time returns the day's midnight in UTC, for reckoning only.
func (d Day) time() time.Time {
	t, _ := time.Parse(time.DateOnly, string(d))
	return t
}

func dayAt(t time.Time) Day {
	if t.Year() > 9999 {
		return lastDay
	}
	return Day(t.Format(time.DateOnly))
}

// Plus returns the day so many days later.
func (d Day) Plus(days int) Day { return dayAt(d.time().AddDate(0, 0, days)) }

// PlusMonths returns the day of the same number so many months later, or the
// last one of a month that is too short.
func (d Day) PlusMonths(months int) Day {
	t := d.time()
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return dayAt(first.AddDate(0, 0, min(t.Day(), last)-1))
}

// Until returns how many days lie between d and a later day. A time.Duration
// would hold no more than 292 years of them.
func (d Day) Until(later Day) int {
	return int((later.time().Unix() - d.time().Unix()) / (24 * 60 * 60))
}

// An Item is one obligation that a record gave rise to, as of a time.
type Item struct {
	Obligation string `json:"obligation"`
	Title      Text   `json:"title"`
	Subject    string `json:"subject"` // "" when it can't be read any more
	State      State  `json:"state"`
	Due        Day    `json:"due"`  // the last day on which it is done in time
	From       Day    `json:"from"` // the day from which the limit runs
	// Left is how many days were left, or of a negative number over, at the
	// time of the judgement. 0 when it is done.
	Left    int    `json:"left"`
	Trigger int64  `json:"trigger"`         // index of the record that gave rise to it
	Done    Day    `json:"done,omitempty"`  // when it was discharged
	DoneBy  *int64 `json:"doneBy,omitzero"` // index of the record that says so
	// Unsure says that the key of a member that may matter was destroyed, or
	// that there were too many records to read.
	Unsure bool `json:"unsure,omitempty"`
}

// compare orders by urgency: by state, then by the day, then by the records.
func compare(a, b Item) int {
	if c := urgency(a.State, a.Due, b.State, b.Due); c != 0 {
		return c
	}
	if a.Trigger != b.Trigger {
		return int(min(1, max(-1, a.Trigger-b.Trigger)))
	}
	return strings.Compare(a.Obligation, b.Obligation)
}

// urgency orders by state, and then by the day.
func urgency(a State, due Day, b State, than Day) int {
	if a != b {
		return slices.Index(States, a) - slices.Index(States, b)
	}
	return strings.Compare(string(due), string(than))
}

// Judge yields what the records of a story owe as of a time, in a zone.
func (t *Table) Judge(s *story.Story, asOf time.Time, zone *time.Location) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for d := range t.Debts(s, zone) {
			if item, ok := d.At(asOf); ok && !yield(item) {
				return
			}
		}
	}
}

// Debts yields what the records of a story owe at any time, in a zone.
func (t *Table) Debts(s *story.Story, zone *time.Location) iter.Seq[*Debt] {
	return func(yield func(*Debt) bool) {
		where := ""
		for r := range s.Live() {
			if where = r.Text(memberJurisdiction); where != "" {
				break
			}
		}
		for i := range t.Obligations {
			o := &t.Obligations[i]
			j := judge{Obligation: o, story: s, where: where, zone: zone}
			if o.zone != nil {
				j.zone = o.zone
			}
			if j.triggers = j.find(&o.Trigger); len(j.triggers) == 0 {
				continue
			}
			j.prepare()
			for _, r := range j.triggers {
				if d, ok := j.debt(r); ok && !yield(d) {
					return
				}
			}
		}
	}
}

// judge holds one obligation against one story.
type judge struct {
	*Obligation
	story *story.Story
	where string // the jurisdiction that its first record with one states
	zone  *time.Location

	// Records that fit, whatever the time of the judgement.
	triggers []candidate
	starts   []candidate   // of From
	ends     [][]candidate // of Discharge
	// first and second are the first two days on which something was owed; ""
	// when there are not as many.
	first, second Day
}

// a candidate is a record that fits a pattern.
type candidate struct {
	*story.Record
	moment
	// about are the records that a discharge says it is about, and named that
	// it says so of any.
	about []*story.Record
	named bool
}

// a moment is when something happened: at a time, or on a day.
type moment struct {
	day Day
	at  time.Time // of a day alone, its first instant
}

func (j *judge) moment(t time.Time) moment { return moment{DayOf(t, j.zone), t} }

// read reads a day, or an RFC 3339 time.
func (j *judge) read(s string) (moment, bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return j.moment(t), true
	}
	t, err := time.ParseInLocation(time.DateOnly, s, j.zone)
	return moment{Day(s), t}, err == nil
}

// find returns the records that fit a pattern, each with when what it tells
// happened: what its member says, or the event's time when it says nothing.
func (j *judge) find(p *Pattern) []candidate {
	var found []candidate
	for _, r := range j.story.OfType(p.full) {
		if !p.fits(r) {
			continue
		}
		m, ok := j.read(r.Text(p.At))
		if !ok && p.Own {
			continue
		}
		if !ok {
			m = j.moment(r.At)
		}
		found = append(found, candidate{Record: r, moment: m})
	}
	return found
}

// prepare finds what is looked at of every trigger.
func (j *judge) prepare() {
	for _, r := range j.triggers {
		switch {
		case j.first == "" || r.day < j.first:
			j.first, j.second = r.day, j.first
		case j.second == "" || r.day < j.second:
			j.second = r.day
		}
	}
	if j.From != nil {
		j.starts = j.find(j.From)
	}
	for i := range j.Discharge {
		p := &j.Discharge[i]
		ends := j.find(p)
		for i := range ends {
			j.address(p, &ends[i])
		}
		j.ends = append(j.ends, ends)
	}
}

// address finds out what a discharge says it is about: by an event's id, or
// else by its causes.
func (j *judge) address(p *Pattern, c *candidate) {
	if p.Ref == "" {
		return
	}
	if id := c.Text(p.Ref); id != "" {
		c.named = true
		c.about = append(c.about, j.story.Named(c.Record, id))
		return
	}
	for _, ref := range c.Refs {
		if cause := j.story.Record(ref); cause != nil && cause.Type == j.Trigger.full {
			c.named = true
			c.about = append(c.about, cause)
		}
	}
}

// debt works out what a trigger gives rise to, if anything.
func (j *judge) debt(r candidate) (*Debt, bool) {
	if !j.applies(r.Record) {
		return nil, false
	}
	from := j.from(r)
	due, ok := j.due(r.Record, from)
	if !ok {
		return nil, false
	}
	d := &Debt{
		of: j.Obligation, subject: j.story.Subject, trigger: r.Index, since: r.at, from: from, due: due,
		unsure: j.story.Unclear || r.Partial, zone: j.zone,
	}
	j.discharge(d, r)
	return d, true
}

// applies reports whether the records leave room for the obligation's
// jurisdiction: the trigger's own decides, else what another one of its subject
// says. Where none says any, every law is held against it, for silence must not
// hide a breach.
func (j *judge) applies(r *story.Record) bool {
	if len(j.Jurisdictions) == 0 {
		return true
	}
	where := cmp.Or(r.Text(memberJurisdiction), j.where)
	country, _, _ := strings.Cut(where, "-")
	return where == "" || slices.Contains(j.Jurisdictions, country)
}

// from returns the day from which the limit runs: that of the last record at or
// before the trigger that From means, or of the trigger where there is none.
func (j *judge) from(r candidate) Day {
	from := r.day
	found := false
	for _, c := range j.starts {
		if c.day <= r.day && (!found || c.day > from) {
			found, from = true, c.day
		}
	}
	return from
}

// due returns the last day, unless it stands in a member that is not there.
func (j *judge) due(r *story.Record, from Day) (Day, bool) {
	if j.Due != "" {
		if m, ok := j.read(r.Text(j.Due)); ok {
			return m.day, true
		}
	}
	if j.Months > 0 {
		return from.PlusMonths(j.Months), true
	}
	return from.Plus(j.Days), j.Days > 0
}

// discharge finds the first record that discharges what the trigger r gave rise to,
// and the first that could not be read well enough to tell.
func (j *judge) discharge(d *Debt, r candidate) {
	for i, ends := range j.ends {
		p := &j.Discharge[i]
		for _, c := range ends {
			switch {
			case j.discharges(p, c, r):
				if !d.done || c.at.Before(d.doneAt) {
					d.done, d.doneAt, d.doneDay, d.doneBy = true, c.at, c.day, c.Index
				}
			case c.Partial && (!d.doubted || c.at.Before(d.doubtAt)):
				d.doubted, d.doubtAt = true, c.at
			}
		}
	}
}

// discharges reports whether a record that fits p discharges what the trigger
// r gave rise to.
func (j *judge) discharges(p *Pattern, c, r candidate) bool {
	if p.Own || c.Record == r.Record {
		return p.Own && c.Record == r.Record
	}
	for _, name := range p.Same {
		v, _ := c.Get(name)
		w, _ := r.Get(name)
		if word(v) != word(w) {
			return false
		}
	}
	if c.named {
		return slices.Contains(c.about, r.Record)
	}
	follows := c.day > r.day || c.day == r.day && (c.Type != r.Type || c.Index > r.Index)
	if p.Ref == "" || !follows {
		return follows
	}
	// A record that says of none what it is about is about the only one that
	// it can be about. One of the trigger's own type is rather another.
	return c.Type != r.Type && (j.second == "" || j.second > c.day)
}

// fits reports whether a record, which is of the type, meets the conditions.
func (p *Pattern) fits(r *story.Record) bool {
	for name, words := range p.If {
		if v, ok := r.Get(name); !ok || !slices.Contains(words, word(v)) {
			return false
		}
	}
	for name, words := range p.Unless {
		if v, ok := r.Get(name); ok && slices.Contains(words, word(v)) {
			return false
		}
	}
	for less, more := range p.Less {
		a, ok := r.Money(less)
		b, also := r.Money(more)
		switch {
		case !ok || !also:
			if !r.Partial {
				return false
			}
		case a.Currency != b.Currency || a.Amount.Cmp(b.Amount) >= 0:
			return false
		}
	}
	return true
}

// word returns a string, boolean or number as the table writes it.
func word(v canon.Value) string {
	if v.Kind == canon.String {
		return v.Str
	}
	return string(v.Bytes())
}
