// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/reconcile"
)

const (
	// gapsLag is how many records the reading of feeds may be behind without being
	// told: it follows what comes within seconds.
	gapsLag = 4096
	// gapsNamed is how many ranges of missing numbers a line names.
	gapsNamed = 3
	// certificateSoon is as the server warns of it.
	certificateSoon = 14 * 24 * time.Hour
)

// lookAtGaps says of each producer whose events have numbers which are missing.
func lookAtGaps(l *looking) ([]sign, error) {
	f, err := l.ledger.Feeds(l.ctx)
	if err != nil {
		return nil, err
	}
	var signs []sign
	if f.Of-f.Size > gapsLag || f.Size == 0 {
		signs = append(signs, l.say(signNone, "reading", "n", f.Size, "of", f.Of))
	}
	for _, g := range f.Feeds {
		signs = append(signs, l.gap(g))
	}
	if len(signs) == 0 {
		signs = append(signs, l.say(signNone, "none"))
	}
	if f.Unreadable > 0 {
		signs = append(signs, l.say(signNone, "unreadable", "n", f.Unreadable))
	}
	return signs, nil
}

func (l *looking) gap(g reconcile.Gap) sign {
	switch {
	case g.MissingCount > 0:
		return l.sayOf(g.Source, signBad, "missing", "n", g.MissingCount, "which", rangesOf(g), "last", g.Last)
	case g.Doubled > 0:
		return l.sayOf(g.Source, signBad, "doubled", "n", g.Doubled)
	}
	return l.sayOf(g.Source, signWell, "whole", "n", g.Numbered, "last", g.Last)
}

// rangesOf are the first of the numbers that are missing.
func rangesOf(g reconcile.Gap) string {
	var parts []string
	for _, r := range g.Missing[:min(gapsNamed, len(g.Missing))] {
		part := fmt.Sprint(r.From)
		if r.To > r.From {
			part += "–" + fmt.Sprint(r.To)
		}
		parts = append(parts, part)
	}
	if len(g.Missing) > gapsNamed {
		parts = append(parts, "…")
	}
	return strings.Join(parts, ", ")
}

// lookAtAudits says when the ledger was audited last by its own server or operator,
// and what came out.
func lookAtAudits(l *looking) ([]sign, error) {
	a := l.status.Audit
	if a == nil || a.Every == 0 && a.Last == nil {
		return []sign{l.say(signNone, "none")}, nil
	}
	last := a.Last
	if last == nil {
		if a.Trouble != "" {
			return []sign{l.say(signBad, "trouble", "why", a.Trouble)}, nil
		}
		return []sign{l.say(signNone, "first")}, nil
	}
	var s sign
	values := []any{"n", last.Size, "ago", l.since(last.At), "by", wording{name: "health.audits.by.server"}}
	if last.Auditor == "operator" {
		values[5] = wording{name: "health.audits.by.operator"}
	}
	switch {
	case last.Verdict == "invalid":
		s = l.say(signWrong, "failed", append(values, "failed", strings.Join(last.Failed, ", "), "findings", last.Findings)...)
	case a.Trouble != "":
		s = l.say(signBad, "trouble", "why", a.Trouble)
	case a.Overdue:
		s = l.say(signBad, "overdue", append(values, "every", lasting(time.Duration(a.Every)*time.Second))...)
	case last.Verdict == "incomplete":
		s = l.say(signBad, "incomplete", values...)
	case last.Deep:
		s = l.say(signWell, "deep", values...)
	default:
		s = l.say(signWell, "passed", values...)
	}
	return []sign{s.of(last.Record)}, nil
}

// lookAtCertificate says how long the certificate of the server holds, and the roots
// of those of its clients.
func lookAtCertificate(l *looking) ([]sign, error) {
	c := l.status.Certificate
	if c == nil {
		return []sign{l.say(signNone, "none")}, nil
	}
	var signs []sign
	end := func(at time.Time, over, soon, well string) {
		switch left := at.Sub(l.now); {
		case left < 0:
			signs = append(signs, l.say(signWrong, over, "time", at, "ago", lasting(-left)))
		case left < certificateSoon:
			signs = append(signs, l.say(signBad, soon, "time", at, "left", lasting(left)))
		default:
			signs = append(signs, l.say(signWell, well, "time", at, "left", lasting(left)))
		}
	}
	end(c.Expires, "over", "soon", "holds")
	if !c.Roots.IsZero() {
		end(c.Roots, "rootover", "rootsoon", "roots")
	}
	if c.Refused {
		signs = append(signs, l.say(signBad, "refused"))
	}
	return signs, nil
}
