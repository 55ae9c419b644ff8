// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// submitterKeys adds evidence of a submitter whose key another one took over from.
// Record 2 is signed: with the first of them, or with its successor.
func (m *vectorMaker) submitterKeys() {
	const valid, invalid = proof.Valid, proof.Invalid
	w, t := m.w, m.w.t
	successor := ed25519.NewKeyFromSeed(label("successor of the submitter key"))
	signature, err := proof.SignEvent(w.records[2].event.Document(), origin, submitter, successor)
	if err != nil {
		t.Fatal(err)
	}
	succeeded := newLyingWorld(t, map[int]lie{2: func(_ *record.Entry, all []seal.Disclosure) {
		all[slices.Index(w.schemas["decided"].Pointers(), "/signature")].Value = canon.Text(signature)
	}})
	key := func(k crypto.Signer, from, until int64) proof.SubmitterKey {
		return proof.SubmitterKey{ID: submitter, Key: k.Public(), From: from, Until: until}
	}
	policy := func(name string, keys ...proof.SubmitterKey) string {
		p := w.trust
		p.Submitters = keys
		m.other[name] = p.Bytes()
		return name
	}
	after := policy("trust-submitter-succeeded.json", key(submitterKey, 0, 1), key(successor, 2, 0))
	during := policy("trust-submitter-overlap.json", key(submitterKey, 1, 2), key(successor, 2, 0))
	before := policy("trust-submitter-before.json", key(successor, 0, 2), key(submitterKey, 3, 0))
	ranges := policy("trust-submitter-ranges.json", key(submitterKey, 0, 1), key(submitterKey, 2, 2))
	ended := policy("trust-submitter-ended.json", key(submitterKey, 0, 1))
	whole := all{2: {"*"}}
	first, second := w.evidence(whole).Bytes(), succeeded.evidence(whole).Bytes()

	m.add(valid, "", "valid-signed-last", "the record is the last one that the submitter's key may sign", during, first)
	m.add(valid, "", "valid-signed-first", "the record is the first one that the successor of the submitter's key may sign", during, second)
	m.add(valid, "", "valid-signed-successor", "the successor signs after the end of the submitter's first key", after, second)
	m.add(valid, "", "valid-signed-ranges", "one key with two ranges, of which the second has the record", ranges, first)
	m.add(invalid, "submitter", "submitter-after", "the submitter's key signs after its end", after, first)
	m.add(invalid, "submitter", "submitter-before", "the submitter's key signs before its range", before, first)
	m.add(invalid, "submitter", "submitter-ended", "the submitter's only key signs after its end", ended, first)
	m.add(invalid, "submitter", "submitter-unnamed", "the successor signs, and the policy names the first key only", "trust-submitters.json", second)
	for _, of := range []struct {
		verdict          proof.Verdict
		check, name, why string
		trust            string
	}{
		{valid, "", "valid-receipt-signed", "the receipt of an event that its submitter signed", during},
		{invalid, "submitter", "submitter-receipt", "the receipt of an event that the submitter's key signed after its end", after},
	} {
		m.receipt(of.verdict, of.check, of.name, of.why, 2, nil)
		m.all[len(m.all)-1].Trust = of.trust
	}

	for _, wrong := range []struct{ name, why, old, new string }{
		{"range", "a submitter's key ends before it begins", `"from": 1`, `"from": 3`},
		{"until", "the range of a submitter's key ends at 0", `"until": 2`, `"until": 0`},
		{"from", "an index is a number", `"from": 1`, `"from": "1"`},
		{"negative", "an index is not negative", `"from": 1`, `"from": -1`},
		{"to", "the range of a submitter's key ends with until", `"until": 2`, `"to": 2`},
		{"null", "a member that is null is not absent", `"until": 2`, `"until": null`},
	} {
		b := bytes.Clone(m.other[during])
		replace(&b, wrong.old, wrong.new)
		trust := "trust-submitter-bad-" + wrong.name + ".json"
		m.other[trust] = b
		m.add(invalid, "", "policy-submitter-"+wrong.name, wrong.why, trust, first).Verdict = refused
	}
}

// A key is named by its thumbprint, and read as it is written.
func TestJWK(t *testing.T) {
	// RFC 8037, appendix A.3.
	doc, err := canon.Parse([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"sig"}`), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	key, err := proof.ParseJWK(doc)
	if err != nil {
		t.Fatal(err)
	}
	if got := proof.Thumbprint(key); got != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("the thumbprint is %s", got)
	}
	for _, k := range []crypto.PublicKey{key, submitterECDSA(t).Public()} {
		again, err := proof.ParseJWK(proof.JWK(k))
		if err != nil || proof.Thumbprint(again) != proof.Thumbprint(k) {
			t.Errorf("%s is read as another key: %v", proof.JWK(k).Bytes(), err)
		}
	}
	for _, wrong := range []canon.Value{
		canon.Text("x"), canon.Map(), canon.Map(append(doc.Members, canon.Member{Name: "d", Value: canon.Text("secret")})...),
	} {
		if _, err := proof.ParseJWK(wrong); err == nil {
			t.Errorf("%s is taken for a public key", wrong.Bytes())
		}
	}
}
