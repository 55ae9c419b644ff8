// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/proof"
)

// Upgrades give receipts and evidence what witnesses cosigned since they were
// made.
type Upgrades struct{ c *client.Client }

// Upgrader reaches the server of a ledger under a trust file that names
// witnesses, with what else a client is made with.
func Upgrader(ctx context.Context, url string, trust []byte, options ...client.Option) (*Upgrades, error) {
	r, err := Remote(ctx, url, trust, options...)
	if err != nil {
		return nil, err
	}
	return &Upgrades{r.(*remote).Client}, nil
}

// Receipt upgrades a receipt; while nothing is cosigned that covers it, the
// error is proof.ErrUnwitnessed, once ctx ends where it is to wait.
func (u *Upgrades) Receipt(ctx context.Context, r *proof.Receipt, wait bool) error {
	if wait {
		return unwitnessed(u.c.AwaitUpgrade(ctx, r))
	}
	return unwitnessed(u.c.Upgrade(ctx, r))
}

// Evidence does the same with evidence.
func (u *Upgrades) Evidence(ctx context.Context, e *proof.Evidence, wait bool) error {
	if wait {
		return unwitnessed(u.c.AwaitUpgradeEvidence(ctx, e))
	}
	return unwitnessed(u.c.UpgradeEvidence(ctx, e))
}

// unwitnessed keeps of an error that ended waiting what was waited for.
func unwitnessed(err error) error {
	if errors.Is(err, client.ErrUnwitnessed) || errors.Is(err, context.DeadlineExceeded) {
		return proof.ErrUnwitnessed
	}
	return classify(err)
}

// Close lets go of the server.
func (u *Upgrades) Close() { u.c.Close() }
