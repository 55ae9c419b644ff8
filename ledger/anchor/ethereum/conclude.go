// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/lendlog/lendlog/ledger/anchor"
)

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
