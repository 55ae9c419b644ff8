// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/anchor/timestamp"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/timestamp/timestamptest"
	"github.com/lendlog/lendlog/ledger/tree"
)

// stamped serves a ledger whose checkpoints two authorities stamp. The function
// that it returns runs the group until the end of the test.
func stamped(t *testing.T) (s *testServer, one, two *ledgertest.TSA, run func()) {
	t.Helper()
	l := ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{}), ledger.Options{})
	one, two = ledgertest.NewTSA(t, "one"), ledgertest.NewTSA(t, "two")
	target, err := timestamp.Open(timestamp.Config{Authorities: []timestamp.Authority{{URL: one.URL, Roots: one.Roots}, {URL: two.URL, Roots: two.Roots}}},
		timestamp.Options{Name: "stamps", Dir: t.TempDir(), Origin: l.Info().Origin})
	if err != nil {
		t.Fatal(err)
	}
	g, err := anchor.New(anchor.Config{
		Ledger: l.Ledger,
		Places: []anchor.Place{{Target: target, Kind: "timestamp", Testnet: true, Every: time.Hour, Poll: time.Millisecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s = serveLedger(t, l, func(c *Config) { c.Anchors = g })
	return s, one, two, func() {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func (s *testServer) place() targetDoc {
	s.t.Helper()
	d := decode[struct{ Targets []targetDoc }](s.t, s.want(s.get("/v1/anchors"), http.StatusOK).body)
	if len(d.Targets) != 1 {
		s.t.Fatalf("there are %d places", len(d.Targets))
	}
	return d.Targets[0]
}

// anchored waits for a final anchor of more than so many records.
func (s *testServer) anchored(size int64) targetDoc {
	s.t.Helper()
	var p targetDoc
	if !ledgertest.Comes(func() bool { p = s.place(); return p.Final > size && p.State == "idle" }) {
		s.t.Fatalf("no anchor came: %+v", p)
	}
	return p
}

func (s *testServer) anchorCall(what, body string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/v1/anchors/"+what, strings.NewReader(body), "Content-Type", typeJSON)
}

func TestAnchors(t *testing.T) {
	s, _, _, run := stamped(t)
	if p := s.place(); p.Name != "stamps" || p.Kind != "timestamp" || !p.Testnet || p.State != "idle" || p.Final != 0 || p.FinalTime != "" {
		t.Errorf("before the group runs it says %+v", p)
	}
	s.wantMetric(`lendlog_anchored_timestamp_seconds{target="stamps"} 0`)
	run()
	first := s.anchored(0)
	if first.FinalTime == "" || first.Stale || len(first.Alarms) > 0 {
		t.Errorf("after the first anchor it says %+v", first)
	}
	s.submit(decision(1))
	s.want(s.anchorCall("now", `{"target":"stamps"}`), http.StatusAccepted)
	second := s.anchored(first.Final)
	s.submit(decision(2))
	s.want(s.anchorCall("now", `{}`), http.StatusAccepted)
	s.anchored(second.Final)
	s.want(s.anchorCall("resume", `{}`), http.StatusAccepted)
	// A target is done with an anchor before the group counts it.
	ledgertest.Until(t, "the count of the third anchor", func() bool {
		return strings.Contains(string(s.get("/metrics").body), "\nlendlog_anchors_total{target=\"stamps\"} 3\n")
	})
	s.wantMetric(`lendlog_anchor_info{kind="timestamp",target="stamps",testnet="true"} 1`)
	s.wantMetric(`lendlog_anchor_stale{target="stamps"} 0`)
	s.wantMetric(`lendlog_anchor_detail{name="agree",target="stamps"} 2`)
	if got := s.want(s.get("/readyz"), http.StatusOK); string(got.body) != "ok\n" {
		t.Errorf("ready is %q", got.body)
	}
	// The archive holds both stamps of each.
	type archive struct {
		Anchors []struct{ Checkpoint, Stamp string }
		Next    int
	}
	first2 := decode[archive](t, s.want(s.get("/v1/anchors/archive?limit=2"), http.StatusOK).body)
	rest := decode[archive](t, s.want(s.get("/v1/anchors/archive?from=2"), http.StatusOK).body)
	if len(first2.Anchors) != 2 || first2.Next != 2 || len(rest.Anchors) != 4 || rest.Next != 0 || rest.Anchors[3].Stamp == "" || rest.Anchors[3].Checkpoint == "" {
		t.Errorf("the archive begins with %+v and goes on with %+v", first2, rest)
	}
	newest := decode[archive](t, s.want(s.get("/v1/anchors/archive?before=100&limit=2"), http.StatusOK).body)
	oldest := decode[archive](t, s.want(s.get("/v1/anchors/archive?before=4"), http.StatusOK).body)
	if len(newest.Anchors) != 2 || newest.Next != 4 || newest.Anchors[0] != rest.Anchors[3] || newest.Anchors[1] != rest.Anchors[2] ||
		len(oldest.Anchors) != 4 || oldest.Next != 0 || oldest.Anchors[3] != first2.Anchors[0] {
		t.Errorf("the archive ends with %+v, before which are %+v", newest, oldest)
	}
	s.wantProblem(s.get("/v1/anchors/archive?before=1&from=1"), kindBadRequest)
	s.wantProblem(s.get("/v1/anchors/archive?limit=1001"), kindBadRequest)
	s.wantProblem(s.anchorCall("now", `{"target":"moon"}`), kindNotFound)
	for _, body := range []string{`{`, `[]`, `"stamps"`, `{"target":1}`, `{"targets":"stamps"}`, `{"target":"stamps","other":1}`} {
		s.wantProblem(s.anchorCall("now", body), kindUnreadable)
	}
	s.wantProblem(s.do(http.MethodPost, "/v1/anchors/now", strings.NewReader("{}"), "Content-Type", typeEvent), kindMediaType)
}

// A page of the archive is bounded in bytes, and the next one goes on.
func TestArchivePageIsBounded(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	head := s.ledger.Head().Note
	text, _, _ := tree.SplitNote(head)
	large := timestamptest.New("large", func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, 60_000)})
	})
	const count = 30
	for i := range count {
		if err := s.ledger.AddAnchored(head, proof.Anchor{Stamp: large.Token([]byte(text), time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC))}); err != nil {
			t.Fatal(err)
		}
	}
	seen, next := 0, new(int)
	for pages := 0; next != nil; pages++ {
		a := s.want(s.get(fmt.Sprintf("/v1/anchors/archive?limit=1000&from=%d", *next)), http.StatusOK)
		if len(a.body) > archivedBytes+1<<17 || pages == count {
			t.Fatalf("page %d has %d bytes", pages, len(a.body))
		}
		d := decode[struct {
			Anchors []any
			Next    *int
		}](t, a.body)
		seen, next = seen+len(d.Anchors), d.Next
	}
	if seen != count {
		t.Errorf("%d of %d anchors are listed", seen, count)
	}
}

// A place that is degraded is said to be, and events are taken.
func TestAnchorsDegraded(t *testing.T) {
	s, one, _, run := stamped(t)
	one.Fail(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) })
	run()
	ledgertest.Until(t, "that the place is degraded", func() bool { p := s.place(); return p.Degraded != "" && p.Failing != "" })
	s.submit(decision(1))
	if p := s.place(); !strings.Contains(p.Degraded, "answers 500") || !strings.Contains(p.Failing, "answers 500") {
		t.Errorf("it says %+v", p)
	}
	if got := s.want(s.get("/readyz"), http.StatusOK); !strings.Contains(string(got.body), "anchoring in stamps (testnet) is degraded") {
		t.Errorf("ready is %q", got.body)
	}
	s.wantMetric(`lendlog_anchor_degraded{target="stamps"} 1`)
	s.wantMetric(`lendlog_anchored_records{target="stamps"} 0`)
}

// A server that anchors nowhere says so.
func TestNoAnchors(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	if got := s.want(s.get("/v1/anchors"), http.StatusOK); string(got.body) != "{\"targets\":[]}\n" {
		t.Errorf("it says %s", got.body)
	}
	if p := s.wantProblem(s.anchorCall("now", `{}`), kindNotFound); !strings.Contains(p.Detail, "--anchors") {
		t.Errorf("the problem is %+v", p)
	}
}
