// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// An audit tells of keys of submitters that the auditor does not know, and finds
// events that no key in the log signed.
func TestSubmitterKeys(t *testing.T) {
	const id = "key-branch"
	key := func(name string) ed25519.PrivateKey {
		seed := sha256.Sum256([]byte(name))
		return ed25519.NewKeyFromSeed(seed[:])
	}
	first, second, operators := key("first"), key("second"), key("operator")
	l := ledgertest.New(t)
	change := func(add crypto.Signer, retire ...string) []proof.SubmitterKey {
		t.Helper()
		keys, err := l.ChangeSubmitterKeys(t.Context(), ledger.SubmitterChange{Submitter: id, Add: add.Public(), Retire: retire, By: ledger.Local})
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	events := ledgertest.NewEvents(7)
	submit := func(n int, by crypto.Signer) {
		t.Helper()
		for n > 0 {
			ev := events.Next()
			if ev.Want != ledgertest.Accepted {
				continue
			}
			doc, err := canon.Parse(ev.Document, canon.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			signature, err := proof.SignEvent(doc, ledgertest.Origin, id, by)
			if err != nil {
				t.Fatal(err)
			}
			doc.Members = append(doc.Members, canon.Member{Name: "signature", Value: canon.Text(signature)})
			l.Submit(ledgertest.Event{Document: canon.Map(doc.Members...).Bytes(), Submitter: id})
			n--
		}
	}
	early := change(first)
	submit(10, first)
	all := change(second, proof.Thumbprint(first.Public()))
	submit(10, second)
	trust := l.Trust()
	dir := l.Stopped()
	ledgertest.Check(t, dir)
	parts := ledgertest.Parts(t, dir)

	check := func(p fsck.Parts, keys []proof.SubmitterKey, want proof.Verdict, tells ...string) {
		t.Helper()
		o := fsck.Options{Deep: true}
		if keys != nil {
			of := *trust
			of.Submitters, o.Trust = keys, &of
		}
		r := audit(t, p, o)
		if _, found := find(r, fsck.Submitters, -1); r.Verdict != want || found != (want == proof.Invalid) || len(r.Submitters) != len(tells) {
			t.Errorf("want %v and %d texts, got %q and\n%s", want, len(tells), r.Submitters, text(r))
			return
		}
		for i, s := range tells {
			if !strings.Contains(r.Submitters[i], s) {
				t.Errorf("%q does not say %q", r.Submitters[i], s)
			}
		}
	}
	check(parts, nil, proof.Valid)
	check(parts, all, proof.Valid)
	check(parts, all[:1], proof.Invalid, "announces the key "+proof.Thumbprint(second.Public()))
	check(parts, append(early, all[1]), proof.Incomplete, "retires the key "+proof.Thumbprint(first.Public()))

	// The operator announces a key of its own in the place of the second one.
	forged := ledgertest.Forge(t, parts, ledgertest.Lie{After: func(it *ledgertest.Item) {
		if it.Entry == nil || it.Entry.Type != record.TypeSubmitterKey {
			return
		}
		for i, m := range it.Entry.Open.Members {
			if m.Name == "jwk" && string(m.Value.Bytes()) == string(proof.JWK(second.Public()).Bytes()) {
				it.Entry.Open.Members[i].Value = proof.JWK(operators.Public())
			}
		}
	}})
	check(forged.Parts, nil, proof.Invalid)
}
