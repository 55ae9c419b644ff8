// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"time"

	"github.com/lendlog/lendlog/ledger/record"
)

// WithSleep replaces waiting before a request is sent again.
func WithSleep(f func(context.Context, time.Duration) error) Option {
	return func(c *Client) { c.sleep = f }
}

// WithStall replaces the time after which a silent stream is given up.
func WithStall(d time.Duration) Option { return func(c *Client) { c.stall = d } }

// WithoutTypes makes every type one that is not built in, like a lender's own.
func WithoutTypes() Option { return func(c *Client) { c.builtin = &record.Catalogue{} } }
