// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"time"
)

// A vintage is the loans and lines of one month. reached counts those that
// reached a stage at an age: behind the ages of MonthsOnBook lie those who did
// later.
type vintage struct {
	originated int64
	reached    [len(stages)][]int64 // of 30, 60 and 90 days; by the index of the age
}

func newVintage() *vintage {
	v := &vintage{}
	for i := range v.reached {
		v.reached[i] = make([]int64, len(MonthsOnBook)+1)
	}
	return v
}

// add adds the loans of another one.
func (v *vintage) add(other *vintage) {
	v.originated += other.originated
	for i := range v.reached {
		for age, n := range other.reached[i] {
			v.reached[i][age] += n
		}
	}
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
