// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// Limits of a mapping. They are far above what any file needs.
const (
	maxText    = 1 << 20 // bytes
	maxEvents  = 1000    // that one row can become, lists written out
	maxColumns = 4096
)

// Parse reads a mapping and checks it against the schemas of the types that it
// makes events of: a mapping that could not give a valid event from any row is
// refused here. The errors are of type *Error, joined.
func Parse(text []byte, cat *record.Catalogue) (*Mapping, error) {
	if len(text) > maxText {
		return nil, &Error{1, "it is larger than 1 MiB"}
	}
	root, err := document(text)
	if err != nil {
		return nil, err
	}
	p := parser{m: &Mapping{cat: cat}, names: map[string]int{}}
	p.mapping(root)
	if len(p.errs) == 0 {
		p.try()
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return p.m, nil
}

// document reads exactly one YAML document.
func document(text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, &Error{1, "it is empty"}
	} else if err != nil {
		return nil, notYAML(err)
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &Error{max(1, more.Line), "there is more after the first YAML document"}
	}
	return doc.Content[0], nil
}

// notYAML takes the line out of the words of package yaml.
func notYAML(err error) *Error {
	reason, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if number, rest, ok := strings.Cut(strings.TrimPrefix(reason, "line "), ": "); ok {
		if n, err := strconv.Atoi(number); err == nil && n > 0 {
			reason, line = rest, n
		}
	}
	return &Error{line, "it is not YAML: " + reason}
}

// A parser collects what is wrong, so that it can be put right in one go.
type parser struct {
	m     *Mapping
	names map[string]int // columns by what the mapping calls them
	errs  []error

	defaults map[string]*yaml.Node
}

// maxErrors is how many errors of one mapping are told.
const maxErrors = 16

func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	p.add(&Error{max(1, n.Line), fmt.Sprintf(format, args...)})
}

// add notes an error once: what is written out for each item of a list says
// the same each time.
func (p *parser) add(e *Error) {
	same := func(other error) bool { return other.Error() == e.Error() }
	if len(p.errs) < maxErrors && !slices.ContainsFunc(p.errs, same) {
		p.errs = append(p.errs, e)
	}
}

// entry is a key of a YAML mapping with its value.
type entry struct {
	key   string
	at    *yaml.Node // the key
	value *yaml.Node
}

// entries returns what a YAML mapping holds, in its order.
func (p *parser) entries(n *yaml.Node, what string) []entry {
	if n.Kind != yaml.MappingNode {
		p.fail(n, "%s must be a YAML mapping of keys to values", what)
		return nil
	}
	var out []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
			p.fail(k, "a key of %s must be a plain word", what)
			continue
		}
		if seen[k.Value] {
			p.fail(k, "%s has the key %q twice", what, k.Value)
			continue
		}
		seen[k.Value] = true
		out = append(out, entry{k.Value, k, v})
	}
	return out
}

// fields returns what a YAML mapping holds, of the keys that are known.
func (p *parser) fields(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for _, e := range p.entries(n, what) {
		if !slices.Contains(known, e.key) {
			p.fail(e.at, "%s has no key %q; there are %s", what, e.key, strings.Join(known, ", "))
			continue
		}
		out[e.key] = e.value
	}
	return out
}

// list returns the items of a YAML sequence.
func (p *parser) list(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.fail(n, "%s must be a list that is not empty", what)
		return nil
	}
	return n.Content
}

// text returns a scalar as it is written.
func (p *parser) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		p.fail(n, "%s must be text", what)
		return ""
	}
	if !utf8.ValidString(n.Value) {
		p.fail(n, "%s must be UTF-8", what)
		return ""
	}
	return n.Value
}

func (p *parser) flag(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		p.fail(n, "%s must be true or false", what)
	}
	return n.Value == "true"
}

func (p *parser) count(n *yaml.Node, what string) int {
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || i < 1 || i > maxColumns {
		p.fail(n, "%s must be a number from 1 to %d", what, maxColumns)
		return 1
	}
	return i
}

// constant returns a scalar with its type.
func (p *parser) constant(n *yaml.Node, what string) canon.Value {
	switch n.Tag {
	case "!!bool":
		if n.Value == "true" || n.Value == "false" {
			return canon.Flag(n.Value == "true")
		}
		p.fail(n, "%s: write true or false, or put a word in quotation marks", what)
		return canon.Flag(false)
	case "!!int":
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if err != nil || strconv.FormatInt(i, 10) != n.Value || i > canon.MaxInt || i < -canon.MaxInt {
			p.fail(n, "%s: an integer is written in decimal digits and is at most 2^53-1; put anything else in quotation marks", what)
		}
		return canon.Number(i)
	case "!!float":
		p.fail(n, "%s: a number that is no plain integer must be in quotation marks; records have decimals as text", what)
		return canon.Text("0")
	case "!!str", "!!timestamp":
		return canon.Text(p.text(n, what))
	}
	p.fail(n, "%s must be text, an integer, true or false", what)
	return canon.Text("")
}

func (p *parser) mapping(n *yaml.Node) {
	p.plain(n)
	if len(p.errs) > 0 {
		return
	}
	f := p.fields(n, "a mapping", "v", "title", "file", "columns", "defaults", "events")
	if v := f["v"]; v == nil {
		p.fail(n, "the key v is missing; write v: %s", Version)
	} else if v.Value != Version {
		p.fail(v, "v must be %s", Version)
	}
	if t := f["title"]; t != nil {
		p.m.Title = p.text(t, "title")
	}
	p.file(f["file"])
	p.m.columns = []column{
		columnRow:  {name: "$row", as: asInteger, samples: []canon.Value{canon.Number(1)}},
		columnFile: {name: "$file", as: asText, samples: []canon.Value{canon.Text("file.csv")}},
	}
	p.names["$row"], p.names["$file"] = columnRow, columnFile
	if c := f["columns"]; c != nil {
		for _, e := range p.entries(c, "columns") {
			p.column(e)
		}
	}
	if d := f["defaults"]; d != nil {
		p.defaults = p.fields(d, "defaults", attributes...)
	}
	if e := f["events"]; e == nil {
		p.fail(n, "the key events is missing: a mapping says which events a row becomes")
	} else {
		for _, item := range p.list(e, "events") {
			p.eventOrGroup(item)
		}
	}
	for i := columnFirst; i < len(p.m.columns) && !p.m.dialect.header; i++ {
		if c := &p.m.columns[i]; c.at == 0 || c.at > p.m.dialect.width {
			p.fail(&yaml.Node{Line: c.line}, "the file has no header line, so the column %q needs at: its position, from 1 to file.width", c.name)
		}
	}
}

// plain refuses what YAML has beyond keys, lists and scalars.
func (p *parser) plain(n *yaml.Node) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		p.fail(n, "anchors and aliases are not part of the language")
		return
	}
	if n.Style&yaml.TaggedStyle != 0 {
		p.fail(n, "tags are not part of the language")
		return
	}
	for _, c := range n.Content {
		p.plain(c)
	}
}

func (p *parser) file(n *yaml.Node) {
	f := &p.m.dialect
	*f = dialect{delimiter: ',', encoding: encodingUTF8, header: true, empty: map[string]bool{"": true}}
	if n == nil {
		return
	}
	fields := p.fields(n, "file", "delimiter", "encoding", "header", "width", "null")
	if d := fields["delimiter"]; d != nil {
		r, size := utf8.DecodeRuneInString(p.text(d, "delimiter"))
		if size != len(d.Value) || r == utf8.RuneError || strings.ContainsRune("\"\r\n\ufeff", r) || r < ' ' && r != '\t' {
			p.fail(d, `delimiter must be one character, such as ";" or "\t"`)
			r = ','
		}
		f.delimiter = r
	}
	if e := fields["encoding"]; e != nil {
		f.encoding = p.text(e, "encoding")
		if _, ok := encodings[f.encoding]; !ok {
			p.fail(e, "encoding must be one of %s", strings.Join(encodingNames(), ", "))
		}
	}
	if h := fields["header"]; h != nil {
		f.header = p.flag(h, "header")
	}
	if w := fields["width"]; w != nil {
		f.width = p.count(w, "width")
	}
	if f.header != (fields["width"] == nil) {
		p.fail(n, "width, the number of columns, goes with header: false and with nothing else")
	}
	if l := fields["null"]; l != nil {
		for _, item := range p.list(l, "null") {
			f.empty[p.text(item, "a word of null")] = true
		}
	}
}

func (p *parser) column(e entry) {
	c := column{name: e.key, line: max(1, e.at.Line), header: e.key, as: asText}
	what := fmt.Sprintf("column %q", e.key)
	if !placeholderName(e.key) {
		p.fail(e.at, "%s: a name has no braces, does not begin with $ and does not end with !; name it otherwise and give its header", what)
	}
	fields := map[string]*yaml.Node{}
	if e.value.Kind == yaml.ScalarNode {
		fields["as"] = e.value
	} else {
		fields = p.fields(e.value, what, "as", "header", "nth", "at", "required",
			"words", "trim", "group", "point", "prefix", "suffix", "exponent", "format", "zone")
	}
	if n := fields["as"]; n != nil {
		c.as = p.text(n, what+": as")
	}
	if n := fields["header"]; n != nil {
		c.header = p.text(n, what+": header")
	}
	if n := fields["nth"]; n != nil {
		c.nth = p.count(n, what+": nth")
	}
	if n := fields["at"]; n != nil {
		c.at = p.count(n, what+": at")
		if p.m.dialect.header {
			p.fail(n, "%s: at is for files without a header line; say header, and nth when several columns have the same", what)
		}
	}
	if n := fields["required"]; n != nil {
		c.required = p.flag(n, what+": required")
	}
	options := map[string][]string{
		asText:    {"words", "trim"},
		asInteger: {"group", "point", "prefix", "suffix", "exponent"},
		asDecimal: {"group", "point", "prefix", "suffix", "exponent"},
		asDate:    {"format"},
		asMonth:   {"format"},
		asTime:    {"format", "zone"},
	}
	mine, ok := options[c.as]
	if !ok {
		p.fail(fields["as"], "%s: as must be text, integer, decimal, date, month or time", what)
		return
	}
	for _, kind := range []string{asText, asDecimal, asTime} {
		for _, o := range options[kind] {
			if n := fields[o]; n != nil && !slices.Contains(mine, o) {
				p.fail(n, "%s: %s does not go with as: %s", what, o, c.as)
			}
		}
	}
	switch c.as {
	case asText:
		p.textColumn(&c, what, fields)
	case asInteger, asDecimal:
		p.numberColumn(&c, what, fields)
	default:
		p.dateColumn(&c, what, fields)
	}
	p.addColumn(c)
}

func (p *parser) addColumn(c column) int {
	if len(p.m.columns) >= maxColumns {
		p.fail(&yaml.Node{Line: c.line}, "there are more than %d columns", maxColumns)
		return columnRow
	}
	p.names[c.name] = len(p.m.columns)
	p.m.columns = append(p.m.columns, c)
	return len(p.m.columns) - 1
}

func (p *parser) textColumn(c *column, what string, fields map[string]*yaml.Node) {
	trim := false
	if n := fields["trim"]; n != nil {
		trim = p.flag(n, what+": trim")
	}
	var words map[string]canon.Value
	if n := fields["words"]; n != nil {
		words = map[string]canon.Value{}
		for _, e := range p.entries(n, what+": words") {
			v := canon.Value{}
			if e.value.Tag != "!!null" {
				v = p.constant(e.value, what+": words")
			}
			c.samples = append(c.samples, v)
			words[e.key] = v
		}
		c.listed, c.want = true, "one of the words that the mapping lists for the column"
	}
	if len(c.samples) == 0 {
		c.samples = []canon.Value{canon.Text("x")}
	}
	c.read = func(cell string) (canon.Value, bool) {
		if trim {
			cell = strings.Trim(cell, blank)
		}
		if cell == "" {
			return canon.Value{}, true
		}
		if words != nil {
			v, ok := words[cell]
			return v, ok
		}
		return canon.Text(cell), true
	}
}

func (p *parser) numberColumn(c *column, what string, fields map[string]*yaml.Node) {
	f := number{point: "."}
	for _, o := range []struct {
		key string
		to  *string
	}{{"group", &f.group}, {"point", &f.point}, {"prefix", &f.prefix}, {"suffix", &f.suffix}} {
		n := fields[o.key]
		if n == nil {
			continue
		}
		*o.to = p.text(n, what+": "+o.key)
		sign := o.key == "group" || o.key == "point"
		if sign && (utf8.RuneCountInString(n.Value) != 1 || digits(n.Value) || n.Value == "-") ||
			!sign && strings.ContainsAny(n.Value, "-0123456789") {
			p.fail(n, "%s: %s must be what stands in the number beside its digits and its minus sign, such as %q", what, o.key,
				map[string]string{"group": ",", "point": ".", "prefix": "$", "suffix": "%"}[o.key])
		}
	}
	if n := fields["exponent"]; n != nil {
		f.exponent = p.flag(n, what+": exponent")
	}
	if f.group == f.point {
		p.fail(&yaml.Node{Line: c.line}, "%s: group and point must differ; the point is %q unless point says otherwise", what, f.point)
	}
	if c.as == asInteger {
		c.want, c.samples = "an integer like "+f.like(false), []canon.Value{canon.Number(1)}
		c.read = func(cell string) (canon.Value, bool) {
			i, ok := f.integer(cell)
			return canon.Number(i), ok
		}
		return
	}
	c.want, c.samples = "a decimal like "+f.like(true), []canon.Value{canon.Text("1.50")}
	c.read = func(cell string) (canon.Value, bool) {
		s, ok := f.decimal(cell)
		return canon.Text(s), ok
	}
}

func (p *parser) dateColumn(c *column, what string, fields map[string]*yaml.Node) {
	n := fields["format"]
	if n == nil {
		p.fail(&yaml.Node{Line: c.line}, "%s: a %s needs a format, such as YYYY-MM-DD", what, c.as)
		return
	}
	l, err := parseLayout(p.text(n, what+": format"))
	if err != nil {
		p.fail(n, "%s: %v", what, err)
		return
	}
	if c.as != asMonth && !l.has("DD", "D") {
		p.fail(n, "%s: a %s needs a day in its format; what is known to the month is as: month", what, c.as)
	}
	zone := ""
	if z := fields["zone"]; z != nil {
		if zone = p.text(z, what+": zone"); zone != "Z" && !offset(zone) {
			p.fail(z, "%s: zone must be Z or an offset such as +08:00", what)
		}
	}
	if c.as == asTime && (zone != "") == l.has("Z") {
		p.fail(n, "%s: a time needs its zone once: as Z in the format, or else as the key zone", what)
	}
	c.want = "a " + c.as + " of the form " + n.Value
	form := moment.date
	switch c.as {
	case asMonth:
		form = moment.yearMonth
	case asTime:
		form = func(m moment) string { return m.time(zone) }
	}
	sample := moment{year: 2006, month: 1, day: 2}
	if l.has("Z") {
		sample.zone = "Z"
	}
	c.samples = []canon.Value{canon.Text(form(sample))}
	c.read = func(cell string) (canon.Value, bool) {
		m, ok := l.parse(cell)
		return canon.Text(form(m)), ok
	}
}

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
	if out.dynamic {
		out.kind = canon.String
	} else {
		out.value, out.parts = canon.Text(strings.Join(texts(out.parts), "")), nil
	}
	return out
}

func texts(parts []part) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = p.text
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

// maxRounds is how many of the words that a column may list are tried. A row
// finds the others.
const maxRounds = 256

// try fills every event with values such as its columns could have, and finds
// what a schema would refuse whatever the row is.
func (p *parser) try() {
	rounds := 1
	for _, c := range p.m.columns {
		rounds = min(max(rounds, len(c.samples)), maxRounds)
	}
	row := make([]canon.Value, len(p.m.columns))
	for round := range rounds {
		for i, c := range p.m.columns {
			row[i] = c.samples[round%len(c.samples)]
		}
		for _, e := range p.m.events {
			doc, _ := e.doc.fill(row)
			_, err := record.NewEvent(doc, p.m.cat)
			var vs record.Violations
			if !errors.As(err, &vs) {
				continue
			}
			if wrong := p.m.blame(e, vs); wrong != nil {
				p.add(wrong)
			}
		}
	}
}
