// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"time"

	"github.com/lendlog/lendlog/ledger/story"
)

// productOf returns the product that the first record of a story with one names.
func productOf(s *story.Story) string {
	for r := range s.Live() {
		if product := r.Text("product"); product != "" {
			return product
		}
	}
	return Unknown
}

// stages are what delinquency is measured by.
var stages = [3]struct{ days, months story.Decimal }{
	{story.Whole(30), story.Whole(1)}, {story.Whole(60), story.Whole(2)}, {story.Whole(90), story.Whole(3)},
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
