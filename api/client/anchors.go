// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// A Target is where the server has checkpoints anchored, and how that goes. It is
// what the server says; an anchor itself is verified with evidence.
type Target struct {
	Name      string         `json:"name"`
	Kind      string         `json:"kind"` // "ethereum" or "timestamp"
	Testnet   bool           `json:"testnet"`
	State     string         `json:"state"` // of the anchor under way
	Size      int64          `json:"size"`  // of the checkpoint of that anchor
	Final     int64          `json:"final"` // size of the newest checkpoint that has a final anchor
	FinalTime time.Time      `json:"finalTime,omitzero"`
	Waiting   time.Time      `json:"waiting,omitzero"` // when the oldest record was recorded that none covers
	Stale     bool           `json:"stale"`
	Degraded  string         `json:"degraded,omitempty"`
	Failing   string         `json:"failing,omitempty"`
	Alarms    []string       `json:"alarms"`
	Details   map[string]any `json:"details"`
}

// Targets returns the places where the server has checkpoints anchored.
func (c *Client) Targets(ctx context.Context) ([]Target, error) {
	return c.targets(ctx, request{method: http.MethodGet, path: "/v1/anchors", accept: typeJSON})
}

// AnchorNow has the newest checkpoint anchored in a place, in all for "", without
// waiting until it is due. It does not wait for the anchor either.
func (c *Client) AnchorNow(ctx context.Context, target string) ([]Target, error) {
	return c.askTargets(ctx, "/v1/anchors/now", target)
}

// ResumeAnchors takes what stopped a place, or any for "", as settled.
func (c *Client) ResumeAnchors(ctx context.Context, target string) ([]Target, error) {
	return c.askTargets(ctx, "/v1/anchors/resume", target)
}

func (c *Client) askTargets(ctx context.Context, path, target string) ([]Target, error) {
	named := map[string]string{}
	if target != "" {
		named["target"] = target
	}
	body, err := json.Marshal(named)
	if err != nil {
		return nil, err
	}
	return c.targets(ctx, request{method: http.MethodPost, path: path, contentType: typeJSON, accept: typeJSON, body: body})
}

func (c *Client) targets(ctx context.Context, q request) ([]Target, error) {
	_, b, err := c.do(ctx, q, maxSmall)
	if err != nil {
		return nil, err
	}
	var d struct {
		Targets []Target `json:"targets"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, lie(-1, "its list of anchors cannot be read")
	}
	return d.Targets, nil
}

// Anchors returns anchors of the server's archive, from a number on, each in the
// form in which evidence carries it, and the number to go on with, 0 when there
// are no more. Nothing of them is verified.
func (c *Client) Anchors(ctx context.Context, from int) (anchors []json.RawMessage, next int, err error) {
	anchors, next, err = c.archive(ctx, fmt.Sprintf("from=%d", from))
	if err == nil && next != 0 && next <= from {
		err = lie(-1, "its list of anchors goes on where it has been")
	}
	return anchors, next, err
}

// AnchorsBefore is Anchors for up to limit of those before a number, the newest
// first. A number beyond the last one is the end.
func (c *Client) AnchorsBefore(ctx context.Context, before, limit int) (anchors []json.RawMessage, next int, err error) {
	anchors, next, err = c.archive(ctx, fmt.Sprintf("before=%d&limit=%d", before, limit))
	if err == nil && (next < 0 || next >= before && next != 0) {
		err = lie(-1, "its list of anchors goes on where it has been")
	}
	return anchors, next, err
}

func (c *Client) archive(ctx context.Context, query string) (anchors []json.RawMessage, next int, err error) {
	b, err := c.get(ctx, "/v1/anchors/archive?"+query, maxSmall)
	if err != nil {
		return nil, 0, err
	}
	var d struct {
		Anchors []json.RawMessage `json:"anchors"`
		Next    int               `json:"next"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, 0, lie(-1, "its list of anchors cannot be read")
	}
	return d.Anchors, d.Next, nil
}
