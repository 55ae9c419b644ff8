// SPDX-License-Identifier: Apache-2.0

// Package ethereum anchors checkpoints on an Ethereum chain: it writes them into
// the contract of package contracts, through endpoints that it does not believe,
// and keeps on disk what it is about to say before it says it.
package ethereum

import (
	"cmp"
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

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/proof/chain"
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

// finality returns the newest final block, and keeps it. One that is older than
// the newest that was, or that is another one, is an alarm.
func (s *Service) finality(ctx context.Context) (chain.Block, error) {
	b, err := s.network.FinalBlock(ctx)
	if err != nil {
		return b, err
	}
	before := s.state.Seen
	now := seen{b.Number, common.Hash(b.Hash)}
	var alarm string
	switch {
	case before == nil:
	case *before == now:
		return b, nil
	case now.Number < before.Number:
		err := s.alarm("finality went back: block %d was final", before.Number)
		return b, errors.Join(degrade("finality went back from block %d to %d: it is waited for that it is there again; look at the endpoints", before.Number, now.Number), err)
	default:
		h, err := s.network.AgreedHeader(ctx, before.Number)
		if err != nil {
			return b, fmt.Errorf("couldn't read block %d, which was final: %w", before.Number, err)
		}
		if h.Hash() != before.Hash {
			alarm = fmt.Sprintf("block %d with the hash %v was final, and is not on the chain any more: anchors up to there may be gone", before.Number, before.Hash)
		}
	}
	return b, s.save(func(st *state) {
		st.Seen = &now
		if alarm != "" {
			st.alarm("%s", alarm)
		}
		if day := b.Time / (24 * 60 * 60); day > st.Day {
			st.Day, st.Spent = day, new(big.Int)
		}
	})
}

// plan holds the newest checkpoint against what the chain has, and signs a
// transaction that anchors it.
func (s *Service) plan(ctx context.Context) (moved bool, err error) {
	final, err := s.finality(ctx)
	if err != nil {
		return false, err
	}
	next, err := parseHead(s.state.Next, s.opt.Origin)
	if err != nil {
		return false, err
	}
	head, proof, err := s.compare(ctx, next, common.Hash(final.Hash))
	if err != nil {
		return false, err
	}
	if head.Size == uint64(next.Size) {
		at, err := s.find(ctx, next)
		if err != nil {
			return false, err
		}
		return true, s.save(func(st *state) { st.found(next.Note, at) })
	}
	nonce, err := s.nonce(ctx, common.Hash(final.Hash))
	if err != nil {
		return false, err
	}
	if i := s.state.lost(nonce); i >= 0 {
		s.looked = 0
		return true, s.save(func(st *state) { st.recover(i) })
	}
	if len(s.state.Lost) == maxLost {
		return false, degrade("%d transactions were given up: look at the endpoints, which contradict themselves", maxLost)
	}
	tx, err := s.first(ctx, callOf(next.Checkpoint, s.network.Strict, proof), nonce)
	if err != nil {
		return false, err
	}
	latest, err := s.network.Latest(ctx)
	if err != nil {
		return false, err
	}
	raw, err := s.sign(ctx, tx)
	if err != nil {
		return false, err
	}
	s.looked = 0
	return true, s.save(func(st *state) {
		st.Pending = &pending{Note: next.Note, State: stateSigned, Attempts: []attempt{{raw, latest.Number.Uint64()}}}
		if st.Strict && head.Size > 0 {
			st.Pending.Base = &base{int64(head.Size), head.Root}
		}
		st.Next = nil
	})
}

// compare holds a checkpoint against the head that the contract has in the final
// block. It returns that head, which may be the checkpoint's own, and the proof
// that the checkpoint continues it, where there is something to prove. What the
// contract has that is no prefix of the checkpoint is a contradiction: no
// transaction is sent against it.
func (s *Service) compare(ctx context.Context, next anchor.Head, final common.Hash) (h contracts.HeadsHead, proof []tree.Hash, err error) {
	h, err = s.network.AgreedHead(ctx, s.Address(), originHash(s.opt.Origin), final)
	if err != nil {
		return h, nil, fmt.Errorf("couldn't read what is anchored: %w", err)
	}
	var size uint64 // of the newest anchor that is known here
	if l := s.state.Last; l != nil {
		size = uint64(l.Size)
	}
	same := h.Size == uint64(next.Size) && h.Root == next.Root
	switch {
	case h.Size < size:
		err = s.alarm("the contract has lost the anchor of %d records that was final", size)
	case h.Size > size && !same, h.Size == size && size > 0 && h.Root != s.state.Last.Root:
		err = s.alarm("the contract has an anchor of %d records with the root %x by %s that was not made here: somebody else has the key, or the file %s was lost or is an old one", h.Size, h.Root, lower(s.Address()), filepath.Base(s.path))
	}
	if err != nil || h.Size == 0 || same {
		return h, nil, err
	}
	proof, err = s.continues(ctx, h, next)
	return h, proof, err
}

// continues returns the proof that a checkpoint continues a head on the chain, or
// says how that is no prefix of it.
func (s *Service) continues(ctx context.Context, h contracts.HeadsHead, next anchor.Head) (proof []tree.Hash, err error) {
	what := ""
	switch {
	case h.Size > uint64(next.Size):
		what = fmt.Sprintf("the chain has an anchor of %d records, and the ledger has %d", h.Size, next.Size)
	case h.Size == uint64(next.Size) && h.Root != next.Root:
		what = fmt.Sprintf("the chain has an anchor of %d records with another root than the ledger's", h.Size)
	case h.Size < uint64(next.Size) && s.opt.ConsistencyProof != nil:
		proof, err = s.opt.ConsistencyProof(ctx, int64(h.Size), next.Size)
		if err != nil {
			return nil, fmt.Errorf("couldn't hold what is anchored against the ledger: %w", err)
		}
		if tree.VerifyConsistency(proof, int64(h.Size), next.Size, h.Root, next.Root) != nil {
			what = fmt.Sprintf("the chain has an anchor of %d records that the ledger of %d doesn't continue", h.Size, next.Size)
		}
	}
	if what == "" {
		return proof, nil
	}
	err = s.alarm("%s: the ledger was rolled back or forked, or somebody else has the key", what)
	return nil, errors.Join(degrade("%s: the ledger was rolled back or forked, or somebody else has the key; nothing is anchored while it is so", what), err)
}

// nonce returns that of the next transaction. Another transaction of the account
// is an alarm, and waited for.
func (s *Service) nonce(ctx context.Context, final common.Hash) (uint64, error) {
	nonce, err := s.network.AgreedNonce(ctx, s.Address(), final)
	if err != nil {
		return 0, fmt.Errorf("couldn't read the account's nonce: %w", err)
	}
	if known := s.state.Nonce; known != nil && nonce < *known {
		err := s.alarm("the account %v has sent %d transactions, of which %d were final: the chain lost some", s.Address(), nonce, *known)
		return 0, errors.Join(degrade("the account has sent %d transactions, of which %d were final: look at the endpoints, and resume", nonce, *known), err)
	}
	mined, waiting, err := s.network.Nonce(ctx, s.Address())
	if err != nil {
		return 0, fmt.Errorf("couldn't read the account's nonce: %w", err)
	}
	if mined < nonce {
		return 0, fmt.Errorf("the account is said to have sent %d transactions, and %d in final blocks", mined, nonce)
	}
	if known := s.state.Nonce; known != nil && nonce > *known {
		if err := s.alarm("the account %v has sent %d transactions that were not made here, from nonce %d on: somebody else has the key", s.Address(), nonce-*known, *known); err != nil {
			return 0, err
		}
	}
	if s.state.lost(nonce) >= 0 {
		return nonce, nil
	}
	if waiting > nonce {
		err := s.alarm("the account %v has a transaction with nonce %d that was not made here: somebody else has the key", s.Address(), nonce)
		return 0, errors.Join(degrade("a transaction of the account that was not made here is not final yet: it is waited for; use the key for nothing else"), err)
	}
	return nonce, nil
}

// first returns the first transaction that is to make a call, within all ceilings.
func (s *Service) first(ctx context.Context, call []byte, nonce uint64) (*types.Transaction, error) {
	n := s.network
	price, err := n.Price(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't learn what gas costs: %w", err)
	}
	tip, fee, err := n.firstFees(price)
	if err != nil {
		return nil, err
	}
	estimate, err := n.Estimate(ctx, ethereum.CallMsg{From: s.Address(), To: &n.contract, Data: call})
	if err != nil {
		return nil, fmt.Errorf("couldn't learn how much gas is needed: %w", s.explain(err))
	}
	gas, err := n.withGas(estimate)
	if err != nil {
		return nil, err
	}
	return types.NewTx(&types.DynamicFeeTx{
		ChainID: new(big.Int).SetUint64(n.Chain), Nonce: nonce, To: &n.contract, Data: call,
		Gas: gas, GasTipCap: tip, GasFeeCap: fee, Value: new(big.Int),
	}), nil
}

// explain says what the contract means with a refusal.
func (s *Service) explain(err error) error {
	switch r := RevertOf(err).(type) {
	case *contracts.AnchorForked:
		return degrade("the contract refuses the checkpoint of %d records, for it has one with another root (Forked): the ledger was forked, or somebody else has the key", r.Size)
	case *contracts.AnchorShrunk:
		return degrade("the contract refuses the checkpoint of %d records, for it has one of %d (Shrunk): the ledger was rolled back, or somebody else has the key", r.Size, r.Anchored)
	case *contracts.StrictAnchorInconsistent:
		return degrade("the contract refuses the checkpoint of %d records, for it was not proved that it continues the one of %d that it has (Inconsistent): the ledger was forked, or somebody else has the key", r.Size, r.Anchored)
	case *contracts.AnchorEmptyTree:
		return degrade("the contract refuses a checkpoint without records (EmptyTree)")
	}
	return err
}

// sign has a transaction signed that there is money for.
func (s *Service) sign(ctx context.Context, tx *types.Transaction) ([]byte, error) {
	cost := tx.Cost()
	if left := new(big.Int).Sub(s.network.daily, s.state.Spent); greater(cost, s.state.reserved()).Cmp(left) > 0 {
		return nil, degrade("a transaction may cost %v wei, and %v are left of fees.dailyWei: it is waited for the next day (UTC); raise the budget to go on", cost, greater(left, new(big.Int)))
	}
	balance, err := s.network.Balance(ctx, s.Address())
	if err != nil {
		return nil, fmt.Errorf("couldn't read the account's balance: %w", err)
	}
	if balance.Cmp(cost) < 0 {
		return nil, degrade("the account %v has %v wei, and a transaction may cost %v: send it some", s.Address(), balance, cost)
	}
	signed, err := Sign(ctx, s.signer, tx)
	if err != nil {
		return nil, err
	}
	return signed.MarshalBinary()
}

// deliver has the pending transaction come into a block: it looks for every
// attempt, sends the newest, and after a while one for more.
func (s *Service) deliver(ctx context.Context) (moved bool, err error) {
	latest, err := s.network.Latest(ctx)
	if err != nil {
		return false, err
	}
	if latest.Number.Uint64() == s.looked && s.state.Pending.State == stateSent {
		return false, nil
	}
	s.clock(latest)
	p := s.state.Pending
	// The nonce is read first: once it is taken in a final block, a receipt that
	// there is will be found after.
	final, ferr := s.finality(ctx)
	nonce, _ := p.nonce()
	used := nonce // of the account, in final blocks
	if ferr == nil {
		used, ferr = s.network.AgreedNonce(ctx, s.Address(), common.Hash(final.Hash))
	}
	at, err := s.receipt(ctx, p)
	switch {
	case err != nil:
		return false, err
	case at != nil:
		return true, s.save(func(st *state) { st.Pending.State, st.Pending.Mined = stateMined, at })
	case ferr == nil && used > nonce:
		return s.taken(ctx, common.Hash(final.Hash))
	case ferr == nil && used < nonce:
		return true, s.save(func(st *state) {
			st.alarm("the account %v has sent %d transactions in final blocks, and one was made with nonce %d: the endpoints contradict themselves", s.Address(), used, nonce)
			st.lose()
		})
	}
	refused := s.send(ctx)
	if d := (degraded{}); refused != nil && !errors.As(refused, &d) {
		return false, refused
	}
	if err := s.bump(ctx, latest.Number.Uint64()); err != nil {
		return false, err
	}
	if err := cmp.Or(ferr, refused); err != nil {
		return false, err
	}
	s.looked = latest.Number.Uint64()
	return false, nil
}

// receipt finds an attempt that is in a block of the chain; nil when none is.
func (s *Service) receipt(ctx context.Context, p *pending) (*mined, error) {
	for _, a := range slices.Backward(p.Attempts) {
		tx := hashOf(a.Raw)
		r, err := s.network.Receipt(ctx, tx)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		there, err := s.network.OnChain(ctx, r.BlockNumber.Uint64(), r.BlockHash)
		if err != nil {
			return nil, err
		}
		if there {
			return &mined{r.BlockNumber.Uint64(), r.BlockHash, tx, r.TransactionIndex}, nil
		}
	}
	return nil, nil
}

// taken is for a nonce that is used in a final block, by none of the attempts.
func (s *Service) taken(ctx context.Context, final common.Hash) (moved bool, err error) {
	head, err := parseHead(s.state.Pending.Note, s.opt.Origin)
	if err != nil {
		return false, err
	}
	nonce, _ := s.state.Pending.nonce()
	there, err := s.network.AgreedHead(ctx, s.Address(), originHash(s.opt.Origin), final)
	if err != nil {
		return false, fmt.Errorf("couldn't read what is anchored: %w", err)
	}
	var at *mined
	if there.Size >= uint64(head.Size) {
		if at, err = s.find(ctx, head); err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
	}
	return true, s.save(func(st *state) {
		if at != nil && st.found(head.Note, at) {
			return
		}
		if at == nil {
			st.lose()
		}
		st.alarm("a transaction that was not made here took nonce %d of the account %v: somebody else has the key", nonce, s.Address())
	})
}

// find finds the event that anchored a checkpoint.
func (s *Service) find(ctx context.Context, head anchor.Head) (*mined, error) {
	latest, err := s.network.Latest(ctx)
	if err != nil {
		return nil, err
	}
	for range s.network.endpoints {
		events, err := s.network.Events(ctx, s.Address(), originHash(s.opt.Origin), uint64(head.Size), 0, latest.Number.Uint64())
		if err != nil {
			return nil, fmt.Errorf("couldn't find the event of the anchor: %w", err)
		}
		for _, e := range events {
			if e.Root == head.Root {
				return &mined{e.Raw.BlockNumber, e.Raw.BlockHash, e.Raw.TxHash, e.Raw.TxIndex}, nil
			}
		}
		s.network.turn() // this one may not have it
	}
	return nil, fmt.Errorf("couldn't find the event of the anchor of %d records: %w", head.Size, ErrNotFound)
}

// send sends the newest attempt to all endpoints. That they have it already is
// as good.
func (s *Service) send(ctx context.Context) error {
	p := s.state.Pending
	err := s.network.Send(ctx, p.Attempts[len(p.Attempts)-1].Raw)
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil && p.State == stateSigned:
		return degrade("no endpoint takes the transaction: %v", err)
	case err != nil:
		s.opt.Logger.WarnContext(ctx, "no endpoint took the transaction again", "error", err)
	case p.State == stateSigned:
		return s.save(func(st *state) { st.Pending.State = stateSent })
	}
	return nil
}

// bump signs the same for more, and sends it, when the newest attempt is in none
// of so many blocks.
func (s *Service) bump(ctx context.Context, latest uint64) error {
	p := s.state.Pending
	newest := p.Attempts[len(p.Attempts)-1]
	if latest < newest.Block+s.network.Fees.BumpBlocks {
		return nil
	}
	if len(p.Attempts) == maxAttempts {
		return degrade("the transaction is in no block after %d attempts: it is waited for", maxAttempts)
	}
	price, err := s.network.Price(ctx)
	if err != nil {
		return fmt.Errorf("couldn't learn what gas costs: %w", err)
	}
	before := newest.tx()
	tip, fee, err := s.network.bumpedFees(price, before)
	if err != nil {
		return err
	}
	// What was estimated may have been too little for a pool to take. That it
	// cannot be estimated is no reason to wait.
	gas := before.Gas()
	if estimate, err := s.network.Estimate(ctx, ethereum.CallMsg{From: s.Address(), To: before.To(), Data: before.Data()}); err == nil {
		if enough, err := s.network.withGas(estimate); err == nil {
			gas = max(gas, enough)
		}
	}
	raw, err := s.sign(ctx, types.NewTx(&types.DynamicFeeTx{
		ChainID: before.ChainId(), Nonce: before.Nonce(), To: before.To(), Data: before.Data(),
		Gas: gas, GasTipCap: tip, GasFeeCap: fee, Value: before.Value(),
	}))
	if err != nil {
		return err
	}
	if err := s.save(func(st *state) { st.Pending.Attempts = append(st.Pending.Attempts, attempt{raw, latest}) }); err != nil {
		return err
	}
	return s.send(ctx)
}

// confirm waits until the block of the pending transaction is final. One that is
// not on the chain any more leads back.
func (s *Service) confirm(ctx context.Context) (moved bool, err error) {
	p := s.state.Pending
	there, err := s.network.OnChain(ctx, p.Mined.Number, p.Mined.Hash)
	if err != nil {
		return false, err
	}
	if !there {
		return true, s.gone(p)
	}
	final, err := s.finality(ctx)
	if err != nil || final.Number < p.Mined.Number {
		return false, err
	}
	// It may have gone before finality was asked for.
	h, err := s.network.AgreedHeader(ctx, p.Mined.Number)
	if err != nil {
		return false, err
	}
	if h.Hash() != p.Mined.Hash {
		return true, s.gone(p)
	}
	return s.conclude(ctx, h)
}

// gone leads back from a block that is not on the chain any more.
func (s *Service) gone(p *pending) error {
	s.opt.Logger.Warn("the block of an anchor is not on the chain any more", "block", p.Mined.Number, "hash", p.Mined.Hash)
	s.looked = 0
	return s.save(func(st *state) {
		if len(st.Pending.Attempts) == 0 {
			st.replan()
			return
		}
		st.Pending.State, st.Pending.Mined = stateSent, nil
	})
}

// conclude makes the anchor of a final block, or learns why there is none.
func (s *Service) conclude(ctx context.Context, h *types.Header) (moved bool, err error) {
	p := s.state.Pending
	head, err := parseHead(p.Note, s.opt.Origin)
	if err != nil {
		return false, err
	}
	receipts, err := s.network.Receipts(ctx, h)
	if err != nil {
		return false, err
	}
	proof, event, err := s.network.prove(receipts, h, p.Mined.Index)
	if err != nil || event.By != s.Address() || event.OriginHash != originHash(s.opt.Origin) || event.Size != uint64(head.Size) || event.Root != head.Root {
		return s.without(ctx, head, receipts, h)
	}
	// Receipts don't say of which transaction they are.
	tx, err := s.network.agreedTx(ctx, h.Hash(), p.Mined.Index)
	if err != nil {
		return false, fmt.Errorf("couldn't read the transaction of the anchor: %w", err)
	}
	if tx != p.Mined.Tx {
		return true, s.save(func(st *state) {
			st.found(head.Note, &mined{p.Mined.Number, p.Mined.Hash, tx, p.Mined.Index})
		})
	}
	cost := costOf(p, receipts, p.Mined.Index, h)
	s.opt.Logger.InfoContext(ctx, "an anchor is final", "size", head.Size, "block", p.Mined.Number, "tx", p.Mined.Tx)
	return true, s.save(func(st *state) {
		st.settle(p, cost)
		id := p.Mined.Tx.Hex()
		st.Final = &final{ID: id, Note: head.Note, Time: int64(h.Time), Header: proof.Header, Index: proof.Index, Log: proof.Log, Nodes: proof.Nodes}
		st.Last = &last{ID: id, Size: head.Size, Root: head.Root, Time: int64(h.Time)}
		st.Pending = nil
	})
}

// without is for a final block that doesn't have the event where it was said to
// be: the contract refused the transaction, or had the checkpoint already.
func (s *Service) without(ctx context.Context, head anchor.Head, receipts types.Receipts, h *types.Header) (moved bool, err error) {
	p := s.state.Pending
	index, err := s.network.indexOf(ctx, h, p.Mined.Tx)
	if err != nil {
		return false, err
	}
	if index >= uint(len(receipts)) {
		return false, fmt.Errorf("block %d has fewer receipts than transactions", p.Mined.Number)
	}
	if index != p.Mined.Index {
		return true, s.save(func(st *state) { st.Pending.Mined.Index = index })
	}
	cost := costOf(p, receipts, index, h)
	if receipts[index].Status != types.ReceiptStatusSuccessful {
		return true, s.fail(ctx, head, h, cost)
	}
	at, err := s.find(ctx, head)
	if err != nil {
		return false, err
	}
	if at.Tx == p.Mined.Tx {
		return false, fmt.Errorf("transaction %v is said to have an event of the contract, and has none", at.Tx)
	}
	return true, s.save(func(st *state) {
		st.settle(p, cost)
		st.Pending = nil
		st.found(head.Note, at)
	})
}

// settle counts what a transaction cost that is final.
func (s *state) settle(p *pending, cost *big.Int) {
	if n, ok := p.nonce(); ok {
		next := n + 1
		s.Nonce = &next
		s.Spent = new(big.Int).Add(s.Spent, cost)
		s.Lost = slices.DeleteFunc(slices.Clone(s.Lost), func(p pending) bool { lost, _ := p.nonce(); return lost < next })
	}
}

// costOf is what the attempt in a block cost, by what the block commits to.
func costOf(p *pending, receipts types.Receipts, index uint, h *types.Header) *big.Int {
	for _, a := range p.Attempts {
		if hashOf(a.Raw) != p.Mined.Tx {
			continue
		}
		used := receipts[index].CumulativeGasUsed
		if index > 0 {
			used -= receipts[index-1].CumulativeGasUsed
		}
		tx := a.tx()
		price := tx.GasFeeCap()
		if h.BaseFee != nil {
			price = lesser(price, new(big.Int).Add(h.BaseFee, tx.GasTipCap()))
		}
		return price.Mul(price, new(big.Int).SetUint64(used))
	}
	return new(big.Int)
}

// outdated reports whether the proof of a strict call was made from another head
// than the contract has, though nobody else anchored: the chain took that one
// back, or, where the call was given up for a lie and then taken up again, a newer
// one of the service's own came before. Such a refusal says nothing of the ledger.
func (s *Service) outdated(ctx context.Context) (bool, error) {
	p := s.state.Pending
	if !s.state.Strict || len(p.Attempts) == 0 {
		return false, nil
	}
	final, err := s.finality(ctx)
	if err != nil {
		return false, err
	}
	h, err := s.network.AgreedHead(ctx, s.Address(), originHash(s.opt.Origin), common.Hash(final.Hash))
	if err != nil {
		return false, fmt.Errorf("couldn't read what is anchored: %w", err)
	}
	var from uint64
	if p.Base != nil {
		from = uint64(p.Base.Size)
	}
	l := s.state.Last
	return h.Size < from || h.Size > from && l != nil && h.Size == uint64(l.Size) && h.Root == l.Root, nil
}

// fail ends a transaction that the contract refused in a final block. Where its
// proof was outdated it is planned again, and else an operator has to look into
// it.
func (s *Service) fail(ctx context.Context, head anchor.Head, h *types.Header, cost *big.Int) error {
	again, err := s.outdated(ctx)
	if err != nil {
		return err
	}
	p := s.state.Pending
	if again {
		s.opt.Logger.WarnContext(ctx, "the chain refused an anchor whose proof was from a head that the contract has not any more; it is made again", "size", head.Size, "tx", p.Mined.Tx)
		return s.save(func(st *state) {
			st.settle(p, cost)
			st.replan()
		})
	}
	why := "for no reason that it gave, such as too little gas"
	call := callOf(head.Checkpoint, s.state.Strict, nil)
	if len(p.Attempts) > 0 {
		call = p.Attempts[0].tx().Data()
	}
	_, err = s.network.Call(ctx, ethereum.CallMsg{From: s.Address(), To: &s.network.contract, Data: call}, h.Hash())
	if d := (degraded{}); errors.As(s.explain(err), &d) {
		why = d.why
	}
	text := fmt.Sprintf("the chain refused the anchor of %d records in transaction %v: %s", head.Size, p.Mined.Tx, why)
	return s.save(func(st *state) {
		st.settle(p, cost)
		st.Failed = text + "; nothing more is anchored until an operator has looked into it, and resumed"
		st.alarm("%s", text)
		st.replan()
	})
}

// skew is how far the chain's clock may be ahead.
const skew = time.Minute

// clock warns, once, of a clock that is behind the chain's.
func (s *Service) clock(latest *types.Header) {
	ahead := time.Unix(int64(latest.Time), 0).Sub(s.opt.Now())
	if ahead > skew && !s.warned {
		s.opt.Logger.Warn("the chain's newest block is of a time that has not come here: set the clock right", "ahead", ahead)
	}
	s.warned = ahead > skew
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
