// SPDX-License-Identifier: Apache-2.0

package ethtest

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/txpool"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
)

// Osaka are the rules of mainnet and of Hoodi, a testnet, Amsterdam those of
// Sepolia, a testnet. What go-ethereum takes for its development chains when
// nothing is said is a mixture that no chain has.
var Osaka, Amsterdam = rules(nil), rules(new(uint64))

func rules(amsterdam *uint64) *params.ChainConfig {
	c := *params.AllDevChainProtocolChanges
	c.BogotaTime, c.AmsterdamTime = nil, amsterdam
	return &c
}

// EachRules runs a test on a chain of its own under the rules of each real chain; in
// the short form, of one by chance.
func EachRules(t *testing.T, test func(*testing.T, *SimulatedChain)) {
	t.Helper()
	only := rand.IntN(2)
	for n, name := range []string{"osaka", "amsterdam"} {
		if scale.Long || n == only {
			t.Run(name, func(t *testing.T) { test(t, Simulated(t, []*params.ChainConfig{Osaka, Amsterdam}[n])) })
		}
	}
}

// A SimulatedChain is the node of go-ethereum, in this process.
type SimulatedChain struct {
	*Chain
	// Lag is by how many blocks what is final is behind the newest one, after
	// Mine, unless it was nearer before. It is 3 unless a test sets it.
	Lag uint64

	eth    *eth.Ethereum
	beacon *catalyst.SimulatedBeacon

	busy  sync.RWMutex // held while blocks are made, and for each call
	final uint64       // the newest block that is, guarded by busy
}

// Simulated starts a chain with the factory of deterministic deployments. change
// may change its genesis.
func Simulated(t testing.TB, rules *params.ChainConfig, change ...func(*core.Genesis)) *SimulatedChain {
	t.Helper()
	log.SetDefault(log.NewLogger(slog.NewTextHandler(io.Discard, nil)))
	rich := types.Account{Balance: Ether(1000)}
	genesis := &core.Genesis{
		Config:   rules,
		GasLimit: ethconfig.Defaults.Miner.GasCeil,
		Alloc:    types.GenesisAlloc{Address(Lender): rich, Address(Stranger): rich},
	}
	maps.Copy(genesis.Alloc, core.SystemContractAllocs())
	for _, f := range change {
		f(genesis)
	}
	conf := ethconfig.Defaults
	conf.Genesis, conf.SyncMode = genesis, ethconfig.FullSync
	conf.TxPool.NoLocals, conf.LogNoHistory = true, true

	host := node.DefaultConfig
	host.DataDir, host.P2P = "", p2p.Config{NoDiscovery: true}
	host.HTTPHost, host.HTTPPort = "127.0.0.1", 0
	host.HTTPModules = []string{"eth", "net", "web3", "debug"}
	stack, err := node.New(&host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	backend, err := eth.New(stack, &conf)
	if err != nil {
		t.Fatal(err)
	}
	stack.RegisterAPIs([]rpc.API{{
		Namespace: "eth",
		Service:   filters.NewFilterAPI(filters.NewFilterSystem(backend.APIBackend, filters.Config{})),
	}})
	if err := stack.Start(); err != nil {
		t.Fatal(err)
	}
	s := &SimulatedChain{Lag: 3, eth: backend}
	if s.beacon, err = catalyst.NewSimulatedBeacon(0, common.Address{}, backend); err != nil {
		t.Fatal(err)
	}
	s.Chain = newChain(t, s.door(t, stack.HTTPEndpoint()), func(n int) {
		s.busy.Lock()
		defer s.busy.Unlock()
		for range n {
			s.beacon.Commit()
		}
		for i := range 1000 {
			if backend.BlockChain().TxIndexDone() {
				break
			}
			if i%100 == 99 {
				s.beacon.Commit() // the node indexes at a new block, and now and then misses its first
			}
			time.Sleep(time.Millisecond)
		}
		head := backend.BlockChain().CurrentBlock().Number.Uint64()
		s.finalize(max(s.final, head-min(head, s.Lag)))
	})
	s.Finalize(0)
	return s
}

// door has nobody ask while blocks are made or taken back, for then something
// else is final for a moment. The node goes on with a call when its client hangs up,
// so a call lasts until the node has answered it.
func (s *SimulatedChain) door(t testing.TB, to string) (url string) {
	t.Helper()
	u, err := neturl.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) } // who asked hung up
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.busy.RLock()
		defer s.busy.RUnlock()
		// One that can be canceled, or the proxy looks for itself whether the client is there.
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		defer cancel()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Finalize says which block is final, also an earlier one than before.
func (s *SimulatedChain) Finalize(number uint64) {
	s.t.Helper()
	s.busy.Lock()
	defer s.busy.Unlock()
	s.finalize(number)
}

func (s *SimulatedChain) finalize(number uint64) {
	s.t.Helper()
	h := s.eth.BlockChain().GetHeaderByNumber(number)
	if h == nil {
		s.t.Fatalf("the chain has no block %d", number)
	}
	s.final = number
	s.eth.BlockChain().SetFinalized(h)
	s.eth.BlockChain().SetSafe(h)
}

// Unfinalize has the chain forget what is final, as a node does that starts.
func (s *SimulatedChain) Unfinalize() {
	s.busy.Lock()
	defer s.busy.Unlock()
	s.final = 0
	s.eth.BlockChain().SetFinalized(nil)
	s.eth.BlockChain().SetSafe(nil)
}

// Reorg takes back the newest blocks, final ones too. Their transactions are in the pool again,
// with those that were there, unless they are lost. The next block is another
// one than there was at its height.
func (s *SimulatedChain) Reorg(depth uint64, lost bool) {
	s.t.Helper()
	s.busy.Lock()
	defer s.busy.Unlock()
	pool := s.eth.TxPool()
	if err := pool.Sync(); err != nil {
		s.t.Fatal(err)
	}
	waiting := s.Pending()
	pool.Clear() // or it refuses
	chain := s.eth.BlockChain()
	head := chain.CurrentBlock().Number.Uint64()
	parent := chain.GetHeaderByNumber(head - depth)
	if err := s.beacon.Fork(parent.Hash()); err != nil {
		s.t.Fatal(err)
	}
	if err := pool.Sync(); err != nil {
		s.t.Fatal(err)
	}
	s.finalize(min(s.final, parent.Number.Uint64()))
	if lost {
		pool.Clear()
		return
	}
	for _, err := range pool.Add(waiting, true) {
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// Pending are the transactions in the pool that can be mined.
func (s *SimulatedChain) Pending() (txs []*types.Transaction) {
	s.t.Helper()
	if err := s.eth.TxPool().Sync(); err != nil {
		s.t.Fatal(err)
	}
	pending, _ := s.eth.TxPool().Pending(txpool.PendingFilter{})
	for _, of := range pending {
		for _, tx := range of {
			txs = append(txs, tx.Resolve())
		}
	}
	return txs
}

// Evict takes all transactions out of the pool, as a node does that is full.
func (s *SimulatedChain) Evict() { s.eth.TxPool().Clear() }

// BaseFee has a chain begin with a base fee. Each empty block lowers it by an eighth.
func BaseFee(wei int64) func(*core.Genesis) {
	return func(g *core.Genesis) { g.BaseFee = big.NewInt(wei) }
}

// NoFactory has a chain begin without the factory of deterministic deployments.
func NoFactory(g *core.Genesis) { delete(g.Alloc, params.DeterministicFactoryAddress) }

// ChainID has a chain begin with another id.
func ChainID(id int64) func(*core.Genesis) {
	return func(g *core.Genesis) {
		c := *g.Config
		c.ChainID = big.NewInt(id)
		g.Config = &c
	}
}
