// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// TrustFormat is the version of trust files.
const TrustFormat = "lendlog-trust/1"

// maxTrust bounds a trust file.
const maxTrust = 1 << 20

// Trust is the policy of somebody who verifies: which ledger they mean and
// whose keys they believe. It is pinned outside the ledger; one that came
// from the operator proves no more than the operator's word.
type Trust struct {
	Origin     string
	Genesis    tree.Hash // leaf hash of leaf 0
	Keys       []TrustedKey
	VRF        term.PublicKey
	Submitters []SubmitterKey // when not empty, signatures of events are demanded

	Witnesses *Witnesses // nil demands none
	Chains    []Chain    // when not empty, each record has to be anchored on one
	Stamps    *Stamps    // nil demands none

	// Confirm tells whether a chain has a block of that number, hash and time, and
	// that it is final there; nil asks nobody beyond the blocks that Chains name. Its error says why that is
	// not known, or is ErrOtherBlock. It is no part of a trust file.
	Confirm func(chainID uint64, b chain.Block) error

	// Unsupported lists demands of the policy that this verifier cannot
	// check; they make every verdict at best INCOMPLETE.
	Unsupported []string
}

// A TrustedKey may sign checkpoints of sizes From to To.
type TrustedKey struct {
	Key  string // C2SP verifier key
	From int64
	To   int64 // 0: no end
}

// A SubmitterKey belongs to the submitter with that id. It may sign events whose
// records have the indexes From to Until.
type SubmitterKey struct {
	ID    string
	Key   crypto.PublicKey // *ecdsa.PublicKey on P-256, or ed25519.PublicKey
	From  int64
	Until int64 // 0: no end
}

// May reports whether the key may sign the event of a record.
func (k SubmitterKey) May(index int64) bool {
	return index >= k.From && (k.Until == 0 || index <= k.Until)
}

// ParseTrust reads a trust file. An unknown member is an error: a policy that
// is only half understood is not the policy.
func ParseTrust(b []byte) (*Trust, error) {
	t := &Trust{}
	err := parse(b, maxTrust, func(o *object) {
		o.version(TrustFormat)
		t.Origin = o.text("origin")
		t.Genesis = tree.Hash(o.bytes("genesis", 32))
		for i, v := range o.need("keys", canon.Array).Items {
			k := open(v, fmt.Sprintf("/keys/%d", i), o.err)
			tk := TrustedKey{Key: k.text("key")}
			tk.From, tk.To = k.span("to")
			k.end()
			t.Keys = append(t.Keys, tk)
			v, err := note.NewVerifier(tk.Key)
			if err != nil {
				k.fail("key", "is not a C2SP verifier key")
			} else if v.Name() != t.Origin {
				k.fail("key", "is not named after the origin")
			}
		}
		if len(t.Keys) == 0 {
			o.fail("keys", "names no key")
		}
		vrf, err := term.ParsePublicKey(o.bytes("vrf", 32))
		if err != nil {
			o.fail("vrf", "is not a VRF public key")
		}
		t.VRF = vrf
		if v, ok := o.take("submitters", canon.Array); ok {
			for i, item := range v.Items {
				s := open(item, fmt.Sprintf("/submitters/%d", i), o.err)
				k := SubmitterKey{ID: s.text("id")}
				if k.Key, err = parseJWK(open(s.need("jwk", canon.Object), s.at+"/jwk", o.err)); err != nil {
					s.fail("jwk", err.Error())
				}
				k.From, k.Until = s.span("until")
				s.end()
				t.Submitters = append(t.Submitters, k)
			}
		}
		if v, ok := o.take("witnesses", canon.Object); ok {
			t.Witnesses = parseWitnesses(open(v, "/witnesses", o.err))
		}
		if has(o, "chains") {
			t.Chains = parseChains(o)
		}
		if v, ok := o.take("stamps", canon.Object); ok {
			t.Stamps = parseStamps(open(v, "/stamps", o.err))
		}
		if has(o, "maxAgeSeconds") {
			t.Unsupported = append(t.Unsupported, "maxAgeSeconds")
		}
		o.taken["maxAgeSeconds"] = true
		o.end()
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the trust policy: %w", err)
	}
	if err := tree.ValidOrigin(t.Origin); err != nil {
		return nil, fmt.Errorf("couldn't read the trust policy: %w", err)
	}
	return t, nil
}

// Bytes returns the trust file. Demands in Unsupported are not written.
func (t *Trust) Bytes() []byte {
	keys := canon.Value{Kind: canon.Array}
	for _, k := range t.Keys {
		m := append([]canon.Member{member("key", canon.Text(k.Key))}, span(k.From, "to", k.To)...)
		keys.Items = append(keys.Items, canon.Value{Kind: canon.Object, Members: m})
	}
	members := []canon.Member{
		member("v", canon.Text(TrustFormat)),
		member("origin", canon.Text(t.Origin)),
		member("genesis", canon.Text(base64.StdEncoding.EncodeToString(t.Genesis[:]))),
		member("keys", keys),
		member("vrf", canon.Text(base64.StdEncoding.EncodeToString(t.VRF[:]))),
	}
	if len(t.Submitters) > 0 {
		list := canon.Value{Kind: canon.Array}
		for _, s := range t.Submitters {
			m := []canon.Member{member("id", canon.Text(s.ID)), member("jwk", JWK(s.Key))}
			list.Items = append(list.Items, canon.Map(append(m, span(s.From, "until", s.Until)...)...))
		}
		members = append(members, member("submitters", list))
	}
	if t.Witnesses != nil {
		members = append(members, member("witnesses", t.Witnesses.document()))
	}
	if len(t.Chains) > 0 {
		chains := canon.Value{Kind: canon.Array}
		for _, c := range t.Chains {
			chains.Items = append(chains.Items, c.document())
		}
		members = append(members, member("chains", chains))
	}
	if t.Stamps != nil {
		members = append(members, member("stamps", t.Stamps.document()))
	}
	return document(members...)
}

// OpenCheckpoint verifies a signed checkpoint under the policy: its origin,
// and a signature of a key that may sign that size. That witnesses cosigned it
// is not asked for.
func (t *Trust) OpenCheckpoint(signed []byte) (tree.Checkpoint, error) {
	h, err := t.openHead(signed)
	return h.Checkpoint, err
}

// openHead is OpenCheckpoint, and returns when witnesses of the policy cosigned.
// A cosignature of one of them that is wrong is an error.
func (t *Trust) openHead(signed []byte) (head, error) {
	var known, distinct []note.Verifier // a key may have several ranges
	for _, k := range t.Keys {
		v, err := note.NewVerifier(k.Key)
		if err != nil {
			return head{}, fmt.Errorf("the policy's key is not a verifier key: %w", err)
		}
		if !slices.ContainsFunc(known, func(o note.Verifier) bool { return o.Name() == v.Name() && o.KeyHash() == v.KeyHash() }) {
			distinct = append(distinct, v)
		}
		known = append(known, v)
	}
	cosigners, err := t.cosigners()
	if err != nil {
		return head{}, err
	}
	for _, c := range cosigners {
		if !slices.ContainsFunc(distinct, func(o note.Verifier) bool { return o.Name() == c.Name() && o.KeyHash() == c.KeyHash() }) {
			distinct = append(distinct, c)
		}
	}
	cp, n, err := tree.OpenCheckpoint(signed, note.VerifierList(distinct...))
	if origin, _, _ := strings.Cut(string(signed), "\n"); origin != t.Origin && (err == nil || errors.Is(err, tree.ErrUnsigned)) {
		return head{}, fmt.Errorf("the checkpoint says that it is of %s, another ledger than %s of the trust file: one of the two files is the wrong one", clip(origin), t.Origin)
	}
	if err != nil {
		return head{}, err
	}
	own, inRange := false, false
	for _, s := range n.Sigs {
		for i, k := range t.Keys {
			if known[i].KeyHash() == s.Hash && known[i].Name() == s.Name {
				own = true
				inRange = inRange || k.May(cp.Size)
			}
		}
	}
	switch {
	case !own:
		return head{}, tree.ErrUnsigned // by witnesses only
	case !inRange:
		return head{}, fmt.Errorf("the key that signed checkpoint %d may not sign this size", cp.Size)
	}
	h := head{Checkpoint: cp}
	return h, h.times(cosigners, n.Sigs)
}

// submitter returns the keys of a submitter, whatever their ranges.
func (t *Trust) submitter(id string) (keys []SubmitterKey) {
	for _, s := range t.Submitters {
		if s.ID == id {
			keys = append(keys, s)
		}
	}
	return keys
}

// ParseJWK reads a submitter's public key (docs/formats.md, section 8).
func ParseJWK(v canon.Value) (crypto.PublicKey, error) {
	if v.Kind != canon.Object {
		return nil, errors.New("is not an object")
	}
	var bad error
	key, err := parseJWK(open(v, "", &bad))
	return key, cmp.Or(bad, err)
}

// parseJWK reads a public key of ES256 or EdDSA (RFC 7517, RFC 8037).
func parseJWK(o *object) (crypto.PublicKey, error) {
	coordinate := func(name string) []byte {
		b, ok := decode(base64.RawURLEncoding, o.text(name), 32)
		if !ok {
			o.fail(name, "is not 32 bytes in base64url")
		}
		return b
	}
	kty, crv := o.text("kty"), o.text("crv")
	for _, ignored := range []string{"kid", "use", "alg", "key_ops"} {
		o.taken[ignored] = true
	}
	var key crypto.PublicKey
	switch {
	case kty == "OKP" && crv == "Ed25519":
		key = ed25519.PublicKey(coordinate("x"))
	case kty == "EC" && crv == "P-256":
		raw := append([]byte{4}, append(coordinate("x"), coordinate("y")...)...)
		k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
		if err != nil {
			return nil, errors.New("is not a point of P-256")
		}
		key = k
	default:
		return nil, errors.New("is neither an Ed25519 nor a P-256 key")
	}
	o.end()
	return key, nil
}

// JWK writes a submitter's public key, with the members that RFC 7638 demands and
// no others.
func JWK(key crypto.PublicKey) canon.Value {
	b64 := func(b []byte) canon.Value { return canon.Text(base64.RawURLEncoding.EncodeToString(b)) }
	switch k := key.(type) {
	case ed25519.PublicKey:
		return canon.Map(member("kty", canon.Text("OKP")), member("crv", canon.Text("Ed25519")), member("x", b64(k)))
	case *ecdsa.PublicKey:
		raw, err := k.Bytes()
		if err != nil || len(raw) != 65 {
			return canon.Value{}
		}
		return canon.Map(member("kty", canon.Text("EC")), member("crv", canon.Text("P-256")), member("x", b64(raw[1:33])), member("y", b64(raw[33:])))
	}
	return canon.Value{}
}

// Thumbprint names a submitter's public key: as RFC 7638 has it, with SHA-256.
func Thumbprint(key crypto.PublicKey) string {
	digest := sha256.Sum256(JWK(key).Bytes())
	return base64.RawURLEncoding.EncodeToString(digest[:])
}
