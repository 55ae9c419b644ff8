// SPDX-License-Identifier: Apache-2.0

package ethtest

import (
	"context"
	"crypto/sha256"
	"math/big"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/lendlog/lendlog/contracts"
)

const origin = "rig.test/1"

// check has a chain deploy, anchor, and say so.
func check(t *testing.T, c *Chain) *types.Receipt {
	t.Helper()
	c.Deploy(&contracts.AnchorMetaData)
	code, err := c.Client.CodeAt(context.Background(), contracts.AnchorDeployment.Address, nil)
	if err != nil || crypto.Keccak256Hash(code) != contracts.AnchorDeployment.CodeHash {
		t.Fatalf("another code is deployed, %d bytes: %v", len(code), err)
	}
	c.Fund(Address(Key("third")), Ether(1))
	r := c.Send(Lender, contracts.AnchorDeployment.Address, nil, anchor(7))
	if r.Status != types.ReceiptStatusSuccessful {
		t.Fatal("the anchor is refused")
	}
	if e := c.Anchored(contracts.AnchorDeployment.Address, Address(Lender), origin); len(e) != 1 || e[0].Size != 7 {
		t.Fatalf("the chain says %v", e)
	}
	return r
}

func anchor(size uint64) []byte {
	return contracts.NewAnchor().PackAnchor(sha256.Sum256([]byte(origin)), size, common.Hash{byte(size)})
}

func TestSimulated(t *testing.T) {
	EachRules(t, func(t *testing.T, s *SimulatedChain) {
		r := check(t, s.Chain)
		head := s.Head().Number.Uint64()
		if final := s.Final().Number.Uint64(); final != head-s.Lag {
			t.Fatalf("of %d blocks %d are final", head, final)
		}
		s.Finalize(1)
		if final := s.Final().Number.Uint64(); final != 1 {
			t.Fatalf("what is final went to %d", final)
		}
		s.Unfinalize()
		if _, err := s.Client.HeaderByNumber(context.Background(), big.NewInt(-3)); err == nil {
			t.Fatal("a chain that has nothing final says what is")
		}

		// The anchor comes again, in another block.
		s.Reorg(1, false)
		if got := s.Pending(); len(got) != 1 || got[0].Hash() != r.TxHash {
			t.Fatalf("after a reorganization %d transactions wait", len(got))
		}
		s.Mine(1)
		again := s.Receipt(r.TxHash)
		if again.BlockNumber.Cmp(r.BlockNumber) != 0 || again.BlockHash == r.BlockHash {
			t.Fatal("the block is the same after a reorganization")
		}

		// It does not.
		s.Reorg(1, true)
		s.Mine(2)
		if _, err := s.Client.TransactionReceipt(context.Background(), r.TxHash); err == nil {
			t.Fatal("a lost transaction was mined")
		}

		tx := s.Sign(Lender, 0, Address(Stranger), big.NewInt(1), nil)
		if err := s.Client.SendTransaction(context.Background(), tx); err != nil {
			t.Fatal(err)
		}
		s.Evict()
		if len(s.Pending()) != 0 {
			t.Fatal("a transaction was not evicted")
		}
	})
}

// The node is at work for a client that hung up, and no blocks are taken back meanwhile.
func TestHangUp(t *testing.T) {
	s := Simulated(t, Osaka)
	s.Mine(1)
	tx := s.Sign(Lender, 0, Address(Stranger), big.NewInt(1), nil)
	for range 300 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(2000))*time.Microsecond)
		_ = s.Client.SendTransaction(ctx, tx)
		cancel()
		s.Reorg(0, true)
	}
}

func TestGenesis(t *testing.T) {
	s := Simulated(t, Osaka, NoFactory, ChainID(560048), BaseFee(1e11))
	if s.ID.Int64() != 560048 {
		t.Fatalf("the chain has the id %v", s.ID)
	}
	if code, err := s.Client.CodeAt(context.Background(), contracts.Factory, nil); err != nil || len(code) > 0 {
		t.Fatalf("the factory is there: %v", err)
	}
	s.Mine(1)
	if f := s.Head().BaseFee.Int64(); f < 1e10 || f > 1e11 {
		t.Fatalf("the base fee is %d", f)
	}
}

// Each fault is what a client sees, and the proxy says nothing else.
func TestProxy(t *testing.T) {
	s := Simulated(t, Osaka)
	p := NewProxy(t, s.URL)
	client, err := ethclient.Dial(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	number := func(patience time.Duration) (uint64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return client.BlockNumber(ctx)
	}
	s.Mine(2)
	blocks := s.Head().Number.Uint64() // a chain that begins may take one more
	for name, c := range map[string]struct {
		fault Fault
		want  string
	}{
		"none":     {nil, ""},
		"stall":    {Stall, "deadline exceeded"},
		"drop":     {Drop, "EOF"},
		"swallow":  {Swallow, "EOF"},
		"HTML":     {HTML(http.StatusOK), "invalid character '<'"},
		"HTML 503": {HTML(http.StatusServiceUnavailable), "503"},
		"fail":     {Fail(-32000, "try again"), "try again"},
		"second":   {Times(1, Drop), "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			p.Clear()
			p.Set("eth_blockNumber", c.fault)
			patience := time.Minute
			if name == "stall" {
				patience = time.Second
			}
			n, err := number(patience)
			if c.want == "" && (err != nil || n != blocks) {
				t.Fatalf("%d, %v", n, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("want %q, got %v", c.want, err)
			}
			if name == "second" {
				if n, err := number(time.Minute); err != nil || n != blocks {
					t.Fatalf("the second time: %d, %v", n, err)
				}
			}
		})
	}

	p.Clear()
	p.Set("eth_blockNumber", Lie(func(string) string { return "0x7" }))
	if n, err := number(time.Minute); err != nil || n != 7 {
		t.Fatalf("a lie: %d, %v", n, err)
	}
	p.Set("eth_getBlockByNumber", Only(Forget, "finalized"))
	if _, err := client.HeaderByNumber(context.Background(), big.NewInt(-3)); err == nil {
		t.Fatal("the proxy does not forget what is final")
	}
	if _, err := client.HeaderByNumber(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	other := Simulated(t, Osaka, ChainID(5))
	p.Point(other.URL)
	if id, err := client.ChainID(context.Background()); err != nil || id.Int64() != 5 {
		t.Fatalf("the other chain has the id %v, %v", id, err)
	}
	if p.Calls("eth_chainId") != 1 {
		t.Fatalf("eth_chainId was called %d times", p.Calls("eth_chainId"))
	}
}

// What was sent is kept also when the chain never got it, and held against what
// was sent before.
func TestSent(t *testing.T) {
	s := Simulated(t, Osaka)
	p := NewProxy(t, s.URL)
	client, err := ethclient.Dial(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p.Set("eth_sendRawTransaction", Drop)
	first, second := s.Sign(Lender, 0, Address(Stranger), nil, []byte{1}), s.Sign(Lender, 0, Address(Stranger), nil, []byte{2})
	for _, tx := range []*types.Transaction{first, second} {
		if err := client.SendTransaction(context.Background(), tx); err == nil {
			t.Fatal("it is dropped, and there is no error")
		}
	}
	sent := p.Sent()
	if len(sent) != 2 || sent[0].Hash() != first.Hash() {
		t.Fatalf("%d were sent", len(sent))
	}
	failed := &recorder{TB: t}
	OneAnchorPerNonce(failed, sent)
	if !failed.failed {
		t.Fatal("two things at one nonce were not found")
	}
	OneAnchorPerNonce(t, []*types.Transaction{first, first, s.Sign(Lender, 1, Address(Stranger), nil, []byte{2})})
}

// A recorder notes that a test would have failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
