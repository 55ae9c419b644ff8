// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/client"
)

func found(t *testing.T, c *client.Client, s client.Search) (subjects []string, err error) {
	t.Helper()
	for r, err := range c.Search(t.Context(), s) {
		if err != nil {
			return subjects, err
		}
		if r.Event == nil || r.Index >= r.Size || r.Checkpoint.Size < r.Size {
			t.Errorf("record %d of %d, checkpoint %d", r.Index, r.Size, r.Checkpoint.Size)
		}
		subjects = append(subjects, r.Event.Subject)
	}
	return subjects, nil
}

func march(day int) time.Time { return time.Date(2026, 3, day, 12, 0, 0, 5, time.UTC) }

func TestSearch(t *testing.T) {
	s := serve(t)
	declines(s)
	c := dial(t, s)
	for _, tc := range []struct {
		client.Search
		want []string
	}{
		{client.Search{Filter: "type=decision.made"}, []string{"file/C", "file/B", "file/A"}},
		{client.Search{Filter: "type=decision.made", Oldest: true, Page: 1}, []string{"file/A", "file/B", "file/C"}},
		{client.Search{Filter: "subject=file/C", Page: 2}, []string{"file/C", "file/C"}},
		{client.Search{Filter: "decisionRef=c1"}, []string{"file/C"}},
		{client.Search{Filter: "decisionRef=c2"}, nil},
		{client.Search{Filter: "finding=decline-reasons", Page: 1}, []string{"file/C", "file/B", "file/A"}},
		{client.Search{Filter: "due=met,us.adverse-action.notice/open", Oldest: true, Page: 1, AsOf: march(31)}, []string{"file/A", "file/B", "file/C"}},
		{client.Search{Filter: "due=breached", AsOf: march(31).AddDate(0, 0, 1)}, []string{"file/A"}},
	} {
		if got, err := found(t, c, tc.Search); err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%+v: %v, %v; want %v", tc.Search, got, err, tc.want)
		}
	}
	var p *client.Problem
	if _, err := found(t, c, client.Search{Filter: "type="}); !errors.As(err, &p) || p.Status != http.StatusBadRequest {
		t.Errorf("a wrong filter: %v", err)
	}
}

// By entries nothing is opened.
func TestSearchEntries(t *testing.T) {
	s := serve(t)
	declines(s)
	c := dial(t, s)
	p, err := c.OpenSearchPage(t.Context(), client.Search{Filter: "type=decision.made", Entries: true}, "", 10)
	if err != nil || len(p.Records) != 3 {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, r := range p.Records {
		if r.Leaf.Entry == nil || r.Event != nil || len(r.Sealed) > 0 || r.Checkpoint.Size < p.Size {
			t.Errorf("%+v", r)
		}
	}
}

// A record that is not in the ledger, that comes twice or out of order, and
// pages of different ledgers are lies.
func TestLiesAboutSearches(t *testing.T) {
	s := serve(t)
	declines(s)
	c := dial(t, s)
	records := func(d map[string]any) []any { return d["records"].([]any) }
	for name, change := range map[string]func(d map[string]any){
		"the checkpoint": func(d map[string]any) { d["checkpoint"] = strings.Replace(d["checkpoint"].(string), "\n1", "\n2", 1) },
		"twice":          func(d map[string]any) { d["records"] = append(records(d), records(d)[0]) },
		"out of order":   func(d map[string]any) { slices.Reverse(records(d)) },
		"beyond":         func(d map[string]any) { d["size"] = 5 },
		"too many":       func(d map[string]any) { d["records"] = slices.Repeat(records(d), 100) },
		"null":           func(d map[string]any) { d["records"] = []any{nil} },
		"no list":        func(d map[string]any) { d["records"] = "none" },
		"another entry": func(d map[string]any) {
			r := records(d)[0].(map[string]any)
			r["entry"] = strings.Replace(r["entry"].(string), "declined", "approved", 1)
		},
		"another time": func(d map[string]any) {
			if _, ok := d["asOf"]; ok {
				d["asOf"] = "2026-03-01T00:00:00Z"
			}
		},
		"itself": func(d map[string]any) { d["cursor"], d["records"] = "x", []any{} },
		"the path": func(d map[string]any) {
			if _, ok := d["path"]; ok {
				d["path"] = "/v1/searches/../records"
			}
		},
	} {
		f := func(r *http.Request, _ *http.Response, body []byte) []byte {
			posted := r.Method == http.MethodPost
			if !strings.HasPrefix(r.URL.Path, "/v1/searches") || posted != (name == "the path") {
				return body
			}
			var d map[string]any
			if err := json.NewDecoder(bytes.NewReader(body)).Decode(&d); err != nil {
				return body // a problem
			}
			if _, ok := d["title"]; !ok {
				change(d)
			}
			b, err := json.Marshal(d)
			if err != nil {
				t.Error(err)
			}
			return b
		}
		s.lie.Store(&f)
		var lied *client.LieError
		var p *client.Problem
		got, err := found(t, c, client.Search{Filter: "type=decision.made due=any", AsOf: march(31)})
		if !errors.As(err, &lied) && !(name == "itself" && errors.As(err, &p)) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
