// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// Heat writes the numbers as a table whose cells are the darker the greater their
// number is.
func Heat(d Data) template.HTML {
	most := 0.0
	for i := range d.Series {
		for row := range d.Rows {
			if d.Series[i].Plain {
				continue
			}
			most = math.Max(most, above(d.Series[i].at(row)))
		}
	}
	return d.table("figures heat", func(s *Series, v float64) string {
		switch {
		case math.IsNaN(v), s.Plain:
			return ""
		case !(v > 0):
			return " h0"
		}
		return fmt.Sprintf(" h%d", min(heats, int(math.Ceil(heats*(v/most)))))
	})
}

// heats is how many shades there are above none.
const heats = 5

// table writes the numbers with classes of the table and of each cell.
func (d *Data) table(class string, shade func(*Series, float64) string) template.HTML {
	var w strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&w, format, args...) }
	add(`<table class="%s"><caption>%s</caption>`+"\n", class, html.EscapeString(d.Title))
	add(`<thead><tr><th scope="col">%s</th>`, html.EscapeString(d.By))
	for _, s := range d.Series {
		add(`<th scope="col" class="number">%s</th>`, html.EscapeString(s.Name))
	}
	add("</tr></thead>\n<tbody>\n")
	for row, label := range d.Rows {
		add(`<tr><th scope="row">%s</th>`, html.EscapeString(label))
		for i := range d.Series {
			s := &d.Series[i]
			v := s.at(row)
			add(`<td class="number%s">%s</td>`, shade(s, v), html.EscapeString(s.format(v)))
		}
		add("</tr>\n")
	}
	add("</tbody></table>\n")
	return template.HTML(w.String()) // every text in it went through html.EscapeString
}
