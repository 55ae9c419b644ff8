// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/ledgertest"
)

func TestStats(t *testing.T) {
	s := serve(t)
	s.record(events(0, 100))
	c := s.dial()
	head := s.ledger.Head()
	want, err := s.ledger.Statistics(t.Context(), head, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want.Growth.Store, got.Growth.Store = nil, nil
	if diff := cmp.Diff(want, got.Report); diff != "" || got.Checkpoint.Size != head.Size || want.Decisions.Count == 0 {
		t.Errorf("under %d of %d records:\n%s", got.Checkpoint.Size, head.Size, diff)
	}
	// An answer that is a minute old is no rollback.
	if _, err := c.Submit(t.Context(), events(100, 1)[0]); err != nil {
		t.Fatal(err)
	}
	if got, err = c.Stats(t.Context()); err != nil || got.Checkpoint.Size != head.Size {
		t.Errorf("soon after it gave %v", err)
	}

	other := ledgertest.New(t)
	for name, tc := range map[string]struct {
		change func(v map[string]any)
		says   string
	}{
		"another count":  {func(v map[string]any) { v["records"].(map[string]any)["count"] = 7 }, "it counts 7 records"},
		"another ledger": {func(v map[string]any) { v["checkpoint"] = string(other.Head().Note) }, ""},
		"no statistics":  {func(v map[string]any) { v["records"] = "x" }, "cannot be read"},
	} {
		lie := func(r *http.Request, _ *http.Response, body []byte) []byte {
			if !strings.HasPrefix(r.URL.Path, "/v1/stats") {
				return body
			}
			return edit(t, body, tc.change)
		}
		s.lie.Store(&lie)
		_, err := c.Stats(t.Context())
		if err == nil {
			t.Errorf("%s is believed", name)
			continue
		}
		wantLie(t, err, tc.says)
	}
}
