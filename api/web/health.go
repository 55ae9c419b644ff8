// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"slices"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/access"
)

// The states of a sign.
const (
	signWell   = "good"
	signWrong  = "bad"    // the evidence, or a way to it, is broken
	signBad    = "warn"   // it needs attention
	signNone   = "off"    // there is nothing to look at
	signHidden = "hidden" // the visitor may not see it
)

// A sign is one line of the page: what is looked at, how it is, and what to do
// about it.
type sign struct {
	Of     string // name of the health check
	About  string // which witness, place, feed or key; "" for the ledger itself
	State  string
	How    wording
	Remedy wording // zero where nothing is to be done
	Record int64   // that the words name; 0, which none does, for none
}

// of returns the sign with the record that its words name.
func (s sign) of(index int64) sign {
	s.Record = index
	return s
}

// A healthCheck is one thing that is looked at, with the permission without which
// it is hidden. It opens nothing that is about a person. Its words begin with
// health.<name>.
type healthCheck struct {
	name  string
	needs access.Permission
	look  func(*looking) ([]sign, error)
}

// healthChecks are all of them, in the order of the page. What is promised is
// held against the genesis record; the other limits stand with the checks.
var healthChecks = []healthCheck{
	{"audits", access.AnchorsRead, lookAtAudits},
	{"events", access.AnchorsRead, lookAtEvents},
	{"newest", access.AnchorsRead, lookAtNewest},
	{"witnesses", access.AnchorsRead, lookAtWitnesses},
	{"anchors", access.AnchorsRead, lookAtAnchors},
	{"feeds", access.RecordsSearch, lookAtFeeds},
	{"gaps", access.RecordsSearch, lookAtGaps},
	{"reconciliations", access.RecordsSearch, lookAtReconciliations},
	{"conflicts", access.RecordsSearch, lookAtConflicts},
	{"overrides", access.RecordsSearch, lookAtOverrides},
	{"findings", access.RecordsSearch, lookAtFindings},
	{"certificate", access.AnchorsRead, lookAtCertificate},
	{"keys", access.AccessManage, lookAtKeys},
}

// looking is one look at the ledger.
type looking struct {
	ctx    context.Context
	ledger *client.Client
	status *client.Status
	open   bool      // the ledger demands no keys
	now    time.Time // by the server's clock
	of     string    // the check that looks
}

// say makes a sign of the ledger itself, whose words are those of the check with
// a name. What needs attention has a remedy.
func (l *looking) say(state, word string, values ...any) sign {
	return l.sayOf("", state, word, values...)
}

// sayOf makes a sign about one of several.
func (l *looking) sayOf(about, state, word string, values ...any) sign {
	s := sign{Of: l.of, About: about, State: state, How: wording{"health." + l.of + "." + word, values}}
	if state == signBad || state == signWrong {
		s.Remedy = wording{name: "health." + l.of + "." + word + ".do"}
	}
	return s
}

// A healthPage says how the evidence is, in one light and in lines.
type healthPage struct {
	At     time.Time
	Bad    int   // lines that need attention, or worse
	Worst  *sign // the first of the worst of them; nil where all is well
	Absent int   // lines of what is not there, or hidden
	Alone  bool  // neither a witness nor a place of anchors sees the ledger from outside
	Signs  []sign
}

// State is that of the whole. Of a ledger that nobody outside sees nothing is wrong, and
// it is not called well.
func (p *healthPage) State() string {
	switch {
	case p.Worst != nil:
		return p.Worst.State
	case p.Alone:
		return signNone
	}
	return signWell
}

// outside are the checks of who sees the ledger from outside.
var outside = []string{"witnesses", "anchors"}

// add adds lines.
func (p *healthPage) add(signs ...sign) {
	for _, s := range signs {
		switch s.State {
		case signBad, signWrong:
			p.Bad++
			if p.Worst == nil || s.State == signWrong && p.Worst.State == signBad {
				p.Worst = &s
			}
		case signNone, signHidden:
			p.Absent++
		}
	}
	p.Signs = append(p.Signs, signs...)
}

// healthPurpose is for what the page looks at records, unless the visitor says
// otherwise.
const healthPurpose = "evidence-health"

func health(v *visit) error {
	c, err := v.ledger()
	if err != nil {
		return err
	}
	l := &looking{ctx: v.ctx(), ledger: c, open: v.open}
	if v.Purpose() == "" {
		l.ctx = client.Purpose(l.ctx, healthPurpose)
	}
	if l.status, err = c.Status(l.ctx); err != nil {
		return err
	}
	l.now = l.status.Now
	page := &healthPage{At: l.now}
	for _, check := range healthChecks {
		l.of = check.name
		if !v.May(check.needs) {
			page.add(sign{Of: check.name, State: signHidden, How: wording{name: "health.hidden"}})
			continue
		}
		signs, err := check.look(l)
		if fault, _ := faultOf(err); err != nil && fault == errLacks && v.Scoped() {
			signs = []sign{{Of: check.name, State: signHidden, How: wording{name: "health.narrow"}}}
		} else if err != nil {
			return err
		}
		page.add(signs...)
	}
	page.Alone = !slices.ContainsFunc(page.Signs, func(s sign) bool { return slices.Contains(outside, s.Of) && s.State != signNone })
	return v.render(page)
}

// lasting is how long something is, in the largest unit that tells it well.
func lasting(d time.Duration) wording {
	say := func(unit string, n time.Duration) wording { return wording{"health." + unit, []any{"n", int64(n)}} }
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return say("seconds", d/time.Second)
	case d < 2*time.Hour:
		return say("minutes", d/time.Minute)
	case d < 48*time.Hour:
		return say("hours", d/time.Hour)
	}
	return say("days", d/(24*time.Hour))
}

// since is how long ago a time was.
func (l *looking) since(t time.Time) wording { return lasting(l.now.Sub(t)) }
