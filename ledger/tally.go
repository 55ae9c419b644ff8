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
	rest     time.Duration // the least between two rounds

	turn        *semaphore.Weighted // of 1: held by who brings it up to date
	waiting     atomic.Int32        // who wait until it is
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

// Between two rounds the ledger is left alone for as long as a Pace says, but no
// shorter and no longer than so.
const (
	tallyRest = time.Second
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
	return &Tally{l: l, table: table, rules: rules, findings: findings, rest: tallyRest, turn: semaphore.NewWeighted(1)}, nil
}

// Run keeps the tally up to date until ctx ends. It leaves most of a processor to
// others. What it cannot read it logs, and tries again.
func (t *Tally) Run(ctx context.Context) error {
	pace := t.l.NewPace()
	pace.wanted = &t.waiting
	for ctx.Err() == nil {
		_, newer := t.l.Watch()
		begun := time.Now()
		err := errors.Join(t.update(ctx, pace), t.l.warm(ctx))
		rest := min(max(t.rest, pace.Rest(time.Since(begun))), tallyWait)
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

// Update brings the tally up to the newest head, for somebody who waits for it.
func (t *Tally) Update(ctx context.Context) error {
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	return t.update(ctx, nil)
}

func (t *Tally) update(ctx context.Context, pace *Pace) error {
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
		return t.count(ctx, head, at, pace)
	case fresh > 0:
		if err := t.follow(ctx, base, head, at, pace); err != nil || !base.found.Short() {
			return err
		}
		return t.count(ctx, head, at, pace)
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
		for p, err := range t.l.postings(ctx, of, size) {
			if err != nil {
				return nil, err
			}
			known[p.Index] = true
		}
	}
	told := slices.AppendSeq([]int64{}, maps.Keys(known)) // not nil
	slices.Sort(told)
	return told, nil
}

// count reads the whole ledger.
func (t *Tally) count(ctx context.Context, head Head, at time.Time, pace *Pace) error {
	c := &tallied{head: head, at: at, stats: stats.New(head.Recorded), owed: due.NewBook(), found: rule.NewRegister(t.findings)}
	// Leaves are read in a tenth of the time that subjects take.
	t.done.Store(0)
	t.total.Store(head.Size)
	defer t.total.Store(0)
	// Subjects are told of in the order in which they appeared: of those that began
	// together, records lie together too.
	var appeared [][32]byte
	for lf, err := range t.l.Leaves(ctx, head, func(done, total int64) { t.done.Store(done / 10) }) {
		if err != nil {
			return err
		}
		pace.Breathe(ctx)
		c.stats.Leaf(lf.Bytes, lf.Leaf)
		if lf.Entry != nil && lf.Entry.Seq == 1 {
			appeared = append(appeared, lf.Entry.Term)
		}
	}
	read := int64(0)
	for of, err := range t.l.tellings(ctx, these(slices.Values(appeared)), t.readings(head.Size), tellingsRoom, pace) {
		if err != nil {
			return err
		}
		c.change(nil, t.judge(of.tellers))
		read += of.read
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
func (t *Tally) follow(ctx context.Context, base *tallied, head Head, at time.Time, pace *Pace) error {
	leaves := stats.New(base.head.Recorded)
	changed := map[[32]byte]bool{}
	for lf, err := range t.l.leaves(ctx, base.head.Size, head, nil) {
		if err != nil {
			return err
		}
		pace.Breathe(ctx)
		leaves.Leaf(lf.Bytes, lf.Leaf)
		if isTold(lf) {
			changed[lf.Entry.Term] = true
		}
	}
	type change struct{ was, is *told }
	var changes []change
	readings := append(t.readings(base.head.Size), t.readings(head.Size)...)
	for of, err := range t.l.tellings(ctx, these(maps.Keys(changed)), readings, tellingsRoom, pace) {
		if err != nil {
			return err
		}
		n := len(of.tellers) / 2
		changes = append(changes, change{t.judge(of.tellers[:n]), t.judge(of.tellers[n:])})
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

// these are terms that are known.
func these(terms iter.Seq[[32]byte]) iter.Seq2[[32]byte, error] {
	return func(yield func([32]byte, error) bool) {
		for of := range terms {
			if !yield(of, nil) {
				return
			}
		}
	}
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

// readings are what statistics, obligations and rules want to know.
func (t *Tally) readings(size int64) []reading {
	return []reading{{sel: statsSelection, size: size}, {sel: t.table, size: size}, {sel: t.rules, size: size}}
}

var statsSelection = stats.New(time.Time{})

// judge holds against the rules what was read of a subject.
func (t *Tally) judge(of []teller) *told {
	var out told
	any := false
	if of[0].tells() {
		out.stats, any = stats.Tell(of[0].story()), true
	}
	if of[1].tells() {
		out.owing, out.owed, any = true, slices.Collect(t.table.Debts(of[1].story(), time.UTC)), true
	}
	if of[2].tells() {
		s := of[2].story()
		out.subject, out.found, any = s.Subject, t.rules.Judge(s), true
	}
	if !any {
		return nil
	}
	return &out
}
