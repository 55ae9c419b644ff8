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

// plainRows reads a file without the code under test. None of the real files
// has a quotation mark.
func plainRows(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsRune(text, '"') {
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
