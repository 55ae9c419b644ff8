// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/term"
)

// Keys are a ledger's own secret keys.
type Keys struct {
	// Checkpoints are the checkpoint keys that are at hand, the first one of the
	// ledger first. One that is over may be missing.
	Checkpoints []*CheckpointKey
	VRF         *term.PrivateKey
	Index       seal.Key
	// VaultNext takes over from Vault, and is nil but while it does. At the end of
	// that Vault may be nil instead.
	Vault, VaultNext *Key

	files files // where they were read from
}

// GenerateKeys makes the keys of a new ledger and returns its verifier key
// with them.
func GenerateKeys(origin string) (k Keys, verifier string, err error) {
	first, err := NewCheckpointKey(origin)
	if err != nil {
		return Keys{}, "", err
	}
	k.Checkpoints = []*CheckpointKey{first}
	k.VRF = term.GenerateKey()
	k.Index = seal.NewKey()
	k.Vault = NewKey()
	return k, first.Verifier, nil
}

// Signer returns the signer of the first checkpoint key at hand.
func (k Keys) Signer() (note.Signer, error) {
	if len(k.Checkpoints) == 0 {
		return nil, errors.New("there is no checkpoint key; put this ledger's own keys back")
	}
	return k.Checkpoints[0], nil
}

// Verifier returns the C2SP verifier key of the first checkpoint key at hand.
func (k Keys) Verifier() (string, error) {
	if _, err := k.Signer(); err != nil {
		return "", err
	}
	return k.Checkpoints[0].Verifier, nil
}

// checkpointFile is the file of the first checkpoint key.
const checkpointFile = "checkpoint.key"

// The files of the other keys.
const (
	VRFFile   = "vrf.key"
	IndexFile = "index.key"
	VaultFile = keyStem + ".key" // where no command keeps it
)

// Write stores the keys in dir, which must not hold any yet.
func (k Keys) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	to := files{dir: dir}
	for name, text := range map[string]string{
		VRFFile:                   base64.StdEncoding.EncodeToString(k.VRF.Bytes()),
		IndexFile:                 base64.StdEncoding.EncodeToString(k.Index[:]),
		k.Vault.fileName(keyStem): k.Vault.text(),
	} {
		if err := to.create(name, text); err != nil {
			return err
		}
	}
	for i, c := range k.Checkpoints {
		if err := to.create(c.fileName(i == 0), c.text); err != nil {
			return err
		}
	}
	return nil
}

// ReadKeys reads the keys in dir, none of which is encrypted. It refuses files
// that others can read.
func ReadKeys(dir string) (Keys, error) { return UnlockKeys(dir, nil) }

// UnlockKeys reads the keys in dir, which may be encrypted under a passphrase.
func UnlockKeys(dir string, unlock Passphrase) (k Keys, err error) {
	if k.files, err = openFiles(dir, unlock); err != nil {
		return Keys{}, err
	}
	secret := func(name string) (out [32]byte) {
		if err == nil { // the first one says enough
			out, err = k.files.secret(name)
		}
		return out
	}
	vrf := secret(VRFFile)
	k.Index = secret(IndexFile)
	if err == nil {
		k.Vault, err = k.files.vaultKey(keyStem)
	}
	if err == nil {
		k.VaultNext, err = k.files.vaultKey(nextKeyStem)
	}
	if err == nil && k.Vault == nil && k.VaultNext == nil {
		_, err = k.files.secret(VaultFile) // to say what is missing
	}
	if err != nil {
		return Keys{}, err
	}
	if k.VRF, err = term.ParsePrivateKey(vrf[:]); err != nil {
		return Keys{}, fmt.Errorf("%s: %w", filepath.Join(dir, VRFFile), err)
	}
	if k.Checkpoints, err = k.files.checkpoints(); err != nil {
		return Keys{}, err
	}
	return k, nil
}

// KeptBy has a command keep the vault's key, of keys that were not written yet.
func (k *Keys) KeptBy(origin, command string) (err error) {
	k.Vault, err = KeptKey(origin, command)
	return err
}

// Close ends the commands that sign or keep a key.
func (k Keys) Close() error {
	var err error
	for _, c := range k.Checkpoints {
		err = errors.Join(err, c.Close())
	}
	for _, v := range []*Key{k.Vault, k.VaultNext} {
		if v != nil {
			err = errors.Join(err, v.rest())
		}
	}
	return err
}

// Encrypted reports whether the keys were encrypted at rest.
func (k Keys) Encrypted() bool { return k.files.identity != nil }
