// SPDX-License-Identifier: Apache-2.0

package web

import (
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/due"
)

// A demand is a record to which somebody owes an answer.
type demand struct {
	Index    int64
	What, By string // members of it that say so; "" where there is none
	Subject  subject
	At       time.Time
	State    due.State // of the answer; "" where none is owed by a day
	Due      due.Day
}

// Tone is the colour of the state.
func (d demand) Tone() string { return tones[d.State] }

// demands reads the newest records of a filter, up to so many, and how the obligation
// stands that each gave rise to. what and by name members of their data.
func (v *visit) demands(l *client.Client, filter string, most int, what, by, obligation string) ([]demand, error) {
	var all []demand
	for found, err := range l.Search(v.ctx(), client.Search{Filter: filter, Page: most}) {
		if err != nil {
			return nil, err
		}
		d := demand{Index: found.Index}
		if found.Event != nil {
			d.Subject = newSubject(found.Event.Subject)
		}
		if one, ok := found.Story(); ok {
			d.At, d.What, d.By = one.Time, stated(one.Data, what), stated(one.Data, by)
		}
		if all = append(all, d); len(all) == most {
			break
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	got, err := l.Due(v.scanning(), due.Query{AsOf: endOfDay(time.Now()), Obligation: obligation, Limit: 1000}, "")
	if err != nil {
		return nil, err
	}
	owed := map[int64]due.Item{}
	for _, item := range got.Items {
		owed[item.Trigger] = item
	}
	for i := range all {
		all[i].State, all[i].Due = owed[all[i].Index].State, owed[all[i].Index].Due
	}
	return all, nil
}

// stated is a text of the data as it was submitted, "" where there is none.
func stated(data canon.Value, name string) string {
	v, _ := data.Get(name)
	return v.Str
}
