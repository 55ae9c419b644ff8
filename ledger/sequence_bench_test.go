// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// BenchmarkSequence commits events that are prepared, in chunks that fill many
// batches: numbered, hashed, signed, durable.
func BenchmarkSequence(b *testing.B) {
	const chunk = 8192
	l := ledgertest.New(b)
	events := ledgertest.NewEvents(1)
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; {
		b.StopTimer()
		pending := make([]*ledger.Pending, 0, chunk)
		for len(pending) < min(left, chunk) {
			e := events.Next()
			if e.Want != ledgertest.Accepted {
				continue
			}
			p, err := l.Prepare(b.Context(), e.Parse(b, l.Catalogue()), e.Submitter)
			if err != nil {
				b.Fatal(err)
			}
			pending = append(pending, p)
		}
		left -= len(pending)
		b.StartTimer()
		for _, p := range pending {
			if err := p.Submit(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		for _, p := range pending {
			if _, err := p.Wait(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer() // closing flushes
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
