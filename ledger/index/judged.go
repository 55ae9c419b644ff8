// SPDX-License-Identifier: Apache-2.0

package index

import (
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/spelling"
)

// anyOf is the value of finding and due that stands for all others.
const anyOf = "any"

// bindStory looks up what a term on findings or on what is due names, and
// which types the records have of which a story can say it.
func (b *bound) bindStory(q *Query, l Ledger, types []*record.Schema) error {
	b.how = byStory
	var can func(typ string) bool
	var err error
	if b.kind == fieldFinding {
		can, err = b.bindFinding(q, l.Rules())
	} else {
		can, err = b.bindDue(l.Obligations())
	}
	if err != nil {
		return err
	}
	for _, s := range types {
		// Before there was the field, the filter was one on the member. Those
		// of lendlog's own types never had such a value.
		if _, ok := s.Member(b.field); ok && !strings.HasPrefix(s.Type, "org.lendlog.") {
			return b.fail("records of %s have a member of data that is called %s: write data.%s for the member, or leave the type out with not type=", s.Type, b.field, b.field)
		}
		if can(s.Type) {
			b.types = append(b.types, s.Type)
		}
	}
	return nil
}

func (b *bound) bindFinding(q *Query, table *rule.Table) (can func(typ string) bool, err error) {
	var asked []rule.Rule
	words := []string{anyOf}
	for _, r := range table.Rules {
		words = append(words, r.ID)
		if slices.Contains(b.want, anyOf) || slices.Contains(b.want, r.ID) {
			asked = append(asked, r)
		}
	}
	for _, v := range b.want {
		if !slices.Contains(words, v) {
			return nil, b.fail("no rule has this name: near it are %s; docs/rules.md lists all, and a member of data that is called finding is data.finding", near(v, words))
		}
	}
	if !b.not {
		q.Found = []string{}
		for _, r := range asked {
			q.Found = append(q.Found, r.ID)
		}
	}
	for _, r := range asked {
		if !slices.ContainsFunc(q.Rules, func(s rule.Rule) bool { return s.ID == r.ID }) {
			q.Rules = append(q.Rules, r)
		}
	}
	return func(typ string) bool {
		return slices.ContainsFunc(asked, func(r rule.Rule) bool { return r.About(typ) })
	}, nil
}

func (b *bound) bindDue(table *due.Table) (can func(typ string) bool, err error) {
	words := []string{anyOf}
	for _, s := range due.States {
		words = append(words, string(s))
	}
	states := words[1:]
	for _, o := range table.Obligations {
		words = append(words, o.ID)
	}
	var asked []*due.Obligation
	all := false
	for _, v := range b.want {
		name, state, both := strings.Cut(v, "/")
		o, ok := table.Obligation(name)
		switch {
		case ok && both && !slices.Contains(states, state):
			return nil, b.fail("after the slash comes the state of the obligation: %s", strings.Join(states, ", "))
		case ok:
			asked = append(asked, o)
		case both || !slices.Contains(words, name):
			return nil, b.fail("no obligation or state has this name: near it are %s; docs/obligations.md lists all, and a member of data that is called due is data.due", near(name, words))
		default:
			all = true
		}
	}
	return func(typ string) bool {
		return all && table.Triggers(typ) || slices.ContainsFunc(asked, func(o *due.Obligation) bool { return o.Triggers(typ) })
	}, nil
}

// holdsStory asks the story of the subject, where it can say so of a record of
// the type.
func (b *bound) holdsStory(typ string, s Sealed) (bool, error) {
	if !slices.Contains(b.types, typ) {
		return false, nil
	}
	is := func(text string) bool { return slices.Contains(b.want, text) }
	if b.kind == fieldFinding {
		found, err := s.Findings()
		return slices.ContainsFunc(found, func(id string) bool { return is(id) || is(anyOf) }), err
	}
	items, err := s.Due()
	return slices.ContainsFunc(items, func(i due.Item) bool {
		state := string(i.State)
		return is(i.Obligation) || is(state) || is(i.Obligation+"/"+state) || is(anyOf)
	}), err
}

// nearest is how many names an error suggests.
const nearest = 3

// near lists the names that are most like one that there is not.
func near(name string, words []string) string {
	return strings.Join(spelling.Near(name, words, nearest), ", ")
}
