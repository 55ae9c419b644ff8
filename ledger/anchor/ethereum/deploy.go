// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/params"

	"github.com/lendlog/lendlog/contracts"
)

// A Deployed is a contract that is on a chain.
type Deployed struct {
	contracts.Deployment
	// Elsewhere says that the chain has no factory, so that the contract is at an
	// address of its own: it is to be named in configurations and trust policies.
	Elsewhere bool
	Already   bool        // it was there before
	Tx        common.Hash // that deployed it
	Wei       *big.Int    // what that cost
}

// Deploy has the factory deploy the contract, to the address that it has on every
// chain, or deploys it elsewhere where there is no factory, and holds the code
// there against its hash. It returns when the contract is in a block, before that
// is final: to deploy again is safe, and changes nothing once it is there, or
// where the configuration says. The configuration has to be Undeployed; its
// ceilings of fees hold, that of gas does not.
func Deploy(ctx context.Context, n *Network, s Signer, strict bool) (*Deployed, error) {
	d := &Deployed{Deployment: contracts.AnchorDeployment, Wei: new(big.Int)}
	contract := &contracts.AnchorMetaData
	if strict {
		d.Deployment, contract = contracts.StrictAnchorDeployment, &contracts.StrictAnchorMetaData
	}
	if err := d.deploy(ctx, n, s, contract); err != nil {
		return nil, fmt.Errorf("couldn't deploy the contract on chain %d: %w", n.Chain, err)
	}
	return d, nil
}

func (d *Deployed) deploy(ctx context.Context, n *Network, s Signer, contract *bind.MetaData) error {
	for _, at := range []common.Address{d.Address, n.contract} {
		code, err := n.codeHash(ctx, at)
		if err != nil {
			return err
		}
		if code == d.CodeHash {
			d.Elsewhere, d.Address, d.Already = at != d.Address, at, true
			return nil
		}
		if at == d.Address && code != types.EmptyCodeHash {
			return fmt.Errorf("at its address %v is other code, with the hash %v", at, code)
		}
	}
	factory, err := n.codeHash(ctx, contracts.Factory)
	if err != nil {
		return err
	}
	nonce, waiting, err := n.Nonce(ctx, s.Address())
	if err != nil {
		return err
	}
	if waiting != nonce {
		return fmt.Errorf("the account %v has a transaction under way: wait until it is in a block", s.Address())
	}
	msg := ethereum.CallMsg{From: s.Address(), To: &contracts.Factory, Data: contracts.Deploy(contract)}
	if factory != crypto.Keccak256Hash(params.DeterministicFactoryCode) {
		msg.To, msg.Data = nil, common.FromHex(contract.Bin)
		d.Elsewhere, d.Address = true, crypto.CreateAddress(s.Address(), nonce)
	}
	if err := d.send(ctx, n, s, nonce, msg); err != nil {
		return err
	}
	for { // an endpoint may be behind
		code, err := n.codeHash(ctx, d.Address)
		switch {
		case err == nil && code == d.CodeHash:
			return nil
		case err == nil && code != types.EmptyCodeHash:
			return fmt.Errorf("at %v is code with the hash %v, and not %v: the chain has rules of its own", d.Address, code, d.CodeHash)
		case !pause(ctx):
			return fmt.Errorf("transaction %v is in a block, and the contract is not at %v yet; to deploy again is safe: %w", d.Tx, d.Address, errors.Join(ctx.Err(), err))
		}
	}
}

// pause waits for a second, and reports whether there is time left.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Second):
		return true
	}
}

// codeHash is of the code at an address, on which as many endpoints agree as have
// to.
func (n *Network) codeHash(ctx context.Context, at common.Address) (common.Hash, error) {
	return agreed(n, ask(ctx, n, func(ctx context.Context, e *endpoint) (hash common.Hash, err error) {
		err = e.do(ctx, func(ctx context.Context, c *ethclient.Client) error {
			code, err := c.CodeAt(ctx, at, nil)
			hash = crypto.Keccak256Hash(code)
			return err
		})
		return hash, err
	}), func(h common.Hash) common.Hash { return h })
}

// send signs a transaction, sends it, and again every second until it is in a
// block.
func (d *Deployed) send(ctx context.Context, n *Network, s Signer, nonce uint64, msg ethereum.CallMsg) error {
	price, err := n.Price(ctx)
	if err != nil {
		return fmt.Errorf("couldn't learn what gas costs: %w", err)
	}
	tip, fee, err := n.firstFees(price)
	if err != nil {
		return err
	}
	gas, err := n.Estimate(ctx, msg)
	if err != nil {
		return fmt.Errorf("couldn't learn how much gas it takes: %w", err)
	}
	tx, err := Sign(ctx, s, types.NewTx(&types.DynamicFeeTx{
		ChainID: new(big.Int).SetUint64(n.Chain), Nonce: nonce, To: msg.To, Data: msg.Data,
		Gas: gas + gas/5, GasTipCap: tip, GasFeeCap: fee,
	}))
	if err != nil {
		return err
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		return err
	}
	d.Tx = tx.Hash()
	if err := n.Send(ctx, raw); err != nil {
		return fmt.Errorf("no endpoint takes transaction %v of account %v: %w", d.Tx, s.Address(), err)
	}
	for {
		r, err := n.Receipt(ctx, d.Tx)
		switch {
		case err == nil && r.Status != types.ReceiptStatusSuccessful:
			return fmt.Errorf("transaction %v failed", d.Tx)
		case err == nil:
			if r.EffectiveGasPrice != nil {
				d.Wei.Add(d.Wei, new(big.Int).Mul(r.EffectiveGasPrice, new(big.Int).SetUint64(r.GasUsed)))
			}
			return nil
		case !pause(ctx):
			return fmt.Errorf("transaction %v is in no block yet; to deploy again is safe: %w", d.Tx, errors.Join(ctx.Err(), err))
		}
		_ = n.Send(ctx, raw) // a pool may have lost it; most say that they have it
	}
}
