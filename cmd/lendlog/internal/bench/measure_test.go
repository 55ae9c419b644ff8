// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var a, b latencies
	for us := range 100_000 { // 0 to 100 ms, in two halves
		half := &a
		if us%2 == 0 {
			half = &b
		}
		half.add(time.Duration(us) * time.Microsecond)
	}
	a.merge(&b)
	for _, share := range []float64{0.0001, 0.001, 0.01, 0.5, 0.9, 0.99, 0.9999} {
		want := share * 100_000
		got := micros(a.quantile(share))
		if math.Abs(got-want) > want/32+1 {
			t.Errorf("quantile(%v) = %.0f µs, want about %.0f", share, got, want)
		}
	}
	var none latencies
	if d := none.quantile(0.5); d != 0 {
		t.Errorf("of nothing: %v", d)
	}
	var one latencies
	one.add(time.Hour)
	if d := one.quantile(0.99); d < time.Hour || d > time.Hour*33/32 {
		t.Errorf("of an hour: %v", d)
	}
}

func TestChunksAreAllRecords(t *testing.T) {
	for _, n := range []int64{1000, 3001, 50_000, 1_000_000, 10_000_000} {
		sum := int64(0)
		for _, size := range chunks(n) {
			if size < 1 || size > 1<<15 {
				t.Errorf("a chunk of %d records has %d", n, size)
			}
			sum += int64(size)
		}
		if sum != n {
			t.Errorf("chunks of %d records have %d", n, sum)
		}
	}
}

func TestGrowthComparesTheLastWithTheEarly(t *testing.T) {
	sizes := make([]int, 20)
	costs := make([]cost, len(sizes))
	for i := range sizes {
		sizes[i], costs[i] = 1000, cost{time.Second, 2 * time.Second, time.Second}
	}
	costs[0] = cost{time.Minute, time.Minute, time.Minute} // warming up
	costs[18], costs[19] = cost{2 * time.Second, 2 * time.Second, time.Second}, cost{4 * time.Second, 3 * time.Second, 2 * time.Second}
	r := growth(sizes, costs)
	if r.Growth != 3 || r.GrowthCPU != 1.25 || r.Yardstick != 1.5 || r.Rate < 333 || r.Rate > 334 || r.Targets[0].Met {
		t.Errorf("growth = %+v, want 3 times the cost, which misses the target", r)
	}
}

func TestDiskBytes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := diskBytes(dir)
	if err != nil || got < 100_000 || got > 1<<20 {
		t.Errorf("%d bytes, %v; want what lies on disk of 100,000 and a hole", got, err)
	}
}

func TestWatchMemorySeesThePeak(t *testing.T) {
	peak := watchMemory(os.Getpid())
	b := make([]byte, 64<<20)
	for i := range b {
		b[i] = 1
	}
	if got := peak(); got < 64<<20 || b[len(b)-1] != 1 {
		t.Errorf("the peak is %d MiB, of which 64 were just written", got>>20)
	}
}

func TestTooLittleSpaceIsSaidBefore(t *testing.T) {
	if err := enough(t.TempDir(), 1<<40); err == nil {
		t.Error("6 PiB are free")
	}
	if err := enough(t.TempDir(), 1000); err != nil {
		t.Error(err)
	}
}
