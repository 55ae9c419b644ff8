// SPDX-License-Identifier: Apache-2.0

package contracts

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"golang.org/x/mod/sumdb/tlog"
)

// A claim is a proof with what it is to prove: inclusion of the leaf first at
// index from in the tree of size with root, or consistency of the tree of size
// from with root first.
type claim struct {
	consistency bool
	from, size  uint64
	first, root tlog.Hash
	proof       []tlog.Hash
}

func (c claim) String() string {
	kind := "inclusion"
	if c.consistency {
		kind = "consistency"
	}
	return fmt.Sprintf("%s %d in %d, first %x, root %x, proof %x", kind, c.from, c.size, c.first, c.root, c.proof)
}

func (c claim) clone() claim {
	c.proof = slices.Clone(c.proof)
	return c
}

// inclusionOf and consistencyOf are true claims about a tree with marks where
// it matters.
func inclusionOf(index, size uint64) claim {
	t := tree{marks: []uint64{index, size - 1}}
	return claim{false, index, size, leaf(index), t.root(size), t.inclusion(index, size)}
}

func consistencyOf(old, size uint64) claim {
	t := tree{marks: []uint64{0, old - 1, size - 1}}
	return claim{true, old, size, t.root(old), t.root(size), t.consistency(old, size)}
}

// ask has the contract judge the claim.
func (c claim) ask(m *machine) bool {
	m.t.Helper()
	if c.consistency {
		return m.ask("consistency", c.from, c.first, c.size, c.root, hashes(c.proof))
	}
	return m.ask("inclusion", c.first, c.from, c.size, c.root, hashes(c.proof))
}

func hashes(in []tlog.Hash) [][32]byte {
	out := make([][32]byte, len(in))
	for i, h := range in {
		out[i] = h
	}
	return out
}

// tlogMax is the largest size with which tlog ends.
const tlogMax = 1 << 62

// tlog has tlog judge the claim, whose numbers are at most tlogMax.
func (c claim) tlog() bool {
	if c.consistency {
		return tlog.CheckTree(c.proof, int64(c.size), c.root, int64(c.from), c.first) == nil
	}
	return tlog.CheckRecord(c.proof, int64(c.size), c.root, int64(c.from), c.first) == nil
}

// mutations is the number of ways in which a claim can be altered.
const mutations = 16

// mutate alters the claim in one of the ways, at a place; some leave it true.
func (c *claim) mutate(how, where byte) {
	n := len(c.proof)
	at := 0
	if n > 0 {
		at = int(where) % n
	}
	bit := func(h *tlog.Hash) { h[where%32] ^= 1 << (where / 32) }
	switch how % mutations {
	case 0:
		if n > 0 {
			bit(&c.proof[at])
		}
	case 1:
		bit(&c.first)
	case 2:
		bit(&c.root)
	case 3:
		if n > 0 {
			c.proof = slices.Delete(c.proof, at, at+1)
		}
	case 4:
		if n > 0 {
			c.proof = slices.Insert(c.proof, at, c.proof[at])
		}
	case 5:
		c.proof = append(c.proof, c.root)
	case 6:
		c.proof = slices.Insert(c.proof, 0, c.first)
	case 7:
		if n > 1 {
			c.proof[at], c.proof[(at+1)%n] = c.proof[(at+1)%n], c.proof[at]
		}
	case 8:
		c.proof = nil
	case 9:
		c.from++
	case 10:
		c.from--
	case 11:
		c.from ^= 1 << (where % 62)
	case 12:
		c.size++
	case 13:
		c.size--
	case 14:
		c.from, c.size = c.size, c.from
	case 15:
		c.first, c.root = c.root, c.first
	}
	c.from, c.size = min(c.from, tlogMax), min(c.size, tlogMax)
}

// agree requires the contract and tlog to judge alike.
func agree(t *testing.T, m *machine, c claim) {
	t.Helper()
	if got, want := c.ask(m), c.tlog(); got != want {
		t.Fatalf("the contract says %v, tlog %v: %v", got, want, c)
	}
}

// Of all small trees every proof, and every proof altered once, is judged as by tlog.
func TestProofsOfSmallTrees(t *testing.T) {
	m := newMachine(t, "Proofs", ruleSets["osaka"])
	r := rand.New(rand.NewPCG(1, 2))
	for size := uint64(1); size <= 34; size++ {
		for from := range size {
			for _, c := range []claim{inclusionOf(from, size), consistencyOf(from+1, size)} {
				if !c.ask(m) {
					t.Fatalf("refused: %v", c)
				}
				agree(t, m, c)
				for how := range byte(mutations) {
					altered := c.clone()
					altered.mutate(how, byte(r.Uint32()))
					agree(t, m, altered)
				}
			}
		}
	}
	for _, c := range []claim{
		{},
		{consistency: true},
		{consistency: true, size: 5, root: full[0]},
		{size: 1},
		{from: 1, size: 1},
	} {
		agree(t, m, c)
	}
}

// sizes are those of trees of all heights, at and around powers of two, up to max.
func sizes(r *rand.Rand, max uint64) (out []uint64) {
	for k := range 64 {
		p := uint64(1) << k
		for _, n := range []uint64{p - 1, p, p + 1, p + r.Uint64N(p)} {
			if 0 < n && n <= max {
				out = append(out, n)
			}
		}
	}
	return append(out, max)
}

// Of trees of all heights that tlog can judge, proofs at the edges and in between,
// whole and altered up to three times, are judged alike.
func TestProofsOfTreesOfAnySize(t *testing.T) {
	m := newMachine(t, "Proofs", ruleSets["amsterdam"])
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range sizes(r, tlogMax) {
		for _, from := range []uint64{0, size / 2, size - 1, r.Uint64N(size), split(size+1) - 1} {
			for _, c := range []claim{inclusionOf(from, size), consistencyOf(from+1, size)} {
				if !c.ask(m) {
					t.Fatalf("refused: %v", c)
				}
				agree(t, m, c)
				for range 4 {
					altered := c.clone()
					for range 1 + r.IntN(3) {
						altered.mutate(byte(r.Uint32()), byte(r.Uint32()))
					}
					agree(t, m, altered)
				}
			}
		}
	}
}

// Beyond the sizes that tlog can judge, up to 2^64-1, proofs are accepted and
// altered ones refused.
func TestProofsOfTheLargestTrees(t *testing.T) {
	m := newMachine(t, "Proofs", ruleSets["osaka"])
	r := rand.New(rand.NewPCG(5, 6))
	for _, size := range []uint64{1<<62 + 1, 1<<63 - 1, 1 << 63, 1<<63 + 1, 1<<63 + r.Uint64N(1<<63), math.MaxUint64 - 1, math.MaxUint64} {
		for _, from := range []uint64{0, 1, size / 2, size - 1, 1<<62 - 1, 1 << 62, r.Uint64N(size)} {
			for _, c := range []claim{inclusionOf(from, size), consistencyOf(from+1, size)} {
				if !c.ask(m) {
					t.Fatalf("refused: %v", c)
				}
				for i := range c.proof {
					altered := c.clone()
					altered.proof[i][r.IntN(32)] ^= 1
					if altered.ask(m) {
						t.Fatalf("accepted with hash %d altered: %v", i, altered)
					}
				}
				more, root, first := c.clone(), c.clone(), c.clone()
				more.proof = append(more.proof, full[0])
				root.root[0] ^= 1
				first.first[0] ^= 1
				for _, altered := range []claim{more, root, first} {
					if altered.ask(m) {
						t.Fatalf("accepted: %v", altered)
					}
				}
			}
		}
	}
}

// A leaf is hashed as tlog does.
func TestLeafHash(t *testing.T) {
	m := newMachine(t, "Proofs", ruleSets["osaka"])
	for _, n := range []int{0, 1, 31, 32, 33, 600, 65_535} {
		entry := make([]byte, n)
		for i := range entry {
			entry[i] = byte(i*7 + n)
		}
		out, _, err := m.call("leafHash", entry)
		if want := tlog.RecordHash(entry); err != nil || [32]byte(out) != want {
			t.Errorf("%d bytes: %x, want %x, %v", n, out, want, err)
		}
	}
}

// Another contract can ask whether a record lies under an anchored head.
func TestProofsAgainstAnAnchor(t *testing.T) {
	m := newMachine(t, "Proofs", ruleSets["osaka"])
	anchors, by, origin := common.HexToAddress("0xa0"), common.HexToAddress("0x1"), [32]byte{7}
	m.cfg.State.SetCode(anchors, readBuild(t, "Anchor").runtime(), tracing.CodeChangeUnspecified)
	entry := []byte("an entry")
	first := tlog.RecordHash([]byte("another"))
	recorded := func(index uint64, entry []byte) bool {
		t.Helper()
		return m.ask("recorded", anchors, by, origin, index, entry, hashes([]tlog.Hash{first}))
	}
	if recorded(1, entry) {
		t.Error("a record is found before there is an anchor")
	}
	m.cfg.Origin = by
	root := tlog.NodeHash(first, tlog.RecordHash(entry))
	if _, _, err := runtime.Call(anchors, NewAnchor().PackAnchor(origin, 2, root), m.cfg); err != nil {
		t.Fatal(err)
	}
	if !recorded(1, entry) {
		t.Error("a record is not found under its anchor")
	}
	if recorded(0, entry) || recorded(1, []byte("an entrx")) {
		t.Error("something else is found under the anchor")
	}
}

// FuzzProofs holds the contract against tlog, for claims about trees of any size
// that are altered as the input says.
func FuzzProofs(f *testing.F) {
	m := newMachine(f, "Proofs", ruleSets["osaka"])
	f.Add(false, uint64(0), uint64(1), []byte{})
	f.Add(true, uint64(7), uint64(7), []byte{8, 0})
	f.Add(true, uint64(8), uint64(13), []byte{3, 0})
	f.Add(false, uint64(1)<<40, uint64(1)<<61+5, []byte{4, 9, 9, 0})
	f.Add(true, uint64(1)<<40, uint64(1)<<61+5, []byte{7, 3})
	f.Fuzz(func(t *testing.T, consistency bool, from, size uint64, how []byte) {
		size = 1 + size%tlogMax
		from %= size
		c := inclusionOf(from, size)
		if consistency {
			c = consistencyOf(from+1, size)
		}
		m.t = t
		if !c.ask(m) {
			t.Fatalf("refused: %v", c)
		}
		for ; len(how) >= 2; how = how[2:] {
			c.mutate(how[0], how[1])
		}
		agree(t, m, c)
	})
}
