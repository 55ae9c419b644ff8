// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"html/template"
	"math"
	"strings"
)

// markers is up to how many rows points have marks of their own.
const markers = 40

// Lines draws series as lines over the rows, each with its name at its end. It
// is empty where there are no numbers.
func Lines(d Data) template.HTML { return drawLines(d.drawn(), false) }

// Steps draws series that stay as they are until the next row.
func Steps(d Data) template.HTML { return drawLines(d.drawn(), true) }

func drawLines(d Data, steps bool) template.HTML {
	if d.empty() {
		return ""
	}
	top := fontSize
	if d.Unit != "" {
		top += lineStep
	}
	room, most := 8.0, 0.0
	for i := range d.Series {
		room = math.Max(room, 1.1*textWidth(d.Series[i].Name)+10) // in bold
		for row := range d.Rows {
			most = math.Max(most, above(d.Series[i].at(row)))
		}
	}
	room = math.Min(room, width/3)
	body := &drawing{}
	f := body.axes(&d, top, room, most, false)
	var names []int
	var heights []float64
	for i := range d.Series {
		last := body.path(&d, f, i, steps)
		if last >= 0 {
			names, heights = append(names, i), append(heights, f.y(d.Series[i].at(last)))
		}
	}
	for i, y := range spread(heights, f.top, f.bottom) {
		name := cut(d.Series[names[i]].Name, room-8)
		body.text(f.right+6, y+4.5, "start", "label t"+string(rune('0'+names[i]%colours)), name)
	}
	w := begin(&d, f.height())
	w.WriteString(body.String())
	return w.end()
}

// path writes one series, and returns the last row that has a number, -1 for
// none.
func (w *drawing) path(d *Data, f frame, series int, steps bool) int {
	s := &d.Series[series]
	var path strings.Builder
	last := -1
	for row := range d.Rows {
		v := s.at(row)
		if math.IsNaN(v) {
			continue
		}
		x, y := num(f.x(row)), num(f.y(v))
		switch {
		case last < 0 || last != row-1:
			path.WriteString("M" + x + " " + y)
		case steps:
			path.WriteString("H" + x + "V" + y)
		default:
			path.WriteString("L" + x + " " + y)
		}
		last = row
	}
	w.add("\n"+`<path class="line s%d" d="%s"/>`, series%colours, path.String())
	for row := range d.Rows {
		// A number between none and none makes no line.
		alone := (row == 0 || math.IsNaN(s.at(row-1))) && math.IsNaN(s.at(row+1))
		if v := s.at(row); !math.IsNaN(v) && (alone || f.rows <= markers) {
			w.marker(series, f.x(row), f.y(v), d.Rows[row]+": "+s.Name+" "+s.format(v))
		}
	}
	return last
}
