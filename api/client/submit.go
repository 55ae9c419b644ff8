// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// A Result says that an event is in the ledger.
type Result struct {
	// Receipt proves it. Keep it outside the reach of who runs the ledger.
	Receipt  *proof.Receipt
	Repeated bool // it was accepted before; Receipt is of that record
}

// Submit sends one event, a CloudEvents 1.0 document in JSON, until it is
// answered. It may be called again with the same event after any error: source
// and id are its identity.
//
// Of the receipt all has been verified: that every digest in its entry is that
// of the event, and that the entry stands at its index under its checkpoint,
// which was accepted. The ledger's word are the submitter, the time of
// recording, the place in the chain of its subject, and refs.
//
// With [WithWitnessedReceipts] the receipt is upgraded too; where that fails,
// the result comes with the error, for the event is recorded all the same.
//
// A refusal is [record.Violations] where it was found before anything was
// sent, else a [*Problem].
func (c *Client) Submit(ctx context.Context, event []byte) (*Result, error) {
	doc, err := c.parse(event)
	if err != nil {
		return nil, err
	}
	floor := c.Newest()
	status, b, err := c.do(ctx, request{
		method: http.MethodPost, path: "/v1/records", contentType: typeEvent, accept: typeJSON, body: doc.Bytes(),
	}, maxSmall)
	if err != nil {
		return nil, err
	}
	r, err := proof.ParseReceipt(b)
	if err != nil {
		return nil, lie(-1, "its receipt cannot be read: %w", err)
	}
	if err := c.match(ctx, r, doc); err != nil {
		return nil, err
	}
	if _, err := c.included(ctx, r.Index, r.Entry, r.Proof, r.Checkpoint, floor); err != nil {
		return nil, err
	}
	result := &Result{Receipt: r, Repeated: status == http.StatusOK}
	if c.witnessed {
		if err := c.AwaitUpgrade(ctx, r); err != nil {
			return result, err
		}
	}
	return result, nil
}

// parse reads the document of an event. What it sends is its canonical form,
// which is one line and has the same digests.
func (c *Client) parse(event []byte) (canon.Value, error) {
	if len(event) <= record.MaxEvent {
		if doc, err := canon.Parse(event, canon.Limits{}); err == nil {
			return doc, nil
		}
	}
	_, err := record.ParseEvent(event, c.builtin)
	return canon.Value{}, err
}

// match recomputes the digests of a receipt from the event that was sent.
func (c *Client) match(ctx context.Context, r *proof.Receipt, doc canon.Value) error {
	leaf, err := record.ParseLeaf(r.Entry)
	if err != nil || leaf.Entry == nil {
		return lie(r.Index, "the receipt is not of an entry")
	}
	s, err := c.schemaOf(ctx, leaf.Entry, doc)
	if err != nil {
		return err
	}
	ev, err := s.Event(doc)
	if err != nil {
		return lie(r.Index, "the event is not one of the schema that its entry names: %w", err)
	}
	if err := r.Match(ev); err != nil {
		return lie(r.Index, "%w", err)
	}
	return nil
}

// schemaOf returns the schema under which the server says to have accepted a
// document: the one that the entry names or, where that is sealed, the current
// one of the document's type. Which schema it was need not be believed: only
// with the right one are the digests right.
func (c *Client) schemaOf(ctx context.Context, e *record.Entry, doc canon.Value) (*record.Schema, error) {
	if e.Type != record.TypeRestricted {
		return c.Schema(ctx, e.Schema)
	}
	t, _ := doc.Get("type")
	if s, ok := c.builtin.Type(t.Str); ok {
		return s, nil
	}
	return c.currentSchema(ctx, t.Str)
}

// An answer is what a stream's line says of one event, or its last line of
// all.
type answer struct {
	Line    int64    `json:"line"`
	Status  int      `json:"status"`
	Problem *Problem `json:"problem"`

	Index      int64             `json:"index"`
	Entry      string            `json:"entry"`
	Seeds      map[string][]byte `json:"seeds"`
	Proof      hashes            `json:"proof"`
	Checkpoint string            `json:"checkpoint"`
	Restricted *struct {
		Submitter string  `json:"submitter"`
		Refs      []int64 `json:"refs"`
	} `json:"restricted"`

	Summary                     bool `json:"summary"`
	Accepted, Repeated, Refused int64
}

func parseAnswer(line []byte) (*answer, error) {
	a := &answer{}
	if err := json.Unmarshal(line, a); err != nil {
		return nil, errors.New("it is not the JSON of an answer")
	}
	return a, nil
}

// receipt returns the receipt of an accepted event.
func (a *answer) receipt() (*proof.Receipt, error) {
	r := &proof.Receipt{Index: a.Index, Entry: []byte(a.Entry), Proof: a.Proof, Seeds: make(map[string]seal.Seed, len(a.Seeds))}
	for group, seed := range a.Seeds {
		if len(seed) != len(seal.Seed{}) {
			return nil, errors.New("a seed is 32 bytes")
		}
		r.Seeds[group] = seal.Seed(seed)
	}
	if a.Checkpoint != "" {
		r.Checkpoint = []byte(a.Checkpoint)
	}
	if a.Restricted != nil {
		r.Restricted = &proof.Restricted{Submitter: a.Restricted.Submitter, Refs: a.Restricted.Refs}
	}
	return r, nil
}
