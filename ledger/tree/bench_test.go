// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"testing"
)

func BenchmarkLeafHash(b *testing.B) {
	entry := make([]byte, 600)
	b.SetBytes(int64(len(entry)))
	b.ReportAllocs()
	for b.Loop() {
		_ = LeafHash(entry)
	}
}

// BenchmarkAppendAll appends batches of leaves to a tree of a million and
// takes the root after each.
func BenchmarkAppendAll(b *testing.B) {
	for _, batch := range []int{1, 256, 1024} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			var e Edge
			leaves := make([]Hash, 1024)
			for range 1 << 10 {
				e.AppendAll(leaves)
			}
			leaves = leaves[:batch]
			b.ReportAllocs()
			for b.Loop() {
				e.AppendAll(leaves)
				if _, err := (View{Edge: e}).RootAt(e.Size); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "leaves/s")
		})
	}
}
