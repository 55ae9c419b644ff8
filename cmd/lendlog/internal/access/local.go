// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Open opens a ledger of this machine. Whatever keeps it from opening is
// ErrRefusesToOpen; that there is none is the caller's mistake and is not.
func Open(ctx context.Context, dir string, o ledger.Options) (*ledger.Ledger, error) {
	if _, _, err := ledger.Locate(dir); err != nil {
		return nil, err
	}
	if o.Passphrase == nil {
		o.Passphrase = Passphrase
	}
	l, err := ledger.Open(ctx, dir, o)
	switch {
	case err == nil:
		return l, nil
	case ctx.Err() != nil:
		return nil, err
	case errors.Is(err, ledger.ErrHeld):
		return nil, fmt.Errorf("%w: %w: stop it, or ask it with --server URL", ErrRefusesToOpen, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrRefusesToOpen, err)
}

// submitter is the key id under which a local ledger records what is
// submitted to it without a server.
const submitter = "local"

// inFlight is how many events wait for their receipts at a time.
const inFlight = 4096

// local is a ledger of this machine.
type local struct {
	*ledger.Ledger
	dir  string
	once sync.Once
	stop context.CancelFunc // of the sequencer; nil when it was not needed
	done chan error
}

// Local opens a ledger of this machine. Its sequencer runs once something is
// submitted, until Close.
func Local(ctx context.Context, dir string, o ledger.Options) (Ledger, error) {
	l, err := Open(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	return &local{Ledger: l, dir: dir}, nil
}

// run starts the sequencer. It must live longer than the caller's context,
// because it commits what still waits when that ends.
func (l *local) run() {
	l.once.Do(func() {
		ctx, stop := context.WithCancel(context.Background())
		l.stop, l.done = stop, make(chan error, 1)
		go func() { l.done <- l.Run(ctx) }()
	})
}

// Close implements Ledger.
func (l *local) Close() error {
	var err error
	if l.stop != nil {
		l.stop()
		err = <-l.done
	}
	return errors.Join(err, l.Ledger.Close())
}

// Submit implements Ledger.
func (l *local) Submit(ctx context.Context, events iter.Seq2[Event, error], o SubmitOptions) iter.Seq2[Outcome, error] {
	l.run()
	return func(yield func(Outcome, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		type waiting struct {
			out     Outcome
			pending *ledger.Pending // nil when it was refused before it was queued
			err     error           // ends everything
		}
		queue := make(chan waiting, inFlight)
		go func() {
			defer close(queue)
			for ev, err := range events {
				w := waiting{out: Outcome{Event: ev}, err: err}
				if err == nil {
					w.pending, w.out.Refused, w.err = l.enqueue(ctx, ev)
				}
				select {
				case queue <- w:
				case <-ctx.Done():
					return
				}
				if w.err != nil {
					return
				}
			}
		}()
		for {
			// Whoever reads events from a terminal may be waiting for a line
			// that never comes.
			var w waiting
			var more bool
			select {
			case w, more = <-queue:
			case <-ctx.Done():
			}
			if err := ctx.Err(); err != nil {
				yield(Outcome{}, err)
				return
			}
			if !more {
				return
			}
			if w.err == nil && w.pending != nil {
				w.out, w.err = l.wait(ctx, w.out, w.pending, o)
			}
			if !yield(w.out, w.err) || w.err != nil {
				return
			}
		}
	}
}

// enqueue queues an event, or says why it is refused.
func (l *local) enqueue(ctx context.Context, ev Event) (p *ledger.Pending, refused, err error) {
	parsed, err := record.ParseEvent(ev.Document, l.Ledger.Catalogue())
	if err != nil {
		return nil, err, nil
	}
	p, err = l.Enqueue(ctx, parsed, submitter)
	return p, nil, err
}

func (l *local) wait(ctx context.Context, out Outcome, p *ledger.Pending, o SubmitOptions) (Outcome, error) {
	result, err := p.Wait(ctx)
	var violations record.Violations
	var conflict *ledger.ConflictError
	switch {
	case errors.As(err, &violations), errors.As(err, &conflict), errors.Is(err, ledger.ErrErased):
		out.Refused = err
		return out, nil
	case err != nil:
		return out, err
	}
	out.Receipt, out.Repeated = result.Receipt, result.Repeated
	if o.Proofs {
		err = l.AddProof(ctx, out.Receipt)
	}
	return out, err
}

// Record implements Ledger.
func (l *local) Record(ctx context.Context, index int64) (*Record, error) {
	r, err := l.Ledger.Record(ctx, index)
	if err != nil {
		return nil, located(err)
	}
	out := view(r)
	head := l.Head()
	if out.Proof, err = l.InclusionProof(ctx, index, head.Size); err != nil {
		return nil, err
	}
	if err := tree.VerifyInclusion(out.Proof, index, head.Size, out.LeafHash, head.Root); err != nil {
		return nil, fmt.Errorf("record %d: %w: %w", index, ledger.ErrDamaged, err)
	}
	out.Checkpoint = string(head.Note)
	return out, nil
}

// Timeline implements Ledger.
func (l *local) Timeline(ctx context.Context, kind, id string, from, limit int64) ([]*Record, int64, error) {
	t, err := l.Ledger.Timeline(ctx, kind, id, from, limit)
	if err != nil {
		return nil, 0, located(err)
	}
	records := make([]*Record, len(t.Records))
	for i, r := range t.Records {
		records[i] = view(r)
	}
	return records, t.Count, nil
}

// Prove implements Ledger.
func (l *local) Prove(ctx context.Context, index int64, pointers []string) (*proof.Evidence, error) {
	var disclose func(string) bool
	if pointers != nil {
		r, err := l.Ledger.Record(ctx, index)
		if err != nil {
			return nil, located(err)
		}
		for _, p := range pointers {
			if err := sealed(index, r.Schema, p); err != nil {
				return nil, err
			}
		}
		disclose = func(p string) bool { return slices.Contains(pointers, p) }
	}
	e, err := l.Ledger.Prove(ctx, index, disclose)
	return e, located(err)
}

// Catalogue implements Ledger.
func (l *local) Catalogue(context.Context) (*record.Catalogue, error) {
	return l.Ledger.Catalogue(), nil
}

// Register implements Ledger.
func (l *local) Register(ctx context.Context, s *record.Schema) (Registration, error) {
	l.run()
	r, err := l.Ledger.Register(ctx, s)
	return Registration(r), err
}

// CheckSchema implements Ledger.
func (l *local) CheckSchema(_ context.Context, s *record.Schema) error {
	return l.Ledger.Catalogue().Admit(s)
}

// ProveSubject implements Ledger.
func (l *local) ProveSubject(ctx context.Context, kind, id string, pointers []string) (*proof.Evidence, error) {
	l.run()
	if pointers == nil {
		return l.Ledger.ProveSubject(ctx, kind, id, nil)
	}
	return l.Ledger.ProveSubject(ctx, kind, id, func(p string) bool { return slices.Contains(pointers, p) })
}

// located turns the engine's word for what is not there into ours.
func located(err error) error {
	if errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// view is what a reader sees of a record of the engine.
func view(r *ledger.Record) *Record {
	out := newRecord(r.Index, r.Entry, r.Leaf, r.Schema, r.Unreadable)
	for _, m := range r.Members {
		out.add(m.Pointer, m.Value, m.Present, m.Open, m.Group)
	}
	if told, ok := r.Story(); ok {
		out.Story = &told
	}
	return out
}
