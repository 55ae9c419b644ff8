// SPDX-License-Identifier: Apache-2.0

// Package stats counts what a ledger holds: its records, the decisions in them
// and how long they took, what was overridden, how loans went into arrears, and
// how much the ledger grows.
//
// A [Collector] is shown every leaf once and the stories of those subjects that
// it selects, in any order; what it holds does not grow with the ledger.
//
//	c := stats.New(head.Recorded)
//	for lf, err := range l.Leaves(ctx, head, nil) { … c.Leaf(lf.Bytes, lf.Leaf) }
//	for s, err := range l.Stories(ctx, head, c, nil) { … c.Story(s) }
//	report := c.Report(stats.Scope{})
//
// Records are counted from entries, where what is counted stands in the clear.
// Whether a record was voided or corrected is sealed, and so is how late a loan
// is: everything that is said of decisions and loans is of their stories, as
// they hold after corrections. Restricted records are counted as such and in
// nothing else.
//
// A [Scope] narrows what is said of decisions and loans to months and a product.
// These are statistics of monitoring: none of them is by a trait of a person.
package stats

import (
	"math"
	"time"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// A Basis says what a statistic is of.
type Basis struct {
	Population string `json:"population"` // in words
	Count      int64  `json:"count"`      // how many they are
	Method     string `json:"method"`     // how to compute it again
}

// A Report is the statistics of a ledger under one checkpoint.
type Report struct {
	AsOf           time.Time      `json:"asOf"` // the ledger's clock at the last record
	Scope          Scope          `json:"scope,omitzero"`
	Records        Records        `json:"records"`
	Decisions      Decisions      `json:"decisions"`
	Approval       Approval       `json:"approval"`
	TimeToDecision TimeToDecision `json:"timeToDecision"`
	Overrides      Overrides      `json:"overrides"`
	Delinquency    Delinquency    `json:"delinquency"`
	Growth         Growth         `json:"growth"`
	// Unclear is how many stories have a correction or voiding that cannot be
	// read any more, or more records than are read: what is said of them may
	// be wrong.
	Unclear int64 `json:"unclear"`
	// Products are the products of which there can be a scope, with the decisions
	// and loans of each.
	Products map[string]int64 `json:"products"`
	// Unscoped is how many decisions and loans are in no scope, because there
	// are too many months and products to be told apart.
	Unscoped int64 `json:"unscoped"`
}

// Records counts leaves.
type Records struct {
	Basis
	Restricted int64            `json:"restricted"`
	IndexRoots int64            `json:"indexRoots"`
	EntryBytes int64            `json:"entryBytes"`
	ByType     map[string]int64 `json:"byType"`
	ByMonth    map[string]int64 `json:"byMonth"` // in which they were recorded, UTC
	ByCapture  map[string]int64 `json:"byCapture"`
}

// Decisions counts decisions.
type Decisions struct {
	Basis
	ByOutcome map[string]int64            `json:"byOutcome"`
	ByReason  map[string]int64            `json:"byReason"`
	ByMode    map[string]int64            `json:"byMode"`
	ByMonth   map[string]map[string]int64 `json:"byMonth"` // of their business time, UTC; then by outcome
}

// A Share is a part of a whole with its 95 percent Wilson score interval.
type Share struct {
	Part  int64    `json:"part"`
	Value *float64 `json:"value"` // nil of nothing
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
}

// Approval is how many files were approved.
type Approval struct {
	Basis
	Approved Share `json:"approved"`
}

// TimeToDecision is how long applications waited.
type TimeToDecision struct {
	Basis
	Median *int64 `json:"medianSeconds"` // nil of nothing
	P90    *int64 `json:"p90Seconds"`
	// Earlier counts files whose decision lies before the application. They
	// are left out.
	Earlier int64           `json:"earlier"`
	ByMonth map[string]Wait `json:"byMonth"` // of the decision, UTC
}

// A Wait is how long the applications waited that were decided in one month.
type Wait struct {
	Count  int64 `json:"count"`
	Median int64 `json:"medianSeconds"`
	P90    int64 `json:"p90Seconds"`
}

// Overrides is how many decisions replaced another.
type Overrides struct {
	Basis
	Overrides   Share            `json:"overrides"`
	ByDirection map[string]int64 `json:"byDirection"` // such as "declined to approved"
	ByMonth     map[string]int64 `json:"byMonth"`     // of their business time, UTC
}

// Delinquency is how loans and lines of each month went into arrears.
type Delinquency struct {
	Basis
	Vintages []Vintage `json:"vintages"` // by month
	// Unplaced counts those that are in no vintage, because the time of their
	// origination cannot be read any more or there are too many months.
	Unplaced int64 `json:"unplaced"`
}

// A Vintage is the loans and lines of one month.
type Vintage struct {
	Month      string  `json:"month"` // of origination
	Originated int64   `json:"originated"`
	Ever       []Point `json:"ever"`
}

// A Point says how many loans of a vintage had ever been so many days past due
// by so many months on book, or charged off, which counts as 90 days.
type Point struct {
	MonthsOnBook int   `json:"monthsOnBook"`
	Past30       int64 `json:"past30"`
	Past60       int64 `json:"past60"`
	Past90       int64 `json:"past90"`
}

// Growth is what the ledger takes and will take.
type Growth struct {
	Basis
	Days           float64 `json:"days"`           // over which Count were recorded
	RecordsPerYear *int64  `json:"recordsPerYear"` // nil when that is less than a day
	Store          *Volume `json:"store,omitempty"`
	Mirror         *Volume `json:"mirror,omitempty"`
}

// A Volume is what one part of a ledger takes on disk, in bytes.
type Volume struct {
	Bytes     int64  `json:"bytes"`
	PerRecord int64  `json:"perRecord"`
	PerYear   *int64 `json:"perYear"` // at the current rate; nil when that is not known
}

// Other is the key of what has no room under a key of its own, and Unknown of
// what does not say its own.
const (
	Other   = "(other)"
	Unknown = "(unknown)"
)

// maxKeys bounds what is told apart: codes are a lender's own, and so are times.
const maxKeys = 1200

// count counts one under a key.
func count(m map[string]int64, key string) { add(m, key, 1) }

// add counts so many under a key.
func add(m map[string]int64, key string, n int64) {
	if key == "" {
		key = Unknown
	}
	if _, ok := m[key]; !ok && len(m) >= maxKeys {
		key = Other
	}
	m[key] += n
}

// MonthsOnBook are the ages at which vintages are looked at.
var MonthsOnBook = []int{1, 2, 3, 6, 9, 12, 18, 24, 36, 48, 60, 84, 120}

// recent is over how long the rate of growth is measured.
const recent = 30 * 24 * time.Hour

var (
	typeReceived   = story.Type("application.received")
	typeDecided    = story.Type("decision.made")
	typeDisbursed  = story.Type("loan.disbursed")
	typeOpened     = story.Type("line.opened")
	typeDelinquent = story.Type("delinquency.changed")
	typeChargedOff = story.Type("loan.charged-off")
)

// A Collector gathers the statistics of one ledger. It selects the stories that
// it has to be shown (ledger.Selection). Its other methods are not to be called
// concurrently.
type Collector struct {
	r        Report // what is counted of leaves, and unclear stories
	first    time.Time
	whole    *tally
	parts    map[part]*tally
	room     int // for keys of parts
	unscoped int64
}

// New returns a Collector of a ledger whose last record was recorded at asOf.
func New(asOf time.Time) *Collector {
	c := &Collector{whole: newTally(nil), parts: map[part]*tally{}, room: maxRoom}
	c.r.AsOf = asOf.UTC()
	for _, m := range []*map[string]int64{&c.r.Records.ByType, &c.r.Records.ByMonth, &c.r.Records.ByCapture} {
		*m = map[string]int64{}
	}
	return c
}

// Triggers implements ledger.Selection.
func (c *Collector) Triggers(typ string) bool {
	return typ == typeReceived || typ == typeDecided || typ == typeDisbursed || typ == typeOpened
}

// Reads implements ledger.Selection.
func (c *Collector) Reads(typ string) bool {
	return c.Triggers(typ) || typ == typeDelinquent || typ == typeChargedOff
}

// Member implements ledger.Selection.
func (c *Collector) Member(name string) bool {
	switch name {
	case "outcome", "reasonCodes", "decisionMode", "use", "overrideOf", "daysPastDue", "monthsPastDue", "asOf", "chargeOffDate", "product":
		return true
	}
	return false
}

// Leaf counts a leaf.
func (c *Collector) Leaf(entry []byte, leaf record.Leaf) {
	r := &c.r.Records
	r.Count++
	r.EntryBytes += int64(len(entry))
	e := leaf.Entry
	if e == nil {
		r.IndexRoots++
		return
	}
	if c.first.IsZero() || e.Recorded.Before(c.first) {
		c.first = e.Recorded
	}
	if c.r.AsOf.Sub(e.Recorded) < recent {
		c.r.Growth.Count++
	}
	if e.Type == record.TypeRestricted {
		r.Restricted++
		return
	}
	count(r.ByType, e.Type)
	count(r.ByMonth, month(e.Recorded))
	count(r.ByCapture, e.Capture)
}

// month writes the month of a time, "" of none.
func month(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(monthLayout)
}

// Story counts what a story tells.
func (c *Collector) Story(s *story.Story) { c.Count(Tell(s), 1) }

// Report returns the statistics of what was counted so far, of what lies within
// a scope. Records and growth are always those of the whole ledger.
func (c *Collector) Report(scope Scope) *Report {
	r := c.r
	r.Records.ByType, r.Records.ByMonth, r.Records.ByCapture = nonzero(r.Records.ByType), nonzero(r.Records.ByMonth), nonzero(r.Records.ByCapture)
	r.Scope, r.Products, r.Unscoped = scope, c.products(), c.unscoped
	r.Records.Population, r.Records.Method = "all leaves of the ledger", "count the entries under the checkpoint by type, month of recorded, and capture; restricted ones by nothing"
	c.within(scope).report(&r)
	r.TimeToDecision.ByMonth, r.Overrides.ByMonth = c.months(scope)
	r.Growth.Population, r.Growth.Method = "records of the last 30 days, or of as many as there are", "their number by that time; bytes on disk by all records"
	if window := min(recent, r.AsOf.Sub(c.first)); !c.first.IsZero() {
		r.Growth.Days = round(window.Hours() / 24)
		if window >= 24*time.Hour {
			year := int64(math.Round(float64(r.Growth.Count) * float64(365*24*time.Hour) / float64(window)))
			r.Growth.RecordsPerYear = &year
		}
	}
	return &r
}

// OnDisk adds what the ledger takes on disk.
func (r *Report) OnDisk(store, mirror int64) {
	volume := func(bytes int64) *Volume {
		v := &Volume{Bytes: bytes}
		if n := r.Records.Count; n > 0 {
			v.PerRecord = bytes / n
			if y := r.Growth.RecordsPerYear; y != nil {
				year := int64(float64(bytes) / float64(n) * float64(*y))
				v.PerYear = &year
			}
		}
		return v
	}
	r.Growth.Store, r.Growth.Mirror = volume(store), volume(mirror)
}

// of computes the share of a whole.
func (s *Share) of(whole int64) {
	if whole == 0 {
		return
	}
	value, low, high := wilson(s.Part, whole)
	s.Value, s.Low, s.High = &value, &low, &high
}

// wilson returns a share and its 95 percent Wilson score interval, to six
// places.
func wilson(part, whole int64) (value, low, high float64) {
	const z = 1.959963984540054
	n := float64(whole)
	p := float64(part) / n
	center := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return round(p), round(max(0, center-half)), round(min(1, center+half))
}

func round(x float64) float64 { return math.Round(x*1e6) / 1e6 }
