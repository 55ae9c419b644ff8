// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// All sizes are in units of the view box, in which letters are fontSize high. A
// browser scales all of it to the room that there is.
const (
	width    = 440.0
	fontSize = 13.0
	lineStep = 18.0 // from one line of text to the next
)

// A drawing is an SVG that is being written.
type drawing struct{ strings.Builder }

// begin opens an SVG, with what is said of it to who doesn't see it.
func begin(d *Data, height float64) *drawing {
	w := &drawing{}
	id := html.EscapeString(d.ID)
	w.add(`<svg class="chart" role="img" viewBox="0 0 %s %s" aria-labelledby="%s-title" aria-describedby="%s-desc">`, num(width), num(height), id, id)
	w.add(`<title id="%s-title">%s</title><desc id="%s-desc">%s</desc>`, id, html.EscapeString(d.Title), id, html.EscapeString(d.Desc))
	return w
}

func (w *drawing) end() template.HTML {
	w.add("</svg>\n")
	return template.HTML(w.String()) // every text in it went through html.EscapeString
}

func (w *drawing) add(format string, args ...any) { fmt.Fprintf(w, format, args...) }

// text writes a text at a point; anchor is start, middle or end.
func (w *drawing) text(x, y float64, anchor, class, s string) {
	w.add("\n"+`<text class="%s" x="%s" y="%s" text-anchor="%s">%s</text>`, class, num(x), num(y), anchor, html.EscapeString(s))
}

func (w *drawing) line(class string, x1, y1, x2, y2 float64) {
	w.add("\n"+`<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, num(x1), num(y1), num(x2), num(y2))
}

// bar writes a rectangle of a series, with its pattern over it and what it says
// under the pointer.
func (w *drawing) bar(id string, series int, x, y, wide, high float64, says string) {
	at := fmt.Sprintf(`x="%s" y="%s" width="%s" height="%s"`, num(x), num(y), num(wide), num(high))
	w.add("\n"+`<rect class="fill s%d" %s>`, series%colours, at)
	if says != "" {
		w.add(`<title>%s</title>`, html.EscapeString(says))
	}
	w.add(`</rect>`)
	if p := series % len(patterns); patterns[p] != "" {
		w.add(`<rect class="over" %s fill="url(#%s-p%d)"/>`, at, html.EscapeString(id), p)
	}
}

// colours is how many series have a colour of their own.
const colours = 6

// patterns lie over the fills of series, so that these are told apart where
// their colours are not. They are drawn in the colour of the page.
var patterns = [...]string{
	"",
	`<path d="M-1 1L1 -1M0 6L6 0M5 7L7 5"/>`,
	`<circle cx="3" cy="3" r="1.2"/>`,
	`<path d="M0 3H6"/>`,
	`<path d="M0 0L6 6M6 0L0 6"/>`,
	`<path d="M3 0V6"/>`,
}

// define writes the patterns that so many series need.
func (w *drawing) define(id string, series int) {
	if series < 2 {
		return
	}
	w.add("\n<defs>")
	for i := 1; i < min(series, len(patterns)); i++ {
		w.add(`<pattern id="%s-p%d" class="pattern" width="6" height="6" patternUnits="userSpaceOnUse">%s</pattern>`, html.EscapeString(id), i, patterns[i])
	}
	w.add("</defs>")
}

// marker writes the mark of a point: each series has a shape of its own.
func (w *drawing) marker(series int, x, y float64, says string) {
	class := fmt.Sprintf("mark s%d", series%colours)
	title := "<title>" + html.EscapeString(says) + "</title>"
	switch series % 4 {
	case 0:
		w.add("\n"+`<circle class="%s" cx="%s" cy="%s" r="3.2">%s</circle>`, class, num(x), num(y), title)
	case 1:
		w.add("\n"+`<rect class="%s" x="%s" y="%s" width="6" height="6">%s</rect>`, class, num(x-3), num(y-3), title)
	case 2:
		w.add("\n"+`<path class="%s" d="M%s %sl4 7h-8z">%s</path>`, class, num(x), num(y-4), title)
	default:
		w.add("\n"+`<path class="%s" d="M%s %sl4 4l-4 4l-4 -4z">%s</path>`, class, num(x), num(y-4), title)
	}
}

// legend writes the names of the series from the top on, and returns where what
// comes below may begin.
func (w *drawing) legend(d *Data) float64 {
	const swatch, gap = 12.0, 14.0
	x, y := 0.0, fontSize
	for i, s := range d.Series {
		wide := swatch + 5 + textWidth(s.Name)
		if x > 0 && x+wide > width {
			x, y = 0, y+lineStep
		}
		w.bar(d.ID, i, x, y-swatch+2, swatch, swatch, "")
		w.text(x+swatch+5, y, "start", "label", s.Name)
		x += wide + gap
	}
	return y + lineStep
}

// num writes a coordinate, to a tenth.
func num(x float64) string {
	s := strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
	if s == "-0" {
		return "0"
	}
	return s
}

// textWidth estimates how wide a text is: there is no font to ask, and it must
// be the same everywhere.
func textWidth(s string) (wide float64) {
	for _, r := range s {
		switch {
		case r >= 0x2e80: // as wide as high
			wide += fontSize
		case strings.ContainsRune("ijl.,:;'|I!()[] ", r):
			wide += 0.34 * fontSize
		default:
			wide += 0.58 * fontSize
		}
	}
	return wide
}

// cut shortens a text to a width.
func cut(s string, wide float64) string {
	if textWidth(s) <= wide {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && textWidth(string(runes)+"…") > wide {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}
