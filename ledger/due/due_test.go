// SPDX-License-Identifier: Apache-2.0

package due_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

func builtin(t testing.TB) *due.Table {
	t.Helper()
	table, err := due.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func catalogue(t testing.TB) *record.Catalogue {
	t.Helper()
	c, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// An event is what a test says of a record: a short type, a time or a day, and
// data. Its id is e and its position: e0, e1 …
type event struct {
	typ, at, data string
	refs          []int64
}

// tell makes a story of events, each of which has to be a valid one. Indexes
// begin with 100.
func tell(t testing.TB, events ...event) *story.Story {
	t.Helper()
	var records []story.Record
	for i, e := range events {
		at := e.at
		if len(at) == len("2006-01-02") {
			at += "T12:00:00Z"
		}
		typ, id := story.Type(e.typ), fmt.Sprintf("e%d", i)
		schema, ok := catalogue(t).Type(typ)
		if !ok {
			t.Fatalf("there is no type %s", typ)
		}
		subject := "file/1"
		if !slices.Contains(schema.SubjectKinds, "file") && !slices.Contains(schema.SubjectKinds, "*") {
			subject = schema.SubjectKinds[0] + "/1"
		}
		doc := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"urn:test","type":%q,"subject":%q,"time":%q,"data":%s}`, id, typ, subject, at, e.data)
		if _, err := record.ParseEvent([]byte(doc), catalogue(t)); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		data, err := canon.Parse([]byte(e.data), canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		when, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		r := story.Record{
			Index: int64(100 + i), Seq: int64(i + 1), Type: typ, Source: "urn:test", ID: id,
			Time: when, Recorded: when, Capture: record.Live, Data: data,
		}
		for _, ref := range e.refs {
			r.Refs = append(r.Refs, 100+ref)
		}
		records = append(records, r)
	}
	return story.New("file/1", records)
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := due.ParseAsOf(s, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// judge returns what a story owes under one obligation.
func judge(t testing.TB, table *due.Table, id string, s *story.Story, asOf string) []due.Item {
	t.Helper()
	var items []due.Item
	for item := range table.Judge(s, instant(t, asOf), time.UTC) {
		if item.Obligation == id {
			items = append(items, item)
		}
	}
	return items
}

// obligations has of each obligation what makes it owed, its last day, and one
// event for each of its discharges in their order, where DAY is the day of it.
var obligations = map[string]struct {
	owed       []event
	last       due.Day
	discharges []event
}{
	"us.application.decided": {
		[]event{{typ: "application.completed", at: "2026-03-02", data: `{"completedAt":"2026-03-01T18:00:00Z"}`}},
		"2026-03-31",
		[]event{
			{typ: "decision.made", data: `{"outcome":"approved"}`},
			{typ: "decision.counteroffered", data: `{"sentAt":"DAY"}`},
			{typ: "application.withdrawn", data: `{"withdrawnAt":"DAY"}`},
			{typ: "application.disposed", data: `{"actionTaken":"5","actionDate":"DAY"}`},
		},
	},
	"us.adverse-action.notice": {
		[]event{
			{typ: "decision.made", at: "2026-03-20", data: `{"outcome":"declined"}`},
			{typ: "application.completed", at: "2026-03-01", data: `{"completedAt":"2026-03-01T18:00:00Z"}`},
		},
		"2026-03-31",
		[]event{
			{typ: "adverse-action.noticed", data: `{"decisionRef":"e0","sentAt":"DAY"}`},
			{typ: "decision.made", data: `{"outcome":"approved","overrideOf":"e0"}`},
		},
	},
	"us.counteroffer.notice": {
		[]event{{typ: "decision.counteroffered", at: "2026-01-12", data: `{"sentAt":"2026-01-10"}`}},
		"2026-04-10",
		[]event{
			{typ: "adverse-action.noticed", data: `{"sentAt":"DAY"}`},
			{typ: "contract.signed", data: `{"contractId":"C"}`},
			{typ: "loan.disbursed", data: `{"loanId":"L","amount":{"amount":"1.00","currency":"USD"}}`},
			{typ: "application.withdrawn", data: `{"withdrawnAt":"DAY"}`},
		},
	},
	"us.incomplete.notice": {
		[]event{
			{typ: "application.incomplete", at: "2026-03-05", data: `{}`},
			{typ: "application.received", at: "2026-03-02", data: `{"applicationId":"A","applicationDate":"2026-03-01"}`},
		},
		"2026-03-31",
		[]event{
			{}, // of its own: see TestOwnMember
			{typ: "adverse-action.noticed", data: `{"sentAt":"DAY"}`},
			{typ: "application.completed", data: `{"completedAt":"DAYT01:00:00Z"}`},
			{typ: "application.withdrawn", data: `{"withdrawnAt":"DAY"}`},
		},
	},
	"us.credit-report.dispute": {
		[]event{{typ: "credit-report.disputed", at: "2026-02-03", data: `{"receivedAt":"2026-02-01"}`}},
		"2026-03-03",
		[]event{{typ: "credit-report.corrected", data: `{"outcome":"verified","disputeRef":"e0","answeredAt":"DAY"}`}},
	},
	"cn.credit-report.objection": {
		[]event{{typ: "credit-report.disputed", at: "2026-02-03", data: `{"receivedAt":"2026-02-01"}`}},
		"2026-02-21",
		[]event{{typ: "credit-report.corrected", data: `{"outcome":"verified","disputeRef":"e0","answeredAt":"DAY"}`}},
	},
	"complaint.promised": {
		[]event{{typ: "complaint.opened", at: "2026-02-03", data: `{"dueAt":"2026-02-10"}`}},
		"2026-02-10",
		[]event{{typ: "complaint.resolved", data: `{"complaintRef":"e0","resolvedAt":"DAY"}`}},
	},
	"us.complaint.response": {
		[]event{{typ: "complaint.opened", at: "2026-02-03", data: `{"channel":"regulator","receivedAt":"2026-02-01"}`}},
		"2026-02-16",
		[]event{{typ: "complaint.resolved", data: `{"complaintRef":"e0","resolvedAt":"DAY","disposition":"in-progress"}`}},
	},
	"us.complaint.final": {
		[]event{{typ: "complaint.opened", at: "2026-02-03", data: `{"channel":"regulator","receivedAt":"2026-02-01"}`}},
		"2026-04-02",
		[]event{{typ: "complaint.resolved", data: `{"complaintRef":"e0","resolvedAt":"DAY","disposition":"closed"}`}},
	},
	"cn.complaint.decided": {
		[]event{{typ: "complaint.opened", at: "2026-02-03", data: `{"receivedAt":"2026-02-01"}`}},
		"2026-04-02",
		[]event{{typ: "complaint.resolved", data: `{"complaintRef":"e0","resolvedAt":"DAY"}`}},
	},
	"review.completed": {
		[]event{{typ: "review.requested", at: "2026-02-03", data: `{"decisionRef":"d","receivedAt":"2026-01-31"}`}},
		"2026-02-28",
		[]event{{typ: "review.completed", data: `{"outcome":"upheld","reviewRef":"e0","completedAt":"DAY"}`}},
	},
	"us.line-cut.notice": {
		[]event{{typ: "line.changed", at: "2026-02-20", data: `{"initiator":"lender","effectiveDate":"2026-03-01","oldLimit":{"amount":"10.00","currency":"USD"},"newLimit":{"amount":"9.99","currency":"USD"}}`}},
		"2026-03-31",
		[]event{{typ: "adverse-action.noticed", data: `{"decisionRef":"e0","sentAt":"DAY"}`}},
	},
	"repricing.notice": {
		[]event{{typ: "terms.repriced", at: "2026-02-20", data: `{"effectiveDate":"2026-03-01"}`}},
		"2026-03-01",
		[]event{{}}, // of its own: see TestOwnMember
	},
	"monitoring.in-time": {
		[]event{{typ: "monitoring.reviewed", at: "2026-02-20", data: `{"dueDate":"2026-03-01"}`}},
		"2026-03-01",
		[]event{{}},
	},
	"monitoring.next": {
		[]event{{typ: "monitoring.reviewed", at: "2026-02-20", data: `{"reviewedDate":"2026-02-19","nextDue":"2026-05-19"}`}},
		"2026-05-19",
		[]event{{typ: "monitoring.reviewed", data: `{"reviewedDate":"DAY"}`}, {typ: "loan.closed", data: `{"reason":"paid"}`}, {typ: "loan.charged-off", data: `{}`}, {typ: "loan.transferred", data: `{}`}},
	},
	"identity.refreshed": {
		[]event{{typ: "identity.verified", at: "2026-02-20", data: `{"outcome":"passed","refreshBy":"2027-02-20"}`}},
		"2027-02-20",
		[]event{{typ: "identity.verified", data: `{"outcome":"passed"}`}, {typ: "loan.closed", data: `{"reason":"paid"}`}, {typ: "loan.charged-off", data: `{}`}, {typ: "loan.transferred", data: `{}`}},
	},
	"collateral.revalued": {
		[]event{{typ: "collateral.pledged", at: "2026-02-20", data: `{"collateralId":"C","revalueBy":"2027-02-20"}`}},
		"2027-02-20",
		[]event{{typ: "collateral.pledged", data: `{"collateralId":"C"}`}, {typ: "loan.closed", data: `{"reason":"paid"}`}, {typ: "loan.charged-off", data: `{}`}, {typ: "loan.transferred", data: `{}`}},
	},
	"partner.first-review": {
		[]event{{typ: "partner.admitted", at: "2026-02-20", data: `{"functions":["collection"],"validFrom":"2026-03-01"}`}},
		"2027-03-01",
		[]event{{typ: "partner.reviewed", data: `{"outcome":"satisfactory","reviewedAt":"DAY"}`}, {typ: "partner.removed", data: `{"removedAt":"DAY"}`}},
	},
	"partner.reviewed": {
		[]event{{typ: "partner.reviewed", at: "2026-02-20", data: `{"outcome":"satisfactory","reviewedAt":"2026-02-18"}`}},
		"2027-02-18",
		[]event{{typ: "partner.reviewed", data: `{"outcome":"unsatisfactory","reviewedAt":"DAY"}`}, {typ: "partner.removed", data: `{"removedAt":"DAY"}`}},
	},
	"plan.drilled": {
		[]event{{typ: "plan.approved", at: "2026-02-20", data: `{"planId":"p","planVersion":"1","nextDue":"2027-02-20"}`}},
		"2027-02-20",
		[]event{{typ: "drill.completed", data: `{"outcome":"passed","planId":"p","completedAt":"DAY"}`}, {typ: "plan.approved", data: `{"planId":"p","planVersion":"2","effectiveFrom":"DAY"}`}},
	},
	"training.renewed": {
		[]event{{typ: "training.attested", at: "2026-02-20", data: `{"course":"aml","validUntil":"2027-02-20"}`}},
		"2027-02-20",
		[]event{{typ: "training.attested", data: `{"course":"aml","completedAt":"DAY"}`}},
	},
	"finding.answered": {
		[]event{{typ: "finding.raised", at: "2026-02-20", data: `{"dueAt":"2026-03-20T17:00:00Z"}`}},
		"2026-03-20",
		[]event{{typ: "finding.answered", data: `{"findingRef":"e0","answeredAt":"DAY"}`}, {typ: "finding.closed", data: `{"findingRef":"e0","outcome":"withdrawn","closedAt":"DAY"}`}},
	},
	"finding.remedied": {
		[]event{{typ: "finding.answered", at: "2026-02-20", data: `{"findingRef":"f","dueAt":"2026-03-20"}`}},
		"2026-03-20",
		[]event{{typ: "finding.closed", data: `{"findingRef":"f","outcome":"remedied","closedAt":"DAY"}`}},
	},
	"requirement.answered": {
		[]event{{typ: "requirement.received", at: "2026-02-20", data: `{"dueAt":"2026-03-20"}`}},
		"2026-03-20",
		[]event{{typ: "requirement.answered", data: `{"requirementRef":"e0","answeredAt":"DAY"}`}},
	},
	"incident.next-report": {
		[]event{{typ: "incident.reported", at: "2026-02-20", data: `{"incidentId":"I","dueAt":"2026-02-23"}`}},
		"2026-02-23",
		[]event{{typ: "incident.reported", data: `{"incidentId":"I","reportedAt":"DAY"}`}},
	},
	"vulnerability.remediated": {
		[]event{{typ: "vulnerability.found", at: "2026-02-20", data: `{"dueAt":"2026-03-20"}`}},
		"2026-03-20",
		[]event{{typ: "vulnerability.remediated", data: `{"vulnerabilityRef":"e0","remedy":"fixed","remediatedAt":"DAY"}`}},
	},
	"model.validated": {
		[]event{{typ: "model.validated", at: "2024-03-03", data: `{"modelId":"pd","modelVersion":"1","outcome":"passed","validatedAt":"2024-02-29"}`}},
		"2025-02-28",
		[]event{
			{typ: "model.validated", data: `{"modelId":"pd","modelVersion":"1","outcome":"failed","validatedAt":"DAY"}`},
			{typ: "model.retired", data: `{"modelId":"pd","modelVersion":"1","retiredAt":"DAY"}`},
		},
	},
}

// on returns a discharge on a day.
func (e event) on(day due.Day) event {
	e.at = string(day)
	e.data = strings.ReplaceAll(e.data, "DAY", string(day))
	return e
}

// deviations says where a table does not give what it has to of one obligation:
// its very last day is in time, and the day after is not.
func deviations(t *testing.T, table *due.Table, id string) (wrong []string) {
	c := obligations[id]
	want := func(what string, s *story.Story, asOf due.Day, w due.Item) {
		w.Obligation, w.Subject, w.Trigger, w.Due = id, "file/1", 100, c.last
		for _, got := range judge(t, table, id, s, string(asOf)+"T12:00:00Z") {
			if got.Trigger != w.Trigger {
				continue // what the discharge gives rise to itself
			}
			got.Title, got.From = due.Text{}, ""
			if diff := cmp.Diff(w, got); diff == "" {
				return
			} else {
				what += "\n" + diff
			}
		}
		wrong = append(wrong, what)
	}
	after := c.last.Plus(1)
	want("owed on the last day", tell(t, c.owed...), c.last, due.Item{State: due.Open})
	want("owed the day after", tell(t, c.owed...), after, due.Item{State: due.Breached, Left: -1})
	for i, d := range c.discharges {
		if d.typ == "" {
			continue
		}
		by := int64(100 + len(c.owed))
		for _, x := range []struct {
			day   due.Day
			state due.State
		}{{c.last, due.Met}, {after, due.MetLate}} {
			s := tell(t, append(slices.Clone(c.owed), d.on(x.day))...)
			want(fmt.Sprintf("discharge %d on %s", i, x.day), s, x.day.Plus(400), due.Item{State: x.state, Done: x.day, DoneBy: &by})
		}
	}
	return wrong
}

// Every obligation is held on its very last day and breached on the one after;
// every record that discharges it does so by itself.
func TestObligations(t *testing.T) {
	table := builtin(t)
	for _, o := range table.Obligations {
		c, ok := obligations[o.ID]
		if !ok || len(c.discharges) != len(o.Discharge) {
			t.Errorf("%s has %d discharges, tested are %d", o.ID, len(o.Discharge), len(c.discharges))
			continue
		}
		for i, d := range c.discharges {
			if d.typ != "" && d.typ != o.Discharge[i].Type {
				t.Errorf("%s: discharge %d is %s, tested is %s", o.ID, i, o.Discharge[i].Type, d.typ)
			}
		}
		for _, wrong := range deviations(t, table, o.ID) {
			t.Errorf("%s: %s", o.ID, wrong)
		}
	}
	for id := range obligations {
		if _, ok := table.Obligation(id); !ok {
			t.Errorf("there is no obligation %s", id)
		}
	}
}

// rows cuts the built-in table into its head and one text an obligation.
func rows(t *testing.T) (head string, texts []string) {
	t.Helper()
	b, err := os.ReadFile("obligations.yaml")
	if err != nil {
		t.Fatal(err)
	}
	at := regexp.MustCompile(`(?m)^  - id: `).FindAllStringIndex(string(b), -1)
	for i, a := range at {
		end := len(b)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		texts = append(texts, string(b[a[0]:end]))
	}
	return string(b[:at[0][0]]), texts
}

// A table that is wrong by a day, or by a discharge, does not pass
// TestObligations.
func TestMutationsAreNoticed(t *testing.T) {
	head, texts := rows(t)
	id := regexp.MustCompile(`^  - id: (\S+)`)
	limit := regexp.MustCompile(`(?m)^    (days|months): (\d+)$`)
	discharge := regexp.MustCompile(`(?m)^      - \{type: .*\n`)
	mutants := 0
	for _, text := range texts {
		name := id.FindStringSubmatch(text)[1]
		mutate := func(what, text string) {
			table, err := due.Parse([]byte(head + text))
			if err != nil {
				t.Fatalf("%s, %s: %v", name, what, err)
			}
			mutants++
			if len(deviations(t, table, name)) == 0 {
				t.Errorf("%s: %s is not noticed", name, what)
			}
		}
		if m := limit.FindStringSubmatchIndex(text); m != nil {
			var n int
			if _, err := fmt.Sscan(text[m[4]:m[5]], &n); err != nil {
				t.Fatal(err)
			}
			for _, wrong := range []int{n - 1, n + 1} {
				if wrong > 0 {
					mutate(fmt.Sprint("a limit of ", wrong), text[:m[4]]+fmt.Sprint(wrong)+text[m[5]:])
				}
			}
		}
		o, _ := builtin(t).Obligation(name)
		all := discharge.FindAllStringIndex(text, -1)
		if len(all) != len(o.Discharge) {
			t.Fatalf("%s: %d discharges in the text", name, len(all))
		}
		for i, at := range all {
			if len(all) > 1 && obligations[name].discharges[i].typ != "" {
				mutate(fmt.Sprint("without discharge ", i), text[:at[0]]+text[at[1]:])
			}
		}
	}
	if mutants < 2*len(texts) {
		t.Errorf("%d mutants of %d obligations", mutants, len(texts))
	}
}

// Types and members of the table are in the catalogue; conditions are on open
// members, which nothing erases; a type whose records are restricted is not in
// it, for their very existence must not show.
func TestTableFitsTheCatalogue(t *testing.T) {
	for _, o := range builtin(t).Obligations {
		patterns := []due.Pattern{o.Trigger}
		if o.From != nil {
			patterns = append(patterns, *o.From)
		}
		patterns = append(patterns, o.Discharge...)
		for i, p := range patterns {
			schema, ok := catalogue(t).Type(story.Type(p.Type))
			if !ok {
				t.Errorf("%s: there is no type %s", o.ID, p.Type)
				continue
			}
			trigger, _ := catalogue(t).Type(story.Type(o.Trigger.Type))
			if !slices.ContainsFunc(schema.SubjectKinds, func(kind string) bool { return slices.Contains(trigger.SubjectKinds, kind) }) {
				t.Errorf("%s: %s is about no subject that %s is about", o.ID, p.Type, o.Trigger.Type)
			}
			if schema.Restricted || schema.Own {
				t.Errorf("%s: %s is restricted or the ledger's own", o.ID, p.Type)
			}
			for _, name := range append([]string{p.At, p.Ref}, p.Same...) {
				if _, ok := schema.Member(name); name != "" && !ok {
					t.Errorf("%s: %s has no member %s", o.ID, p.Type, name)
				}
			}
			if _, ok := schema.Member(o.Due); i == 0 && o.Due != "" && !ok {
				t.Errorf("%s: %s has no member %s", o.ID, p.Type, o.Due)
			}
			for less, more := range p.Less {
				if _, ok := schema.Member(less); !ok {
					t.Errorf("%s: %s has no member %s", o.ID, p.Type, less)
				}
				if _, ok := schema.Member(more); !ok {
					t.Errorf("%s: %s has no member %s", o.ID, p.Type, more)
				}
			}
			open := slices.Concat(slices.Collect(maps.Keys(p.If)), slices.Collect(maps.Keys(p.Unless)))
			for _, name := range open {
				if m, ok := schema.Member(name); !ok || !m.Open {
					t.Errorf("%s: %s has no open member %s", o.ID, p.Type, name)
				}
			}
		}
	}
}

// A day counts in the zone: a minute before midnight there is in time.
func TestZones(t *testing.T) {
	newYork, err := due.ParseZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, id  string
		zone      *time.Location
		started   event
		discharge event
		state     due.State
		due       due.Day
	}{
		{
			"completed late in the evening of New York", "us.adverse-action.notice", newYork,
			event{typ: "application.completed", at: "2026-03-02T03:30:00Z", data: `{"completedAt":"2026-03-02T03:30:00Z"}`}, // 1 March there
			event{typ: "adverse-action.noticed", at: "2026-04-01T03:59:59Z", data: `{"sentAt":"2026-04-01T03:59:59Z"}`},     // 31 March there, in summer time
			due.Met, "2026-03-31",
		},
		{
			"a second later it is the next day", "us.adverse-action.notice", newYork,
			event{typ: "application.completed", at: "2026-03-02T03:30:00Z", data: `{"completedAt":"2026-03-02T03:30:00Z"}`},
			event{typ: "adverse-action.noticed", at: "2026-04-01T04:00:00Z", data: `{"sentAt":"2026-04-01T04:00:00Z"}`},
			due.MetLate, "2026-03-31",
		},
		{
			"the same in UTC", "us.adverse-action.notice", time.UTC,
			event{typ: "application.completed", at: "2026-03-02T03:30:00Z", data: `{"completedAt":"2026-03-02T03:30:00Z"}`},
			event{typ: "adverse-action.noticed", at: "2026-04-01T04:00:00Z", data: `{"sentAt":"2026-04-01T04:00:00Z"}`},
			due.Met, "2026-04-01",
		},
		{
			"China's days are China's, whatever is asked for", "cn.credit-report.objection", newYork,
			event{typ: "credit-report.disputed", at: "2026-02-01T15:59:59Z", data: `{"receivedAt":"2026-02-01T15:59:59Z"}`}, // the last second of 1 February there
			event{typ: "credit-report.corrected", at: "2026-02-21T16:00:00Z", data: `{"outcome":"verified","answeredAt":"2026-02-21T16:00:00Z"}`},
			due.MetLate, "2026-02-21",
		},
	} {
		s := tell(t, tc.started, event{typ: "decision.made", at: "2026-03-05", data: `{"outcome":"declined"}`}, tc.discharge)
		found := false
		for item := range builtin(t).Judge(s, instant(t, "2027-01-01"), tc.zone) {
			if item.Obligation == tc.id {
				found = true
				if item.State != tc.state || item.Due != tc.due {
					t.Errorf("%s: %s, due %s; want %s, %s", tc.name, item.State, item.Due, tc.state, tc.due)
				}
			}
		}
		if !found {
			t.Errorf("%s: nothing is owed", tc.name)
		}
	}
}

// What is asked as of a past time has the answer of that time, whenever its
// records were written.
func TestAsOf(t *testing.T) {
	s := tell(t,
		event{typ: "decision.made", at: "2026-03-01", data: `{"outcome":"declined"}`},
		event{typ: "adverse-action.noticed", at: "2026-04-10", data: `{"sentAt":"2026-04-05T08:00:00Z"}`})
	for _, tc := range []struct {
		asOf  string
		state due.State
		left  int
	}{
		{"2026-02-28", "", 0},
		{"2026-03-01T11:59:59Z", "", 0},
		{"2026-03-01T12:00:00Z", due.Open, 30},
		{"2026-03-31T23:59:59Z", due.Open, 0},
		{"2026-04-01T00:00:00Z", due.Breached, -1},
		{"2026-04-05T07:59:59Z", due.Breached, -5},
		{"2026-04-05T08:00:00Z", due.MetLate, 0},
		{"2030-01-01", due.MetLate, 0},
	} {
		items := judge(t, builtin(t), "us.adverse-action.notice", s, tc.asOf)
		if tc.state == "" {
			if len(items) > 0 {
				t.Errorf("%s: %+v", tc.asOf, items)
			}
			continue
		}
		if len(items) != 1 || items[0].State != tc.state || items[0].Left != tc.left {
			t.Errorf("%s: %+v, want %s with %d days left", tc.asOf, items, tc.state, tc.left)
		}
	}
}

// states gives the states of an obligation by the events that gave rise to it.
func states(t *testing.T, id string, events ...event) string {
	t.Helper()
	var out []string
	for _, item := range judge(t, builtin(t), id, tell(t, events...), "2030-01-01") {
		out = append(out, fmt.Sprintf("e%d %s", item.Trigger-100, item.State))
	}
	return strings.Join(out, ", ")
}

// Which record discharges which: by id, by cause, or because there is but one.
// Corrections and voidings hold.
func TestMatching(t *testing.T) {
	declined := event{typ: "decision.made", at: "2026-03-01", data: `{"outcome":"declined"}`}
	notice := func(data string, refs ...int64) event {
		return event{typ: "adverse-action.noticed", at: "2026-03-10", data: data, refs: refs}
	}
	complaint := event{typ: "complaint.opened", at: "2026-03-01", data: `{"dueAt":"2026-03-20"}`}
	const id = "us.adverse-action.notice"
	for _, tc := range []struct {
		name   string
		id     string
		events []event
		want   string
	}{
		{"named by id", id, []event{declined, declined, notice(`{"decisionRef":"e1"}`)}, "e0 breached, e1 met"},
		{"named by cause", id, []event{declined, declined, notice(`{}`, 1)}, "e0 breached, e1 met"},
		{"the id holds before the cause", id, []event{declined, declined, notice(`{"decisionRef":"e1"}`, 0)}, "e0 breached, e1 met"},
		{"two named by cause", id, []event{declined, declined, notice(`{}`, 0, 1)}, "e0 met, e1 met"},
		{"caused by something else", id, []event{declined, complaint, notice(`{}`, 1)}, "e0 met"},
		{"the only one it can be about", id, []event{declined, notice(`{}`)}, "e0 met"},
		{"one of two, nobody knows which", id, []event{declined, declined, notice(`{}`)}, "e0 breached, e1 breached"},
		{"the second came later", id, []event{declined, notice(`{}`), {typ: "decision.made", at: "2026-03-11", data: `{"outcome":"declined"}`}}, "e0 met, e2 breached"},
		{"another's", id, []event{declined, notice(`{"decisionRef":"elsewhere"}`)}, "e0 breached"},
		{"before the decision, but named", id, []event{declined, {typ: "adverse-action.noticed", at: "2026-02-20", data: `{"decisionRef":"e0"}`}}, "e0 met"},
		{"before the decision, and not named", id, []event{declined, {typ: "adverse-action.noticed", at: "2026-02-20", data: `{}`}}, "e0 breached"},
		{"for comparison only", id, []event{{typ: "decision.made", at: "2026-03-01", data: `{"outcome":"declined","use":"shadow"}`}}, ""},
		{"not declined", id, []event{{typ: "decision.made", at: "2026-03-01", data: `{"outcome":"referred"}`}}, ""},
		{"a decision in its place", id, []event{declined, {typ: "decision.made", at: "2026-03-02", data: `{"outcome":"approved","overrideOf":"e0"}`}}, "e0 met"},
		{"another decision", id, []event{declined, {typ: "decision.made", at: "2026-03-02", data: `{"outcome":"approved"}`}}, "e0 breached"},
		{"another country", id, []event{{typ: "decision.made", at: "2026-03-01", data: `{"outcome":"declined","jurisdiction":"DE-BE"}`}}, ""},
		{"a state of the country", id, []event{{typ: "decision.made", at: "2026-03-01", data: `{"outcome":"declined","jurisdiction":"US-CA"}`}}, "e0 breached"},
		{"the country of another record", id, []event{declined, {typ: "application.received", at: "2026-02-01", data: `{"applicationId":"A","jurisdiction":"CN"}`}}, ""},
		{"the decision was voided", id, []event{declined, {typ: "record.voided", at: "2026-05-01", data: `{"target":"e0"}`}}, ""},
		{"the notice was voided", id, []event{declined, notice(`{}`), {typ: "record.voided", at: "2026-05-01", data: `{"target":"e1"}`}}, "e0 breached"},
		{"the voiding was voided", id, []event{declined, {typ: "record.voided", at: "2026-05-01", data: `{"target":"e0"}`}, {typ: "record.voided", at: "2026-05-02", data: `{"target":"e1"}`}}, "e0 breached"},
		{"the outcome was corrected", id, []event{{typ: "decision.made", at: "2026-03-01", data: `{"outcome":"approved"}`}, {typ: "record.corrected", at: "2026-05-01", data: `{"target":"e0","members":[{"pointer":"/data/outcome","value":"\"declined\""}]}`}}, "e0 breached"},
		{"the day was corrected", id, []event{declined, notice(`{"sentAt":"2026-04-20"}`), {typ: "record.corrected", at: "2026-05-01", data: `{"target":"e1","members":[{"pointer":"/data/sentAt","value":"\"2026-03-12\""}]}`}}, "e0 met"},
		{"corrected to what is no day", id, []event{declined, notice(`{"sentAt":"2026-04-20"}`), {typ: "record.corrected", at: "2026-05-01", data: `{"target":"e1","members":[{"pointer":"/data/sentAt","value":"\"soon\""}]}`}}, "e0 met"},
		{"no day is named", "complaint.promised", []event{{typ: "complaint.opened", at: "2026-03-01", data: `{}`}}, ""},
		{"two complaints", "complaint.promised", []event{complaint, complaint, {typ: "complaint.resolved", at: "2026-03-21", data: `{"complaintRef":"e1"}`}}, "e0 breached, e1 met-late"},
		{"answered, but not at an end", "us.complaint.final", []event{{typ: "complaint.opened", at: "2026-03-01", data: `{"channel":"regulator"}`}, {typ: "complaint.resolved", at: "2026-03-02", data: `{"disposition":"in-progress"}`}}, "e0 breached"},
		{"no regulator", "us.complaint.response", []event{{typ: "complaint.opened", at: "2026-03-01", data: `{"channel":"phone"}`}}, ""},
		{"with the notice in it", "us.counteroffer.notice", []event{{typ: "decision.counteroffered", at: "2026-03-01", data: `{"combinedNotice":true}`}}, ""},
		{"without", "us.counteroffer.notice", []event{{typ: "decision.counteroffered", at: "2026-03-01", data: `{"combinedNotice":false}`}}, "e0 breached"},
		{"another version of the model", "model.validated", []event{
			{typ: "model.validated", at: "2026-03-01", data: `{"modelId":"pd","modelVersion":"1","outcome":"passed"}`},
			{typ: "model.validated", at: "2026-04-01", data: `{"modelId":"pd","modelVersion":"2","outcome":"passed"}`},
			{typ: "model.retired", at: "2026-05-01", data: `{"modelId":"pd","modelVersion":"2"}`},
		}, "e0 breached, e1 met"},
		{"a limit that is raised", "us.line-cut.notice", []event{{typ: "line.changed", at: "2026-03-01", data: `{"initiator":"lender","oldLimit":{"amount":"9.00","currency":"USD"},"newLimit":{"amount":"10.00","currency":"USD"}}`}}, ""},
		{"a limit that stays", "us.line-cut.notice", []event{{typ: "line.changed", at: "2026-03-01", data: `{"initiator":"lender","oldLimit":{"amount":"9.00","currency":"USD"},"newLimit":{"amount":"9.0","currency":"USD"}}`}}, ""},
		{"a limit of another currency", "us.line-cut.notice", []event{{typ: "line.changed", at: "2026-03-01", data: `{"initiator":"lender","oldLimit":{"amount":"9.00","currency":"USD"},"newLimit":{"amount":"8.00","currency":"CAD"}}`}}, ""},
		{"a limit that the borrower wants cut", "us.line-cut.notice", []event{{typ: "line.changed", at: "2026-03-01", data: `{"initiator":"borrower","oldLimit":{"amount":"9.00","currency":"USD"},"newLimit":{"amount":"8.00","currency":"USD"}}`}}, ""},
		{"no old limit", "us.line-cut.notice", []event{{typ: "line.changed", at: "2026-03-01", data: `{"initiator":"lender","newLimit":{"amount":"8.00","currency":"USD"}}`}}, ""},
		{"another collateral", "collateral.revalued", []event{
			{typ: "collateral.pledged", at: "2026-03-01", data: `{"collateralId":"C","revalueBy":"2026-06-01"}`},
			{typ: "collateral.pledged", at: "2026-05-01", data: `{"collateralId":"D"}`},
		}, "e0 breached"},
		{"not passed", "identity.refreshed", []event{
			{typ: "identity.verified", at: "2026-03-01", data: `{"outcome":"passed","refreshBy":"2026-06-01"}`},
			{typ: "identity.verified", at: "2026-05-01", data: `{"outcome":"failed"}`},
		}, "e0 breached"},
		{"twice on a day", "model.validated", []event{
			{typ: "model.validated", at: "2026-03-01", data: `{"modelId":"pd","modelVersion":"1","outcome":"failed"}`},
			{typ: "model.validated", at: "2026-03-01", data: `{"modelId":"pd","modelVersion":"1","outcome":"passed"}`},
		}, "e0 met, e1 breached"},
		{"by the day that the validation names", "model.validated", []event{
			{typ: "model.validated", at: "2026-03-01", data: `{"modelId":"pd","modelVersion":"1","outcome":"passed","nextDue":"2026-06-01"}`},
			{typ: "model.retired", at: "2026-06-02", data: `{"modelId":"pd","modelVersion":"1"}`},
		}, "e0 met-late"},
	} {
		if got := states(t, tc.id, tc.events...); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A notice of incompleteness stands in the record that gives rise to it.
func TestOwnMember(t *testing.T) {
	received := event{typ: "application.received", at: "2026-03-01", data: `{"applicationId":"A"}`}
	for sent, want := range map[string]string{
		`{"noticeSentAt":"2026-03-31"}`: "e1 met",
		`{"noticeSentAt":"2026-04-01"}`: "e1 met-late",
		`{}`:                            "e1 breached",
	} {
		if got := states(t, "us.incomplete.notice", received, event{typ: "application.incomplete", at: "2026-03-05", data: sent}); got != want {
			t.Errorf("%s: %s, want %s", sent, got, want)
		}
	}
	for sent, want := range map[string]string{
		`{"effectiveDate":"2026-03-31","noticeSentAt":"2026-03-31"}`: "e0 met",
		`{"effectiveDate":"2026-03-31","noticeSentAt":"2026-04-01"}`: "e0 met-late",
		`{"effectiveDate":"2026-03-31"}`:                             "e0 breached",
		`{"noticeSentAt":"2026-04-01"}`:                              "",
	} {
		if got := states(t, "repricing.notice", event{typ: "terms.repriced", at: "2026-03-05", data: sent}); got != want {
			t.Errorf("%s: %s, want %s", sent, got, want)
		}
	}
	for done, want := range map[string]string{
		`{"dueDate":"2026-03-31","reviewedDate":"2026-03-31"}`: "e0 met",
		`{"dueDate":"2026-03-31","reviewedDate":"2026-04-01"}`: "e0 met-late",
		`{"dueDate":"2026-03-31"}`:                             "e0 breached",
		`{"reviewedDate":"2026-03-31"}`:                        "",
	} {
		if got := states(t, "monitoring.in-time", event{typ: "monitoring.reviewed", at: "2026-04-05", data: done}); got != want {
			t.Errorf("%s: %s, want %s", done, got, want)
		}
	}
	// Of two, each has its own.
	got := states(t, "us.incomplete.notice", received,
		event{typ: "application.incomplete", at: "2026-03-05", data: `{}`},
		event{typ: "application.incomplete", at: "2026-03-06", data: `{"noticeSentAt":"2026-03-06"}`})
	if got != "e1 breached, e2 met" {
		t.Error(got)
	}
}

// What cannot be read any more is not passed over.
func TestUnsure(t *testing.T) {
	for _, tc := range []struct {
		name    string
		partial int
		state   due.State
		unsure  bool
	}{
		{"all can be read", -1, due.Breached, false},
		{"the decision cannot", 0, due.Breached, true},
		{"a notice cannot: it may be about this one", 2, due.Breached, true},
	} {
		s := tell(t,
			event{typ: "decision.made", at: "2026-03-01", data: `{"outcome":"declined"}`},
			event{typ: "decision.made", at: "2026-03-01", data: `{"outcome":"declined"}`},
			event{typ: "adverse-action.noticed", at: "2026-03-10", data: `{}`})
		if tc.partial >= 0 {
			s.Records[tc.partial].Partial = true
		}
		item := judge(t, builtin(t), "us.adverse-action.notice", s, "2030-01-01")[0]
		if item.State != tc.state || item.Unsure != tc.unsure {
			t.Errorf("%s: %s, unsure %v", tc.name, item.State, item.Unsure)
		}
	}
}

func TestDays(t *testing.T) {
	for _, tc := range []struct{ got, want due.Day }{
		{due.Day("2026-02-28").Plus(1), "2026-03-01"},
		{due.Day("2024-02-28").Plus(1), "2024-02-29"},
		{due.Day("2026-12-31").Plus(1), "2027-01-01"},
		{due.Day("2026-03-01").Plus(-1), "2026-02-28"},
		{due.Day("2026-01-31").PlusMonths(1), "2026-02-28"},
		{due.Day("2026-01-15").PlusMonths(12), "2027-01-15"},
		{due.Day("2024-02-29").PlusMonths(12), "2025-02-28"},
		{due.Day("2026-12-31").PlusMonths(2), "2027-02-28"},
		{due.Day("9999-12-31").Plus(30), "9999-12-31"},
		{due.Day("9999-02-01").PlusMonths(12), "9999-12-31"},
		{due.DayOf(time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC), time.FixedZone("", 7200)), "9999-12-31"},
		{due.DayOf(time.Date(2026, 3, 1, 23, 59, 59, 0, time.FixedZone("", -3600)), time.UTC), "2026-03-02"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s, want %s", tc.got, tc.want)
		}
	}
	if n := due.Day("1600-01-01").Until("9999-12-31"); n != 3068036 {
		t.Errorf("from 1600 to 9999 there are %d days", n)
	}
	if n := due.Day("2026-03-28").Until("2026-03-30"); n != 2 {
		t.Errorf("2 days are %d", n)
	}
}
