// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"iter"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// first returns the index to begin with: a negative one counts from the end.
func first(from, size int64) int64 {
	if from < 0 {
		return max(0, size+from)
	}
	return from
}

// Follow implements Ledger. Nothing is recorded while a directory is read.
func (l *local) Follow(ctx context.Context, from int64) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		size := l.Head().Size
		for index := first(from, size); index < size; index++ {
			r, err := l.followed(ctx, index)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// followed returns a record, of a restricted one what its entry shows.
func (l *local) followed(ctx context.Context, index int64) (*Record, error) {
	lf, err := l.Leaf(ctx, index)
	if err != nil {
		return nil, err
	}
	if lf.Entry == nil || lf.Entry.Type != record.TypeRestricted {
		r, err := l.Ledger.Record(ctx, index)
		if err != nil {
			return nil, err
		}
		return view(r), nil
	}
	out := newRecord(index, lf.Bytes, lf.Leaf, nil, nil)
	for _, m := range lf.Entry.Open.Members {
		out.add(canon.Pointer("/data", m.Name), m.Value, true, true, "")
	}
	return out, nil
}

// Follow implements Ledger.
func (r *remote) Follow(ctx context.Context, from int64) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for got, err := range r.Client.Follow(ctx, first(from, r.Newest().Size), client.FollowOptions{}) {
			if err != nil {
				yield(nil, classify(err))
				return
			}
			if !yield(show(got), nil) {
				return
			}
		}
	}
}
