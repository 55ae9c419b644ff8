// SPDX-License-Identifier: Apache-2.0

package ethereum_test

import (
	"context"
	"math/big"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/params"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum/ethtest"
)

// A world is a chain with what can happen on it.
type world struct {
	*ethtest.Chain
	final uint64                        // so many blocks are not final
	lose  func(t *testing.T, depth int) // takes back blocks and loses what was in them
	evict func(t *testing.T)            // takes what waits out of the pool
}

// worlds are the chains on which everything happens; there are more in long tests.
var worlds = map[string]func(*testing.T) world{
	"osaka":     func(t *testing.T) world { return simulatedWorld(t, ethtest.Osaka) },
	"amsterdam": func(t *testing.T) world { return simulatedWorld(t, ethtest.Amsterdam) },
}

func simulatedWorld(t *testing.T, rules *params.ChainConfig) world {
	s := ethtest.Simulated(t, rules)
	return world{
		Chain: s.Chain, final: s.Lag,
		lose:  func(_ *testing.T, depth int) { s.Reorg(uint64(depth), true); s.Mine(depth + 1) },
		evict: func(*testing.T) { s.Evict() },
	}
}

func eachWorld(t *testing.T, test func(*testing.T, world)) {
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) { test(t, w(t)) })
	}
}

// What was in a block that is not on the chain any more is sent again, as it was.
func TestReorgBeforeFinality(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		r := newRig(t, w.Chain, 2)
		r.submit(5)
		r.in("sent")
		r.chain.Mine(1)
		r.in("mined")
		r.submit(9) // which does not change what is under way
		w.lose(t, 1)
		r.open()
		r.settle(9)
		r.end()
		if d := sizesOf(r); !slices.Equal(d, []uint64{5, 9}) {
			t.Errorf("anchored are %v", d)
		}
	})
}

func sizesOf(r *rig) (out []uint64) {
	for _, e := range r.chain.Anchored(contracts.AnchorDeployment.Address, r.Address(), r.origin) {
		out = append(out, e.Size)
	}
	return out
}

// Where the chain takes back what was final, that is said, and the ledger is
// anchored anew once somebody has looked into it.
func TestReorgAfterFinality(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		r := newRig(t, w.Chain, 1)
		before := r.chain.Head().Number.Uint64()
		r.submit(5)
		r.settle(5)
		w.lose(t, int(r.chain.Head().Number.Uint64()-before))
		r.chain.Mine(int(w.final) + 1)
		r.submit(9)
		_ = r.poll()
		r.alarm("was final, and is not on the chain any more")
		r.alarm("lost the anchor of 5 records that was final")
		r.degraded("look at the endpoints, and resume")
		if err := r.Resume(); err != nil {
			t.Fatal(err)
		}
		r.open()
		r.settle(9)
		r.alarms = append(r.alarms, r.Status().Alarms...)
		r.reused = true // the chain gave a nonce back that was final
		r.end("missing 5")
	})
}

// What a pool lost is sent again.
func TestEvicted(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		r := newRig(t, w.Chain, 2)
		r.submit(5)
		r.in("sent")
		w.evict(t)
		r.chain.Mine(1)
		r.settle(5)
		r.end()
		if n := len(r.sent()); n != 1 {
			t.Errorf("%d different transactions were sent", n)
		}
	})
}

// A stranger with our key takes our nonce: that is an alarm, and the checkpoint
// is anchored with the next one.
func TestReplacedByStranger(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		r := newRig(t, w.Chain, 1)
		r.submit(5)
		r.in("sent")
		w.evict(t)
		w.Send(ethtest.Lender, ethtest.Address(ethtest.Stranger), big.NewInt(1), nil)
		r.settle(5)
		r.alarm("took nonce")
		r.end()
		if n := len(r.sent()); n < 2 {
			t.Errorf("%d different transactions were sent", n)
		}
	})
}

// What is offered too little for is offered more, step by step, and is never
// another thing.
func TestStuck(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		r := newRig(t, w.Chain, 1)
		// The endpoint says that it took it, and forgets it.
		r.each("eth_sendRawTransaction", ethtest.Times(6, ethtest.Say("0x0000000000000000000000000000000000000000000000000000000000000001")))
		r.submit(5)
		r.settle(5)
		r.end()
		txs := r.proxies[0].Sent()
		last := txs[len(txs)-1]
		for _, tx := range txs {
			if tx.Hash() == last.Hash() {
				continue
			}
			for _, p := range [][2]*big.Int{{tx.GasTipCap(), last.GasTipCap()}, {tx.GasFeeCap(), last.GasFeeCap()}} {
				if least := new(big.Int).Div(new(big.Int).Mul(p[0], big.NewInt(110)), big.NewInt(100)); p[1].Cmp(least) < 0 {
					t.Errorf("%v is offered after %v", p[1], p[0])
				}
			}
		}
	})
}

// What no endpoint takes is offered more for, too.
func TestNobodyTakes(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	r := newRig(t, s.Chain, 1)
	r.each("eth_sendRawTransaction", ethtest.Fail(-32000, "transaction underpriced"))
	r.submit(5)
	r.degraded("no endpoint takes the transaction")
	s.Mine(6)
	_ = r.poll()
	if n := len(r.sent()); n != 2 {
		t.Errorf("%d different transactions were sent", n)
	}
	r.clear()
	r.settle(5)
	r.end()
}

// Too little gas was said to be enough.
func TestGasLie(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Amsterdam)
	r := newRig(t, s.Chain, 1)
	r.each("eth_estimateGas", ethtest.Times(1, ethtest.Say("0x0")))
	r.submit(5)
	r.settle(5)
	r.end()
}

// Above the ceiling it is waited, and below it gone on.
func TestSpike(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka, ethtest.BaseFee(100*params.GWei))
	r := newRig(t, s.Chain, 1)
	r.submit(5)
	r.degraded("over fees.maxFeeGwei")
	if n := len(r.sent()); n != 0 {
		t.Errorf("%d transactions were sent", n)
	}
	r.settle(5)
	for _, tx := range r.proxies[0].Sent() {
		if tx.GasFeeCap().Cmp(big.NewInt(20*params.GWei)) > 0 {
			t.Errorf("%v wei are offered", tx.GasFeeCap())
		}
	}
	r.end()
}

// An endpoint that is on another chain, or has other code, is not used.
func TestWrongChain(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	other := ethtest.Simulated(t, ethtest.Osaka, ethtest.ChainID(4711))
	same := ethtest.Simulated(t, ethtest.Osaka) // of the same id, without the contract
	r := newRig(t, s.Chain, 1)
	for name, c := range map[string]struct {
		wrong func()
		want  string
	}{
		"another id":   {func() { r.proxies[0].Point(other.URL) }, "is on chain 4711"},
		"no contract":  {func() { r.proxies[0].Point(same.URL) }, "has no contract"},
		"another code": {func() { r.each("eth_getCode", ethtest.Say("0x6001")) }, "another one"},
		"a pinned block": {func() {
			r.conf.Block.Number, r.conf.Block.Hash = 1, "0x"+"11"+"00000000000000000000000000000000000000000000000000000000000000"
		}, "another network"},
		"no pinned block": {func() {
			r.conf.Block.Number, r.conf.Block.Hash = 1e6, "0x"+"11"+"00000000000000000000000000000000000000000000000000000000000000"
		}, "not in step yet"},
	} {
		t.Run(name, func(t *testing.T) {
			r.t = t
			r.open()
			c.wrong()
			r.open()
			r.submit(5)
			r.degraded(c.want)
			if n := len(r.proxies[0].Sent()); n != 0 {
				t.Errorf("%d transactions were sent", n)
			}
			r.clear()
			r.proxies[0].Point(s.URL)
			r.conf.Block.Number, r.conf.Block.Hash = 0, ""
		})
	}
	r.t = t
	r.open()
	r.settle(5)
	r.end()
}

// What is final is waited for where the endpoint does not know it, and taken from
// nothing else.
func TestNoFinality(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	r := newRig(t, s.Chain, 1)
	r.submit(5)
	r.in("sent")
	s.Mine(1)
	r.in("mined")
	for name, f := range map[string]ethtest.Fault{
		"null":  ethtest.Only(ethtest.Forget, "finalized"),
		"error": ethtest.Only(ethtest.Fail(-39001, "finalized block not found"), "finalized"),
	} {
		r.each("eth_getBlockByNumber", f)
		for range 20 {
			s.Mine(1)
			_ = r.poll()
			if r.Status().State != "mined" {
				t.Fatalf("%s: it is %s", name, r.Status().State)
			}
		}
	}
	r.clear()
	r.settle(5)
	r.end()
}

// What is final goes back: an alarm, and nothing else.
func TestFinalityBack(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	r := newRig(t, s.Chain, 1)
	s.Mine(10)
	r.submit(5)
	r.in("sent")
	s.Mine(1)
	s.Finalize(1)
	_ = r.poll()
	r.alarm("finality went back")
	s.Unfinalize()
	_ = r.poll()
	r.settle(5)
	r.end()
}

// A liar among three endpoints says, at every turn, that the anchor is not there,
// or that it is somewhere else. The other two are enough.
func TestLiars(t *testing.T) {
	zero := "0x" + string(slices.Repeat([]byte("0"), 64))
	object := func(change func(map[string]any)) ethtest.Fault {
		return ethtest.Lie(func(v map[string]any) map[string]any { change(v); return v })
	}
	s := ethtest.Simulated(t, ethtest.Osaka)
	r := newRig(t, s.Chain, 3)
	r.conf.Timeout = time.Second
	n := 0
	for name, lie := range map[string]map[string]ethtest.Fault{
		"no receipt":       {"eth_getTransactionReceipt": ethtest.Forget},
		"another block":    {"eth_getTransactionReceipt": object(func(v map[string]any) { v["blockHash"] = zero })},
		"another number":   {"eth_getTransactionReceipt": object(func(v map[string]any) { v["blockNumber"] = "0x1" })},
		"failed":           {"eth_getTransactionReceipt": object(func(v map[string]any) { v["status"] = "0x0" })},
		"another index":    {"eth_getTransactionReceipt": object(func(v map[string]any) { v["transactionIndex"] = "0x5" })},
		"other receipts":   {"eth_getBlockReceipts": ethtest.Lie(func(v []map[string]any) []map[string]any { v[0]["status"] = "0x0"; return v })},
		"no receipts":      {"eth_getBlockReceipts": ethtest.Say([]any{})},
		"pruned receipts":  {"eth_getBlockReceipts": ethtest.Lie(func(v []any) []any { return make([]any, len(v)) })},
		"another header":   {"eth_getBlockByNumber": object(func(v map[string]any) { v["hash"] = zero })},
		"another parent":   {"eth_getBlockByNumber": object(func(v map[string]any) { v["parentHash"] = zero })},
		"nothing is final": {"eth_getBlockByNumber": ethtest.Only(ethtest.Forget, "finalized")},
		"the head is 0":    {"eth_call": ethtest.Say("0x" + string(slices.Repeat([]byte("0"), 192)))},
		"the head is 1s":   {"eth_call": ethtest.Say("0x" + string(slices.Repeat([]byte("1"), 192)))},
		"no nonce":         {"eth_getTransactionCount": ethtest.Say("0x0")},
		"a high nonce":     {"eth_getTransactionCount": ethtest.Say("0xffff")},
		"no logs":          {"eth_getLogs": ethtest.Say([]any{})},
		"no gas":           {"eth_estimateGas": ethtest.Say("0x1")},
		"dear gas":         {"eth_feeHistory": object(func(v map[string]any) { v["baseFeePerGas"] = []string{"0xffffffffffffff"} })},
		"free gas":         {"eth_feeHistory": object(func(v map[string]any) { v["baseFeePerGas"], v["reward"] = []string{"0x0"}, [][]string{} })},
		"poor":             {"eth_getBalance": ethtest.Say("0x0")},
		"takes nothing":    {"eth_sendRawTransaction": ethtest.Fail(-32000, "nonce too low")},
		"pages":            {"*": ethtest.HTML(http.StatusOK)},
		"busy":             {"*": ethtest.HTML(http.StatusTooManyRequests)},
		"gone":             {"*": ethtest.Drop},
		"stalls":           {"*": ethtest.Stall},
		"floods":           {"eth_getBlockReceipts": ethtest.Huge},
	} {
		t.Run(name, func(t *testing.T) {
			r.t = t
			r.rename(n)
			n++
			for method, f := range lie {
				r.proxies[0].Set(method, f)
			}
			r.submit(5)
			r.settle(5)
			r.submit(9)
			r.open()
			r.settle(9)
			r.end()
			r.clear()
		})
	}
	r.t = t
}

// Endpoints that do not agree finalize nothing.
func TestDisagreement(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	other := ethtest.Simulated(t, ethtest.Osaka)
	other.Deploy(&contracts.AnchorMetaData)
	r := newRig(t, s.Chain, 2)
	r.submit(5)
	r.in("sent")
	r.chain.Mine(1)
	r.in("mined")
	r.proxies[1].Point(other.URL) // of the same id, and with the contract
	other.Mine(30)
	for range 10 {
		s.Mine(1)
		_ = r.poll()
		if st := r.Status().State; st == "final" {
			t.Fatalf("it is %s", st)
		}
	}
	r.proxies[1].Point(s.URL)
	r.settle(5)
	r.alarms = r.Status().Alarms // of the time when what it read from was another chain
	r.end()
}

// A wrong clock is told of, and nothing rests on it.
func TestClockSkew(t *testing.T) {
	for name, off := range map[string]time.Duration{"behind": -30 * 24 * time.Hour, "ahead": 30 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := ethtest.Simulated(t, ethtest.Osaka)
			r := newRig(t, s.Chain, 1)
			r.opt.Now = func() time.Time { return time.Now().Add(off) }
			r.open()
			r.submit(5)
			r.settle(5)
			r.end()
			if d := time.Since(r.Status().FinalTime).Abs(); d > 24*time.Hour {
				t.Errorf("the anchor is of %v", r.Status().FinalTime)
			}
		})
	}
}

// Both sides of the moment in which the answer to a transaction is lost.
func TestAnswerLost(t *testing.T) {
	for name, f := range map[string]ethtest.Fault{"after": ethtest.Swallow, "before": ethtest.Drop} {
		t.Run(name, func(t *testing.T) {
			s := ethtest.Simulated(t, ethtest.Osaka)
			r := newRig(t, s.Chain, 1)
			r.each("eth_sendRawTransaction", func(ctx context.Context, c ethtest.Call, next func() ethtest.Reply) ethtest.Reply {
				return f(ctx, c, next)
			})
			r.submit(5)
			for range 3 {
				_ = r.poll()
				r.open()
			}
			r.clear()
			r.settle(5)
			r.end()
			if n := len(r.sent()); n != 1 {
				t.Errorf("%d different transactions were sent", n)
			}
		})
	}
}
