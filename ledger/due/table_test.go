// SPDX-License-Identifier: Apache-2.0

package due_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/story"
)

var update = flag.Bool("update", false, "write docs/obligations.md anew")

const page = "../../docs/obligations.md"

// docs/obligations.md is the table.
func TestObligationsPage(t *testing.T) {
	want := builtin(t).Page()
	if *update {
		if err := os.WriteFile(filepath.FromSlash(page), want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.FromSlash(page))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/obligations.md is stale (go test ./ledger/due -run TestObligationsPage -update):\n%s", diff)
	}
}

const row = `obligations:
  - id: a.b
    title: {en: T, zh: 题}
    sentence: {en: S., zh: 句。}
    basis: law
    source: S
    trigger: {type: complaint.opened}
    days: 30
    discharge:
      - {type: complaint.resolved}
`

func TestParseRefuses(t *testing.T) {
	if _, err := due.Parse([]byte(row)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ old, new, says string }{
		{row, "", "can't be read"},
		{row, "obligations: []\n", "is empty"},
		{row, row + "---\n{}\n", "more after the table"},
		{"id: a.b", "id: A b", "its id"},
		{"id: a.b", "", "its id"},
		{"{en: T, zh: 题}", "{en: T}", "in en and zh"},
		{"{en: S., zh: 句。}", "{zh: 句。}", "in en and zh"},
		{"basis: law", "basis: custom", "basis is"},
		{"source: S", "source: ''", "no source"},
		{"basis: law", "basis: law\n    jurisdictions: [US-CA]", "are countries"},
		{"days: 30", "days: 0", "days or months, or due"},
		{"days: 30", "days: 30\n    months: 1", "days or months, or due"},
		{"days: 30", "days: -1", "its limit"},
		{"days: 30", "days: 3661", "its limit"},
		{"days: 30", "months: 123", "its limit"},
		{"days: 30", "days: 30\n    hours: 3", "hours"},
		{"days: 30", "days: 30\n    zone: Mars", "its zone"},
		{"    discharge:\n      - {type: complaint.resolved}\n", "", "nothing discharges it"},
		{"{type: complaint.opened}", "{at: receivedAt}", "has no type"},
		{"{type: complaint.opened}", "{type: complaint.opened, ref: a}", "are for what discharges it"},
		{"{type: complaint.opened}", "{type: complaint.opened}\n    from: {type: a, own: true}", "are for what discharges it"},
		{"{type: complaint.resolved}", "{type: complaint.resolved, own: true, at: a}", "own is for"},
		{"{type: complaint.resolved}", "{type: complaint.opened, own: true}", "own is for"},
		{"{type: complaint.resolved}", "{type: complaint.resolved, by: a}", "by"},
		{row, row + strings.TrimPrefix(row, "obligations:\n"), "is taken"},
		{row, strings.Repeat("#", 1<<20) + "\n" + row, "1 MiB"},
	} {
		text := strings.Replace(row, tc.old, tc.new, 1)
		if table, err := due.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s for %s: %v, %v; want it to say %q", tc.new, tc.old, table, err, tc.says)
		}
	}
}

// FuzzParse wants no table to end the program, neither when it is read nor when
// it judges.
func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("obligations.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(row))
	f.Add([]byte(strings.Replace(row, "days: 30", "due: dueAt\n    zone: \"-11:30\"", 1)))
	s := tell(f,
		event{typ: "complaint.opened", at: "2026-03-01", data: `{"receivedAt":"2026-03-01","dueAt":"2026-03-20"}`},
		event{typ: "complaint.resolved", at: "2026-03-21", data: `{"complaintRef":"e0"}`})
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := due.Parse(text)
		if err != nil {
			return
		}
		for item := range table.Judge(s, instant(t, "2026-04-01"), time.UTC) {
			if item.Due < item.From && item.Due != "2026-03-20" || len(item.Due) != len("2006-01-02") {
				t.Errorf("%+v", item)
			}
		}
		table.Page()
	})
}

// What a selection of records leaves out is not looked at.
func TestTableSelects(t *testing.T) {
	table := builtin(t)
	for typ, want := range map[string][2]bool{
		"decision.made":          {true, true},
		"adverse-action.noticed": {false, true},
		"payment.received":       {false, false},
		"restricted":             {false, false},
	} {
		if got := [2]bool{table.Triggers(story.Type(typ)), table.Reads(story.Type(typ))}; got != want {
			t.Errorf("%s: triggers and reads %v", typ, got)
		}
	}
	for name, want := range map[string]bool{"outcome": true, "decisionRef": true, "sentAt": true, "jurisdiction": true, "dueAt": true, "modelVersion": true, "narrative": false, "": false} {
		if table.Member(name) != want {
			t.Errorf("member %q: %v", name, !want)
		}
	}
}
