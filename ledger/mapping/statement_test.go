// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/mapping"
	"github.com/lendlog/lendlog/ledger/reconcile"
)

// ledgerFile is a mapping that the tests change. Its lines are counted in
// TestWrongStatements.
const ledgerFile = `v: lendlog-reconciliation/1
title: General ledger
columns:
  amount: decimal
  day: {as: date, format: YYYY-MM-DD}
items:
  - when: {kind: in}
    key: "{id}"
    amount: "{amount}"
    currency: EUR
    date: "{day}"
  - when: {kind: out}
    key: R{id}
    amount: "{amount}"
    currency: "{ccy}"
    date: "{day}"
    negate: true
records:
  - type: org.lendlog.payment.received.v1
    key: /data/paymentId
    date: /data/valueDate
  - type: org.lendlog.loan.disbursed.v1
    negate: true
reversals: netted
`

func TestStatement(t *testing.T) {
	s, err := mapping.ParseStatement([]byte(ledgerFile), catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []reconcile.Source{
		{Type: paymentReceived, Key: "/data/paymentId", Amount: "/data/amount", Date: "/data/valueDate"},
		{Type: "org.lendlog.loan.disbursed.v1", Key: "/id", Amount: "/data/amount", Date: "/time", Negate: true},
	}
	if diff := cmp.Diff(want, s.Sources); diff != "" || s.Title != "General ledger" || s.Reversals != reconcile.Netted || !s.Dated {
		t.Errorf("%s%q %s %v", diff, s.Title, s.Reversals, s.Dated)
	}
	const file = "kind,id,amount,ccy,day\n" +
		"in,a,1.50,EUR,2026-03-01\n" +
		"out,b,-2,CHF,2026-03-02\n" +
		"out,c,3,CHF,2026-03-02\n" +
		"sum,,4.50,,\n" +
		"in,\"d\n\",x,EUR,2026-03-02\n" +
		"in,,1,EUR,2026-03-02\n" +
		"out,e,1,chf,\n" +
		"in,f,1\n"
	var got []string
	for row, err := range s.Rows("gl.csv", strings.NewReader(file)) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Rejected != nil {
			got = append(got, fmt.Sprintf("line %d: %s", row.Line, row.Reason()))
		}
		for _, it := range row.Items {
			got = append(got, fmt.Sprintf("%s %s %s %s at %d", it.Key, it.Amount, it.Currency, it.Date, it.Place))
		}
	}
	if diff := cmp.Diff([]string{
		"a 1.50 EUR 2026-03-01 at 2",
		"Rb 2 CHF 2026-03-02 at 3",
		"Rc -3 CHF 2026-03-02 at 4",
		`line 6: column amount must be a decimal like "1234.50" (line 7)`,
		"line 8: the row makes an item of which key is made of a cell that is empty",
		"line 9: the row makes an item of which currency must be three capital letters of ISO 4217; the row makes an item of which date is made of a cell that is empty",
		"line 10: the row has 3 cells and should have 5",
	}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStatementDefaults(t *testing.T) {
	s, err := mapping.ParseStatement([]byte("v: lendlog-reconciliation/1\nitems: [{key: '{k}', amount: '{a}', currency: EUR}]\n"), catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(reconcile.Payments, s.Sources); diff != "" || s.Reversals != reconcile.Posted || s.Dated {
		t.Errorf("%s%s %v", diff, s.Reversals, s.Dated)
	}
	for _, err := range s.Rows("gl.csv", strings.NewReader("k,b\n1,2\n")) {
		if err == nil || !strings.Contains(err.Error(), `names no column "a"`) {
			t.Errorf("a column that is not there: %v", err)
		}
	}
}

func TestWrongStatements(t *testing.T) {
	for _, tc := range []struct{ name, old, new, want string }{
		{"empty", ledgerFile, "", "line 1 of the mapping: it is empty"},
		{"one of events", "lendlog-reconciliation/1", "lendlog-mapping/1", "line 1 of the mapping: v must be lendlog-reconciliation/1"},
		{"anchor", "R{id}", "&a R{id}", "anchors and aliases"},
		{"a key of events", "items:", "events:", `a mapping has no key "events"; there are v, title, file, columns, items, records, reversals`},
		{"no items", ledgerFile, "v: lendlog-reconciliation/1\n", "line 1 of the mapping: the key items is missing"},
		{"no key", "    key: R{id}\n", "", "line 12 of the mapping: the item needs key"},
		{"no currency", "    currency: EUR\n", "", "line 7 of the mapping: the item needs currency"},
		{"one without a date", "    date: \"{day}\"\n    negate", "    negate", "either all items have a date or none has"},
		{"a constant that is no currency", "EUR", "Euro", "line 10 of the mapping: currency must be three capital letters"},
		{"a needed one", "R{id}", "R{id!}", "! is for members of an object"},
		{"negate", "negate: true\nrecords", "negate: 1\nrecords", "negate must be true or false"},
		{"unknown type", "loan.disbursed", "loan.granted", "line 22 of the mapping: the ledger takes no type org.lendlog.loan.granted.v1"},
		{"restricted type", "loan.disbursed", "case.opened", "takes no type org.lendlog.case.opened.v1 that can be reconciled"},
		{"no type", "type: org.lendlog.loan.disbursed.v1", "amount: /data/amount", "line 22 of the mapping: records need a type"},
		{"a type twice", "loan.disbursed", "payment.received", "the type org.lendlog.payment.received.v1 is there twice"},
		{"unknown member", "/data/valueDate", "/data/bookingDate", "line 21 of the mapping: date: there is no /data/bookingDate in org.lendlog.payment.received.v1; write a member of data, such as /data/amount, or /time"},
		{"another attribute", "/data/paymentId", "/party", "line 20 of the mapping: key: there is no /party"},
		{"a type without amounts", "loan.disbursed", "complaint.opened", "line 22 of the mapping: amount: there is no /data/amount in org.lendlog.complaint.opened.v1; write a member of data, such as /data/amount"},
		{"reversals", "netted", "struck", "line 24 of the mapping: reversals are posted, netted or ignored"},
		{"reversals twice", "loan.disbursed", "payment.reversed", "reversals are items already"},
		{"without a header", "columns:", "file: {header: false, width: 5}\ncolumns:", `needs at: its position`},
		{"too large", ledgerFile, strings.Repeat("#", 1<<20+1), "larger than 1 MiB"},
	} {
		if !strings.Contains(ledgerFile, tc.old) {
			t.Fatalf("%s: %q is not in the mapping", tc.name, tc.old)
		}
		_, err := mapping.ParseStatement([]byte(strings.Replace(ledgerFile, tc.old, tc.new, 1)), catalogue(t))
		var wrong *mapping.Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
}

// The example of the reference is what the code does.
func TestStatementExample(t *testing.T) {
	text, err := os.ReadFile("../../docs/mappings/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## Outside files to reconcile with\n")
	if !ok {
		t.Fatal("the reference has no section on outside files")
	}
	s, err := mapping.ParseStatement([]byte(block(t, section, "yaml")), catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for row, err := range s.Rows("march.csv", strings.NewReader(block(t, section, "csv"))) {
		if err != nil || row.Rejected != nil {
			t.Fatal(err, row.Reason())
		}
		for _, it := range row.Items {
			fmt.Fprintf(&got, "%s %s %s %s\n", it.Key, it.Amount, it.Currency, it.Date)
		}
	}
	if diff := cmp.Diff(block(t, section, "text"), got.String()); diff != "" {
		t.Error(diff)
	}
}

// FuzzStatement wants every mapping and file to end, and an item to be one that
// a record can hold.
func FuzzStatement(f *testing.F) {
	f.Add(ledgerFile, "kind,id,amount,ccy,day\nin,a,1.50,EUR,2026-03-01\n")
	f.Add("v: lendlog-reconciliation/1\nfile: {header: false, width: 1}\ncolumns: {k: {at: 1}}\nitems: [{key: '{k}{$row}', amount: '{k}', currency: EUR}]\n", "1\n-2\n")
	f.Add("v: lendlog-reconciliation/1\nitems: [{key: x, amount: '-0', currency: EUR, negate: true}]\n", "a\n\n\"\n")
	cat := catalogue(f)
	f.Fuzz(func(t *testing.T, text, file string) {
		s, err := mapping.ParseStatement([]byte(text), cat)
		if err != nil {
			return
		}
		for row, err := range s.Rows("f.csv", strings.NewReader(file)) {
			if err != nil {
				return
			}
			if row.Rejected != nil && len(row.Items) > 0 {
				t.Fatal("a rejected row has items")
			}
			c := reconcile.New(reconcile.Period{}, s.Dated)
			for _, it := range row.Items {
				if it.Key == "" || len(it.Currency) != 3 || (it.Date != "") != s.Dated || it.Place < 1 {
					t.Fatalf("an item that cannot be compared: %+v", it)
				}
				c.File(it)
			}
			for _, it := range row.Items {
				if !s.Dated {
					it.Date = "2026-03-01"
				}
				c.Ledger(it)
			}
			if r := c.Report(10); r.Broken() != 0 {
				t.Fatalf("items differ from themselves: %+v", r.Breaks)
			}
		}
	})
}
