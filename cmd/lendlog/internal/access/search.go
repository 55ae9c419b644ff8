// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/index"
)

// Search implements Ledger.
func (l *local) Search(ctx context.Context, f *index.Filter, oldest bool, page int, asOf time.Time) iter.Seq2[*Record, error] {
	return l.search(ctx, ledger.Query{Filter: f, Oldest: oldest, Limit: page, AsOf: asOf})
}

func (l *local) search(ctx context.Context, q ledger.Query) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for {
			found, err := l.Ledger.Search(ctx, q)
			if err != nil {
				yield(nil, filterError(err))
				return
			}
			for _, i := range found.Indexes {
				r, err := l.Record(ctx, i)
				if !yield(r, err) || err != nil {
					return
				}
			}
			if q.Cursor = found.Cursor; q.Cursor == "" {
				return
			}
		}
	}
}

// filterError makes a wrong filter a wrong call.
func filterError(err error) error {
	var fe *index.FilterError
	if errors.As(err, &fe) {
		return &classed{ErrUsage, fmt.Errorf("the filter: %w", fe)}
	}
	return err
}

// Explain implements Ledger.
func (l *local) Explain(ctx context.Context, f *index.Filter) (*ledger.Explanation, error) {
	e, err := l.Ledger.Explain(ctx, ledger.Query{Filter: f, Limit: 1})
	return e, filterError(err)
}

// Search implements Ledger.
func (r *remote) Search(ctx context.Context, f *index.Filter, oldest bool, page int, asOf time.Time) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for found, err := range r.Client.Search(ctx, client.Search{Filter: f.String(), Oldest: oldest, Page: page, AsOf: asOf}) {
			if err != nil {
				var p *client.Problem
				if errors.As(err, &p) && p.Type == "urn:lendlog:problem:invalid-filter" {
					err = &classed{ErrUsage, fmt.Errorf("the filter: %s", p.Detail)}
				}
				yield(nil, classify(err))
				return
			}
			out := show(found.Record)
			out.Proof, out.Checkpoint = found.Proof, string(found.Checkpoint.Note)
			if !yield(out, nil) {
				return
			}
		}
	}
}

// Explain implements Ledger.
func (r *remote) Explain(context.Context, *index.Filter) (*ledger.Explanation, error) {
	return nil, &classed{ErrUsage, errors.New("a server does not explain a search: ask a ledger of this machine, or a copy, with --dir")}
}
