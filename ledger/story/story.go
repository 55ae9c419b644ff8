// SPDX-License-Identifier: Apache-2.0

// Package story reads the records of one subject as one story: what holds now,
// after some of them were corrected and others voided.
//
// The original of a record is never touched. [New] works out what follows from
// record.corrected and record.voided, and whoever judges a story, such as a
// rule or a deadline, reads [Record.At] and [Record.Effective] of the records
// that [Story.OfType] and [Story.Live] give.
package story

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// Type returns the full name of one of lendlog's own record types:
// "decision.made" is org.lendlog.decision.made.v1.
func Type(suffix string) string { return prefix + suffix + version }

// Is reports whether a type is that of Type.
func Is(typ, suffix string) bool {
	return len(typ) == len(prefix)+len(suffix)+len(version) && typ[:len(prefix)] == prefix &&
		typ[len(prefix):len(typ)-len(version)] == suffix && typ[len(typ)-len(version):] == version
}

const (
	prefix  = "org.lendlog."
	version = ".v1"
)

var (
	typeCorrected = Type("record.corrected")
	typeVoided    = Type("record.voided")
)

// A Record is one record of a story.
type Record struct {
	Index, Seq                int64
	Type                      string // of a restricted record the real one
	Source, ID, Party, Parent string // "" when absent or unreadable
	Time                      time.Time
	Recorded                  time.Time
	Capture                   string
	Refs                      []int64     // indexes of the records that it follows from
	Data                      canon.Value // the Object of the members that could be read, as submitted
	// Partial says that the key of some members was destroyed: one that is
	// not in Data may have been there.
	Partial bool

	// What follows is set by New.

	At        time.Time   // Time as corrected
	Effective canon.Value // Data as corrected
	// CorrectedBy are the indexes of the records that corrected this one, in
	// their order, without those that were voided.
	CorrectedBy []int64
	// VoidedBy is the index of the record that voided this one, or 0: the
	// genesis record voids nothing.
	VoidedBy int64
	// Misfit says that this record corrects or voids one that the story does
	// not have before it, or a member that there is not.
	Misfit bool
}

// NewRecord makes a record of an entry and the sealed members that could be
// opened, by their pointers. The schema is that of the members: of a
// restricted record the one within.
func NewRecord(index int64, e *record.Entry, schema *record.Schema, sealed iter.Seq2[string, canon.Value], partial bool) Record {
	r := Record{
		Index: index, Seq: e.Seq, Type: e.Type, Recorded: e.Recorded, Capture: e.Capture, Refs: e.Refs, Partial: partial,
	}
	if schema != nil {
		r.Type = schema.Type
	}
	at := e.Time
	members := slices.Clone(e.Open.Members)
	for pointer, v := range sealed {
		switch pointer {
		case "/source":
			r.Source = v.Str
		case "/id":
			r.ID = v.Str
		case "/party":
			r.Party = v.Str
		case "/parent":
			r.Parent = v.Str
		case "/time":
			at = v.Str
		case "/refs":
			for _, ref := range v.Items {
				r.Refs = append(r.Refs, ref.Int)
			}
		}
		if name, ok := strings.CutPrefix(pointer, "/data/"); ok {
			members = append(members, canon.Member{Name: name, Value: v})
		}
	}
	r.Data = canon.Map(members...)
	r.Time, _ = time.Parse(time.RFC3339Nano, at) // zero when it is sealed and unreadable
	return r
}

// Get returns a member of the data as corrected. A member that is null is
// absent.
func (r *Record) Get(name string) (canon.Value, bool) {
	v, ok := r.Effective.Get(name)
	return v, ok && v.Kind != canon.Null
}

// Text returns a member of the data as corrected, "" when it is absent or no
// string.
func (r *Record) Text(name string) string {
	v, _ := r.Get(name)
	return v.Str
}

// Decimal returns a member that is a decimal string or an integer.
func (r *Record) Decimal(name string) (Decimal, bool) {
	v, _ := r.Get(name)
	return decimalOf(v)
}

// Money returns a member that is an amount of money.
func (r *Record) Money(name string) (Money, bool) {
	v, _ := r.Get(name)
	return MoneyOf(v)
}

// A Story is the records of one subject in their order.
type Story struct {
	Subject string
	Records []*Record // all of them, voided ones included
	// Unclear says that some correction or voiding could not be read, or that
	// they alter too much to be followed, so that any record may be another.
	Unclear bool

	byIndex map[int64]*Record
	byID    map[string][]*Record
	byType  map[string][]*Record // those that were not voided
	room    int                  // for what corrections may still cost
}

// New makes a story of the records of a subject in the order of their indexes.
//
// A correction or voiding is about an earlier record of the same subject, and
// of the same source unless it names another. Voiding one of them undoes it.
// Of two corrections of a member the later one holds.
func New(subject string, records []Record) *Story {
	s := &Story{
		Subject: subject, Records: make([]*Record, len(records)),
		byIndex: map[int64]*Record{}, byID: map[string][]*Record{}, byType: map[string][]*Record{},
		room: maxAltered,
	}
	for i := range records {
		r := records[i]
		r.At, r.Effective = r.Time, r.Data
		r.CorrectedBy, r.VoidedBy, r.Misfit = nil, 0, false
		s.Records[i] = &r
		s.byIndex[r.Index] = &r
		if r.ID != "" {
			s.byID[r.ID] = append(s.byID[r.ID], &r)
		}
	}
	// What alters a record comes after it, so that backwards each record is
	// reached when all that alters it is settled.
	for _, r := range slices.Backward(s.Records) {
		for _, index := range r.CorrectedBy {
			s.correct(r, s.byIndex[index])
		}
		if r.VoidedBy == 0 && (r.Type == typeCorrected || r.Type == typeVoided) {
			s.alter(r)
		}
	}
	for _, r := range s.Records {
		if r.VoidedBy == 0 {
			s.byType[r.Type] = append(s.byType[r.Type], r)
		}
	}
	return s
}

// alter notes with its target what a correction or voiding says.
func (s *Story) alter(r *Record) {
	if r.Partial && (r.Text("target") == "" || r.Type == typeCorrected && !has(r, "members")) {
		s.Unclear = true
		return
	}
	t := s.Target(r)
	switch {
	case t == nil:
		r.Misfit = true
	case r.Type == typeVoided:
		t.VoidedBy = r.Index
	default:
		t.CorrectedBy = slices.Insert(t.CorrectedBy, 0, r.Index)
	}
}

func has(r *Record, name string) bool {
	_, ok := r.Get(name)
	return ok
}

// Target returns the record that a correction or voiding is about, or nil.
func (s *Story) Target(r *Record) *Record {
	source := r.Text("targetSource")
	if source == "" {
		source = r.Source
	}
	for _, t := range s.byID[r.Text("target")] {
		if t.Source == source && t.Index < r.Index {
			return t
		}
	}
	return nil
}

// Live returns the records that were not voided.
func (s *Story) Live() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		for _, r := range s.Records {
			if r.VoidedBy == 0 && !yield(r) {
				return
			}
		}
	}
}

// OfType returns the records of a type, by its full name, that were not
// voided. The slice must not be changed.
func (s *Story) OfType(typ string) []*Record { return s.byType[typ] }

// Record returns the record at an index, or nil.
func (s *Story) Record(index int64) *Record { return s.byIndex[index] }

// Named returns the record that an event id names in a member of from: one of
// the same source if there is one, else the only one that has the id. It is
// nil where there is none; one that was voided is returned, for the reader to
// decide.
func (s *Story) Named(from *Record, id string) *Record {
	all := s.byID[id]
	for _, r := range all {
		if r.Source == from.Source {
			return r
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return nil
}

// First returns the first of the records of a type, by At, for which ok
// returns true, or nil. A nil ok is true of all.
func (s *Story) First(typ string, ok func(*Record) bool) *Record {
	var first *Record
	for _, r := range s.byType[typ] {
		if (ok == nil || ok(r)) && (first == nil || r.At.Before(first.At)) {
			first = r
		}
	}
	return first
}
