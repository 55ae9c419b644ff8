// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"

	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
)

// The durable steps in which another key takes over from the vault's.
const (
	StepNext   = "vault.next" // the new key is in its file
	StepRewrap = "rewrap"     // a file of the vault is encrypted under it
	StepDone   = "vault.key"  // it is in the place of the old one
)

// Commitment is what a ledger says of the key of its vault: a hash, from which
// nobody learns the key, and by which whoever holds it knows it again.
func Commitment(key seal.Key) string {
	sum := sha256.Sum256(append([]byte("lendlog/vault-key"), key[:]...))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// BeginVault makes the key that takes over from the vault's, unless there is one
// already that has not finished. do performs a durable step.
func (k *Keys) BeginVault(do func(step string, f func() error) error) error {
	if k.VaultNext != nil {
		return nil
	}
	next := seal.NewKey()
	err := do(StepNext, func() error {
		return k.files.create(VaultNextFile, base64.StdEncoding.EncodeToString(next[:]))
	})
	if err == nil {
		k.VaultNext = &next
	}
	return err
}

// FinishVault encrypts every file of the vault under the key that takes over, and
// then puts that in the place of the old one, which so is gone from the directory.
// Wherever it ends, the keys that are read next open the vault, and it can be called
// again. It returns the file of the key.
func (k *Keys) FinishVault(v *Vault, do func(step string, f func() error) error) (file string, err error) {
	v.keks = []seal.Key{*k.VaultNext, k.Vault} // of what is added from now on the new one
	for n := int64(0); n*chunk < v.Len(); n++ {
		if err := do(StepRewrap, func() error { return v.write(n, v.buckets[n*chunk:(n+1)*chunk]) }); err != nil {
			return "", err
		}
	}
	err = do(StepDone, func() error {
		if err := os.Rename(filepath.Join(k.files.dir, VaultNextFile), filepath.Join(k.files.dir, VaultFile)); err != nil {
			return err
		}
		return store.SyncDir(k.files.dir)
	})
	if err != nil {
		return "", err
	}
	k.Vault, k.VaultNext = *k.VaultNext, nil
	v.keks = []seal.Key{k.Vault}
	return VaultFile, nil
}
