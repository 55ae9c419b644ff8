// SPDX-License-Identifier: Apache-2.0

package export

import (
	"slices"
	"strings"
	"testing"
)

// TestNesting takes objects apart as deep as names of columns go, and no
// deeper, nor those whose names would not do.
func TestNesting(t *testing.T) {
	object := func(name, inner string) string {
		return `{"type": "object", "properties": {"` + name + `": ` + inner + `}, "additionalProperties": false}`
	}
	deep, data := `{"type": "string", "maxLength": 9}`, `"x"`
	for range 7 {
		deep, data = object("a", deep), `{"a":`+data+`}`
	}
	long := strings.Repeat("n", 65)
	s := schemaOf(t, `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:lendlog:schema:test.bank.deep.v1",
"title": "Deep", "description": "For tests.", "type": "object", "x-subject": "file", "properties": {
"deep": `+strings.TrimSuffix(deep, "}")+`, "x-key": "party"},
"long": `+strings.TrimSuffix(object(long, `{"type": "integer"}`), "}")+`, "x-key": "party"}},
"additionalProperties": false, "examples": [{}]}`)
	rows, lines := rowsOf(t, []Record{recordOf(t, 1, s, `{"deep":`+data+`,"long":{"`+long+`":1}}`)})
	for _, want := range []Column{{"data.deep.a.a.a.a", JSON}, {"data.long", JSON}} {
		if !slices.Contains(rows.Columns(), want) {
			t.Errorf("there is no %v among %v", want, rows.Columns())
		}
	}
	for _, c := range rows.Columns() {
		if !columnName.MatchString(c.Name) {
			t.Errorf("no manifest could have the column %s", c.Name)
		}
	}
	for _, format := range Formats {
		inFormat(t, rows, lines, format, false)
	}
}
