// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/story"
)

const (
	healthFound   = 100                // records that a search of the page reads, at most
	healthWeek    = 7 * 24 * time.Hour // for how long what happened once is shown
	keySoon       = 30 * 24 * time.Hour
	heartbeatLate = time.Minute // as lendlog reconcile --feeds
	// reconcileStale is how long a reconciliation that agreed says something: a month,
	// and two weeks to hold the next one against the book.
	reconcileStale = 45 * 24 * time.Hour
)

// find returns the newest records that a filter wants. A ledger that does not know
// the type that is asked for has none.
func (l *looking) find(filter string, asOf time.Time) ([]client.Found, error) {
	var found []client.Found
	for f, err := range l.ledger.Search(l.ctx, client.Search{Filter: filter, Page: healthFound, AsOf: asOf}) {
		if isUnknown(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if found = append(found, f); len(found) == healthFound {
			break
		}
	}
	return found, nil
}

// isUnknown reports whether a search failed because the ledger does not know what it
// is asked for.
func isUnknown(err error) bool {
	var refused *client.Problem
	return errors.As(err, &refused) && refused.Type == "urn:lendlog:problem:invalid-filter"
}

// heartbeatWindows are how long ago heartbeats are looked for: of a feed that fell
// silent the last one lies behind those of all others.
var heartbeatWindows = []time.Duration{0, time.Hour, 6 * time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour}

// lookAtFeeds holds the last heartbeat of each producer against the interval that
// it states.
func lookAtFeeds(l *looking) ([]sign, error) {
	last := map[string]client.Found{}
	for _, ago := range heartbeatWindows {
		filter := "type=feed.heartbeat not capture=import"
		if ago > 0 {
			filter += " recorded<=" + l.now.Add(-ago).UTC().Format(time.RFC3339)
		}
		found, err := l.find(filter, time.Time{})
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if f.Event == nil { // it was erased
				continue
			}
			if seen, ok := last[f.Event.Source]; !ok || f.Event.At.After(seen.Event.At) {
				last[f.Event.Source] = f
			}
		}
		if len(found) < healthFound {
			break
		}
	}
	if len(last) == 0 {
		return []sign{l.say(signNone, "none")}, nil
	}
	var signs []sign
	for _, source := range slices.Sorted(maps.Keys(last)) {
		signs = append(signs, l.feed(source, last[source]))
	}
	return signs, nil
}

func (l *looking) feed(source string, f client.Found) sign {
	count := func(name string) int64 {
		v, _ := f.Event.Data.Get(name)
		return v.Int
	}
	at, interval := f.Event.At, time.Duration(min(count("intervalSeconds"), 366*24*3600))*time.Second
	switch due := at.Add(interval); {
	case interval > 0 && l.now.After(due.Add(heartbeatLate)):
		return l.sayOf(source, signBad, "silent", "ago", l.since(at), "due", due)
	case count("dropped") > 0:
		return l.sayOf(source, signBad, "dropped", "n", count("dropped"))
	}
	return l.sayOf(source, signWell, "heard", "ago", l.since(at), "last", count("producerSequence"))
}

// lookAtReconciliations says of each feed and portfolio what the last
// reconciliation found.
func lookAtReconciliations(l *looking) ([]sign, error) {
	found, err := l.find("type=reconciliation.completed", time.Time{})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return []sign{l.say(signNone, "none")}, nil
	}
	seen := map[string]bool{}
	var signs []sign
	for _, f := range found {
		if f.Event == nil || seen[f.Event.Subject] {
			continue
		}
		seen[f.Event.Subject] = true
		outcome, _ := f.Event.Data.Get("outcome")
		state, word, values := signWell, "balanced", []any{"index", f.Index, "ago", l.since(f.Event.At)}
		switch {
		case outcome.Str != "balanced":
			state, word = signBad, "breaks"
		case l.now.Sub(f.Event.At) > reconcileStale:
			state, word, values = signBad, "stale", append(values, "bound", lasting(reconcileStale))
		}
		signs = append(signs, l.sayOf(f.Event.Subject, state, word, values...).of(f.Index))
	}
	return signs, nil
}

// lookAtConflicts counts what was submitted under an identity that another event
// has.
func lookAtConflicts(l *looking) ([]sign, error) {
	return l.lately(story.Type("submission.conflicted"))
}

// lookAtOverrides counts how often events were taken without witnesses.
func lookAtOverrides(l *looking) ([]sign, error) { return l.lately(story.Type("witness.overridden")) }

// lately says whether there was a record of a type within a week.
func (l *looking) lately(typ string) ([]sign, error) {
	found, err := l.find(fmt.Sprintf("type=%s recorded>=%s", typ, l.now.Add(-healthWeek).UTC().Format(time.RFC3339)), time.Time{})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return []sign{l.say(signWell, "none")}, nil
	}
	return []sign{l.say(signBad, "some", "n", len(found), "index", found[0].Index, "ago", l.since(found[0].Leaf.Entry.Recorded)).of(found[0].Index)}, nil
}

// lookAtFindings says whether findings of audits and authorities wait for longer
// than they may.
func lookAtFindings(l *looking) ([]sign, error) {
	found, err := l.find("type=finding.raised due=breached", l.now)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return []sign{l.say(signWell, "none")}, nil
	}
	return []sign{l.say(signBad, "some", "n", len(found), "index", found[0].Index).of(found[0].Index)}, nil
}

// lookAtKeys says which keys end soon, and which are lost.
func lookAtKeys(l *looking) ([]sign, error) {
	if l.open {
		return []sign{l.say(signNone, "none")}, nil
	}
	grants, err := l.ledger.Grants(l.ctx)
	if err != nil {
		return nil, err
	}
	var signs []sign
	active := 0
	for _, g := range grants {
		about := g.ID
		if g.Label != "" {
			about += " (" + g.Label + ")"
		}
		switch {
		case g.State == "lost":
			signs = append(signs, l.sayOf(about, signBad, "lost"))
		case g.State != "active":
		case !g.Expires.IsZero() && g.Expires.Before(l.now.Add(keySoon)):
			signs = append(signs, l.sayOf(about, signBad, "soon", "time", g.Expires, "left", lasting(g.Expires.Sub(l.now))))
		default:
			active++
		}
	}
	return append([]sign{l.say(signWell, "active", "n", active)}, signs...), nil
}
