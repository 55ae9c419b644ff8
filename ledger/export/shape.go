// SPDX-License-Identifier: Apache-2.0

package export

import (
	"regexp"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// A shape is what a schema says of a value: its kind, or which members become
// columns of their own. It is looked at as far as values go, because a schema
// can say of what is in it, in few words, very much.
type shape struct {
	kind    Kind
	members []canon.Member // the schemas of members; nil of what is one column
	defs    canon.Value
	depth   int
}

// member returns the shape of a member.
func (s *shape) member(name string) *shape {
	for _, m := range s.members {
		if m.Name == name {
			return shapeOf(m.Value, s.defs, s.depth+1)
		}
	}
	return &shape{kind: JSON}
}

// plainName is a name of a member that can be a part of a column's: without a
// dot in it, so that no two members have one column. columnName is that of a
// column: data, a member of it, and what is below.
var (
	plainName  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	columnName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,5}$`)
)

// shapesOf returns the shapes of the members of an event, by their pointers.
func shapesOf(s *record.Schema) map[string]*shape {
	shapes := map[string]*shape{"/extensions": {kind: JSON}}
	doc, err := canon.Parse(s.Text, canon.Limits{})
	if err != nil {
		return shapes // a parsed schema has a text that can be parsed
	}
	defs, _ := doc.Get("$defs")
	properties, _ := doc.Get("properties")
	for _, m := range properties.Members {
		shapes["/data/"+m.Name] = shapeOf(m.Value, defs, 0)
	}
	return shapes
}

func shapeOf(v, defs canon.Value, depth int) *shape {
	if ref, ok := v.Get("$ref"); ok {
		v, _ = defs.Get(strings.TrimPrefix(ref.Str, "#/$defs/"))
		if _, again := v.Get("$ref"); again && depth < maxDepth {
			return shapeOf(v, defs, depth+1)
		}
	}
	typ, _ := v.Get("type")
	switch typ.Str {
	case "string":
		format, _ := v.Get("format")
		switch format.Str {
		case "decimal":
			return &shape{kind: Decimal}
		case "date":
			return &shape{kind: Date}
		case "date-time":
			return &shape{kind: Time}
		}
		return &shape{kind: Text}
	case "integer":
		return &shape{kind: Integer}
	case "boolean":
		return &shape{kind: Boolean}
	case "object":
		if more, ok := v.Get("additionalProperties"); !ok || more.Kind != canon.Bool || depth >= maxDepth {
			break // a free map, whose names may be anything
		}
		properties, _ := v.Get("properties")
		for _, m := range properties.Members {
			if !plainName.MatchString(m.Name) {
				return &shape{kind: JSON}
			}
		}
		return &shape{kind: JSON, members: properties.Members, defs: defs, depth: depth}
	}
	return &shape{kind: JSON}
}

// maxDepth is how deep objects are taken apart.
const maxDepth = 4
