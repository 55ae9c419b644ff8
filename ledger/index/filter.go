// SPDX-License-Identifier: Apache-2.0

package index

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// A Filter says which records are wanted: those for which all of its terms
// hold. The empty filter wants all.
//
//	filter  = [ term { [ "and" ] term } ]
//	term    = [ "not" ] field op value { "," value }
//	op      = "=" | "!=" | "<" | "<=" | ">" | ">="
//	field   = name { "." name }           letters, digits, "-" and "_"
//	value   = bare | quoted               bare: no space, comma or quote
//	quoted  = '"' { any | '\"' | '\\' } '"'
//
// With "=" a term holds if one of the values is that of the field, and "!=" is
// "not" and "=". The other four take one value. A term holds only where the
// record is known to make it true, and "not" holds everywhere else: also where
// a record lacks the member, or where it was erased.
//
// docs/integrate.md, "Search", lists the fields.
type Filter struct {
	terms []term
}

// A FilterError says what is wrong with a filter, and where.
type FilterError struct {
	Column int // in characters, from 1
	Reason string
}

func (e *FilterError) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Reason) }

// What a filter may have at most.
const (
	maxFilter = 4096 // bytes
	maxTerms  = 32
	maxValues = 64 // of one term
)

type term struct {
	column int
	not    bool
	field  string
	op     string // =, <, <=, > or >=
	values []string
	spans  []span // of the values of a time
	kind   fieldKind
}

type fieldKind int

const (
	member fieldKind = iota // of data
	fieldType
	fieldSubmitter
	fieldCapture
	fieldIndex
	fieldRecorded
	fieldTime
	fieldFinding
	fieldDue
	// What follows names a person, a subject or an event, or is sealed.
	fieldSubject
	fieldParty
	fieldOfficer
	fieldID
	fieldSource
)

// fields are the names that are not of members of data.
var fields = map[string]fieldKind{
	"type": fieldType, "submitter": fieldSubmitter, "capture": fieldCapture, "index": fieldIndex,
	"recorded": fieldRecorded, "time": fieldTime, "finding": fieldFinding, "due": fieldDue,
	"subject": fieldSubject, "party": fieldParty, "officer": fieldOfficer, "id": fieldID, "source": fieldSource,
}

// A span is the time from one instant up to another.
type span struct{ from, to time.Time }

// ParseFilter reads a filter. Its errors are *FilterError, and hold no value
// of it.
func ParseFilter(text string) (*Filter, error) {
	p := filterParser{text: text}
	switch {
	case len(text) > maxFilter:
		return nil, &FilterError{1, fmt.Sprintf("a filter has at most %d bytes", maxFilter)}
	case !utf8.ValidString(text):
		return nil, &FilterError{1, "a filter is UTF-8"}
	}
	f := &Filter{}
	for p.space(); p.at < len(p.text); p.space() {
		if len(f.terms) > 0 && p.word("and") {
			p.space()
		}
		t, err := p.term()
		if err != nil {
			return nil, err
		}
		if f.terms = append(f.terms, t); len(f.terms) > maxTerms {
			return nil, &FilterError{t.column, fmt.Sprintf("a filter has at most %d terms", maxTerms)}
		}
	}
	return f, nil
}

// And returns the filter for which the terms of both hold.
func (f *Filter) And(other *Filter) *Filter {
	return &Filter{terms: slices.Concat(f.terms, other.terms)}
}

// Stories reports whether the filter asks for what only the whole story of a
// record's subject tells: findings, or what is due.
func (f *Filter) Stories() bool { return f.has(fieldFinding) || f.has(fieldDue) }

// Due reports whether the filter asks for what is due, which depends on the
// time as of which it is judged.
func (f *Filter) Due() bool { return f.has(fieldDue) }

func (f *Filter) has(kind fieldKind) bool {
	return slices.ContainsFunc(f.terms, func(t term) bool { return t.kind == kind })
}

// String writes the filter in one form: what has the same is the same filter.
func (f *Filter) String() string {
	var b strings.Builder
	for i, t := range f.terms {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t.String())
	}
	return b.String()
}

func (t *term) String() string {
	var b strings.Builder
	if t.not {
		b.WriteString("not ")
	}
	b.WriteString(t.field + t.op)
	for i, v := range t.values {
		if i > 0 {
			b.WriteByte(',')
		}
		if v != "" && !strings.ContainsAny(v, " \t\r\n,\"\\") {
			b.WriteString(v)
			continue
		}
		b.WriteByte('"')
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v))
		b.WriteByte('"')
	}
	return b.String()
}

type filterParser struct {
	text string
	at   int
}

func (p *filterParser) fail(at int, format string, args ...any) error {
	return &FilterError{utf8.RuneCountInString(p.text[:at]) + 1, fmt.Sprintf(format, args...)}
}

func (p *filterParser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// word takes a word that stands alone.
func (p *filterParser) word(w string) bool {
	rest, ok := strings.CutPrefix(p.text[p.at:], w)
	if !ok || rest == "" || strings.IndexByte(" \t\r\n", rest[0]) < 0 {
		return false
	}
	p.at += len(w)
	return true
}

func (p *filterParser) term() (term, error) {
	t := term{column: utf8.RuneCountInString(p.text[:p.at]) + 1}
	if p.word("not") {
		t.not = true
		p.space()
	}
	begin := p.at
	for p.at < len(p.text) && fieldChar(p.text[p.at]) {
		p.at++
	}
	t.field = p.text[begin:p.at]
	if t.field == "" || strings.Contains("."+t.field+".", "..") {
		return t, p.fail(begin, "a term begins with the name of a field, such as type, party or amount")
	}
	t.kind = fields[t.field]
	p.space()
	opAt := p.at
	for _, op := range [...]string{"!=", "<=", ">=", "=", "<", ">"} {
		if strings.HasPrefix(p.text[p.at:], op) {
			t.op = op
			break
		}
	}
	if t.op == "" && strings.EqualFold(t.field, "or") {
		return t, p.fail(begin, "there is no or: of one field list the values with commas, otherwise search twice")
	}
	if t.op == "" {
		return t, p.fail(opAt, "after a field comes one of = != < <= > >=; put a value with spaces into double quotes")
	}
	p.at += len(t.op)
	if t.op == "!=" {
		t.op, t.not = "=", !t.not
	}
	for first := true; first || p.at < len(p.text) && p.text[p.at] == ','; first = false {
		if !first {
			p.at++
		}
		p.space()
		at := p.at
		v, err := p.value()
		if err != nil {
			return t, err
		}
		if err := t.add(v); err != nil {
			return t, p.fail(at, "%v", err)
		}
		after := p.at
		p.space()
		if p.at < len(p.text) && p.text[p.at] != ',' {
			p.at = after
		}
	}
	if len(t.values) > 1 && t.op != "=" {
		return t, p.fail(opAt, "%s takes one value; a list goes with = and !=", t.op)
	}
	return t, t.ordered(p, opAt)
}

func (p *filterParser) value() (string, error) {
	begin := p.at
	if p.at < len(p.text) && p.text[p.at] == '"' {
		var b strings.Builder
		for p.at++; p.at < len(p.text); p.at++ {
			switch c := p.text[p.at]; {
			case c == '"':
				p.at++
				return b.String(), nil
			case c == '\\':
				if p.at++; p.at == len(p.text) || p.text[p.at] != '"' && p.text[p.at] != '\\' {
					return "", p.fail(p.at-1, `within quotes a backslash stands before " or \ only`)
				}
				b.WriteByte(p.text[p.at])
			default:
				b.WriteByte(c)
			}
		}
		return "", p.fail(begin, "the double quote that begins here does not end")
	}
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n,\"", p.text[p.at]) < 0 {
		p.at++
	}
	if p.at == begin {
		return "", p.fail(begin, `a value is missing; the empty one is ""`)
	}
	return p.text[begin:p.at], nil
}

func fieldChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}

// add takes a value, if the field can have it.
func (t *term) add(v string) error {
	switch t.kind {
	case fieldIndex:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != v {
			return errors.New("an index is a whole number, 0 or more")
		}
	case fieldRecorded, fieldTime:
		s, ok := parseSpan(v)
		if !ok {
			return errors.New("a time is a day such as 2026-01-31, a month, a year, or an RFC 3339 time such as 2026-01-31T09:00:00Z")
		}
		t.spans = append(t.spans, s)
	case fieldCapture:
		if v != record.Live && v != record.Late && v != record.Import {
			return errors.New("capture is live, late or import")
		}
	case fieldSubject:
		if kind, id, ok := strings.Cut(v, "/"); !ok || kind == "" || id == "" {
			return errors.New("a subject is KIND/ID, such as file/A-2026-000117")
		}
	}
	if len(t.values) == maxValues {
		return fmt.Errorf("a term takes at most %d values", maxValues)
	}
	t.values = append(t.values, v)
	return nil
}

// ordered refuses an order where there is none.
func (t *term) ordered(p *filterParser, at int) error {
	if t.op == "=" {
		return nil
	}
	switch t.kind {
	case fieldIndex, fieldRecorded, fieldTime:
	case member:
		_, number := story.ParseDecimal(t.values[0])
		_, day := parseSpan(t.values[0])
		if !number && !(day && isDate(t.values[0])) {
			return p.fail(at, "%s compares with a decimal number, or with a day, month or year such as 2026-01", t.op)
		}
	case fieldFinding, fieldDue:
		return p.fail(at, "%s goes with = and != only; a member of data that is called so is data.%s", t.field, t.field)
	default:
		return p.fail(at, "%s goes with = and != only", t.field)
	}
	return nil
}

// parseSpan reads a time: a year, a month or a day of UTC, or an instant.
func parseSpan(s string) (span, bool) {
	if isDate(s) {
		from, err := time.Parse("2006-01-02"[:len(s)], s)
		if err != nil {
			return span{}, false
		}
		switch len(s) {
		case 4:
			return span{from, from.AddDate(1, 0, 0)}, true
		case 7:
			return span{from, from.AddDate(0, 1, 0)}, true
		}
		return span{from, from.AddDate(0, 0, 1)}, true
	}
	at, err := time.Parse(time.RFC3339, s)
	return span{at, at.Add(1)}, err == nil
}

// isDate reports whether s has the form of a year, a month or a day.
func isDate(s string) bool {
	if len(s) != 4 && len(s) != 7 && len(s) != 10 {
		return false
	}
	for i := range len(s) {
		if i == 4 || i == 7 {
			if s[i] != '-' {
				return false
			}
		} else if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// bounds returns the instants from one of which on, and below one of which,
// a time has to lie for the term to hold; nil for no bound.
func (t *term) bounds() (from, to *time.Time) {
	first, last := t.spans[0], t.spans[0]
	for _, s := range t.spans[1:] {
		if s.from.Before(first.from) {
			first = s
		}
		if s.to.After(last.to) {
			last = s
		}
	}
	switch t.op {
	case "<":
		return nil, &first.from
	case "<=":
		return nil, &first.to
	case ">":
		return &first.to, nil
	case ">=":
		return &first.from, nil
	}
	return &first.from, &last.to
}

// time reports whether a time is what the term asks for.
func (t *term) time(at time.Time) bool {
	in := func(s span) bool { return !at.Before(s.from) && at.Before(s.to) }
	if t.op == "=" {
		return slices.ContainsFunc(t.spans, in)
	}
	from, to := t.bounds()
	return (from == nil || !at.Before(*from)) && (to == nil || at.Before(*to))
}

// order reports whether a comparison holds.
func order(op string, cmp int) bool {
	switch op {
	case "<":
		return cmp < 0
	case "<=":
		return cmp <= 0
	case ">":
		return cmp > 0
	case ">=":
		return cmp >= 0
	}
	return cmp == 0
}
