// SPDX-License-Identifier: Apache-2.0

package chain

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/sha3"
)

func keccak(b []byte) (h Hash) {
	d := sha3.NewLegacyKeccak256()
	d.Write(b)
	d.Sum(h[:0])
	return h
}

// An item is one of RLP: a string of bytes, or a list, whose content is its
// items.
type item struct {
	list    bool
	content []byte
}

var (
	errShort = errors.New("it is cut off")
	errLong  = errors.New("something follows where it should end")
	errForm  = errors.New("it is not written in the shortest form")
	errKind  = errors.New("a list stands where bytes should, or the other way round")
)

// split takes the first item off b. Of every item one spelling is taken. What is
// in a list is not looked at.
func split(b []byte) (it item, rest []byte, err error) {
	if len(b) == 0 {
		return item{}, nil, errShort
	}
	first := b[0]
	if first < 0x80 {
		return item{content: b[:1]}, b[1:], nil
	}
	it.list = first >= 0xc0
	size := int(first & 0x3f) // of a list
	if !it.list {
		size = int(first - 0x80)
	}
	b = b[1:]
	if n := size - 55; n > 0 { // so many bytes tell the size
		if len(b) < n {
			return item{}, nil, errShort
		}
		var wide [8]byte
		copy(wide[8-n:], b[:n])
		told := binary.BigEndian.Uint64(wide[:])
		if b[0] == 0 || told < 56 {
			return item{}, nil, errForm
		}
		b = b[n:]
		if told > uint64(len(b)) {
			return item{}, nil, errShort
		}
		size = int(told)
	}
	if size > len(b) {
		return item{}, nil, errShort
	}
	it.content, rest = b[:size], b[size:]
	if !it.list && size == 1 && it.content[0] < 0x80 {
		return item{}, nil, errForm
	}
	return it, rest, nil
}

// list reads what is one list and nothing else.
func list(b []byte) ([]item, error) {
	it, rest, err := split(b)
	switch {
	case err != nil:
		return nil, err
	case len(rest) > 0:
		return nil, errLong
	}
	return it.items()
}

// items returns the items of a list.
func (it item) items() (out []item, err error) {
	if !it.list {
		return nil, errKind
	}
	for b := it.content; len(b) > 0; {
		var of item
		if of, b, err = split(b); err != nil {
			return nil, err
		}
		out = append(out, of)
	}
	return out, nil
}

// fill reads a string of as many bytes as dst has.
func (it item) fill(dst []byte) error {
	switch {
	case it.list:
		return errKind
	case len(it.content) != len(dst):
		return fmt.Errorf("it has %d bytes where %d should stand", len(it.content), len(dst))
	}
	copy(dst, it.content)
	return nil
}

// number reads an integer, which has no zeros in front.
func (it item) number(dst *uint64) error {
	switch {
	case it.list:
		return errKind
	case len(it.content) > 8:
		return errors.New("a number has more than 64 bits")
	case len(it.content) > 0 && it.content[0] == 0:
		return errForm
	}
	var wide [8]byte
	copy(wide[8-len(it.content):], it.content)
	*dst = binary.BigEndian.Uint64(wide[:])
	return nil
}

// appendNumber appends the RLP of an integer.
func appendNumber(b []byte, n uint64) []byte {
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], n)
	short := wide[:]
	for len(short) > 0 && short[0] == 0 {
		short = short[1:]
	}
	if len(short) == 1 && short[0] < 0x80 {
		return append(b, short[0])
	}
	return append(append(b, 0x80+byte(len(short))), short...)
}

// words are those of the contract ABI, of 32 bytes each, that are still to be
// read. What they are padded with has to be zeros.
type words struct {
	b     []byte
	dirty bool
}

func (w *words) next() (out [32]byte) {
	copy(out[:], w.b)
	w.b = w.b[len(out):]
	return out
}

// right reads a value of n bytes at the end of a word, as numbers and addresses
// are.
func (w *words) right(n int) []byte {
	word := w.next()
	w.clean(word[:32-n])
	return word[32-n:]
}

// left reads a value of n bytes at the beginning of a word, as bytes are.
func (w *words) left(n int) []byte {
	word := w.next()
	w.clean(word[n:])
	return word[:n]
}

func (w *words) number() uint64 { return binary.BigEndian.Uint64(w.right(8)) }

func (w *words) clean(padding []byte) {
	for _, b := range padding {
		w.dirty = w.dirty || b != 0
	}
}
