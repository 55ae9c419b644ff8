// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A Checkpoint is a head of the ledger that a trusted key signed.
type Checkpoint struct {
	tree.Checkpoint
	Note []byte // signed, verbatim; must not be changed
}

// A Memory keeps the newest checkpoint between runs. Clients that run at the
// same time should not share one: the last to save wins.
type Memory interface {
	// Load returns the note that was saved last, nil when there is none.
	Load(ctx context.Context) ([]byte, error)
	// Save keeps a signed note in the place of the last.
	Save(ctx context.Context, note []byte) error
}

// File returns a Memory in a file, which need not exist yet. It holds the
// signed note as it is: whoever keeps a copy elsewhere can convict the
// operator with it. Removing it forgets.
func File(name string) Memory { return file(name) }

type file string

func (f file) Load(context.Context) ([]byte, error) {
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && len(b) == 0 {
		err = fmt.Errorf("%s is empty; remove it to start anew", string(f))
	}
	return b, err
}

func (f file) Save(_ context.Context, note []byte) (err error) {
	t, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(t.Name())
		}
	}()
	_, err = t.Write(note)
	if err = errors.Join(err, t.Sync(), t.Close()); err != nil {
		return err
	}
	return os.Rename(t.Name(), string(f))
}

// recall takes up the checkpoint that is remembered.
func (c *Client) recall(ctx context.Context) error {
	if c.memory == nil {
		return nil
	}
	note, err := c.memory.Load(ctx)
	if err != nil {
		return fmt.Errorf("couldn't recall the last checkpoint: %w", err)
	}
	if note == nil {
		return nil
	}
	cp, err := c.signed(ctx, note)
	var l *LieError
	switch {
	case errors.As(err, &l):
		return lie(-1, "the checkpoint that is remembered is not one of the ledger that the policy trusts: %w", err).with(note)
	case err != nil:
		return err
	}
	c.newest.Store(&Checkpoint{cp, note})
	return nil
}

// Newest returns the newest checkpoint that was accepted, without asking the
// server. It is zero before there is one.
func (c *Client) Newest() Checkpoint { return *c.newest.Load() }

// Checkpoint asks the server for its newest checkpoint. It is signed by a
// trusted key, not older than any seen before, and consistent with the newest
// of them.
func (c *Client) Checkpoint(ctx context.Context) (Checkpoint, error) {
	floor := c.Newest()
	note, err := c.get(ctx, "/v1/checkpoint", maxSmall)
	if err != nil {
		return Checkpoint{}, err
	}
	return c.accept(ctx, note, floor)
}

// maxAccepted bounds the notes that are known to be good. Many receipts share
// one, and concurrent ones come out of order.
const maxAccepted = 64

// accept verifies a signed checkpoint out of an answer. floor is what was the
// newest when the question was asked: a server never answers with less than
// it has shown before.
func (c *Client) accept(ctx context.Context, note []byte, floor Checkpoint) (Checkpoint, error) {
	return c.acceptBy(ctx, note, floor, c.Consistency)
}

// acceptBy is accept with another way to a proof of consistency, which fails
// unless there is one.
func (c *Client) acceptBy(ctx context.Context, note []byte, floor Checkpoint, prove func(ctx context.Context, older, newer Checkpoint) ([]tree.Hash, error)) (Checkpoint, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return Checkpoint{}, ctx.Err()
	}
	cp, known := c.accepted[string(note)]
	if !known {
		var err error
		if cp, err = c.signed(ctx, note); err != nil {
			return Checkpoint{}, err
		}
	}
	if cp.Size < floor.Size {
		return Checkpoint{}, lie(-1, "the ledger was rolled back: it had %d records and shows %d", floor.Size, cp.Size).with(floor.Note, note)
	}
	got := Checkpoint{cp, bytes.Clone(note)}
	if known {
		return got, nil
	}
	newest := c.Newest()
	if newest.Note != nil {
		older, newer := newest, got
		if newer.Size < older.Size {
			older, newer = newer, older
		}
		if _, err := prove(ctx, older, newer); err != nil {
			return Checkpoint{}, err
		}
	}
	if got.Size > newest.Size || newest.Note == nil {
		if c.memory != nil {
			if err := c.memory.Save(ctx, got.Note); err != nil {
				return Checkpoint{}, fmt.Errorf("couldn't remember the checkpoint: %w", err)
			}
		}
		c.newest.Store(&got)
	}
	if len(c.accepted) == maxAccepted {
		clear(c.accepted)
	}
	c.accepted[string(note)] = cp
	return got, nil
}

// Consistency has the server prove that the older of two verified checkpoints
// is a prefix of the newer, and returns the proof. A server that cannot is a
// [*LieError] with both.
func (c *Client) Consistency(ctx context.Context, older, newer Checkpoint) ([]tree.Hash, error) {
	forked := func(err error) error {
		return lie(-1, "the ledger was forked: its checkpoint of %d records does not continue the one of %d: %w", newer.Size, older.Size, err).with(older.Note, newer.Note)
	}
	if older.Size > newer.Size {
		return nil, errors.New("couldn't ask for a consistency proof: the older checkpoint is the larger one")
	}
	if older.Size == newer.Size || older.Size == 0 {
		if err := tree.VerifyConsistency(nil, older.Size, newer.Size, older.Root, newer.Root); err != nil {
			return nil, forked(err)
		}
		return nil, nil
	}
	between, err := c.ConsistencyProof(ctx, older.Size, newer.Size)
	var p *Problem
	var l *LieError
	switch {
	case errors.As(err, &p) && !p.temporary():
		return nil, forked(err)
	case errors.As(err, &l):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("couldn't check that the ledger goes on from its last checkpoint: %w", err)
	}
	if err := tree.VerifyConsistency(between, older.Size, newer.Size, older.Root, newer.Root); err != nil {
		return nil, forked(err)
	}
	return between, nil
}

// hashes are a proof in JSON.
type hashes []tree.Hash

// UnmarshalJSON reads base64 hashes, at most as many as a proof can have.
func (h *hashes) UnmarshalJSON(b []byte) error {
	var raw [][]byte
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if len(raw) > 63 {
		return errors.New("a proof has at most 63 hashes")
	}
	*h = make(hashes, len(raw))
	for i, x := range raw {
		if len(x) != len(tree.Hash{}) {
			return errors.New("a proof is a list of SHA-256 hashes")
		}
		(*h)[i] = tree.Hash(x)
	}
	return nil
}

// Complete gives a receipt the inclusion proof of its record under the newest
// checkpoint of the server. When it returns nil, the entry of the receipt
// stands at its index under the receipt's checkpoint, which was accepted.
func (c *Client) Complete(ctx context.Context, r *proof.Receipt) error {
	p, cp, err := c.place(ctx, r.Index)
	if err == nil {
		err = stands(r.Index, r.Entry, p, cp)
	}
	if err != nil {
		return err
	}
	r.Proof, r.Checkpoint = p, cp.Note
	return nil
}

// Leaf returns the index of the leaf with a hash, which was verified to stand there.
// That there is none is a [Problem] of status 404, which proves nothing.
func (c *Client) Leaf(ctx context.Context, hash tree.Hash) (int64, error) {
	floor := c.Newest()
	_, b, err := c.do(ctx, request{method: "GET", path: "/v1/leaves/" + hex.EncodeToString(hash[:]), accept: typeJSON}, maxSmall)
	if err != nil {
		return 0, err
	}
	var d struct {
		Index      int64  `json:"index"`
		Proof      hashes `json:"proof"`
		Checkpoint string `json:"checkpoint"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return 0, lie(-1, "the place of a leaf cannot be read")
	}
	cp, err := c.accept(ctx, []byte(d.Checkpoint), floor)
	if err != nil {
		return 0, err
	}
	if err := tree.VerifyInclusion(d.Proof, d.Index, cp.Size, hash, cp.Root); err != nil {
		return 0, lie(d.Index, "the leaf is not at this place of the ledger: %w", err).with(cp.Note)
	}
	return d.Index, nil
}

// place returns the inclusion proof of a leaf, which is still to be verified,
// under the newest checkpoint of the server, which was accepted.
func (c *Client) place(ctx context.Context, index int64) ([]tree.Hash, Checkpoint, error) {
	fail := func(err error) ([]tree.Hash, Checkpoint, error) { return nil, Checkpoint{}, err }
	floor := c.Newest()
	_, b, err := c.do(ctx, request{method: "GET", path: fmt.Sprintf("/v1/records/%d/proof", index), accept: typeJSON}, maxSmall)
	if err != nil {
		return fail(err)
	}
	var d struct {
		Proof      hashes `json:"proof"`
		Checkpoint string `json:"checkpoint"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return fail(lie(index, "its proof cannot be read"))
	}
	cp, err := c.accept(ctx, []byte(d.Checkpoint), floor)
	if err != nil {
		return fail(err)
	}
	return d.Proof, cp, nil
}

// included verifies that a leaf stands at an index under a signed checkpoint.
func (c *Client) included(ctx context.Context, index int64, entry []byte, p []tree.Hash, note []byte, floor Checkpoint) (Checkpoint, error) {
	cp, err := c.accept(ctx, note, floor)
	if err != nil {
		return Checkpoint{}, err
	}
	if err := stands(index, entry, p, cp); err != nil {
		return Checkpoint{}, err
	}
	return cp, nil
}

// stands verifies that a leaf stands at an index under a checkpoint that was
// accepted.
func stands(index int64, entry []byte, p []tree.Hash, cp Checkpoint) error {
	if err := tree.VerifyInclusion(p, index, cp.Size, tree.LeafHash(entry), cp.Root); err != nil {
		return lie(index, "its entry is not at this place of the ledger: %w", err).with(cp.Note)
	}
	return nil
}

// ConsistencyProof returns what the server has for a proof that one of its trees
// is a prefix of another. It is not verified: that is for whoever knows both
// roots.
func (c *Client) ConsistencyProof(ctx context.Context, oldSize, size int64) ([]tree.Hash, error) {
	if oldSize == 0 || oldSize == size {
		return nil, nil
	}
	b, err := c.get(ctx, fmt.Sprintf("/v1/consistency?from=%d&to=%d", oldSize, size), maxSmall)
	if err != nil {
		return nil, err
	}
	var d struct {
		Proof hashes `json:"proof"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, lie(-1, "its consistency proof cannot be read")
	}
	return d.Proof, nil
}
