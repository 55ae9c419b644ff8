// SPDX-License-Identifier: Apache-2.0

// Package mapping turns the rows of a CSV file into events, as a declarative
// mapping says.
//
// A mapping is a YAML file (docs/mappings/README.md is the reference). It says
// how the file is written, how the cells of a column are read, and which
// events a row becomes: each a template of a CloudEvents document in which
// {name} stands for the cell of a column. There is no arithmetic and there are
// no loops but one over a list in the mapping, so every mapping ends, on every
// file, and nothing in it depends on anything but the row: the same file gives
// the same events again, byte for byte, and a ledger takes each only once.
//
// [Parse] checks a mapping against the schemas of the record types before it
// has seen a row. [Mapping.Open] then reads a file of any length in bounded
// memory. A cell that cannot be read rejects its row and no other; a row is
// either mapped as a whole or rejected as a whole. What a row contradicts is
// handed on as it stands.
//
// A [Statement] reads an outside file that a ledger is to be reconciled with, in
// the same language: its rows become items and not events.
//
// No error holds the text of a cell, which may be personal. Errors name lines,
// columns and what was expected.
package mapping

import (
	"fmt"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// Version is what a mapping's member v says.
const Version = "lendlog-mapping/1"

// A Mapping says what becomes of a row. It does not change once parsed and is
// safe for concurrent use.
type Mapping struct {
	// Title says in a line what the mapping is for.
	Title string

	dialect dialect
	columns []column // the first two are columnRow and columnFile
	events  []*event
	cat     *record.Catalogue
}

// An Error says what is wrong with a mapping, and where.
type Error struct {
	Line   int // of the mapping's text
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d of the mapping: %s", e.Line, e.Reason) }

// What a row has beside its cells: {$row} and {$file}.
const (
	columnRow = iota
	columnFile
	columnFirst // of the file
)

// A column is where a value comes from and how it is read.
type column struct {
	name string // by which the templates call it
	line int    // of the mapping

	header string // what stands above it in the file
	nth    int    // which of several with that header; 0: there is only one
	at     int    // position from 1 on, of a file without a header line

	as       string // one of the kinds below
	required bool   // an empty cell rejects the row
	trim     bool   // white space around the cell is dropped
	read     func(cell string) (v canon.Value, ok bool)
	want     string        // what read accepts, following "must be"
	samples  []canon.Value // such as read could give; all of them when listed
	listed   bool          // what read gives stands in the mapping
}

// The kinds of columns.
const (
	asText    = "text"
	asInteger = "integer"
	asDecimal = "decimal"
	asDate    = "date"
	asMonth   = "month"
	asTime    = "time"
)

// shaped reports whether every value of the column has the same form, so that
// a schema that refuses one would refuse them all.
func (c *column) shaped() bool {
	return c.listed || c.as == asDecimal || c.as == asDate || c.as == asMonth || c.as == asTime
}

func (c *column) number() bool { return c.as == asInteger || c.as == asDecimal }

// A dialect says how a file is written.
type dialect struct {
	delimiter rune
	encoding  string
	header    bool // the first line names the columns
	width     int  // number of columns, of a file without such a line
	empty     map[string]bool
}
