// SPDX-License-Identifier: Apache-2.0

package keeper_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/command"
	"github.com/lendlog/lendlog/ledger/keeper"
	"github.com/lendlog/lendlog/ledger/keeper/keepertest"
	"github.com/lendlog/lendlog/ledger/seal"
)

func TestMain(m *testing.M) {
	keepertest.Main()
	os.Exit(m.Run())
}

var use = keeper.Use{Origin: "ledger.test/keeper", ID: "00000007.vault", Purpose: keeper.ForGrowth}

// kept is a keeper, a key that it wrapped, and that wrapped.
func kept(t *testing.T) (ward *keepertest.Keeper, k *keeper.Keeper, name string, key seal.Key, wrapped []byte) {
	t.Helper()
	ward = keepertest.New(t)
	k, err := keeper.New(ward.Command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	if name, err = k.Key(); err != nil {
		t.Fatal(err)
	}
	key = seal.NewKey()
	if wrapped, err = k.Wrap(name, use, key); err != nil {
		t.Fatal(err)
	}
	return ward, k, name, key, wrapped
}

// What is wrapped comes back, under a later key too, and each request is written down
// with what it is for.
func TestWrap(t *testing.T) {
	ward, k, name, key, wrapped := kept(t)
	got, err := k.Unwrap(name, use, wrapped)
	if err != nil || got != key {
		t.Fatalf("another key comes back: %v", err)
	}
	want := []string{"key given", "wrap grow 00000007.vault given", "unwrap confirm 00000007.vault given", "unwrap grow 00000007.vault given"}
	if log := ward.Log(); !slices.Equal(log, want) {
		t.Errorf("it wrote down %q, want %q", log, want)
	}
	ward.Add()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if now, err := k.Key(); err != nil || now == name {
		t.Errorf("the key to wrap under is still %s: %v", now, err)
	}
	if got, err = k.Unwrap(name, use, wrapped); err != nil || got != key {
		t.Errorf("with another key the one before is gone: %v", err)
	}
}

// What was wrapped for one ledger and one id opens for no other.
func TestWrappedForOne(t *testing.T) {
	ward, k, name, _, wrapped := kept(t)
	ward.Log()
	for _, of := range []keeper.Use{{Origin: "another.ledger", ID: use.ID}, {Origin: use.Origin, ID: "00000008.vault"}} {
		if _, err := k.Unwrap(name, of, wrapped); err == nil || !strings.Contains(err.Error(), "was not wrapped") {
			t.Errorf("it opens for %v: %v", of, err)
		}
	}
	if log := ward.Log(); len(log) != 2 || !strings.HasSuffix(log[0], "refused") {
		t.Errorf("it wrote down %q", log)
	}
}

// Whatever a keeper does, the question fails, and once it behaves again, so does the
// next. No error holds a key.
func TestFaults(t *testing.T) {
	for conduct, want := range map[string]string{
		keepertest.Silent:   "no answer within",
		keepertest.Garbage:  "no JSON object",
		keepertest.Dies:     "has ended",
		keepertest.Refuses:  "says: not after five.[2J",
		keepertest.Forgets:  "was not wrapped under this key",
		keepertest.Confuses: "another key than it wrapped",
	} {
		t.Run(conduct, func(t *testing.T) {
			ward, k, name, key, _ := kept(t)
			ward.Behave(conduct)
			if conduct == keepertest.Silent {
				k.SetTimeout(50 * time.Millisecond)
			}
			_, err := k.Wrap(name, use, seal.NewKey())
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("it says %v, want %q", err, want)
			}
			if err != nil && strings.Contains(err.Error(), "c2VjcmV0") {
				t.Error("the error holds what was answered")
			}
			k.SetTimeout(command.Timeout)
			ward.Behave("")
			wrapped, err := k.Wrap(name, use, key)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := k.Unwrap(name, use, wrapped); err != nil || got != key {
				t.Errorf("another key comes back: %v", err)
			}
		})
	}
}

// Whoever keeps the key can refuse everything, and a request that can't be written
// down is not answered.
func TestCustodyRefuses(t *testing.T) {
	ward, k, name, _, wrapped := kept(t)
	refuse := filepath.Join(ward.Dir, "refuse")
	if err := os.WriteFile(refuse, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Unwrap(name, use, wrapped); err == nil || !strings.Contains(err.Error(), "refuses all requests") {
		t.Errorf("it answers: %v", err)
	}
	if err := os.Remove(refuse); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Unwrap(name, use, wrapped); err != nil {
		t.Error(err)
	}
	// The one that runs has the log open; the next one can't write to it.
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(ward.Dir, "log")
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", log); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Unwrap(name, use, wrapped); err == nil || !strings.Contains(err.Error(), "can't be written down") {
		t.Errorf("it answers what it can't write down: %v", err)
	}
}

// A key file that others can read is refused.
func TestCustodyKeys(t *testing.T) {
	ward, k, name, _, wrapped := kept(t)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(ward.Dir, "0001.key"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Unwrap(name, use, wrapped); err == nil {
		t.Error("a key that others can read is used")
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"": false, "a b": false, "a\nb": false, strings.Repeat("a", 257): false,
		"arn:aws:kms:eu-central-1:1:key/7": true, "0123456789abcdef": true,
	} {
		if keeper.IsName(name) != want {
			t.Errorf("%q is a name: %v", name, !want)
		}
	}
}
