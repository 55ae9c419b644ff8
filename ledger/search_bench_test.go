// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
)

// BenchmarkIndex is what the index costs for each record: the part of a commit
// that would not be there without it, but for writing two rows in 4,096 records.
func BenchmarkIndex(b *testing.B) {
	l := ledgertest.New(b)
	var leaves []record.Leaf
	var payloads [][]byte
	for _, r := range l.Submit(ledgertest.NewEvents(1).Take(index.Segment)...) {
		lf, err := record.ParseLeaf(r.Receipt.Entry)
		if err != nil {
			b.Fatal(err)
		}
		payload, err := l.Payload(r.Receipt.Index)
		if err != nil {
			b.Fatal(err)
		}
		leaves, payloads = append(leaves, lf), append(payloads, payload)
	}
	items := make([]index.Item, 0, index.Segment)
	bytes := 0
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		at := i % len(leaves)
		it, err := index.ItemOf(leaves[at], payloads[at])
		if err != nil {
			b.Fatal(err)
		}
		if items = append(items, it); len(items) == index.Segment {
			names, lists := index.Encode(items)
			bytes, items = len(names)+len(lists), items[:0]
		}
	}
	b.ReportMetric(float64(bytes)/index.Segment, "B/record")
}

// BenchmarkSearch reads one page of a ledger of 100,000 records.
func BenchmarkSearch(b *testing.B) {
	l := ledgertest.New(b)
	events := ledgertest.NewEvents(1)
	for l.Head().Size < 100_000 {
		l.Submit(events.Take(5000)...)
	}
	for _, text := range []string{
		"type=decision.made outcome=declined", "capture=late", "party=party-0007", "officer=staff-003",
		"recorded>=2026-01-01 type=payment.received", "time>=2026-03-01 time<2026-03-03", "subject=file/F-000100", "type=payment.received amount>899",
		"reasonCodes=nobody-has-this",
	} {
		f, err := index.ParseFilter(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			found := 0
			for range b.N {
				p, err := l.Search(b.Context(), ledger.Query{Filter: f, Limit: 100})
				if err != nil {
					b.Fatal(err)
				}
				for _, i := range p.Indexes {
					if _, err := l.Record(b.Context(), i); err != nil {
						b.Fatal(err)
					}
				}
				found = len(p.Indexes)
			}
			b.ReportMetric(float64(found), "records")
		})
	}
}
