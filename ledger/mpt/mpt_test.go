// SPDX-License-Identifier: Apache-2.0

package mpt_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/mpt"
)

// The naive map: the definitions of the package comment on sorted strings of
// '0' and '1', with nothing remembered and nothing shared.

func bitString(b string) string {
	var s strings.Builder
	for _, c := range []byte(b) {
		fmt.Fprintf(&s, "%08b", c)
	}
	return s.String()
}

// naiveBits is a key as it is compared, long enough for keys up to 40 bytes.
func naiveBits(key string) string {
	return bitString(key + "\x00" + strings.Repeat("\xff", 42-len(key)))
}

func compareKeys(a, b string) int { return strings.Compare(naiveBits(a), naiveBits(b)) }

func naivePrefixed(key, prefix string) bool {
	return strings.HasPrefix(naiveBits(key), bitString(prefix))
}

func varint(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

func naiveLeaf(key, val string) string {
	return varint(len(key)) + key + varint(len(val)) + val
}

// naiveSplit returns where the bits of sorted keys first differ, and how many
// of the keys have a 0 there.
func naiveSplit(keys []string) (bit, zeros int) {
	first, last := naiveBits(keys[0]), naiveBits(keys[len(keys)-1])
	for first[bit] == last[bit] {
		bit++
	}
	zeros = slices.IndexFunc(keys, func(k string) bool { return naiveBits(k)[bit] == '1' })
	return bit, zeros
}

func naiveHash(m map[string]string, keys []string) mpt.Hash {
	switch len(keys) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256([]byte("\x00" + naiveLeaf(keys[0], m[keys[0]])))
	}
	bit, zeros := naiveSplit(keys)
	left, right := naiveHash(m, keys[:zeros]), naiveHash(m, keys[zeros:])
	return sha256.Sum256([]byte("\x01" + varint(bit) + string(left[:]) + string(right[:])))
}

// naiveWalk follows key down to the first subtree that stop accepts, and
// returns its keys and the steps up from it.
func naiveWalk(m map[string]string, keys []string, key string, stop func(keys []string) bool) (sub []string, steps string) {
	if stop(keys) {
		return keys, ""
	}
	bit, zeros := naiveSplit(keys)
	on, off := keys[:zeros], keys[zeros:]
	if naiveBits(key)[bit] == '1' {
		on, off = off, on
	}
	sub, steps = naiveWalk(m, on, key, stop)
	h := naiveHash(m, off)
	return sub, steps + varint(bit) + string(h[:])
}

func isLeaf(keys []string) bool { return len(keys) == 1 }

func naiveLookup(m map[string]string, keys []string, key string) string {
	if len(keys) == 0 {
		return ""
	}
	sub, steps := naiveWalk(m, keys, key, isLeaf)
	if sub[0] == key {
		return steps
	}
	return naiveLeaf(sub[0], m[sub[0]]) + steps
}

func naivePrefix(m map[string]string, keys []string, prefix string) (mpt.Hash, string) {
	matches := func(k string) bool { return naivePrefixed(k, prefix) }
	if !slices.ContainsFunc(keys, matches) {
		return naiveHash(nil, nil), naiveLookup(m, keys, prefix)
	}
	sub, steps := naiveWalk(m, keys, prefix, func(keys []string) bool {
		return !slices.ContainsFunc(keys, func(k string) bool { return !matches(k) })
	})
	return naiveHash(m, sub), steps
}

// keyMakers draw keys that are far apart, close together, or prefixes of one
// another.
var keyMakers = map[string]func(r *rand.Rand) string{
	"term":  func(r *rand.Rand) string { return randomString(r, 32, 256) },
	"short": func(r *rand.Rand) string { return randomString(r, r.IntN(3), 256) },
	"mixed": func(r *rand.Rand) string { return randomString(r, r.IntN(40), 256) },
	"nested": func(r *rand.Rand) string {
		b := []byte(randomString(r, r.IntN(6), 256))
		for i := range b {
			b[i] = []byte{0x00, 0xff, 0x61}[b[i]%3]
		}
		return string(b)
	},
	"crowded": func(r *rand.Rand) string {
		b := bytes.Repeat([]byte{0xaa}, 32)
		b[r.IntN(32)] ^= 1 << r.IntN(8)
		return string(b)
	},
}

func randomString(r *rand.Rand, n, alphabet int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(alphabet))
	}
	return string(b)
}

func TestAgainstNaive(t *testing.T) {
	for name, makeKey := range keyMakers {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(25) {
				againstNaive(t, rand.New(rand.NewPCG(seed, 1)), makeKey)
			}
		})
	}
}

func againstNaive(t *testing.T, r *rand.Rand, makeKey func(*rand.Rand) string) {
	var tree mpt.Tree
	model := map[string]string{}
	rounds := 1 + r.IntN(12)
	for range rounds {
		for range r.IntN(12) {
			key := makeKey(r)
			if keys := slices.Sorted(maps.Keys(model)); len(keys) > 0 && r.IntN(2) == 0 {
				key = keys[r.IntN(len(keys))]
			}
			if r.IntN(3) == 0 {
				_, had := model[key]
				if tree.Delete([]byte(key)) != had {
					t.Fatalf("Delete(%x) does not say %v", key, had)
				}
				delete(model, key)
			} else {
				val := randomString(r, []int{0, 40, 40, r.IntN(200)}[r.IntN(4)], 256)
				k, v := []byte(key), []byte(val)
				tree.Set(k, v)
				clear(k) // the tree keeps neither
				clear(v)
				model[key] = val
			}
		}
		checkAgainst(t, &tree, model)
		queries := slices.Collect(maps.Keys(model))
		for range 10 {
			queries = append(queries, makeKey(r))
		}
		checkQueries(t, &tree, model, queries)
	}
}

// checkAgainst compares all that can be asked of the whole tree.
func checkAgainst(t *testing.T, tree *mpt.Tree, model map[string]string) {
	t.Helper()
	keys := slices.SortedFunc(maps.Keys(model), compareKeys)
	if got, want := tree.Hash(), naiveHash(model, keys); got != want {
		t.Fatalf("tree of %x has hash %x, want %x", keys, got, want)
	}
	if tree.Len() != len(model) {
		t.Fatalf("Len is %d, want %d", tree.Len(), len(model))
	}
	got := map[string]string{}
	order := []string{}
	tree.Scan(nil, func(k, v []byte) bool {
		got[string(k)] = string(v)
		order = append(order, string(k))
		return true
	})
	if diff := cmp.Diff(model, got); diff != "" {
		t.Fatalf("the tree holds (-want +got):\n%s", diff)
	}
	if !slices.Equal(order, keys) {
		t.Fatalf("scanned %x, want %x", order, keys)
	}
}

// checkQueries compares lookups and prefixes, their proofs included.
func checkQueries(t *testing.T, tree *mpt.Tree, model map[string]string, queries []string) {
	t.Helper()
	keys := slices.SortedFunc(maps.Keys(model), compareKeys)
	snap := tree.Hash()
	for _, key := range queries {
		want, has := model[key]
		if val, ok := tree.Get([]byte(key)); ok != has || string(val) != want {
			t.Fatalf("Get(%x) = %x, %v, want %x, %v", key, val, ok, want, has)
		}
		val, ok, proof := tree.ProveLookup([]byte(key))
		if ok != has || string(val) != want || string(proof) != naiveLookup(model, keys, key) {
			t.Fatalf("ProveLookup(%x) = %x, %v, %x", key, val, ok, proof)
		}
		if err := mpt.VerifyLookup(snap, []byte(key), val, ok, proof); err != nil {
			t.Fatalf("lookup of %x: %v", key, err)
		}
		if mpt.VerifyLookup(snap, []byte(key), append(val, 'x'), true, proof) == nil {
			t.Fatalf("lookup of %x verifies with another value", key)
		}
		if mpt.VerifyLookup(snap, []byte(key), nil, !ok, proof) == nil {
			t.Fatalf("lookup of %x verifies as the opposite", key)
		}

		prefix := key[:len(key)/2]
		wantHash, wantProof := naivePrefix(model, keys, prefix)
		h, proof := tree.ProvePrefix([]byte(prefix))
		if h != wantHash || string(proof) != wantProof {
			t.Fatalf("ProvePrefix(%x) = %x, %x, want %x, %x", prefix, h, proof, wantHash, wantProof)
		}
		if err := mpt.VerifyPrefix(snap, []byte(prefix), h, proof); err != nil {
			t.Fatalf("prefix %x: %v", prefix, err)
		}
		for _, k := range append(keys, key) {
			if got, want := mpt.HasPrefix([]byte(k), []byte(prefix)), naivePrefixed(k, prefix); got != want {
				t.Fatalf("HasPrefix(%x, %x) = %v", k, prefix, got)
			}
		}
	}
}

func TestScanStops(t *testing.T) {
	var tree mpt.Tree
	for i := range 100 {
		tree.Set([]byte{byte(i)}, nil)
	}
	seen := 0
	tree.Scan(nil, func(k, v []byte) bool {
		seen++
		return seen < 7
	})
	if seen != 7 {
		t.Errorf("scanned %d pairs after being stopped at 7", seen)
	}
}

// A tree of many chunks, and memory that deleted and resized pairs give back.
func TestManyChunks(t *testing.T) {
	const n = 30000
	r := rand.New(rand.NewPCG(2, 3))
	var tree, once mpt.Tree
	val := make([]byte, 40)
	for i := range n {
		key := sha256.Sum256(binary.AppendUvarint(nil, uint64(i)))
		tree.Set(key[:], val[:r.IntN(40)])
		if i%3 == 0 {
			tree.Hash()
		}
	}
	for i := range n {
		key := sha256.Sum256(binary.AppendUvarint(nil, uint64(i)))
		if i%5 == 0 {
			tree.Delete(key[:])
			continue
		}
		binary.BigEndian.PutUint64(val, uint64(i))
		tree.Set(key[:], val)
		once.Set(key[:], val)
	}
	long := bytes.Repeat([]byte("long"), 50000)
	tree.Set(long, long)
	once.Set(long, long)
	if got, _ := tree.Get(long); !bytes.Equal(got, long) {
		t.Error("a pair longer than a chunk is lost")
	}
	if tree.Len() != n-n/5+1 || tree.Hash() != once.Hash() {
		t.Errorf("tree of %d pairs differs from the one built at once", tree.Len())
	}
}

// Pairs that come and go leave nothing behind.
func TestRoomIsReused(t *testing.T) {
	tree, keys := randomTree(100)
	val := make([]byte, 40)
	churn := func(rounds int) {
		for i := range rounds {
			some := keys[i%90:][:10]
			for _, k := range some {
				tree.Delete(k[:])
			}
			for _, k := range some {
				tree.Set(k[:], val)
			}
		}
	}
	churn(10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	churn(10000)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("replacing 100,000 pairs one by one took %d bytes", n)
	}
}

func TestGetAllocatesNothing(t *testing.T) {
	tree, keys := randomTree(1000)
	if n := testing.AllocsPerRun(100, func() { tree.Get(keys[7][:]) }); n != 0 {
		t.Errorf("Get allocates %v times", n)
	}
}

// randomTree returns a tree of n pairs of the ledger's sizes, and its keys.
func randomTree(n int) (*mpt.Tree, [][32]byte) {
	tree := new(mpt.Tree)
	r := rand.NewChaCha8([32]byte{1})
	keys := make([][32]byte, n)
	val := make([]byte, 40)
	for i := range keys {
		r.Read(keys[i][:])
		r.Read(val)
		tree.Set(keys[i][:], val)
	}
	return tree, keys
}

func BenchmarkBuild1M(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		tree, _ := randomTree(1_000_000)
		tree.Hash()
		b.StopTimer()
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-live")
		runtime.KeepAlive(tree)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/key")
}

func BenchmarkUpdate1000Of1M(b *testing.B) {
	tree, keys := randomTree(1_000_000)
	tree.Hash()
	r := rand.New(rand.NewPCG(4, 5))
	val := make([]byte, 40)
	b.ReportAllocs()
	for b.Loop() {
		for range 1000 {
			binary.BigEndian.PutUint64(val, r.Uint64())
			tree.Set(keys[r.IntN(len(keys))][:], val)
		}
		tree.Hash()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/key")
}

func BenchmarkGet(b *testing.B) {
	tree, keys := randomTree(1_000_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tree.Get(keys[i*7919%len(keys)][:])
	}
}

func BenchmarkProveLookup(b *testing.B) {
	tree, keys := randomTree(1_000_000)
	tree.Hash()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tree.ProveLookup(keys[i*7919%len(keys)][:])
	}
}

func BenchmarkVerifyLookup(b *testing.B) {
	tree, keys := randomTree(1_000_000)
	snap := tree.Hash()
	val, ok, proof := tree.ProveLookup(keys[0][:])
	b.ReportAllocs()
	for b.Loop() {
		if err := mpt.VerifyLookup(snap, keys[0][:], val, ok, proof); err != nil {
			b.Fatal(err)
		}
	}
}
