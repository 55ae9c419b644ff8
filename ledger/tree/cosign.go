// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// What stands in a verifier key and in a signature line of C2SP
// tlog-cosignature, Ed25519.
const (
	algCosignature  = 0x04
	cosignatureSize = 8 + ed25519.SignatureSize // be64 of the time ‖ signature
)

// A Cosigner verifies the cosignatures of one witness (C2SP tlog-cosignature,
// Ed25519): what it signs is the checkpoint and the time of signing. It is a
// [note.Verifier].
type Cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

// NewCosigner reads a verifier key, NAME+ID+KEY, of a witness.
func NewCosigner(vkey string) (*Cosigner, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, text, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case name == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsSpace):
		return nil, errors.New("the key of a witness begins with the name of the witness, which has no spaces")
	case err != nil || len(key) != 1+ed25519.PublicKeySize || base64.StdEncoding.EncodeToString(key) != text:
		return nil, errors.New("the key of a witness is NAME+ID+KEY, and KEY is base64 of 33 bytes")
	case key[0] != algCosignature:
		return nil, errors.New("it is not the key of a witness that cosigns with Ed25519: the first byte of a witness' key is 4; that of a log's own key is another")
	}
	hash := keyID(name, key[1:])
	if n, err := strconv.ParseUint(id, 16, 32); err != nil || len(id) != 8 || uint32(n) != hash {
		return nil, errors.New("the id in the key of the witness is not that of its name and key: a letter of it was changed")
	}
	return &Cosigner{name: name, hash: hash, key: key[1:]}, nil
}

// Name returns the name of the witness.
func (c *Cosigner) Name() string { return c.name }

// KeyHash returns the id of its key.
func (c *Cosigner) KeyHash() uint32 { return c.hash }

// Key returns the public key: whoever holds two names for it is one witness.
func (c *Cosigner) Key() [ed25519.PublicKeySize]byte { return [ed25519.PublicKeySize]byte(c.key) }

// Verify reports whether sig is a cosignature of the text of a checkpoint.
func (c *Cosigner) Verify(msg, sig []byte) bool {
	if _, err := ParseCheckpoint(string(msg)); err != nil || len(sig) != cosignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return ed25519.Verify(c.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, msg), sig[8:])
}

// CosignedAt returns the time of a cosignature that a [Cosigner] verified.
func CosignedAt(s note.Signature) (time.Time, error) {
	b, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(b) != 4+cosignatureSize {
		return time.Time{}, errors.New("it is not a cosignature")
	}
	at := binary.BigEndian.Uint64(b[4:])
	if at >= 1<<40 { // tens of thousands of years, and far from where time.Time overflows
		return time.Time{}, errors.New("the time of the cosignature is not one")
	}
	return time.Unix(int64(at), 0).UTC(), nil
}

// A CosignKey makes the cosignatures of one witness.
type CosignKey struct {
	*Cosigner
	private ed25519.PrivateKey
}

// NewCosignKey reads the signer key of a witness, as golang.org/x/mod/sumdb/note
// writes it: PRIVATE+KEY+NAME+ID+SEED, SEED being base64 of the byte 1 and 32
// bytes. Programs of others that cosign read the same.
func NewCosignKey(skey string) (*CosignKey, error) {
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, errors.New("it is not the signer key of a witness, PRIVATE+KEY+NAME+ID+SEED")
	}
	parts := strings.SplitN(skey, "+", 5) // base64 has a + too
	seed, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, errors.New("it is not a signer key of Ed25519")
	}
	private := ed25519.NewKeyFromSeed(seed[1:])
	key := private.Public().(ed25519.PublicKey)
	return &CosignKey{&Cosigner{signer.Name(), keyID(signer.Name(), key), key}, private}, nil
}

// keyID is the id of the key of a witness (C2SP signed-note).
func keyID(name string, key ed25519.PublicKey) uint32 {
	h := sha256.Sum256(append([]byte(name+"\n"), append([]byte{algCosignature}, key...)...))
	return binary.BigEndian.Uint32(h[:4])
}

// VerifierKey returns the key that belongs to it, for [NewCosigner].
func (k *CosignKey) VerifierKey() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.hash, base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, k.key...)))
}

// Cosign returns the signature line of the witness under a checkpoint. What it
// signs besides is the time, in whole seconds.
func (k *CosignKey) Cosign(c Checkpoint, at time.Time) string {
	b := binary.BigEndian.AppendUint32(nil, k.hash)
	b = binary.BigEndian.AppendUint64(b, uint64(at.Unix()))
	b = append(b, ed25519.Sign(k.private, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), c.Text()))...)
	return "— " + k.name + " " + base64.StdEncoding.EncodeToString(b) + "\n"
}

// SplitNote returns the text of a signed note, and its signature lines.
func SplitNote(signed []byte) (text, lines string, ok bool) {
	i := strings.LastIndex(string(signed), "\n\n")
	if i < 0 || !strings.HasSuffix(string(signed), "\n") {
		return "", "", false
	}
	return string(signed[:i+1]), string(signed[i+2:]), true
}
