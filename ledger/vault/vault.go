// SPDX-License-Identifier: Apache-2.0

// Package vault keeps a ledger's secrets in files that only their owner can
// read: its own keys, and the bucket keys that wrap the party keys. None of
// them ever lies in the store or in the mirror, so that destroying a bucket
// key destroys what it wraps in every copy of them.
//
// The keys directory holds
//
//	checkpoint.key      the first checkpoint key, Ed25519, as golang.org/x/mod/sumdb/note writes it
//	checkpoint-ID.key   one that took over, ID being that of its verifier key
//	checkpoint….signer  in the place of either: its verifier key, and the command that signs
//	vrf.key             the VRF key, base64 of 32 bytes
//	index.key           the index key, base64 of 32 bytes
//	vault.key           the key-encryption key of the vault, base64 of 32 bytes
//	vault.next.key      the one that takes over, while it does
//	passphrase.age      what the files that are encrypted at rest are encrypted to
//
// and the vault directory holds one file per 64 buckets, 00000000.vault and
// so on, in the form
//
//	"lendlog/vault/1\n" ‖ nonce(12) ‖ AES-256-GCM under vault.key of
//	    64 times: generation(4) ‖ bucket key(32)
//
// whose authenticated context is the ledger's origin and the file's number.
package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
)

// chunk is the number of buckets in one vault file: so many are made at once,
// so that a new bucket costs an fsync only now and then.
const chunk = 64

const (
	magic   = "lendlog/vault/1\n"
	slot    = 4 + 32
	pattern = "%08d.vault"
)

// A Bucket is the newest key of a bucket and its generation, from 1 on.
type Bucket struct {
	Generation uint32
	Key        seal.Key
}

// Vault holds the bucket keys of one ledger. It is not safe for concurrent
// use.
type Vault struct {
	dir     string
	keks    []seal.Key // the one to encrypt under, and while it takes over the one before it
	origin  string
	buckets []Bucket
}

// Open reads all bucket keys in dir. A new ledger's vault is an empty
// directory.
func Open(dir string, kek seal.Key, origin string) (*Vault, error) {
	return open(dir, origin, kek)
}

// OpenVault reads all bucket keys in dir, also while one key takes over from
// another.
func (k Keys) OpenVault(dir, origin string) (*Vault, error) {
	if k.VaultNext != nil {
		return open(dir, origin, *k.VaultNext, k.Vault)
	}
	return open(dir, origin, k.Vault)
}

func open(dir, origin string, keks ...seal.Key) (*Vault, error) {
	v := &Vault{dir: dir, keks: keks, origin: origin}
	for n := int64(0); ; n++ {
		path := v.path(n)
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return v, nil
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't read the vault: %w", err)
		}
		if !bytes.HasPrefix(b, []byte(magic)) {
			return nil, fmt.Errorf("%s does not begin with %q: a newer program wrote it, and has to be used, or it is damaged; then restore it from its own backup", path, magic)
		}
		plain, err := v.decrypt(n, b[len(magic):])
		if err != nil || len(plain) != chunk*slot {
			return nil, fmt.Errorf("%s does not open under vault.key: it is damaged, or it is another ledger's; restore it from its own backup", path)
		}
		for ; len(plain) > 0; plain = plain[slot:] {
			v.buckets = append(v.buckets, Bucket{binary.BigEndian.Uint32(plain), seal.Key(plain[4:slot])})
		}
	}
}

func (v *Vault) path(file int64) string { return filepath.Join(v.dir, fmt.Sprintf(pattern, file)) }

func (v *Vault) decrypt(file int64, b []byte) (plain []byte, err error) {
	for _, kek := range v.keks {
		if plain, err = kek.Decrypt(b, v.context(file)); err == nil {
			break
		}
	}
	return plain, err
}

// write makes a file what the buckets in it are, durably.
func (v *Vault) write(file int64, buckets []Bucket) error {
	plain := make([]byte, 0, chunk*slot)
	for _, b := range buckets {
		plain = binary.BigEndian.AppendUint32(plain, b.Generation)
		plain = append(plain, b.Key[:]...)
	}
	return store.WriteFile(v.path(file), v.keks[0].Encrypt([]byte(magic), plain, v.context(file)), 0o600)
}

func (v *Vault) context(n int64) []byte {
	return binary.BigEndian.AppendUint64([]byte("lendlog/vault\x00"+v.origin+"\x00"), uint64(n))
}

// Len returns the number of buckets.
func (v *Vault) Len() int64 { return int64(len(v.buckets)) }

// Bucket returns a bucket. It must exist.
func (v *Vault) Bucket(n int64) (Bucket, error) {
	if n < 0 || n >= v.Len() {
		return Bucket{}, fmt.Errorf("the vault has no bucket %d: a vault file is missing; restore it from its own backup", n)
	}
	return v.buckets[n], nil
}

// Grow makes bucket n exist. New buckets are durable when it returns nil.
func (v *Vault) Grow(n int64) error {
	for v.Len() <= n {
		fresh := make([]Bucket, chunk)
		for i := range fresh {
			fresh[i] = Bucket{1, seal.NewKey()}
		}
		if err := v.write(v.Len()/chunk, fresh); err != nil {
			return fmt.Errorf("couldn't grow the vault: %w", err)
		}
		v.buckets = append(v.buckets, fresh...)
	}
	return nil
}
