// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
)

// A Report is what a server says of evidence or a receipt: its word, and no
// verdict of one's own. Package proof verifies here.
type Report struct {
	Verdict string  `json:"verdict"` // VALID, INVALID or INCOMPLETE
	Checks  []Check `json:"checks"`
	Shown   []Shown `json:"shown"`
}

// A Check is one that was made, or that could not be.
type Check struct {
	Name   string `json:"name"`
	Record *int64 `json:"record"` // nil for none in particular
	Result string `json:"result"` // pass, fail, missing or note
	Text   string `json:"text"`
}

// Shown is a member that a record discloses.
type Shown struct {
	Record int64           `json:"record"`
	What   string          `json:"what"`
	Value  json.RawMessage `json:"value"` // nil for one that is absent
}

// Verify has the server verify evidence or a receipt under a trust policy, its own
// for nil. What is neither is a [Problem].
func (c *Client) Verify(ctx context.Context, document, trust []byte) (*Report, error) {
	body := document
	if trust != nil {
		body = bytes.Join([][]byte{[]byte(`{"evidence":`), document, []byte(`,"trust":`), trust, []byte("}")}, nil)
	}
	_, b, err := c.do(ctx, request{method: http.MethodPost, path: "/v1/verify", contentType: typeJSON, accept: typeJSON, body: body}, maxLarge)
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, lie(-1, "its report cannot be read")
	}
	return &r, nil
}
