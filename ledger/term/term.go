// SPDX-License-Identifier: Apache-2.0

// Package term makes the terms by which entries and the map name subjects.
//
// A term is the output of a verifiable random function (C2SP vrf-r255, which
// is ECVRF-RISTRETTO255-SHA512 of RFC 9381) under a key that the ledger keeps.
// One subject has one term, and always the same. Who has no proof can neither
// tell which subject a term stands for, nor try guesses; who is handed one can
// check it with the public key alone: that this subject has this term and no
// other, so that its chain of records cannot be split or hidden.
//
// The input of the function is
//
//	part("lendlog/term") ‖ part(kind) ‖ part(id)
//
// where part(s) is the length of s as uint16, big-endian, and then s. The term
// is the first 32 bytes of the 64-byte output; a proof has 80 bytes.
//
// The secret key gives away every term to whoever can name a subject, so it
// stays where it is used.
package term

import (
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"filippo.io/mostly-harmless/vrf-r255"
	"github.com/gtank/ristretto255"
)

// Size is the number of bytes of a term.
const Size = 32

// A Term stands for a subject in entries and in the map. The zero Term stands
// for none.
type Term [Size]byte

// ProofSize is the number of bytes of a proof.
const ProofSize = 80

// domain separates terms from other uses of the key.
const domain = "lendlog/term"

// The strings that separate the hashes of vrf-r255 from one another (c2sp.org/
// vrf-r255 and RFC 9381, sections 5.2 and 5.4.1).
const (
	suite         = "\xffc2sp.org/vrf-r255"
	encodeToCurve = suite + "\x82"
	proofToHash   = suite + "\x03"
)

// A PrivateKey computes and proves terms. Its methods may be called
// concurrently.
type PrivateKey struct {
	vrf    *vrf.PrivateKey
	scalar *ristretto255.Scalar // the same secret, which vrf does not share
	public PublicKey
}

// A PublicKey checks proofs: the encoding of a ristretto255 element.
type PublicKey [32]byte

// GenerateKey returns a new random key.
func GenerateKey() *PrivateKey {
	for {
		// Fails for the zero scalar alone, which no one will ever draw.
		if k, err := ParsePrivateKey(vrf.GenerateKey().Bytes()); err == nil {
			return k
		}
	}
}

// ParsePrivateKey returns the key that Bytes wrote: a canonical ristretto255
// scalar, not zero. Errors say nothing about the key.
func ParsePrivateKey(b []byte) (*PrivateKey, error) {
	scalar, err := ristretto255.NewScalar().SetCanonicalBytes(b)
	if err != nil {
		return nil, errors.New("couldn't read VRF key: it is not a canonical ristretto255 scalar of 32 bytes")
	}
	key, err := vrf.NewPrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read VRF key: %w", err)
	}
	public, err := ParsePublicKey(key.PublicKey().Bytes())
	if err != nil {
		return nil, errors.New("couldn't read VRF key: it is zero")
	}
	return &PrivateKey{key, scalar, public}, nil
}

// Bytes returns the 32 secret bytes of the key.
func (k *PrivateKey) Bytes() []byte { return k.scalar.Bytes() }

// Public returns the key that checks this key's proofs.
func (k *PrivateKey) Public() PublicKey { return k.public }

// ParsePublicKey returns the key with the given encoding: that of a canonical
// ristretto255 element, not the identity.
func ParsePublicKey(b []byte) (PublicKey, error) {
	key, err := parsePublicKey(b)
	if err != nil {
		return PublicKey{}, err
	}
	return PublicKey(key.Bytes()), nil
}

func parsePublicKey(b []byte) (*vrf.PublicKey, error) {
	key, err := vrf.NewPublicKey(b)
	if err != nil {
		return nil, errors.New("couldn't read VRF public key: it is not a canonical ristretto255 element of 32 bytes")
	}
	// The identity is the element that is encoded as zeros. Under it anybody
	// could prove that every subject has one and the same term.
	if PublicKey(b) == (PublicKey{}) {
		return nil, errors.New("couldn't read VRF public key: it is the identity")
	}
	return key, nil
}

// Term returns the term of a subject, in less than half the time of Prove. A
// kind or an id of more than 65,535 bytes has no term: the result is zero.
func (k *PrivateKey) Term(kind, id string) Term {
	alpha, err := input(kind, id)
	if err != nil {
		return Term{}
	}
	return k.output(alpha)
}

// Prove returns the term of a subject with the proof that it is. For a kind or
// an id of more than 65,535 bytes both are zero.
func (k *PrivateKey) Prove(kind, id string) (Term, []byte) {
	alpha, err := input(kind, id)
	if err != nil {
		return Term{}, nil
	}
	return k.prove(alpha)
}

// Verify returns the term that a proof shows the subject to have under the
// ledger's public key, or an error if it shows nothing.
func Verify(public PublicKey, kind, id string, proof []byte) (Term, error) {
	alpha, err := input(kind, id)
	if err != nil {
		return Term{}, err
	}
	return verify(public, alpha, proof)
}

// input returns what the function is applied to.
func input(kind, id string) ([]byte, error) {
	if len(kind) > math.MaxUint16 || len(id) > math.MaxUint16 {
		return nil, errors.New("the kind and the id of a subject are at most 65535 bytes long")
	}
	alpha := make([]byte, 0, 3*2+len(domain)+len(kind)+len(id))
	for _, part := range []string{domain, kind, id} {
		alpha = binary.BigEndian.AppendUint16(alpha, uint16(len(part)))
		alpha = append(alpha, part...)
	}
	return alpha, nil
}

// output computes what prove does without the proof: the hash of x*H, where x
// is the secret scalar and H the element that key and input are mapped to.
func (k *PrivateKey) output(alpha []byte) Term {
	g := ristretto255.NewIdentityElement().ScalarMult(k.scalar, k.element(alpha))
	h := sha512.New()
	h.Write([]byte(proofToHash))
	h.Write(g.Bytes())
	h.Write([]byte{0x00})
	return Term(h.Sum(nil))
}

// element maps the public key and an input to the group, H in RFC 9381.
func (k *PrivateKey) element(alpha []byte) *ristretto255.Element {
	h := sha512.New()
	h.Write([]byte(encodeToCurve))
	h.Write(k.public[:])
	h.Write(alpha)
	e, err := ristretto255.NewIdentityElement().SetUniformBytes(h.Sum(nil))
	if err != nil {
		panic("internal error: a SHA-512 hash has not 64 bytes: " + err.Error())
	}
	return e
}

func (k *PrivateKey) prove(alpha []byte) (Term, []byte) {
	proof := k.vrf.Prove(alpha)
	return Term(proof.Hash()), proof.Bytes()
}

func verify(public PublicKey, alpha, proof []byte) (Term, error) {
	key, err := parsePublicKey(public[:])
	if err != nil {
		return Term{}, err
	}
	p, err := vrf.NewProof(proof)
	if err != nil {
		return Term{}, fmt.Errorf("couldn't read VRF proof: %w", err)
	}
	beta, err := key.Verify(p, alpha)
	if err != nil {
		return Term{}, errors.New("the VRF proof is not of this subject and key")
	}
	return Term(beta), nil
}
