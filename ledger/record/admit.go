// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
)

// builtinPrefix begins the names of the types that come with lendlog.
const builtinPrefix = "org.lendlog."

// maxSchemas bounds how many schemas of the lender's own, replaced ones
// included, a ledger registers: all are kept in memory.
const maxSchemas = 512

// maxQuoted bounds a schema as it stands in the entry that registers it: what
// else is in there takes less than a kilobyte.
const maxQuoted = MaxEntry - 1024

// Admit returns nil when s may be registered in a ledger that knows c, or else
// Violations with pointers into the schema. That nothing personal is open in it
// was for ParseSchema to see.
//
// The types whose name begins with org.lendlog. are those that come with the
// program, byte for byte, and no other can be the ledger's own. A schema that
// replaces another of its type may add members, drop some, and accept more or
// less than it did. But whoever knows the type by its name reads records of all
// its versions. So a member that one of them sealed is never opened, and stays
// under its key group and the party that holds it, so that an erasure takes the
// same members of all records; a member keeps its JSON type; and a type stays
// restricted or not. What has to change more is a type of another name: its last
// word is the version. A version that was replaced does not come back.
func (c *Catalogue) Admit(s *Schema) error {
	if current, ok := c.Type(s.Type); ok && current.Hash == s.Hash {
		return nil
	}
	brought, err := Builtin()
	if err != nil {
		return err
	}
	var vs Violations
	same, ok := brought.Type(s.Type)
	if builtin := ok && same.Hash == s.Hash; !builtin {
		if strings.HasPrefix(s.Type, builtinPrefix) {
			vs.add("/$id", CodeReservedType, "must not begin with "+idPrefix+builtinPrefix+", the names of the types that come with lendlog; begin it with a name of your own, as in "+idPrefix+"com.example.loan.reviewed.v1")
		}
		if s.Own {
			vs.add("/x-own", CodeReservedType, "must not be true: a type of the ledger's own can be appended only by the ledger; leave it out")
		}
	}
	if len(canon.AppendString(nil, string(s.Text))) > maxQuoted {
		vs.addf("", CodeSize, "does not fit into an entry, in which every quotation mark and line break takes two bytes; shorten its texts")
	}
	if _, ok := c.Hash(s.Hash); ok {
		vs.add("", CodeConst, "is a version of its type that a later one replaced; change something in it, if only the description")
	}
	if c.lenders() >= maxSchemas && !strings.HasPrefix(s.Type, builtinPrefix) {
		vs.addf("", CodeItems, "is one too many: a ledger holds at most %d schemas of the lender's own, replaced ones included", maxSchemas)
	}
	for _, old := range c.versions(s.Type) {
		s.follows(old, &vs)
	}
	return vs.err()
}

// lenders counts the schemas that did not come with lendlog.
func (c *Catalogue) lenders() int {
	n := 0
	for _, s := range c.byID {
		if !strings.HasPrefix(s.Type, builtinPrefix) {
			n++
		}
	}
	return n
}

// versions returns all schemas of a type in the order of their hashes.
func (c *Catalogue) versions(t string) []*Schema {
	var found []*Schema
	for _, s := range c.byID {
		if s.Type == t {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *Schema) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return found
}

// follows reports, once each, what keeps s from being another version of old.
func (s *Schema) follows(old *Schema, vs *Violations) {
	report := func(pointer, code, message string) {
		v := Violation{pointer, code, message + "; give the type another version in its name"}
		if !slices.Contains(*vs, v) {
			vs.add(v.Pointer, v.Code, v.Message)
		}
	}
	if s.Restricted != old.Restricted {
		report("/x-restricted", CodeConst, "must stay as it is")
	}
	for _, was := range old.Members {
		m, ok := s.Member(was.Name)
		if !ok {
			continue
		}
		at := canon.Pointer("/properties", m.Name)
		if s.root.property(m.Name).kind != old.root.property(m.Name).kind {
			report(at, CodeType, "must keep its type")
		}
		switch {
		case was.Open:
		case m.Open:
			report(at+"/x-open", CodeConst, "must not open a member that was sealed")
		case m.Group != was.Group || m.Party != was.Party:
			report(at+"/x-key", CodeConst, "must keep its key group and party")
		}
	}
}
