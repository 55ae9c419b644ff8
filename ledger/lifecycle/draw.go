// SPDX-License-Identifier: Apache-2.0

package lifecycle

import "math/bits"

// A draw is a source of random numbers: SplitMix64, of eight bytes, so that
// every story has one of its own and is the same whatever stories there are
// besides it. All draws are of integers, because the last digit of a floating
// point number may differ from one processor to the next.
type draw uint64

// mix is the finalizer of SplitMix64. It takes no two numbers to the same one.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d *draw) next() uint64 {
	x := mix(uint64(*d))
	*d += 0x9e3779b97f4a7c15
	return x
}

// below draws one of 0 to n-1.
func (d *draw) below(n int64) int64 {
	hi, _ := bits.Mul64(d.next(), uint64(n))
	return int64(hi)
}

// between draws one of low to high, both included.
func (d *draw) between(low, high int64) int64 { return low + d.below(high-low+1) }

// once draws true once in n times.
func (d *draw) once(n int64) bool { return d.below(n) == 0 }

// permille draws true n times in a thousand.
func (d *draw) permille(n int64) bool { return d.below(1000) < n }

// One draws one of several, each as often as the others.
func one[T any](d *draw, of ...T) T { return of[d.below(int64(len(of)))] }

// A share is something that is drawn so many times in a thousand.
type share[T any] struct {
	permille int64
	value    T
}

// shared draws by shares, which add up to a thousand.
func shared[T any](d *draw, of []share[T]) T {
	p := d.below(1000)
	for _, s := range of {
		if p -= s.permille; p < 0 {
			return s.value
		}
	}
	return of[len(of)-1].value
}

// Quantiles are a distribution: what lies at equal steps from the least value
// to the greatest. Between two of them every value is as likely.
type quantiles []int64

func (q quantiles) draw(d *draw) int64 {
	i := d.below(int64(len(q) - 1))
	return d.between(q[i], q[i+1])
}
