// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/proof"
)

// TestDemo plays the demo, whose numbers are those of the excerpt.
func TestDemo(t *testing.T) {
	var out bytes.Buffer
	got, err := Run(t.Context(), console.New(nil, &out, nil), t.TempDir())
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	want := []Count{
		{"org.lendlog.line.opened.v1", 200}, {"org.lendlog.statement.issued.v1", 1200},
		{"org.lendlog.payment.received.v1", 945}, {"org.lendlog.delinquency.changed.v1", 192},
	}
	if diff := cmp.Diff(want, got.Events); diff != "" || got.Rows != 200 {
		t.Errorf("%d rows became, -want +got:\n%s", got.Rows, diff)
	}
	if got.Verdict != "VALID" || !got.Repaired {
		t.Errorf("verdict %s, repaired %v", got.Verdict, got.Repaired)
	}
	caught := map[string][]string{}
	for _, a := range got.Attacks {
		for _, c := range a.CaughtBy {
			caught[a.Name] = append(caught[a.Name], c.By)
			if c.By == "audit" && (a.Name == changed || a.Name == deleted) && (c.Record == nil || *c.Record != got.Record || c.Subject != heroSubject || c.Checkpoint <= got.Record) {
				t.Errorf("%s: the audit names %+v", a.Name, c)
			}
		}
	}
	if diff := cmp.Diff(map[string][]string{
		changed: {"reading", "audit"}, deleted: {"reading", "audit"}, rolledBack: {"opening", "audit"},
		forked: {"opening", "checkpoint", "receipt", "audit"},
	}, caught); diff != "" {
		t.Errorf("caught by, -want +got:\n%s", diff)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) > 80 {
		t.Errorf("the demo prints %d lines", len(lines))
	}
	for _, line := range lines {
		if console.Width(line) > 110 {
			t.Errorf("a line of %d columns: %s", console.Width(line), line)
		}
	}
}

// TestUncaught holds a sound ledger against the checks that have to catch the
// attacks: they catch nothing, and that is an error.
func TestUncaught(t *testing.T) {
	s := &story{Console: console.New(nil, &bytes.Buffer{}, nil), dir: t.TempDir()}
	if err := errors.Join(s.fill(t.Context()), s.hold(t.Context()), s.prove(t.Context())); err != nil {
		t.Fatal(err)
	}
	var a Attack
	for name, err := range map[string]error{
		"opening": s.opening(t.Context(), &a, s.path(ledgerDir), ""),
		"outside": s.outside(t.Context(), &a, s.path(ledgerDir)),
		"audited": s.audited(t.Context(), &a, s.path(ledgerDir), nil, func(fsck.Finding) bool { return true }),
	} {
		if !errors.Is(err, errUncaught) {
			t.Errorf("%s: %v, want that nothing was caught", name, err)
		}
	}
	if len(a.CaughtBy) > 0 {
		t.Errorf("caught %+v", a.CaughtBy)
	}
	// What doesn't open for another reason was not caught either.
	if err := s.opening(t.Context(), &a, t.TempDir(), "it is a fork"); !errors.Is(err, errUncaught) {
		t.Errorf("no ledger: %v", err)
	}
	late := 0
	for _, e := range s.falsified() {
		if isHero(e.document) && bytes.Contains(e.document, []byte(`"monthsPastDue":1`)) {
			late++
		}
	}
	if late != 1 {
		t.Errorf("the fork tells another story %d times", late)
	}
	report, err := audit(t.Context(), s.path(ledgerDir), fsck.Options{Deep: true, Trust: s.trust, Checkpoints: [][]byte{s.checkpoint}})
	if err != nil || report.Verdict != proof.Valid {
		t.Errorf("the audit of a sound ledger: %v, %+v", err, report)
	}
}

func TestRunRefusesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	if err := copyTree(dir+"/x", "data"); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), console.New(nil, &bytes.Buffer{}, nil), dir); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("error = %v", err)
	}
}

func TestWrap(t *testing.T) {
	text := strings.Repeat("word ", 30)
	got := wrap("  lead ", "       ", text)
	if strings.Join(strings.Fields(got), " ") != "lead "+strings.TrimSpace(text) {
		t.Errorf("words were lost:\n%s", got)
	}
	for i, line := range strings.Split(got, "\n") {
		if console.Width(line) > columns || i > 0 && !strings.HasPrefix(line, "       word") {
			t.Errorf("line %d: %q", i, line)
		}
	}
}
