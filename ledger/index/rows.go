// SPDX-License-Identifier: Apache-2.0

package index

import (
	"encoding/binary"
	"errors"
	"iter"
	"math"
	"math/bits"
	"slices"
)

// The rows of a segment:
//
//	names   zigzag(least time) ‖ zigzag(greatest time) ‖ count ‖ each name, less the one before it
//	lists   of each name, in the same order: (length × 2 + form) ‖ list
//
// All numbers are varints of package encoding/binary. The times are those of
// records that show one; the least is above the greatest where none does. A
// list is, in form 0, the first record's place in the segment and then the
// distance of each from the one before; in form 1, which is taken where it is
// shorter, a bit for each place, the lowest bit of the first byte first.

// maxSegmentNames bounds the rows of a segment, which have to fit into a
// transaction beside a batch of records.
const maxSegmentNames = 1 << 15

var errRow = errors.New("a row of the index is malformed")

// Encode packs the items of a segment. The same items give the same rows.
func Encode(items []Item) (names, lists []byte) {
	places := make(map[Name][]uint16, 1024)
	least, greatest := int64(1), int64(0)
	timed := false
	for i, it := range items {
		found := it.Names
		if len(places)+len(found) >= maxSegmentNames {
			found = []Name{anything}
		}
		for _, n := range found {
			list := places[n]
			if k := len(list); k == 0 || list[k-1] != uint16(i) {
				places[n] = append(list, uint16(i))
			}
		}
		from, to := it.Time, it.Time
		switch {
		case it.unknown():
			from, to = math.MinInt64, math.MaxInt64
		case it.Time == noTime:
			continue
		}
		if !timed {
			least, greatest, timed = from, to, true
		}
		least, greatest = min(least, from), max(greatest, to)
	}
	sorted := make([]Name, 0, len(places))
	for n := range places {
		sorted = append(sorted, n)
	}
	slices.Sort(sorted)
	names = binary.AppendVarint(nil, least)
	names = binary.AppendVarint(names, greatest)
	names = binary.AppendUvarint(names, uint64(len(sorted)))
	before := Name(0)
	for _, n := range sorted {
		names = binary.AppendUvarint(names, uint64(n-before))
		lists = appendList(lists, places[n])
		before = n
	}
	return names, lists
}

func appendList(dst []byte, places []uint16) []byte {
	var buf [Segment / 8]byte
	gaps, before := buf[:0], uint16(0)
	for _, p := range places {
		if len(gaps) >= Segment/8-3 { // a place takes up to two bytes
			var set Set
			for _, p := range places {
				set.add(int(p))
			}
			return set.append(binary.AppendUvarint(dst, Segment/8<<1|1))
		}
		gaps = binary.AppendUvarint(gaps, uint64(p-before))
		before = p
	}
	return append(binary.AppendUvarint(dst, uint64(len(gaps))<<1), gaps...)
}

// Names is what the row of the names of a segment says.
type Names struct {
	Least, Greatest int64 // business times; see Encode
	count           uint64
	deltas          []byte
}

// ParseNames reads the row of the names of a segment.
func ParseNames(row []byte) (n Names, err error) {
	var ok [3]bool
	n.Least, row, ok[0] = varint(row)
	n.Greatest, row, ok[1] = varint(row)
	n.count, row, ok[2] = uvarint(row)
	if ok != [3]bool{true, true, true} || n.count > maxSegmentNames {
		return Names{}, errRow
	}
	n.deltas = row
	return n, nil
}

// Find returns the numbers of those of the given names that the segment has.
// The names must be in ascending order.
func (n Names) Find(names []Name) (numbers []int, err error) {
	row, at := n.deltas, Name(0)
	for i := 0; i < int(n.count) && len(names) > 0; i++ {
		d, rest, ok := uvarint(row)
		if !ok || d == 0 && i > 0 {
			return nil, errRow
		}
		row, at = rest, at+Name(d)
		for len(names) > 0 && names[0] < at {
			names = names[1:]
		}
		if len(names) > 0 && names[0] == at {
			numbers = append(numbers, i)
			names = names[1:]
		}
	}
	return numbers, nil
}

// Union returns the records that any of the lists with the given numbers has,
// which must be in ascending order.
func Union(lists []byte, numbers []int) (set Set, err error) {
	for i := 0; len(numbers) > 0; i++ {
		head, rest, ok := uvarint(lists)
		size := head >> 1
		if !ok || size > uint64(len(rest)) {
			return set, errRow
		}
		if i == numbers[0] {
			numbers = numbers[1:]
			if !set.read(rest[:size], head&1 == 1) {
				return set, errRow
			}
		}
		lists = rest[size:]
	}
	return set, nil
}

// read adds a list.
func (s *Set) read(list []byte, bitmap bool) bool {
	if bitmap {
		if len(list) != Segment/8 {
			return false
		}
		for i := range s {
			s[i] |= binary.LittleEndian.Uint64(list[8*i:])
		}
		return true
	}
	for place, first := uint64(0), true; len(list) > 0; first = false {
		gap, rest, ok := uvarint(list)
		if !ok || gap >= Segment || gap == 0 && !first {
			return false
		}
		if place += gap; place >= Segment {
			return false
		}
		s.add(int(place))
		list = rest
	}
	return true
}

func uvarint(b []byte) (n uint64, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 {
		return 0, nil, false
	}
	return n, b[k:], true
}

func varint(b []byte) (n int64, rest []byte, ok bool) {
	n, k := binary.Varint(b)
	if k <= 0 {
		return 0, nil, false
	}
	return n, b[k:], true
}

// A Set is some of the records of a segment.
type Set [Segment / 64]uint64

// Range is the set of the records from one place up to another, as far as a
// segment has them.
func Range(from, to int64) (s Set) {
	for p := max(0, from); p < min(to, Segment); p++ {
		s.add(int(p))
	}
	return s
}

// Search returns those of the items of a segment that have any of the names,
// which must be in ascending order.
func Search(items []Item, names []Name) (s Set) {
	for i, it := range items {
		for _, n := range it.Names {
			if _, ok := slices.BinarySearch(names, n); ok {
				s.add(i)
				break
			}
		}
	}
	return s
}

func (s *Set) add(place int) { s[place/64] |= 1 << (place % 64) }

func (s *Set) append(dst []byte) []byte {
	for _, w := range s {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}

// And keeps of s what is also in t.
func (s *Set) And(t *Set) {
	for i := range s {
		s[i] &= t[i]
	}
}

// Len returns how many there are.
func (s *Set) Len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Places yields the places of the records in the segment, upwards or
// downwards.
func (s *Set) Places(down bool) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range s {
			if down {
				i = len(s) - 1 - i
			}
			for w := s[i]; w != 0; {
				bit := bits.TrailingZeros64(w)
				if down {
					bit = bits.Len64(w) - 1
				}
				w &^= 1 << bit
				if !yield(64*i + bit) {
					return
				}
			}
		}
	}
}
