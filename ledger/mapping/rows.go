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

// A File is a CSV file that is being read. It is read once, and by one
// goroutine.
type File struct {
	m         *Mapping
	table     *table
	header    string
	positions []int // of each column among the cells
	width     int
	number    int64         // of the current row
	values    []canon.Value // of each column, in the current row
}

// Open begins to read a file and finds the mapping's columns in its header
// line. The name of the file, without directories, is what {$file} stands for.
func (m *Mapping) Open(name string, r io.Reader) (*File, error) {
	t, err := newTable(r, m.dialect)
	if err != nil {
		return nil, err
	}
	f := &File{m: m, table: t, width: m.dialect.width, values: make([]canon.Value, len(m.columns))}
	f.values[columnFile] = canon.Text(url.PathEscape(name))
	if f.positions, err = f.locate(); err != nil {
		return nil, err
	}
	return f, nil
}

// Rows is Open, and then Rows of the file.
func (m *Mapping) Rows(name string, r io.Reader) iter.Seq2[*Row, error] {
	f, err := m.Open(name, r)
	if err != nil {
		return func(yield func(*Row, error) bool) { yield(nil, err) }
	}
	return f.Rows()
}

// Header returns the line that names the columns as it stands in the file, in
// UTF-8 and without its line end. It is empty when the file has none.
func (f *File) Header() string { return f.header }

// Delimiter returns what stands between the cells.
func (f *File) Delimiter() rune { return f.m.dialect.delimiter }

// Rows yields the rows of the file one by one, each with its events in the
// order of the mapping.
//
// The second value is an error that ends everything: the file cannot be read
// or, of type *Error, the mapping contradicts a schema. Memory does not grow
// with the file.
func (f *File) Rows() iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		for {
			row, err := f.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// locate finds the columns. Its errors name those that the mapping calls for
// and nothing of the file: a file without a header line begins with a person.
func (f *File) locate() ([]int, error) {
	positions := make([]int, len(f.m.columns))
	if !f.m.dialect.header {
		for i := columnFirst; i < len(f.m.columns); i++ {
			positions[i] = f.m.columns[i].at - 1
		}
		return positions, nil
	}
	names, _, text, err := f.table.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty; its first line must name the columns")
	}
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return nil, fmt.Errorf("the header line %s", quotation(syntax))
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the header line: %w", err)
	}
	f.width, f.header = len(names), text
	for i := columnFirst; i < len(f.m.columns); i++ {
		c := &f.m.columns[i]
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

// quotation says what encoding/csv stumbled over.
func quotation(err *csv.ParseError) string {
	if errors.Is(err.Err, csv.ErrBareQuote) {
		return "has a quotation mark within a cell that is not in quotation marks"
	}
	return "has a quotation mark that is not closed, or is followed by other text than the delimiter"
}

func (f *File) next() (*Row, error) {
	row, err := f.read()
	if err != nil || row.Rejected != nil {
		return row, err
	}
	if err := f.fill(row); err != nil {
		return nil, err
	}
	if row.Rejected != nil {
		row.Events = nil
	}
	return row, nil
}

// read reads the next row into values, or says why it could not.
func (f *File) read() (*Row, error) {
	cells, line, text, err := f.table.next()
	f.number++
	row := &Row{Number: f.number, Line: line, Text: text}
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax):
		row.Rejected = []Reason{{Line: syntax.Line, Cause: quotation(syntax)}}
		return row, nil
	case errors.Is(err, io.EOF):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("couldn't read the file after row %d: %w", f.number-1, err)
	case len(cells) != f.width:
		row.Rejected = []Reason{{Line: line, Cause: fmt.Sprintf("has %d cells and should have %d", len(cells), f.width)}}
		return row, nil
	}
	row.Rejected = f.convert(cells)
	return row, nil
}

// maxReasons is about how many reasons are given for one row.
const maxReasons = 16

// fill makes the events of a row out of the current values.
func (f *File) fill(row *Row) error {
	identities := make([][2]string, 0, len(f.m.events))
	for _, e := range f.m.events {
		if !e.applies(f.values) || len(row.Rejected) >= maxReasons {
			continue
		}
		doc, _ := e.doc.fill(f.values)
		event, err := record.NewEvent(doc, f.m.cat)
		var vs record.Violations
		switch {
		case errors.As(err, &vs):
			if wrong := f.m.blame(e, vs); wrong != nil {
				return wrong
			}
			for _, v := range vs {
				row.Rejected = append(row.Rejected, f.reason(e, v))
			}
			continue
		case err != nil:
			return err
		}
		identity := [2]string{event.Source, event.ID}
		if slices.Contains(identities, identity) {
			cause := fmt.Sprintf("makes two events with one source and id; in line %d of the mapping give the event an id of its own", e.line)
			row.Rejected = append(row.Rejected, Reason{Line: row.Line, Cause: cause})
		}
		identities = append(identities, identity)
		b := doc.Bytes()
		if len(b) > record.MaxEvent {
			row.Rejected = append(row.Rejected, Reason{Line: row.Line, Cause: "makes an event of more than 256 KiB"})
		}
		row.Events = append(row.Events, Event{e.typ, b})
	}
	return nil
}

// convert reads the cells of a row into values and returns all that could not
// be read.
func (f *File) convert(cells []string) []Reason {
	f.values[columnRow] = canon.Number(f.number)
	var rejected []Reason
	for i := columnFirst; i < len(f.m.columns); i++ {
		c := &f.m.columns[i]
		cell := cells[f.positions[i]]
		if c.trim {
			cell = strings.Trim(cell, blank)
		}
		v, ok, want := canon.Value{}, true, c.want
		switch {
		case !f.readable(cell):
			ok, want = false, "text in the encoding of the file"
		case f.m.dialect.empty[cell]:
		default:
			v, ok = c.read(cell)
		}
		if ok && c.required && v.Kind == canon.Null {
			ok, want = false, "filled"
		}
		if !ok {
			line, _ := f.table.csv.FieldPos(f.positions[i])
			rejected = append(rejected, Reason{line, c.name, "must be " + want})
		}
		f.values[i] = v
	}
	return rejected
}

// readable reports whether a cell could be decoded.
func (f *File) readable(cell string) bool {
	if f.m.dialect.encoding == encodingUTF8 {
		return utf8.ValidString(cell)
	}
	return !strings.ContainsRune(cell, utf8.RuneError)
}

// reason names the column that a violation comes from: one that is empty if
// there is one, else the first that the member is made of.
func (f *File) reason(e *event, v record.Violation) Reason {
	n, _ := e.doc.find(v.Pointer)
	line, _ := f.table.csv.FieldPos(0)
	columns := n.placeholders()
	if len(columns) == 0 {
		return Reason{Line: line, Cause: fmt.Sprintf("makes an event %s of which %s", e.typ, v.Error())}
	}
	c := columns[0]
	if i := slices.IndexFunc(columns, func(c int) bool { return f.values[c].Kind == canon.Null }); i >= 0 {
		c = columns[i]
		return Reason{line, f.m.columns[c].name, fmt.Sprintf("is empty, and %s of %s needs it", v.Pointer, e.typ)}
	}
	if c >= columnFirst {
		line, _ = f.table.csv.FieldPos(f.positions[c])
	}
	return Reason{line, f.m.columns[c].name, fmt.Sprintf("does not fit: %s of %s %s", v.Pointer, e.typ, v.Message)}
}
