// SPDX-License-Identifier: Apache-2.0

package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
)

// A Key is the secret that a client shows: three parts behind a prefix,
//
//	ll_<id>_<secret>_<checksum>
//
// of which id is 8 and secret 48 characters of a to z and 2 to 7 (RFC 4648
// base32, in lower case: 40 and 240 random bits), and checksum is the CRC-32
// (IEEE) of everything before the last underscore, in 8 lower-case hexadecimal
// digits. The prefix is for scanners that look for secrets in sources, the id
// for finding the grant, and the checksum tells a typo or a key that was cut
// short before anybody is asked.
//
// It prints, logs and encodes as its id; only Reveal gives it away. The zero Key
// is none.
type Key struct {
	// A pointer, because fmt looks into fields that are not exported without
	// asking how they want to be printed, and follows no pointers there.
	text *string
}

const (
	keyPrefix = "ll_"
	idLength  = 8
	keyLength = len(keyPrefix) + idLength + 1 + 48 + 1 + 8
	checkedAt = keyLength - 9 // of the last underscore
)

// ErrKey: what was given is no key.
var ErrKey = errors.New("the key is malformed: it is ll_, 8 characters, _, 48 characters, _, and 8 hexadecimal digits that check the rest; copy it again, whole and without quotes")

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewKey makes a key.
func NewKey() Key {
	var random [35]byte
	_, _ = rand.Read(random[:]) // never fails
	return newKey(random)
}

func newKey(random [35]byte) Key {
	text := keyPrefix + base32Lower.EncodeToString(random[:5]) + "_" + base32Lower.EncodeToString(random[5:])
	text += "_" + checksum(text)
	return Key{&text}
}

func checksum(text string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text))) }

// ParseKey reads a key, exactly as it was shown. The error is ErrKey and holds
// nothing of it.
func ParseKey(s string) (Key, error) {
	if len(s) != keyLength || s[:len(keyPrefix)] != keyPrefix || s[len(keyPrefix)+idLength] != '_' || s[checkedAt] != '_' {
		return Key{}, ErrKey
	}
	id, secret := s[len(keyPrefix):][:idLength], s[len(keyPrefix)+idLength+1:checkedAt]
	if !ValidID(id) || !isBase32(secret) || s[checkedAt+1:] != checksum(s[:checkedAt]) {
		return Key{}, ErrKey
	}
	return Key{&s}, nil
}

// ValidID reports whether s has the form of the id of a key.
func ValidID(s string) bool { return len(s) == idLength && isBase32(s) }

func isBase32(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// ID returns the part that is no secret: it names the key in grants, records
// and logs.
func (k Key) ID() string {
	if k.text == nil {
		return ""
	}
	return (*k.text)[len(keyPrefix):][:idLength]
}

// Reveal returns the whole key, to be shown to whoever it is for.
func (k Key) Reveal() string {
	if k.text == nil {
		return ""
	}
	return *k.text
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.text == nil }

// Hash returns what is kept of the key. With 240 random bits in it nothing
// slower than SHA-256 is needed.
func (k Key) Hash() [32]byte { return sha256.Sum256([]byte(k.Reveal())) }

// String returns the key without its secret.
func (k Key) String() string { return keyPrefix + k.ID() + "_…" }

// GoString is String, for %#v.
func (k Key) GoString() string { return k.String() }

// LogValue is String, for slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText is String, for encoders.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
