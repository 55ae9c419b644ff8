// SPDX-License-Identifier: Apache-2.0

package selfaudit_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/selfaudit"
	"github.com/lendlog/lendlog/ledger/store"
)

func auditor(t *testing.T, l *ledgertest.Ledger, log *strings.Builder) *selfaudit.Auditor {
	t.Helper()
	a, err := selfaudit.New(selfaudit.Config{Ledger: l.Ledger, Logger: slog.New(slog.NewTextHandler(log, nil)), After: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// What came out of an audit is in the status and in the ledger, where the next
// process finds it; an operator's counts as well.
func TestAudit(t *testing.T) {
	l := ledgertest.New(t)
	l.Submit(ledgertest.NewEvents(1).Take(300)...)
	if _, ok, err := l.LastAudit(t.Context()); ok || err != nil {
		t.Fatalf("before any audit there is one: %v, %v", ok, err)
	}
	var log strings.Builder
	a := auditor(t, l, &log)
	size := l.Head().Size
	for range 2 { // the second is also held against the checkpoint of the first
		if err := a.Audit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	last := a.Status().Last
	if last == nil || last.Verdict != "valid" || last.Size <= size || last.By != ledger.AuditedByServer || a.Status().Failed() || a.Status().Overdue(time.Now()) {
		t.Fatalf("the audit says %+v, and logged\n%s", last, log.String())
	}
	recorded, ok, err := l.LastAudit(t.Context())
	if err != nil || !ok || recorded.Index != last.Index || recorded.Size != last.Size || recorded.Verdict != "valid" || recorded.At.IsZero() {
		t.Errorf("the ledger recorded %+v, %v, %v", recorded, ok, err)
	}
	index, err := l.RecordAudit(t.Context(), ledger.Audited{Size: size, Verdict: "invalid", By: ledger.AuditedByOperator, Deep: true, Failed: []string{"mirror"}, Findings: 3})
	if err != nil {
		t.Fatal(err)
	}
	dir := l.Stopped()
	ledgertest.Check(t, dir)
	l = ledgertest.Start(t, dir, ledger.Options{})
	a = auditor(t, l, &log)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- a.Run(ctx) }()
	ledgertest.Until(t, "that the auditor learns of the last audit", func() bool { return a.Status().Last != nil })
	stop()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	s := a.Status()
	if s.Last.Index != index || !s.Failed() || !s.Last.Deep || s.Last.Findings != 3 || len(s.Last.Failed) != 1 || !s.Overdue(s.Last.At.Add(49*time.Hour)) {
		t.Errorf("after a start it knows %+v", s.Last)
	}
	if strings.Contains(log.String(), "ERROR") {
		t.Errorf("it logged\n%s", log.String())
	}
}

// Rot fails the audit, and the alarm says where.
func TestAuditOfRot(t *testing.T) {
	l := ledgertest.New(t)
	rotten := l.Head().Size + 3
	l.Submit(ledgertest.NewEvents(1).Take(300)...)
	dir := l.Stopped()
	raw, err := store.OpenRaw(ledgertest.Parts(t, dir).Store)
	if err != nil {
		t.Fatal(err)
	}
	err = raw.EditEntry(rotten, func(entry []byte) []byte {
		entry[len(entry)/2] ^= 1
		return entry
	})
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
	l = ledgertest.Start(t, dir, ledger.Options{})
	var log strings.Builder
	a := auditor(t, l, &log)
	if err := a.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := a.Status(); !s.Failed() || s.Last.Findings == 0 || len(s.Last.Failed) == 0 {
		t.Errorf("of a ledger that rots it says %+v", s.Last)
	}
	if !strings.Contains(log.String(), "AUDIT FAILED") || !strings.Contains(log.String(), "check=entries") {
		t.Errorf("it logged\n%s", log.String())
	}
}

// An audit that is interrupted says nothing of the ledger.
func TestInterrupted(t *testing.T) {
	l := ledgertest.New(t)
	var log strings.Builder
	a := auditor(t, l, &log)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Audit(ctx); err == nil {
		t.Error("it came to an end")
	}
	if s := a.Status(); s.Last != nil || s.Running {
		t.Errorf("it says %+v", s)
	}
}
