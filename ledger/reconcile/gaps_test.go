// SPDX-License-Identifier: Apache-2.0

package reconcile_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/reconcile"
)

// What Gaps says at any time is what Feeds says of an open period.
func TestGapsAreThoseOfFeeds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var all []reconcile.Arrival
		for i := range rng.IntN(60) {
			a := reconcile.Arrival{Index: int64(i), Source: []string{"urn:a", "urn:a", "urn:b", ""}[rng.IntN(4)], Time: at(1+i%28, i)}
			switch rng.IntN(8) {
			case 0:
				a.Heartbeat = &reconcile.Heartbeat{Last: rng.Int64N(40)}
			case 1:
				a.Batch = &reconcile.Batch{Source: []string{"", "urn:a"}[rng.IntN(2)], First: rng.Int64N(20), Last: rng.Int64N(40)}
			case 2: // without a number
			default:
				a.Sequence = strconv.FormatInt(rng.Int64N(40), 10)
			}
			all = append(all, a)
		}
		feeds := reconcile.NewFeeds(reconcile.Period{}, time.UTC, at(40, 0), 0)
		gaps := reconcile.NewGaps()
		for _, a := range all {
			feeds.Add(a)
			gaps.Add(a)
		}
		report := feeds.Report()
		got, unreadable := gaps.Report(1000)
		if unreadable != report.Unreadable {
			t.Fatalf("%d are unreadable, want %d", unreadable, report.Unreadable)
		}
		have := map[string]reconcile.Gap{}
		for _, g := range got {
			have[g.Source] = g
		}
		for _, p := range report.Producers {
			doubled := int64(0)
			for _, d := range p.Doubled {
				doubled += int64(len(d.Records) - 1)
			}
			g := have[p.Source]
			if g.Missing == nil {
				g.Missing = []reconcile.Range{}
			}
			if diff := cmp.Diff(p.Missing, g.Missing); diff != "" || g.MissingCount != p.MissingCount || g.Doubled != doubled || g.Numbered != p.Numbered {
				t.Fatalf("of %+v it says %+v, want %+v: %s", all, g, p, diff)
			}
		}
	}
}

// Of many gaps the first are listed, and all are counted.
func TestGapsAreListedToALimit(t *testing.T) {
	g := reconcile.NewGaps()
	for n := int64(0); n < 100; n += 2 {
		g.Add(reconcile.Arrival{Source: "urn:a", Sequence: strconv.FormatInt(n, 10)})
	}
	got, _ := g.Report(2)
	if len(got) != 1 || got[0].MissingCount != 49 || len(got[0].Missing) != 2 || got[0].Last != 98 {
		t.Errorf("%+v", got)
	}
}
