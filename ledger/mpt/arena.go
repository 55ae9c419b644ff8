// SPDX-License-Identifier: Apache-2.0

package mpt

import (
	"encoding/binary"
	"math/bits"
)

const (
	// chunkSize is the room for records in a chunk; a record that is longer
	// has a chunk of its own.
	chunkSize = 1 << 16
	// chunkNodes is the number of inner nodes in a chunk.
	chunkNodes = 1 << 12
)

// records holds the leaves, each as the bytes that are hashed. Their place is
// chunk number × chunkSize + position in the chunk. The room of a freed record
// goes to the next one of just its size; in the ledger all have the same.
type records struct {
	chunks [][]byte
	unused map[int][]ref
}

func (a *records) bytes(r ref) []byte {
	from := a.from(r)
	_, _, size := cutRecord(from)
	return from[:size]
}

func (a *records) pair(r ref) (key, val []byte) {
	key, val, _ = cutRecord(a.from(r))
	return key, val
}

// from returns the chunk from a record on.
func (a *records) from(r ref) []byte {
	r &^= leafBit
	return a.chunks[r/chunkSize][r%chunkSize:]
}

func (a *records) add(key, val []byte) ref {
	size := recordSize(key, val)
	if free := a.unused[size]; len(free) > 0 {
		r := free[len(free)-1]
		a.unused[size] = free[:len(free)-1]
		appendRecord(a.from(r)[:0], key, val)
		return r
	}
	last := len(a.chunks) - 1
	switch {
	case last < 0:
		a.chunks = append(a.chunks, nil) // grows, so that small trees stay small
		last++
	case len(a.chunks[last])+size > chunkSize:
		a.chunks = append(a.chunks, make([]byte, 0, max(size, chunkSize)))
		last++
	}
	r := ref(last)*chunkSize + ref(len(a.chunks[last]))
	a.chunks[last] = appendRecord(a.chunks[last], key, val)
	return leafBit | r
}

func (a *records) free(r ref) {
	if a.unused == nil {
		a.unused = make(map[int][]ref)
	}
	size := len(a.bytes(r))
	a.unused[size] = append(a.unused[size], r)
}

func appendRecord(b, key, val []byte) []byte {
	b = append(b, 0x00)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	b = binary.AppendUvarint(b, uint64(len(val)))
	return append(b, val...)
}

func recordSize(key, val []byte) int {
	return 1 + uvarintSize(len(key)) + len(key) + uvarintSize(len(val)) + len(val)
}

func uvarintSize(n int) int { return max(1, (bits.Len(uint(n))+6)/7) }

// cutRecord returns the key, the value and the size of the record that b
// begins with.
func cutRecord(b []byte) (key, val []byte, size int) {
	size = 1
	cut := func() []byte {
		n, w := binary.Uvarint(b[size:])
		from := size + w
		size = from + int(n)
		return b[from:size:size]
	}
	key = cut()
	val = cut()
	return key, val, size
}

// inners holds the inner nodes, numbered from 1. Unused ones hang together by
// child[0].
type inners struct {
	chunks [][]inner
	n      ref
	unused ref
}

// at returns a node, at the same address until the next add.
func (a *inners) at(r ref) *inner { return &a.chunks[(r-1)/chunkNodes][(r-1)%chunkNodes] }

func (a *inners) add() ref {
	if r := a.unused; r != 0 {
		a.unused = a.at(r).child[0]
		return r
	}
	last := len(a.chunks) - 1
	switch {
	case last < 0:
		a.chunks = append(a.chunks, nil) // grows, so that small trees stay small
		last++
	case len(a.chunks[last]) == chunkNodes:
		a.chunks = append(a.chunks, make([]inner, 0, chunkNodes))
		last++
	}
	a.chunks[last] = append(a.chunks[last], inner{})
	a.n++
	return a.n
}

func (a *inners) free(r ref) {
	a.at(r).child[0] = a.unused
	a.unused = r
}
