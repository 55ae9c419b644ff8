// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

// A Key is an AES-256-GCM key.
type Key [32]byte

// NewKey returns a random key.
func NewKey() (k Key) {
	_, _ = rand.Read(k[:]) // never fails (crypto/rand)
	return k
}

// ErrOpen means that a ciphertext does not belong to the key and context it
// was opened with.
var ErrOpen = errors.New("couldn't decrypt: wrong key, wrong place or altered bytes")

const (
	nonceSize = 12
	tagSize   = 16
)

func (k Key) aead() cipher.AEAD {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic("seal: " + err.Error()) // a 32-byte key is always valid
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: " + err.Error())
	}
	return gcm
}

// Encrypt appends nonce ‖ ciphertext of plaintext to dst. The context is
// authenticated, so that the result opens nowhere else. The nonce is random:
// one key must not encrypt more than 2^32 messages (NIST SP 800-38D, 8.3).
func (k Key) Encrypt(dst, plaintext, context []byte) []byte {
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:])
	dst = append(dst, nonce[:]...)
	return k.aead().Seal(dst, nonce[:], plaintext, context)
}

// Decrypt returns the plaintext of what Encrypt returned.
func (k Key) Decrypt(sealed, context []byte) ([]byte, error) {
	return decrypt(k.aead(), nil, sealed, context)
}

// decrypt appends the plaintext to dst.
func decrypt(aead cipher.AEAD, dst, sealed, context []byte) ([]byte, error) {
	if len(sealed) < nonceSize+tagSize {
		return nil, ErrOpen
	}
	plain, err := aead.Open(dst, sealed[:nonceSize], sealed[nonceSize:], context)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// BucketSize is the number of party keys that one bucket key wraps. Erasing
// one party re-wraps the others of its bucket, so it is kept small.
const BucketSize = 256

// A PartyKey encrypts the sealed members of one party, in one ledger.
type PartyKey struct {
	ID    int64  // numbers the keys of a ledger from 0; its bucket is ID / BucketSize
	Owner string // whose key it is: see package ledger
	Key   Key
}

// Bucket returns the number of the bucket that wraps the key.
func (p PartyKey) Bucket() int64 { return p.ID / BucketSize }

// Wrap returns the row under which the key is stored: the generation of the
// bucket key, then key and owner encrypted under that bucket key. The owner is
// inside, so that destroying the bucket key also destroys the link to them.
//
//	generation(4) ‖ nonce(12) ‖ AES-256-GCM(key(32) ‖ owner)
func (p PartyKey) Wrap(bucket Key, generation uint32) []byte {
	row := binary.BigEndian.AppendUint32(nil, generation)
	return bucket.Encrypt(row, append(p.Key[:], p.Owner...), wrapContext(p.ID, generation))
}

// Generation returns the generation of the bucket key that wraps a row.
func Generation(row []byte) (uint32, error) {
	if len(row) < 4 {
		return 0, ErrOpen
	}
	return binary.BigEndian.Uint32(row), nil
}

// Unwrap opens a row that Wrap returned.
func Unwrap(id int64, row []byte, bucket Key) (PartyKey, error) {
	gen, err := Generation(row)
	if err != nil {
		return PartyKey{}, err
	}
	plain, err := bucket.Decrypt(row[4:], wrapContext(id, gen))
	if err != nil || len(plain) < len(Key{}) {
		return PartyKey{}, fmt.Errorf("party key %d: %w", id, ErrOpen)
	}
	return PartyKey{ID: id, Owner: string(plain[32:]), Key: Key(plain[:32])}, nil
}

func wrapContext(id int64, generation uint32) []byte {
	b := append([]byte("lendlog/party-key"), make([]byte, 0, 12)...)
	b = binary.BigEndian.AppendUint64(b, uint64(id))
	return binary.BigEndian.AppendUint32(b, generation)
}
