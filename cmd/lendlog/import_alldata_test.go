// SPDX-License-Identifier: Apache-2.0

//go:build alldata

package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/story"
)

// everything selects all that stories of some types say.
type everything []string

func (e everything) Triggers(typ string) bool {
	for _, suffix := range e {
		if typ == story.Type(suffix) {
			return true
		}
	}
	return false
}
func (e everything) Reads(typ string) bool { return e.Triggers(typ) }
func (everything) Member(string) bool      { return true }

// TestImportAllRealData imports all real files into one ledger, with the
// program as it is built. What is then read out of the ledger is what was
// counted in the files: ledger/mapping counts them without the mapping.
func TestImportAllRealData(t *testing.T) {
	data := os.Getenv("LENDLOG_DATA")
	if data == "" {
		t.Fatal("LENDLOG_DATA must name the directory of the real data")
	}
	bin := filepath.Join(t.TempDir(), "lendlog")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	dir := filepath.Join(t.TempDir(), "L")
	lendlog := func(args ...string) []byte {
		t.Helper()
		out, err := exec.Command(bin, args...).Output()
		if err != nil {
			var ee *exec.ExitError
			errors.As(err, &ee)
			t.Fatalf("lendlog %s: %v\n%s", strings.Join(args, " "), err, ee.Stderr)
		}
		return out
	}
	lendlog("init", "--dir", dir, "--origin", "o.example/1")

	type summary struct {
		Rows, Rejected, Accepted, Repeated, Refused int64
		Events                                      map[string]int64
	}
	files := []struct {
		mapping, path string
		want          summary
	}{
		{"taiwan-credit-cards", "uci-taiwan/UCI_Credit_Card.csv", summary{Rows: 30_000, Events: map[string]int64{
			"line.opened": 30_000, "statement.issued": 180_000, "payment.received": 143_103, "delinquency.changed": 25_026,
		}}},
		{"lendingclub-accepted", "lendingclub/accepted_sample.csv", summary{Rows: 5_000, Events: map[string]int64{
			"application.received": 5_000, "decision.made": 5_000, "loan.closed": 3_901, "loan.charged-off": 1_099, "recovery.received": 633,
		}}},
		{"lendingclub-rejected", "lendingclub/rejected_sample.csv", summary{Rows: 5_000, Events: map[string]int64{
			"application.received": 5_000, "decision.made": 5_000,
		}}},
		{"cfpb-complaints", "cfpb-complaints/consumer_complaints_ids.csv", summary{Rows: 1_000, Events: map[string]int64{
			"complaint.opened": 1_000, "complaint.resolved": 1_000,
		}}},
	}
	for _, f := range files {
		events := map[string]int64{}
		for suffix, n := range f.want.Events {
			events[story.Type(suffix)] = n
			f.want.Accepted += n
		}
		f.want.Events = events
		args := []string{"import", "--mapping", f.mapping, filepath.Join(data, f.path), "--dir", dir, "--rejects", filepath.Join(t.TempDir(), "rejects.csv"), "--json"}
		first, again := f.want, f.want
		again.Accepted, again.Repeated = 0, f.want.Accepted
		for _, want := range []summary{first, again} {
			var got summary
			if err := json.Unmarshal(lendlog(args...), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", f.mapping, diff)
			}
		}
	}
	if out := lendlog("audit", "--deep", "--dir", dir); !strings.Contains(string(out), "VALID") {
		t.Errorf("%s", out)
	}

	// The known answers, in what the ledger holds.
	l, err := ledger.Open(t.Context(), dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	type answers struct {
		Lines, Negative, Complaints, SentBeforeReceived, Untimely, Altered int
	}
	var got answers
	day := func(text string) time.Time {
		d, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for s, err := range l.Stories(t.Context(), l.Head(), everything{"statement.issued", "complaint.opened", "complaint.resolved"}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(s.Subject, "/")
		switch kind {
		case "line":
			got.Lines++
		case "case":
			got.Complaints++
		}
		for _, r := range s.Records {
			if len(r.CorrectedBy) > 0 || r.VoidedBy > 0 || s.Unclear {
				got.Altered++
			}
			switch r.Type {
			case story.Type("statement.issued"):
				if balance, ok := r.Money("balance"); !ok {
					t.Fatalf("record %d has no balance", r.Index)
				} else if balance.Amount.Sign() < 0 {
					got.Negative++
				}
			case story.Type("complaint.opened"):
				details, _ := r.Get("details")
				sent, _ := details.Get("date_sent_to_company")
				if day(sent.Str).Before(day(r.Text("receivedAt"))) {
					got.SentBeforeReceived++
				}
			case story.Type("complaint.resolved"):
				if timely, ok := r.Get("timely"); !ok {
					t.Fatalf("record %d does not say whether it was timely", r.Index)
				} else if timely.Int == 0 {
					got.Untimely++
				}
			}
		}
	}
	want := answers{Lines: 30_000, Negative: 3_932, Complaints: 1_000, SentBeforeReceived: 23, Untimely: 16}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("known answers (-want +got):\n%s", diff)
	}
}
