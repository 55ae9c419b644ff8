// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// TestLedgerReportsTwentyFaults plants twenty faults in a book, submits it to a
// ledger on disk, and wants exactly these from what the ledger gives back.
func TestLedgerReportsTwentyFaults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	if err := ledger.Create(t.Context(), dir, ledger.CreateOptions{Origin: "ledger.test/synthetic"}); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		ledgertest.Check(t, dir)
	})

	cat := catalogue(t)
	planted := map[string]*lifecycle.Fault{}
	var subjects []string
	var pending []*ledger.Pending
	for e := range book(t, lifecycle.Config{Loans: 100, Seed: 20, Faults: 20, Window: 100}).Events() {
		ev, err := record.ParseEvent(e.Document, cat)
		if err != nil {
			t.Fatal(err)
		}
		p, err := l.Enqueue(t.Context(), ev, "synthetic")
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
		if e.Last {
			subjects = append(subjects, e.Subject)
		}
		if e.Fault != nil {
			planted[e.Subject] = e.Fault
		}
	}
	for _, p := range pending {
		if _, err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(planted) != 20 {
		t.Fatalf("%d faults were planted", len(planted))
	}
	for _, subject := range subjects {
		kind, id, _ := strings.Cut(subject, "/")
		timeline, err := l.Timeline(t.Context(), kind, id, 1, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		var records []story.Record
		for _, r := range timeline.Records {
			s, ok := r.Story()
			if !ok {
				t.Fatalf("record %d is part of no story", r.Index)
			}
			records = append(records, s)
		}
		j := &judged{}
		j.hold(t, story.New(subject, records))
		var want []string
		if f := planted[subject]; f != nil {
			want = []string{f.Kind}
			if j.first != f.Events[0] {
				t.Errorf("%s: %s is found at %s, planted at %v", subject, f.Kind, j.first, f.Events)
			}
		}
		if diff := cmp.Diff(want, append(slices.Clone(j.Findings), j.Due...)); diff != "" {
			t.Errorf("%s: -planted +reported:\n%s", subject, diff)
		}
	}
}
