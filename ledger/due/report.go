// SPDX-License-Identifier: Apache-2.0

package due

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/story"
)

// A Query says what is asked of the stories of a ledger.
type Query struct {
	AsOf time.Time
	Zone *time.Location // of the days, where the table states no other; nil is UTC
	// Obligation is the id of the only one that is meant; "" for all.
	Obligation string
	// States are those to be listed; none for all. All are counted.
	States []State
	// Within, unless nil, leaves out of the list what is due more than so many
	// days after AsOf.
	Within *int
	// Limit is how many items are listed at most, the most urgent; 0 for all, and
	// None for none.
	Limit int
	// Skip is how many of the most urgent are left out of the list.
	Skip int
}

// most is how many items have to be known to list those that are asked for.
func (q *Query) most() int {
	if q.Limit > 0 {
		return q.Limit + q.Skip
	}
	return q.Limit
}

// None is the limit of a query that counts only.
const None = -1

// A Report says what is owed.
type Report struct {
	AsOf time.Time `json:"asOf"`
	Zone string    `json:"zone"`
	// Counts are the obligations by their state, whatever is listed.
	Counts map[State]int64 `json:"counts"`
	// ByObligation are the same, by the id of the obligation; of those that there
	// are any of.
	ByObligation map[string]map[State]int64 `json:"byObligation"`
	// Subjects is how many subjects had a record that can give rise to any.
	Subjects int64 `json:"subjects"`
	// Matched is how many obligations the query means; Items are the most
	// urgent of them, as many as it takes.
	Matched int64  `json:"matched"`
	Items   []Item `json:"items"`
}

// Collect judges stories one after the other and keeps of each only what is to
// be listed. It ends with the first error of the stories.
func (t *Table) Collect(q Query, stories iter.Seq2[*story.Story, error]) (*Report, error) {
	r := newReport(&q)
	lists, listed := q.lists(), list{Report: r, limit: q.most()}
	for s, err := range stories {
		if err != nil {
			return nil, err
		}
		r.Subjects++
		for item := range t.Judge(s, q.AsOf, q.Zone) {
			if q.Obligation != "" && q.Obligation != item.Obligation {
				continue
			}
			r.count(item)
			if lists(item.State, item.Due) {
				listed.add(item.State, item.Due, func() Item { return item })
			}
		}
	}
	r.page(&q)
	return r, nil
}

// newReport returns a report of nothing, and completes its query.
func newReport(q *Query) *Report {
	if q.Zone == nil {
		q.Zone = time.UTC
	}
	r := &Report{AsOf: q.AsOf.UTC(), Zone: q.Zone.String(), Counts: map[State]int64{}, ByObligation: map[string]map[State]int64{}, Items: []Item{}}
	for _, s := range States {
		r.Counts[s] = 0
	}
	return r
}

// A list is what a report lists, while it is gathered.
type list struct {
	*Report
	limit int
	least *Item // nothing that is less urgent is listed; nil where anything may be
}

// add lists an item that the query means, unless there are enough that are more
// urgent.
func (l *list) add(state State, due Day, item func() Item) {
	l.Matched++
	if l.limit == None || l.least != nil && urgency(state, due, l.least.State, l.least.Due) > 0 {
		return
	}
	l.Items = append(l.Items, item())
	// What does not fit is dropped now and then, so that memory does not grow with
	// the ledger.
	if l.limit > 0 && len(l.Items) >= 2*l.limit+1000 {
		l.cut(l.limit)
		least := l.Items[len(l.Items)-1]
		l.least = &least
	}
}

func (r *Report) count(item Item) {
	r.Counts[item.State]++
	if r.ByObligation[item.Obligation] == nil {
		r.ByObligation[item.Obligation] = map[State]int64{}
	}
	r.ByObligation[item.Obligation][item.State]++
}

// page leaves the items that a query lists.
func (r *Report) page(q *Query) {
	r.cut(q.most())
	r.Items = r.Items[min(q.Skip, len(r.Items)):]
}

func (r *Report) cut(limit int) {
	slices.SortFunc(r.Items, compare)
	if limit > 0 && len(r.Items) > limit {
		clear(r.Items[limit:])
		r.Items = r.Items[:limit]
	}
}

// lists returns whether the query lists what is in a state and due on a day.
func (q *Query) lists() func(State, Day) bool {
	last := lastDay
	if q.Within != nil {
		last = DayOf(q.AsOf, q.Zone).Plus(*q.Within)
	}
	return func(state State, due Day) bool {
		return (len(q.States) == 0 || slices.Contains(q.States, state)) && (q.Within == nil || due <= last)
	}
}

// ParseStates reads states with commas between, or all.
func ParseStates(s string) ([]State, error) {
	if s == "all" {
		return States, nil
	}
	var states []State
	for word := range strings.SplitSeq(s, ",") {
		if !slices.Contains(States, State(word)) {
			return nil, errors.New("a state is open, breached, met or met-late, several with commas between, or all")
		}
		states = append(states, State(word))
	}
	return states, nil
}

// ParseAsOf reads an RFC 3339 time, or a day, whose end is meant. In UTC too it
// has a year of four digits, so that a Report can be written.
func ParseAsOf(s string, zone *time.Location) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		if t, err = time.ParseInLocation(time.DateOnly, s, zone); err == nil {
			t = t.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
	}
	if year := t.UTC().Year(); err != nil || year < 0 || year > 9999 {
		return time.Time{}, errors.New("a time is RFC 3339, such as 2026-03-01T12:00:00Z, or a day, such as 2026-03-01, whose end is meant")
	}
	return t, nil
}

// ParseZone reads UTC or the name of a zone of the IANA database.
func ParseZone(s string) (*time.Location, error) {
	zone, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" {
		return nil, errors.New("a zone is UTC, or a name such as America/New_York")
	}
	return zone, nil
}
