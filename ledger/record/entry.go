// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
)

// Format names the entry format; it is the member "v" of every entry.
const Format = "lendlog/1"

// MaxEntry is the largest entry in bytes: an entry bundle of C2SP tlog-tiles
// writes its length in two bytes.
const MaxEntry = 65535

// The types that have a form or a meaning of their own in the entry format.
const (
	TypeGenesis          = "org.lendlog.genesis.v1"
	TypeSchemaRegistered = "org.lendlog.schema.registered.v1"
	TypeConflicted       = "org.lendlog.submission.conflicted.v1"
	TypeRestricted       = "org.lendlog.restricted.v1"
	TypeIndexRoot        = "org.lendlog.index-root.v1"
)

// Capture says how a record came into the ledger.
const (
	Live   = "live"   // submitted as it happened
	Late   = "late"   // set by the ledger: recorded - time exceeds the genesis record's limit
	Import = "import" // loaded from older books; can never pass for live
)

// TimeLayout is how the ledger writes its own clock: UTC, milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// An Entry is what is hashed of a record: canonical JSON without any personal
// value. Its bytes are made once by Bytes and kept verbatim; they are never
// encoded again to verify.
//
// Rules for changing it: a member's meaning never changes, an optional member
// costs nothing when absent, there is no floating point and no null, and a
// new member needs a new Format.
type Entry struct {
	Capture   string      // Live, Late or Import
	Event     [32]byte    // identity digest: HMAC of source and id under the index key
	Open      canon.Value // Object: the open members of data
	Prev      [32]byte    // leaf hash of the subject's previous record; zero when Seq is 1
	Recorded  time.Time   // the ledger's clock at commit, to the millisecond
	Refs      []int64     // indexes of the records this one follows from, ascending
	Schema    [32]byte    // SHA-256 of the schema's bytes
	Sealed    [32]byte    // RFC 6962 root over the disclosures
	Seq       int64       // 1, 2, 3 … per subject
	Submitter string      // id of the submitter's key; empty when Type is TypeRestricted
	Term      [32]byte    // the subject's term
	Time      string      // business time as submitted; empty when Type is TypeRestricted
	Type      string
}

// An IndexRoot is the leaf that commits to the map of all subjects. Covers
// equals the leaf's own index: the map speaks of all leaves before it.
type IndexRoot struct {
	Covers int64
	Root   [32]byte
}

var strictBase64 = base64.StdEncoding.Strict()

// Bytes returns the entry in canonical form.
func (e *Entry) Bytes() []byte {
	b := make([]byte, 0, 768)
	b = appendText(append(b, `{"capture":`...), e.Capture)
	b = appendHash(append(b, `,"event":`...), e.Event)
	b = e.Open.Append(append(b, `,"open":`...))
	if e.Seq > 1 {
		b = appendHash(append(b, `,"prev":`...), e.Prev)
	}
	b = append(b, `,"recorded":"`...)
	b = e.Recorded.UTC().AppendFormat(b, TimeLayout)
	b = append(b, '"')
	if len(e.Refs) > 0 {
		b = append(b, `,"refs":`...)
		for i, r := range e.Refs {
			if i == 0 {
				b = append(b, '[')
			} else {
				b = append(b, ',')
			}
			b = canon.AppendInt(b, r)
		}
		b = append(b, ']')
	}
	b = appendHash(append(b, `,"schema":`...), e.Schema)
	b = appendHash(append(b, `,"sealed":`...), e.Sealed)
	b = canon.AppendInt(append(b, `,"seq":`...), e.Seq)
	if e.Type != TypeRestricted {
		b = appendText(append(b, `,"submitter":`...), e.Submitter)
	}
	b = appendHash(append(b, `,"term":`...), e.Term)
	if e.Type != TypeRestricted {
		b = appendText(append(b, `,"time":`...), e.Time)
	}
	b = appendText(append(b, `,"type":`...), e.Type)
	return append(b, `,"v":"`+Format+`"}`...)
}

// Bytes returns the leaf in canonical form.
func (r IndexRoot) Bytes() []byte {
	b := canon.AppendInt([]byte(`{"covers":`), r.Covers)
	b = appendHash(append(b, `,"root":`...), r.Root)
	return append(b, `,"type":"`+TypeIndexRoot+`","v":"`+Format+`"}`...)
}

func appendText(b []byte, s string) []byte { return canon.AppendString(b, s) }

func appendHash(b []byte, h [32]byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, h[:])
	return append(b, '"')
}

// A Leaf is either an Entry or an IndexRoot.
type Leaf struct {
	Entry     *Entry
	IndexRoot *IndexRoot
}

// ParseLeaf reads the bytes of a leaf. It refuses whatever is not exactly
// what Bytes would write.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) > MaxEntry {
		return Leaf{}, fmt.Errorf("the entry has %d bytes, at most %d are allowed", len(b), MaxEntry)
	}
	v, err := canon.ParseCanonical(b, canon.Limits{})
	if err != nil {
		return Leaf{}, fmt.Errorf("couldn't read the entry: %w", err)
	}
	f := fields{v: v}
	var leaf Leaf
	if t, _ := v.Get("type"); t.Kind == canon.String && t.Str == TypeIndexRoot {
		leaf.IndexRoot = &IndexRoot{Covers: f.int("covers", 0), Root: f.hash("root")}
		f.text("type")
	} else {
		leaf.Entry = f.entry()
	}
	if f.text("v") != Format && f.err == nil {
		f.err = errors.New(`member "v" is not ` + Format)
	}
	if f.err == nil && f.used != len(v.Members) {
		f.err = errors.New("it has a member that the format does not know")
	}
	if f.err != nil {
		return Leaf{}, fmt.Errorf("couldn't read the entry: %w", f.err)
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

// token reports whether s is 1 to most characters of printable ASCII without
// spaces.
func token(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
