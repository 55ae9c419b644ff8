// SPDX-License-Identifier: Apache-2.0

package chain_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/proof/chain/chaintest"
)

var update = flag.Bool("update", false, "write the golden proofs anew")

// ruleSets are those of the public chains: without and with Amsterdam, whose
// headers have more items.
var ruleSets = map[string]*uint64{"osaka": nil, "amsterdam": new(uint64)}

var contract = chain.Address(contracts.AnchorDeployment.Address)

// A lender anchors on a simulated chain.
type lender struct {
	t       *testing.T
	backend *simulated.Backend
	client  simulated.Client
	key     *ecdsa.PrivateKey
	nonce   uint64
}

func newLender(t *testing.T, amsterdam *uint64) *lender {
	seed := sha256.Sum256([]byte("lender"))
	key, err := crypto.ToECDSA(seed[:])
	if err != nil {
		t.Fatal(err)
	}
	config := *params.AllDevChainProtocolChanges
	config.BogotaTime, config.AmsterdamTime = nil, amsterdam
	rich := types.Account{Balance: new(big.Int).Mul(big.NewInt(1000), big.NewInt(params.Ether))}
	backend := simulated.NewBackend(types.GenesisAlloc{crypto.PubkeyToAddress(key.PublicKey): rich},
		func(_ *node.Config, eth *ethconfig.Config) { eth.Genesis.Config = &config })
	t.Cleanup(func() {
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &lender{t: t, backend: backend, client: backend.Client(), key: key}
	l.send(contracts.Factory, contracts.Deploy(&contracts.AnchorMetaData))
	backend.Commit()
	return l
}

func (l *lender) address() chain.Address {
	return chain.Address(crypto.PubkeyToAddress(l.key.PublicKey))
}

// send adds a transaction to the next block.
func (l *lender) send(to common.Address, data []byte) {
	l.t.Helper()
	gas := uint64(params.TxGas)
	if data != nil {
		gas = 8_000_000
	}
	tx, err := types.SignNewTx(l.key, types.LatestSignerForChainID(params.AllDevChainProtocolChanges.ChainID), &types.DynamicFeeTx{
		ChainID: params.AllDevChainProtocolChanges.ChainID, Nonce: l.nonce, To: &to, Data: data, Gas: gas,
		GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(10 * params.GWei),
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.client.SendTransaction(context.Background(), tx); err != nil {
		l.t.Fatal(err)
	}
	l.nonce++
}

// mine makes the block, and returns its header and receipts.
func (l *lender) mine() (*types.Header, types.Receipts) {
	l.t.Helper()
	for pending := uint64(0); pending < l.nonce; { // the pool moves transactions up in its own time
		var err error
		if pending, err = l.client.PendingNonceAt(context.Background(), crypto.PubkeyToAddress(l.key.PublicKey)); err != nil {
			l.t.Fatal(err)
		}
		runtime.Gosched()
	}
	hash := l.backend.Commit()
	block, err := l.client.BlockByHash(context.Background(), hash)
	if err != nil {
		l.t.Fatal(err)
	}
	var receipts types.Receipts
	for _, tx := range block.Transactions() {
		r, err := l.client.TransactionReceipt(context.Background(), tx.Hash())
		if err != nil {
			l.t.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	return block.Header(), receipts
}

var origin = sha256.Sum256([]byte("ledger.example/chain"))

func (l *lender) anchor(size uint64) {
	l.send(contracts.AnchorDeployment.Address, contracts.NewAnchor().PackAnchor(origin, size, root(size)))
}

func root(size uint64) [32]byte { return sha256.Sum256([]byte{byte(size)}) }

// Anchors of the real contract, in real blocks of one and of two hundred
// transactions, under the rules of all public chains, verify as go-ethereum reads
// them, and their histories as the contract links them.
func TestAnchorsOfTheContract(t *testing.T) {
	for rules, amsterdam := range ruleSets {
		t.Run(rules, func(t *testing.T) {
			l := newLender(t, amsterdam)
			var history [24]byte
			held := func(header *types.Header, receipts types.Receipts, index, log int) *chain.Proof {
				t.Helper()
				p := chaintest.Prove(1337, header, receipts, index, log)
				block, event, err := p.Verify()
				if err != nil {
					t.Fatal(err)
				}
				want, err := contracts.NewAnchor().UnpackAnchoredEvent(receipts[index].Logs[log])
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(chain.Block{
					Hash: chain.Hash(header.Hash()), Parent: chain.Hash(header.ParentHash), Number: header.Number.Uint64(), Time: header.Time,
				}, block); diff != "" {
					t.Errorf("block (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(chain.Event{
					By: l.address(), OriginHash: origin, Size: want.Size, Root: root(want.Size),
					Number: block.Number, Time: block.Time, Parent: block.Parent, History: want.History,
				}, event); diff != "" {
					t.Errorf("event (-want +got):\n%s", diff)
				}
				if !event.Follows(history) {
					t.Errorf("the event of size %d does not follow the one before", event.Size)
				}
				if event.Follows(want.History) {
					t.Error("an event follows itself")
				}
				history = event.History
				return p
			}
			l.anchor(1)
			header, receipts := l.mine()
			alone := held(header, receipts, 0, 0)
			if amsterdam != nil && header.SlotNumber == nil {
				t.Error("the chain does not have the rules of Amsterdam")
			}

			// Places at which the key has one byte, or another length.
			anchored := []int{0, 1, 127, 128, 199}
			for i := range 200 {
				if slices.Contains(anchored, i) {
					l.anchor(uint64(i + 2))
				} else {
					l.send(common.Address{1}, nil)
				}
			}
			header, receipts = l.mine()
			if len(receipts) != 200 {
				t.Fatalf("the block has %d transactions", len(receipts))
			}
			for _, i := range anchored {
				p := held(header, receipts, i, 0)
				if i == 128 {
					golden(t, rules+"-200", p)
				}
			}
			golden(t, rules, alone)
		})
	}
}

// goldenProof is a proof as it lies in testdata, with the hash of its block.
type goldenProof struct {
	Chain    uint64
	Contract string
	Block    string
	Header   []byte
	Index    uint64
	Log      int
	Nodes    [][]byte
}

func golden(t *testing.T, name string, p *chain.Proof) {
	t.Helper()
	if !*update {
		return
	}
	block, _, err := p.Verify()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(goldenProof{p.Chain, p.Contract.String(), block.Hash.String(), p.Header, p.Index, p.Log, p.Nodes}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", name+".json"), append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// goldens are proofs that a real chain gave once.
func goldens(t testing.TB) map[string]*chain.Proof {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != 4 {
		t.Fatalf("%d golden proofs: %v", len(files), err)
	}
	out := map[string]*chain.Proof{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var g goldenProof
		if err := json.Unmarshal(b, &g); err != nil {
			t.Fatal(err)
		}
		contract, err := chain.ParseAddress(g.Contract)
		if err != nil {
			t.Fatal(err)
		}
		p := &chain.Proof{Chain: g.Chain, Contract: contract, Header: g.Header, Index: g.Index, Log: g.Log, Nodes: g.Nodes}
		block, _, err := p.Verify()
		if err != nil || block.Hash.String() != g.Block {
			t.Fatalf("%s: block %s: %v", name, block.Hash, err)
		}
		out[name] = p
	}
	return out
}

// No bit of a node can be another, and none of the header without another hash
// of the block.
func TestEveryBitCounts(t *testing.T) {
	for name, p := range goldens(t) {
		want, _, err := p.Verify()
		if err != nil {
			t.Fatal(err)
		}
		for n, node := range p.Nodes {
			for bit := range 8 * len(node) {
				flip(node, bit)
				if _, _, err := p.Verify(); err == nil {
					t.Errorf("%s: bit %d of node %d can be another", name, bit, n)
				}
				flip(node, bit)
			}
		}
		for bit := range 8 * len(p.Header) {
			flip(p.Header, bit)
			if got, _, err := p.Verify(); err == nil && got.Hash == want.Hash {
				t.Errorf("%s: bit %d of the header can be another", name, bit)
			}
			flip(p.Header, bit)
		}
	}
}

func flip(b []byte, bit int) { b[bit/8] ^= 1 << (bit % 8) }

// block is one with an anchor, for tests that alter it.
func block() chaintest.Block {
	return chaintest.Block{
		Chain: 1, Contract: contract, Transactions: 20, Index: 3,
		Event: chain.Event{By: chain.Address{1}, OriginHash: origin, Size: 7, Root: root(7), Number: 100, Time: 1_800_000_000, Parent: chain.Hash{2}},
	}
}

// What is not exactly the proof of an anchor is refused, although all its hashes
// are right.
func TestOnlyAnchorsPass(t *testing.T) {
	receipts := func(alter func(*types.Receipt)) *chain.Proof {
		e := block().Event
		list := types.Receipts{
			{Status: 1}, {Type: types.DynamicFeeTxType, Status: 1, Logs: []*types.Log{
				{Address: common.Address{9}, Data: []byte("another")}, chaintest.Log(contract, e),
			}},
		}
		alter(list[1])
		header := &types.Header{Difficulty: new(big.Int), Number: big.NewInt(100), ReceiptHash: types.DeriveSha(list, hasher()), BaseFee: new(big.Int)}
		p := chaintest.Prove(1, header, list, 1, 1)
		p.Contract = contract
		return p
	}
	log := func(alter func(*types.Log)) *chain.Proof {
		return receipts(func(r *types.Receipt) { alter(r.Logs[1]) })
	}
	altered := func(alter func(*chain.Proof)) *chain.Proof {
		p := receipts(func(*types.Receipt) {})
		alter(p)
		return p
	}
	for name, c := range map[string]struct {
		proof *chain.Proof
		want  string
	}{
		"as it is":         {altered(func(*chain.Proof) {}), ""},
		"legacy":           {receipts(func(r *types.Receipt) { r.Type = types.LegacyTxType }), ""},
		"failed":           {receipts(func(r *types.Receipt) { r.Status = 0 }), "did not succeed"},
		"state":            {receipts(func(r *types.Receipt) { r.Type, r.PostState = 0, make([]byte, 32) }), "did not succeed"},
		"another contract": {log(func(l *types.Log) { l.Address[0]++ }), "of the contract"},
		"another event":    {log(func(l *types.Log) { l.Topics[0][0]++ }), "no event Anchored"},
		"a topic less":     {log(func(l *types.Log) { l.Topics = l.Topics[:3] }), "no event Anchored"},
		"no topic":         {log(func(l *types.Log) { l.Topics = nil }), "no event Anchored"},
		"a topic more":     {log(func(l *types.Log) { l.Topics = append(l.Topics, common.Hash{}) }), "no event Anchored"},
		"a word less":      {log(func(l *types.Log) { l.Data = l.Data[:128] }), "no event Anchored"},
		"a word more":      {log(func(l *types.Log) { l.Data = append(l.Data, make([]byte, 32)...) }), "no event Anchored"},
		"dirty sender":     {log(func(l *types.Log) { l.Topics[1][11] = 1 }), "padded"},
		"dirty size":       {log(func(l *types.Log) { l.Topics[3][23] = 1 }), "padded"},
		"dirty number":     {log(func(l *types.Log) { l.Data[32] = 1 }), "padded"},
		"dirty time":       {log(func(l *types.Log) { l.Data[64+23] = 1 }), "padded"},
		"dirty history":    {log(func(l *types.Log) { l.Data[128+24] = 1 }), "padded"},
		"other log":        {altered(func(p *chain.Proof) { p.Log = 0 }), "of the contract"},
		"no such log":      {altered(func(p *chain.Proof) { p.Log = 2 }), "has 2 logs"},
		"negative log":     {altered(func(p *chain.Proof) { p.Log = -1 }), "has 2 logs"},
		"other index":      {altered(func(p *chain.Proof) { p.Index = 0 }), "path"},
		"index of 64 bits": {altered(func(p *chain.Proof) { p.Index = 1 << 63 }), "path"},
		"no nodes":         {altered(func(p *chain.Proof) { p.Nodes = nil }), "missing"},
		"a node less":      {altered(func(p *chain.Proof) { p.Nodes = p.Nodes[:len(p.Nodes)-1] }), "missing"},
		"a node more":      {altered(func(p *chain.Proof) { p.Nodes = append(p.Nodes, p.Nodes[0]) }), "follow"},
		"nodes turned":     {altered(func(p *chain.Proof) { slices.Reverse(p.Nodes) }), "names"},
		"many nodes":       {altered(func(p *chain.Proof) { p.Nodes = make([][]byte, chain.MaxNodes+1) }), "more than"},
		"long header":      {altered(func(p *chain.Proof) { p.Header = make([]byte, chain.MaxHeader+1) }), "more than"},
		"no header":        {altered(func(p *chain.Proof) { p.Header = nil }), "cut off"},
		"header and more":  {altered(func(p *chain.Proof) { p.Header = append(p.Header, 0) }), "follows"},
		"short header":     {altered(func(p *chain.Proof) { p.Header = rlpOf([]string{"a", "b"}) }), "less than 15"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := c.proof.Verify()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}

// A header of later rules has more items, which are not looked at.
func TestLaterHeaders(t *testing.T) {
	p := block().Proof()
	var items []rlp.RawValue
	if err := rlp.DecodeBytes(p.Header, &items); err != nil {
		t.Fatal(err)
	}
	p.Header = rlpOf(append(items, rlpOf([]string{"a list"}), rlpOf("and a string")))
	if _, _, err := p.Verify(); err != nil {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	const s = "0xc5712a6f61429062c84b8e3074d047e53233c1dd"
	a, err := chain.ParseAddress(s)
	if err != nil || a != contract || a.String() != s {
		t.Errorf("%s: %v", a, err)
	}
	for _, bad := range []string{"", s[2:], s[:40], s + "00", strings.ToUpper(s), contracts.AnchorDeployment.Address.Hex(), "0x" + strings.Repeat("g", 40)} {
		if _, err := chain.ParseAddress(bad); err == nil {
			t.Errorf("%q is read as an address", bad)
		}
	}
	checksummed := contracts.AnchorDeployment.Address.Hex()
	for _, good := range []string{s, checksummed} {
		if a, err := chain.ParseChecksummed(good); err != nil || a != contract {
			t.Errorf("%s is %s: %v", good, a, err)
		}
	}
	for i := range checksummed {
		b := []byte(checksummed)
		b[i] ^= 0x20 // the other case, if it is a letter
		if _, err := chain.ParseChecksummed(string(b)); err == nil {
			t.Errorf("%s is read as an address", b)
		}
	}
	h, err := chain.ParseHash("0x" + fmt.Sprintf("%064x", 10))
	if err != nil || h != (chain.Hash{31: 10}) {
		t.Errorf("%s: %v", h, err)
	}
}

func rlpOf(v any) []byte {
	b, err := rlp.EncodeToBytes(v)
	if err != nil {
		panic(err)
	}
	return b
}

// A wrong claim about a chain of events is seen, whatever of an event it is.
func TestFollowsCountsEverything(t *testing.T) {
	e := block().Event
	before := [24]byte{5}
	e.History = chaintest.History(before, e)
	if !e.Follows(before) {
		t.Fatal("it does not follow")
	}
	for name, alter := range map[string]func(*chain.Event){
		"size": func(e *chain.Event) { e.Size++ }, "root": func(e *chain.Event) { e.Root[31]++ },
		"number": func(e *chain.Event) { e.Number++ }, "time": func(e *chain.Event) { e.Time++ },
		"parent": func(e *chain.Event) { e.Parent[0]++ }, "history": func(e *chain.Event) { e.History[23]++ },
	} {
		other := e
		alter(&other)
		if other.Follows(before) {
			t.Errorf("%s can be another", name)
		}
	}
	if e.Follows([24]byte{5, 23: 1}) {
		t.Error("the history before can be another")
	}
}

// What verifies is held against go-ethereum's own trie, decoder and binding.
func FuzzVerify(f *testing.F) {
	for _, p := range append(slices.Collect(maps.Values(goldens(f))), block().Proof()) {
		f.Add(p.Header, p.Index, p.Log, bytes.Join(p.Nodes, nil))
	}
	f.Fuzz(func(t *testing.T, header []byte, index uint64, log int, nodes []byte) {
		p := &chain.Proof{Contract: contract, Header: header, Index: index, Log: log}
		for len(nodes) > 0 {
			_, _, rest, err := rlp.Split(nodes)
			if err != nil {
				rest = nil
			}
			p.Nodes = append(p.Nodes, nodes[:len(nodes)-len(rest)])
			nodes = rest
		}
		against(t, p)
	})
}
