// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"strconv"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// A node is one value of a template. It is a constant, a text with
// placeholders, an object or a list.
type node struct {
	line    int  // of the mapping
	dynamic bool // has a placeholder in it
	keep    bool // an object that stays when all in it is absent

	value   canon.Value // of a constant
	parts   []part
	members []member // of an object, in canonical order
	items   []*node
	kind    canon.Kind // Null of a constant; String of a text; Array; Object
}

type member struct {
	name string
	node *node
}

// A part is a piece of text, or a placeholder.
type part struct {
	text   string
	column int  // of a placeholder; -1 of text
	needed bool // without it, the object around is left out
}

// fill returns the value of a template for the values of a row. It is absent
// when a cell that it needs is empty; an object or a list is absent when it
// has placeholders and all of them are.
func (n *node) fill(row []canon.Value) (v canon.Value, ok bool) {
	switch n.kind {
	case canon.String:
		return n.fillText(row)
	case canon.Object:
		v := canon.Value{Kind: canon.Object, Members: make([]canon.Member, 0, len(n.members))}
		filled := n.keep || !n.dynamic
		for _, m := range n.members {
			value, ok := m.node.fill(row)
			if !ok && m.node.needed() {
				return canon.Value{}, false
			}
			if ok {
				v.Members = append(v.Members, canon.Member{Name: m.name, Value: value})
				filled = filled || m.node.dynamic
			}
		}
		return v, filled
	case canon.Array:
		v := canon.Value{Kind: canon.Array, Items: make([]canon.Value, 0, len(n.items))}
		filled := !n.dynamic
		for _, item := range n.items {
			if value, ok := item.fill(row); ok {
				v.Items = append(v.Items, value)
				filled = filled || item.dynamic
			}
		}
		return v, filled
	}
	return n.value, true
}

// fillText keeps the type of a value that stands alone and puts others
// together as text.
func (n *node) fillText(row []canon.Value) (canon.Value, bool) {
	if len(n.parts) == 1 {
		v := row[n.parts[0].column]
		return v, v.Kind != canon.Null
	}
	b := make([]byte, 0, 64)
	for _, p := range n.parts {
		if p.column < 0 {
			b = append(b, p.text...)
			continue
		}
		v := row[p.column]
		if v.Kind == canon.Null {
			return canon.Value{}, false
		}
		b = append(b, plain(v)...)
	}
	return canon.Text(string(b)), true
}

// plain is a value as text.
func plain(v canon.Value) string {
	switch v.Kind {
	case canon.Int:
		return strconv.FormatInt(v.Int, 10)
	case canon.Bool:
		return strconv.FormatBool(v.IsTrue())
	}
	return v.Str
}

func (n *node) needed() bool {
	for _, p := range n.parts {
		if p.needed {
			return true
		}
	}
	return false
}

// placeholders returns the columns that a text is made of.
func (n *node) placeholders() []int {
	var columns []int
	for _, p := range n.parts {
		if p.column >= 0 {
			columns = append(columns, p.column)
		}
	}
	return columns
}

// find returns the node that a JSON Pointer leads to, or the last one on the
// way and false.
func (n *node) find(pointer string) (*node, bool) {
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		next := (*node)(nil)
		for _, m := range n.members {
			if m.name == name {
				next = m.node
			}
		}
		if i, err := strconv.Atoi(token); err == nil && n.kind == canon.Array && !n.dynamic && i < len(n.items) {
			next = n.items[i]
		}
		if next == nil {
			// The items of a list shift when one is left out, so nothing is
			// said of a single one.
			return n, n.kind == canon.Array
		}
		n = next
	}
	return n, true
}

// An event is the template of an event, and when a row has one.
type event struct {
	line int
	typ  string
	when []condition
	doc  *node // the whole CloudEvents document
}

// needs are the attributes that every event has.
var needs = []string{"source", "id", "subject", "time"}

// blame tells the violations of an event that stem from the mapping, because
// they would be there for every row, from those that stem from the row's
// cells. Of the former it returns the first.
func (m *Mapping) blame(e *event, vs record.Violations) *Error {
	for _, v := range vs {
		n, found := e.doc.find(v.Pointer)
		ours := false
		switch v.Code {
		case record.CodeUnknown, record.CodeUnknownType, record.CodeReservedType, record.CodeAttribute, record.CodeType:
			ours = true
		case record.CodeRequired:
			ours = !found
		case record.CodeSubject:
			ours = !n.dynamic || len(n.parts) > 0 && strings.Contains(n.parts[0].text, "/")
		default:
			ours = !n.dynamic || len(n.parts) > 0 && m.shaped(n)
		}
		if ours {
			return &Error{n.line, v.Error()}
		}
	}
	return nil
}

// shaped reports whether the text has the same form for every row.
func (m *Mapping) shaped(n *node) bool {
	for _, c := range n.placeholders() {
		if !m.columns[c].shaped() {
			return false
		}
	}
	return true
}

// A condition is a test of one value.
type condition struct {
	column int
	op     operator
	any    []string // what the value is compared to; one but for is and not
	number bool     // compared as a number
}

type operator string

// The operators. An empty cell is not equal to anything and neither above nor
// below it.
const (
	opIs      operator = "is"
	opNot     operator = "not"
	opPresent operator = "present"
	opAbove   operator = "above"
	opBelow   operator = "below"
	opAtLeast operator = "at-least"
	opAtMost  operator = "at-most"
)

func (c *condition) holds(row []canon.Value) bool {
	v := row[c.column]
	if c.op == opPresent {
		return (v.Kind != canon.Null) == (c.any[0] == "true")
	}
	if v.Kind == canon.Null {
		return c.op == opNot
	}
	value := plain(v)
	switch c.op {
	case opIs, opNot:
		return c.among(value) == (c.op == opIs)
	case opAbove:
		return compare(value, c.any[0]) > 0
	case opBelow:
		return compare(value, c.any[0]) < 0
	case opAtLeast:
		return compare(value, c.any[0]) >= 0
	}
	return compare(value, c.any[0]) <= 0
}

func (c *condition) among(value string) bool {
	for _, w := range c.any {
		if w == value || c.number && compare(w, value) == 0 {
			return true
		}
	}
	return false
}

func (e *event) applies(row []canon.Value) bool {
	for i := range e.when {
		if !e.when[i].holds(row) {
			return false
		}
	}
	return true
}
