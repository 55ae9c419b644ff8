// SPDX-License-Identifier: Apache-2.0

package look

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func TestChain(t *testing.T) {
	for subject, want := range map[string]string{
		"file/A-1":                         "ledger/looks/file/A-1",
		"party/P 77":                       "ledger/looks/party/P 77",
		"staff/王":                          "ledger/looks/staff/王",
		"party/a\tb":                       "",
		"file/" + strings.Repeat("x", 251): "",
	} {
		got := Chain(subject)
		if strings.Contains(got, "sha256:") != (strings.ContainsAny(subject, "\t") || len(subject) > 243) || !strings.Contains(got, "sha256:") && got != want {
			t.Errorf("the chain of %q is %q", subject, got)
		}
		if kind, id, _ := strings.Cut(got, "/"); !record.IsSubject(kind, id) || !IsChain(got) {
			t.Errorf("no event can be of the chain %q", got)
		}
	}
	if got := Day(noon.In(time.FixedZone("", 13*60*60))); got != "ledger/looks/2026-11-30" || !IsChain(CaseDay(noon)) {
		t.Errorf("the chain of a day is %q", got)
	}
	if IsChain("ledger/looksmith") || IsChain("file/looks/1") {
		t.Error("other subjects are taken for chains of looks")
	}
}

// One look is a record in the chain of each subject and person, and one in that
// of the day when these are many; cases show nowhere but in cases.
func TestParts(t *testing.T) {
	many := func(n int) (o Opened) {
		for i := range n {
			o.Add(int64(10+i), fmt.Sprintf("file/%02d", i))
		}
		return o
	}
	one := Opened{}
	one.Add(22, "file/A", "party/P")
	one.Add(23, "file/A", "party/P", "party/Q")
	loose := Opened{}
	loose.Add(7, "")
	loose.Add(8, "ledger/looks/file/A")
	loose.Add(9, "file/A")
	restricted := Opened{}
	restricted.AddCase(40, "case/C")
	restricted.Add(41, "file/A")
	for name, tc := range map[string]struct {
		look Look
		want string
	}{
		"nothing":            {Look{}, ""},
		"one subject":        {Look{Opened: one}, "ledger/looks/file/A 22-23; ledger/looks/party/P 22-23; ledger/looks/party/Q 23"},
		"as many as go":      {Look{Opened: many(2)}, "ledger/looks/file/00 10; ledger/looks/file/01 11"},
		"too many":           {Look{Opened: many(Spread + 1)}, "ledger/looks/2026-11-30 10-18"},
		"unknown ones":       {Look{Opened: loose}, "ledger/looks/file/A 9; ledger/looks/2026-11-30 7-8"},
		"a range":            {Look{Opened: Opened{Loose: Spans{{5, Endless}}}}, "ledger/looks/2026-11-30 5-"},
		"a person, found":    {Look{Searched: true, Named: []string{"party/P"}, Opened: one}, "ledger/looks/file/A 22-23; ledger/looks/party/P 22-23; ledger/looks/party/Q 23"},
		"a person, not":      {Look{Searched: true, Named: []string{"party/P"}}, "ledger/looks/party/P "},
		"something, not":     {Look{Searched: true}, "ledger/looks/2026-11-30 "},
		"what is open, not":  {Look{Query: "type #0"}, ""},
		"a case, not":        {Look{Searched: true, Named: []string{"case/C"}}, "ledger/looks/2026-11-30 "},
		"a case":             {Look{Opened: restricted}, "ledger/looks/file/A 41; case/C 40"},
		"for a case":         {Look{Case: "case/D", Opened: restricted}, "case/D 41 [file/A]; case/C 40"},
		"for the case":       {Look{Case: "case/C", Opened: restricted}, "case/C 40-41 [file/A]"},
		"for a case, nobody": {Look{Case: "case/C", Searched: true, Named: []string{"party/P"}}, "case/C  [party/P]"},
	} {
		var got []string
		for _, p := range tc.look.Parts(noon) {
			text := p.Subject + " " + p.Spans.String()
			if len(p.Related) > 0 {
				text += fmt.Sprint(" ", p.Related)
			}
			if (p.Type == record.TypeCaseAccessed) != strings.HasPrefix(p.Subject, "case/") {
				t.Errorf("%s: %s in the chain %s", name, p.Type, p.Subject)
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(tc.want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	cases := Opened{}
	for i := range Spread + 1 {
		cases.AddCase(int64(i), fmt.Sprintf("case/%d", i))
	}
	if parts := (&Look{Opened: cases}).Parts(noon); len(parts) != 1 || parts[0].Subject != "case/looks/2026-11-30" || parts[0].Spans.String() != "0-8" {
		t.Errorf("many cases: %+v", parts)
	}
}

// Records of looks are read as they were written, as their schemas take them, and
// their bytes stay as they are.
func TestDataGolden(t *testing.T) {
	builtin, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	k := &Look{Grant: "aadq4fi4", Role: "auditor", Purpose: "audit", Act: Search, Query: "party #00"}
	stated, err := canon.Parse([]byte(`{"actorId":"s","actorKind":"staff","content":["m"],"count":3,"exported":true,"outcome":"granted","purpose":"complaint","query":"all","role":"clerk"}`), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	export, err := k.ExportData(stated, "ID")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, tc := range []struct {
		typ  string
		data canon.Value
	}{
		{record.TypeAccessOccurred, k.Data(Part{Spans: SpansOf(22, 25, 26)}, "ID")},
		{record.TypeAccessOccurred, k.Data(Part{}, "ID")},
		{record.TypeAccessOccurred, k.Data(Part{Spans: Spans{{40, Endless}}}, "ID")},
		{record.TypeAccessOccurred, export},
		{record.TypeCaseAccessed, k.Data(Part{Spans: SpansOf(22), Related: []string{"file/A"}}, "ID")},
	} {
		fmt.Fprintf(&out, "%s\n", tc.data.Bytes())
		subject := "ledger/looks/file/A"
		if tc.typ == record.TypeCaseAccessed {
			subject = "case/C"
		}
		_, err := record.NewOwnEvent(canon.Map(
			canon.Member{Name: "specversion", Value: canon.Text("1.0")}, canon.Member{Name: "source", Value: canon.Text("urn:x")},
			canon.Member{Name: "id", Value: canon.Text("1")}, canon.Member{Name: "type", Value: canon.Text(tc.typ)},
			canon.Member{Name: "subject", Value: canon.Text(subject)}, canon.Member{Name: "time", Value: canon.Text("2026-11-30T12:00:00.000Z")},
			canon.Member{Name: "data", Value: tc.data},
		), builtin)
		if err != nil {
			t.Errorf("%s: %v", tc.data.Bytes(), err)
		}
		d, err := Parse(tc.typ, tc.data)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", doc)
		var again Done
		if err := json.Unmarshal(doc, &again); err != nil || cmp.Diff(*d, again) != "" {
			t.Errorf("%s is read as %+v, %v", doc, again, err)
		}
	}
	if _, err := k.ExportData(canon.Map(canon.Member{Name: "grant", Value: canon.Text("x")}), "ID"); err == nil {
		t.Error("whoever exports says by which grant")
	}
	if _, err := Parse("org.lendlog.access.occurred.v1", export); err == nil {
		t.Error("what somebody submitted is taken for a look")
	}
	const file = "testdata/data.golden"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestSpans(t *testing.T) {
	s := SpansOf(9, 3, 4, 4, 1)
	if s.String() != "1,3-4,9" || s.Count() != 4 {
		t.Errorf("the spans are %s, of %d", s, s.Count())
	}
	for i := range int64(12) {
		if s.Has(i) != slices.Contains([]int64{1, 3, 4, 9}, i) {
			t.Errorf("%d is in %s: %v", i, s, s.Has(i))
		}
	}
	if !s.Covers(SpansOf(3, 9)) || s.Covers(SpansOf(3, 5)) || !s.Covers(nil) || Spans(nil).Covers(s) {
		t.Error("spans cover others than they do")
	}
	if got := s.With(Spans{{2, 3}, {20, Endless}}).String(); got != "1-4,9,20-" {
		t.Errorf("with others they are %s", got)
	}
	var one Spans
	for _, i := range []int64{5, 6, 8, 6, 2} {
		one = one.and(i)
	}
	if one.String() != "2,5-6,8" {
		t.Errorf("one after the other they are %s", one)
	}
	// What does not go into a record says too much, and nothing too little.
	var sparse []int64
	for i := range int64(20_000) {
		sparse = append(sparse, 1_000_000+2*i)
	}
	if texts := SpansOf(sparse...).texts(); len(texts) != 1 || texts[0] != "1000000-1039998" {
		t.Errorf("twenty thousand spans are %d texts", len(texts))
	}
	if texts := SpansOf(sparse[:2000]...).texts(); len(texts) < 2 || len(texts) > maxTexts {
		t.Errorf("two thousand spans are %d texts", len(texts))
	} else if again, err := ParseSpans(texts); err != nil || !slices.Equal(again, SpansOf(sparse[:2000]...)) {
		t.Errorf("they are read as others: %v", err)
	}
}

func FuzzParseSpans(f *testing.F) {
	for _, s := range []string{"", "22", "22,25-31", "40-", "0-0", "3,2", "1,2", "9007199254740992", "1-1", "-", "01", "1-,5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		spans, err := ParseSpans(strings.Split(s, "\n"))
		if err == nil && strings.Join(spans.texts(), "\n") != s {
			t.Errorf("%q is read as %v", s, spans)
		}
		var one Spans
		if one.UnmarshalText([]byte(s)) == nil && one.String() != s {
			t.Errorf("%q is read as %s", s, one)
		}
	})
}
