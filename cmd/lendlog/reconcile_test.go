// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/reconcile"
	"github.com/lendlog/lendlog/ledger/story"
)

// bookedPayments is how many payments TestReconcile has.
var bookedPayments = scale.Of(3_000, 10_000)

// paymentEvent is what the test reads of an event.
type paymentEvent struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		PaymentID  string        `json:"paymentId"`
		PaymentRef string        `json:"paymentRef"`
		Target     string        `json:"target"`
		Amount     reconcile.Sum `json:"amount"`
		ValueDate  string        `json:"valueDate"`
	} `json:"data"`
	document []byte
	touched  bool // reversed, corrected or voided
	voided   bool
}

// paymentBook returns the payments of a synthetic book in their order, and what
// alters them.
func paymentBook(t *testing.T) (payments, others []*paymentEvent) {
	book, err := lifecycle.New(lifecycle.Config{Loans: 2000, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]*paymentEvent{}
	live := 0
	for e := range book.Events() {
		var p paymentEvent
		if err := json.Unmarshal(e.Document, &p); err != nil {
			t.Fatal(err)
		}
		p.document = e.Document
		switch p.Type {
		case story.Type("payment.received"):
			if live < bookedPayments {
				live++
				byID[p.ID] = &p
				payments = append(payments, &p)
			}
		case story.Type("payment.reversed"), story.Type("record.corrected"), story.Type("record.voided"):
			if of := byID[p.Data.PaymentRef+p.Data.Target]; of != nil {
				of.touched = true
				if p.Type == story.Type("record.voided") {
					of.voided = true
					live--
				}
				p.Data.PaymentID = of.Data.PaymentID
				others = append(others, &p)
			}
		}
		if e.Last && live == bookedPayments {
			return payments, others
		}
	}
	t.Fatalf("the book has %d payments only", live)
	return nil, nil
}

// TestReconcile withholds 4 payments from a ledger and 3 from the
// general ledger, alters 3 and doubles 1 on either side, and wants these 12
// back, and nothing else. Put right, the two balance, and that is recorded.
func TestReconcile(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	lendlog := func(want int, args ...string) []byte {
		t.Helper()
		var out, errs bytes.Buffer
		cmd := exec.Command("lendlog", args...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if exited := (&exec.ExitError{}); err != nil && !errors.As(err, &exited) || cmd.ProcessState.ExitCode() != want {
			t.Fatalf("lendlog %s: %v, want exit code %d\n%s", strings.Join(args, " "), err, want, &errs)
		}
		return out.Bytes()
	}
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(path(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	payments, others := paymentBook(t)
	var plain []*paymentEvent
	for _, p := range payments {
		if !p.touched {
			plain = append(plain, p)
		}
	}
	const planted = 12
	var want []string
	pick := map[*paymentEvent]string{}
	for i, what := range []string{
		"withheld", "struck", "amount", "withheld", "currency", "doubled row", "struck", "withheld", "date", "struck", "withheld", "doubled event",
	} {
		p := plain[(i+1)*len(plain)/(planted+1)]
		pick[p] = what
		kind := map[string]string{"withheld": "missing-in-ledger []", "struck": "missing-in-file []", "doubled row": "doubled-in-file []", "doubled event": "doubled-in-ledger []"}[what]
		if kind == "" {
			kind = "differs [" + what + "]"
		}
		want = append(want, p.Data.PaymentID+" "+kind)
	}
	slices.Sort(want)

	// The general ledger, as it should be and as it is; and the events.
	var right, wrong, events, later bytes.Buffer
	for _, w := range []*bytes.Buffer{&right, &wrong} {
		w.WriteString("ref;day;amount;ccy\n")
	}
	row := func(w *bytes.Buffer, key, day, amount, currency string) {
		fmt.Fprintf(w, "%s;%s;%s;%s\n", key, day, amount, currency)
	}
	for _, p := range payments {
		d := &p.Data
		if !p.voided {
			row(&right, d.PaymentID, d.ValueDate, d.Amount.Amount, d.Amount.Currency)
		}
		what := pick[p]
		switch {
		case p.voided || what == "struck":
		case what == "amount":
			row(&wrong, d.PaymentID, d.ValueDate, d.Amount.Amount+"1", d.Amount.Currency)
		case what == "currency":
			row(&wrong, d.PaymentID, d.ValueDate, d.Amount.Amount, "XTS")
		case what == "date":
			day, err := time.Parse(time.DateOnly, d.ValueDate)
			if err != nil {
				t.Fatal(err)
			}
			row(&wrong, d.PaymentID, day.AddDate(0, 0, 1).Format(time.DateOnly), d.Amount.Amount, d.Amount.Currency)
		case what == "doubled row":
			row(&wrong, d.PaymentID, d.ValueDate, d.Amount.Amount, d.Amount.Currency)
			fallthrough
		default:
			row(&wrong, d.PaymentID, d.ValueDate, d.Amount.Amount, d.Amount.Currency)
		}
		to := &events
		if what == "withheld" {
			to = &later
		}
		to.Write(append(p.document, '\n'))
		if what == "doubled event" {
			again := bytes.Replace(p.document, []byte(`"id":"`+p.ID+`"`), []byte(`"id":"again"`), 1)
			void := map[string]any{"target": "again"}
			events.Write(append(again, '\n'))
			var e map[string]any
			if err := json.Unmarshal(p.document, &e); err != nil {
				t.Fatal(err)
			}
			e["id"], e["type"], e["data"] = "void", story.Type("record.voided"), void
			b, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			later.Write(append(b, '\n'))
		}
	}
	reversals := 0
	for _, p := range others {
		events.Write(append(p.document, '\n'))
		if p.Type == story.Type("payment.reversed") {
			reversals++
			row(&right, p.Data.PaymentID, p.Data.ValueDate, "-"+p.Data.Amount.Amount, p.Data.Amount.Currency)
			row(&wrong, p.Data.PaymentID, p.Data.ValueDate, "-"+p.Data.Amount.Amount, p.Data.Amount.Currency)
		}
	}
	if reversals == 0 || len(others) == reversals {
		t.Fatalf("the book has %d reversals, %d corrections and voidings", reversals, len(others)-reversals)
	}
	write("events.ndjson", events.Bytes())
	write("later.ndjson", later.Bytes())
	write("right.csv", right.Bytes())
	write("wrong.csv", wrong.Bytes())
	write("gl.yaml", []byte(`v: lendlog-reconciliation/1
file: {delimiter: ";"}
columns:
  day: {as: date, format: YYYY-MM-DD}
  amount: decimal
items:
  - {key: "{ref}", amount: "{amount}", currency: "{ccy}", date: "{day}"}
`))
	ledger := path("L")
	lendlog(exitOK, "init", "--dir", ledger, "--origin", "reconcile.test/1", "--quiet")
	lendlog(exitOK, "submit", path("events.ndjson"), "--dir", ledger)

	var got struct {
		Ledger, File reconcile.Total
		Breaks       []reconcile.Break
		Record       *int64
	}
	result := lendlog(exitBreaks, "reconcile", "--mapping", path("gl.yaml"), path("wrong.csv"), "--dir", ledger, "--json")
	if err := json.Unmarshal(result, &got); err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, b := range got.Breaks {
		named = append(named, fmt.Sprintf("%s %s %v", b.Key, b.Kind, b.Differs))
	}
	slices.Sort(named)
	if diff := cmp.Diff(want, named); diff != "" {
		t.Errorf("breaks, -want +got:\n%s", diff)
	}
	if want := int64(bookedPayments + reversals); got.Ledger.Count != want-4+1 || got.File.Count != want-3+1 {
		t.Errorf("%d items in the ledger, %d in the file, of %d", got.Ledger.Count, got.File.Count, want)
	}

	lendlog(exitOK, "submit", path("later.ndjson"), "--dir", ledger)
	result = lendlog(exitOK, "reconcile", "--mapping", path("gl.yaml"), path("right.csv"), "--dir", ledger, "--json", "--record", "--preparer", "staff-1")
	if err := json.Unmarshal(result, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Breaks) != 0 || got.Ledger.Count != int64(bookedPayments+reversals) || !slices.Equal(got.Ledger.Sums, got.File.Sums) || got.Record == nil {
		t.Fatalf("put right: %s", result)
	}
	shown := string(lendlog(exitOK, "show", fmt.Sprint(*got.Record), "--dir", ledger))
	for _, part := range []string{"reconciliation.completed on feed/reconciliation, balanced", fmt.Sprint(bookedPayments + reversals)} {
		if !strings.Contains(shown, part) {
			t.Errorf("the record doesn't tell %q:\n%s", part, shown)
		}
	}
}
