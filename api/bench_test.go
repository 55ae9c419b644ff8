// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// BenchmarkStream is one client with one stream of lending events.
func BenchmarkStream(b *testing.B) {
	s := serve(b, ledger.CreateOptions{}, nil)
	events := ledgertest.NewEvents(1).Take(b.N)
	r, w := io.Pipe()
	b.ResetTimer()
	go func() {
		out := bufio.NewWriterSize(w, 64<<10)
		for _, ev := range events {
			_, _ = out.Write(ev.Document)
			_ = out.WriteByte('\n')
		}
		_ = w.CloseWithError(out.Flush())
	}()
	resp, err := http.Post(s.url+"/v1/records", typeStream, r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	n := 0
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); n++ {
	}
	if n != b.N+1 {
		b.Errorf("%d lines, want %d", n, b.N+1)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkSingle is 64 clients that wait for each receipt.
func BenchmarkSingle(b *testing.B) {
	s := serve(b, ledger.CreateOptions{}, nil)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	s.client = &http.Client{Transport: transport}
	var n atomic.Int64
	b.SetParallelism(32) // times two cores
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a := s.post(typeEvent, decision(int(n.Add(1)))); a.status != http.StatusCreated {
				b.Error(fmt.Errorf("status %d: %s", a.status, a.body))
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
