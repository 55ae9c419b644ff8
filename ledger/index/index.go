// SPDX-License-Identifier: Apache-2.0

// Package index is how records are searched: what a record is found by, how
// that is packed into the rows of a store, the language of filters, and what a
// filter asks of the rows and of the records. It does no I/O.
//
// # What a record is found by
//
// Each record has names, numbers of 63 bits: one for its type, its submitter,
// its capture, the day of its business time and every value of its open
// members, which are hashes; and one for every party key that opens a part of
// it, which is the key's id as its payload shows it. Whose key that is stands
// nowhere but inside the key's wrap, so that it is forgotten with the key. Of
// a value that is sealed nothing is derived. The key of the institution, which
// nearly every record has, is no name.
//
// Of a restricted record only what its entry shows is a name.
//
// # Segments
//
// A segment is [Segment] records, and has two rows once it is full: the names
// that its records have, and for each of them the list of those records. A
// ledger of n records has exactly n/Segment of either, so that one that is
// missing is noticed, and to append a record costs no key of its own. The
// records after the last full segment are few enough to be searched one by
// one.
//
// What the rows give are candidates: hashes may collide, and a record with too
// many names is a candidate of every search. Each is held against the filter.
package index

import (
	"bytes"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/story"
)

// Segment is the number of records that are indexed together.
const Segment = 4096

// A Name is what a record is found by. Names of values are below, those of
// keys above keyName.
type Name uint64

const (
	// anything is the name of those that are candidates of every search.
	anything Name = 0
	keyName  Name = 1 << 63

	// maxNames is how many names a record may have of its own.
	maxNames = 256
)

// valueName returns the name of a value of a field. Nothing rests on the hash,
// which has to be fast, and the same for ever.
func valueName(field, text string) Name {
	return max(1, Name(scramble(hash(hash(0, field), text))>>1))
}

// memberName returns the name of a value of a member of data.
func memberName(member, text string) Name {
	return max(1, Name(scramble(hash(hash(1, member), text))>>1))
}

func hash(h uint64, s string) uint64 {
	for ; len(s) >= 8; s = s[8:] {
		w := s[:8]
		h = scramble(h ^ (uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
			uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56))
	}
	rest := uint64(len(s)+1) << 56
	for i := range len(s) {
		rest |= uint64(s[i]) << (8 * i)
	}
	return scramble(h ^ rest)
}

// scramble is a bijection in which every bit matters.
func scramble(h uint64) uint64 {
	h = (h ^ h>>32) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// KeyName returns the name of records of which a part is under a party key.
func KeyName(id int64) Name { return keyName | Name(id) }

// An Item is what the index has of one record.
type Item struct {
	Names []Name
	Time  int64 // business time in milliseconds since 1970; noTime where the entry shows none
}

const noTime = -1 << 63

// Unknown is what the index has of a record that cannot be read: it is a
// candidate of every search.
func Unknown() Item { return Item{Names: []Name{anything}, Time: noTime} }

func (it Item) unknown() bool {
	return len(it.Names) == 1 && it.Names[0] == anything && it.Time == noTime
}

// ItemOf returns what the index has of a leaf and its payload.
func ItemOf(lf record.Leaf, payload []byte) (Item, error) {
	it := Item{Time: noTime}
	e := lf.Entry
	if e == nil {
		return it, nil
	}
	it.Names = make([]Name, 0, 20)
	for text := range typeTexts(e.Type) {
		it.Names = append(it.Names, valueName("type", text))
	}
	it.Names = append(it.Names, valueName("capture", e.Capture))
	if e.Type == record.TypeRestricted {
		return it, nil
	}
	it.Names = append(it.Names, valueName("submitter", e.Submitter))
	if at, err := time.Parse(time.RFC3339, e.Time); err == nil {
		it.Time = at.UnixMilli()
		it.Names = append(it.Names, dayName(it.Time))
	}
	for _, m := range e.Open.Members {
		for text := range texts(m.Value) {
			it.Names = append(it.Names, memberName(m.Name, text))
		}
	}
	for len(payload) > 0 {
		var g seal.Head
		var err error
		if g, payload, err = seal.CutHead(payload); err != nil {
			return it, err
		}
		if !ofInstitution(g.Name) {
			it.Names = append(it.Names, KeyName(g.KeyID))
		}
	}
	if len(it.Names) > maxNames {
		it.Names = []Name{anything}
	}
	return it, nil
}

func ofInstitution(group []byte) bool {
	kind, _, _ := bytes.Cut(group, []byte{'.'})
	return string(kind) == record.GroupInstitution
}

const day = 24 * 60 * 60 * 1000

// dayName returns the name of records whose business time lies on a day.
func dayName(milli int64) Name {
	return valueName("day", string(canon.AppendInt(nil, floorDiv(milli, day))))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// typeTexts yields the texts by which a type is named: its own, and what
// stands between "org.lendlog." and the version.
func typeTexts(typ string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if !yield(typ) {
			return
		}
		short, ok := strings.CutPrefix(typ, "org.lendlog.")
		if at := strings.LastIndex(short, ".v"); ok && at > 0 && strings.Trim(short[at+2:], "0123456789") == "" {
			yield(short[:at])
		}
	}
}

// texts yields the texts that a value equals: of a list those of its items, of
// money that of its amount in its shortest form.
func texts(v canon.Value) func(yield func(string) bool) {
	return func(yield func(string) bool) { eachText(v, yield) }
}

func eachText(v canon.Value, yield func(string) bool) bool {
	switch v.Kind {
	case canon.String:
		return yield(v.Str)
	case canon.Int:
		return yield(string(canon.AppendInt(nil, v.Int)))
	case canon.Bool:
		if v.Int == 1 {
			return yield("true")
		}
		return yield("false")
	case canon.Array:
		for _, item := range v.Items {
			if !eachText(item, yield) {
				return false
			}
		}
	case canon.Object:
		if a, ok := v.Get("amount"); ok && a.Kind == canon.String {
			if short, ok := shortest(a.Str); ok {
				return yield(short)
			}
		}
	}
	return true
}

// shortest returns a decimal without zeros at its end.
func shortest(s string) (string, bool) {
	if _, ok := story.ParseDecimal(s); !ok {
		return "", false
	}
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		s = "0"
	}
	return s, true
}
