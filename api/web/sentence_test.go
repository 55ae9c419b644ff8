// SPDX-License-Identifier: Apache-2.0

package web

import (
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// teller returns a visit that says sentences.
func teller(t testing.TB, lang string) *visit {
	t.Helper()
	all, err := readSentences()
	if err != nil {
		t.Fatal(err)
	}
	return &visit{Console: &Console{sentences: all}, lang: lang}
}

func builtin(t testing.TB) *record.Catalogue {
	t.Helper()
	c, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every type that comes with lendlog has a sentence in both languages, of members
// that it has; and it says every one of its examples, if it is only the title.
func TestEveryTypeHasASentence(t *testing.T) {
	spoken := teller(t, record.English).sentences
	left := map[string]bool{"*": true, shortType(record.TypeIndexRoot): true}
	for _, s := range builtin(t).All() {
		typ := shortType(s.Type)
		left[typ] = true
		for _, lang := range languages {
			p, ok := spoken[typ][lang]
			if !ok {
				t.Errorf("%s has no sentence in %s", typ, lang)
				continue
			}
			for _, name := range p.members() {
				name, _, _ = strings.Cut(name, ".")
				if _, ok := s.Member(name); !ok && name != "on" {
					t.Errorf("the sentence of %s in %s tells of %s, which the type does not have", typ, lang, name)
				}
			}
			v := teller(t, lang)
			end := map[string]string{record.English: ".", record.Chinese: "。"}[lang]
			for _, data := range append(s.Examples, canon.Map()) {
				got := v.sentence(&story.Record{Type: s.Type, Data: data}, s)
				if got == "" || strings.ContainsAny(got, "{}[]") || len(data.Members) > 1 && !strings.HasSuffix(got, end) {
					t.Errorf("%s says %q of %s", typ, got, data.Bytes())
				}
			}
		}
	}
	for typ := range spoken {
		if !left[typ] {
			t.Errorf("there is a sentence of %s, and no such type", typ)
		}
	}
}

func (p phrase) members() (all []string) {
	for _, part := range p {
		if part.member != "" {
			all = append(all, strings.Split(part.member, "/")...)
		}
		all = append(all, part.within.members()...)
	}
	return all
}

func TestSentence(t *testing.T) {
	decision, _ := builtin(t).Type("org.lendlog.decision.made.v1")
	payment, _ := builtin(t).Type("org.lendlog.payment.received.v1")
	for _, tc := range []struct {
		schema   *record.Schema
		time     string
		data     string
		lang, en string
	}{
		{decision, "2026-03-12T09:00:00Z", `{"outcome":"declined","policyId":"unsecured","policyVersion":"v7","reasonCodes":["debt-to-income","credit-history"]}`, "en",
			"Declined on 12 March 2026 by policy unsecured version v7; main reason: debt in relation to income."},
		{decision, "2026-03-12T09:00:00Z", `{"outcome":"approved","decidedAmount":{"amount":"1234567.80","currency":"EUR"}}`, "en",
			"Approved on 12 March 2026, for 1,234,567.80 EUR."},
		{decision, "2026-03-12T09:00:00Z", `{"outcome":"declined","reasonCodes":["debt-to-income"]}`, "zh", "2026年3月12日决定：拒绝，主要原因：债务收入比。"},
		{decision, "2026-03-12T09:00:00Z", `{"outcome":"declined","reasonCodes":["house-rule-7"]}`, "en", "Declined on 12 March 2026; main reason: house-rule-7 (the lender's own code)."},
		{decision, "2026-03-12T09:00:00Z", `{"outcome":"declined","reasonCodes":["house-rule-7"]}`, "zh", "2026年3月12日决定：拒绝，主要原因：house-rule-7（机构自有代码）。"},
		{decision, "2026-03-12T09:00:00Z", `{"outcome":"declined"}`, "zh", "2026年3月12日决定：拒绝。"},
		{decision, "2026-03-12T09:00:00Z", `{}`, "en", "Decision made on 12 March 2026."},
		{decision, "", `{}`, "en", "Decision made"},
		{payment, "2026-03-12T09:00:00Z", `{"valueDate":"2026-03-11","amount":{"amount":"12","currency":"USD"}}`, "en", "A payment of 12 USD was received on 11 March 2026."},
	} {
		data, err := canon.Parse([]byte(tc.data), canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		r := &story.Record{Type: tc.schema.Type, Data: data}
		if tc.time != "" {
			r.Time = mustTime(t, tc.time)
		}
		if got := teller(t, tc.lang).sentence(r, tc.schema); got != tc.en {
			t.Errorf("%s: %q, want %q", tc.data, got, tc.en)
		}
	}
}

func TestParsePhraseRefuses(t *testing.T) {
	for _, text := range []string{"[", "a[b", "{", "{}", "a{b", "[[a]"} {
		if p, rest, err := parsePhrase(text); err == nil && rest == "" {
			t.Errorf("%q is %v", text, p)
		}
	}
	if _, rest, _ := parsePhrase("a]b"); rest == "" {
		t.Error("a bracket that only ends is taken")
	}
}

func FuzzParsePhrase(f *testing.F) {
	f.Add("a[ b {c}[ d]] e")
	f.Fuzz(func(t *testing.T, text string) {
		p, _, err := parsePhrase(text)
		if err != nil {
			return
		}
		if got, ok := p.say(func(string) string { return "x" }); !ok || len(got) > len(text) {
			t.Errorf("%q says %q", text, got)
		}
	})
}

func mustTime(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
