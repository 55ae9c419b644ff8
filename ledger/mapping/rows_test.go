// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"bytes"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/docs/mappings"
	"github.com/lendlog/lendlog/ledger/mapping"
	"github.com/lendlog/lendlog/ledger/record"
)

const (
	applicationReceived = "org.lendlog.application.received.v1"
	decisionMade        = "org.lendlog.decision.made.v1"
	loanClosed          = "org.lendlog.loan.closed.v1"
	loanChargedOff      = "org.lendlog.loan.charged-off.v1"
	recoveryReceived    = "org.lendlog.recovery.received.v1"
	lineOpened          = "org.lendlog.line.opened.v1"
	statementIssued     = "org.lendlog.statement.issued.v1"
	paymentReceived     = "org.lendlog.payment.received.v1"
	delinquencyChanged  = "org.lendlog.delinquency.changed.v1"
	complaintOpened     = "org.lendlog.complaint.opened.v1"
	complaintResolved   = "org.lendlog.complaint.resolved.v1"
)

// excerpt is the header and the first 200 rows of the Taiwan file.
const excerpt = "../../cmd/lendlog/internal/demo/data/uci-taiwan-200.csv"

var builtin = sync.OnceValues(record.Builtin)

func catalogue(t testing.TB) *record.Catalogue {
	t.Helper()
	cat, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// shipped returns a mapping that comes with lendlog.
func shipped(t testing.TB, name string) *mapping.Mapping {
	t.Helper()
	text, err := mappings.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.Parse(text, catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// mapFile maps a file that has no row to reject. Every event must pass
// record.ParseEvent, be an import, and have an identity of its own.
func mapFile(t *testing.T, name, path string) []*record.Event {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cat := catalogue(t)
	var out []*record.Event
	identities := map[[2]string]bool{}
	for row, err := range shipped(t, name).Rows(filepath.Base(path), f) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range row.Rejected {
			t.Errorf("rejected: %v", r)
		}
		for _, doc := range row.Events {
			e, err := record.ParseEvent(doc.Document, cat)
			if err != nil {
				t.Fatalf("row %d, %s: %v", row.Number, doc.Type, err)
			}
			identity := [2]string{e.Source, e.ID}
			if e.Type != doc.Type || e.Capture != record.Import || identities[identity] {
				t.Fatalf("row %d: type %s of %s, capture %q, identity %v known before: %v", row.Number, e.Type, doc.Type, e.Capture, identity, identities[identity])
			}
			identities[identity] = true
			out = append(out, e)
		}
	}
	return out
}

// taiwan is what a Taiwan file comes to.
type taiwan struct {
	events                  map[string]int
	bills, paid, monthsLate int64 // sums
	negative, defaulted     int
}

// countTaiwan counts by positions in the rows and by nothing else.
func countTaiwan(t *testing.T, rows [][]string) taiwan {
	t.Helper()
	w := taiwan{events: map[string]int{}}
	number := func(cell string) int64 {
		// Round amounts are written as 1.00E+05 in this file. All are below
		// 2^53, so that floating point is exact.
		f, err := strconv.ParseFloat(cell, 64)
		if err != nil || f != math.Trunc(f) {
			t.Fatalf("not an integer: %v", err)
		}
		return int64(f)
	}
	for _, row := range rows {
		w.events[lineOpened]++
		for month := range 6 {
			status, bill, paid := number(row[6+month]), number(row[12+month]), number(row[18+month])
			w.events[statementIssued]++
			w.bills += bill
			if bill < 0 {
				w.negative++
			}
			if paid > 0 {
				w.events[paymentReceived]++
				w.paid += paid
			}
			if status > 0 {
				w.events[delinquencyChanged]++
				w.monthsLate += status
			}
		}
		if row[24] == "1" {
			w.defaulted++
		}
	}
	return w
}

// mapTaiwan counts the same in the events of a file.
func mapTaiwan(t *testing.T, path string) taiwan {
	t.Helper()
	w := taiwan{events: map[string]int{}}
	amount := func(e *record.Event, member string) int64 {
		money, _ := e.Data.Get(member)
		amount, _ := money.Get("amount")
		n, err := strconv.ParseInt(amount.Str, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, e := range mapFile(t, "taiwan-credit-cards", path) {
		w.events[e.Type]++
		switch e.Type {
		case lineOpened:
			profile, _ := e.Data.Get("holderProfile")
			if d, _ := profile.Get("default.payment.next.month"); d.Str == "1" {
				w.defaulted++
			}
		case statementIssued:
			bill := amount(e, "balance")
			w.bills += bill
			if bill < 0 {
				w.negative++
			}
		case paymentReceived:
			w.paid += amount(e, "amount")
		case delinquencyChanged:
			months, _ := e.Data.Get("monthsPastDue")
			w.monthsLate += months.Int
		}
	}
	return w
}

func TestTaiwanExcerpt(t *testing.T) {
	text, err := os.ReadFile(excerpt)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.ReplaceAll(text, []byte("\r"), []byte("\n")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := countTaiwan(t, rows[1:])
	if want.events[lineOpened] != 200 {
		t.Fatalf("the excerpt has %d rows, not 200", want.events[lineOpened])
	}
	if diff := cmp.Diff(want, mapTaiwan(t, excerpt), cmp.AllowUnexported(taiwan{})); diff != "" {
		t.Errorf("counted (-) and mapped (+):\n%s", diff)
	}
}
