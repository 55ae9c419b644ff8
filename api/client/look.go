// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// purposeKey is where a context has the code of [Purpose].
type purposeKey struct{}

// Purpose returns a context for requests that are made for a purpose, in the place
// of the one of [WithPurpose]. A ledger that demands keys records every look at what
// is sealed, with a code for what it was for: a letter or a digit, and up to 63
// letters, digits, dots, hyphens and underscores.
func Purpose(ctx context.Context, code string) context.Context {
	return context.WithValue(ctx, purposeKey{}, code)
}

func (c *Client) purposeOf(ctx context.Context) string {
	if code, ok := ctx.Value(purposeKey{}).(string); ok {
		return code
	}
	return c.purpose
}

// Fields returns the JSON Pointers of the only sealed members that the key of the
// client opens, and nil where those are all that its role opens. It is no look.
func (c *Client) Fields(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	// Every key may ask for the types.
	resp, err := c.send(ctx, request{method: http.MethodGet, path: "/v1/types", accept: typeJSON}, nil)
	if err != nil {
		return nil, onlyOnce(err)
	}
	defer resp.Body.Close()
	var fields []string
	for f := range strings.SplitSeq(resp.Header.Get("Lendlog-Fields"), ",") {
		if f, err = url.PathUnescape(f); err != nil {
			return nil, lie(-1, "the fields of the key cannot be read")
		}
		if f != "" {
			fields = append(fields, f)
		}
	}
	return fields, nil
}

// Looking asks who looked. Of Subject and Party at most one is set; without either
// it asks for all looks that are not at what is restricted.
type Looking struct {
	Subject string    `json:"subject,omitempty"` // KIND/ID
	Party   string    `json:"party,omitempty"`   // the id of a person
	By      string    `json:"by,omitempty"`      // the id of a grant
	From    time.Time `json:"from,omitzero"`
	To      time.Time `json:"to,omitzero"` // what was recorded then is not meant
	Limit   int       `json:"limit,omitempty"`
	Before  int64     `json:"before,omitempty"` // index of a record; of the page before
}

// Looked is a page of looks, the newest first.
type Looked struct {
	Looks []*look.Done `json:"looks"`
	// Chains are the subjects of the records in which the looks lie that were asked
	// for. [Client.ProveSubject] of each proves which there are.
	Chains     []string `json:"chains"`
	Before     int64    `json:"before"` // asks for the next page; 0 when there is none
	Size       int64    `json:"size"`
	Checkpoint string   `json:"checkpoint"`
}

// Looks asks who looked. The answer is the server's word; see Looked.Chains.
func (c *Client) Looks(ctx context.Context, q Looking) (*Looked, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	_, b, err := c.do(ctx, request{method: http.MethodPost, path: "/v1/access/looks", contentType: typeJSON, accept: typeJSON, body: body}, maxLarge)
	if err != nil {
		return nil, err
	}
	out := &Looked{}
	if err := json.Unmarshal(b, out); err != nil {
		return nil, lie(-1, "the looks cannot be read")
	}
	return out, nil
}

// RecordExport has the ledger record that records were exported, and returns the
// event that it recorded and the receipt, which was verified. data is what is stated
// of the export, as data of an access.occurred.v1; subject is what it is of, "" for no
// one subject. It is no submission, and takes a key that may export.
func (c *Client) RecordExport(ctx context.Context, subject string, data canon.Value) (*record.Event, *proof.Receipt, error) {
	members := []canon.Member{{Name: "data", Value: data}}
	if subject != "" {
		members = append(members, canon.Member{Name: "subject", Value: canon.Text(subject)})
	}
	floor := c.Newest()
	_, b, err := c.do(ctx, request{method: http.MethodPost, path: "/v1/access/exports", contentType: typeJSON, accept: typeJSON, body: canon.Map(members...).Bytes()}, maxSmall)
	if err != nil {
		return nil, nil, err
	}
	doc, err := canon.Parse(b, canon.Limits{})
	if err != nil {
		return nil, nil, lie(-1, "what it recorded of an export cannot be read")
	}
	event, _ := doc.Get("event")
	text, _ := doc.Get("receipt")
	schema, err := c.currentSchema(ctx, record.TypeAccessOccurred)
	if err != nil {
		return nil, nil, err
	}
	ev, err := schema.Event(event)
	if err != nil {
		return nil, nil, lie(-1, "what it recorded of an export cannot be read: %w", err)
	}
	r, err := proof.ParseReceipt([]byte(text.Str))
	if err != nil {
		return nil, nil, lie(-1, "the receipt of an export cannot be read: %w", err)
	}
	if want, _ := data.Get("content"); !statesExport(ev, want) {
		return nil, nil, lie(r.Index, "another export is recorded than was stated")
	}
	if err := r.Match(ev); err != nil {
		return nil, nil, lie(r.Index, "%w", err)
	}
	_, err = c.included(ctx, r.Index, r.Entry, r.Proof, r.Checkpoint, floor)
	return ev, r, err
}

// statesExport reports whether an event has the content that was stated.
func statesExport(ev *record.Event, want canon.Value) bool {
	got, _ := ev.Data.Get("content")
	return string(got.Bytes()) == string(want.Bytes())
}
