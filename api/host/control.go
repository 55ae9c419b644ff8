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

// The ledgers of a server are opened and closed by whoever runs it, over a socket in
// its file system that only they can reach. There is no key for it: a key is of a
// ledger, and nobody who administers one has a say in the others. What passes are two
// lines of JSON, an order and an answer; no record does.

// An order is what is asked for.
type order struct {
	Do   string `json:"do"` // list, open or close
	Name string `json:"name,omitempty"`
}

// answer is what became of an order.
type answer struct {
	Ledgers []Status `json:"ledgers"`
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
func (h *Host) Control(ctx context.Context, ln net.Listener) error {
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
			h.carryOut(ctx, c)
		})
	}
}

// carryOut reads an order, does it and answers.
func (h *Host) carryOut(ctx context.Context, c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(orderPatience))
	line, err := bufio.NewReader(io.LimitReader(c, maxOrder)).ReadBytes('\n')
	var o order
	if err == nil {
		err = json.Unmarshal(line, &o)
	}
	if err != nil {
		err = errors.New("the order can't be read")
	} else {
		err = h.do(ctx, o)
	}
	a := answer{Ledgers: h.Ledgers()}
	if err != nil {
		a.Error = err.Error()
	}
	_ = c.SetWriteDeadline(time.Now().Add(orderPatience))
	_ = json.NewEncoder(c).Encode(a)
}

func (h *Host) do(ctx context.Context, o order) error {
	switch o.Do {
	case "list":
		return nil
	case "open":
		return h.Open(ctx, o.Name)
	case "close":
		return h.CloseLedger(ctx, o.Name)
	}
	return errors.New("the order is none that is known")
}

// Ask has the server at a socket list its ledgers, or open or close one, and returns
// how all do then. What the server could not do is an error.
func Ask(ctx context.Context, path, do, name string) ([]Status, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrControl, err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	if err := json.NewEncoder(c).Encode(order{do, name}); err != nil {
		return nil, fmt.Errorf("couldn't send the order: %w", err)
	}
	var a answer
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		return nil, fmt.Errorf("couldn't read the answer: %w", err)
	}
	if a.Error != "" {
		return a.Ledgers, errors.New(a.Error)
	}
	return a.Ledgers, nil
}
