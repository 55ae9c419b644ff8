// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
)

// ParseLeaf reads the bytes of a leaf. It refuses whatever is not exactly
// what Bytes would write.
//
// It asks for each member in its place and its one form, so that nothing has
// to be written again to compare.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) > MaxEntry {
		return Leaf{}, tooLong(b)
	}
	r := leafReader{Scanner: canon.NewScanner(b)}
	return r.leaf(new(Entry))
}

// leaf reads a leaf; e is for the entry, if it is one.
func (r *leafReader) leaf(e *Entry) (leaf Leaf, err error) {
	if r.has(`{"covers":`) {
		leaf.IndexRoot = r.indexRoot()
	} else {
		leaf.Entry = e
		r.entry(e)
	}
	r.must(`,"v":`)
	r.mustBe(`"` + Format + `"}`)
	if r.err == nil && !r.AtEnd() {
		r.fail("it is followed by other bytes")
	}
	if r.err != nil {
		return Leaf{}, fmt.Errorf("couldn't read the entry: %w", r.err)
	}
	return leaf, nil
}

func tooLong(b []byte) error {
	return fmt.Errorf("the entry has %d bytes, at most %d are allowed", len(b), MaxEntry)
}

// A leafReader takes members out of a leaf and remembers the first error. What
// it reads after that is of no use.
type leafReader struct {
	canon.Scanner
	member string // that was begun last
	err    error
}

func (r *leafReader) indexRoot() *IndexRoot {
	root := &IndexRoot{Covers: r.int(0)}
	r.must(`,"root":`)
	root.Root = r.hash()
	r.must(`,"type":`)
	r.mustBe(`"` + TypeIndexRoot + `"`)
	return root
}

func (r *leafReader) entry(e *Entry) {
	r.must(`{"capture":`)
	e.Capture = r.capture()
	r.must(`,"event":`)
	e.Event = r.hash()
	r.must(`,"open":`)
	e.Open = r.object()
	hasPrev := r.has(`,"prev":`)
	if hasPrev {
		e.Prev = r.hash()
	}
	r.must(`,"recorded":`)
	r.recorded(e)
	if r.has(`,"refs":`) {
		e.Refs = r.refs()
	}
	r.must(`,"schema":`)
	e.Schema = r.hash()
	r.must(`,"sealed":`)
	e.Sealed = r.hash()
	r.must(`,"seq":`)
	e.Seq = r.int(1)
	if hasPrev != (e.Seq > 1) {
		r.fail(`member "prev" must be there exactly when "seq" is greater than 1`)
	}
	hasSubmitter := r.has(`,"submitter":`)
	if hasSubmitter {
		if e.Submitter = r.text(); !token(e.Submitter, 64) {
			r.fail(`member "submitter" is not the id of a key`)
		}
	}
	r.must(`,"term":`)
	e.Term = r.hash()
	hasTime := r.has(`,"time":`)
	if hasTime {
		e.Time = r.text()
		if _, ok := parseTime(e.Time); !ok {
			r.fail(`member "time" is not an RFC 3339 time`)
		}
	}
	r.must(`,"type":`)
	e.Type = r.text()
	switch restricted := e.Type == TypeRestricted; {
	case !token(e.Type, 128), e.Type == TypeIndexRoot:
		r.fail(`member "type" is not the name of a record type`)
	case hasSubmitter == restricted, hasTime == restricted:
		r.fail(`members "submitter" and "time" must be there exactly when the record is not restricted`)
	case restricted && (len(e.Open.Members) > 0 || len(e.Refs) > 0):
		r.fail("a restricted record shows neither open members nor refs")
	}
}

// has begins a member if it is the next one. The key is spelled with what
// stands around it.
func (r *leafReader) has(key string) bool {
	if !r.Skip(key) {
		return false
	}
	r.member = key
	return true
}

// must begins a member that has to be the next one.
func (r *leafReader) must(key string) {
	r.member = key
	r.mustBe(key)
}

func (r *leafReader) mustBe(text string) {
	if !r.Skip(text) {
		r.misread()
	}
}

// misread says that the member is not there in its one form.
func (r *leafReader) misread() {
	r.fail(fmt.Sprintf("member %q is missing, out of its place, or not in its one form (byte %d)", strings.Trim(r.member, `{,":`), r.Offset()))
}

func (r *leafReader) fail(reason string) {
	if r.err == nil {
		r.err = errors.New(reason)
	}
}

func (r *leafReader) text() string {
	s, ok := r.Text()
	if !ok {
		r.misread()
	}
	return s
}

func (r *leafReader) int(least int64) int64 {
	n, ok := r.Int()
	if !ok || n < least {
		r.misread()
	}
	return n
}

func (r *leafReader) object() canon.Value {
	v, ok := r.Value()
	if !ok || v.Kind != canon.Object {
		r.misread()
	}
	return v
}

func (r *leafReader) capture() string {
	for _, c := range [...]string{Live, Late, Import} {
		if r.Skip(`"` + c + `"`) {
			return c
		}
	}
	r.fail(`member "capture" is not live, late or import`)
	return ""
}

func (r *leafReader) hash() (h [32]byte) {
	quoted := r.Peek(hashChars + 2)
	if quoted == "" || quoted[0] != '"' || quoted[hashChars+1] != '"' {
		r.misread()
		return h
	}
	h, ok := parseHash(quoted[1 : hashChars+1])
	if !ok {
		r.misread()
	}
	r.Skip(quoted)
	return h
}

// recorded reads a time in TimeLayout, which is RFC 3339 with just three
// digits after the second, in UTC.
func (r *leafReader) recorded(e *Entry) {
	s, ok := r.text(), false
	if e.Recorded, ok = parseTime(s); !ok || len(s) != len(TimeLayout) || s[19] != '.' || s[23] != 'Z' {
		r.fail(`member "recorded" is not a time like 2026-01-31T09:00:00.000Z`)
	}
}

func (r *leafReader) refs() (refs []int64) {
	r.mustBe("[")
	for {
		n, ok := r.Int()
		if last := len(refs) - 1; !ok || n < 0 || last >= 0 && n <= refs[last] {
			r.fail(`member "refs" is not a list of ascending indexes`)
			return nil
		}
		refs = append(refs, n)
		if !r.Skip(",") {
			r.mustBe("]")
			return refs
		}
	}
}

var strictBase64 = base64.StdEncoding.Strict()

// hashChars is the number of characters of 32 bytes in base64.
const hashChars = 44

// parseHash reads 32 bytes in base64.
func parseHash(s string) (h [32]byte, ok bool) {
	if len(s) != hashChars {
		return h, false
	}
	var text [hashChars]byte
	var b [hashChars / 4 * 3]byte
	copy(text[:], s)
	// Go's decoder passes over line breaks, but then too few characters are
	// left.
	n, err := strictBase64.Decode(b[:], text[:])
	copy(h[:], b[:])
	return h, err == nil && n == len(h)
}
