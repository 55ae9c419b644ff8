// SPDX-License-Identifier: Apache-2.0

package web

import (
	"html/template"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/rule"
)

// findingsListed is how many findings a page shows.
const findingsListed = 50

// A findingsPage is what the rules find, and what audits found.
type findingsPage struct {
	Rule     string // the only one that is meant; "" for all
	Severity string // of audits' findings; "" for all
	Rules    []ruleOption
	Survey   *rule.Survey
	Skipped  int64 // checks that could not be made
	Count    int64 // of findings that are meant
	Found    []foundItem
	Pages    pager
	Basis    basis
	Audits   []demand
}

// Older are the rules that are meant, on the last page, when some of their findings are on
// none: of each rule a server holds the newest.
func (p *findingsPage) Older() (rules []ruleOption) {
	if p.Pages.Later() != "" || int64(p.Pages.Last()) >= p.Count {
		return nil
	}
	for _, r := range p.Rules {
		if r.N > 0 && (p.Rule == "" || p.Rule == r.ID) {
			rules = append(rules, r)
		}
	}
	return rules
}

// Again is the address of this list from its beginning, without what asks for it anew.
func (p *findingsPage) Again() template.URL { return template.URL(p.Pages.asked.Encode()) }

// A ruleOption is a rule with how many findings it has.
type ruleOption struct {
	ID, Title string
	N         int64
}

// A foundItem is a finding of a rule.
type foundItem struct {
	Title, Text string
	Source      []cited
	Subject     subject
	Records     []int64
}

func showFindings(v *visit) error {
	q := v.r.URL.Query()
	p := &findingsPage{Rule: q.Get("rule"), Severity: q.Get("severity")}
	table, err := rule.Builtin()
	if err != nil {
		return err
	}
	if _, known := table.Rule(p.Rule); p.Rule != "" && !known {
		return wrong("findings.rule", "choice")
	}
	if p.Severity != "" && !purposeCode.MatchString(p.Severity) {
		return wrong("findings.severity", "code")
	}
	l, err := v.ledger()
	if err != nil {
		return err
	}
	if p.Pages, err = newPager(q, findingsListed); err != nil {
		return err
	}
	got, err := l.Findings(v.scanning(), p.Rule, p.Pages.Skip, findingsListed)
	if err != nil {
		return err
	}
	v.findings(p, table, got)
	if p.Pages.Skip > 0 && int64(p.Pages.Skip) >= p.Count {
		return errMissing
	}
	p.Audits, err = v.audits(l, p.Severity)
	if err != nil {
		return err
	}
	return v.render(p)
}

// findings fills in what the rules find.
func (v *visit) findings(p *findingsPage, table *rule.Table, got *client.Findings) {
	p.Survey = got.Survey
	titles := map[string]string{}
	for _, r := range table.Rules {
		titles[r.ID] = v.text(r.Title.EN, r.Title.ZH)
	}
	for _, id := range mostFirst(got.Counts) {
		p.Rules = append(p.Rules, ruleOption{id, titles[id], got.Counts[id]})
		if p.Rule == "" || p.Rule == id {
			p.Count += got.Counts[id]
		}
	}
	if p.Rule != "" && got.Counts[p.Rule] == 0 {
		p.Rules = append(p.Rules, ruleOption{p.Rule, titles[p.Rule], 0})
	}
	for _, n := range got.Unchecked {
		p.Skipped += n
	}
	for _, f := range got.Survey.Findings {
		p.Found = append(p.Found, foundItem{titles[f.Rule], v.sentenceOf(f.Text.EN, f.Text.ZH), v.cite(f.Source), newSubject(f.Subject), f.Records})
	}
	p.Pages.Shown, p.Pages.Of = len(p.Found), p.Count
	command := []string{"lendlog", "findings", "--dir", "COPY"}
	if p.Rule != "" {
		command = append(command, "--rule", p.Rule)
	}
	p.Basis = newBasis(got.Checkpoint, command...)
}

// auditsListed is how many findings of audits a page shows, the newest.
const auditsListed = 100

// audits reads the findings that audits recorded.
func (v *visit) audits(l *client.Client, severity string) ([]demand, error) {
	filter := "type=finding.raised"
	if severity != "" {
		filter += ` severity="` + severity + `"`
	}
	return v.demands(l, filter, auditsListed, "name", "severity", "finding.answered")
}
