// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"maps"
	"math"
	"math/bits"
	"slices"
	"time"
)

// durations is a histogram of whole seconds: exact below 256, from there on in
// buckets that are no wider than a 128th of what is in them.
type durations struct {
	n       int64
	buckets map[int]int64 // of those that are not empty
}

func (d *durations) add(x time.Duration) { d.put(bucket(uint64(x/time.Second)), 1) }

// merge adds the durations of another one.
func (d *durations) merge(other *durations) {
	for b, n := range other.buckets {
		d.put(b, n)
	}
}

func (d *durations) put(bucket int, n int64) {
	if d.buckets == nil {
		d.buckets = map[int]int64{}
	}
	d.n += n
	d.buckets[bucket] += n
}

// bucket returns the number of the bucket of a count of seconds.
func bucket(s uint64) int {
	if s < 256 {
		return int(s)
	}
	shift := bits.Len64(s) - 8
	return 128*shift + int(s>>shift)
}

// least returns the least number of seconds in a bucket.
func least(b int) int64 {
	if b < 256 {
		return int64(b)
	}
	shift := b/128 - 1
	return int64(b-128*shift) << shift
}

// quantile returns the value at the nearest rank.
func (d *durations) quantile(q float64) int64 {
	rank := max(1, int64(math.Ceil(q*float64(d.n))))
	for _, b := range slices.Sorted(maps.Keys(d.buckets)) {
		if rank -= d.buckets[b]; rank <= 0 {
			return least(b)
		}
	}
	return 0
}
