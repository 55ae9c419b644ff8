// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/base64"
	"errors"

	"github.com/lendlog/lendlog/ledger/canon"
)

// Event reads the document of an event that was accepted under this schema
// before, whichever schema is the current one of its type.
func (s *Schema) Event(doc canon.Value) (*Event, error) {
	return newEvent(doc, s.only, s.Own)
}

// SealedType returns what a restricted record of this schema seals as /type:
// {"name": the type, "schema": base64 of the schema's hash}. It is the last
// leaf of every small tree that has it, at the end of the right edge, which a
// tree has once. So not even a malformed tree can be shown under two schemas.
func (s *Schema) SealedType() canon.Value {
	return canon.Map(
		canon.Member{Name: "name", Value: canon.Text(s.Type)},
		canon.Member{Name: "schema", Value: canon.Text(base64.StdEncoding.EncodeToString(s.Hash[:]))},
	)
}

// ParseSealedType reads what SealedType returns, and nothing else.
func ParseSealedType(v canon.Value) (name string, schema [32]byte, err error) {
	n, _ := v.Get("name")
	h, _ := v.Get("schema")
	schema, ok := parseHash(h.Str)
	if !ok || h.Kind != canon.String || n.Kind != canon.String || len(v.Members) != 2 {
		return "", [32]byte{}, errors.New("couldn't read the type of a restricted record: it is not exactly a name and a base64 SHA-256 hash")
	}
	return n.Str, schema, nil
}

// Reassemble puts the document of an event together again out of its entry
// and the values of its sealed members, by pointer. Members that are absent
// are absent from values.
func Reassemble(s *Schema, e *Entry, values map[string]canon.Value) canon.Value {
	sealed := make([]canon.Member, 0, len(values))
	for _, ptr := range sortedNames(values) {
		sealed = append(sealed, canon.Member{Name: ptr, Value: values[ptr]})
	}
	return s.Document(e, sealed)
}

// Document is Reassemble with the sealed members that are present as a list in
// the order of their pointers.
func (s *Schema) Document(e *Entry, sealed []canon.Member) canon.Value {
	return new(Room).document(s, e, sealed)
}
