// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/tree"
)

const (
	stateFormat = "lendlog-anchor-ethereum/1"
	// maxState bounds a file, in which every attempt may have a proof of 64 hashes;
	// maxAttempts the transactions for one nonce: from 1 wei on, 160 bumps by an
	// eighth come to 100 gwei and more.
	maxState    = 16 << 20
	maxAttempts = 256
	maxAlarms   = 16
	maxLost     = 16
)

// What becomes of a transaction.
const (
	stateSigned = "signed" // it is on disk
	stateSent   = "sent"   // an endpoint took it
	stateMined  = "mined"  // it is in a block
)

// A state is what a service remembers: one JSON object and a newline, in the
// one form that encode writes. What it says of the chain was true once and is
// looked at again; what it says of the service's own transactions holds, for
// nothing is sent that does not stand here before.
//
//	idle → planned → signed → sent → mined → final → idle
//	                          ↑ ↘ bump ↓
//	                          └───── block gone
//
// A nonce that a stranger took leads back to planned, and a transaction that the
// contract refused to failed, which an operator ends.
type state struct {
	Format string `json:"format"`

	// What it is the state of.
	Chain    uint64         `json:"chain"`
	Contract common.Address `json:"contract"`
	Account  common.Address `json:"account"`
	Origin   string         `json:"origin"`
	Strict   bool           `json:"strict,omitempty"` // the contract takes proofs

	// Next is the newest checkpoint that was submitted, a signed note, while it is
	// to be anchored and was not signed for the chain.
	Next []byte `json:"next,omitempty"`
	// Pending has the one nonce that is not final.
	Pending *pending `json:"pending,omitempty"`
	// Lost are given up, since another transaction was said to have their nonce, or
	// none to have the one before. Where that was a lie they are taken up again, so
	// that no nonce ever has two checkpoints.
	Lost []pending `json:"lost,omitempty"`
	// Final waits to be archived.
	Final *final `json:"final,omitempty"`
	// Last is the newest anchor that is final.
	Last *last `json:"last,omitempty"`
	// Failed says why nothing is sent any more until an operator looked into it.
	Failed string   `json:"failed,omitempty"`
	Alarms []string `json:"alarms,omitempty"`

	// Nonce is the one after the newest that was used here in a final block.
	Nonce *uint64 `json:"nonce,omitempty"`
	// Seen is the newest block that was final.
	Seen *seen `json:"seen,omitempty"`
	// Spent is what was spent in wei on Day, in days of the chain's time since 1970.
	Day   uint64   `json:"day"`
	Spent *big.Int `json:"spent"`
}

type seen struct {
	Number uint64      `json:"number"`
	Hash   common.Hash `json:"hash"`
}

// pending is a checkpoint on its way. All attempts have the same nonce and say
// the same, for different fees.
type pending struct {
	Note     []byte    `json:"note"`
	Base     *base     `json:"base,omitempty"` // of a strict call; none: the contract had no head
	State    string    `json:"state"`
	Attempts []attempt `json:"attempts,omitempty"` // oldest first; none: it was found on the chain
	Mined    *mined    `json:"mined,omitempty"`
}

// A base is the head of the contract from which the proof of a strict call was
// made.
type base struct {
	Size int64     `json:"size"`
	Root tree.Hash `json:"root"`
}

type attempt struct {
	Raw   []byte `json:"raw"`   // signed transaction
	Block uint64 `json:"block"` // the newest when it was made
}

func (a attempt) tx() *types.Transaction {
	tx := new(types.Transaction)
	if err := tx.UnmarshalBinary(a.Raw); err != nil {
		panic(err) // parseState read it
	}
	return tx
}

// mined is the place of a transaction, as an endpoint said.
type mined struct {
	Number uint64      `json:"number"`
	Hash   common.Hash `json:"hash"`
	Tx     common.Hash `json:"tx"`
	Index  uint        `json:"index"`
}

type last struct {
	ID   string    `json:"id"`
	Size int64     `json:"size"`
	Root tree.Hash `json:"root"`
	Time int64     `json:"time"` // of the block, in seconds since 1970
}

type final struct {
	ID     string   `json:"id"`
	Note   []byte   `json:"note"`
	Time   int64    `json:"time"`
	Header []byte   `json:"header"`
	Index  uint64   `json:"index"`
	Log    int      `json:"log"`
	Nodes  [][]byte `json:"nodes"`
}

func (s *state) anchor() *anchor.Final {
	f := s.Final
	head, err := parseHead(f.Note, s.Origin)
	if err != nil {
		panic(err) // parseState read it
	}
	return &anchor.Final{
		ID: f.ID, Head: head, Time: time.Unix(f.Time, 0).UTC(),
		Anchor: proof.Anchor{Chain: &chain.Proof{
			Chain: s.Chain, Contract: chain.Address(s.Contract),
			Header: f.Header, Index: f.Index, Log: f.Log, Nodes: f.Nodes,
		}},
	}
}

// parseHead reads a signed checkpoint of a ledger that has records. Its
// signatures are not looked at.
func parseHead(note []byte, origin string) (anchor.Head, error) {
	text, _, ok := tree.SplitNote(note)
	cp, err := tree.ParseCheckpoint(text)
	switch {
	case !ok || err != nil || len(note) > 64<<10:
		return anchor.Head{}, errors.New("it is no signed checkpoint")
	case cp.Origin != origin:
		return anchor.Head{}, fmt.Errorf("it is a checkpoint of %s, and not of %s", cp.Origin, origin)
	case cp.Size == 0:
		return anchor.Head{}, errors.New("it is a checkpoint without records")
	}
	return anchor.Head{Checkpoint: cp, Note: note}, nil
}

func originHash(origin string) [32]byte { return sha256.Sum256([]byte(origin)) }

// callOf is what a transaction says that anchors a checkpoint: to a strict
// contract with the proof that it continues the head there, which is empty where
// there is none.
func callOf(cp tree.Checkpoint, strict bool, proof []tree.Hash) []byte {
	if !strict {
		return contracts.NewAnchor().PackAnchor(originHash(cp.Origin), uint64(cp.Size), cp.Root)
	}
	words := make([][32]byte, len(proof))
	for i, h := range proof {
		words[i] = h
	}
	return contracts.NewStrictAnchor().PackAnchor(originHash(cp.Origin), uint64(cp.Size), cp.Root, words)
}

// proofOf is the proof in a strict call. Of what is none it is something that
// callOf does not write like it.
func proofOf(call []byte) (proof []tree.Hash) {
	const before = 4 + 5*32 // selector, three words, where the proof is, and how long
	for i := before; i+32 <= len(call); i += 32 {
		proof = append(proof, tree.Hash(call[i:]))
	}
	return proof
}

// proves reports whether a proof is the one that a checkpoint continues the base.
func (b *base) proves(cp tree.Checkpoint, proof []tree.Hash) bool {
	if b == nil {
		return len(proof) == 0
	}
	return b.Size > 0 && b.Size < cp.Size && tree.VerifyConsistency(proof, b.Size, cp.Size, b.Root, cp.Root) == nil
}

func (s *state) encode() ([]byte, error) {
	b, err := json.Marshal(s)
	return append(b, '\n'), err
}

// parseState reads a state. It accepts only what encode would write, and only
// attempts that are the account's, for this contract, all with one nonce and the
// checkpoint that stands beside them, and with one and the right proof where the
// contract is strict.
func parseState(b []byte) (*state, error) {
	if len(b) > maxState {
		return nil, fmt.Errorf("it has more than %d MiB", maxState>>20)
	}
	s := new(state)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("it is no state of an anchor: %w", err)
	}
	if s.Format != stateFormat {
		return nil, fmt.Errorf("its format is %q, and not %q: another version of the program wrote it", s.Format, stateFormat)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	again, err := s.encode()
	if err != nil || !bytes.Equal(again, b) {
		return nil, errors.New("it is not written in its one form")
	}
	return s, nil
}

func (s *state) check() error {
	if s.Chain == 0 || s.Spent == nil || s.Spent.Sign() < 0 || s.Spent.BitLen() > 128 || len(s.Alarms) > maxAlarms || slices.Contains(s.Alarms, "") {
		return errors.New("its chain, its alarms or what it says of money is nothing that a service writes")
	}
	for name, note := range map[string][]byte{"next": s.Next, "pending": s.pendingNote(), "final": s.finalNote()} {
		if note == nil {
			continue
		}
		if _, err := parseHead(note, s.Origin); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if f := s.Final; f != nil {
		if f.ID == "" || f.Note == nil || f.Log < 0 || len(f.Header) == 0 || len(f.Nodes) == 0 || s.Last == nil || s.Last.ID != f.ID {
			return errors.New("final: it is incomplete")
		}
	}
	if l := s.Last; l != nil && (l.ID == "" || l.Size <= 0) {
		return errors.New("last: it is incomplete")
	}
	if len(s.Lost) > maxLost {
		return fmt.Errorf("lost: it has more than %d", maxLost)
	}
	nonces := map[uint64]bool{}
	for i := range s.Lost {
		if err := s.checkPending(&s.Lost[i]); err != nil {
			return fmt.Errorf("lost: %w", err)
		}
		n, ok := s.Lost[i].nonce()
		if !ok || nonces[n] || s.Lost[i].Mined != nil {
			return errors.New("lost: each has a nonce of its own, and no block")
		}
		nonces[n] = true
	}
	if s.Pending != nil {
		if err := s.checkPending(s.Pending); err != nil {
			return fmt.Errorf("pending: %w", err)
		}
		if n, ok := s.Pending.nonce(); ok && nonces[n] {
			return errors.New("pending: it has the nonce of one that is lost")
		}
	}
	return nil
}

func (s *state) checkPending(p *pending) error {
	head, err := parseHead(p.Note, s.Origin)
	if err != nil {
		return err
	}
	switch p.State {
	case stateSigned, stateSent:
		if p.Mined != nil || len(p.Attempts) == 0 {
			return fmt.Errorf("what is %s has attempts, and no block", p.State)
		}
	case stateMined:
		if p.Mined == nil {
			return errors.New("what is mined has a block")
		}
	default:
		return fmt.Errorf("its state is %q", p.State)
	}
	if len(p.Attempts) > maxAttempts {
		return fmt.Errorf("it has more than %d attempts", maxAttempts)
	}
	if p.Base != nil && (!s.Strict || len(p.Attempts) == 0) {
		return errors.New("base: only strict calls have one")
	}
	call, id := callOf(head.Checkpoint, false, nil), new(big.Int).SetUint64(s.Chain)
	var nonce uint64
	for i, a := range p.Attempts {
		tx := new(types.Transaction)
		if err := tx.UnmarshalBinary(a.Raw); err != nil {
			return fmt.Errorf("attempt %d: it is no transaction", i+1)
		}
		if i == 0 {
			nonce = tx.Nonce()
			if s.Strict {
				proof := proofOf(tx.Data())
				if !p.Base.proves(head.Checkpoint, proof) {
					return errors.New("attempt 1: it does not prove that the checkpoint continues the base")
				}
				call = callOf(head.Checkpoint, true, proof)
			}
		}
		from, err := types.Sender(types.LatestSignerForChainID(id), tx)
		if err != nil || from != s.Account || tx.Type() != types.DynamicFeeTxType || tx.ChainId().Cmp(id) != 0 ||
			tx.To() == nil || *tx.To() != s.Contract || tx.Value().Sign() != 0 || !bytes.Equal(tx.Data(), call) || tx.Nonce() != nonce {
			return fmt.Errorf("attempt %d: it is not the account's transaction that anchors the checkpoint", i+1)
		}
	}
	return nil
}

func (s *state) pendingNote() []byte {
	if s.Pending == nil {
		return nil
	}
	return s.Pending.Note
}

func (s *state) finalNote() []byte {
	if s.Final == nil {
		return nil
	}
	return s.Final.Note
}

// nonce is that of the attempts, if there are some.
func (p *pending) nonce() (n uint64, ok bool) {
	if len(p.Attempts) == 0 {
		return 0, false
	}
	return p.Attempts[0].tx().Nonce(), true
}

// reserved is what the pending transaction costs at most.
func (s *state) reserved() *big.Int {
	most := new(big.Int)
	if s.Pending != nil {
		for _, a := range s.Pending.Attempts {
			if c := a.tx().Cost(); c.Cmp(most) > 0 {
				most = c
			}
		}
	}
	return most
}

// replan has the pending checkpoint, or a newer one, be anchored from anew.
func (s *state) replan() {
	if s.Next == nil {
		s.Next = s.Pending.Note
	}
	s.Pending = nil
}

// lose gives up the pending transaction.
func (s *state) lose() {
	if p := *s.Pending; len(p.Attempts) > 0 {
		p.State, p.Mined = stateSent, nil
		s.Lost = append(s.Lost, p)
	}
	s.replan()
}

// lost returns which of those that are lost has a nonce; -1: none.
func (s *state) lost(nonce uint64) int {
	return slices.IndexFunc(s.Lost, func(p pending) bool { n, _ := p.nonce(); return n == nonce })
}

// recover takes up again one that is lost.
func (s *state) recover(i int) {
	p := s.Lost[i]
	s.Lost = slices.Delete(slices.Clone(s.Lost), i, i+1)
	s.Pending = &p
	s.drop(p.Note)
}

// drop forgets that a checkpoint is to be anchored.
func (s *state) drop(note []byte) {
	if bytes.Equal(s.Next, note) {
		s.Next = nil
	}
}

// found has a checkpoint be anchored where its event was found, and reports
// whether a transaction of the service's own did so.
func (s *state) found(note []byte, at *mined) (ours bool) {
	made := func(p pending) bool {
		return slices.ContainsFunc(p.Attempts, func(a attempt) bool { return hashOf(a.Raw) == at.Tx })
	}
	if s.Pending == nil || !made(*s.Pending) {
		if s.Pending != nil {
			s.lose()
		}
		if i := slices.IndexFunc(s.Lost, made); i >= 0 {
			s.recover(i)
		} else {
			s.Pending = &pending{Note: note}
		}
	}
	s.drop(note)
	s.Pending.State, s.Pending.Mined = stateMined, at
	return len(s.Pending.Attempts) > 0
}

// alarm keeps what somebody has to look into. Each is kept once.
func (s *state) alarm(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(s.Alarms) < maxAlarms && !slices.Contains(s.Alarms, text) {
		s.Alarms = append(s.Alarms, text)
	}
}

// hashOf is the hash by which the chain knows a signed transaction.
func hashOf(raw []byte) common.Hash { return crypto.Keccak256Hash(raw) }
