// SPDX-License-Identifier: Apache-2.0

// Package command has a command of the operator's answer questions: one that holds
// a key which lendlog does not, in a security module, a smart card, a key service.
//
// The command runs for as long as it is needed, is asked one thing at a time on
// its standard input, and answers on its standard output, a line each. One that
// answers what can't be understood, is silent for longer than Timeout, or ends, is
// killed, and started again with the next question: it has to be safe to kill at any
// time. When its input ends it has to end. What it writes to standard error goes to
// that of the program. It gets the environment of the program without what begins
// with LENDLOG_.
package command

import (
	"bufio"
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

// A Process is a command that answers. It may be asked by several goroutines.
type Process struct {
	Timeout time.Duration // for each answer; set before it is asked

	what string // it is, for errors
	args []string

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
// nothing yet. what says what it is, for errors: "signer".
func New(what, line string) (*Process, error) {
	args := strings.Fields(line)
	if len(args) == 0 || strings.ContainsFunc(line, unicode.IsControl) {
		return nil, fmt.Errorf("the command of a %s is a program and its arguments, with spaces between them, in one line", what)
	}
	return &Process{Timeout: Timeout, what: what, args: args}, nil
}

// Close ends the process, until it is asked again.
func (p *Process) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	return nil
}

// A Refusal is the error of a command that understood, and says why it can't.
type Refusal string

func (r Refusal) Error() string { return "says: " + printable(string(r)) }

// Ask asks one thing, and has read understand the answer. Where that returns an
// error other than a Refusal, the process is ended: it may be an answer behind.
func (p *Process) Ask(question string, read func(answer string) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	line, err := p.exchange(question)
	if err != nil {
		p.end()
		return fmt.Errorf("the %s %s: %w", p.what, p.args[0], err)
	}
	if err = read(line); err == nil {
		return nil
	}
	if !errors.As(err, new(Refusal)) {
		p.end()
	}
	return fmt.Errorf("the %s %s %w", p.what, p.args[0], err)
}

func (p *Process) exchange(question string) (string, error) {
	if p.cmd == nil {
		if err := p.start(); err != nil {
			return "", err
		}
	}
	timer := time.NewTimer(p.Timeout)
	defer timer.Stop()
	written, in := make(chan error, 1), p.in
	go func() {
		_, err := io.WriteString(in, question+"\n")
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
			return "", fmt.Errorf("no answer within %v", p.Timeout)
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
	c, cmd := p.in.(closing), p.cmd
	_ = c.Close()
	close(c.ended)
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(time.Second):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // and what it started
		select {
		case <-gone:
		case <-time.After(time.Second): // it runs as somebody else, whom we can't end
		}
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
