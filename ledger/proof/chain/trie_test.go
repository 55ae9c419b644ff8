// SPDX-License-Identifier: Apache-2.0

package chain

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb/memorydb"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/trie/trienode"
	"github.com/ethereum/go-ethereum/triedb"
)

// receipt stands for one: no receipt is shorter.
func receipt(i int) []byte { return bytes.Repeat([]byte(fmt.Sprintf("%08d", i)), 33) }

// block is the trie of so many receipts, as go-ethereum makes it.
type block struct {
	t testing.TB
	*trie.Trie
}

func newBlock(t testing.TB, n int) block {
	tr := trie.NewEmpty(triedb.NewDatabase(rawdb.NewMemoryDatabase(), nil))
	for i := range n {
		tr.MustUpdate(appendNumber(nil, uint64(i)), receipt(i))
	}
	return block{t, tr}
}

func (b block) prove(i int) (nodes [][]byte) {
	b.t.Helper()
	var list trienode.ProofList
	if err := b.Prove(appendNumber(nil, uint64(i)), &list); err != nil {
		b.t.Fatal(err)
	}
	for _, n := range list {
		nodes = append(nodes, n)
	}
	return nodes
}

// In tries of all sizes that blocks have, each receipt is found at its own place
// and nowhere else.
func TestEveryReceiptIsFound(t *testing.T) {
	for _, n := range []int{1, 2, 3, 16, 17, 127, 128, 129, 130, 255, 256, 257, 700} {
		block := newBlock(t, n)
		root := Hash(block.Hash())
		for i := range n {
			key, err := rlp.EncodeToBytes(uint(i))
			if err != nil || !bytes.Equal(key, appendNumber(nil, uint64(i))) {
				t.Fatalf("the key of %d is %x", i, appendNumber(nil, uint64(i)))
			}
			nodes := block.prove(i)
			got, err := lookUp(root, uint64(i), nodes)
			if err != nil || !bytes.Equal(got, receipt(i)) {
				t.Errorf("receipt %d of %d is not found: %v", i, n, err)
			}
			for _, other := range []uint64{uint64(i) + 1, uint64(i) - 1, uint64(i) ^ 128, uint64(i) << 8, 0, uint64(n)} {
				if other == uint64(i) {
					continue
				}
				if _, err := lookUp(root, other, nodes); err == nil {
					t.Errorf("receipt %d of %d is found at %d too", i, n, other)
				}
			}
		}
	}
}

// Nodes that a trie of go-ethereum can have, but none of receipts, are refused:
// those that stand in another node instead of their hash, and values of branches.
func TestNoTrieOfReceipts(t *testing.T) {
	hashed := func(node any) ([]byte, Hash) {
		b, err := rlp.EncodeToBytes(node)
		if err != nil {
			t.Fatal(err)
		}
		return b, keccak(b)
	}
	branch := func(at int, item any) []any {
		out := make([]any, 17)
		for i := range out {
			out[i] = ""
		}
		out[at] = item
		return out
	}
	long := bytes.Repeat([]byte{1}, 40)
	leaf, below := hashed([]any{[]byte{0x31}, long})
	valued := branch(0, below[:])
	valued[16] = below[:]
	for name, nodes := range map[string][]any{
		"a leaf in a branch":           {branch(0, []any{[]byte{0x31}, []byte("short")})},
		"a list as a value":            {[]any{[]byte{0x20, 0x01}, []any{long}}},
		"another size of a hash":       {branch(0, long)},
		"a value of a branch":          {valued, leaf},
		"an extension without path":    {[]any{[]byte{0x00}, below[:]}, []any{[]byte{0x20, 0x01}, long}},
		"a leaf before the path ends":  {[]any{[]byte{0x30}, long}},
		"a leaf behind the path's end": {[]any{[]byte{0x20, 0x01, 0x01}, long}},
		"a leaf that others follow":    {[]any{[]byte{0x20, 0x01}, below[:]}, leaf},
		"an empty path":                {[]any{[]byte{}, long}},
		"a path with unused bits":      {[]any{[]byte{0x21, 0x01}, long}},
		"a path of an unknown kind":    {[]any{[]byte{0x40, 0x01}, long}},
		"three items":                  {[]any{[]byte{0x20, 0x01}, long, ""}},
		"a list for a path":            {[]any{[]any{}, long}},
		"an extension to a string":     {[]any{[]byte{0x10}, long}},
		"a branch at the path's end":   {[]any{[]byte{0x00, 0x01}, below[:]}, branch(3, below[:])},
	} {
		t.Run(name, func(t *testing.T) {
			var proof [][]byte
			for i, node := range nodes {
				b, ok := node.([]byte)
				if !ok {
					b, _ = hashed(node)
				}
				if i > 0 { // so that no hash is what is refused
					if list, ok := nodes[i-1].([]any); ok && len(list) == 2 {
						h := keccak(b)
						list[1] = h[:]
						proof[i-1], _ = hashed(list)
					}
				}
				proof = append(proof, b)
			}
			if v, err := lookUp(keccak(proof[0]), 1, proof); err == nil {
				t.Errorf("it leads to %q", v)
			} else {
				t.Log(err)
			}
		})
	}
	// The leaf itself is one, so that the above is refused for what it is.
	top, root := hashed(branch(0, below[:]))
	if _, err := lookUp(root, 1, [][]byte{top, leaf}); err != nil {
		t.Error(err)
	}
}

// Bytes are read as go-ethereum reads them, or refused by both.
func FuzzRLP(f *testing.F) {
	for _, s := range []string{"", "\x00", "\x7f", "\x80", "\x81\x80", "\x81\x7f", "\xb8\x38", "\xb8\x37", "\xb9\x00\x38", "\xc0", "\xc1\x80", "\xf8\x38", "\xf7", "\xbf\xff\xff\xff\xff\xff\xff\xff\xff", "\xc2\x80\x80\x01"} {
		f.Add([]byte(s))
	}
	for _, n := range []int{55, 56, 256} { // lengths in their shortest form and in others
		content := string(make([]byte, n))
		for _, size := range []string{string([]byte{byte(n)}), string([]byte{0, byte(n)}), string([]byte{byte(n >> 8), byte(n)})} {
			for _, base := range []byte{0xb7, 0xf7} {
				f.Add([]byte(string([]byte{base + byte(len(size))}) + size + content))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		it, rest, err := split(b)
		kind, content, wantRest, wantErr := rlp.Split(b)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if it.list != (kind == rlp.List) || !bytes.Equal(it.content, content) || !bytes.Equal(rest, wantRest) {
			t.Errorf("it is read as %+v", it)
		}
		var n, want uint64
		if err, wantErr := it.number(&n), rlp.DecodeBytes(b[:len(b)-len(rest)], &want); (err == nil) != (wantErr == nil) || n != want {
			t.Errorf("as a number it is %d, %v, and should be %d, %v", n, err, want, wantErr)
		}
		var raw []rlp.RawValue
		items, err := list(b)
		if wantErr := rlp.DecodeBytes(b, &raw); (err == nil) != (wantErr == nil) || err == nil && len(items) != len(raw) {
			t.Errorf("as a list it has %d items, %v, and should have %d, %v", len(items), err, len(raw), wantErr)
		}
	})
}

// Of every path that is taken go-ethereum gives the same value.
func FuzzTrie(f *testing.F) {
	block := newBlock(f, 300)
	for _, i := range []int{0, 1, 127, 128, 299} {
		nodes := append(block.prove(i), nil, nil)
		f.Add(uint64(i), nodes[0], nodes[1], nodes[2])
	}
	f.Fuzz(func(t *testing.T, index uint64, a, b, c []byte) {
		var nodes [][]byte
		db := memorydb.New()
		for _, n := range [][]byte{a, b, c} {
			if len(n) > 0 {
				nodes = append(nodes, n)
				if err := db.Put(crypto.Keccak256(n), n); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(nodes) == 0 {
			return
		}
		got, err := lookUp(keccak(nodes[0]), index, nodes)
		if err != nil {
			return
		}
		want, err := trie.VerifyProof(crypto.Keccak256Hash(nodes[0]), appendNumber(nil, index), db)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("it leads to %x, and should to %x: %v", got, want, err)
		}
	})
}
