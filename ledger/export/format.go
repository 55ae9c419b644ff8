// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// The formats of a file.
const (
	CSV     = "csv"
	NDJSON  = "ndjson"
	Parquet = "parquet"
)

// Formats lists them.
var Formats = []string{CSV, NDJSON, Parquet}

// maxLine bounds a row in bytes. An event has at most 256 KiB.
const maxLine = 8 << 20

// Write writes rows, which come in their canonical form, in a format. The byte
// order mark, which some spreadsheets need to know UTF-8 by, goes with CSV.
func Write(dst io.Writer, rows io.Reader, columns []Column, format string, bom bool) error {
	switch format {
	case CSV:
		return writeCSV(dst, rows, columns, bom)
	case NDJSON:
		_, err := io.Copy(dst, rows)
		return err
	case Parquet:
		return writeParquet(dst, rows, columns)
	}
	return fmt.Errorf("there is no format %s; choose csv, ndjson or parquet", format)
}

// read yields the rows of a file. An error is the last.
func read(src io.ReaderAt, size int64, columns []Column, format string, bom bool) iter.Seq2[*parsed, error] {
	return func(yield func(*parsed, error) bool) {
		t := newTable(columns)
		r := io.NewSectionReader(src, 0, size)
		switch format {
		case CSV:
			readCSV(r, t, bom, yield)
		case NDJSON:
			for line, err := range lines(r) {
				var p *parsed
				if err == nil {
					p, err = t.parse(line)
				}
				if !yield(p, err) || err != nil {
					return
				}
			}
		case Parquet:
			readParquet(src, size, t, yield)
		default:
			yield(nil, fmt.Errorf("there is no format %s", format))
		}
	}
}

// lines yields the lines of NDJSON, each with its line break.
func lines(src io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		r := bufio.NewReaderSize(src, 64<<10)
		var line []byte
		for {
			part, err := r.ReadSlice('\n')
			line = append(line, part...)
			switch {
			case errors.Is(err, bufio.ErrBufferFull) && len(line) <= maxLine:
				continue
			case errors.Is(err, bufio.ErrBufferFull):
				err = errors.New("a row is too long")
			case errors.Is(err, io.EOF) && len(line) == 0:
				return
			case errors.Is(err, io.EOF):
				err = errors.New("the last row has no end")
			}
			if !yield(line, err) || err != nil {
				return
			}
			line = line[:0]
		}
	}
}

// a table knows its columns by their names.
type table struct {
	columns []Column
	places  map[string]int
}

func newTable(columns []Column) *table {
	t := &table{columns, map[string]int{}}
	for i, c := range columns {
		t.places[c.Name] = i
	}
	return t
}

// parsed is a row by its columns.
type parsed struct {
	*table
	cells  []*canon.Value  // in the order of the columns; nil where there is no value
	sealed map[string]bool // names of members
}

func (t *table) row() *parsed {
	return &parsed{t, make([]*canon.Value, len(t.columns)), map[string]bool{}}
}

// parse reads a row in its canonical form.
func (t *table) parse(line []byte) (*parsed, error) {
	v, err := canon.ParseCanonical(bytes.TrimSuffix(line, []byte("\n")), canon.Limits{Members: maxColumns + 1})
	if err != nil {
		return nil, fmt.Errorf("a row cannot be read: %w", err)
	}
	p := t.row()
	for i := range v.Members {
		m := &v.Members[i]
		at, ok := t.places[m.Name]
		switch {
		case ok && fits(m.Value, t.columns[at].Kind):
			p.cells[at] = &m.Value
		case !ok && m.Name == sealed:
			for _, name := range m.Value.Items {
				p.sealed[name.Str] = true
			}
		default:
			return nil, errors.New("a row has a member that is not of the columns, or not of their kind")
		}
	}
	if !bytes.Equal(line, p.bytes()) {
		return nil, errors.New("a row is not in its canonical form")
	}
	return p, nil
}

// isSealed reports whether what a column is of could not be read.
func (p *parsed) isSealed(column string) bool {
	return p.sealed[memberOf(column)] || p.sealed[data] && isOf(column, data)
}

// seal notes that what a column is of could not be read. The type stands before
// all columns that may be sealed.
func (p *parsed) seal(column string) {
	name := memberOf(column)
	if typ := p.cells[typeColumn]; typ != nil && typ.Str == record.TypeRestricted && isOf(column, data) {
		name = data
	}
	p.sealed[name] = true
}

// bytes returns the row in its canonical form.
func (p *parsed) bytes() []byte {
	var cells []canon.Member
	for i, v := range p.cells {
		if v != nil {
			cells = append(cells, canon.Member{Name: p.columns[i].Name, Value: *v})
		}
	}
	if len(p.sealed) > 0 {
		cells = append(cells, canon.Member{Name: sealed, Value: canon.Texts(slices.Sorted(maps.Keys(p.sealed))...)})
	}
	return append(canon.Map(cells...).Bytes(), '\n')
}
