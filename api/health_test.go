// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

func TestHealth(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	s.submit(decision(1)) // the sequencer runs for sure
	s.want(s.get("/livez"), http.StatusOK)
	s.want(s.get("/readyz"), http.StatusOK)

	s.StopIntake()
	p := s.wantProblem(s.get("/readyz"), kindNotReady)
	if !strings.Contains(p.Detail, kindStopped.title) {
		t.Errorf("it is not ready because %q", p.Detail)
	}
	a := s.post(typeEvent, decision(2))
	s.wantProblem(a, kindStopped)
	if a.header.Get("Retry-After") == "" {
		t.Error("the answer has no Retry-After")
	}
	s.want(s.get("/livez"), http.StatusOK)
	s.want(s.get("/v1/records/0"), http.StatusOK)
	s.wantNoDefect(`"status":503`)
}

// While the ledger refuses events for a reason that passes, each is answered
// so, readiness says why, and reading goes on.
func TestRefusals(t *testing.T) {
	var ahead atomic.Int64 // of the wall clock
	for name, c := range map[string]struct {
		kind    kind
		options ledger.Options
		happens func(*testServer)
		passes  func() // nil when it doesn't
	}{
		"clock": {
			kindClock, ledger.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }},
			func(s *testServer) {
				s.submit(decision(0)) // now the sequencer has looked at the clock
				ahead.Store(int64(time.Hour))
			},
			func() { ahead.Store(0) },
		},
		"space": {kindNoSpace, ledger.Options{MinFree: 1 << 62}, func(*testServer) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveLedger(t, ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{}), c.options), nil)
			c.happens(s)
			a := s.post(typeEvent, decision(1))
			s.wantProblem(a, c.kind)
			if a.header.Get("Retry-After") == "" {
				t.Error("the answer has no Retry-After")
			}
			if p := s.wantProblem(s.get("/readyz"), kindNotReady); !strings.Contains(p.Detail, c.kind.title) {
				t.Errorf("it is not ready because %q", p.Detail)
			}
			for _, l := range s.stream("", decision(1), decision(2)) {
				if !l.Summary && l.Status != c.kind.status {
					t.Errorf("a line was answered %s", l.raw)
				}
			}
			s.want(s.get("/v1/records/0"), http.StatusOK)
			s.wantMetric("lendlog_writable 0")
			s.wantMetric(`lendlog_events_total{outcome="failed"} 3`)
			if c.passes == nil {
				return
			}
			c.passes()
			s.submit(decision(1))
			s.want(s.get("/readyz"), http.StatusOK)
			s.wantMetric("lendlog_writable 1")
		})
	}
}

// wantMetric fails the test when /metrics lacks a line.
func (s *testServer) wantMetric(line string) {
	s.t.Helper()
	text := string(s.want(s.get("/metrics"), http.StatusOK).body)
	if !strings.Contains(text, "\n"+line+"\n") {
		s.t.Errorf("/metrics lacks %s:\n%s", line, text)
	}
}

// A ledger that has stopped under its server is still read.
func TestLedgerStops(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledgertest.Create(t, ledger.CreateOptions{}), ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	s := serveLedger(t, &ledgertest.Ledger{Ledger: l}, nil)
	index := s.submit(decision(1)).Index
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.wantProblem(s.post(typeEvent, decision(2)), kindStopped)
	s.wantProblem(s.get("/readyz"), kindNotReady)
	lines := s.stream("", decision(2))
	last := lines[len(lines)-1]
	if lines[0].Status != kindStopped.status || !last.Summary || last.Problem == nil || last.Problem.Status != kindStopped.status {
		t.Errorf("the stream was answered %+v", lines)
	}
	s.want(s.get(fmt.Sprintf("/v1/records/%d", index)), http.StatusOK)
}

func TestMetrics(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	s.wantMetric(`lendlog_events_total{outcome="conflict"} 0`)
	before := s.ledger.Head().Size
	events, _ := mixed(t, s)
	s.stream("", events...)
	s.get("/v1/records/5")
	s.get("/v1/records/100000")
	s.get("/" + marker)
	for _, line := range []string{
		`lendlog_events_total{outcome="accepted"} 4`,
		`lendlog_events_total{outcome="repeated"} 2`,
		`lendlog_events_total{outcome="conflict"} 1`,
		`lendlog_events_total{outcome="refused"} 2`,
		`lendlog_events_total{outcome="failed"} 0`,
		`lendlog_append_seconds_count 6`,
		`lendlog_http_request_seconds_count{route="getRecord",status="200"} 1`,
		`lendlog_http_request_seconds_count{route="getRecord",status="404"} 1`,
		`lendlog_http_request_seconds_count{route="none",status="404"} 1`,
		fmt.Sprintf(`lendlog_records %d`, before+5), // the accepted, and the conflict
		`lendlog_streams 0`,
		`lendlog_followers 0`,
		`lendlog_writable 1`,
		`lendlog_build_info{version="test"} 1`,
	} {
		s.wantMetric(line)
	}
}

func TestMetricsTwice(t *testing.T) {
	registry := prometheus.NewRegistry()
	l := ledgertest.New(t)
	if _, err := New(Config{Ledger: l.Ledger, Registry: registry}); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Ledger: l.Ledger, Registry: registry}); err == nil {
		t.Error("a registry took the metrics of two servers")
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a server without a ledger was made")
	}
}
