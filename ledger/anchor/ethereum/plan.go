// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/tree"
)

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
