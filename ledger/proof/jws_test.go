// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
)

var raw64 = base64.RawURLEncoding

func signedEvent(t testing.TB) canon.Value {
	t.Helper()
	v, err := canon.Parse([]byte(`{"specversion":"1.0","id":"1","source":"//x","data":{"amount":"1.00"}}`), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSignature takes the signature apart with the standard library alone.
func TestSignature(t *testing.T) {
	event := signedEvent(t)
	p256 := submitterECDSA(t)
	for alg, key := range map[string]crypto.Signer{"EdDSA": submitterKey, "ES256": p256} {
		sig, err := proof.SignEvent(event, origin, "k-1", key)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifySignature(event, sig, origin, "k-1", key.Public()); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		header, rest, _ := strings.Cut(sig, "..")
		b, err := raw64.DecodeString(header)
		if want := `{"alg":"` + alg + `","kid":"k-1","origin":"` + origin + `"}`; err != nil || string(b) != want {
			t.Errorf("the header is %s, want %s", b, want)
		}
		payload := `{"data":{"amount":"1.00"},"id":"1","source":"//x","specversion":"1.0"}`
		input := []byte(header + "." + raw64.EncodeToString([]byte(payload)))
		raw, err := raw64.DecodeString(rest)
		if err != nil || len(raw) != 64 {
			t.Fatalf("%s: %d bytes of signature, %v", alg, len(raw), err)
		}
		digest := sha256.Sum256(input)
		switch k := key.Public().(type) {
		case ed25519.PublicKey:
			if !ed25519.Verify(k, input, raw) {
				t.Error("EdDSA: the signing input is another")
			}
		case *ecdsa.PublicKey:
			if !ecdsa.Verify(k, digest[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])) {
				t.Error("ES256: the signing input is another")
			}
		}
		// The attribute itself is not signed.
		with := canon.Map(append(slices.Clone(event.Members), canon.Member{Name: "signature", Value: canon.Text(sig)})...)
		if err := proof.VerifySignature(with, sig, origin, "k-1", key.Public()); err != nil {
			t.Errorf("%s: with the attribute signature: %v", alg, err)
		}
	}
}

func TestSignatureRefuses(t *testing.T) {
	event := signedEvent(t)
	p256 := submitterECDSA(t)
	ed, err := proof.SignEvent(event, origin, "k-1", submitterKey)
	if err != nil {
		t.Fatal(err)
	}
	es, err := proof.SignEvent(event, origin, "k-1", p256)
	if err != nil {
		t.Fatal(err)
	}
	payload := raw64.EncodeToString(event.Bytes())
	// forge signs under any header, as a submitter could who has the key.
	forge := func(header string) string {
		h := raw64.EncodeToString([]byte(header))
		return h + ".." + raw64.EncodeToString(ed25519.Sign(submitterKey, []byte(h+"."+payload)))
	}
	good := `{"alg":"EdDSA","kid":"k-1","origin":"` + origin + `"}`
	if err := proof.VerifySignature(event, forge(good), origin, "k-1", submitterKey.Public()); err != nil {
		t.Fatalf("a good signature is refused: %v", err)
	}
	mac := hmac.New(sha256.New, submitterKey.Public().(ed25519.PublicKey))
	hs := raw64.EncodeToString([]byte(strings.Replace(good, "EdDSA", "HS256", 1)))
	mac.Write([]byte(hs + "." + payload))
	edKey, esKey := submitterKey.Public(), crypto.PublicKey(p256.Public())
	rawES, _ := raw64.DecodeString(strings.Split(es, ".")[2])
	der, err := p256.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edParts, esParts := strings.Split(ed, "."), strings.Split(es, ".")
	swap := func(b []byte) string { return raw64.EncodeToString(append(slices.Clone(b[32:]), b[:32]...)) }
	tests := []struct {
		name, signature string
		key             crypto.PublicKey
	}{
		{"no signature", "", edKey},
		{"none", raw64.EncodeToString([]byte(strings.Replace(good, "EdDSA", "none", 1))) + "..", edKey},
		{"HS256 under the public key", hs + ".." + raw64.EncodeToString(mac.Sum(nil)), edKey},
		{"ES256 in the header, EdDSA key", forge(strings.Replace(good, "EdDSA", "ES256", 1)), edKey},
		{"lower-case algorithm", forge(strings.Replace(good, "EdDSA", "eddsa", 1)), edKey},
		{"EdDSA signature, P-256 key", ed, esKey},
		{"ES256 signature, Ed25519 key", es, edKey},
		{"EdDSA header over ES256 signature", edParts[0] + ".." + esParts[2], esKey},
		{"ES256 header over EdDSA signature", esParts[0] + ".." + edParts[2], edKey},
		{"another kid", forge(strings.Replace(good, "k-1", "k-2", 1)), edKey},
		{"no kid", forge(strings.Replace(good, `"kid":"k-1",`, ``, 1)), edKey},
		{"another origin", forge(strings.Replace(good, origin, "ledger.example/other", 1)), edKey},
		{"no origin", forge(`{"alg":"EdDSA","kid":"k-1"}`), edKey},
		{"no algorithm", forge(`{"kid":"k-1","origin":"` + origin + `"}`), edKey},
		{"one more header", forge(strings.Replace(good, `{`, `{"b64":false,`, 1)), edKey},
		{"crit", forge(strings.Replace(good, `{`, `{"crit":["b64"],`, 1)), edKey},
		{"its own key", forge(strings.Replace(good, `{`, `{"jwk":{},`, 1)), edKey},
		{"two algorithms", forge(strings.Replace(good, `{`, `{"alg":"ES256",`, 1)), edKey},
		{"a header that is a list", forge(`["EdDSA"]`), edKey},
		{"a header that is no JSON", forge(`EdDSA`), edKey},
		{"attached payload", edParts[0] + "." + payload + "." + edParts[2], edKey},
		{"two parts", edParts[0] + "." + edParts[2], edKey},
		{"four parts", ed + ".", edKey},
		{"padding", ed + "==", edKey},
		{"standard base64", edParts[0] + ".." + strings.NewReplacer("-", "+", "_", "/").Replace(edParts[2]) + "+", edKey},
		{"line break", edParts[0] + "..\n" + edParts[2], edKey},
		{"line break in the header", edParts[0][:8] + "\n" + edParts[0][8:] + ".." + edParts[2], edKey},
		{"unused bits", ed[:len(ed)-1] + string(ed[len(ed)-1]+1), edKey},
		{"a byte short", edParts[0] + ".." + raw64.EncodeToString(rawES[:63]), esKey},
		{"ASN.1", esParts[0] + ".." + raw64.EncodeToString(der), esKey},
		{"s and r", esParts[0] + ".." + swap(rawES), esKey},
		{"zeros", esParts[0] + ".." + raw64.EncodeToString(make([]byte, 64)), esKey},
		{"another P-256 key", es, otherP256(t)},
		{"a key of P-384", es, p384.Public()},
		{"a key of the wrong type", es, "key"},
		{"no key", es, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if proof.VerifySignature(event, tt.signature, origin, "k-1", tt.key) == nil {
				t.Errorf("accepted: %s", tt.signature)
			}
		})
	}
	for _, m := range []canon.Member{{Name: "id", Value: canon.Text("2")}, {Name: "party", Value: canon.Text("P-1")}} {
		other := canon.Map(append(slices.DeleteFunc(slices.Clone(event.Members), func(o canon.Member) bool { return o.Name == m.Name }), m)...)
		for key, sig := range map[crypto.PublicKey]string{esKey: es} {
			if proof.VerifySignature(other, sig, origin, "k-1", key) == nil {
				t.Errorf("the signature holds for another %s", m.Name)
			}
		}
		if proof.VerifySignature(other, ed, origin, "k-1", edKey) == nil {
			t.Errorf("the signature holds for another %s", m.Name)
		}
	}
}

func otherP256(t testing.TB) crypto.PublicKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

// Only the two kinds of keys sign.
func TestSignEventRefuses(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{p384, rsaKey} {
		if _, err := proof.SignEvent(signedEvent(t), origin, "k-1", key); err == nil {
			t.Errorf("%T signs", key)
		}
	}
}
