// SPDX-License-Identifier: Apache-2.0

package borrower

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// ErrNothing: the file has no record that a borrower is given, or none of theirs.
var ErrNothing = errors.New("the file has no decision, notice or contract of this borrower")

// shown is a record of evidence with what is disclosed of it.
type shown struct {
	proof.Record
	entry  *record.Entry
	values map[string]canon.Value // of the members that are there
}

func (s *shown) text(ptr string) string { return s.values[ptr].Str }

// comparison reports whether a decision was made for comparison only.
func (s *shown) comparison() bool {
	use, ok := s.entry.Open.Get("use")
	return ok && use.Str != "live"
}

// Cut makes of evidence of all records of a file, in which Pointers are disclosed,
// the evidence that a borrower is given: of the records of one party, whose first
// record begins the file where party is "". Decisions that were made for comparison
// only and records that were voided are left out; corrections of what is given are
// in it.
func Cut(e *proof.Evidence, party string) (*proof.Evidence, error) {
	if len(e.Complete) != 1 {
		return nil, errors.New("couldn't cut the evidence: it is not of all records of one subject")
	}
	of := &proof.Subject{Subject: e.Complete[0].Subject, Proof: e.Complete[0].Proof}
	all, err := open(e)
	if err != nil {
		return nil, err
	}
	if party == "" {
		party = first(all)
	}
	out := &proof.Evidence{Checkpoint: e.Checkpoint, Genesis: e.Genesis, Witnessed: e.Witnessed, Anchored: e.Anchored}
	voided := map[string]bool{}
	for _, s := range all {
		if s.entry.Type == typeVoided {
			voided[s.target()] = true
		}
	}
	given := map[string]row{} // by the identities of the records
	for _, s := range all {
		rec := proof.Record{Index: s.Index, Entry: s.Entry, Proof: s.Proof}
		r, ok := find(s.entry.Type)
		switch {
		case s.entry.Type == record.TypeChainObserved:
			out.Records = append(out.Records, rec)
			continue
		case s.entry.Type == typeCorrected:
			if r, ok = given[s.target()]; ok {
				r = corrects(s, r)
			}
			ok = ok && slices.Contains([]string{party, ""}, s.text("/party"))
		case ok:
			ok = s.text("/party") == party && !s.comparison() && !voided[s.identity()]
		}
		if !ok {
			continue
		}
		given[s.identity()] = r
		for _, m := range s.Disclosures {
			if d, err := seal.ParseDisclosure(m.Disclosure); err == nil && r.gives(d.Pointer) {
				rec.Disclosures = append(rec.Disclosures, m)
			}
		}
		rec.Subject = of
		out.Records = append(out.Records, rec)
		addSchema(out, e, s.entry)
	}
	if len(given) == 0 {
		return nil, ErrNothing
	}
	return out, nil
}

// open reads the records of evidence, but for index-roots.
func open(e *proof.Evidence) (all []*shown, err error) {
	for _, r := range e.Records {
		leaf, err := record.ParseLeaf(r.Entry)
		if err != nil {
			return nil, fmt.Errorf("couldn't read record %d: %w", r.Index, err)
		}
		if leaf.Entry == nil {
			continue
		}
		s := &shown{Record: r, entry: leaf.Entry, values: map[string]canon.Value{}}
		for _, m := range r.Disclosures {
			d, err := seal.ParseDisclosure(m.Disclosure)
			if err != nil {
				return nil, fmt.Errorf("couldn't read record %d: %w", r.Index, err)
			}
			if d.Present {
				s.values[d.Pointer] = d.Value
			}
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *shown) int { return int(a.Index - b.Index) })
	return all, nil
}

// first returns the party of the first record that a borrower is given.
func first(all []*shown) string {
	for _, s := range all {
		if _, ok := find(s.entry.Type); ok {
			return s.text("/party")
		}
	}
	return ""
}

// identity is that of the event of a record, and target that of the one that a
// correction is of.
func (s *shown) identity() string { return s.text("/source") + "\x00" + s.text("/id") }

func (s *shown) target() string {
	source := s.text("/data/targetSource")
	if source == "" {
		source = s.text("/source")
	}
	return source + "\x00" + s.text("/data/target")
}

// corrects returns what is given of a correction: what it says, if it is of members
// alone that are given of the record that it corrects.
func corrects(s *shown, of row) row {
	for _, m := range s.values[pointerMembers].Items {
		at, _ := m.Get("pointer")
		if !of.gives(at.Str) || slices.Contains(attributes, at.Str) {
			return row{}
		}
	}
	return row{members: []string{strings.TrimPrefix(pointerMembers, "/data/")}}
}

// addSchema adds the schema of an entry.
func addSchema(to, from *proof.Evidence, entry *record.Entry) {
	for _, text := range from.Schemas {
		if sha256.Sum256(text) == entry.Schema {
			to.AddSchema(text)
		}
	}
}
