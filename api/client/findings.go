// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/lendlog/lendlog/ledger/rule"
)

// Findings are what the rules find in a whole ledger.
type Findings struct {
	*rule.Survey
	Checkpoint Checkpoint // under which it was read
}

// Findings returns what the rules find in the whole ledger, or what the one with
// an id does unless it is "": the newest first, skip of them left out, then as many as
// limit, and how many there are. Of each rule a server lists a thousand. It is of the
// newest checkpoint or of one that was so within the last minute. The server's word is
// taken for everything but the checkpoint: read the subject that a finding names, and
// judge it yourself, to verify it.
func (c *Client) Findings(ctx context.Context, id string, skip, limit int) (*Findings, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if id != "" {
		query.Set("rule", id)
	}
	if skip > 0 {
		query.Set("skip", strconv.Itoa(skip))
	}
	r := request{method: http.MethodGet, path: "/v1/findings?" + query.Encode(), accept: typeJSON, timeout: scanTimeout}
	_, b, err := c.do(ctx, r, maxLarge)
	if err != nil {
		return nil, err
	}
	d := struct {
		rule.Survey
		Checkpoint string `json:"checkpoint"`
	}{}
	if json.Unmarshal(b, &d) != nil {
		return nil, lie(-1, "the findings cannot be read")
	}
	out := &Findings{Survey: &d.Survey}
	if out.Checkpoint, err = c.accept(ctx, []byte(d.Checkpoint), Checkpoint{}); err != nil {
		return nil, err
	}
	if len(d.Findings) > limit {
		return nil, lie(-1, "it lists more than was asked for")
	}
	for _, f := range d.Findings {
		if len(f.Records) == 0 || id != "" && f.Rule != id {
			return nil, lie(-1, "it lists a finding that was not asked for, or of no record")
		}
		for _, index := range f.Records {
			if index < 0 || index >= out.Checkpoint.Size {
				return nil, lie(-1, "a finding names a record beyond its checkpoint")
			}
		}
	}
	return out, nil
}
