// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
)

// An operator who has all keys, and numbers periods otherwise than they were,
// or changes what lies in one that was closed, is found out by whoever counts.
func TestPeriodLies(t *testing.T) {
	events := ledgertest.NewEvents(5)
	l := ledgertest.New(t)
	l.Submit(events.Take(40)...)
	begun := l.Head().Recorded.Truncate(ledger.PeriodStep)
	var closed []int64
	for run := range 3 {
		l.Stop()
		offset := time.Duration(run+1) * time.Hour
		l = ledgertest.Start(t, l.Dir, ledger.Options{Now: func() time.Time { return time.Now().Add(offset) }})
		l.Submit(events.Take(30)...)
		p, err := l.ClosePeriod(t.Context(), begun.Add(time.Duration(run+1)*3*ledger.PeriodStep), nil)
		if err != nil {
			t.Fatal(err)
		}
		closed = append(closed, p.Index)
	}
	l.Stop()
	p := ledgertest.Parts(t, l.Dir)

	// change has a member of the second closing say something else.
	change := func(name string, to func(canon.Value) canon.Value) ledgertest.Lie {
		return ledgertest.Lie{Before: func(it *ledgertest.Item) {
			if it.Index != closed[1] {
				return
			}
			open := canon.Value{Kind: canon.Object}
			for _, m := range it.Entry.Open.Members {
				if m.Name == name {
					m.Value = to(m.Value)
				}
				if m.Value.Kind != canon.Null {
					open.Members = append(open.Members, m)
				}
			}
			it.Entry.Open = open
		}}
	}
	plus := func(n int64) func(canon.Value) canon.Value {
		return func(v canon.Value) canon.Value { return canon.Number(v.Int + n) }
	}
	later := func(d time.Duration) func(canon.Value) canon.Value {
		return func(v canon.Value) canon.Value {
			at, err := time.Parse(record.TimeLayout, v.Str)
			if err != nil {
				t.Error(err)
			}
			return canon.Text(at.Add(d).Format(record.TimeLayout))
		}
	}
	none := func(canon.Value) canon.Value { return canon.Value{} }
	counts := func(do func([]canon.Value) []canon.Value) ledgertest.Lie {
		return change("counts", func(v canon.Value) canon.Value {
			var items []canon.Value
			for _, item := range v.Items {
				typ, _ := item.Get("type")
				n, _ := item.Get("count")
				items = append(items, canon.Map(canon.Member{Name: "type", Value: typ}, canon.Member{Name: "count", Value: n}))
			}
			return canon.List(do(items)...)
		})
	}
	member := func(v *canon.Value, name string, to canon.Value) {
		for i := range v.Members {
			if v.Members[i].Name == name {
				v.Members[i].Value = to
			}
		}
	}
	for name, l := range map[string]ledgertest.Lie{
		"nothing":                 {},
		"an earlier begin":        change("from", later(-ledger.PeriodStep)),
		"a later begin":           change("from", later(ledger.PeriodStep)),
		"no begin":                change("from", none),
		"an earlier end":          change("to", later(-ledger.PeriodStep)),
		"an end within a quarter": change("to", later(time.Minute)),
		"an end that is to come":  change("to", later(24*time.Hour)),
		"another first":           change("first", plus(1)),
		"another next":            change("next", plus(-1)),
		"no next":                 change("next", none),
		"a record for a root":     change("indexRoot", plus(-1)),
		"a root that is too old":  change("indexRoot", func(canon.Value) canon.Value { return canon.Number(1) }),
		"another before":          change("previous", plus(1)),
		"none before":             change("previous", none),
		"a type left out":         counts(func(c []canon.Value) []canon.Value { return c[1:] }),
		"nothing counted":         counts(func([]canon.Value) []canon.Value { return nil }),
		"a type twice":            counts(func(c []canon.Value) []canon.Value { return append(c, c[0]) }),
		"another number":          counts(func(c []canon.Value) []canon.Value { member(&c[0], "count", canon.Number(99)); return c }),
		"another type":            counts(func(c []canon.Value) []canon.Value { member(&c[0], "type", canon.Text("a")); return c }),
		"a record moved out of it": {Before: func(it *ledgertest.Item) {
			if it.Index == closed[0]-3 && it.Entry != nil {
				it.Entry.Type = record.TypeConflicted
			}
		}},
		"a record left out": {Drop: func(old int64) bool { return old == closed[1]-5 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := ledgertest.Forge(t, p, l)
			r := audit(t, f.Parts, fsck.Options{})
			if _, found := find(r, fsck.Periods, -1); found == (name == "nothing") {
				t.Errorf("found is %v:\n%s", found, text(r))
			}
		})
	}
}
