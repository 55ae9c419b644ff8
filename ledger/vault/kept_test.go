// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/keeper/keepertest"
)

func TestMain(m *testing.M) {
	keepertest.Main()
	os.Exit(m.Run())
}

// keptVault is a vault of three files whose key a keeper has.
func keptVault(t *testing.T) (ward *keepertest.Keeper, dir string, key *Key) {
	t.Helper()
	ward, dir = keepertest.New(t), t.TempDir()
	key, err := KeptKey(origin, ward.Command)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open(dir, origin, "test", key)
	if err == nil {
		err = grow(v, 2*chunk)
	}
	if err != nil {
		t.Fatal(err)
	}
	ward.Log()
	return ward, dir, key
}

// Each file of a vault is asked for once, by its name.
func TestKeptVault(t *testing.T) {
	ward, dir, key := keptVault(t)
	v, err := Open(dir, origin, "test", key)
	if err != nil || v.Len() != 3*chunk {
		t.Fatalf("%d buckets come back: %v", v.Len(), err)
	}
	want := []string{"unwrap test 00000000.vault given", "unwrap test 00000001.vault given", "unwrap test 00000002.vault given"}
	if log := ward.Log(); !slices.Equal(log, want) {
		t.Errorf("the keeper wrote down %q, want %q", log, want)
	}
	if _, err := Open(dir, origin, "test", NewKey()); !errors.Is(err, ErrKeeper) {
		t.Errorf("with a key of another kind it opens, or says %v", err)
	}
	if err := v.write(3, v.buckets[:chunk], "test"); err != nil {
		t.Fatal(err)
	}
	ward.Behave(keepertest.Refuses)
	if _, err := Open(dir, origin, "test", key); !errors.Is(err, ErrKeeper) || !strings.Contains(err.Error(), "not after five") {
		t.Errorf("without its keeper it opens, or says %v", err)
	}
	if _, err := v.Make(); !errors.Is(err, ErrKeeper) {
		t.Errorf("without its keeper it grows, or says %v", err)
	}
	if _, err := KeptKey(origin, ward.Command); err == nil {
		t.Error("a keeper that refuses is taken")
	}
}

// It opens for its own ledger, every file in its own place, and with no bit flipped.
func TestKeptVaultRefuses(t *testing.T) {
	_, dir, key := keptVault(t)
	if _, err := Open(dir, "another.ledger", "test", key); err == nil {
		t.Error("opened for another ledger")
	}
	first := filepath.Join(dir, "00000000.vault")
	b, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(filepath.Join(dir, "00000001.vault"))
	if err != nil {
		t.Fatal(err)
	}
	spoilt := map[string][]byte{"a file in another's place": second, "nothing": nil, "a head alone": b[:len(magicKept)+1]}
	for _, i := range []int{0, len(magicKept), len(magicKept) + 1, len(magicKept) + 3, len(magicKept) + 2 + len(key.Name), len(magicKept) + 10 + len(key.Name), len(b) / 2, len(b) - 1} {
		rotten := bytes.Clone(b)
		rotten[i] ^= 1
		spoilt[fmt.Sprint("byte ", i, " altered")] = rotten
	}
	for what, bad := range spoilt {
		if err := os.WriteFile(first, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, origin, "test", key); err == nil {
			t.Errorf("opened with %s", what)
		}
	}
}

// What names a command is read again as it was written, and kept apart from a key in
// a file.
func TestKeptKeyFile(t *testing.T) {
	ward := keepertest.New(t)
	k, _, err := GenerateKeys(origin)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.KeptBy(origin, ward.Command); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	if err := k.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := ReadKeys(dir)
	if err != nil || got.Vault.Name != k.Vault.Name || got.Vault.Command != ward.Command || got.Vault.Commitment() != k.Vault.Commitment() {
		t.Fatalf("%+v comes back: %v", got.Vault, err)
	}
	if e, err := got.Escrow(origin, time.Time{}); err != nil || !slices.Equal(e.Outside(), []string{"vault.command"}) {
		t.Errorf("a copy says that %v is elsewhere: %v", e.Outside(), err)
	}
	to := files{dir: dir}
	if err := to.create(VaultFile, NewKey().text()); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKeys(dir); err == nil || !strings.Contains(err.Error(), "take away the one that is not") {
		t.Errorf("two keys of the vault are read: %v", err)
	}
	if err := errors.Join(to.remove(VaultFile), to.replace("vault.command", "a name only")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKeys(dir); err == nil || !strings.Contains(err.Error(), "put this ledger's own keys back") {
		t.Errorf("a file without a command is read: %v", err)
	}
}
