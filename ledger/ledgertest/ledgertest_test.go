// SPDX-License-Identifier: Apache-2.0

package ledgertest_test

import (
	"bytes"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

func TestSameSeedSameEvents(t *testing.T) {
	a, b, other := ledgertest.NewEvents(1).Take(500), ledgertest.NewEvents(1).Take(500), ledgertest.NewEvents(2).Take(500)
	differ := false
	for i := range a {
		if !bytes.Equal(a[i].Document, b[i].Document) || a[i].Want != b[i].Want {
			t.Fatalf("event %d differs between two runs of one seed", i)
		}
		differ = differ || !bytes.Equal(a[i].Document, other[i].Document)
	}
	if !differ {
		t.Error("two seeds give the same events")
	}
}

// The events have the outcomes that they say, of every kind, also across
// restarts.
func TestEventsHaveTheirOutcomes(t *testing.T) {
	events := ledgertest.NewEvents(7).Take(1500)
	wanted := map[ledgertest.Outcome]int{}
	for _, ev := range events {
		wanted[ev.Want]++
	}
	for _, o := range []ledgertest.Outcome{ledgertest.Accepted, ledgertest.Repeat, ledgertest.Conflict} {
		if wanted[o] == 0 {
			t.Errorf("no event of %d is %v", len(events), o)
		}
	}
	l := ledgertest.New(t)
	l.Submit(events[:700]...)
	l.Stop()
	l = ledgertest.Start(t, l.Dir, ledger.Options{})
	if got := len(l.Submit(events[700:]...)); got != wantedSince(events[700:]) {
		t.Errorf("%d results", got)
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

func wantedSince(events []ledgertest.Event) (n int) {
	for _, ev := range events {
		if ev.Want != ledgertest.Conflict {
			n++
		}
	}
	return n
}
