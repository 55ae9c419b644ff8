// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A recordPage shows one record: what its entry says to every reader of the log,
// and once it was opened, what is sealed in it.
type recordPage struct {
	Index      int64
	Sentence   string
	Type       string // as events name it; that of the entry where the real one is sealed
	Title      string // what people call the type
	About      string // what the type records
	Entry      *record.Entry
	IndexRoot  bool
	Restricted bool

	Opened     bool // what is sealed is shown
	Scoped     bool // the visitor's key opens some members only
	MayOpen    bool // to the visitor
	Subject    string
	Happened   time.Time
	Attributes []memberRow // of the event itself
	Members    []memberRow // of its data
	Unreadable []string    // key groups whose key was destroyed
	// Beside is what the other records of the subject say of it; nil where they are
	// too many to read.
	Beside *timelineRow

	Proof  proofPanel
	Raw    string // the entry's exact bytes
	Schema string // hexadecimal SHA-256; "" where it is not known
	Source string // where the members of the type come from
}

// A memberRow is one member of an event.
type memberRow struct {
	Label, Name string
	About       string // what it is, from the schema
	Open        bool
	Group       string // key group under which it is sealed
	Known       bool   // whether it is there, and what it says, is known
	Present     bool
	Value, Raw  string // as people read it, and as JSON where that says more
}

// indexOf reads the index of a record from the path.
func (v *visit) indexOf() (int64, error) {
	s := v.r.PathValue("index")
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, errMissing
	}
	return n, nil
}

// showRecord answers with a record. What is sealed in it is opened for whoever said
// for what they look, or where nobody records who does.
func showRecord(v *visit) error {
	index, err := v.indexOf()
	if err != nil {
		return err
	}
	c, err := v.ledger()
	if err != nil {
		return err
	}
	evidence, err := c.Prove(v.ctx(), index, []string{})
	if err != nil {
		return err
	}
	p, err := v.closedRecord(c, index, evidence)
	if err != nil {
		return err
	}
	if p.MayOpen && v.Opens() {
		r, err := c.Record(v.ctx(), index)
		if err != nil {
			return err
		}
		v.openRecord(p, r)
		if kind, id, ok := strings.Cut(p.Subject, "/"); ok {
			if p.Beside, err = v.beside(c, kind, id, index); err != nil {
				return err
			}
		}
	}
	return v.render(p)
}

// closedRecord begins with what the entry shows.
func (v *visit) closedRecord(c *client.Client, index int64, e *proof.Evidence) (*recordPage, error) {
	leaf, err := record.ParseLeaf(e.Records[0].Entry)
	if err != nil {
		return nil, err
	}
	p := &recordPage{Index: index, Raw: string(e.Records[0].Entry), Proof: v.prove(c.Trust(), e)}
	told := story.Record{Type: record.TypeIndexRoot}
	if p.Entry = leaf.Entry; p.Entry == nil {
		p.IndexRoot, p.Type = true, record.TypeIndexRoot
		p.Sentence = v.sentence(&told, nil)
		return p, nil
	}
	p.Type, p.Restricted = p.Entry.Type, p.Entry.Type == record.TypeRestricted
	p.MayOpen = v.May(access.RecordsRead) && (!p.Restricted || v.May(access.RestrictedRead) && (v.Key() == nil || v.Key().Opens("/type")))
	var schema *record.Schema
	if !p.Restricted {
		if schema, err = c.Schema(v.ctx(), p.Entry.Schema); err != nil {
			return nil, err
		}
	}
	told = story.NewRecord(index, p.Entry, schema, func(func(string, canon.Value) bool) {}, true)
	v.tell(p, &told, schema)
	if schema != nil {
		labels := v.labels(schema)
		for _, m := range schema.Members {
			row := newMember(labels, m)
			if value, ok := p.Entry.Open.Get(m.Name); ok {
				row.say(labels, value)
			} else {
				row.Known = m.Open
			}
			p.Members = append(p.Members, row)
		}
	}
	return p, nil
}

// openRecord adds what is sealed.
func (v *visit) openRecord(p *recordPage, r *client.Record) {
	p.Opened, p.Scoped, p.Unreadable = true, r.Scoped, r.Unreadable
	told, ok := r.Story()
	if !ok {
		return
	}
	v.tell(p, &told, r.Schema)
	labels := v.labels(r.Schema)
	sealed, opened := map[string]canon.Value{}, map[string]bool{}
	for _, d := range r.Sealed {
		opened[d.Pointer] = true
		if d.Present {
			sealed[d.Pointer] = d.Value
		}
	}
	p.Subject = sealed["/subject"].Str
	p.Members = nil
	if r.Schema == nil {
		return
	}
	for _, pointer := range r.Schema.Pointers() {
		if name := strings.TrimPrefix(pointer, "/"); !strings.HasPrefix(pointer, "/data/") {
			if value, ok := sealed[pointer]; ok {
				group, _ := r.Schema.Group(pointer)
				row := memberRow{Name: name, Group: group}
				row.say(labels, value)
				p.Attributes = append(p.Attributes, row)
			}
		}
	}
	for _, m := range r.Schema.Members {
		row := newMember(labels, m)
		pointer := canon.Pointer("/data", m.Name)
		value, ok := r.Leaf.Entry.Open.Get(m.Name)
		if !ok {
			value, ok = sealed[pointer]
		}
		row.Known = m.Open || opened[pointer]
		if ok {
			row.say(labels, value)
		}
		p.Members = append(p.Members, row)
	}
}

// tell says what is known of the record so far.
func (v *visit) tell(p *recordPage, told *story.Record, schema *record.Schema) {
	p.Sentence, p.Happened = v.sentence(told, schema), told.Time
	if schema != nil {
		labels := v.labels(schema)
		p.Type, p.Title, p.About, p.Source = schema.Type, labels.Title, labels.Description, schema.Source
		p.Schema = hex.EncodeToString(schema.Hash[:])
	}
}

func newMember(l labels, m record.Member) memberRow {
	return memberRow{Label: l.member(m.Name), Name: m.Name, About: m.Description, Open: m.Open, Group: m.Group}
}

// say notes the value of a member. Where a label stands for a word of a code list
// the word is shown too.
func (m *memberRow) say(l labels, value canon.Value) {
	m.Known, m.Present, m.Value = true, true, l.full(m.Name, value)
	if value.Kind != canon.Array && value.Kind != canon.Object && l.coded(m.Name, value) {
		m.Raw = string(value.Bytes())
	}
}

// openSealed notes for what the visitor looks, and shows the record with what is
// sealed in it.
func openSealed(v *visit) error {
	index, err := v.indexOf()
	if err != nil {
		return err
	}
	if err := v.form(); err != nil {
		return err
	}
	code := v.r.PostForm.Get("purpose")
	if code == "" {
		return errPurpose
	}
	if err := v.state(code); err != nil {
		return err
	}
	return v.redirect(fmt.Sprintf("records/%d", index))
}

// Ask asks for what the record is opened.
func (p *recordPage) Ask(v *view) asking {
	return asking{Lead: "record.open.lead", Action: v.URL(fmt.Sprintf("records/%d/open", p.Index))}
}

// recordEvidence answers with a file that proves a record offline: with all of its
// sealed members, or none.
func recordEvidence(v *visit) error {
	index, err := v.indexOf()
	if err != nil {
		return err
	}
	var pointers []string
	name := fmt.Sprintf("record-%d", index)
	switch v.r.URL.Query().Get("disclose") {
	case "all":
		switch {
		case !v.May(access.RecordsRead):
			return errLacks
		case !v.Opens():
			return v.renderAs("ask", v.ask())
		}
	default:
		pointers, name = []string{}, name+".closed"
	}
	c, err := v.ledger()
	if err != nil {
		return err
	}
	e, err := c.Prove(v.ctx(), index, pointers)
	if err != nil {
		return err
	}
	return v.download(name+".evidence.json", "application/json", e.Bytes())
}

// download answers with a file.
func (v *visit) download(name, mediaType string, b []byte) error {
	h := v.w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, name))
	h.Set("Content-Length", strconv.Itoa(len(b)))
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(b) // the visitor may be gone
	return nil
}

// stream answers with a file that is written while it is made, however large it is.
// What fails before the first byte becomes a page; what fails later breaks the answer
// off, so that nobody takes a part for the whole.
func (v *visit) stream(name, mediaType string, write func(io.Writer) error) error {
	out := &streaming{v: v, name: name, mediaType: mediaType}
	err := write(out)
	if err != nil && out.begun {
		v.defect(err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// streaming is a file on its way.
type streaming struct {
	v               *visit
	name, mediaType string
	begun           bool
}

// Write implements io.Writer.
func (s *streaming) Write(b []byte) (int, error) {
	if !s.begun {
		s.begun = true
		h := s.v.w.Header()
		h.Set("Content-Type", s.mediaType)
		h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, s.name))
		s.v.w.WriteHeader(http.StatusOK)
	}
	// A large file takes longer than a page; the API bounds how long.
	pause := http.NewResponseController(s.v.w)
	_ = pause.SetReadDeadline(time.Now().Add(2 * filePause)) // else it ends the answer; not every connection has one
	_ = pause.SetWriteDeadline(time.Now().Add(filePause))
	return s.v.w.Write(b)
}

// filePause is how long a browser may take for a piece of a file.
const filePause = time.Minute

// Pretty is the entry as people read JSON. What is hashed is Raw.
func (p *recordPage) Pretty() string {
	b, err := json.MarshalIndent(json.RawMessage(p.Raw), "", "  ")
	if err != nil {
		return p.Raw
	}
	return string(b)
}

func base64Of(h tree.Hash) string { return base64.StdEncoding.EncodeToString(h[:]) }

// leafOf is the hash of an entry, in hexadecimal.
func leafOf(entry []byte) string {
	h := tree.LeafHash(entry)
	return hex.EncodeToString(h[:])
}
