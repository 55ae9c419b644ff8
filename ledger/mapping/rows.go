// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// A Row is a row of a file and what became of it.
type Row struct {
	Number int64  // 1, 2, 3 … without the header line
	Line   int    // on which it begins
	Text   string // as it stands in the file, in UTF-8, without its line end

	Events   []Event  // none when it was rejected, or when no condition holds
	Rejected []Reason // why it could not be mapped
}

// An Event is the document of one event, which record.ParseEvent accepts.
type Event struct {
	Type     string
	Document []byte
}

// A Reason says why a row is rejected. It holds no text of the row.
type Reason struct {
	Line   int
	Column string // by the name that the mapping gives it; "" is the whole row
	Cause  string // a phrase that follows the column
}

func (r Reason) String() string {
	if r.Column == "" {
		return "the row " + r.Cause
	}
	return "column " + r.Column + " " + r.Cause
}

// Reason tells on one line why the row is rejected, and "" when it is not. The
// line of a cell is told where it is not that of the row.
func (r *Row) Reason() string {
	var b strings.Builder
	for i, reason := range r.Rejected {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(reason.String())
		if reason.Line != r.Line {
			fmt.Fprintf(&b, " (line %d)", reason.Line)
		}
	}
	return b.String()
}

// A Header is the first line of a file, if it has one.
type Header struct {
	Text      string // as it stands, in UTF-8
	Delimiter rune
}

// Rows reads a file row by row and yields each with its events, in the order
// of the mapping. The name of the file, without directories, is what {$file}
// stands for.
//
// The second value is an error that ends everything: the file cannot be read
// or is not the one that the mapping is for, or, of type *Error, the mapping
// contradicts a schema. Memory does not grow with the file.
func (m *Mapping) Rows(name string, r io.Reader) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		t, err := newTable(r, m.file)
		if err != nil {
			yield(nil, fmt.Errorf("couldn't read the file: %w", err))
			return
		}
		s := &reading{Mapping: m, table: t, width: m.file.width, values: make([]canon.Value, len(m.columns))}
		s.values[columnFile] = canon.Text(url.PathEscape(name))
		if s.positions, err = s.locate(); err != nil {
			yield(nil, err)
			return
		}
		for {
			row, err := s.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Header reads the line that names the columns. It is empty for a file that
// has none.
func (m *Mapping) Header(r io.Reader) (Header, error) {
	h := Header{Delimiter: m.file.delimiter}
	if !m.file.header {
		return h, nil
	}
	t, err := newTable(r, m.file)
	if err == nil {
		_, _, h.Text, err = t.next()
	}
	if err != nil {
		return h, fmt.Errorf("couldn't read the header line: %w", wordless(err))
	}
	return h, nil
}

// reading is one file being read.
type reading struct {
	*Mapping
	table     *table
	positions []int // of each column among the cells
	width     int
	number    int64
	values    []canon.Value // of each column, in the current row
}

// locate finds the columns. Its errors name those that the mapping calls for
// and nothing of the file: a file without a header line begins with a person.
func (s *reading) locate() ([]int, error) {
	positions := make([]int, len(s.columns))
	if !s.file.header {
		for i := columnFirst; i < len(s.columns); i++ {
			positions[i] = s.columns[i].at - 1
		}
		return positions, nil
	}
	names, _, _, err := s.table.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty; its first line must name the columns")
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the header line: %w", wordless(err))
	}
	s.width = len(names)
	for i := columnFirst; i < len(s.columns); i++ {
		c := &s.columns[i]
		var at []int
		for j, name := range names {
			if name == c.header {
				at = append(at, j)
			}
		}
		switch {
		case len(at) == 0:
			return nil, fmt.Errorf("the header line of the file names no column %q, which line %d of the mapping calls for", c.header, c.line)
		case c.nth == 0 && len(at) > 1:
			return nil, fmt.Errorf("the header line names %d columns %q; say in the mapping which of them is meant: nth: 1 is the first", len(at), c.header)
		case c.nth > len(at):
			return nil, fmt.Errorf("the header line names %d columns %q, and the mapping calls for number %d", len(at), c.header, c.nth)
		}
		positions[i] = at[max(0, c.nth-1)]
	}
	return positions, nil
}

// wordless keeps what encoding/csv knows of a place and drops its name for
// the file's reader, which nobody needs.
func wordless(err error) error {
	var syntax *csv.ParseError
	if !errors.As(err, &syntax) {
		return err
	}
	return fmt.Errorf("line %d: %s", syntax.Line, quotation(syntax))
}

func quotation(err *csv.ParseError) string {
	if errors.Is(err.Err, csv.ErrBareQuote) {
		return "has a quotation mark within a cell that is not in quotation marks"
	}
	return "has a quotation mark that is not closed, or is followed by other text than the delimiter"
}

func (s *reading) next() (*Row, error) {
	cells, line, text, err := s.table.next()
	s.number++
	row := &Row{Number: s.number, Line: line, Text: text}
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax):
		row.Rejected = []Reason{{Line: syntax.Line, Cause: quotation(syntax)}}
		return row, nil
	case errors.Is(err, io.EOF):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("couldn't read the file after row %d: %w", s.number-1, err)
	case len(cells) != s.width:
		row.Rejected = []Reason{{Line: line, Cause: fmt.Sprintf("has %d cells and should have %d", len(cells), s.width)}}
		return row, nil
	}
	if row.Rejected = s.convert(cells); row.Rejected != nil {
		return row, nil
	}
	for _, e := range s.events {
		if !e.applies(s.values) {
			continue
		}
		doc, _ := e.doc.fill(s.values)
		if _, err := record.NewEvent(doc, s.cat); err != nil {
			var vs record.Violations
			if !errors.As(err, &vs) {
				return nil, err
			}
			if wrong := s.blame(e, vs); wrong != nil {
				return nil, wrong
			}
			for _, v := range vs {
				row.Rejected = append(row.Rejected, s.reason(e, v))
			}
			continue
		}
		b := doc.Bytes()
		if len(b) > record.MaxEvent {
			row.Rejected = append(row.Rejected, Reason{Line: line, Cause: "makes an event of more than 256 KiB"})
		}
		row.Events = append(row.Events, Event{e.typ, b})
	}
	if row.Rejected != nil {
		row.Events = nil
	}
	return row, nil
}

// convert reads the cells of a row into values and returns all that could not
// be read.
func (s *reading) convert(cells []string) []Reason {
	s.values[columnRow] = canon.Number(s.number)
	var rejected []Reason
	for i := columnFirst; i < len(s.columns); i++ {
		c := &s.columns[i]
		cell := cells[s.positions[i]]
		v, ok, want := canon.Value{}, true, c.want
		switch {
		case !s.readable(cell):
			ok, want = false, "text in the encoding of the file"
		case s.file.empty[cell] || c.as != asText && s.file.empty[strings.Trim(cell, blank)]:
		default:
			v, ok = c.read(cell)
		}
		if ok && c.required && v.Kind == canon.Null {
			ok, want = false, "filled"
		}
		if !ok {
			line, _ := s.table.csv.FieldPos(s.positions[i])
			rejected = append(rejected, Reason{line, c.name, "must be " + want})
		}
		s.values[i] = v
	}
	return rejected
}

// readable reports whether a cell could be decoded.
func (s *reading) readable(cell string) bool {
	if s.file.encoding == encodingUTF8 {
		return utf8.ValidString(cell)
	}
	return !strings.ContainsRune(cell, utf8.RuneError)
}

// reason names the column that a violation comes from: one that is empty if
// there is one, else the first that the member is made of.
func (s *reading) reason(e *event, v record.Violation) Reason {
	n, _ := e.doc.find(v.Pointer)
	line, _ := s.table.csv.FieldPos(0)
	columns := n.placeholders()
	if len(columns) == 0 {
		return Reason{Line: line, Cause: fmt.Sprintf("makes an event %s of which %s", e.typ, v.Error())}
	}
	c := columns[0]
	if i := slices.IndexFunc(columns, func(c int) bool { return s.values[c].Kind == canon.Null }); i >= 0 {
		c = columns[i]
		return Reason{line, s.columns[c].name, fmt.Sprintf("is empty, and %s of %s needs it", v.Pointer, e.typ)}
	}
	if c >= columnFirst {
		line, _ = s.table.csv.FieldPos(s.positions[c])
	}
	return Reason{line, s.columns[c].name, fmt.Sprintf("does not fit: %s of %s %s", v.Pointer, e.typ, v.Message)}
}
