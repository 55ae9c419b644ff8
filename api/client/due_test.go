// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// declines submits decisions against three applicants, of whom one was told.
func declines(s *server) {
	event := func(id, typ, subject, at, data string) ledgertest.Event {
		return ledgertest.Event{Submitter: "key-1", Document: fmt.Appendf(nil,
			`{"specversion":"1.0","id":%q,"source":"urn:test","type":"org.lendlog.%s.v1","subject":%q,"time":%q,"data":%s}`, id, typ, subject, at, data)}
	}
	s.ledger.Submit(
		event("a1", "decision.made", "file/A", "2026-03-01T12:00:00Z", `{"outcome":"declined"}`),
		event("b1", "decision.made", "file/B", "2026-03-02T12:00:00Z", `{"outcome":"declined"}`),
		event("c1", "decision.made", "file/C", "2026-01-02T12:00:00Z", `{"outcome":"declined"}`),
		event("c2", "adverse-action.noticed", "file/C", "2026-01-03T12:00:00Z", `{"decisionRef":"c1"}`),
	)
}

func dial(t *testing.T, s *server, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), s.url, append(options, client.WithRetries(0))...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDue(t *testing.T) {
	s := serve(t)
	declines(s)
	c := dial(t, s)
	zone, err := due.ParseZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	within := 1
	for _, tc := range []struct {
		name    string
		query   due.Query
		subject string
		want    []string
		matched int64
	}{
		{"everything", due.Query{}, "", []string{"file/A breached", "file/B open", "file/C met"}, 3},
		{"some states", due.Query{States: []due.State{due.Open, due.Met}}, "", []string{"file/B open", "file/C met"}, 2},
		{"a few", due.Query{Limit: 1, Zone: zone}, "", []string{"file/A breached"}, 3},
		{"soon", due.Query{States: []due.State{due.Open}, Within: &within}, "", []string{"file/B open"}, 1},
		{"another obligation", due.Query{Obligation: "complaint.promised"}, "", nil, 0},
		{"one subject", due.Query{}, "file/A", []string{"file/A breached"}, 1},
	} {
		tc.query.AsOf = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
		got, err := c.Due(t.Context(), tc.query, tc.subject)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		var items []string
		for _, item := range got.Items {
			items = append(items, fmt.Sprintf("%s %s", item.Subject, item.State))
		}
		if !slices.Equal(items, tc.want) || got.Matched != tc.matched || got.Checkpoint.Size != s.ledger.Head().Size || !got.AsOf.Equal(tc.query.AsOf) {
			t.Errorf("%s: %s%+v", tc.name, cmp.Diff(tc.want, items), got)
		}
	}
	var p *client.Problem
	if _, err := c.Due(t.Context(), due.Query{}, "file/Z"); !errors.As(err, &p) || p.Status != http.StatusNotFound {
		t.Errorf("an unknown subject: %v", err)
	}
	if _, err := c.Due(t.Context(), due.Query{Obligation: "nothing"}, ""); !errors.As(err, &p) || p.Status != http.StatusBadRequest {
		t.Errorf("an unknown obligation: %v", err)
	}
}

// What can be held against the checkpoint is, and of one subject the server's
// judgement is not asked for.
func TestLiesAboutDue(t *testing.T) {
	s := serve(t)
	declines(s)
	c := dial(t, s)
	for name, change := range map[string]func(d map[string]any){
		"the checkpoint":    func(d map[string]any) { d["checkpoint"] = strings.Replace(d["checkpoint"].(string), "\n1", "\n2", 1) },
		"no checkpoint":     func(d map[string]any) { delete(d, "checkpoint") },
		"a record beyond":   func(d map[string]any) { d["items"].([]any)[0].(map[string]any)["trigger"] = 1 << 40 },
		"a negative record": func(d map[string]any) { d["items"].([]any)[2].(map[string]any)["doneBy"] = -1 },
		"more than matched": func(d map[string]any) { d["matched"] = 2 },
		"no JSON":           func(d map[string]any) { d["items"] = "none" },
	} {
		f := func(r *http.Request, _ *http.Response, body []byte) []byte {
			var d map[string]any
			if r.URL.Path != "/v1/due" {
				return body
			}
			if err := json.NewDecoder(bytes.NewReader(body)).Decode(&d); err != nil {
				t.Error(err)
			}
			change(d)
			b, err := json.Marshal(d)
			if err != nil {
				t.Error(err)
			}
			return b
		}
		s.lie.Store(&f)
		var lied *client.LieError
		if got, err := c.Due(t.Context(), due.Query{AsOf: time.Now()}, ""); !errors.As(err, &lied) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if got, err := c.Due(t.Context(), due.Query{AsOf: time.Now()}, "file/A"); err != nil || len(got.Items) != 1 {
			t.Errorf("%s: of one subject: %v, %v", name, got, err)
		}
	}
}
