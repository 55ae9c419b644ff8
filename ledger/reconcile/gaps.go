// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"maps"
	"slices"
	"sort"
	"strconv"
	"time"
)

// Gaps follows what arrives, for as long as the ledger runs, and can say at any time
// which numbers of each producer are missing: as [Feeds] does it of an open period,
// but in memory that grows with the gaps and not with the records. That a number came
// twice it counts, and does not say where.
type Gaps struct {
	feeds      map[string]*feed
	unreadable int64
}

// A feed is what one producer sent.
type feed struct {
	seen        []Range // the numbers that arrived, ascending, apart from each other
	numbered    int64
	doubled     int64
	plain       bool  // some record that is no heartbeat has no number
	first, last int64 // numbers that batches and heartbeats speak of, -1 for none
	beat        int64 // the number that the earliest heartbeat tells, -1 for none
	beatAt      time.Time
}

// A Gap is what is missing of one producer.
type Gap struct {
	Source   string `json:"source"`
	Numbered int64  `json:"numbered"` // records with a number
	Last     int64  `json:"last"`     // the greatest number that arrived or was spoken of; -1 for none
	// Missing are the numbers that no record has, up to a limit; MissingCount is how
	// many there are.
	Missing      []Range `json:"missing"`
	MissingCount int64   `json:"missingCount"`
	Doubled      int64   `json:"doubled"` // records with a number that another has
}

// NewGaps returns one that has seen nothing.
func NewGaps() *Gaps { return &Gaps{feeds: map[string]*feed{}} }

// Add takes a record. Records may come in any order.
func (g *Gaps) Add(a Arrival) {
	if a.Source == "" {
		g.unreadable++
		return
	}
	f := g.of(a.Source)
	if n, err := strconv.ParseInt(a.Sequence, 10, 64); err == nil && n >= 0 && n <= maxNumber {
		f.number(n)
	}
	f.plain = f.plain || a.Heartbeat == nil && a.Batch == nil
	if h := a.Heartbeat; h != nil {
		f.last = max(f.last, h.Last)
		if f.beat < 0 || a.Time.Before(f.beatAt) {
			f.beat, f.beatAt = h.Last, a.Time
		}
	}
	if b := a.Batch; b != nil && b.Last > 0 {
		of := f
		if b.Source != "" {
			of = g.of(b.Source)
		}
		of.last = max(of.last, b.Last)
		if b.First > 0 && (of.first < 0 || b.First < of.first) {
			of.first = b.First
		}
	}
}

func (g *Gaps) of(source string) *feed {
	f := g.feeds[source]
	if f == nil {
		f = &feed{first: -1, last: -1, beat: -1}
		g.feeds[source] = f
	}
	return f
}

// number takes the number of a record. Most follow the one before.
func (f *feed) number(n int64) {
	f.numbered++
	at := len(f.seen) // of the first range that ends at n-1 or later
	if at > 0 && f.seen[at-1].To >= n-1 {
		at = sort.Search(at, func(i int) bool { return f.seen[i].To >= n-1 })
	}
	switch {
	case at == len(f.seen) || n < f.seen[at].From-1:
		f.seen = slices.Insert(f.seen, at, Range{n, n})
	case n == f.seen[at].From-1:
		f.seen[at].From = n
	case n == f.seen[at].To+1:
		f.seen[at].To = n
		if next := at + 1; next < len(f.seen) && f.seen[next].From == n+1 {
			f.seen[at].To = f.seen[next].To
			f.seen = slices.Delete(f.seen, next, next+1)
		}
	default:
		f.doubled++
	}
}

// Report says of each producer whose records have numbers, or that speaks of some,
// what is missing: of each so many ranges at most. unreadable are the records whose
// source cannot be read any more: what is missing may be theirs.
func (g *Gaps) Report(most int) (gaps []Gap, unreadable int64) {
	gaps = []Gap{}
	for _, source := range slices.Sorted(maps.Keys(g.feeds)) {
		f := g.feeds[source]
		if len(f.seen) == 0 && (f.plain || f.last < 0) {
			continue // nothing can be missed
		}
		gaps = append(gaps, f.report(source, most))
	}
	return gaps, g.unreadable
}

func (f *feed) report(source string, most int) Gap {
	out := Gap{Source: source, Numbered: f.numbered, Doubled: f.doubled, Missing: []Range{}, Last: f.last}
	// It begins with the first number that anybody speaks of.
	next := f.first
	if len(f.seen) > 0 {
		out.Last = max(out.Last, f.seen[len(f.seen)-1].To)
		if next < 0 || f.seen[0].From < next {
			next = f.seen[0].From
		}
	}
	switch {
	case next >= 0:
	case f.beat >= 0:
		next = f.beat + 1
	default: // only an end was spoken of
		next = out.Last + 1
	}
	gap := func(to int64) {
		if next > to {
			return
		}
		out.MissingCount += to - next + 1
		if len(out.Missing) < most {
			out.Missing = append(out.Missing, Range{next, to})
		}
	}
	for _, r := range f.seen {
		gap(r.From - 1)
		next = max(next, r.To+1)
	}
	gap(out.Last)
	return out
}
