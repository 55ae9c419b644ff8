// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"cmp"
	"maps"
	"slices"
)

// A Register holds what a survey tells, and follows the stories as they go on: the
// report of a story is taken away, and that of the longer one added. It holds of each
// rule the newest findings, up to twice as many as are listed.
type Register struct {
	limit  int // findings of a rule that are listed
	survey Survey
	found  map[int64][]Found // the newest, by the record at fault
	held   map[string]int    // how many of those are of a rule
	// floor is, of a rule of which not all are held, from which record at fault on
	// they are.
	floor map[string]int64
}

// NewRegister returns a register of no story, that lists so many findings of a rule.
func NewRegister(limit int) *Register {
	return &Register{
		limit: limit, survey: Survey{Unchecked: map[Why]int64{}, Counts: map[string]int64{}},
		found: map[int64][]Found{}, held: map[string]int{}, floor: map[string]int64{},
	}
}

// Add adds the report of a story.
func (g *Register) Add(subject string, r *Report) {
	g.count(r, 1)
	for _, f := range r.Findings {
		at := f.Records[0]
		if at < g.floor[f.Rule] {
			continue
		}
		g.found[at] = append(g.found[at], Found{subject, f})
		if g.held[f.Rule]++; g.held[f.Rule] > 2*g.limit {
			g.trim(f.Rule)
		}
	}
}

// Remove takes away the report of a story that was added.
func (g *Register) Remove(r *Report) {
	g.count(r, -1)
	for _, f := range r.Findings {
		for _, held := range g.found[f.Records[0]] { // all of that story
			g.held[held.Rule]--
		}
		delete(g.found, f.Records[0])
	}
}

func (g *Register) count(r *Report, n int64) {
	s := &g.survey
	s.Subjects += n
	s.Checked += n * int64(r.Checked)
	for why, of := range r.Unchecked {
		if s.Unchecked[why] += n * int64(of); s.Unchecked[why] == 0 {
			delete(s.Unchecked, why)
		}
	}
	for _, f := range r.Findings {
		if s.Counts[f.Rule] += n; s.Counts[f.Rule] == 0 {
			delete(s.Counts, f.Rule)
		}
	}
}

// trim leaves of a rule the findings that are listed, and those of the same record.
func (g *Register) trim(rule string) {
	of := func(f Found) bool { return f.Rule == rule }
	var at []int64
	for index, found := range g.found {
		for _, f := range found {
			if of(f) {
				at = append(at, index)
			}
		}
	}
	slices.Sort(at)
	floor := at[len(at)-g.limit]
	g.floor[rule] = floor
	for _, index := range slices.Compact(at) {
		if index >= floor {
			continue
		}
		before := len(g.found[index])
		g.found[index] = slices.DeleteFunc(g.found[index], of)
		g.held[rule] -= before - len(g.found[index])
		if len(g.found[index]) == 0 {
			delete(g.found, index)
		}
	}
}

// Short reports whether so many findings were taken away that not all of those are
// held that are to be listed: then the ledger has to be surveyed anew.
func (g *Register) Short() bool {
	for rule, n := range g.survey.Counts {
		if int64(g.held[rule]) < min(n, int64(g.limit)) {
			return true
		}
	}
	return false
}

// Records adds to a set the records that findings of a rule name; false where the
// register does not hold all of those.
func (g *Register) Records(rule string, to map[int64]bool) bool {
	if int64(g.held[rule]) != g.survey.Counts[rule] {
		return false
	}
	for _, found := range g.found {
		for _, f := range found {
			if f.Rule != rule {
				continue
			}
			for _, i := range f.Records {
				to[i] = true
			}
		}
	}
	return true
}

// Survey returns what the table's Survey would of the same stories.
func (g *Register) Survey() *Survey {
	s := g.survey
	s.Unchecked, s.Counts, s.Findings = maps.Clone(s.Unchecked), maps.Clone(s.Counts), []Found{}
	at := slices.SortedFunc(maps.Keys(g.found), func(a, b int64) int { return cmp.Compare(b, a) })
	for _, index := range at {
		s.Findings = append(s.Findings, g.found[index]...)
	}
	s.cut(g.limit)
	return &s
}
