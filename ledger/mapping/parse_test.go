// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/docs/mappings"
	"github.com/lendlog/lendlog/ledger/mapping"
	"github.com/lendlog/lendlog/ledger/record"
)

// small is a mapping that the tests change. Its lines are counted in
// TestWrongMappings.
const small = `v: lendlog-mapping/1
columns:
  amount: decimal
  due: {as: date, format: YYYY-MM-DD}
events:
  - type: org.lendlog.payment.received.v1
    id: "{id}"
    source: urn:example
    subject: file/{id}
    time: "{due}T00:00:00Z"
    data:
      amount: {amount: "{amount}", currency: EUR}
`

func TestWrongMappings(t *testing.T) {
	for _, tc := range []struct{ name, old, new, want string }{
		{"empty", small, "", "line 1 of the mapping: it is empty"},
		{"not YAML", small, "v: [", "it is not YAML"},
		{"a list", small, "- v", "line 1 of the mapping: a mapping must be a YAML mapping"},
		{"two documents", small, small + "---\nv: 1\n", "more after the first YAML document"},
		{"another version", "mapping/1", "mapping/2", "line 1 of the mapping: v must be lendlog-mapping/1"},
		{"unknown key", "columns:", "colums:", `line 2 of the mapping: a mapping has no key "colums"`},
		{"a key twice", "    source: urn:example", "    id: x", `line 8 of the mapping: an event has the key "id" twice`},
		{"anchor", "file/{id}", "&a file/{id}", "line 9 of the mapping: anchors and aliases"},
		{"tag", "file/{id}", "!!str file/{id}", "line 9 of the mapping: tags"},
		{"merge", "  amount: decimal", "  <<: {a: b}", "must be a plain word"},
		{"no events", "events:\n", "defaults:\n", "the key events is missing"},
		{"events that are none", small, "v: lendlog-mapping/1\nevents: []\n", "line 2 of the mapping: events must be a list that is not empty"},
		{"kind of column", "amount: decimal", "amount: money", `line 3 of the mapping: column "amount": as must be text, integer`},
		{"option of a column", "as: date,", "as: date, nht: 1,", `line 4 of the mapping: column "due" has no key "nht"`},
		{"option of another kind", "as: date,", `as: date, point: ",",`, `column "due": point does not go with as: date`},
		{"no format", ", format: YYYY-MM-DD", "", `line 4 of the mapping: column "due": a date needs a format`},
		{"wrong format", "YYYY-MM-DD", "yyyy-mm-dd", "a date format is made of"},
		{"no day", "YYYY-MM-DD", "YYYY-MM", "what is known to the month is as: month"},
		{"time without zone", "as: date", "as: time", "a time needs its zone once"},
		{"zone twice", "{as: date, format: YYYY-MM-DD}", "{as: time, zone: Z, format: YYYY-MM-DDThh:mmZ}", "a time needs its zone once"},
		{"zone with a name", "{as: date, format: YYYY-MM-DD}", "{as: time, zone: Asia/Taipei, format: YYYY-MM-DD}", "zone must be Z or an offset"},
		{"group is point", "decimal", "{as: decimal, group: .}", "group and point must differ"},
		{"point of two signs", "decimal", "{as: decimal, point: ..}", "point must be what stands in the number"},
		{"suffix with digits", "decimal", "{as: decimal, suffix: 00}", "suffix must be what stands in the number"},
		{"position beside header", "decimal", "{as: decimal, at: 2}", "at is for files without a header line"},
		{"position missing", "columns:", "file: {header: false, width: 3}\ncolumns:", `the column "amount" needs at`},
		{"width with header", "columns:", "file: {width: 3}\ncolumns:", "width, the number of columns"},
		{"delimiter", "columns:", "file: {delimiter: ';;'}\ncolumns:", "delimiter must be one character"},
		{"encoding", "columns:", "file: {encoding: ebcdic}\ncolumns:", "encoding must be one of iso-8859-1, iso-8859-15, utf-16, utf-8, windows-1252"},
		{"reserved name", "  amount: decimal", "  $amount: decimal", "a name has no braces"},
		{"float", `"{amount}"`, "1.5", "line 12 of the mapping: a value: a number that is no plain integer must be in quotation marks"},
		{"big integer", `"{amount}"`, "9007199254740992", "an integer is written in decimal digits and is at most 2^53-1"},
		{"octal", `"{amount}"`, "0o7", "an integer is written in decimal digits"},
		{"null", `"{amount}"`, "null", "must be text, an integer, true or false"},
		{"brace open", `"{amount}"`, `"{amount"`, "a brace is not closed"},
		{"brace closed", `"{amount}"`, `"amount}"`, "a brace is not closed"},
		{"brace in a brace", `"{amount}"`, `"{a{b}}"`, "a brace is not closed"},
		{"placeholder of nothing", `"{amount}"`, `"{}"`, "is no placeholder"},
		{"placeholder of the row", `"{amount}"`, `"{$line}"`, "{$line} is no placeholder: name a column, or $row or $file"},
		{"needed outside of an object", `"{due}T00`, `"{due!}T00`, "! is for members of an object within data"},
		{"no source", "    source: urn:example\n", "", "line 6 of the mapping: the event needs source"},
		{"condition", "    data:", "    when: {amount: {over: 0}}\n    data:", `there is no condition "over"`},
		{"condition on text", "    data:", "    when: {id: {above: 0}}\n    data:", `above needs a column that is read as integer or decimal, and "id" is not`},
		{"condition with a word", "    data:", "    when: {amount: {above: much}}\n    data:", "what a number is compared to must be a number"},
		{"each without the same names", "  - type", "  - each: [{a: x}, {b: x}]\n    events: [{type: x}]\n  - type", `the item lacks "a"`},
		{"each of a column", "  - type", "  - each: [{amount: x}]\n    events: [{type: x}]\n  - type", `the name "amount" is taken`},

		{"unknown type", "payment.received.v1", "payment.recieved.v1", "line 6 of the mapping: /type is not a type of this ledger"},
		{"type of the ledger", "payment.received.v1", "genesis.v1", "line 6 of the mapping: /type can be appended only by the ledger itself"},
		{"another subject", "subject: file", "subject: staff", "line 9 of the mapping: /subject must be of the kind"},
		{"unknown member", "      amount: {", "      amonut: {", "line 12 of the mapping: /data/amonut is not a member"},
		{"unknown inner member", "currency: EUR", "curency: EUR", "line 12 of the mapping: /data/amount/curency is not a member"},
		{"missing inner member", ", currency: EUR", "", "line 12 of the mapping: /data/amount/currency is required"},
		{"another type", `{amount: "{amount}", currency: EUR}`, `"{amount}"`, "line 12 of the mapping: /data/amount must be an object"},
		{"constant", "currency: EUR", "currency: euro", "line 12 of the mapping: /data/amount/currency must match"},
		{"form of a date", `"{due}T00:00:00Z"`, `"{due}"`, "line 10 of the mapping: /time must be an RFC 3339 time"},
		{"form of a decimal", `{amount: "{amount}"`, `{amount: "{due}"`, "line 12 of the mapping: /data/amount/amount must be a decimal"},
		{"second of the words", "      amount: {", "      appliedTo: [{number: \"{n}\", amount: {amount: \"1\", currency: EUR}}]\n      amount: {", "\x00"},
	} {
		text := strings.Replace(small, tc.old, tc.new, 1)
		if tc.want == "\x00" { // a word that only a look at all of them finds
			text = strings.Replace(text, "columns:", "columns:\n  n: {words: {one: 1, two: second}}", 1)
			tc.want = "line 13 of the mapping: /data/appliedTo"
		}
		if text == small {
			t.Fatalf("%s: nothing was changed", tc.name)
		}
		_, err := mapping.Parse([]byte(text), catalogue(t))
		var wrong *mapping.Error
		if err == nil || !errors.As(err, &wrong) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q", tc.name, err, tc.want)
		}
	}
	if _, err := mapping.Parse([]byte(small), catalogue(t)); err != nil {
		t.Errorf("the mapping that was changed: %v", err)
	}
	if _, err := mapping.Parse([]byte("# "+strings.Repeat("x", 1<<20)+"\n"+small), catalogue(t)); err == nil {
		t.Error("a mapping of more than 1 MiB is accepted")
	}
}

// All that is wrong is told at once, and what a group is written out from is
// told once.
func TestWrongMappingTellsAll(t *testing.T) {
	text := strings.Replace(small, "currency: EUR", "curency: EUR", 1)
	text = strings.Replace(text, "  - type", "  - each: [{m: x}, {m: y}]\n    events:\n    - {type: t, colour: red}\n  - type", 1)
	text = strings.Replace(text, "decimal", "money", 1)
	_, err := mapping.Parse([]byte(text), catalogue(t))
	if err == nil || strings.Count(err.Error(), "colour") != 1 || !strings.Contains(err.Error(), "money") && !strings.Contains(err.Error(), "as must be") {
		t.Errorf("%v", err)
	}
}

// FuzzParse wants every text to be read or refused, and what is read to make
// events that are accepted, or to say which line is to blame.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small), []byte("id,amount,due\n1,2.50,2016-01-01\n"))
	f.Add([]byte(strings.Replace(small, "decimal", `{as: integer, group: ",", exponent: true}`, 1)), []byte("id,amount,due\n1,2,2016-01-01\n"))
	f.Add([]byte("v: lendlog-mapping/1\nfile: {header: false, width: 2, delimiter: \";\", null: [NA], encoding: windows-1252}\ncolumns: {a: {at: 1, words: {x: 1, y: true, z: null}}}\nevents:\n- each: [{m: '{a}'}, {m: b}]\n  when: {a: {not: [1, 2], present: true}}\n  events:\n  - {type: org.lendlog.statement.issued.v1, id: '{m}', source: s, subject: 'line/{$row}', time: 2016-01-01T00:00:00Z}\n"), []byte("x;1\ny;2\nNA;\n"))
	for _, name := range mappings.Names() {
		text, err := mappings.Read(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, []byte("ID\n1\n"))
	}
	cat := catalogue(f)
	f.Fuzz(func(t *testing.T, text, file []byte) {
		m, err := mapping.Parse(text, cat)
		var wrong *mapping.Error
		if err != nil {
			if !errors.As(err, &wrong) || wrong.Line < 1 || wrong.Reason == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		for row, err := range m.Rows("file.csv", strings.NewReader(string(file))) {
			if err != nil {
				return
			}
			if len(row.Events) > 0 && row.Rejected != nil {
				t.Fatalf("row %d is mapped and rejected", row.Number)
			}
			for _, e := range row.Events {
				if _, err := record.ParseEvent(e.Document, cat); err != nil {
					t.Fatalf("%s: %v", e.Document, err)
				}
			}
		}
	})
}
