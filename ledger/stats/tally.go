// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"maps"
	"slices"
	"time"
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

	// room is what new keys take of, nil where nothing bounds them. Where there is
	// none, what is new is Other.
	room *int
}

func newTally(room *int) *tally {
	return &tally{
		outcomes: map[string]int64{}, reasons: map[string]int64{}, modes: map[string]int64{}, directions: map[string]int64{},
		months: map[string]map[string]int64{}, vintages: map[int]*vintage{}, room: room,
	}
}

// full reports whether there is no room for another key.
func (t *tally) full() bool { return t.room != nil && *t.room <= 0 }

// took takes room for so many keys.
func (t *tally) took(n int) {
	if t.room != nil {
		*t.room -= n
	}
}

// count counts n under a key.
func (t *tally) count(m map[string]int64, key string, n int64) {
	if _, ok := m[key]; !ok && key != "" && t.full() {
		key = Other
	}
	before := len(m)
	add(m, key, n)
	t.took(len(m) - before)
}

// decision counts a decision n times.
func (t *tally) decision(d decision, n int64) {
	t.decisions += n
	t.count(t.outcomes, d.outcome, n)
	t.count(t.modes, d.mode, n)
	t.inMonth(d.month, d.outcome, n)
	for _, code := range d.reasons {
		t.count(t.reasons, code, n)
	}
	if d.override {
		t.overrides += n
		t.count(t.directions, d.direction, n)
	}
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
	t.count(t.months[month], outcome, n)
}

// waited counts how long an application waited, n times. It reports whether there
// was room for it.
func (t *tally) waited(wait time.Duration, n int64) bool {
	if wait < 0 {
		t.earlier += n
		return true
	}
	b := bucket(uint64(wait / time.Second))
	if _, ok := t.waits.buckets[b]; !ok {
		if t.full() {
			return false
		}
		t.took(1)
	}
	t.waits.put(b, n)
	return true
}

// loan counts a loan n times in the vintage of the month in which it was born, by
// the ages at which it reached each stage.
func (t *tally) loan(l *loan, n int64) {
	t.loans += n
	v := t.vintages[l.born]
	if l.at.IsZero() || v == nil && len(t.vintages) >= maxKeys {
		t.unplaced += n
		return
	}
	if v == nil {
		v = newVintage()
		t.vintages[l.born] = v
	}
	v.originated += n
	for i, age := range l.ages {
		if age >= 0 {
			v.reached[i][ageIndex(age)] += n
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
		ByOutcome: nonzero(t.outcomes), ByReason: nonzero(t.reasons), ByMode: nonzero(t.modes), ByMonth: map[string]map[string]int64{},
	}
	for month, outcomes := range t.months {
		if counts := nonzero(outcomes); len(counts) > 0 {
			r.Decisions.ByMonth[month] = counts
		}
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
		Overrides: Share{Part: t.overrides}, ByDirection: nonzero(t.directions),
	}
	r.Overrides.Overrides.of(t.decisions)
	r.Delinquency = Delinquency{
		Basis:    Basis{"loans that were disbursed and lines that were opened" + s.words("first"), t.loans, "months of the first such record; by delinquency.changed (daysPastDue, else 30 times monthsPastDue, at asOf) and loan.charged-off, which counts as 90 days; ages that the ledger has reached"},
		Vintages: []Vintage{}, Unplaced: t.unplaced,
	}
	for _, m := range slices.Sorted(maps.Keys(t.vintages)) {
		if t.vintages[m].originated == 0 {
			continue
		}
		r.Delinquency.Vintages = append(r.Delinquency.Vintages, t.vintages[m].report(m, monthOf(r.AsOf)))
	}
}

// nonzero returns the counts of a map that are not nothing, as a map of its own.
func nonzero(m map[string]int64) map[string]int64 {
	out := make(map[string]int64, len(m))
	for key, n := range m {
		if n != 0 {
			out[key] = n
		}
	}
	return out
}
