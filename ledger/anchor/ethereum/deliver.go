// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/lendlog/lendlog/ledger/anchor"
)

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
