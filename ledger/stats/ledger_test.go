// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/stats"
)

// An event is one that was submitted, as a reader with time sees it.
type event struct {
	ID      string         `json:"id"`
	Type    string         `json:"type"`
	Subject string         `json:"subject"`
	Time    time.Time      `json:"time"`
	Data    map[string]any `json:"data"`
}

func (e *event) is(typ string) bool { return e.Type == "org.lendlog."+typ+".v1" }

// TestAgainstBruteForce holds the statistics of a ledger on disk against a count
// over the documents that were submitted to it.
func TestAgainstBruteForce(t *testing.T) {
	dir := ledgertest.Create(t, ledger.CreateOptions{})
	t.Cleanup(func() { ledgertest.Check(t, dir) })
	l := ledgertest.Start(t, dir, ledger.Options{})
	genesis := l.Head().Size
	book, err := lifecycle.New(lifecycle.Config{Loans: 250, Seed: 11, Faults: 30, Window: 250})
	if err != nil {
		t.Fatal(err)
	}
	var events []*event
	var documents [][]byte
	var subjects []string // with decisions
	for e := range book.Events() {
		documents = append(documents, e.Document)
		if strings.Contains(string(e.Document), "decision.made") {
			subjects = append(subjects, e.Subject)
		}
	}
	// What a book has none of.
	more := func(id, typ, subject, data string) {
		documents = append(documents, fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"urn:test","type":"org.lendlog.%s.v1","subject":%q,"time":"2020-05-05T10:00:00Z","data":%s}`, id, typ, subject, data))
	}
	for i, subject := range subjects[:40] {
		id := fmt.Sprintf("more-%d", i)
		more(id, "decision.made", subject, `{"outcome":"declined","reasonCodes":["x","y","x"],"decisionMode":"manual"}`)
		switch i % 4 {
		case 0:
			more(id+"-v", "record.voided", subject, fmt.Sprintf(`{"target":%q}`, id))
		case 1:
			more(id+"-c", "record.corrected", subject, fmt.Sprintf(`{"target":%q,"members":[{"pointer":"/data/outcome","value":"\"approved\""}]}`, id))
		case 2:
			more(id+"-s", "decision.made", subject, `{"outcome":"approved","use":"shadow"}`)
		case 3:
			more(fmt.Sprintf("more-case-%d", i), "case.opened", fmt.Sprintf("case/%d", i), `{"caseKind":"fraud"}`)
		}
	}
	var sent []ledgertest.Event
	for _, d := range documents {
		e := &event{}
		if err := json.Unmarshal(d, e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
		sent = append(sent, ledgertest.Event{Document: d, Submitter: "local"})
	}
	for chunk := range slices.Chunk(sent, 2000) {
		l.Submit(chunk...)
	}

	head := l.Head()
	got, err := l.Statistics(t.Context(), head, nil)
	if err != nil {
		t.Fatal(err)
	}
	var sizes int64
	for lf, err := range l.Leaves(t.Context(), head, nil) {
		if err != nil {
			t.Fatal(err)
		}
		sizes += int64(len(lf.Bytes))
	}

	b := count(events, head.Recorded)
	delete(got.Records.ByType, "org.lendlog.schema.registered.v1")
	delete(got.Records.ByType, "org.lendlog.genesis.v1")
	for name, x := range map[string][2]any{
		"by type":     {b.types, got.Records.ByType},
		"restricted":  {b.restricted, got.Records.Restricted},
		"outcomes":    {b.outcomes, got.Decisions.ByOutcome},
		"reasons":     {b.reasons, got.Decisions.ByReason},
		"months":      {b.months, got.Decisions.ByMonth},
		"modes":       {b.modes, got.Decisions.ByMode},
		"decisions":   {b.decisions, got.Decisions.Count},
		"files":       {b.files, got.Approval.Count},
		"approved":    {b.approved, got.Approval.Approved.Part},
		"overrides":   {b.overrides, got.Overrides.Overrides.Part},
		"directions":  {b.directions, got.Overrides.ByDirection},
		"waits":       {int64(len(b.waits)), got.TimeToDecision.Count},
		"earlier":     {b.earlier, got.TimeToDecision.Earlier},
		"loans":       {b.loans, got.Delinquency.Count},
		"vintages":    {b.vintages, got.Delinquency.Vintages},
		"all":         {head.Size, got.Records.Count},
		"entry bytes": {sizes, got.Records.EntryBytes},
		"unclear":     {int64(0), got.Unclear},
	} {
		if diff := cmp.Diff(x[0], x[1]); diff != "" {
			t.Errorf("%s (-brute force +ledger):\n%s", name, diff)
		}
	}
	for q, at := range map[float64]*int64{0.5: got.TimeToDecision.Median, 0.9: got.TimeToDecision.P90} {
		want := b.waits[int(math.Ceil(q*float64(len(b.waits))))-1]
		if *at > want || want-*at > want/100 {
			t.Errorf("the %v quantile is %d, want %d", q, *at, want)
		}
	}
	if b.restricted < 10 || b.overrides == 0 || b.approved == 0 || b.earlier > b.files/2 || len(b.vintages) < 24 || genesis == 0 {
		t.Errorf("the book is too plain: %+v", b)
	}
	if worst := b.vintages[0].Ever; worst[len(worst)-1].MonthsOnBook < 60 {
		t.Errorf("the first vintage ends with %+v", worst)
	}
	// A context that ends, ends it.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Statistics(ctx, head, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended gave %v", err)
	}
	// The mirror holds what the entries do and more, and the store at least that.
	if g := got.Growth; g.Count != head.Size-got.Records.IndexRoots || g.Mirror.Bytes < sizes || g.Store.Bytes < sizes || g.RecordsPerYear != nil {
		t.Errorf("growth is %+v, the store %+v, the mirror %+v", g, g.Store, g.Mirror)
	}
}

// counted is what count counts.
type counted struct {
	types, outcomes, reasons, modes, directions                       map[string]int64
	months                                                            map[string]map[string]int64
	restricted, decisions, files, approved, overrides, earlier, loans int64
	waits                                                             []int64
	vintages                                                          []stats.Vintage
}

// count counts over all events, with no regard to memory or elegance.
func count(events []*event, asOf time.Time) (b counted) {
	b.types, b.outcomes, b.reasons, b.modes, b.directions = map[string]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}
	b.months = map[string]map[string]int64{}
	voided := map[string]bool{}
	byID := map[string]*event{}
	bySubject := map[string][]*event{}
	for _, e := range events {
		byID[e.Subject+" "+e.ID] = e
		bySubject[e.Subject] = append(bySubject[e.Subject], e)
	}
	for _, e := range events {
		switch {
		case e.is("case.opened"), e.is("case.disposed"), e.is("case.accessed"):
			b.restricted++
			continue
		case e.is("record.voided"):
			voided[e.Subject+" "+e.Data["target"].(string)] = true
		case e.is("record.corrected"):
			target := byID[e.Subject+" "+e.Data["target"].(string)]
			for _, m := range e.Data["members"].([]any) {
				m := m.(map[string]any)
				var v any
				_ = json.Unmarshal([]byte(m["value"].(string)), &v)
				target.Data[strings.TrimPrefix(m["pointer"].(string), "/data/")] = v
			}
		}
		b.types[e.Type]++
	}
	monthOf := func(t time.Time) int { return 12*t.UTC().Year() + int(t.UTC().Month()) - 1 }
	type lateness struct{ born, age30, age60, age90 int }
	var loans []lateness
	for subject, all := range bySubject {
		all = slices.DeleteFunc(slices.Clone(all), func(e *event) bool { return voided[subject+" "+e.ID] })
		slices.SortStableFunc(all, func(a, b *event) int { return a.Time.Compare(b.Time) })
		var received, first, last, origin *event
		for _, e := range all {
			if e.is("application.received") && received == nil {
				received = e
			}
			if (e.is("loan.disbursed") || e.is("line.opened")) && origin == nil {
				origin = e
			}
			if !e.is("decision.made") || e.Data["use"] == "shadow" {
				continue
			}
			outcome := e.Data["outcome"].(string)
			b.decisions++
			b.outcomes[outcome]++
			month := e.Time.UTC().Format("2006-01")
			if b.months[month] == nil {
				b.months[month] = map[string]int64{}
			}
			b.months[month][outcome]++
			mode, ok := e.Data["decisionMode"].(string)
			if !ok {
				mode = stats.Unknown
			}
			b.modes[mode]++
			codes, _ := e.Data["reasonCodes"].([]any)
			seen := map[any]bool{}
			for _, code := range codes {
				if !seen[code] {
					b.reasons[code.(string)]++
				}
				seen[code] = true
			}
			if of, ok := e.Data["overrideOf"].(string); ok {
				b.overrides++
				b.directions[byID[subject+" "+of].Data["outcome"].(string)+" to "+outcome]++
			}
			if outcome != "referred" {
				if first == nil {
					first = e
				}
				last = e
			}
		}
		if last != nil {
			b.files++
			if last.Data["outcome"] == "approved" {
				b.approved++
			}
			if received != nil {
				if wait := first.Time.Sub(received.Time); wait >= 0 {
					b.waits = append(b.waits, int64(wait/time.Second))
				} else {
					b.earlier++
				}
			}
		}
		if origin == nil {
			continue
		}
		loan := lateness{monthOf(origin.Time), 9999, 9999, 9999}
		for _, e := range all {
			days, at := 0.0, e.Time
			switch {
			case e.is("delinquency.changed"):
				d, ok := e.Data["daysPastDue"].(float64)
				if months, has := e.Data["monthsPastDue"].(float64); !ok && has {
					d = 30 * months
				}
				days = d
				if s, ok := e.Data["asOf"].(string); ok {
					at, _ = time.Parse(time.DateOnly, s)
				}
			case e.is("loan.charged-off"):
				days = 90
				if s, ok := e.Data["chargeOffDate"].(string); ok {
					at, _ = time.Parse(time.DateOnly, s)
				}
			}
			age := max(0, monthOf(at)-loan.born)
			if days >= 30 {
				loan.age30 = min(loan.age30, age)
			}
			if days >= 60 {
				loan.age60 = min(loan.age60, age)
			}
			if days >= 90 {
				loan.age90 = min(loan.age90, age)
			}
		}
		loans = append(loans, loan)
	}
	b.loans = int64(len(loans))
	slices.Sort(b.waits)
	for born := range 12 * 3000 {
		v := stats.Vintage{Month: fmt.Sprintf("%04d-%02d", born/12, born%12+1)}
		for _, age := range stats.MonthsOnBook {
			p := stats.Point{MonthsOnBook: age}
			v.Originated = 0
			for _, loan := range loans {
				if loan.born != born {
					continue
				}
				v.Originated++
				for at, n := range map[*int64]int{&p.Past30: loan.age30, &p.Past60: loan.age60, &p.Past90: loan.age90} {
					if n <= age {
						*at++
					}
				}
			}
			if born+age <= monthOf(asOf) {
				v.Ever = append(v.Ever, p)
			}
		}
		if v.Originated > 0 {
			b.vintages = append(b.vintages, v)
		}
	}
	return b
}

// The collector selects what it counts, and no more: it is what the engine asks.
func TestSelection(t *testing.T) {
	var sel ledger.Selection = stats.New(time.Time{})
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range cat.All() {
		if sel.Triggers(s.Type) && !sel.Reads(s.Type) {
			t.Errorf("%s triggers and is not read", s.Type)
		}
		if sel.Reads(s.Type) {
			n++
			if s.Restricted {
				t.Errorf("%s is restricted", s.Type)
			}
		}
	}
	if n != 6 {
		t.Errorf("%d types are read, want 6", n)
	}
}
