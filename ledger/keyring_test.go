// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// Whoever submits event after event that is refused, each of another party,
// fills neither the memory nor the vault: the keys that were made for them are
// given back, and the next party takes their place.
func TestRefusedEventsLeaveNoKeys(t *testing.T) {
	l := ledgertest.New(t)
	event := func(id, party string) ledgertest.Event {
		return ledgertest.Event{Submitter: "key-1", Document: []byte(fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"urn:lender:origination",`+
			`"type":"org.lendlog.decision.made.v1","subject":"file/A-1","party":%q,"time":"2026-02-03T09:30:00Z","data":{"outcome":"declined"}}`, id, party))}
	}
	l.Submit(event("d-1", "party-1"))
	held, _ := l.Keys()
	const refused = 800
	over, ended := context.WithCancel(t.Context())
	ended()
	var together sync.WaitGroup
	for k := range 8 {
		together.Go(func() {
			for n := range refused / 8 {
				ev := event("d-1", fmt.Sprintf("party-%d-%d", k, n)).Parse(t, l.Catalogue())
				var conflict *ledger.ConflictError
				if _, err := l.Append(t.Context(), ev, "key-1"); !errors.As(err, &conflict) {
					t.Errorf("a conflicting event: %v", err)
				}
				if _, err := l.Append(over, ev, "key-1"); !errors.Is(err, context.Canceled) {
					t.Errorf("an event whose submitter has gone: %v", err)
				}
			}
		})
	}
	together.Wait()
	// The ledger has its own key for the conflict that it recorded.
	if got, given := l.Keys(); got > held+1 || given > int64(held)+1+2*8 {
		t.Errorf("%d keys are held and %d were given, want %d", got, given, held)
	}
	// One key is used by an event that is refused and by one that is not.
	for n := range 50 {
		party := fmt.Sprintf("party-%d", n)
		bad := event("d-1", party).Parse(t, l.Catalogue())
		together.Go(func() { _, _ = l.Append(t.Context(), bad, "key-1") })
		l.Submit(event(fmt.Sprintf("e-%d", n), party))
	}
	together.Wait()
	l.Stop()
	ledgertest.Check(t, l.Dir)
	// Every record can be read with the keys that were stored.
	l = ledgertest.Start(t, l.Dir, ledger.Options{})
	for i := range l.Head().Size {
		r, err := l.Record(t.Context(), i)
		if err != nil || len(r.Unreadable) > 0 {
			t.Errorf("record %d: %v, unreadable %s", i, err, strings.Join(r.Unreadable, ", "))
		}
	}
}
