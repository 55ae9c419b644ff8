// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"iter"

	"github.com/lendlog/lendlog/api/client"
)

// Records implements Ledger.
func (l *local) Records(ctx context.Context, progress func(step string, done, total int64)) (string, iter.Seq2[*Record, error], error) {
	head := l.Head()
	return string(head.Note), func(yield func(*Record, error) bool) {
		for i := range head.Size {
			progress("reading records", i, head.Size)
			r, err := l.Ledger.Record(ctx, i)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(view(r), nil) {
				return
			}
		}
	}, nil
}

// Records implements Ledger. Every record is asked for and verified to lie at
// its index, so that the server can leave none out.
func (r *remote) Records(ctx context.Context, progress func(step string, done, total int64)) (string, iter.Seq2[*Record, error], error) {
	cp, err := r.Checkpoint(ctx)
	if err != nil {
		return "", nil, classify(err)
	}
	return string(cp.Note), func(yield func(*Record, error) bool) {
		for a := range r.ask(ctx, cp.Size) {
			if a.err != nil {
				yield(nil, classify(a.err))
				return
			}
			progress("reading records", a.record.Index, cp.Size)
			if !yield(show(a.record), nil) {
				return
			}
		}
	}, nil
}

// an answered record, or why there is none.
type answered struct {
	record *client.Record
	err    error
}

// askedAtOnce is how many records a server is asked for at a time.
const askedAtOnce = 16

// ask asks for the records of a ledger of a size and yields the answers in the
// order of the indexes, of which the first error is the last.
func (r *remote) ask(ctx context.Context, size int64) iter.Seq[answered] {
	return func(yield func(answered) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		waiting := make(chan chan answered, askedAtOnce)
		go func() {
			defer close(waiting)
			for i := range size {
				c := make(chan answered, 1)
				go func() {
					got, err := r.Client.Record(ctx, i)
					c <- answered{got, err}
				}()
				select {
				case waiting <- c:
				case <-ctx.Done():
					return
				}
			}
		}()
		for c := range waiting {
			if a := <-c; !yield(a) || a.err != nil {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(answered{err: err})
		}
	}
}
