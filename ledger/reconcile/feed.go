// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/lendlog/lendlog/ledger/story"
)

// An Arrival is a record as far as it says what its producer sent. A producer
// is known by the source of its events.
type Arrival struct {
	Index    int64
	Source   string // "" where it cannot be read any more
	Sequence string // "" where it has none
	Time     time.Time
	// Heartbeat and Batch are what a record of feed.heartbeat or batch.closed
	// says; nil of others.
	Heartbeat *Heartbeat
	Batch     *Batch
}

// A Heartbeat is what a producer says of itself.
type Heartbeat struct {
	Last     int64         // number of the last event that it sent
	Dropped  int64         // events that were lost since it began
	Interval time.Duration // after which the next heartbeat is due; 0 where it does not say
}

// A Batch is what a producer, or somebody for it, says that it sent.
type Batch struct {
	Source      string // of its events; "" is that of the record
	First, Last int64  // their numbers; 0 where it does not say
}

// Feeds gathers what arrived of every producer. It holds sixteen bytes for each
// record that has a number.
type Feeds struct {
	period    Period
	from, to  time.Time // zero where the period is open
	now       time.Time
	grace     time.Duration
	producers map[string]*producer
	report    FeedReport
}

type producer struct {
	numbers               []number
	unnumbered, unordered int64 // in the period
	plain                 bool  // some record has no number
	beats                 []beat
	before                int64 // greatest number known of before the period, -1 for none
	first, last           int64 // numbers that batches and heartbeats in the period speak of, -1 for none
}

// A number is that of a record. Its index is negative, by ^, when it lies in
// the period.
type number struct{ n, index int64 }

func (n number) at() int64 { return max(n.index, ^n.index) }

type beat struct {
	Heartbeat
	index int64
	time  time.Time
}

// A FeedReport says what of each producer did not arrive in a period.
type FeedReport struct {
	Period    Period     `json:"period"`
	Producers []Producer `json:"producers"` // by their sources
	// Unreadable are the records whose source or number cannot be read any
	// more: a number that is missing may be theirs.
	Unreadable int64 `json:"unreadable"`
}

// A Producer is what arrived of one source in a period.
type Producer struct {
	Source   string `json:"source"`
	Numbered int64  `json:"numbered"` // records with a number
	// Unnumbered are the records without a sequence, Unordered those whose
	// sequence is not an integer in decimal digits. Heartbeats and closed
	// batches, which speak of the others, are of neither.
	Unnumbered int64 `json:"unnumbered"`
	Unordered  int64 `json:"unordered"`
	Heartbeats int64 `json:"heartbeats"`
	// Said is the last number that heartbeats and batches in the period say was
	// sent, where nothing can be missed: no record of the source has a number.
	Said *int64 `json:"said,omitempty"`

	// Missing are the numbers that no record of the ledger has, after the last
	// one before the period up to the last one in it that arrived or that the
	// producer says it sent; MissingCount is how many these are.
	Missing      []Range   `json:"missing"`
	MissingCount int64     `json:"missingCount"`
	Doubled      []Double  `json:"doubled"`
	Late         []Silence `json:"late"`
	// Dropped is how many events the producer itself says it lost in the
	// period, by the records that say so.
	Dropped   int64   `json:"dropped"`
	DroppedBy []int64 `json:"droppedBy"`
}

// A Range is the numbers from one to another, both included.
type Range struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// A Double is a number that several records have.
type Double struct {
	Number  int64   `json:"number"`
	Records []int64 `json:"records"` // their indexes
}

// A Silence is a time without the heartbeat that was due.
type Silence struct {
	After int64      `json:"after"`          // index of the heartbeat before it
	Due   time.Time  `json:"due"`            // of the next
	Next  *int64     `json:"next,omitempty"` // index of the one that came; nil where none has
	Until *time.Time `json:"until,omitempty"`
}

// Broken returns how many gaps, doubles and silences there are, and events that
// were dropped.
func (p *Producer) Broken() int64 {
	return p.MissingCount + int64(len(p.Doubled)+len(p.Late)) + p.Dropped
}

// Broken returns what all producers have of it.
func (r *FeedReport) Broken() int64 {
	var n int64
	for i := range r.Producers {
		n += r.Producers[i].Broken()
	}
	return n
}

// Whole reports whether everything could be read, and held against a number
// where its producer speaks of numbers.
func (r *FeedReport) Whole() bool {
	return r.Unreadable == 0 && !slices.ContainsFunc(r.Producers, func(p Producer) bool { return p.Said != nil })
}

// NewFeeds gathers what arrived in a period, whose days are those of a zone. A
// heartbeat may come so much later than it is due; the next one is due until
// now, or the end of the period where that is earlier.
func NewFeeds(period Period, zone *time.Location, now time.Time, grace time.Duration) *Feeds {
	f := &Feeds{period: period, now: now, grace: grace, producers: map[string]*producer{}}
	f.from, f.to = period.Times(zone)
	f.report = FeedReport{Period: period, Producers: []Producer{}}
	return f
}

// maxNumber is beyond what a producer counts to, and leaves room to count on.
const maxNumber = 1<<62 - 1

// Add takes a record. Records come in any order, and those outside of the
// period too: a number that one of them has is not missing.
func (f *Feeds) Add(a Arrival) {
	in := f.in(a.Time)
	if a.Source == "" {
		if in {
			f.report.Unreadable++
		}
		return
	}
	p := f.of(a.Source)
	n, err := strconv.ParseInt(a.Sequence, 10, 64)
	switch {
	case err == nil && n >= 0 && n <= maxNumber:
		index := a.Index
		if in {
			index = ^index
		}
		p.numbers = append(p.numbers, number{n, index})
		f.spoken(p, n, n, a.Time, false)
	case a.Heartbeat != nil || a.Batch != nil: // these speak of the others
	case in && a.Sequence == "":
		p.unnumbered++
	case in:
		p.unordered++
	}
	p.plain = p.plain || a.Heartbeat == nil && a.Batch == nil
	if h := a.Heartbeat; h != nil {
		p.beats = append(p.beats, beat{*h, a.Index, a.Time})
		f.spoken(p, -1, h.Last, a.Time, true)
	}
	if b := a.Batch; b != nil && b.Last > 0 {
		of := p
		if b.Source != "" {
			of = f.of(b.Source)
		}
		first := b.First
		if first == 0 {
			first = -1
		}
		f.spoken(of, first, b.Last, a.Time, true)
	}
}

func (f *Feeds) of(source string) *producer {
	p := f.producers[source]
	if p == nil {
		p = &producer{before: -1, first: -1, last: -1}
		f.producers[source] = p
	}
	return p
}

// in reports whether a time lies in the period.
func (f *Feeds) in(t time.Time) bool {
	return !t.Before(f.from) && (f.to.IsZero() || t.Before(f.to))
}

// spoken takes note of numbers that were sent by a time. In the period those
// of records themselves are looked at in the end.
func (f *Feeds) spoken(p *producer, first, last int64, t time.Time, claimed bool) {
	switch {
	case t.Before(f.from):
		p.before = max(p.before, last)
	case claimed && f.in(t):
		p.last = max(p.last, last)
		if first >= 0 && (p.first < 0 || first < p.first) {
			p.first = first
		}
	}
}

// Report says what did not arrive. It ends the gathering.
func (f *Feeds) Report() *FeedReport {
	for _, source := range slices.Sorted(maps.Keys(f.producers)) {
		out := Producer{Source: source, Missing: []Range{}, Doubled: []Double{}, Late: []Silence{}, DroppedBy: []int64{}}
		p := f.producers[source]
		out.Unnumbered, out.Unordered = p.unnumbered, p.unordered
		f.count(p, &out)
		f.listen(p, &out)
		if out.Numbered+out.Unnumbered+out.Unordered+out.Heartbeats+out.Broken() > 0 || out.Said != nil {
			f.report.Producers = append(f.report.Producers, out)
		}
	}
	return &f.report
}

// count finds numbers that are missing or doubled.
func (f *Feeds) count(p *producer, out *Producer) {
	if len(p.numbers) == 0 && p.plain {
		if p.last >= 0 {
			out.Said = &p.last
		}
		return
	}
	slices.SortFunc(p.numbers, func(a, b number) int { return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.at(), b.at())) })
	least, last := p.first, p.last
	for _, n := range p.numbers {
		if n.index < 0 {
			out.Numbered++
			if last = max(last, n.n); least < 0 || n.n < least {
				least = n.n
			}
		}
	}
	// Where nothing is known of before the period, it begins with the first
	// number that anybody speaks of.
	next := p.before + 1
	switch {
	case p.before >= 0:
	case least >= 0:
		next = least
	default:
		next = f.firstBeat(p) + 1
	}
	gap := func(to int64) {
		if next <= to {
			out.Missing = append(out.Missing, Range{next, to})
			out.MissingCount += to - next + 1
		}
	}
	for i := 0; i < len(p.numbers); {
		n, run, in := p.numbers[i].n, i, false
		for ; i < len(p.numbers) && p.numbers[i].n == n; i++ {
			in = in || p.numbers[i].index < 0
		}
		if in && i-run > 1 {
			d := Double{Number: n}
			for _, same := range p.numbers[run:i] {
				d.Records = append(d.Records, same.at())
			}
			out.Doubled = append(out.Doubled, d)
		}
		if n >= next && n <= last {
			gap(n - 1)
			next = n + 1
		}
	}
	gap(last)
}

// firstBeat returns the number that the first heartbeat in the period tells.
func (f *Feeds) firstBeat(p *producer) int64 {
	first := -1
	for i, b := range p.beats {
		if f.in(b.time) && (first < 0 || b.time.Before(p.beats[first].time)) {
			first = i
		}
	}
	if first < 0 {
		return p.last
	}
	return p.beats[first].Last
}

// listen finds heartbeats that are late, and what they say was dropped.
func (f *Feeds) listen(p *producer, out *Producer) {
	slices.SortFunc(p.beats, func(a, b beat) int { return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.index, b.index)) })
	end := f.now
	if !f.to.IsZero() && f.to.Before(end) {
		end = f.to
	}
	dropped := int64(0)
	for i, b := range p.beats {
		if f.in(b.time) {
			out.Heartbeats++
			lost := b.Dropped - dropped
			if lost < 0 { // it began again
				lost = b.Dropped
			}
			if lost > 0 {
				out.Dropped += lost
				out.DroppedBy = append(out.DroppedBy, b.index)
			}
		}
		dropped = b.Dropped
		if b.Interval <= 0 {
			continue
		}
		s := Silence{After: b.index, Due: b.time.Add(b.Interval).UTC()}
		until := end
		if i+1 < len(p.beats) {
			next := p.beats[i+1]
			at := next.time.UTC()
			s.Next, s.Until, until = &next.index, &at, at
		}
		// A silence counts in every period that it reaches into.
		if until.After(s.Due.Add(f.grace)) && until.After(f.from) && s.Due.Before(end) {
			out.Late = append(out.Late, s)
		}
	}
}

// NewArrival reads what a record says of its producer; sequence is that of its event,
// "" where it has none.
func NewArrival(told *story.Record, sequence string) Arrival {
	a := Arrival{Index: told.Index, Source: told.Source, Time: told.Time, Sequence: sequence}
	count := func(name string) int64 {
		v, _ := told.Data.Get(name)
		return v.Int
	}
	switch told.Type {
	case story.Type("feed.heartbeat"):
		// Beyond a year it is no interval, and would overflow.
		seconds := min(count("intervalSeconds"), 366*24*60*60)
		a.Heartbeat = &Heartbeat{Last: count("producerSequence"), Dropped: count("dropped"), Interval: time.Duration(seconds) * time.Second}
	case story.Type("batch.closed"):
		source, _ := told.Data.Get("feedSource")
		a.Batch = &Batch{Source: source.Str, First: count("firstSequence"), Last: count("lastSequence")}
	}
	return a
}
