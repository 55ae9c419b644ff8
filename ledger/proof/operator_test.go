// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Whoever has the checkpoint key can sign a second history, and evidence from
// it is VALID for somebody who holds nothing else. It cannot make the two
// consistent: what was handed out before stays VALID, and two checkpoints of
// one key, held side by side, show the fork.
func TestCheckpointKeyForks(t *testing.T) {
	w := newWorld(t)
	forked := newLyingWorld(t, map[int]lie{2: func(e *record.Entry, _ []seal.Disclosure) {
		replaceOpen(e, "outcome", canon.Text("declined"))
	}})
	before, after := w.evidence(map[int][]string{2: shown}), forked.evidence(map[int][]string{2: shown})
	wantVerdict(t, proof.Verify(&w.trust, before), proof.Valid, "", "")
	wantVerdict(t, proof.Verify(&w.trust, after), proof.Valid, "", "")
	wantVerdict(t, proof.VerifyReceipt(&w.trust, w.receipt(2), w.records[2].event), proof.Valid, "", "")
	wantVerdict(t, proof.VerifyReceipt(&w.trust, forked.receipt(2), w.records[2].event), proof.Invalid, "event", "open members")

	one, err := w.trust.OpenCheckpoint(before.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	other, err := w.trust.OpenCheckpoint(after.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if one.Size != other.Size || one.Root == other.Root {
		t.Fatal("the second history is the first")
	}
	if tree.VerifyConsistency(nil, one.Size, other.Size, one.Root, other.Root) == nil {
		t.Error("a fork of one size is consistent")
	}
	// Nor does the fork become consistent by growing: no proof leads from the
	// checkpoint that was handed out to a later one of it.
	forked.add("decided", `{"subject":"file/L-2","id":"D-9","source":"//core.bank.example","data":{"outcome":"declined"}}`, nil)
	later := forked.small().Leaves
	grown := tree.Small{Leaves: later}.Root()
	// The proof from five leaves to six (RFC 6962, section 2.1.2).
	from := func(leaves []tree.Hash) []tree.Hash {
		return []tree.Hash{leaves[4], later[5], tree.Small{Leaves: leaves[:4]}.Root()}
	}
	if err := tree.VerifyConsistency(from(later), 5, 6, other.Root, grown); err != nil {
		t.Fatal(err)
	}
	for _, hashes := range [][]tree.Hash{from(later), from(w.small().Leaves)} {
		if tree.VerifyConsistency(hashes, 5, 6, one.Root, grown) == nil {
			t.Error("the fork is consistent with what was handed out")
		}
	}
}
