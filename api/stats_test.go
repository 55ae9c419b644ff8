// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
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
	if a := s.get("/v1/stats"); strings.Contains(string(a.body), "case/") || strings.Contains(string(a.body), "case.") || strings.Contains(string(a.body), "party-") {
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
	s.tallyOlder = 2 * shelfAge
	if later := ask(); later.Size != s.ledger.Head().Size || later.Decisions.Count != got.Decisions.Count+1 {
		t.Errorf("later it is of %d records", later.Size)
	}
	// Whoever is content with an older one gets it, up to an hour.
	s.submit(decision(2))
	s.tallyOlder = 10 * time.Minute
	recent := func(seconds int) int64 {
		return decode[statsDoc](t, s.want(s.do("GET", "/v1/stats", nil, "Cache-Control", fmt.Sprintf("max-age=%d", seconds)), http.StatusOK).body).Size
	}
	if got := recent(3600); got != s.ledger.Head().Size-1 {
		t.Errorf("with an hour's patience it is of %d records", got)
	}
	if got := recent(60); got != s.ledger.Head().Size {
		t.Errorf("with a minute's patience it is of %d records", got)
	}
	s.submit(decision(3))
	s.tallyOlder = 2 * shelfLimit
	if got := recent(1 << 30); got != s.ledger.Head().Size {
		t.Errorf("with any patience it is of %d records", got)
	}
}

// Whoever would rather not wait is shown what was counted, and told where nothing was.
func TestStatsAtHand(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	leave, err := s.gates.scans.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func() answer { return s.do("GET", "/v1/stats", nil, "Prefer", "wait=0") }
	if p := s.wantProblem(ask(), kindCounting); !strings.Contains(p.Detail, fmt.Sprintf("0 of %d records", s.ledger.Head().Size)) {
		t.Error(p.Detail)
	}
	leave()
	var last answer
	ledgertest.Until(t, "all records counted", func() bool { last = ask(); return last.status == http.StatusOK })
	before := decode[statsDoc](t, last.body)
	s.submit(decision(1))
	s.tallyOlder = 2 * shelfAge
	if leave, err = s.gates.scans.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := decode[statsDoc](t, s.want(ask(), http.StatusOK).body); got.Size != before.Size || got.Checkpoint != before.Checkpoint {
		t.Errorf("it is of %d records, and was of %d", got.Size, before.Size)
	}
	leave()
	ledgertest.Until(t, "the newest record counted", func() bool {
		return decode[statsDoc](t, s.want(ask(), http.StatusOK).body).Size == s.ledger.Head().Size
	})
}

// What runs keeps what is said of the whole ledger up to date.
func TestRun(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for n := range 2 {
		s.submit(decision(n))
		size := s.ledger.Head().Size
		ledgertest.Until(t, "that all records are counted", func() bool {
			head, _, ok := s.tally.Head()
			return ok && head.Size >= size
		})
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// All scopes are told from one count.
func TestStatsScopes(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	for i, month := range []string{"01", "02", "02"} {
		s.submit(fmt.Sprintf(`{"specversion":"1.0","id":"s-%d","source":"urn:test","type":"org.lendlog.decision.made.v1","subject":"file/S%d","time":"2026-%s-05T10:00:00Z","data":{"outcome":"declined"}}`, i, i, month))
	}
	ask := func(query string) statsDoc {
		t.Helper()
		return decode[statsDoc](t, s.want(s.get("/v1/stats?"+query), http.StatusOK).body)
	}
	for query, want := range map[string]int64{"from=2026-02": 2, "to=2026-01": 1, "from=2026-01&to=2026-02": 3, "product=card": 0, "product=%28unknown%29&to=2026-01": 1} {
		if got := ask(query); got.Decisions.Count != want {
			t.Errorf("%s: %d decisions, want %d", query, got.Decisions.Count, want)
		}
	}
	for _, query := range []string{"from=2026", "from=2026-13", "from=2026-02&to=2026-01", "product=" + strings.Repeat("x", 257), "month=2026-01"} {
		s.wantProblem(s.get("/v1/stats?"+query), kindBadRequest)
	}
}

// A shelf keeps so many answers, the newest.
func TestShelf(t *testing.T) {
	var s shelf[int]
	begun := time.Now().Add(-time.Hour)
	for i := range shelfRoom + 3 {
		s.keep(fmt.Sprint(i), shelved[int]{head: ledger.Head{Size: 7}, read: begun.Add(time.Duration(i) * time.Second), answer: i})
	}
	if len(s.kept) != shelfRoom {
		t.Errorf("it keeps %d answers", len(s.kept))
	}
	for i, kept := range map[int]bool{0: false, 2: false, 3: true, shelfRoom + 2: true} {
		if _, ok := s.fresh(asking{question: fmt.Sprint(i)}, 7); ok != kept {
			t.Errorf("answer %d is kept: %v", i, ok)
		}
	}
	if _, ok := s.fresh(asking{question: "3", moving: true}, 7); ok {
		t.Error("an answer that moves with time is fresh for ever")
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
	if _, _, ok := s.tally.Head(); ok {
		t.Error("what was not finished is kept")
	}
}
