// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/story"
)

// Conditions say which records are meant: each member has one of the values,
// or, with "*", any. A single value with "!" before it is one that the member
// must not have; it may be absent. A jurisdiction holds its subdivisions.
type Conditions map[string][]string

// A truth of what may be unreadable has three values.
type truth int

const (
	no truth = iota
	yes
	unknown
)

// hold reports whether a record is meant.
func (c Conditions) hold(r *story.Record) truth {
	result := yes
	for name, values := range c {
		v, ok := r.Get(name)
		not, negated := "", false
		if len(values) == 1 {
			not, negated = strings.CutPrefix(values[0], "!")
		}
		switch {
		case negated:
			if ok && means(name, word(v), not) {
				return no
			}
		case !ok && r.Partial:
			result = unknown
		case !ok || !slices.ContainsFunc(values, func(want string) bool { return means(name, word(v), want) }):
			return no
		}
	}
	return result
}

func means(name, got, want string) bool {
	return want == "*" || got == want || name == "jurisdiction" && strings.HasPrefix(got, want+"-")
}

// word returns a value as a table writes it.
func word(v canon.Value) string {
	if v.Kind == canon.String {
		return v.Str
	}
	return string(v.Bytes())
}

// A From says in which records of the story something is found.
type From struct {
	Of     string     // record type
	When   Conditions // those that are meant
	Member string     // of which the value is taken
	// Ref is a member of the record that is judged which names the one that is
	// meant by the id of its event.
	Ref string
	// Same is a member that has to be the same in both.
	Same string
}

// An Is compares two numbers.
type Is string

// holds reports whether the comparison c, -1, 0 or 1, is as it should be.
func (is Is) holds(c int) bool {
	switch is {
	case "=":
		return c == 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">=":
		return c >= 0
	case ">":
		return c > 0
	}
	return false
}

// texts returns the words of the first of some members that is there: of a
// list of texts, or of objects with a code, name or id.
func texts(r *story.Record, members []string) (out []string, ok bool) {
	for _, name := range members {
		v, has := r.Get(name)
		if !has {
			continue
		}
		items := v.Items
		if v.Kind != canon.Array {
			items = []canon.Value{v}
		}
		for _, item := range items {
			for _, inner := range []string{"code", "name", "id"} {
				if x, ok := item.Get(inner); ok {
					item = x
				}
			}
			if item.Kind != canon.String {
				return nil, false
			}
			out = append(out, item.Str)
		}
		return out, true
	}
	return nil, false
}

// quantity returns a member that is money, or a plain number as money of no
// currency.
func quantity(r *story.Record, name string) (story.Money, bool) {
	if m, ok := r.Money(name); ok {
		return m, true
	}
	d, ok := r.Decimal(name)
	return story.Money{Amount: d}, ok
}

// show says a quantity in words.
func show(m story.Money) Text { return both(strings.TrimSpace(m.String())) }
