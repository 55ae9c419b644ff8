// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/story"
)

// files are stories of two products and of none, over some months.
func files(t *testing.T) (all []*story.Story) {
	for i := range 60 {
		product := []string{`{}`, `{"product":"card"}`, `{"product":"personal"}`}[i%3]
		outcome := []string{"approved", "declined", "referred", "counteroffered"}[i%4]
		decided := [3]string{"decision.made", day1(10 * i), fmt.Sprintf(`{"outcome":%q,"reasonCodes":["r-%d"],"decisionMode":"manual"}`, outcome, i%5)}
		records := [][3]string{{"application.received", day1(10*i - i%7), product}, decided}
		if i%6 == 1 {
			records = append(records, [3]string{"decision.made", day1(10*i + 35), `{"outcome":"approved","overrideOf":"1"}`})
		}
		if i%2 == 0 {
			records = append(records, [3]string{"loan.disbursed", day1(10*i + 40), `{}`}, [3]string{"delinquency.changed", day1(10*i + 100), `{"daysPastDue":61}`})
		}
		all = append(all, told(t, records...))
	}
	return all
}

func scoped(stories []*story.Story) *Collector {
	c := New(time.Date(2028, 6, 1, 0, 0, 0, 0, time.UTC))
	for _, s := range stories {
		c.Story(s)
	}
	return c
}

// What is said of a product is what would be said if there were no other.
func TestScopeOfProduct(t *testing.T) {
	all := files(t)
	whole := scoped(all)
	for i, product := range []string{Unknown, "card", "personal"} {
		var own []*story.Story
		for j := i; j < len(all); j += 3 {
			own = append(own, all[j])
		}
		got, want := whole.Report(Scope{Product: product}), scoped(own).Report(Scope{})
		// They are told of in other words.
		for _, b := range []struct{ to, from *Basis }{
			{&want.Decisions.Basis, &got.Decisions.Basis}, {&want.Approval.Basis, &got.Approval.Basis}, {&want.TimeToDecision.Basis, &got.TimeToDecision.Basis},
			{&want.Overrides.Basis, &got.Overrides.Basis}, {&want.Delinquency.Basis, &got.Delinquency.Basis},
		} {
			b.to.Population = b.from.Population
		}
		want.Scope, want.Products = got.Scope, got.Products
		if diff := cmp.Diff(want, got); diff != "" || got.Decisions.Count < 20 {
			t.Errorf("%s (-alone +scoped):\n%s", product, diff)
		}
	}
	if diff := cmp.Diff([]string{Unknown, "card", "personal"}, slices.Sorted(maps.Keys(whole.Report(Scope{}).Products))); diff != "" {
		t.Error(diff)
	}
}

// A period has what lies in its months, and all periods together have everything.
func TestScopeOfPeriod(t *testing.T) {
	c := scoped(files(t))
	whole := c.Report(Scope{})
	months := slices.Sorted(maps.Keys(whole.Decisions.ByMonth))
	split := months[len(months)/2]
	first, rest := c.Report(Scope{To: split}), c.Report(Scope{From: split})
	same := c.Report(Scope{From: split, To: split})
	for name, n := range map[string][4]int64{
		"decisions": {whole.Decisions.Count, first.Decisions.Count, rest.Decisions.Count, same.Decisions.Count},
		"files":     {whole.Approval.Count, first.Approval.Count, rest.Approval.Count, same.Approval.Count},
		"approved":  {whole.Approval.Approved.Part, first.Approval.Approved.Part, rest.Approval.Approved.Part, same.Approval.Approved.Part},
		"waits":     {whole.TimeToDecision.Count, first.TimeToDecision.Count, rest.TimeToDecision.Count, same.TimeToDecision.Count},
		"overrides": {whole.Overrides.Overrides.Part, first.Overrides.Overrides.Part, rest.Overrides.Overrides.Part, same.Overrides.Overrides.Part},
		"loans":     {whole.Delinquency.Count, first.Delinquency.Count, rest.Delinquency.Count, same.Delinquency.Count},
		"reasons":   {whole.Decisions.ByReason["r-1"], first.Decisions.ByReason["r-1"], rest.Decisions.ByReason["r-1"], same.Decisions.ByReason["r-1"]},
	} {
		if n[0] != n[1]+n[2]-n[3] || n[1] == 0 || n[2] == 0 {
			t.Errorf("%s: of %d there are %d up to the month, %d from it on and %d in it", name, n[0], n[1], n[2], n[3])
		}
	}
	for month := range first.Decisions.ByMonth {
		if month > split {
			t.Errorf("up to %s there is %s", split, month)
		}
	}
	if got := c.Report(Scope{From: "2026-02", To: "2026-03", Product: "card"}).Decisions.Population; got != `decisions that hold and took effect, made from 2026-02 to 2026-03, of the product "card"` {
		t.Error(got)
	}
	waits := int64(0)
	for _, w := range whole.TimeToDecision.ByMonth {
		waits += w.Count
	}
	if waits != whole.TimeToDecision.Count || waits == 0 {
		t.Errorf("the months have %d waits of %d", waits, whole.TimeToDecision.Count)
	}
}

// However many months and products there are, what is held is bounded, and what
// has no place in a scope is counted.
func TestScopesAreBounded(t *testing.T) {
	c := New(time.Date(2028, 6, 1, 0, 0, 0, 0, time.UTC))
	const n = 2 * maxParts
	for i := range n {
		c.Story(told(t, [3]string{"application.received", day1(0), fmt.Sprintf(`{"product":"p-%d"}`, i)}, [3]string{"decision.made", day1(1), `{"outcome":"approved"}`}))
	}
	r := c.Report(Scope{})
	if len(c.parts) != maxParts || r.Decisions.Count != n || r.Unscoped == 0 {
		t.Errorf("%d parts of %d decisions, %d in none", len(c.parts), r.Decisions.Count, r.Unscoped)
	}
	if got := c.Report(Scope{To: "2028-12"}).Decisions.Count; got != maxParts {
		t.Errorf("the scope of all months has %d decisions", got)
	}
	// Without room what is known is counted on, and what is new is Other or in none;
	// all of it can be taken away again.
	c.room = 0
	before := c.Report(Scope{Product: "p-1"})
	more := Tell(told(t, [3]string{"application.received", day1(0), `{"product":"p-1"}`}, [3]string{"decision.made", day1(7), `{"outcome":"odd"}`}))
	c.Count(more, 1)
	got := c.Report(Scope{Product: "p-1"})
	if got.Decisions.ByOutcome[Other] != 1 || got.Decisions.Count != before.Decisions.Count+1 || got.TimeToDecision.Count != before.TimeToDecision.Count || got.Unscoped != before.Unscoped+1 {
		t.Errorf("without room there is %+v after %+v", got, before)
	}
	c.Count(more, -1)
	if diff := cmp.Diff(before, c.Report(Scope{Product: "p-1"})); diff != "" {
		t.Error(diff)
	}
}

// What is taken away leaves what would be there without it.
func TestTakenAway(t *testing.T) {
	all := files(t)
	c := scoped(all)
	for _, s := range all[20:] {
		c.Count(Tell(s), -1)
	}
	want := scoped(all[:20])
	for _, scope := range []Scope{{}, {Product: "card"}, {From: "2026-02"}, {To: "2026-03", Product: "personal"}} {
		if diff := cmp.Diff(want.Report(scope), c.Report(scope)); diff != "" {
			t.Errorf("%+v:\n%s", scope, diff)
		}
	}
}

func TestScopeCheck(t *testing.T) {
	for s, good := range map[Scope]bool{
		{}: true, {From: "2026-01"}: true, {From: "2026-01", To: "2026-01"}: true, {Product: "x"}: true,
		{From: "2026-1"}: false, {From: "2026-13"}: false, {To: "2026"}: false, {To: "x"}: false, {From: "2026-02", To: "2026-01"}: false,
		{Product: string(make([]byte, 257))}: false,
	} {
		if err := s.Check(); (err == nil) != good {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
