// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"
	"strconv"
	"time"
)

// A story is a subject's records while they are being made.
type story struct {
	draw
	place        *place
	jurisdiction string
	subject      string
	party        string
	live         bool // not marked as imported
	now          int64
	events       []*event
	fault        *Fault   // that was planted
	spare        []*event // of an earlier story, to be used again
}

// begin forgets the story before and begins that of another subject.
func (s *story) begin(seed uint64, kind string, p *place) {
	s.spare = append(s.spare, s.events...)
	s.events = s.events[:0]
	s.draw, s.fault = draw(seed), nil
	s.place, s.jurisdiction, s.party = p, one(&s.draw, p.regions...), ""
	s.subject = kind + "/SYN-" + p.code + "-" + base32(seed)
}

// tell makes an event of now.
func (s *story) tell(typ string) *event {
	var e *event
	if n := len(s.spare); n > 0 {
		e, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		e = new(event)
	}
	*e = event{typ: typ, at: s.now, id: uuid(s.now, &s.draw), members: e.members[:0]}
	s.events = append(s.events, e)
	return e
}

// because says which event an event follows from.
func (e *event) because(cause *event) *event {
	if cause != nil {
		e.cause = cause.id
	}
	return e
}

// wait lets time pass, up to the second.
func (s *story) wait(low, high time.Duration) {
	s.now += s.between(low.Milliseconds(), high.Milliseconds())
}

// on goes to a time of a day at which people work where the story plays. Time
// never goes back: on a day that is over it passes for a minute at most.
func (s *story) on(day int64) {
	at := day*dayMillis + (9-s.place.offset)*3_600_000 + s.below(8*3_600_000)
	if at <= s.now {
		at = s.now + s.between(1000, 60_000)
	}
	s.now = at
}

// after goes to one of the days after today.
func (s *story) after(low, high int64) { s.on(s.today() + s.between(low, high)) }

func (s *story) today() int64 { return s.now / dayMillis }

// The lender's staff, in groups that have nobody in common.
const (
	officers   = 1 // who decide
	initiators = 2 // of a classification or a request
	confirmers = 3
	approvers  = 4
	reviewers  = 5
	agents     = 6 // who call
	operators  = 7 // who ask bureaus
	owners     = 8 // of models, policies and reserves
	grantors   = 9 // of authority
)

const groupSize = 25

func staffID(group, n int64) string { return "syn-staff-" + strconv.FormatInt(100*group+n, 10) }

// staff draws one of a group.
func (s *story) staff(group int64) value { return text(staffID(group, s.below(groupSize))) }

// inOrder puts the events into the order of their times.
func (s *story) inOrder() {
	slices.SortStableFunc(s.events, func(a, b *event) int { return int(max(-1, min(1, a.at-b.at))) })
}

// first returns the first event of a type, or nil; last the last.
func (s *story) first(typ string) *event {
	for _, e := range s.events {
		if e.typ == typ {
			return e
		}
	}
	return nil
}

func (s *story) last(typ string) *event {
	for _, e := range slices.Backward(s.events) {
		if e.typ == typ {
			return e
		}
	}
	return nil
}

// drop takes an event out of the story.
func (s *story) drop(e *event) {
	s.events = slices.DeleteFunc(s.events, func(x *event) bool { return x == e })
}
