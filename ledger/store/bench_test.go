// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/tree"
)

// a writer makes batches as a ledger writes them: entries of 600 bytes, and
// payloads of 900 that are not compressible, with a new party in ten records.
type writer struct {
	rng  *rand.ChaCha8
	edge tree.Edge
}

func (w *writer) batch(n int) *Batch {
	b := &Batch{First: w.edge.Size, Head: Head{Note: make([]byte, 200)}}
	random := func(size int) []byte {
		v := make([]byte, size)
		_, _ = w.rng.Read(v)
		return v
	}
	var hashes []tree.Hash
	for i := range n {
		index := b.First + int64(i)
		hashes = append(hashes, tree.Hash(random(32)))
		b.Entries = append(b.Entries, random(600))
		b.Payloads = append(b.Payloads, random(900))
		b.Postings = append(b.Postings, Posting{Term: [32]byte(random(32)), Seq: 1, Index: index, Leaf: hashes[i]})
		b.Identities = append(b.Identities, Identity{Digest: [32]byte(random(32)), Index: index})
		if i%10 == 0 {
			b.Keys = append(b.Keys, KeyRow{ID: index, Row: random(120)})
		}
	}
	b.Tiles = w.edge.AppendAll(hashes)
	b.Head.Size = w.edge.Size
	return b
}

// BenchmarkCommit commits batches durably.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 256, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, err := Open(b.TempDir(), true, quietLog)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			commits(b, n, func(batch *Batch) func() error { return func() error { return s.Commit(batch) } })
		})
	}
}

// BenchmarkBare is what the database alone takes for BenchmarkCommit's rows.
func BenchmarkBare(b *testing.B) {
	for _, n := range []int{1, 256, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bare, err := OpenBare(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer bare.Close()
			commits(b, n, func(batch *Batch) func() error {
				rows := bare.Rows(batch)
				return func() error { return bare.Write(rows) }
			})
		})
	}
}

// BenchmarkMirror appends batches durably to a mirror.
func BenchmarkMirror(b *testing.B) {
	for _, n := range []int{1, 256, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, err := OpenMirror(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			commits(b, n, func(batch *Batch) func() error { return func() error { return m.Append(batch) } })
		})
	}
}

// commits measures what prepare returns for one batch of n after the other.
func commits(b *testing.B, n int, prepare func(*Batch) func() error) {
	w := &writer{rng: rand.NewChaCha8([32]byte{1})}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		commit := prepare(w.batch(n))
		b.StartTimer()
		if err := commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer() // closing flushes
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkGrow fills one store with b.N batches and reports what does not depend
// on what else the machine does: processor time and bytes written for a record,
// merging included, the most memory, and processor time for reading a block of
// entries and one of payloads. With -benchtime 1000x it is a store of a million
// records.
func BenchmarkGrow(b *testing.B) {
	const records, reads = 1024, 1000
	s, err := Open(b.TempDir(), true, quietLog)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	w := &writer{rng: rand.NewChaCha8([32]byte{1})}
	before, wrote := processorTime(b), bytesWritten(b)
	var most uint64
	for i := range b.N {
		if err := s.Commit(w.batch(records)); err != nil {
			b.Fatal(err)
		}
		if i%50 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
	n := float64(b.N * records)
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/n, "cpu-µs/record")
	b.ReportMetric(float64(bytesWritten(b)-wrote)/n, "written-B/record")
	b.ReportMetric(float64(most>>20), "heap-MiB")
	before = processorTime(b)
	for range reads {
		at := int64(w.rng.Uint64() % uint64(n))
		if _, err := s.EntryBlock(at); err != nil {
			b.Fatal(err)
		}
		if _, err := s.PayloadBlock(at); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/reads, "cpu-µs/read")
}

// processorTime is what this process has taken, its background included.
func processorTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// bytesWritten is what this process had written to the disk.
func bytesWritten(b *testing.B) (n int64) {
	f, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(f)) {
		if _, err := fmt.Sscanf(line, "write_bytes: %d", &n); err == nil {
			return n
		}
	}
	return 0
}
