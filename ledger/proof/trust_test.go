// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/proof"
)

func TestTrust(t *testing.T) {
	w := newWorld(t)
	for _, want := range []*proof.Trust{&w.trust, w.signedTrust(), w.witnessedTrust(2), w.anchoredTrust(3, 5), w.stampedTrust()} {
		got, err := proof.ParseTrust(want.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("a policy is read as another (-want +got):\n%s", diff)
		}
	}
	b := bytes.Replace(w.trust.Bytes(), []byte("{"), []byte(`{"maxAgeSeconds":60,`), 1)
	got, err := proof.ParseTrust(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"maxAgeSeconds"}, got.Unsupported); diff != "" {
		t.Errorf("demands that cannot be checked (-want +got):\n%s", diff)
	}
}

// A policy that is only half understood is not the policy.
func TestParseTrustRefuses(t *testing.T) {
	w := newWorld(t)
	good := string(w.signedTrust().Bytes())
	key := w.trust.Keys[0].Key
	point, err := submitterECDSA(t).PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	x256 := raw64.EncodeToString(point[1:33])
	other := verifierOf(t, "ledger.example/other", checkpointKey)
	tests := []struct{ name, old, new string }{
		{"another version", `lendlog-trust/1`, `lendlog-trust/2`},
		{"no version", `"v": "lendlog-trust/1",`, ``},
		{"unknown member", `"v": `, `"later": 1, "v": `},
		{"case variant", `"v": `, `"Origin": "x", "v": `},
		{"no origin", `"origin": "ledger.example/golden",`, ``},
		{"empty origin", `"origin": "ledger.example/golden"`, `"origin": ""`},
		{"another origin than the keys'", `"origin": "ledger.example/golden"`, `"origin": "ledger.example/other"`},
		{"origin with a space", `"origin": "ledger.example/golden"`, `"origin": "ledger.example golden"`},
		{"short genesis", `"genesis": "`, `"genesis": "AAAA`},
		{"genesis with a line break", `"genesis": "`, `"genesis": "\n`},
		{"no keys", `"keys": [`, `"keys": [], "x": [`},
		{"keys are one key", `"keys": [`, `"keys": "` + key + `", "x": [`},
		{"no key in a key", `"key": "` + key + `",`, ``},
		{"not a key", key, "key"},
		{"another ledger's key", key, other},
		{"unknown member of a key", `"key": `, `"until": 1, "key": `},
		{"from that is a string", `"from": 1`, `"from": "1"`},
		{"negative from", `"from": 1`, `"from": -1`},
		{"to before from", `"from": 1`, `"from": 1099511627777`},
		{"to is 0", `"to": 1099511627776`, `"to": 0`},
		{"to is null", `"to": 1099511627776`, `"to": null`},
		{"VRF key that is the identity", b64(w.trust.VRF[:]), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
		{"VRF key that is no element", b64(w.trust.VRF[:]), "//////////////////////////////////////////8="},
		{"submitters is null", `"submitters": [`, `"submitters": null, "x": [`},
		{"submitter without an id", `"id": "core-banking",`, ``},
		{"submitter without a key", `"jwk": {`, `"x": {`},
		{"unknown member of a submitter", `"id": "core-banking"`, `"name": "x", "id": "core-banking"`},
		{"unknown kind of key", `"kty": "OKP"`, `"kty": "RSA"`},
		{"kind and curve that do not go together", `"kty": "OKP"`, `"kty": "EC"`},
		{"another curve", `"crv": "P-256"`, `"crv": "P-384"`},
		{"a private key", `"kty": "OKP"`, `"d": "AAAA", "kty": "OKP"`},
		{"no point of the curve", `"x": "` + x256, `"x": "` + x256[:5] + "A" + x256[6:]},
	}
	if _, err := proof.ParseTrust([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !bytes.Contains([]byte(good), []byte(tt.old)) {
				t.Fatalf("no %q", tt.old)
			}
			if _, err := proof.ParseTrust(bytes.Replace([]byte(good), []byte(tt.old), []byte(tt.new), 1)); err == nil {
				t.Error("accepted")
			}
		})
	}
}
