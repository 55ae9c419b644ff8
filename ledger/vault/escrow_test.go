// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
)

// written makes keys in a directory.
func written(t *testing.T) (dir string, k Keys) {
	t.Helper()
	workFactor = 4 // a test need not take a second for each passphrase
	dir = filepath.Join(t.TempDir(), "keys")
	k, _, err := GenerateKeys(origin)
	if err == nil {
		err = k.Write(dir)
	}
	if err == nil {
		k, err = ReadKeys(dir)
	}
	if err == nil {
		var second *CheckpointKey
		if second, err = NewCheckpointKey(origin); err == nil {
			err = k.AddCheckpoint(second)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, k
}

func is(phrase string) Passphrase { return func() (string, error) { return phrase, nil } }

// copied is a copy of keys.
func copied(t *testing.T, k Keys) *Escrow {
	t.Helper()
	e, err := k.Escrow(origin, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// sameKeys reads the keys in dir, and wants them to be those of a copy.
func sameKeys(t *testing.T, dir string, unlock Passphrase, was *Escrow) {
	t.Helper()
	got, err := UnlockKeys(dir, unlock)
	if err != nil {
		t.Fatal(err)
	}
	now, err := got.Escrow(origin, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(was, now); diff != "" {
		t.Error("other keys came back") // the difference is secret
	}
}

func TestEscrow(t *testing.T) {
	dir, k := written(t)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	e, err := k.Escrow(origin, time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := e.Seal(id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("PRIVATE")) {
		t.Error("the copy can be read")
	}
	got, err := OpenEscrow(sealed, id)
	if err != nil {
		t.Fatal(err)
	}
	if names, err := got.Differs(k); err != nil || len(names) > 0 || len(got.Names()) != 5 {
		t.Errorf("of the copy %v, %v differ: %v", got.Names(), names, err)
	}
	restored := filepath.Join(t.TempDir(), "keys")
	if err := got.Restore(restored); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, restored, nil, copied(t, k))
	if err := got.Restore(restored); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("keys were overwritten: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, IndexFile), []byte("AAAA"), 0o600); err != nil {
		t.Fatal(err)
	}
	if names, err := got.Differs(k); err != nil || !slices.Equal(names, []string{IndexFile}) {
		t.Errorf("%v differ: %v", names, err)
	}

	for name, b := range map[string][]byte{
		"cut": sealed[:len(sealed)-1], "altered": append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1), "nothing": nil,
	} {
		if _, err := OpenEscrow(b, id); err == nil {
			t.Errorf("a copy that is %s opens", name)
		}
	}
	if _, err := OpenEscrow(sealed, other); err == nil {
		t.Error("a copy opens for somebody else")
	}
	for _, name := range []string{"../x.key", "a/b.key", ".x.key", "x", ""} {
		e.Files = map[string]string{name: "x"}
		sealed, err := e.Seal(id.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenEscrow(sealed, id); err == nil {
			t.Errorf("a copy of a file %q opens", name)
		}
	}
}

// Keys are encrypted on disk, under another passphrase, and not any more. Wherever
// that is interrupted they open with the passphrase that was set.
func TestPassphrase(t *testing.T) {
	dir, keys := written(t)
	k := copied(t, keys)
	if err := SetPassphrase(dir, nil, "first"); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, dir, is("first"), k)
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 6 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if err != nil || !bytes.HasPrefix(b, []byte(encrypted)) {
			t.Errorf("%s is not encrypted: %v", n.Name(), err)
		}
	}
	for _, wrong := range []Passphrase{nil, is("second"), is(""), func() (string, error) { return "", errors.New("there is none") }} {
		if _, err := UnlockKeys(dir, wrong); err == nil {
			t.Error("the keys open without their passphrase")
		} else if strings.Contains(err.Error(), "second") {
			t.Errorf("the error holds what was tried: %v", err)
		}
	}

	// A key that takes over is encrypted like the others.
	unlocked, err := UnlockKeys(dir, is("first"))
	if err != nil {
		t.Fatal(err)
	}
	third, err := NewCheckpointKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlocked.AddCheckpoint(third); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, third.File)); err != nil || !bytes.HasPrefix(b, []byte(encrypted)) {
		t.Errorf("a key that takes over is not encrypted: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, third.File)); err != nil {
		t.Fatal(err)
	}

	if err := SetPassphrase(dir, is("wrong"), "second"); err == nil {
		t.Error("another passphrase is set without the first one")
	}
	if err := SetPassphrase(dir, is("first"), "second"); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, dir, is("second"), k)
	if _, err := UnlockKeys(dir, is("first")); err == nil {
		t.Error("the old passphrase opens the keys")
	}

	// Half of them plain, as an interruption leaves them.
	plain, err := files{dir: dir, identity: mustOpen(t, dir, "second")}.read(VRFFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := (files{dir: dir}).replace(VRFFile, plain); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, dir, is("second"), k)
	if err := SetPassphrase(dir, is("second"), "second"); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, VRFFile)); err != nil || !bytes.HasPrefix(b, []byte(encrypted)) {
		t.Errorf("setting it again does not go on: %v", err)
	}

	if err := SetPassphrase(dir, is("second"), ""); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, dir, nil, k)
	if err := SetPassphrase(dir, nil, ""); err == nil {
		t.Error("a passphrase is taken away where there is none")
	}

	// The file that opens the others is lost, or open to others.
	if err := SetPassphrase(dir, nil, "first"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, passphraseFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := UnlockKeys(dir, is("first")); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := UnlockKeys(dir, is("first")); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("without %s: %v", passphraseFile, err)
	}
}

func mustOpen(t *testing.T, dir, phrase string) *age.X25519Identity {
	t.Helper()
	f, err := openFiles(dir, is(phrase))
	if err != nil {
		t.Fatal(err)
	}
	return f.identity
}
