// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/record"
)

// submitter is the id under which everything is recorded.
const submitter = "bench"

// chunks cuts n records into pieces that are made ahead of being measured.
// They are large beside Badger's memtables, so that little of its work in the
// background falls between them, and few enough to be held in memory.
func chunks(n int64) (sizes []int) {
	size := min(max(n/16, 256), 1<<15)
	for ; n > 0; n -= size {
		sizes = append(sizes, int(min(n, size)))
	}
	return sizes
}

// running is a ledger that runs in this process.
type running struct {
	*ledger.Ledger
	close func() error // in good order; may be called twice
}

func start(ctx context.Context, dir string) (*running, error) {
	l, err := ledger.Open(ctx, dir, ledger.Options{})
	if err != nil {
		return nil, err
	}
	// Not the caller's context: what waits is committed when that ends.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	return &running{l, sync.OnceValue(func() error {
		stop()
		return errors.Join(<-done, l.Close())
	})}, nil
}

// measureLarge fills one ledger through the engine alone, and then reads it.
func (b *bench) measureLarge() error {
	dir, err := b.create("engine")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	events := NewEvents(b.Seed, 0)
	if err := b.measureEngine(dir, events); err != nil {
		return fmt.Errorf("couldn't measure the engine: %w", err)
	}
	if b.wanted("open") || b.wanted("history") || b.wanted("search") {
		if err := b.measureReads(dir, events); err != nil {
			return fmt.Errorf("couldn't measure reading: %w", err)
		}
	}
	if b.wanted("audit") {
		if err := b.measureAudits(dir); err != nil {
			return fmt.Errorf("couldn't measure the audit: %w", err)
		}
	}
	return nil
}

// measureEngine measures what the sequencer does with events that are sealed
// already, and how the cost of a record grows.
func (b *bench) measureEngine(dir string, events *Events) (err error) {
	l, err := start(b.ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	r := Result{Path: "engine", What: "in process: sealed already → numbered, hashed, signed, committed"}
	sizes := chunks(b.Records)
	costs := make([]cost, len(sizes)) // of sealing and committing
	var took, cpu time.Duration
	var waits latencies
	done := int64(0)
	var same yardstick
	err = b.inProcess(&r, func() error {
		for i, n := range sizes {
			docs := events.Take(n)
			if costs[i].same, err = same.measure(docs, l.Catalogue()); err != nil {
				return err
			}
			begun, spent := time.Now(), ownCPU()
			pending, err := prepareAll(b.ctx, l.Ledger, docs)
			if err != nil {
				return err
			}
			costs[i].add(time.Since(begun), ownCPU()-spent)
			runtime.GC() // what sealing left behind
			begun = time.Now()
			before := ownCPU()
			if err := submitAll(b.ctx, pending, &waits); err != nil {
				return err
			}
			waited, spent := time.Since(begun), ownCPU()-before
			took, cpu = took+waited, cpu+spent
			costs[i].add(waited, spent)
			done += int64(n)
			b.Progress("engine", done, b.Records)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.over(done, took)
	r.CPU = micros(cpu) / float64(done)
	r.latency(&waits)
	r.wantRate(40_000)

	debug.FreeOSMemory() // what is left belongs to the ledger
	g := growth(sizes, costs)
	if err := b.profileMemory(g.Path); err != nil {
		return err
	}
	if err := l.close(); err != nil {
		return err
	}
	if b.wanted("engine") { // Badger alone takes as long again
		if err := b.settle(&r, dir); err != nil {
			return err
		}
	}
	b.add("engine", r)
	b.add("growth", g)
	return nil
}

// prepareAll parses and seals events on all processors.
func prepareAll(ctx context.Context, l *ledger.Ledger, docs [][]byte) ([]*ledger.Pending, error) {
	pending := make([]*ledger.Pending, len(docs))
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for {
				i := next.Add(1) - 1
				if i >= int64(len(docs)) {
					return nil
				}
				ev, err := record.ParseEvent(docs[i], l.Catalogue())
				if err == nil {
					pending[i], err = l.Prepare(ctx, ev, submitter)
				}
				if err != nil {
					return err
				}
			}
		})
	}
	return pending, group.Wait()
}

// submitAll submits events in their order and waits for all receipts.
func submitAll(ctx context.Context, pending []*ledger.Pending, waits *latencies) error {
	begun := make([]time.Time, len(pending))
	sent := make(chan int, len(pending))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(sent)
		for i, p := range pending {
			begun[i] = time.Now()
			if err := p.Submit(ctx); err != nil {
				return err
			}
			sent <- i
		}
		return nil
	})
	group.Go(func() error {
		for i := range sent {
			if err := receipt(ctx, pending[i]); err != nil {
				return err
			}
			waits.add(time.Since(begun[i]))
			pending[i] = nil
		}
		return nil
	})
	return group.Wait()
}

// receipt waits for the receipt of a new record.
func receipt(ctx context.Context, p *ledger.Pending) error {
	result, err := p.Wait(ctx)
	if err == nil && result.Repeated {
		err = errors.New("a new event was taken for a repeat")
	}
	return err
}

// A yardstick is work that stays the same while a ledger grows, done by one processor
// while the ledger is given nothing to do: when it takes longer, the machine got slower.
type yardstick struct{ docs [][]byte }

// measure returns how long the work takes, where nothing comes between: reading some
// of the events of the first call.
func (y *yardstick) measure(docs [][]byte, c *record.Catalogue) (best time.Duration, err error) {
	if y.docs == nil {
		for _, d := range docs[:min(len(docs), 512)] {
			y.docs = append(y.docs, bytes.Clone(d)) // and not all that they lie among
		}
	}
	for i := range 8 {
		begun := time.Now()
		for _, d := range y.docs {
			if _, err := record.ParseEvent(d, c); err != nil {
				return 0, err
			}
		}
		if took := time.Since(begun); i == 0 || took < best {
			best = took
		}
	}
	return best, nil
}

// A cost is what records took, by the clock and of processors, and how long the
// yardstick took beside them.
type cost struct{ took, cpu, same time.Duration }

func (c *cost) add(took, cpu time.Duration) { c.took, c.cpu = c.took+took, c.cpu+cpu }

// growth compares what records cost at the end with what they cost early on,
// after the first chunk, which warms up.
func growth(sizes []int, costs []cost) Result {
	k := len(sizes)
	total, early := 0, 0
	for i, n := range sizes {
		if total += n; i < 3 {
			early += n
		}
	}
	r := Result{
		Path: "growth", Records: int64(total), Memory: memory(os.Getpid()),
		What: fmt.Sprintf("cost of a record, sealed and committed: of the last before %d to those before %d", total, early),
	}
	if k < 8 {
		return r
	}
	per := func(from, to int) (took, cpu, same float64) {
		var n int
		var sum cost
		for i := from; i < to; i++ {
			n += sizes[i]
			sum.add(costs[i].took, costs[i].cpu)
			sum.same += costs[i].same
		}
		return sum.took.Seconds() / float64(n), sum.cpu.Seconds() / float64(n), sum.same.Seconds() / float64(to-from)
	}
	firstTook, firstCPU, firstSame := per(1, 3)
	last, lastCPU, lastSame := per(k-max(2, k/10), k)
	r.Rate, r.Growth = 1/last, last/firstTook
	if firstCPU > 0 {
		r.GrowthCPU = lastCPU / firstCPU
	}
	r.want(r.Growth <= 1.5, "≤ 1.5×")
	if r.GrowthCPU > 0 {
		r.What += fmt.Sprintf(" (%.2f× in processor time)", r.GrowthCPU)
	}
	if firstSame > 0 {
		r.Yardstick = lastSame / firstSame
		r.What += fmt.Sprintf("; to read the same events took %.2f×, which is the machine's", r.Yardstick)
	}
	if r.Memory > 0 {
		r.want(r.Memory <= 2<<30, "≤ 2 GiB")
	}
	return r
}

// submitters is how many sources of events measureSealed has at once.
const submitters = 4

// measureSealed measures everything that happens to an event, without a
// server.
func (b *bench) measureSealed() (err error) {
	dir, err := b.create("sealed")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := start(b.ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	r := Result{Path: "sealed", What: fmt.Sprintf("in process, %d submitters: parsed, validated, sealed, encrypted, committed", submitters)}
	var events [submitters]*Events
	var waits [submitters]latencies
	for i := range events {
		events[i] = NewEvents(b.Seed, i)
	}
	var took, cpu time.Duration
	done := int64(0)
	err = b.inProcess(&r, func() error {
		for _, n := range chunks(b.Records) {
			var docs [submitters][][]byte
			for i := range docs {
				docs[i] = events[i].Take(n / submitters)
				done += int64(len(docs[i]))
			}
			begun, before := time.Now(), ownCPU()
			group, ctx := errgroup.WithContext(b.ctx)
			for i := range docs {
				group.Go(func() error { return appendAll(ctx, l.Ledger, docs[i], &waits[i]) })
			}
			if err := group.Wait(); err != nil {
				return err
			}
			took, cpu = took+time.Since(begun), cpu+ownCPU()-before
			b.Progress("sealed", done, b.Records)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't measure sealing: %w", err)
	}
	r.over(done, took)
	r.CPU = micros(cpu) / float64(done)
	for i := range waits[1:] {
		waits[0].merge(&waits[1+i])
	}
	r.latency(&waits[0])
	if err := l.close(); err != nil {
		return err
	}
	if err := b.settle(&r, dir); err != nil {
		return err
	}
	b.add("sealed", r)
	return nil
}

// appendAll appends events in their order, many in flight.
func appendAll(ctx context.Context, l *ledger.Ledger, docs [][]byte, waits *latencies) error {
	type flight struct {
		*ledger.Pending
		begun time.Time
	}
	flying := make(chan flight, 4096)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(flying)
		for _, doc := range docs {
			begun := time.Now()
			ev, err := record.ParseEvent(doc, l.Catalogue())
			if err != nil {
				return err
			}
			p, err := l.Enqueue(ctx, ev, submitter)
			if err != nil {
				return err
			}
			select {
			case flying <- flight{p, begun}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	group.Go(func() error {
		for f := range flying {
			if err := receipt(ctx, f.Pending); err != nil {
				return err
			}
			waits.add(time.Since(f.begun))
		}
		return nil
	})
	return group.Wait()
}
