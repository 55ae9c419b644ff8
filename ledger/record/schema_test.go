// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// testSchema has one member for every keyword of the profile.
const testSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:lendlog:schema:com.example.loan.reviewed.v1",
  "title": "Loan reviewed", "description": "A test.",
  "type": "object",
  "x-subject": ["file", "line"], "x-source": "none",
  "properties": {
    "amount": {"$ref": "#/$defs/money", "title": "Amount", "x-key": "party"},
    "code": {"type": "string", "pattern": "^[a-z]{1,8}$", "x-open": true},
    "codes": {"type": "array", "items": {"$ref": "#/$defs/code"}, "minItems": 1, "maxItems": 3, "x-open": true},
    "count": {"type": "integer", "minimum": -2, "maximum": 10, "x-open": true},
    "day": {"type": "string", "format": "date", "x-open": true},
    "done": {"type": "boolean", "x-open": true},
    "guarantor": {"type": "string", "x-key": {"group": "guarantor", "party": "/data/guarantor"}},
    "guarantorNote": {"type": "string", "minLength": 2, "maxLength": 3, "x-key": {"group": "guarantor", "party": "/data/guarantor"}},
    "level": {"type": "integer", "enum": [1, 2, 5], "x-open": true},
    "map": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}, "x-key": "institution"},
    "one": {"type": "integer", "const": 1, "x-open": true},
    "reviewer": {"type": "string", "x-key": "staff"},
    "state": {"type": "string", "enum": ["good", "bad"], "x-open": true},
    "v": {"type": "string", "const": "x", "x-open": true},
    "when": {"type": "string", "format": "date-time", "x-open": true}
  },
  "required": ["code", "amount"],
  "additionalProperties": false,
  "$defs": {
    "money": {
      "type": "object",
      "properties": {"amount": {"type": "string", "format": "decimal"}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
      "required": ["amount", "currency"],
      "additionalProperties": false
    },
    "code": {"type": "string", "pattern": "^[a-z]{1,8}$"}
  },
  "examples": [{"code": "abc", "amount": {"amount": "1.50", "currency": "EUR"}}]
}`

func mustParse(t testing.TB, text string) *record.Schema {
	t.Helper()
	s, err := record.ParseSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parseValue(t testing.TB, text string) canon.Value {
	t.Helper()
	v, err := canon.Parse([]byte(text), canon.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// places lists violations as "pointer code".
func places(err error) []string {
	var vs record.Violations
	errors.As(err, &vs)
	var list []string
	for _, v := range vs {
		list = append(list, v.Pointer+" "+v.Code)
	}
	return list
}

func TestParseSchema(t *testing.T) {
	s := mustParse(t, testSchema)
	if s.Type != "com.example.loan.reviewed.v1" || s.Title != "Loan reviewed" || s.Description != "A test." || s.Own || s.Restricted {
		t.Errorf("read as %q, %q, %q, own %t, restricted %t", s.Type, s.Title, s.Description, s.Own, s.Restricted)
	}
	if string(s.Text) != testSchema {
		t.Error("the text is not verbatim")
	}
	if !s.GoesWith("file") || !s.GoesWith("line") || s.GoesWith("case") || s.GoesWith("*") {
		t.Errorf("it goes with %q", s.SubjectKinds)
	}
	var got []string
	for _, m := range s.Members {
		got = append(got, fmt.Sprintf("%s open=%t group=%s party=%s required=%t", m.Name, m.Open, m.Group, m.Party, m.Required))
	}
	want := []string{
		"amount open=false group=party party= required=true",
		"code open=true group= party= required=true",
		"codes open=true group= party= required=false",
		"count open=true group= party= required=false",
		"day open=true group= party= required=false",
		"done open=true group= party= required=false",
		"guarantor open=false group=guarantor party=/data/guarantor required=false",
		"guarantorNote open=false group=guarantor party=/data/guarantor required=false",
		"level open=true group= party= required=false",
		"map open=false group=institution party= required=false",
		"one open=true group= party= required=false",
		"reviewer open=false group=staff party= required=false",
		"state open=true group= party= required=false",
		"v open=true group= party= required=false",
		"when open=true group= party= required=false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func TestCheck(t *testing.T) {
	s := mustParse(t, testSchema)
	const ok = `"code":"abc","amount":{"amount":"1.50","currency":"EUR"}`
	for _, tt := range []struct {
		data string
		want []string
	}{
		{`{` + ok + `}`, nil},
		{`{` + ok + `,"codes":["a","b"],"count":-2,"day":"2024-02-29","done":false,"level":5,"map":{"":"x","b":"😀😀😀"},"one":1,"state":"bad","v":"x","when":"2026-01-31T09:30:00+01:00"}`, nil},
		{`[]`, []string{"/data type"}},
		{`{}`, []string{"/data/amount required", "/data/code required"}},
		{`{` + ok + `,"x":1}`, []string{"/data/x unknown-member"}},
		{`{` + ok + `,"Code":"abc"}`, []string{"/data/Code unknown-member"}},
		{`{` + ok + `,"":1,"~/":1,"zz":1}`, []string{"/data/ unknown-member", "/data/zz unknown-member", "/data/~0~1 unknown-member"}},
		{`{"code":"abc","amount":{"amount":"1.50"}}`, []string{"/data/amount/currency required"}},
		{`{"code":"abc","amount":{"amount":"-0","currency":"eur"}}`, []string{"/data/amount/amount format", "/data/amount/currency pattern"}},
		{`{"code":"abc","amount":{"amount":1,"currency":"EUR"}}`, []string{"/data/amount/amount type"}},
		{`{"code":"abc\n","amount":"1.50"}`, []string{"/data/amount type", "/data/code pattern"}},
		{`{` + ok + `,"codes":[]}`, []string{"/data/codes items"}},
		{`{` + ok + `,"codes":["a","b","C","d"]}`, []string{"/data/codes items", "/data/codes/2 pattern"}},
		{`{` + ok + `,"codes":[null]}`, []string{"/data/codes/0 type"}},
		{`{` + ok + `,"count":-3}`, []string{"/data/count range"}},
		{`{` + ok + `,"count":11}`, []string{"/data/count range"}},
		{`{` + ok + `,"count":"1"}`, []string{"/data/count type"}},
		{`{` + ok + `,"day":"2026-02-29"}`, []string{"/data/day format"}},
		{`{` + ok + `,"done":0}`, []string{"/data/done type"}},
		{`{` + ok + `,"guarantorNote":"é"}`, []string{"/data/guarantorNote length"}},
		{`{` + ok + `,"guarantorNote":"ééé"}`, nil},
		{`{` + ok + `,"guarantorNote":"éééé"}`, []string{"/data/guarantorNote length"}},
		{`{` + ok + `,"level":3}`, []string{"/data/level enum"}},
		{`{` + ok + `,"map":{"a/b":"long","c":1}}`, []string{"/data/map/a~1b length", "/data/map/c type"}},
		{`{` + ok + `,"one":2}`, []string{"/data/one const"}},
		{`{` + ok + `,"state":"Good"}`, []string{"/data/state enum"}},
		{`{` + ok + `,"v":"y"}`, []string{"/data/v const"}},
		{`{` + ok + `,"when":"2026-01-31T09:30:00"}`, []string{"/data/when format"}},
	} {
		if diff := cmp.Diff(tt.want, places(s.Check(parseValue(t, tt.data)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.data, diff)
		}
	}
}

func TestCheckReportsAtMostSixteen(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `,"x%02d":1`, i)
	}
	vs := mustParse(t, testSchema).Check(parseValue(t, "{"+b.String()[1:]+"}"))
	if len(vs) != record.MaxViolations {
		t.Errorf("%d violations", len(vs))
	}
}

// A violation goes to logs and to the submitter: it names members and what the
// schema says, and holds nothing of the data.
func TestViolationsHoldNoValues(t *testing.T) {
	s := mustParse(t, testSchema)
	const secret = "Muster"
	for _, m := range s.Members {
		for _, v := range []string{`"` + secret + `"`, `"` + secret + strings.Repeat("x", 40) + `"`, `["` + secret + `"]`, `{"a":"` + secret + `"}`, `4714`} {
			for _, bad := range s.Check(parseValue(t, `{"`+m.Name+`":`+v+`}`)) {
				if line := bad.Error(); strings.Contains(line, secret) || strings.Contains(line, "4714") {
					t.Errorf("%s: %s", m.Name, line)
				}
				if !strings.HasPrefix(bad.Pointer, "/data") || bad.Code == "" || bad.Message == "" {
					t.Errorf("%s: incomplete violation %+v", m.Name, bad)
				}
			}
		}
	}
	long := s.Check(parseValue(t, `{"x`+strings.Repeat("ü", 5000)+`":1}`))
	if line := long.Error(); len(line) > 400 {
		t.Errorf("a long name makes an error of %d bytes", len(line))
	}
}

func TestViolationsText(t *testing.T) {
	vs := mustParse(t, testSchema).Check(parseValue(t, `{"amount":{"amount":"1e3","currency":"EUR"},"state":"x"}`))
	want := `/data/amount/amount must be a decimal like -1234.50, with at most 40 characters, no exponent and no -0; ` +
		`/data/code is required; add it; /data/state must be one of ["good","bad"]`
	if got := vs.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, err := record.ParseSchema([]byte(`[]`))
	if want := "the document must be an object"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseSchemaRefuses(t *testing.T) {
	for _, tt := range []struct {
		name     string
		old, new string // replaced in testSchema
		want     []string
	}{
		{"not JSON", `"title": "Loan reviewed"`, `"title": "Loan reviewed`, []string{" syntax"}},
		{"not an object", testSchema, `[]`, []string{" type"}},
		{"duplicate", `"x-source": "none"`, `"title": "none"`, []string{"/title syntax"}},
		{"fraction", `"maximum": 10`, `"maximum": 1.5`, []string{"/properties/count/maximum syntax"}},
		{"too long", `"none"`, `"` + strings.Repeat("x", record.MaxSchema) + `"`, []string{" size"}},
		{"no draft", `"$schema": "https://json-schema.org/draft/2020-12/schema",`, ``, []string{"/$schema const"}},
		{"other draft", `2020-12`, `2019-09`, []string{"/$schema const"}},
		{"no id", `"$id": "urn:lendlog:schema:com.example.loan.reviewed.v1",`, ``, []string{"/$id format"}},
		{"id of another kind", `urn:lendlog:schema:com`, `https://example.com/com`, []string{"/$id format"}},
		{"type without version", `reviewed.v1`, `reviewed`, []string{"/$id format"}},
		{"type in capitals", `com.example`, `com.Example`, []string{"/$id format"}},
		{"title that is no text", `"Loan reviewed"`, `7`, []string{"/title type"}},
		{"no subject", `"x-subject": ["file", "line"],`, ``, []string{"/x-subject enum"}},
		{"empty subjects", `["file", "line"]`, `[]`, []string{"/x-subject enum"}},
		{"unknown subject", `["file", "line"]`, `["file", "loan"]`, []string{"/x-subject enum"}},
		{"subject twice", `["file", "line"]`, `["file", "file"]`, []string{"/x-subject enum"}},
		{"annotation that is no flag", `"x-source": "none"`, `"x-own": "yes"`, []string{"/x-own type"}},
		{"unknown annotation", `"x-source"`, `"x-sources"`, []string{"/x-sources keyword"}},
		{"keyword at the top", `"x-source": "none"`, `"minProperties": 1`, []string{"/minProperties keyword"}},
		{"data that is no object", `"type": "object",
  "x-subject"`, `"type": "array", "x-subject"`, []string{"/type const"}},
		{"open data", `"additionalProperties": false,
  "$defs"`, `"additionalProperties": {"type": "string"}, "$defs"`, []string{"/additionalProperties const"}},
		{"open object", `"required": ["amount", "currency"],
      "additionalProperties": false`, `"required": ["amount", "currency"]`, []string{"/$defs/money/additionalProperties required"}},
		{"object that allows anything", `{"type": "string", "maxLength": 3}`, `true`, []string{"/properties/map/additionalProperties required"}},
		{"required that is unknown", `["code", "amount"]`, `["code", "amounts"]`, []string{"/required/1 enum"}},
		{"required twice", `["code", "amount"]`, `["code", "code"]`, []string{"/required/1 enum"}},
		{"required that is no name", `["code", "amount"]`, `[1]`, []string{"/required/0 enum"}},
		{"required that is no list", `["code", "amount"]`, `"code"`, []string{"/required type"}},
		{"properties that are no object", `"properties": {"amount": {"type": "string", "format": "decimal"}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
      "required": ["amount", "currency"],`, `"properties": [],`, []string{"/$defs/money/properties type"}},
		{"member name", `"done": {`, `"do ne": {`, []string{"/properties format"}},
		{"schema that is no object", `{"type": "boolean", "x-open": true}`, `true`, []string{"/properties/done type", "/properties/done required"}},

		{"number", `"type": "boolean"`, `"type": "number"`, []string{"/properties/done/type enum"}},
		{"null", `"type": "boolean"`, `"type": "null"`, []string{"/properties/done/type enum"}},
		{"two types", `"type": "boolean"`, `"type": ["boolean", "integer"]`, []string{"/properties/done/type type", "/properties/done/type enum"}},
		{"no type", `"type": "boolean", `, ``, []string{"/properties/done/type enum"}},
		{"keyword of another type", `"type": "boolean"`, `"type": "boolean", "minimum": 1`, []string{"/properties/done/minimum keyword"}},
		{"combinator", `"type": "boolean"`, `"type": "boolean", "anyOf": []`, []string{"/properties/done/anyOf keyword"}},
		{"unique items", `"minItems": 1`, `"uniqueItems": true`, []string{"/properties/codes/uniqueItems keyword"}},
		{"no items", `"items": {"$ref": "#/$defs/code"}, `, ``, []string{"/properties/codes/items required"}},
		{"negative items", `"minItems": 1`, `"minItems": -1`, []string{"/properties/codes/minItems type"}},
		{"length that is no integer", `"maxLength": 3, "x-key": {`, `"maxLength": "3", "x-key": {`, []string{"/properties/guarantorNote/maxLength type"}},
		{"empty enum", `["good", "bad"]`, `[]`, []string{"/properties/state/enum items", "/properties/state/x-open keyword"}},
		{"enum with an integer", `["good", "bad"]`, `["good", 1]`, []string{"/properties/state/enum/1 type"}},
		{"enum with a repeat", `["good", "bad"]`, `["good", "good"]`, []string{"/properties/state/enum/1 type"}},
		{"enum and const", `"const": "x"`, `"const": "x", "enum": ["x"]`, []string{"/properties/v/const keyword"}},
		{"const of another type", `"const": "x"`, `"const": 1`, []string{"/properties/v/const type"}},
		{"unknown format", `"format": "date-time"`, `"format": "email"`, []string{"/properties/when/format enum", "/properties/when/x-open keyword"}},

		{"reference outside", `"#/$defs/code"`, `"https://example.com/code"`, []string{"/properties/codes/items/$ref format"}},
		{"reference to nothing", `"#/$defs/code"`, `"#/$defs/codes"`, []string{"/properties/codes/items/$ref format"}},
		{"reference to the top", `"#/$defs/code"`, `"#"`, []string{"/properties/codes/items/$ref format"}},
		{"keyword beside a reference", `"#/$defs/code"`, `"#/$defs/code", "maxLength": 3`, []string{"/properties/codes/items/maxLength keyword"}},
		{"definition of itself", `"code": {"type": "string", "pattern": "^[a-z]{1,8}$"}
`, `"code": {"type": "array", "items": {"$ref": "#/$defs/code"}}`, []string{"/$defs/code/items/$ref keyword", "/properties/codes/x-open keyword"}},
		{"definitions of each other", `"code": {"type": "string", "pattern": "^[a-z]{1,8}$"}
`, `"code": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/code"}`, []string{"/$defs/code/$ref keyword"}},
		{"unused definition that is wrong", `"$defs": {`, `"$defs": {"x": {"type": "any"},`, []string{"/$defs/x/type enum"}},
		{"definitions that are no object", testSchema[strings.Index(testSchema, `"$defs"`):strings.Index(testSchema, `"examples"`)], `"$defs": [],`, []string{"/$defs type", "/properties/amount/$ref format", "/properties/codes/items/$ref format"}},

		{"pattern that is none", `^[A-Z]{3}$`, `^[A-Z{3}$`, []string{"/$defs/money/properties/currency/pattern pattern"}},
		{"pattern without anchors", `^[A-Z]{3}$`, `[A-Z]{3}`, []string{"/$defs/money/properties/currency/pattern pattern"}},
		{"pattern with half an anchor", `^[A-Z]{3}$`, `^[A-Z]{3}`, []string{"/$defs/money/properties/currency/pattern pattern"}},
		{"pattern with alternatives", `^[A-Z]{3}$`, `^EUR|USD$`, []string{"/$defs/money/properties/currency/pattern pattern"}},
		{"pattern with back reference", `^[A-Z]{3}$`, `^([A-Z])\\1$`, []string{"/$defs/money/properties/currency/pattern pattern"}},

		{"neither open nor sealed", `"type": "boolean", "x-open": true`, `"type": "boolean"`, []string{"/properties/done required"}},
		{"both open and sealed", `"type": "boolean", "x-open": true`, `"type": "boolean", "x-open": true, "x-key": "party"`, []string{"/properties/done required"}},
		{"not open", `"type": "boolean", "x-open": true`, `"type": "boolean", "x-open": false`, []string{"/properties/done/x-open const"}},
		{"annotation further in", `"type": "string", "format": "decimal"`, `"type": "string", "format": "decimal", "x-open": true`, []string{"/$defs/money/properties/amount/x-open keyword"}},
		{"unknown group", `"x-key": "staff"`, `"x-key": "borrower"`, []string{"/properties/reviewer/x-key enum"}},
		{"key that is a number", `"x-key": "staff"`, `"x-key": 1`, []string{"/properties/reviewer/x-key enum"}},
		{"group without party", `"x-key": "staff"`, `"x-key": {"group": "staff"}`, []string{"/properties/reviewer/x-key/party required"}},
		{"group of its own called party", `"x-key": "staff"`, `"x-key": {"group": "party", "party": "/data/reviewer"}`, []string{"/properties/reviewer/x-key/group format"}},
		{"group with a strange name", `"x-key": "staff"`, `"x-key": {"group": "a b", "party": "/data/reviewer"}`, []string{"/properties/reviewer/x-key/group format"}},
		{"key with another member", `"x-key": "staff"`, `"x-key": {"group": "g", "party": "/data/reviewer", "x": 1}`, []string{"/properties/reviewer/x-key/x keyword"}},
		{"party that is unknown", `"x-key": "staff"`, `"x-key": {"group": "g", "party": "/data/x"}`, []string{"/properties/reviewer/x-key/party format"}},
		{"party that is open", `"x-key": "staff"`, `"x-key": {"group": "g", "party": "/data/code"}`, []string{"/properties/reviewer/x-key/party format"}},
		{"party in another group", `"x-key": "staff"`, `"x-key": {"group": "g", "party": "/data/guarantor"}`, []string{"/properties/reviewer/x-key/party format"}},
		{"party outside data", `"x-key": "staff"`, `"x-key": {"group": "g", "party": "/party"}`, []string{"/properties/reviewer/x-key/party format"}},
		{"party that is no text", `"guarantor": {"type": "string",`, `"guarantor": {"type": "integer",`, []string{"/properties/guarantor/x-key/party format", "/properties/guarantorNote/x-key/party format"}},
		{"party whose schema is wrong", `"guarantor": {"type": "string",`, `"guarantor": {"type": "any",`, []string{"/properties/guarantor/type enum", "/properties/guarantor/x-key/party format", "/properties/guarantorNote/x-key/party format"}},
		{"two parties of one group", `"x-key": "staff"`, `"x-key": {"group": "guarantor", "party": "/data/reviewer"}`, []string{"/properties/reviewer/x-key keyword"}},

		{"open text", `"type": "string", "pattern": "^[a-z]{1,8}$", "x-open"`, `"type": "string", "maxLength": 20, "x-open"`, []string{"/properties/code/x-open keyword"}},
		{"open pattern without end", `"^[a-z]{1,8}$", "x-open"`, `"^[a-z]+$", "x-open"`, []string{"/properties/code/x-open keyword"}},
		{"open pattern that is long", `"^[a-z]{1,8}$", "x-open"`, `"^[a-z]{1,65}$", "x-open"`, []string{"/properties/code/x-open keyword"}},
		{"open pattern with a space", `"^[a-z]{1,8}$", "x-open"`, `"^[a-z ]{1,8}$", "x-open"`, []string{"/properties/code/x-open keyword"}},
		{"open pattern of anything", `"^[a-z]{1,8}$", "x-open"`, `"^[^0-9]{1,8}$", "x-open"`, []string{"/properties/code/x-open keyword"}},
		{"open object", `"$ref": "#/$defs/money", "title": "Amount", "x-key": "party"`, `"$ref": "#/$defs/money", "title": "Amount", "x-open": true`, []string{"/properties/amount/x-open keyword"}},
		{"open list without end", `"minItems": 1, "maxItems": 3`, `"minItems": 1`, []string{"/properties/codes/x-open keyword"}},
		{"open list of texts", `"items": {"$ref": "#/$defs/code"}`, `"items": {"type": "string"}`, []string{"/properties/codes/x-open keyword"}},
		{"open member of a restricted type", `"x-subject": ["file", "line"], "x-source": "none",
  "properties": {`, `"x-subject": "case", "x-restricted": true, "properties": {`, slices.Repeat([]string{"*"}, 10)},
		{"restricted type in a borrower's chain", testSchema, strings.Replace(restrictedSchema, `"case"`, `"file"`, 1), []string{"/x-subject const"}},

		{"example that is not valid", `"currency": "EUR"}}]`, `"currency": "euro"}}, {}]`, []string{"/examples/0/amount/currency pattern", "/examples/1/amount required", "/examples/1/code required"}},
		{"examples that are no list", `"examples": [{"code": "abc", "amount": {"amount": "1.50", "currency": "EUR"}}]`, `"examples": {}`, []string{"/examples type"}},
		{"everything at once", `"type": "boolean", "x-open": true},`, `"type": "bool"}, "other": {"type": "number", "x-key": "x"},`, []string{"/properties/done/type enum", "/properties/done required", "/properties/other/type enum", "/properties/other/x-key enum"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Count(testSchema, tt.old) == 0 {
				t.Fatalf("the test schema has no %q", tt.old)
			}
			s, err := record.ParseSchema([]byte(strings.Replace(testSchema, tt.old, tt.new, 1)))
			if s != nil || err == nil {
				t.Fatalf("it is accepted: %v", err)
			}
			got := places(err)
			if tt.want[0] == "*" {
				if len(got) != len(tt.want) {
					t.Errorf("%d violations, want %d: %v", len(got), len(tt.want), err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

const restrictedSchema = `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:lendlog:schema:com.example.report.v1",
"type": "object", "x-subject": "case", "x-restricted": true, "properties": {"note": {"type": "string", "x-key": "party"}}, "additionalProperties": false}`

func TestParseSchemaAccepts(t *testing.T) {
	mustParse(t, restrictedSchema)
	own := strings.Replace(testSchema, `"x-source": "none"`, `"x-own": true`, 1)
	own = strings.Replace(own, `"title": "Amount", "x-key": "party"`, `"title": "Amount", "x-open": true`, 1)
	if m, _ := mustParse(t, own).Member("amount"); !m.Open {
		t.Error("a type of the ledger's own cannot open an object")
	}
}

func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		ok      bool
	}{
		{`^$`, true},
		{`^a$`, true},
		{`^(?:a|b)$`, true},
		{`^(a|b)?$`, true},
		{`^[a-z0-9._-]{1,64}$`, true},
		{`^[a\-z]$`, true},
		{`^\d+\.\d{2}$`, true},
		{`^\{[^{}]*\}$`, true},
		{`^[^\n\r\t]+$`, true},
		{`^\/\^\$$`, true},
		{`^a{2}b{2,}c{2,3}$`, true},
		{`^日本$`, true},
		{`(?:^a$)`, true},

		{`a`, false},
		{`^a`, false},
		{`a$`, false},
		{`^a|b$`, false},
		{`^a$|^b$`, false},
		{`(?i)^a$`, false},
		{`(?m)^a$`, false},
		{`^(?i:a)$`, false},
		{`^(?P<n>a)$`, false},
		{`^(?=a)$`, false},
		{`^.$`, false},
		{`^\s$`, false},
		{`^\S$`, false},
		{`^a\b$`, false},
		{`\Aa\z`, false},
		{`^a\z`, false},
		{`^\pL$`, false},
		{`^\p{Greek}$`, false},
		{`^[[:alpha:]]$`, false},
		{`^[]a]$`, false},
		{`^[^]a]$`, false},
		{`^\Qa\E$`, false},
		{`^\x41$`, false},
		{`^\a$`, false},
		{`^a{$`, false},
		{`^a}$`, false},
		{`^a]$`, false},
		{`^{2}$`, false},
		{`^a{1000}$`, true},
		{`^(?:ab){500}$`, true},
		{`^(?:ab){600}$`, false},
		{`^a{1000}b{30}$`, false},
		{`^(?:a{30}){30}$`, true},
		{`^(?:a{900})*$`, true},
		{`^a{900,}b{200,}$`, false},
		{`^a{1001}$`, false},
		{`^a{,3}$`, false},
		{`^\-$`, false},
		{`^[[]$`, false},
		{`^` + strings.Repeat("a", 511) + `$`, false},
	} {
		text := strings.Replace(testSchema, `"pattern": "^[A-Z]{3}$"`, `"pattern": `+string(canon.Text(tt.pattern).Bytes()), 1)
		text = text[:strings.Index(text, `,
  "examples"`)] + "}"
		_, err := record.ParseSchema([]byte(text))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.pattern, err)
		}
		if got := places(err); err != nil && !slices.Equal(got, []string{"/$defs/money/properties/currency/pattern pattern"}) {
			t.Errorf("%s is refused for %v", tt.pattern, err)
		}
	}
}

// What an event costs to be held against a lender's schema is bounded, and so
// is what is answered of it.
func TestCheckIsBounded(t *testing.T) {
	values := make([]string, 2000)
	for i := range values {
		values[i] = fmt.Sprintf(`"value-%04d"`, i)
	}
	s := mustParse(t, `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:lendlog:schema:com.example.slow.v1", "type": "object",
"x-subject": "file", "properties": {
	"texts": {"type": "array", "items": {"type": "string", "pattern": "^[^x]*a[^x]{900}$"}, "x-key": "party"},
	"codes": {"type": "array", "items": {"type": "string", "enum": [`+strings.Join(values, ",")+`]}, "x-key": "party"}
}, "additionalProperties": false}`)
	check := func(member, value string, n int) record.Violations {
		var items []canon.Value
		for range n {
			items = append(items, canon.Text(value))
		}
		return s.Check(canon.Map(canon.Member{Name: member, Value: canon.List(items...)}))
	}
	text := strings.Repeat("a", 1000)
	if vs := check("texts", text, 10); vs != nil {
		t.Errorf("ten texts: %v", vs)
	}
	vs := check("texts", text, 100)
	if len(vs) == 0 || vs[0].Code != record.CodeLength || !strings.Contains(vs[0].Message, "too long, with the strings before it") {
		t.Errorf("a hundred texts: %v", vs)
	}
	vs = check("codes", "none", 100)
	if len(vs) != record.MaxViolations || vs[0].Code != record.CodeEnum || len(vs.Error()) > 32<<10 {
		t.Errorf("wrong codes are answered with %d violations of %d bytes", len(vs), len(vs.Error()))
	}
}

// A schema of many patterns, each of them small enough, may cost only so much.
func TestPatternsOfOneSchema(t *testing.T) {
	schema := func(n int) string {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"m%d": {"type": "string", "pattern": "^%d[a-z]{900}$", "x-key": "party"}`, i, i))
		}
		return `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:lendlog:schema:com.example.big.v1", "type": "object",
"x-subject": "file", "properties": {` + strings.Join(members, ",") + `}, "additionalProperties": false}`
	}
	mustParse(t, schema(8))
	_, err := record.ParseSchema([]byte(schema(12)))
	var vs record.Violations
	if !errors.As(err, &vs) || vs[0].Code != record.CodePattern || !strings.Contains(vs[0].Message, "one too many") {
		t.Errorf("twelve large patterns: %v", err)
	}
}

func FuzzParseSchema(f *testing.F) {
	f.Add([]byte(testSchema))
	f.Add([]byte(restrictedSchema))
	all := builtin(f)
	for _, s := range all.All() {
		f.Add(s.Text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := record.ParseSchema(text)
		if err != nil {
			var vs record.Violations
			if !errors.As(err, &vs) || len(vs) == 0 || len(vs) > record.MaxViolations || s != nil {
				t.Fatalf("%v, %v", s, err)
			}
			return
		}
		o, err := newOracle(text)
		if err != nil {
			t.Fatalf("the oracle refuses the schema: %v", err)
		}
		admitted := all.Admit(s) == nil
		if next, err := all.With(s); admitted && (err != nil || next.Admit(s) != nil) {
			t.Fatalf("what is admitted is not taken: %v", err)
		}
		for _, e := range s.Examples {
			if !compare(t, s, o, e) {
				t.Fatalf("an example is not valid: %s", e.Bytes())
			}
		}
		compare(t, s, o, canon.Map())
		pointers := s.Pointers()
		if !slices.IsSorted(pointers) || len(slices.Compact(slices.Clone(pointers))) != len(pointers) {
			t.Fatalf("pointers out of order: %q", pointers)
		}
		party := make(map[string]string)
		for _, p := range pointers {
			group, holder := s.Group(p)
			if group == "" {
				t.Fatalf("%s has no group", p)
			}
			if before, ok := party[group]; ok && before != holder {
				t.Fatalf("the group %s has two parties", group)
			}
			party[group] = holder
			if _, ok := slices.BinarySearch(pointers, holder); holder != "" && !ok {
				t.Fatalf("the party of %s is not sealed", p)
			}
		}
	})
}

// Closed says where only the words of a code list can stand.
func TestClosed(t *testing.T) {
	s, err := record.ParseSchema([]byte(`{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:lendlog:schema:com.example.a.v1", "title": "A", "type": "object",
		"x-subject": "file", "additionalProperties": false, "properties": {
		"word": {"type": "string", "enum": ["a", "b"], "x-open": true},
		"list": {"type": "array", "items": {"type": "string", "enum": ["c"]}, "maxItems": 4, "x-open": true},
		"free": {"type": "string", "x-key": "party"},
		"map": {"type": "object", "additionalProperties": {"type": "string"}, "x-key": "party"},
		"money": {"type": "object", "properties": {"currency": {"type": "string", "pattern": "^[A-Z]{3}$"}}, "additionalProperties": false, "x-key": "party"}},
		"examples": [{"word": "a"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"word": "[a b] true true", "list": "[c] true true", "free": "[] false true", "map": "[] false true", "map.x": "[] false true",
		"money": "[] false true", "money.currency": "[] false true", "money.curency": "[] false false", "word.x": "[] false false", "none": "[] false false",
	} {
		words, closed, ok := s.Closed(strings.Split(path, ".")...)
		if got := fmt.Sprint(words, closed, ok); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
