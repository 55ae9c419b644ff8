// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
)

// ClosePeriod implements Ledger.
func (l *local) ClosePeriod(ctx context.Context, to time.Time, progress func(step string, done, total int64)) (*Record, bool, error) {
	l.run()
	p, err := l.Ledger.ClosePeriod(ctx, to, func(done, total int64) { progress("counting", done, total) })
	if errors.Is(err, ledger.ErrPeriod) {
		return nil, false, &classed{ErrUsage, err}
	}
	if err != nil {
		return nil, false, err
	}
	r, err := l.Record(ctx, p.Index)
	return r, p.Repeated, err
}

// ClosePeriod implements Ledger.
func (r *remote) ClosePeriod(ctx context.Context, to time.Time, _ func(step string, done, total int64)) (*Record, bool, error) {
	got, repeated, err := r.Client.ClosePeriod(ctx, to)
	var p *client.Problem
	if errors.As(err, &p) && p.Status < 500 {
		return nil, false, &classed{ErrUsage, errors.New(p.Detail)}
	}
	if err != nil {
		return nil, false, classify(err)
	}
	return show(got), repeated, nil
}
