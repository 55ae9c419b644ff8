// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
)

// Event reads the document of an event that was accepted under this schema
// before, whichever schema is the current one of its type.
func (s *Schema) Event(doc canon.Value) (*Event, error) {
	only := &Catalogue{types: map[string]*Schema{s.Type: s}}
	return newEvent(doc, only, s.Own)
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
	at := e.Time
	if e.Type == TypeRestricted {
		at = values["/time"].Str
	}
	members := []canon.Member{
		{Name: "specversion", Value: canon.Text("1.0")},
		{Name: "type", Value: canon.Text(s.Type)},
		{Name: "time", Value: canon.Text(at)},
	}
	data := slices.Clone(e.Open.Members)
	for ptr, v := range values {
		if name, ok := strings.CutPrefix(ptr, "/data/"); ok {
			data = append(data, canon.Member{Name: name, Value: v})
			continue
		}
		switch ptr {
		case "/extensions":
			members = append(members, v.Members...)
		case "/refs", "/submitter", "/time", "/type": // not the event's
		default:
			members = append(members, canon.Member{Name: ptr[1:], Value: v})
		}
	}
	return canon.Map(append(members, canon.Member{Name: "data", Value: canon.Map(data...)})...)
}
