// SPDX-License-Identifier: Apache-2.0

package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/reconcile"
)

// at is a time of March 2026: a day, and minutes into it. Days below 1 are of
// February.
func at(day, minutes int) time.Time {
	return time.Date(2026, 3, day, 0, minutes, 0, 0, time.UTC)
}

// sent makes records of urn:a, one a day from a day on, with these numbers.
func sent(day int, numbers ...string) (out []reconcile.Arrival) {
	for i, n := range numbers {
		out = append(out, reconcile.Arrival{Index: int64(100*day + i + 1000), Source: "urn:a", Sequence: n, Time: at(day+i, 0)})
	}
	return out
}

func beats(day, minutes int, h reconcile.Heartbeat) []reconcile.Arrival {
	return []reconcile.Arrival{{Index: int64(10000*day + minutes), Source: "urn:a", Time: at(day, minutes), Heartbeat: &h}}
}

func closed(day int, b reconcile.Batch) []reconcile.Arrival {
	return []reconcile.Arrival{{Index: 7, Source: "urn:closer", Time: at(day, 0), Batch: &b}}
}

// summary tells what was found of a producer.
func summary(p reconcile.Producer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", p.Numbered)
	if n := p.Unnumbered + p.Unordered; n > 0 {
		fmt.Fprintf(&b, "+%d", n)
	}
	if p.Heartbeats > 0 {
		fmt.Fprintf(&b, " beats %d", p.Heartbeats)
	}
	for _, m := range p.Missing {
		fmt.Fprintf(&b, " missing %d-%d", m.From, m.To)
	}
	for _, d := range p.Doubled {
		fmt.Fprintf(&b, " doubled %d by %v", d.Number, d.Records)
	}
	for _, s := range p.Late {
		fmt.Fprintf(&b, " late after %d", s.After)
		if s.Next != nil {
			fmt.Fprintf(&b, " until %d", *s.Next)
		}
	}
	if p.Dropped > 0 {
		fmt.Fprintf(&b, " dropped %d by %v", p.Dropped, p.DroppedBy)
	}
	if p.Said != nil {
		fmt.Fprintf(&b, " said %d", *p.Said)
	}
	return b.String()
}

func TestFeeds(t *testing.T) {
	join := func(parts ...[]reconcile.Arrival) (all []reconcile.Arrival) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	every := 10 * time.Minute
	for _, tc := range []struct {
		name     string
		arrivals []reconcile.Arrival
		want     string // of urn:a; "" when there is nothing to say
	}{
		{"nothing", nil, ""},
		{"without a gap", sent(2, "5", "6", "7"), "3"},
		{"not in order", sent(2, "7", "005", "6"), "3"},
		{"a gap", sent(2, "5", "9"), "2 missing 6-8"},
		{"two gaps", sent(2, "5", "7", "9"), "3 missing 6-6 missing 8-8"},
		{"doubled", sent(2, "5", "6", "5"), "3 doubled 5 by [1200 1202]"},
		{"no numbers", sent(2, "a", "", "-1", "1.5"), "0+4"},
		{"after the last one before", join(sent(-3, "4"), sent(2, "7")), "1 missing 5-6"},
		{"what came in another period is not missing", join(sent(2, "5", "9"), sent(40, "6"), sent(-5, "3"), sent(50, "8")), "2 missing 4-4 missing 7-7"},
		{"a double in another period", join(sent(2, "5"), sent(-5, "5")), "1 doubled 5 by [500 1200]"},
		{"a gap of another period", join(sent(-5, "1", "4"), sent(2, "5")), "1"},
		{"only before", sent(-5, "1", "4"), ""},
		{"the end is missing, says a heartbeat", join(sent(2, "5"), beats(3, 0, reconcile.Heartbeat{Last: 8})), "1 beats 1 missing 6-8"},
		{"a heartbeat after the period", join(sent(2, "5"), beats(40, 0, reconcile.Heartbeat{Last: 8})), "1"},
		{"a heartbeat before it", join(beats(-3, 0, reconcile.Heartbeat{Last: 8}), sent(2, "11")), "1 missing 9-10"},
		{"all is missing, says a heartbeat", join(beats(2, 0, reconcile.Heartbeat{Last: 3}), beats(3, 0, reconcile.Heartbeat{Last: 8})), "0 beats 2 missing 4-8"},
		{"all is missing, says a batch", closed(3, reconcile.Batch{Source: "urn:a", First: 2, Last: 3}), "0 missing 2-3"},
		{"the beginning and the end, says a batch", join(sent(2, "5"), closed(3, reconcile.Batch{Source: "urn:a", First: 4, Last: 6})), "1 missing 4-4 missing 6-6"},
		{"a batch without a first number", join(sent(2, "5"), closed(3, reconcile.Batch{Source: "urn:a", Last: 6})), "1 missing 6-6"},
		{"a batch of records without numbers", join(sent(2, ""), closed(3, reconcile.Batch{Source: "urn:a", First: 4, Last: 6})), "0+1 said 6"},
		{"heartbeats on time", join(beats(2, 0, reconcile.Heartbeat{Interval: every}), beats(2, 11, reconcile.Heartbeat{})), "0 beats 2"},
		{"a late one", join(beats(2, 0, reconcile.Heartbeat{Interval: every}), beats(2, 12, reconcile.Heartbeat{})), "0 beats 2 late after 20000 until 20012"},
		{"none has come", beats(2, 0, reconcile.Heartbeat{Interval: every}), "0 beats 1 late after 20000"},
		{"one that is not due yet", beats(20, 0, reconcile.Heartbeat{Interval: every}), "0 beats 1"},
		{"a silence from before", join(beats(-9, 0, reconcile.Heartbeat{Interval: every}), beats(2, 0, reconcile.Heartbeat{})), "0 beats 1 late after -90000 until 20000"},
		{"a silence that was over", join(beats(-9, 0, reconcile.Heartbeat{Interval: every}), beats(-8, 0, reconcile.Heartbeat{})), ""},
		{"dropped", join(beats(2, 0, reconcile.Heartbeat{Dropped: 2}), beats(3, 0, reconcile.Heartbeat{Dropped: 2}), beats(4, 0, reconcile.Heartbeat{Dropped: 5})), "0 beats 3 dropped 5 by [20000 40000]"},
		{"dropped before", join(beats(-2, 0, reconcile.Heartbeat{Dropped: 2}), beats(3, 0, reconcile.Heartbeat{Dropped: 2})), "0 beats 1"},
		{"dropped after it began again", join(beats(2, 0, reconcile.Heartbeat{Dropped: 2}), beats(3, 0, reconcile.Heartbeat{Dropped: 1})), "0 beats 2 dropped 3 by [20000 30000]"},
	} {
		// The period is March; it is read on March 20.
		f := reconcile.NewFeeds(march(t), time.UTC, at(20, 5), time.Minute)
		for _, a := range tc.arrivals {
			f.Add(a)
		}
		got := ""
		r := f.Report()
		for _, p := range r.Producers {
			if p.Source == "urn:a" {
				got = summary(p)
			}
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
		if whole := !strings.Contains(tc.want, "said"); r.Whole() != whole {
			t.Errorf("%s: whole is %v", tc.name, r.Whole())
		}
	}
}

func TestFeedsUnreadable(t *testing.T) {
	f := reconcile.NewFeeds(march(t), time.UTC, at(20, 0), 0)
	f.Add(reconcile.Arrival{Index: 1, Time: at(2, 0)})
	f.Add(reconcile.Arrival{Index: 2, Time: at(-2, 0)})
	f.Add(reconcile.Arrival{Index: 3, Source: "urn:b", Sequence: "9223372036854775807", Time: at(2, 0)})
	f.Add(reconcile.Arrival{Index: 4, Source: "urn:c", Sequence: "0", Time: at(2, 0)})
	f.Add(reconcile.Arrival{Index: 5, Source: "urn:c", Sequence: strconv.FormatInt(1<<62-1, 10), Time: at(2, 0)})
	r := f.Report()
	if r.Unreadable != 1 || len(r.Producers) != 2 || r.Producers[0].Unordered != 1 || r.Broken() != 1<<62-2 {
		t.Errorf("%+v", r)
	}
}

// TestRandomFeeds takes numbers away from a feed and sends some twice, in any
// order, and wants exactly these back.
func TestRandomFeeds(t *testing.T) {
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		first, n := rnd.Int64N(50), 2+rnd.Int64N(40)
		var arrivals []reconcile.Arrival
		var missing []int64
		doubled := map[int64]bool{}
		index := int64(0)
		send := func(number int64) {
			index++
			arrivals = append(arrivals, reconcile.Arrival{Index: index, Source: "urn:a", Sequence: strconv.FormatInt(number, 10), Time: at(1+rnd.IntN(31), 0)})
		}
		for i := first; i < first+n; i++ {
			switch edge := i == first; {
			case !edge && rnd.IntN(4) == 0:
				missing = append(missing, i)
			case rnd.IntN(6) == 0:
				doubled[i] = true
				send(i)
				fallthrough
			default:
				send(i)
			}
		}
		arrivals = append(arrivals, beats(31, 0, reconcile.Heartbeat{Last: first + n - 1})...)
		rnd.Shuffle(len(arrivals), func(i, j int) { arrivals[i], arrivals[j] = arrivals[j], arrivals[i] })
		f := reconcile.NewFeeds(march(t), time.UTC, at(40, 0), 0)
		for _, a := range arrivals {
			f.Add(a)
		}
		p := f.Report().Producers[0]
		var got []int64
		for _, m := range p.Missing {
			for i := m.From; i <= m.To; i++ {
				got = append(got, i)
			}
		}
		if diff := cmp.Diff(missing, got); diff != "" || p.MissingCount != int64(len(missing)) {
			t.Fatalf("seed %d: missing, -want +got:\n%s", seed, diff)
		}
		for _, d := range p.Doubled {
			if !doubled[d.Number] || len(d.Records) != 2 {
				t.Fatalf("seed %d: %d is not doubled", seed, d.Number)
			}
		}
		if len(p.Doubled) != len(doubled) {
			t.Fatalf("seed %d: %d are doubled, not %d", seed, len(p.Doubled), len(doubled))
		}
	}
}
