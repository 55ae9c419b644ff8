// SPDX-License-Identifier: Apache-2.0

// Package store is everything of a ledger that lies on disk: the Badger
// database, the head file outside it, and the mirror. It is the only importer
// of Badger, and no Badger type leaves it.
//
// # Keys
//
// All integers are big-endian, so that the order of keys is the order of
// what they number.
//
//	'h'                     head: canonical JSON, see Head
//	'e' first(8)            entries of the records first, first+1, …: be16 length ‖ bytes each
//	'p' first(8)            their encrypted payloads: be32 length ‖ bytes each
//	't' level(1) n(8)       a full tile: 256 hashes
//	's' term(32) seq(4)     index(8) ‖ leaf hash(32): one posting per record
//	'i' identity(32)        index(8) ‖ 1 if restricted, else 0 ‖ check(4): the record
//	                        accepted under that event identity
//	'k' id(8)               a wrapped party key, see package seal
//	'x' n(8)                the names in segment n of the index ‖ check(4), see package index
//	'y' n(8)                its lists ‖ check(4)
//
// A block of entries never spans two tiles, and a block of payloads has the
// records of its block of entries; long ones are split. Values of 4 KiB and more
// lie in Badger's value logs, and those of older programs with their keys.
//
// # What is promised
//
// Commit is one Badger transaction. When it returns nil the batch survives
// the loss of power; when it returns an error the batch may or may not be
// there, and only opening the store again tells.
//
// Badger may lose what it cannot read: a rotten block becomes "not found", a value
// in a log becomes empty. Therefore nothing here takes a missing key for an absent
// record: every range is read with the count the caller expects, and a short one is
// ErrDamaged.
package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// ErrDamaged means that the store lacks or garbles something that it must
// have.
var ErrDamaged = errors.New("the store is damaged; run `lendlog repair`")

// ErrHeld means that another process holds the ledger.
var ErrHeld = errors.New("another process holds this ledger")

// maxBlock bounds the bytes of a block of more than one item. To read a record
// Badger copies its whole block; keys, the cost of smaller ones, are in order
// and so nearly free.
const maxBlock = 32 << 10

// Head is the row that a commit replaces: what the store holds after it. The
// counts let opening notice rows that Badger lost.
type Head struct {
	Size       int64 // leaves
	Entries    int64 // leaves that are entries; the rest are index-roots
	Identities int64
	Keys       int64
	IndexRoot  int64     // index of the last index-root leaf, -1 before the first
	Segments   int64     // of the index, from 0 on: all full ones, unless an older program wrote the store
	Recorded   time.Time // of the last entry
	Fold       [32]byte  // over all identities, see Identity.Fold
	Note       []byte    // signed checkpoint of Size
}

func (h Head) bytes() []byte {
	return canon.Map(
		canon.Member{Name: "entries", Value: canon.Number(h.Entries)},
		canon.Member{Name: "fold", Value: canon.Text(base64.StdEncoding.EncodeToString(h.Fold[:]))},
		canon.Member{Name: "identities", Value: canon.Number(h.Identities)},
		canon.Member{Name: "indexRoot", Value: canon.Number(h.IndexRoot)},
		canon.Member{Name: "keys", Value: canon.Number(h.Keys)},
		canon.Member{Name: "note", Value: canon.Text(string(h.Note))},
		canon.Member{Name: "recorded", Value: canon.Text(h.Recorded.UTC().Format(record.TimeLayout))},
		canon.Member{Name: "segments", Value: canon.Number(h.Segments)},
		canon.Member{Name: "size", Value: canon.Number(h.Size)},
	).Bytes()
}

var headMembers = []string{"entries", "fold", "identities", "indexRoot", "keys", "note", "recorded", "size"}

func parseHead(b []byte) (Head, error) {
	v, err := canon.ParseCanonical(b, canon.Limits{})
	if err != nil {
		return Head{}, fmt.Errorf("head row: %w: %w", ErrDamaged, err)
	}
	known, has := 0, 0
	if _, ok := v.Get("segments"); ok { // older programs kept no index
		has = 1
	}
	for _, name := range headMembers {
		if _, ok := v.Get(name); ok {
			known++
		}
	}
	switch {
	case known < len(headMembers):
		return Head{}, fmt.Errorf("head row: %w", ErrDamaged)
	case len(v.Members) > known+has:
		return Head{}, errors.New("the store's head row has members that this program does not know: use the newer program that wrote it")
	}
	num := func(name string) int64 { n, _ := v.Get(name); return n.Int }
	text := func(name string) string { s, _ := v.Get(name); return s.Str }
	h := Head{
		Size: num("size"), Entries: num("entries"), Identities: num("identities"),
		Keys: num("keys"), IndexRoot: num("indexRoot"), Segments: num("segments"), Note: []byte(text("note")),
	}
	fold, err := base64.StdEncoding.Strict().DecodeString(text("fold"))
	if err != nil || len(fold) != len(h.Fold) {
		return Head{}, fmt.Errorf("head row: %w", ErrDamaged)
	}
	copy(h.Fold[:], fold)
	if h.Recorded, err = time.Parse(record.TimeLayout, text("recorded")); err != nil {
		return Head{}, fmt.Errorf("head row: %w", ErrDamaged)
	}
	// A member of another type was read as its zero.
	again := h.bytes()
	if has == 0 {
		again = bytes.Replace(again, []byte(`"segments":0,`), nil, 1)
	}
	if !bytes.Equal(again, b) {
		return Head{}, fmt.Errorf("head row: %w", ErrDamaged)
	}
	return h, nil
}

// A Posting places one record in the chain of its subject.
type Posting struct {
	Term  [32]byte
	Seq   int64
	Index int64
	Leaf  tree.Hash
}

// An Identity is the digest of an event's source and id, and the record that
// was accepted under it. That it is restricted is kept beside it, because no
// other record may show a link to it.
type Identity struct {
	Digest     [32]byte
	Index      int64
	Restricted bool
}

// Fold adds or removes the identity to or from a running exclusive-or over the
// hashes of all of them. It shows rot, which a count does not; it is no
// protection against somebody who chooses what to write: the audit is.
func (i Identity) Fold(sum *[32]byte) {
	h := i.hash()
	for k := range sum {
		sum[k] ^= h[k]
	}
}

func (i Identity) hash() [32]byte {
	b := binary.BigEndian.AppendUint64(append(make([]byte, 0, 41), i.Digest[:]...), uint64(i.Index))
	if i.Restricted {
		return sha256.Sum256(append(b, 1))
	}
	return sha256.Sum256(append(b, 0))
}

// value has a check, because nothing else shows that the row names another
// record than it did: an entry would refer to that forever.
func (i Identity) value() []byte {
	v := binary.BigEndian.AppendUint64(make([]byte, 0, 9+identityCheck), uint64(i.Index))
	if i.Restricted {
		v = append(v, 1)
	} else {
		v = append(v, 0)
	}
	h := i.hash()
	return append(v, h[:identityCheck]...)
}

const identityCheck = 4

func parseIdentity(digest [32]byte, v []byte) (Identity, error) {
	if len(v) != 9+identityCheck {
		return Identity{}, fmt.Errorf("identity: %w", ErrDamaged)
	}
	id := Identity{digest, int64(binary.BigEndian.Uint64(v)), v[8] == 1}
	if !bytes.Equal(id.value(), v) {
		return Identity{}, fmt.Errorf("identity: %w", ErrDamaged)
	}
	return id, nil
}

// A KeyRow is a wrapped party key.
type KeyRow struct {
	ID  int64
	Row []byte
}

// A Segment is the two rows of a full segment of the index.
type Segment struct {
	N            int64
	Names, Lists []byte
}

// checked appends a check to a row of the index, bound to its place: what rots
// in it would otherwise make a search find less. A checksum does, because the
// audit holds the rows against the records.
func checked(key, row []byte) []byte {
	return binary.BigEndian.AppendUint32(row[:len(row):len(row)], rowCheck(key, row))
}

// unchecked undoes checked.
func unchecked(key, v []byte) ([]byte, error) {
	n := len(v) - 4
	if n < 0 || binary.BigEndian.Uint32(v[n:]) != rowCheck(key, v[:n]) {
		return nil, fmt.Errorf("a row of the index is altered: %w", ErrDamaged)
	}
	return v[:n:n], nil
}

func rowCheck(key, row []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, row)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Batch is what one commit adds. Entries, Payloads and Keys are what cannot
// be derived again; the rest follows from them.
type Batch struct {
	First      int64
	Entries    [][]byte // one per leaf
	Payloads   [][]byte // one per leaf; empty for a leaf without an event
	Keys       []KeyRow
	Postings   []Posting
	Identities []Identity
	Tiles      []tree.FullTile
	Segments   []Segment // that become full
	Head       Head
}

func key(prefix byte, n int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, uint64(n))
}

// number returns what a key that was made by key numbers.
func number(k []byte) (n int64, ok bool) {
	if len(k) != 9 {
		return 0, false
	}
	n = int64(binary.BigEndian.Uint64(k[1:]))
	return n, n >= 0
}

func tileKey(level int, n int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{'t', byte(level)}, uint64(n))
}

func postingKey(term [32]byte, seq int64) []byte {
	return binary.BigEndian.AppendUint32(append([]byte{'s'}, term[:]...), uint32(seq))
}

func identityKey(digest [32]byte) []byte { return append([]byte{'i'}, digest[:]...) }

// block is a run of entries or payloads under one key.
type block struct {
	first int64
	value []byte
}

// blocks packs items numbered from first into blocks that stay within one
// tile and maxBlock, each behind its length in width bytes.
func blocks(first int64, items [][]byte, width int, length func([]byte, int) []byte) []block {
	var out []block
	for from := 0; from < len(items); {
		n, size := first+int64(from), width+len(items[from])
		to := from + 1
		for to < len(items) && (first+int64(to))%tree.Width != 0 && size+width+len(items[to]) <= maxBlock {
			size += width + len(items[to])
			to++
		}
		value := make([]byte, 0, size)
		for _, item := range items[from:to] {
			value = append(length(value, len(item)), item...)
		}
		out = append(out, block{n, value})
		from = to
	}
	return out
}

func len16(b []byte, n int) []byte { return binary.BigEndian.AppendUint16(b, uint16(n)) }
func len32(b []byte, n int) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }

// unpack splits a block; width is the number of bytes of a length.
func unpack(value []byte, width int) ([][]byte, error) {
	count := 0
	for rest := value; len(rest) > 0; count++ {
		n := itemSize(rest, width)
		if n < 0 {
			return nil, ErrDamaged
		}
		rest = rest[n:]
	}
	items := make([][]byte, count)
	for i := range items {
		n := itemSize(value, width)
		items[i], value = value[width:n:n], value[n:]
	}
	return items, nil
}

// itemSize returns the size of the item that a block begins with, and of its length;
// -1 where the block ends before.
func itemSize(block []byte, width int) int {
	if len(block) < width {
		return -1
	}
	n := width
	if width == 2 {
		n += int(binary.BigEndian.Uint16(block))
	} else {
		n += int(binary.BigEndian.Uint32(block))
	}
	if n < width || n > len(block) {
		return -1
	}
	return n
}
