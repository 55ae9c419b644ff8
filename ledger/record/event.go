// SPDX-License-Identifier: Apache-2.0

package record

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/lendlog/lendlog/ledger/canon"
)

// MaxEvent is the largest event in bytes.
const MaxEvent = 256 << 10

// MaxValues is the largest number of values in an event: in memory a value
// takes far more than the two bytes that it may have in JSON.
const MaxValues = 1 << 14

// Limits of context attributes, in bytes, and of how many extensions there
// may be.
const (
	maxName       = 256  // id, source, subject, party, parent
	maxText       = 1024 // sequence, causationid and every extension
	maxSignature  = 8192
	maxAttribute  = 20 // the name of an attribute
	maxExtensions = 32
)

// An Event is a CloudEvents 1.0 document that has passed every check of
// structure. Source and ID together are its identity: the same identity twice
// is the same event, or a conflict.
type Event struct {
	ID, Source, Type, Subject string
	Kind, SubjectID           string // Subject, split at its first slash

	// "" when absent.
	Party, Parent, Capture, Sequence, CausationID, Signature string

	Time string    // business time, as submitted
	At   time.Time // Time, parsed, in UTC

	// Extensions is the Object of every other context attribute but
	// specversion: datacontenttype, dataschema, capture as submitted and any
	// extension. It has no members when there are none.
	Extensions canon.Value

	Data   canon.Value // the Object that Schema has checked
	Schema *Schema
}

// ParseEvent reads an event in the structured mode of CloudEvents JSON, at
// most MaxEvent bytes. The error is of type Violations.
//
// It refuses what has no one meaning and what the schema does not know; a
// broken business rule is no reason to refuse.
func ParseEvent(b []byte, cat *Catalogue) (*Event, error) {
	if len(b) > MaxEvent {
		return nil, Violations{{"", CodeSize, "is larger than 256 KiB; keep large documents outside and record their hashes"}}
	}
	v, err := canon.Parse(b, canon.Limits{Values: MaxValues})
	if err != nil {
		return nil, syntaxViolation(err)
	}
	return NewEvent(v, cat)
}

// NewEvent is ParseEvent for a document that is parsed already: of a batch, or
// put together from the headers of the binary mode. It refuses the types that
// only the ledger itself may append.
func NewEvent(v canon.Value, cat *Catalogue) (*Event, error) { return newEvent(v, cat, false) }

// NewOwnEvent is NewEvent for the ledger itself: it accepts its own types
// only.
func NewOwnEvent(v canon.Value, cat *Catalogue) (*Event, error) { return newEvent(v, cat, true) }

func newEvent(doc canon.Value, cat *Catalogue, own bool) (*Event, error) {
	e := new(Event)
	if err := e.read(doc, cat, own); err != nil {
		return nil, err
	}
	return e, nil
}

// read sets e, which has to be zero, to what a document says.
func (e *Event) read(doc canon.Value, cat *Catalogue, own bool) error {
	if doc.Kind != canon.Object {
		return Violations{{"", CodeType, "must be one CloudEvents object"}}
	}
	r := reader{}
	r.attributes(e, doc)
	for _, a := range [...]struct{ name, value string }{
		{"id", e.ID}, {"source", e.Source}, {"type", e.Type}, {"subject", e.Subject}, {"time", e.Time},
	} {
		if a.value == "" && absent(doc, a.name) {
			r.add("/"+a.name, CodeRequired, "is required; add it")
		}
	}
	if absent(doc, "specversion") {
		r.add("/specversion", CodeRequired, `is required; add "specversion": "1.0"`)
	}
	e.Kind, e.SubjectID = r.subject("/subject", e.Subject)
	r.subject("/parent", e.Parent)
	r.schema(e, cat, own)
	if absent(doc, "data") {
		r.add("/data", CodeRequired, "is required; add an object, {} where the type has nothing to say")
	} else if e.Schema != nil {
		for _, v := range e.Schema.Check(e.Data) {
			r.add(v.Pointer, v.Code, v.Message)
		}
	}
	return r.err()
}

// absent reports whether doc lacks a member. CloudEvents has null mean the
// same.
func absent(doc canon.Value, name string) bool {
	v, _ := doc.Get(name)
	return v.Kind == canon.Null
}

// A reader collects what is wrong with an event.
type reader struct{ Violations }

// attributes reads every member of doc but leaves out what depends on others.
func (r *reader) attributes(e *Event, doc canon.Value) {
	e.Extensions.Kind = canon.Object
	extensions := 0
	for i := range doc.Members {
		name, v := doc.Members[i].Name, doc.Members[i].Value
		if v.Kind == canon.Null {
			continue
		}
		switch name {
		case "specversion":
			if v.Kind != canon.String || v.Str != "1.0" {
				r.add("/specversion", CodeConst, `must be "1.0"`)
			}
			continue
		case "id":
			e.ID = r.name("/id", v)
			continue
		case "source":
			e.Source = r.name("/source", v)
			continue
		case "type":
			e.Type = r.name("/type", v)
			continue
		case "subject":
			e.Subject = r.name("/subject", v)
			continue
		case "party":
			e.Party = r.name("/party", v)
			continue
		case "parent":
			e.Parent = r.name("/parent", v)
			continue
		case "sequence":
			e.Sequence = r.text("/sequence", v, 1, maxText)
			continue
		case "causationid":
			e.CausationID = r.causes(v)
			continue
		case "signature":
			e.Signature = r.text("/signature", v, 1, maxSignature)
			continue
		case "time":
			e.Time, e.At = r.time(v)
			continue
		case "data":
			e.Data = v
			continue
		case "data_base64":
			r.add("/data_base64", CodeAttribute, `is not accepted; send the data as JSON in "data"`)
			continue
		case "capture":
			e.Capture = r.capture(v)
		case "datacontenttype":
			r.contentType(v)
		case "dataschema":
			r.text("/dataschema", v, 1, maxText)
		default:
			extensions++
			r.extension(name, v)
		}
		e.Extensions.Members = append(e.Extensions.Members, doc.Members[i])
	}
	if extensions > maxExtensions {
		r.add("", CodeAttribute, "has more than "+strconv.Itoa(maxExtensions)+" extension attributes; move what belongs to the record into data")
	}
}

// name reads an attribute that names something and is hashed somewhere.
func (r *reader) name(at string, v canon.Value) string {
	s := r.text(at, v, 1, maxName)
	if !isASCII(s) && !norm.NFC.IsNormalString(s) {
		r.add(at, CodeCharacter, "must be in Unicode normalization form C; normalize it before sending")
	}
	return s
}

// text reads a string of least to most bytes, or returns "".
func (r *reader) text(at string, v canon.Value, least, most int) string {
	switch {
	case v.Kind != canon.String:
		r.add(at, CodeType, "must be a string; put it in quotation marks")
	case len(v.Str) < least:
		r.add(at, CodeLength, "must not be empty; leave it out if there is none")
	case len(v.Str) > most:
		r.add(at, CodeLength, "must have at most "+strconv.Itoa(most)+" bytes")
	case !printable(v.Str):
		r.add(at, CodeCharacter, "must be UTF-8 without control characters or line separators; remove them")
	default:
		return v.Str
	}
	return ""
}

// subject splits a subject, which may be absent, at its first slash.
func (r *reader) subject(at, s string) (kind, id string) {
	if s == "" {
		return "", ""
	}
	kind, id, _ = strings.Cut(s, "/")
	if id == "" || !slices.Contains(subjectKinds, kind) {
		r.add(at, CodeSubject, "must be <kind>/<id>, of a kind among "+strings.Join(subjectKinds, ", "))
		return "", ""
	}
	return kind, id
}

// IsSubject reports whether an event can be of the subject kind/id.
func IsSubject(kind, id string) bool {
	r := reader{}
	s := r.name("", canon.Text(kind+"/"+id))
	k, _ := r.subject("", s)
	return k == kind && r.err() == nil
}

// schema finds the schema and checks that type, subject and submitter go
// together.
func (r *reader) schema(e *Event, cat *Catalogue, own bool) {
	if e.Type == "" {
		return
	}
	s, ok := cat.Type(e.Type)
	switch {
	case !ok && comesWith(e.Type):
		r.add("/type", CodeUnknownType, "comes with this program and is not a type of this ledger yet; `lendlog types add --builtin` registers it")
	case !ok:
		r.add("/type", CodeUnknownType, "is not a type of this ledger; see GET /v1/types or `lendlog types`")
	case s.Own && !own:
		r.add("/type", CodeReservedType, "can be appended only by the ledger itself; see GET /v1/types or `lendlog types` for the others")
	case own && !s.Own:
		r.add("/type", CodeReservedType, "is not one of the ledger's own types; submit it like any other event")
	default:
		e.Schema = s
		if e.Kind != "" && !s.GoesWith(e.Kind) {
			r.add("/subject", CodeSubject, "must be of the kind that the type is about: "+strings.Join(s.SubjectKinds, " or "))
		}
	}
}

func (r *reader) time(v canon.Value) (string, time.Time) {
	t, ok := parseTime(v.Str)
	if v.Kind != canon.String || !ok {
		r.add("/time", CodeFormat, "must be "+remedyTime)
		return "", time.Time{}
	}
	return v.Str, t
}

func (r *reader) capture(v canon.Value) string {
	switch s := v.Str; {
	case v.Kind == canon.String && (s == Live || s == Import):
		return s
	case v.Kind == canon.String && s == Late:
		r.add("/capture", CodeEnum, "is set to late by the ledger itself, by its own clock; leave it out or send live or import")
	default:
		r.add("/capture", CodeEnum, "must be live or import, or absent")
	}
	return ""
}

func (r *reader) contentType(v canon.Value) {
	media, _, _ := strings.Cut(r.text("/datacontenttype", v, 0, maxText), ";")
	if v.Kind == canon.String && !strings.EqualFold(strings.Trim(media, " \t"), "application/json") {
		r.add("/datacontenttype", CodeAttribute, "must be application/json, or absent; send the data as JSON")
	}
}

func (r *reader) extension(name string, v canon.Value) {
	at := canon.Pointer("", shorten(name))
	if !isAttribute(name) {
		r.add(at, CodeAttribute, "is not the name of a context attribute, which is 1 to "+strconv.Itoa(maxAttribute)+" lower-case letters and digits; members of the record go into data")
		return
	}
	switch v.Kind {
	case canon.String:
		r.text(at, v, 0, maxText)
	case canon.Int, canon.Bool:
	default:
		r.add(at, CodeType, "must be a string, an integer or a boolean; structured values go into data")
	}
}

// causes reads a causationid.
func (r *reader) causes(v canon.Value) string {
	s := r.text("/causationid", v, 1, maxText)
	if s == "" {
		return ""
	}
	for ref := range strings.SplitSeq(s, " ") {
		if at := strings.LastIndexByte(ref, '#'); ref == "" || at == 0 || at == len(ref)-1 {
			r.add("/causationid", CodeFormat, "must be references with one space between them, each an id, or a source, # and an id")
			return ""
		}
	}
	return s
}

// Causes yields the source and id of each event that CausationID names, in its
// order. Each reference, with a single space between two, is the id of an
// event of the same source, or a source, "#" and an id, split at the last "#".
// An id with a space or a "#" in it cannot be referred to.
func (e *Event) Causes() iter.Seq2[string, string] {
	return func(yield func(source, id string) bool) {
		if e.CausationID == "" {
			return
		}
		for ref := range strings.SplitSeq(e.CausationID, " ") {
			source, id := e.Source, ref
			if i := strings.LastIndexByte(ref, '#'); i >= 0 {
				source, id = ref[:i], ref[i+1:]
			}
			if !yield(source, id) {
				return
			}
		}
	}
}

// Document returns the whole event again, as submitted but for members that
// were null. NewEvent of it gives an equal event.
func (e *Event) Document() canon.Value {
	members := make([]canon.Member, 0, 13+len(e.Extensions.Members))
	for _, a := range [...]struct{ name, value string }{
		{"specversion", "1.0"}, {"id", e.ID}, {"source", e.Source}, {"type", e.Type}, {"subject", e.Subject},
		{"time", e.Time}, {"party", e.Party}, {"parent", e.Parent}, {"sequence", e.Sequence},
		{"causationid", e.CausationID}, {"signature", e.Signature},
	} {
		if a.value != "" {
			members = append(members, canon.Member{Name: a.name, Value: canon.Text(a.value)})
		}
	}
	members = append(members, canon.Member{Name: "data", Value: e.Data})
	return canon.Map(append(members, e.Extensions.Members...)...)
}

// Member returns the value at one of the schema's sealable pointers, and
// whether the event has one. What the ledger adds to a restricted record
// (/refs, /submitter) and what is open elsewhere (/time, /type) is not among
// them.
func (e *Event) Member(pointer string) (canon.Value, bool) {
	var s string
	switch pointer {
	case "/causationid":
		s = e.CausationID
	case "/extensions":
		return e.Extensions, len(e.Extensions.Members) > 0
	case "/id":
		s = e.ID
	case "/parent":
		s = e.Parent
	case "/party":
		s = e.Party
	case "/sequence":
		s = e.Sequence
	case "/signature":
		s = e.Signature
	case "/source":
		s = e.Source
	case "/subject":
		s = e.Subject
	default:
		name, ok := strings.CutPrefix(pointer, "/data/")
		if !ok {
			return canon.Value{}, false
		}
		return e.Data.Get(name)
	}
	if s == "" {
		return canon.Value{}, false
	}
	return canon.Text(s), true
}

func isAttribute(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= maxAttribute
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// printable reports whether s is UTF-8 without C0, DEL, C1 and the line and
// paragraph separators.
func printable(s string) bool {
	for len(s) > 0 && s[0] >= ' ' && s[0] < 0x7f { // as most are to the end
		s = s[1:]
	}
	for i, r := range s {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029':
			return false
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
	}
	return true
}
