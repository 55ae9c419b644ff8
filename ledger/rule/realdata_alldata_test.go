// SPDX-License-Identifier: Apache-2.0

//go:build alldata

package rule_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/docs/mappings"
	"github.com/lendlog/lendlog/ledger/mapping"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// TestRealData judges all real files, as they are mapped, and wants what can be
// counted in them without the rules.
func TestRealData(t *testing.T) {
	dir := os.Getenv("LENDLOG_DATA")
	if dir == "" {
		t.Fatal("LENDLOG_DATA must name the directory of the real data")
	}
	table, cat := builtin(t), catalogue(t)
	for _, x := range []struct {
		mapping, path string
		want          map[string]int
	}{
		{"taiwan-credit-cards", "uci-taiwan/UCI_Credit_Card.csv", map[string]int{"drawn-within-limit": overLimit(t, filepath.Join(dir, "uci-taiwan/UCI_Credit_Card.csv"))}},
		{"lendingclub-accepted", "lendingclub/accepted_sample.csv", map[string]int{}},
		{"lendingclub-rejected", "lendingclub/rejected_sample.csv", map[string]int{"decline-reasons": 5_000}},                // the file gives none
		{"cfpb-complaints", "cfpb-complaints/consumer_complaints_ids.csv", map[string]int{"resolution-after-complaint": 23}}, // sent before they were received
	} {
		text, err := mappings.Read(x.mapping)
		if err != nil {
			t.Fatal(err)
		}
		m, err := mapping.Parse(text, cat)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(dir, x.path))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got := map[string]int{}
		checked, index := 0, int64(0)
		for row, err := range m.Rows(filepath.Base(x.path), f) {
			if err != nil {
				t.Fatal(err)
			}
			// A row is the whole story of one subject.
			var records []story.Record
			subject := ""
			for _, e := range row.Events {
				ev, err := record.ParseEvent(e.Document, cat)
				if err != nil {
					t.Fatal(err)
				}
				index++
				subject = ev.Subject
				records = append(records, story.Record{
					Index: index, Seq: int64(len(records) + 1), Type: ev.Type, Source: ev.Source, ID: ev.ID, Time: ev.At, Capture: ev.Capture, Data: ev.Data,
				})
			}
			report := table.Judge(story.New(subject, records))
			checked += report.Checked
			for _, f := range report.Findings {
				got[f.Rule]++
			}
		}
		if diff := cmp.Diff(x.want, got); diff != "" || checked == 0 {
			t.Errorf("%s: %d checks, findings (-counted in the file +found):\n%s", x.mapping, checked, diff)
		}
	}
}

// overLimit counts the bills of the Taiwanese file that are above the limit.
func overLimit(t *testing.T, path string) (n int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.ReplaceAll(text, []byte("\r"), []byte("\n")))).ReadAll() // its lines end in CR
	if err != nil {
		t.Fatal(err)
	}
	number := func(cell string) float64 {
		x, err := strconv.ParseFloat(cell, 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	const limit, firstBill, bills = 1, 12, 6
	for _, row := range rows[1:] {
		for _, bill := range row[firstBill : firstBill+bills] {
			if number(bill) > number(row[limit]) {
				n++
			}
		}
	}
	return n
}
