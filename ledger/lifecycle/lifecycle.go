// SPDX-License-Identifier: Apache-2.0

// Package lifecycle makes synthetic credit files: the whole story of each
// application and the loan that comes of it, from the consent to the closing,
// and what a lender keeps around them, as the events of a ledger.
//
// The same [Config] gives the same bytes, on every machine: all draws and all
// amounts are of integers. Nothing in them is of a person. Whoever looks at an
// event sees that it is synthetic: source and subject say so, and so do names
// and the numbers of things.
//
// # What the book is like
//
// Of a thousand applications 850 are for loans, each with a file, and 150 for
// lines of credit. Loans are instalment loans (74 percent), car loans (22) and
// home loans (4), in the United States (45), Europe (30) and China (25). Of the
// applications 60 percent lead to a loan, a few of them by way of a counteroffer
// or a review; 29 are declined, 7.5 withdrawn or never completed, and 3.5
// approved and not taken up. Of the loans 48 percent are paid as agreed, 34 paid
// off early (8.5 by another loan), 10 fall into arrears and recover, 3.5 are
// charged off, half of these with recoveries, 1.5 are restructured, 2 sold, and
// in Europe one in a hundred is given back within days. 2 percent have a
// complaint. Home loans are reviewed every year, and repriced outside the United
// States. Amounts, incomes, rates and scores are drawn from the tables of
// quantiles in place.go and file.go. A file has 26 events on average and a line
// 47, of 860 bytes.
//
// All applications are of the thirty months from March 2019 on, so that every
// story is over: nothing in it is due any more, and no rule is broken, but for
// the faults that were asked for.
package lifecycle

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// A Config says which book is made.
type Config struct {
	Loans int    // applications, for loans and lines
	Seed  uint64 // any number
	// Faults is how many stories break a rule or an obligation, each of them
	// one. No more than Loans.
	Faults int
	// Window is how many stories at a time are told at once, their events in
	// the order of their times, as a ledger sees them; 0 tells one after the
	// other. What is held in memory is that many stories.
	Window int
	// Live leaves out the mark of imported events. A ledger marks them as late
	// then.
	Live bool
}

// An Event is one event of the book.
type Event struct {
	Subject  string
	Time     time.Time // business time
	Document []byte    // CloudEvents JSON in one line
	Last     bool      // of its subject
	Fault    *Fault    // of the last event, what was planted in the story, or nil
}

// A Fault is an entry of the answer sheet: a rule or an obligation that a
// story breaks.
type Fault struct {
	Kind    string   `json:"fault"`   // id of the rule or obligation
	Subject string   `json:"subject"` // of the story
	Events  []string `json:"events"`  // ids of the events at fault
	Done    string   `json:"done"`    // what was done
}

// A Book is a synthetic loan book.
type Book struct {
	config Config
	house  []houseStory
	plan   []*breach // the kinds of faults in the order in which they are planted
}

// New returns the book of a configuration.
func New(c Config) (*Book, error) {
	switch {
	case c.Loans < 1:
		return nil, fmt.Errorf("couldn't make a book of %d loans: it has at least one", c.Loans)
	case c.Faults < 0 || c.Faults > c.Loans:
		return nil, fmt.Errorf("couldn't plant %d faults in %d loans: a loan has one at most", c.Faults, c.Loans)
	case c.Window < 0:
		return nil, fmt.Errorf("couldn't tell %d stories at a time", c.Window)
	}
	b := &Book{config: c, house: house()}
	d := draw(mix(c.Seed ^ 0xfa))
	for i := range breaches {
		b.plan = append(b.plan, &breaches[i])
	}
	for i := range b.plan {
		j := d.below(int64(i + 1))
		b.plan[i], b.plan[j] = b.plan[j], b.plan[i]
	}
	return b, nil
}

// Events yields the events of the book, in the order of each story and, of the
// stories in a window, of their times. It can be called again, and concurrently.
func (b *Book) Events() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		var window []Event
		told := 0
		flush := func() bool {
			slices.SortStableFunc(window, func(a, b Event) int { return a.Time.Compare(b.Time) })
			for _, e := range window {
				if !yield(e) {
					return false
				}
			}
			window, told = window[:0], 0
			return true
		}
		for events := range b.stories() {
			window = append(window, events...)
			if told++; told >= b.config.Window && !flush() {
				return
			}
		}
		flush()
	}
}

// stories yields the events of each story. The slice is used again, the
// documents are not.
func (b *Book) stories() iter.Seq[[]Event] {
	return func(yield func([]Event) bool) {
		s := &story{live: b.config.Live}
		f := &file{story: s}
		var events []Event
		tell := func() bool {
			events = s.tellEvents(events[:0])
			return yield(events)
		}
		base := mix(b.config.Seed)
		for i, h := range b.house {
			s.beginHouse(mix(base^uint64(i+1)<<40), h)
			if !tell() {
				return
			}
		}
		planted := 0
		for i := range b.config.Loans {
			// mix takes no two numbers to the same one, so that no two
			// subjects are the same.
			seed := mix(base + uint64(i))
			var fault *breach
			if planted < b.config.Faults && int64(i) == int64(planted)*int64(b.config.Loans)/int64(b.config.Faults) {
				fault = b.plan[planted%len(b.plan)]
				planted++
			}
			if fault != nil && fault.house != nil {
				// The lender's own records break it, in a story added for it.
				s.beginHouse(mix(base^uint64(i+1+len(b.house))<<40), houseStory{kind: fault.of, tell: fault.house})
				s.plant(fault)
				if !tell() {
					return
				}
				fault = nil
			}
			f.tellOne(seed, b.party(base, i, seed), fault)
			s.plant(fault)
			if !tell() {
				return
			}
		}
	}
}

// party returns who applies: one in six was here before.
func (b *Book) party(base uint64, i int, seed uint64) string {
	d := draw(seed ^ 1)
	if i > 0 && d.once(6) {
		seed = mix(base + uint64(d.below(int64(i))))
	}
	return "syn-party-" + base32(mix(seed^0xacc))
}

// tellOne tells the story of a file or a line, such that the fault can be
// planted in it.
func (f *file) tellOne(seed uint64, party string, fault *breach) {
	d := draw(seed ^ 2)
	fate, kind := d.fate(), "file"
	if d.permille(150) {
		kind = "line"
	}
	if fault != nil {
		kind, fate = fault.of, fate.plain()
		if fault.needs != nil {
			fault.needs(&fate)
		}
	}
	fate.settle(&d)
	f.begin(seed, kind, fate.where)
	f.party = party
	if kind == "line" {
		l := line{story: f.story, cuts: fate.cut}
		l.run()
		return
	}
	f.fate = fate
	if f.apply() {
		f.sign()
		f.service()
	}
	f.afterwards()
}

// tellEvents appends the events of the story as they are submitted.
func (s *story) tellEvents(events []Event) []Event {
	s.inOrder()
	b := make([]byte, 0, 1000*len(s.events))
	for _, e := range s.events {
		at := len(b)
		b = s.appendDocument(b, e)
		events = append(events, Event{Subject: s.subject, Time: time.UnixMilli(e.at).UTC(), Document: b[at:len(b):len(b)]})
	}
	last := &events[len(events)-1]
	last.Last, last.Fault = true, s.fault
	return events
}
