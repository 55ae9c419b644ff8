// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"maps"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// slotLength is what periods begin and end at a multiple of.
const slotLength = 15 * time.Minute

// periods counts what is recorded, by quarters of an hour since the last
// period that was closed, and holds the records that close one against it.
type periods struct {
	slots  map[int64]*slot // by their begin, in quarters of an hour since 1970
	at     int64           // the slot that an entry was in last
	now    *slot
	began  int64 // the slot in which the first entry was recorded
	next   int64 // index behind the last record of the last period that was closed
	to     int64 // the slot at which it ended
	last   int64 // index of the record that closed it, -1 for none
	closed int64

	// roots are the last index-roots, ascending: more than are appended while
	// the ledger counts a period, which are at most five a second.
	roots []int64
}

const maxRoots = 1 << 20

// A slot is what was recorded in a quarter of an hour.
type slot struct {
	next   int64 // index behind the last record
	counts map[string]int64
}

func newPeriods() *periods { return &periods{slots: map[int64]*slot{}, last: -1} }

func slotOf(t time.Time) int64 { return t.Unix() / int64(slotLength/time.Second) }

// add counts an entry.
func (p *periods) add(index int64, e *record.Entry) {
	if at := slotOf(e.Recorded); p.now == nil || at != p.at {
		if p.now == nil {
			p.began = at
		}
		if p.slots[at] == nil {
			p.slots[at] = &slot{counts: map[string]int64{}}
		}
		p.at, p.now = at, p.slots[at]
	}
	p.now.next = index + 1
	p.now.counts[e.Type]++
}

// root notes an index-root.
func (p *periods) root(index int64) {
	if len(p.roots) == maxRoots {
		p.roots = append(p.roots[:0], p.roots[maxRoots/2:]...)
	}
	p.roots = append(p.roots, index)
}

// period holds a record that closes a period against what was counted.
func (r *replay) period(index int64, e *record.Entry) {
	p := r.periods
	bad := func(format string, args ...any) { r.fail(about(Periods, index, askOperator, format, args...)) }
	if len(r.lost) > 0 {
		r.skip(Periods, "records are missing or altered, so what was recorded in a period can't be counted")
		return
	}
	from, fromOK := openTime(e, "from")
	to, toOK := openTime(e, "to")
	first, next, root := openNumber(e, "first"), openNumber(e, "next"), openNumber(e, "indexRoot")
	_, isRoot := slices.BinarySearch(p.roots, root)
	begins, previous := p.to, p.last
	if p.last < 0 {
		begins = p.began
	}
	end, counts := p.next, map[string]int64{}
	for at, s := range p.slots {
		if at < slotOf(to) {
			end = max(end, s.next)
			for typ, n := range s.counts {
				counts[typ] += n
			}
		}
	}
	switch {
	case !fromOK || !toOK || !from.Before(to):
		bad("the period that it closes has no begin or end")
		return
	case slotOf(from) != begins:
		bad("the period does not begin where the one before ended, or where the ledger begins")
	case e.Recorded.Before(to):
		bad("it closes the period before its end")
	case openNumber(e, "previous") != previous:
		bad("the record that closed the period before is another one")
	case first != p.next || next != end:
		bad("the records of the period are those from %d up to %d, and it says from %d up to %d", p.next, end-1, first, next-1)
	case !slices.Equal(openCounts(e), sorted(counts)):
		bad("the period has other numbers of records than it says")
	case root < end || root >= index || !isRoot:
		bad("record %d is no index-root behind all records of the period", root)
	default:
		p.closed++
	}
	// What comes after is held against what this one says, right or not.
	p.to, p.next, p.last = slotOf(to), end, index
	for at := range p.slots {
		if at < p.to {
			delete(p.slots, at)
		}
	}
	if p.at < p.to { // it claims an end that is still to come
		p.now, p.at = &slot{counts: map[string]int64{}}, -1
	}
}

func openTime(e *record.Entry, name string) (time.Time, bool) {
	v, _ := e.Open.Get(name)
	t, err := time.Parse(record.TimeLayout, v.Str)
	return t, err == nil && t.Equal(t.Truncate(slotLength))
}

// openNumber returns an open member; -1 where there is none.
func openNumber(e *record.Entry, name string) int64 {
	if v, ok := e.Open.Get(name); ok && v.Kind == canon.Int {
		return v.Int
	}
	return -1
}

// A typeCount is how many records of a type there are.
type typeCount struct {
	typ string
	n   int64
}

func openCounts(e *record.Entry) (out []typeCount) {
	v, _ := e.Open.Get("counts")
	for _, item := range v.Items {
		typ, _ := item.Get("type")
		n, _ := item.Get("count")
		out = append(out, typeCount{typ.Str, n.Int})
	}
	return out
}

func sorted(counts map[string]int64) (out []typeCount) {
	for _, typ := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, typeCount{typ, counts[typ]})
	}
	return out
}
