// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// attributes are those of an event that a mapping sets: type and data have
// places of their own, specversion and capture are the same for all.
var attributes = []string{"source", "id", "subject", "time", "party", "parent", "sequence", "causationid"}

// A scope is what the placeholders in an event stand for beside columns: the
// words of one item of each.
type scope map[string]*node

func (p *parser) eventOrGroup(n *yaml.Node) {
	if n.Kind == yaml.MappingNode && hasKey(n, "events") {
		p.group(n)
		return
	}
	p.event(n, nil, nil)
}

func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// group writes out a group of events, once for each item of a list.
func (p *parser) group(n *yaml.Node) {
	f := p.fields(n, "a group of events", "each", "when", "events")
	scopes := []scope{nil}
	if e := f["each"]; e != nil {
		scopes = p.each(e)
	}
	events := p.list(f["events"], "events")
	for _, s := range scopes {
		var when []condition
		if w := f["when"]; w != nil {
			when = p.when(w, s)
		}
		for _, event := range events {
			p.event(event, s, when)
		}
	}
}

func (p *parser) each(n *yaml.Node) []scope {
	var scopes []scope
	for _, item := range p.list(n, "each") {
		s := scope{}
		for _, e := range p.entries(item, "an item of each") {
			if _, taken := p.names[e.key]; taken || !placeholderName(e.key) {
				p.fail(e.at, "the name %q is taken or has signs that a name cannot have", e.key)
			}
			s[e.key] = p.scalar(e.value, nil)
		}
		if len(scopes) > 0 {
			for name := range scopes[0] {
				if s[name] == nil {
					p.fail(item, "the item lacks %q, which the first one has", name)
				}
			}
			if len(s) > len(scopes[0]) {
				p.fail(item, "the item has more names than the first one")
			}
		}
		scopes = append(scopes, s)
	}
	return scopes
}

func (p *parser) event(n *yaml.Node, s scope, when []condition) {
	if len(p.m.events) >= maxEvents {
		p.fail(n, "one row would become more than %d events", maxEvents)
		return
	}
	f := p.fields(n, "an event", append([]string{"type", "when", "data"}, attributes...)...)
	if len(f) == 0 {
		return
	}
	e := &event{line: n.Line, when: when}
	if w := f["when"]; w != nil {
		e.when = append(slices.Clip(when), p.when(w, s)...)
	}
	fixed := func(v string) *node { return &node{line: n.Line, value: canon.Text(v)} }
	doc := &node{line: n.Line, kind: canon.Object, dynamic: true, keep: true, members: []member{
		{"specversion", fixed("1.0")}, {"capture", fixed(record.Import)},
	}}
	if t := f["type"]; t == nil {
		p.fail(n, "an event needs a type, such as org.lendlog.payment.received.v1")
	} else {
		e.typ = p.text(t, "type")
		doc.members = append(doc.members, member{"type", &node{line: t.Line, value: canon.Text(e.typ)}})
	}
	for _, name := range attributes {
		value := f[name]
		if value == nil {
			value = p.defaults[name]
		}
		if value == nil {
			if slices.Contains(needs, name) {
				p.fail(n, "the event needs %s, its own or of defaults", name)
			}
			continue
		}
		t := p.template(value, p.text(value, name), s)
		if t.needed() {
			p.fail(value, "! is for members of an object within data")
		}
		doc.members = append(doc.members, member{name, t.asText()})
	}
	data := &node{line: n.Line, kind: canon.Object}
	if d := f["data"]; d != nil {
		data = p.object(d, s)
		for _, m := range data.members {
			if m.node.needed() {
				p.fail(&yaml.Node{Line: m.node.line}, "! is for members of an object within data")
			}
		}
	}
	data.keep = true
	doc.members = append(doc.members, member{"data", data})
	sortMembers(doc.members)
	e.doc = doc
	p.m.events = append(p.m.events, e)
}

func sortMembers(ms []member) {
	slices.SortFunc(ms, func(a, b member) int { return canon.CompareNames(a.name, b.name) })
}

// asText makes a template text even where it is one value alone: attributes
// are text.
func (n *node) asText() *node {
	if n.kind == canon.String && len(n.parts) == 1 {
		n.parts = append(n.parts, part{column: -1})
	}
	return n
}

// value is a template within data.
func (p *parser) value(n *yaml.Node, s scope) *node {
	switch n.Kind {
	case yaml.MappingNode:
		return p.object(n, s)
	case yaml.SequenceNode:
		out := &node{line: n.Line, kind: canon.Array}
		for _, item := range n.Content {
			v := p.value(item, s)
			out.items = append(out.items, v)
			out.dynamic = out.dynamic || v.dynamic
		}
		return out
	}
	return p.scalar(n, s)
}

// columnsKey stands in an object for a member for each of a list of columns,
// named like the column.
const columnsKey = "$columns"

func (p *parser) object(n *yaml.Node, s scope) *node {
	out := &node{line: n.Line, kind: canon.Object}
	add := func(at *yaml.Node, name string, v *node) {
		if slices.ContainsFunc(out.members, func(m member) bool { return m.name == name }) {
			p.fail(at, "the member %q is there twice", name)
			return
		}
		out.members = append(out.members, member{name, v})
		out.dynamic = out.dynamic || v.dynamic
	}
	for _, e := range p.entries(n, "an object") {
		if e.key != columnsKey {
			add(e.at, p.text(e.at, "the name of a member"), p.value(e.value, s))
			continue
		}
		for _, item := range p.list(e.value, columnsKey) {
			name := p.text(item, "a column of "+columnsKey)
			add(item, name, p.template(item, "{"+name+"}", s).asText())
		}
	}
	sortMembers(out.members)
	return out
}

// scalar is a constant, or a text with placeholders.
func (p *parser) scalar(n *yaml.Node, s scope) *node {
	if n.Kind != yaml.ScalarNode {
		p.fail(n, "there must be text, an integer, true or false")
		return &node{line: n.Line}
	}
	v := p.constant(n, "a value")
	if v.Kind != canon.String {
		return &node{line: n.Line, value: v}
	}
	return p.template(n, v.Str, s)
}

// template reads a text in which {name} stands for a value, {name!} for one
// without which the object around is left out, and {{ and }} for braces.
func (p *parser) template(n *yaml.Node, text string, s scope) *node {
	out := &node{line: n.Line}
	literal := func(t string) {
		if last := len(out.parts) - 1; last >= 0 && out.parts[last].column < 0 {
			out.parts[last].text += t
		} else if t != "" {
			out.parts = append(out.parts, part{text: t, column: -1})
		}
	}
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			literal(rest)
			break
		}
		literal(rest[:i])
		if two := rest[i:min(i+2, len(rest))]; two == "{{" || two == "}}" {
			literal(two[:1])
			rest = rest[i+2:]
			continue
		}
		name, after, ok := strings.Cut(rest[i+1:], "}")
		if rest[i] == '}' || !ok || strings.Contains(name, "{") {
			p.fail(n, "a brace is not closed or not opened; a placeholder is written {name}, a brace itself {{ or }}")
			break
		}
		rest = after
		name, needed := strings.CutSuffix(name, "!")
		if v := s[name]; v != nil {
			if len(v.parts) == 0 {
				literal(plain(v.value))
			}
			for _, part := range v.parts {
				if part.column < 0 {
					literal(part.text)
					continue
				}
				part.needed = part.needed || needed
				out.parts = append(out.parts, part)
			}
			if text == "{"+name+"}" && len(v.parts) == 0 {
				return &node{line: n.Line, value: v.value}
			}
			continue
		}
		out.parts = append(out.parts, part{column: p.lookup(n, name), needed: needed})
	}
	out.dynamic = slices.ContainsFunc(out.parts, func(p part) bool { return p.column >= 0 })
	switch {
	case out.dynamic:
		out.kind = canon.String
	case len(out.parts) == 1:
		out.value, out.parts = canon.Text(out.parts[0].text), nil
	default:
		out.value = canon.Text("")
	}
	return out
}

// lookup returns the column of a name. One that the mapping does not declare
// is read as text, and the file must have it.
func (p *parser) lookup(n *yaml.Node, name string) int {
	if i, ok := p.names[name]; ok {
		return i
	}
	if !placeholderName(name) {
		p.fail(n, "{%s} is no placeholder: name a column, or $row or $file", name)
		return columnRow
	}
	c := column{name: name, line: max(1, n.Line), header: name, as: asText}
	p.textColumn(&c, "", nil)
	return p.addColumn(c)
}

func placeholderName(name string) bool {
	return name != "" && name[0] != '$' && !strings.HasSuffix(name, "!") && !strings.ContainsAny(name, "{}")
}

// when reads conditions, all of which must hold.
func (p *parser) when(n *yaml.Node, s scope) []condition {
	var out []condition
	for _, e := range p.entries(n, "when") {
		c := condition{column: columnRow}
		if v := s[e.key]; v == nil {
			c.column = p.lookup(e.at, e.key)
		} else if len(v.parts) == 1 && v.kind == canon.String {
			c.column = v.parts[0].column
		} else {
			p.fail(e.at, "%q is the same for every row; a condition is on a column", e.key)
		}
		c.number = p.m.columns[c.column].number()
		if e.value.Kind != yaml.MappingNode {
			c.op = opIs
			out = append(out, p.operand(c, e.value))
			continue
		}
		for _, o := range p.entries(e.value, "a condition") {
			c.op = operator(o.key)
			out = append(out, p.operand(c, o.value))
		}
	}
	return out
}

// operand reads what a value is compared to.
func (p *parser) operand(c condition, n *yaml.Node) condition {
	values := []*yaml.Node{n}
	switch c.op {
	case opIs, opNot:
		if n.Kind == yaml.SequenceNode {
			values = p.list(n, "a condition")
		}
	case opPresent:
		c.any = []string{strconv.FormatBool(p.flag(n, "present"))}
		return c
	case opAbove, opBelow, opAtLeast, opAtMost:
		if !c.number {
			p.fail(n, "%s needs a column that is read as integer or decimal, and %q is not", c.op, p.m.columns[c.column].name)
		}
	default:
		p.fail(n, "there is no condition %q; there are is, not, present, above, below, at-least and at-most", string(c.op))
	}
	for _, v := range values {
		text := p.text(v, "what a value is compared to")
		if d, ok := (number{point: "."}).decimal(text); c.number && ok {
			text = d
		} else if c.number {
			p.fail(v, "what a number is compared to must be a number")
			text = "0"
		}
		c.any = append(c.any, text)
	}
	return c
}
