// SPDX-License-Identifier: Apache-2.0

// Package signer has a command of the operator's sign, which holds a key that
// lendlog does not: in a security module, a smart card, a key service.
//
// The command runs for as long as it is needed, is asked one thing at a time on
// its standard input, and answers on its standard output, a line each:
//
//	public                →  ok BASE64      the Ed25519 public key, 32 bytes
//	sign BASE64           →  ok BASE64      the signature of these bytes, 64 bytes
//	anything              →  error TEXT     why it can't
//
// Base64 is the standard one with padding. A command that answers anything else,
// is silent for longer than Timeout, or ends, is killed, and started again with
// the next question: it has to be safe to kill at any time. When its input ends it
// has to end. What it writes to standard error goes to that of the program. It gets
// the environment of the program without what begins with LENDLOG_.
//
// No answer is believed: whoever asks verifies it.
package signer

import (
	"bufio"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
)

// Timeout is how long an answer may take.
const Timeout = 10 * time.Second

// maxAnswer bounds a line of an answer.
const maxAnswer = 64 << 10

// A Process is a command that signs. It may be asked by several goroutines.
type Process struct {
	args    []string
	timeout time.Duration

	mu  sync.Mutex // guards all below, and is held while it is asked
	cmd *exec.Cmd  // nil while it does not run
	in  io.WriteCloser
	out <-chan answer
}

type answer struct {
	line string
	err  error
}

// New returns the process of a command, which is split at spaces, and starts
// nothing yet.
func New(command string) (*Process, error) {
	args := strings.Fields(command)
	if len(args) == 0 || strings.ContainsFunc(command, unicode.IsControl) {
		return nil, errors.New("the command of a signer is a program and its arguments, with spaces between them, in one line")
	}
	return &Process{args: args, timeout: Timeout}, nil
}

// Public asks for the public key.
func (p *Process) Public() (ed25519.PublicKey, error) {
	b, err := p.ask("public", ed25519.PublicKeySize)
	return b, err
}

// Sign asks for a signature of msg.
func (p *Process) Sign(msg []byte) ([]byte, error) {
	return p.ask("sign "+base64.StdEncoding.EncodeToString(msg), ed25519.SignatureSize)
}

// Close ends the process.
func (p *Process) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	return nil
}

// ask asks one thing, to which the answer has size bytes.
func (p *Process) ask(question string, size int) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line, err := p.exchange(question)
	if err != nil {
		p.end()
		return nil, fmt.Errorf("the signer %s: %w", p.args[0], err)
	}
	if text, ok := strings.CutPrefix(line, "error "); ok {
		return nil, fmt.Errorf("the signer %s says: %s", p.args[0], printable(text))
	}
	text, ok := strings.CutPrefix(line, "ok ")
	b, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(b) != size {
		p.end()
		return nil, fmt.Errorf("the signer %s answers neither ok and %d bytes in base64, nor error and why", p.args[0], size)
	}
	return b, nil
}

func (p *Process) exchange(question string) (string, error) {
	if p.cmd == nil {
		if err := p.start(); err != nil {
			return "", err
		}
	}
	timer := time.NewTimer(p.timeout)
	defer timer.Stop()
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(p.in, question+"\n")
		written <- err
	}()
	for {
		select {
		case err := <-written:
			if err != nil {
				return "", fmt.Errorf("it takes no question: %w", err)
			}
			written = nil
		case a, ok := <-p.out:
			if !ok || a.err != nil {
				return "", errors.New("it has ended, or answers lines without end")
			}
			return a.line, nil
		case <-timer.C:
			return "", fmt.Errorf("no answer within %v", p.timeout)
		}
	}
}

// start starts the command, in a process group of its own: what interrupts the
// program must not end it before the last checkpoint is signed.
func (p *Process) start() error {
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Stderr = os.Stderr
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "LENDLOG_") })
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("couldn't start: %w", err)
	}
	answers := make(chan answer)
	ended := make(chan struct{})
	go func() {
		defer close(answers)
		r := bufio.NewReaderSize(out, maxAnswer)
		for {
			line, err := r.ReadSlice('\n')
			select {
			case answers <- answer{strings.TrimRight(string(line), "\r\n"), err}:
			case <-ended:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	p.cmd, p.in, p.out = cmd, closing{in, ended}, answers
	return nil
}

// closing also ends the reader of answers.
type closing struct {
	io.WriteCloser
	ended chan struct{}
}

// end closes the input of the process, and kills it where it does not end.
func (p *Process) end() {
	if p.cmd == nil {
		return
	}
	c := p.in.(closing)
	_ = c.Close()
	close(c.ended)
	gone := make(chan struct{})
	go func() {
		_ = p.cmd.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // and what it started
		<-gone
	}
	p.cmd = nil
}

// printable is a text of somebody else's, for one line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '.'
	}, s)
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}
