// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/seal"
)

const origin = "ledger.test/vault"

func TestKeys(t *testing.T) {
	k, verifier, err := GenerateKeys(origin)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	if err := k.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := ReadKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.Checkpoints[0].text != k.Checkpoints[0].text || got.Index != k.Index || got.Vault.key != k.Vault.key || !bytes.Equal(got.VRF.Bytes(), k.VRF.Bytes()) {
		t.Error("the keys that were read are not those that were written")
	}
	if v, err := got.Verifier(); err != nil || v != verifier {
		t.Errorf("verifier key %s, want %s (%v)", v, verifier, err)
	}
	signer, err := got.Signer()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: "text\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(verifier)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		t.Error(err)
	}
	if err := k.Write(dir); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("keys were overwritten: %v", err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 4 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, n := range names {
		if st, err := n.Info(); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", n.Name(), st.Mode())
		}
	}
}

func TestReadKeysRefuses(t *testing.T) {
	secret := func(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }
	for _, tt := range []struct {
		name, file, text, want string
		mode                   os.FileMode
	}{
		{"missing", IndexFile, "", "couldn't read a key", 0},
		{"readable by others", VaultFile, secret(1), "chmod 600", 0o640},
		{"too short", IndexFile, "AAAA", "32 bytes", 0o600},
		{"not base64", VaultFile, "!", "32 bytes", 0o600},
		{"a VRF key beyond the group's order", VRFFile, secret(0xff), "canonical", 0o600},
		{"a VRF key of zero", VRFFile, secret(0), "zero", 0o600},
		{"no note key", checkpointFile, "hello", "note signer key", 0o600},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, _, err := GenerateKeys(origin)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := k.Write(dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, tt.file)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if tt.mode != 0 {
				if err := os.WriteFile(path, []byte(tt.text), tt.mode); err != nil {
					t.Fatal(err)
				}
			}
			_, err = ReadKeys(dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error about %q", err, tt.want)
			}
			if err != nil && tt.text != "" && strings.Contains(err.Error(), tt.text) {
				t.Error("the error holds the secret")
			}
		})
	}
}

// grow makes bucket n exist.
func grow(v *Vault, n int64) error {
	for v.Len() <= n {
		fresh, err := v.Make()
		if err != nil {
			return err
		}
		v.Add(fresh)
	}
	return nil
}

func TestVault(t *testing.T) {
	dir, kek := t.TempDir(), NewKey()
	v, err := Open(dir, origin, "test", kek)
	if err != nil || v.Len() != 0 {
		t.Fatalf("a new vault has %d buckets, %v", v.Len(), err)
	}
	if _, err := v.Bucket(0); err == nil {
		t.Error("an empty vault has a bucket")
	}
	for _, n := range []int64{0, 5, 64, 200} {
		if err := grow(v, n); err != nil || v.Len() <= n {
			t.Fatalf("grown to %d for bucket %d: %v", v.Len(), n, err)
		}
	}
	again, err := Open(dir, origin, "test", kek)
	if err != nil || again.Len() != v.Len() {
		t.Fatalf("%d buckets came back, want %d: %v", again.Len(), v.Len(), err)
	}
	seen := map[seal.Key]bool{}
	for n := range v.Len() {
		a, _ := v.Bucket(n)
		b, err := again.Bucket(n)
		if err != nil || a != b || a.Generation != 1 || seen[a.Key] {
			t.Fatalf("bucket %d: %v", n, err)
		}
		seen[a.Key] = true
	}
}

// A vault opens with its own key, for its own ledger, every file in its own
// place, and with no bit flipped.
func TestVaultRefuses(t *testing.T) {
	dir, kek := t.TempDir(), NewKey()
	v, err := Open(dir, origin, "test", kek)
	if err != nil {
		t.Fatal(err)
	}
	if err := grow(v, chunk); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, origin, "test", NewKey()); err == nil {
		t.Error("opened with another key")
	}
	if _, err := Open(dir, "another.ledger", "test", kek); err == nil {
		t.Error("opened for another ledger")
	}
	first, second := filepath.Join(dir, "00000000.vault"), filepath.Join(dir, "00000001.vault")
	b, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(b); i += 7 {
		rotten := bytes.Clone(b)
		rotten[i] ^= 1 << (i % 8)
		if err := os.WriteFile(first, rotten, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, origin, "test", kek); err == nil {
			t.Fatalf("opened with byte %d altered", i)
		}
	}
	swapped, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first, swapped, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, origin, "test", kek); err == nil {
		t.Error("opened with a file in another's place")
	}
	if err := os.WriteFile(first, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, origin, "test", kek); err != nil {
		t.Error(err)
	}
}

// A vault that cannot be written has not grown, and grows when it can.
func TestGrowFails(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "vault")
	v, err := Open(dir, origin, "test", NewKey())
	if err != nil {
		t.Fatal(err)
	}
	if err := grow(v, 0); err == nil || v.Len() != 0 {
		t.Fatalf("grew to %d in a directory that is not there: %v", v.Len(), err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := grow(v, 0); err != nil {
		t.Error(err)
	}
}
