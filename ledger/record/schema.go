// SPDX-License-Identifier: Apache-2.0

package record

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
)

// A Schema says what the data of one record type may hold, and who may read
// each member of it. It does not change once parsed and is safe for concurrent use.
type Schema struct {
	Text         []byte        // verbatim
	Hash         [32]byte      // SHA-256 of Text
	Type         string        // "org.lendlog.decision.made.v1", from "$id": "urn:lendlog:schema:<type>"
	Title        string        // what a person calls the type
	Description  string        // what it records, and when
	Source       string        // x-source: where its members and code lists come from
	SubjectKinds []string      // x-subject: the kinds of subject the type goes with; "*" is any
	Restricted   bool          // x-restricted: its very type is sealed
	Own          bool          // x-own: only the ledger itself may append it
	Members      []Member      // the top-level members of data, in the bytewise order of their names
	Examples     []canon.Value // complete values of data; each passes Check

	root     *check
	pointers []string   // see Pointers
	keys     []key      // of pointers, in the same order
	groups   []Group    // see Groups
	only     *Catalogue // of this schema alone
}

// A Member is a top-level member of data. It is either open, that is part of
// the entry for every reader of the log, or sealed under the key of a group.
type Member struct {
	Name, Title, Description string
	Source                   string // x-source: where its code list comes from

	Open     bool   // x-open
	Group    string // key group; "" for an open member
	Party    string // JSON Pointer of the event member that holds the party's id; "" as Schema.Group says
	Required bool
}

type key struct{ group, party string }

// A Group is a key group of a schema: the members that one party's key opens.
type Group struct {
	Name    string
	Party   string // as Schema.Group returns it
	Members []int  // their places in Pointers, ascending
}

// The key groups that every schema may use. A schema names further ones with
// {"group": …, "party": …}.
const (
	GroupParty       = "party"       // the event's main party; without one the subject stands in
	GroupStaff       = "staff"       // the lender's staff
	GroupInstitution = "institution" // the lender itself
)

// The members of the envelope that every entry seals.
var envelope = []string{
	"/causationid", "/extensions", "/id", "/parent", "/party", "/sequence", "/signature", "/source", "/subject",
}

// The members that the entry of a restricted record seals as well, though
// other entries hold them in the clear. The value of /type names the schema.
var outer = []string{"/refs", "/submitter", "/time", "/type"}

// Check returns what is wrong with the data of an event, or nil.
func (s *Schema) Check(data canon.Value) Violations {
	w := walk{path: make([]step, 1, 8)}
	w.path[0].name = "data"
	w.value(s.root, &data)
	return w.found
}

// Pointers returns the JSON Pointers of all members that an entry of this type
// seals, sorted bytewise: nine of the envelope, four more when the type is
// restricted, and /data/<name> of every member that is not open. Their order
// is the order of the disclosures. The slice must not be changed.
func (s *Schema) Pointers() []string { return s.pointers }

// Group returns the key group of a sealed member and the JSON Pointer of the
// event member that holds the id of the party whose key it is. An empty party
// means, in the group "party", the event's main party or else its subject; in
// "staff" and "institution" the lender. Of one schema, a group has one party.
// In a name like "staff.approver" the word before the dot says what the party
// is. Both are empty when the pointer is not of a sealed member.
func (s *Schema) Group(pointer string) (group, party string) {
	i, ok := slices.BinarySearch(s.pointers, pointer)
	if !ok {
		return "", ""
	}
	return s.keys[i].group, s.keys[i].party
}

// Groups returns the key groups of the type in the bytewise order of their
// names. Each sealed member is in one of them. The slice must not be changed.
func (s *Schema) Groups() []Group { return s.groups }

// Member returns the top-level member of data with the given name.
func (s *Schema) Member(name string) (Member, bool) {
	i, ok := slices.BinarySearchFunc(s.Members, name, func(m Member, name string) int {
		return strings.Compare(m.Name, name)
	})
	if !ok {
		return Member{}, false
	}
	return s.Members[i], true
}

// Closed follows a path of names into data, through every item of a list. ok
// says whether a value can stand there; closed, whether it can be none but the
// words, which are those of the schema's enum.
func (s *Schema) Closed(path ...string) (words []string, closed, ok bool) {
	k := s.root
	for {
		for k != nil && k.kind == canon.Array {
			k = k.items
		}
		switch {
		case k == nil:
			return nil, false, true // whatever it is
		case len(path) == 0:
			k.words(func(w string) { words = append(words, w) })
			return words, k.kind == canon.String && k.enum != nil && !k.constant, true
		case k.kind != canon.Object:
			return nil, false, false
		}
		inner := k.property(path[0])
		if inner == nil {
			if inner = k.rest; inner == nil {
				return nil, false, false
			}
		}
		k, path = inner, path[1:]
	}
}

// GoesWith reports whether a record of this type may be about a subject of
// that kind.
func (s *Schema) GoesWith(kind string) bool {
	return slices.Contains(s.SubjectKinds, kind) || slices.Contains(s.SubjectKinds, "*")
}

// MaxSchema is the largest schema in bytes: its text has to fit in an entry.
const MaxSchema = 60000

const (
	draft    = "https://json-schema.org/draft/2020-12/schema"
	idPrefix = "urn:lendlog:schema:"
)

var (
	typeName   = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+\.v[1-9][0-9]{0,3}$`)
	memberName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	groupName  = regexp.MustCompile(`^[a-z][A-Za-z0-9]{0,31}(\.[a-z][A-Za-z0-9]{0,31})?$`)
)

// ParseSchema reads a schema. The error is of type Violations, with pointers
// into the schema.
//
// The profile: every schema has one "type" of object, array, string, integer
// and boolean, or is a "$ref" to "#/$defs/<name>". An object has "properties",
// "required", and "additionalProperties", which is false or the schema of a
// free map; an array has "items", "minItems" and "maxItems"; a string has
// "enum", "const", "pattern" (of the form ^…$, with what RE2 and ECMA-262 have
// in common, and of bounded size when its repetitions are written out), "minLength", "maxLength" and the "format" date, date-time
// (RFC 3339 with T, zone and at most nine digits of a second) or decimal
// (-?(0|[1-9][0-9]*)(\.[0-9]+)?, at most 40 characters, no -0); an integer has
// "enum", "const", "minimum" and "maximum". "title", "description" and
// "x-source" (where a code list comes from) may stand anywhere. Any other
// keyword is refused.
//
// At the top stand "$schema", "$id", "$defs", "examples" and the annotations
// x-subject (a kind or a list of kinds), x-restricted and x-own. Every member of
// data has either "x-open": true or "x-key": "party", "staff", "institution", or
// {"group": …, "party": "/data/<member>"}, where that member is a required or
// optional string in the same group.
//
// An open member outlives every erasure and is never personal. It is an
// integer, a boolean, a string with an enum, a format or a pattern that lets
// through at most 64 characters and no free text, or a list of at most 64 of
// these. Only the ledger's own types may open what they like; a restricted
// type opens nothing.
//
// A ledger parses its registered schemas again whenever it is opened, so these
// rules may be loosened but never tightened.
func ParseSchema(text []byte) (*Schema, error) {
	return parseSchema(text, make(map[string]*pattern))
}

// ParseShape is ParseSchema for who never calls Check: it returns the schema
// without its text, its examples and what data is checked with, which can take
// hundreds of times the memory of the text.
func ParseShape(text []byte) (*Schema, error) {
	s, err := ParseSchema(text)
	if err != nil {
		return nil, err
	}
	s.Text, s.Examples, s.root, s.only = nil, nil, nil, nil
	return s, nil
}

// parseSchema remembers patterns that it compiled, which schemas may share.
func parseSchema(text []byte, patterns map[string]*pattern) (*Schema, error) {
	c := compiler{patterns: patterns}
	if len(text) > MaxSchema {
		c.addf("", CodeSize, "is a schema of more than %d bytes; split the type or shorten its texts", MaxSchema)
		return nil, c.found
	}
	doc, err := canon.Parse(text, canon.Limits{})
	if err != nil {
		return nil, syntaxViolation(err)
	}
	s := &Schema{Text: slices.Clone(text), Hash: sha256.Sum256(text)}
	c.schema(s, doc)
	if len(c.found) > 0 {
		return nil, c.found
	}
	s.seal()
	c.examples(s, doc)
	if len(c.found) > 0 {
		return nil, c.found
	}
	return s, nil
}

// seal computes what Pointers, Group and Groups return.
func (s *Schema) seal() {
	s.only = &Catalogue{types: map[string]*Schema{s.Type: s}}
	groups := make(map[string]key)
	for _, p := range envelope {
		groups[p] = key{group: GroupParty}
	}
	if s.Restricted {
		// Erasing the party must leave the other members readable, and they
		// can be placed only by the schema.
		for _, p := range outer {
			groups[p] = key{group: GroupInstitution}
		}
	}
	for _, m := range s.Members {
		if !m.Open {
			groups["/data/"+m.Name] = key{m.Group, m.Party}
		}
	}
	for p := range groups {
		s.pointers = append(s.pointers, p)
	}
	slices.Sort(s.pointers)
	if last := s.pointers[len(s.pointers)-1]; s.Restricted && last != "/type" {
		// The place of the leaf that names the schema must not depend on it.
		panic("record: " + last + " stands behind /type")
	}
	for i, p := range s.pointers {
		k := groups[p]
		s.keys = append(s.keys, k)
		at, known := slices.BinarySearchFunc(s.groups, k.group, func(g Group, name string) int { return strings.Compare(g.Name, name) })
		if !known {
			s.groups = slices.Insert(s.groups, at, Group{Name: k.group, Party: k.party})
		}
		s.groups[at].Members = append(s.groups[at].Members, i)
	}
}
