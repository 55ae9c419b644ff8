// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"html/template"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/lendlog/lendlog/api/web/chart"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/stats"
)

// A figure is one part of a page of numbers: a chart, and the table of the same.
// Its words are reports.<name>.….
type figure struct {
	Name     string // in addresses too
	Headline string // what it says, in a sentence
	Data     chart.Data
	Chart    template.HTML // empty where the table says it better
	Table    template.HTML
	Count    int64 // of its population
}

// A drawer makes figures for a visitor.
type drawer struct {
	*visit
	report *stats.Report
}

// figure puts a figure together; draw may be nil.
func (d *drawer) figure(name, headline string, count int64, data chart.Data, draw func(chart.Data) template.HTML) figure {
	data.ID, data.Title = "figure-"+name, d.say("reports."+name+".title")
	data.Desc = headline
	f := figure{Name: name, Headline: headline, Data: data, Count: count}
	if draw != nil && anything(data) {
		f.Chart = draw(data)
	}
	if len(data.Rows) > 0 {
		f.Table = data.Table()
	}
	return f
}

// anything reports whether something that would be drawn is more than nothing: a line
// along the axis tells less than the table.
func anything(data chart.Data) bool {
	return slices.ContainsFunc(data.Series, func(s chart.Series) bool {
		return !s.Plain && slices.ContainsFunc(s.Values, func(v float64) bool { return v > 0 })
	})
}

// outcomes of decisions that have words, in the order in which they are drawn.
var outcomes = []string{"approved", "declined", "counteroffered", "referred"}

// decisions are those of each month, by outcome.
func (d *drawer) decisions() figure {
	r := d.report.Decisions
	months := span(slices.Collect(maps.Keys(r.ByMonth)))
	data := chart.Data{By: d.say("reports.month"), Unit: d.say("reports.unit.decisions"), Rows: d.monthNames(months)}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(r.ByOutcome)), func(o string) bool { return slices.Contains(outcomes, o) })
	for _, outcome := range slices.Concat(outcomes, others) {
		if r.ByOutcome[outcome] == 0 {
			continue
		}
		s := chart.Series{Name: d.Named("outcome", outcome)}
		for _, month := range months {
			s.Values = append(s.Values, float64(r.ByMonth[month][outcome]))
		}
		data.Series = append(data.Series, s)
	}
	return d.figure("decisions", d.say("reports.decisions.says", "n", r.Count), r.Count, data, chart.Stack)
}

// fewest is of how many decisions a share is told at least: of fewer it swings with
// each.
const fewest = 10

// approval is the share of approvals in each month.
func (d *drawer) approval() figure {
	months := span(slices.Collect(maps.Keys(d.report.Decisions.ByMonth)))
	share := chart.Series{Name: d.Named("outcome", "approved"), Format: chart.Percent}
	whole := chart.Series{Name: d.say("reports.approval.of"), Plain: true}
	for _, month := range months {
		n := int64(0)
		for outcome, of := range d.report.Decisions.ByMonth[month] {
			if outcome != "referred" {
				n += of
			}
		}
		part := chart.None
		if n >= fewest {
			part = ratio(d.report.Decisions.ByMonth[month]["approved"], n)
		}
		share.Values = append(share.Values, part)
		whole.Values = append(whole.Values, float64(n))
	}
	says := d.say("reports.approval.none")
	if a := d.report.Approval.Approved; a.Value != nil && a.Low != nil && a.High != nil {
		says = d.say("reports.approval.says", "part", a.Part, "n", d.report.Approval.Count, "share", chart.Percent(*a.Value), "low", chart.Percent(*a.Low), "high", chart.Percent(*a.High))
	}
	data := chart.Data{By: d.say("reports.month"), Rows: d.monthNames(months), Series: []chart.Series{share, whole}}
	return d.figure("approval", says, d.report.Approval.Count, data, chart.Lines)
}

// barsShown is how many reasons are drawn; the table has all.
const barsShown = 15

// reasons are those that were given, the most frequent first.
func (d *drawer) reasons() figure {
	sum := int64(0)
	for _, n := range d.report.Decisions.ByReason {
		sum += n
	}
	data := chart.Data{By: d.say("reports.reason"), Series: []chart.Series{
		{Name: d.say("reports.reasons.n")},
		{Name: d.say("reports.share"), Format: chart.Percent, Plain: true},
		{Name: d.say("reports.cumulative"), Format: chart.Percent, Plain: true},
	}}
	soFar := int64(0)
	codes := mostFirst(d.report.Decisions.ByReason)
	for _, code := range codes {
		n := d.report.Decisions.ByReason[code]
		soFar += n
		data.Rows = append(data.Rows, d.Named("reason", code))
		for i, v := range []float64{float64(n), ratio(n, sum), ratio(soFar, sum)} {
			data.Series[i].Values = append(data.Series[i].Values, v)
		}
	}
	says := d.say("reports.reasons.none")
	if len(codes) > 0 {
		says = d.say("reports.reasons.says", "first", d.Named("reason", codes[0]), "share", data.Series[1].Format(data.Series[1].Values[0]), "n", sum)
	}
	return d.figure("reasons", says, d.report.Decisions.Count, data, func(c chart.Data) template.HTML { return chart.Bars(c, barsShown) })
}

// waits are the times from application to decision, of each month.
func (d *drawer) waits() figure {
	r := d.report.TimeToDecision
	longest := int64(0)
	for _, w := range r.ByMonth {
		longest = max(longest, w.P90)
	}
	unit, name := unitOf(longest)
	months := span(slices.Collect(maps.Keys(r.ByMonth)))
	lasting := func(x float64) string { return d.lasting(int64(math.Round(x * unit))) }
	data := chart.Data{By: d.say("reports.month"), Unit: d.say("reports.unit." + name), Axis: plain, Rows: d.monthNames(months), Series: []chart.Series{
		{Name: d.say("reports.waits.median"), Format: lasting},
		{Name: d.say("reports.waits.p90"), Format: lasting},
		{Name: d.say("reports.waits.n"), Plain: true},
	}}
	for _, month := range months {
		w, ok := r.ByMonth[month]
		values := []float64{float64(w.Median) / unit, float64(w.P90) / unit, float64(w.Count)}
		for i, v := range values {
			if !ok && i < 2 {
				v = chart.None
			}
			data.Series[i].Values = append(data.Series[i].Values, v)
		}
	}
	says := d.say("reports.waits.none")
	if r.Median != nil && r.P90 != nil {
		says = d.say("reports.waits.says", "n", r.Count, "median", d.lasting(*r.Median), "p90", d.lasting(*r.P90))
	}
	return d.figure("waits", says, r.Count, data, chart.Lines)
}

// overrides are the decisions of each month that replaced another.
func (d *drawer) overrides() figure {
	r := d.report.Overrides
	months := span(slices.Collect(maps.Keys(d.report.Decisions.ByMonth)))
	data := chart.Data{By: d.say("reports.month"), Unit: d.say("reports.unit.overrides"), Rows: d.monthNames(months), Series: []chart.Series{
		{Name: d.say("reports.overrides.n")},
		{Name: d.say("reports.overrides.share"), Format: chart.Percent, Plain: true},
	}}
	for _, month := range months {
		all := int64(0)
		for _, n := range d.report.Decisions.ByMonth[month] {
			all += n
		}
		n := r.ByMonth[month]
		data.Series[0].Values = append(data.Series[0].Values, float64(n))
		data.Series[1].Values = append(data.Series[1].Values, ratio(n, all))
	}
	says := d.say("reports.overrides.none")
	if o := r.Overrides; o.Part > 0 && o.Value != nil && o.Low != nil && o.High != nil {
		says = d.say("reports.overrides.says", "part", o.Part, "n", r.Count, "share", chart.Percent(*o.Value), "low", chart.Percent(*o.Low), "high", chart.Percent(*o.High))
	}
	f := d.figure("overrides", says, r.Count, data, chart.Stack)
	if r.Overrides.Part == 0 {
		f.Chart, f.Table = "", "" // all of it is naught
	}
	return f
}

// directions say from what to what decisions were overridden.
func (d *drawer) directions() figure {
	r := d.report.Overrides
	data := chart.Data{By: d.say("reports.directions.by"), Series: []chart.Series{{Name: d.say("reports.overrides.n")}}}
	for _, direction := range mostFirst(r.ByDirection) {
		data.Rows = append(data.Rows, d.direction(direction))
		data.Series[0].Values = append(data.Series[0].Values, float64(r.ByDirection[direction]))
	}
	return d.figure("directions", d.say("reports.directions.says", "n", r.Overrides.Part), r.Count, data, func(c chart.Data) template.HTML { return chart.Bars(c, barsShown) })
}

// vintages show how many loans of each month had ever been so many days past due
// by so many months on book.
func (d *drawer) vintages(past int) figure {
	r := d.report.Delinquency
	data := chart.Data{By: d.say("reports.vintages.by"), Series: []chart.Series{{Name: d.say("reports.vintages.loans"), Plain: true}}}
	reached := 0 // ages that any vintage has reached
	for _, v := range r.Vintages {
		reached = max(reached, len(v.Ever))
	}
	for _, age := range stats.MonthsOnBook[:reached] {
		data.Series = append(data.Series, chart.Series{Name: d.say("reports.vintages.age", "n", age), Format: chart.Percent})
	}
	most := 0.0
	for _, v := range r.Vintages {
		data.Rows = append(data.Rows, v.Month)
		data.Series[0].Values = append(data.Series[0].Values, float64(v.Originated))
		for i := range reached {
			share := chart.None
			if i < len(v.Ever) {
				share = ratio(map[int]int64{30: v.Ever[i].Past30, 60: v.Ever[i].Past60, 90: v.Ever[i].Past90}[past], v.Originated)
				most = max(most, share)
			}
			data.Series[i+1].Values = append(data.Series[i+1].Values, share)
		}
	}
	says := d.say("reports.vintages.none")
	if len(r.Vintages) > 0 {
		says = d.say("reports.vintages.says", "n", r.Count, "days", past, "most", chart.Percent(most))
	}
	f := d.figure("vintages", says, r.Count, data, nil)
	f.Table = chart.Heat(f.Data)
	return f
}

// complaints are the answers that complaints demand, by whether they were given.
func (d *drawer) complaints(owed *due.Report, table *due.Table) figure {
	data := chart.Data{By: d.say("reports.complaints.by")}
	for _, s := range due.States {
		data.Series = append(data.Series, chart.Series{Name: d.say("due.state." + string(s))})
	}
	breached, all := int64(0), int64(0)
	for _, o := range table.Obligations {
		if o.Trigger.Type != "complaint.opened" {
			continue
		}
		data.Rows = append(data.Rows, d.text(o.Title.EN, o.Title.ZH))
		for i, s := range due.States {
			n := owed.ByObligation[o.ID][s]
			data.Series[i].Values = append(data.Series[i].Values, float64(n))
			all += n
			if s == due.Breached {
				breached += n
			}
		}
	}
	return d.figure("complaints", d.say("reports.complaints.says", "n", d.report.Records.ByType["org.lendlog.complaint.opened.v1"], "late", breached), all, data, nil)
}

// mostFirst returns the keys of counts, the most frequent first.
func mostFirst(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// ratio is a share, None of nothing.
func ratio(part, whole int64) float64 {
	if whole == 0 {
		return chart.None
	}
	return float64(part) / float64(whole)
}

// longestSpan is up to how many months those without numbers are shown too.
const longestSpan = 600

// span returns the months from the first to the last, those between included,
// and before them what is no month.
func span(months []string) (out []string) {
	slices.Sort(months)
	var first, last time.Time
	for _, m := range months {
		t, err := time.Parse("2006-01", m)
		if err != nil {
			out = append(out, m)
			continue
		}
		if first.IsZero() {
			first = t
		}
		last = t
	}
	if first.IsZero() {
		return out
	}
	if first.AddDate(0, longestSpan, 0).Before(last) {
		return months
	}
	for t := first; !t.After(last); t = t.AddDate(0, 1, 0) {
		out = append(out, t.Format("2006-01"))
	}
	return out
}
