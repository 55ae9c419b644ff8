// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// told makes a story of records written as type, time and data.
func told(t *testing.T, records ...[3]string) *story.Story {
	t.Helper()
	var all []story.Record
	for i, r := range records {
		data, err := canon.Parse([]byte(r[2]), canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, r[1])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, story.Record{Index: int64(i + 1), Seq: int64(i + 1), Type: story.Type(r[0]), Source: "s", ID: fmt.Sprint(i), Time: at, Data: data})
	}
	return story.New("file/A", all)
}

func day1(n int) string {
	return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, n).Format(time.RFC3339)
}

func TestDecisions(t *testing.T) {
	c := New(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	for _, s := range []*story.Story{
		told(t, [3]string{"application.received", day1(0), `{}`}, [3]string{"decision.made", day1(2), `{"outcome":"approved","decisionMode":"automated"}`}),
		// A referral is no decision to wait for, and a comparison is none at all.
		told(t, [3]string{"application.received", day1(0), `{}`}, [3]string{"decision.made", day1(1), `{"outcome":"referred"}`},
			[3]string{"decision.made", day1(1), `{"outcome":"approved","use":"shadow"}`}, [3]string{"decision.made", day1(40), `{"outcome":"declined","reasonCodes":["b","a","b"]}`}),
		// An override: the first decision is what was waited for, the last counts.
		told(t, [3]string{"application.received", day1(0), `{}`}, [3]string{"decision.made", day1(4), `{"outcome":"declined","reasonCodes":["a"]}`},
			[3]string{"decision.made", day1(9), `{"outcome":"approved","overrideOf":"1","reasonCodes":["c"]}`}),
		// What was voided never was, and what was corrected is what it is now.
		told(t, [3]string{"application.received", day1(0), `{}`}, [3]string{"decision.made", day1(1), `{"outcome":"declined"}`}, [3]string{"record.voided", day1(2), `{"target":"1"}`},
			[3]string{"decision.made", day1(6), `{"outcome":"declined"}`}, [3]string{"record.corrected", day1(7), `{"target":"3","members":[{"pointer":"/data/outcome","value":"\"counteroffered\""}]}`}),
		// Nothing to wait from, and the wrong way round; an override of what is not there.
		told(t, [3]string{"decision.made", day1(0), `{"outcome":"approved","overrideOf":"nothing"}`}),
		told(t, [3]string{"application.received", day1(5), `{}`}, [3]string{"decision.made", day1(0), `{"outcome":"approved"}`}),
		told(t, [3]string{"application.received", day1(5), `{}`}),
	} {
		c.Story(s)
	}
	r := c.Report(Scope{})
	share := func(part, whole int64) Share {
		s := Share{Part: part}
		s.of(whole)
		return s
	}
	seconds := func(days int64) *int64 { s := days * 86400; return &s }
	want := Decisions{
		Basis:     Basis{r.Decisions.Population, 8, r.Decisions.Method},
		ByOutcome: map[string]int64{"approved": 4, "declined": 2, "referred": 1, "counteroffered": 1},
		ByReason:  map[string]int64{"a": 2, "b": 1, "c": 1},
		ByMode:    map[string]int64{"automated": 1, Unknown: 7},
		ByMonth:   map[string]map[string]int64{"2026-01": {"approved": 4, "declined": 1, "referred": 1, "counteroffered": 1}, "2026-02": {"declined": 1}},
	}
	if diff := cmp.Diff(want, r.Decisions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(share(4, 6), r.Approval.Approved); diff != "" || r.Approval.Count != 6 {
		t.Errorf("approval of %d files:\n%s", r.Approval.Count, diff)
	}
	if diff := cmp.Diff(share(2, 8), r.Overrides.Overrides); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int64{"declined to approved": 1, Unknown + " to approved": 1}, r.Overrides.ByDirection); diff != "" {
		t.Error(diff)
	}
	// Two, four, six and forty days.
	if w := r.TimeToDecision; w.Count != 4 || w.Earlier != 1 || !near(*w.Median, *seconds(4)) || !near(*w.P90, *seconds(40)) {
		t.Errorf("%+v: median %d, p90 %d", w, *w.Median, *w.P90)
	}
	for _, b := range []Basis{r.Records.Basis, r.Decisions.Basis, r.Approval.Basis, r.TimeToDecision.Basis, r.Overrides.Basis, r.Delinquency.Basis, r.Growth.Basis} {
		if b.Population == "" || b.Method == "" {
			t.Errorf("a statistic is of %+v", b)
		}
	}
}

func near(got, want int64) bool { return got <= want && want-got <= want/100 }

// A vintage tells who was ever late by an age, once, by the worst that was told
// of them.
func TestVintages(t *testing.T) {
	c := New(time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC))
	late := func(at, data string) [3]string { return [3]string{"delinquency.changed", at, data} }
	lent := [3]string{"loan.disbursed", "2026-01-31T12:00:00Z", `{}`}
	for _, s := range []*story.Story{
		told(t, lent),
		told(t, lent, late("2026-02-01T00:00:00Z", `{"daysPastDue":29}`), late("2026-03-01T00:00:00Z", `{"daysPastDue":0}`)),
		// In the second month 30 days, in the fifth 95, then it recovered.
		told(t, lent, late("2026-03-05T00:00:00Z", `{"daysPastDue":30}`), late("2026-06-05T00:00:00Z", `{"daysPastDue":95}`), late("2026-07-01T00:00:00Z", `{"daysPastDue":0}`)),
		// By months, told late and of an earlier day.
		told(t, lent, late("2026-09-05T00:00:00Z", `{"monthsPastDue":2,"asOf":"2026-03-31"}`)),
		told(t, lent, [3]string{"loan.charged-off", "2026-09-30T00:00:00Z", `{}`}),
		// What is corrected was never so; what tells nothing is left out.
		told(t, lent, late("2026-03-05T00:00:00Z", `{"daysPastDue":300}`), late("2026-03-06T00:00:00Z", `{}`),
			[3]string{"record.corrected", "2026-03-07T00:00:00Z", `{"target":"1","members":[{"pointer":"/data/daysPastDue","value":"3"}]}`}),
		told(t, [3]string{"line.opened", "2025-12-01T00:00:00Z", `{}`}, late("2025-11-01T00:00:00Z", `{"daysPastDue":31}`), [3]string{"loan.disbursed", "2026-05-01T00:00:00Z", `{}`}),
		told(t, late("2026-03-05T00:00:00Z", `{"daysPastDue":30}`)),
	} {
		c.Story(s)
	}
	d := c.Report(Scope{}).Delinquency
	want := []Vintage{
		{"2025-12", 1, []Point{{1, 1, 0, 0}, {2, 1, 0, 0}, {3, 1, 0, 0}, {6, 1, 0, 0}, {9, 1, 0, 0}}},
		{"2026-01", 6, []Point{{1, 0, 0, 0}, {2, 2, 1, 0}, {3, 2, 1, 0}, {6, 2, 2, 1}, {9, 3, 3, 2}}},
	}
	if diff := cmp.Diff(want, d.Vintages); diff != "" || d.Count != 7 || d.Unplaced != 0 {
		t.Errorf("%d loans, %d unplaced:\n%s", d.Count, d.Unplaced, diff)
	}
}

func TestRecords(t *testing.T) {
	now := time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	c := New(now)
	leaf := func(typ, capture string, daysAgo int) {
		c.Leaf(make([]byte, 600), record.Leaf{Entry: &record.Entry{Type: typ, Capture: capture, Recorded: now.AddDate(0, 0, -daysAgo)}})
	}
	leaf("a", record.Live, 100)
	leaf("a", record.Late, 29)
	leaf("b", record.Live, 29)
	leaf(record.TypeRestricted, record.Live, 1)
	c.Leaf(make([]byte, 100), record.Leaf{IndexRoot: &record.IndexRoot{}})
	r := c.Report(Scope{})
	r.OnDisk(10_000, 5_000)
	year := int64(37) // 3 in 30 days
	perYear := func(n int64) *int64 { return &n }
	want := Report{
		Records: Records{
			Basis: Basis{r.Records.Population, 5, r.Records.Method}, Restricted: 1, IndexRoots: 1, EntryBytes: 2500,
			ByType: map[string]int64{"a": 2, "b": 1}, ByCapture: map[string]int64{record.Live: 2, record.Late: 1},
			ByMonth: map[string]int64{"2026-03": 1, "2026-06": 2},
		},
		Growth: Growth{
			Basis: Basis{r.Growth.Population, 3, r.Growth.Method}, Days: 30, RecordsPerYear: &year,
			Store: &Volume{10_000, 2000, perYear(74_000)}, Mirror: &Volume{5_000, 1000, perYear(37_000)},
		},
	}
	if diff := cmp.Diff(want.Records, r.Records); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want.Growth, r.Growth); diff != "" {
		t.Error(diff)
	}
	// Of nothing, and of less than a day, there is no share and no rate.
	c = New(now)
	r = c.Report(Scope{})
	r.OnDisk(1, 1)
	if r.Approval.Approved.Value != nil || r.TimeToDecision.Median != nil || r.Growth.RecordsPerYear != nil || r.Growth.Store.PerYear != nil || len(r.Delinquency.Vintages) > 0 {
		t.Errorf("%+v", r)
	}
}

// What can be told apart is bounded, and nothing is lost.
func TestBounds(t *testing.T) {
	c := New(time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC))
	const n = 3 * maxKeys
	for i := range n {
		at := time.Date(1800, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
		c.Story(told(t,
			[3]string{"decision.made", at, fmt.Sprintf(`{"outcome":"declined","reasonCodes":["r-%d"]}`, i)},
			[3]string{"loan.disbursed", at, `{}`},
		))
	}
	r := c.Report(Scope{})
	sum := func(m map[string]int64) (n int64) {
		for _, x := range m {
			n += x
		}
		return n
	}
	d := r.Decisions
	if len(d.ByReason) > maxKeys+1 || sum(d.ByReason) != n || d.ByReason[Other] == 0 {
		t.Errorf("%d reasons of %d decisions", len(d.ByReason), sum(d.ByReason))
	}
	months := int64(0)
	for _, m := range d.ByMonth {
		months += sum(m)
	}
	if len(d.ByMonth) > maxKeys+1 || months != n {
		t.Errorf("%d months of %d decisions", len(d.ByMonth), months)
	}
	if v := r.Delinquency; len(v.Vintages) != maxKeys || v.Unplaced != n-maxKeys || v.Count != n {
		t.Errorf("%d vintages, %d unplaced", len(v.Vintages), v.Unplaced)
	}
}

// Wilson's interval gives the published examples (R. G. Newcombe, 1998, method
// 3), holds the share and lies within 0 and 1.
func TestWilson(t *testing.T) {
	for _, x := range []struct {
		part, whole int64
		low, high   float64
	}{
		{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718},
	} {
		_, low, high := wilson(x.part, x.whole)
		if math.Abs(low-x.low) > 5e-5 || math.Abs(high-x.high) > 5e-5 {
			t.Errorf("%d of %d: %v to %v, want %v to %v", x.part, x.whole, low, high, x.low, x.high)
		}
	}
	for whole := int64(1); whole < 200; whole++ {
		for part := range whole + 1 {
			if value, low, high := wilson(part, whole); low < 0 || high > 1 || low > value || high < value {
				t.Fatalf("%d of %d: %v, %v to %v", part, whole, value, low, high)
			}
		}
	}
}

// Quantiles are those of the sorted values, within one percent.
func TestQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, most := range []int64{1, 100, 10_000, 1 << 33} {
		var d durations
		var all []int64
		for range 999 {
			s := rng.Int64N(most)
			all = append(all, s)
			d.add(time.Duration(s)*time.Second + time.Duration(rng.IntN(1e9)))
		}
		slices.Sort(all)
		for _, q := range []float64{0, 0.5, 0.9, 1} {
			want := all[max(0, int(math.Ceil(q*999))-1)]
			if got := d.quantile(q); got > want || want-got > want/100 {
				t.Errorf("the %v quantile is %d, want %d", q, got, want)
			}
		}
	}
	for _, s := range []uint64{0, 127, 128, 255, 256, 257, 511, 512, 1<<33 - 1, 1<<63 - 1} {
		if b := bucket(s); uint64(least(b)) > s || s > 0 && bucket(uint64(least(b))) != b || b >= 128*58 {
			t.Errorf("%d is in bucket %d from %d on", s, b, least(b))
		}
	}
}
