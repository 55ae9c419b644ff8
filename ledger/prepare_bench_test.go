// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
)

// BenchmarkPrepare seals and encrypts events of subjects and parties that are
// known already.
func BenchmarkPrepare(b *testing.B) {
	l, err := ledger.Open(b.Context(), ledgertest.Create(b, ledger.CreateOptions{}), ledger.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	var events []*record.Event
	var size int
	for _, e := range ledgertest.NewEvents(1).Take(2000) {
		ev := e.Parse(b, l.Catalogue())
		if _, err := l.Prepare(b.Context(), ev, e.Submitter); err != nil {
			b.Fatal(err)
		}
		events = append(events, ev)
		size += len(e.Document)
	}
	b.SetBytes(int64(size / len(events)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := l.Prepare(b.Context(), events[i%len(events)], "key-1"); err != nil {
			b.Fatal(err)
		}
	}
}
