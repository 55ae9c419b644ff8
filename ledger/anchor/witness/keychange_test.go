// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"testing"

	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
)

// A ledger changes its checkpoint key. A witness that knows the old one goes on
// while both sign; then the one that was told of the new one goes on.
func TestKeyChange(t *testing.T) {
	l := ledgertest.New(t)
	first := key(l)
	events := ledgertest.NewEvents(1)
	l.Submit(events.Take(5)...)
	done, err := l.RotateCheckpoint(t.Context(), "", 60)
	if err != nil {
		t.Fatal(err)
	}
	slow := ledgertest.NewWitness(t, "witness.example/1", 1, first)
	told := ledgertest.NewWitness(t, "witness.example/2", 2, first, done.Key)
	g := group(t, l, 1, nil, slow, told)
	cosigned := func(size int64, ws ...*ledgertest.Witness) func() bool {
		return func() bool {
			for _, w := range ws {
				if head, _ := w.Head(); head.Size < size {
					return false
				}
			}
			return true
		}
	}
	// A round waits for one of them, and not for long for the other.
	ledgertest.Until(t, "a checkpoint that both keys signed, from both witnesses", func() bool {
		g.round(t.Context(), head(t, l))
		return cosigned(done.Index+1, slow, told)()
	})
	run(t, g)

	results := l.Submit(events.Take(100)...)
	ledgertest.Until(t, "a checkpoint of the new key, from the witness that knows it", cosigned(l.Head().Size, told))
	if known, _ := slow.Head(); known.Size > done.Until {
		t.Errorf("a witness that knows the old key alone cosigned checkpoint %d, and that is over after %d", known.Size, done.Until)
	}
	policy := l.Trust()
	policy.Witnesses = &proof.Witnesses{Quorum: 1, Keys: []string{slow.Key, told.Key}}
	ledgertest.Until(t, "evidence under its cosignature", func() bool {
		e, err := l.Prove(t.Context(), results[0].Receipt.Index, nil)
		return err == nil && proof.Verify(policy, e).Verdict == proof.Valid
	})
	ledgertest.Check(t, l.Stopped())
}
