// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"testing"

	"github.com/lendlog/lendlog/ledger"
)

func TestShortType(t *testing.T) {
	for in, want := range map[string]string{
		"org.lendlog.decision.made.v1":  "decision.made",
		"org.lendlog.index-root.v1":     "index-root",
		"org.lendlog.loan.closed.v12":   "loan.closed",
		"com.bank.overdraft.granted.v1": "com.bank.overdraft.granted.v1",
		"":                              "",
	} {
		if got := ShortType(in); got != want {
			t.Errorf("ShortType(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSentence(t *testing.T) {
	member := func(open bool, pointer, value string) Member {
		return Member{Pointer: pointer, Open: open, Value: json.RawMessage(value)}
	}
	for _, tc := range []struct {
		name    string
		record  Record
		gist    string
		members []Member
	}{
		{
			name: "the outcome comes first, then words and amounts", gist: "declined, reasonCodes a b, limit 5 EUR",
			record: Record{Index: 7, Type: "org.lendlog.decision.made.v1", Subject: "file/1"},
			members: []Member{
				member(false, "/data/limit", `{"amount":"5","currency":"EUR"}`), member(true, "/data/reasonCodes", `["a","b"]`),
				member(true, "/data/outcome", `"declined"`),
			},
		},
		{
			name: "sealed words, hashes, what is absent and what says where stay out", gist: "monthsPastDue 2",
			record: Record{Type: "org.lendlog.delinquency.changed.v1", Subject: "line/1"},
			members: []Member{
				member(false, "/data/name", `"personal"`), member(true, "/data/policyHash", `"00ff"`), {Pointer: "/data/asOf"},
				member(true, "/data/jurisdiction", `"TW"`), member(false, "/data/monthsPastDue", `2`), member(false, "/id", `"x"`),
			},
		},
		{
			name: "what is corrected comes first", gist: "of P-1, reasonCode source-error",
			record: Record{Type: "org.lendlog.record.corrected.v1", Subject: "file/1"},
			members: []Member{
				member(true, "/data/reasonCode", `"source-error"`), member(false, "/data/target", `"P-1"`), member(false, "/data/reason", `"personal"`),
			},
		},
		{
			name: "it ends somewhere", gist: "a 1, b 2, c 3, d 4",
			record: Record{Type: "x", Subject: "line/1"},
			members: []Member{
				member(true, "/data/a", `1`), member(true, "/data/b", `2`), member(true, "/data/c", `3`), member(true, "/data/d", `4`), member(true, "/data/e", `5`),
			},
		},
	} {
		r := tc.record
		r.Members = tc.members
		want := fmt.Sprintf("Record %d: %s on %s, %s.", r.Index, ShortType(r.Type), r.Subject, tc.gist)
		if got := r.Sentence(); r.Gist() != tc.gist || got != want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, want)
		}
	}
	if got := (&Record{Index: 3, Type: "org.lendlog.index-root.v1"}).Sentence(); got != "Record 3: the ledger committed to the map of all its subjects." {
		t.Error(got)
	}
	if got := (&Record{Index: 3, Type: "org.lendlog.payment.received.v1"}).Sentence(); got != "Record 3: payment.received on a subject that cannot be read any more." {
		t.Error(got)
	}
}

func newLocal(t *testing.T) (dir string, l Ledger) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "ledger")
	if err := ledger.Create(t.Context(), dir, ledger.CreateOptions{Origin: "access.test/1"}); err != nil {
		t.Fatal(err)
	}
	l, err := Local(t.Context(), dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return dir, l
}

func payments(n int) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for i := range n {
			doc := fmt.Sprintf(`{"specversion":"1.0","id":"p-%d","source":"urn:test","type":"org.lendlog.payment.received.v1","subject":"line/1","time":"2026-03-01T10:00:00Z","data":{}}`, i)
			if !yield(Event{Number: int64(i + 1), Document: []byte(doc)}, nil) {
				return
			}
		}
	}
}

// TestSubmitAnswersInOrder wants one outcome per event, in the order of the
// events, and the records in that order too.
func TestSubmitAnswersInOrder(t *testing.T) {
	_, l := newLocal(t)
	n, last := int64(0), int64(-1)
	for out, err := range l.Submit(t.Context(), payments(3000), SubmitOptions{}) {
		if err != nil || out.Refused != nil {
			t.Fatal(err, out.Refused)
		}
		if n++; out.Event.Number != n || out.Receipt.Index <= last || out.Receipt.Proof != nil {
			t.Fatalf("outcome %d is of event %d, record %d after %d", n, out.Event.Number, out.Receipt.Index, last)
		}
		last = out.Receipt.Index
	}
	if n != 3000 {
		t.Errorf("%d outcomes", n)
	}
	records, count, err := l.Timeline(t.Context(), "line", "1", 2999, 10)
	if err != nil || count != 3000 || len(records) != 2 || records[1].Index != last {
		t.Errorf("timeline: %d of %d records, %v", len(records), count, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestSubmitEndsEarly wants a caller who stops listening, one whose context
// ends, and an input that fails, to leave a ledger that closes in good order.
func TestSubmitEndsEarly(t *testing.T) {
	dir, l := newLocal(t)
	for range l.Submit(t.Context(), payments(3000), SubmitOptions{}) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range l.Submit(ctx, payments(3000), SubmitOptions{}) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the last error is %v", last)
	}
	// So is one whose context ends while the input gives nothing.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	silent := make(chan struct{})
	defer close(silent)
	for _, err := range l.Submit(ctx, func(yield func(Event, error) bool) {
		for ev := range payments(1) {
			yield(ev, nil)
		}
		<-silent
	}, SubmitOptions{}) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the last error is %v", last)
	}
	broken := errors.New("the input is broken")
	var outcomes int
	for _, err := range l.Submit(t.Context(), func(yield func(Event, error) bool) {
		for ev := range payments(5) {
			yield(ev, nil)
		}
		yield(Event{}, broken)
	}, SubmitOptions{}) {
		if last = err; err == nil {
			outcomes++
		}
	}
	if !errors.Is(last, broken) || outcomes != 5 {
		t.Errorf("%d outcomes, then %v", outcomes, last)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	l, err := Local(t.Context(), dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenSaysWhyNot(t *testing.T) {
	dir, l := newLocal(t)
	defer l.Close()
	_, err := Local(t.Context(), dir, ledger.Options{})
	if !errors.Is(err, ErrRefusesToOpen) || !errors.Is(err, ledger.ErrHeld) {
		t.Errorf("held: %v", err)
	}
	if _, err := Local(t.Context(), t.TempDir(), ledger.Options{}); err == nil || errors.Is(err, ErrRefusesToOpen) {
		t.Errorf("no ledger: %v", err)
	}
	if _, err := l.Record(t.Context(), 1<<40); !errors.Is(err, ErrNotFound) {
		t.Errorf("no record: %v", err)
	}
	var pointer *PointerError
	if _, err := l.Prove(t.Context(), 0, []string{"/data/nothing"}); !errors.As(err, &pointer) {
		t.Errorf("no member: %v", err)
	}
}
