// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/tree"
)

// findPage is how many records are asked for at a time.
const findPage = 100

// Find implements Ledger.
func (l *local) Find(ctx context.Context, f *index.Filter, asOf time.Time, progress func(step string, done, total int64)) (string, iter.Seq2[*Record, error], error) {
	head := l.Head()
	return string(head.Note), below(head.Size, l.search(ctx, ledger.Query{Filter: f, Oldest: true, Limit: findPage, Size: head.Size, AsOf: asOf}), progress), nil
}

// Find implements Ledger. Each record was verified under a checkpoint that
// continues the one that is returned, or is continued by it. Findings and what is
// due the server judges by the records that there are when the search begins,
// which may be a few more.
func (r *remote) Find(ctx context.Context, f *index.Filter, asOf time.Time, progress func(step string, done, total int64)) (string, iter.Seq2[*Record, error], error) {
	cp, err := r.Checkpoint(ctx)
	if err != nil {
		return "", nil, classify(err)
	}
	return string(cp.Note), below(cp.Size, r.Search(ctx, f, true, findPage, asOf), progress), nil
}

// below yields records up to an index. A search looks at what there is when it
// begins, which may be more than the checkpoint covers.
func below(size int64, records iter.Seq2[*Record, error], progress func(step string, done, total int64)) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for r, err := range records {
			if err == nil {
				if r.Index >= size {
					return
				}
				progress("reading records", r.Index, size)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// Consistency implements Ledger.
func (l *local) Consistency(ctx context.Context, older, newer string) ([]tree.Hash, error) {
	from, to, err := twoCheckpoints(older, newer)
	if err != nil {
		return nil, err
	}
	return l.ConsistencyProof(ctx, from.Size, to.Size)
}

// Consistency implements Ledger.
func (r *remote) Consistency(ctx context.Context, older, newer string) ([]tree.Hash, error) {
	from, to, err := twoCheckpoints(older, newer)
	if err != nil {
		return nil, err
	}
	p, err := r.Client.Consistency(ctx, client.Checkpoint{Checkpoint: from, Note: []byte(older)}, client.Checkpoint{Checkpoint: to, Note: []byte(newer)})
	return p, classify(err)
}

// twoCheckpoints reads signed checkpoints whose signatures were verified by
// whoever handed them over.
func twoCheckpoints(older, newer string) (from, to tree.Checkpoint, err error) {
	if from, err = parseCheckpoint(older); err == nil {
		to, err = parseCheckpoint(newer)
	}
	return from, to, err
}

func parseCheckpoint(note string) (tree.Checkpoint, error) {
	text, _, ok := strings.Cut(note, "\n\n")
	if !ok {
		return tree.Checkpoint{}, fmt.Errorf("a checkpoint is not signed")
	}
	return tree.ParseCheckpoint(text + "\n")
}
