// SPDX-License-Identifier: Apache-2.0

package ethereum_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum/ethtest"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// anchoring runs a group beside a ledger on a chain that makes blocks, until the
// test ends or stop is called.
func anchoring(t *testing.T, l *ledgertest.Ledger, conf ethereum.Config, mine func()) (g *anchor.Group, stop func()) {
	t.Helper()
	s, err := ethereum.Open(conf, ethereum.Options{Name: "chain", Dir: t.TempDir(), Origin: l.Info().Origin, ConsistencyProof: l.ConsistencyProof})
	if err != nil {
		t.Fatal(err)
	}
	g, err = anchor.New(anchor.Config{Ledger: l.Ledger, Places: []anchor.Place{{
		Target: s, Kind: "ethereum", Testnet: true, Every: time.Millisecond, Observe: time.Millisecond, Poll: time.Millisecond,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := errors.Join(<-ran, s.Close()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	for range 3 {
		mine()
	}
	return g, stop
}

// anchored makes blocks until no record waits for an anchor, and all that there are
// were recorded.
func anchored(t *testing.T, l *ledgertest.Ledger, g *anchor.Group, mine func()) {
	t.Helper()
	rests := func() bool {
		mine()
		s := g.Status()[0]
		if !s.Waiting.IsZero() || s.Size != s.Final {
			return false
		}
		// An anchor is final before it is archived, and archived before it is
		// recorded.
		archived := l.AnchoredCount()
		if archived == 0 || sizeOf(t, l.Anchored()[archived-1]) != s.Final {
			return false
		}
		of, err := l.Timeline(t.Context(), "ledger", "anchors", 1, 1000)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil && len(of.Records) == archived
	}
	if !ledgertest.Comes(rests) {
		t.Fatalf("it does not come to rest: %+v", g.Status()[0])
	}
}

// sizeOf returns the size of the checkpoint that is anchored.
func sizeOf(t *testing.T, a proof.Anchored) int64 {
	t.Helper()
	text, _, _ := tree.SplitNote(a.Checkpoint)
	cp, err := tree.ParseCheckpoint(text)
	if err != nil {
		t.Fatal(err)
	}
	return cp.Size
}

// A ledger is anchored on a chain while it grows: each anchor is archived, recorded
// and proves the records under it to a stranger who knows the block; and the blocks
// that it saw bound the time of its records from the other side.
func TestLedgerIsAnchored(t *testing.T) {
	ledgerIsAnchored(t, false)
}

// So it is in a strict contract, to which the ledger's own proofs are shown.
func TestLedgerIsAnchoredStrictly(t *testing.T) {
	ledgerIsAnchored(t, true)
}

func ledgerIsAnchored(t *testing.T, strict bool) {
	ethtest.EachRules(t, func(t *testing.T, c *ethtest.SimulatedChain) {
		contract := &contracts.AnchorMetaData
		if strict {
			contract = &contracts.StrictAnchorMetaData
		}
		c.Deploy(contract)
		// Each block is a second of the chain's clock at least, which must not run away.
		mine := func() {
			if time.Until(time.Unix(int64(c.Head().Time), 0)) < 2*time.Minute {
				c.Mine(1)
			}
		}
		mine()
		l := ledgertest.New(t)
		conf := keyed(t, config(c.Chain, c.URL), "lender")
		conf.Strict = strict
		g, stop := anchoring(t, l, conf, mine)
		events := ledgertest.NewEvents(1)
		for range 3 {
			l.Submit(events.Take(10)...)
			anchored(t, l, g, mine)
		}
		stop()
		isAnchored(t, l, c.Chain, conf)
		ledgertest.Check(t, l.Stopped())
	})
}

// isAnchored holds what a ledger has of its anchors against a chain.
func isAnchored(t *testing.T, l *ledgertest.Ledger, c *ethtest.Chain, conf ethereum.Config) {
	t.Helper()
	var finals, blocks int
	var first *ledger.Record // that was recorded after a block was seen
	for i := range l.Head().Size {
		r, err := l.Record(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		e := r.Leaf.Entry
		if e == nil {
			continue
		}
		if blocks > 0 && first == nil && e.Type != record.TypeAnchorFinal && e.Type != record.TypeChainObserved {
			first = r
		}
		switch e.Type {
		case record.TypeAnchorFinal:
			finals++
		case record.TypeChainObserved:
			blocks++
		default:
			continue
		}
		number, _ := e.Open.Get("block")
		hash, _ := e.Open.Get("blockHash")
		at, _ := e.Open.Get("at")
		testnet, _ := e.Open.Get("testnet")
		h, err := c.Client.HeaderByNumber(t.Context(), big.NewInt(number.Int))
		if err != nil || chain.Hash(h.Hash()).String() != hash.Str || time.Unix(int64(h.Time), 0).UTC().Format(record.TimeLayout) != at.Str || !testnet.IsTrue() {
			t.Errorf("record %d says that block %d is %s of %s, a testnet: %v: %v, %v", i, number.Int, hash.Str, at.Str, testnet.IsTrue(), h, err)
		}
	}
	archive := l.Anchored()
	if finals < 3 || len(archive) != finals || blocks < 3 || first == nil {
		t.Fatalf("%d anchors are recorded and %d archived, %d blocks are recorded", finals, len(archive), blocks)
	}
	ev, err := l.Prove(t.Context(), first.Index, nil)
	if err != nil {
		t.Fatal(err)
	}
	trust := l.Trust()
	trust.Chains = []proof.Chain{{
		ID: c.ID.Uint64(), Testnet: true, Contract: chain.Address(dial(t, conf).Contract()),
		Publishers: []proof.Publisher{{Address: chain.Address(ethtest.Address(ethtest.Lender))}},
	}}
	trust.Confirm = func(_ uint64, b chain.Block) error {
		h, err := c.Client.HeaderByNumber(t.Context(), new(big.Int).SetUint64(b.Number))
		if err == nil && chain.Hash(h.Hash()) != b.Hash {
			err = proof.ErrOtherBlock
		}
		return err
	}
	if report := proof.Verify(trust, ev); report.Verdict != proof.Valid {
		t.Errorf("evidence is %v: %+v", report.Verdict, report.Checks)
	}
	trust.Confirm = func(uint64, chain.Block) error { return proof.ErrOtherBlock }
	if report := proof.Verify(trust, ev); report.Verdict != proof.Invalid {
		t.Errorf("evidence of another chain is %v", report.Verdict)
	}
	audit, err := ethereum.Audit{
		Publisher: ethtest.Address(ethtest.Lender), ConsistencyProof: l.ConsistencyProof,
		Head: headOf(l),
	}.Run(t.Context(), dial(t, conf))
	if err == nil {
		err = audit.Archived(archive)
	}
	if err != nil || !audit.Complete || len(audit.Anchors) != finals || len(audit.Findings) > 0 {
		t.Errorf("the audit finds %+v, %v", audit, err)
	}
}

// A chain that is down, and one on which the contract refuses, hold up nothing.
func TestAppendsWaitForNoChain(t *testing.T) {
	c := ethtest.Simulated(t, ethtest.Osaka)
	c.Deploy(&contracts.AnchorMetaData)
	c.Mine(1)
	p := ethtest.NewProxy(t, c.URL)
	l := ledgertest.New(t)
	p.Set("*", ethtest.Stall)
	conf := keyed(t, config(c.Chain, p.URL), "lender")
	conf.Timeout = time.Minute
	_, stop := anchoring(t, l, conf, func() { c.Mine(1) })
	l.Submit(ledgertest.NewEvents(1).Take(50)...)
	p.Clear()
	stop()
	if n := len(l.Anchored()); n != 0 {
		t.Error(fmt.Sprint(n, " anchors came through a wall"))
	}
}

func headOf(l *ledgertest.Ledger) tree.Checkpoint {
	h := l.Head()
	return tree.Checkpoint{Origin: l.Info().Origin, Size: h.Size, Root: h.Root}
}
