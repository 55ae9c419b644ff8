// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/proof"
)

// wantComplete wants evidence to be VALID and to say so of a subject.
func wantComplete(t *testing.T, trust *proof.Trust, e *proof.Evidence, words string) {
	t.Helper()
	read, err := proof.ParseEvidence(e.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r := proof.Verify(trust, read)
	if r.Verdict != proof.Valid || !slices.ContainsFunc(r.Checks, func(c proof.Check) bool {
		return c.Name == "complete" && c.Result == proof.Pass && strings.Contains(c.Text, words)
	}) {
		var b strings.Builder
		_ = r.WriteText(&b)
		t.Errorf("want VALID, complete with %q:\n%s", words, &b)
	}
}

func TestProveSubject(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	for i := range 5 {
		for _, subject := range []string{"file/A", "file/B"} {
			h.append(document("payment.received", subject, fmt.Sprint(subject, i), payment(i), nil))
		}
	}
	trust := h.l.Trust()
	size := h.l.Head().Size
	e, err := h.l.ProveSubject(t.Context(), "file", "A", nil)
	if err != nil {
		t.Fatal(err)
	}
	wantComplete(t, trust, e, "all 5 records of file/A")
	if got := h.l.Head().Size; got != size+1 {
		t.Errorf("it appended %d leaves, want one index-root", got-size)
	}
	// Nothing came in between, so the index-root serves again.
	for subject, words := range map[string]string{"B": "all 5 records of file/B", "C": "no record of file/C"} {
		e, err := h.l.ProveSubject(t.Context(), "file", subject, func(string) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		wantComplete(t, trust, e, words)
	}
	if got := h.l.Head().Size; got != size+1 {
		t.Errorf("it appended %d leaves, want one index-root", got-size)
	}
	// A receipt of before and one of after.
	before, err := h.l.Append(t.Context(), h.event(document("payment.received", "file/A", "file/A4", payment(4), nil)), "key-1")
	if err != nil || !before.Repeated {
		t.Fatal(before, err)
	}
	after := h.append(document("payment.received", "file/A", "late", payment(9), nil))
	for _, r := range []*proof.Receipt{before.Receipt, after.Receipt} {
		if err := h.l.AddProof(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if r := proof.Verify(trust, e, before.Receipt); r.Verdict != proof.Valid {
		t.Errorf("with a receipt of a record in it: %v", r)
	}
	if r := proof.Verify(trust, e, after.Receipt); r.Verdict != proof.Incomplete {
		t.Errorf("with a receipt of a later record: %v", r)
	}
	// What is left out, or doubled under another's name, is noticed.
	for i := range e.Records {
		less := *e
		less.Records = slices.Delete(slices.Clone(e.Records), i, i+1)
		if r := proof.Verify(trust, &less); r.Verdict == proof.Valid {
			t.Errorf("VALID without record %d", e.Records[i].Index)
		}
	}
}

// Of what looks like a subject and is none, nothing is proved.
func TestProveNoSubject(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	size := h.l.Head().Size
	for _, s := range [][2]string{
		{"Datei", "A"}, {"file/A", "B"}, {"file", "e\u0301"}, {"file", "A\n"}, {"file", "\xff"}, {"file", strings.Repeat("A", 252)}, {"file", ""}, {"", "A"},
	} {
		if _, err := h.l.ProveSubject(t.Context(), s[0], s[1], nil); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if got := h.l.Head().Size; got != size {
		t.Errorf("it appended %d leaves", got-size)
	}
}

// Whoever asks between two records each time gets no index-root each time.
func TestIndexRootsThatAreAskedFor(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	const records = 5
	size, begun := h.l.Head().Size, time.Now()
	for i := range records {
		h.append(document("payment.received", "file/A", fmt.Sprint(i), payment(i), nil))
		e, err := h.l.ProveSubject(t.Context(), "file", "A", nil)
		if err != nil {
			t.Fatal(err)
		}
		wantComplete(t, h.l.Trust(), e, "of file/A")
	}
	most := 1 + int64(time.Since(begun)/ledger.IndexRootRest)
	if got := h.l.Head().Size - size - records; got < 1 || got > most {
		t.Errorf("it appended %d index-roots, at most %d were due", got, most)
	}
}

// Completeness is proved while others write: every file is of one moment.
func TestProveSubjectWhileWriting(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	trust := h.l.Trust()
	ctx, stop := context.WithCancel(t.Context())
	var writers, askers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				ev := h.event(document("payment.received", fmt.Sprint("file/", i%3), fmt.Sprint(w, "-", i), payment(i), nil))
				if _, err := h.l.Append(t.Context(), ev, "key-1"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for a := range 3 {
		askers.Go(func() {
			for range 10 {
				e, err := h.l.ProveSubject(t.Context(), "file", fmt.Sprint(a), nil)
				if err != nil {
					t.Error(err)
					return
				}
				wantComplete(t, trust, e, fmt.Sprint("file/", a))
			}
		})
	}
	askers.Wait()
	stop()
	writers.Wait()
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); err != nil {
		t.Fatal(err)
	}
	defer h.start()
	// A ledger that does not run answers nothing, and does not hang.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.l.ProveSubject(gone, "file", "0", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a ledger that does not run: %v", err)
	}
}
