// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
)

// OracleLeaf is ParseLeaf as one would write it first: the general parser
// reads the bytes, members are taken by name, and all is written again to
// compare.
func OracleLeaf(b []byte) (leaf Leaf, err error) {
	if len(b) > MaxEntry {
		return Leaf{}, errors.New("the entry is too large")
	}
	v, err := canon.Parse(b, canon.Limits{})
	if err != nil {
		return Leaf{}, err
	}
	if !bytes.Equal(v.Bytes(), b) {
		return Leaf{}, errors.New("the entry is not in canonical form")
	}
	f := fields{v: v}
	if t, _ := v.Get("type"); t.Kind == canon.String && t.Str == TypeIndexRoot {
		leaf.IndexRoot = &IndexRoot{Covers: f.int("covers", 0), Root: f.hash("root")}
		f.text("type")
	} else {
		leaf.Entry = f.entry()
	}
	if f.text("v") != Format {
		f.fail(`member "v" is not ` + Format)
	}
	if f.used != len(v.Members) {
		f.fail("it has a member that the format does not know")
	}
	if f.err != nil {
		return Leaf{}, f.err
	}
	return leaf, nil
}

// fields takes members out of an object, remembering the first error and how
// many were taken.
type fields struct {
	v    canon.Value
	used int
	err  error
}

func (f *fields) take(name string, kind canon.Kind) (canon.Value, bool) {
	v, ok := f.v.Get(name)
	if ok {
		f.used++
	}
	if (!ok || v.Kind != kind) && f.err == nil {
		f.err = fmt.Errorf("member %q is missing or not of type %s", name, kind)
	}
	return v, ok && v.Kind == kind
}

func (f *fields) has(name string) bool {
	_, ok := f.v.Get(name)
	return ok
}

func (f *fields) text(name string) string {
	v, _ := f.take(name, canon.String)
	return v.Str
}

func (f *fields) int(name string, least int64) int64 {
	v, ok := f.take(name, canon.Int)
	if ok && v.Int < least && f.err == nil {
		f.err = fmt.Errorf("member %q is less than %d", name, least)
	}
	return v.Int
}

func (f *fields) hash(name string) (h [32]byte) {
	s := f.text(name)
	b, err := strictBase64.DecodeString(s)
	// Go's decoder skips line breaks, so that the length has to be right too.
	if (err != nil || len(b) != len(h) || len(s) != strictBase64.EncodedLen(len(h))) && f.err == nil {
		f.err = fmt.Errorf("member %q is not a base64 SHA-256 hash", name)
	}
	copy(h[:], b)
	return h
}

func (f *fields) entry() *Entry {
	e := &Entry{
		Capture: f.text("capture"),
		Event:   f.hash("event"),
		Schema:  f.hash("schema"),
		Sealed:  f.hash("sealed"),
		Seq:     f.int("seq", 1),
		Term:    f.hash("term"),
		Type:    f.text("type"),
	}
	e.Open, _ = f.take("open", canon.Object)
	switch e.Capture {
	case Live, Late, Import:
	default:
		f.fail(`member "capture" is not live, late or import`)
	}
	if e.Seq > 1 {
		e.Prev = f.hash("prev")
	}
	var err error
	recorded := f.text("recorded")
	if e.Recorded, err = time.Parse(TimeLayout, recorded); err != nil || e.Recorded.Format(TimeLayout) != recorded {
		f.fail(`member "recorded" is not a time like 2026-01-31T09:00:00.000Z`)
	}
	if f.has("refs") {
		refs, _ := f.take("refs", canon.Array)
		for i, r := range refs.Items {
			if r.Kind != canon.Int || r.Int < 0 || i > 0 && r.Int <= e.Refs[i-1] {
				f.fail(`member "refs" is not a list of ascending indexes`)
				break
			}
			e.Refs = append(e.Refs, r.Int)
		}
		if len(refs.Items) == 0 {
			f.fail(`member "refs" is empty and must then be absent`)
		}
	}
	if e.Type == TypeRestricted {
		if len(e.Open.Members) > 0 || len(e.Refs) > 0 {
			f.fail("a restricted record shows neither open members nor refs")
		}
		return e
	}
	e.Submitter = f.text("submitter")
	if !token(e.Submitter, 64) {
		f.fail(`member "submitter" is not the id of a key`)
	}
	e.Time = f.text("time")
	if _, ok := parseTime(e.Time); !ok {
		f.fail(`member "time" is not an RFC 3339 time`)
	}
	if !token(e.Type, 128) {
		f.fail(`member "type" is not the name of a record type`)
	}
	return e
}

func (f *fields) fail(reason string) {
	if f.err == nil {
		f.err = errors.New(reason)
	}
}
