// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/story"
)

// Sum: the parts of a record add up to its total. A part with "?" behind its
// name counts as nothing when it is absent, one with "-" before it is taken
// away. The total may as well be what a member of Or says, which caps it.
type Sum struct {
	Parts []string
	Total string
	Or    []string
}

func (c *Sum) judge(j *judge, records []*story.Record) {
next:
	for _, r := range records {
		total, ok := quantity(r, c.Total)
		if !ok {
			j.lacks(r)
			continue
		}
		sum := story.Money{Currency: total.Currency}
		for _, part := range c.Parts {
			name, optional := strings.CutSuffix(part, "?")
			name, negative := strings.CutPrefix(name, "-")
			m, ok := quantity(r, name)
			switch {
			case !ok && optional && !r.Partial:
				continue
			case !ok:
				j.lacks(r)
				continue next
			case m.Currency != total.Currency:
				j.skip(Currencies)
				continue next
			case negative:
				m.Amount = m.Amount.Neg()
			}
			sum.Amount = sum.Amount.Add(m.Amount)
		}
		capped := slices.ContainsFunc(c.Or, func(name string) bool {
			m, ok := quantity(r, name)
			return ok && m.Currency == total.Currency && m.Amount.Cmp(total.Amount) == 0
		})
		if sum.Amount.Cmp(total.Amount) != 0 && !capped {
			j.broken(show(sum), show(total), r)
			continue
		}
		j.passed()
	}
}

// Product: a member is the product of a quantity and a rate, rounded to the
// digits that it has. A percentage is divided by a hundred.
type Product struct {
	Of, Rate, Total string
	Percent         bool
}

var hundredth, _ = story.ParseDecimal("0.01")

func (c *Product) judge(j *judge, records []*story.Record) {
	for _, r := range records {
		of, ok := quantity(r, c.Of)
		rate, ok2 := r.Decimal(c.Rate)
		total, ok3 := quantity(r, c.Total)
		if !ok || !ok2 || !ok3 {
			j.lacks(r)
			continue
		}
		if of.Currency != total.Currency {
			j.skip(Currencies)
			continue
		}
		if c.Percent {
			rate = rate.Mul(hundredth)
		}
		product := story.Money{Amount: of.Amount.Mul(rate).Round(total.Amount.Scale()), Currency: of.Currency}
		if product.Amount.Cmp(total.Amount) != 0 {
			j.broken(show(product), show(total), r)
			continue
		}
		j.passed()
	}
}

// Shares: a member of the items of a list adds up to a whole.
type Shares struct {
	List, Share string
	To          string
}

func (c *Shares) judge(j *judge, records []*story.Record) {
	whole, _ := story.ParseDecimal(c.To)
next:
	for _, r := range records {
		list, ok := r.Get(c.List)
		if !ok || list.Kind != canon.Array {
			j.lacks(r)
			continue
		}
		var sum story.Decimal
		for _, item := range list.Items {
			v, _ := item.Get(c.Share)
			d, ok := story.ParseDecimal(v.Str)
			if !ok {
				j.lacks(r)
				continue next
			}
			sum = sum.Add(d)
		}
		if sum.Cmp(whole) != 0 {
			j.broken(both(c.To), both(sum.String()), r)
			continue
		}
		j.passed()
	}
}

// Within: an amount, or the sum of those until then, keeps to the limit that
// held at the time: the latest that another record gives, or the one that the
// record names.
type Within struct {
	Member string
	Total  bool // the sum of those until then
	Is     Is
	Limit  []From
}

func (c *Within) judge(j *judge, records []*story.Record) {
	limits := j.series(c.Limit)
	sums := map[string]story.Money{}
	// One amount that is not known leaves the sums after it unknown.
	blank := false
	for _, r := range records {
		m, ok := quantity(r, c.Member)
		if !ok {
			j.lacks(r)
			blank = blank || c.Total
			continue
		}
		if c.Total {
			m.Amount = m.Amount.Add(sums[m.Currency].Amount)
			sums[m.Currency] = m
		}
		from, limit, why := limits.at(j, r)
		switch {
		case why != "":
			j.skip(why)
		case blank:
			j.skip(Absent)
		case limit.Currency != m.Currency || len(sums) > 1:
			j.skip(Currencies)
		case !c.Is.holds(m.Amount.Cmp(limit.Amount)):
			j.broken(show(limit), show(m), r, from)
		default:
			j.passed()
		}
	}
}

// A series is what limits a story sets, in the order of their times.
type series struct {
	refs   []From
	limits []limit
	next   int
}

type limit struct {
	record *story.Record
	member string
	truth  truth // that it is one
}

func (j *judge) series(from []From) *series {
	s := &series{}
	var types []string
	members := map[string]From{}
	for _, f := range from {
		if f.Ref != "" {
			s.refs = append(s.refs, f)
			continue
		}
		types = append(types, f.Of)
		members[story.Type(f.Of)] = f
	}
	for _, r := range inOrder(j.story, types) {
		f := members[r.Type]
		if t := f.When.hold(r); t != no {
			s.limits = append(s.limits, limit{r, f.Member, t})
		}
	}
	return s
}

// at returns the limit that holds for a record. Records are asked for in the
// order of their times.
func (s *series) at(j *judge, r *story.Record) (*story.Record, story.Money, Why) {
	for s.next < len(s.limits) && !s.limits[s.next].record.At.After(r.At) {
		s.next++
	}
	var l limit
	if s.next > 0 {
		l = s.limits[s.next-1]
	}
	for _, f := range s.refs {
		if named := j.story.Named(r, r.Text(f.Ref)); named != nil && named.VoidedBy == 0 && story.Is(named.Type, f.Of) {
			l = limit{named, f.Member, yes}
		}
	}
	if l.record == nil {
		return nil, story.Money{}, Elsewhere
	}
	m, ok := quantity(l.record, l.member)
	switch {
	case l.truth == unknown, !ok && l.record.Partial:
		return nil, m, Unreadable
	case !ok:
		return nil, m, Absent
	}
	return l.record, m, ""
}

// Balance: what a record states as owed is what was lent less what was paid
// off until then.
type Balance struct {
	Stated string
	Plus   From
	Minus  From
	Undo   From     // takes back one of Minus, which its Ref names
	Unless []string // types that change what is owed in ways that are not told here
}

// A tally is what is owed, as far as it can be told.
type tally struct {
	owed  story.Money
	begun bool
	lost  Why // why it is not known any more
}

// add moves what is owed by an amount of a record.
func (t *tally) add(r *story.Record, m story.Money, ok bool) {
	switch {
	case t.lost != "":
	case !ok && r.Partial:
		t.lost = Unreadable
	case !ok:
		t.lost = Absent
	case !t.begun:
		t.lost = Elsewhere
	case m.Currency != t.owed.Currency:
		t.lost = Currencies
	default:
		t.owed.Amount = t.owed.Amount.Add(m.Amount)
	}
}

// tell takes a record of the story into the tally.
func (c *Balance) tell(t *tally, s *story.Story, r *story.Record) {
	switch r.Type {
	case story.Type(c.Plus.Of):
		m, ok := r.Money(c.Plus.Member)
		if !t.begun {
			t.begun, t.owed.Currency = true, m.Currency
		}
		t.add(r, m, ok)
	case story.Type(c.Minus.Of):
		m, ok := r.Money(c.Minus.Member)
		m.Amount = m.Amount.Neg()
		t.add(r, m, ok)
	case story.Type(c.Undo.Of):
		undone := s.Named(r, r.Text(c.Undo.Ref))
		switch {
		case undone == nil:
			t.lost = Elsewhere
		case undone.VoidedBy == 0:
			m, ok := undone.Money(c.Minus.Member)
			t.add(undone, m, ok)
		}
	default:
		if slices.ContainsFunc(c.Unless, func(of string) bool { return story.Is(r.Type, of) }) {
			t.lost = Unsettled
		}
	}
}

func (c *Balance) judge(j *judge, records []*story.Record) {
	all := inOrder(j.story, slices.Concat([]string{c.Plus.Of, c.Minus.Of, c.Undo.Of}, c.Unless))
	var t tally
	var wrong story.Decimal  // by how much the balance before was
	var before *story.Record // that stated it
	for _, r := range records {
		for len(all) > 0 && !all[0].At.After(r.At) && (all[0].At.Before(r.At) || all[0].Index <= r.Index) {
			c.tell(&t, j.story, all[0])
			all = all[1:]
		}
		stated, ok := r.Money(c.Stated)
		switch {
		case !ok:
			j.lacks(r)
			continue
		case t.lost != "":
			j.skip(t.lost)
			continue
		case !t.begun:
			j.skip(Elsewhere)
			continue
		case stated.Currency != t.owed.Currency:
			j.skip(Currencies)
			continue
		}
		// A balance that stays wrong by as much as before is one fault.
		by := stated.Amount.Add(t.owed.Amount.Neg())
		switch {
		case by.Sign() == 0:
			before = nil
			j.passed()
		case by.Cmp(wrong) == 0:
			j.passed()
		case before != nil:
			j.broken(show(t.owed), show(stated), r, before)
			before = r
		default:
			j.broken(show(t.owed), show(stated), r)
			before = r
		}
		wrong = by
	}
}

// Compare: a member compares with a number, or with another member, as it
// should.
type Compare struct {
	Member string
	Is     Is
	To     string
	Than   string
}

func (c *Compare) judge(j *judge, records []*story.Record) {
	for _, r := range records {
		m, ok := quantity(r, c.Member)
		to := story.Money{Currency: m.Currency}
		var ok2 bool
		if c.Than != "" {
			to, ok2 = quantity(r, c.Than)
		} else {
			to.Amount, ok2 = story.ParseDecimal(c.To)
		}
		switch {
		case !ok || !ok2:
			j.lacks(r)
		case m.Currency != to.Currency:
			j.skip(Currencies)
		case !c.Is.holds(m.Amount.Cmp(to.Amount)):
			j.broken(show(to), show(m), r)
		default:
			j.passed()
		}
	}
}
