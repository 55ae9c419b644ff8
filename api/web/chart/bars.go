// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"cmp"
	"html/template"
	"math"
	"slices"
)

// Sorted returns the data with its rows in the order of the first series, the
// greatest first. Rows of the same number keep their order.
func (d Data) Sorted() Data {
	if len(d.Series) == 0 {
		return d
	}
	order := make([]int, len(d.Rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(d.Series[0].at(b), d.Series[0].at(a)) })
	out := d
	out.Rows, out.Series = nil, slices.Clone(d.Series)
	for i := range out.Series {
		out.Series[i].Values = nil
	}
	for _, row := range order {
		out.Rows = append(out.Rows, d.Rows[row])
		for i := range d.Series {
			out.Series[i].Values = append(out.Series[i].Values, d.Series[i].at(row))
		}
	}
	return out
}

// Bars draws the first series as one bar below the other, the longest first, each
// with its label above and its number beside that. It draws no more than limit:
// the table has all. It is empty where there are no numbers.
func Bars(d Data, limit int) template.HTML {
	if d = d.drawn().Sorted(); d.empty() {
		return ""
	}
	s := &d.Series[0]
	n := min(len(d.Rows), limit)
	most := 0.0
	for row := range n {
		most = math.Max(most, above(s.at(row)))
	}
	const step, high = 34.0, 10.0
	w := begin(&d, float64(n)*step+4)
	for row := range n {
		y := float64(row) * step
		value := s.format(s.at(row))
		w.text(0, y+fontSize, "start", "label", cut(d.Rows[row], width-textWidth(value)-12))
		w.text(width, y+fontSize, "end", "value", value)
		if v := above(s.at(row)); v > 0 {
			w.bar(d.ID, 0, 0, y+fontSize+5, math.Max(1, v/most*width), high, d.Rows[row]+": "+value)
		}
	}
	return w.end()
}
