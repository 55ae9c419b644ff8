// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A heldKey is a checkpoint key of the golden ledger.
type heldKey struct {
	note.Signer
	verifier string
}

func keyOf(t testing.TB, name string, key ed25519.PrivateKey) heldKey {
	t.Helper()
	verifier, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return heldKey{signerOf(t, name, key), verifier}
}

func firstKey(t testing.TB) heldKey { return keyOf(t, origin, checkpointKey) }

// laterKey is a key that takes over from the first one.
func laterKey(t testing.TB, name string) heldKey {
	return keyOf(t, origin, ed25519.NewKeyFromSeed(label(name)))
}

// announces makes a record one that announces a key from the size behind it on.
func announces(t testing.TB, index int64, before, now heldKey, alter func(*proof.KeyChange)) lie {
	c := proof.KeyChange{Origin: origin, Key: now.verifier, From: index + 1, Until: index + 2}
	if alter != nil {
		alter(&c)
	}
	statement, err := c.Sign(before, now)
	if err != nil {
		t.Fatal(err)
	}
	return says(statement)
}

// says makes a record one that has a statement.
func says(statement string) lie {
	return func(e *record.Entry, _ []seal.Disclosure) {
		e.Type, e.Submitter = record.TypeKeyChanged, "ledger"
		e.Open = canon.Map(
			canon.Member{Name: "purpose", Value: canon.Text("checkpoint")},
			canon.Member{Name: "statement", Value: canon.Text(statement)},
		)
	}
}

// signedBy is evidence of records 1 to 3 of a world, under a checkpoint that these
// keys signed.
func signedBy(t testing.TB, w *world, keys ...heldKey) *proof.Evidence {
	t.Helper()
	e := w.evidence(all{1: nil, 2: nil, 3: nil})
	var signers []note.Signer
	for _, k := range keys {
		signers = append(signers, k)
	}
	var err error
	if e.Checkpoint, err = (tree.Checkpoint{Origin: origin, Size: int64(len(w.leaves)), Root: w.small().Root()}).Sign(signers...); err != nil {
		t.Fatal(err)
	}
	return e
}

// keyChanges adds evidence of a ledger that changed its checkpoint key.
func (m *vectorMaker) keyChanges() {
	const valid, invalid, incomplete = proof.Valid, proof.Invalid, proof.Incomplete
	t := m.w.t
	first, second, third := firstKey(t), laterKey(t, "second checkpoint key"), laterKey(t, "third checkpoint key")
	changed := newLyingWorld(t, map[int]lie{1: announces(t, 1, first, second, nil)})
	add := func(verdict proof.Verdict, name, why, trust string, e *proof.Evidence) {
		check := "checkpoint"
		if verdict == valid {
			check = ""
		}
		m.add(verdict, check, name, why, trust, e.Bytes())
	}
	one := func(verdict proof.Verdict, name, why string, l lie, keys ...heldKey) {
		add(verdict, name, why, "trust.json", signedBy(t, newLyingWorld(t, map[int]lie{1: l}), keys...))
	}

	later := m.w.trust
	later.Keys = []proof.TrustedKey{{Key: first.verifier, To: 3}, {Key: second.verifier, From: 2}}
	m.other["trust-rotated.json"] = later.Bytes()
	add(valid, "valid-key-changed", "a ledger that changed its key, under a policy that has both keys", "trust-rotated.json", signedBy(t, changed, second))
	add(valid, "valid-key-overlap", "both keys sign for a while, so that a policy with the first one goes on", "trust.json", signedBy(t, changed, first, second))
	add(incomplete, "key-announced", "the checkpoint is signed with a key that the policy lacks, and a record announces that key under one that it has", "trust.json", signedBy(t, changed, second))
	add(incomplete, "key-announced-twice", "a key that is announced announces the next one", "trust.json", signedBy(t, newLyingWorld(t, map[int]lie{
		1: announces(t, 1, first, second, nil), 2: announces(t, 2, second, third, nil)}), third))
	reversed := signedBy(t, newLyingWorld(t, map[int]lie{
		1: announces(t, 1, first, second, nil), 2: announces(t, 2, second, third, nil)}), third)
	slices.Reverse(reversed.Records)
	add(incomplete, "key-announced-order", "the records of the file have no order", "trust.json", reversed)

	add(invalid, "key-over", "the first key signed a checkpoint behind its range", "trust-rotated.json", signedBy(t, changed, first))
	add(invalid, "key-other", "the checkpoint is signed with another key than the one that is announced", "trust.json", signedBy(t, changed, third))
	lone := signedBy(t, changed, second)
	lone.Records = lone.Records[1:]
	add(invalid, "key-not-announced", "the record that announces the key is not in the file", "trust.json", lone)
	cut := signedBy(t, changed, second)
	cut.Records[0].Proof = cut.Records[1].Proof
	m.add(invalid, "inclusion", "key-not-included", "the record that announces the key is not in the tree", "trust.json", cut.Bytes())
	one(invalid, "key-by-nobody", "the statement of the key is signed with another one that the policy does not have", announces(t, 1, third, second, nil), second)
	one(invalid, "key-by-itself", "the statement of the key is signed with that key alone", announces(t, 1, second, second, nil), second)
	one(invalid, "key-unproved", "the statement of the key is not signed with that key", announces(t, 1, first, second, func(c *proof.KeyChange) { c.Key = third.verifier }), third)
	one(invalid, "key-elsewhere", "the statement is of another place in the log", announces(t, 1, first, second, func(c *proof.KeyChange) { c.From++ }), second)
	one(invalid, "key-backwards", "the keys before it are said to end before it begins", announces(t, 1, first, second, func(c *proof.KeyChange) { c.Until = 1 }), second)
	one(invalid, "key-origin", "the statement is of another ledger", announces(t, 1, first, second, func(c *proof.KeyChange) { c.Origin = "ledger.example/other" }), second)
	plain, err := proof.KeyChange{Origin: origin, Key: second.verifier, From: 2, Until: 3}.Sign(first, second)
	if err != nil {
		t.Fatal(err)
	}
	one(invalid, "key-spelling", "the sizes of a statement have one spelling", says(strings.Replace(plain, "\n2\n", "\n02\n", 1)), second)
	one(invalid, "key-altered", "the statement was changed after it was signed", says(strings.Replace(plain, "\n3\n", "\n4\n", 1)), second)
	one(invalid, "key-kind", "the statement of a record is a string", func(e *record.Entry, d []seal.Disclosure) {
		says(plain)(e, d)
		e.Open.Members[1].Value = canon.Texts(plain)
	}, second)

	undated := changed.cosignedEvidence()
	undated.Records = append(undated.Records, changed.evidence(all{1: nil}).Records...)
	add(valid, "valid-key-undated", "nothing was cosigned before the record that announces the key, which is not dated", "trust-witnesses.json", undated)

	narrow := m.w.trust
	narrow.Keys = []proof.TrustedKey{{Key: first.verifier, To: 1}}
	m.other["trust-one.json"] = narrow.Bytes()
	add(invalid, "key-by-one-over", "the key that signed the statement may not sign that size any more", "trust-one.json", signedBy(t, changed, second))
}

// A policy follows a change of key, which ends the range of the keys before it.
func TestAfter(t *testing.T) {
	w := newWorld(t)
	first, second, third := firstKey(t), laterKey(t, "second checkpoint key"), laterKey(t, "third checkpoint key")
	sign := func(c proof.KeyChange, before, now heldKey) string {
		statement, err := c.Sign(before, now)
		if err != nil {
			t.Fatal(err)
		}
		return statement
	}
	policy := &w.trust
	one := sign(proof.KeyChange{Origin: origin, Key: second.verifier, From: 10, Until: 20}, first, second)
	two := sign(proof.KeyChange{Origin: origin, Key: third.verifier, From: 15, Until: 15}, second, third)
	for _, step := range []struct {
		statement string
		want      []proof.TrustedKey
	}{
		{one, []proof.TrustedKey{{Key: first.verifier, To: 20}, {Key: second.verifier, From: 10}}},
		{one, []proof.TrustedKey{{Key: first.verifier, To: 20}, {Key: second.verifier, From: 10}}},
		{two, []proof.TrustedKey{{Key: first.verifier, To: 15}, {Key: second.verifier, From: 10, To: 15}, {Key: third.verifier, From: 15}}},
	} {
		later, _, err := policy.After(step.statement)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, later.Keys); diff != "" {
			t.Error(diff)
		}
		if again, err := proof.ParseTrust(later.Bytes()); err != nil || !bytes.Equal(again.Bytes(), later.Bytes()) {
			t.Errorf("the policy is none to be written and read: %v", err)
		}
		policy = later
	}
	if len(w.trust.Keys) != 1 || w.trust.Keys[0].To != 0 {
		t.Error("the policy that was followed was changed")
	}
	for name, statement := range map[string]string{
		"two, before one":   two,
		"nothing":           "",
		"a checkpoint":      string(w.checkpoint()),
		"unsigned":          one[:strings.Index(one, "\n\n")+2],
		"one signature":     one[:strings.LastIndex(strings.TrimSuffix(one, "\n"), "\n")+1],
		"too long":          one + strings.Repeat("— x AAAAAAAA\n", 1000),
		"of another":        strings.Replace(one, origin, "ledger.example/other", 1),
		"a line more":       strings.Replace(one, "\n20\n", "\n20\nmore\n", 1),
		"a second headline": "lendlog/key-change/1\n\n" + one,
	} {
		if _, _, err := w.trust.After(statement); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

// Whatever a statement is, a policy that follows it can be written, and has the
// keys that it had.
func FuzzAfter(f *testing.F) {
	w := newWorld(f)
	first, second := firstKey(f), laterKey(f, "second checkpoint key")
	statement, err := proof.KeyChange{Origin: origin, Key: second.verifier, From: 10, Until: 20}.Sign(first, second)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(statement)
	f.Add(strings.Replace(statement, "\n20\n", "\n+20\n", 1))
	f.Fuzz(func(t *testing.T, s string) {
		later, c, err := w.trust.After(s)
		if err != nil {
			return
		}
		if s != statement && !strings.HasPrefix(s, statement[:strings.Index(statement, "\n\n")]) {
			t.Errorf("a statement that nobody signed is taken: %q", s)
		}
		if _, err := proof.ParseTrust(later.Bytes()); err != nil || c.From > c.Until || later.Keys[0].Key != first.verifier {
			t.Errorf("%q leads to a policy that is none: %v", s, err)
		}
	})
}
