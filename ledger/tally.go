// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/stats"
	"github.com/lendlog/lendlog/ledger/story"
)

// A Tally is what is said of a whole ledger: its statistics, what it owes, and what
// the rules find. It reads the ledger once, and then only the subjects that have new
// records: what such a subject told before is found again from the records that it
// had then, none of which ever changes, and taken away; what it tells now is added.
// So every answer is the one that a reading of the whole ledger gives under the same
// checkpoint, which stands in it.
//
// All of it is derived from sealed values, and so lies in memory only: after a start
// the ledger is read anew, while the answers wait.
type Tally struct {
	l        *Ledger
	table    *due.Table
	rules    *rule.Table
	findings int
	pace     time.Duration // the least between two rounds

	turn        *semaphore.Weighted // of 1: held by who brings it up to date
	done, total atomic.Int64        // of a reading of the whole ledger that is under way

	mu  sync.RWMutex // guards now, and what it points to
	now *tallied     // nil before the ledger was read
}

// tallied is what was told of all records under a head.
type tallied struct {
	head   Head
	at     time.Time // since when the head is known not to have been outdated
	tail   int64     // the leaves below it are not recent any more
	stats  *stats.Collector
	owed   *due.Book
	found  *rule.Register
	survey *rule.Survey // of found, under surveyed
	// surveyed is the head, or one before it while the register is short.
	surveyed Head
}

// Rounds are bounded: where there are more new leaves than so many, and than a part
// of the ledger, it is read anew, which takes less for each.
const (
	roundLeast = 1 << 12
	roundMost  = 1 << 16
	roundPart  = 8
)

// How the ledger is followed: it is left alone for so many times as long as the
// last round took, but no longer than a bound.
const (
	tallyPace = time.Second
	tallyRest = 4
	tallyWait = 5 * time.Minute
)

// NewTally returns a tally that has read nothing yet, and lists the newest findings
// of each rule, so many.
func (l *Ledger) NewTally(findings int) (*Tally, error) {
	table, err := due.Builtin()
	if err != nil {
		return nil, err
	}
	rules, err := rule.Builtin()
	if err != nil {
		return nil, err
	}
	return &Tally{l: l, table: table, rules: rules, findings: findings, pace: tallyPace, turn: semaphore.NewWeighted(1)}, nil
}

// Run keeps the tally up to date until ctx ends. It leaves most of a processor to
// others. What it cannot read it logs, and tries again.
func (t *Tally) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		_, newer := t.l.Watch()
		begun := time.Now()
		err := errors.Join(t.Update(ctx), t.l.warm(ctx))
		rest := min(max(t.pace, tallyRest*time.Since(begun)), tallyWait)
		if err != nil && ctx.Err() == nil {
			t.l.opt.Logger.Error("couldn't bring statistics, obligations and findings up to date", "error", err)
			rest = tallyWait
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
		if err == nil {
			select {
			case <-ctx.Done():
			case <-newer:
			}
		}
	}
	return nil
}

// Update brings the tally up to the newest head.
func (t *Tally) Update(ctx context.Context) error {
	if err := t.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer t.turn.Release(1)
	ctx = unscoped(ctx) // whoever asked, it is for everybody
	at, head := time.Now(), t.l.Head()
	base := t.now // which only the holder of the turn changes
	fresh := int64(0)
	if base != nil {
		fresh = head.Size - base.head.Size
	}
	switch {
	case base == nil || base.found.Short() || fresh > max(roundLeast, min(head.Size/roundPart, roundMost)):
		return t.count(ctx, head, at)
	case fresh > 0:
		if err := t.follow(ctx, base, head, at); err != nil || !base.found.Short() {
			return err
		}
		return t.count(ctx, head, at)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	base.at = at
	return nil
}

// Head returns the checkpoint up to which all is told, and since when at the latest
// there has been a newer one; false before the ledger was read.
func (t *Tally) Head() (head Head, at time.Time, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.now == nil {
		return Head{}, time.Time{}, false
	}
	return t.now.head, t.now.at, true
}

// Busy reports whether somebody brings it up to date now.
func (t *Tally) Busy() bool {
	if t.turn.TryAcquire(1) {
		t.turn.Release(1)
		return false
	}
	return true
}

// Progress returns how much of the ledger was read of a reading that is under way.
func (t *Tally) Progress() (done, total int64) { return t.done.Load(), t.total.Load() }

// Stats returns the statistics of what lies within a scope. The ledger must have
// been read.
func (t *Tally) Stats(scope stats.Scope) (*stats.Report, Head, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	r, err := t.l.Report(t.now.stats, scope)
	return r, t.now.head, err
}

// Owes reports whether Due answers a query: in days of UTC.
func (t *Tally) Owes(q due.Query) bool { return q.Zone == nil || q.Zone == time.UTC }

// Due returns what the ledger owes. The ledger must have been read.
func (t *Tally) Due(q due.Query) (*due.Report, Head) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.now.owed.Report(q), t.now.head
}

// Findings returns what the rules find. The ledger must have been read.
func (t *Tally) Findings() (*rule.Survey, Head) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.now.survey, t.now.surveyed
}

// suspects returns records, ascending, among which are all that have a finding of some
// rules in a ledger of a size; nil where it does not know. Under its own head it knows
// which have one; of another size it adds the records of all subjects that changed
// between.
func (t *Tally) suspects(ctx context.Context, rules []string, size int64) ([]int64, error) {
	known, head := map[int64]bool{}, int64(0)
	t.mu.RLock()
	all := t.now != nil
	if all {
		head = t.now.head.Size
	}
	for _, id := range rules {
		all = all && t.now.found.Records(id, known)
	}
	t.mu.RUnlock()
	from, to := min(head, size), max(head, size)
	if !all || to-from > roundLeast {
		return nil, nil
	}
	ctx = unscoped(ctx)
	changed := map[[32]byte]bool{}
	for lf, err := range t.l.leaves(ctx, from, t.l.Head(), nil) {
		if err != nil {
			return nil, err
		}
		if lf.Index >= to {
			break
		}
		if isTold(lf) {
			changed[lf.Entry.Term] = true
		}
	}
	for of := range changed {
		places, _, err := t.places(ctx, of, 0, size)
		if err != nil {
			return nil, err
		}
		for _, p := range places {
			known[p.index] = true
		}
	}
	told := slices.AppendSeq([]int64{}, maps.Keys(known)) // not nil
	slices.Sort(told)
	return told, nil
}

// count reads the whole ledger.
func (t *Tally) count(ctx context.Context, head Head, at time.Time) error {
	c := &tallied{head: head, at: at, stats: stats.New(head.Recorded), owed: due.NewBook(), found: rule.NewRegister(t.findings)}
	// Leaves are read in a tenth of the time that subjects take.
	t.done.Store(0)
	t.total.Store(head.Size)
	defer t.total.Store(0)
	for lf, err := range t.l.Leaves(ctx, head, func(done, total int64) { t.done.Store(done / 10) }) {
		if err != nil {
			return err
		}
		c.stats.Leaf(lf.Bytes, lf.Leaf)
	}
	read := int64(0)
	for of, err := range t.l.subjects(ctx) {
		if err != nil {
			return err
		}
		_, is, n, err := t.told(ctx, of, 0, head.Size)
		if err != nil {
			return err
		}
		c.change(nil, is)
		read += n
		t.done.Store(head.Size/10 + read - read/10)
	}
	var err error
	if c.tail, err = t.l.recorded(0, head.Size, stats.RecentFrom(head.Recorded)); err != nil {
		return err
	}
	c.survey, c.surveyed = c.found.Survey(), head
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = c
	return nil
}

// follow reads the subjects that have records which are new under a head.
func (t *Tally) follow(ctx context.Context, base *tallied, head Head, at time.Time) error {
	leaves := stats.New(base.head.Recorded)
	changed := map[[32]byte]bool{}
	for lf, err := range t.l.leaves(ctx, base.head.Size, head, nil) {
		if err != nil {
			return err
		}
		leaves.Leaf(lf.Bytes, lf.Leaf)
		if isTold(lf) {
			changed[lf.Entry.Term] = true
		}
	}
	type change struct{ was, is *told }
	var changes []change
	for of := range changed {
		was, is, _, err := t.told(ctx, of, base.head.Size, head.Size)
		if err != nil {
			return err
		}
		changes = append(changes, change{was, is})
	}
	aged, tail, err := t.aged(ctx, base.tail, head)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	base.stats.Extend(leaves, aged, head.Recorded)
	for _, c := range changes {
		base.change(c.was, c.is)
	}
	base.head, base.at, base.tail = head, at, tail
	if !base.found.Short() {
		base.survey, base.surveyed = base.found.Survey(), head
	}
	return nil
}

// isTold reports whether a leaf can be in a story. Looks lie in chains of their own, and
// may be many.
func isTold(lf Leaf) bool {
	return lf.Entry != nil && lf.Entry.Type != record.TypeRestricted && lf.Entry.Type != record.TypeAccessOccurred
}

// aged counts the records from an index on that are not recent any more, and returns
// where those begin that are.
func (t *Tally) aged(ctx context.Context, tail int64, head Head) (n, to int64, err error) {
	for lf, err := range t.l.leaves(ctx, tail, head, nil) {
		switch {
		case err != nil:
			return 0, 0, err
		case lf.Entry == nil:
		case stats.Recent(lf.Entry.Recorded, head.Recorded):
			return n, lf.Index, nil
		default:
			n++
		}
	}
	return n, head.Size, nil
}

// subjects yields the terms of all subjects.
func (l *Ledger) subjects(ctx context.Context) iter.Seq2[[32]byte, error] {
	return func(yield func([32]byte, error) bool) {
		for first := range 256 {
			var some [][32]byte
			l.chains.RLock()
			l.state.subjects.Scan([]byte{byte(first)}, func(term, _ []byte) bool {
				some = append(some, [32]byte(term))
				return true
			})
			l.chains.RUnlock()
			for _, of := range some {
				if !yield(of, ctx.Err()) {
					return
				}
			}
		}
	}
}

// told is what the records of one subject say; nil where nothing triggers it.
type told struct {
	stats   *stats.Told
	owed    []*due.Debt
	owing   bool // that it can owe something
	found   *rule.Report
	subject string
}

// change takes away what a subject told before, and adds what it tells now.
func (c *tallied) change(was, is *told) {
	if was != nil {
		if was.stats != nil {
			c.stats.Count(was.stats, -1)
		}
		if was.owing {
			c.owed.Remove(was.owed)
		}
		if was.found != nil {
			c.found.Remove(was.found)
		}
	}
	if is != nil {
		if is.stats != nil {
			c.stats.Count(is.stats, 1)
		}
		if is.owing {
			c.owed.Add(is.owed)
		}
		if is.found != nil {
			c.found.Add(is.subject, is.found)
		}
	}
}

// told reads a subject, and returns what it told below one size and what below
// another, and how many leaves were read.
func (t *Tally) told(ctx context.Context, of [32]byte, before, size int64) (was, is *told, read int64, err error) {
	var old, all [3]teller
	for i, sel := range t.selections() {
		old[i], all[i] = teller{l: t.l, sel: sel}, teller{l: t.l, sel: sel}
	}
	places, triggers, err := t.places(ctx, of, before, size)
	if err != nil {
		return nil, nil, 0, err
	}
	for _, p := range places {
		var r *Record
		for i, sel := range t.selections() {
			if triggers[i] == 0 || !wants(sel, p.leaf.Entry.Type) {
				continue
			}
			for _, to := range []struct {
				*teller
				any bool
			}{{&old[i], p.index < before && triggers[i]&1 != 0}, {&all[i], triggers[i]&2 != 0}} {
				if !to.any || to.unclear {
					continue
				}
				if to.full() {
					to.unclear = true
					continue
				}
				if r == nil {
					if r, err = t.l.recordOf(ctx, p.index, p.leaf); err != nil {
						return nil, nil, 0, err
					}
				}
				to.take(r)
			}
		}
	}
	return t.judge(&old, triggers, 1), t.judge(&all, triggers, 2), int64(len(places)), nil
}

// selections are those of statistics, obligations and rules.
func (t *Tally) selections() [3]Selection {
	return [3]Selection{statsSelection, t.table, t.rules}
}

var statsSelection = stats.New(time.Time{})

// wants reports whether records of a type are in the stories of a selection.
func wants(sel Selection, typ string) bool {
	return sel.Triggers(typ) || sel.Reads(typ) || alters(typ)
}

// a spot is a leaf of a subject.
type spot struct {
	index int64
	leaf  leaf
}

// places reads the leaves of a subject below a size, without what is restricted,
// and keeps of each selection as many as a story has and one more. It tells what
// triggers each selection: 1 of those below another size, 2 of all.
func (t *Tally) places(ctx context.Context, of [32]byte, before, size int64) (found []spot, triggers [3]int, err error) {
	t.l.chains.RLock()
	count := t.l.state.chain(of).count
	t.l.chains.RUnlock()
	var wanted [3]int
	for from := int64(1); from <= count; from += scanStep {
		postings, err := t.l.store.Postings(of, from, min(scanStep, count-from+1))
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, triggers, err
		}
		for _, p := range postings {
			if p.Index >= size {
				return found, triggers, nil
			}
			lf, err := t.l.leafAt(p.Index)
			if err == nil {
				err = placed(p, lf)
			}
			if err != nil {
				return nil, triggers, err
			}
			typ := lf.Entry.Type
			if typ == record.TypeRestricted {
				continue
			}
			keep := false
			for i, sel := range t.selections() {
				if wants(sel, typ) && wanted[i] <= storyRecords {
					wanted[i]++
					keep = true
				}
				if sel.Triggers(typ) {
					triggers[i] |= 2
					if p.Index < before {
						triggers[i] |= 1
					}
				}
			}
			if keep {
				found = append(found, spot{p.Index, lf})
			}
		}
	}
	return found, triggers, nil
}

// judge holds against the rules what was told.
func (t *Tally) judge(of *[3]teller, triggers [3]int, which int) *told {
	var out told
	var stories [3]*story.Story
	any := false
	for i := range of {
		if triggers[i]&which != 0 {
			stories[i], any = of[i].story(), true
		}
	}
	if !any {
		return nil
	}
	if s := stories[0]; s != nil {
		out.stats = stats.Tell(s)
	}
	if s := stories[1]; s != nil {
		out.owing, out.owed = true, slices.Collect(t.table.Debts(s, time.UTC))
	}
	if s := stories[2]; s != nil {
		out.subject, out.found = s.Subject, t.rules.Judge(s)
	}
	return &out
}
