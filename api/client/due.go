// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"iter"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/story"
)

// A Due says what is owed by when.
type Due struct {
	*due.Report
	Checkpoint Checkpoint // under which it was read
}

// scanTimeout is for a server that reads its whole ledger: more than it takes
// itself.
const scanTimeout = 11 * time.Minute

// Due returns what the ledger owes, or what one subject does, unless subject is
// "". Of a subject the client reads the records, verifies them as
// [Client.Timeline] does, and judges them by its own table. Of the whole ledger
// the server's word is taken for everything but the checkpoint: read the records
// that an item names to verify it, and one that is missing nobody shows.
func (c *Client) Due(ctx context.Context, q due.Query, subject string) (*Due, error) {
	if subject != "" {
		return c.dueOf(ctx, q, subject)
	}
	floor := c.recentFloor(ctx)
	r := request{method: http.MethodGet, path: "/v1/due?" + dueValues(q).Encode(), accept: typeJSON, timeout: scanTimeout}
	_, b, err := c.do(ctx, r, maxLarge)
	if err != nil {
		return nil, err
	}
	d := struct {
		due.Report
		Checkpoint string `json:"checkpoint"`
	}{}
	if json.Unmarshal(b, &d) != nil {
		return nil, lie(-1, "what is due cannot be read")
	}
	out := &Due{Report: &d.Report}
	if out.Checkpoint, err = c.accept(ctx, []byte(d.Checkpoint), floor); err != nil {
		return nil, err
	}
	if q.Limit != 0 && len(d.Items) > max(0, q.Limit) || int64(len(d.Items)) > d.Matched {
		return nil, lie(-1, "it lists more than there is, or than was asked for")
	}
	for _, item := range d.Items {
		if item.Trigger < 0 || item.Trigger >= out.Checkpoint.Size || item.DoneBy != nil && (*item.DoneBy < 0 || *item.DoneBy >= out.Checkpoint.Size) {
			return nil, lie(-1, "an item names a record beyond its checkpoint")
		}
	}
	return out, nil
}

// dueValues writes a query as the server reads it.
func dueValues(q due.Query) url.Values {
	v := url.Values{"as-of": {q.AsOf.UTC().Format(time.RFC3339Nano)}, "state": {"all"}}
	if q.Zone != nil {
		v.Set("zone", q.Zone.String())
	}
	if len(q.States) > 0 {
		words := make([]string, len(q.States))
		for i, s := range q.States {
			words[i] = string(s)
		}
		v.Set("state", strings.Join(words, ","))
	}
	if q.Within != nil {
		v.Set("within", strconv.Itoa(*q.Within))
	}
	if q.Obligation != "" {
		v.Set("id", q.Obligation)
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(max(0, q.Limit)))
	}
	if q.Skip != 0 {
		v.Set("skip", strconv.Itoa(q.Skip))
	}
	return v
}

// dueOf judges one subject here.
func (c *Client) dueOf(ctx context.Context, q due.Query, subject string) (*Due, error) {
	table, err := due.Builtin()
	if err != nil {
		return nil, err
	}
	kind, id, _ := strings.Cut(subject, "/")
	t, err := c.Timeline(ctx, kind, id, 1, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	var stories iter.Seq2[*story.Story, error] = func(yield func(*story.Story, error) bool) {
		if s := t.Story(); s != nil {
			yield(s, nil)
		}
	}
	report, err := table.Collect(q, stories)
	if err != nil {
		return nil, err
	}
	out := &Due{Report: report, Checkpoint: c.Newest()}
	if n := len(t.Records); n > 0 {
		out.Checkpoint = t.Records[n-1].Checkpoint
	}
	return out, nil
}
