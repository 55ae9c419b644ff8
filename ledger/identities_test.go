// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/record"
)

func TestIdentities(t *testing.T) {
	digest := func(i int) [32]byte { return sha256.Sum256(fmt.Append(nil, i)) }
	var s ledger.Identities
	if s.Has(digest(0)) {
		t.Error("an empty set has something")
	}
	const n = 10000
	for i := range n {
		s.Add(digest(i))
		s.Add(digest(i / 2))
	}
	s.Add([32]byte{}) // whose first eight bytes mark a free slot
	for i := range n {
		if !s.Has(digest(i)) {
			t.Fatalf("%d was forgotten", i)
		}
		if s.Has(digest(n + i)) {
			t.Fatalf("%d was never added", n+i)
		}
	}
	if !s.Has([32]byte{}) {
		t.Error("the zero digest was forgotten")
	}
}

// A row that the store has lost while the ledger was open is damage. The event
// is refused, not appended a second time, and the others of its batch are not
// held up.
func TestLostIdentityIsNotANewEvent(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	docs := [][]byte{
		document("payment.received", "file/A", "lost", payment(1), nil),
		document("payment.received", "file/A", "kept", payment(2), nil),
	}
	r := h.append(docs[0])
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	leaf, err := record.ParseLeaf(r.Receipt.Entry)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.open(); err != nil {
		t.Fatal(err)
	}
	// Opening has read the row; it is not among the recent ones, which are kept
	// apart.
	if err := h.l.LoseRow(append([]byte{'i'}, leaf.Entry.Event[:]...)); err != nil {
		t.Fatal(err)
	}
	h.start()
	if _, err := h.l.Append(t.Context(), h.event(docs[0]), "key-1"); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("a repeat whose identity was lost: %v, want ErrDamaged", err)
	}
	if _, err := h.l.Append(t.Context(), h.event(docs[1]), "key-1"); err != nil {
		t.Errorf("another event: %v", err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("the ledger opened without the identity: %v", err)
	}
	if _, err := ledger.Repair(t.Context(), h.dir, ledger.Options{}); err != nil {
		t.Fatal(err)
	}
	h.run()
	if again := h.append(docs[0]); !again.Repeated || again.Receipt.Index != r.Receipt.Index {
		t.Error("the repaired ledger does not know the event")
	}
}
