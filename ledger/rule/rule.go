// SPDX-License-Identifier: Apache-2.0

// Package rule finds what the ledger can see on its own: where the records of
// one subject contradict each other or the rules of lending.
//
// A broken rule is never a reason to refuse an event. The breach belongs in
// the ledger, and a [Finding] says so to whoever may read the records. It is
// computed from them whenever it is asked for and kept nowhere.
//
// All rules stand in one table, rules.yaml; this package has the few kinds of
// checks that they are made of. A rule that lacks what it needs, because a
// member is absent or its key was destroyed, abstains: [Report.Unchecked]
// counts that.
package rule

import (
	"bytes"
	_ "embed" // of the table
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/ledger/story"
)

//go:embed rules.yaml
var builtin []byte

// Text says the same in English and in Chinese.
type Text struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

func both(s string) Text { return Text{s, s} }

// A Finding is a rule that a story breaks.
type Finding struct {
	Rule string `json:"rule"` // its id
	// Records are the indexes of the record at fault and then of those that
	// show it.
	Records []int64 `json:"records"`
	// Text says what was expected and what was found. It may quote the
	// records, and is for whoever may read them.
	Text   Text   `json:"text"`
	Source string `json:"source"` // where the rule comes from
}

// Names reports whether the finding is about a record.
func (f *Finding) Names(index int64) bool { return slices.Contains(f.Records, index) }

// Why says why a check could not be made.
type Why string

// The reasons of a check that could not be made.
const (
	Absent     Why = "absent"     // a member that it reads is not there
	Unreadable Why = "unreadable" // what it reads was erased
	Elsewhere  Why = "elsewhere"  // the record that it is held against is not of this subject
	Currencies Why = "currencies" // amounts of several currencies
	Imported   Why = "imported"   // history may have begun before what was imported
	Unsettled  Why = "unsettled"  // another record makes the sum a different one
)

// A Report is what the rules say of a story.
type Report struct {
	Findings []Finding `json:"findings"` // in the order of the records at fault
	Checked  int       `json:"checked"`  // checks that were made
	// Unchecked counts the checks that could not be made, by the reason.
	Unchecked map[Why]int `json:"unchecked"`
}

// MaxRecords is the longest story that is judged. Who has a longer one at hand
// says that it was not, rather than judging a part of it.
const MaxRecords = 10_000

// A Table is a set of rules.
type Table struct{ Rules []Rule }

// A Rule is one rule of the table: the records that it judges, and one check.
type Rule struct {
	ID     string
	Title  Text
	Says   Text // what a finding says, with {expected} and {found} filled in
	Source string

	Of   []string // record types, without "org.lendlog." and ".v1"
	When Conditions

	// One of the kinds of checks.
	Sum       *Sum
	Product   *Product
	Shares    *Shares
	Within    *Within
	Balance   *Balance
	Compare   *Compare
	Before    *Before
	Between   *Between
	Once      *Once
	Frequency *Frequency
	Hours     *Hours
	Distinct  *Distinct
	Present   *Present
	Count     *Count
	Subset    *Subset
	Floor     *Floor
	Fits      *Fits
}

// A check judges the records of a rule.
type check interface {
	judge(j *judge, records []*story.Record)
}

// A kind is a kind of check, and what it says in the words of the page.
type kind struct {
	name, says string
	has        bool
	check      check
}

func (r *Rule) kinds() []kind {
	return []kind{
		{"sum", "`parts` add up to `total`; one with `?` counts as nothing when it is absent, one with `-` is taken away; `total` may also be what a member of `or` says", r.Sum != nil, r.Sum},
		{"product", "`total` is `of` times `rate`, rounded to the digits that it has", r.Product != nil, r.Product},
		{"shares", "`share` of the items of `list` adds up to `to`", r.Shares != nil, r.Shares},
		{"within", "`member`, with `total` the sum of all until then, compares as `is` says with the limit that held at the time: the latest one that another record gave, or that of the record which `ref` names", r.Within != nil, r.Within},
		{"balance", "what is `stated` is all of `plus` less all of `minus` until then, without what `undo` took back; unless the story has one of `unless`. A balance that stays wrong by as much as before is one finding", r.Balance != nil, r.Balance},
		{"compare", "`member` compares as `is` says with the number `to`, or with the member `than`", r.Compare != nil, r.Compare},
		{"before", "one of `needs`, or the one that is named by `ref`, is of the same time or earlier; the member `or` does as well. That there is none at all is a finding where `missing` says so: `{}` everywhere", r.Before != nil, r.Before},
		{"between", "nothing happens after a `from` until there are as many `to`", r.Between != nil, r.Between},
		{"once", "there is one record, or one for each value of `key`", r.Once != nil, r.Once},
		{"frequency", "there are at most `most` records in `days` days", r.Frequency != nil, r.Frequency},
		{"hours", "the local time of `member` is between two full hours", r.Hours != nil, r.Hours},
		{"distinct", "those whom `members` name, and `other` in the record at the end of `path`, are different people", r.Distinct != nil, r.Distinct},
		{"present", "of each group of `members` one is there and not empty", r.Present != nil, r.Present},
		{"count", "the first of `members` that is there has as many items as `is` and `to` say", r.Count != nil, r.Count},
		{"subset", "the words of the first of `members` that is there are words of `among`: the record that is named, or else the latest one", r.Subset != nil, r.Subset},
		{"floor", "`member` is at least `first`, and one more for each number in `over` that `by` is above, by the kind of subject", r.Floor != nil, r.Floor},
		{"fits", "the record and the members that are corrected or voided are there", r.Fits != nil, r.Fits},
	}
}

// check returns the one check that the rule has, nil if it has none or several.
func (r *Rule) check() (name string, c check) {
	for _, k := range r.kinds() {
		if !k.has {
			continue
		}
		if c != nil {
			return "", nil
		}
		name, c = k.name, k.check
	}
	return name, c
}

// Parse reads a table and refuses what it does not know.
func Parse(text []byte) (*Table, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	t := &Table{}
	if err := d.Decode(t); err != nil {
		return nil, fmt.Errorf("couldn't read the table of rules: %w", err)
	}
	seen := map[string]bool{}
	for i := range t.Rules {
		r := &t.Rules[i]
		if _, c := r.check(); c == nil || len(r.Of) == 0 || r.ID == "" || seen[r.ID] {
			return nil, fmt.Errorf("couldn't read the table of rules: number %d (%s) needs an id of its own, record types and exactly one check", i+1, r.ID)
		}
		seen[r.ID] = true
	}
	return t, nil
}

// Builtin returns the rules that come with lendlog.
var Builtin = sync.OnceValues(func() (*Table, error) { return Parse(builtin) })

// Rule returns the rule with an id.
func (t *Table) Rule(id string) (*Rule, bool) {
	i := slices.IndexFunc(t.Rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return nil, false
	}
	return &t.Rules[i], true
}

// Judge holds a story, which must be whole, against all rules. Records that
// were voided are not judged, corrected ones as they were corrected.
func (t *Table) Judge(s *story.Story) *Report {
	report := &Report{Findings: []Finding{}, Unchecked: map[Why]int{}}
	for i := range t.Rules {
		j := &judge{story: s, rule: &t.Rules[i], report: report}
		records := j.records()
		switch {
		case len(records) == 0:
		case s.Unclear:
			report.Unchecked[Unreadable] += len(records)
		default:
			_, c := j.rule.check()
			c.judge(j, records)
		}
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int { return int(a.Records[0] - b.Records[0]) })
	return report
}

// A judge holds one rule against one story.
type judge struct {
	story  *story.Story
	rule   *Rule
	report *Report
}

// records returns those that the rule is about, in the order of their times.
func (j *judge) records() []*story.Record {
	var out []*story.Record
	for _, r := range inOrder(j.story, j.rule.Of) {
		switch j.rule.When.hold(r) {
		case yes:
			out = append(out, r)
		case unknown:
			j.skip(Unreadable)
		}
	}
	return out
}

// inOrder returns the records of some types in the order of their times, and
// those of one time in the order of the ledger.
func inOrder(s *story.Story, types []string) []*story.Record {
	var out []*story.Record
	for _, t := range types {
		out = append(out, s.OfType(story.Type(t))...)
	}
	slices.SortFunc(out, func(a, b *story.Record) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return int(a.Index - b.Index)
	})
	return out
}

// skip counts a check that could not be made.
func (j *judge) skip(why Why) { j.report.Unchecked[why]++ }

// lacks counts a check that could not be made because a member is not there.
func (j *judge) lacks(r *story.Record) {
	if r.Partial {
		j.skip(Unreadable)
	} else {
		j.skip(Absent)
	}
}

// passed counts a check that was made and found nothing.
func (j *judge) passed() { j.report.Checked++ }

// broken adds a finding: the record at fault comes first.
func (j *judge) broken(expected, found Text, records ...*story.Record) {
	j.report.Checked++
	f := Finding{Rule: j.rule.ID, Source: j.rule.Source, Text: Text{
		fill(j.rule.Says.EN, expected.EN, found.EN), fill(j.rule.Says.ZH, expected.ZH, found.ZH),
	}}
	for _, r := range records {
		if !slices.Contains(f.Records, r.Index) {
			f.Records = append(f.Records, r.Index)
		}
	}
	j.report.Findings = append(j.report.Findings, f)
}

func fill(says, expected, found string) string {
	return strings.NewReplacer("{expected}", expected, "{found}", found).Replace(says)
}
