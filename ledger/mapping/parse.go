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
	f := p.head(n, Version, "defaults", "events")
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
	p.placed()
}

// head reads what mappings of every kind begin with, and returns all keys that
// there are.
func (p *parser) head(n *yaml.Node, version string, more ...string) map[string]*yaml.Node {
	f := p.fields(n, "a mapping", append([]string{"v", "title", "file", "columns"}, more...)...)
	if v := f["v"]; v == nil {
		p.fail(n, "the key v is missing; write v: %s", version)
	} else if v.Value != version {
		p.fail(v, "v must be %s", version)
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
	return f
}

// placed wants every column of a file without a header line to have a place.
func (p *parser) placed() {
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
