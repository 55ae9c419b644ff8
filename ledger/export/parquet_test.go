// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/lendlog/lendlog/ledger/canon"
)

// TestParquetTypes reads a file with the library alone, as an analyst does.
func TestParquetTypes(t *testing.T) {
	rows, lines := rowsOf(t, some(t))
	b := inFormat(t, rows, lines, Parquet, false)
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	schema := f.Schema().String()
	for _, want := range []string{
		"optional int64 index (INT(64,true))",
		"optional binary recorded (STRING)",
		"optional int64 recorded:utc (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS))",
		"optional binary data.amount.amount (STRING)",
		"optional fixed_len_byte_array(16) data.amount.amount:decimal (DECIMAL(38,18))",
		"optional int32 data.day (DATE)",
		"optional boolean data.yes",
		"optional binary data.tags (JSON)",
	} {
		if !strings.Contains(schema, want) {
			t.Errorf("the schema lacks %q:\n%s", want, schema)
		}
	}
	if f.NumRows() != rows.Count {
		t.Errorf("%d rows, want %d", f.NumRows(), rows.Count)
	}
	row := make([]parquet.Row, 1)
	r := f.RowGroups()[0].Rows()
	defer r.Close()
	if n, err := r.ReadRows(row); n != 1 {
		t.Fatal(err)
	}
	at := func(name string) parquet.Value {
		for i, c := range f.Schema().Columns() {
			if c[0] == name {
				return row[0][i]
			}
		}
		t.Fatalf("there is no column %s", name)
		return parquet.Value{}
	}
	if got := string(at("data.amount.amount").ByteArray()); got != "-1500.50" {
		t.Errorf("the amount is %s", got)
	}
	n := new(big.Int).SetBytes(at("data.amount.amount:decimal").ByteArray())
	n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 128))
	if n.String() != "-1500500000000000000000" {
		t.Errorf("as a decimal it is %s", n)
	}
	if got := time.UnixMicro(at("time:utc").Int64()).UTC().Format(time.RFC3339Nano); got != "2026-03-01T02:00:00.5Z" {
		t.Errorf("the time is %s", got)
	}
	if got := at("data.day").Int32(); got != 20512 {
		t.Errorf("the day is %d days after 1970-01-01", got)
	}
}

// TestParquetDecimals wants a number to be exactly itself, or not there.
func TestParquetDecimals(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "1": "1000000000000000000", "-1": "-1000000000000000000", "0.000000000000000001": "1", "-0.10": "-100000000000000000",
		"99999999999999999999.999999999999999999":  "99999999999999999999999999999999999999",
		"-99999999999999999999.999999999999999999": "-99999999999999999999999999999999999999",
		"100000000000000000000":                    "", "0.0000000000000000001": "",
	} {
		v := ofDecimal(canon.Text(in))
		got := ""
		if !v.IsNull() {
			n := new(big.Int).SetBytes(v.ByteArray())
			if v.ByteArray()[0]&0x80 != 0 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 128))
			}
			got = n.String()
		}
		if got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

// TestParquetDerived refuses a file whose derived column says something else.
func TestParquetDerived(t *testing.T) {
	rows, lines := rowsOf(t, some(t)[:1])
	columns := rows.Columns()
	schema, all := layout(columns)
	table := newTable(columns)
	p, err := table.parse(lines)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range all {
		if c.back != nil || c.from < 0 {
			continue
		}
		row := p.values(all)
		row[i] = parquet.NullValue().Level(0, 0, i)
		var b bytes.Buffer
		w := parquet.NewWriter(&b, schema)
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range read(bytes.NewReader(b.Bytes()), int64(b.Len()), columns, Parquet, false) {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), c.name) {
			t.Errorf("without %s: %v", c.name, last)
		}
	}
}

// TestManyRows wants more rows than one group holds to come back.
func TestManyRows(t *testing.T) {
	s := schemaOf(t, fmt.Sprintf(everyKind, 1, "integer"))
	var records []Record
	for i := range int64(rowGroup + 2*batch + 1) {
		records = append(records, recordOf(t, i, s, `{"count":1}`))
	}
	rows, lines := rowsOf(t, records)
	for _, format := range Formats {
		inFormat(t, rows, lines, format, false)
	}
}
