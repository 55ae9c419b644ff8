// SPDX-License-Identifier: Apache-2.0

package rule_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// book tells a generated book: the records of each subject, and the faults
// that were planted, by subject.
func book(t testing.TB, c lifecycle.Config) (records map[string][]story.Record, faults map[string]*lifecycle.Fault) {
	t.Helper()
	cat := catalogue(t)
	b, err := lifecycle.New(c)
	if err != nil {
		t.Fatal(err)
	}
	records, faults = map[string][]story.Record{}, map[string]*lifecycle.Fault{}
	index := int64(0)
	for e := range b.Events() {
		index++
		ev, err := record.ParseEvent(e.Document, cat)
		if err != nil {
			t.Fatalf("event %d: %v", index, err)
		}
		capture := ev.Capture
		if capture == "" {
			capture = "live"
		}
		records[e.Subject] = append(records[e.Subject], story.Record{
			Index: index, Seq: int64(len(records[e.Subject]) + 1), Type: ev.Type, Source: ev.Source, ID: ev.ID,
			Party: ev.Party, Parent: ev.Parent, Time: ev.At, Capture: capture, Data: ev.Data,
		})
		if e.Fault != nil {
			faults[e.Fault.Subject] = e.Fault
		}
	}
	return records, faults
}

// TestUnplanted wants no finding in whole lives of loans and lines.
func TestUnplanted(t *testing.T) {
	table := builtin(t)
	for _, live := range []bool{false, true} {
		records, _ := book(t, lifecycle.Config{Loans: 300, Seed: 11, Live: live})
		checked := 0
		for subject, rs := range records {
			report := table.Judge(story.New(subject, rs))
			checked += report.Checked
			for _, f := range report.Findings {
				t.Errorf("%s (live: %v): %s of %v: %s", subject, live, f.Rule, f.Records, f.Text.EN)
			}
		}
		if checked < 3000 {
			t.Errorf("only %d checks were made", checked)
		}
	}
}

// TestPlanted wants each planted breach of a rule to be found where it is, and
// nothing besides.
func TestPlanted(t *testing.T) {
	table := builtin(t)
	records, faults := book(t, lifecycle.Config{Loans: 400, Seed: 12, Faults: 400, Live: true})
	found := map[string]int{}
	for subject, f := range faults {
		s := story.New(subject, records[subject])
		report := table.Judge(s)
		if _, ok := table.Rule(f.Kind); !ok {
			// It is an obligation that was missed: no rule is broken by it.
			for _, x := range report.Findings {
				t.Errorf("%s: %s was planted, found %s of %v: %s", subject, f.Kind, x.Rule, x.Records, x.Text.EN)
			}
			continue
		}
		var at []string
		for _, x := range report.Findings {
			if x.Rule == f.Kind {
				at = append(at, s.Record(x.Records[0]).ID)
			} else {
				t.Errorf("%s: %s was planted, found %s of %v: %s", subject, f.Kind, x.Rule, x.Records, x.Text.EN)
			}
		}
		if !slices.Contains(at, f.Events[0]) {
			t.Errorf("%s: %s (%s) was planted at %s, found at %v", subject, f.Kind, f.Done, f.Events[0], at)
		}
		found[f.Kind]++
	}
	var kinds []string
	for _, r := range table.Rules {
		if slices.Contains(lifecycle.Faults(), r.ID) {
			kinds = append(kinds, r.ID)
		}
	}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, slices.Sorted(slices.Values(kinds))) {
		t.Errorf("planted were %v, want one of each of %v", got, kinds)
	}
}
