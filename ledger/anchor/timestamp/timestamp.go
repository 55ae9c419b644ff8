// SPDX-License-Identifier: Apache-2.0

// Package timestamp anchors checkpoints with time-stamp authorities (RFC 3161),
// where a public chain is not allowed: each signs that it saw a checkpoint at a
// time of its own clock. One that colludes with the lender can back-date, so
// there are at least two that share no root.
package timestamp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Options are what a target needs of the program around it.
type Options struct {
	Name   string           // of the target: [a-z0-9-]{1,32}
	Dir    string           // holds NAME.state; made where it is not there
	Origin string           // of the ledger
	Client *http.Client     // nil makes one; redirects are not followed
	Now    func() time.Time // nil is the clock
}

// A Target has checkpoints stamped by the authorities of a configuration.
type Target struct {
	opt         Options
	path        string
	agree       int
	authorities []*authority

	mu     sync.Mutex // guards all below
	state  state
	failed map[string]string // why an authority did not stamp last, by its name
}

var _ anchor.Target = (*Target)(nil)

// Open opens a target, and what it remembers. It speaks to nobody.
func Open(c Config, o Options) (*Target, error) {
	s, err := c.settings()
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxResponseHeaderBytes = maxAnswer
		o.Client = &http.Client{Transport: t}
	}
	client := *o.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.Client = &client
	t := &Target{opt: o, path: filepath.Join(o.Dir, o.Name+".state"), agree: s.agree, authorities: s.authorities, failed: map[string]string{}}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(t.path)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		t.state, err = parseState(b, o.Origin)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read what the time stamps %s are about, in %s: %w; nothing is lost but what is under way: move the file elsewhere to begin anew", o.Name, t.path, err)
	}
	return t, nil
}

// Name is what the operator called the target.
func (t *Target) Name() string { return t.opt.Name }

// Close gives back connections.
func (t *Target) Close() error {
	t.opt.Client.CloseIdleConnections()
	return nil
}

// Submit hands over a checkpoint that was published. One that is under way
// stays, if somebody has stamped it already.
func (t *Target) Submit(_ context.Context, h anchor.Head) error {
	if _, err := parseHead(h.Note, t.opt.Origin); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.state
	switch u := next.Under; {
	case u != nil && u.head.Size >= h.Size || h.Size <= next.Final.Size:
		return nil
	case u != nil && len(u.Tokens) > 0:
		next.Next = string(h.Note)
	default:
		next.Under, next.Next = &under{Note: string(h.Note), head: h}, ""
	}
	return t.save(next)
}

// Poll asks the authorities that have not stamped what is under way, all at
// once, and returns it once enough have: with the stamps of all that answered.
func (t *Target) Poll(ctx context.Context) (*anchor.Final, error) {
	t.mu.Lock()
	u := t.state.Under
	t.mu.Unlock()
	switch {
	case u == nil:
		return nil, nil
	case u.Whole:
		return u.final(), nil
	}
	tokens, errs := t.ask(ctx, u)
	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.state
	next.Under = &under{Note: u.Note, head: u.head, Tokens: slices.Clone(u.Tokens)}
	for i, a := range t.authorities {
		switch {
		case errs[i] != nil:
			t.failed[a.name] = errs[i].Error()
		case tokens[i].Token != nil:
			delete(t.failed, a.name)
			next.Under.Tokens = append(next.Under.Tokens, tokens[i])
		}
	}
	why := errors.Join(errs...)
	if next.Under.Whole = len(next.Under.Tokens) >= t.agree; len(next.Under.Tokens) > len(u.Tokens) {
		if err := t.save(next); err != nil {
			return nil, err
		}
	}
	if !next.Under.Whole {
		return nil, why
	}
	return next.Under.final(), nil
}

// ask has the authorities stamp that have not yet. Both slices are in the order
// of the authorities.
func (t *Target) ask(ctx context.Context, u *under) ([]token, []error) {
	text := []byte(u.head.Text())
	tokens, errs := make([]token, len(t.authorities)), make([]error, len(t.authorities))
	var wait sync.WaitGroup
	for i, a := range t.authorities {
		if slices.ContainsFunc(u.Tokens, func(k token) bool { return k.Authority == a.name }) {
			continue
		}
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			if tokens[i], errs[i] = a.stamp(ctx, t.opt.Client, text, t.opt.Now); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", a.name, errs[i])
			}
		})
	}
	wait.Wait()
	return tokens, errs
}

// Done says that a final anchor was archived and recorded.
func (t *Target) Done(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.state.Under
	if u == nil || !u.Whole || u.id() != id {
		return nil // it was told before
	}
	next := state{Final: final{Size: u.head.Size, Time: u.time()}}
	if t.state.Next != "" {
		head, err := parseHead([]byte(t.state.Next), t.opt.Origin)
		if err != nil {
			return err
		}
		next.Under = &under{Note: t.state.Next, head: head}
	}
	return t.save(next)
}

// Status tells how it goes.
func (t *Target) Status() anchor.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := anchor.Status{State: "idle", Size: t.state.Final.Size, Final: t.state.Final.Size, FinalTime: t.state.Final.Time}
	if u := t.state.Under; u != nil {
		s.Size = u.head.Size
		switch {
		case u.Whole:
			s.State = "final"
		case len(u.Tokens) > 0:
			s.State = "sent"
		default:
			s.State = "planned"
		}
	}
	var names, why []string
	for _, a := range t.authorities {
		names = append(names, a.name)
		if f := t.failed[a.name]; f != "" {
			why = append(why, f)
		}
	}
	s.Degraded = strings.Join(why, "; ")
	s.Details = map[string]any{"authorities": names, "agree": t.agree}
	return s
}

// save makes a state the one that is remembered, durably.
func (t *Target) save(s state) error {
	b, err := s.bytes()
	if err == nil {
		err = store.WriteFile(t.path, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("couldn't remember what is to be stamped: %w", err)
	}
	t.state = s
	return nil
}

// id is the same for the same stamps.
func (u *under) id() string {
	h := sha256.New()
	for _, k := range u.Tokens {
		h.Write(k.Token)
	}
	return fmt.Sprintf("%d-%s", u.head.Size, hex.EncodeToString(h.Sum(nil)[:8]))
}

// time is that of the latest stamp.
func (u *under) time() (at time.Time) {
	for _, k := range u.Tokens {
		if k.Time.After(at) {
			at = k.Time
		}
	}
	return at
}

func (u *under) final() *anchor.Final {
	f := &anchor.Final{ID: u.id(), Head: u.head, Anchor: proof.Anchor{Stamp: u.Tokens[0].Token}, Time: u.time()}
	for _, k := range u.Tokens[1:] {
		f.More = append(f.More, proof.Anchor{Stamp: k.Token})
	}
	return f
}

// parseHead reads a signed checkpoint of a ledger. Its signatures are not
// verified.
func parseHead(note []byte, origin string) (anchor.Head, error) {
	text, _, ok := tree.SplitNote(note)
	cp, err := tree.ParseCheckpoint(text)
	switch {
	case !ok || err != nil:
		return anchor.Head{}, errors.New("it has something else than a signed checkpoint")
	case cp.Origin != origin:
		return anchor.Head{}, errors.New("it has a checkpoint of another ledger")
	}
	return anchor.Head{Checkpoint: cp, Note: bytes.Clone(note)}, nil
}
