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
	for s, err := range stories {
		if err != nil {
			return nil, err
		}
		r.Subjects++
		for item := range t.Judge(s, q.AsOf, q.Zone) {
			r.add(&q, item)
		}
	}
	r.cut(q.Limit)
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

// add counts an item, and lists it where the query means it.
func (r *Report) add(q *Query, item Item) {
	if q.Obligation != "" && q.Obligation != item.Obligation {
		return
	}
	r.count(item)
	if !q.lists(item) {
		return
	}
	r.Matched++
	if q.Limit != None {
		r.Items = append(r.Items, item)
	}
	// What does not fit is dropped now and then, so that memory does not grow with
	// the ledger.
	if q.Limit > 0 && len(r.Items) >= 2*q.Limit+1000 {
		r.cut(q.Limit)
	}
}

func (r *Report) count(item Item) {
	r.Counts[item.State]++
	if r.ByObligation[item.Obligation] == nil {
		r.ByObligation[item.Obligation] = map[State]int64{}
	}
	r.ByObligation[item.Obligation][item.State]++
}

func (r *Report) cut(limit int) {
	slices.SortFunc(r.Items, compare)
	if limit > 0 && len(r.Items) > limit {
		clear(r.Items[limit:])
		r.Items = r.Items[:limit]
	}
}

func (q *Query) lists(item Item) bool {
	if len(q.States) > 0 && !slices.Contains(q.States, item.State) {
		return false
	}
	return q.Within == nil || item.Due <= DayOf(q.AsOf, q.Zone).Plus(*q.Within)
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
