// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	grants "github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/proof"
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
	return key, index, classifyGrant(err)
}

// GrantRequest implements Ledger.
func (l *local) GrantRequest(ctx context.Context, t grants.Terms, r grants.Request) (int64, error) {
	k, err := l.keys(ctx)
	if err != nil {
		return 0, err
	}
	l.run()
	index, err := k.Add(ctx, grants.Grant{ID: r.ID, Hash: r.Hash, Terms: t}, ledger.Local)
	return index, classifyGrant(err)
}

// GrantTo implements Ledger.
func (l *local) GrantTo(ctx context.Context, g grants.Grant) (string, int64, error) {
	k, err := l.keys(ctx)
	if err != nil {
		return "", 0, err
	}
	l.run()
	id, index, err := k.GrantTo(ctx, g, ledger.Local)
	return id, index, classifyGrant(err)
}

func classifyGrant(err error) error {
	if errors.Is(err, keys.ErrTerms) || errors.Is(err, keys.ErrTaken) {
		return &classed{ErrUsage, err}
	}
	return err
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
			ID: s.ID, Means: s.Means, Issuer: s.Row.Issuer, Person: s.Row.Person, Role: s.Role, State: s.State, Label: s.Row.Label, Sources: s.Row.Sources, Rate: s.Row.Rate,
			Purpose: s.Purpose, Basis: s.Basis, Fields: s.Fields,
			Granted: s.At, Expires: s.Expires, Revoked: s.Revoked, Index: s.Index,
		}
		if s.Means == grants.ByCertificate {
			g.Certificate = hex.EncodeToString(s.Row.Certificate[:])
		}
		if used := s.Row.Used; !used.IsZero() {
			g.Used = used.Format(time.DateOnly)
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

// GrantRequest implements Ledger.
func (r *remote) GrantRequest(ctx context.Context, t grants.Terms, of grants.Request) (int64, error) {
	index, err := r.Client.GrantRequest(ctx, t, of)
	return index, classify(err)
}

// GrantTo implements Ledger.
func (r *remote) GrantTo(ctx context.Context, g grants.Grant) (string, int64, error) {
	id, index, err := r.Client.GrantTo(ctx, g)
	return id, index, classify(err)
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

// ChangeSubmitterKeys implements Ledger.
func (l *local) ChangeSubmitterKeys(ctx context.Context, c ledger.SubmitterChange) (list []client.SubmitterKey, err error) {
	l.run()
	c.By = ledger.Local
	all, err := l.Ledger.ChangeSubmitterKeys(ctx, c)
	if errors.Is(err, ledger.ErrNoSubmitterKey) || errors.Is(err, ledger.ErrRetired) {
		return nil, &classed{ErrUsage, err}
	}
	for _, k := range all {
		list = append(list, client.SubmitterKey{Submitter: k.ID, Key: proof.Thumbprint(k.Key), JWK: proof.JWK(k.Key).Bytes(), From: k.From, Until: k.Until})
	}
	return list, err
}

// ChangeSubmitterKeys implements Ledger.
func (r *remote) ChangeSubmitterKeys(ctx context.Context, c ledger.SubmitterChange) ([]client.SubmitterKey, error) {
	var jwk []byte
	if c.Add != nil {
		jwk = proof.JWK(c.Add).Bytes()
	}
	list, err := r.Client.ChangeSubmitterKeys(ctx, c.Submitter, jwk, c.Retire, c.Reason)
	return list, classify(err)
}
