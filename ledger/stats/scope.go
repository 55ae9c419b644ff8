// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Scope narrows what is said of decisions and loans. The zero Scope is of all.
type Scope struct {
	// From and To are months, both within: of a decision when it was made, of a
	// file that of its last or first decision, of a loan when it began. "" is
	// without a bound.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Product is the one that the first record of a file with any names; "" is
	// all.
	Product string `json:"product,omitempty"`
}

// monthLayout is how a month is written.
const monthLayout = "2006-01"

// maxProduct is the longest code of a product, in bytes.
const maxProduct = 256

// Check returns an error that says what of a scope is wrong.
func (s Scope) Check() error {
	for _, m := range []string{s.From, s.To} {
		if t, err := time.Parse(monthLayout, m); m != "" && (err != nil || t.Format(monthLayout) != m) {
			return errors.New("a month is written as 2026-01")
		}
	}
	switch {
	case s.From != "" && s.To != "" && s.From > s.To:
		return errors.New("the last month is before the first")
	case len(s.Product) > maxProduct:
		return fmt.Errorf("a product is a code of up to %d bytes", maxProduct)
	}
	return nil
}

// has reports whether a part lies within the scope. What has no month that is
// known lies within no period.
func (s Scope) has(p part) bool {
	switch {
	case s.Product != "" && s.Product != p.product:
		return false
	case s.From == "" && s.To == "":
		return true
	}
	return p.month != Unknown && p.month >= s.From && (s.To == "" || p.month <= s.To)
}

// words says to what a population is narrowed; when says what was in the months.
func (s Scope) words(when string) (out string) {
	switch {
	case s.From != "" && s.To != "":
		out = ", " + when + " from " + s.From + " to " + s.To
	case s.From != "":
		out = ", " + when + " from " + s.From + " on"
	case s.To != "":
		out = ", " + when + " up to " + s.To
	}
	if s.Product != "" {
		out += fmt.Sprintf(", of the product %q", s.Product)
	}
	return out
}

// A part is what lies in one month and is of one product.
type part struct{ month, product string }

// maxParts bounds how many parts are told apart, and maxRoom the keys that all of
// them have together.
const (
	maxParts = 1 << 12
	maxRoom  = 1 << 19
)

// tallies returns those that count what happened to a product in a month: that of
// all, and that of its part, unless there is no room for another part; then n more
// are in none.
func (c *Collector) tallies(product, month string, n int64) []*tally {
	if month == "" {
		month = Unknown
	}
	p := part{month, product}
	t := c.parts[p]
	if t == nil {
		if c.room <= 0 || len(c.parts) >= maxParts {
			c.unscoped += n
			return []*tally{c.whole}
		}
		t = newTally(&c.room)
		c.parts[p] = t
	}
	return []*tally{c.whole, t}
}

// within returns the tally of what lies within a scope.
func (c *Collector) within(scope Scope) *tally {
	if scope == (Scope{}) {
		return c.whole
	}
	t := newTally(nil)
	for p := range c.of(scope) {
		t.merge(c.parts[p])
	}
	return t
}

// of yields the parts within a scope, in their order.
func (c *Collector) of(scope Scope) func(func(part) bool) {
	parts := slices.SortedFunc(maps.Keys(c.parts), func(a, b part) int {
		return slices.Compare([]string{a.month, a.product}, []string{b.month, b.product})
	})
	return func(yield func(part) bool) {
		for _, p := range parts {
			if scope.has(p) && !yield(p) {
				return
			}
		}
	}
}

// months returns the waits and the overrides of each month within a scope.
func (c *Collector) months(scope Scope) (waits map[string]Wait, overrides map[string]int64) {
	waits, overrides = map[string]Wait{}, map[string]int64{}
	sums := map[string]*durations{}
	for p := range c.of(scope) {
		t := c.parts[p]
		if t.overrides != 0 {
			add(overrides, p.month, t.overrides)
		}
		if t.waits.n == 0 {
			continue
		}
		if sums[p.month] == nil {
			sums[p.month] = &durations{}
		}
		sums[p.month].merge(&t.waits)
	}
	for month, d := range sums {
		waits[month] = Wait{d.n, d.quantile(0.5), d.quantile(0.9)}
	}
	return waits, overrides
}

// products counts the decisions and loans of each product.
func (c *Collector) products() map[string]int64 {
	out := map[string]int64{}
	for p := range c.of(Scope{}) {
		t := c.parts[p]
		add(out, p.product, t.decisions+t.loans)
	}
	maps.DeleteFunc(out, func(_ string, n int64) bool { return n == 0 })
	return out
}
