// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// periodSubject is the subject of all records that close a period.
const periodSubject = "ledger/periods"

// PeriodStep is what periods begin and end at a multiple of: midnight of every
// time zone is one.
const PeriodStep = 15 * time.Minute

// ErrPeriod means that a period cannot be closed there, or not yet.
var ErrPeriod = errors.New("the period cannot be closed")

// A Period is one that was closed: the record at Index says so.
type Period struct {
	Index       int64
	From, To    time.Time // From ≤ recorded < To
	First, Next int64     // of the records that were recorded from From on, and from To on
	Counts      []TypeCount
	Repeated    bool // it was closed before: nothing was appended
}

// A TypeCount is how many records of a type there are, by its name in the
// entries.
type TypeCount struct {
	Type  string `json:"type"`
	Count int64  `json:"count"`
}

// ClosePeriod counts what was recorded from the end of the last period that was
// closed, or from the beginning, up to a moment, and appends a record that says
// so. The audit counts again: the ledger, which commits to the numbers, cannot
// have others later. The moment is a multiple of PeriodStep that lies behind the
// ledger's clock, twice its tolerance included; else it is ErrPeriod. The ledger
// must be running.
func (l *Ledger) ClosePeriod(ctx context.Context, to time.Time, progress func(done, total int64)) (*Period, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	to = to.UTC()
	// One at a time, because each begins where the last one ended.
	if err := l.counting.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer l.counting.Release(1)
	if !to.Equal(to.Truncate(PeriodStep)) {
		return nil, fmt.Errorf("%w: it ends with a quarter of an hour, such as midnight", ErrPeriod)
	}
	if at, ok, err := l.store.Identity(seal.Identity(l.keys.Index, l.ownSource(), periodID(to))); err != nil {
		return nil, err
	} else if ok {
		return l.closedPeriod(ctx, at.Index)
	}
	// The clock may be ahead by its tolerance now, and behind by as much when the
	// record is numbered.
	if over := to.Add(2 * clockTolerance); l.opt.Now().Before(over) {
		return nil, fmt.Errorf("%w: it is not over; it can be closed from %s on", ErrPeriod, over.Format(time.RFC3339))
	}
	c := &Period{To: to}
	previous := canon.Member{Name: "previous"}
	switch last, err := l.lastPeriod(ctx); {
	case err != nil:
		return nil, err
	case last != nil:
		c.From, c.First = last.To, last.Next
		previous.Value = canon.Number(last.Index)
	default:
		genesis, err := l.leafAt(0)
		if err != nil {
			return nil, err
		}
		c.From = genesis.Entry.Recorded.Truncate(PeriodStep)
	}
	if !c.From.Before(to) {
		return nil, fmt.Errorf("%w: all up to %s is closed, or lies before the ledger; give a later end", ErrPeriod, c.From.Format(time.RFC3339))
	}
	// Whatever was numbered before the period was over is committed once the
	// sequencer has answered this, and lies below the index-root.
	kind, id, _ := cutSubject(periodSubject)
	m, err := l.mapped(ctx, l.terms.Term(kind, id))
	if err != nil {
		return nil, err
	}
	if c.Next, err = l.recorded(c.First, m.pub.view.Size, to); err != nil {
		return nil, err
	}
	if err := l.countTypes(ctx, c, progress); err != nil {
		return nil, err
	}
	counts := canon.Value{Kind: canon.Array}
	for _, n := range c.Counts {
		counts.Items = append(counts.Items, canon.Map(
			canon.Member{Name: "type", Value: canon.Text(n.Type)}, canon.Member{Name: "count", Value: canon.Number(n.Count)},
		))
	}
	data := []canon.Member{
		{Name: "from", Value: canon.Text(c.From.Format(record.TimeLayout))},
		{Name: "to", Value: canon.Text(c.To.Format(record.TimeLayout))},
		{Name: "first", Value: canon.Number(c.First)},
		{Name: "next", Value: canon.Number(c.Next)},
		{Name: "counts", Value: counts},
		{Name: "indexRoot", Value: canon.Number(m.pub.view.Size - 1)},
	}
	if previous.Value.Kind != canon.Null {
		data = append(data, previous)
	}
	ev, err := l.own(ownEvent{typ: record.TypePeriodClosed, subject: periodSubject, id: periodID(to), data: canon.Map(data...)})
	var wrong record.Violations
	if errors.As(err, &wrong) && wrong[0].Code == record.CodeUnknownType {
		return nil, fmt.Errorf("%w: an older program made this ledger, and it does not hold the type; add it with `lendlog types add --builtin`", ErrPeriod)
	}
	if err != nil {
		return nil, err
	}
	own, err := l.enqueue(ctx, ev, ownSubmitter)
	if err != nil {
		return nil, err
	}
	// Once it is queued it will be recorded, whether the caller waits or not; and
	// the next period begins where this one ends.
	r, err := own.Wait(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	c.Index = r.Receipt.Index
	return c, nil
}

func periodID(to time.Time) string { return "period/" + to.Format(record.TimeLayout) }

// countTypes counts the entries of a period.
func (l *Ledger) countTypes(ctx context.Context, c *Period, progress func(done, total int64)) error {
	view := l.published.Load().view
	counts := map[string]int64{}
	for first := c.First; first < c.Next; first += scanStep {
		if err := ctx.Err(); err != nil {
			return err
		}
		progress(first-c.First, c.Next-c.First)
		err := l.store.Entries(first, min(scanStep, c.Next-first), func(i int64, b []byte) error {
			lf, err := l.checkEntry(view, i, b)
			if err == nil && lf.Entry != nil {
				counts[lf.Entry.Type]++
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, typ := range slices.Sorted(maps.Keys(counts)) {
		c.Counts = append(c.Counts, TypeCount{typ, counts[typ]})
	}
	return nil
}

// lastPeriod returns the last period that was closed, nil where none was.
func (l *Ledger) lastPeriod(ctx context.Context) (*Period, error) {
	kind, id, _ := cutSubject(periodSubject)
	l.chains.RLock()
	n := l.state.chain(l.terms.Term(kind, id)).count
	l.chains.RUnlock()
	if n == 0 {
		return nil, nil
	}
	t, err := l.Timeline(unscoped(ctx), kind, id, n, 1)
	if err != nil {
		return nil, err
	}
	return readPeriod(t.Records[0])
}

// closedPeriod answers a period that was closed before.
func (l *Ledger) closedPeriod(ctx context.Context, index int64) (*Period, error) {
	r, err := l.Record(unscoped(ctx), index)
	if err != nil {
		return nil, err
	}
	c, err := readPeriod(r)
	if err == nil {
		c.Repeated = true
	}
	return c, err
}

// readPeriod reads the open members of a record that closes a period.
func readPeriod(r *Record) (*Period, error) {
	open, c := r.Leaf.Entry.Open, &Period{Index: r.Index}
	var errs [2]error
	text := func(name string) string { v, _ := open.Get(name); return v.Str }
	number := func(name string) int64 { v, _ := open.Get(name); return v.Int }
	c.From, errs[0] = time.Parse(record.TimeLayout, text("from"))
	c.To, errs[1] = time.Parse(record.TimeLayout, text("to"))
	c.First, c.Next = number("first"), number("next")
	counts, _ := open.Get("counts")
	for _, v := range counts.Items {
		typ, _ := v.Get("type")
		n, _ := v.Get("count")
		c.Counts = append(c.Counts, TypeCount{typ.Str, n.Int})
	}
	if r.Leaf.Entry.Type != record.TypePeriodClosed || errors.Join(errs[:]...) != nil {
		return nil, fmt.Errorf("record %d closes no period, and stands where one should: %w", r.Index, ErrDamaged)
	}
	return c, nil
}
