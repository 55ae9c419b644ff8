// SPDX-License-Identifier: Apache-2.0

package record

import (
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
		case "/refs", "/schema", "/submitter", "/time", "/type": // not the event's
		default:
			members = append(members, canon.Member{Name: ptr[1:], Value: v})
		}
	}
	return canon.Map(append(members, canon.Member{Name: "data", Value: canon.Map(data...)})...)
}
