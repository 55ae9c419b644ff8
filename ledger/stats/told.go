// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"time"

	"github.com/lendlog/lendlog/ledger/story"
)

// A Told is what is counted of one story. Of a story that went on, what it told
// before is taken away again, and what it tells now is added: so statistics follow
// a ledger without reading it anew.
type Told struct {
	unclear   bool
	product   string
	decisions []decision
	last      *verdict // the last decision that is no referral
	wait      *wait
	loan      *loan
}

// A decision took effect.
type decision struct {
	month, outcome, mode string
	reasons              []string // each once
	override             bool
	direction            string // of an override
}

type verdict struct {
	month    string
	approved bool
}

// A wait is how long an application waited for a decision in a month.
type wait struct {
	month string
	span  time.Duration
}

// A loan was born in a month, as of monthOf, and reached each stage at an age.
type loan struct {
	at   time.Time
	born int
	ages [len(stages)]int
}

// Tell returns what is counted of a story.
func Tell(s *story.Story) *Told {
	t := &Told{unclear: s.Unclear, product: productOf(s)}
	t.decided(s)
	t.lent(s)
	return t
}

// decided tells of the decisions of a story.
func (t *Told) decided(s *story.Story) {
	var firstFinal, lastFinal *story.Record
	for _, r := range s.OfType(typeDecided) {
		if r.Text("use") == "shadow" {
			continue
		}
		t.decisions = append(t.decisions, decisionOf(s, r))
		if r.Text("outcome") == "referred" {
			continue
		}
		if firstFinal == nil || r.At.Before(firstFinal.At) {
			firstFinal = r
		}
		if lastFinal == nil || !r.At.Before(lastFinal.At) {
			lastFinal = r
		}
	}
	if lastFinal == nil {
		return
	}
	t.last = &verdict{month(lastFinal.At), lastFinal.Text("outcome") == "approved"}
	if received := s.First(typeReceived, nil); received != nil {
		t.wait = &wait{month(firstFinal.At), firstFinal.At.Sub(received.At)}
	}
}

func decisionOf(s *story.Story, r *story.Record) decision {
	d := decision{month: month(r.At), outcome: r.Text("outcome"), mode: r.Text("decisionMode")}
	codes, _ := r.Get("reasonCodes")
	seen := map[string]bool{}
	for _, code := range codes.Items {
		if !seen[code.Str] {
			seen[code.Str] = true
			d.reasons = append(d.reasons, code.Str)
		}
	}
	id := r.Text("overrideOf")
	if id == "" {
		return d
	}
	from := Unknown
	if before := s.Named(r, id); before != nil && before.Text("outcome") != "" {
		from = before.Text("outcome")
	}
	d.override, d.direction = true, from+" to "+d.outcome
	return d
}

// lent tells of the loan of a story.
func (t *Told) lent(s *story.Story) {
	origin := s.First(typeDisbursed, nil)
	if opened := s.First(typeOpened, nil); origin == nil || opened != nil && opened.At.Before(origin.At) {
		origin = opened
	}
	if origin == nil {
		return
	}
	born := monthOf(origin.At)
	t.loan = &loan{origin.At, born, arrears(s, born)}
}

// Count adds what a story tells n times; with -1 it takes away what was added.
// What was told apart stays so, and what was not does, so that whatever is taken
// away is taken from where it was added.
func (c *Collector) Count(t *Told, n int64) {
	if t.unclear {
		c.r.Unclear += n
	}
	for _, d := range t.decisions {
		for _, to := range c.tallies(t.product, d.month, n) {
			to.decision(d, n)
		}
	}
	if v := t.last; v != nil {
		for _, to := range c.tallies(t.product, v.month, n) {
			to.files += n
			if v.approved {
				to.approved += n
			}
		}
	}
	if w := t.wait; w != nil {
		for _, to := range c.tallies(t.product, w.month, n) {
			if !to.waited(w.span, n) {
				c.unscoped += n
			}
		}
	}
	if l := t.loan; l != nil {
		for _, to := range c.tallies(t.product, month(l.at), n) {
			to.loan(l, n)
		}
	}
}

// Extend adds the leaves that another collector was shown: those that follow. Of
// the leaves that counted as recent, so many no longer do as of a later time.
func (c *Collector) Extend(newer *Collector, aged int64, asOf time.Time) {
	r, n := &c.r.Records, &newer.r.Records
	r.Count, r.EntryBytes = r.Count+n.Count, r.EntryBytes+n.EntryBytes
	r.IndexRoots, r.Restricted = r.IndexRoots+n.IndexRoots, r.Restricted+n.Restricted
	for _, m := range []struct{ to, from map[string]int64 }{{r.ByType, n.ByType}, {r.ByMonth, n.ByMonth}, {r.ByCapture, n.ByCapture}} {
		for key, n := range m.from {
			add(m.to, key, n)
		}
	}
	if c.first.IsZero() {
		c.first = newer.first
	}
	c.r.Growth.Count += newer.r.Growth.Count - aged
	c.r.AsOf = asOf.UTC()
}

// Recent reports whether what was recorded at a time counts as recent as of
// another.
func Recent(recorded, asOf time.Time) bool { return asOf.Sub(recorded) < recent }

// RecentFrom is the first time that counts as recent as of another.
func RecentFrom(asOf time.Time) time.Time { return asOf.Add(1 - recent) }
