// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lendlog/lendlog/ledger/keeper"
	"github.com/lendlog/lendlog/ledger/seal"
)

// commandExt ends the name of a file that names a command in the place of the
// vault's key.
const commandExt = ".command"

// A Key encrypts the files of the vault: one of the keys directory, or one that a
// command keeps, which then wraps a key of each file.
type Key struct {
	Command string // that keeps it; "" where the key itself is at hand
	Name    string // by which the command calls it
	File    string // in the keys directory; "" where it was not written yet

	key    seal.Key
	keeper *keeper.Keeper // nil where the key itself is at hand
}

// NewKey makes a key of the keys directory.
func NewKey() *Key { return &Key{key: seal.NewKey()} }

// KeptKey is the key that a command keeps and wraps under from now on. The command
// is split at spaces, and tried.
func KeptKey(origin, command string) (*Key, error) {
	k, err := keeper.New(command)
	if err != nil {
		return nil, err
	}
	name, err := k.Key()
	if err == nil {
		err = k.Try(name, origin)
	}
	if err := errors.Join(err, k.Close()); err != nil {
		return nil, err
	}
	return &Key{Command: command, Name: name, keeper: k}, nil
}

// Commitment is what a ledger says of the key of its vault: a hash, from which
// nobody learns the key, and by which whoever holds it knows it again.
func (k *Key) Commitment() string {
	of := append([]byte("lendlog/vault-key"), k.key[:]...)
	if k.keeper != nil {
		of = append([]byte("lendlog/kept-key\x00"), k.Name...)
	}
	sum := sha256.Sum256(of)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Try has a command that keeps the key wrap and unwrap one that protects nothing.
func (k *Key) Try(origin string) error {
	if k.keeper == nil {
		return nil
	}
	return errors.Join(k.keeper.Try(k.Name, origin), k.rest())
}

// rest ends the command until it is asked again, which is seldom: a way to whoever
// keeps the key is not left open.
func (k *Key) rest() error {
	if k.keeper == nil {
		return nil
	}
	return k.keeper.Close()
}

func (k *Key) text() string {
	if k.keeper != nil {
		return k.Name + "\n" + k.Command
	}
	return base64.StdEncoding.EncodeToString(k.key[:])
}

// The stems of the files of the vault's key, and of the one that takes over from it.
const (
	keyStem     = "vault"
	nextKeyStem = "vault.next"
)

// fileName is that of the key under a stem.
func (k *Key) fileName(stem string) string {
	if k.keeper != nil {
		return stem + commandExt
	}
	return stem + ".key"
}

// vaultKey reads the vault's key of a stem, nil where there is none.
func (f files) vaultKey(stem string) (k *Key, err error) {
	for _, name := range []string{stem + ".key", stem + commandExt} {
		path := filepath.Join(f.dir, name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if k != nil {
			return nil, fmt.Errorf("%s is there beside %s; take away the one that is not this ledger's", path, k.File)
		}
		k = &Key{File: name}
		if filepath.Ext(name) != commandExt {
			if k.key, err = f.secret(name); err != nil {
				return nil, err
			}
			continue
		}
		text, err := f.read(name)
		if err != nil {
			return nil, err
		}
		k.Name, k.Command, _ = strings.Cut(text, "\n")
		if k.keeper, err = keeper.New(k.Command); err != nil || !keeper.IsName(k.Name) {
			return nil, fmt.Errorf("%s holds no name of a key, and in the next line the command that keeps it; put this ledger's own keys back", path)
		}
	}
	return k, nil
}

// The forms of files of the vault, which each begins with.
const (
	magic     = "lendlog/vault/1\n"
	magicKept = "lendlog/vault/2\n"
)

// encrypt returns what a file of the vault holds.
func (k *Key) encrypt(plain, context []byte, of keeper.Use) ([]byte, error) {
	if k.keeper == nil {
		return k.key.Encrypt([]byte(magic), plain, context), nil
	}
	own := seal.NewKey()
	wrapped, err := k.keeper.Wrap(k.Name, of, own)
	if err != nil {
		return nil, err
	}
	b := []byte(magicKept)
	for _, part := range [][]byte{[]byte(k.Name), wrapped} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
		b = append(b, part...)
	}
	return own.Encrypt(b, plain, context), nil
}

// opens reports whether the key may be the one that a file of the vault is encrypted
// under.
func (k *Key) opens(b []byte) bool {
	if k.keeper == nil {
		return hasForm(b)
	}
	name, _, ok := keptBy(b)
	return ok && name == k.Name
}

// hasForm reports whether a file of the vault is encrypted under a key that no
// command keeps.
func hasForm(b []byte) bool { return bytes.HasPrefix(b, []byte(magic)) }

// keptBy takes the name of a key, and what is behind it, from a file of the vault.
func keptBy(b []byte) (name string, rest []byte, ok bool) {
	b, ok = bytes.CutPrefix(b, []byte(magicKept))
	if !ok {
		return "", nil, false
	}
	part, rest, ok := cut(b)
	return string(part), rest, ok
}

// cut takes what begins with its length.
func cut(b []byte) (part, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// decrypt opens a file of the vault that the key may open.
func (k *Key) decrypt(b, context []byte, of keeper.Use) ([]byte, error) {
	if k.keeper == nil {
		return k.key.Decrypt(b[len(magic):], context)
	}
	_, rest, _ := keptBy(b)
	wrapped, rest, ok := cut(rest)
	if !ok {
		return nil, seal.ErrOpen
	}
	own, err := k.keeper.Unwrap(k.Name, of, wrapped)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeeper, err)
	}
	return own.Decrypt(rest, context)
}
