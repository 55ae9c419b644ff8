// SPDX-License-Identifier: Apache-2.0

// Package seal commits to the members of an event that the ledger must not
// show, and encrypts them under keys that can be destroyed. It does no I/O.
//
// Of every sealable member that a schema declares there is one disclosure,
// also when the event has no such member, so that presence does not show:
//
//	RFC 8785 JSON of [salt, pointer, value], or [salt, pointer] when absent
//	salt = base64 of the first 16 bytes of SHA-256(seed ‖ pointer)
//
// The disclosures, in the order of their pointers, are the leaves of a small
// RFC 6962 tree, and its root stands in the entry. Because the schema fixes
// each member's position, a member is disclosed with an ordinary inclusion
// proof, and nobody can hold two values for one member.
//
// There is one random seed per record and key group. Without the seed a
// salted hash can be neither guessed nor linked; with it, all members of the
// group can be opened.
package seal

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A Seed is 32 random bytes from which the salts of one record's key group
// are derived.
type Seed [32]byte

// saltSize is the number of bytes of a salt.
const saltSize = 16

// A Disclosure opens one sealed member.
type Disclosure struct {
	Salt    [saltSize]byte
	Pointer string      // JSON Pointer of the member in the event
	Value   canon.Value // meaningful when Present
	Present bool
}

// Disclose returns the disclosure of a member under a seed.
func Disclose(seed Seed, pointer string, value canon.Value, present bool) Disclosure {
	d := Disclosure{Pointer: pointer, Value: value, Present: present}
	var room [128]byte // on the stack, as long as a pointer is of usual length
	sum := sha256.Sum256(append(append(room[:0], seed[:]...), pointer...))
	copy(d.Salt[:], sum[:])
	return d
}

// Bytes returns the bytes that are hashed.
func (d Disclosure) Bytes() []byte { return d.append(make([]byte, 0, 96)) }

func (d *Disclosure) append(b []byte) []byte {
	b = append(b, '[', '"')
	b = base64.StdEncoding.AppendEncode(b, d.Salt[:])
	b = append(b, '"', ',')
	b = canon.AppendString(b, d.Pointer)
	if d.Present {
		b = d.Value.Append(append(b, ','))
	}
	return append(b, ']')
}

// Hash returns the disclosure's leaf hash in the small tree.
func (d Disclosure) Hash() tree.Hash { return tree.LeafHash(d.Bytes()) }

// ParseDisclosure reads the bytes of a disclosure. It refuses whatever is not
// exactly what Bytes would write.
func ParseDisclosure(b []byte) (Disclosure, error) {
	v, err := canon.ParseCanonical(b, canon.Limits{})
	if err != nil {
		return Disclosure{}, err
	}
	n := len(v.Items)
	if v.Kind != canon.Array || n < 2 || n > 3 || v.Items[0].Kind != canon.String || v.Items[1].Kind != canon.String {
		return Disclosure{}, errors.New("a disclosure is [salt, pointer, value] or [salt, pointer]")
	}
	d := Disclosure{Pointer: v.Items[1].Str}
	text := v.Items[0].Str
	salt, err := base64.StdEncoding.Strict().DecodeString(text)
	// Go's decoder skips line breaks, so that the length has to be right too.
	if err != nil || len(salt) != saltSize || len(text) != base64.StdEncoding.EncodedLen(saltSize) {
		return Disclosure{}, errors.New("the salt of a disclosure is 16 bytes in base64")
	}
	copy(d.Salt[:], salt)
	if n == 3 {
		d.Value, d.Present = v.Items[2], true
	}
	return d, nil
}
