// SPDX-License-Identifier: Apache-2.0

package due

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const pageHead = `# Obligations
What ` + "`lendlog due`" + ` and ` + "`GET /v1/due`" + ` hold a ledger against: the table ` + "`ledger/due/obligations.yaml`" + `, of which this page is made. It is a reading of the rules for people who know them, not legal advice, and not all that a lender owes.

- **Days** are calendar days and end at midnight, in the zone that is asked for (UTC unless it is) or that the row states. The day from which a limit runs is not counted; the last one is still in time. A limit in months ends on the day of the same number, or on the last of a month that is too short.
- **Open** is what is not done and not over, **breached** what is not done and over, **met** and **met-late** what is done, each as of a time: what happened later does not count, whenever it was recorded. Corrections and voidings hold from the beginning.
- **Where** is held against the open member ` + "`jurisdiction`" + ` of the record, or of another one of its subject. Where none states any, every row is held against it.
- **Discharged by**: a record that names the trigger's event id in the member behind "naming it in", or in its ` + "`causationid`" + `, is about that one. One that names none is about the only one that it can be about; where there are several it discharges none. Where no member is given, any such record of the same subject on that day or later does.
- **Basis**: *law*; *practice*, what an authority asks for without a law that names the days; *own*, the lender's own limit, or a day that the record itself names.
- Restricted records (suspicious reports, investigations) are in no row, and nothing of them shows in a list. Their clocks are kept where their cases are.

`

// Page returns the table as a page for people, in Markdown.
func (t *Table) Page() []byte {
	var b strings.Builder
	b.WriteString(pageHead)
	b.WriteString("| id | where | limit | basis | source |\n|---|---|---|---|---|\n")
	for _, o := range t.Obligations {
		fmt.Fprintf(&b, "| [`%s`](#%s) %s | %s | %s | %s | %s |\n",
			o.ID, strings.ReplaceAll(o.ID, ".", ""), o.Title.EN, o.where(), o.limit(), o.Basis, o.Source)
	}
	for _, o := range t.Obligations {
		fmt.Fprintf(&b, "\n## %s\n**%s** · %s\n\n%s\n\n%s\n\n", o.ID, o.Title.EN, o.Title.ZH, o.Sentence.EN, o.Sentence.ZH)
		fmt.Fprintf(&b, "- Owed: %s\n", o.Trigger.words())
		if o.From != nil {
			fmt.Fprintf(&b, "- Runs from: %s; from the former where there is none\n", o.From.words())
		}
		fmt.Fprintf(&b, "- Limit: %s\n", o.limit())
		for _, p := range o.Discharge {
			fmt.Fprintf(&b, "- Discharged by: %s\n", p.words())
		}
		fmt.Fprintf(&b, "- Where: %s. Basis: %s. Source: %s\n", o.where(), o.Basis, o.Source)
	}
	return []byte(b.String())
}

func (o *Obligation) where() string {
	if len(o.Jurisdictions) == 0 {
		return "everywhere"
	}
	return strings.Join(o.Jurisdictions, ", ")
}

func (o *Obligation) limit() string {
	var s string
	switch {
	case o.Days == 1 || o.Months == 1:
		s = "1 month"
		if o.Days == 1 {
			s = "1 day"
		}
	case o.Days > 0:
		s = fmt.Sprintf("%d days", o.Days)
	case o.Months > 0:
		s = fmt.Sprintf("%d months", o.Months)
	}
	if o.Due != "" {
		s = strings.TrimSuffix("the record's `"+o.Due+"`, or "+s, ", or ")
	}
	if o.Zone != "" {
		s += " (" + o.Zone + ")"
	}
	return s
}

// words tells which records a pattern means.
func (p *Pattern) words() string {
	s := "`" + p.Type + "`"
	for _, c := range []struct {
		word string
		is   map[string][]string
	}{{"where", p.If}, {"unless", p.Unless}} {
		for _, name := range slices.Sorted(maps.Keys(c.is)) {
			s += fmt.Sprintf(" %s `%s` is %s", c.word, name, strings.Join(c.is[name], " or "))
		}
	}
	for _, less := range slices.Sorted(maps.Keys(p.Less)) {
		s += fmt.Sprintf(" where `%s` is less than `%s`", less, p.Less[less])
	}
	switch {
	case p.Own:
		s += " itself, when it has `" + p.At + "`"
	case p.At != "":
		s += ", at `" + p.At + "`"
	}
	if p.Ref != "" {
		s += ", naming it in `" + p.Ref + "`"
	}
	if p.Same != nil {
		s += ", with the same `" + strings.Join(p.Same, "`, `") + "`"
	}
	return s
}
