// SPDX-License-Identifier: Apache-2.0

// Package console prints what the commands have to say: to people in words
// and aligned tables, to machines as JSON, and progress on the side.
//
// Results go to Out and nothing else does. What is said about the work (notes,
// warnings, progress) goes to Err. With JSON, Out carries JSON only: one
// document per line.
package console

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/term"

	"github.com/lendlog/lendlog/ledger/proof"
)

// Console is where one command reads and prints.
type Console struct {
	In    io.Reader
	Out   *Writer
	Err   io.Writer
	JSON  bool // results as JSON, no progress
	Quiet bool // no notes, no progress
	Color bool // Out may be painted
	Live  bool // Err is a terminal, where a bar can move
}

// New returns a console on the three streams. It paints only a terminal, and
// only when NO_COLOR is unset and TERM is not "dumb".
func New(in io.Reader, out, err io.Writer) *Console {
	return &Console{
		In: in, Out: &Writer{w: out}, Err: err,
		Color: isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		Live:  isTerminal(err) && os.Getenv("TERM") != "dumb",
	}
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A Writer remembers the first error, so that a result that was cut short by a
// full disk cannot pass for a whole one.
type Writer struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.w.Write(p)
	w.err = err
	return n, err
}

// Failed returns the first error of writing.
func (w *Writer) Failed() error { return w.err }

// Printf prints a result for people. With JSON it prints nothing.
func (c *Console) Printf(format string, args ...any) {
	if !c.JSON {
		fmt.Fprintf(c.Out, format, args...)
	}
}

// Emit prints a result for machines: v as one line of JSON. Without JSON it
// prints nothing.
func (c *Console) Emit(v any) error {
	if !c.JSON {
		return nil
	}
	e := json.NewEncoder(c.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Notef tells about the work, unless Quiet or JSON.
func (c *Console) Notef(format string, args ...any) {
	if !c.Quiet && !c.JSON {
		fmt.Fprintf(c.Err, format+"\n", args...)
	}
}

// Warnf tells what the user has to know in any case.
func (c *Console) Warnf(format string, args ...any) {
	fmt.Fprintf(c.Err, "lendlog: warning: "+format+"\n", args...)
}

// A Style paints a word that says the same without paint.
type Style string

// The styles.
const (
	Good   Style = "32" // green
	Bad    Style = "31" // red
	Unsure Style = "33" // yellow
	Strong Style = "1"  // bold
)

// Paint returns the text in a style where Out may be painted.
func (c *Console) Paint(s Style, text string) string {
	if !c.Color || c.JSON {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// Clean returns s with everything escaped that could steer a terminal or hide
// text, as verdicts are printed: values of records are a stranger's text.
func Clean(s string) string { return proof.Printable(s) }

// Width returns how many columns s takes on a terminal. Chinese characters
// take two.
func Width(s string) int { return uniseg.StringWidth(s) }

// Cut shortens s to at most width columns, with an ellipsis where something
// was left out.
func Cut(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	var b strings.Builder
	used, state := 0, -1
	for rest := s; rest != ""; {
		var cluster string
		var w int
		cluster, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+w > width-1 {
			break
		}
		used += w
		b.WriteString(cluster)
	}
	return b.String() + "…"
}

// Table prints rows under a header, aligned by display width. A column whose
// header begins with ">" is aligned to the right. The last column is not
// padded.
func (c *Console) Table(header []string, rows [][]string) {
	if c.JSON {
		return
	}
	right := make([]bool, len(header))
	widths := make([]int, len(header))
	for i, h := range header {
		header[i], right[i] = strings.CutPrefix(h, ">")
	}
	all := append([][]string{header}, rows...)
	for _, row := range all {
		for i, cell := range row {
			row[i] = Clean(cell)
			widths[i] = max(widths[i], Width(row[i]))
		}
	}
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-Width(cell))
			if i > 0 {
				b.WriteString("  ")
			}
			if right[i] {
				b.WriteString(pad)
			}
			b.WriteString(cell)
			if !right[i] {
				b.WriteString(pad)
			}
		}
		fmt.Fprintln(c.Out, strings.TrimRight(b.String(), " "))
	}
}

// Count writes a number with its thousands apart: 12,345.
func Count(n int64) string {
	s := fmt.Sprint(n)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
