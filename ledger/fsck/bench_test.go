// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"testing"

	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
)

// BenchmarkDisk audits a ledger of 50,000 records.
func BenchmarkDisk(b *testing.B) {
	l := ledgertest.New(b)
	events := ledgertest.NewEvents(5)
	for range 10 {
		l.Submit(events.Take(5000)...)
	}
	l.Stop()
	parts := ledgertest.Parts(b, l.Dir)
	for _, deep := range []bool{false, true} {
		name := "shallow"
		if deep {
			name = "deep"
		}
		b.Run(name, func(b *testing.B) {
			var records int64
			b.ReportAllocs()
			for b.Loop() {
				r, err := fsck.Disk(b.Context(), parts, fsck.Options{Deep: deep})
				if err != nil || r.Verdict != proof.Valid {
					b.Fatal(err, r)
				}
				records += r.Size
			}
			b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
