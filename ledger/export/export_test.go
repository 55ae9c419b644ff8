// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

var update = flag.Bool("update", false, "write the golden files anew; a format that was published must not change")

// golden holds bytes against a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// everyKind has a member of every kind, in two versions of which one member is
// of another kind.
const everyKind = `{
"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:lendlog:schema:test.bank.every.v%d",
"title": "Every kind", "description": "For tests.", "type": "object", "x-subject": "file",
"properties": {
"amount": {"type": "object", "properties": {"amount": {"type": "string", "format": "decimal"}, "currency": {"type": "string", "maxLength": 3}}, "required": ["amount"], "additionalProperties": false, "x-key": "party"},
"changes": {"type": "%s", "x-key": "institution"},
"count": {"type": "integer", "x-open": true},
"day": {"type": "string", "format": "date", "x-open": true},
"map": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 99}, "x-key": "party"},
"moment": {"type": "string", "format": "date-time", "x-open": true},
"odd": {"type": "object", "properties": {"a.b": {"type": "integer"}}, "additionalProperties": false, "x-key": "party"},
"rate": {"type": "string", "format": "decimal", "x-key": "party"},
"tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "maxItems": 3, "x-open": true},
"text": {"type": "string", "maxLength": 999, "x-key": "party"},
"yes": {"type": "boolean", "x-open": true}
}, "additionalProperties": false, "examples": [{}]}`

func schemaOf(t *testing.T, text string) *record.Schema {
	t.Helper()
	s, err := record.ParseSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recordOf makes a record of data, as it is read.
func recordOf(t *testing.T, index int64, s *record.Schema, data string, unreadable ...string) Record {
	t.Helper()
	v, err := canon.Parse([]byte(data), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if wrong := s.Check(v); wrong != nil {
		t.Fatal(wrong)
	}
	open := canon.Value{Kind: canon.Object}
	members := map[string]canon.Value{}
	for _, pointer := range s.Pointers() {
		members[pointer] = canon.Value{}
	}
	members["/id"], members["/source"], members["/subject"] = canon.Text(fmt.Sprintf("E-%d", index)), canon.Text("urn:test"), canon.Text("file/A")
	for _, m := range v.Members {
		if decl, _ := s.Member(m.Name); decl.Open {
			open.Members = append(open.Members, m)
		} else {
			members["/data/"+m.Name] = m.Value
		}
	}
	hide(s, members, unreadable...)
	e := &record.Entry{
		Type: s.Type, Time: "2026-03-01T10:00:00.5+08:00", Recorded: time.Date(2026, 3, 1, 2, 0, 1, 7e6, time.UTC),
		Capture: record.Live, Submitter: "key-1", Seq: index, Open: open,
	}
	return Record{Index: index, Leaf: tree.LeafHash([]byte{byte(index)}), Entry: e, Schema: s, Members: members}
}

// hide takes away what the keys of groups open.
func hide(s *record.Schema, members map[string]canon.Value, groups ...string) {
	for _, pointer := range s.Pointers() {
		if group, _ := s.Group(pointer); slices.Contains(groups, group) {
			delete(members, pointer)
		}
	}
}

// some are records with everything that is special.
func some(t *testing.T) []Record {
	v1, v2 := schemaOf(t, fmt.Sprintf(everyKind, 1, "integer")), schemaOf(t, fmt.Sprintf(everyKind, 2, "boolean"))
	restricted := recordOf(t, 9, v1, `{"count":1,"text":"secret"}`)
	restricted.Entry.Type, restricted.Entry.Open = record.TypeRestricted, canon.Value{Kind: canon.Object}
	return []Record{
		recordOf(t, 1, v1, `{"amount":{"amount":"-1500.50","currency":"EUR"},"changes":-7,"count":-3,"day":"2026-02-28","map":{"b":"2","a":"=1"},"moment":"2026-02-28T23:59:59.123456789-05:00","odd":{"a.b":1},"rate":"0.0","tags":["b","a"],"text":"=HYPERLINK(\"http://x\",\"y\")","yes":true}`),
		recordOf(t, 2, v2, `{"changes":false,"text":"","tags":[],"amount":{"amount":"123456789012345678901.000000000000000001"}}`),
		recordOf(t, 3, v1, `{"text":"[sealed]","rate":"-12"}`),
		recordOf(t, 5, v1, `{"text":"line one\r\nline, \"two\"; 张三\t","yes":false}`),
		recordOf(t, 6, v1, `{"text":"gone","count":4}`, "party"),
		recordOf(t, 7, v1, `{"text":"'=quoted"}`),
		recordOf(t, 8, v1, `{"text":"＝wide"}`),
		restricted,
	}
}

func rowsOf(t *testing.T, records []Record) (*Rows, []byte) {
	t.Helper()
	var b bytes.Buffer
	rows := NewRows(&b)
	for _, r := range records {
		if err := rows.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return rows, b.Bytes()
}

// inFormat writes rows, and reads them back to see that they are the same.
func inFormat(t *testing.T, rows *Rows, lines []byte, format string, bom bool) []byte {
	t.Helper()
	var out, back bytes.Buffer
	if err := Write(&out, bytes.NewReader(lines), rows.Columns(), format, bom); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	for p, err := range read(bytes.NewReader(out.Bytes()), int64(out.Len()), rows.Columns(), format, bom) {
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		back.Write(p.bytes())
	}
	if diff := cmp.Diff(string(lines), back.String()); diff != "" {
		t.Errorf("%s does not give back its rows (-want +got):\n%s", format, diff)
	}
	return out.Bytes()
}

// TestGoldenFiles pins the bytes of CSV and NDJSON. Of Parquet the library
// chooses them.
func TestGoldenFiles(t *testing.T) {
	rows, lines := rowsOf(t, some(t))
	golden(t, "rows.csv", inFormat(t, rows, lines, CSV, false))
	golden(t, "rows.ndjson", inFormat(t, rows, lines, NDJSON, false))
	inFormat(t, rows, lines, Parquet, false)
	if with := inFormat(t, rows, lines, CSV, true); !bytes.HasPrefix(with, []byte("\xef\xbb\xbfindex,")) {
		t.Errorf("the CSV begins with %q", with[:9])
	}
}

// TestNothing writes an export of no records.
func TestNothing(t *testing.T) {
	rows, lines := rowsOf(t, nil)
	for _, format := range Formats {
		inFormat(t, rows, lines, format, false)
	}
	if got := rows.Columns(); !slices.Equal(got, first) {
		t.Errorf("the columns are %v", got)
	}
}

// TestEveryType writes all examples of all types that come with lendlog, with
// and without what a party's key opens.
func TestEveryType(t *testing.T) {
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var records []Record
	index := int64(0)
	for _, s := range cat.All() {
		for _, example := range s.Examples {
			index++
			r := recordOf(t, index, s, string(example.Bytes()))
			if index%5 == 0 {
				hide(s, r.Members, "party")
			}
			records = append(records, r)
		}
	}
	rows, lines := rowsOf(t, records)
	for _, format := range Formats {
		inFormat(t, rows, lines, format, false)
	}
	if rows.Count != index || rows.First != 1 || rows.Last != index || len(rows.Columns()) > maxColumns/4 {
		t.Errorf("%d rows from %d to %d in %d columns", rows.Count, rows.First, rows.Last, len(rows.Columns()))
	}
}

// TestOrder refuses rows that would not be those of a ledger in their order.
func TestOrder(t *testing.T) {
	s := schemaOf(t, fmt.Sprintf(everyKind, 1, "integer"))
	rows, _ := rowsOf(t, []Record{recordOf(t, 4, s, `{}`)})
	for _, index := range []int64{4, 3} {
		if err := rows.Add(recordOf(t, index, s, `{}`)); err == nil {
			t.Errorf("record %d was taken after 4", index)
		}
	}
}

// TestSealedIsNotAbsent wants every cell of a member that could not be read to
// say so, and no value of it anywhere, nor of a restricted record.
func TestSealedIsNotAbsent(t *testing.T) {
	rows, lines := rowsOf(t, some(t))
	if bytes.Contains(lines, []byte("gone")) || bytes.Contains(lines, []byte("secret")) {
		t.Error("what is sealed stands in the rows")
	}
	table := newTable(rows.Columns())
	for p, err := range read(bytes.NewReader(lines), int64(len(lines)), rows.Columns(), NDJSON, false) {
		if err != nil {
			t.Fatal(err)
		}
		switch p.cells[0].Int {
		case 6:
			if !p.sealed["data.text"] || !p.sealed["data.amount"] || !p.sealed["party"] || p.sealed["data.changes"] || p.cells[table.places["data.count"]] == nil {
				t.Errorf("record 6 has sealed %v", p.sealed)
			}
		case 9:
			if !p.isSealed("subject") || !p.isSealed("time") || !p.isSealed("data.count") || !p.isSealed("data.text") || p.cells[table.places["data.text"]] != nil {
				t.Errorf("record 9 has sealed %v", p.sealed)
			}
		}
	}
	// A member that no row shows has a column all the same.
	rows, lines = rowsOf(t, some(t)[4:5])
	if !slices.Contains(rows.Columns(), Column{"data.amount", Text}) {
		t.Errorf("the columns are %v", rows.Columns())
	}
	if csv := string(inFormat(t, rows, lines, CSV, false)); strings.Count(csv, sealedCell) < 10 {
		t.Errorf("the CSV is\n%s", csv)
	}
	inFormat(t, rows, lines, Parquet, false)
	rows, lines = rowsOf(t, some(t)[7:])
	if !slices.Contains(rows.Columns(), Column{"data", Text}) {
		t.Errorf("the columns are %v", rows.Columns())
	}
	for _, format := range Formats {
		inFormat(t, rows, lines, format, false)
	}
	// A row that says less than all would not be known for one.
	if err := rows.Add(Record{Index: 99, Entry: some(t)[0].Entry}); err == nil {
		t.Error("a record without its schema was taken")
	}
}

// FuzzRow wants of any row that is taken every format to give it back.
func FuzzRow(f *testing.F) {
	for _, s := range []string{`{"a":"=1"}`, `{"a":["x",{"b":-1}],"b":""}`, `{"a":"'"}`, `{"a":"2026-01-01","b":"1.50"}`, `{"a":{"b":true}}`, `{"a":"\r\n\",;"}`} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, ragged bool) {
		v, err := canon.Parse(data, canon.Limits{})
		if err != nil || v.Kind != canon.Object || len(v.Members) > 20 {
			return
		}
		kinds := []Kind{Text, Integer, Boolean, Decimal, Date, Time, JSON}
		columns := slices.Clone(first)
		cells := []canon.Member{member("index", canon.Number(7))}
		for i, m := range v.Members {
			kind := JSON
			for _, k := range kinds {
				if k != JSON && k != Text && fits(m.Value, k) || k == Text && kindOf(m.Value) == Text {
					kind = k
				}
			}
			if m.Value.Kind == canon.Null {
				return // no event has one
			}
			name := fmt.Sprintf("data.m%d", i)
			columns = append(columns, Column{name, kind})
			cells = append(cells, member(name, m.Value))
		}
		if ragged {
			columns = append(columns, Column{"data.other.a", Text}, Column{"data.other.b", Integer})
			cells = append(cells, member(sealed, canon.Texts("data.other")))
		}
		line := append(canon.Map(cells...).Bytes(), '\n')
		for _, format := range Formats {
			var out bytes.Buffer
			if err := Write(&out, bytes.NewReader(line), columns, format, false); err != nil {
				t.Fatalf("%s: %v: %s", format, err, line)
			}
			n := 0
			for p, err := range read(bytes.NewReader(out.Bytes()), int64(out.Len()), columns, format, false) {
				if err != nil {
					t.Fatalf("%s: %v: %s", format, err, line)
				}
				if n++; !bytes.Equal(p.bytes(), line) {
					t.Fatalf("%s gives back %s of %s", format, p.bytes(), line)
				}
			}
			if n != 1 {
				t.Fatalf("%s has %d rows", format, n)
			}
		}
	})
}

// FuzzRead wants any bytes in the place of a file to end in rows or an error.
func FuzzRead(f *testing.F) {
	s, err := record.ParseSchema(fmt.Appendf(nil, everyKind, 1, "integer"))
	if err != nil {
		f.Fatal(err)
	}
	var lines bytes.Buffer
	rows := NewRows(&lines)
	e := &record.Entry{Type: s.Type, Time: "2026-03-01T10:00:00Z", Capture: record.Live, Submitter: "k", Seq: 1, Open: canon.Value{Kind: canon.Object}}
	if err := rows.Add(Record{Index: 1, Entry: e, Schema: s, Members: map[string]canon.Value{"/data/text": canon.Text("x"), "/data/rate": canon.Text("1.5")}}); err != nil {
		f.Fatal(err)
	}
	for i, format := range Formats {
		var out bytes.Buffer
		if err := Write(&out, bytes.NewReader(lines.Bytes()), rows.Columns(), format, false); err != nil {
			f.Fatal(err)
		}
		f.Add(i, false, out.Bytes())
	}
	f.Add(0, true, []byte("\xef\xbb\xbfindex\r\n"))
	f.Fuzz(func(t *testing.T, format int, bom bool, b []byte) {
		if format < 0 || format >= len(Formats) {
			return
		}
		n := 0
		for p, err := range read(bytes.NewReader(b), int64(len(b)), rows.Columns(), Formats[format], bom) {
			if err != nil {
				return
			}
			if !json.Valid(p.bytes()) && Formats[format] != CSV {
				t.Fatalf("a row is %q", p.bytes())
			}
			if n++; n > 1000 {
				return
			}
		}
	})
}
