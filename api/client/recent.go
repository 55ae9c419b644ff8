// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

type recentKey struct{}

// Recent returns a context whose questions, of those for which a server reads its
// whole ledger, may be answered as of a checkpoint up to so old: statistics, what
// is due and findings. An hour is the most that a server grants.
func Recent(ctx context.Context, age time.Duration) context.Context {
	return context.WithValue(ctx, recentKey{}, age)
}

type atHandKey struct{}

// AtHand returns a context whose questions of that sort are answered with what the
// server has counted already, where it would take long to bring that up to date. Where
// it has counted nothing yet, that is a [Problem] of status 503.
func AtHand(ctx context.Context) context.Context { return context.WithValue(ctx, atHandKey{}, true) }

// recent is how old an answer may be, 0 for no older than it has to be.
func recent(ctx context.Context) time.Duration {
	age, _ := ctx.Value(recentKey{}).(time.Duration)
	return age
}

// recentFloor is the checkpoint that an answer may not lie behind.
func (c *Client) recentFloor(ctx context.Context) Checkpoint {
	if recent(ctx) > 0 || ctx.Value(atHandKey{}) != nil {
		return Checkpoint{}
	}
	return c.Newest()
}

// askRecent says in a request how old its answer may be.
func askRecent(ctx context.Context, h http.Header) {
	if age := recent(ctx); age > 0 {
		h.Set("Cache-Control", fmt.Sprintf("max-age=%d", age/time.Second))
	}
	if ctx.Value(atHandKey{}) != nil {
		h.Set("Prefer", "wait=0")
	}
}
