// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	grants "github.com/lendlog/lendlog/ledger/access"
)

// keys opens the keys of a ledger of this machine. Whoever can write its
// directory needs none: what they do is recorded as done by ledger.Local.
func (l *local) keys(ctx context.Context) (*keys.Keys, error) {
	k, err := keys.Open(ctx, l.dir, l.Ledger, nil)
	if err != nil {
		return nil, &classed{ErrRefusesToOpen, err}
	}
	return k, nil
}

// Grant implements Ledger.
func (l *local) Grant(ctx context.Context, t grants.Terms) (grants.Key, int64, error) {
	k, err := l.keys(ctx)
	if err != nil {
		return grants.Key{}, 0, err
	}
	l.run()
	key, index, err := k.Grant(ctx, t, ledger.Local)
	if errors.Is(err, keys.ErrTerms) {
		err = &classed{ErrUsage, err}
	}
	return key, index, err
}

// Grants implements Ledger.
func (l *local) Grants(ctx context.Context) ([]client.Grant, error) {
	k, err := l.keys(ctx)
	if err != nil {
		return nil, err
	}
	var all []client.Grant
	for _, s := range k.List() {
		g := client.Grant{
			ID: s.ID, Role: s.Role, State: s.State, Label: s.Label, Sources: s.Sources, Rate: s.Rate,
			Granted: s.At, Expires: s.Expires, Revoked: s.Granted.Revoked, Index: s.Index,
		}
		if !s.Used.IsZero() {
			g.Used = s.Used.Format(time.DateOnly)
		}
		all = append(all, g)
	}
	return all, nil
}

// Revoke implements Ledger.
func (l *local) Revoke(ctx context.Context, id, reason string) (int64, error) {
	k, err := l.keys(ctx)
	if err != nil {
		return 0, err
	}
	l.run()
	index, err := k.Revoke(ctx, id, ledger.Local, reason)
	if errors.Is(err, keys.ErrNotFound) {
		err = &classed{ErrNotFound, err}
	}
	return index, err
}

// Grant implements Ledger.
func (r *remote) Grant(ctx context.Context, t grants.Terms) (grants.Key, int64, error) {
	key, index, err := r.Client.Grant(ctx, t)
	return key, index, classify(err)
}

// Grants implements Ledger.
func (r *remote) Grants(ctx context.Context) ([]client.Grant, error) {
	all, err := r.Client.Grants(ctx)
	return all, classify(err)
}

// Revoke implements Ledger.
func (r *remote) Revoke(ctx context.Context, id, reason string) (int64, error) {
	index, err := r.Client.Revoke(ctx, id, reason)
	return index, classify(err)
}
