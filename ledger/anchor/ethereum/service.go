// SPDX-License-Identifier: Apache-2.0

// Package ethereum anchors checkpoints on an Ethereum chain: it writes them into
// the contract of package contracts, through endpoints that it does not believe,
// and keeps on disk what it is about to say before it says it.
package ethereum

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Options are what a service needs of the program around it.
type Options struct {
	Name   string // of the target: [a-z0-9-]{1,32}
	Dir    string // holds NAME.state, and locks; made where it is not there
	Origin string // of the ledger
	Logger *slog.Logger
	Now    func() time.Time // for warnings about clocks only

	// ConsistencyProof of the ledger holds what the contract has against what is to
	// be anchored, so that nothing is written over a fork. Without it only heads of
	// one size are compared, and no strict contract can be used: it has to be shown
	// these proofs.
	ConsistencyProof func(ctx context.Context, oldSize, size int64) ([]tree.Hash, error)
}

// A Service anchors the checkpoints of one ledger with one key in one contract.
//
// What it does follows from the chain, in this order: the head that the contract
// has, the nonce of the account, the receipts of every attempt, the contract's
// events. Errors of endpoints are hints for people. Whatever cannot be taken
// back (a nonce given up, an anchor called final) rests on a block that as many
// endpoints as have to agree call final.
type Service struct {
	opt     Options
	network *Network
	signer  Signer
	path    string
	locks   []*os.File
	write   func(path string, data []byte, mode os.FileMode) error // store.WriteFile

	// Owned by the goroutine of Submit, Poll, Done and Resume.
	state  *state
	looked uint64 // the newest block when the attempts were last searched for; 0: to be now
	warned bool   // of a clock

	mu     sync.Mutex // guards status
	status anchor.Status
}

var _ anchor.Target = (*Service)(nil)

var validName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Open opens a service, and what it remembers in the directory. It speaks to no
// endpoint, so that a ledger starts without one. Another process with the same
// directory and name, or the same key and chain, is an error.
func Open(c Config, o Options) (*Service, error) {
	if !validName.MatchString(o.Name) {
		return nil, errors.New("couldn't open an anchor: name it with 1 to 32 of a-z, 0-9 and -")
	}
	s, err := open(c, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't open anchor %s: %w", o.Name, err), s.Close())
	}
	return s, nil
}

func open(c Config, o Options) (*Service, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Logger = o.Logger.With("anchor", o.Name)
	s := &Service{opt: o, path: filepath.Join(o.Dir, o.Name+".state"), write: store.WriteFile}
	if err := tree.ValidOrigin(o.Origin); err != nil {
		return s, err
	}
	var err error
	if s.network, err = newNetwork(c); err != nil {
		return s, err
	}
	if c.Strict && o.ConsistencyProof == nil {
		return s, errors.New("a strict contract wants consistency proofs: open it with Options.ConsistencyProof, or leave out strict")
	}
	if s.signer, err = NewSigner(c); err != nil {
		return s, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return s, err
	}
	for name, what := range map[string]string{
		o.Name + ".lock": "this anchor",
		fmt.Sprintf("key-%d-%s.lock", c.Chain, strings.ToLower(s.Address().Hex())): "the key, on this chain",
	} {
		if err := s.lock(name); err != nil {
			return s, fmt.Errorf("couldn't lock %s: %w", what, err)
		}
	}
	empty := &state{Format: stateFormat, Chain: c.Chain, Contract: s.network.contract, Account: s.Address(), Origin: o.Origin, Strict: c.Strict, Spent: new(big.Int)}
	b, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		s.state = empty
	case err != nil:
		return s, err
	default:
		if s.state, err = parseState(b); err != nil {
			return s, fmt.Errorf("%s: %w", s.path, err)
		}
		if st := s.state; st.Chain != empty.Chain || st.Contract != empty.Contract || st.Account != empty.Account || st.Origin != empty.Origin || st.Strict != empty.Strict {
			return s, fmt.Errorf("%s is of chain %d, contract %v (strict: %v), account %v and ledger %s: give an anchor elsewhere another name", s.path, st.Chain, st.Contract, st.Strict, st.Account, st.Origin)
		}
	}
	s.tell(nil)
	return s, nil
}

func (s *Service) lock(name string) error {
	f, err := os.OpenFile(filepath.Join(s.opt.Dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return errors.New("it is in use already")
		}
		return err
	}
	s.locks = append(s.locks, f)
	return nil
}

// Close gives back the locks and connections.
func (s *Service) Close() error {
	if s.network != nil {
		s.network.Close()
	}
	if r, ok := s.signer.(*remote); ok {
		r.close()
	}
	var err error
	for _, f := range s.locks {
		err = errors.Join(err, f.Close())
	}
	s.locks = nil
	return err
}

// Name is what the operator called the target.
func (s *Service) Name() string { return s.opt.Name }

// Address is the account that anchors: the publisher, for trust policies.
func (s *Service) Address() common.Address { return s.signer.Address() }

// Network is the chain.
func (s *Service) Network() *Network { return s.network }

// save changes the state, on disk first. Where that fails nothing has changed.
func (s *Service) save(change func(*state)) error {
	next, err := s.copy()
	if err != nil {
		return err
	}
	alarms := len(next.Alarms)
	change(next)
	b, err := next.encode()
	if err == nil {
		// What would not be read again, or says two things with one nonce, is not kept.
		next, err = parseState(b)
	}
	if err == nil {
		err = s.write(s.path, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("couldn't keep the state of anchor %s: %w", s.opt.Name, err)
	}
	s.state = next
	for _, a := range next.Alarms[min(alarms, len(next.Alarms)):] {
		s.opt.Logger.Error("somebody has to look into an anchor", "alarm", a)
	}
	return nil
}

func (s *Service) copy() (*state, error) {
	b, err := s.state.encode()
	if err != nil {
		return nil, err
	}
	return parseState(b)
}

// alarm keeps an alarm, unless it is kept.
func (s *Service) alarm(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if slices.Contains(s.state.Alarms, text) {
		return nil
	}
	return s.save(func(st *state) { st.alarm("%s", text) })
}

// Submit hands over a checkpoint that was published. One that an older one
// covers is passed over.
func (s *Service) Submit(_ context.Context, h anchor.Head) error {
	head, err := parseHead(h.Note, s.opt.Origin)
	if err == nil && head.Checkpoint != h.Checkpoint {
		err = errors.New("its note is of another one")
	}
	if err != nil {
		return fmt.Errorf("couldn't take a checkpoint to anchor %s: %w", s.opt.Name, err)
	}
	for _, known := range s.known() {
		switch {
		case head.Size < known.Size:
			return nil
		case head.Size == known.Size && head.Root != known.Root:
			return fmt.Errorf("couldn't take a checkpoint to anchor %s: it has %d records with another root than one before: the ledger was forked", s.opt.Name, head.Size)
		case head.Size == known.Size:
			return nil
		}
	}
	err = s.save(func(st *state) { st.Next = head.Note })
	s.tell(nil)
	return err
}

// known are the checkpoints that are anchored or are to be.
func (s *Service) known() (out []tree.Checkpoint) {
	for _, note := range [][]byte{s.state.Next, s.state.pendingNote()} {
		if note != nil {
			h, _ := parseHead(note, s.opt.Origin) // parseState read it
			out = append(out, h.Checkpoint)
		}
	}
	if l := s.state.Last; l != nil {
		out = append(out, tree.Checkpoint{Origin: s.opt.Origin, Size: l.Size, Root: l.Root})
	}
	return out
}

// Done says that a final anchor was archived and recorded. Once more is no
// error.
func (s *Service) Done(id string) error {
	switch f := s.state.Final; {
	case f == nil && s.state.Last != nil && s.state.Last.ID == id:
		return nil
	case f == nil || f.ID != id:
		return fmt.Errorf("anchor %s has no final anchor %s", s.opt.Name, id)
	}
	err := s.save(func(st *state) { st.Final = nil })
	s.tell(nil)
	return err
}

// Resume takes what an operator looked into as settled: alarms go, what was
// known of the chain is learnt again, and after a transaction that the contract
// refused the newest checkpoint is tried again. It is used as Poll is.
func (s *Service) Resume() error {
	err := s.save(func(st *state) {
		st.Failed, st.Alarms, st.Nonce, st.Seen = "", nil, nil, nil
	})
	s.tell(nil)
	return err
}

// maxSteps bounds what one Poll does.
const maxSteps = 8

// Poll moves on what is under way, as far as the chain has it.
func (s *Service) Poll(ctx context.Context) (*anchor.Final, error) {
	if s.state.Final == nil && s.state.Failed == "" {
		var err error
		for range maxSteps {
			var moved bool
			if moved, err = s.step(ctx); err != nil || !moved || s.state.Final != nil || s.state.Failed != "" {
				break
			}
		}
		s.tell(err)
		if d := (degraded{}); err != nil && !errors.As(err, &d) {
			return nil, fmt.Errorf("anchor %s: %w", s.opt.Name, err)
		}
	}
	if s.state.Final == nil {
		return nil, nil
	}
	return s.state.anchor(), nil
}

// step does what is next, and reports whether there may be more to do.
func (s *Service) step(ctx context.Context) (moved bool, err error) {
	switch p := s.state.Pending; {
	case p == nil && s.state.Next == nil:
		return false, nil
	case p == nil:
		return s.plan(ctx)
	case p.State == stateMined:
		return s.confirm(ctx)
	default:
		return s.deliver(ctx)
	}
}

// tell sets the status after an attempt.
func (s *Service) tell(err error) {
	st := s.state
	out := anchor.Status{State: "idle", Degraded: st.Failed, Alarms: slices.Clone(st.Alarms), Details: map[string]any{
		"chain": st.Chain, "network": s.network.Network, "testnet": s.network.Testnet,
		"contract": lower(st.Contract), "account": lower(st.Account),
		"spent_wei": st.Spent.String(), "reserved_wei": st.reserved().String(), "daily_wei": s.network.daily.String(),
	}}
	if l := st.Last; l != nil {
		out.State, out.Size, out.Final, out.FinalTime = "final", l.Size, l.Size, time.Unix(l.Time, 0).UTC()
	}
	switch p := st.Pending; {
	case st.Failed != "":
		out.State = "failed"
	case p != nil:
		out.State = p.State
		out.Details["attempts"] = len(p.Attempts)
		if nonce, ok := p.nonce(); ok {
			out.Details["nonce"] = nonce
			out.Details["transaction"] = hashOf(p.Attempts[len(p.Attempts)-1].Raw).Hex()
		}
		if p.Mined != nil {
			out.Details["transaction"], out.Details["block"] = p.Mined.Tx.Hex(), p.Mined.Number
		}
	case st.Final == nil && st.Next != nil:
		out.State = "planned"
	}
	note := st.pendingNote()
	if note == nil && st.Final == nil {
		note = st.Next
	}
	if note != nil {
		head, _ := parseHead(note, st.Origin)
		out.Size = head.Size
	}
	if st.Seen != nil {
		out.Details["final_block"] = st.Seen.Number
	}
	working := 0
	for _, e := range s.network.Endpoints() {
		if e.Failing == "" {
			working++
		}
	}
	out.Details["endpoints"], out.Details["endpoints_working"] = len(s.network.endpoints), working
	if err != nil {
		out.Degraded = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.status.Degraded != out.Degraded {
		s.opt.Logger.Warn("nothing goes on with an anchor", "error", err)
	}
	s.status = out
}

func lower(a common.Address) string { return strings.ToLower(a.Hex()) }

// Status tells how it goes.
func (s *Service) Status() anchor.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.status
	out.Alarms = slices.Clone(out.Alarms)
	return out
}
