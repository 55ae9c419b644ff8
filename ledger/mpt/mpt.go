// SPDX-License-Identifier: Apache-2.0

// Package mpt is a Merkle Patricia map: a map from byte strings to byte
// strings whose one hash commits to all of it, so that what a key maps to,
// that a key is missing, and all keys under a prefix can be proved to somebody
// who holds only that hash. It does no I/O.
//
// The ledger keeps one, from the term of a subject to the number of its
// records and the head of their chain. A value proved under a witnessed hash
// says how many records there are, and so that none was left out.
//
// # Format
//
// Trees and proofs are those of filippo.io/torchwood/mpt, byte for byte. H is
// SHA-256; lengths and bit positions are unsigned LEB128 in its shortest form.
//
// The tree is a binary trie over the bits of the keys, most significant bit of
// the first byte first, in which a node with one child is replaced by that
// child. So every leaf holds a key and its value, and every inner node the
// first bit position B at which the keys below it differ: those with a 0 there
// lie to its left. To compare keys of different lengths, each is continued
// with a 0x00 byte and then 0xFF bytes without end. The shape follows from the
// set of keys alone, never from the order in which they came.
//
//	empty tree   H("")
//	leaf         H(0x00 ‖ len(key) ‖ key ‖ len(val) ‖ val)
//	inner node   H(0x01 ‖ B ‖ left hash ‖ right hash)
//
// A path is a list of steps from a leaf or a subtree up to the root, each the
// B of an inner node and the hash of its child that is off the path; B falls
// strictly from step to step, and bit B of the key tells which child it is.
// In the empty tree every proof is empty. In others:
//
//	key has val             the path of key's leaf
//	key is missing          len(key') ‖ key' ‖ len(val') ‖ val' and the path
//	                        of that leaf, where a lookup of key ends
//	prefix has a subtree    the path of the subtree
//	prefix has no keys      as if prefix were a missing key
//
// # What a prefix proof shows
//
// That no key with the prefix lies outside the subtree, not that every key
// inside has it. The subtree's hash does the rest: whoever is handed the pairs
// checks [HasPrefix] for each and that [TreeHash] of them is that hash.
package mpt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
)

// A Hash is the SHA-256 hash of a tree.
type Hash = [sha256.Size]byte

// emptyHash is the hash of a tree without keys: the hash of nothing.
var emptyHash = Hash(sha256.Sum256(nil))

// A Tree is a map in memory. The zero Tree is empty and ready to use; it must
// not be copied once it is not.
//
// Set and Delete need the Tree for themselves, and so do Hash and the Prove
// methods when something changed since the last Hash. After a Hash, and until
// the next change, every method that changes nothing may run concurrently.
//
// A pair of a 32-byte key and a 40-byte value takes about 130 bytes.
type Tree struct {
	root    ref
	n       int
	records records
	inners  inners
}

// A ref points to a node: 0 to none, with leafBit to the record of a leaf,
// else to an inner node.
type ref uint64

const leafBit ref = 1 << 63

func (r ref) leaf() bool { return r&leafBit != 0 }

// An inner is a node with two children. The records of leaves and the inner
// nodes lie in arrays without pointers, which the garbage collector need not
// follow.
type inner struct {
	hash  Hash   // unless stale
	mark  uint64 // bit position << 1; the lowest bit says the hash is stale
	child [2]ref
}

func (n *inner) bit() uint64 { return n.mark >> 1 }
func (n *inner) stale() bool { return n.mark&1 != 0 }

// never is greater than every bit position.
const never = math.MaxUint64

// Len returns the number of keys.
func (t *Tree) Len() int { return t.n }

// Get returns the value of key and whether the tree has it. The value is the
// tree's own memory: it must not be changed, and holds until the next change
// of the tree.
func (t *Tree) Get(key []byte) (val []byte, ok bool) {
	if t.root == 0 {
		return nil, false
	}
	leaf, _ := t.find(key)
	k, v := t.records.pair(leaf)
	if !bytes.Equal(k, key) {
		return nil, false
	}
	return v, true
}

// Set makes key map to val. It keeps neither slice.
func (t *Tree) Set(key, val []byte) {
	if t.root == 0 {
		t.root = t.records.add(key, val)
		t.n = 1
		return
	}
	leaf, _ := t.find(key)
	k, v := t.records.pair(leaf)
	split := firstDiff(key, k)
	if split == never {
		if bytes.Equal(v, val) {
			return
		}
		if len(v) == len(val) {
			copy(v, val)
			t.slot(key, never)
			return
		}
		t.records.free(leaf)
		leaf = t.records.add(key, val)
		*t.slot(key, never) = leaf
		return
	}
	added := t.records.add(key, val)
	parent := t.inners.add()
	slot := t.slot(key, split)
	n := t.inners.at(parent)
	n.mark = split<<1 | 1
	side := bitOf(key, split)
	n.child[side], n.child[1-side] = added, *slot
	*slot = parent
	t.n++
}

// Delete removes key and reports whether the tree had it.
func (t *Tree) Delete(key []byte) bool {
	if t.root == 0 {
		return false
	}
	leaf, parent := t.find(key)
	if k, _ := t.records.pair(leaf); !bytes.Equal(k, key) {
		return false
	}
	if parent == 0 {
		t.root = 0
	} else {
		n := t.inners.at(parent)
		*t.slot(key, n.bit()) = n.child[1-bitOf(key, n.bit())]
		t.inners.free(parent)
	}
	t.records.free(leaf)
	t.n--
	return true
}

// find returns the leaf at which a lookup of key ends, and the inner node
// above it. The tree must not be empty.
func (t *Tree) find(key []byte) (leaf, parent ref) {
	r := t.root
	for !r.leaf() {
		n := t.inners.at(r)
		r, parent = n.child[bitOf(key, n.bit())], r
	}
	return r, parent
}

// slot returns where the first node on key's path that does not split before
// the given bit is pointed to, and marks all nodes above it stale. The slot
// holds until a node is added.
func (t *Tree) slot(key []byte, bit uint64) *ref {
	slot := &t.root
	for !slot.leaf() {
		n := t.inners.at(*slot)
		if n.bit() >= bit {
			break
		}
		n.mark |= 1
		slot = &n.child[bitOf(key, n.bit())]
	}
	return slot
}

// Hash returns the hash of the tree. It hashes again only what lies above a
// change since the last Hash.
func (t *Tree) Hash() Hash {
	if t.root == 0 {
		return emptyHash
	}
	return t.hash(t.root)
}

func (t *Tree) hash(r ref) Hash {
	if r.leaf() {
		return sha256.Sum256(t.records.bytes(r))
	}
	n := t.inners.at(r)
	if n.stale() {
		n.hash = innerHash(n.bit(), t.hash(n.child[0]), t.hash(n.child[1]))
		n.mark &^= 1
	}
	return n.hash
}

// Scan calls yield with every pair whose key has the prefix, in key order,
// until yield returns false. The slices are the tree's own memory: they must
// not be changed, and hold until the next change of the tree, which must not
// come from yield.
//
// Key order is that of the continued keys: for keys of one length, or without
// zero bytes, the order of [bytes.Compare].
func (t *Tree) Scan(prefix []byte, yield func(key, val []byte) bool) {
	if r, _ := t.subtree(prefix); r != 0 {
		t.scan(r, yield)
	}
}

func (t *Tree) scan(r ref, yield func(key, val []byte) bool) bool {
	if r.leaf() {
		return yield(t.records.pair(r))
	}
	n := t.inners.at(r)
	return t.scan(n.child[0], yield) && t.scan(n.child[1], yield)
}

// subtree returns the node below which exactly the keys with the prefix lie,
// or 0, and the inner nodes on the way to it, or to the leaf where a lookup of
// prefix ends, from the root down.
func (t *Tree) subtree(prefix []byte) (r ref, path []ref) {
	if t.root == 0 {
		return 0, nil
	}
	leaf, path := t.path(prefix)
	if k, _ := t.records.pair(leaf); !HasPrefix(k, prefix) {
		return 0, path
	}
	// Of the keys below a node that splits after the prefix, all have it or none.
	for i, r := range path {
		if t.inners.at(r).bit() >= bitLen(prefix) {
			return r, path[:i]
		}
	}
	return leaf, path
}

// path returns the leaf at which a lookup of key ends, and the inner nodes on
// the way to it from the root down. The tree must not be empty.
func (t *Tree) path(key []byte) (leaf ref, path []ref) {
	r := t.root
	for !r.leaf() {
		path = append(path, r)
		n := t.inners.at(r)
		r = n.child[bitOf(key, n.bit())]
	}
	return r, path
}

// TreeHash returns the hash of the tree that holds the pairs, in whatever
// order they come; of a key that comes twice the last value counts.
func TreeHash(pairs iter.Seq2[[]byte, []byte]) Hash {
	var t Tree
	for key, val := range pairs {
		t.Set(key, val)
	}
	return t.Hash()
}

// HasPrefix reports whether key, continued with a 0x00 byte and then 0xFF
// bytes, begins with prefix. Where no zero byte is involved, that is
// [bytes.HasPrefix].
func HasPrefix(key, prefix []byte) bool {
	for i, b := range prefix {
		if byteOf(key, uint64(i)) != b {
			return false
		}
	}
	return true
}

// byteOf returns byte i of the continued key.
func byteOf(key []byte, i uint64) byte {
	switch n := uint64(len(key)); {
	case i < n:
		return key[i]
	case i == n:
		return 0x00
	}
	return 0xff
}

// bitOf returns bit i of the continued key, 0 or 1.
func bitOf(key []byte, i uint64) byte {
	return byteOf(key, i/8) >> (7 - i%8) & 1
}

// firstDiff returns the first bit at which the continued keys differ, or never.
func firstDiff(a, b []byte) uint64 {
	if bytes.Equal(a, b) {
		return never
	}
	for i := uint64(0); ; i++ {
		if d := byteOf(a, i) ^ byteOf(b, i); d != 0 {
			return 8*i + uint64(bits.LeadingZeros8(d))
		}
	}
}

// bitLen returns the number of bits of b.
func bitLen(b []byte) uint64 { return 8 * uint64(len(b)) }

func leafHash(key, val []byte) Hash {
	return sha256.Sum256(appendRecord(make([]byte, 0, recordSize(key, val)), key, val))
}

func innerHash(bit uint64, left, right Hash) Hash {
	buf := make([]byte, 0, 1+binary.MaxVarintLen64+2*sha256.Size)
	buf = append(buf, 0x01)
	buf = binary.AppendUvarint(buf, bit)
	buf = append(buf, left[:]...)
	buf = append(buf, right[:]...)
	return sha256.Sum256(buf)
}
