// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/lendlog/lendlog/ledger/store"
)

// A Passphrase is asked for where a file is encrypted; nil has none.
type Passphrase func() (string, error)

// passphraseFile holds, encrypted under the passphrase, the identity that the
// files beside it are encrypted to. So a passphrase is stretched once for all of
// them, and another one is one file.
const passphraseFile = "passphrase.age"

// encrypted is how a file begins that is encrypted (age-encryption.org/v1).
const encrypted = "age-encryption.org/v1\n"

// workFactor is that of scrypt, as a power of two: a second on a small machine.
var workFactor = 18

// files are the secrets in a directory: each in a file that only its owner can
// read, and encrypted where there is an identity.
type files struct {
	dir      string
	identity *age.X25519Identity // nil where nothing is encrypted
}

// openFiles asks for the passphrase where there is one.
func openFiles(dir string, unlock Passphrase) (files, error) {
	f := files{dir: dir}
	path := filepath.Join(dir, passphraseFile)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	b, err := readOwn(path)
	if err != nil {
		return files{}, err
	}
	if unlock == nil {
		return files{}, fmt.Errorf("the keys in %s are encrypted: name the file that holds their passphrase, see `lendlog keys --help`", dir)
	}
	phrase, err := unlock()
	if err != nil {
		return files{}, fmt.Errorf("couldn't get the passphrase of the keys: %w", err)
	}
	by, err := age.NewScryptIdentity(phrase)
	if err != nil {
		return files{}, errors.New("the passphrase is empty")
	}
	plain, err := decrypt(b, by)
	if err != nil {
		return files{}, fmt.Errorf("the passphrase is not that of the keys in %s, or %s is damaged", dir, passphraseFile)
	}
	if f.identity, err = age.ParseX25519Identity(strings.TrimSpace(string(plain))); err != nil {
		return files{}, fmt.Errorf("%s is damaged; put this ledger's own keys back", path)
	}
	return f, nil
}

// readOwn reads a file that holds a secret, and refuses one that others can read.
func readOwn(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read a key; put this ledger's own keys back: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others; run chmod 600 on it", path)
	}
	return os.ReadFile(path)
}

// ReadSecret reads a file that holds a secret key, and refuses one that others
// can read. It returns the text without white space around it.
func ReadSecret(path string) (string, error) {
	b, err := readOwn(path)
	return strings.TrimSpace(string(b)), err
}

// read returns the text of a file without white space around it.
func (f files) read(name string) (string, error) {
	path := filepath.Join(f.dir, name)
	b, err := readOwn(path)
	if err != nil {
		return "", err
	}
	if bytes.HasPrefix(b, []byte(encrypted)) {
		if f.identity == nil {
			return "", fmt.Errorf("%s is encrypted, and %s, which opens it, is missing; put this ledger's own keys back", path, passphraseFile)
		}
		if b, err = decrypt(b, f.identity); err != nil {
			return "", fmt.Errorf("%s is damaged, or encrypted to another %s; put this ledger's own keys back", path, passphraseFile)
		}
	}
	return strings.TrimSpace(string(b)), nil
}

// secret reads 32 bytes in base64.
func (f files) secret(name string) (out [32]byte, err error) {
	text, err := f.read(name)
	if err != nil {
		return out, err
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != len(out) {
		return out, fmt.Errorf("%s is not 32 bytes in base64; put this ledger's own keys back", filepath.Join(f.dir, name))
	}
	return [32]byte(b), nil
}

// create writes a new file, durably.
func (f files) create(name, text string) error {
	path := filepath.Join(f.dir, name)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists: a ledger's keys are never overwritten", path)
	}
	return f.replace(name, text)
}

// replace writes a file, durably: after an error the old or the new one is there.
func (f files) replace(name, text string) error {
	b := []byte(text + "\n")
	if f.identity != nil {
		var err error
		if b, err = encrypt(b, f.identity.Recipient()); err != nil {
			return fmt.Errorf("couldn't encrypt %s: %w", name, err)
		}
	}
	return store.WriteFile(filepath.Join(f.dir, name), b, 0o600)
}

// remove deletes a file, durably. One that is gone already is no error.
func (f files) remove(name string) error {
	if err := os.Remove(filepath.Join(f.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return store.SyncDir(f.dir)
}

// names returns the files of the directory that hold secrets, in their order.
func (f files) names() (names []string, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the keys: %w", err)
	}
	for _, e := range entries {
		if isKeyFile(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// isKeyFile reports whether a file of that name holds a secret. One that begins
// with a dot is what an interrupted write left.
func isKeyFile(name string) bool {
	ext := filepath.Ext(name)
	return name == filepath.Base(name) && name[0] != '.' && (ext == ".key" || ext == signerExt || ext == commandExt)
}

// SetPassphrase encrypts the keys in dir under a passphrase, or under another one
// than before; with "" it takes the passphrase away. Where it is interrupted, the
// keys open with the old or the new one, and setting it again goes on.
func SetPassphrase(dir string, old Passphrase, to string) error {
	f, err := openFiles(dir, old)
	if err != nil {
		return err
	}
	if f.identity == nil && to == "" {
		return errors.New("the keys are not encrypted")
	}
	if to != "" {
		if f.identity == nil {
			if f.identity, err = age.GenerateX25519Identity(); err != nil {
				return err
			}
		}
		by, err := age.NewScryptRecipient(to)
		if err != nil {
			return err
		}
		by.SetWorkFactor(workFactor)
		b, err := encrypt([]byte(f.identity.String()+"\n"), by)
		if err != nil {
			return err
		}
		if err := store.WriteFile(filepath.Join(dir, passphraseFile), b, 0o600); err != nil {
			return err
		}
	}
	names, err := f.names()
	if err != nil {
		return err
	}
	written := f
	if to == "" {
		written.identity = nil
	}
	for _, name := range names {
		text, err := f.read(name)
		if err == nil {
			err = written.replace(name, text)
		}
		if err != nil {
			return err
		}
	}
	if to == "" {
		return f.remove(passphraseFile)
	}
	return nil
}

func encrypt(plain []byte, to ...age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}

func decrypt(b []byte, by ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(b), by...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
