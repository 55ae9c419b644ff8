// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/record"
)

func with(t *testing.T, c *record.Catalogue, more ...*record.Schema) *record.Catalogue {
	t.Helper()
	n, err := c.With(more...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What may follow testSchema under its name, and what is said of the rest.
func TestAdmit(t *testing.T) {
	first := mustParse(t, testSchema)
	for _, tt := range []struct {
		name, old, new string
		want           []string // pointer and code
	}{
		{"the same", "", "", nil},
		{"another description", "A test.", "A better test.", nil},
		{"another member", `"code": {"type"`, `"extra": {"type": "integer", "x-open": true}, "code": {"type"`, nil},
		{"a member less", `    "day": {"type": "string", "format": "date", "x-open": true},` + "\n", "", nil},
		{"wider", `"maximum": 10`, `"maximum": 100`, nil},
		{"narrower", `"maximum": 10`, `"maximum": 1`, nil},
		{"sealed", `"type": "boolean", "x-open": true`, `"type": "boolean", "x-key": "party"`, nil},

		{"opened", `"map": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}, "x-key": "institution"}`,
			`"map": {"type": "integer", "x-open": true}`, []string{"/properties/map type", "/properties/map/x-open const"}},
		{"another group", `"x-key": "institution"`, `"x-key": "party"`, []string{"/properties/map/x-key const"}},
		{"another party", `"guarantor": {"type": "string", "x-key": {"group": "guarantor", "party": "/data/guarantor"}},
    "guarantorNote": {"type": "string", "minLength": 2, "maxLength": 3, "x-key": {"group": "guarantor", "party": "/data/guarantor"}}`,
			`"guarantor": {"type": "string", "x-key": {"group": "guarantor", "party": "/data/guarantorNote"}},
    "guarantorNote": {"type": "string", "minLength": 2, "maxLength": 3, "x-key": {"group": "guarantor", "party": "/data/guarantorNote"}}`,
			[]string{"/properties/guarantor/x-key const", "/properties/guarantorNote/x-key const"}},
		{"another type", `"day": {"type": "string", "format": "date"`, `"day": {"type": "integer"`, []string{"/properties/day type"}},
		{"the ledger's own", `"x-source": "none"`, `"x-own": true`, []string{"/x-own reserved-type"}},
		{"a name of lendlog's", "com.example.loan.reviewed", "org.lendlog.loan.reviewed", []string{"/$id reserved-type"}},
		{"a type of lendlog's with another text", "com.example.loan.reviewed", "org.lendlog.loan.closed", []string{"/$id reserved-type"}},
		{"too long in quotes", `"title": "Loan reviewed"`, `"title": "` + strings.Repeat(`\"`, 25000) + `"`, []string{" size"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(testSchema, tt.old) {
				t.Fatalf("the test schema has no %q", tt.old)
			}
			base := with(t, builtin(t), first)
			if strings.Contains(tt.name, "lendlog") {
				base = with(t, new(record.Catalogue), first)
			}
			s := mustParse(t, strings.Replace(testSchema, tt.old, tt.new, 1))
			got := places(base.Admit(s))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// What one version sealed is never opened by a later one, even if one between
// them lacked it, and a version that was replaced stays so.
func TestAdmitLooksAtAllVersions(t *testing.T) {
	const member = `    "reviewer": {"type": "string", "x-key": "staff"},` + "\n"
	first := mustParse(t, testSchema)
	without := mustParse(t, strings.Replace(testSchema, member, "", 1))
	opened := mustParse(t, strings.Replace(testSchema, member, `"reviewer": {"type": "string", "pattern": "^[a-z]{1,8}$", "x-open": true},`, 1))
	if err := with(t, builtin(t), without).Admit(opened); err != nil {
		t.Errorf("it was never sealed: %v", err)
	}
	both := with(t, builtin(t), first, without)
	if got := places(both.Admit(opened)); !slices.Equal(got, []string{"/properties/reviewer/x-open const"}) {
		t.Errorf("it was sealed before: %v", got)
	}
	if got := places(both.Admit(first)); !slices.Equal(got, []string{" const"}) {
		t.Errorf("it was replaced: %v", got)
	}
	if err := both.Admit(without); err != nil {
		t.Errorf("it is the current one: %v", err)
	}
}

func TestAdmitRestricted(t *testing.T) {
	s := mustParse(t, restrictedSchema)
	plain := mustParse(t, strings.Replace(restrictedSchema, `"x-restricted": true, `, "", 1))
	if err := builtin(t).Admit(s); err != nil {
		t.Error(err)
	}
	for _, c := range [][2]*record.Schema{{s, plain}, {plain, s}} {
		if got := places(with(t, builtin(t), c[0]).Admit(c[1])); !slices.Equal(got, []string{"/x-restricted const"}) {
			t.Errorf("restricted and not: %v", got)
		}
	}
}

// The program's own types, byte for byte, go into a ledger that lacks them.
func TestAdmitBuiltin(t *testing.T) {
	for _, s := range builtin(t).All() {
		if err := new(record.Catalogue).Admit(s); err != nil {
			t.Errorf("%s: %v", s.Type, err)
		}
		other, err := record.ParseSchema(append(bytes.Clone(s.Text), '\n'))
		if err != nil {
			t.Fatal(err)
		}
		if got := places(new(record.Catalogue).Admit(other)); !slices.Contains(got, "/$id reserved-type") {
			t.Errorf("%s with another byte: %v", s.Type, got)
		}
	}
}

// No message repeats what stands in the schema.
func TestAdmitHoldsNoValue(t *testing.T) {
	first := mustParse(t, testSchema)
	s := mustParse(t, strings.ReplaceAll(strings.Replace(testSchema, `"x-key": "staff"`, `"x-key": "party"`, 1), "A test.", "MARKER"))
	if err := with(t, builtin(t), first).Admit(s); err == nil || strings.Contains(fmt.Sprint(err), "MARKER") {
		t.Error(err)
	}
}

// The schema that docs/integrate.md shows can be registered.
func TestAdmitDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/integrate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## A type of your own\n")
	_, section, _ = strings.Cut(section, "```\n")
	text, _, ok := strings.Cut(section, "```\n")
	if !ok {
		t.Fatal("docs/integrate.md shows no schema")
	}
	if err := builtin(t).Admit(mustParse(t, text)); err != nil {
		t.Error(err)
	}
}

// All schemas are kept in memory, so there is an end to them.
func TestAdmitSoMany(t *testing.T) {
	var many []*record.Schema
	for i := range 512 {
		many = append(many, mustParse(t, strings.Replace(restrictedSchema, "report.v1", fmt.Sprintf("report.v%d", i+1), 1)))
	}
	s := mustParse(t, testSchema)
	if err := with(t, builtin(t), many[:511]...).Admit(s); err != nil {
		t.Error(err)
	}
	full := with(t, builtin(t), many...)
	if got := places(full.Admit(s)); !slices.Equal(got, []string{" items"}) {
		t.Errorf("one more than there may be: %v", got)
	}
	if err := full.Admit(many[0]); err != nil {
		t.Errorf("one that is there: %v", err)
	}
}
