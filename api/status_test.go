// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lendlog/lendlog/api/certificate"
	"github.com/lendlog/lendlog/api/certificate/certtest"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/reconcile"
	"github.com/lendlog/lendlog/ledger/selfaudit"
)

func (s *testServer) status() statusDoc {
	s.t.Helper()
	return decode[statusDoc](s.t, s.want(s.get("/v1/status"), http.StatusOK).body)
}

func TestStatus(t *testing.T) {
	s := serve(t, ledger.CreateOptions{LateAfter: 2 * time.Hour, WitnessInterval: 3 * time.Hour}, nil)
	s.submit(decision(1))
	head, got := s.ledger.Head(), s.status()
	if got.Size != head.Size || !got.Recorded.Equal(head.Recorded) || got.Now.Before(got.Recorded) || got.Refusing != "" {
		t.Errorf("of %+v it says %+v", head, got)
	}
	if got.LateAfter != 7200 || got.WitnessInterval != 10800 || got.Witnessing != nil {
		t.Errorf("what is promised is %+v", got)
	}
	s.ledger.Hold(ledger.ErrUnwitnessed)
	defer s.ledger.Release()
	if got := s.status().Refusing; got != kindUnwitnessed.title {
		t.Errorf("it refuses because %q", got)
	}
}

func TestStatusOfWitnesses(t *testing.T) {
	s, one, _, run := witnessed(t, ledger.CreateOptions{WitnessInterval: time.Hour})
	if w := s.status().Witnessing; w == nil || w.Size != 0 || !w.At.IsZero() || len(w.Witnesses) != 2 || w.Witnesses[0].Name != "witness.example/1" {
		t.Fatalf("before they are asked it says %+v", w)
	}
	run()
	r := s.submit(decision(1))
	s.covers(r.Index)
	becomes := func(what string, is func(*witnessingDoc) bool) {
		t.Helper()
		if !ledgertest.Comes(func() bool { return is(s.status().Witnessing) }) {
			t.Fatalf("it never says that %s: %+v", what, s.status().Witnessing)
		}
	}
	becomes("both cosigned", func(w *witnessingDoc) bool {
		return w.Size > r.Index && !w.Overdue && !w.At.IsZero() && w.Witnesses[0].Cosigned > 0 && !w.Witnesses[1].At.IsZero() && w.Witnesses[1].Failing == ""
	})
	one.Fail(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) })
	s.submit(decision(2))
	becomes("one fails", func(w *witnessingDoc) bool { return w.Witnesses[0].Failures > 0 && w.Witnesses[0].Failing != "" })
}

// The last audit is in the status, in /metrics and, where it failed, in /readyz;
// without an auditor it is the one that the ledger has a record of.
func TestStatusOfAudits(t *testing.T) {
	var audits *selfaudit.Auditor
	s := serve(t, ledger.CreateOptions{}, func(c *Config) {
		var err error
		if audits, err = selfaudit.New(selfaudit.Config{Ledger: c.Ledger, Every: time.Hour}); err != nil {
			t.Fatal(err)
		}
		c.Audits = audits
	})
	if a := s.status().Audit; a == nil || a.Every != 3600 || a.Last != nil {
		t.Errorf("before the first audit it says %+v", a)
	}
	if err := audits.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := s.status().Audit
	if a.Last == nil || a.Last.Verdict != "valid" || a.Last.Auditor != ledger.AuditedByServer || a.Last.Record == 0 || a.Running || a.Overdue {
		t.Errorf("after it it says %+v, %+v", a, a.Last)
	}
	s.wantMetric("lendlog_audit_failed 0")
	end := func(s *testServer) { // one at a time: the test looks for what a server leaves behind
		t.Helper()
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
	end(s)
	other := serveLedger(t, s.ledger, nil)
	if b := other.status().Audit; b == nil || b.Every != 0 || b.Last == nil || b.Last.Record != a.Last.Record || b.Last.Size != a.Last.Size {
		t.Errorf("a server that makes none says %+v", b)
	}
	if _, err := s.ledger.RecordAudit(t.Context(), ledger.Audited{Size: 1, Verdict: "invalid", By: ledger.AuditedByOperator, Failed: []string{"tree"}, Findings: 2}); err != nil {
		t.Fatal(err)
	}
	if b := other.status().Audit.Last; b.Verdict != "invalid" || b.Auditor != ledger.AuditedByOperator || len(b.Failed) != 1 || b.Findings != 2 {
		t.Errorf("of the operator's it says %+v", b)
	}
	end(other)
	// Another auditor learns of it when it starts, and raises the alarm.
	later, err := selfaudit.New(selfaudit.Config{Ledger: s.ledger.Ledger})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- later.Run(ctx) }()
	ledgertest.Until(t, "that it learns of it", func() bool { return later.Status().Last != nil })
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	alarmed := serveLedger(t, s.ledger, func(c *Config) { c.Audits = later })
	alarmed.wantMetric("lendlog_audit_failed 1")
	alarmed.wantMetric("lendlog_audit_findings 2")
	if text := string(alarmed.want(alarmed.get("/readyz"), http.StatusOK).body); !strings.Contains(text, "the last audit of the ledger FAILED") {
		t.Errorf("it is ready and says %q", text)
	}
}

// Which numbers of a producer are missing is told within moments, after what was
// there before the server began too.
func TestFeeds(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	numbered := func(n string) string {
		return strings.Replace(decision(len(n)+int(n[0])), `"specversion"`, `"sequence":"`+n+`","specversion"`, 1)
	}
	type document struct {
		Size, Of, Unreadable int64
		Feeds                []reconcile.Gap
	}
	ask := func() document {
		t.Helper()
		return decode[document](t, s.want(s.get("/v1/feeds"), http.StatusOK).body)
	}
	s.submit(numbered("1"))
	s.submit(numbered("4"))
	if d := ask(); d.Size != 0 || d.Of == 0 || len(d.Feeds) != 0 {
		t.Errorf("before anything was read it says %+v", d)
	}
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- s.WatchFeeds(ctx) }()
	becomes := func(missing ...reconcile.Range) {
		t.Helper()
		var d document
		if ledgertest.Comes(func() bool {
			d = ask()
			return d.Size == d.Of && len(d.Feeds) == 1 && cmp.Equal(d.Feeds[0].Missing, missing, cmpopts.EquateEmpty())
		}) {
			return
		}
		t.Fatalf("it never says that %v is missing: %+v", missing, d)
	}
	becomes(reconcile.Range{From: 2, To: 3})
	s.submit(numbered("3"))
	becomes(reconcile.Range{From: 2, To: 2})
	s.submit(numbered("2"))
	becomes()
	stop()
	if err := <-watched; err != nil {
		t.Error(err)
	}
}

// The end of the certificate, and of the roots of its clients', is in the status.
func TestStatusOfCertificate(t *testing.T) {
	authority, dir := certtest.New(t, "root"), t.TempDir()
	issued := authority.Issue(t, "localhost", 48*time.Hour)
	cert, key := certtest.Write(t, dir, "server", issued)
	c, err := certificate.Open(certificate.Files{Cert: cert, Key: key, Clients: authority.WriteRoot(t, dir, "clients")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, ledger.CreateOptions{}, func(conf *Config) { conf.Certificate = c })
	d := s.status().Certificate
	if d == nil || !d.Expires.Equal(c.Leaf().NotAfter) || d.Roots.Before(time.Now()) || d.Refused {
		t.Errorf("of a certificate until %v it says %+v", c.Leaf().NotAfter, d)
	}
}
