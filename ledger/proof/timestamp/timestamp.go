// SPDX-License-Identifier: Apache-2.0

// Package timestamp verifies time stamp tokens (RFC 3161) offline: that an
// authority whose root certificate is known saw some bytes by some time.
//
// A token is CMS SignedData (RFC 5652) over a TSTInfo. Only DER is read, one
// signer, and SHA-256 of what is stamped. Whether a certificate was revoked is not
// asked: a token that was good when it was made stays good.
package timestamp

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	// The hashes that signatures are made over. SHA-1 is for the name of a
	// certificate only, in tokens of older programs.
	_ "crypto/sha1"
	_ "crypto/sha512"
)

// MaxToken bounds a token.
const MaxToken = 64 << 10

// maxCertificates bounds those of a token, among which ways to a root are looked
// for, and maxBits and maxExponent an RSA key, of which one that fills a token
// takes seconds to verify with.
const (
	maxCertificates = 10
	maxBits         = 8192
	maxExponent     = 1<<16 + 1
)

// ErrUnknown means that a token is of an authority that is not known, or signed in
// a way that is not: nothing is wrong with it, and it says nothing.
var ErrUnknown = errors.New("the token is of an authority that is not known")

// A Stamp is what a token says.
type Stamp struct {
	// Time is by when the bytes were there: the authority's time and its
	// accuracy.
	Time time.Time
	// Root is the place of the first root, among those that were given, to which
	// the authority's certificate leads.
	Root int
	// Key is SHA-256 of the public key of who signed, of which a token with other
	// certificates may lead to another root.
	Key [32]byte
}

// Verify verifies that a token stamps these bytes, and that one of the roots, each
// of which may be an authority's own certificate, vouched for the authority then.
func Verify(token, stamped []byte, roots []*x509.Certificate) (Stamp, error) {
	if len(token) > MaxToken {
		return Stamp{}, fmt.Errorf("the token has more than %d bytes", MaxToken)
	}
	sd, err := parse(token)
	if err != nil {
		return Stamp{}, fmt.Errorf("the token cannot be read: %w", err)
	}
	info, at, err := parseInfo(sd.Content.Info)
	if err != nil {
		return Stamp{}, fmt.Errorf("what the token says cannot be read: %w", err)
	}
	digest := sha256.Sum256(stamped)
	if !info.Imprint.Algorithm.Algorithm.Equal(oidSHA256) || !bytes.Equal(info.Imprint.Digest, digest[:]) {
		return Stamp{}, errors.New("the token stamps something else")
	}
	certificate, err := sd.signature()
	if err != nil {
		return Stamp{}, err
	}
	root, err := vouched(certificate, sd.certificates, roots, at)
	if err != nil {
		return Stamp{}, err
	}
	a := info.Accuracy
	at = at.Add(time.Duration(a.Seconds)*time.Second + time.Duration(a.Millis)*time.Millisecond + time.Duration(a.Micros)*time.Microsecond)
	return Stamp{at, root, sha256.Sum256(certificate.RawSubjectPublicKeyInfo)}, nil
}

// Issuer names who issued the certificate that a token says it is signed with: the
// first half of SHA-256 of its name, in hexadecimal digits. It verifies nothing.
func Issuer(token []byte) (string, error) {
	if len(token) > MaxToken {
		return "", fmt.Errorf("the token has more than %d bytes", MaxToken)
	}
	sd, err := parse(token)
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	c := sd.signer(sd.Signers[0].Name)
	if c == nil {
		return "", fmt.Errorf("%w: it lacks the certificate of who signed it", ErrUnknown)
	}
	h := sha256.Sum256(c.RawIssuer)
	return hex.EncodeToString(h[:16]), nil
}

var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidCertificate   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12} // of RFC 2634, by SHA-1
	oidCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47} // of RFC 5035
	oidKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content signedData `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version int
	Digests []pkix.AlgorithmIdentifier `asn1:"set"`
	Content struct {
		Type asn1.ObjectIdentifier
		Info []byte `asn1:"explicit,tag:0"`
	}
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	Revoked      asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signer      `asn1:"set"`
}

// parsed is a token with its certificates.
type parsed struct {
	signedData
	certificates []*x509.Certificate
}

type signer struct {
	Version    int
	Name       asn1.RawValue
	Digest     pkix.AlgorithmIdentifier
	Attributes asn1.RawValue `asn1:"tag:0"`
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
	Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
}

// tstInfo is what is signed (RFC 3161, section 2.4.2).
type tstInfo struct {
	Version int
	Policy  asn1.ObjectIdentifier
	Imprint struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	Serial   *big.Int
	Time     asn1.RawValue
	Accuracy struct {
		Seconds int64 `asn1:"optional"`
		Millis  int64 `asn1:"optional,tag:0"`
		Micros  int64 `asn1:"optional,tag:1"`
	} `asn1:"optional"`
	Ordering   bool             `asn1:"optional"`
	Nonce      *big.Int         `asn1:"optional"`
	Name       asn1.RawValue    `asn1:"optional,explicit,tag:0"`
	Extensions []pkix.Extension `asn1:"optional,tag:1"`
}

func unmarshal(b []byte, v any) error {
	rest, err := asn1.Unmarshal(b, v)
	if err == nil && len(rest) > 0 {
		return errors.New("something follows where it should end")
	}
	return err
}

func parse(token []byte) (*parsed, error) {
	var of struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0"`
	}
	if err := unmarshal(token, &of); err != nil {
		return nil, err
	}
	if !of.Type.Equal(oidSignedData) {
		return nil, errors.New("it is no signed data")
	}
	var ci contentInfo
	if err := unmarshal(token, &ci); err != nil {
		return nil, err
	}
	sd := &parsed{signedData: ci.Content}
	switch {
	case !sd.Content.Type.Equal(oidTSTInfo):
		return nil, errors.New("it is signed, and no time stamp")
	case len(sd.Signers) != 1:
		return nil, fmt.Errorf("it has %d signers, and a token has one", len(sd.Signers))
	}
	for rest := sd.Certificates.Bytes; len(rest) > 0; {
		var raw asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &raw); err != nil {
			return nil, err
		}
		c, err := x509.ParseCertificate(raw.FullBytes)
		if err != nil {
			return nil, err
		}
		if !bounded(c) {
			return nil, fmt.Errorf("%w: a key of it has more than %d bits, or an exponent above %d", ErrUnknown, maxBits, maxExponent)
		}
		if sd.certificates = append(sd.certificates, c); len(sd.certificates) > maxCertificates {
			return nil, fmt.Errorf("it has more than %d certificates", maxCertificates)
		}
	}
	return sd, nil
}

func parseInfo(b []byte) (*tstInfo, time.Time, error) {
	var info tstInfo
	if err := unmarshal(b, &info); err != nil {
		return nil, time.Time{}, err
	}
	if info.Version != 1 {
		return nil, time.Time{}, fmt.Errorf("it is of version %d", info.Version)
	}
	for _, e := range info.Extensions {
		if e.Critical {
			return nil, time.Time{}, fmt.Errorf("its extension %v has to be understood, and is not", e.Id)
		}
	}
	at, err := parseTime(info.Time)
	if err != nil {
		return nil, time.Time{}, err
	}
	const most = int64(1 << 20)
	if a := info.Accuracy; min(a.Seconds, a.Millis, a.Micros) < 0 || max(a.Seconds, a.Millis, a.Micros) > most {
		return nil, time.Time{}, errors.New("its accuracy is none")
	}
	return &info, at, nil
}

// parseTime reads a GeneralizedTime of UTC, which here may have a fraction, without
// zeros behind.
func parseTime(v asn1.RawValue) (time.Time, error) {
	s := string(v.Bytes)
	at, err := time.Parse("20060102150405Z", s)
	if v.Class != asn1.ClassUniversal || v.Tag != asn1.TagGeneralizedTime || err != nil || at.Format("20060102150405.999999999Z") != s {
		return time.Time{}, errors.New("its time is not one of UTC to the second or finer")
	}
	return at, nil
}

// signature verifies the one signature, and returns whose it is.
func (sd *parsed) signature() (*x509.Certificate, error) {
	s := sd.Signers[0]
	certificate := sd.signer(s.Name)
	if certificate == nil {
		return nil, fmt.Errorf("%w: it lacks the certificate of who signed it", ErrUnknown)
	}
	algorithm, hash := algorithmOf(s.Algorithm.Algorithm, s.Digest.Algorithm)
	if algorithm == x509.UnknownSignatureAlgorithm {
		return nil, fmt.Errorf("%w: the way in which it is signed is not known", ErrUnknown)
	}
	attributes, err := parseAttributes(s.Attributes.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the token cannot be read: %w", err)
	}
	var is asn1.ObjectIdentifier
	if err := attributes.get(oidContentType, &is); err != nil || !is.Equal(oidTSTInfo) {
		return nil, errors.New("the signature of the token is not one of a time stamp")
	}
	var digest []byte
	if err := attributes.get(oidMessageDigest, &digest); err != nil || !bytes.Equal(digest, sum(hash, sd.Content.Info)) {
		return nil, errors.New("the signature of the token is over something else")
	}
	if err := attributes.names(certificate); err != nil {
		return nil, err
	}
	// The signature is over the set itself, and not over its place in the signer.
	set := bytes.Clone(s.Attributes.FullBytes)
	set[0] = asn1.TagSet | 0x20
	if err := certificate.CheckSignature(algorithm, set, s.Signature); err != nil {
		return nil, fmt.Errorf("the signature of the token is wrong: %w", err)
	}
	return certificate, nil
}

// signer returns the certificate of that issuer and serial number, or of that key.
func (sd *parsed) signer(name asn1.RawValue) *x509.Certificate {
	i := slices.IndexFunc(sd.certificates, func(c *x509.Certificate) bool {
		if name.Class == asn1.ClassContextSpecific && name.Tag == 0 {
			return len(name.Bytes) > 0 && bytes.Equal(name.Bytes, c.SubjectKeyId)
		}
		var by struct {
			Issuer asn1.RawValue
			Serial *big.Int
		}
		return unmarshal(name.FullBytes, &by) == nil && bytes.Equal(by.Issuer.FullBytes, c.RawIssuer) && by.Serial.Cmp(c.SerialNumber) == 0
	})
	if i < 0 {
		return nil
	}
	return sd.certificates[i]
}

// attributes are those that are signed, each of which is there once.
type attributes map[string]asn1.RawValue

func parseAttributes(b []byte) (attributes, error) {
	out := attributes{}
	for len(b) > 0 {
		var a struct {
			Type   asn1.ObjectIdentifier
			Values []asn1.RawValue `asn1:"set"`
		}
		var err error
		if b, err = asn1.Unmarshal(b, &a); err != nil {
			return nil, err
		}
		if _, twice := out[a.Type.String()]; twice || len(a.Values) != 1 {
			return nil, errors.New("an attribute has not one value")
		}
		out[a.Type.String()] = a.Values[0]
	}
	return out, nil
}

func (a attributes) get(of asn1.ObjectIdentifier, v any) error {
	raw, ok := a[of.String()]
	if !ok {
		return errors.New("it is missing")
	}
	return unmarshal(raw.FullBytes, v)
}

// names checks that the attributes name the certificate, for with another one of
// the same key the token would mean something else.
func (a attributes) names(c *x509.Certificate) error {
	var v1 struct {
		Certificates []struct {
			Hash []byte
			By   asn1.RawValue `asn1:"optional"`
		}
		Policies asn1.RawValue `asn1:"optional"`
	}
	var v2 struct {
		Certificates []struct {
			Algorithm pkix.AlgorithmIdentifier `asn1:"optional"`
			Hash      []byte
			By        asn1.RawValue `asn1:"optional"`
		}
		Policies asn1.RawValue `asn1:"optional"`
	}
	named := false
	if _, ok := a[oidCertificate.String()]; ok {
		if err := a.get(oidCertificate, &v1); err != nil || len(v1.Certificates) == 0 || !bytes.Equal(v1.Certificates[0].Hash, sum(crypto.SHA1, c.Raw)) {
			return errors.New("the token names another certificate than the one that signed it")
		}
		named = true
	}
	if _, ok := a[oidCertificateV2.String()]; ok {
		if err := a.get(oidCertificateV2, &v2); err != nil || len(v2.Certificates) == 0 {
			return errors.New("the token names another certificate than the one that signed it")
		}
		first, hash := v2.Certificates[0], crypto.SHA256
		if first.Algorithm.Algorithm != nil {
			hash = hashOf(first.Algorithm.Algorithm)
		}
		if hash == 0 || !bytes.Equal(first.Hash, sum(hash, c.Raw)) {
			return errors.New("the token names another certificate than the one that signed it")
		}
		named = true
	}
	if !named {
		return errors.New("the token does not name the certificate that signed it")
	}
	return nil
}

// vouched returns the place of the first root that vouched for the certificate of
// an authority at a time.
func vouched(c *x509.Certificate, others, roots []*x509.Certificate, at time.Time) (int, error) {
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(c.UnknownExtKeyUsage) > 0 ||
		!slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidKeyUsage) && e.Critical }) {
		return 0, fmt.Errorf("%w: its certificate is not for time stamps alone", ErrUnknown)
	}
	between := x509.NewCertPool()
	for _, o := range others {
		between.AddCert(o)
	}
	// At once, for each search may try many certificates.
	pool := x509.NewCertPool()
	for _, root := range roots {
		if bounded(root) {
			pool.AddCert(root)
		}
	}
	ways, err := c.Verify(x509.VerifyOptions{
		Roots: pool, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return 0, ErrUnknown
	}
	return slices.IndexFunc(roots, func(root *x509.Certificate) bool {
		return slices.ContainsFunc(ways, func(way []*x509.Certificate) bool { return way[len(way)-1].Equal(root) })
	}), nil
}

// bounded reports whether the key of a certificate can be used in a moment.
func bounded(c *x509.Certificate) bool {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	return !ok || key.N.BitLen() <= maxBits && key.E <= maxExponent
}

func sum(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}

func hashOf(oid asn1.ObjectIdentifier) crypto.Hash {
	switch oid.String() {
	case "2.16.840.1.101.3.4.2.1":
		return crypto.SHA256
	case "2.16.840.1.101.3.4.2.2":
		return crypto.SHA384
	case "2.16.840.1.101.3.4.2.3":
		return crypto.SHA512
	}
	return 0
}

// algorithmOf returns which algorithm the two names of a signer mean, and the hash
// of both its signature and its digest.
func algorithmOf(signature, digest asn1.ObjectIdentifier) (x509.SignatureAlgorithm, crypto.Hash) {
	hash := hashOf(digest)
	for _, a := range []struct {
		hash      crypto.Hash
		names     []string
		algorithm x509.SignatureAlgorithm
	}{
		{crypto.SHA256, []string{"1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11"}, x509.SHA256WithRSA},
		{crypto.SHA384, []string{"1.2.840.113549.1.1.1", "1.2.840.113549.1.1.12"}, x509.SHA384WithRSA},
		{crypto.SHA512, []string{"1.2.840.113549.1.1.1", "1.2.840.113549.1.1.13"}, x509.SHA512WithRSA},
		{crypto.SHA256, []string{"1.2.840.10045.4.3.2"}, x509.ECDSAWithSHA256},
		{crypto.SHA384, []string{"1.2.840.10045.4.3.3"}, x509.ECDSAWithSHA384},
		{crypto.SHA512, []string{"1.2.840.10045.4.3.4"}, x509.ECDSAWithSHA512},
		{crypto.SHA512, []string{"1.3.101.112"}, x509.PureEd25519}, // RFC 8419
	} {
		if a.hash == hash && slices.Contains(a.names, signature.String()) {
			return a.algorithm, hash
		}
	}
	return x509.UnknownSignatureAlgorithm, 0
}
