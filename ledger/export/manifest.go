// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Format is the version of a manifest.
const Format = "lendlog-export/1"

// maxManifest bounds a manifest in bytes: a receipt, an event, a schema, and a
// line for every column.
const maxManifest = 4 << 20

// A Manifest says what was exported.
type Manifest struct {
	Filter     string // in the canonical form of index.Filter
	AsOf       string // at which it was judged what is due, in record.TimeLayout; "" where the filter does not ask
	Checkpoint []byte // signed note, under which all rows were read
	Columns    []Column
	tally      // of the rows
	Rows       [32]byte

	Format  string
	BOM     bool // the file begins with a byte order mark
	Size    int64
	SHA256  [32]byte // of the file
	Created string   // the clock of who exported, in record.TimeLayout
	Program string   // that wrote the file

	// Salt is random, so that a digest of the manifest tells nothing of what
	// is in it: the ledger keeps the digest for ever, and the filter may name
	// a person.
	Salt [32]byte

	// Access is the record of the export in the ledger; nil when it is not
	// there. It is no part of the digest.
	Access *Access
}

// An Access proves that a manifest was recorded.
type Access struct {
	Event   canon.Value // as it was submitted
	Schema  []byte      // of the event's type, exact bytes
	Receipt *proof.Receipt
	// Consistency proves that the checkpoint of the receipt continues that of
	// the manifest; nil when it is not there.
	Consistency []tree.Hash
}

// Describe takes over what a manifest says of rows.
func (m *Manifest) Describe(r *Rows) {
	m.Columns, m.tally = r.Columns(), r.tally
	r.hash.Sum(m.Rows[:0])
}

// Digest returns the SHA-256 of the canonical form of the manifest without its
// member access: what the record of the export holds.
func (m *Manifest) Digest() [32]byte { return sha256.Sum256(m.document().Bytes()) }

// Bytes returns the manifest as a file, indented for people.
func (m *Manifest) Bytes() []byte {
	doc := m.document()
	if a := m.Access; a != nil {
		// The receipt's document is not in canonical order.
		receipt, _ := canon.Parse(a.Receipt.Document().Bytes(), canon.Limits{})
		access := []canon.Member{
			member("event", a.Event), member("receipt", receipt), member("schema", canon.Text(string(a.Schema))),
		}
		if a.Consistency != nil {
			list := canon.Value{Kind: canon.Array}
			for _, h := range a.Consistency {
				list.Items = append(list.Items, canon.Text(h.String()))
			}
			access = append(access, member("consistency", list))
		}
		doc = canon.Map(append(doc.Members, member("access", canon.Map(access...)))...)
	}
	var b bytes.Buffer
	_ = json.Indent(&b, doc.Bytes(), "", "  ") // it is JSON
	b.WriteByte('\n')
	return b.Bytes()
}

func member(name string, v canon.Value) canon.Member { return canon.Member{Name: name, Value: v} }

// document returns what is digested.
func (m *Manifest) document() canon.Value {
	columns := canon.Value{Kind: canon.Array}
	for _, c := range m.Columns {
		columns.Items = append(columns.Items, canon.Map(member("name", canon.Text(c.Name)), member("kind", canon.Text(string(c.Kind)))))
	}
	file := []canon.Member{
		member("format", canon.Text(m.Format)), member("sha256", canon.Text(hex.EncodeToString(m.SHA256[:]))), member("size", canon.Number(m.Size)),
	}
	if m.BOM {
		file = append(file, member("bom", canon.Flag(true)))
	}
	rows := []canon.Member{member("count", canon.Number(m.Count)), member("sha256", canon.Text(hex.EncodeToString(m.Rows[:])))}
	if m.Count > 0 {
		rows = append(rows, member("first", canon.Number(m.First)), member("last", canon.Number(m.Last)))
	}
	doc := []canon.Member{
		member("v", canon.Text(Format)),
		member("filter", canon.Text(m.Filter)),
		member("checkpoint", canon.Text(string(m.Checkpoint))),
		member("columns", columns),
		member("rows", canon.Map(rows...)),
		member("file", canon.Map(file...)),
		member("created", canon.Text(m.Created)),
		member("program", canon.Text(m.Program)),
		member("salt", canon.Text(base64.StdEncoding.EncodeToString(m.Salt[:]))),
	}
	if m.AsOf != "" {
		doc = append(doc, member("asOf", canon.Text(m.AsOf)))
	}
	return canon.Map(doc...)
}

// IsManifest reports whether a document says that it is a manifest of this
// version. It may break the rules of the format all the same.
func IsManifest(b []byte) bool {
	if len(b) > maxManifest {
		return false
	}
	v, err := canon.Parse(b, canon.Limits{})
	says, _ := v.Get("v")
	return err == nil && says.Str == Format
}

// ParseManifest reads a manifest. It checks its form only, and refuses members
// that it does not know.
func ParseManifest(b []byte) (*Manifest, error) {
	m, err := parseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the manifest: %w", err)
	}
	return m, nil
}

func parseManifest(b []byte) (*Manifest, error) {
	if len(b) > maxManifest {
		return nil, fmt.Errorf("it has more than %d MiB", maxManifest>>20)
	}
	v, err := canon.Parse(b, canon.Limits{})
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	p := &parser{}
	o := p.open("", v)
	if o.text("v") != Format {
		p.failf("/v is not %s; this program knows no other version", Format)
	}
	m.Filter, m.Checkpoint = o.text("filter"), []byte(o.text("checkpoint"))
	m.Created, m.Program = o.text("created"), o.text("program")
	if !isTime(m.Created) {
		p.failf("/created is not a time such as 2026-01-31T09:00:00.000Z")
	}
	if _, ok := o.Get("asOf"); ok {
		if m.AsOf = o.text("asOf"); !isTime(m.AsOf) {
			p.failf("/asOf is not a time such as 2026-01-31T09:00:00.000Z")
		}
	}
	salt, err := base64.StdEncoding.Strict().DecodeString(o.text("salt"))
	if err != nil || len(salt) != 32 || base64.StdEncoding.EncodeToString(salt) != o.text("salt") {
		p.failf("/salt is not 32 bytes in base64")
	}
	copy(m.Salt[:], salt)
	m.columns(p, o.need("columns", canon.Array))

	rows := p.open("/rows", o.need("rows", canon.Object))
	m.Count, m.Rows = rows.number("count"), rows.hash("sha256")
	if m.Count > 0 {
		m.First, m.Last = rows.number("first"), rows.number("last")
	}
	rows.end()
	file := p.open("/file", o.need("file", canon.Object))
	m.Format, m.Size, m.SHA256 = file.text("format"), file.number("size"), file.hash("sha256")
	if _, ok := file.Get("bom"); ok {
		if m.BOM = true; !file.need("bom", canon.Bool).IsTrue() || m.Format != CSV {
			p.failf("/file/bom is true, of CSV, or absent")
		}
	}
	if !slices.Contains(Formats, m.Format) {
		p.failf("/file/format is none of %s", strings.Join(Formats, ", "))
	}
	file.end()
	if _, ok := o.Get("access"); ok {
		m.access(p, p.open("/access", o.need("access", canon.Object)))
	}
	o.end()
	return m, p.err
}

func isTime(s string) bool {
	at, err := time.Parse(record.TimeLayout, s)
	return err == nil && at.Format(record.TimeLayout) == s
}

func (m *Manifest) columns(p *parser, list canon.Value) {
	if len(list.Items) > maxColumns {
		p.failf("/columns has more than %d", maxColumns)
		return
	}
	seen := map[string]bool{sealed: true}
	for i, item := range list.Items {
		c := p.open(fmt.Sprintf("/columns/%d", i), item)
		column := Column{c.text("name"), Kind(c.text("kind"))}
		c.end()
		if !columnName.MatchString(column.Name) || seen[column.Name] {
			p.failf("%s/name is not the name of one column", c.at)
		}
		if !slices.Contains([]Kind{Text, Integer, Boolean, Decimal, Date, Time, JSON}, column.Kind) {
			p.failf("%s/kind is not a kind", c.at)
		}
		seen[column.Name] = true
		m.Columns = append(m.Columns, column)
	}
	if len(m.Columns) < len(first) || !slices.Equal(m.Columns[:len(first)], first) {
		p.failf("/columns does not begin with those that every export has")
	}
}

func (m *Manifest) access(p *parser, o *object) {
	a := &Access{Event: o.need("event", canon.Object), Schema: []byte(o.text("schema"))}
	if v, ok := o.Get("consistency"); ok {
		o.need("consistency", canon.Array)
		a.Consistency = []tree.Hash{}
		for _, item := range v.Items {
			b, err := base64.StdEncoding.Strict().DecodeString(item.Str)
			if err != nil || len(b) != 32 || base64.StdEncoding.EncodeToString(b) != item.Str || len(a.Consistency) == 64 {
				p.failf("/access/consistency is not a list of at most 64 hashes in base64")
				break
			}
			a.Consistency = append(a.Consistency, tree.Hash(b))
		}
	}
	receipt := o.need("receipt", canon.Object)
	o.end()
	if p.err != nil {
		return
	}
	var err error
	if a.Receipt, err = proof.ParseReceipt(receipt.Bytes()); err != nil {
		p.failf("/access/receipt: %w", err)
	}
	m.Access = a
}

// parser remembers the first thing that is wrong with a document.
type parser struct{ err error }

func (p *parser) failf(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

func (p *parser) open(at string, v canon.Value) *object {
	if v.Kind != canon.Object {
		p.failf("%s is not an object", cmp.Or(at, "the document"))
	}
	return &object{Value: v, parser: p, at: at, taken: map[string]bool{}}
}

// object is one whose members are taken.
type object struct {
	canon.Value
	*parser
	at    string
	taken map[string]bool
}

func (o *object) need(name string, kind canon.Kind) canon.Value {
	o.taken[name] = true
	v, ok := o.Get(name)
	switch {
	case !ok:
		o.failf("%s/%s is missing", o.at, name)
	case v.Kind != kind:
		o.failf("%s/%s is not of type %s", o.at, name, kind)
		return canon.Value{}
	}
	return v
}

func (o *object) text(name string) string { return o.need(name, canon.String).Str }

func (o *object) number(name string) int64 {
	n := o.need(name, canon.Int).Int
	if n < 0 {
		o.failf("%s/%s is negative", o.at, name)
	}
	return n
}

func (o *object) hash(name string) (h [32]byte) {
	s := o.text(name)
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 || hex.EncodeToString(b) != s {
		o.failf("%s/%s is not a SHA-256 in hexadecimal", o.at, name)
		return h
	}
	return [32]byte(b)
}

// end refuses members that nobody took. Their names are a stranger's text.
func (o *object) end() {
	for _, m := range o.Members {
		if !o.taken[m.Name] {
			o.failf("%s has a member that is not one of this format", cmp.Or(o.at, "the document"))
			return
		}
	}
}
