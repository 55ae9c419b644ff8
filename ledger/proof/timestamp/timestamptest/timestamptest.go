// SPDX-License-Identifier: Apache-2.0

// Package timestamptest has authorities that stamp whatever and however a test
// wants. Only tests import it.
package timestamptest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"
)

// An Authority stamps with an Ed25519 key that follows from its name, so that its
// tokens are always the same. A test alters what it likes to.
type Authority struct {
	Root        *x509.Certificate // vouches for the authority, from 2020 to 2060
	Certificate *x509.Certificate
	Key         crypto.Signer // of Certificate

	rootKey crypto.Signer
}

// New returns an authority whose certificate is good, after it was altered.
func New(name string, alter ...func(*x509.Certificate)) *Authority {
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	key := func(of string) ed25519.PrivateKey {
		seed := sha256.Sum256([]byte("timestamptest: " + name + ", " + of))
		return ed25519.NewKeyFromSeed(seed[:])
	}
	a := &Authority{Key: key("authority"), rootKey: key("root")}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name + " root"}, NotBefore: year(2020), NotAfter: year(2060),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte(name),
	}
	a.Root = a.sign(root, root, a.rootKey.Public())
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: year(2025), NotAfter: year(2035),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{KeyUsage(true, TimeStamping)},
	}
	for _, f := range alter {
		f(c)
	}
	a.Certificate = a.sign(c, a.Root, a.Key.Public())
	return a
}

func (a *Authority) sign(c, by *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	return must(x509.ParseCertificate(must(x509.CreateCertificate(nil, c, by, key, a.rootKey))))
}

// Vouch returns a certificate of the root of another under that of a.
func (a *Authority) Vouch(other *Authority) *x509.Certificate {
	return a.sign(other.Root, a.Root, other.rootKey.Public())
}

// The purposes of a certificate (RFC 5280, section 4.2.1.12).
var (
	TimeStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	CodeSigning  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3}
)

// KeyUsage is the extension of a certificate that says what its key is for.
func KeyUsage(critical bool, purposes ...asn1.ObjectIdentifier) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: must(asn1.Marshal(purposes))}
}

var (
	oidSHA256  = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}}
	oidSHA512  = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}}
	oidEd25519 = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 101, 112}}
	oidTSTInfo = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
)

// A Form is how a token is written. The zero Form is as it has to be; a test sets
// what it wants otherwise.
type Form struct {
	Accuracy int64 // seconds
	Info     func([]byte) []byte
	Type     asn1.ObjectIdentifier // of what is signed
	Digest   []byte                // that the signature says what is signed has
	Names    *x509.Certificate     // that the signature says it is by
	Nameless bool                  // it names none
	Bare     bool                  // the token lacks the certificate
	Twice    bool                  // it has two signatures
	Also     []*x509.Certificate   // that the token has too
}

// Token stamps bytes at a time.
func (a *Authority) Token(stamped []byte, at time.Time, form ...Form) []byte {
	var f Form
	if len(form) > 0 {
		f = form[0]
	}
	digest := sha256.Sum256(stamped)
	type imprint struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	type accuracy struct{ Seconds int64 }
	var content []byte
	policy, serial := asn1.ObjectIdentifier{1, 2, 3, 4}, big.NewInt(7)
	when := asn1.RawValue{Tag: asn1.TagGeneralizedTime, Bytes: []byte(at.UTC().Format("20060102150405.999999999Z"))}
	if f.Accuracy == 0 {
		content = must(asn1.Marshal(struct {
			Version int
			Policy  asn1.ObjectIdentifier
			Imprint imprint
			Serial  *big.Int
			Time    asn1.RawValue
		}{1, policy, imprint{oidSHA256, digest[:]}, serial, when}))
	} else {
		content = must(asn1.Marshal(struct {
			Version  int
			Policy   asn1.ObjectIdentifier
			Imprint  imprint
			Serial   *big.Int
			Time     asn1.RawValue
			Accuracy accuracy
		}{1, policy, imprint{oidSHA256, digest[:]}, serial, when, accuracy{f.Accuracy}}))
	}
	if f.Info != nil {
		content = f.Info(content)
	}
	if f.Type == nil {
		f.Type = oidTSTInfo
	}
	if f.Digest == nil {
		sum := sha512.Sum512(content) // as RFC 8419 wants it of Ed25519
		f.Digest = sum[:]
	}
	if f.Names == nil {
		f.Names = a.Certificate
	}
	name := sha256.Sum256(f.Names.Raw)
	attributes := attribute([]int{1, 2, 840, 113549, 1, 9, 3}, f.Type)
	attributes = append(attributes, attribute([]int{1, 2, 840, 113549, 1, 9, 4}, f.Digest)...)
	if !f.Nameless {
		type named struct{ Hash []byte }
		attributes = append(attributes, attribute([]int{1, 2, 840, 113549, 1, 9, 16, 2, 47}, struct{ Certificates []named }{[]named{{name[:]}}})...)
	}
	set := must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: attributes}))
	type signer struct {
		Version int
		Name    struct {
			Issuer asn1.RawValue
			Serial *big.Int
		}
		Digest     pkix.AlgorithmIdentifier
		Attributes asn1.RawValue
		Algorithm  pkix.AlgorithmIdentifier
		Signature  []byte
	}
	s := signer{
		Version: 1, Digest: oidSHA512, Algorithm: oidEd25519, Signature: must(a.Key.Sign(nil, set, crypto.Hash(0))),
		Attributes: asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: attributes},
	}
	s.Name.Issuer, s.Name.Serial = asn1.RawValue{FullBytes: a.Certificate.RawIssuer}, a.Certificate.SerialNumber
	signers := []signer{s}
	if f.Twice {
		signers = append(signers, s)
	}
	var certificates []byte
	if !f.Bare {
		certificates = a.Certificate.Raw
	}
	for _, c := range f.Also {
		certificates = append(certificates[:len(certificates):len(certificates)], c.Raw...)
	}
	type signedData struct {
		Version int
		Digests []pkix.AlgorithmIdentifier `asn1:"set"`
		Content struct {
			Type asn1.ObjectIdentifier
			Info []byte `asn1:"explicit,tag:0"`
		}
		Certificates asn1.RawValue
		Signers      []signer `asn1:"set"`
	}
	sd := signedData{
		Version: 3, Digests: []pkix.AlgorithmIdentifier{oidSHA512}, Signers: signers,
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: certificates},
	}
	sd.Content.Type, sd.Content.Info = oidTSTInfo, content
	return must(asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content signedData `asn1:"explicit,tag:0"`
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, sd}))
}

func attribute(of []int, value any) []byte {
	return must(asn1.Marshal(struct {
		Type   asn1.ObjectIdentifier
		Values []any `asn1:"set"`
	}{of, []any{value}}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
