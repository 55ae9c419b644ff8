// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A register says what a survey of the same reports would, whatever was added and
// taken away before, unless it says that it is short.
func TestRegister(t *testing.T) {
	const limit = 4
	rng := rand.New(rand.NewPCG(1, 1))
	g := NewRegister(limit)
	stories := map[int64]*Report{} // by what their indexes begin with
	draw := func(n int64) *Report {
		r := &Report{Findings: []Finding{}, Checked: rng.IntN(5), Unchecked: map[Why]int{}}
		if rng.IntN(2) == 0 {
			r.Unchecked[Absent] = 1
		}
		for range rng.IntN(4) {
			r.Findings = append(r.Findings, Finding{Rule: fmt.Sprint("rule-", rng.IntN(3)), Records: []int64{10*n + rng.Int64N(3)}})
		}
		slices.SortStableFunc(r.Findings, func(a, b Finding) int { return int(a.Records[0] - b.Records[0]) })
		return r
	}
	short := 0
	for range 3000 {
		n := rng.Int64N(60)
		if was := stories[n]; was != nil {
			g.Remove(was)
			delete(stories, n)
		}
		if rng.IntN(3) > 0 {
			stories[n] = draw(n)
			g.Add(fmt.Sprint("file/", n), stories[n])
		}
		if g.Short() {
			short++
			g = NewRegister(limit)
			for n, r := range stories {
				g.Add(fmt.Sprint("file/", n), r)
			}
		}
		if diff := cmp.Diff(surveyOf(stories, limit), g.Survey()); diff != "" {
			t.Fatal(diff)
		}
	}
	if short == 0 || len(g.found) > 3*2*limit {
		t.Errorf("it was short %d times, and holds %d findings", short, len(g.found))
	}
}

// surveyOf is a survey of reports.
func surveyOf(stories map[int64]*Report, limit int) *Survey {
	s := &Survey{Unchecked: map[Why]int64{}, Counts: map[string]int64{}, Findings: []Found{}}
	for n, r := range sorted(stories) {
		s.Subjects++
		s.Checked += int64(r.Checked)
		for why, of := range r.Unchecked {
			s.Unchecked[why] += int64(of)
		}
		for _, f := range r.Findings {
			s.Counts[f.Rule]++
			s.Findings = append(s.Findings, Found{fmt.Sprint("file/", n), f})
		}
	}
	s.cut(limit)
	return s
}

func sorted(m map[int64]*Report) iter.Seq2[int64, *Report] {
	return func(yield func(int64, *Report) bool) {
		for n := range int64(60) {
			if r := m[n]; r != nil && !yield(n, r) {
				return
			}
		}
	}
}
