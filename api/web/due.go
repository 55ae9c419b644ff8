// SPDX-License-Identifier: Apache-2.0

package web

import (
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/lendlog/lendlog/ledger/due"
)

// dueListed is how many obligations a page shows.
const dueListed = 50

// A duePage is what the ledger owes.
type duePage struct {
	Query       due.Query
	Report      *due.Report
	Obligations []obligationOption
	Basis       basis
	Items       []*dueItem
	Pages       pager
}

// States are all that there are, and Has whether one is asked for.
func (p *duePage) States() []due.State      { return due.States }
func (p *duePage) Has(state due.State) bool { return slices.Contains(p.Query.States, state) }
func (p *duePage) Within() string           { return p.Pages.asked.Get("within") }
func (p *duePage) Zone() string             { return p.Query.Zone.String() }
func (p *duePage) Count(s due.State) int64  { return p.Report.Counts[s] }
func (p *duePage) Again() template.URL      { return template.URL(p.Pages.asked.Encode()) }

// Tone is the colour of a state.
func (p *duePage) Tone(s due.State) string { return tones[s] }

// An obligationOption is an obligation to choose.
type obligationOption struct{ ID, Title string }

// A dueItem is an obligation as a page shows it.
type dueItem struct {
	due.Item
	Title   string
	Tone    string // of its badge
	Subject subject
	Days    int // left or over, without a sign
}

// By is the record by which it was done.
func (i *dueItem) By() int64 { return *i.DoneBy }

// tones of states: their colour beside their words.
var tones = map[due.State]string{due.Breached: "bad", due.Open: "warn", due.MetLate: "warn", due.Met: "good"}

func showDue(v *visit) error {
	asked := v.r.URL.Query()
	p := &duePage{}
	table, err := due.Builtin()
	if err != nil {
		return err
	}
	for _, o := range table.Obligations {
		p.Obligations = append(p.Obligations, obligationOption{o.ID, v.text(o.Title.EN, o.Title.ZH)})
	}
	if p.Query, err = dueQuery(asked, table); err != nil {
		return err
	}
	if p.Pages, err = newPager(asked, dueListed); err != nil {
		return err
	}
	p.Query.Skip = p.Pages.Skip
	l, err := v.ledger()
	if err != nil {
		return err
	}
	got, err := l.Due(v.scanning(), p.Query, "")
	if err != nil {
		return err
	}
	if p.Report = got.Report; len(got.Items) == 0 && p.Query.Skip > 0 {
		return errMissing
	}
	for _, item := range got.Items {
		p.Items = append(p.Items, &dueItem{Item: item, Title: v.text(item.Title.EN, item.Title.ZH), Tone: tones[item.State], Subject: newSubject(item.Subject), Days: max(item.Left, -item.Left)})
	}
	p.Pages.Shown, p.Pages.Of = len(p.Items), got.Matched
	p.Basis = newBasis(got.Checkpoint, dueCommand(p.Query)...)
	return v.render(p)
}

// dueQuery reads what is asked for: what is open or overdue, as of the end of the
// day, where nothing else is said.
func dueQuery(q url.Values, table *due.Table) (out due.Query, err error) {
	out = due.Query{AsOf: endOfDay(time.Now()), Zone: time.UTC, States: []due.State{due.Breached, due.Open}, Limit: dueListed}
	if zone := q.Get("zone"); zone != "" {
		if out.Zone, err = due.ParseZone(zone); err != nil {
			return out, wrongField{"due.zone", "due.zone.hint"}
		}
	}
	if states := q["state"]; len(states) > 0 {
		out.States = nil
		for _, s := range states {
			if !slices.Contains(due.States, due.State(s)) {
				return out, wrong("due.state", "choice")
			}
			out.States = append(out.States, due.State(s))
		}
	}
	if within := q.Get("within"); within != "" {
		days, err := strconv.ParseUint(within, 10, 15)
		if err != nil {
			return out, wrong("due.within", "number")
		}
		n := int(days)
		out.Within = &n
	}
	if id := q.Get("id"); id != "" {
		if _, known := table.Obligation(id); !known {
			return out, wrong("due.obligation", "choice")
		}
		out.Obligation = id
	}
	return out, nil
}

// dueCommand lists the same from a copy of the ledger.
func dueCommand(q due.Query) []string {
	states := ""
	for _, s := range q.States {
		if states != "" {
			states += ","
		}
		states += string(s)
	}
	words := []string{"lendlog", "due", "--dir", "COPY", "--as-of", q.AsOf.Format(time.DateOnly), "--state", states}
	if q.Zone != time.UTC {
		words = append(words, "--zone", q.Zone.String())
	}
	if q.Within != nil {
		words = append(words, "--within", strconv.Itoa(*q.Within))
	}
	if q.Obligation != "" {
		words = append(words, "--id", q.Obligation)
	}
	return words
}
