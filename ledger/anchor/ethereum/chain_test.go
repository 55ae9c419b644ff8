// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/tree"
)

// ruleSets are those of the chains that are used: Osaka of Hoodi and mainnet,
// Amsterdam of Sepolia. The default of development chains is a mixture.
var ruleSets = map[string]*params.ChainConfig{
	"osaka":     rules(nil),
	"amsterdam": rules(new(uint64)),
}

func rules(amsterdam *uint64) *params.ChainConfig {
	c := *params.AllDevChainProtocolChanges
	c.BogotaTime, c.AmsterdamTime = nil, amsterdam
	return &c
}

var lender, stranger = keyOf("lender"), keyOf("stranger")

func keyOf(name string) *ecdsa.PrivateKey {
	h := sha256.Sum256([]byte(name))
	k, err := crypto.ToECDSA(h[:])
	if err != nil {
		panic(err)
	}
	return k
}

func addressOf(k *ecdsa.PrivateKey) common.Address { return crypto.PubkeyToAddress(k.PublicKey) }

// A devChain is a simulated chain with the contract on it.
type devChain struct {
	t       *testing.T
	backend *simulated.Backend
	client  *ethclient.Client

	mu     sync.Mutex
	sent   []*types.Transaction        // that an endpoint was given, repeats too
	before func(tx *types.Transaction) // looks at each before the chain has it
}

// eachRuleSet runs a test under each of them; in the short form, under one by chance.
func eachRuleSet(t *testing.T, test func(t *testing.T, c *devChain)) {
	n, only := 0, rand.IntN(len(ruleSets))
	for name, config := range ruleSets {
		if n++; !scale.Long && n-1 != only {
			continue
		}
		t.Run(name, func(t *testing.T) { test(t, newDevChain(t, config)) })
	}
}

func newDevChain(t *testing.T, config *params.ChainConfig) *devChain {
	rich := types.Account{Balance: new(big.Int).Mul(big.NewInt(1000), big.NewInt(params.Ether))}
	backend := simulated.NewBackend(types.GenesisAlloc{addressOf(lender): rich, addressOf(stranger): rich},
		func(_ *node.Config, eth *ethconfig.Config) { eth.Genesis.Config = config })
	t.Cleanup(func() {
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	// The backend hides what its client can do besides.
	client := reflect.ValueOf(backend.Client()).FieldByName("Client").Interface().(*ethclient.Client)
	c := &devChain{t: t, backend: backend, client: client}
	c.transact(stranger, &contracts.Factory, contracts.Deploy(&contracts.AnchorMetaData), 12_000_000)
	c.mine(1)
	for range 100 {
		for range 100 {
			if _, err := client.TransactionReceipt(context.Background(), common.Hash{1}); !indexing(err) {
				return c
			}
			time.Sleep(time.Millisecond)
		}
		c.mine(1) // the node indexes at a new block, and now and then misses its first
	}
	t.Fatal("the chain does not index its transactions")
	return nil
}

func (c *devChain) mine(n int) {
	for range n {
		c.backend.Commit()
	}
}

// transact sends a transaction past the service.
func (c *devChain) transact(from *ecdsa.PrivateKey, to *common.Address, data []byte, gas uint64) *types.Transaction {
	c.t.Helper()
	nonce, err := c.client.PendingNonceAt(context.Background(), addressOf(from))
	if err != nil {
		c.t.Fatal(err)
	}
	tx := c.transactAt(from, nonce, to, data, gas)
	ledgertest.Until(c.t, "the transaction counted by the pool", func() bool {
		next, err := c.client.PendingNonceAt(context.Background(), addressOf(from))
		return err == nil && next > nonce
	})
	return tx
}

func (c *devChain) transactAt(from *ecdsa.PrivateKey, nonce uint64, to *common.Address, data []byte, gas uint64) *types.Transaction {
	c.t.Helper()
	id := ruleSets["osaka"].ChainID
	tx, err := types.SignNewTx(from, types.LatestSignerForChainID(id), &types.DynamicFeeTx{
		ChainID: id, Nonce: nonce, To: to, Data: data, Gas: gas,
		GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(10 * params.GWei),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.client.SendTransaction(context.Background(), tx); err != nil {
		c.t.Fatal(err)
	}
	return tx
}

// A door is an endpoint of the chain over HTTP.
type door struct {
	*httptest.Server
	chain *devChain
	mu    sync.Mutex
	rule  answers
}

type jsonError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *jsonError) Error() string { return e.Message }

func (c *devChain) door() *door {
	d := &door{chain: c}
	d.Server = httptest.NewServer(d)
	c.t.Cleanup(d.Close)
	return d
}

// set has the door answer otherwise; nil: as the chain does.
func (d *door) set(rule answers) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rule = rule
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req struct {
		ID     json.RawMessage   `json:"id"`
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if req.Method == "eth_sendRawTransaction" {
		var raw string
		_ = json.Unmarshal(req.Params[0], &raw)
		tx := new(types.Transaction)
		if err := tx.UnmarshalBinary(common.FromHex(raw)); err != nil {
			d.chain.t.Errorf("something is sent that is no transaction: %v", err)
		}
		d.chain.mu.Lock()
		d.chain.sent = append(d.chain.sent, tx)
		if d.chain.before != nil {
			d.chain.before(tx)
		}
		d.chain.mu.Unlock()
	}
	next := func() (any, error) {
		args := make([]any, len(req.Params))
		for i, p := range req.Params {
			args[i] = p
		}
		var out json.RawMessage
		err := d.chain.client.Client().CallContext(r.Context(), &out, req.Method, args...)
		return out, err
	}
	d.mu.Lock()
	rule := d.rule
	d.mu.Unlock()
	var out any
	var err error
	if rule == nil {
		out, err = next()
	} else {
		out, err = rule(req.Method, req.Params, next)
	}
	answer := map[string]any{"jsonrpc": "2.0", "id": req.ID}
	var own *jsonError
	var re rpc.Error
	var de rpc.DataError
	switch {
	case err == nil:
		answer["result"] = out
	case errors.As(err, &own):
		answer["error"] = own
	default:
		e := &jsonError{Code: -32000, Message: err.Error()}
		if errors.As(err, &re) {
			e.Code = re.ErrorCode()
		}
		if errors.As(err, &de) {
			e.Data = de.ErrorData()
		}
		answer["error"] = e
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// oneContent holds all that was ever sent against the rule that no nonce has two
// contents.
func (c *devChain) oneContent() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	said := map[uint64]string{}
	for _, tx := range c.sent {
		what := hex.EncodeToString(tx.Data())
		if before, ok := said[tx.Nonce()]; ok && before != what {
			c.t.Errorf("nonce %d was sent with two contents", tx.Nonce())
		}
		said[tx.Nonce()] = what
	}
}

const origin = "lender.example/ledger"

// A book is a tree that grows; another seed is another history.
type book struct {
	seed   byte
	leaves []tree.Hash
}

func newBook(seed byte) *book { return &book{seed: seed} }

func (b *book) root(size int64) tree.Hash {
	for int64(len(b.leaves)) < size {
		seed := b.seed
		if len(b.leaves) < 3 {
			seed = 0 // all histories begin alike
		}
		b.leaves = append(b.leaves, tree.LeafHash([]byte{seed, byte(len(b.leaves)), byte(len(b.leaves) >> 8)}))
	}
	return tree.Small{Leaves: b.leaves[:size]}.Root()
}

func (b *book) head(size int64) anchor.Head {
	cp := tree.Checkpoint{Origin: origin, Size: size, Root: b.root(size)}
	return anchor.Head{Checkpoint: cp, Note: []byte(cp.Text() + "\n— " + origin + " AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")}
}

func (b *book) prove(_ context.Context, from, to int64) ([]tree.Hash, error) {
	b.root(to)
	return consistency(b.leaves[:to], from), nil
}

// A rig is a service on a chain that can be stopped at any time.
type rig struct {
	t     *testing.T
	chain *devChain
	conf  Config
	opt   Options
	*Service
}

func newRig(t *testing.T, c *devChain, doors ...*door) *rig {
	t.Setenv("TEST_ANCHOR_KEY", hex.EncodeToString(crypto.FromECDSA(lender)))
	if len(doors) == 0 {
		doors = []*door{c.door()}
	}
	r := &rig{t: t, chain: c, conf: Config{
		Chain: 1337, Finality: "2", Key: Key{Env: "TEST_ANCHOR_KEY"}, Timeout: 5 * time.Minute,
		Fees: Fees{BumpBlocks: 2},
	}, opt: Options{Name: "test", Dir: t.TempDir(), Origin: origin}}
	for _, d := range doors {
		r.conf.RPC = append(r.conf.RPC, d.URL+"/secret-api-key")
	}
	t.Cleanup(c.oneContent)
	c.before = func(tx *types.Transaction) {
		b, err := os.ReadFile(filepath.Join(r.opt.Dir, "test.state"))
		if err != nil {
			t.Errorf("a transaction is sent before anything is on disk: %v", err)
			return
		}
		raw, _ := tx.MarshalBinary()
		s, err := parseState(b)
		if err != nil || s.Pending == nil || !slices.ContainsFunc(s.Pending.Attempts, func(a attempt) bool { return bytes.Equal(a.Raw, raw) }) {
			t.Errorf("a transaction is sent that is not on disk: %v", err)
		}
	}
	return r
}

// strict has the rig anchor a book in the strict contract, which is deployed
// unless it is there.
func (r *rig) strict(b *book) *rig {
	r.t.Helper()
	code, err := r.chain.client.CodeAt(r.t.Context(), contracts.StrictAnchorDeployment.Address, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if len(code) == 0 {
		r.chain.transact(stranger, &contracts.Factory, contracts.Deploy(&contracts.StrictAnchorMetaData), 12_000_000)
		r.chain.mine(1)
	}
	r.conf.Strict, r.opt.ConsistencyProof = true, b.prove
	return r
}

// open opens the service, also once more, as a new process would.
func (r *rig) open() *rig {
	r.t.Helper()
	if r.Service != nil {
		if err := r.Close(); err != nil {
			r.t.Fatal(err)
		}
	} else {
		r.t.Cleanup(func() { _ = r.Close() })
	}
	s, err := Open(r.conf, r.opt)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Service = s
	return r
}

func (r *rig) submit(h anchor.Head) {
	r.t.Helper()
	if err := r.Submit(r.t.Context(), h); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) poll() *anchor.Final {
	r.t.Helper()
	var f *anchor.Final
	var err error
	ledgertest.Comes(func() bool { f, err = r.Poll(r.t.Context()); return !indexing(err) })
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// indexing reports whether the chain has not indexed its transactions yet, which
// passes: to poll again is all that a caller has to do.
func indexing(err error) bool {
	return err != nil && strings.Contains(err.Error(), "transaction indexing is in progress")
}

// in polls and demands the state.
func (r *rig) in(state string) *anchor.Final {
	r.t.Helper()
	f := r.poll()
	if s := r.Status(); s.State != state {
		r.t.Fatalf("the state is %s and not %s: %+v", s.State, state, s)
	}
	return f
}

// anchored goes all the way with a checkpoint.
func (r *rig) anchored(h anchor.Head) *anchor.Final {
	r.t.Helper()
	r.submit(h)
	for range 20 {
		if f := r.poll(); f != nil {
			r.holds(f, h)
			if err := r.Done(f.ID); err != nil {
				r.t.Fatal(err)
			}
			return f
		}
		r.chain.mine(1)
	}
	r.t.Fatalf("%d is not final: %+v", h.Size, r.Status())
	return nil
}

// holds verifies a final anchor against the chain.
func (r *rig) holds(f *anchor.Final, h anchor.Head) {
	r.t.Helper()
	p := f.Anchor.Chain
	if f.Head.Checkpoint != h.Checkpoint || p == nil {
		r.t.Fatalf("final is %+v, and not %v", f, h.Checkpoint)
	}
	block, err := r.chain.client.HeaderByHash(r.t.Context(), crypto.Keccak256Hash(p.Header))
	if err != nil {
		r.t.Fatalf("the proof's block: %v", err)
	}
	canonical, err := r.chain.client.HeaderByNumber(r.t.Context(), block.Number)
	if err != nil || canonical.Hash() != block.Hash() {
		r.t.Fatalf("the proof's block is not on the chain: %v", err)
	}
	receipt, err := r.chain.client.TransactionReceipt(r.t.Context(), common.HexToHash(f.ID))
	if err != nil || receipt.BlockHash != block.Hash() || uint64(receipt.TransactionIndex) != p.Index {
		r.t.Fatalf("the proof's transaction: %+v, %v", receipt, err)
	}
	_, e, err := p.Verify()
	if err != nil || e.Size != uint64(h.Size) || e.Root != h.Root || common.Address(e.By) != addressOf(lender) || e.OriginHash != sha256.Sum256([]byte(origin)) {
		r.t.Fatalf("the event is %+v: %v", e, err)
	}
	if f.Time.Unix() != int64(block.Time) {
		r.t.Fatalf("the time is %v", f.Time)
	}
}

func (r *rig) quiet() {
	r.t.Helper()
	if s := r.Status(); s.Degraded != "" || len(s.Alarms) > 0 {
		r.t.Errorf("degraded %q, alarms %q", s.Degraded, s.Alarms)
	}
}
