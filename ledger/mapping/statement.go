// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/ledger/reconcile"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// StatementVersion is what member v of a statement's mapping says.
const StatementVersion = "lendlog-reconciliation/1"

// A Statement says how an outside file is written that a ledger is to be
// reconciled with, which items its rows are, and which records of the ledger
// they should be. It does not change once parsed and is safe for concurrent
// use.
type Statement struct {
	// Title says in a line what the file is.
	Title string
	// Sources and Reversals say which records the items should be.
	Sources   []reconcile.Source
	Reversals reconcile.Reversals
	// Dated says that the items have a day each.
	Dated bool

	m     Mapping
	items []item
}

// An item is the template of an item, and when a row has one.
type item struct {
	when   []condition
	fields [itemFields]*node // the date is nil in a file without dates
	negate bool
}

// What an item is made of, in the order of the names.
const (
	itemKey = iota
	itemAmount
	itemCurrency
	itemDate
	itemFields
)

var itemNames = [itemFields]string{"key", "amount", "currency", "date"}

// ParseStatement reads the mapping of an outside file and checks it against the
// schemas of the types that it names. The errors are of type *Error, joined.
func ParseStatement(text []byte, cat *record.Catalogue) (*Statement, error) {
	if len(text) > maxText {
		return nil, &Error{1, "it is larger than 1 MiB"}
	}
	root, err := document(text)
	if err != nil {
		return nil, err
	}
	s := &Statement{m: Mapping{cat: cat}}
	p := parser{m: &s.m, names: map[string]int{}}
	if p.plain(root); len(p.errs) == 0 {
		p.statement(root, s)
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	s.Title = s.m.Title
	return s, nil
}

func (p *parser) statement(n *yaml.Node, s *Statement) {
	f := p.head(n, StatementVersion, "items", "records", "reversals")
	if items := f["items"]; items == nil {
		p.fail(n, "the key items is missing: a statement says which items a row is")
	} else {
		for _, i := range p.list(items, "items") {
			s.items = append(s.items, p.item(i))
		}
	}
	for i, it := range s.items {
		dated := it.fields[itemDate] != nil
		if i > 0 && dated != s.Dated {
			p.fail(f["items"], "either all items have a date or none has")
		}
		s.Dated = dated
	}
	if records := f["records"]; records == nil {
		s.Sources = reconcile.Payments
	} else {
		for _, r := range p.list(records, "records") {
			s.Sources = append(s.Sources, p.source(r))
		}
	}
	for i, source := range s.Sources {
		if slices.ContainsFunc(s.Sources[:i], func(o reconcile.Source) bool { return o.Type == source.Type }) {
			p.fail(f["records"], "the type %s is there twice", source.Type)
		}
	}
	word := ""
	if r := f["reversals"]; r != nil {
		word = p.text(r, "reversals")
	}
	var err error
	if s.Reversals, err = reconcile.ParseReversals(word); err != nil {
		p.fail(f["reversals"], "%v", err)
	}
	if s.Reversals != reconcile.Ignored && slices.ContainsFunc(s.Sources, func(o reconcile.Source) bool { return o.Type == story.Type("payment.reversed") }) {
		p.fail(f["records"], "reversals are items already; leave their type out, or write reversals: ignored")
	}
	p.placed()
}

func (p *parser) item(n *yaml.Node) (it item) {
	f := p.fields(n, "an item", append(itemNames[:], "when", "negate")...)
	if w := f["when"]; w != nil {
		it.when = p.when(w, nil)
	}
	if neg := f["negate"]; neg != nil {
		it.negate = p.flag(neg, "negate")
	}
	for i, name := range itemNames {
		value := f[name]
		if value == nil {
			if i != itemDate {
				p.fail(n, "the item needs %s", name)
			}
			continue
		}
		t := p.template(value, p.text(value, name), nil)
		if t.needed() {
			p.fail(value, "! is for members of an object within data")
		}
		if wrong := wrongField(i, plain(t.value)); !t.dynamic && wrong != "" {
			p.fail(value, "%s %s", name, wrong)
		}
		it.fields[i] = t.asText()
	}
	return it
}

// source reads which records of a type are items.
func (p *parser) source(n *yaml.Node) reconcile.Source {
	s := reconcile.Source{Key: "/id", Amount: "/data/amount", Date: "/time"}
	f := p.fields(n, "an item of records", "type", "key", "amount", "date", "negate")
	if f["type"] == nil {
		p.fail(n, "records need a type, such as org.lendlog.payment.received.v1")
		return s
	}
	s.Type = p.text(f["type"], "type")
	schema, ok := p.m.cat.Type(s.Type)
	if !ok || schema.Restricted {
		p.fail(f["type"], "the ledger takes no type %s that can be reconciled", s.Type)
		return s
	}
	if neg := f["negate"]; neg != nil {
		s.Negate = p.flag(neg, "negate")
	}
	for _, x := range []struct {
		name, attribute string
		to              *string
	}{{"key", "/id", &s.Key}, {"amount", "", &s.Amount}, {"date", "/time", &s.Date}} {
		at := n
		if f[x.name] != nil {
			at = f[x.name]
			*x.to = p.text(at, x.name)
		}
		name, inData := strings.CutPrefix(*x.to, "/data/")
		if _, has := schema.Member(name); *x.to != x.attribute && !(inData && has) {
			p.fail(at, "%s: there is no %s in %s; write a member of data, such as /data/amount%s", x.name, *x.to, s.Type,
				strings.TrimSuffix(", or "+x.attribute, ", or "))
		}
	}
	return s
}

// A StatementRow is a row of an outside file and the items that it is.
type StatementRow struct {
	*Row
	Items []reconcile.Item // none when it was rejected, or when no condition holds
}

// Rows reads an outside file. The second value is an error that ends
// everything: the file cannot be read. Memory does not grow with the file.
func (s *Statement) Rows(name string, r io.Reader) iter.Seq2[StatementRow, error] {
	return func(yield func(StatementRow, error) bool) {
		f, err := s.m.Open(name, r)
		for err == nil {
			var row *Row
			if row, err = f.read(); err != nil {
				break
			}
			out := StatementRow{Row: row}
			for i := range s.items {
				if row.Rejected == nil {
					out.add(f, &s.items[i])
				}
			}
			if row.Rejected != nil {
				out.Items = nil
			}
			if !yield(out, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(StatementRow{}, err)
		}
	}
}

// add adds an item to the row, or rejects it.
func (row *StatementRow) add(f *File, it *item) {
	for i := range it.when {
		if !it.when[i].holds(f.values) {
			return
		}
	}
	var text [itemFields]string
	for i, n := range it.fields {
		if n == nil {
			continue
		}
		v, ok := n.fill(f.values)
		text[i] = plain(v)
		wrong := wrongField(i, text[i])
		if !ok {
			wrong = "is made of a cell that is empty"
		}
		if wrong != "" {
			row.Rejected = append(row.Rejected, Reason{Line: row.Line, Cause: fmt.Sprintf("makes an item of which %s %s", itemNames[i], wrong)})
		}
	}
	amount := text[itemAmount]
	if rest, negative := strings.CutPrefix(amount, "-"); it.negate && negative {
		amount = rest
	} else if it.negate {
		amount = "-" + amount
	}
	row.Items = append(row.Items, reconcile.Item{
		Key: strings.Clone(text[itemKey]), Amount: strings.Clone(amount), Currency: text[itemCurrency], Date: text[itemDate], Place: int64(row.Line),
	})
}

// maxKey is how long the key of an item may be, like any reference in a record.
const maxKey = 256

// wrongField says what is wrong with a part of an item, "" for nothing.
func wrongField(i int, s string) string {
	switch i {
	case itemKey:
		if s == "" || len(s) > maxKey {
			return "must have 1 to 256 bytes"
		}
	case itemAmount:
		if _, ok := story.ParseDecimal(s); !ok {
			return `must be a decimal; read its column as: decimal`
		}
	case itemCurrency:
		if len(s) != 3 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return "must be three capital letters of ISO 4217"
		}
	case itemDate:
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return "must be a day; read its column as: date"
		}
	}
	return ""
}
