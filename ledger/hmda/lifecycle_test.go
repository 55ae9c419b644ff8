// SPDX-License-Identifier: Apache-2.0

package hmda

import (
	"fmt"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// TestLifecycle makes registers of a whole synthetic book: each disposal is in
// that of one year, and no check objects to what has no fault of its own.
func TestLifecycle(t *testing.T) {
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	book, err := lifecycle.New(lifecycle.Config{Loans: 2000, Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	stories := map[string][]story.Record{}
	index := int64(0)
	for ev := range book.Events() {
		index++
		e, err := record.ParseEvent(ev.Document, cat)
		if err != nil {
			t.Fatal(err)
		}
		if (Selection{}).Reads(e.Type) {
			at, err := time.Parse(time.RFC3339Nano, e.Time)
			if err != nil {
				t.Fatal(err)
			}
			stories[e.Subject] = append(stories[e.Subject], story.Record{Index: index, Type: e.Type, Source: e.Source, ID: e.ID, Time: at, Data: e.Data})
		}
	}
	disposed, lines, collected, actions := 0, 0, 0, map[string]int{}
	for subject, records := range stories {
		s := story.New(subject, records)
		disposed += min(1, len(s.OfType(story.Type("application.disposed"))))
		for year := 2019; year <= 2023; year++ {
			l, ok := New(s, year, lei)
			if !ok {
				continue
			}
			lines++
			if !l.Collected {
				continue
			}
			collected++
			actions[l.Field(fieldAction)]++
			for _, o := range l.Objections {
				t.Errorf("%s: %v", subject, o)
			}
			if got := fmt.Sprint(year); l.Field(fieldActionDate)[:4] != got || !ValidULI(l.Field(fieldULI)) {
				t.Errorf("%s: action on %s, in the register of %s", subject, l.Field(fieldActionDate), got)
			}
		}
	}
	if lines != disposed || collected < 10 || actions[originated] == 0 || actions[denied] == 0 {
		t.Errorf("%d lines of %d disposals, %d with data collected, by action %v", lines, disposed, collected, actions)
	}
}
