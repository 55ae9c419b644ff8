// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/story"
)

// surveyed are stories of one payment each, whose parts are not the payment.
func surveyed(t *testing.T, n int, end error) func(func(*story.Story, error) bool) {
	t.Helper()
	data, err := canon.Parse([]byte(`{"amount":{"amount":"10","currency":"EUR"},"principal":{"amount":"7","currency":"EUR"},"interest":{"amount":"2","currency":"EUR"}}`), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(*story.Story, error) bool) {
		for i := range n {
			at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			r := story.Record{Index: int64(i), Seq: 1, Type: story.Type("payment.received"), Source: "s", ID: "p", Time: at, Data: data}
			if !yield(story.New(fmt.Sprintf("file/%d", i), []story.Record{r}), nil) {
				return
			}
		}
		if end != nil {
			yield(nil, end)
		}
	}
}

// A survey counts everything, and lists the newest findings in bounded memory.
func TestSurvey(t *testing.T) {
	table, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	only := &Table{}
	for _, r := range table.Rules {
		if r.ID == "payment-parts" {
			only.Rules = append(only.Rules, r)
		}
	}
	const n, limit = 107, 10
	s, err := only.Survey(surveyed(t, n, nil), limit)
	if err != nil {
		t.Fatal(err)
	}
	if s.Subjects != n || s.Checked != n || s.Counts["payment-parts"] != n || len(s.Findings) != limit || cap(s.Findings) > 4*limit {
		t.Errorf("%d subjects, %d checks, counts %v, %d findings in room for %d", s.Subjects, s.Checked, s.Counts, len(s.Findings), cap(s.Findings))
	}
	for i, f := range s.Findings {
		if want := int64(n - 1 - i); f.Records[0] != want || f.Subject != fmt.Sprintf("file/%d", want) {
			t.Errorf("number %d is of record %d of %s", i, f.Records[0], f.Subject)
		}
	}
	if of := s.Of("payment-parts", 0, 3); len(of.Findings) != 3 || of.Counts["payment-parts"] != n {
		t.Errorf("three of them: %+v", of)
	}
	if of := s.Of("payment-parts", limit-2, 3); len(of.Findings) != 2 || of.Findings[1].Records[0] != n-limit {
		t.Errorf("the last of those that are listed: %+v", of)
	}
	if of := s.Of("", limit, 3); len(of.Findings) != 0 {
		t.Errorf("those after the last: %+v", of)
	}
	if of := s.Of("close-reason", 0, 3); len(of.Findings) != 0 {
		t.Errorf("those of another rule: %+v", of)
	}
	broken := errors.New("broken")
	if _, err := only.Survey(surveyed(t, 3, broken), limit); !errors.Is(err, broken) {
		t.Errorf("an error of the stories gives %v", err)
	}
}
