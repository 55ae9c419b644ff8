// SPDX-License-Identifier: Apache-2.0

package tree_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/tree"
)

// witnessKey returns a witness of torchwood.
func witnessKey(t testing.TB, name string, seed byte) *torchwood.CosignatureSigner {
	t.Helper()
	s, err := torchwood.NewCosignatureSigner(name, ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What torchwood cosigns, a Cosigner verifies, bit for bit, and nothing else.
func TestCosigner(t *testing.T) {
	log, known := noteKey(t, 1)
	w := witnessKey(t, "witness.example/w1", 2)
	c, err := tree.NewCosigner(w.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	if c.Name() != w.Name() || c.KeyHash() != w.KeyHash() {
		t.Errorf("the key is that of %s %08x", c.Name(), c.KeyHash())
	}
	cp := tree.Checkpoint{Origin: known.Name(), Size: 7, Root: tree.EmptyRoot}
	before := time.Now().Truncate(time.Second)
	signed, err := cp.Sign(log, w)
	if err != nil {
		t.Fatal(err)
	}
	got, n, err := tree.OpenCheckpoint(signed, note.VerifierList(known, c))
	if err != nil || got != cp || len(n.Sigs) != 2 {
		t.Fatalf("it is read as %v: %v", got, err)
	}
	for _, s := range n.Sigs {
		at, err := tree.CosignedAt(s)
		if s.Name != w.Name() {
			if err == nil {
				t.Error("the log's own signature has a time")
			}
			continue
		}
		if err != nil || at.Before(before) || at.After(time.Now()) {
			t.Errorf("cosigned at %v: %v", at, err)
		}
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		if err != nil {
			t.Fatal(err)
		}
		sig := raw[4:]
		for bit := range 8 * len(sig) {
			sig[bit/8] ^= 1 << (bit % 8)
			if c.Verify([]byte(cp.Text()), sig) {
				t.Errorf("verifies with bit %d changed", bit)
			}
			sig[bit/8] ^= 1 << (bit % 8)
		}
		for _, text := range []string{"", "x" + cp.Text(), cp.Text() + "more\n", strings.Replace(cp.Text(), "7", "8", 1)} {
			if c.Verify([]byte(text), sig) {
				t.Errorf("a cosignature of %q verifies", text)
			}
		}
		if c.Verify([]byte(cp.Text()), sig[:8]) || c.Verify([]byte(cp.Text()), nil) {
			t.Error("no signature verifies")
		}
	}
}

func TestNewCosignerRefuses(t *testing.T) {
	good := witnessKey(t, "witness.example/w1", 2).Verifier().String()
	_, log := noteKey(t, 1)
	parts := strings.SplitN(good, "+", 3)
	for name, key := range map[string]string{
		"nothing":            "",
		"a name":             parts[0],
		"no name":            "+" + parts[1] + "+" + parts[2],
		"another name":       "w" + good,
		"a name with spaces": "w 1+" + parts[1] + "+" + parts[2],
		"another id":         parts[0] + "+00000000+" + parts[2],
		"a short id":         parts[0] + "+" + parts[1][1:] + "+" + parts[2],
		"a short key":        good[:len(good)-4],
		"a line break":       good[:len(good)-4] + "\n" + good[len(good)-4:],
		"a log's key":        vkeyOf(t, log),
	} {
		if _, err := tree.NewCosigner(key); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// vkeyOf returns a verifier key of Ed25519 as logs have it.
func vkeyOf(t testing.TB, v note.Verifier) string {
	t.Helper()
	_, key, err := note.GenerateKey(strings.NewReader(strings.Repeat("k", 64)), v.Name())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func FuzzCosigner(f *testing.F) {
	w := witnessKey(f, "witness.example/w1", 2)
	f.Add(w.Verifier().String(), []byte("origin.example/1\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"), make([]byte, 72))
	f.Fuzz(func(t *testing.T, vkey string, msg, sig []byte) {
		c, err := tree.NewCosigner(vkey)
		theirs, bad := torchwood.NewCosignatureVerifier(vkey)
		if err != nil {
			return // torchwood takes base64 of several spellings
		}
		if bad != nil {
			t.Fatalf("torchwood refuses it: %v", bad)
		}
		if c.KeyHash() != theirs.KeyHash() || c.Name() != theirs.Name() {
			t.Fatal("torchwood reads it as another key")
		}
		if c.Verify(msg, sig) && !theirs.Verify(msg, sig) {
			t.Fatal("torchwood does not verify it")
		}
	})
}

// What a CosignKey cosigns is what torchwood's signer of the same seed does, and
// its keys are those that note writes and reads.
func TestCosignKey(t *testing.T) {
	seed := append(make([]byte, ed25519.SeedSize-1), 2)
	skey, _, err := note.GenerateKey(bytes.NewReader(seed), "witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	k, err := tree.NewCosignKey(skey)
	if err != nil {
		t.Fatal(err)
	}
	w := witnessKey(t, "witness.example/w1", 2)
	if k.VerifierKey() != w.Verifier().String() {
		t.Errorf("the key is %s, want %s", k.VerifierKey(), w.Verifier())
	}
	cp := tree.Checkpoint{Origin: "ledger.example/1", Size: 7, Root: tree.EmptyRoot}
	line := k.Cosign(cp, time.Unix(1700000000, 0))
	const golden = "— witness.example/w1 6Two1gAAAABlU/EAEBtNGA5Ee7xZL6J8LrbqCDFBkx/jGP0vDuly1UEIWs7qZqPwCe1guD2t5ety7/fvQSffdzJsC8Hw37gkLQlrDQ==\n"
	if line != golden {
		t.Errorf("the line is %q", line)
	}
	if _, n, err := tree.OpenCheckpoint([]byte(cp.Text()+"\n"+line), note.VerifierList(w.Verifier())); err != nil {
		t.Error(err)
	} else if at, err := tree.CosignedAt(n.Sigs[0]); err != nil || at.Unix() != 1700000000 {
		t.Errorf("cosigned at %v: %v", at, err)
	}
	for i := range byte(64) { // of which the base64 of some has a +
		skey, _, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{i*4 + 2}, ed25519.SeedSize)), "witness.example/w1")
		if err != nil {
			t.Fatal(err)
		}
		if k, err := tree.NewCosignKey(skey); err != nil {
			t.Errorf("%s: %v", skey, err)
		} else if _, err := tree.NewCosigner(k.VerifierKey()); err != nil {
			t.Errorf("%s: %v", k.VerifierKey(), err)
		}
	}
	for _, bad := range []string{"", "PRIVATE+KEY+", k.VerifierKey(), skey[:len(skey)-4], "x" + skey, strings.Replace(skey, "w1", "w2", 1)} {
		if _, err := tree.NewCosignKey(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
