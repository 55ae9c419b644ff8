// SPDX-License-Identifier: Apache-2.0

package borrower

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what the page shows. All of it is from the evidence that goes with it.
type page struct {
	Lang                  string
	T                     map[string]string
	Subject, Party        string
	Items                 []item
	Complain              []line
	File, SHA256          string
	Origin, Root, Genesis string
	Size                  int64
}

// An item is one record.
type item struct {
	Index       int64
	Title, When string
	Recorded    string
	Lines       []line
}

// A line is a member: one value, or several.
type line struct {
	Label  string
	Values []string
}

// WritePage writes the page of evidence that Cut made, in English or Chinese. name
// is that of the file in which the evidence is, and text its bytes.
func WritePage(w io.Writer, name string, text []byte, lang string) error {
	words, ok := phrases[lang]
	if !ok {
		return errors.New("couldn't write the page: it is in en or zh")
	}
	e, err := proof.ParseEvidence(text)
	if err != nil {
		return err
	}
	head, _, _ := strings.Cut(string(e.Checkpoint), "\n\n")
	cp, err := tree.ParseCheckpoint(head + "\n")
	if err != nil {
		return fmt.Errorf("couldn't read the checkpoint: %w", err)
	}
	sum, genesis := sha256.Sum256(text), tree.LeafHash(e.Genesis.Entry)
	p := &page{
		Lang: lang, T: words, File: name, SHA256: hex.EncodeToString(sum[:]),
		Origin: cp.Origin, Size: cp.Size, Root: cp.Root.String(), Genesis: genesis.String(),
	}
	if err := p.fill(e); err != nil {
		return err
	}
	return pageTemplate.Execute(w, p)
}

// fill reads the records.
func (p *page) fill(e *proof.Evidence) error {
	all, err := open(e)
	if err != nil {
		return err
	}
	var schemas []*record.Schema
	for _, text := range e.Schemas {
		s, err := record.ParseSchema(text)
		if err != nil {
			return err
		}
		schemas = append(schemas, s)
	}
	for _, s := range all {
		i := slices.IndexFunc(schemas, func(x *record.Schema) bool { return x.Hash == s.entry.Schema })
		if i < 0 {
			continue // it names a block of a chain
		}
		r, given := find(s.entry.Type)
		switch {
		case given:
			p.Subject, p.Party = s.text("/subject"), s.text("/party")
			p.Items = append(p.Items, p.itemOf(s, r, schemas[i]))
		case s.entry.Type == typeCorrected:
			p.Items = append(p.Items, p.correction(s, schemas[i], schemas))
		}
	}
	return nil
}

// itemOf describes a record.
func (p *page) itemOf(s *shown, r row, schema *record.Schema) item {
	labels := schema.Labels(p.Lang)
	it := item{Index: s.Index, Title: labels.Title, When: s.entry.Time, Recorded: s.entry.Recorded.Format(record.TimeLayout)}
	for _, name := range r.members {
		v, ok := s.entry.Open.Get(name)
		if !ok {
			v, ok = s.values[pointer(name)]
		}
		if !ok {
			continue
		}
		l := line{labels.Members[name], values(v, labels.Words[name])}
		if name == "legalEntity" || name == "craName" {
			p.complain(l)
		}
		it.Lines = append(it.Lines, l)
	}
	return it
}

// complain notes to whom a borrower can turn, once each.
func (p *page) complain(l line) {
	if !slices.ContainsFunc(p.Complain, func(o line) bool { return o.Label == l.Label && slices.Equal(o.Values, l.Values) }) {
		p.Complain = append(p.Complain, l)
	}
}

// correction describes a correction: what the members that it names say from then
// on. One of which nothing is disclosed corrects what is not shown.
func (p *page) correction(s *shown, own *record.Schema, schemas []*record.Schema) item {
	it := item{Index: s.Index, Title: own.Labels(p.Lang).Title, When: s.entry.Time, Recorded: s.entry.Recorded.Format(record.TimeLayout)}
	for _, m := range s.values[pointerMembers].Items {
		at, _ := m.Get("pointer")
		text, _ := m.Get("value")
		l := line{strings.TrimPrefix(at.Str, "/data/"), []string{p.T["none"]}}
		for _, schema := range schemas {
			if label := schema.Labels(p.Lang).Members[l.Label]; label != "" {
				l.Label = label
				break
			}
		}
		if v, err := canon.Parse([]byte(text.Str), canon.Limits{}); err == nil {
			l.Values = values(v, nil)
		}
		it.Lines = append(it.Lines, l)
	}
	if len(it.Lines) == 0 {
		it.Lines = []line{{p.T["corrected"], []string{p.T["elsewhere"]}}}
	}
	return it
}

// values writes a value as people read it: a list as its items, an amount with its
// currency, a reason by its text, and what is of a code list by its label.
func values(v canon.Value, words map[string]string) []string {
	switch v.Kind {
	case canon.Array:
		var all []string
		for _, item := range v.Items {
			all = append(all, values(item, words)...)
		}
		return all
	case canon.Object:
		return []string{object(v, words)}
	case canon.Bool:
		if v.IsTrue() {
			return []string{"✓"}
		}
		return []string{"✗"}
	case canon.String:
		if word, ok := words[v.Str]; ok {
			return []string{word}
		}
		return []string{v.Str}
	}
	return []string{string(v.Bytes())}
}

func object(v canon.Value, words map[string]string) string {
	text := func(name string) string { m, _ := v.Get(name); return m.Str }
	if amount := text("amount"); amount != "" {
		return amount + " " + text("currency")
	}
	if reason := text("text"); reason != "" {
		return reason
	}
	var parts []string
	for _, m := range v.Members {
		parts = append(parts, strings.Join(values(m.Value, words), ", "))
	}
	return strings.Join(parts, " – ")
}
