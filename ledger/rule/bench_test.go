// SPDX-License-Identifier: Apache-2.0

package rule_test

import (
	"testing"

	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/story"
)

// BenchmarkJudge judges whole lives of loans and lines, which is what reading
// a subject costs besides.
func BenchmarkJudge(b *testing.B) {
	table := builtin(b)
	records := book(b, lifecycle.Config{Loans: 200, Seed: 3})
	var stories []*story.Story
	n := 0
	for subject, rs := range records {
		stories = append(stories, story.New(subject, rs))
		n += len(rs)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range stories {
			table.Judge(s)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
	b.ReportMetric(float64(n)/float64(len(stories)), "records/story")
}
