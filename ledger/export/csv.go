// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
)

const (
	bom = "\xef\xbb\xbf"
	// sealedCell stands where the record may have a value that could not be read.
	sealedCell = "[sealed]"
)

// guard keeps a spreadsheet from taking a text for a formula, by an apostrophe
// before what begins like one. So that it can be taken away again, one stands
// before an apostrophe too, before the text that stands for what is sealed,
// and for the empty text, which an empty cell is not.
func guard(s string) string {
	if s == "" || s == sealedCell || strings.IndexByte("=+-@\t\r\n'", s[0]) >= 0 {
		return "'" + s
	}
	// Some spreadsheets take the wide forms of these characters for them.
	for _, wide := range [...]string{"＝", "＋", "－", "＠"} {
		if strings.HasPrefix(s, wide) {
			return "'" + s
		}
	}
	return s
}

func unguard(s string) (string, error) {
	bare := strings.TrimPrefix(s, "'")
	if guard(bare) != s {
		return "", errors.New("a cell does not have the apostrophe that it should have")
	}
	return bare, nil
}

// cell returns the text of a value. Numbers and times are themselves: none of
// them is a formula.
func cell(k Kind, v canon.Value) string {
	switch k {
	case Integer, Boolean:
		return string(v.Bytes())
	case Decimal, Date, Time:
		return v.Str
	case JSON:
		return guard(string(v.Bytes()))
	}
	return guard(v.Str)
}

// value returns the value of which a cell is the text.
func value(k Kind, text string) (v canon.Value, err error) {
	switch k {
	case Integer:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != text {
			return v, errors.New("a cell is not a whole number")
		}
		return canon.Number(n), nil
	case Boolean:
		if text != "true" && text != "false" {
			return v, errors.New("a cell is neither true nor false")
		}
		return canon.Flag(text == "true"), nil
	case Decimal, Date, Time:
		return canon.Text(text), nil
	}
	if text, err = unguard(text); err != nil || k != JSON {
		return canon.Text(text), err
	}
	return canon.ParseCanonical([]byte(text), canon.Limits{})
}

// writeCSV writes rows as RFC 4180 has it.
func writeCSV(dst io.Writer, rows io.Reader, columns []Column, withBOM bool) error {
	w := bufio.NewWriterSize(dst, 64<<10)
	if withBOM {
		_, _ = w.WriteString(bom)
	}
	for i, c := range columns {
		field(w, i, c.Name)
	}
	_, _ = w.WriteString("\r\n")
	t := newTable(columns)
	for line, err := range lines(rows) {
		if err != nil {
			return err
		}
		got, err := t.parse(line)
		if err != nil {
			return err
		}
		for i, c := range columns {
			switch v := got.cells[i]; {
			case got.isSealed(c.Name):
				field(w, i, sealedCell)
			case v == nil:
				field(w, i, "")
			default:
				field(w, i, cell(c.Kind, *v))
			}
		}
		_, _ = w.WriteString("\r\n")
	}
	return w.Flush()
}

// field writes a field. Those with a semicolon or a tab are quoted besides,
// for programs that were told to part at these.
func field(w *bufio.Writer, i int, s string) {
	if i > 0 {
		_ = w.WriteByte(',')
	}
	if !strings.ContainsAny(s, ",;\"\t\r\n") {
		_, _ = w.WriteString(s)
		return
	}
	_ = w.WriteByte('"')
	_, _ = w.WriteString(strings.ReplaceAll(s, `"`, `""`))
	_ = w.WriteByte('"')
}

// readCSV yields the rows of a CSV.
func readCSV(src io.Reader, t *table, withBOM bool, yield func(*parsed, error) bool) {
	columns := t.columns
	r := csvReader{bufio.NewReaderSize(src, 64<<10)}
	fail := func(err error) { yield(nil, err) }
	head := len(bom)
	if !withBOM {
		head = 0
	}
	if b, err := r.Peek(head); err != nil || string(b) != bom[:head] {
		fail(errors.New("the CSV does not begin with a byte order mark"))
		return
	}
	_, _ = r.Discard(head)
	header, err := r.record(len(columns))
	for i := 0; err == nil && i < len(columns); i++ {
		if header[i] != columns[i].Name {
			err = fmt.Errorf("column %d of the CSV is not %s", i+1, columns[i].Name)
		}
	}
	if err != nil {
		fail(noEOF(err))
		return
	}
	for {
		fields, err := r.record(len(columns))
		if err != nil {
			if !errors.Is(err, io.EOF) {
				fail(err)
			}
			return
		}
		b := t.row()
		for i, c := range columns {
			switch text := fields[i]; text {
			case "":
			case sealedCell:
				b.seal(c.Name)
			default:
				v, err := value(c.Kind, text)
				if err != nil {
					fail(fmt.Errorf("column %s: %w", c.Name, err))
					return
				}
				b.cells[i] = &v
			}
		}
		if !yield(b, nil) {
			return
		}
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// csvReader reads CSV as writeCSV writes it. encoding/csv does not give back
// the line breaks of a field as they were.
type csvReader struct{ *bufio.Reader }

// record reads a record of n fields; io.EOF after the last one.
func (r csvReader) record(n int) ([]string, error) {
	fields := make([]string, 0, n)
	var b []byte
	size := 0
	for {
		b = b[:0]
		c, err := r.ReadByte()
		if err != nil {
			if len(fields) > 0 {
				err = noEOF(err)
			}
			return nil, err
		}
		quoted := c == '"'
		if quoted {
			if c, err = r.ReadByte(); err != nil {
				return nil, noEOF(err)
			}
		}
	field:
		for {
			switch {
			case quoted && c == '"':
				if c, err = r.ReadByte(); err != nil {
					return nil, noEOF(err)
				}
				if c != '"' {
					break field
				}
			case !quoted && (c == ',' || c == '\r'):
				break field
			case !quoted && (c == '"' || c == '\n'):
				return nil, errors.New("a field of the CSV is not quoted as it should be")
			}
			if size++; size > maxLine {
				return nil, errors.New("a record of the CSV is too long")
			}
			b = append(b, c)
			if c, err = r.ReadByte(); err != nil {
				return nil, noEOF(err)
			}
		}
		fields = append(fields, string(b))
		if c == ',' && len(fields) < n {
			continue
		}
		if c == '\r' && len(fields) == n {
			if c, err = r.ReadByte(); err == nil && c == '\n' {
				return fields, nil
			}
		}
		return nil, fmt.Errorf("a record of the CSV does not have %d fields and a line break", n)
	}
}

// Sheet writes a table of texts and numbers as a CSV for spreadsheets, which take
// no cell of it for a formula: its first record is the header.
func Sheet(dst io.Writer, records [][]string) error {
	w := bufio.NewWriterSize(dst, 64<<10)
	_, _ = w.WriteString(bom)
	for _, record := range records {
		for i, cell := range record {
			if cell != "" && !isNumber(cell) {
				cell = guard(cell)
			}
			field(w, i, cell)
		}
		_, _ = w.WriteString("\r\n")
	}
	return w.Flush()
}

// isNumber reports whether a cell is a decimal number, which is no formula.
func isNumber(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	all := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return all(whole) && (!point || all(fraction))
}
