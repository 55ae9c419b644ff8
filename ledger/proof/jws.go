// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
)

// A submitter's signature is a JWS in compact form with a detached payload
// (RFC 7515, appendix F): protected header, an empty part, signature. The
// payload is the canonical form of the event without its attribute signature.
// The protected header has exactly alg (ES256 or EdDSA), kid (the submitter's
// key id) and origin (the ledger it is meant for), so that a signature can be
// carried neither to another key nor to another ledger.

// SignEvent returns the signature of an event, to be put into its attribute
// signature. key is an *ecdsa.PrivateKey on P-256 or an ed25519.PrivateKey, or
// any signer of such keys.
func SignEvent(event canon.Value, origin, kid string, key crypto.Signer) (string, error) {
	alg := ""
	switch k := key.Public().(type) {
	case ed25519.PublicKey:
		alg = "EdDSA"
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			alg = "ES256"
		}
	}
	if alg == "" {
		return "", errors.New("an event is signed with an Ed25519 or a P-256 key")
	}
	header := canon.Map(member("alg", canon.Text(alg)), member("kid", canon.Text(kid)), member("origin", canon.Text(origin)))
	protected := base64.RawURLEncoding.EncodeToString(header.Bytes())
	input := signingInput(protected, event)
	var sig []byte
	var err error
	if alg == "EdDSA" {
		sig, err = key.Sign(rand.Reader, input, crypto.Hash(0))
	} else {
		digest := sha256.Sum256(input)
		if sig, err = key.Sign(rand.Reader, digest[:], crypto.SHA256); err == nil {
			sig, err = rawSignature(sig)
		}
	}
	if err != nil {
		return "", fmt.Errorf("couldn't sign the event: %w", err)
	}
	return protected + ".." + base64.RawURLEncoding.EncodeToString(sig), nil
}

// rawSignature turns an ASN.1 ECDSA signature into r ‖ s (RFC 7518, 3.4).
func rawSignature(der []byte) ([]byte, error) {
	var x struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &x); err != nil || len(rest) > 0 {
		return nil, errors.New("the signer returned no ECDSA signature")
	}
	out := make([]byte, 64)
	x.R.FillBytes(out[:32])
	x.S.FillBytes(out[32:])
	return out, nil
}

func signingInput(protected string, event canon.Value) []byte {
	unsigned := canon.Value{Kind: canon.Object}
	for _, m := range event.Members {
		if m.Name != "signature" {
			unsigned.Members = append(unsigned.Members, m)
		}
	}
	return []byte(protected + "." + base64.RawURLEncoding.EncodeToString(unsigned.Bytes()))
}

// SignedBy checks that one of a submitter's keys made the signature of the event of
// the record with that index, and that it may.
func SignedBy(keys []SubmitterKey, index int64, event canon.Value, signature, origin, kid string) error {
	var why error
	for _, k := range keys {
		switch err := VerifySignature(event, signature, origin, kid, k.Key); {
		case err == nil && k.May(index):
			return nil
		case err == nil:
			why = fmt.Errorf("the submitter's key %s made the signature, and may not sign the event of record %d", Thumbprint(k.Key), index)
		case why == nil:
			why = err
		}
	}
	return why
}

// VerifySignature checks the signature of an event by a submitter's key.
func VerifySignature(event canon.Value, signature, origin, kid string, key crypto.PublicKey) error {
	parts := strings.Split(signature, ".")
	if len(parts) != 3 || parts[1] != "" {
		return errors.New("the submitter's signature is not a compact JWS with a detached payload")
	}
	header, ok := decode(base64.RawURLEncoding, parts[0], base64.RawURLEncoding.DecodedLen(len(parts[0])))
	if !ok {
		return errors.New("the header of the submitter's signature is not base64url")
	}
	sig, ok := decode(base64.RawURLEncoding, parts[2], 64)
	if !ok {
		return errors.New("the submitter's signature is not 64 bytes in base64url")
	}
	h, err := canon.Parse(header, canon.Limits{})
	if err != nil {
		return errors.New("the header of the submitter's signature is not JSON")
	}
	var bad error
	o := open(h, "/signature", &bad)
	alg := o.text("alg")
	if o.text("kid") != kid {
		o.fail("kid", "names another key")
	}
	if o.text("origin") != origin {
		o.fail("origin", "names another ledger")
	}
	o.end()
	if bad != nil {
		return bad
	}
	input := signingInput(parts[0], event)
	ok = false
	switch k := key.(type) {
	case ed25519.PublicKey:
		ok = alg == "EdDSA" && ed25519.Verify(k, input, sig)
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(input)
		ok = alg == "ES256" && k.Curve == elliptic.P256() && ecdsa.Verify(k, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	}
	if !ok {
		return errors.New("the submitter's signature is wrong")
	}
	return nil
}
