// SPDX-License-Identifier: Apache-2.0

// Package export writes records as rows, in CSV, NDJSON or Parquet, and
// verifies what was written.
//
// A row is one record: what its entry shows, and its members, flattened into
// columns. The rows of an export are the same in every format: [Rows] writes
// them in their canonical form, which is NDJSON, and [Write] makes the other
// formats of it. The canonical form can be made again of any of them, so one
// hash over it stands for the rows in every format.
//
// A [Manifest] says what was exported and from which checkpoint. Its digest is
// recorded in the ledger as an access, before the file has its name, and the
// receipt of that record is added to it: so a manifest cannot be altered
// afterwards, and [Verify] checks all of it offline.
//
// The formats are specified in docs/formats.md, section 15.
package export

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A Column is what the cells of one name have in common.
type Column struct {
	Name string
	Kind Kind
}

// A Kind says what the values of a column are.
type Kind string

// The kinds. Text, Decimal, Date and Time are strings in the canonical form.
const (
	Text    Kind = "text"
	Integer Kind = "integer"
	Boolean Kind = "boolean"
	Decimal Kind = "decimal" // as records have it, see story.ParseDecimal
	Date    Kind = "date"    // YYYY-MM-DD
	Time    Kind = "time"    // RFC 3339 with its zone
	JSON    Kind = "json"    // a list, a free map, or what is not of one kind in all types
)

// first are the columns that every export has, before all others.
var first = []Column{
	{"index", Integer}, {"recorded", Time}, {"time", Time}, {"type", Text}, {"subject", Text}, {"id", Text}, {"source", Text},
	{"capture", Text}, {"submitter", Text}, {"seq", Integer}, {"leaf", Text},
}

// The places of columns in first.
const (
	indexColumn = 0
	typeColumn  = 3
)

// restricted are the members that a restricted record does not show. What of
// data it has is not known, so data stands for all of it.
var restricted = []string{
	"causationid", data, "extensions", "id", "parent", "party", "sequence", "signature", "source", "subject", "submitter", "time",
}

const data = "data"

// sealed is the member of a row that names its members that could not be read.
const sealed = "sealed"

// maxColumns bounds the memory that writing needs. All types that come with
// lendlog have less than a quarter of it.
const maxColumns = 4096

// A Record is what a row is made of.
type Record struct {
	Index int64
	Leaf  tree.Hash
	Entry *record.Entry
	// Schema is that of the members; nil where it is not known.
	Schema *record.Schema
	// Members are the sealed ones that could be read, by their JSON Pointers; null
	// is one that the event lacks. Of what is not in it nothing is known.
	Members map[string]canon.Value
}

// Rows writes rows in their canonical form, and keeps what a manifest says of
// them. It remembers their columns and none of them.
type Rows struct {
	w      io.Writer
	hash   hash.Hash
	kinds  map[string]Kind
	sealed map[string]bool // names of members that some row could not show
	shapes map[*record.Schema]map[string]*shape
	tally
}

// NewRows returns a Rows that writes to w.
func NewRows(w io.Writer) *Rows {
	r := &Rows{w: w, hash: sha256.New(), kinds: map[string]Kind{}, sealed: map[string]bool{}, shapes: map[*record.Schema]map[string]*shape{}}
	for _, c := range first {
		r.kinds[c.Name] = c.Kind
	}
	return r
}

// Add writes the row of a record. Records come in the order of their indexes.
//
// Of a restricted record a row has what its entry shows, however much of it
// could be read: whoever reads such a record does so in its case.
func (r *Rows) Add(rec Record) error {
	e := rec.Entry
	b := row{rows: r}
	text := func(name, s string) { b.put(name, canon.Text(s)) }
	b.put("index", canon.Number(rec.Index))
	text("recorded", e.Recorded.UTC().Format(record.TimeLayout))
	text("type", e.Type)
	text("capture", e.Capture)
	b.put("seq", canon.Number(e.Seq))
	text("leaf", base64.StdEncoding.EncodeToString(rec.Leaf[:]))
	switch {
	case e.Type == record.TypeRestricted:
		b.sealed = slices.Clone(restricted)
	case rec.Schema == nil:
		return fmt.Errorf("the schema of record %d is not known", rec.Index)
	default:
		text("time", e.Time)
		text("submitter", e.Submitter)
		b.members(rec)
	}
	if len(b.sealed) > 0 {
		slices.Sort(b.sealed)
		for _, name := range b.sealed {
			r.sealed[name] = true
		}
		b.cells = append(b.cells, canon.Member{Name: sealed, Value: canon.Texts(b.sealed...)})
	}
	if len(r.kinds)+len(r.sealed) > maxColumns {
		return fmt.Errorf("the export has more than %d columns; narrow the filter to fewer types", maxColumns)
	}
	if err := r.count(rec.Index); err != nil {
		return err
	}
	line := append(canon.Map(b.cells...).Bytes(), '\n')
	r.hash.Write(line)
	_, err := r.w.Write(line)
	return err
}

// Columns returns the columns of all rows so far: those that every export has,
// and then the others by their names. A column is there if some row has a
// value in it, or could not show it.
func (r *Rows) Columns() []Column {
	columns := slices.Clone(first)
	for _, name := range slices.Sorted(maps.Keys(r.kinds)) {
		if !isFirst(name) {
			columns = append(columns, Column{name, r.kinds[name]})
		}
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(r.sealed))) { // data last
		if !slices.ContainsFunc(columns, func(c Column) bool { return isOf(c.Name, name) }) {
			columns = append(columns, Column{name, Text})
		}
	}
	slices.SortFunc(columns[len(first):], func(a, b Column) int { return cmp.Compare(a.Name, b.Name) })
	return columns
}

func isFirst(name string) bool {
	return slices.ContainsFunc(first, func(c Column) bool { return c.Name == name })
}

// memberOf returns the name of the member of the event that a column is of, or
// is a part of: data.amount of data.amount.currency.
func memberOf(column string) string {
	if rest, ok := strings.CutPrefix(column, "data."); ok {
		name, _, _ := strings.Cut(rest, ".")
		return "data." + name
	}
	return column
}

// isOf reports whether a column is of a member of the event, or of all data.
func isOf(column, name string) bool {
	return memberOf(column) == name || name == data && strings.HasPrefix(column, "data.")
}

// A tally counts rows.
type tally struct {
	Count       int64
	First, Last int64 // indexes; without meaning when Count is 0
}

func (t *tally) count(index int64) error {
	if t.Count > 0 && index <= t.Last {
		return fmt.Errorf("record %d comes after record %d", index, t.Last)
	}
	if t.Count == 0 {
		t.First = index
	}
	t.Last = index
	t.Count++
	return nil
}

// row is a row that is being made.
type row struct {
	rows   *Rows
	cells  []canon.Member
	sealed []string
}

func (b *row) put(name string, v canon.Value) {
	b.cells = append(b.cells, canon.Member{Name: name, Value: v})
}

// members adds the members of a record.
func (b *row) members(rec Record) {
	shapes, ok := b.rows.shapes[rec.Schema]
	if !ok {
		shapes = shapesOf(rec.Schema)
		b.rows.shapes[rec.Schema] = shapes
	}
	for _, pointer := range rec.Schema.Pointers() {
		name := strings.ReplaceAll(pointer[1:], "/", ".")
		if v, ok := rec.Members[pointer]; !ok {
			b.sealed = append(b.sealed, name)
		} else if v.Kind != canon.Null {
			b.add(name, v, shapes[pointer])
		}
	}
	for _, m := range rec.Entry.Open.Members {
		b.add("data."+m.Name, m.Value, shapes["/data/"+m.Name])
	}
}

// add adds a value, or the values in it if its schema names them.
func (b *row) add(name string, v canon.Value, s *shape) {
	if s != nil && s.members != nil && v.Kind == canon.Object && len(v.Members) > 0 {
		for _, m := range v.Members {
			b.add(name+"."+m.Name, m.Value, s.member(m.Name))
		}
		return
	}
	kind := kindOf(v)
	if s != nil && fits(v, s.kind) {
		kind = s.kind
	}
	if was, ok := b.rows.kinds[name]; ok {
		kind = merge(was, kind)
	}
	b.rows.kinds[name] = kind
	b.put(name, v)
}

// kindOf returns the kind of a value of which nothing is known.
func kindOf(v canon.Value) Kind {
	switch v.Kind {
	case canon.String:
		return Text
	case canon.Int:
		return Integer
	case canon.Bool:
		return Boolean
	}
	return JSON
}

// fits reports whether a column of a kind can hold a value.
func fits(v canon.Value, k Kind) bool {
	ok := v.Kind == canon.String
	switch k {
	case JSON:
		return true
	case Integer:
		return v.Kind == canon.Int
	case Boolean:
		return v.Kind == canon.Bool
	case Decimal:
		_, number := story.ParseDecimal(v.Str)
		ok = ok && number
	case Date:
		at, err := time.Parse(time.DateOnly, v.Str)
		ok = ok && err == nil && at.Format(time.DateOnly) == v.Str
	case Time:
		_, err := time.Parse(time.RFC3339, v.Str)
		ok = ok && err == nil
	}
	return ok
}

// merge returns the kind of a column that has values of both.
func merge(a, b Kind) Kind {
	textual := func(k Kind) bool { return k == Text || k == Decimal || k == Date || k == Time }
	switch {
	case a == b:
		return a
	case textual(a) && textual(b):
		return Text
	}
	return JSON
}
