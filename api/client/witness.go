// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// ErrUnwitnessed: no quorum of the policy's witnesses has cosigned yet what was
// asked for.
var ErrUnwitnessed = proof.ErrUnwitnessed

// WithWitnessedReceipts has Submit return once the receipt is upgraded, which
// takes until the ledger asks its witnesses again. When its context ends before,
// Submit returns the receipt as it is, and an error that is [ErrUnwitnessed].
func WithWitnessedReceipts() Option { return func(c *Client) { c.witnessed = true } }

const (
	upgradePage = 32 // cosigned checkpoints that are looked at
	upgradeWait = time.Second
	upgradeRest = 10 * time.Second // between two questions, at most
)

// Upgrade gives a receipt the inclusion proof of its record under the first
// checkpoint that covers it and that a quorum of the policy's witnesses
// cosigned. When it returns nil the receipt is VALID under the policy, as far as
// that asks for witnesses. Until there is such a checkpoint the error is
// [ErrUnwitnessed], and the receipt is as it was.
func (c *Client) Upgrade(ctx context.Context, r *proof.Receipt) error {
	cp, err := c.cosigned(ctx, r.Index+1)
	if err != nil {
		return err
	}
	_, b, err := c.do(ctx, request{method: "GET", path: fmt.Sprintf("/v1/records/%d/proof?size=%d", r.Index, cp.Size), accept: typeJSON}, maxSmall)
	if err != nil {
		return err
	}
	var d struct {
		Proof hashes `json:"proof"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return lie(r.Index, "its proof cannot be read")
	}
	if err := stands(r.Index, r.Entry, d.Proof, cp); err != nil {
		return err
	}
	r.Proof, r.Checkpoint = d.Proof, cp.Note
	return nil
}

// AwaitUpgrade is Upgrade, and waits for such a checkpoint until ctx ends.
func (c *Client) AwaitUpgrade(ctx context.Context, r *proof.Receipt) error {
	return c.await(ctx, func() error { return c.Upgrade(ctx, r) })
}

// AwaitUpgradeEvidence is UpgradeEvidence, and waits for such a checkpoint until
// ctx ends.
func (c *Client) AwaitUpgradeEvidence(ctx context.Context, e *proof.Evidence) error {
	return c.await(ctx, func() error { return c.UpgradeEvidence(ctx, e) })
}

// upgradeBy is AwaitUpgrade, which tries once at least and waits until a time.
func (c *Client) upgradeBy(ctx context.Context, by time.Time, r *proof.Receipt) error {
	waiting, cancel := context.WithDeadline(ctx, by)
	defer cancel()
	return c.await(waiting, func() error { return c.Upgrade(ctx, r) })
}

func (c *Client) await(ctx context.Context, upgrade func() error) error {
	if c.Trust().Witnesses == nil {
		return upgrade() // nobody is to be waited for
	}
	for wait := upgradeWait; ; wait = min(2*wait, upgradeRest) {
		err := upgrade()
		if !errors.Is(err, ErrUnwitnessed) {
			return err
		}
		if over := c.sleep(ctx, wait); over != nil {
			return fmt.Errorf("%w: %w", err, over)
		}
	}
}

// UpgradeEvidence adds to evidence a checkpoint that a quorum of the policy's
// witnesses cosigned, and the proof that it continues the tree of the evidence,
// unless it needs none. Until there is one the error is [ErrUnwitnessed].
func (c *Client) UpgradeEvidence(ctx context.Context, e *proof.Evidence) error {
	own, err := c.accept(ctx, e.Checkpoint, Checkpoint{})
	if err != nil {
		return err
	}
	for _, note := range append([]proof.Witnessed{{Checkpoint: e.Checkpoint}}, e.Witnessed...) {
		if cp, _, err := c.Trust().OpenWitnessed(note.Checkpoint); err == nil && cp.Size >= own.Size {
			return nil
		}
	}
	cp, err := c.cosigned(ctx, own.Size)
	if err != nil {
		return err
	}
	p, err := c.Consistency(ctx, own, cp)
	if err != nil {
		return err
	}
	e.Witnessed = append(e.Witnessed, proof.Witnessed{Checkpoint: cp.Note, Proof: p})
	return nil
}

// Witnessed asks the server for the newest checkpoint that a quorum of the
// policy's witnesses cosigned, and returns the time by which they had. It was
// accepted; records may have come since. While there is none the error is
// [ErrUnwitnessed].
func (c *Client) Witnessed(ctx context.Context) (Checkpoint, time.Time, error) {
	note, err := c.get(ctx, "/v1/checkpoints/newest", maxSmall)
	var p *Problem
	switch {
	case errors.As(err, &p) && p.Status == http.StatusNotFound:
		return Checkpoint{}, time.Time{}, ErrUnwitnessed
	case err != nil:
		return Checkpoint{}, time.Time{}, err
	}
	_, at, err := c.Trust().OpenWitnessed(note)
	switch {
	case errors.Is(err, ErrUnwitnessed):
		return Checkpoint{}, time.Time{}, err
	case err != nil:
		return Checkpoint{}, time.Time{}, lie(-1, "%w", err).with(note)
	}
	cp, err := c.accept(ctx, note, Checkpoint{})
	return cp, at, err
}

// cosigned returns the first checkpoint of at least so many records that a
// quorum of the policy's witnesses cosigned. It was accepted.
func (c *Client) cosigned(ctx context.Context, size int64) (Checkpoint, error) {
	if c.Trust().Witnesses == nil {
		return Checkpoint{}, fmt.Errorf("the policy names no witnesses whose cosignatures would upgrade anything: %w", ErrUnwitnessed)
	}
	b, err := c.get(ctx, fmt.Sprintf("/v1/checkpoints?from=%d&limit=%d", size, upgradePage), maxLarge)
	if err != nil {
		return Checkpoint{}, err
	}
	var d struct {
		Checkpoints []struct {
			Checkpoint string `json:"checkpoint"`
		} `json:"checkpoints"`
	}
	if err := json.Unmarshal(b, &d); err != nil || len(d.Checkpoints) > upgradePage {
		return Checkpoint{}, lie(-1, "its list of checkpoints cannot be read")
	}
	for _, listed := range d.Checkpoints {
		note := []byte(listed.Checkpoint)
		var cp tree.Checkpoint
		switch cp, _, err = c.Trust().OpenWitnessed(note); {
		case errors.Is(err, ErrUnwitnessed): // by witnesses of another policy
			continue
		case err != nil:
			return Checkpoint{}, lie(-1, "%w", err).with(note)
		case cp.Size < size:
			return Checkpoint{}, lie(-1, "it lists a checkpoint of %d records, and %d were asked for", cp.Size, size).with(note)
		}
		return c.accept(ctx, note, Checkpoint{})
	}
	return Checkpoint{}, ErrUnwitnessed
}
