// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// What is answered is what the engine counts, once for a checkpoint.
func TestStats(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	s.ledger.Submit(ledgertest.NewEvents(5).Take(800)...)
	s.submit(caseOpened)
	ask := func() statsDoc {
		t.Helper()
		return decode[statsDoc](t, s.want(s.get("/v1/stats"), http.StatusOK).body)
	}
	head := s.ledger.Head()
	got := ask()
	want, err := s.ledger.Statistics(t.Context(), head, nil)
	if err != nil {
		t.Fatal(err)
	}
	got.Growth.Store, want.Growth.Store = nil, nil // the database works on by itself
	if diff := cmp.Diff(want, got.Report); diff != "" {
		t.Error(diff)
	}
	if got.Size != head.Size || got.Checkpoint != string(head.Note) || got.Records.Restricted == 0 || got.Decisions.Count == 0 {
		t.Errorf("%+v", got)
	}
	if a := s.get("/v1/stats"); strings.Contains(string(a.body), "case") || strings.Contains(string(a.body), "party-") {
		t.Errorf("it tells %s", a.body)
	}

	// Whoever asks again waits for no scan, with the same checkpoint or soon
	// after.
	leave, err := s.gates.scans.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again := ask()
	s.submit(decision(1))
	soon := ask()
	if again.Size != head.Size || soon.Size != head.Size {
		t.Errorf("the checkpoints are of %d and %d records, want %d", again.Size, soon.Size, head.Size)
	}
	leave()
	s.stats.read = s.stats.read.Add(-2 * statsAge)
	if later := ask(); later.Size != s.ledger.Head().Size || later.Decisions.Count != got.Decisions.Count+1 {
		t.Errorf("later it is of %d records", later.Size)
	}
	s.stats.read = s.stats.read.Add(-2 * statsAge) // the same checkpoint is never too old
	computed := s.stats.doc
	if ask(); s.stats.doc != computed {
		t.Error("it was computed twice for a checkpoint")
	}
}

// Those who ask at a time are one scan.
func TestStatsAreBounded(t *testing.T) {
	narrow := defaultLimits
	narrow.patience = 10 * time.Millisecond
	s := serve(t, ledger.CreateOptions{}, func(c *Config) { c.limits = &narrow })
	leave, err := s.gates.scans.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.wantProblem(s.get("/v1/stats"), kindBusy)
	leave()
	answers := make(chan answer, 8)
	s.gates.scans.patience = time.Minute
	for range cap(answers) {
		go func() { answers <- s.get("/v1/stats") }()
	}
	var bodies []string
	for range cap(answers) {
		bodies = append(bodies, string(s.want(<-answers, http.StatusOK).body))
	}
	if bodies = slices.Compact(bodies); len(bodies) != 1 {
		t.Errorf("there are %d answers for one checkpoint", len(bodies))
	}
}

// A scan that takes too long is ended.
func TestStatsEnd(t *testing.T) {
	narrow := defaultLimits
	narrow.scan = time.Nanosecond
	s := serve(t, ledger.CreateOptions{}, func(c *Config) { c.limits = &narrow })
	if p := s.wantProblem(s.get("/v1/stats"), kindTooLarge); !strings.Contains(p.Detail, "lendlog stats") {
		t.Error(p.Detail)
	}
	if s.stats.doc != nil {
		t.Error("what was not finished is kept")
	}
}
