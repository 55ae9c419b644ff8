// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/command"
	"github.com/lendlog/lendlog/ledger/signer/signertest"
)

const asSigner = "SIGNERTEST"

func TestMain(m *testing.M) {
	if os.Getenv(asSigner) != "" {
		signertest.Main(os.Args[1:], os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// signing is a command that signs, with that conduct while the file is there.
func signing(t *testing.T, conduct string) (p *Signer, file string) {
	t.Helper()
	t.Setenv(asSigner, "1")
	file = filepath.Join(t.TempDir(), "misbehave")
	p, err := New(strings.Join([]string{os.Args[0], conduct, "key", file}, " "))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, file
}

func signs(t *testing.T, p *Signer) {
	t.Helper()
	key := signertest.Key("key").Public().(ed25519.PublicKey)
	public, err := p.Public()
	if err != nil || !bytes.Equal(public, key) {
		t.Fatalf("its public key is %x: %v", public, err)
	}
	sig, err := p.Sign([]byte("a checkpoint"))
	if err != nil || !ed25519.Verify(key, []byte("a checkpoint"), sig) {
		t.Fatalf("it signs %x: %v", sig, err)
	}
}

func TestSign(t *testing.T) {
	p, _ := signing(t, signertest.Honest)
	for range 3 {
		signs(t, p)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	signs(t, p)
}

// Whatever a command does, the question fails, and once it behaves again, so does
// the next.
func TestFaults(t *testing.T) {
	for conduct, want := range map[string]string{
		signertest.Silent:  "no answer within",
		signertest.Garbage: "neither ok and 64 bytes",
		signertest.Endless: "without end",
		signertest.Dies:    "has ended",
		signertest.Refuses: "the slot is locked.[2J",
	} {
		t.Run(conduct, func(t *testing.T) {
			p, file := signing(t, conduct)
			signs(t, p)
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if conduct == signertest.Silent {
				p.process.Timeout = 50 * time.Millisecond
			}
			if _, err := p.Sign([]byte("a checkpoint")); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("it says %v, want %q", err, want)
			}
			p.process.Timeout = command.Timeout
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			signs(t, p)
		})
	}
}
