// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/record"
)

const reviewed = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:lendlog:schema:com.example.loan.reviewed.v1",
  "title": "Loan reviewed",
  "description": "A loan was looked at again.",
  "type": "object",
  "x-subject": "file",
  "properties": {
    "result": {"type": "string", "title": "Result", "enum": ["kept", "called"], "x-open": true},
    "note": {"type": "string", "title": "Note", "x-key": "party"}
  },
  "required": ["result"],
  "additionalProperties": false
}`

type registered struct {
	typeDoc
	Index *int64
}

func (s *testServer) addType(schema, query string, headers ...string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/v1/types"+query, strings.NewReader(schema), append(headers, "Content-Type", typeSchema)...)
}

func review(id, result string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"urn:test","type":"com.example.loan.reviewed.v1","subject":"file/1","time":"2026-03-01T10:00:00Z","data":{"result":%q}}`, id, result)
}

func TestAddType(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	s.wantProblem(s.post(typeEvent, review("r-1", "kept")), kindInvalid)
	size := s.ledger.Head().Size

	dry := decode[registered](t, s.want(s.addType(reviewed, "?dry-run=true"), http.StatusOK).body)
	if dry.Index != nil || s.ledger.Head().Size != size {
		t.Errorf("a dry run registers it: %+v", dry)
	}
	a := s.want(s.addType(reviewed, ""), http.StatusCreated)
	got := decode[registered](t, a.body)
	hash := sha256.Sum256([]byte(reviewed))
	if got.Index == nil || *got.Index != size || a.header.Get("Location") != fmt.Sprintf("/v1/records/%d", size) {
		t.Errorf("registered as %+v at %q, want record %d", got, a.header.Get("Location"), size)
	}
	want := typeDoc{"com.example.loan.reviewed.v1", "Loan reviewed", "A loan was looked at again.", []string{"file"}, false, false, hash[:]}
	if diff := cmp.Diff(want, got.typeDoc); diff != "" {
		t.Errorf("the type (-want +got):\n%s", diff)
	}
	old := s.submit(review("r-1", "kept")).Index

	again := s.want(s.addType(reviewed, ""), http.StatusOK)
	if got := decode[registered](t, again.body); got.Index == nil || *got.Index != size {
		t.Errorf("registered again as %+v", got)
	}
	s.wantProblem(s.post(typeEvent, review("r-2", "watched")), kindInvalid)
	s.want(s.addType(strings.Replace(reviewed, `"called"`, `"called", "watched"`, 1), ""), http.StatusCreated)
	s.submit(review("r-2", "watched"))

	// The version that was replaced is still served, and its records verify.
	if b := s.want(s.get(fmt.Sprintf("/v1/schemas/%x", hash)), http.StatusOK).body; !bytes.Equal(b, []byte(reviewed)) {
		t.Error("the replaced version is served with other bytes")
	}
	evidence := s.want(s.get(fmt.Sprintf("/v1/records/%d/evidence", old)), http.StatusOK).body
	if got := s.verdict(evidence); got != "VALID" {
		t.Errorf("evidence of its record is %s", got)
	}
}

func TestAddTypeRefuses(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	s.want(s.addType(reviewed, ""), http.StatusCreated)
	size := s.ledger.Head().Size
	for _, tt := range []struct {
		name, old, new string
		want           []string // pointers
	}{
		{"no JSON", "{", "[", []string{""}},
		{"no schema", reviewed, "{}", []string{"/$schema", "/$id", "/x-subject", "/type"}},
		{"open text", `"x-key": "party"`, `"x-open": true`, []string{"/properties/note/x-open"}},
		{"x-own", `"x-subject"`, `"x-own": true, "x-subject"`, []string{"/x-own"}},
		{"a name of lendlog", "com.example.", "org.lendlog.", []string{"/$id"}},
		{"another group", `"x-key": "party"`, `"x-key": "staff"`, []string{"/properties/note/x-key"}},
	} {
		for _, query := range []string{"", "?dry-run=true"} {
			p := s.wantProblem(s.addType(strings.Replace(reviewed, tt.old, tt.new, 1), query), kindSchema)
			var got []string
			for _, e := range p.Errors {
				if got = append(got, e.Pointer); e.Code == "" || e.Detail == "" {
					t.Errorf("%s: an error without a code or a remedy: %+v", tt.name, e)
				}
			}
			if tt.name != "no JSON" && !slices.Equal(got, tt.want) {
				t.Errorf("%s%s: errors at %q, want %q", tt.name, query, got, tt.want)
			}
		}
	}
	s.wantProblem(s.addType(reviewed, "?dry-run=yes"), kindBadRequest)
	s.wantProblem(s.addType(strings.Repeat(" ", record.MaxSchema+1), ""), kindTooLarge)
	s.wantProblem(s.do(http.MethodPost, "/v1/types", strings.NewReader(reviewed), "Content-Type", "application/yaml"), kindMediaType)
	if n := s.ledger.Head().Size; n != size {
		t.Errorf("%d records were appended", n-size)
	}
}

// A ledger that an older program made takes the types that came since, byte
// for byte.
func TestAddBuiltinType(t *testing.T) {
	builtin, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var older []*record.Schema
	for _, s := range builtin.All() {
		if s.Type != "org.lendlog.loan.closed.v1" {
			older = append(older, s)
		}
	}
	catalogue, err := new(record.Catalogue).With(older...)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, ledger.CreateOptions{Catalogue: catalogue}, nil)
	s.wantProblem(s.get("/v1/types/org.lendlog.loan.closed.v1"), kindNotFound)
	closed, _ := builtin.Type("org.lendlog.loan.closed.v1")
	s.wantProblem(s.addType(string(closed.Text)+" ", ""), kindSchema)
	s.want(s.addType(string(closed.Text), ""), http.StatusCreated)
	s.want(s.get("/v1/types/org.lendlog.loan.closed.v1"), http.StatusOK)
}

func TestTypeHasLabels(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	d := decode[struct{ Labels map[string]record.Labels }](t, s.want(s.get("/v1/types/org.lendlog.decision.made.v1"), http.StatusOK).body)
	if d.Labels[record.Chinese].Members["outcome"] != "结果" || d.Labels[record.English].Words["outcome"]["declined"] != "declined" {
		t.Errorf("labels %+v", d.Labels)
	}
}
