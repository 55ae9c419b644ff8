// SPDX-License-Identifier: Apache-2.0

package contracts

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"reflect"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
)

// lender and other are keys of senders, the same in every run, so that gas is too.
var lender, other = key("lender"), key("other")

func key(name string) *ecdsa.PrivateKey {
	h := sha256.Sum256([]byte(name))
	k, err := crypto.ToECDSA(h[:])
	if err != nil {
		panic(err)
	}
	return k
}

func address(k *ecdsa.PrivateKey) common.Address { return crypto.PubkeyToAddress(k.PublicKey) }

// A chain is a simulated one, in which each transaction has a block of its own.
type chain struct {
	t       *testing.T
	backend *simulated.Backend
	client  *ethclient.Client
}

// eachRuleSet runs the test on a new chain of each rule set.
func eachRuleSet(t *testing.T, test func(*chain)) {
	for name, config := range ruleSets {
		t.Run(name, func(t *testing.T) { test(newChain(t, config)) })
	}
}

func newChain(t *testing.T, config *params.ChainConfig) *chain {
	rich := types.Account{Balance: new(big.Int).Mul(big.NewInt(1000), big.NewInt(params.Ether))}
	backend := simulated.NewBackend(types.GenesisAlloc{address(lender): rich, address(other): rich},
		func(_ *node.Config, eth *ethconfig.Config) { eth.Genesis.Config = config })
	t.Cleanup(func() {
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	// The backend hides what its client can do besides, which is to ask for proofs.
	client := reflect.ValueOf(backend.Client()).FieldByName("Client").Interface().(*ethclient.Client)
	return &chain{t, backend, client}
}

// send makes a block of one transaction.
func (c *chain) send(from *ecdsa.PrivateKey, to common.Address, data []byte) *types.Receipt {
	c.t.Helper()
	ctx := context.Background()
	nonce, err := c.client.PendingNonceAt(ctx, address(from))
	if err != nil {
		c.t.Fatal(err)
	}
	id, err := c.client.ChainID(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	tx, err := types.SignNewTx(from, types.LatestSignerForChainID(id), &types.DynamicFeeTx{
		ChainID: id, Nonce: nonce, To: &to, Data: data, Gas: 12_000_000,
		GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(10 * params.GWei),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.client.SendTransaction(ctx, tx); err != nil {
		c.t.Fatal(err)
	}
	c.backend.Commit()
	receipt, err := c.client.TransactionReceipt(ctx, tx.Hash())
	if err != nil {
		c.t.Fatal(err)
	}
	return receipt
}

// call gives what a transaction would return, or what it would revert with.
func (c *chain) call(from *ecdsa.PrivateKey, to common.Address, data []byte) (out, reverted []byte) {
	c.t.Helper()
	out, err := c.client.CallContract(context.Background(), ethereum.CallMsg{From: address(from), To: &to, Data: data}, nil)
	var de rpc.DataError
	if errors.As(err, &de) {
		hex, _ := de.ErrorData().(string)
		return nil, common.FromHex(hex)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return out, nil
}

// A registry is one of the two contracts on a chain.
type registry struct {
	*chain
	address common.Address
	strict  bool
}

// deploy has the factory deploy the contract.
func (c *chain) deploy(contract *bind.MetaData, d Deployment) (r registry, gas uint64) {
	c.t.Helper()
	receipt := c.send(other, Factory, Deploy(contract))
	if receipt.Status != types.ReceiptStatusSuccessful {
		c.t.Fatalf("%s is not deployed", contract.ID)
	}
	code, err := c.client.CodeAt(context.Background(), d.Address, nil)
	if err != nil || crypto.Keccak256Hash(code) != d.CodeHash {
		c.t.Fatalf("at %s is code with the hash %s, and not %s: %v", d.Address, crypto.Keccak256Hash(code), d.CodeHash, err)
	}
	return registry{c, d.Address, contract == &StrictAnchorMetaData}, receipt.GasUsed
}

// eachRegistry runs the test with each contract under each rule set.
func eachRegistry(t *testing.T, test func(*testing.T, registry)) {
	eachRuleSet(t, func(c *chain) {
		anchor, _ := c.deploy(&AnchorMetaData, AnchorDeployment)
		strict, _ := c.deploy(&StrictAnchorMetaData, StrictAnchorDeployment)
		outer := c.t
		for name, r := range map[string]registry{"Anchor": anchor, "StrictAnchor": strict} {
			outer.Run(name, func(t *testing.T) {
				c.t = t
				test(t, r)
			})
		}
		c.t = outer
	})
}

// A ledger is what its lender anchors of a tree.
type ledger struct {
	origin [32]byte
	tree
}

func newLedger(origin string, marks ...uint64) ledger {
	return ledger{sha256.Sum256([]byte(origin)), tree{marks}}
}

// pack is the call that anchors the ledger at size, where it was anchored at last
// before: 0 for the first time.
func (r registry) pack(l ledger, last, size uint64) []byte {
	var root [32]byte
	if size > 0 {
		root = l.root(size)
	}
	if !r.strict {
		return NewAnchor().PackAnchor(l.origin, size, root)
	}
	var proof [][32]byte
	if 0 < last && last <= size {
		proof = hashes(l.consistency(last, size))
	}
	return NewStrictAnchor().PackAnchor(l.origin, size, root, proof)
}

// anchored sends what has to be accepted.
func (r registry) anchored(from *ecdsa.PrivateKey, l ledger, last, size uint64) *types.Receipt {
	r.t.Helper()
	receipt := r.send(from, r.address, r.pack(l, last, size))
	if receipt.Status != types.ReceiptStatusSuccessful {
		_, reverted := r.call(from, r.address, r.pack(l, last, size))
		r.t.Fatalf("%d after %d is refused: %#v", size, last, errorOf(r.t, reverted))
	}
	return receipt
}

func (r registry) head(from *ecdsa.PrivateKey, l ledger) HeadsHead {
	r.t.Helper()
	out, _ := r.call(from, r.address, NewAnchor().PackHead(address(from), l.origin))
	h, err := NewAnchor().UnpackHead(out)
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// events are all of the sender's ledger, in order, as a reader gets them who asks
// the chain for nothing else.
func (r registry) events(from *ecdsa.PrivateKey, l ledger) (out []*AnchorAnchored) {
	r.t.Helper()
	topic := NewAnchor().abi.Events["Anchored"].ID
	logs, err := r.client.FilterLogs(context.Background(), ethereum.FilterQuery{
		Addresses: []common.Address{r.address},
		Topics:    [][]common.Hash{{topic}, {common.BytesToHash(address(from).Bytes())}, {l.origin}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, log := range logs {
		e, err := NewAnchor().UnpackAnchoredEvent(&log)
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// slots are where a head lies in the contract's storage.
func slots(by common.Address, origin [32]byte) (root, rest common.Hash) {
	var zero common.Hash
	bySender := crypto.Keccak256(common.LeftPadBytes(by[:], 32), zero[:])
	at := crypto.Keccak256Hash(origin[:], bySender)
	return at, common.BigToHash(new(big.Int).Add(at.Big(), big.NewInt(1)))
}

// link is the history after an anchor, as the contract's comment defines it.
func link(before [24]byte, e *AnchorAnchored) (after [24]byte) {
	word := func(n uint64) []byte { return common.BigToHash(new(big.Int).SetUint64(n)).Bytes() }
	copy(after[:], crypto.Keccak256(common.RightPadBytes(before[:], 32),
		word(e.Size), e.Root[:], word(e.Number), word(e.Time), e.Parent[:]))
	return after
}
