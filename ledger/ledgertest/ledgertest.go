// SPDX-License-Identifier: Apache-2.0

// Package ledgertest is what the tests of a ledger share: lending events to
// submit, ledgers that run for the length of a test, and the whole-ledger
// check that every test of the engine ends with. Only tests import it.
package ledgertest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/record"
)

// Origin is the origin of ledgers that Create makes unless told otherwise.
const Origin = "ledger.test.example/2026"

// Create makes a new ledger in a directory of the test's own and returns the
// directory.
func Create(t testing.TB, o ledger.CreateOptions) (dir string) {
	t.Helper()
	if o.Origin == "" {
		o.Origin = Origin
	}
	dir = t.TempDir()
	if err := ledger.Create(t.Context(), dir, o); err != nil {
		t.Fatalf("couldn't create a ledger: %v", err)
	}
	return dir
}

// A Ledger is an open ledger whose sequencer runs.
type Ledger struct {
	*ledger.Ledger
	Dir string

	t      testing.TB
	cancel context.CancelFunc
	done   chan error
	once   sync.Once
}

// Start opens the ledger in dir and runs it until Stop or the end of the test.
func Start(t testing.TB, dir string, o ledger.Options) *Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatalf("couldn't open the ledger: %v", err)
	}
	// Not the test's context: that ends before Stop is called at the latest.
	ctx, cancel := context.WithCancel(context.Background())
	r := &Ledger{Ledger: l, Dir: dir, t: t, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- l.Run(ctx) }()
	t.Cleanup(r.Stop)
	return r
}

// New is Create and Start.
func New(t testing.TB) *Ledger {
	t.Helper()
	return Start(t, Create(t, ledger.CreateOptions{}), ledger.Options{})
}

// Stop ends the sequencer in good order and closes the ledger. The test fails
// when either fails.
func (l *Ledger) Stop() {
	l.t.Helper()
	l.once.Do(func() {
		l.cancel()
		if err := errors.Join(<-l.done, l.Close()); err != nil {
			l.t.Errorf("the ledger didn't stop in good order: %v", err)
		}
	})
}

// Stopped is Stop, and returns the directory.
func (l *Ledger) Stopped() (dir string) {
	l.t.Helper()
	l.Stop()
	return l.Dir
}

// Submit appends events in their order, many in flight, and requires of each
// the outcome that it wants. It returns the results of those that were not in
// conflict.
func (l *Ledger) Submit(events ...Event) []*ledger.Result {
	l.t.Helper()
	ctx := l.t.Context()
	pending := make([]*ledger.Pending, len(events))
	for i, ev := range events {
		p, err := l.Enqueue(ctx, ev.Parse(l.t, l.Catalogue()), ev.Submitter)
		if err != nil {
			l.t.Fatalf("couldn't submit event %d: %v", i, err)
		}
		pending[i] = p
	}
	var results []*ledger.Result
	for i, p := range pending {
		r, err := p.Wait(ctx)
		var conflict *ledger.ConflictError
		got := Accepted
		switch {
		case errors.As(err, &conflict):
			got = Conflict
		case err != nil:
			l.t.Fatalf("event %d: %v", i, err)
		case r.Repeated:
			got = Repeat
		}
		if got != events[i].Want {
			l.t.Fatalf("event %d was %v, want %v", i, got, events[i].Want)
		}
		if r != nil {
			results = append(results, r)
		}
	}
	return results
}

// Parse returns the event as the engine takes it.
func (e Event) Parse(t testing.TB, cat *record.Catalogue) *record.Event {
	t.Helper()
	ev, err := record.ParseEvent(e.Document, cat)
	if err != nil {
		t.Fatalf("an event of the generator is refused: %v\n%s", err, e.Document)
	}
	return ev
}
