// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"maps"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger/story"
)

// A tally counts decisions and loans: all of a ledger, or those of one product
// in one month.
type tally struct {
	decisions       int64
	outcomes        map[string]int64
	reasons         map[string]int64
	modes           map[string]int64
	months          map[string]map[string]int64
	files, approved int64 // with a decision that is no referral
	waits           durations
	earlier         int64
	overrides       int64
	directions      map[string]int64
	loans, unplaced int64
	vintages        map[int]*vintage // by month

	room *int // what is taken of it, new keys take
}

func newTally(room *int) *tally {
	return &tally{
		outcomes: map[string]int64{}, reasons: map[string]int64{}, modes: map[string]int64{}, directions: map[string]int64{},
		months: map[string]map[string]int64{}, vintages: map[int]*vintage{}, room: room,
	}
}

// count counts one under a key.
func (t *tally) count(m map[string]int64, key string) {
	before := len(m)
	count(m, key)
	*t.room -= len(m) - before
}

// decision counts a decision of a story.
func (t *tally) decision(s *story.Story, r *story.Record) {
	outcome := r.Text("outcome")
	t.decisions++
	t.count(t.outcomes, outcome)
	t.count(t.modes, r.Text("decisionMode"))
	t.inMonth(month(r.At), outcome, 1)
	codes, _ := r.Get("reasonCodes")
	seen := map[string]bool{}
	for _, code := range codes.Items {
		if !seen[code.Str] {
			seen[code.Str] = true
			t.count(t.reasons, code.Str)
		}
	}
	id := r.Text("overrideOf")
	if id == "" {
		return
	}
	t.overrides++
	from := Unknown
	if before := s.Named(r, id); before != nil && before.Text("outcome") != "" {
		from = before.Text("outcome")
	}
	t.count(t.directions, from+" to "+outcome)
}

func (t *tally) inMonth(month, outcome string, n int64) {
	if month == "" {
		month = Unknown
	}
	if _, ok := t.months[month]; !ok && len(t.months) >= maxKeys {
		month = Other
	}
	if t.months[month] == nil {
		t.months[month] = map[string]int64{}
	}
	add(t.months[month], outcome, n)
}

// waited counts how long an application waited.
func (t *tally) waited(wait time.Duration) {
	if wait < 0 {
		t.earlier++
		return
	}
	before := len(t.waits.buckets)
	t.waits.add(wait)
	*t.room -= len(t.waits.buckets) - before
}

// loan counts a loan in the vintage of the month in which it was born, by the
// ages at which it reached each stage.
func (t *tally) loan(at time.Time, born int, ages [len(stages)]int) {
	t.loans++
	v := t.vintages[born]
	if at.IsZero() || v == nil && len(t.vintages) >= maxKeys {
		t.unplaced++
		return
	}
	if v == nil {
		v = newVintage()
		t.vintages[born] = v
	}
	v.originated++
	for i, age := range ages {
		if age >= 0 {
			v.reached[i][ageIndex(age)]++
		}
	}
}

// merge adds what another tally counted.
func (t *tally) merge(other *tally) {
	t.decisions += other.decisions
	for _, m := range []struct{ to, from map[string]int64 }{
		{t.outcomes, other.outcomes}, {t.reasons, other.reasons}, {t.modes, other.modes}, {t.directions, other.directions},
	} {
		for _, key := range slices.Sorted(maps.Keys(m.from)) {
			add(m.to, key, m.from[key])
		}
	}
	for month, outcomes := range other.months {
		for outcome, n := range outcomes {
			t.inMonth(month, outcome, n)
		}
	}
	t.files, t.approved = t.files+other.files, t.approved+other.approved
	t.waits.merge(&other.waits)
	t.earlier, t.overrides = t.earlier+other.earlier, t.overrides+other.overrides
	t.loans, t.unplaced = t.loans+other.loans, t.unplaced+other.unplaced
	for born, v := range other.vintages {
		if t.vintages[born] == nil {
			t.vintages[born] = newVintage()
		}
		t.vintages[born].add(v)
	}
}

// report writes what was counted into a report, which has its scope and its time.
func (t *tally) report(r *Report) {
	s := r.Scope
	r.Decisions = Decisions{
		Basis:     Basis{"decisions that hold and took effect" + s.words("made"), t.decisions, "of decision.made leave out voided ones and those for comparison only, apply corrections; a reason counts once a decision"},
		ByOutcome: t.outcomes, ByReason: t.reasons, ByMode: t.modes, ByMonth: t.months,
	}
	r.Approval = Approval{
		Basis:    Basis{"files with a decision other than referred" + s.words("the last of them"), t.files, "take the last such decision of each file; approved as a share of all, Wilson score interval with z = 1.96"},
		Approved: Share{Part: t.approved},
	}
	r.Approval.Approved.of(t.files)
	r.TimeToDecision = TimeToDecision{
		Basis:   Basis{"files with an application and a decision other than referred" + s.words("the first of them"), t.waits.n, "time of the first such decision less that of the first application; nearest rank, rounded down by 1 percent at most"},
		Earlier: t.earlier,
	}
	if t.waits.n > 0 {
		median, p90 := t.waits.quantile(0.5), t.waits.quantile(0.9)
		r.TimeToDecision.Median, r.TimeToDecision.P90 = &median, &p90
	}
	r.Overrides = Overrides{
		Basis:     Basis{"decisions that hold and took effect" + s.words("made"), t.decisions, "count those with overrideOf; from what and to what outcome"},
		Overrides: Share{Part: t.overrides}, ByDirection: t.directions,
	}
	r.Overrides.Overrides.of(t.decisions)
	r.Delinquency = Delinquency{
		Basis:    Basis{"loans that were disbursed and lines that were opened" + s.words("first"), t.loans, "months of the first such record; by delinquency.changed (daysPastDue, else 30 times monthsPastDue, at asOf) and loan.charged-off, which counts as 90 days; ages that the ledger has reached"},
		Vintages: []Vintage{}, Unplaced: t.unplaced,
	}
	for _, m := range slices.Sorted(maps.Keys(t.vintages)) {
		r.Delinquency.Vintages = append(r.Delinquency.Vintages, t.vintages[m].report(m, monthOf(r.AsOf)))
	}
}
