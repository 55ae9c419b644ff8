// SPDX-License-Identifier: Apache-2.0

package ethereum_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum/ethtest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

const origin = "anchor.test/1"

// A memlog is a log in memory that proves what it has.
type memlog struct {
	hashes []tlog.Hash
	size   int64
}

// newLog makes a log of so many leaves; from the index fork on they are others.
func newLog(size, fork int64) *memlog {
	l := &memlog{size: size}
	for i := range size {
		leaf := fmt.Appendf(nil, "leaf %d", i)
		if i >= fork {
			leaf = append(leaf, " of another history"...)
		}
		h, err := tlog.StoredHashes(i, leaf, l)
		if err != nil {
			panic(err)
		}
		l.hashes = append(l.hashes, h...)
	}
	return l
}

func (l *memlog) ReadHashes(indexes []int64) (out []tlog.Hash, err error) {
	for _, i := range indexes {
		out = append(out, l.hashes[i])
	}
	return out, nil
}

func (l *memlog) root(size int64) tree.Hash {
	h, err := tlog.TreeHash(size, l)
	if err != nil {
		panic(err)
	}
	return tree.Hash(h)
}

func (l *memlog) head() tree.Checkpoint {
	return tree.Checkpoint{Origin: origin, Size: l.size, Root: l.root(l.size)}
}

func (l *memlog) prove(_ context.Context, old, size int64) (out []tree.Hash, err error) {
	if size > l.size {
		return nil, errors.New("the log has no tree of that size")
	}
	p, err := tlog.ProveTree(size, old, l)
	for _, h := range p {
		out = append(out, tree.Hash(h))
	}
	return out, err
}

// put anchors a tree of the log.
func put(t *testing.T, c *ethtest.Chain, from *ecdsa.PrivateKey, l *memlog, size int64) *types.Receipt {
	t.Helper()
	call := contracts.NewAnchor().PackAnchor(sha256.Sum256([]byte(origin)), uint64(size), l.root(size))
	r := c.Send(from, contracts.AnchorDeployment.Address, nil, call)
	if r.Status != types.ReceiptStatusSuccessful {
		t.Fatalf("the anchor of %d is refused", size)
	}
	return r
}

// config is of a network of these endpoints.
func config(c *ethtest.Chain, urls ...string) ethereum.Config {
	return ethereum.Config{Chain: c.ID.Uint64(), Network: "test", Testnet: true, RPC: urls, Timeout: 5 * time.Minute}
}

func dial(t *testing.T, c ethereum.Config) *ethereum.Network {
	t.Helper()
	n, err := ethereum.DialNetwork(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func audit(t *testing.T, n *ethereum.Network, l *memlog) *ethereum.AuditReport {
	t.Helper()
	r, err := ethereum.Audit{Publisher: ethtest.Address(ethtest.Lender), Head: l.head(), ConsistencyProof: l.prove}.Run(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// found are the findings, as "kind size".
func found(r *ethereum.AuditReport) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, fmt.Sprintf("%s %d", f.Kind, f.Size))
	}
	return out
}

func sizes(r *ethereum.AuditReport) (out []int64) {
	for _, a := range r.Anchors {
		out = append(out, a.Size)
	}
	return out
}

func want(t *testing.T, r *ethereum.AuditReport, complete bool, anchors []int64, findings ...string) {
	t.Helper()
	if d := cmp.Diff(anchors, sizes(r)); d != "" || r.Complete != complete {
		t.Errorf("complete is %v, anchors (-want +got):\n%s", r.Complete, d)
	}
	if d := cmp.Diff(findings, found(r)); d != "" {
		t.Errorf("findings (-want +got):\n%s%+v", d, r.Findings)
	}
}

// What is anchored and continued is found, all of it, and nothing else.
func TestAudit(t *testing.T) {
	ethtest.EachRules(t, func(t *testing.T, s *ethtest.SimulatedChain) {
		s.Deploy(&contracts.AnchorMetaData)
		n, l := dial(t, config(s.Chain, s.URL)), newLog(50, 50)
		s.Mine(4)
		want(t, audit(t, n, l), true, nil)

		for _, size := range []int64{1, 7, 8, 31, 40} {
			put(t, s.Chain, ethtest.Lender, l, size)
			put(t, s.Chain, ethtest.Stranger, newLog(50, 3), size) // under its own name
		}
		s.Mine(4)
		r := audit(t, n, l)
		want(t, r, true, []int64{1, 7, 8, 31, 40})
		if r.Unproved != "" {
			t.Errorf("the head of the contract is not proved: %s", r.Unproved)
		}
		if r.Block != s.Final().Number.Uint64() || r.BlockHash != s.Final().Hash() || !r.Testnet || r.Network != "test" {
			t.Errorf("it is of block %d, %v", r.Block, r.BlockHash)
		}
		if b, err := json.Marshal(r); err != nil || !strings.Contains(string(b), `"findings":[]`) {
			t.Errorf("%s, %v", b, err)
		}

		// What is not final yet is not looked at.
		put(t, s.Chain, ethtest.Lender, l, 41)
		want(t, audit(t, n, l), true, []int64{1, 7, 8, 31, 40})
	})
}

// A ledger that was rolled back or forked contradicts the chain.
func TestAuditAgainstTheLedger(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	s.Deploy(&contracts.AnchorMetaData)
	n, l := dial(t, config(s.Chain, s.URL)), newLog(50, 50)
	for _, size := range []int64{10, 20, 30} {
		put(t, s.Chain, ethtest.Lender, l, size)
	}
	s.Mine(4)
	all := []int64{10, 20, 30}
	want(t, audit(t, n, newLog(25, 25)), true, all, "rollback 30")
	want(t, audit(t, n, newLog(50, 15)), true, all, "forked 20", "forked 30")
	want(t, audit(t, n, newLog(30, 29)), true, all, "forked 30")

	// A ledger that says nothing is an error, and no finding.
	a := ethereum.Audit{Publisher: ethtest.Address(ethtest.Lender), Head: l.head()}
	a.ConsistencyProof = func(context.Context, int64, int64) ([]tree.Hash, error) { return nil, errors.New("no answer") }
	if _, err := a.Run(t.Context(), n); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("got %v", err)
	}
	// One that proves another thing is a finding.
	a.ConsistencyProof = func(ctx context.Context, old, size int64) ([]tree.Hash, error) {
		return newLog(50, 5).prove(ctx, old, size)
	}
	r, err := a.Run(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	want(t, r, true, all, "forked 10", "forked 20", "forked 30")

	// Whoever has the key can end the anchors, and not unnoticed.
	call := contracts.NewAnchor().PackAnchor(sha256.Sum256([]byte(origin)), math.MaxUint64, [32]byte{1})
	s.Send(ethtest.Lender, contracts.AnchorDeployment.Address, nil, call)
	s.Mine(4)
	want(t, audit(t, n, l), true, append(all, math.MaxInt64), fmt.Sprintf("rollback %d", int64(math.MaxInt64)))
}

// An endpoint can hide no anchor, make none up, and change none.
func TestAuditAgainstEndpoints(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	s.Deploy(&contracts.AnchorMetaData)
	l := newLog(50, 50)
	for _, size := range []int64{10, 20, 30} {
		put(t, s.Chain, ethtest.Lender, l, size)
	}
	s.Mine(4)
	type logs = []map[string]any
	hide := func(number int) ethtest.Fault {
		return ethtest.Lie(func(l logs) logs {
			if number < len(l) {
				l = slices.Delete(l, number, number+1)
			}
			return l
		})
	}
	all := []int64{10, 20, 30}
	for name, c := range map[string]struct {
		fault    ethtest.Fault
		complete bool
		anchors  []int64
		findings []string
	}{
		"hides the first":  {hide(0), false, []int64{30}, []string{"hidden 30"}},
		"hides the second": {hide(1), false, nil, []string{"hidden 30"}},
		"hides the newest": {hide(2), false, nil, []string{"hidden 30"}},
		"hides all":        {ethtest.Say([]any{}), false, nil, []string{"hidden 30"}},
		"makes one up": {ethtest.Lie(func(l logs) logs {
			if len(l) == 3 {
				forged := map[string]any{}
				for k, v := range l[1] {
					forged[k] = v
				}
				data := forged["data"].(string)
				forged["data"] = data[:10] + "ff" + data[12:]
				forged["logIndex"] = "0x7"
				l = slices.Insert(l, 2, forged)
			}
			return l
		}), true, all, nil},
		"changes a root": {ethtest.Lie(func(l logs) logs {
			if len(l) == 3 {
				data := l[1]["data"].(string)
				l[1]["data"] = data[:10] + "ffff" + data[14:]
			}
			return l
		}), false, []int64{30}, []string{"hidden 30"}},
		"changes the newest": {ethtest.Lie(func(l logs) logs {
			if len(l) == 3 {
				data := l[2]["data"].(string)
				l[2]["data"] = data[:129] + "f" + data[130:] // number
			}
			return l
		}), false, nil, []string{"hidden 30"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := ethtest.NewProxy(t, s.URL)
			n := dial(t, config(s.Chain, p.URL))
			p.Set("eth_getLogs", c.fault)
			want(t, audit(t, n, l), c.complete, c.anchors, c.findings...)

			// An honest one beside it is enough.
			q := ethtest.NewProxy(t, s.URL)
			want(t, audit(t, dial(t, config(s.Chain, p.URL, q.URL)), l), true, all)
			if q.Calls("eth_getLogs") == 0 && !c.complete {
				t.Error("the honest endpoint was not asked")
			}
		})
	}

	t.Run("hides the newest from a rolled back ledger", func(t *testing.T) {
		p := ethtest.NewProxy(t, s.URL)
		n := dial(t, config(s.Chain, p.URL))
		p.Set("eth_getLogs", ethtest.Say([]any{}))
		want(t, audit(t, n, newLog(25, 25)), false, nil, "hidden 30", "rollback 30")
	})
	t.Run("bounds ranges", func(t *testing.T) {
		p := ethtest.NewProxy(t, s.URL)
		n := dial(t, config(s.Chain, p.URL))
		p.Set("eth_getLogs", func(ctx context.Context, c ethtest.Call, next func() ethtest.Reply) ethtest.Reply {
			var q struct{ FromBlock, ToBlock string }
			if err := json.Unmarshal(c.Params[0], &q); err != nil {
				t.Error(err)
			}
			if q.FromBlock != q.ToBlock {
				return ethtest.Fail(-32005, "query exceeds max block range")(ctx, c, next)
			}
			return next()
		})
		want(t, audit(t, n, l), true, all)
	})
	t.Run("gives what is no event", func(t *testing.T) {
		p := ethtest.NewProxy(t, s.URL)
		n := dial(t, config(s.Chain, p.URL))
		p.Set("eth_getLogs", ethtest.Lie(func(l logs) logs {
			if len(l) > 0 {
				l[0]["data"] = "0x01"
			}
			return l
		}))
		a := ethereum.Audit{Publisher: ethtest.Address(ethtest.Lender), Head: l.head(), ConsistencyProof: l.prove}
		if _, err := a.Run(t.Context(), n); err == nil {
			t.Error("what is no event is taken for one")
		}
		q := ethtest.NewProxy(t, s.URL)
		want(t, audit(t, dial(t, config(s.Chain, p.URL, q.URL)), l), true, all)
	})
	t.Run("has no proofs", func(t *testing.T) {
		p := ethtest.NewProxy(t, s.URL)
		n := dial(t, config(s.Chain, p.URL))
		p.Set("eth_getProof", ethtest.Fail(-32601, "the method eth_getProof does not exist"))
		r := audit(t, n, l)
		want(t, r, true, all)
		if !strings.Contains(r.Unproved, "does not exist") {
			t.Errorf("unproved is %q", r.Unproved)
		}
	})
	// A proof that was altered anywhere proves nothing.
	t.Run("alters proofs", func(t *testing.T) {
		p := ethtest.NewProxy(t, s.URL)
		n := dial(t, config(s.Chain, p.URL))
		for at := range 40 {
			p.Set("eth_getProof", ethtest.Lie(func(v map[string]any) map[string]any {
				nodes := v["accountProof"].([]any)
				if at%2 > 0 {
					nodes = v["storageProof"].([]any)[at/2%2].(map[string]any)["proof"].([]any)
				}
				i := at / 4 % len(nodes)
				node := []byte(nodes[i].(string))
				place := 2 + (at*37)%(len(node)-2)
				node[place] = "0123456789abcdef"[(strings.IndexByte("0123456789abcdef", node[place])+1)%16]
				nodes[i] = string(node)
				return v
			}))
			r := audit(t, n, l)
			want(t, r, true, all)
			if !strings.Contains(r.Unproved, "proves nothing") {
				t.Fatalf("at %d: unproved is %q", at, r.Unproved)
			}
		}
	})
}

// The archive and the chain have the same anchors.
func TestAuditAgainstTheArchive(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Amsterdam)
	s.Deploy(&contracts.AnchorMetaData)
	n, l := dial(t, config(s.Chain, s.URL)), newLog(50, 50)
	var archive []proof.Anchored
	var third uint64 // block of the third
	for _, size := range []int64{10, 20, 30} {
		r := put(t, s.Chain, ethtest.Lender, l, size)
		third = r.BlockNumber.Uint64()
		p, err := n.Prove(t.Context(), r.TxHash)
		if err != nil {
			t.Fatal(err)
		}
		archive = append(archive, proof.Anchored{Anchor: proof.Anchor{Chain: &p}})
	}
	foreign, err := n.Prove(t.Context(), put(t, s.Chain, ethtest.Stranger, l, 5).TxHash)
	if err != nil {
		t.Fatal(err)
	}
	archive = append(archive, proof.Anchored{Anchor: proof.Anchor{Stamp: []byte{1}}}, proof.Anchored{Anchor: proof.Anchor{Chain: &foreign}})
	s.Mine(4)
	held := func(archive []proof.Anchored) *ethereum.AuditReport {
		r := audit(t, n, l)
		if err := r.Archived(archive); err != nil {
			t.Fatal(err)
		}
		return r
	}
	all := []int64{10, 20, 30}
	want(t, held(archive), true, all)
	want(t, held(nil), true, all, "foreign 10", "foreign 20", "foreign 30")
	want(t, held(slices.Delete(slices.Clone(archive), 1, 2)), true, all, "foreign 20")

	// The chain takes back what was final.
	s.Reorg(s.Head().Number.Uint64()-third+1, true)
	s.Mine(12)
	want(t, held(archive), true, []int64{10, 20}, "missing 30")

	broken := *archive[0].Anchor.Chain
	broken.Nodes = [][]byte{{1}}
	if err := audit(t, n, l).Archived([]proof.Anchored{{Anchor: proof.Anchor{Chain: &broken}}}); err == nil {
		t.Error("a broken anchor is taken")
	}
}
