// SPDX-License-Identifier: Apache-2.0

//go:build long

package ledger_test

import (
	"sync/atomic"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// An index-root that comes after many records and cannot be signed stops nothing: the
// next batch is followed by one.
func TestIndexRootThatIsNotSigned(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	h.append(torn(0))
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); err != nil {
		t.Fatal(err)
	}
	due := h.l.Head().Size + ledger.IndexRootEvery // the last leaf is an index-root
	var failed atomic.Bool
	h.l.OnStep(func(step string, perform func() error) error {
		if step == "sign" && h.l.Head().Size >= due && failed.CompareAndSwap(false, true) {
			return errInjected
		}
		return perform()
	})
	h.start()
	for i := 1; h.l.Head().Size < due; i += 512 {
		var pending []*ledger.Pending
		for k := range 512 {
			pending = append(pending, h.enqueue(torn(i+k)))
		}
		for _, p := range pending {
			if _, err := p.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	ledgertest.Until(t, "an index-root is to be signed", failed.Load)
	if err := h.l.Writable(); err != nil {
		t.Fatalf("a failed signature stopped the ledger: %v", err)
	}
	size := h.append(document("payment.received", "file/new-0", "after", payment(1), nil)).Receipt.Index + 1
	ledgertest.Until(t, "the index-root behind the next batch", func() bool { return h.l.Head().Size == size+1 })
	if r, err := h.l.Record(t.Context(), size); err != nil || r.Leaf.IndexRoot == nil {
		t.Errorf("behind the next batch there is %+v, %v", r, err)
	}
	h.reopen()
}
