// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"

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
	Purpose string   `json:"purpose"` // checkpoint, vrf, index, vault
	ID      string   `json:"id,omitempty"`
	Public  string   `json:"public"`        // its public part, or what commits to it
	JWK     *JWK     `json:"jwk,omitempty"` // the same of a checkpoint key, as RFC 8037 has it
	State   KeyState `json:"state"`
	From    int64    `json:"from,omitempty"` // of a checkpoint key: the first size that it signs
	To      int64    `json:"to,omitempty"`   // and the last; 0 where none is set
	Record  int64    `json:"record"`         // that names it; -1 for none
	File    string   `json:"file,omitempty"` // in the directory of keys; absent where it is not at hand
	Kept    string   `json:"kept,omitempty"` // how: plain, encrypted under a passphrase, or the command that has it
}

// A JWK is an Ed25519 public key as a JSON Web Key.
type JWK struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
}

// jwkOf returns the key in a verifier key.
func jwkOf(verifier string) *JWK {
	parts := strings.SplitN(verifier, "+", 3)
	b, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(b) != 1+ed25519.PublicKeySize {
		return nil
	}
	return &JWK{"OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(b[1:])}
}

// OwnKeys lists the keys of the ledger, which must not be running.
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
		switch {
		case !k.May(size + 1):
			out.State = KeyOver
		case held == nil:
			out.State = KeyMissing
		case i < len(l.signing.policy.Keys)-1 && k.To != 0:
			out.State = KeyEnding
		default:
			out.State = KeyInUse
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
	return list
}
