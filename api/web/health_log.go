// SPDX-License-Identifier: Apache-2.0

package web

import (
	"time"

	"github.com/lendlog/lendlog/api/client"
)

// lookAtEvents says whether the ledger takes events.
func lookAtEvents(l *looking) ([]sign, error) {
	if why := l.status.Refusing; why != "" {
		return []sign{l.say(signBad, "refused", "why", why)}, nil
	}
	return []sign{l.say(signWell, "taken")}, nil
}

// clockSlack is by how much the newest record may be ahead of the clock of the
// server without somebody having to look into it.
const clockSlack = time.Minute

// lookAtNewest says how old the newest record is.
func lookAtNewest(l *looking) ([]sign, error) {
	if ahead := l.status.Recorded.Sub(l.now); ahead > clockSlack {
		return []sign{l.say(signBad, "ahead", "time", l.status.Recorded, "ahead", lasting(ahead))}, nil
	}
	return []sign{l.say(signWell, "recorded", "n", l.status.Size, "time", l.status.Recorded, "ago", l.since(l.status.Recorded))}, nil
}

// lookAtWitnesses holds the newest cosigned checkpoint against what the genesis
// record promises, and says how each witness does.
func lookAtWitnesses(l *looking) ([]sign, error) {
	w := l.status.Witnessing
	if w == nil {
		return []sign{l.say(signNone, "none")}, nil
	}
	promise := lasting(time.Duration(l.status.WitnessInterval) * time.Second)
	signs := []sign{l.say(signWell, "cosigned", "n", w.Size, "ago", l.since(w.At), "promise", promise, "rest", l.status.Size-w.Size)}
	switch {
	case w.At.IsZero():
		signs = []sign{l.say(signBad, "never", "promise", promise)}
	case w.Overdue:
		signs = []sign{l.say(signBad, "overdue", "n", w.Size, "ago", l.since(w.At), "promise", promise)}
	}
	for _, one := range w.Witnesses {
		switch {
		case one.Failing != "":
			signs = append(signs, l.sayOf(one.Name, signBad, "failing", "n", one.Failures, "why", one.Failing))
		case one.At.IsZero():
			signs = append(signs, l.sayOf(one.Name, signNone, "silent"))
		default:
			signs = append(signs, l.sayOf(one.Name, signWell, "one", "ago", l.since(one.At), "n", one.Cosigned))
		}
	}
	return signs, nil
}

// lookAtAnchors says of each place what its newest final anchor covers.
func lookAtAnchors(l *looking) ([]sign, error) {
	targets, err := l.ledger.Targets(l.ctx)
	if err != nil {
		return nil, err
	}
	if len(targets) == 0 {
		return []sign{l.say(signNone, "none")}, nil
	}
	var signs []sign
	for i := range targets {
		signs = append(signs, l.anchor(&targets[i]))
	}
	return signs, nil
}

// anchor says how anchoring in one place goes: what is worst of it.
func (l *looking) anchor(t *client.Target) sign {
	name := t.Name
	if t.Testnet {
		name += " (testnet)"
	}
	switch {
	case len(t.Alarms) > 0:
		return l.sayOf(name, signWrong, "alarm", "why", t.Alarms[0])
	case t.Degraded != "":
		return l.sayOf(name, signBad, "degraded", "why", t.Degraded)
	case t.Stale:
		return l.sayOf(name, signBad, "stale", "n", l.status.Size-t.Final, "time", t.Waiting, "ago", l.since(t.Waiting))
	case t.Failing != "":
		return l.sayOf(name, signBad, "failing", "why", t.Failing)
	case t.FinalTime.IsZero():
		return l.sayOf(name, signWell, "first")
	}
	return l.sayOf(name, signWell, "final", "n", t.Final, "size", l.status.Size, "time", t.FinalTime, "ago", l.since(t.FinalTime))
}
