// SPDX-License-Identifier: Apache-2.0

//go:build long

package ethtest

import (
	"context"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/params"

	"github.com/lendlog/lendlog/contracts"
)

func TestAnvil(t *testing.T) {
	c := Anvil(t)
	r := check(t, c.Chain)
	c.Reorg(1)
	if _, err := c.Client.TransactionReceipt(context.Background(), r.TxHash); err == nil {
		t.Fatal("a transaction that was reorganized away is still mined")
	}
	c.Mine(1)
	if e := c.Anchored(contracts.AnchorDeployment.Address, Address(Lender), origin); len(e) != 0 {
		t.Fatal("what is reorganized away is not lost")
	}
	nonce, err := c.Client.NonceAt(context.Background(), Address(Lender), nil)
	if err != nil {
		t.Fatal(err)
	}
	tx := c.Sign(Lender, nonce, contracts.AnchorDeployment.Address, nil, anchor(8))
	if err := c.Client.SendTransaction(context.Background(), tx); err != nil {
		t.Fatal(err)
	}
	c.Drop(tx)
	c.SetBaseFee(big.NewInt(77 * params.GWei))
	c.Mine(1)
	if _, err := c.Client.TransactionReceipt(context.Background(), tx.Hash()); err == nil {
		t.Fatal("a transaction that was evicted is mined")
	}
	if f := c.Head().BaseFee; f.Cmp(big.NewInt(77*params.GWei)) != 0 {
		t.Fatalf("the base fee is %v", f)
	}
	c.Mine(100)
	if behind := c.Head().Number.Uint64() - c.Final().Number.Uint64(); behind != 64 {
		t.Fatalf("what is final is %d blocks behind", behind)
	}
}

func TestGeth(t *testing.T) {
	c := GethDev(t, "")
	check(t, c.Chain)
	c.Mine(32)
	if n := c.Final().Number.Uint64(); n != 32 {
		t.Fatalf("block %d is final", n)
	}
	c.SetHead(2)
	if n := c.Head().Number.Uint64(); n != 2 {
		t.Fatalf("the head is %d", n)
	}
	c.Mine(1)
	if n := c.Final().Number.Uint64(); n != 0 {
		t.Fatalf("after blocks were taken back block %d is final", n)
	}
}
