// SPDX-License-Identifier: Apache-2.0

//go:build alldata

package mapping_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/record"
)

// real returns the path of a file of the data that LENDLOG_DATA holds.
func real(t *testing.T, path ...string) string {
	t.Helper()
	dir := os.Getenv("LENDLOG_DATA")
	if dir == "" {
		t.Fatal("LENDLOG_DATA must name the directory of the real data")
	}
	return filepath.Join(append([]string{dir}, path...)...)
}

// plainRows reads a file without the code under test. The one whose lines end
// in CR has no quotation mark, within which a CR would be a part of the cell.
func plainRows(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsRune(text, '\r') && bytes.ContainsRune(text, '"') {
		t.Fatalf("%s has quotation marks", path)
	}
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func above(t *testing.T, cell string) bool {
	t.Helper()
	f, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f > 0
}

func TestAllTaiwanRows(t *testing.T) {
	path := real(t, "uci-taiwan", "UCI_Credit_Card.csv")
	want := countTaiwan(t, plainRows(t, path))
	if diff := cmp.Diff(map[string]int{lineOpened: 30_000, statementIssued: 180_000, paymentReceived: 143_103, delinquencyChanged: 25_026}, want.events); diff != "" {
		t.Fatalf("the file is not the one that is known (-known +counted):\n%s", diff)
	}
	if want.negative != 3_932 {
		t.Fatalf("%d negative bills, 3,932 are known", want.negative)
	}
	got := mapTaiwan(t, path)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(taiwan{})); diff != "" {
		t.Errorf("counted (-) and mapped (+):\n%s", diff)
	}
}

func TestAllLendingClubRows(t *testing.T) {
	path := real(t, "lendingclub", "accepted_sample.csv")
	const status, recoveries = 10, 22
	want := map[string]int{}
	for _, row := range plainRows(t, path) {
		want[applicationReceived]++
		want[decisionMade]++
		switch row[status] {
		case "Fully Paid":
			want[loanClosed]++
		case "Charged Off":
			want[loanChargedOff]++
		}
		if above(t, row[recoveries]) {
			want[recoveryReceived]++
		}
	}
	known := map[string]int{applicationReceived: 5000, decisionMade: 5000, loanClosed: 3901, loanChargedOff: 1099, recoveryReceived: 633}
	if diff := cmp.Diff(known, want); diff != "" {
		t.Fatalf("the file is not the one that is known (-known +counted):\n%s", diff)
	}
	got := map[string]int{}
	for _, e := range mapFile(t, "lendingclub-accepted", path) {
		got[e.Type]++
		if outcome, ok := e.Data.Get("outcome"); ok && outcome.Str != "approved" {
			t.Errorf("%s: outcome %s", e.ID, outcome.Str)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accepted, counted (-) and mapped (+):\n%s", diff)
	}

	path = real(t, "lendingclub", "rejected_sample.csv")
	rows := plainRows(t, path)
	var applications []*record.Event
	declined, below := 0, 0
	for _, e := range mapFile(t, "lendingclub-rejected", path) {
		switch e.Type {
		case applicationReceived:
			applications = append(applications, e)
			if dti, _ := e.Data.Get("debtToIncome"); dti.Str == "-1" {
				below++
			}
		case decisionMade:
			if outcome, _ := e.Data.Get("outcome"); outcome.Str == "declined" {
				declined++
			}
		}
	}
	if len(rows) != 5000 || len(applications) != 5000 || declined != 5000 || below != 149 {
		t.Errorf("rejected: %d rows, %d applications, %d declines, %d with a debt-to-income of -1; want 5000, 5000, 5000, 149",
			len(rows), len(applications), declined, below)
	}
	for i, e := range applications {
		row := rows[i]
		id, _ := e.Data.Get("applicationId")
		date, _ := e.Data.Get("applicationDate")
		dti, _ := e.Data.Get("debtToIncome")
		amount, _ := e.Data.Get("loanAmount")
		money, _ := amount.Get("amount")
		want := []string{row[0], row[1], row[2], strings.TrimSuffix(row[3], "%")}
		if diff := cmp.Diff(want, []string{id.Str, money.Str, date.Str, dti.Str}); diff != "" {
			t.Fatalf("row %d (-file +event):\n%s", i+1, diff)
		}
	}
}

// complaints is what a file of complaints comes to.
type complaints struct {
	opened, resolved       int
	disputed, untimely     int
	sentBeforeReceived     int
	withoutChannel         int
	dispositions, products map[string]int
}

func TestAllComplaints(t *testing.T) {
	const (
		received, product, via, sent, response, timely, disputed, id = 0, 1, 12, 13, 14, 15, 16, 17
		american                                                     = "1/2/2006"
	)
	path := real(t, "cfpb-complaints", "consumer_complaints_ids.csv")
	rows := plainRows(t, path)
	day := func(layout, cell string) time.Time {
		d, err := time.Parse(layout, cell)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := complaints{dispositions: map[string]int{}, products: map[string]int{}}
	for _, row := range rows {
		want.opened++
		want.resolved++
		if row[disputed] == "Yes" {
			want.disputed++
		}
		if row[timely] == "No" {
			want.untimely++
		}
		if day(american, row[sent]).Before(day(american, row[received])) {
			want.sentBeforeReceived++
		}
		if row[via] == "Referral" {
			want.withoutChannel++
		}
		want.dispositions[strings.ReplaceAll(strings.ToLower(row[response]), " ", "-")]++
		want.products[row[product]]++
	}
	known := []int{1000, 1000, 211, 16, 23, 92}
	counted := []int{want.opened, want.resolved, want.disputed, want.untimely, want.sentBeforeReceived, want.withoutChannel}
	if diff := cmp.Diff(known, counted); diff != "" {
		t.Fatalf("the file is not the one that is known (-known +counted):\n%s", diff)
	}

	got := complaints{dispositions: map[string]int{}, products: map[string]int{}}
	for i, e := range mapFile(t, "cfpb-complaints", path) {
		row := rows[i/2]
		if e.Subject != "case/cfpb-"+row[id] {
			t.Fatalf("event %d is on %s, its row is complaint %s", i, e.Subject, row[id])
		}
		text := func(member string) string {
			v, _ := e.Data.Get(member)
			return v.Str
		}
		switch e.Type {
		case complaintOpened:
			got.opened++
			got.products[text("product")]++
			details, _ := e.Data.Get("details")
			sentTo, _ := details.Get("date_sent_to_company")
			if day(time.DateOnly, sentTo.Str).Before(day(time.DateOnly, text("receivedAt"))) {
				got.sentBeforeReceived++
			}
			if _, ok := e.Data.Get("channel"); !ok {
				got.withoutChannel++
			}
		case complaintResolved:
			got.resolved++
			got.dispositions[text("disposition")]++
			if v, _ := e.Data.Get("disputed"); v.Int == 1 {
				got.disputed++
			}
			if v, ok := e.Data.Get("timely"); ok && v.Int == 0 {
				got.untimely++
			}
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(complaints{})); diff != "" {
		t.Errorf("counted (-) and mapped (+):\n%s", diff)
	}
}
