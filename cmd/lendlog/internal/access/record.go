// SPDX-License-Identifier: Apache-2.0

package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/story"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A Record is a leaf of a ledger as its reader may see it. Its JSON form is
// what `lendlog show --json` prints.
type Record struct {
	Index      int64    `json:"index"`
	Type       string   `json:"type"` // of a restricted record the real one, when it could be opened
	Title      string   `json:"title,omitempty"`
	Subject    string   `json:"subject,omitempty"` // absent when it could not be opened
	Seq        int64    `json:"seq,omitempty"`
	Time       string   `json:"time,omitempty"`
	Recorded   string   `json:"recorded,omitempty"`
	Capture    string   `json:"capture,omitempty"`
	Submitter  string   `json:"submitter,omitempty"`
	Refs       []int64  `json:"refs,omitempty"`
	Restricted bool     `json:"restricted,omitempty"`
	Members    []Member `json:"members"`
	Unreadable []string `json:"unreadable,omitempty"` // key groups whose key was destroyed

	// CorrectedBy, VoidedBy and Findings are what the whole story of the
	// subject says of the record; absent where it was not read.
	CorrectedBy []int64        `json:"correctedBy,omitempty"`
	VoidedBy    int64          `json:"voidedBy,omitempty"`
	Findings    []rule.Finding `json:"findings,omitempty"`

	LeafHash   tree.Hash   `json:"leafHash"`
	Entry      string      `json:"entry"` // the leaf's exact bytes
	Proof      []tree.Hash `json:"proof,omitempty"`
	Checkpoint string      `json:"checkpoint,omitempty"` // that Proof leads to

	// Story is the record as a part of its subject's story; nil of an
	// index-root.
	Story *story.Record `json:"-"`
	// Schema is what the members were validated with; nil where it is not known.
	Schema *record.Schema `json:"-"`
}

// A Member is one member of the event that a record was made of.
type Member struct {
	Pointer string          `json:"pointer"`
	Value   json.RawMessage `json:"value,omitempty"` // absent when the event has no such member
	Open    bool            `json:"open"`            // in the entry; otherwise sealed
	Group   string          `json:"group,omitempty"` // key group of a sealed member
}

// newRecord begins a record with what its leaf says. schema is nil where it is
// not known.
func newRecord(index int64, entry []byte, leaf record.Leaf, schema *record.Schema, unreadable []string) *Record {
	r := &Record{
		Index: index, Entry: string(entry), LeafHash: tree.LeafHash(entry),
		Members: []Member{}, Unreadable: unreadable, Schema: schema,
	}
	e := leaf.Entry
	if e == nil {
		r.Type = record.TypeIndexRoot
		return r
	}
	r.Type, r.Seq, r.Capture, r.Refs = e.Type, e.Seq, e.Capture, e.Refs
	r.Time, r.Recorded, r.Submitter = e.Time, e.Recorded.UTC().Format(record.TimeLayout), e.Submitter
	r.Restricted = e.Type == record.TypeRestricted
	if schema != nil {
		r.Type, r.Title = schema.Type, schema.Title
	}
	return r
}

// add adds a member, and takes from it what the leaf keeps sealed.
func (r *Record) add(pointer string, value canon.Value, present, open bool, group string) {
	m := Member{Pointer: pointer, Open: open, Group: group}
	if present {
		m.Value = value.Bytes()
	}
	r.Members = append(r.Members, m)
	switch pointer {
	case "/subject":
		r.Subject = value.Str
	case "/time":
		r.Time = value.Str
	case "/submitter":
		r.Submitter = value.Str
	}
}

// sealed refuses to disclose what is not a sealed member of a record. schema
// is nil where it has none.
func sealed(index int64, schema *record.Schema, pointer string) error {
	if schema == nil || !slices.Contains(schema.Pointers(), pointer) {
		return &PointerError{Index: index, Pointer: pointer}
	}
	return nil
}

// ShortType drops what all of lendlog's own types have in common:
// org.lendlog.decision.made.v1 is decision.made.
func ShortType(t string) string {
	s, ok := strings.CutPrefix(t, "org.lendlog.")
	if !ok {
		return t
	}
	if i := strings.LastIndex(s, ".v"); i > 0 {
		s = s[:i]
	}
	return s
}

// gistParts and gistWord bound what Gist tells.
const (
	gistParts = 4
	gistWord  = 40 // bytes
)

// Gist tells in a few words what a record says: its outcome, the event that it
// corrects or voids, numbers and open words of a code list, its amounts.
func (r *Record) Gist() string {
	var first, words, amounts []string
	for _, m := range r.Members {
		name, ok := strings.CutPrefix(m.Pointer, "/data/")
		if !ok || m.Value == nil || name == "jurisdiction" || name == "legalEntity" {
			continue
		}
		v, err := canon.Parse(m.Value, canon.Limits{})
		if err != nil {
			continue
		}
		amount, hasAmount := v.Get("amount")
		currency, _ := v.Get("currency")
		switch {
		case hasAmount && amount.Kind == canon.String:
			amounts = append(amounts, fmt.Sprintf("%s %s %s", name, amount.Str, currency.Str))
		case name == "outcome" && v.Kind == canon.String:
			first = append(first, v.Str)
		case name == "target" && v.Kind == canon.String:
			first = append(first, "of "+v.Str)
		case v.Kind == canon.Int:
			words = append(words, fmt.Sprintf("%s %d", name, v.Int))
		case len(v.Str) > gistWord:
		case m.Open && v.Kind == canon.String && !strings.HasSuffix(name, "Hash"):
			words = append(words, name+" "+v.Str)
		case m.Open && v.Kind == canon.Array && len(v.Items) > 0 && v.Items[0].Kind == canon.String:
			items := make([]string, len(v.Items))
			for i, item := range v.Items {
				items[i] = item.Str
			}
			words = append(words, name+" "+strings.Join(items, " "))
		}
	}
	parts := slices.Concat(first, words, amounts)
	return strings.Join(parts[:min(len(parts), gistParts)], ", ")
}

// Sentence tells the record in plain words.
func (r *Record) Sentence() string {
	if r.Type == record.TypeIndexRoot {
		return fmt.Sprintf("Record %d: the ledger committed to the map of all its subjects.", r.Index)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Record %d: %s on %s", r.Index, ShortType(r.Type), r.subject())
	if gist := r.Gist(); gist != "" {
		b.WriteString(", " + gist)
	}
	b.WriteString(".")
	return b.String()
}

func (r *Record) subject() string {
	if r.Subject == "" {
		return "a subject that cannot be read any more"
	}
	return r.Subject
}
