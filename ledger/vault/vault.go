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
//	vault.command       in its place: what the command that keeps it calls it, and that command
//	vault.next.…        the one that takes over, while it does
//	passphrase.age      what the files that are encrypted at rest are encrypted to
//
// and the vault directory holds one file per 64 buckets, 00000000.vault and
// so on, in the form
//
//	"lendlog/vault/1\n" ‖ nonce(12) ‖ AES-256-GCM under vault.key of
//	    64 times: generation(4) ‖ bucket key(32)
//
// whose authenticated context is the ledger's origin and the file's number. Where a
// command keeps the key, each file has a key of its own, which the command wraps:
//
//	"lendlog/vault/2\n" ‖ length(2) ‖ name of the key ‖ length(2) ‖ wrapped ‖
//	    nonce(12) ‖ AES-256-GCM under the file's key of the same
package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lendlog/lendlog/ledger/keeper"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
)

// chunk is the number of buckets in one vault file: so many are made at once,
// so that a new bucket costs an fsync only now and then.
const chunk = 64

// ErrKeeper means that the command that keeps the vault's key did not wrap or unwrap
// what it was asked for.
var ErrKeeper = errors.New("the vault's key is not to be had")

const (
	slot    = 4 + 32
	pattern = "%08d.vault"
)

// A Bucket is the newest key of a bucket and its generation, from 1 on.
type Bucket struct {
	Generation uint32
	Key        seal.Key
}

// Vault holds the bucket keys of one ledger. It is not safe for concurrent
// use, but for Make beside what only reads.
type Vault struct {
	dir     string
	keys    []*Key // the one to encrypt under, and while it takes over the one before it
	origin  string
	buckets []Bucket
}

// Open reads all bucket keys in dir, of files that were encrypted under either of
// the keys. A new ledger's vault is an empty directory. What is unwrapped by a command
// stays in memory until nobody has the vault any more: a key for each 64 buckets,
// which are forgotten, and these.
func Open(dir, origin, purpose string, keys ...*Key) (*Vault, error) {
	v := &Vault{dir: dir, keys: keys, origin: origin}
	defer v.rest()
	for n := int64(0); ; n++ {
		path := v.path(n)
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return v, nil
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't read the vault: %w", err)
		}
		plain, err := v.decrypt(n, b, purpose)
		switch {
		case errors.Is(err, ErrKeeper):
			return nil, fmt.Errorf("%s: %w", path, err)
		case errors.Is(err, errForm):
			return nil, fmt.Errorf("%s %w", path, err)
		case err != nil || len(plain) != chunk*slot:
			return nil, fmt.Errorf("%s does not open under the vault's key: it is damaged, or it is another ledger's; restore it from its own backup", path)
		}
		for ; len(plain) > 0; plain = plain[slot:] {
			v.buckets = append(v.buckets, Bucket{binary.BigEndian.Uint32(plain), seal.Key(plain[4:slot])})
		}
	}
}

// OpenVault reads all bucket keys in dir, also while one key takes over from
// another. The purpose is what a command that keeps a key is told.
func (k Keys) OpenVault(dir, origin, purpose string) (*Vault, error) {
	var keys []*Key
	for _, key := range []*Key{k.VaultNext, k.Vault} {
		if key != nil {
			keys = append(keys, key)
		}
	}
	return Open(dir, origin, purpose, keys...)
}

// rest ends the commands that keep keys, until they are asked again.
func (v *Vault) rest() {
	for _, k := range v.keys {
		_ = k.rest()
	}
}

func (v *Vault) path(file int64) string { return filepath.Join(v.dir, fmt.Sprintf(pattern, file)) }

// errForm: the file is of a form that this program does not know, or of another key.
var errForm = fmt.Errorf("begins neither with %q nor with %q: a newer program wrote it, and has to be used, or it is damaged; then restore it from its own backup", magic, magicKept)

func (v *Vault) decrypt(file int64, b []byte, purpose string) (plain []byte, err error) {
	err = errForm
	if name, _, ok := keptBy(b); ok {
		err = fmt.Errorf("%w: it was encrypted under a key that a command keeps and calls %.64q, and the keys directory has another; put this ledger's own keys back", ErrKeeper, name)
	} else if hasForm(b) {
		err = seal.ErrOpen
	}
	for _, k := range v.keys {
		if !k.opens(b) {
			continue
		}
		if plain, err = k.decrypt(b, v.context(file), v.use(file, purpose)); err == nil {
			break
		}
	}
	return plain, err
}

// use is what a command is told of a file.
func (v *Vault) use(file int64, purpose string) keeper.Use {
	return keeper.Use{Origin: v.origin, ID: filepath.Base(v.path(file)), Purpose: purpose}
}

// write makes a file what the buckets in it are, durably.
func (v *Vault) write(file int64, buckets []Bucket, purpose string) error {
	plain := make([]byte, 0, chunk*slot)
	for _, b := range buckets {
		plain = binary.BigEndian.AppendUint32(plain, b.Generation)
		plain = append(plain, b.Key[:]...)
	}
	b, err := v.keys[0].encrypt(plain, v.context(file), v.use(file, purpose))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeeper, err)
	}
	return store.WriteFile(v.path(file), b, 0o600)
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

// Make makes the buckets that come next, which are durable when it returns nil, and
// the vault's once they are given to Add. It may be called again instead.
func (v *Vault) Make() ([]Bucket, error) {
	defer v.rest()
	fresh := make([]Bucket, chunk)
	for i := range fresh {
		fresh[i] = Bucket{1, seal.NewKey()}
	}
	if err := v.write(v.Len()/chunk, fresh, keeper.ForGrowth); err != nil {
		return nil, fmt.Errorf("couldn't grow the vault: %w", err)
	}
	return fresh, nil
}

// Add adds what Make made last.
func (v *Vault) Add(fresh []Bucket) { v.buckets = append(v.buckets, fresh...) }
