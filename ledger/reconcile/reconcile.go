// SPDX-License-Identifier: Apache-2.0

// Package reconcile holds what a ledger has against what other sources say:
// amounts against an outside file, such as a general ledger, and what arrived
// against the numbers that producers gave it.
//
// A ledger proves that nothing of what was submitted was changed or dropped.
// What was never submitted, only somebody else can show.
package reconcile

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/lendlog/lendlog/ledger/story"
)

// An Item is one amount on one day, under a key that both sides know it by.
type Item struct {
	Key      string `json:"-"`                  // "" where the record has none
	Amount   string `json:"amount,omitempty"`   // exact, signed; "" where the record has none
	Currency string `json:"currency,omitempty"` // ISO 4217
	Date     string `json:"date,omitempty"`     // YYYY-MM-DD; "" where the file has no dates
	Place    int64  `json:"place"`              // line of the file, or index of the record
	// Unreadable says that the key of the record was destroyed, so that what is
	// empty may have been there. Such an item is counted and not compared.
	Unreadable bool `json:"-"`
}

// A Kind says what is wrong with an item.
type Kind string

// The kinds of breaks.
const (
	MissingInLedger Kind = "missing-in-ledger"
	MissingInFile   Kind = "missing-in-file"
	Differs         Kind = "differs"
	DoubledInLedger Kind = "doubled-in-ledger"
	DoubledInFile   Kind = "doubled-in-file"
)

// Kinds are all kinds of breaks.
var Kinds = []Kind{MissingInLedger, MissingInFile, Differs, DoubledInLedger, DoubledInFile}

// A Break is an item that the two sides do not have alike.
type Break struct {
	Kind    Kind     `json:"kind"`
	Key     string   `json:"key"`
	Differs []string `json:"differs,omitempty"` // of amount, currency and date
	// Ledger and File are the item on either side, nil where it is missing. Of
	// an item that is doubled, the other side is what the first one is held
	// against.
	Ledger *Item `json:"ledger,omitempty"`
	File   *Item `json:"file,omitempty"`
	// Doubles is the place of the first one of an item that is doubled.
	Doubles int64 `json:"doubles,omitempty"`
}

// A Total is what one side has in the period.
type Total struct {
	Count int64 `json:"count"`
	Sums  []Sum `json:"sums"` // one a currency, sorted
}

// A Sum is the sum of the amounts of one currency.
type Sum struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// A Report says how two sides compare.
type Report struct {
	Period Period         `json:"period"`
	Ledger Total          `json:"ledger"`
	File   Total          `json:"file"`
	Counts map[Kind]int64 `json:"counts"` // of all breaks, whatever is listed
	// Breaks are listed by their keys, as many as were asked for.
	Breaks []Break `json:"breaks"`
	// Rejected are the rows of the file that could not be read, Unreadable the
	// records of which key or amount cannot be read any more, Unclear the
	// subjects with more records than can be read, or with a correction that
	// cannot be. None of these was compared.
	Rejected   int64 `json:"rejected"`
	Unreadable int64 `json:"unreadable"`
	Unclear    int64 `json:"unclear"`
}

// Broken returns how many breaks there are.
func (r *Report) Broken() int64 {
	var n int64
	for _, k := range Kinds {
		n += r.Counts[k]
	}
	return n
}

// Whole reports whether everything could be compared.
func (r *Report) Whole() bool { return r.Rejected+r.Unreadable+r.Unclear == 0 }

// A Comparison takes all items of a file, then those of a ledger, and finds
// the breaks.
//
// Items are held against each other that have the same key and the same sign,
// so that a payment and its reversal may share a key. Of these, whatever is the
// same on both sides is matched first, in amount, currency and date; what is
// left is paired, and differs; what is left of one side then is doubled, or
// missing on the other side where nothing with its key is there. An item counts
// in the period when its date does; one that does not is only held against
// those that do, so that a date that was changed is found as such.
//
// What a Comparison holds grows with the file and with the breaks, and not with
// the ledger.
type Comparison struct {
	period Period
	dated  bool // the file has dates
	rows   []row
	sealed bool   // rows are sorted
	left   []Item // of the ledger, that match none
	words  map[string]string
	report Report
	sums   [2]map[string]story.Decimal // of ledger and file
}

// A row is an item of the file.
type row struct {
	Item
	match int64 // index of the record that it matches, 0 for none
	taken int32 // in the first of rows that are the same: how many of them match
}

// New returns a comparison of a period, in which a file without dates lies as
// a whole.
func New(period Period, dated bool) *Comparison {
	return &Comparison{
		period: period, dated: dated, words: map[string]string{},
		report: Report{Period: period, Counts: map[Kind]int64{}, Breaks: []Break{}},
		sums:   [2]map[string]story.Decimal{{}, {}},
	}
}

// File takes an item of the file. All of them come before the first one of the
// ledger.
func (c *Comparison) File(it Item) {
	if c.sealed {
		panic("internal error: an item of the file comes after one of the ledger")
	}
	// Days and currencies are few.
	it.Currency, it.Date = c.word(it.Currency), c.word(it.Date)
	if c.in(&it) {
		c.count(1, &c.report.File, &it)
	}
	c.rows = append(c.rows, row{Item: it})
}

// Reject takes note of a row of the file that could not be read.
func (c *Comparison) Reject() { c.report.Rejected++ }

func (c *Comparison) word(s string) string {
	w, ok := c.words[s]
	if !ok {
		w = strings.Clone(s)
		c.words[w] = w
	}
	return w
}

// Story takes the items of a subject.
func (c *Comparison) Story(s *story.Story, of *Records) {
	if s.Unclear {
		c.report.Unclear++
	}
	for it := range of.Items(s) {
		c.Ledger(it)
	}
}

// Ledger takes an item of the ledger.
func (c *Comparison) Ledger(it Item) {
	c.seal()
	in := c.in(&it)
	if it.Unreadable {
		if in {
			c.report.Unreadable++
		}
		return
	}
	if in {
		c.count(0, &c.report.Ledger, &it)
	}
	at := sort.Search(len(c.rows), func(i int) bool { return c.compare(&c.rows[i].Item, &it) >= 0 })
	if at < len(c.rows) && c.compare(&c.rows[at].Item, &it) == 0 && (in || c.dated) {
		first := &c.rows[at]
		if next := at + int(first.taken); next < len(c.rows) && c.compare(&c.rows[next].Item, &it) == 0 {
			first.taken++
			c.rows[next].match = it.Place
			return
		}
	}
	if in || c.known(&it) {
		c.left = append(c.left, it)
	}
}

// seal sorts the file once all of it is there.
func (c *Comparison) seal() {
	if !c.sealed {
		slices.SortFunc(c.rows, func(a, b row) int { return c.order(&a.Item, &b.Item) })
		c.sealed = true
	}
}

// known reports whether the file has an item of the same key and sign.
func (c *Comparison) known(it *Item) bool {
	at := sort.Search(len(c.rows), func(i int) bool { return group(&c.rows[i].Item, it) >= 0 })
	return at < len(c.rows) && group(&c.rows[at].Item, it) == 0
}

// in reports whether an item lies in the period.
func (c *Comparison) in(it *Item) bool { return it.Date == "" || c.period.Contains(it.Date) }

func (c *Comparison) count(side int, t *Total, it *Item) {
	t.Count++
	if d, ok := story.ParseDecimal(it.Amount); ok {
		c.sums[side][it.Currency] = c.sums[side][it.Currency].Add(d)
	}
}

// normal is an amount without the zeros behind its point that say nothing.
func normal(amount string) string {
	if strings.Contains(amount, ".") {
		amount = strings.TrimSuffix(strings.TrimRight(amount, "0"), ".")
	}
	if amount == "-0" {
		return "0"
	}
	return amount
}

// negated returns an amount with the other sign.
func negated(amount string) string {
	if s, ok := strings.CutPrefix(amount, "-"); ok || amount == "" {
		return s
	}
	return "-" + amount
}

// group orders items by key and sign.
func group(a, b *Item) int {
	sign := func(it *Item) int {
		if strings.HasPrefix(normal(it.Amount), "-") {
			return 1
		}
		return 0
	}
	return cmp.Or(strings.Compare(a.Key, b.Key), cmp.Compare(sign(a), sign(b)))
}

// compare is 0 of items that are the same.
func (c *Comparison) compare(a, b *Item) int {
	if n := cmp.Or(group(a, b), strings.Compare(normal(a.Amount), normal(b.Amount)), strings.Compare(a.Currency, b.Currency)); n != 0 || !c.dated {
		return n
	}
	return strings.Compare(a.Date, b.Date)
}

// order sorts items such that those that are the same lie side by side.
func (c *Comparison) order(a, b *Item) int {
	return cmp.Or(c.compare(a, b), cmp.Compare(a.Place, b.Place))
}

// Report ends the comparison. It lists at most so many breaks.
func (c *Comparison) Report(limit int) *Report {
	c.seal()
	slices.SortFunc(c.left, func(a, b Item) int { return c.order(&a, &b) })
	rows, left := c.rows, c.left
	for len(rows)+len(left) > 0 {
		first := Item{}
		switch {
		case len(left) == 0 || len(rows) > 0 && group(&rows[0].Item, &left[0]) <= 0:
			first = rows[0].Item
		default:
			first = left[0]
		}
		n, m := 0, 0
		for n < len(rows) && group(&rows[n].Item, &first) == 0 {
			n++
		}
		for m < len(left) && group(&left[m], &first) == 0 {
			m++
		}
		c.settle(rows[:n], left[:m], limit)
		rows, left = rows[n:], left[m:]
	}
	c.report.Ledger.Sums, c.report.File.Sums = sums(c.sums[0]), sums(c.sums[1])
	return &c.report
}

func sums(of map[string]story.Decimal) []Sum {
	out := []Sum{}
	for currency, d := range of {
		out = append(out, Sum{d.String(), currency})
	}
	slices.SortFunc(out, func(a, b Sum) int { return strings.Compare(a.Currency, b.Currency) })
	return out
}

// settle finds the breaks among the items of one key and sign.
func (c *Comparison) settle(rows []row, left []Item, limit int) {
	var open []Item
	var file, ledger *Item // the first ones, which others double
	for i := range rows {
		if r := &rows[i]; r.match == 0 {
			open = append(open, r.Item)
		} else if file == nil {
			matched := r.Item
			matched.Place = r.match
			file, ledger = &r.Item, &matched
		}
	}
	if len(open)+len(left) == 0 {
		return
	}
	// What is in the period is paired first.
	early := func(a, b Item) int { return cmp.Compare(outside(c, &a), outside(c, &b)) }
	slices.SortStableFunc(open, early)
	left = slices.Clone(left)
	slices.SortStableFunc(left, early)
	add := func(b Break) {
		c.report.Counts[b.Kind]++
		if len(c.report.Breaks) < limit {
			c.report.Breaks = append(c.report.Breaks, b)
		}
	}
	n := min(len(open), len(left))
	for i := range n {
		f, l := &open[i], &left[i]
		if file == nil {
			file, ledger = f, l
		}
		if c.in(f) || c.in(l) {
			add(Break{Kind: Differs, Key: f.Key, Differs: c.differs(f, l), Ledger: l, File: f})
		}
	}
	for i := range open[n:] {
		f := &open[n+i]
		switch {
		case !c.in(f):
		case file == nil:
			add(Break{Kind: MissingInLedger, Key: f.Key, File: f})
			file = f
		default:
			add(Break{Kind: DoubledInFile, Key: f.Key, File: f, Ledger: ledger, Doubles: file.Place})
		}
	}
	for i := range left[n:] {
		l := &left[n+i]
		switch {
		case !c.in(l):
		case ledger == nil || l.Key == "": // what has no key doubles nothing
			add(Break{Kind: MissingInFile, Key: l.Key, Ledger: l})
			ledger = l
		default:
			add(Break{Kind: DoubledInLedger, Key: l.Key, Ledger: l, File: file, Doubles: ledger.Place})
		}
	}
}

func outside(c *Comparison, it *Item) int {
	if c.in(it) {
		return 0
	}
	return 1
}

// differs names what is not the same on both sides. Of a file without dates
// the day differs when it lies outside of the period.
func (c *Comparison) differs(f, l *Item) []string {
	var out []string
	if normal(f.Amount) != normal(l.Amount) {
		out = append(out, "amount")
	}
	if f.Currency != l.Currency {
		out = append(out, "currency")
	}
	if c.dated && f.Date != l.Date || !c.in(l) {
		out = append(out, "date")
	}
	return out
}
