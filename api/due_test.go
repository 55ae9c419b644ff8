// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/due"
)

type dueDoc struct {
	due.Report
	Size       int64  `json:"size"`
	Checkpoint string `json:"checkpoint"`
}

// lent is an event of a loan.
func lent(id, typ, subject, at, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"urn:lender:origination","type":"org.lendlog.%s.v1","subject":%q,"time":%q,"data":%s}`, id, typ, subject, at, data)
}

// owing serves a ledger in which on 31 March 2026 one notice is breached, one
// open on its last day, one met and one met late, and a case runs that nobody
// may know of.
func owing(t *testing.T, change func(*Config)) *testServer {
	s := serve(t, ledger.CreateOptions{}, change)
	for _, event := range []string{
		lent("a1", "decision.made", "file/A", "2026-03-01T12:00:00Z", `{"outcome":"declined","jurisdiction":"US"}`),
		lent("b1", "decision.made", "file/B", "2026-02-28T12:00:00Z", `{"outcome":"declined"}`),
		lent("c1", "decision.made", "file/C", "2026-01-01T12:00:00Z", `{"outcome":"declined"}`),
		lent("c2", "adverse-action.noticed", "file/C", "2026-01-31T23:00:00Z", `{"decisionRef":"c1"}`),
		lent("d1", "decision.made", "file/D", "2026-01-01T12:00:00Z", `{"outcome":"declined"}`),
		lent("d2", "adverse-action.noticed", "file/D", "2026-02-01T00:30:00Z", `{"decisionRef":"d1"}`),
		lent("e1", "decision.made", "file/E", "2026-01-01T12:00:00Z", `{"outcome":"declined"}`),
		lent("e2", "record.voided", "file/E", "2026-03-01T12:00:00Z", `{"target":"e1"}`),
		lent("f1", "payment.received", "file/F", "2026-01-01T12:00:00Z", `{"paymentId":"P"}`),
		lent("k1", "case.opened", "case/K", "2026-01-01T12:00:00Z", `{"caseKind":"suspicious-report","openedAt":"2026-01-01","dueAt":"2026-01-31"}`),
	} {
		s.submit(event)
	}
	return s
}

// owed asks and writes each item in a word.
func (s *testServer) owed(query string) (dueDoc, []string) {
	s.t.Helper()
	d := decode[dueDoc](s.t, s.want(s.get("/v1/due"+query), http.StatusOK).body)
	var items []string
	for _, item := range d.Items {
		items = append(items, fmt.Sprintf("%s %s %s %d", item.Subject, item.State, item.Due, item.Left))
	}
	return d, items
}

func TestDue(t *testing.T) {
	s := owing(t, nil)
	for _, tc := range []struct {
		query string
		want  []string
	}{
		{"?as-of=2026-03-31", []string{"file/B breached 2026-03-30 -1", "file/A open 2026-03-31 0"}},
		{"?as-of=2026-03-31T23:59:59Z&state=all", []string{"file/B breached 2026-03-30 -1", "file/A open 2026-03-31 0", "file/D met-late 2026-01-31 0", "file/C met 2026-01-31 0"}},
		{"?as-of=2026-04-01T00:00:00Z", []string{"file/B breached 2026-03-30 -2", "file/A breached 2026-03-31 -1"}},
		{"?as-of=2026-01-15&state=all", []string{"file/C open 2026-01-31 16", "file/D open 2026-01-31 16"}},
		{"?as-of=2025-12-31&state=all", nil},
		{"?as-of=2026-03-31&state=met,met-late", []string{"file/D met-late 2026-01-31 0", "file/C met 2026-01-31 0"}},
		// In Chicago it was still January.
		{"?as-of=2026-03-31&state=met,met-late&zone=America/Chicago", []string{"file/C met 2026-01-31 0", "file/D met 2026-01-31 0"}},
		{"?as-of=2026-03-10&state=open", []string{"file/B open 2026-03-30 20", "file/A open 2026-03-31 21"}},
		{"?as-of=2026-03-10&within=20", []string{"file/B open 2026-03-30 20"}},
		{"?as-of=2026-03-10&within=19", nil},
		{"?as-of=2026-03-31&limit=1", []string{"file/B breached 2026-03-30 -1"}},
		{"?as-of=2026-03-31&limit=1&skip=1", []string{"file/A open 2026-03-31 0"}},
		{"?as-of=2026-03-31&limit=1&skip=2", nil},
		{"?as-of=2026-03-31&subject=file/A", []string{"file/A open 2026-03-31 0"}},
		{"?as-of=2026-03-31&subject=file%2FC", nil},
		{"?as-of=2026-03-31&subject=file/F&state=all", nil},
		{"?as-of=2026-03-31&subject=case/K&state=all", nil},
		{"?as-of=2026-03-31&id=us.adverse-action.notice", []string{"file/B breached 2026-03-30 -1", "file/A open 2026-03-31 0"}},
		{"?as-of=2026-03-31&id=complaint.promised", nil},
	} {
		if _, got := s.owed(tc.query); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %s", tc.query, cmp.Diff(tc.want, got))
		}
	}
	d, _ := s.owed("?as-of=2026-03-31&limit=1")
	head := s.ledger.Head()
	want := map[due.State]int64{due.Breached: 1, due.Open: 1, due.Met: 1, due.MetLate: 1}
	if d.Matched != 2 || d.Subjects != 5 || !cmp.Equal(d.Counts, want) || d.Size != head.Size || d.Checkpoint != string(head.Note) || d.Zone != "UTC" {
		t.Errorf("%+v", d)
	}
	// What is answered without a time is as of now.
	if d, got := s.owed(""); len(got) != 2 || time.Since(d.AsOf) > time.Hour {
		t.Errorf("now: %v, as of %v", got, d.AsOf)
	}
	// Of a restricted record nothing shows.
	if a := s.get("/v1/due?as-of=2026-03-31&state=all"); strings.Contains(string(a.body), "case/") || strings.Contains(string(a.body), "case.") {
		t.Errorf("%s", a.body)
	}
}

func TestDueRefuses(t *testing.T) {
	s := owing(t, nil)
	for query, says := range map[string]string{
		"as-of=yesterday":         "as-of: a time is RFC 3339",
		"zone=Mars":               "zone: a zone is UTC",
		"zone=Local":              "zone: a zone is UTC",
		"state=late":              "state: a state is open",
		"within=-1":               "within is a whole number",
		"within=36601":            "within is at most",
		"id=nothing":              "that of no obligation",
		"limit=-1":                "limit is a whole number",
		"limit=1001":              "limit is at most 1000",
		"skip=-1":                 "skip is a whole number",
		"skip=1000001":            "skip is at most",
		"cursor=x":                "no query parameter cursor",
		"limit=2&limit=3":         "stands twice",
		"as-of=2026-13-01&zone=x": "zone",
	} {
		if p := s.wantProblem(s.get("/v1/due?"+query), kindBadRequest); !strings.Contains(p.Detail, says) {
			t.Errorf("%s: %q doesn't say %q", query, p.Detail, says)
		}
	}
	for _, subject := range []string{"file/Z", "file", ""} {
		s.wantProblem(s.get("/v1/due?subject="+subject), kindNotFound)
	}
}

// One scan at a time; who asks for a subject does not wait for it.
func TestScansAreBounded(t *testing.T) {
	narrow := defaultLimits
	narrow.patience = 10 * time.Millisecond
	s := owing(t, func(c *Config) { c.limits = &narrow })
	leave, err := s.gates.scans.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.wantProblem(s.get("/v1/due"), kindBusy)
	s.want(s.get("/v1/due?subject=file/A"), http.StatusOK)
	leave()
	s.want(s.get("/v1/due"), http.StatusOK)
}

// A scan that takes too long is ended, and its connection is not.
func TestScansEnd(t *testing.T) {
	narrow := defaultLimits
	narrow.scan = time.Nanosecond
	s := owing(t, func(c *Config) { c.limits = &narrow })
	if p := s.wantProblem(s.get("/v1/due"), kindTooLarge); !strings.Contains(p.Detail, "name a subject") {
		t.Error(p.Detail)
	}
	s.want(s.get("/v1/due?subject=file/A"), http.StatusOK)
}
