// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/record"
)

// A timed house is a ledger whose clock is set by hand, between two openings:
// it may not jump while it is open.
type timed struct {
	*house
	offset time.Duration
}

func newTimed(t *testing.T) *timed {
	h := &timed{house: newHouse(t, ledger.CreateOptions{})}
	h.opt.Now = func() time.Time { return time.Now().Add(h.offset) }
	return h
}

// wait lets time pass.
func (h *timed) wait(d time.Duration) {
	h.t.Helper()
	if err := h.close(); err != nil {
		h.t.Fatal(err)
	}
	h.offset += d
	h.run()
}

// between counts, from the entries, what was recorded in a time.
func (h *timed) between(from, to time.Time) (counts []ledger.TypeCount) {
	h.t.Helper()
	by := map[string]int64{}
	for lf, err := range h.l.Leaves(h.t.Context(), h.l.Head(), nil) {
		if err != nil {
			h.t.Fatal(err)
		}
		if e := lf.Entry; e != nil && !e.Recorded.Before(from) && e.Recorded.Before(to) {
			by[e.Type]++
		}
	}
	for typ, n := range by {
		counts = append(counts, ledger.TypeCount{Type: typ, Count: n})
	}
	slices.SortFunc(counts, func(a, b ledger.TypeCount) int {
		if a.Type < b.Type {
			return -1
		}
		return 1
	})
	return counts
}

func TestClosePeriod(t *testing.T) {
	h := newTimed(t)
	pay := func(n int) {
		h.append(document("payment.received", fmt.Sprintf("file/%d", n%5), fmt.Sprint(n), payment(n), nil))
	}
	for n := range 7 {
		pay(n)
	}
	begun := h.l.Head().Recorded
	quarter := func(n int) time.Time {
		return begun.Truncate(ledger.PeriodStep).Add(time.Duration(n) * ledger.PeriodStep)
	}
	if _, err := h.l.ClosePeriod(t.Context(), quarter(1), nil); !errors.Is(err, ledger.ErrPeriod) {
		t.Errorf("a period that is not over: %v", err)
	}
	h.wait(time.Hour)
	for n := range 5 {
		pay(10 + n)
	}
	if _, err := h.l.ClosePeriod(t.Context(), quarter(1).Add(time.Second), nil); !errors.Is(err, ledger.ErrPeriod) {
		t.Errorf("a period that ends with a second: %v", err)
	}
	first, err := h.l.ClosePeriod(t.Context(), quarter(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h.between(time.Time{}, quarter(1)), first.Counts); diff != "" || first.First != 0 || first.Repeated {
		t.Errorf("%+v (-want +got):\n%s", first, diff)
	}
	size := h.l.Head().Size
	again, err := h.l.ClosePeriod(t.Context(), quarter(1).In(time.FixedZone("", 8*3600)), nil)
	if err != nil {
		t.Fatal(err)
	}
	first.Repeated = true
	if diff := cmp.Diff(first, again); diff != "" || h.l.Head().Size != size {
		t.Errorf("closed again it is another (-want +got):\n%s", diff)
	}
	if _, err := h.l.ClosePeriod(t.Context(), quarter(-4), nil); !errors.Is(err, ledger.ErrPeriod) {
		t.Errorf("a period before the ledger: %v", err)
	}
	// An empty one, and one with what came before and the record of the first.
	h.wait(2 * time.Hour)
	empty, err := h.l.ClosePeriod(t.Context(), quarter(2), nil)
	if err != nil || len(empty.Counts) != 0 || empty.First != first.Next || empty.Next != first.Next {
		t.Errorf("of nothing: %+v, %v", empty, err)
	}
	if _, err := h.l.ClosePeriod(t.Context(), quarter(1).Add(-ledger.PeriodStep), nil); !errors.Is(err, ledger.ErrPeriod) {
		t.Errorf("a period that is closed as a part of another: %v", err)
	}
	rest, err := h.l.ClosePeriod(t.Context(), quarter(6), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h.between(quarter(2), quarter(6)), rest.Counts); diff != "" || !rest.From.Equal(quarter(2)) {
		t.Errorf("%+v (-want +got):\n%s", rest, diff)
	}
	if n := len(rest.Counts); n != 2 || rest.Counts[1] != (ledger.TypeCount{Type: record.TypePeriodClosed, Count: 1}) {
		t.Errorf("%d types in %+v, want five payments and the closing of the first", n, rest.Counts)
	}
	h.reopen() // and at the end the audit counts again
}

// Of many who close periods at once, with records coming in, each period has
// one record, and they follow each other.
func TestClosePeriodsAtOnce(t *testing.T) {
	h := newTimed(t)
	begun := h.l.Head().Recorded.Truncate(ledger.PeriodStep)
	h.wait(3 * time.Hour)
	var together sync.WaitGroup
	for n := range 8 {
		together.Go(func() {
			if _, err := h.l.ClosePeriod(t.Context(), begun.Add(time.Duration(1+n/2)*ledger.PeriodStep), nil); err != nil && !errors.Is(err, ledger.ErrPeriod) {
				t.Error(err)
			}
		})
		together.Go(func() {
			h.append(document("payment.received", "file/1", fmt.Sprint(n), payment(n), nil))
		})
	}
	together.Wait()
	if _, err := h.l.ClosePeriod(t.Context(), begun.Add(8*ledger.PeriodStep), nil); err != nil {
		t.Error(err)
	}
}

// A caller who goes away while the record of a period is queued leaves it to be
// recorded, and whoever closes the next period, or the same one, goes on from
// there.
func TestClosePeriodLeft(t *testing.T) {
	for _, next := range []int{1, 2} {
		t.Run(fmt.Sprint(next), func(t *testing.T) {
			h := newTimed(t)
			quarter := func(n int) time.Time {
				return h.l.Head().Recorded.Truncate(ledger.PeriodStep).Add(time.Duration(n) * ledger.PeriodStep)
			}
			one, other := quarter(1), quarter(next)
			h.wait(time.Hour)
			ctx, leave := context.WithCancel(t.Context())
			var signed atomic.Int64
			h.l.OnStep(func(step string, perform func() error) error {
				// The newest leaf is an index-root, so that this is the record's.
				if step == ledger.Steps[1] && signed.Add(1) == 1 {
					leave()
					time.Sleep(100 * time.Millisecond) // for the next to overtake it
				}
				return perform()
			})
			if p, err := h.l.ClosePeriod(ctx, one, nil); err != nil || ctx.Err() == nil {
				t.Errorf("%+v, %v, and the caller is %v", p, err, ctx.Err())
			}
			p, err := h.l.ClosePeriod(t.Context(), other, nil)
			if err != nil || p.Repeated != (next == 1) || next > 1 && !p.From.Equal(one) {
				t.Errorf("the one after: %+v, %v", p, err)
			}
		})
	}
}

// The clock may be ahead by its tolerance when a period is closed, and behind by as
// much when the record is numbered: until both are over, no period is.
func TestClosePeriodClock(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	to := time.Now().Truncate(ledger.PeriodStep).Add(5 * ledger.PeriodStep)
	var ahead atomic.Int64 // of the time at which the period is closed
	h.opt.Now = func() time.Time {
		if d := time.Duration(ahead.Load()); d != 0 {
			return to.Add(d)
		}
		return time.Now()
	}
	h.run()
	h.append(document("payment.received", "file/1", "1", payment(1), nil))
	for _, d := range []time.Duration{-time.Second, time.Second, 10*time.Second - 1} {
		ahead.Store(int64(d))
		if p, err := h.l.ClosePeriod(t.Context(), to, nil); !errors.Is(err, ledger.ErrPeriod) || !strings.Contains(err.Error(), "it is not over") {
			t.Errorf("%v after its end: %+v, %v", d, p, err)
		}
	}
	ahead.Store(0)
}

// Nobody but the ledger appends what it knows its own periods by.
func TestPeriodsAreTheLedgers(t *testing.T) {
	h := newTimed(t)
	to := h.l.Head().Recorded.Truncate(ledger.PeriodStep).Add(ledger.PeriodStep)
	for at, doc := range map[string][]byte{
		"/source": document("payment.received", "file/1", "period/"+to.Format(record.TimeLayout), payment(1),
			map[string]any{"source": "urn:lendlog:ledger:" + origin}),
		"/subject": document("access.occurred", "ledger/periods", "1", `{"actorKind": "system", "purpose": "servicing", "count": 1}`, nil),
	} {
		var found record.Violations
		_, err := h.l.Append(t.Context(), h.event(doc), "key-1")
		if !errors.As(err, &found) || found[0].Pointer != at {
			t.Errorf("%s: %v", at, err)
		}
	}
	h.wait(time.Hour)
	for n := range 2 {
		if _, err := h.l.ClosePeriod(t.Context(), to.Add(time.Duration(n)*ledger.PeriodStep), nil); err != nil {
			t.Error(err)
		}
	}
}
