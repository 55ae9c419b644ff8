// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"net/http/httptest"
	"testing"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// BenchmarkStream measures server and client together, every digest
// recomputed.
func BenchmarkStream(b *testing.B) {
	l := ledgertest.New(b)
	a, err := api.New(api.Config{Ledger: l.Ledger})
	if err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(a.Handler())
	defer srv.Close()
	c, err := client.Dial(b.Context(), srv.URL, client.WithTrust(l.Trust()))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	docs := events(0, b.N)
	b.ResetTimer()
	n := 0
	for _, err := range c.Stream(b.Context(), func(yield func([]byte) bool) {
		for _, d := range docs {
			if !yield(d) {
				return
			}
		}
	}, client.StreamOptions{}) {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
