// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/lendlog/lendlog/ledger/record"
)

const typeSchema = "application/schema+json"

// A Registration says which record registers a schema.
type Registration struct {
	Index    int64
	Repeated bool // it was registered before: nothing was appended
}

// Register makes a schema the current one of its type. The record that
// registers it has been verified, and that it holds the schema's very bytes. A
// refusal is a [*Problem] whose Errors point into the schema.
func (c *Client) Register(ctx context.Context, s *record.Schema) (Registration, error) {
	status, index, err := c.register(ctx, "/v1/types", s)
	if err != nil {
		return Registration{}, err
	}
	if index == nil {
		return Registration{}, lie(-1, "a schema was registered in no record")
	}
	r, err := c.Record(ctx, *index)
	if err != nil {
		return Registration{}, err
	}
	entry := r.Leaf.Entry
	if entry == nil || entry.Type != record.TypeSchemaRegistered {
		return Registration{}, lie(*index, "it registers no schema")
	}
	if text, _ := entry.Open.Get("text"); text.Str != string(s.Text) {
		return Registration{}, lie(*index, "it registers another schema")
	}
	return Registration{Index: *index, Repeated: status == http.StatusOK}, nil
}

// CheckSchema asks the server whether it would register a schema.
func (c *Client) CheckSchema(ctx context.Context, s *record.Schema) error {
	_, _, err := c.register(ctx, "/v1/types?dry-run=true", s)
	return err
}

func (c *Client) register(ctx context.Context, path string, s *record.Schema) (status int, index *int64, err error) {
	status, b, err := c.do(ctx, request{method: http.MethodPost, path: path, contentType: typeSchema, accept: typeJSON, body: s.Text}, maxSmall)
	if err != nil {
		return 0, nil, err
	}
	var d struct {
		Index *int64 `json:"index"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return 0, nil, lie(-1, "its answer to a schema cannot be read")
	}
	return status, d.Index, nil
}

// CurrentSchemas returns the schemas of the types that the ledger takes. That
// there are no others is the server's word.
func (c *Client) CurrentSchemas(ctx context.Context) ([]*record.Schema, error) {
	types, err := c.Types(ctx)
	if err != nil {
		return nil, err
	}
	schemas := make([]*record.Schema, len(types))
	for i, t := range types {
		if len(t.Schema) != 32 {
			return nil, lie(-1, "a type cannot be read")
		}
		if schemas[i], err = c.Schema(ctx, [32]byte(t.Schema)); err != nil {
			return nil, err
		}
		if schemas[i].Type != t.Type {
			return nil, lie(-1, "the schema of a type is of another type")
		}
	}
	return schemas, nil
}
