// SPDX-License-Identifier: Apache-2.0

// Package look says how it is recorded that somebody opened what is sealed: who,
// when, what for and which records, and in which chains the records of that lie.
//
// The looks at a subject are a chain of their own, and so are those at a person:
// that there are no others is proved like that a subject has no other records.
// They do not lie in the subject's own chain, because a loan that is looked at
// every day would have a story of looks. A look at many subjects at once, as a
// page of a search, is one record in the chain of its day. What is restricted is
// looked at in its case.
//
// docs/formats.md, section 18, is this package in words. It does no I/O.
package look

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/record"
)

// Unstated is the purpose of a look for which none was given.
const Unstated = "unstated"

// Spread is how many chains a look has a record in at most, of the subjects and
// persons that it is at. One at more is recorded in the chain of its day.
const Spread = 8

// The acts.
const (
	Read     = "read"     // records, or what follows from them, were shown
	Search   = "search"   // records were found and shown
	Evidence = "evidence" // evidence was made that opens something
	Bundle   = "bundle"   // evidence of many records
	Export   = "export"   // a table was written
	Follow   = "follow"   // records are sent as they come
)

// Exports is the subject of the records of exports that are of no one subject.
const Exports = "ledger/exports"

const (
	prefix     = "ledger/looks/"
	casePrefix = "case/looks/"
)

// Chain returns the subject of the records of looks at a subject, or at a person
// as party/ID or staff/ID: ledger/looks/ and the subject, or, where no event can be
// of that, ledger/looks/sha256: and its SHA-256.
func Chain(subject string) string {
	if kind, id, _ := strings.Cut(prefix+subject, "/"); record.IsSubject(kind, id) {
		return prefix + subject
	}
	sum := sha256.Sum256([]byte(subject))
	return prefix + "sha256:" + hex.EncodeToString(sum[:])
}

// Day returns the subject of the records of looks at many subjects on a day of
// UTC.
func Day(at time.Time) string { return prefix + at.UTC().Format(time.DateOnly) }

// CaseDay is Day for looks at many cases.
func CaseDay(at time.Time) string { return casePrefix + at.UTC().Format(time.DateOnly) }

// IsChain reports whether a subject is one of looks, which only the ledger itself
// records.
func IsChain(subject string) bool {
	return strings.HasPrefix(subject, prefix) || strings.HasPrefix(subject, casePrefix)
}

// A Look is what somebody was shown.
type Look struct {
	Grant, Role string
	Purpose     string // a code; Unstated where none was given
	Act         string
	// Case is the restricted case, case/ID, for which it was looked; "" for none.
	// Nothing in the open tells of such a look.
	Case  string
	Query string // what was searched for, without values
	// Searched says that not to find anything tells something: that a person is not
	// there, or nothing with a sealed value.
	Searched bool
	Named    []string // the subjects and persons that were asked for
	Opened
}

// Opened are records of which something sealed is shown.
type Opened struct {
	Of    map[string]Spans // by subject, and by person as party/ID
	Cases map[string]Spans // restricted ones, by their case
	Loose Spans            // those of which no subject is known, and many at once
}

// Add adds a record, of a subject and of persons, or of none that is known.
func (o *Opened) Add(index int64, subject string, persons ...string) {
	if subject == "" || IsChain(subject) {
		o.Loose = o.Loose.and(index)
		return
	}
	if o.Of == nil {
		o.Of = map[string]Spans{}
	}
	for _, s := range append(persons, subject) {
		o.Of[s] = o.Of[s].and(index)
	}
}

// AddCase adds a restricted record.
func (o *Opened) AddCase(index int64, subject string) {
	if o.Cases == nil {
		o.Cases = map[string]Spans{}
	}
	o.Cases[subject] = o.Cases[subject].and(index)
}

// all returns the records that are not restricted.
func (o *Opened) all() Spans {
	all := o.Loose
	for _, s := range o.Of {
		all = all.With(s)
	}
	return all
}

// A Part is one record of a look.
type Part struct {
	Type    string // of the record
	Subject string // the chain that it is in
	Spans   Spans  // of the records that were opened
	Related []string
}

// Parts returns the records that a look at a time makes, none where nothing was
// opened.
func (k *Look) Parts(at time.Time) (parts []Part) {
	cases := maps.Clone(k.Cases)
	if all := k.all(); k.Case != "" && (len(all) > 0 || k.Searched) {
		own := Part{Type: record.TypeCaseAccessed, Subject: k.Case, Spans: all.With(cases[k.Case]), Related: k.related()}
		delete(cases, k.Case)
		parts = append(parts, own)
	} else if len(all) > 0 || k.Searched {
		parts = k.open(at, all)
	}
	return append(parts, chains(cases, record.TypeCaseAccessed, func(s string) string { return s }, CaseDay(at))...)
}

// open returns the records of what is not restricted.
func (k *Look) open(at time.Time, all Spans) []Part {
	of := maps.Clone(k.Of)
	if of == nil {
		of = map[string]Spans{}
	}
	for _, s := range k.Named {
		if _, ok := of[s]; !ok && !strings.HasPrefix(s, "case/") {
			of[s] = nil
		}
	}
	parts := chains(of, record.TypeAccessOccurred, Chain, Day(at))
	switch {
	case len(of) > Spread:
		parts[0].Spans = all
	case len(k.Loose) > 0 || len(of) == 0:
		parts = append(parts, Part{Type: record.TypeAccessOccurred, Subject: Day(at), Spans: k.Loose})
	}
	return parts
}

// chains returns a record in each of the chains, or one of all in that of the day.
func chains(of map[string]Spans, typ string, chain func(string) string, day string) (parts []Part) {
	if len(of) > Spread {
		one := Part{Type: typ, Subject: day}
		for _, s := range of {
			one.Spans = one.Spans.With(s)
		}
		return []Part{one}
	}
	for _, subject := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, Part{Type: typ, Subject: chain(subject), Spans: of[subject]})
	}
	return parts
}

// maxRelated bounds the subjects that a look for a case names. The records that it
// names are all of them.
const maxRelated = 256

// related returns the subjects that were looked at for a case.
func (k *Look) related() []string {
	all := slices.Concat(slices.Collect(maps.Keys(k.Of)), k.Named)
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(s string) bool {
		kind, id, _ := strings.Cut(s, "/")
		return !record.IsSubject(kind, id) || len(s) > 240
	})
	return all[:min(len(all), maxRelated)]
}

// exported reports whether an act takes a copy along.
func exported(act string) bool { return act == Evidence || act == Bundle || act == Export }
