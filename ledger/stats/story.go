// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/lendlog/lendlog/ledger/story"
)

// decided counts the decisions of a story.
func (c *Collector) decided(s *story.Story) {
	var firstFinal, lastFinal *story.Record
	for _, r := range s.OfType(typeDecided) {
		if r.Text("use") == "shadow" {
			continue
		}
		d := &c.r.Decisions
		d.Count++
		outcome := r.Text("outcome")
		count(d.ByOutcome, outcome)
		count(d.ByMode, r.Text("decisionMode"))
		c.countMonth(month(r.At), outcome)
		c.countReasons(r)
		c.countOverride(s, r, outcome)
		if outcome == "referred" {
			continue
		}
		if firstFinal == nil || r.At.Before(firstFinal.At) {
			firstFinal = r
		}
		if lastFinal == nil || !r.At.Before(lastFinal.At) {
			lastFinal = r
		}
	}
	if lastFinal == nil {
		return
	}
	c.r.Approval.Count++
	if lastFinal.Text("outcome") == "approved" {
		c.r.Approval.Approved.Part++
	}
	received := s.First(typeReceived, nil)
	if received == nil {
		return
	}
	if wait := firstFinal.At.Sub(received.At); wait >= 0 {
		c.waits.add(wait)
	} else {
		c.r.TimeToDecision.Earlier++
	}
}

func (c *Collector) countMonth(month, outcome string) {
	months := c.r.Decisions.ByMonth
	if month == "" {
		month = Unknown
	}
	if _, ok := months[month]; !ok && len(months) >= maxKeys {
		month = Other
	}
	if months[month] == nil {
		months[month] = map[string]int64{}
	}
	count(months[month], outcome)
}

func (c *Collector) countReasons(r *story.Record) {
	codes, _ := r.Get("reasonCodes")
	seen := map[string]bool{}
	for _, code := range codes.Items {
		if !seen[code.Str] {
			seen[code.Str] = true
			count(c.r.Decisions.ByReason, code.Str)
		}
	}
}

func (c *Collector) countOverride(s *story.Story, r *story.Record, outcome string) {
	id := r.Text("overrideOf")
	if id == "" {
		return
	}
	c.r.Overrides.Overrides.Part++
	from := Unknown
	if before := s.Named(r, id); before != nil && before.Text("outcome") != "" {
		from = before.Text("outcome")
	}
	count(c.r.Overrides.ByDirection, from+" to "+outcome)
}

// A vintage is the loans and lines of one month. ever counts those that reached
// a stage at an age: behind the ages of MonthsOnBook lie those who did later.
type vintage struct {
	originated int64
	reached    [3][]int64 // of 30, 60 and 90 days; by the index of the age
}

// stages are what delinquency is measured by.
var stages = [3]struct{ days, months story.Decimal }{
	{story.Whole(30), story.Whole(1)}, {story.Whole(60), story.Whole(2)}, {story.Whole(90), story.Whole(3)},
}

// lent counts the loan of a story in its vintage.
func (c *Collector) lent(s *story.Story) {
	origin := s.First(typeDisbursed, nil)
	if opened := s.First(typeOpened, nil); origin == nil || opened != nil && opened.At.Before(origin.At) {
		origin = opened
	}
	if origin == nil {
		return
	}
	c.r.Delinquency.Count++
	born := monthOf(origin.At)
	v := c.vintages[born]
	if origin.At.IsZero() || v == nil && len(c.vintages) >= maxKeys {
		c.r.Delinquency.Unplaced++
		return
	}
	if v == nil {
		v = &vintage{}
		for i := range v.reached {
			v.reached[i] = make([]int64, len(MonthsOnBook)+1)
		}
		c.vintages[born] = v
	}
	v.originated++
	for i, age := range arrears(s, born) {
		if age >= 0 {
			v.reached[i][ageIndex(age)]++
		}
	}
}

// arrears returns the age in months at which a loan reached each stage first,
// -1 for never.
func arrears(s *story.Story, born int) (ages [3]int) {
	ages = [3]int{-1, -1, -1}
	reach := func(stage int, at time.Time) {
		if age := max(0, monthOf(at)-born); ages[stage] < 0 || age < ages[stage] {
			ages[stage] = age
		}
	}
	for _, r := range s.OfType(typeDelinquent) {
		days, byDays := r.Decimal("daysPastDue")
		months, byMonths := r.Decimal("monthsPastDue")
		for stage, limit := range stages {
			if byDays && days.Cmp(limit.days) >= 0 || !byDays && byMonths && months.Cmp(limit.months) >= 0 {
				reach(stage, day(r, "asOf"))
			}
		}
	}
	for _, r := range s.OfType(typeChargedOff) {
		for stage := range stages {
			reach(stage, day(r, "chargeOffDate"))
		}
	}
	return ages
}

// day is when what a record tells held: the date that it names, or its time.
func day(r *story.Record, member string) time.Time {
	if at, err := time.Parse(time.DateOnly, r.Text(member)); err == nil {
		return at
	}
	return r.At
}

// monthOf numbers months.
func monthOf(t time.Time) int {
	t = t.UTC()
	return 12*t.Year() + int(t.Month()) - 1
}

// ageIndex returns which of MonthsOnBook is the first that an age lies within.
func ageIndex(age int) int {
	i := 0
	for i < len(MonthsOnBook) && MonthsOnBook[i] < age {
		i++
	}
	return i
}

// report tells of the ages that the ledger has reached.
func (v *vintage) report(born, now int) Vintage {
	out := Vintage{Month: fmt.Sprintf("%04d-%02d", born/12, born%12+1), Originated: v.originated, Ever: []Point{}}
	var sum [3]int64
	for i, age := range MonthsOnBook {
		for stage := range sum {
			sum[stage] += v.reached[stage][i]
		}
		if born+age <= now {
			out.Ever = append(out.Ever, Point{age, sum[0], sum[1], sum[2]})
		}
	}
	return out
}

// durations is a histogram of whole seconds: exact below 256, from there on in
// buckets that are no wider than a 128th of what is in them.
type durations struct {
	n       int64
	buckets [128 * 58]int64
}

func (d *durations) add(x time.Duration) {
	d.n++
	d.buckets[bucket(uint64(x/time.Second))]++
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
	for b, n := range d.buckets {
		if rank -= n; rank <= 0 {
			return least(b)
		}
	}
	return 0
}
