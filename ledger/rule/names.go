// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"maps"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/story"
)

// Names calls name with every record type that a rule reads and the members
// of it, conditions included. A type may come several times. Of the records
// that are judged, all types have to have the members but for those of which
// one is enough.
func (r *Rule) Names(name func(typ string, members ...string)) {
	judged := func(members ...string) {
		for _, t := range r.Of {
			name(t, members...)
		}
	}
	judged(slices.Collect(maps.Keys(r.When))...)
	from := func(all ...From) {
		for _, f := range all {
			members := slices.Collect(maps.Keys(f.When))
			if f.Member != "" {
				members = append(members, f.Member)
			}
			if f.Same != "" {
				members = append(members, f.Same)
				judged(f.Same)
			}
			if f.Ref != "" {
				judged(f.Ref)
			}
			name(f.Of, members...)
		}
	}
	switch {
	case r.Sum != nil:
		judged(r.Sum.Total)
		for _, p := range r.Sum.Parts {
			judged(strings.Trim(p, "-?"))
		}
		judged(r.Sum.Or...)
	case r.Product != nil:
		judged(r.Product.Of, r.Product.Rate, r.Product.Total)
	case r.Shares != nil:
		judged(r.Shares.List)
	case r.Within != nil:
		judged(r.Within.Member)
		from(r.Within.Limit...)
	case r.Balance != nil:
		b := r.Balance
		judged(b.Stated)
		name(b.Plus.Of, b.Plus.Member)
		name(b.Minus.Of, b.Minus.Member)
		name(b.Undo.Of, b.Undo.Ref)
		for _, t := range b.Unless {
			name(t)
		}
	case r.Compare != nil:
		judged(r.Compare.Member)
		if r.Compare.Than != "" {
			judged(r.Compare.Than)
		}
	case r.Before != nil:
		if r.Before.Or != "" {
			judged(r.Before.Or)
		}
		judged(slices.Collect(maps.Keys(r.Before.Missing))...)
		from(r.Before.Needs...)
	case r.Between != nil:
		name(r.Between.From)
		name(r.Between.To)
	case r.Once != nil:
		if r.Once.Key != "" {
			judged(r.Once.Key)
		}
	case r.Hours != nil:
		judged(r.Hours.Member)
	case r.Distinct != nil:
		// Of several types each has some of the people.
		if len(r.Of) == 1 {
			judged(r.Distinct.Members...)
		}
	case r.Present != nil:
		judged(slices.Concat(r.Present.Members...)...)
	case r.Count != nil:
		judged(r.Count.Members...)
	case r.Subset != nil:
		a := r.Subset.Among
		judged(append(slices.Clone(r.Subset.Members), a.Ref)...)
		name(a.Of, append(slices.Collect(maps.Keys(a.When)), a.Members...)...)
	case r.Floor != nil:
		judged(r.Floor.Member, r.Floor.By)
	}
}

// About reports whether a finding of the rule may be about a record of a type,
// at fault or as what shows it.
func (r *Rule) About(typ string) bool {
	// At the end of a path may be a record of any type.
	about := r.Distinct != nil && len(r.Distinct.Path) > 0
	r.Names(func(of string, _ ...string) { about = about || story.Is(typ, of) })
	return about
}
