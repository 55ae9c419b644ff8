// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/ledger/canon"
)

// column reads how the cells of a column are read.
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
	c.trim = c.as != asText
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
	if n := fields["trim"]; n != nil {
		c.trim = p.flag(n, what+": trim")
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
		key, like string
		to        *string
	}{{"group", ",", &f.group}, {"point", ".", &f.point}, {"prefix", "$", &f.prefix}, {"suffix", "%", &f.suffix}} {
		n := fields[o.key]
		if n == nil {
			continue
		}
		*o.to = p.text(n, what+": "+o.key)
		sign := o.key == "group" || o.key == "point"
		if sign && (utf8.RuneCountInString(n.Value) != 1 || digits(n.Value) || n.Value == "-") ||
			!sign && strings.ContainsAny(n.Value, "-0123456789") {
			p.fail(n, "%s: %s must be what stands in the number beside its digits and its minus sign, such as %q", what, o.key, o.like)
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
