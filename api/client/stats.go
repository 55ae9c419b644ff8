// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/lendlog/lendlog/ledger/stats"
)

// Stats are the statistics of a ledger.
type Stats struct {
	*stats.Report
	Checkpoint Checkpoint // under which they were computed
}

// Stats returns the statistics of the whole ledger, under the newest checkpoint
// or one that was so within the last minute. The server's word is taken for
// everything but the checkpoint, and that as many records were counted as lie
// under it: each statistic says how to compute it again.
func (c *Client) Stats(ctx context.Context) (*Stats, error) {
	return c.StatsOf(ctx, stats.Scope{})
}

// StatsOf returns them with what is said of decisions and loans within a scope.
func (c *Client) StatsOf(ctx context.Context, scope stats.Scope) (*Stats, error) {
	query := url.Values{}
	for name, value := range map[string]string{"from": scope.From, "to": scope.To, "product": scope.Product} {
		if value != "" {
			query.Set(name, value)
		}
	}
	path := "/v1/stats"
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	r := request{method: http.MethodGet, path: path, accept: typeJSON, timeout: scanTimeout}
	_, b, err := c.do(ctx, r, maxLarge)
	if err != nil {
		return nil, err
	}
	d := struct {
		stats.Report
		Checkpoint string `json:"checkpoint"`
	}{}
	if json.Unmarshal(b, &d) != nil {
		return nil, lie(-1, "the statistics cannot be read")
	}
	out := &Stats{Report: &d.Report}
	// It may lie behind what was seen before, so only that it is consistent is
	// asked for.
	if out.Checkpoint, err = c.accept(ctx, []byte(d.Checkpoint), Checkpoint{}); err != nil {
		return nil, err
	}
	if d.Scope != scope {
		return nil, lie(-1, "the statistics are of something else than was asked for")
	}
	if d.Records.Count != out.Checkpoint.Size {
		return nil, lie(-1, "it counts %d records, and its checkpoint has %d", d.Records.Count, out.Checkpoint.Size)
	}
	return out, nil
}
