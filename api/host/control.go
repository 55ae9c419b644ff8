// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// The ledgers of a server are opened and closed, and their own keys rotated while they
// go on, by whoever runs it, over a socket in its file system that only they can reach.
// There is no key for it: a key is of a ledger, and nobody who administers one has a say
// in the others. What passes are two lines of JSON, an order and an answer; no record
// does.

// An order is what is asked for.
type order struct {
	Do       string    `json:"do"` // list, open, close or rotate
	Name     string    `json:"name,omitempty"`
	Rotation *Rotation `json:"rotation,omitempty"`
}

// A Rotation says which of a ledger's own keys another one is to take over from.
type Rotation struct {
	Key     string `json:"key"` // checkpoint or vault
	Signer  string `json:"signer,omitempty"`
	Overlap int64  `json:"overlap,omitempty"`
	Command string `json:"command,omitempty"`
	File    bool   `json:"file,omitempty"`
}

// A Rotated is a key that took over.
type Rotated struct {
	Purpose string   `json:"purpose"`
	Record  int64    `json:"record"`
	Public  string   `json:"public"`
	File    string   `json:"file"`
	Until   int64    `json:"until,omitempty"`
	Retired []string `json:"retired,omitempty"`
}

// answer is what became of an order.
type answer struct {
	Ledgers []Status `json:"ledgers"`
	Rotated *Rotated `json:"rotated,omitempty"`
	Error   string   `json:"error,omitempty"`
}

const (
	maxOrder      = 4 << 10 // bytes
	orderPatience = 10 * time.Second
)

// ErrControl: nobody answers at the socket.
var ErrControl = errors.New("no server answers there")

// ListenControl makes the socket. It takes the place of one that nobody listens at
// any more.
func ListenControl(path string) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("couldn't listen at %s: another server does", path), c.Close())
	}
	if st, err := os.Lstat(path); err == nil && st.Mode().Type() == fs.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("couldn't take away a socket that was left: %w", err)
		}
	}
	// At no moment may others use it, so it is made as what they can't. The mask is the
	// whole process's: a server calls this before it does anything else.
	defer syscall.Umask(syscall.Umask(0o177))
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("couldn't listen at %s: %w", path, err)
	}
	return ln, nil
}

// Control carries out orders that come by ln until ctx ends.
func (h *Host) Control(ctx context.Context, ln net.Listener) error { return control(ctx, ln, h.do) }

// ControlOne carries out orders of a server of one ledger until ctx ends: to rotate a
// key of it.
func ControlOne(ctx context.Context, ln net.Listener, rotate func(context.Context, Rotation) (Rotated, error)) error {
	return control(ctx, ln, func(ctx context.Context, o order) (answer, error) {
		switch {
		case o.Do != "rotate" || o.Rotation == nil:
			return answer{}, errors.New("this server has one ledger, which is opened and closed with it")
		case o.Name != "":
			return answer{}, errors.New("this server has one ledger, which has no name")
		}
		done, err := rotate(ctx, *o.Rotation)
		return answer{Rotated: &done}, err
	})
}

func control(ctx context.Context, ln net.Listener, do func(context.Context, order) (answer, error)) error {
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	var under sync.WaitGroup
	defer under.Wait()
	for {
		c, err := ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("couldn't take an order: %w", err)
		}
		under.Go(func() {
			defer c.Close()
			carryOut(ctx, c, do)
		})
	}
}

// carryOut reads an order, does it and answers.
func carryOut(ctx context.Context, c net.Conn, do func(context.Context, order) (answer, error)) {
	_ = c.SetReadDeadline(time.Now().Add(orderPatience))
	line, err := bufio.NewReader(io.LimitReader(c, maxOrder)).ReadBytes('\n')
	var o order
	var a answer
	if err == nil {
		err = json.Unmarshal(line, &o)
	}
	if err != nil {
		err = errors.New("the order can't be read")
	} else {
		a, err = do(ctx, o)
	}
	if err != nil {
		a.Error = err.Error()
	}
	_ = c.SetWriteDeadline(time.Now().Add(orderPatience))
	_ = json.NewEncoder(c).Encode(a)
}

func (h *Host) do(ctx context.Context, o order) (a answer, err error) {
	switch {
	case o.Do == "list":
	case o.Do == "open":
		err = h.Open(ctx, o.Name)
	case o.Do == "close":
		err = h.CloseLedger(ctx, o.Name)
	case o.Do == "rotate" && o.Rotation != nil:
		a.Rotated, err = h.rotate(ctx, o.Name, *o.Rotation)
	default:
		err = errors.New("the order is none that is known")
	}
	a.Ledgers = h.Ledgers()
	return a, err
}

// rotate has a ledger that is open rotate one of its own keys.
func (h *Host) rotate(ctx context.Context, name string, r Rotation) (*Rotated, error) {
	s := h.slots[name]
	if s == nil {
		return nil, ErrNoLedger
	}
	now := s.served.Load()
	if s.status().State != Open || now == nil || now.opened == nil {
		return nil, errors.New("the ledger is not open")
	}
	done, err := now.opened.Rotate(ctx, r)
	return &done, err
}

// Ask has the server at a socket list its ledgers, or open or close one, and returns
// how all do then. What the server could not do is an error.
func Ask(ctx context.Context, path, do, name string) ([]Status, error) {
	a, err := ask(ctx, path, order{Do: do, Name: name})
	return a.Ledgers, err
}

// AskRotate has the server at a socket rotate a key of a ledger, whose name is "" where
// it has one alone.
func AskRotate(ctx context.Context, path, name string, r Rotation) (Rotated, error) {
	a, err := ask(ctx, path, order{Do: "rotate", Name: name, Rotation: &r})
	if err == nil && a.Rotated == nil {
		err = errors.New("the server does not know how to rotate keys")
	}
	if err != nil {
		return Rotated{}, err
	}
	return *a.Rotated, nil
}

func ask(ctx context.Context, path string, o order) (a answer, err error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return a, fmt.Errorf("%w: %w", ErrControl, err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	if err := json.NewEncoder(c).Encode(o); err != nil {
		return a, fmt.Errorf("couldn't send the order: %w", err)
	}
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		return a, fmt.Errorf("couldn't read the answer: %w", err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}
