// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"errors"
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/proof/chain"
)

// A Network is a chain as several endpoints tell of it, none of which is
// believed more than it has to be. An endpoint is used after it was found to be
// of this chain, with the contract on it. One that fails rests, and another one
// is read from. It is safe for concurrent use. No error of it holds the address
// of an endpoint.
type Network struct{ settings }

// ErrNotFound: the chain has no such block, transaction or receipt, as far as
// the endpoint that was asked knows.
var ErrNotFound = ethereum.NotFound

// DialNetwork returns the network of a configuration, which needs no key. As many
// endpoints as have to agree must answer, and be of this chain.
func DialNetwork(ctx context.Context, c Config) (*Network, error) {
	return nil, errors.New("not built yet")
}

// Close gives back connections.
func (n *Network) Close() {}

// Contract is the address of the contract.
func (n *Network) Contract() common.Address { return n.contract }

// FinalBlock returns the newest block that, by the configured measure, is final
// for as many endpoints as have to agree, on its hash too.
func (n *Network) FinalBlock(ctx context.Context) (chain.Block, error) {
	return chain.Block{}, errors.New("not built yet")
}

// AgreedHeader returns the header of a block on whose hash as many endpoints
// agree as have to.
func (n *Network) AgreedHeader(ctx context.Context, number uint64) (*types.Header, error) {
	return nil, errors.New("not built yet")
}

// Latest returns the newest header.
func (n *Network) Latest(ctx context.Context) (*types.Header, error) {
	return nil, errors.New("not built yet")
}

// HeaderByNumber returns a header of the chain. It is what it hashes to; that it
// is on the chain is the word of one endpoint.
func (n *Network) HeaderByNumber(ctx context.Context, number uint64) (*types.Header, error) {
	return nil, errors.New("not built yet")
}

// HeaderByHash returns the header with a hash.
func (n *Network) HeaderByHash(ctx context.Context, hash common.Hash) (*types.Header, error) {
	return nil, errors.New("not built yet")
}

// Call returns what a call would return in the state after a block, the latest
// for the zero hash. Where it would revert the error has the reason (RevertOf).
func (n *Network) Call(ctx context.Context, msg ethereum.CallMsg, block common.Hash) ([]byte, error) {
	return nil, errors.New("not built yet")
}

// Head returns the newest head that a sender anchored for an origin (its
// SHA-256), after a block, the latest for the zero hash.
func (n *Network) Head(ctx context.Context, by common.Address, origin [32]byte, block common.Hash) (contracts.HeadsHead, error) {
	return contracts.HeadsHead{}, errors.New("not built yet")
}

// RevertOf returns the reason with which the contract refused a call or a
// transaction: *contracts.AnchorForked, *contracts.AnchorShrunk or
// *contracts.AnchorEmptyTree; nil when the error is of another kind, and
// ErrReverted when there is a refusal without a reason that is known.
func RevertOf(err error) any { return nil }

// ErrReverted: the chain refuses the call, for no reason that the contract gave.
var ErrReverted = errors.New("the chain refuses the call")

// Code returns the code at an address.
func (n *Network) Code(ctx context.Context, at common.Address) ([]byte, error) {
	return nil, errors.New("not built yet")
}

// Balance returns what an account has, in wei.
func (n *Network) Balance(ctx context.Context, of common.Address) (*big.Int, error) {
	return nil, errors.New("not built yet")
}

// Nonce returns how many transactions an account has on the chain.
func (n *Network) Nonce(ctx context.Context, of common.Address) (uint64, error) {
	return 0, errors.New("not built yet")
}

// Logs returns the logs of the contract with these topics in the blocks from one
// to another, both included, in order. A range that an endpoint finds too large
// is asked for in parts.
func (n *Network) Logs(ctx context.Context, topics [][]common.Hash, from, to uint64) ([]types.Log, error) {
	return nil, errors.New("not built yet")
}

// Events returns the anchors of a sender's origin (its SHA-256) in the blocks
// from one to another, both included, in order; of one size, if that is not 0.
func (n *Network) Events(ctx context.Context, by common.Address, origin [32]byte, size, from, to uint64) ([]*contracts.AnchorAnchored, error) {
	return nil, errors.New("not built yet")
}

// Receipt returns the receipt of a transaction, or ErrNotFound when no endpoint
// has one. While one of them cannot say, that is another error.
func (n *Network) Receipt(ctx context.Context, tx common.Hash) (*types.Receipt, error) {
	return nil, errors.New("not built yet")
}

// Receipts returns the receipts of all transactions of a block. They are those
// that its header commits to.
func (n *Network) Receipts(ctx context.Context, block *types.Header) (types.Receipts, error) {
	return nil, errors.New("not built yet")
}

// Price says what gas costs.
type Price struct {
	Base *big.Int // of the next block, for each unit
	Tip  *big.Int // that half of the last transactions gave
}

// Price returns what gas costs.
func (n *Network) Price(ctx context.Context) (Price, error) {
	return Price{}, errors.New("not built yet")
}

// Estimate returns how much gas a call needs now.
func (n *Network) Estimate(ctx context.Context, msg ethereum.CallMsg) (uint64, error) {
	return 0, errors.New("not built yet")
}

// Send sends a signed transaction to all endpoints. It returns nil when one of
// them took it, or had it. That is a hint only, and so is an error.
func (n *Network) Send(ctx context.Context, raw []byte) error { return errors.New("not built yet") }

// Prove builds the proof of the contract's first event in a transaction, from
// the chain's own receipts, and verifies it. That the block is final is for the
// caller to know.
func (n *Network) Prove(ctx context.Context, tx common.Hash) (chain.Proof, error) {
	return chain.Proof{}, errors.New("not built yet")
}

// An Endpoint is how one of a network's does.
type Endpoint struct {
	Name    string // its host: the rest may be secret
	Failing string // why it is not used, "" while it is
}

// Endpoints tells how they do, in the order of the configuration.
func (n *Network) Endpoints() []Endpoint { return nil }
