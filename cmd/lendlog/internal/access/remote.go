// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// remote is a ledger behind a server.
type remote struct{ *client.Client }

// Remote reaches the ledger behind a server at a URL and verifies what it
// answers under a trust file. Without one the server's own is believed. The options
// are what else a client is made with.
func Remote(ctx context.Context, url string, trust []byte, options ...client.Option) (Ledger, error) {
	options = slices.Clone(options)
	if trust != nil {
		t, err := proof.ParseTrust(trust)
		if err != nil {
			return nil, &classed{ErrUsage, err}
		}
		options = append(options, client.WithTrust(t))
	}
	// Whoever named a wrong address wants to know it at once. A server that
	// goes away later is waited for.
	first, err := client.Dial(ctx, url, append(slices.Clone(options), client.WithRetries(2))...)
	if err != nil {
		return nil, classify(err)
	}
	first.Close()
	c, err := client.Dial(ctx, url, append(options, client.WithTrust(first.Trust()))...)
	if err != nil {
		return nil, classify(err)
	}
	return &remote{c}, nil
}

// ServedTrust returns the trust policy of the ledger behind a server, with the keys of
// its submitters, and the size of its newest checkpoint. The server is believed.
func ServedTrust(ctx context.Context, url string, options ...client.Option) (*proof.Trust, int64, error) {
	c, err := client.Dial(ctx, url, options...)
	if err != nil {
		return nil, 0, classify(err)
	}
	defer c.Close()
	t, err := c.SubmitterTrust(ctx)
	if err != nil {
		return nil, 0, classify(err)
	}
	cp, err := c.Checkpoint(ctx)
	return t, cp.Size, classify(err)
}

// classed is an error that is of a class besides, without saying it twice.
type classed struct{ class, err error }

func (e *classed) Error() string   { return e.err.Error() }
func (e *classed) Unwrap() []error { return []error{e.class, e.err} }

// classify turns the client's errors into those of this package.
func classify(err error) error {
	var lie *client.LieError
	var p *client.Problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &lie):
		return &classed{ErrUntrusted, err}
	case errors.Is(err, client.ErrURL), errors.Is(err, client.ErrKey):
		return &classed{ErrUsage, err}
	case errors.Is(err, client.ErrUnreachable):
		return &classed{ErrNetwork, err}
	case errors.As(err, &p) && p.Status == 404:
		return &classed{ErrNotFound, err}
	case errors.As(err, &p) && (p.Status == 429 || p.Status >= 500):
		return &classed{ErrNetwork, err}
	}
	return err
}

// refusal gives what a local ledger would have said.
func refusal(err error) error {
	var p *client.Problem
	if !errors.As(err, &p) {
		return err
	}
	var v record.Violations
	for _, e := range p.Errors {
		v = append(v, record.Violation{Pointer: e.Pointer, Code: e.Code, Message: e.Detail})
	}
	switch {
	case len(v) > 0:
		return v
	case p.Index != nil:
		return &ledger.ConflictError{Index: *p.Index}
	}
	return p
}

// Close implements Ledger.
func (r *remote) Close() error {
	r.Client.Close()
	return nil
}

// Submit implements Ledger.
func (r *remote) Submit(ctx context.Context, events iter.Seq2[Event, error], o SubmitOptions) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		var under underway
		var input error // read once the stream has come to its end
		documents := func(yield func([]byte) bool) {
			for ev, err := range events {
				if err != nil {
					input = err
					return
				}
				under.push(ev)
				if !yield(ev.Document) {
					return
				}
			}
		}
		for got, err := range r.Stream(ctx, documents, client.StreamOptions{Proofs: o.Proofs}) {
			if err != nil {
				yield(Outcome{}, classify(err))
				return
			}
			out := Outcome{Event: under.pop()}
			if got.Refused != nil {
				out.Refused = refusal(got.Refused)
			} else {
				out.Receipt, out.Repeated = got.Result.Receipt, got.Result.Repeated
			}
			if !yield(out, nil) {
				return
			}
		}
		if input != nil {
			yield(Outcome{}, input)
		}
	}
}

// underway are the events that have no outcome yet, in their order.
type underway struct {
	mu     sync.Mutex // guards events
	events []Event
}

func (u *underway) push(ev Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.events = append(u.events, ev)
}

func (u *underway) pop() Event {
	u.mu.Lock()
	defer u.mu.Unlock()
	ev := u.events[0]
	u.events = u.events[1:]
	return ev
}

// Record implements Ledger.
func (r *remote) Record(ctx context.Context, index int64) (*Record, error) {
	got, err := r.Client.Record(ctx, index)
	if err != nil {
		return nil, classify(err)
	}
	out := show(got)
	out.Proof, out.Checkpoint = got.Proof, string(got.Checkpoint.Note)
	return out, nil
}

// Timeline implements Ledger.
func (r *remote) Timeline(ctx context.Context, kind, id string, from, limit int64) ([]*Record, int64, error) {
	t, err := r.Client.Timeline(ctx, kind, id, from, limit)
	if err != nil {
		return nil, 0, classify(err)
	}
	records := make([]*Record, len(t.Records))
	for i, got := range t.Records {
		records[i] = show(got)
	}
	return records, t.Count, nil
}

// Prove implements Ledger.
func (r *remote) Prove(ctx context.Context, index int64, pointers []string) (*proof.Evidence, error) {
	if len(pointers) > 0 {
		got, err := r.Client.Record(ctx, index)
		if err != nil {
			return nil, classify(err)
		}
		for _, p := range pointers {
			if err := sealed(index, got.Schema, p); err != nil {
				return nil, err
			}
		}
	}
	e, err := r.Client.Prove(ctx, index, pointers)
	return e, classify(err)
}

// Catalogue implements Ledger.
func (r *remote) Catalogue(ctx context.Context) (*record.Catalogue, error) {
	schemas, err := r.CurrentSchemas(ctx)
	if err != nil {
		return nil, classify(err)
	}
	return new(record.Catalogue).With(schemas...)
}

// Register implements Ledger.
func (r *remote) Register(ctx context.Context, s *record.Schema) (Registration, error) {
	got, err := r.Client.Register(ctx, s)
	return Registration(got), classify(refusal(err))
}

// CheckSchema implements Ledger.
func (r *remote) CheckSchema(ctx context.Context, s *record.Schema) error {
	return classify(refusal(r.Client.CheckSchema(ctx, s)))
}

// ProveSubject implements Ledger.
func (r *remote) ProveSubject(ctx context.Context, kind, id string, pointers []string) (*proof.Evidence, error) {
	e, err := r.Client.ProveSubject(ctx, kind, id, pointers)
	return e, classify(err)
}

// show is what a reader sees of a record that a client verified.
func show(r *client.Record) *Record {
	out := newRecord(r.Index, r.Entry, r.Leaf, r.Schema, r.Unreadable)
	for _, d := range r.Sealed {
		group, _ := r.Schema.Group(d.Pointer)
		out.add(d.Pointer, d.Value, d.Present, false, group)
	}
	if e := r.Leaf.Entry; e != nil {
		for _, m := range e.Open.Members {
			out.add(canon.Pointer("/data", m.Name), m.Value, true, true, "")
		}
	}
	if told, ok := r.Story(); ok {
		out.Story = &told
	}
	return out
}
