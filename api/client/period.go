// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/lendlog/lendlog/ledger/record"
)

// ClosePeriod has the ledger count what was recorded since the last period was
// closed, up to a moment, and returns the record that says so, verified to be
// one of that moment. Whether the numbers are right shows who counts: a deep
// audit does, and one that is not deep too. repeated means that it was closed
// before.
func (c *Client) ClosePeriod(ctx context.Context, to time.Time) (r *Record, repeated bool, err error) {
	body, err := json.Marshal(map[string]string{"to": to.UTC().Format(time.RFC3339Nano)})
	if err != nil {
		return nil, false, err
	}
	q := request{method: http.MethodPost, path: "/v1/periods", contentType: typeJSON, accept: typeJSON, body: body, timeout: scanTimeout}
	status, b, err := c.do(ctx, q, maxSmall)
	if err != nil {
		return nil, false, err
	}
	var d struct {
		Index *int64 `json:"index"`
	}
	if json.Unmarshal(b, &d) != nil || d.Index == nil {
		return nil, false, lie(-1, "a period was closed in no record")
	}
	if r, err = c.Record(ctx, *d.Index); err != nil {
		return nil, false, err
	}
	e := r.Leaf.Entry
	if e == nil || e.Type != record.TypePeriodClosed {
		return nil, false, lie(r.Index, "it closes no period")
	}
	if end, _ := e.Open.Get("to"); end.Str != to.UTC().Format(record.TimeLayout) {
		return nil, false, lie(r.Index, "it closes another period")
	}
	return r, status == http.StatusOK, nil
}
