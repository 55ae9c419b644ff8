// SPDX-License-Identifier: Apache-2.0

// Package chart draws numbers as SVG, and writes the same numbers as a table.
//
// A chart is made on the server, so it prints, is there without JavaScript, and
// has the same bytes whenever it has the same numbers. It has classes and no
// colours: api/web's style sheet gives those, for light, dark and paper. What is
// told apart by colour is told apart by a label, a marker or a pattern as well.
//
//	d := chart.Data{ID: "decisions", Title: "Decisions", By: "Month", Unit: "decisions",
//		Rows: []string{"2026-01", "2026-02"}, Series: []chart.Series{{Name: "approved", Values: []float64{12, 15}}}}
//	chart.Stack(d), d.Table()
package chart

import (
	"html/template"
	"math"
	"slices"
	"strconv"
)

// A Data is what a chart shows: rows, and in each a number of every series.
type Data struct {
	ID     string // of the chart, unique on its page
	Title  string
	Desc   string // what is to be seen, for whoever doesn't see it
	By     string // what the rows are, such as Month
	Unit   string // of the numbers; "" where the title says it
	Rows   []string
	Series []Series
	Axis   func(float64) string // writes the numbers of the axis; nil as the first series does
}

// A Series is one number for each row.
type Series struct {
	Name   string
	Values []float64            // None where there is none
	Format func(float64) string // writes a number; nil is Count
	// Plain says that it stands in the table only: a total, or a share beside the
	// numbers that are drawn.
	Plain bool
}

// None stands for a number that there is not.
var None = math.NaN()

// Sum returns the numbers of a series together.
func (s *Series) Sum() (sum float64) {
	for _, v := range s.Values {
		if !math.IsNaN(v) {
			sum += v
		}
	}
	return sum
}

// at returns the number of a row, None where the series is too short.
func (s *Series) at(row int) float64 {
	if row >= len(s.Values) || math.IsInf(s.Values[row], 0) {
		return None
	}
	return s.Values[row]
}

// tick writes a number of the axis.
func (d *Data) tick(v float64) string {
	if d.Axis != nil {
		return d.Axis(v)
	}
	return d.Series[0].format(v)
}

// empty reports whether there is nothing to draw.
func (d *Data) empty() bool {
	for i := range d.Series {
		for row := range d.Rows {
			if !math.IsNaN(d.Series[i].at(row)) {
				return false
			}
		}
	}
	return true
}

// drawn returns the data without what stands in the table only.
func (d Data) drawn() Data {
	d.Series = slices.DeleteFunc(slices.Clone(d.Series), func(s Series) bool { return s.Plain })
	return d
}

// format writes a number, a dash where there is none.
func (s *Series) format(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case s.Format != nil:
		return s.Format(v)
	}
	return Count(v)
}

// whole reports whether all numbers are counts, so that an axis needs no others: a share
// of all is a whole number too, and the axis up to it needs parts.
func (d *Data) whole() bool {
	for i := range d.Series {
		if d.Series[i].Format != nil {
			return false
		}
		for _, v := range d.Series[i].Values {
			if !math.IsNaN(v) && v != math.Trunc(v) {
				return false
			}
		}
	}
	return true
}

// Count writes a whole number with commas between its thousands.
func Count(v float64) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v < 0 && s != "0" {
		s = "−" + s
	}
	return s
}

// Percent writes a share of one in percent, to one place.
func Percent(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) + "%" }

// Table writes the numbers as a table.
func (d Data) Table() template.HTML {
	return d.table("figures", func(*Series, float64) string { return "" })
}

// Records returns the numbers as the records of a CSV, the header first. An
// empty cell is a number that there is not.
func (d Data) Records() [][]string {
	header := []string{d.By}
	for _, s := range d.Series {
		header = append(header, s.Name)
	}
	out := [][]string{header}
	for i, row := range d.Rows {
		record := []string{row}
		for j := range d.Series {
			cell := ""
			if v := d.Series[j].at(i); !math.IsNaN(v) {
				cell = strconv.FormatFloat(v, 'f', -1, 64)
			}
			record = append(record, cell)
		}
		out = append(out, record)
	}
	return out
}
