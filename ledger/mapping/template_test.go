// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/docs/mappings"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// dataOf maps one row and returns the data of its events, one on a line.
func dataOf(t *testing.T, mapping, header, row string) string {
	t.Helper()
	got := rows(t, parse(t, mapping), strings.NewReader(header+"\n"+row+"\n"))
	if len(got) != 1 || got[0].Rejected != nil {
		t.Fatalf("%q: %+v", row, got)
	}
	var out []string
	for _, e := range got[0].Events {
		ev, err := record.ParseEvent(e.Document, catalogue(t))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(ev.Data.Bytes()))
	}
	return strings.Join(out, "\n")
}

// application is a mapping of which the tests fill in the data.
const application = `v: lendlog-mapping/1
columns:
  n: integer
  d: decimal
  day: {as: date, format: DD.MM.YYYY}
  month: {header: day, as: month, format: DD.MM.YYYY}
  when: {header: day, as: time, format: DD.MM.YYYY, zone: "+08:00"}
  w: {trim: true, words: {"yes": true, none: null, text: other}}
  i: {trim: true, words: {one: 1, two: 2}}
  low: integer
defaults: {id: "1", source: s, subject: file/1, time: 2026-01-01T00:00:00Z}
events:
  - type: org.lendlog.application.received.v1
    data:
      applicationId: "1"
%s
`

func TestTemplates(t *testing.T) {
	const header = "n,d,day,w,low,t,i"
	for _, tc := range []struct{ data, row, want string }{
		{`      termMonths: "{n}"`, "36.0,,,,,,", `{"applicationId":"1","termMonths":36}`},
		{`      termMonths: "{i}"`, ",,,,,, one ", `{"applicationId":"1","termMonths":1}`},
		{`      termMonths: 12`, ",,,,,,", `{"applicationId":"1","termMonths":12}`},
		{`      loanPurpose: "{t}"`, ",,,,, as it is ,", `{"applicationId":"1","loanPurpose":" as it is "}`},
		{`      loanPurpose: "{{{n}}} of {t}"`, "36,,,,,x,", `{"applicationId":"1","loanPurpose":"{36} of x"}`},
		{`      loanPurpose: "{n} of {t}"`, "36,,,,,,", `{"applicationId":"1"}`},
		{`      loanPurpose: "{w}!"`, ",,,yes,,,", `{"applicationId":"1","loanPurpose":"true!"}`},
		{`      loanPurpose: "{w}."`, ",,,text,,,", `{"applicationId":"1","loanPurpose":"other."}`},
		{`      loanPurpose: "{w}."`, ",,,none,,,", `{"applicationId":"1"}`},
		{`      loanPurpose: "{day}/{month}/{when}"`, ",,29.02.2016,,,,", `{"applicationId":"1","loanPurpose":"2016-02-29/2016-02/2016-02-29T00:00:00+08:00"}`},
		{`      loanPurpose: "{$row}/{$file}"`, ",,,,,,", `{"applicationId":"1","loanPurpose":"1/file.csv"}`},
		{`      debtToIncome: "{d}"`, ",-1.50,,,,,", `{"applicationId":"1","debtToIncome":"-1.50"}`},
		// An object without anything in it but constants is left out.
		{`      loanAmount: {amount: "{d}", currency: EUR}`, ",5,,,,,", `{"applicationId":"1","loanAmount":{"amount":"5","currency":"EUR"}}`},
		{`      loanAmount: {amount: "{d}", currency: EUR}`, ",,,,,,", `{"applicationId":"1"}`},
		{`      loanAmount: {amount: "5", currency: EUR}`, ",,,,,,", `{"applicationId":"1","loanAmount":{"amount":"5","currency":"EUR"}}`},
		{`      loanAmount: {amount: "{d!}", currency: "{t}"}`, ",5,,,,USD,", `{"applicationId":"1","loanAmount":{"amount":"5","currency":"USD"}}`},
		{`      loanAmount: {amount: "{d!}", currency: "{t}"}`, ",,,,,USD,", `{"applicationId":"1"}`},
		{`      creditScoreRange: {low: "{low}", high: "{n}"}`, "709,,,,705,,", `{"applicationId":"1","creditScoreRange":{"high":709,"low":705}}`},
		{`      consentRefs: ["{t}", "{d}", c]`, ",,,,,a,", `{"applicationId":"1","consentRefs":["a","c"]}`},
		{`      consentRefs: ["{t}", "{d}", c]`, ",,,,,,", `{"applicationId":"1"}`},
		{`      consentRefs: [c]`, ",,,,,,", `{"applicationId":"1","consentRefs":["c"]}`},
		{`      consentRefs: []`, ",,,,,,", `{"applicationId":"1","consentRefs":[]}`},
		{`      applicantProfile: {b: "{t}", $columns: [n, d, w], a: "x"}`, "36,5.0,,yes,,,", `{"applicantProfile":{"a":"x","d":"5.0","n":"36","w":"true"},"applicationId":"1"}`},
	} {
		if diff := cmp.Diff(tc.want, dataOf(t, fmt.Sprintf(application, tc.data), header, tc.row)); diff != "" {
			t.Errorf("%s of %s:\n%s", tc.data, tc.row, diff)
		}
	}
}

func TestConditions(t *testing.T) {
	const header = "n,d,t"
	const text = `v: lendlog-mapping/1
columns: {n: integer, d: decimal}
events:
  - {type: org.lendlog.application.received.v1, id: "1", source: s, subject: file/1, time: 2026-01-01T00:00:00Z, when: %s, data: {applicationId: "1"}}
`
	for _, tc := range []struct {
		when, row string
		want      bool
	}{
		{"{t: yes}", ",,yes", true},
		{"{t: yes}", ",,Yes", false},
		{"{t: yes}", ",,", false},
		{"{t: [yes, no]}", ",,no", true},
		{"{t: {is: yes}}", ",,yes", true},
		{"{t: {not: yes}}", ",,no", true},
		{"{t: {not: yes}}", ",,yes", false},
		{"{t: {not: [yes, no]}}", ",,no", false},
		{"{t: {not: yes}}", ",,", true},
		{"{t: {present: true}}", ",,x", true},
		{"{t: {present: true}}", ",,", false},
		{"{t: {present: false}}", ",,", true},
		{"{d: 0}", ",0.00,", true},
		{"{d: [1, 2.50]}", ",2.5,", true},
		{"{n: {not: 0}}", "0,,", false},
		{"{d: {above: 0}}", ",0.00,", false},
		{"{d: {above: 0}}", ",0.01,", true},
		{"{d: {above: 0}}", ",-5,", false},
		{"{d: {above: 0}}", ",,", false},
		{"{d: {above: -10}}", ",-9.99,", true},
		{"{d: {above: 99}}", ",100,", true},
		{"{d: {below: 0}}", ",-0.5,", true},
		{"{d: {below: -0.5}}", ",-0.50,", false},
		{"{n: {at-least: 90}}", "90,,", true},
		{"{n: {at-least: 90}}", "89,,", false},
		{"{n: {at-most: 90}}", "90,,", true},
		{"{n: {at-most: 90}}", "91,,", false},
		{"{n: {at-most: 90}}", ",,", false},
		{"{n: {above: 0, below: 10}}", "5,,", true},
		{"{n: {above: 0, below: 10}}", "10,,", false},
		{"{n: {above: 0}, t: x}", "5,,y", false},
		{"{$row: 1}", ",,", true},
		{"{$row: {above: 1}}", ",,", false},
	} {
		if got := dataOf(t, fmt.Sprintf(text, tc.when), header, tc.row) != ""; got != tc.want {
			t.Errorf("%s of %q: %v", tc.when, tc.row, got)
		}
	}
}

func TestEach(t *testing.T) {
	const text = `v: lendlog-mapping/1
columns: {p1: decimal, p2: decimal}
defaults: {source: s, subject: "line/{l}", time: "{m}-01T00:00:00Z"}
events:
  - each:
      - {m: 2005-08, p: "{p1}", k: 1, x: "a{l}"}
      - {m: 2005-09, p: "{p2}", k: 2, x: "b{l}"}
    when: {l: {not: none}}
    events:
      - {type: org.lendlog.payment.received.v1, when: {p: {above: 0}}, id: "{l}{m}", data: {paymentId: "{x}!", period: "{m}", amount: {amount: "{p}", currency: TWD}}}
      - {type: org.lendlog.delinquency.changed.v1, id: "{l}{m}d", data: {monthsPastDue: "{k}", accountStatus: "{k}."}}
`
	got := dataOf(t, text, "l,p1,p2", "7,0,5")
	want := strings.Join([]string{
		`{"accountStatus":"1.","monthsPastDue":1}`,
		`{"amount":{"amount":"5","currency":"TWD"},"paymentId":"b7!","period":"2005-09"}`,
		`{"accountStatus":"2.","monthsPastDue":2}`,
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Two events of a row that would be taken for one are found without a ledger.
func TestIdentityTwice(t *testing.T) {
	text := strings.Replace(small, "events:\n", "events:\n  - {type: org.lendlog.loan.closed.v1, id: \"{other}\", source: urn:example, subject: file/1, time: 2026-01-01T00:00:00Z, data: {reason: paid}}\n", 1)
	got := rows(t, parse(t, text), strings.NewReader("id,amount,due,other\n1,2,2016-01-01,2\n1,2,2016-01-01,1\n"))
	if len(got) != 2 || len(got[0].Events) != 2 || !strings.Contains(got[1].Reason(), "in line 7 of the mapping give the event an id of its own") {
		t.Errorf("%+v", got)
	}
}

// The events of a row or two of each shipped mapping, as they are hashed. The
// LendingClub and CFPB rows are made up; the Taiwan row is row 2 of the excerpt.
func TestGoldenEvents(t *testing.T) {
	for _, name := range mappings.Names() {
		golden := filepath.Join("testdata", name+".golden")
		text, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		file, want, ok := strings.Cut(string(text), "-- events --\n")
		if !ok {
			t.Fatalf("%s has no events", golden)
		}
		var got strings.Builder
		for _, row := range rows(t, shipped(t, name), strings.NewReader(file)) {
			if row.Rejected != nil {
				t.Errorf("%s: %s", name, row.Reason())
			}
			for _, e := range row.Events {
				got.Write(append(e.Document, '\n'))
			}
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// A rerun makes the same events, byte for byte.
func TestRerun(t *testing.T) {
	all := func() (documents []string) {
		f, err := os.Open(excerpt)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, row := range rows(t, shipped(t, "taiwan-credit-cards"), f) {
			for _, e := range row.Events {
				documents = append(documents, string(e.Document))
				if v, err := canon.ParseCanonical(e.Document, canon.Limits{}); err != nil || v.Kind != canon.Object {
					t.Fatalf("%s is not canonical: %v", e.Document, err)
				}
			}
		}
		return documents
	}
	if diff := cmp.Diff(all(), all()); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkTaiwan(b *testing.B) {
	m := shipped(b, "taiwan-credit-cards")
	text, err := os.ReadFile(excerpt)
	if err != nil {
		b.Fatal(err)
	}
	events := 0
	for b.Loop() {
		for row, err := range m.Rows("file.csv", strings.NewReader(string(text))) {
			if err != nil {
				b.Fatal(err)
			}
			events += len(row.Events)
		}
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
