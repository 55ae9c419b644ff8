// SPDX-License-Identifier: Apache-2.0

package command

import (
	"os"
	"strings"
	"syscall"
	"testing"

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

// answering is a command that answers.
func answering(t *testing.T) *Process {
	t.Helper()
	t.Setenv(asSigner, "1")
	p, err := New("signer", strings.Join([]string{os.Args[0], signertest.Honest, "key"}, " "))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func answers(t *testing.T, p *Process) {
	t.Helper()
	var got string
	if err := p.Ask("public", func(a string) error { got = a; return nil }); err != nil || !strings.HasPrefix(got, "ok ") {
		t.Fatalf("it answers %q: %v", got, err)
	}
}

func TestClose(t *testing.T) {
	p := answering(t)
	answers(t, p)
	pid := p.cmd.Process.Pid
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err == nil {
		t.Error("it goes on when it is not needed any more")
	}
	answers(t, p)
}

func TestKilled(t *testing.T) {
	p := answering(t)
	answers(t, p)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Ask("public", func(string) error { return nil }); err == nil {
		t.Error("a command that was killed answers")
	}
	answers(t, p)
}

// What is refused is said, and only what can't be understood ends the process.
func TestRefusal(t *testing.T) {
	p := answering(t)
	answers(t, p)
	pid := p.cmd.Process.Pid
	err := p.Ask("public", func(string) error { return Refusal("not\x1b[2J today") })
	if err == nil || !strings.Contains(err.Error(), "says: not.[2J today") {
		t.Errorf("a refusal becomes %v", err)
	}
	answers(t, p)
	if p.cmd.Process.Pid != pid {
		t.Error("a command that refused was ended")
	}
}

// It learns neither the keys nor the passphrase that the program was given.
func TestEnvironment(t *testing.T) {
	t.Setenv("LENDLOG_KEY", "secret")
	p := answering(t)
	answers(t, p)
	for _, v := range p.cmd.Env {
		if strings.HasPrefix(v, "LENDLOG_") {
			t.Errorf("it gets %s", v)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, line := range []string{"", " ", "a\nb", "a\x00"} {
		if _, err := New("signer", line); err == nil {
			t.Errorf("%q is taken for a command", line)
		}
	}
	p, err := New("signer", "/there/is/no/such/signer")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Ask("public", nil); err == nil || !strings.Contains(err.Error(), "couldn't start") {
		t.Errorf("a command that is not there: %v", err)
	}
}
