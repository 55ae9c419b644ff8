// SPDX-License-Identifier: Apache-2.0

// Package tree is the Merkle arithmetic of the ledger: RFC 6962 trees kept in
// tiles, their proofs, and the signed checkpoints over them. It does no I/O.
//
// A tree of n leaves is kept as tiles of 256 hashes (C2SP tlog-tiles). A full
// tile never changes, so it is written once and read from anywhere. What can
// still change is the [Edge]: at every tile level the one tile that is not
// full yet. The edge lives in memory and is rebuilt when a ledger is opened.
//
// Hashing and proving are golang.org/x/mod/sumdb/tlog's; this package gives
// it hashes to read, and adds the strict verifiers and the formats of C2SP.
package tree

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// A Hash is a SHA-256 Merkle hash: of a leaf, SHA-256(0x00 ‖ entry); of an
// inner node, SHA-256(0x01 ‖ left ‖ right) (RFC 6962, section 2.1).
type Hash = tlog.Hash

// Width is the number of hashes in a full tile.
const Width = 256

// height is the number of tree levels that one tile spans.
const height = 8

// LeafPrefix is what stands before an entry where its leaf hash is made.
const LeafPrefix = 0x00

// LeafHash returns the RFC 6962 leaf hash of an entry.
func LeafHash(entry []byte) Hash {
	// tlog.RecordHash, but without garbage for what has a usual size.
	return sha256.Sum256(append(make([]byte, 1, 768), entry...))
}

// EmptyRoot is the root of the tree without leaves: the hash of nothing.
var EmptyRoot = Hash{
	0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
	0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
}

// A Tile holds up to 256 neighbouring hashes of one tile level and every
// node above them that is complete, so that reading any of them is a lookup.
// A Tile may be copied; adding to the copy that is furthest ahead does not
// disturb the others.
type Tile struct {
	rows [height][]Hash
}

// NewTile returns the tile with the given hashes, at most Width.
func NewTile(hashes []Hash) Tile {
	var t Tile
	for _, h := range hashes {
		t.add(h)
	}
	return t
}

// Hashes returns the hashes of the tile's own level. The caller must not
// change them.
func (t Tile) Hashes() []Hash { return t.rows[0] }

func (t *Tile) add(h Hash) {
	for k := 0; k < height; k++ {
		if t.rows[k] == nil {
			t.rows[k] = make([]Hash, 0, Width>>k)
		}
		t.rows[k] = append(t.rows[k], h)
		n := len(t.rows[k])
		if n%2 == 1 || k == height-1 {
			return
		}
		h = tlog.NodeHash(t.rows[k][n-2], t.rows[k][n-1])
	}
}

// Root returns the hash over a full tile, which is one of the hashes of the
// tile above it.
func (t Tile) Root() Hash {
	return tlog.NodeHash(t.rows[height-1][0], t.rows[height-1][1])
}

// An Edge is the part of a tree that can still change: its size, and at every
// tile level the hashes after the last full tile. The zero Edge is the empty
// tree. A copy made by assignment is a snapshot that later Appends to the
// original do not disturb; only one of the copies may be appended to.
type Edge struct {
	Size  int64
	tiles []Tile // by tile level, lowest first
}

// A FullTile is a tile that has become full, at its place in the tree.
type FullTile struct {
	Level int
	N     int64
	Tile  Tile
}

// Clone returns an edge of the same tree that may be appended to beside e.
func (e Edge) Clone() Edge {
	c := Edge{Size: e.Size, tiles: make([]Tile, len(e.tiles))}
	for i, t := range e.tiles {
		c.tiles[i] = NewTile(t.Hashes())
	}
	return c
}

// Append adds a leaf and returns the tiles that it completed, lowest first.
func (e *Edge) Append(leaf Hash) []FullTile {
	// The slice is copied, not the hashes: a snapshot keeps its own tiles.
	e.tiles = append([]Tile(nil), e.tiles...)
	return e.append(leaf)
}

// AppendAll adds leaves in order. It returns the tiles that they completed.
func (e *Edge) AppendAll(leaves []Hash) []FullTile {
	e.tiles = append([]Tile(nil), e.tiles...)
	var full []FullTile
	for _, h := range leaves {
		full = append(full, e.append(h)...)
	}
	return full
}

func (e *Edge) append(h Hash) (full []FullTile) {
	n := e.Size
	e.Size++
	for level := 0; ; level++ {
		if level == len(e.tiles) {
			e.tiles = append(e.tiles, Tile{})
		}
		t := &e.tiles[level]
		t.add(h)
		if len(t.rows[0]) < Width {
			return full
		}
		n /= Width
		full = append(full, FullTile{level, n, *t})
		h = t.Root()
		*t = Tile{}
	}
}

// A TileReader returns full tiles that an Edge no longer holds.
type TileReader interface {
	// ReadTile returns tile n of the given tile level with Width hashes.
	ReadTile(level int, n int64) (Tile, error)
}

// RebuildEdge makes the Edge of a tree of the given size out of its full
// tiles and the leaf hashes after the last full tile.
func RebuildEdge(size int64, r TileReader, leaves []Hash) (Edge, error) {
	if want := size % Width; int64(len(leaves)) != want {
		return Edge{}, fmt.Errorf("couldn't rebuild the edge: %d leaves after the last full tile, want %d", len(leaves), want)
	}
	e := Edge{Size: size}
	n := size / Width // full tiles at this level
	row := leaves
	for level := 0; ; level++ {
		e.tiles = append(e.tiles, NewTile(row))
		if n == 0 {
			return e, nil
		}
		row = make([]Hash, 0, n%Width)
		for i := n - n%Width; i < n; i++ {
			t, err := r.ReadTile(level, i)
			if err != nil {
				return Edge{}, err
			}
			row = append(row, t.Root())
		}
		n /= Width
	}
}

// View is a tree of a fixed size that can be proved about: an edge and where
// to find the full tiles below it.
type View struct {
	Edge
	Full TileReader
}

// ErrBeyond is returned for an index or a size that the tree does not have.
var ErrBeyond = errors.New("beyond the end of the tree")

// Node returns the hash of a complete node: of the leaves from n<<level up to
// (n+1)<<level.
func (v View) Node(level int, n int64) (Hash, error) {
	tl, k := level/height, level%height
	if (n+1)<<level > v.Size {
		return Hash{}, ErrBeyond
	}
	t, i := n>>(height-k), n&(1<<(height-k)-1)
	tile, err := v.Tile(tl, t)
	if err != nil {
		return Hash{}, err
	}
	if i >= int64(len(tile.rows[k])) {
		return Hash{}, fmt.Errorf("tile %d/%d lacks hash %d of its level %d", tl, t, i, k)
	}
	return tile.rows[k][i], nil
}

// Tile returns tile n of a tile level: from the edge when it is not full.
func (v View) Tile(level int, n int64) (Tile, error) {
	full := v.Size >> (height * (level + 1))
	switch {
	case n < full:
		return v.Full.ReadTile(level, n)
	case n == full && level < len(v.tiles):
		return v.tiles[level], nil
	}
	return Tile{}, ErrBeyond
}

// ReadHashes implements tlog.HashReader.
func (v View) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		h, err := v.Node(level, n)
		if err != nil {
			return nil, err
		}
		out[i] = h
	}
	return out, nil
}

// RootAt returns the root of the first size leaves.
func (v View) RootAt(size int64) (Hash, error) {
	if size < 0 || size > v.Size {
		return Hash{}, ErrBeyond
	}
	if size == 0 {
		return EmptyRoot, nil
	}
	return tlog.TreeHash(size, v)
}

// Leaf returns the leaf hash at an index.
func (v View) Leaf(index int64) (Hash, error) { return v.Node(0, index) }

// ProveInclusion returns the proof that the leaf at index lies in the tree of
// the first size leaves.
func (v View) ProveInclusion(index, size int64) ([]Hash, error) {
	if index < 0 || index >= size || size > v.Size {
		return nil, ErrBeyond
	}
	return tlog.ProveRecord(size, index, v)
}

// ProveConsistency returns the proof that the tree of the first oldSize
// leaves is a prefix of the tree of the first size leaves. The proof between
// equal sizes, and from the empty tree, is empty.
func (v View) ProveConsistency(oldSize, size int64) ([]Hash, error) {
	if oldSize < 0 || oldSize > size || size > v.Size {
		return nil, ErrBeyond
	}
	if oldSize == 0 || oldSize == size {
		return nil, nil
	}
	return tlog.ProveTree(size, oldSize, v)
}

// maxSize bounds the trees that are verified: tlog's search for the power of
// two below a size does not end for greater ones.
const maxSize = 1 << 62

// VerifyInclusion checks that leaf stands at index in the tree of that size
// and root (RFC 9162, section 2.1.3.2).
func VerifyInclusion(proof []Hash, index, size int64, leaf, root Hash) error {
	if size > maxSize {
		return fmt.Errorf("no tree has %d leaves", size)
	}
	if index < 0 || index >= size {
		return fmt.Errorf("index %d is not in a tree of %d leaves", index, size)
	}
	if err := tlog.CheckRecord(tlog.RecordProof(proof), size, root, index, leaf); err != nil {
		return errors.New("the inclusion proof does not lead from the leaf to the root")
	}
	return nil
}

// VerifyConsistency checks that the tree of oldSize leaves and oldRoot is a
// prefix of the tree of newSize leaves and newRoot (RFC 9162, section
// 2.1.4.2).
func VerifyConsistency(proof []Hash, oldSize, newSize int64, oldRoot, newRoot Hash) error {
	switch {
	case newSize > maxSize:
		return fmt.Errorf("no tree has %d leaves", newSize)
	case oldSize < 0 || oldSize > newSize:
		return fmt.Errorf("a tree of %d leaves is not a prefix of one of %d", oldSize, newSize)
	case oldSize == 0 && oldRoot != EmptyRoot:
		return errors.New("the root of the empty tree is wrong")
	case oldSize == newSize && oldRoot != newRoot:
		return errors.New("two trees of one size have different roots")
	case oldSize == 0 || oldSize == newSize:
		if len(proof) != 0 {
			return errors.New("the proof has to be empty and is not")
		}
		return nil
	}
	if err := tlog.CheckTree(tlog.TreeProof(proof), newSize, newRoot, oldSize, oldRoot); err != nil {
		return errors.New("the consistency proof does not lead from the old root to the new one")
	}
	return nil
}

// A Small is a tree that is held whole in memory: the sealed members of one
// record.
type Small struct {
	Leaves []Hash
}

// Root returns the root of the tree.
func (s Small) Root() Hash { return rootOf(s.Leaves) }

// Prove returns the inclusion proof of the leaf at index.
func (s Small) Prove(index int) []Hash {
	return proveIn(s.Leaves, index)
}

func rootOf(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		return EmptyRoot
	case 1:
		return leaves[0]
	}
	k := split(len(leaves))
	return tlog.NodeHash(rootOf(leaves[:k]), rootOf(leaves[k:]))
}

func proveIn(leaves []Hash, i int) []Hash {
	if len(leaves) <= 1 {
		return nil
	}
	k := split(len(leaves))
	if i < k {
		return append(proveIn(leaves[:k], i), rootOf(leaves[k:]))
	}
	return append(proveIn(leaves[k:], i-k), rootOf(leaves[:k]))
}

// split returns the largest power of two below n, n > 1.
func split(n int) int {
	k := 1
	for k<<1 < n {
		k <<= 1
	}
	return k
}
