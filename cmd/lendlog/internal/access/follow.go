// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"iter"

	"github.com/lendlog/lendlog/api/client"
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
		unrestricted := func(typ string) bool { return typ != record.TypeRestricted }
		for r, err := range l.Ledger.Records(ctx, first(from, size), size, unrestricted) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(view(r), nil) {
				return
			}
		}
	}
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
