// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"net/http"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// signed verifies a checkpoint. One that the policy does not trust is held
// against what the policy comes to with the keys that the ledger has announced.
func (c *Client) signed(ctx context.Context, note []byte) (tree.Checkpoint, error) {
	cp, refused := c.Trust().OpenCheckpoint(note)
	if refused == nil {
		return cp, nil
	}
	if !errors.Is(refused, tree.ErrUnsigned) {
		return tree.Checkpoint{}, lie(-1, "%w", refused).with(note)
	}
	c.keys.Lock()
	defer c.keys.Unlock()
	later, e, err := c.later(ctx)
	if err != nil {
		return tree.Checkpoint{}, err
	}
	if cp, err = later.OpenCheckpoint(note); err != nil {
		return tree.Checkpoint{}, lie(-1, "%w", refused).with(note)
	}
	if c.announced != nil && later != c.Trust() {
		if err := c.announced(ctx, e); err != nil {
			return tree.Checkpoint{}, err
		}
	}
	c.trust.Store(later)
	return cp, nil
}

// later returns the policy with the keys that the ledger has announced, each under one
// that the policy had before, and what shows that. Whoever has stolen a key announces
// what they like, so these records have to be in the log, under a checkpoint that
// verifies: what is accepted of that log continues what was seen of it.
func (c *Client) later(ctx context.Context) (*proof.Trust, *proof.Evidence, error) {
	now := c.Trust()
	b, err := c.get(ctx, "/v1/records/0/evidence?disclose=none", maxLarge)
	var p *Problem
	switch {
	case errors.As(err, &p) && (p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden):
		return now, nil, nil // who does not read the log is not shown
	case err != nil:
		return nil, nil, err
	}
	e, err := proof.ParseEvidence(b)
	if err != nil || !isOf(e.Records, 0) || c.holds(e) != nil {
		return now, nil, nil // it shows nothing
	}
	later, _ := now.Announced(e.Records)
	return later, e, nil
}
