// SPDX-License-Identifier: Apache-2.0

// Package ethtest has chains for tests: a simulated one under the rules of real
// ones, geth and anvil as processes, and a proxy that stands before any of them
// and lies.
package ethtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/params"

	"github.com/lendlog/lendlog/contracts"
)

// Lender and Stranger are keys that own a thousand ether each on every chain
// here. They are the same in every run.
var Lender, Stranger = Key("lender"), Key("stranger")

// Key makes the key of a name, which owns nothing until it is funded.
func Key(name string) *ecdsa.PrivateKey {
	h := sha256.Sum256([]byte(name))
	k, err := crypto.ToECDSA(h[:])
	if err != nil {
		panic(err)
	}
	return k
}

// Address is that of a key.
func Address(k *ecdsa.PrivateKey) common.Address { return crypto.PubkeyToAddress(k.PublicKey) }

// Ether is an amount in wei.
func Ether(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(params.Ether)) }

// A Chain is one that a test controls: it makes a block only when it is told to.
type Chain struct {
	URL    string // of its JSON-RPC over HTTP
	Client *ethclient.Client
	ID     *big.Int

	t    testing.TB
	mine func(n int)
}

// newChain connects with a chain that was started.
func newChain(t testing.TB, url string, mine func(n int)) *Chain {
	t.Helper()
	client, err := ethclient.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	c := &Chain{URL: url, Client: client, t: t, mine: mine}
	if c.ID, err = client.ChainID(context.Background()); err != nil {
		t.Fatal(err)
	}
	return c
}

// Mine makes so many blocks; the first takes what is in the pool.
func (c *Chain) Mine(n int) {
	c.t.Helper()
	c.mine(n)
}

// Head is the header of the newest block.
func (c *Chain) Head() *types.Header {
	c.t.Helper()
	return c.header("latest")
}

// Final is the header of the newest block that is final.
func (c *Chain) Final() *types.Header {
	c.t.Helper()
	return c.header("finalized")
}

func (c *Chain) header(tag string) (h *types.Header) {
	c.t.Helper()
	c.Call(&h, "eth_getBlockByNumber", tag, false)
	if h == nil {
		c.t.Fatalf("the chain has no block %q", tag)
	}
	return h
}

// Call calls a method of the chain. result is nil where the answer does not matter.
func (c *Chain) Call(result any, method string, args ...any) {
	c.t.Helper()
	if result == nil {
		result = new(json.RawMessage)
	}
	if err := c.Client.Client().CallContext(context.Background(), result, method, args...); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// Sign makes a transaction with the fees of a quiet chain, and room for a
// deployment under all rules.
func (c *Chain) Sign(from *ecdsa.PrivateKey, nonce uint64, to common.Address, wei *big.Int, data []byte) *types.Transaction {
	c.t.Helper()
	gas := uint64(400_000)
	if to == contracts.Factory {
		gas = 6_000_000
	}
	tx, err := types.SignNewTx(from, types.LatestSignerForChainID(c.ID), &types.DynamicFeeTx{
		ChainID: c.ID, Nonce: nonce, To: &to, Value: wei, Data: data, Gas: gas,
		GasTipCap: big.NewInt(2 * params.GWei), GasFeeCap: big.NewInt(150 * params.GWei),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return tx
}

// Send has a transaction mined, and gives its receipt.
func (c *Chain) Send(from *ecdsa.PrivateKey, to common.Address, wei *big.Int, data []byte) *types.Receipt {
	c.t.Helper()
	ctx := context.Background()
	nonce, err := c.Client.NonceAt(ctx, Address(from), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	tx := c.Sign(from, nonce, to, wei, data)
	if err := c.Client.SendTransaction(ctx, tx); err != nil {
		c.t.Fatal(err)
	}
	c.Mine(1)
	return c.Receipt(tx.Hash())
}

// Receipt is that of a transaction that was mined. A node may answer a moment
// later than it mines, also with an error.
func (c *Chain) Receipt(hash common.Hash) (r *types.Receipt) {
	c.t.Helper()
	for range 12_000 { // two minutes
		var err error
		if r, err = c.Client.TransactionReceipt(context.Background(), hash); err == nil {
			return r
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatalf("transaction %s was not mined", hash)
	return nil
}

// Deploy has the factory deploy a contract of this project.
func (c *Chain) Deploy(contract *bind.MetaData) {
	c.t.Helper()
	if r := c.Send(Stranger, contracts.Factory, nil, contracts.Deploy(contract)); r.Status != types.ReceiptStatusSuccessful {
		c.t.Fatalf("%s is not deployed", contract.ID)
	}
}

// Fund gives an account ether.
func (c *Chain) Fund(to common.Address, wei *big.Int) {
	c.t.Helper()
	if r := c.Send(Stranger, to, wei, nil); r.Status != types.ReceiptStatusSuccessful {
		c.t.Fatalf("%s is not funded", to)
	}
}

// Anchored are all events of a publisher's ledger in the contract, in order.
func (c *Chain) Anchored(contract, by common.Address, origin string) (out []*contracts.AnchorAnchored) {
	c.t.Helper()
	var logs []types.Log
	c.Call(&logs, "eth_getLogs", map[string]any{
		"address": contract, "fromBlock": "0x0", "toBlock": "latest",
		"topics": []common.Hash{
			crypto.Keccak256Hash([]byte("Anchored(address,bytes32,uint64,bytes32,uint64,uint64,bytes32,bytes24)")),
			common.BytesToHash(by[:]),
			sha256.Sum256([]byte(origin)),
		},
	})
	for _, l := range logs {
		e, err := contracts.NewAnchor().UnpackAnchoredEvent(&l)
		if err != nil {
			c.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}
