// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/stats"
)

// broken is a payment whose parts are not the payment.
func broken(n int) ledgertest.Event {
	return ledgertest.Event{Submitter: "key-1", Document: fmt.Appendf(nil, `{"specversion":"1.0","id":"broken%d","source":"urn:test","type":"org.lendlog.payment.received.v1","subject":"file/%d","time":"2026-03-01T12:00:00Z",`+
		`"data":{"amount":{"amount":"10","currency":"EUR"},"principal":{"amount":"7","currency":"EUR"},"interest":{"amount":"2","currency":"EUR"}}}`, n, n)}
}

func TestFindings(t *testing.T) {
	s := serve(t)
	s.ledger.Submit(broken(1), broken(2))
	c := s.dial()
	got, err := c.Findings(t.Context(), "", 0, 10)
	if err != nil || len(got.Findings) != 2 || got.Counts["payment-parts"] != 2 || got.Checkpoint.Size != s.ledger.Head().Size {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := c.Findings(t.Context(), "close-reason", 0, 10); err != nil || len(got.Findings) != 0 {
		t.Errorf("of another rule: %+v, %v", got, err)
	}
	if second, err := c.Findings(t.Context(), "", 1, 10); err != nil || len(second.Findings) != 1 || second.Findings[0].Subject != got.Findings[1].Subject {
		t.Errorf("after the first: %+v, %v", second, err)
	}
	for name, tc := range map[string]struct {
		change func(v map[string]any)
		says   string
	}{
		"no findings": {func(v map[string]any) { v["findings"] = "x" }, "cannot be read"},
		"too many":    {func(v map[string]any) { v["findings"] = append(v["findings"].([]any), v["findings"].([]any)...) }, "more than was asked for"},
		"beyond":      {func(v map[string]any) { v["findings"].([]any)[0].(map[string]any)["records"] = []int{1 << 30} }, "beyond its checkpoint"},
		"of nothing":  {func(v map[string]any) { v["findings"].([]any)[0].(map[string]any)["records"] = []int{} }, "of no record"},
		"other rule":  {func(v map[string]any) { v["findings"].([]any)[0].(map[string]any)["rule"] = "x" }, "not asked for"},
	} {
		lie := func(r *http.Request, _ *http.Response, body []byte) []byte {
			if r.URL.Path != "/v1/findings" {
				return body
			}
			return edit(t, body, tc.change)
		}
		s.lie.Store(&lie)
		if _, err := c.Findings(t.Context(), "payment-parts", 0, 2); err == nil {
			t.Errorf("%s is believed", name)
		} else {
			wantLie(t, err, tc.says)
		}
	}
}

func TestStatsOf(t *testing.T) {
	s := serve(t)
	declines(s)
	c := s.dial()
	scope := stats.Scope{From: "2026-03", To: "2026-03"}
	if got, err := c.StatsOf(t.Context(), scope); err != nil || got.Decisions.Count != 2 || got.Scope != scope {
		t.Errorf("%+v, %v", got, err)
	}
	lie := func(r *http.Request, _ *http.Response, body []byte) []byte {
		if r.URL.Path != "/v1/stats" {
			return body
		}
		return edit(t, body, func(v map[string]any) { delete(v, "scope") })
	}
	s.lie.Store(&lie)
	if _, err := c.StatsOf(t.Context(), scope); err == nil {
		t.Error("statistics of something else are believed")
	} else {
		wantLie(t, err, "something else than was asked for")
	}
}

// Who is content with an older answer gets it, though it lies behind what was seen;
// who is not, doesn't.
func TestRecent(t *testing.T) {
	s := serve(t)
	declines(s)
	c := s.dial()
	asOf := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	ask := func(age time.Duration) int64 {
		t.Helper()
		got, err := c.Due(client.Recent(t.Context(), age), due.Query{AsOf: asOf, Limit: due.None}, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Items) > 0 || got.ByObligation["us.adverse-action.notice"][due.Breached] == 0 {
			t.Errorf("it lists %d and counts %v", len(got.Items), got.ByObligation)
		}
		return got.Checkpoint.Size
	}
	before := ask(0)
	s.ledger.Submit(broken(1))
	if _, err := c.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ask(time.Hour); got != before {
		t.Errorf("an answer of a moment ago is of %d records, want %d", got, before)
	}
	if got := ask(0); got != s.ledger.Head().Size {
		t.Errorf("without patience it is of %d records", got)
	}
}
