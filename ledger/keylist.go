// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/vault"
)

// A KeyState is what becomes of a key.
type KeyState string

// The states of keys.
const (
	KeyInUse       KeyState = "in use"
	KeyEnding      KeyState = "ending"        // signs beside its successor, for a while
	KeyOver        KeyState = "over"          // may be destroyed
	KeyUnannounced KeyState = "not announced" // was made, and signs nothing
	KeyMissing     KeyState = "missing"       // may sign, and is not at hand
	KeyTakingOver  KeyState = "taking over"   // half of what it encrypts is encrypted under it
)

// A Key is a key of the ledger, without what is secret of it.
type Key struct {
	Purpose string   `json:"purpose"` // checkpoint, vrf, index, vault, submitter
	ID      string   `json:"id,omitempty"`
	Public  string   `json:"public"`        // its public part, or what commits to it, or its thumbprint
	JWK     *JWK     `json:"jwk,omitempty"` // of a checkpoint key and of a submitter's
	State   KeyState `json:"state"`
	From    int64    `json:"from,omitempty"` // of a checkpoint key: the first size that it signs; of a submitter's: the first index
	To      int64    `json:"to,omitempty"`   // and the last; 0 where none is set
	Record  int64    `json:"record"`         // that names it; -1 for none
	File    string   `json:"file,omitempty"` // in the directory of keys; absent where it is not at hand
	Kept    string   `json:"kept,omitempty"` // how: plain, encrypted under a passphrase, or the command that has it
}

// A JWK is a public key as a JSON Web Key, of Ed25519 or P-256.
type JWK struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y,omitempty"`
}

// jwkOf returns the key in a verifier key.
func jwkOf(verifier string) *JWK {
	parts := strings.SplitN(verifier, "+", 3)
	b, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(b) != 1+ed25519.PublicKeySize {
		return nil
	}
	return &JWK{Kty: "OKP", Crv: "Ed25519", X: base64.RawURLEncoding.EncodeToString(b[1:])}
}

// PublicKeys lists the keys that a trust policy names, of a ledger of that size: all
// that is known of them to whoever does not hold the ledger.
func PublicKeys(t *proof.Trust, size int64) []Key {
	var list []Key
	for i, k := range t.Keys {
		list = append(list, Key{
			Purpose: forCheckpoints, ID: keyID(k.Key), Public: k.Key, JWK: jwkOf(k.Key), From: k.From, To: k.To,
			Record: -1, State: stateOf(t.Keys, i, size),
		})
	}
	list = append(list, Key{Purpose: "vrf", Public: base64Of(t.VRF), State: KeyInUse})
	return append(list, submitterKeys(t.Submitters)...)
}

// stateOf is what becomes of a checkpoint key among others, as far as these tell.
func stateOf(keys []proof.TrustedKey, i int, size int64) KeyState {
	switch {
	case !keys[i].May(size + 1):
		return KeyOver
	case i < len(keys)-1 && keys[i].To != 0:
		return KeyEnding
	}
	return KeyInUse
}

// submitterKeys lists keys of submitters.
func submitterKeys(keys []proof.SubmitterKey) []Key {
	var list []Key
	for _, k := range keys {
		of := proof.JWK(k.Key)
		out := Key{
			Purpose: forSubmitter, ID: k.ID, Public: proof.Thumbprint(k.Key), JWK: &JWK{}, State: KeyInUse,
			From: k.From, To: k.Until, Record: k.From,
		}
		for name, to := range map[string]*string{"kty": &out.JWK.Kty, "crv": &out.JWK.Crv, "x": &out.JWK.X, "y": &out.JWK.Y} {
			v, _ := of.Get(name)
			*to = v.Str
		}
		if k.Until != 0 {
			out.State = KeyOver
		}
		list = append(list, out)
	}
	return list
}

// OwnKeys lists the keys of the ledger, which must not be running, and the public
// ones of its submitters.
func (l *Ledger) OwnKeys() []Key {
	kept := "plain"
	if l.keys.Encrypted() {
		kept = "encrypted"
	}
	recordOf := func(purpose, key string, otherwise int64) int64 {
		for _, r := range slices.Backward(l.KeyRecords()) {
			if r.Purpose == purpose && r.Key == key {
				return r.Index
			}
		}
		return otherwise
	}
	var list []Key
	size := l.Head().Size
	known := map[string]bool{}
	for i, k := range l.signing.policy.Keys {
		known[k.Key] = true
		out := Key{
			Purpose: forCheckpoints, ID: keyID(k.Key), Public: k.Key, JWK: jwkOf(k.Key), From: k.From, To: k.To,
			Record: recordOf(forCheckpoints, k.Key, 0),
		}
		held := l.checkpointKey(k.Key)
		if held != nil {
			out.File, out.Kept = held.File, kept
			if held.Command != "" {
				out.Kept = "command: " + held.Command
			}
		}
		if out.State = stateOf(l.signing.policy.Keys, i, size); out.State != KeyOver && held == nil {
			out.State = KeyMissing
		}
		list = append(list, out)
	}
	for _, k := range l.keys.Checkpoints {
		if !known[k.Verifier] {
			list = append(list, Key{Purpose: forCheckpoints, ID: keyID(k.Verifier), Public: k.Verifier, State: KeyUnannounced, Record: -1, File: k.File, Kept: kept})
		}
	}
	list = append(list,
		Key{Purpose: "vrf", Public: base64Of(l.keys.VRF.Public()), State: KeyInUse, File: vault.VRFFile, Kept: kept},
		Key{Purpose: "index", Public: indexKeyCommitment(l.keys.Index), State: KeyInUse, File: vault.IndexFile, Kept: kept},
	)
	ofVault := func(k *vault.Key, state KeyState) {
		out := Key{Purpose: forVault, ID: k.Name, Public: k.Commitment(), State: state, File: k.File, Kept: kept}
		out.Record = recordOf(forVault, out.Public, -1)
		if k.Command != "" {
			out.Kept = "command: " + k.Command
		}
		list = append(list, out)
	}
	now, next := l.keys.Vault, l.keys.VaultNext
	switch {
	case next == nil:
		ofVault(now, KeyInUse)
	case now != nil:
		ofVault(now, KeyEnding)
		fallthrough
	default:
		ofVault(next, KeyTakingOver)
	}
	return append(list, submitterKeys(l.SubmitterKeys())...)
}
