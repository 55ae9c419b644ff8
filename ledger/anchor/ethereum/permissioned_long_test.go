// SPDX-License-Identifier: Apache-2.0

//go:build long

package ethereum_test

import (
	"maps"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum/ethtest"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// Where a public chain is not allowed the same contract runs on a permissioned one,
// whose blocks cost nothing: a geth with a base fee of zero.
func TestPermissioned(t *testing.T) {
	rich := types.Account{Balance: ethtest.Ether(1000)}
	genesis := &core.Genesis{
		Config: ethtest.Osaka, GasLimit: 60_000_000, BaseFee: new(big.Int), Difficulty: new(big.Int),
		Alloc: types.GenesisAlloc{
			ethtest.Address(ethtest.Lender): rich, ethtest.Address(ethtest.Stranger): rich,
			common.HexToAddress("0x71562b71999873DB5b286dF957af199Ec94617F7"): rich, // geth's own for development
		},
	}
	maps.Copy(genesis.Alloc, core.SystemContractAllocs())
	dir := t.TempDir()
	ethtest.InitGeth(t, dir, genesis)
	c := ethtest.GethDev(t, dir)
	c.Deploy(&contracts.AnchorMetaData)
	conf := keyed(t, config(c.Chain, c.URL), "lender")
	conf.Finality = "1" // whoever runs a permissioned chain says when a block is final
	mine := func() { c.Mine(1) }
	l := ledgertest.New(t)
	g, stop := anchoring(t, l, conf, mine)
	events := ledgertest.NewEvents(1)
	for range 3 {
		l.Submit(events.Take(10)...)
		anchored(t, l, g, mine)
	}
	stop()
	if h := c.Head(); h.BaseFee.Sign() != 0 {
		t.Errorf("the base fee is %v", h.BaseFee)
	}
	isAnchored(t, l, c.Chain, conf)
	ledgertest.Check(t, l.Stopped())
}
