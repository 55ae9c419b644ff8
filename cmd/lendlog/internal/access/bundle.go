// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"io"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/index"
)

// WriteBundle implements Ledger.
func (l *local) WriteBundle(ctx context.Context, w io.Writer, b client.Bundling, progress func(step string, done, total int64)) error {
	of := ledger.Bundling{From: b.From, To: b.To, Sample: b.Sample, Checkpoint: b.Checkpoint, Pointers: b.Pointers}
	if b.Filter != "" {
		var err error
		if of.Filter, err = index.ParseFilter(b.Filter); err != nil {
			return filterError(err)
		}
	}
	err := l.Ledger.WriteBundle(ctx, w, of, func(done, total int64) { progress("writing the bundle", done, total) })
	if errors.Is(err, ledger.ErrBundling) || errors.Is(err, ledger.ErrNotOurs) {
		return &classed{ErrUsage, err}
	}
	return filterError(err)
}

// WriteBundle implements Ledger.
func (r *remote) WriteBundle(ctx context.Context, w io.Writer, b client.Bundling, _ func(step string, done, total int64)) error {
	err := r.Client.WriteBundle(ctx, w, b)
	var p *client.Problem
	if errors.As(err, &p) && p.Status < 500 {
		return &classed{ErrUsage, errors.New(p.Detail)}
	}
	return classify(err)
}
