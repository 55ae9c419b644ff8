// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"filippo.io/age"
)

// EscrowFormat is the version of copies of keys.
const EscrowFormat = "lendlog-keys/1"

// maxEscrow bounds a copy: a few hundred keys.
const maxEscrow = 1 << 20

// An Escrow is a copy of the secret keys of a ledger, to be encrypted and kept by
// somebody else. The bucket keys are not in it: a copy of those would outlive the
// erasure of what they open.
type Escrow struct {
	V       string            `json:"v"`
	Origin  string            `json:"origin"`
	Created string            `json:"created"`
	Files   map[string]string `json:"files"` // what each file in the directory of keys holds
}

// Escrow copies the keys as they were read.
func (k Keys) Escrow(origin string, now time.Time) (*Escrow, error) {
	e := &Escrow{V: EscrowFormat, Origin: origin, Created: now.UTC().Format(time.RFC3339), Files: map[string]string{}}
	names, err := k.files.names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if e.Files[name], err = k.files.read(name); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Seal encrypts the copy, as age does.
func (e *Escrow) Seal(to ...age.Recipient) ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return encrypt(b, to...)
}

// OpenEscrow decrypts a copy.
func OpenEscrow(b []byte, by ...age.Identity) (*Escrow, error) {
	plain, err := decrypt(b, by...)
	if err != nil {
		return nil, errors.New("the copy does not open: it is encrypted to somebody else, under another passphrase, or damaged")
	}
	e := &Escrow{}
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	if err := d.Decode(e); err != nil || e.V != EscrowFormat || len(plain) > maxEscrow {
		return nil, fmt.Errorf("what is in the copy is not %s", EscrowFormat)
	}
	for name := range e.Files {
		if !isKeyFile(name) {
			return nil, errors.New("the copy holds a file that no directory of keys has")
		}
	}
	return e, nil
}

// Names returns the files of the copy, in their order.
func (e *Escrow) Names() []string { return slices.Sorted(maps.Keys(e.Files)) }

// Outside returns those of its files that hold no key, but name a command that has
// it: what the copy does not bring back.
func (e *Escrow) Outside() (names []string) {
	for _, name := range e.Names() {
		if ext := filepath.Ext(name); ext == signerExt || ext == commandExt {
			names = append(names, name)
		}
	}
	return names
}

// Differs returns the files that the copy and the keys as they were read do not
// have alike.
func (e *Escrow) Differs(k Keys) (names []string, err error) {
	now, err := k.Escrow(e.Origin, time.Time{})
	if err != nil {
		return nil, err
	}
	all := maps.Clone(now.Files)
	maps.Copy(all, e.Files)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if now.Files[name] != e.Files[name] {
			names = append(names, name)
		}
	}
	return names, nil
}

// Restore writes the copy into dir, which must hold no keys, not encrypted. The
// directory is one that keys can be read from, or it is an error.
func (e *Escrow) Restore(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	to := files{dir: dir}
	if names, err := to.names(); err != nil || len(names) > 0 {
		return errors.Join(err, fmt.Errorf("%s holds keys already, which are never overwritten", dir))
	}
	for _, name := range e.Names() {
		if err := to.create(name, e.Files[name]); err != nil {
			return err
		}
	}
	_, err := ReadKeys(dir)
	return err
}
