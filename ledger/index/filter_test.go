// SPDX-License-Identifier: Apache-2.0

package index_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/rule"
)

func TestParseFilter(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "",
		" \n":                                "",
		"type=decision.made":                 "type=decision.made",
		"outcome = declined , referred":      "outcome=declined,referred",
		"not capture=import and amount>1":    "not capture=import amount>1",
		"a!=b":                               "not a=b",
		"not a!=b":                           "a=b",
		`note="a \"b\" \\ c"`:                `note="a \"b\" \\ c"`,
		`party="P 77",P-78`:                  `party="P 77",P-78`,
		`x=""`:                               `x=""`,
		"name=搬家 amount.currency=EUR":        "name=搬家 amount.currency=EUR",
		"recorded>=2026-01-01 recorded<2027": "recorded>=2026-01-01 recorded<2027",
		"time=2026-01-31T09:00:00+01:00":     "time=2026-01-31T09:00:00+01:00",
		"index<=9223372036854775807":         "index<=9223372036854775807",
		"and=1 not=2":                        "and=1 not=2",
		"finding=any due!=us.adverse-action.notice/met , open": "finding=any not due=us.adverse-action.notice/met,open",
		"data.due>5 due.amount<7 due.currency=EUR":             "data.due>5 due.amount<7 due.currency=EUR",
	} {
		f, err := index.ParseFilter(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := f.String(); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestParseFilterRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"=x":                            "column 1: a term begins with the name of a field",
		"type":                          "column 5: after a field comes one of",
		"a=":                            "column 3: a value is missing",
		"a=1,":                          "column 5: a value is missing",
		"a=1 ,,2":                       "column 6: a value is missing",
		`a="b`:                          "column 3: the double quote",
		`a="b\n"`:                       "column 5: within quotes",
		"a..b=1":                        "column 1: a term begins",
		"name=Anna Kowalska":            "column 19: after a field comes one of",
		"a=1 or a=2":                    "column 5: there is no or",
		"a<1,2":                         "column 2: < takes one value",
		"a<2026-13":                     "column 2: < compares with a decimal number",
		"a>=2026-02-30":                 "column 2: >= compares with a decimal number",
		"a<red":                         "column 2: < compares with a decimal number",
		"type<x":                        "column 5: type goes with = and != only",
		"capture=fax":                   "column 9: capture is live, late or import",
		"index=-1":                      "column 7: an index is a whole number",
		"index=01":                      "column 7: an index is a whole number",
		"recorded>yesterday":            "column 10: a time is a day",
		"due<=2026-03":                  "column 4: due goes with = and != only; a member of data that is called so is data.due",
		"a=1 finding>5":                 "column 12: finding goes with = and != only; a member of data that is called so is data.finding",
		"time=2026-02-30":               "column 6: a time is a day",
		"subject=F-1":                   "column 9: a subject is KIND/ID",
		"搬=1":                           "column 1: a term begins",
		"a=1 and and=2 and":             "column 18: after a field comes one of",
		"x=" + strings.Repeat("1,", 65): "column 131: a term takes at most 64",
		strings.Repeat("a=1 ", 33):      "column 129: a filter has at most 32 terms",
		strings.Repeat(" ", 4097):       "column 1: a filter has at most 4096 bytes",
		"a=\xff":                        "column 1: a filter is UTF-8",
	} {
		_, err := index.ParseFilter(text)
		var fe *index.FilterError
		if !errors.As(err, &fe) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Whether a filter needs stories, and a time, is seen in it.
func TestFilterOfStories(t *testing.T) {
	for text, want := range map[string][2]bool{
		"type=a":                  {},
		"data.due=1 due.amount>5": {},
		"not finding=any":         {true, false},
		"type=a due=open":         {true, true},
	} {
		f, err := index.ParseFilter(text)
		if err != nil || f.Stories() != want[0] || f.Due() != want[1] {
			t.Errorf("%s: stories %t, due %t, want %v: %v", text, f.Stories(), f.Due(), want, err)
		}
	}
}

// No rule and no obligation has the name of what stands for several.
func TestNamesAreNoWords(t *testing.T) {
	rules, err := rule.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	obligations, err := due.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := rules.Rule("any"); ok {
		t.Error("a rule is called any")
	}
	for _, word := range append([]due.State{"any"}, due.States...) {
		if _, ok := obligations.Obligation(string(word)); ok {
			t.Errorf("an obligation is called %s", word)
		}
	}
}

// What a filter is written as is read as the same filter, and no error holds a
// value of it.
func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{
		"type=decision.made outcome=declined,referred recorded>=2026-01-01 amount>10000 party=P-77 not capture=import",
		`a="\"\\" and b!="," index<5 time=2026`, "a.b.c<=1.50", `not x=""`, "subject=file/F 1", "id=1 source=urn:x",
		"finding=any,decline-reasons not due=us.adverse-action.notice/met,open data.due>5",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := index.ParseFilter(text)
		if err != nil {
			if !errors.As(err, new(*index.FilterError)) {
				t.Fatalf("%v is no FilterError", err)
			}
			return
		}
		again, err := index.ParseFilter(filter.String())
		if err != nil || again.String() != filter.String() {
			t.Fatalf("%q is written as %q and read as %q: %v", text, filter, again, err)
		}
	})
}
