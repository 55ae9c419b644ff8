// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"

	"github.com/lendlog/lendlog/ledger/stats"
)

// Stats are the statistics of a ledger, and under which checkpoint. Its JSON
// form is what `lendlog stats --json` prints.
type Stats struct {
	*stats.Report
	Size       int64  `json:"size"`
	Checkpoint string `json:"checkpoint"`
}

// Stats implements Ledger.
func (l *local) Stats(ctx context.Context, scope stats.Scope, progress func(step string, done, total int64)) (*Stats, error) {
	head := l.Head()
	counted, err := l.Count(ctx, head, func(done, total int64) { progress("reading the ledger", done, total) })
	if err != nil {
		return nil, err
	}
	report, err := l.Report(counted, scope)
	if err != nil {
		return nil, err
	}
	return &Stats{report, head.Size, string(head.Note)}, nil
}

// Stats implements Ledger.
func (r *remote) Stats(ctx context.Context, scope stats.Scope, _ func(step string, done, total int64)) (*Stats, error) {
	got, err := r.Client.StatsOf(ctx, scope)
	if err != nil {
		return nil, classify(err)
	}
	return &Stats{got.Report, got.Checkpoint.Size, string(got.Checkpoint.Note)}, nil
}
