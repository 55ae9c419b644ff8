// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"os"
	"path/filepath"

	"github.com/lendlog/lendlog/ledger/keeper"
	"github.com/lendlog/lendlog/ledger/store"
)

// The durable steps in which another key takes over from the vault's.
const (
	StepNext   = "vault.next" // the new key is in its file
	StepRewrap = "rewrap"     // a file of the vault is encrypted under it
	StepGone   = "vault.gone" // the old one's file is gone, where it has another name
	StepDone   = "vault.key"  // the new one is in its place
)

// BeginVault writes the key that takes over from the vault's. do performs a durable
// step.
func (k *Keys) BeginVault(next *Key, do func(step string, f func() error) error) error {
	next.File = next.fileName(nextKeyStem)
	err := do(StepNext, func() error { return k.files.create(next.File, next.text()) })
	if err == nil {
		k.VaultNext = next
	}
	return err
}

// FinishVault encrypts every file of the vault under the key that takes over, and
// then puts that in the place of the old one, which so is gone from the directory.
// Wherever it ends, the keys that are read next open the vault, and it can be called
// again. It returns the file of the key.
func (k *Keys) FinishVault(v *Vault, do func(step string, f func() error) error) (file string, err error) {
	defer v.rest()
	v.keys = []*Key{k.VaultNext} // under which all is written from now on
	if k.Vault != nil {
		v.keys = append(v.keys, k.Vault)
	}
	for n := int64(0); n*chunk < v.Len(); n++ {
		err := do(StepRewrap, func() error { return v.write(n, v.buckets[n*chunk:(n+1)*chunk], keeper.ForRotation) })
		if err != nil {
			return "", err
		}
	}
	file = k.VaultNext.fileName(keyStem)
	if k.Vault != nil && k.Vault.File != file {
		// With this one gone, the next one alone is the vault's.
		if err := do(StepGone, func() error { return k.files.remove(k.Vault.File) }); err != nil {
			return "", err
		}
	}
	err = do(StepDone, func() error {
		if err := os.Rename(filepath.Join(k.files.dir, k.VaultNext.File), filepath.Join(k.files.dir, file)); err != nil {
			return err
		}
		return store.SyncDir(k.files.dir)
	})
	if err != nil {
		return "", err
	}
	k.VaultNext.File = file
	k.Vault, k.VaultNext = k.VaultNext, nil
	v.keys = []*Key{k.Vault}
	return file, nil
}
