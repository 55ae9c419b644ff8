// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/lendlog/lendlog/ledger/canon"
)

// Parquet has a type for times and one for decimals, and neither keeps how a
// value was written: a time loses its zone, 1.50 becomes 1.5. So a column of
// these kinds is a string, exactly as in the record, and has beside it one
// that can be computed with, whose name ends in these.
const (
	asUTC     = ":utc"     // TIMESTAMP in microseconds
	asDecimal = ":decimal" // DECIMAL(38, 18); null where a value has more digits
)

const (
	scale     = 18
	precision = 38
	batch     = 64

	// A group of rows is in memory as a whole, so it has at most so many of
	// them, and is ended once they have so many bytes in their canonical form.
	rowGroup   = 16 << 10
	groupBytes = 32 << 20
)

// physical is a column of the file.
type physical struct {
	parquet.Node
	name string
	from int // place of the column that it is made of
	// of makes the value of a cell that is not empty.
	of func(v canon.Value) parquet.Value
	// back makes the cell again; nil of what is derived.
	back func(v parquet.Value) (canon.Value, error)
}

// group is the root of a schema whose columns stay in their order.
type group struct {
	parquet.Group
	fields []parquet.Field
}

func (g *group) Fields() []parquet.Field { return g.fields }

func layout(columns []Column) (*parquet.Schema, []physical) {
	var all []physical
	for i, c := range columns {
		p := physical{name: c.Name, from: i, Node: parquet.String(), of: ofText, back: toText}
		switch c.Kind {
		case Integer:
			p.Node, p.of, p.back = parquet.Int(64), ofInteger, toInteger
		case Boolean:
			p.Node, p.of, p.back = parquet.Leaf(parquet.BooleanType), ofBoolean, toBoolean
		case Date:
			p.Node, p.of, p.back = parquet.Date(), ofDate, toDate
		case JSON:
			p.Node, p.of, p.back = parquet.JSON(), ofJSON, toJSON
		}
		all = append(all, p)
		switch c.Kind {
		case Time:
			all = append(all, physical{name: c.Name + asUTC, from: i, Node: parquet.TimestampAdjusted(parquet.Microsecond, true), of: ofTime})
		case Decimal:
			all = append(all, physical{
				name: c.Name + asDecimal, from: i, of: ofDecimal,
				Node: parquet.Decimal(scale, precision, parquet.FixedLenByteArrayType(16)),
			})
		}
	}
	all = append(all, physical{name: sealed, from: -1, Node: parquet.String()})
	nodes := parquet.Group{}
	for _, p := range all {
		nodes[p.name] = parquet.Compressed(parquet.Optional(p.Node), &parquet.Snappy)
	}
	byName := map[string]parquet.Field{}
	for _, f := range nodes.Fields() {
		byName[f.Name()] = f
	}
	root := &group{Group: nodes}
	for _, p := range all {
		root.fields = append(root.fields, byName[p.name])
	}
	return parquet.NewSchema("row", root), all
}

func ofText(v canon.Value) parquet.Value    { return parquet.ByteArrayValue([]byte(v.Str)) }
func ofJSON(v canon.Value) parquet.Value    { return parquet.ByteArrayValue(v.Bytes()) }
func ofInteger(v canon.Value) parquet.Value { return parquet.Int64Value(v.Int) }
func ofBoolean(v canon.Value) parquet.Value { return parquet.BooleanValue(v.IsTrue()) }

const day = 24 * 60 * 60

func ofDate(v canon.Value) parquet.Value {
	at, _ := time.Parse(time.DateOnly, v.Str)
	return parquet.Int32Value(int32(at.Unix() / day))
}

func ofTime(v canon.Value) parquet.Value {
	at, _ := time.Parse(time.RFC3339, v.Str)
	return parquet.Int64Value(at.UnixMicro())
}

// ofDecimal returns a number in two's complement, the highest byte first.
func ofDecimal(v canon.Value) parquet.Value {
	whole, fraction, _ := strings.Cut(v.Str, ".")
	if len(strings.TrimPrefix(whole, "-")) > precision-scale || len(fraction) > scale {
		return parquet.NullValue()
	}
	n, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", scale-len(fraction)), 10)
	if !ok {
		return parquet.NullValue()
	}
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	return parquet.FixedLenByteArrayValue(n.FillBytes(make([]byte, 16)))
}

func toText(v parquet.Value) (canon.Value, error)    { return canon.Text(string(v.ByteArray())), nil }
func toInteger(v parquet.Value) (canon.Value, error) { return canon.Number(v.Int64()), nil }
func toBoolean(v parquet.Value) (canon.Value, error) { return canon.Flag(v.Boolean()), nil }
func toJSON(v parquet.Value) (canon.Value, error) {
	return canon.ParseCanonical(v.ByteArray(), canon.Limits{})
}
func toDate(v parquet.Value) (canon.Value, error) {
	return canon.Text(time.Unix(int64(v.Int32())*day, 0).UTC().Format(time.DateOnly)), nil
}

// values returns the row as the file has it.
func (p *parsed) values(all []physical) parquet.Row {
	row := make(parquet.Row, len(all))
	for i, c := range all {
		v := parquet.NullValue()
		switch {
		case c.from < 0 && len(p.sealed) > 0:
			v = parquet.ByteArrayValue([]byte(strings.Join(slices.Sorted(maps.Keys(p.sealed)), " ")))
		case c.from >= 0 && p.cells[c.from] != nil:
			v = c.of(*p.cells[c.from])
		}
		level := 1
		if v.IsNull() {
			level = 0
		}
		row[i] = v.Level(0, level, i)
	}
	return row
}

func writeParquet(dst io.Writer, rows io.Reader, columns []Column) error {
	schema, all := layout(columns)
	w := parquet.NewWriter(dst, schema, parquet.MaxRowsPerRowGroup(rowGroup), parquet.PageBufferSize(64<<10), parquet.CreatedBy("lendlog", "1", ""))
	t := newTable(columns)
	pending := make([]parquet.Row, 0, batch)
	size := 0 // of the group
	flush := func() error {
		_, err := w.WriteRows(pending)
		pending = pending[:0]
		if err == nil && size >= groupBytes {
			size = 0
			err = w.Flush()
		}
		return err
	}
	for line, err := range lines(rows) {
		if err != nil {
			return err
		}
		p, err := t.parse(line)
		if err != nil {
			return err
		}
		size += len(line)
		if pending = append(pending, p.values(all)); len(pending) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return w.Close()
}

// readParquet yields the rows of a Parquet file. What is derived is held
// against what it is derived from.
func readParquet(src io.ReaderAt, size int64, t *table, yield func(*parsed, error) bool) {
	fail := func(err error) { yield(nil, fmt.Errorf("the Parquet file cannot be read: %w", err)) }
	schema, all := layout(t.columns)
	f, err := openParquet(src, size)
	if err != nil {
		fail(err)
		return
	}
	if f.Schema().String() != schema.String() {
		fail(errors.New("its columns are not those of the manifest"))
		return
	}
	for _, g := range f.RowGroups() {
		if !readGroup(g.Rows(), t, all, fail, yield) {
			return
		}
	}
}

// openParquet turns a panic of the library, on a file that it did not expect,
// into an error.
func openParquet(src io.ReaderAt, size int64) (f *parquet.File, err error) {
	defer unpanic(&err)
	return parquet.OpenFile(src, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
}

func nextRows(rows parquet.Rows, buf []parquet.Row) (n int, err error) {
	defer unpanic(&err)
	return rows.ReadRows(buf)
}

func unpanic(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("its bytes are not those of Parquet: %v", p)
	}
}

// readGroup reports whether to go on.
func readGroup(rows parquet.Rows, t *table, all []physical, fail func(error), yield func(*parsed, error) bool) bool {
	defer rows.Close()
	buf := make([]parquet.Row, batch)
	for {
		n, err := nextRows(rows, buf)
		if err != nil && !errors.Is(err, io.EOF) {
			fail(err)
			return false
		}
		for _, row := range buf[:n] {
			p, bad := t.fromValues(row, all)
			if bad != nil {
				fail(bad)
				return false
			}
			if !yield(p, nil) {
				return false
			}
		}
		if err != nil {
			return true
		}
		if n == 0 {
			fail(io.ErrNoProgress)
			return false
		}
	}
}

func (t *table) fromValues(row parquet.Row, all []physical) (*parsed, error) {
	p := t.row()
	if len(row) != len(all) {
		return nil, errors.New("a row has another number of columns")
	}
	for i, c := range all {
		v := row[i]
		switch {
		case v.IsNull():
		case c.from < 0:
			for _, name := range strings.Fields(string(v.ByteArray())) {
				p.sealed[name] = true
			}
		case c.back != nil:
			cell, err := c.back(v)
			if err == nil && !fits(cell, t.columns[c.from].Kind) {
				err = errors.New("a cell is not of its kind")
			}
			if err != nil {
				return nil, fmt.Errorf("column %s: %w", c.name, err)
			}
			p.cells[c.from] = &cell
		}
	}
	for i, want := range p.values(all) {
		if !parquet.Equal(row[i], want) {
			return nil, fmt.Errorf("column %s: a value is not the one that it is derived from", all[i].name)
		}
	}
	return p, nil
}
