// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

const (
	// A batch is cut off here. The last event may go beyond batchBytes by its
	// own weight, which stays far below the room that is left.
	batchRecords = 1024
	batchBytes   = store.MaxCommit - 1<<20

	// An index-root is appended on its own after so many records, so that
	// opening never has to look further back.
	indexRootEvery = 1 << 16

	// indexRootRest is how long after an index-root that was asked for the next
	// one is appended at the earliest: whoever asks in between waits and shares
	// it, so that asking neither fills the log nor holds up appends.
	indexRootRest = 200 * time.Millisecond

	// clockTolerance is how far the wall clock may move against the
	// monotonic clock, or lie behind the last record, before appends stop.
	clockTolerance = 5 * time.Second
)

// Run commits what is enqueued until ctx ends; then it commits what still
// waits, closes the map with an index-root, and returns nil. When the outcome
// of a commit is unknown it returns that error at once: the ledger must be
// closed and opened again, which finds out. Run may be called once.
func (l *Ledger) Run(ctx context.Context) (err error) {
	if !l.running.CompareAndSwap(false, true) {
		return errors.New("the ledger has been run already")
	}
	defer func() {
		l.closed.Store(true)
		close(l.stopped)
		l.abandon()
		l.dropBallast() // closing has to have space
		if err != nil {
			l.opt.Logger.ErrorContext(ctx, "the ledger has stopped", "error", err)
		}
	}()
	growing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var beside sync.WaitGroup
	beside.Go(func() { l.keyring.growAhead(growing, l.opt.Logger) })
	defer beside.Wait()
	defer stop()
	s := &sequencer{l: l, clock: newClock(l.opt.Now), signed: make(chan *batch), written: make(chan error, 1)}
	beside.Go(s.write)
	defer close(s.signed)
	var rest <-chan time.Time // nil when an index-root may be asked for
	for {
		questions := l.questions
		if head := s.head(); rest != nil && head.IndexRoot != head.Size-1 {
			questions = nil
		}
		select {
		case p := <-l.queue:
			if err := s.next(p); err != nil {
				return err
			}
			if head := s.head(); head.Size-head.IndexRoot > indexRootEvery {
				if err := s.indexRoot(); err != nil {
					return err
				}
			}
		case err := <-s.written:
			if err := s.outcome(err); err != nil {
				return err
			}
		case q := <-questions:
			before := s.head().IndexRoot
			if err := s.answer(q); err != nil {
				return err
			}
			if s.head().IndexRoot != before {
				rest = time.After(indexRootRest)
			}
		case r := <-l.rotations:
			if err := s.rotate(r); err != nil {
				return err
			}
		case <-rest:
			rest = nil
		case <-ctx.Done():
			l.closed.Store(true) // no more intake
			return s.end()
		}
	}
}

// abandon tells whoever slipped into the queue after the last commit.
func (l *Ledger) abandon() {
	for {
		select {
		case p := <-l.queue:
			l.finish(p, ErrStopped)
		default:
			return
		}
	}
}

// A batch is events on their way into the ledger together.
type batch struct {
	events []*Pending // also those that repeat others, or were refused
	weight int64
	x      *extension  // by the others
	added  []*partyKey // whose rows are in it
}

func (b *batch) full() bool { return len(b.events) >= batchRecords || b.weight >= batchBytes }

// A sequencer commits batches in two stages: while its writer stores, mirrors and
// publishes one, it numbers, hashes and signs the next, of which nobody learns
// anything before that is published too. Each batch rests on the one before it, so
// where the outcome of one is unknown the one behind it fails and nothing of it is
// written. All that is not a batch of events waits until the writer has nothing to do,
// and is then done in both stages by the sequencer.
type sequencer struct {
	l     *Ledger
	clock *clock

	signed  chan *batch // to the writer, one at a time
	written chan error  // the outcome of each
	ahead   *batch      // with the writer; nil when all is published, and the state is the sequencer's
}

// write is the second stage.
func (s *sequencer) write() {
	for b := range s.signed {
		s.written <- s.l.settle(b)
	}
}

// outcome takes note that the writer has nothing to do any more.
func (s *sequencer) outcome(err error) error {
	s.ahead = nil
	return err
}

// drain waits until the writer has nothing to do.
func (s *sequencer) drain() error {
	if s.ahead == nil {
		return nil
	}
	return s.outcome(<-s.written)
}

// head is what the next record follows, published or not.
func (s *sequencer) head() store.Head {
	if s.ahead != nil {
		return s.ahead.x.batch.Head
	}
	return s.l.state.head
}

// next makes a batch of all that waits, and hands it to the writer. It waits for
// nothing but the writer, and until that is free it takes what comes: so a lone event
// is on its way at once, and what comes while a batch is written shares the next one.
// A lone event behind which nothing waits it writes itself, which saves that the way
// from one goroutine to the other.
func (s *sequencer) next(first *Pending) error {
	l := s.l
	var before *extension
	if s.ahead != nil {
		before = s.ahead.x
	}
	b := &batch{x: l.state.follow(before, min(1+len(l.queue), batchRecords))}
	for more := first; more != nil; {
		l.number(b, l.gather(b, more), s.clock)
		if more = nil; b.full() || s.ahead == nil {
			break
		}
		select {
		case more = <-l.queue:
		case err := <-s.written:
			if err := s.outcome(err); err != nil {
				l.fail(b, ErrStopped)
				return err
			}
		}
	}
	if len(b.events) == 0 {
		return nil // all were refused
	}
	if err := l.sign(b.x); err != nil {
		l.drop(b, err)
		return nil
	}
	if err := s.drain(); err != nil {
		l.fail(b, ErrStopped)
		return err
	}
	b.x.before = nil // it is published
	if len(b.events) == 1 && len(l.queue) == 0 {
		return l.settle(b)
	}
	s.ahead = b
	s.signed <- b
	return nil
}

func (s *sequencer) answer(q question) error {
	if err := s.drain(); err != nil {
		q.answer <- mapping{err: ErrStopped}
		return err
	}
	return s.l.answer(q)
}

func (s *sequencer) rotate(r rotation) error {
	if err := s.drain(); err != nil {
		r.answer <- rotationAnswer{err: ErrStopped}
		return err
	}
	return s.l.rotate(r, s.clock)
}

// indexRoot appends an index-root. Where it can't be signed, the next batch is
// followed by one.
func (s *sequencer) indexRoot() error {
	if err := s.drain(); err != nil {
		return err
	}
	err := s.l.commitIndexRoot()
	if errors.Is(err, ErrSigner) {
		s.l.opt.Logger.Warn("couldn't sign an index-root, which the next batch tries again", "error", err)
		return nil
	}
	return err
}

// end commits what still waits, and closes the map.
func (s *sequencer) end() error {
	for {
		select {
		case p := <-s.l.queue:
			if err := s.next(p); err != nil {
				return err
			}
			continue
		default:
		}
		if err := s.drain(); err != nil {
			return err
		}
		return s.l.lastIndexRoot()
	}
}

// gather takes all that waits, without waiting for more, as long as there is room
// in the batch.
func (l *Ledger) gather(b *batch, first *Pending) []*Pending {
	events := []*Pending{first}
	size := b.weight + first.weight
	for len(b.events)+len(events) < batchRecords && size < batchBytes {
		select {
		case p := <-l.queue:
			events = append(events, p)
			size += p.weight
		default:
			return events
		}
	}
	return events
}

// commit is the life of a batch of the ledger's own events, both stages in a row. Only
// the owner of the state may call it. Up to the signature a failure fails the batch and
// nothing else. After it, the outcome may be unknown: then the error is returned, the
// ledger stops, and opening finds out.
func (l *Ledger) commit(events []*Pending, clock *clock) error {
	b := &batch{x: l.state.follow(nil, len(events))}
	l.number(b, events, clock)
	if err := l.sign(b.x); err != nil {
		l.drop(b, err)
		return nil
	}
	return l.settle(b)
}

// fail tells all of a batch that it came to nothing.
func (l *Ledger) fail(b *batch, err error) {
	for _, p := range b.events {
		l.finish(p, err)
	}
}

// drop fails a batch of which nothing was written.
func (l *Ledger) drop(b *batch, err error) {
	for _, k := range b.added {
		k.stored.Store(false)
	}
	l.fail(b, err)
}

// settle writes and publishes a batch, and wakes whoever waits for it. Nobody learned
// an index of it before.
func (l *Ledger) settle(b *batch) error {
	if err := l.write(b.x); err != nil {
		l.closed.Store(true) // no more intake, before anybody learns of it
		l.fail(b, ErrStopped)
		return err
	}
	for _, k := range b.added {
		k.row = nil
	}
	note := l.published.Load().head.Note
	for _, p := range b.events {
		p.note = note
		l.finish(p, nil)
	}
	return nil
}

// number adds events to a batch, each at its place. Without a time to record, or
// space, all of them are refused.
func (l *Ledger) number(b *batch, events []*Pending, clock *clock) {
	now, err := clock.read(b.x.batch.Head.Recorded)
	if err == nil && len(b.events) == 0 {
		// The floors leave room for the batch that is on its way as well.
		if err = l.enoughSpace(); err == nil {
			l.takeBallast()
		}
	}
	l.setRefuse(err)
	for _, p := range events {
		if err != nil {
			l.finish(p, err)
			continue
		}
		b.events = append(b.events, p)
		b.weight += p.weight
		p.err = l.place(b, p, now)
	}
}

// place gives an event its place behind those of its batch, unless it repeats another
// one: then it takes none, and learns of its record once all before it is published.
func (l *Ledger) place(b *batch, p *Pending, now time.Time) error {
	x := b.x
	find := func(identity [32]byte) (store.Identity, bool, error) {
		if id, ok := x.identity(identity); ok {
			return id, true, nil
		}
		l.chains.RLock() // the batch before this one may be being adopted
		defer l.chains.RUnlock()
		return l.identity(identity)
	}
	first, repeat, err := find(p.identity)
	if err != nil {
		return err
	}
	if repeat {
		p.index, p.repeat = first.Index, true
		return nil
	}
	if p.checked != l.signing { // a key was changed meanwhile
		p.checked, p.unsigned = l.signing, l.signing.signed(p.event, l.conf.Origin, p.submitter())
	}
	if p.unsigned != nil {
		return p.unsigned
	}
	e := &p.entry
	l.chains.RLock()
	c := x.chain(e.Term)
	l.chains.RUnlock()
	e.Seq, e.Prev, e.Recorded = c.count+1, c.last, now
	if e.Refs, err = refs(p.causes, find); err != nil {
		return err
	}
	if e.Capture == record.Live && now.Sub(p.event.At) > l.params.lateAfter {
		e.Capture = record.Late
	}
	p.index, p.bytes = x.size(), e.Bytes()
	if len(p.bytes) > record.MaxEntry {
		return record.Violations{{Pointer: "/data", Code: "length",
			Message: fmt.Sprintf("its open members make an entry of %d bytes, at most %d are allowed; shorten them", len(p.bytes), record.MaxEntry)}}
	}
	if err := x.add(leaf{record.Leaf{Entry: e}, p.bytes}, p.payload, c); err != nil {
		return err
	}
	for _, k := range p.keys {
		if k.stored.CompareAndSwap(false, true) {
			b.added = append(b.added, k)
			x.batch.Keys = append(x.batch.Keys, store.KeyRow{ID: k.ID, Row: k.row})
			x.batch.Head.Keys++
		}
	}
	return nil
}

// refs returns the indexes of those causes that find knows, but for restricted
// records: no link to one may show.
func refs(causes [][32]byte, find func([32]byte) (store.Identity, bool, error)) (indexes []int64, err error) {
	for _, cause := range causes {
		id, ok, err := find(cause)
		if err != nil {
			return nil, err
		}
		if ok && !id.Restricted {
			indexes = append(indexes, id.Index)
		}
	}
	slices.Sort(indexes)
	return slices.Compact(indexes), nil
}

// sign closes an extension and signs its checkpoint. If we crash here, nothing
// happened.
func (l *Ledger) sign(x *extension) error {
	if len(x.batch.Entries) == 0 {
		return nil
	}
	err := x.close()
	if err == nil {
		err = l.do(stepSign, func() (err error) {
			x.batch.Head.Note, err = l.signCheckpoint(tree.Checkpoint{Origin: l.conf.Origin, Size: x.edge.Size, Root: x.root})
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSigner, err)
	}
	return nil
}

// write commits and publishes a signed extension of the state.
func (l *Ledger) write(x *extension) error {
	if len(x.batch.Entries) == 0 {
		return nil
	}
	// Commit: one transaction with everything. If we crash before it is
	// durable, nothing happened; if after, opening finds a store ahead of its
	// head file and publishes it.
	if err := l.do(stepStore, func() error { return l.store.Commit(x.batch) }); err != nil {
		return err
	}
	// Mirror. If we crash before or in it, opening completes it.
	if err := l.do(stepMirror, func() error { return l.mirror.Append(x.batch) }); err != nil {
		return err
	}
	return l.publish(x)
}

// publish makes a committed extension known. It is also the last step of
// opening.
func (l *Ledger) publish(x *extension) error {
	// The head file. From here on the checkpoint may be seen, so it must
	// never be lost: a store behind it refuses to open.
	if err := l.do(stepHead, func() error { return l.headFile.Replace(x.batch.Head.Note) }); err != nil {
		return err
	}
	l.tiles.put(x.batch.Tiles)
	l.chains.Lock()
	defer l.chains.Unlock()
	l.state.adopt(x)
	l.show(&published{
		view: tree.View{Edge: x.edge, Full: tileReader{l.tiles, x.edge}},
		root: x.root,
		head: x.batch.Head,
	})
	return nil
}

// commitIndexRoot appends the leaf that commits to the map of all subjects,
// unless it is the last leaf already.
func (l *Ledger) commitIndexRoot() error {
	if l.state.head.IndexRoot == l.state.head.Size-1 {
		return nil
	}
	// Hashing remembers inner hashes in the map, which readers look up.
	l.chains.Lock()
	r := record.IndexRoot{Covers: l.state.edge.Size, Root: l.state.subjects.Hash()}
	l.chains.Unlock()
	x := l.state.follow(nil, 1)
	if err := x.add(leaf{record.Leaf{IndexRoot: &r}, r.Bytes()}, nil, chain{}); err != nil {
		return err
	}
	if err := l.sign(x); err != nil {
		return err
	}
	return l.write(x)
}

// finish hands the outcome to whoever waits.
func (l *Ledger) finish(p *Pending, err error) {
	if p.err == nil {
		p.err = err
	}
	l.keyring.giveBack(p.keys)
	p.payload, p.keys = nil, nil
	l.budget.Release(p.weight)
	close(p.done)
}

// setRefuse remembers why appends are refused. A refusal for want of space or
// of a true clock does not close the intake: the next event tries again.
func (l *Ledger) setRefuse(err error) {
	if err == nil {
		l.refuse.Store(nil)
	} else {
		l.refuse.Store(&err)
	}
}

// clock compares the wall clock with the monotonic one.
type clock struct {
	now   func() time.Time // the wall clock
	wall  time.Time        // what it showed at begun
	begun time.Time        // with a monotonic reading
}

func newClock(now func() time.Time) *clock {
	return &clock{now: now, wall: now().Round(0), begun: time.Now()}
}

// read returns the time to record: never before last. A wall clock that has
// jumped, or that lies behind what is recorded, is an error and not a time.
func (c *clock) read(last time.Time) (time.Time, error) {
	now := c.now().Round(0)
	jump := now.Sub(c.wall) - time.Since(c.begun)
	if jump.Abs() > clockTolerance {
		return time.Time{}, fmt.Errorf("it jumped by %v while the ledger was open; set it right and start the ledger again: %w", jump.Round(time.Millisecond), ErrClock)
	}
	now = now.UTC().Truncate(time.Millisecond)
	if behind := last.Sub(now); behind > clockTolerance {
		return time.Time{}, fmt.Errorf("it is %v behind the last record; set it right: %w", behind.Round(time.Millisecond), ErrClock)
	}
	if now.Before(last) {
		now = last
	}
	return now, nil
}

// A Result tells what became of an event.
type Result struct {
	Receipt  *proof.Receipt // without Proof; see AddProof
	Repeated bool           // the same event was accepted before: Receipt is of that record
}

// Wait returns when the event's record is durable and published, or was
// refused. Ending ctx ends the waiting, not the submission. It may be called
// once.
func (p *Pending) Wait(ctx context.Context) (*Result, error) {
	select {
	case <-p.done:
	case <-p.ledger.stopped:
		select {
		case <-p.done:
		default:
			return nil, ErrStopped // it came after the last commit
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch {
	case p.err != nil:
		return nil, p.err
	case p.repeat:
		return p.ledger.repeated(ctx, p)
	}
	return &Result{Receipt: &proof.Receipt{Index: p.index, Entry: p.bytes, Seeds: p.seeds, Checkpoint: p.note, Restricted: p.restricted}}, nil
}
