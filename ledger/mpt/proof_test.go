// SPDX-License-Identifier: Apache-2.0

package mpt_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger/mpt"
)

// A claim is what a proof proves: a lookup, or a prefix with its hash.
type claim struct {
	name  string
	proof []byte
	check func(snap mpt.Hash, proof []byte) error
}

// claims proves everything about the given keys.
func claims(tree *mpt.Tree, keys []string) (list []claim) {
	for _, k := range keys {
		key := []byte(k)
		val, ok, proof := tree.ProveLookup(key)
		list = append(list, claim{"lookup of " + k, proof, func(snap mpt.Hash, proof []byte) error {
			return mpt.VerifyLookup(snap, key, val, ok, proof)
		}})
		for n := range len(key) + 1 {
			h, proof := tree.ProvePrefix(key[:n])
			list = append(list, claim{"prefix " + k[:n], proof, func(snap mpt.Hash, proof []byte) error {
				return mpt.VerifyPrefix(snap, key[:n], h, proof)
			}})
		}
	}
	return list
}

// smallTrees are trees of up to 40 keys of all kinds, each with some keys that
// it has and some that it lacks.
func smallTrees() (trees []*mpt.Tree, keys [][]string) {
	r := rand.New(rand.NewPCG(6, 7))
	kinds := []string{"term", "short", "nested"}
	for _, n := range []int{0, 1, 2, 5, 40} {
		tree := new(mpt.Tree)
		var some []string
		for i := range n + 4 {
			k := keyMakers[kinds[i%len(kinds)]](r)
			if i < n {
				tree.Set([]byte(k), []byte(randomString(r, 40, 256)))
			}
			if i < 4 || i >= n {
				some = append(some, k)
			}
		}
		trees = append(trees, tree)
		keys = append(keys, some)
	}
	return trees, keys
}

// A proof is the only byte string that proves its claim: every flipped bit,
// every shortening and every addition is refused. So is every other hash.
func TestProofsAreUnique(t *testing.T) {
	trees, keys := smallTrees()
	flips := 0
	for i, tree := range trees {
		snap := tree.Hash()
		for _, c := range claims(tree, keys[i]) {
			if err := c.check(snap, c.proof); err != nil {
				t.Fatalf("tree of %d, %s: %v", tree.Len(), c.name, err)
			}
			for bit := range 8 * len(c.proof) {
				bad := bytes.Clone(c.proof)
				bad[bit/8] ^= 1 << (bit % 8)
				flips++
				if c.check(snap, bad) == nil {
					t.Errorf("tree of %d, %s: bit %d of the proof may be flipped", tree.Len(), c.name, bit)
				}
			}
			for n := range c.proof {
				if c.check(snap, c.proof[:n]) == nil {
					t.Errorf("tree of %d, %s: %d of %d bytes of the proof suffice", tree.Len(), c.name, n, len(c.proof))
				}
			}
			for _, tail := range [][]byte{{0}, {1}, make([]byte, 33)} {
				if c.check(snap, slices.Concat(c.proof, tail)) == nil {
					t.Errorf("tree of %d, %s: %d bytes may follow the proof", tree.Len(), c.name, len(tail))
				}
			}
			for bit := range 8 * len(snap) {
				bad := snap
				bad[bit/8] ^= 1 << (bit % 8)
				if c.check(bad, c.proof) == nil {
					t.Errorf("tree of %d, %s: bit %d of the tree's hash may be flipped", tree.Len(), c.name, bit)
				}
			}
		}
	}
	if flips < 10000 {
		t.Errorf("only %d bits flipped", flips)
	}
}

// After a Hash, readers do not disturb each other (which -race would see).
func TestConcurrentReads(t *testing.T) {
	tree, keys := randomTree(1000)
	snap := tree.Hash()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for _, key := range keys[i*10:][:100] {
				val, ok, proof := tree.ProveLookup(key[:])
				if err := mpt.VerifyLookup(tree.Hash(), key[:], val, ok, proof); err != nil {
					t.Error(err)
				}
				h, proof := tree.ProvePrefix(key[:1])
				if err := mpt.VerifyPrefix(snap, key[:1], h, proof); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// A claim changed by one bit is refused with the proof of the true one.
func TestClaimsAreBound(t *testing.T) {
	tree, keys := randomTree(50)
	snap := tree.Hash()
	for _, key := range keys[:5] {
		val, _, proof := tree.ProveLookup(key[:])
		for bit := range 8 * len(val) {
			bad := bytes.Clone(val)
			bad[bit/8] ^= 1 << (bit % 8)
			if mpt.VerifyLookup(snap, key[:], bad, true, proof) == nil {
				t.Errorf("bit %d of the value may be flipped", bit)
			}
		}
		for bit := range 8 * len(key) {
			bad := key
			bad[bit/8] ^= 1 << (bit % 8)
			if mpt.VerifyLookup(snap, bad[:], val, true, proof) == nil {
				t.Errorf("bit %d of the key may be flipped", bit)
			}
		}
		if mpt.VerifyLookup(snap, key[:], val, false, proof) == nil {
			t.Error("a key that is there verifies as missing")
		}
	}
	missing := sha256.Sum256([]byte("missing"))
	_, _, proof := tree.ProveLookup(missing[:])
	if mpt.VerifyLookup(snap, missing[:], []byte{0}, false, proof) == nil {
		t.Error("a missing key verifies with a value")
	}
}

// Every malformed proof is refused, even where its hashes add up.
func TestMalformedProofs(t *testing.T) {
	inner := func(bit []byte, left, right mpt.Hash) mpt.Hash {
		return sha256.Sum256(slices.Concat([]byte{1}, bit, left[:], right[:]))
	}
	leaf := sha256.Sum256([]byte("\x00\x01k\x01v")) // 'k' is 0110 1011
	side := sha256.Sum256([]byte("side"))
	step := func(bit string) []byte { return append([]byte(bit), side[:]...) }
	huge := string(binary.AppendUvarint(nil, math.MaxUint64))
	equal := inner([]byte{3}, inner([]byte{3}, leaf, side), side)
	rising := inner([]byte{5}, inner([]byte{3}, leaf, side), side)
	padded := inner([]byte{0x83, 0x00}, leaf, side)
	tests := []struct {
		name  string
		snap  mpt.Hash
		key   string
		val   string
		ok    bool
		proof []byte
	}{
		{"equal bit positions", equal, "k", "v", true, slices.Concat(step("\x03"), step("\x03"))},
		{"rising bit positions", rising, "k", "v", true, slices.Concat(step("\x03"), step("\x05"))},
		{"bit position in two bytes", padded, "k", "v", true, step("\x83\x00")},
		{"bit position of 65 bits", leaf, "k", "v", true, step("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")},
		{"bit position of eleven bytes", leaf, "k", "v", true, step("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")},
		{"greatest bit position", inner([]byte(huge), side, leaf), "k", "v", true, step(huge)},
		{"unfinished bit position", leaf, "k", "v", true, []byte{0x80}},
		{"step without hash", leaf, "k", "v", true, []byte{0x03}},
		{"step with half a hash", leaf, "k", "v", true, step("\x03")[:17]},
		{"no leaf", leaf, "x", "", false, nil},
		{"leaf without value", leaf, "x", "", false, []byte("\x01k")},
		{"key longer than the proof", leaf, "x", "", false, []byte("\x7fk\x01v")},
		{"value longer than the proof", leaf, "x", "", false, []byte("\x01k\x02v")},
		{"absurd key length", leaf, "x", "", false, []byte(huge + "k\x01v")},
		{"absurd value length", leaf, "x", "", false, []byte("\x01k" + huge + "v")},
		{"key length in two bytes", leaf, "x", "", false, []byte("\x81\x00k\x01v")},
		{"value length in two bytes", leaf, "x", "", false, []byte("\x01k\x81\x00v")},
		{"the key itself", leaf, "k", "", false, []byte("\x01k\x01v")},
		{"off the path", inner([]byte{0}, leaf, side), "\xff", "", false, slices.Concat([]byte("\x01k\x01v"), step("\x00"))},
		{"empty tree with a leaf", sha256.Sum256(nil), "x", "", false, []byte("\x01k\x01v")},
		{"empty tree with a key", sha256.Sum256(nil), "k", "v", true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if mpt.VerifyLookup(tt.snap, []byte(tt.key), []byte(tt.val), tt.ok, tt.proof) == nil {
				t.Error("the lookup verifies")
			}
			// What is wrong with a missing key is wrong with a missing prefix.
			if !tt.ok && mpt.VerifyPrefix(tt.snap, []byte(tt.key), sha256.Sum256(nil), tt.proof) == nil {
				t.Error("the prefix verifies")
			}
			// And a leaf is a subtree.
			if tt.ok && tt.name != "empty tree with a key" && mpt.VerifyPrefix(tt.snap, []byte(tt.key), leaf, tt.proof) == nil {
				t.Error("the subtree verifies")
			}
		})
	}

	// The cases above fail for what they name: without it they verify.
	if err := mpt.VerifyLookup(inner([]byte{3}, leaf, side), []byte("k"), []byte("v"), true, step("\x03")); err != nil {
		t.Error(err)
	}
	if err := mpt.VerifyLookup(leaf, []byte("x"), nil, false, []byte("\x01k\x01v")); err != nil {
		t.Error(err)
	}
}

// The subtree of a prefix proof may be too large, never too small.
func TestPrefixSubtrees(t *testing.T) {
	var tree mpt.Tree
	for _, k := range []string{"ab", "abc", "abd", "b"} {
		tree.Set([]byte(k), nil)
	}
	snap := tree.Hash()
	small, proof := tree.ProvePrefix([]byte("abc"))
	if mpt.VerifyPrefix(snap, []byte("ab"), small, proof) == nil {
		t.Error("a subtree without all keys of the prefix verifies")
	}
	if err := mpt.VerifyPrefix(snap, []byte("ab"), snap, nil); err != nil {
		t.Errorf("the whole tree has all keys of every prefix: %v", err)
	}
}

// Whatever verifies is true, and its proof is the one that the tree gives.
func FuzzVerifyLookup(f *testing.F) {
	trees, keys := smallTrees()
	for i, tree := range trees {
		for _, k := range keys[i] {
			val, ok, proof := tree.ProveLookup([]byte(k))
			f.Add(i, []byte(k), val, ok, proof)
		}
	}
	f.Fuzz(func(t *testing.T, i int, key, val []byte, ok bool, proof []byte) {
		tree := trees[uint(i)%uint(len(trees))]
		if mpt.VerifyLookup(tree.Hash(), key, val, ok, proof) != nil {
			return
		}
		wantVal, wantOK, want := tree.ProveLookup(key)
		if ok != wantOK || !bytes.Equal(val, wantVal) || !bytes.Equal(proof, want) {
			t.Fatalf("%x, %v verifies for %x with %x", val, ok, key, proof)
		}
	})
}

// Whatever verifies is true, and its proof is the one that the tree gives, or
// the part of it that leads up from a larger subtree.
func FuzzVerifyPrefix(f *testing.F) {
	trees, keys := smallTrees()
	for i, tree := range trees {
		for _, k := range keys[i] {
			h, proof := tree.ProvePrefix([]byte(k))
			f.Add(i, []byte(k), h[:], proof)
		}
	}
	f.Fuzz(func(t *testing.T, i int, prefix, hash, proof []byte) {
		if len(hash) != len(mpt.Hash{}) {
			return
		}
		tree, h := trees[uint(i)%uint(len(trees))], mpt.Hash(hash)
		if mpt.VerifyPrefix(tree.Hash(), prefix, h, proof) != nil {
			return
		}
		wantHash, want := tree.ProvePrefix(prefix)
		if h == wantHash && !bytes.Equal(proof, want) || !bytes.HasSuffix(want, proof) {
			t.Fatalf("%x verifies for prefix %x with %x", h, prefix, proof)
		}
		if found := 0; h == sha256.Sum256(nil) {
			tree.Scan(prefix, func(_, _ []byte) bool { found++; return true })
			if found > 0 {
				t.Fatalf("prefix %x verifies as empty", prefix)
			}
		}
	})
}
