// SPDX-License-Identifier: Apache-2.0

package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/reconcile"
	"github.com/lendlog/lendlog/ledger/story"
)

// rec makes record n of a story: its id is e<n>, its time late on March n, UTC.
func rec(t testing.TB, n int64, suffix, data string) story.Record {
	t.Helper()
	v, err := canon.Parse([]byte(data), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return story.Record{
		Index: n, Seq: n, Type: story.Type(suffix), Source: "urn:a", ID: fmt.Sprintf("e%d", n),
		Time: time.Date(2026, 3, int(n), 23, 30, 0, 0, time.UTC), Data: v,
	}
}

// TestItems tells which items stories are.
func TestItems(t *testing.T) {
	paid := rec(t, 1, "payment.received", `{"paymentId":"P1","amount":{"amount":"10.00","currency":"EUR"},"valueDate":"2026-03-02"}`)
	reversed := rec(t, 5, "payment.reversed", `{"paymentRef":"e1"}`)
	partly := rec(t, 5, "payment.reversed", `{"paymentRef":"e1","amount":{"amount":"4.00","currency":"EUR"},"valueDate":"2026-03-06"}`)
	erased := func(r story.Record) story.Record { r.Partial, r.Data = true, canon.Value{Kind: canon.Object}; return r }
	disbursed := []reconcile.Source{{Type: story.Type("loan.disbursed"), Key: "/id", Amount: "/data/amount", Date: "/time", Negate: true}}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		records []story.Record
		of      reconcile.Records
		want    []string
	}{
		{"a payment", []story.Record{paid}, reconcile.Records{}, []string{"P1 10.00 EUR 2026-03-02 at 1"}},
		{"without a day", []story.Record{rec(t, 1, "payment.received", `{"paymentId":"P1","amount":{"amount":"1","currency":"EUR"}}`)}, reconcile.Records{}, []string{"P1 1 EUR 2026-03-01 at 1"}},
		{"without a day, in a zone", []story.Record{rec(t, 1, "payment.received", `{"paymentId":"P1","amount":{"amount":"1","currency":"EUR"}}`)}, reconcile.Records{Zone: berlin}, []string{"P1 1 EUR 2026-03-02 at 1"}},
		{"without key and amount", []story.Record{rec(t, 1, "payment.received", `{}`)}, reconcile.Records{}, []string{"   2026-03-01 at 1"}},
		{"erased", []story.Record{erased(paid)}, reconcile.Records{}, []string{"   2026-03-01 at 1 unreadable"}},
		{"corrected", []story.Record{paid, rec(t, 2, "record.corrected", `{"target":"e1","members":[{"pointer":"/data/amount/amount","value":"\"11.00\""},{"pointer":"/data/valueDate","value":"\"2026-03-03\""}]}`)},
			reconcile.Records{}, []string{"P1 11.00 EUR 2026-03-03 at 1"}},
		{"voided", []story.Record{paid, rec(t, 2, "record.voided", `{"target":"e1"}`)}, reconcile.Records{}, nil},
		{"the voiding voided", []story.Record{paid, rec(t, 2, "record.voided", `{"target":"e1"}`), rec(t, 3, "record.voided", `{"target":"e2"}`)}, reconcile.Records{}, []string{"P1 10.00 EUR 2026-03-02 at 1"}},
		{"reversed, posted", []story.Record{paid, reversed}, reconcile.Records{Reversals: reconcile.Posted}, []string{"P1 -10.00 EUR 2026-03-05 at 5", "P1 10.00 EUR 2026-03-02 at 1"}},
		{"reversed, netted", []story.Record{paid, reversed}, reconcile.Records{Reversals: reconcile.Netted}, nil},
		{"reversed, ignored", []story.Record{paid, reversed}, reconcile.Records{Reversals: reconcile.Ignored}, []string{"P1 10.00 EUR 2026-03-02 at 1"}},
		{"reversed in part, posted", []story.Record{paid, partly}, reconcile.Records{Reversals: reconcile.Posted}, []string{"P1 -4.00 EUR 2026-03-06 at 5", "P1 10.00 EUR 2026-03-02 at 1"}},
		{"reversed in part, netted", []story.Record{paid, partly}, reconcile.Records{Reversals: reconcile.Netted}, []string{"P1 6.00 EUR 2026-03-02 at 1"}},
		{"a voided reversal", []story.Record{paid, reversed, rec(t, 6, "record.voided", `{"target":"e5"}`)}, reconcile.Records{Reversals: reconcile.Netted}, []string{"P1 10.00 EUR 2026-03-02 at 1"}},
		{"a reversal of nothing", []story.Record{partly}, reconcile.Records{Reversals: reconcile.Posted}, []string{"e1 -4.00 EUR 2026-03-06 at 5"}},
		{"reversed, with the other sign", []story.Record{paid, partly}, reconcile.Records{Sources: []reconcile.Source{{Type: reconcile.Payments[0].Type, Key: "/data/paymentId", Amount: "/data/amount", Date: "/data/valueDate", Negate: true}}},
			[]string{"P1 -10.00 EUR 2026-03-02 at 1", "P1 4.00 EUR 2026-03-06 at 5"}},
		{"another type", []story.Record{paid, rec(t, 2, "loan.disbursed", `{"amount":{"amount":"-7","currency":"EUR"}}`), reversed}, reconcile.Records{Sources: disbursed}, []string{"e2 7 EUR 2026-03-02 at 2"}},
	} {
		if tc.of.Sources == nil {
			tc.of.Sources = reconcile.Payments
		}
		// What is not selected is not in a story.
		var told []story.Record
		for _, r := range tc.records {
			if tc.of.Reads(r.Type) || r.Type == story.Type("record.corrected") || r.Type == story.Type("record.voided") {
				told = append(told, r)
			}
			for _, m := range r.Data.Members {
				if tc.of.Reads(r.Type) && !tc.of.Member(m.Name) {
					t.Errorf("%s: the member %s is not selected", tc.name, m.Name)
				}
			}
		}
		var got []string
		for it := range tc.of.Items(story.New("file/1", told)) {
			s := fmt.Sprintf("%s %s %s %s at %d", it.Key, it.Amount, it.Currency, it.Date, it.Place)
			if it.Unreadable {
				s += " unreadable"
			}
			got = append(got, s)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tc.name, diff)
		}
	}
}

func TestSelection(t *testing.T) {
	rs := reconcile.Records{Sources: []reconcile.Source{{Type: "t", Key: "/data/k", Amount: "/data/a", Date: "/time"}}}
	if !rs.Triggers("t") || rs.Triggers(story.Type("payment.reversed")) || !rs.Member("k") || !rs.Member("a") || rs.Member("paymentRef") || rs.Member("time") {
		t.Error("not what is named is selected")
	}
	if _, err := reconcile.ParseReversals("struck"); err == nil {
		t.Error("a word was taken that is none")
	}
	c := reconcile.New(reconcile.Period{}, true)
	s := story.New("file/1", nil)
	s.Unclear = true
	c.Story(s, &rs)
	if r := c.Report(0); r.Unclear != 1 || r.Whole() {
		t.Error("an unclear story was compared")
	}
}
