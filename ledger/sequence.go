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
	clock := newClock(l.opt.Now)
	var rest <-chan time.Time // nil when an index-root may be asked for
	for {
		questions := l.questions
		if rest != nil && l.state.head.IndexRoot != l.state.head.Size-1 {
			questions = nil
		}
		select {
		case p := <-l.queue:
			if err := l.commit(l.gather(p), clock); err != nil {
				return err
			}
			if l.state.head.Size-l.state.head.IndexRoot > indexRootEvery {
				if err := l.commitIndexRoot(); err != nil {
					return err
				}
			}
		case q := <-questions:
			before := l.state.head.IndexRoot
			if err := l.answer(q); err != nil {
				return err
			}
			if l.state.head.IndexRoot != before {
				rest = time.After(indexRootRest)
			}
		case r := <-l.rotations:
			if err := l.rotate(r, clock); err != nil {
				return err
			}
		case <-rest:
			rest = nil
		case <-ctx.Done():
			l.closed.Store(true) // no more intake
			for {
				select {
				case p := <-l.queue:
					if err := l.commit(l.gather(p), clock); err != nil {
						return err
					}
					continue
				default:
				}
				return l.lastIndexRoot()
			}
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

// gather takes all that waits, without waiting for more.
func (l *Ledger) gather(first *Pending) []*Pending {
	batch := []*Pending{first}
	size := first.weight
	for len(batch) < batchRecords && size < batchBytes {
		select {
		case p := <-l.queue:
			batch = append(batch, p)
			size += p.weight
		default:
			return batch
		}
	}
	return batch
}

// commit is the life of a batch, in order. Up to the signature a failure
// fails the batch and nothing else. After it, the outcome may be unknown: then
// the error is returned, the ledger stops, and opening finds out.
func (l *Ledger) commit(batch []*Pending, clock *clock) error {
	fail := func(err error) error {
		for _, p := range batch {
			l.finish(p, err)
		}
		return nil
	}
	now, err := clock.read(l.state.head.Recorded)
	if err == nil {
		err = l.enoughSpace()
	}
	if err == nil {
		l.takeBallast()
	}
	l.setRefuse(err)
	if err != nil {
		return fail(err)
	}

	// 1. Number. Repeats take no number: they learn of their record once it
	// is published.
	leaves, fresh := l.number(batch, now)
	if len(fresh) > 0 {
		payloads := make([][]byte, len(fresh))
		for i, p := range fresh {
			payloads[i] = p.payload
		}
		x, err := l.state.extend(leaves, payloads)
		if err != nil {
			return fail(err)
		}
		var added []*partyKey
		for _, p := range fresh {
			for _, k := range p.keys {
				if k.stored.CompareAndSwap(false, true) {
					added = append(added, k)
					x.batch.Keys = append(x.batch.Keys, store.KeyRow{ID: k.ID, Row: k.row})
				}
			}
		}
		x.batch.Head.Keys += int64(len(x.batch.Keys))

		// 2. to 4. Sign, write, publish.
		if err := l.write(x); err != nil {
			if errors.Is(err, ErrSigner) {
				for _, k := range added {
					k.stored.Store(false)
				}
				return fail(err)
			}
			l.closed.Store(true) // no more intake, before anybody learns of it
			_ = fail(ErrStopped)
			return err
		}
		for _, k := range added {
			k.row = nil
		}
	}

	// 5. Wake whoever waits. Nobody learned an index before this.
	note := l.published.Load().head.Note
	for _, p := range batch {
		p.note = note
		l.finish(p, nil)
	}
	return nil
}

// number gives every event of the batch its place, but for repeats and those
// that it refuses.
func (l *Ledger) number(batch []*Pending, now time.Time) (leaves []leaf, fresh []*Pending) {
	next := l.state.edge.Size
	taken := make(map[[32]byte]store.Identity, len(batch))
	chains := make(map[[32]byte]chain, len(batch))
	find := func(identity [32]byte) (store.Identity, bool, error) {
		if id, ok := taken[identity]; ok {
			return id, true, nil
		}
		return l.identity(identity)
	}
	for _, p := range batch {
		first, repeat, err := find(p.identity)
		if err != nil {
			p.err = err
			continue
		}
		if repeat {
			p.index, p.repeat = first.Index, true
			continue
		}
		if p.checked != l.signing { // a key was changed meanwhile
			p.checked, p.unsigned = l.signing, l.signing.signed(p.event, l.conf.Origin, p.submitter())
		}
		if p.err = p.unsigned; p.err != nil {
			continue
		}
		e := p.entry
		c, ok := chains[e.Term]
		if !ok {
			c = l.state.chain(e.Term)
		}
		e.Seq, e.Prev, e.Recorded = c.count+1, c.last, now
		if e.Capture == record.Live && now.Sub(p.event.At) > l.params.lateAfter {
			e.Capture = record.Late
		}
		if e.Refs, p.err = refs(p.causes, find); p.err != nil {
			continue
		}
		p.index, p.bytes = next, e.Bytes()
		if len(p.bytes) > record.MaxEntry {
			p.err = record.Violations{{Pointer: "/data", Code: "length",
				Message: fmt.Sprintf("its open members make an entry of %d bytes, at most %d are allowed; shorten them", len(p.bytes), record.MaxEntry)}}
			continue
		}
		taken[p.identity] = store.Identity{Index: next, Restricted: e.Type == record.TypeRestricted}
		chains[e.Term] = chain{e.Seq, tree.LeafHash(p.bytes)}
		leaves = append(leaves, leaf{record.Leaf{Entry: &e}, p.bytes})
		fresh = append(fresh, p)
		next++
	}
	return leaves, fresh
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

// write signs, commits and publishes one extension of the state.
func (l *Ledger) write(x *extension) error {
	// Sign. If we crash here, nothing happened.
	root, err := tree.View{Edge: x.edge}.RootAt(x.edge.Size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSigner, err)
	}
	cp := tree.Checkpoint{Origin: l.conf.Origin, Size: x.edge.Size, Root: root}
	err = l.do(stepSign, func() error {
		x.batch.Head.Note, err = l.sign(cp)
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSigner, err)
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
	return l.publish(x, root)
}

// publish makes a committed extension known. It is also the last step of
// opening.
func (l *Ledger) publish(x *extension, root tree.Hash) error {
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
		root: root,
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
	x, err := l.state.extend([]leaf{{record.Leaf{IndexRoot: &r}, r.Bytes()}}, [][]byte{nil})
	if err != nil {
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
