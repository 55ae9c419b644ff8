// SPDX-License-Identifier: Apache-2.0

//go:build long

package ethereum_test

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/params"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum/ethtest"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// On anvil, a program of others, everything happens too.
func init() {
	worlds["anvil"] = func(t *testing.T) world {
		c := ethtest.Anvil(t)
		return world{
			Chain: c.Chain, final: 64,
			lose:  func(_ *testing.T, depth int) { c.Reorg(uint64(depth)); c.Mine(1) },
			evict: func(*testing.T) { c.Call(nil, "anvil_dropAllTransactions") },
		}
	}
}

// One transaction is taken out of the pool, as a full one does.
func TestAnvilDrops(t *testing.T) {
	c := ethtest.Anvil(t)
	r := newRig(t, c.Chain, 1)
	r.submit(5)
	r.in("sent")
	sent := r.proxies[0].Sent()
	c.Drop(sent[len(sent)-1])
	c.Mine(1)
	r.settle(5)
	r.end()
}

// The base fee rises above what was offered, and above the ceiling, and falls
// again.
func TestAnvilSpike(t *testing.T) {
	c := ethtest.Anvil(t)
	r := newRig(t, c.Chain, 1)
	r.submit(5)
	r.in("sent")
	for range 12 {
		c.SetBaseFee(big.NewInt(15 * params.GWei))
		c.Mine(1)
		_ = r.poll()
	}
	if n := len(r.sent()); n < 2 && r.Status().State == "sent" {
		t.Errorf("%d different transactions were sent", n)
	}
	for range 12 {
		c.SetBaseFee(big.NewInt(500 * params.GWei))
		c.Mine(1)
		_ = r.poll()
	}
	r.settle(5)
	r.submit(9)
	c.SetBaseFee(big.NewInt(500 * params.GWei))
	c.Mine(1)
	r.degraded("over fees.maxFeeGwei")
	r.settle(9)
	for _, tx := range r.proxies[0].Sent() {
		if tx.GasFeeCap().Cmp(big.NewInt(20*params.GWei)) > 0 {
			t.Errorf("%v wei are offered", tx.GasFeeCap())
		}
	}
	r.end()
}

// A real geth makes blocks, is started again, and takes blocks back.
func TestGeth(t *testing.T) {
	c := ethtest.GethDev(t, "")
	n, signer := deploying(t, c.Chain, c.URL, "stranger")
	for _, strict := range []bool{false, true} {
		if d, err := ethereum.Deploy(t.Context(), n, signer, strict); err != nil || d.Elsewhere || d.Already {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	r := newRig(t, c.Chain, 2)
	r.submit(5)
	r.settle(5)
	r.submit(9)
	r.open()
	r.settle(9)
	r.end()

	// What was not final is taken back, and with it what is.
	before := c.Head().Number.Uint64()
	r.submit(12)
	if !ledgertest.Comes(func() bool { _ = r.poll(); return r.Status().State == "mined" }) {
		t.Fatalf("%+v", r.Status())
	}
	c.SetHead(before)
	for range 5 {
		_ = r.poll()
	}
	r.settle(12)
	r.alarms = r.Status().Alarms // geth forgets what is final
	r.end()
	if code, err := c.Client.CodeAt(t.Context(), contracts.StrictAnchorDeployment.Address, nil); err != nil || len(code) == 0 {
		t.Errorf("%d bytes, %v", len(code), err)
	}
}
