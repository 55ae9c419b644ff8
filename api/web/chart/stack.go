// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"html/template"
	"math"
)

// Stack draws a column for each row, in which the series stand on each other. It
// is empty where there are no numbers; one below zero counts as none.
func Stack(d Data) template.HTML {
	if d = d.drawn(); d.empty() {
		return ""
	}
	most := 0.0
	for row := range d.Rows {
		sum := 0.0
		for i := range d.Series {
			sum += above(d.Series[i].at(row))
		}
		most = math.Max(most, sum)
	}
	body := &drawing{}
	top := fontSize
	if len(d.Series) > 1 {
		body.define(d.ID, len(d.Series))
		top = body.legend(&d)
	}
	if d.Unit != "" {
		top += lineStep
	}
	f := body.axes(&d, top, 4, most, true)
	wide := math.Max(1, math.Min(28, 1.5*f.inset))
	for row, label := range d.Rows {
		base := 0.0
		for i := range d.Series {
			v := above(d.Series[i].at(row))
			if v == 0 {
				continue
			}
			body.bar(d.ID, i, f.x(row)-wide/2, f.y(base+v), wide, f.y(base)-f.y(base+v), label+": "+d.Series[i].Name+" "+d.Series[i].format(v))
			base += v
		}
	}
	w := begin(&d, f.height())
	w.WriteString(body.String())
	return w.end()
}

// above is a number where it is above zero.
func above(v float64) float64 {
	if v > 0 {
		return v
	}
	return 0
}
