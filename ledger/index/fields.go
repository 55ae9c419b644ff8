// SPDX-License-Identifier: Apache-2.0

package index

import (
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/record"
)

// Fields returns the names of the fields that the filter asks for, in their
// order and each once. Of a member of data it is the top one, because what
// stands behind a dot may be a key of a free map, which is somebody's text.
func (f *Filter) Fields() []string {
	var names []string
	for i := range f.terms {
		name := f.terms[i].field
		if f.terms[i].kind == member {
			name, _, _ = strings.Cut(strings.TrimPrefix(name, "data."), ".")
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Terms returns the terms of the filter one by one: each is a filter, and those of
// all of them together are the filter.
func (f *Filter) Terms() []string {
	terms := make([]string, len(f.terms))
	for i := range f.terms {
		terms[i] = f.terms[i].String()
	}
	return terms
}

// Subject returns the one subject that all wanted records are of, if the filter
// says so.
func (f *Filter) Subject() (subject string, ok bool) {
	for i := range f.terms {
		if t := &f.terms[i]; t.kind == fieldSubject && !t.not && len(t.values) == 1 {
			return t.values[0], true
		}
	}
	return "", false
}

// Named returns the subjects and persons that the filter names, as <kind>/<id>:
// file/A of subject=file/A, party/P of party=P and staff/S of officer=S.
func (f *Filter) Named() []string {
	var names []string
	for i := range f.terms {
		prefix := ""
		switch t := &f.terms[i]; {
		case t.not:
			continue
		case t.kind == fieldSubject:
		case t.kind == fieldParty:
			prefix = record.GroupParty + "/"
		case t.kind == fieldOfficer:
			prefix = record.GroupStaff + "/"
		default:
			continue
		}
		for _, v := range f.terms[i].values {
			names = append(names, prefix+v)
		}
	}
	return names
}
