// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/lifecycle"
)

// BenchmarkTally reads a whole ledger of credit files for its statistics, obligations
// and findings.
func BenchmarkTally(b *testing.B) {
	book, err := lifecycle.New(lifecycle.Config{Loans: 2000, Seed: 1, Window: 500})
	if err != nil {
		b.Fatal(err)
	}
	var events []ledgertest.Event
	for e := range book.Events() {
		events = append(events, ledgertest.Event{Document: slices.Clone(e.Document), Submitter: "key-1"})
	}
	l := ledgertest.Start(b, ledgertest.Create(b, ledger.CreateOptions{}), ledger.Options{})
	l.Submit(events...)
	b.ReportAllocs()
	for b.Loop() {
		t, err := l.NewTally(100)
		if err == nil {
			err = t.Update(b.Context())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(l.Head().Size), "ns/record")
}

// BenchmarkTimeline reads all records of a subject.
func BenchmarkTimeline(b *testing.B) {
	l := ledgertest.Start(b, ledgertest.Create(b, ledger.CreateOptions{}), ledger.Options{})
	all := ledgertest.NewEvents(1).Take(20_000)
	l.Submit(all...)
	var subjects []string
	for _, e := range all[:2000] {
		if s := e.Parse(b, l.Catalogue()).Subject; !slices.Contains(subjects, s) {
			subjects = append(subjects, s)
		}
	}
	b.ReportAllocs()
	records := 0
	for i := 0; b.Loop(); i++ {
		ev := subjects[i%len(subjects)]
		kind, id, _ := strings.Cut(ev, "/")
		t, err := l.Timeline(b.Context(), kind, id, 1, 100)
		if err != nil {
			b.Fatal(err)
		}
		records += len(t.Records)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(records), "ns/record")
}
