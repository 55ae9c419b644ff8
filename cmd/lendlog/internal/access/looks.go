// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"net/http"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// looksPage is how many looks are asked for at a time.
const looksPage = 1000

// Looks implements Ledger. Whoever can read the directory leaves no look.
func (l *local) Looks(ctx context.Context, q client.Looking) (*client.Looked, error) {
	return looks(q, func(q client.Looking) (*client.Looked, error) {
		got, err := l.Looked(ctx, ledger.Looking(q))
		if err != nil {
			return nil, err
		}
		return &client.Looked{Looks: got.Looks, Chains: got.Chains, Before: got.Before, Size: got.Head.Size, Checkpoint: string(got.Head.Note)}, nil
	})
}

// Looks implements Ledger.
func (r *remote) Looks(ctx context.Context, q client.Looking) (*client.Looked, error) {
	return looks(q, func(q client.Looking) (*client.Looked, error) {
		got, err := r.Client.Looks(ctx, q)
		return got, classify(err)
	})
}

// looks asks for one page after the other.
func looks(q client.Looking, ask func(client.Looking) (*client.Looked, error)) (*client.Looked, error) {
	all := &client.Looked{}
	for most := q.Limit; ; {
		q.Limit = looksPage
		if most > 0 {
			q.Limit = min(most-len(all.Looks), looksPage)
		}
		page, err := ask(q)
		if err != nil {
			return nil, err
		}
		page.Looks = append(all.Looks, page.Looks...)
		all = page
		if q.Before = page.Before; q.Before == 0 || most > 0 && len(all.Looks) >= most {
			return all, nil
		}
	}
}

// RecordExport implements Ledger.
func (l *local) RecordExport(context.Context, string, canon.Value) (*record.Event, *proof.Receipt, error) {
	return nil, nil, nil
}

// RecordExport implements Ledger.
func (r *remote) RecordExport(ctx context.Context, subject string, data canon.Value) (*record.Event, *proof.Receipt, error) {
	if !r.HasKey() {
		return nil, nil, nil
	}
	ev, receipt, err := r.Client.RecordExport(ctx, subject, data)
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return nil, nil, nil // the ledger demands no keys
	}
	return ev, receipt, classify(err)
}
