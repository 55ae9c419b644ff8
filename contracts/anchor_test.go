// SPDX-License-Identifier: Apache-2.0

package contracts

import (
	"context"
	"crypto/ecdsa"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient/gethclient"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/mod/sumdb/tlog"
)

// A ledger that grows is its own newest head, and each anchor is one event with
// everything in it.
func TestGrow(t *testing.T) {
	eachRegistry(t, func(t *testing.T, r registry) {
		l := newLedger("lender.example/ledger", 0, 7, 12, 99)
		if h := r.head(lender, l); h != (HeadsHead{}) {
			t.Errorf("before the first anchor the head is %+v", h)
		}
		var history [24]byte
		last := uint64(0)
		for _, size := range []uint64{1, 2, 3, 8, 13, 1000, 1 << 40} {
			receipt := r.anchored(lender, l, last, size)
			block, err := r.client.HeaderByHash(context.Background(), receipt.BlockHash)
			if err != nil {
				t.Fatal(err)
			}
			if len(receipt.Logs) != 1 {
				t.Fatalf("%d events", len(receipt.Logs))
			}
			got, err := NewAnchor().UnpackAnchoredEvent(receipt.Logs[0])
			if err != nil {
				t.Fatal(err)
			}
			want := &AnchorAnchored{
				By: address(lender), OriginHash: l.origin, Size: size, Root: l.root(size),
				Number: block.Number.Uint64(), Time: block.Time, Parent: block.ParentHash,
			}
			want.History = link(history, want)
			if d := cmp.Diff(want, got, cmpopts.IgnoreFields(AnchorAnchored{}, "Raw")); d != "" {
				t.Errorf("event of %d (-want +got):\n%s", size, d)
			}
			last, history = size, want.History
			if d := cmp.Diff(HeadsHead{l.root(size), size, history}, r.head(lender, l)); d != "" {
				t.Errorf("head at %d (-want +got):\n%s", size, d)
			}
		}
	})
}

// The last head again changes nothing, says nothing, and is no error.
func TestRepeat(t *testing.T) {
	eachRegistry(t, func(t *testing.T, r registry) {
		l := newLedger("repeat.example")
		last := uint64(0)
		for _, size := range []uint64{5, 6} {
			r.anchored(lender, l, last, size)
			before := r.head(lender, l)
			if receipt := r.anchored(lender, l, size, size); len(receipt.Logs) != 0 {
				t.Errorf("a repeat has %d events", len(receipt.Logs))
			}
			if after := r.head(lender, l); after != before {
				t.Errorf("a repeat changes the head from %+v to %+v", before, after)
			}
			last = size
		}
	})
}

// What a ledger that only grows cannot have is refused, with an error that says
// what, and leaves no trace but the failed transaction.
func TestRefusals(t *testing.T) {
	eachRegistry(t, func(t *testing.T, r registry) {
		l, fork, fresh := newLedger("refusals.example"), newLedger("refusals.example", 4), newLedger("fresh.example")
		r.anchored(lender, l, 0, 8)
		before := r.head(lender, l)
		for _, c := range []struct {
			name string
			call []byte
			want any
		}{
			{"nothing, at first", r.pack(fresh, 0, 0), &StrictAnchorEmptyTree{}},
			{"nothing", r.pack(l, 0, 0), &StrictAnchorEmptyTree{}},
			{"fewer", r.pack(l, 0, 7), &StrictAnchorShrunk{Anchored: 8, Size: 7}},
			{"fewer, forked", r.pack(fork, 0, 5), &StrictAnchorShrunk{Anchored: 8, Size: 5}},
			{"as many, forked", r.pack(fork, 0, 8), &StrictAnchorForked{Size: 8, Anchored: l.root(8), Root: fork.root(8)}},
		} {
			_, reverted := r.call(lender, r.address, c.call)
			if d := cmp.Diff(c.want, errorOf(t, reverted)); d != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, d)
			}
			receipt := r.send(lender, r.address, c.call)
			if receipt.Status != types.ReceiptStatusFailed || len(receipt.Logs) != 0 {
				t.Errorf("%s: status %d, %d events", c.name, receipt.Status, len(receipt.Logs))
			}
			if after := r.head(lender, l); after != before {
				t.Errorf("%s changes the head from %+v to %+v", c.name, before, after)
			}
		}
		if h := r.head(lender, fresh); h != (HeadsHead{}) {
			t.Errorf("what was refused is there: %+v", h)
		}
		r.anchored(lender, l, 8, 9)
	})
}

// Neither another sender nor another origin reaches a head.
func TestOthersAreIndependent(t *testing.T) {
	eachRegistry(t, func(t *testing.T, r registry) {
		a, b := newLedger("a.example", 1), newLedger("b.example", 2)
		r.anchored(lender, a, 0, 20)
		before := r.head(lender, a)
		r.anchored(lender, b, 0, 3)
		r.anchored(other, newLedger("a.example", 0), 0, 20)
		r.anchored(other, newLedger("a.example", 0), 20, 30)
		if after := r.head(lender, a); after != before {
			t.Errorf("the head becomes %+v, from %+v", after, before)
		}
		if h := r.head(lender, b); h.Size != 3 || h.Root != b.root(3) {
			t.Errorf("the other origin has %+v", h)
		}
		if h := r.head(other, a); h.Size != 30 {
			t.Errorf("the other sender has %+v", h)
		}
		if n := len(r.events(lender, a)); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}

// A storage proof of one slot shows that the events are all anchors of a ledger:
// with one left out, altered, added or moved their history is another.
func TestOneStorageProofCommitsToAllAnchors(t *testing.T) {
	eachRegistry(t, func(t *testing.T, r registry) {
		l := newLedger("history.example", 3)
		r.anchored(other, l, 0, 2)
		for _, sizes := range [][2]uint64{{0, 1}, {1, 4}, {4, 4}, {4, 5}, {5, 700}} {
			r.anchored(lender, l, sizes[0], sizes[1])
		}
		block, err := r.client.HeaderByNumber(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		root, rest := r.proven(block, lender, l)
		size, history := binary.BigEndian.Uint64(rest[24:]), [24]byte(rest[:24])
		if root != common.Hash(l.root(700)) || size != 700 {
			t.Errorf("the slots have size %d, root %x", size, root)
		}
		events := r.events(lender, l)
		if len(events) != 4 {
			t.Fatalf("%d events", len(events))
		}
		if h := total(events); h != history {
			t.Errorf("the events come to %x, the slot has %x", h, history)
		}
		altered := *events[1]
		altered.Root[0] ^= 1
		for name, wrong := range map[string][]*AnchorAnchored{
			"the first left out": events[1:],
			"one left out":       {events[0], events[2], events[3]},
			"the last left out":  events[:3],
			"moved":              {events[1], events[0], events[2], events[3]},
			"altered":            {events[0], &altered, events[2], events[3]},
			"repeated":           append(events[:4:4], events[3]),
		} {
			if total(wrong) == history {
				t.Errorf("%s, the events come to the same history", name)
			}
		}
	})
}

// total is the history of all of these events.
func total(events []*AnchorAnchored) (history [24]byte) {
	for _, e := range events {
		history = link(history, e)
	}
	return history
}

// proven gives the two slots of a head, each with a proof that is held against the
// state root of the block, and nothing else.
func (r registry) proven(block *types.Header, from *ecdsa.PrivateKey, l ledger) (root, rest common.Hash) {
	r.t.Helper()
	first, second := slots(address(from), l.origin)
	p, err := gethclient.New(r.client.Client()).GetProof(context.Background(), r.address, []string{first.Hex(), second.Hex()}, block.Number)
	if err != nil {
		r.t.Fatal(err)
	}
	var account types.StateAccount
	if err := rlp.DecodeBytes(verify(r.t, block.Root, r.address[:], p.AccountProof), &account); err != nil {
		r.t.Fatal(err)
	}
	for i, slot := range []*common.Hash{&root, &rest} {
		at := []common.Hash{first, second}[i]
		var value []byte
		if err := rlp.DecodeBytes(verify(r.t, account.Root, at[:], p.StorageProof[i].Proof), &value); err != nil {
			r.t.Fatal(err)
		}
		*slot = common.BytesToHash(value)
	}
	return root, rest
}

// nodes are those of a proof, by what they hash to: trie.VerifyProof believes
// whatever hash it looks a node up by.
type nodes map[common.Hash][]byte

func (n nodes) Has(hash []byte) (bool, error)   { return n[common.BytesToHash(hash)] != nil, nil }
func (n nodes) Get(hash []byte) ([]byte, error) { return n[common.BytesToHash(hash)], nil }

func verify(t *testing.T, root common.Hash, key []byte, proof []string) []byte {
	t.Helper()
	n := nodes{}
	for _, node := range proof {
		b := common.FromHex(node)
		n[crypto.Keccak256Hash(b)] = b
	}
	value, err := trie.VerifyProof(root, crypto.Keccak256(key), n)
	if err != nil || value == nil {
		t.Fatalf("the proof of %x shows no value: %v", key, err)
	}
	return value
}

// A history has these bytes for ever: they are what a storage proof is held against.
func TestHistoryIsPinned(t *testing.T) {
	e := &AnchorAnchored{Size: 1<<40 + 5, Root: crypto.Keccak256Hash([]byte("root")), Number: 20_000_000, Time: 1_790_000_000, Parent: crypto.Keccak256Hash([]byte("parent"))}
	first := link([24]byte{}, e)
	second := link(first, e)
	for i, c := range []struct {
		got  [24]byte
		want string
	}{
		{first, "69d2779bed19313f237aec9b7eab943e87e318100bad89e8"},
		{second, "e436b72d59c797fd284e1bb13760b636c1daf9c9ee715e6d"},
	} {
		if got := hex.EncodeToString(c.got[:]); got != c.want {
			t.Errorf("history %d is %s, want %s", i, got, c.want)
		}
	}
}

// The strict contract takes a larger head only with the proof that it continues
// the last one. The other leaves that to its readers.
func TestStrict(t *testing.T) {
	eachRuleSet(t, func(c *chain) {
		strict, _ := c.deploy(&StrictAnchorMetaData, StrictAnchorDeployment)
		loose, _ := c.deploy(&AnchorMetaData, AnchorDeployment)
		l, fork := newLedger("strict.example", 2, 9), newLedger("strict.example", 2, 8)
		for _, r := range []registry{strict, loose} {
			r.anchored(lender, l, 0, 10)
		}
		before := strict.head(lender, l)
		pack := func(size uint64, root [32]byte, proof []tlog.Hash) []byte {
			return NewStrictAnchor().PackAnchor(l.origin, size, root, hashes(proof))
		}
		right := l.consistency(10, 23)
		flipped := slices.Clone(right)
		flipped[1][31] ^= 1
		for name, call := range map[string][]byte{
			"a fork":                  pack(23, fork.root(23), fork.consistency(10, 23)),
			"a fork, proof of ours":   pack(23, fork.root(23), right),
			"ours, proof of the fork": pack(23, l.root(23), fork.consistency(10, 23)),
			"no proof":                pack(23, l.root(23), nil),
			"proof from another size": pack(23, l.root(23), l.consistency(9, 23)),
			"one hash less":           pack(23, l.root(23), right[:len(right)-1]),
			"one hash more":           pack(23, l.root(23), append(right[:len(right):len(right)], right[0])),
			"a bit flipped":           pack(23, l.root(23), flipped),
			"another size":            pack(40, l.root(23), right),
		} {
			_, reverted := c.call(lender, strict.address, call)
			if e, ok := errorOf(c.t, reverted).(*StrictAnchorInconsistent); !ok || e.Anchored != 10 || e.Size < 23 {
				c.t.Errorf("%s: %#v", name, errorOf(c.t, reverted))
			}
			if receipt := c.send(lender, strict.address, call); receipt.Status != types.ReceiptStatusFailed || len(receipt.Logs) != 0 {
				c.t.Errorf("%s: status %d, %d events", name, receipt.Status, len(receipt.Logs))
			}
		}
		if after := strict.head(lender, l); after != before {
			c.t.Errorf("the head becomes %+v, from %+v", after, before)
		}
		strict.anchored(lender, l, 10, 23)
		loose.anchored(lender, fork, 10, 23)
	})
}

// The contracts do as this model of one does, over many calls of two senders for
// a hundred origins, many of them wrong.
func TestModel(t *testing.T) {
	for name, rules := range ruleSets {
		for _, contract := range []string{"Anchor", "StrictAnchor"} {
			t.Run(name+"/"+contract, func(t *testing.T) { testModel(t, contract, rules) })
		}
	}
}

func testModel(t *testing.T, contract string, rules *params.ChainConfig) {
	m := newMachine(t, contract, rules)
	strict := contract == "StrictAnchor"
	r := rand.New(rand.NewPCG(7, 8))
	forks := []tree{{[]uint64{0}}, {[]uint64{1, 5}}}
	type place struct {
		by     common.Address
		origin [32]byte
	}
	type state struct {
		head HeadsHead
		fork int // the tree of the head
	}
	model := map[place]state{}
	counts := map[string]int{}
	for range 4000 {
		p := place{common.BytesToAddress([]byte{byte(1 + r.IntN(2))}), [32]byte{byte(r.IntN(100))}}
		s := model[p]
		last := s.head.Size
		size := last + r.Uint64N(4)
		if r.IntN(3) == 0 {
			size -= min(size, r.Uint64N(4))
		}
		fork := s.fork
		if r.IntN(8) == 0 {
			fork = r.IntN(len(forks))
		}
		next := HeadsHead{Size: size}
		var proof []tlog.Hash
		if size > 0 {
			next.Root = forks[fork].root(size)
		}
		if 0 < last && last <= size {
			proof = forks[fork].consistency(last, size)
		}
		m.cfg.Origin = p.by
		m.cfg.BlockNumber = new(big.Int).Add(m.cfg.BlockNumber, common.Big1)
		m.cfg.Time += 12
		parent := crypto.Keccak256Hash(m.cfg.BlockNumber.Bytes())
		m.cfg.GetHashFn = func(n uint64) common.Hash {
			if n != m.cfg.BlockNumber.Uint64()-1 {
				t.Errorf("asked for the hash of block %d in block %d", n, m.cfg.BlockNumber)
			}
			return parent
		}
		args := []any{p.origin, size, next.Root}
		if strict {
			args = append(args, hashes(proof))
		}
		out, _, err := m.call("anchor", args...)

		var want any
		switch {
		case size > last:
			if strict && last > 0 && forks[fork].root(last) != s.head.Root {
				want = &StrictAnchorInconsistent{Anchored: last, Size: size}
				break
			}
			next.History = link(s.head.History, &AnchorAnchored{
				Size: size, Root: next.Root, Number: m.cfg.BlockNumber.Uint64(), Time: m.cfg.Time, Parent: parent,
			})
			model[p] = state{next, fork}
		case size == 0:
			want = &StrictAnchorEmptyTree{}
		case size < last:
			want = &StrictAnchorShrunk{Anchored: last, Size: size}
		case next.Root != s.head.Root:
			want = &StrictAnchorForked{Size: size, Anchored: s.head.Root, Root: next.Root}
		}
		counts[fmt.Sprintf("%T", want)]++
		var got any
		if err != nil {
			got = errorOf(t, out)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("from %d to %d (-want +got):\n%s", last, size, d)
		}
		out, _, err = m.call("head", p.by, p.origin)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := NewAnchor().UnpackHead(out); err != nil || h != model[p].head {
			t.Fatalf("from %d to %d: head %+v, want %+v, %v", last, size, h, model[p].head, err)
		}
	}
	for _, e := range []any{nil, &StrictAnchorEmptyTree{}, &StrictAnchorShrunk{}, &StrictAnchorForked{}} {
		if counts[fmt.Sprintf("%T", e)] == 0 {
			t.Errorf("no call ended with %T", e)
		}
	}
	if _, inconsistent := counts["*contracts.StrictAnchorInconsistent"]; inconsistent != strict {
		t.Errorf("inconsistent: %v", inconsistent)
	}
}
