// SPDX-License-Identifier: Apache-2.0

// Package vault keeps a ledger's secrets in files that only their owner can
// read: its own keys, and the bucket keys that wrap the party keys. None of
// them ever lies in the store or in the mirror, so that destroying a bucket
// key destroys what it wraps in every copy of them.
//
// The keys directory holds
//
//	checkpoint.key   the Ed25519 checkpoint key, as golang.org/x/mod/sumdb/note writes it
//	vrf.key          the VRF key, base64 of 32 bytes
//	index.key        the index key, base64 of 32 bytes
//	vault.key        the key-encryption key of the vault, base64 of 32 bytes
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
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/term"
)

// Keys are a ledger's own secret keys.
type Keys struct {
	Checkpoint string // C2SP signer key (PRIVATE+KEY+…)
	VRF        *term.PrivateKey
	Index      seal.Key
	Vault      seal.Key
}

// GenerateKeys makes the keys of a new ledger and returns its verifier key
// with them.
func GenerateKeys(origin string) (k Keys, verifier string, err error) {
	k.Checkpoint, verifier, err = note.GenerateKey(nil, origin)
	if err != nil {
		return Keys{}, "", err
	}
	k.VRF = term.GenerateKey()
	k.Index = seal.NewKey()
	k.Vault = seal.NewKey()
	return k, verifier, nil
}

// Signer returns the signer of checkpoints.
func (k Keys) Signer() (note.Signer, error) { return note.NewSigner(k.Checkpoint) }

// Verifier returns the C2SP verifier key that belongs to the checkpoint key.
func (k Keys) Verifier() (string, error) {
	// "PRIVATE+KEY+<name>+<hash>+<base64 of 0x01 ‖ seed>"
	parts := strings.SplitN(strings.TrimPrefix(k.Checkpoint, "PRIVATE+KEY+"), "+", 3)
	if len(parts) != 3 {
		return "", errors.New("the checkpoint key is not a note signer key")
	}
	seed, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(seed) != 33 {
		return "", errors.New("the checkpoint key is not a note signer key")
	}
	return note.NewEd25519VerifierKey(parts[0], ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey))
}

const (
	checkpointFile = "checkpoint.key"
	vrfFile        = "vrf.key"
	indexFile      = "index.key"
	vaultFile      = "vault.key"
)

// Write stores the keys in dir, which must not hold any yet.
func (k Keys) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{
		checkpointFile: k.Checkpoint,
		vrfFile:        base64.StdEncoding.EncodeToString(k.VRF.Bytes()),
		indexFile:      base64.StdEncoding.EncodeToString(k.Index[:]),
		vaultFile:      base64.StdEncoding.EncodeToString(k.Vault[:]),
	} {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s exists: a ledger's keys are never overwritten", path)
		}
		if err := store.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// ReadSecret reads a file that holds a secret key, and refuses one that others
// can read. It returns the text without white space around it.
func ReadSecret(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("couldn't read a key; put this ledger's own keys back: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others; run chmod 600 on it", path)
	}
	b, err := os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}

// ReadKeys reads the keys in dir. It refuses files that others can read.
func ReadKeys(dir string) (k Keys, err error) {
	read := func(name string) (text string) {
		if err == nil { // the first one says enough
			text, err = ReadSecret(filepath.Join(dir, name))
		}
		return text
	}
	secret := func(name string) (out [32]byte) {
		b, derr := base64.StdEncoding.DecodeString(read(name))
		if err == nil && (derr != nil || len(b) != len(out)) {
			err = fmt.Errorf("%s is not 32 bytes in base64; put this ledger's own keys back", filepath.Join(dir, name))
		}
		copy(out[:], b)
		return out
	}
	k.Checkpoint = read(checkpointFile)
	vrf := secret(vrfFile)
	k.Index = secret(indexFile)
	k.Vault = secret(vaultFile)
	if err != nil {
		return Keys{}, err
	}
	if k.VRF, err = term.ParsePrivateKey(vrf[:]); err != nil {
		return Keys{}, fmt.Errorf("%s: %w", filepath.Join(dir, vrfFile), err)
	}
	if _, err = k.Signer(); err != nil {
		return Keys{}, fmt.Errorf("%s is not a note signer key; put this ledger's own keys back", filepath.Join(dir, checkpointFile))
	}
	return k, nil
}

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
	kek     seal.Key
	origin  string
	buckets []Bucket
}

// Open reads all bucket keys in dir. A new ledger's vault is an empty
// directory.
func Open(dir string, kek seal.Key, origin string) (*Vault, error) {
	v := &Vault{dir: dir, kek: kek, origin: origin}
	for n := int64(0); ; n++ {
		path := filepath.Join(dir, fmt.Sprintf(pattern, n))
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
		plain, err := kek.Decrypt(b[len(magic):], v.context(n))
		if err != nil || len(plain) != chunk*slot {
			return nil, fmt.Errorf("%s does not open under vault.key: it is damaged, or it is another ledger's; restore it from its own backup", path)
		}
		for ; len(plain) > 0; plain = plain[slot:] {
			v.buckets = append(v.buckets, Bucket{binary.BigEndian.Uint32(plain), seal.Key(plain[4:slot])})
		}
	}
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
		plain := make([]byte, 0, chunk*slot)
		for i := range fresh {
			fresh[i] = Bucket{1, seal.NewKey()}
			plain = binary.BigEndian.AppendUint32(plain, fresh[i].Generation)
			plain = append(plain, fresh[i].Key[:]...)
		}
		file := v.Len() / chunk
		path := filepath.Join(v.dir, fmt.Sprintf(pattern, file))
		b := v.kek.Encrypt([]byte(magic), plain, v.context(file))
		if err := store.WriteFile(path, b, 0o600); err != nil {
			return fmt.Errorf("couldn't grow the vault: %w", err)
		}
		v.buckets = append(v.buckets, fresh...)
	}
	return nil
}
