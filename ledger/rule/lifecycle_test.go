// SPDX-License-Identifier: Apache-2.0

package rule_test

import (
	"testing"

	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// book tells a generated book by the records of each subject.
func book(t testing.TB, c lifecycle.Config) map[string][]story.Record {
	t.Helper()
	cat := catalogue(t)
	b, err := lifecycle.New(c)
	if err != nil {
		t.Fatal(err)
	}
	records := map[string][]story.Record{}
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
	}
	return records
}

// TestUnplanted wants no finding in whole lives of loans and lines. That faults
// planted in them are found, each where it is and nothing besides, is tested
// where they are planted, in ledger/lifecycle.
func TestUnplanted(t *testing.T) {
	table := builtin(t)
	for _, live := range []bool{false, true} {
		records := book(t, lifecycle.Config{Loans: 300, Seed: 11, Live: live})
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
