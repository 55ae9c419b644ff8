// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/url"
	"strconv"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/record"
)

// A looksPage is who looked at what, when and what for, and who was let in.
type looksPage struct {
	Subject, By, From, To string // as they were typed
	Person                string // who was looked at; asked for in no address
	Looked                *client.Looked
	Grants                []grantItem
}

// A grantItem is the record of a grant or a revocation.
type grantItem struct {
	Index      int64
	At         time.Time
	ID         string
	Role       access.Role // "" of a revocation
	By, Reason string
}

// Next is the address of the next page of looks, "" where there is none or where
// it would name a person.
func (p *looksPage) Next() string {
	if p.Looked.Before == 0 || p.Person != "" {
		return ""
	}
	q := url.Values{"before": {strconv.FormatInt(p.Looked.Before, 10)}}
	for name, value := range map[string]string{"subject": p.Subject, "by": p.By, "from": p.From, "to": p.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "looks?" + q.Encode()
}

// showLooks shows the looks at a subject, by somebody or at everything.
func showLooks(v *visit) error { return v.looks(v.r.URL.Query(), "") }

// looksAt shows the looks at a person, who stands in no address.
func looksAt(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	return v.looks(v.r.PostForm, v.r.PostForm.Get("person"))
}

// looksListed is how many looks a page shows.
const looksListed = 100

func (v *visit) looks(q url.Values, person string) error {
	p := &looksPage{Subject: q.Get("subject"), By: q.Get("by"), From: q.Get("from"), To: q.Get("to"), Person: person}
	ask := client.Looking{Subject: p.Subject, Party: person, By: p.By, Limit: looksListed}
	for _, day := range []struct {
		name, text string
		to         *time.Time
		plus       int
	}{{"looks.from", p.From, &ask.From, 0}, {"looks.to", p.To, &ask.To, 1}} { // the last day is meant too
		if day.text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, day.text)
		if err != nil {
			return wrong(day.name, "day")
		}
		*day.to = t.AddDate(0, 0, day.plus)
	}
	if before := q.Get("before"); before != "" {
		n, err := strconv.ParseInt(before, 10, 64)
		if err != nil || n < 1 {
			return errMissing
		}
		ask.Before = n
	}
	switch {
	case person != "" && p.Subject != "":
		return wrong("looks.person", "either")
	case p.By != "" && !access.ValidID(p.By):
		return wrong("looks.by", "key")
	}
	l, err := v.ledger()
	if err != nil {
		return err
	}
	if p.Looked, err = l.Looks(v.ctx(), ask); err != nil {
		return err
	}
	if p.Grants, err = v.letIn(l); err != nil {
		return err
	}
	return v.render(p)
}

// grantsListed is how many grants and revocations a page shows, the newest.
const grantsListed = 50

// letIn reads who was let in, and who no longer is.
func (v *visit) letIn(l *client.Client) (items []grantItem, err error) {
	for found, err := range l.Search(v.ctx(), client.Search{Filter: `subject="ledger/access"`, Page: grantsListed}) {
		if err != nil {
			return nil, err
		}
		e := found.Leaf.Entry
		if e == nil || e.Type != record.TypeRoleGranted && e.Type != record.TypeRoleLent && e.Type != record.TypeRoleRevoked {
			continue
		}
		get := func(name string) string { value, _ := e.Open.Get(name); return value.Str }
		items = append(items, grantItem{Index: found.Index, At: e.Recorded, ID: get("id"), Role: access.Role(get("role")), By: get("grantor") + get("revoker"), Reason: get("reason")})
		if len(items) == grantsListed {
			break
		}
	}
	return items, nil
}

// Looks are the looks of the page. One at many subjects has a record in the chain
// of each, and is one here.
func (p *looksPage) Looks() (all []*look.Done) {
	byID := map[string]*look.Done{}
	for _, d := range p.Looked.Looks {
		if one := byID[d.Look]; one != nil && d.Look != "" {
			one.Records, one.Count = one.Records.With(d.Records), max(one.Count, d.Count)
			if n := one.Records.Count(); n > 0 { // a record has a person's chain besides its subject's
				one.Count = n
			}
			continue
		}
		one := *d
		byID[d.Look] = &one
		all = append(all, &one)
	}
	return all
}

// Opened are the records that a look was at: numbers and ranges, the first ones.
func (p *looksPage) Opened(d *look.Done) string {
	if len(d.Records) > spansShown {
		return d.Records[:spansShown].String() + " …"
	}
	return d.Records.String()
}

// Chain is where the records of a chain of looks are, below /console/.
func (p *looksPage) Chain(name string) string { return newSubject(name).Path }

// spansShown is how many ranges of records a look shows in a list.
const spansShown = 5
