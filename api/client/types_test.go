// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/record"
)

const reviewed = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:lendlog:schema:com.example.loan.reviewed.v1",
  "title": "Loan reviewed",
  "type": "object",
  "x-subject": "file",
  "properties": {
    "result": {"type": "string", "enum": ["kept", "called"], "x-open": true},
    "note": {"type": "string", "x-key": "party"}
  },
  "required": ["result"],
  "additionalProperties": false
}`

const review = `{"specversion":"1.0","id":"r-1","source":"urn:test","type":"com.example.loan.reviewed.v1","subject":"file/1","time":"2026-03-01T10:00:00Z","data":{"result":"kept","note":"n"}}`

func parseSchema(t *testing.T, text string) *record.Schema {
	t.Helper()
	s, err := record.ParseSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRegister(t *testing.T) {
	s := serve(t)
	c := s.dial()
	schema := parseSchema(t, reviewed)
	if err := c.CheckSchema(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	size := s.ledger.Head().Size
	first, err := c.Register(t.Context(), schema)
	if err != nil || first.Index != size || first.Repeated {
		t.Fatalf("registered as %+v, %v", first, err)
	}
	if again, err := c.Register(t.Context(), schema); err != nil || again.Index != size || !again.Repeated {
		t.Errorf("registered again as %+v, %v", again, err)
	}
	if _, err := c.Submit(t.Context(), []byte(review)); err != nil {
		t.Error(err)
	}
	all, err := c.CurrentSchemas(t.Context())
	if err != nil || !slices.ContainsFunc(all, func(s *record.Schema) bool { return s.Hash == schema.Hash }) {
		t.Errorf("it is not among the %d types: %v", len(all), err)
	}

	opened := parseSchema(t, strings.Replace(reviewed, `"note": {"type": "string", "x-key": "party"}`, `"note": {"type": "string", "enum": ["a"], "x-open": true}`, 1))
	for _, refused := range []error{c.CheckSchema(t.Context(), opened), func() error { _, err := c.Register(t.Context(), opened); return err }()} {
		var p *client.Problem
		if !errors.As(refused, &p) || len(p.Errors) != 1 || p.Errors[0].Pointer != "/properties/note/x-open" {
			t.Errorf("a version that opens a member: %v", refused)
		}
	}
}

// A server that says it has registered a schema, and has not, is caught.
func TestLiesAboutRegistrations(t *testing.T) {
	s := serve(t)
	c := s.dial()
	schema := parseSchema(t, reviewed)
	r, err := c.Register(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	index := fmt.Sprintf(`"index":%d`, r.Index)
	for _, tt := range []struct{ name, to, says string }{
		{"no record", `"in":1`, "in no record"},
		{"the genesis record", `"index":0`, "registers no schema"},
		{"that of another schema", `"index":1`, "registers another schema"},
	} {
		lie := func(r *http.Request, _ *http.Response, body []byte) []byte {
			if r.URL.Path == "/v1/types" {
				return bytes.Replace(body, []byte(index), []byte(tt.to), 1)
			}
			return body
		}
		s.lie.Store(&lie)
		_, err := c.Register(t.Context(), schema)
		wantLie(t, err, tt.says)
	}
	lie := func(r *http.Request, _ *http.Response, body []byte) []byte {
		if r.URL.Path == "/v1/types" {
			return bytes.Replace(body, []byte("org.lendlog.loan.closed.v1"), []byte("org.lendlog.loan.opened.v1"), 1)
		}
		return body
	}
	s.lie.Store(&lie)
	_, err = c.CurrentSchemas(t.Context())
	wantLie(t, err, "is of another type")
}
