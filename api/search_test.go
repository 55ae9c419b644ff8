// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

type searchDoc struct {
	Size       int64       `json:"size"`
	Checkpoint string      `json:"checkpoint"`
	AsOf       time.Time   `json:"asOf"`
	Cursor     string      `json:"cursor"`
	Records    []recordDoc `json:"records"`
}

// lookUp reads all pages at a path, of so many records, and verifies each.
func (s *testServer) lookUp(path string, limit int) (indexes []int64) {
	s.t.Helper()
	trust := s.trust()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	var asOf time.Time
	for cursor := ""; ; {
		d := decode[searchDoc](s.t, s.want(s.get(fmt.Sprintf("%s%slimit=%d%s", path, sep, limit, cursor)), http.StatusOK).body)
		if len(d.Records) > limit {
			s.t.Fatalf("a page has %d records", len(d.Records))
		}
		if cursor != "" && !d.AsOf.Equal(asOf) {
			s.t.Fatalf("a page is as of %s, the first was as of %s", d.AsOf, asOf)
		}
		asOf = d.AsOf
		for _, r := range d.Records {
			r.Checkpoint = d.Checkpoint
			s.verifyRecord(r, trust)
			indexes = append(indexes, r.Index)
		}
		if d.Cursor == "" {
			return indexes
		}
		cursor = "&cursor=" + url.QueryEscape(d.Cursor)
	}
}

func TestSearch(t *testing.T) {
	s := owing(t, nil)
	first := s.ledger.Head().Size - 10
	for _, tc := range []struct {
		filter, order string
		want          []int64 // from first on
	}{
		{"type=decision.made outcome=declined", "newest", []int64{6, 4, 2, 1, 0}},
		{"type=decision.made outcome=declined time<2026-02", "oldest", []int64{2, 4, 6}},
		{"jurisdiction=US", "newest", []int64{0}},
		{"type=restricted", "newest", []int64{9}},
		{"type=decision.made not jurisdiction=US capture=late,live", "oldest", []int64{1, 2, 4, 6}},
		{"due=breached", "oldest", []int64{0, 1}},
		{"due=us.adverse-action.notice/met,us.adverse-action.notice/met-late", "newest", []int64{4, 2}},
		{"due=any not due=met time<2026-02", "newest", []int64{4}},
		{"finding=decline-reasons", "newest", []int64{4, 2, 1, 0}},
		{"finding=any due=met-late", "newest", []int64{4}},
		{"type=restricted due=any", "newest", nil},
	} {
		want := make([]int64, len(tc.want))
		for i, n := range tc.want {
			want[i] = first + n
		}
		for _, limit := range []int{1, 2, 100} {
			path := "/v1/records?order=" + tc.order + "&filter=" + url.QueryEscape(tc.filter)
			if got := s.lookUp(path, limit); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %v, want %v", tc.filter, tc.order, got, want)
			}
		}
	}
	// A server that has counted the ledger knows where findings are.
	const found = "/v1/records?filter=finding%3Dany"
	before := s.lookUp(found, 1)
	s.want(s.get("/v1/findings"), http.StatusOK)
	if counted := s.lookUp(found, 1); len(counted) == 0 || !slices.Equal(counted, before) {
		t.Errorf("once it is counted: %v, before: %v", counted, before)
	}
	// What must not stand in a URL is posted.
	for filter, want := range map[string][]int64{
		"subject=file/C":                                {first + 3, first + 2},
		"id=f1 source=urn:lender:origination":           {first + 8},
		"paymentId=P":                                   {first + 8},
		"subject=file/D type=decision.made":             {first + 4},
		"caseKind=suspicious-report":                    nil,
		"subject=case/K":                                nil,
		"type=adverse-action.noticed decisionRef=c1,d1": {first + 5, first + 3},
		"subject=file/D due=met-late":                   {first + 4},
		"subject=file/E finding=decline-reasons":        nil,
	} {
		body := fmt.Sprintf(`{"filter":%q}`, filter)
		a := s.do(http.MethodPost, "/v1/searches", strings.NewReader(body), "Content-Type", typeJSON)
		if filter == "caseKind=suspicious-report" {
			s.wantProblem(a, kindFilter)
			continue
		}
		path := decode[struct{ Path string }](t, s.want(a, http.StatusCreated).body).Path
		if path != a.header.Get("Location") || strings.ContainsAny(strings.TrimPrefix(path, "/v1/searches/"), "/?&=") {
			t.Errorf("the search is at %s and %s", path, a.header.Get("Location"))
		}
		if got := s.lookUp(path, 1); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", filter, got, want)
		}
	}
}

// By its entries a search finds the same, and shows nothing that is sealed.
func TestSearchEntries(t *testing.T) {
	s := owing(t, nil)
	for _, filter := range []string{"type=decision.made outcome=declined", "type=restricted"} {
		path := "/v1/records?limit=1000&filter=" + url.QueryEscape(filter)
		a := s.want(s.get(path+"&view=entry"), http.StatusOK)
		all, shown := decode[searchDoc](t, s.want(s.get(path), http.StatusOK).body).Records, decode[searchDoc](t, a.body).Records
		if len(all) != len(shown) || len(all) == 0 || strings.Contains(string(a.body), "file/") {
			t.Fatalf("%q: %d of %d records, with what is sealed: %t", filter, len(shown), len(all), strings.Contains(string(a.body), "file/"))
		}
		for i, r := range shown {
			if r.Entry != all[i].Entry || len(r.Members)+len(r.Seeds) > 0 {
				t.Errorf("%q: record %d is shown as %+v", filter, all[i].Index, r)
			}
		}
	}
}

// What is due is judged as of the time that is asked for, and a page says as of
// which it was.
func TestSearchAsOf(t *testing.T) {
	s := owing(t, nil)
	first := s.ledger.Head().Size - 10
	for asOf, want := range map[string][]int64{
		"2026-03-31":                    {first + 1},
		"2026-04-01T00:00:00Z":          {first + 1, first},
		"2026-04-01T02:30:00.5%2B02:00": {first + 1, first},
		"2026-01-15":                    nil,
	} {
		path := "/v1/records?filter=due%3Dbreached&as-of=" + asOf
		if got := s.lookUp(path, 1); !slices.Equal(got, want) {
			t.Errorf("as of %s: %v, want %v", asOf, got, want)
		}
		body := fmt.Sprintf(`{"filter":"due=breached","asOf":%q}`, strings.ReplaceAll(asOf, "%2B", "+"))
		posted := s.want(s.do(http.MethodPost, "/v1/searches", strings.NewReader(body), "Content-Type", typeJSON), http.StatusCreated)
		if got := s.lookUp(decode[struct{ Path string }](t, posted.body).Path, 1); !slices.Equal(got, want) {
			t.Errorf("posted, as of %s: %v, want %v", asOf, got, want)
		}
	}
	page := func(query string) searchDoc {
		return decode[searchDoc](t, s.want(s.get("/v1/records?limit=1&filter="+query), http.StatusOK).body)
	}
	d := page("due%3Dbreached&as-of=2026-04-01")
	if want := time.Date(2026, 4, 1, 23, 59, 59, 999_999_999, time.UTC); !d.AsOf.Equal(want) || d.Cursor == "" {
		t.Errorf("the page is as of %s, want %s, with a cursor: %q", d.AsOf, want, d.Cursor)
	}
	if next := page("due%3Dbreached&cursor=" + d.Cursor); !next.AsOf.Equal(d.AsOf) {
		t.Errorf("the next page is as of %s, want %s", next.AsOf, d.AsOf)
	}
	s.wantProblem(s.get("/v1/records?limit=1&filter=due%3Dbreached&as-of=2026-04-02&cursor="+d.Cursor), kindBadRequest)
	if d := page("finding%3Dany"); !d.AsOf.IsZero() {
		t.Errorf("a search that asks for nothing due is as of %s", d.AsOf)
	}
}

func TestSearchRefuses(t *testing.T) {
	s := owing(t, nil)
	for query, want := range map[string]kind{
		"filter=" + url.QueryEscape("subject=file/SECRET"):                    kindFilter,
		"filter=" + url.QueryEscape("party=SECRET"):                           kindFilter,
		"filter=" + url.QueryEscape("type=payment.received paymentId=SECRET"): kindFilter,
		"filter=" + url.QueryEscape("type=SECRET"):                            kindFilter,
		"filter=" + url.QueryEscape("outcome SECRET"):                         kindFilter,
		"filter=" + url.QueryEscape("finding=SECRET"):                         kindFilter,
		"filter=" + url.QueryEscape("due=any,SECRET"):                         kindFilter,
		"filter=" + url.QueryEscape("due>2026"):                               kindFilter,
		"as-of=2026-03-31":                                                    kindBadRequest,
		"as-of=SECRET&filter=" + url.QueryEscape("due=any"):                   kindBadRequest,
		"view=entry&filter=" + url.QueryEscape("finding=any"):                 kindBadRequest,
		"view=entry&filter=" + url.QueryEscape("party=SECRET"):                kindFilter,
		"view=all":     kindBadRequest,
		"order=random": kindBadRequest,
		"limit=0":      kindBadRequest,
		"limit=1001":   kindBadRequest,
		"cursor=AAAA":  kindBadRequest,
	} {
		a := s.get("/v1/records?" + query)
		s.wantProblem(a, want)
		if strings.Contains(string(a.body), "SECRET") {
			t.Errorf("%s: the answer repeats the value: %s", query, a.body)
		}
	}
	for body, want := range map[string]kind{
		`{"filter":"amount"}`:            kindFilter,
		`{"filter":1}`:                   kindUnreadable,
		`[]`:                             kindUnreadable,
		`{"filter":"","limit":"1"}`:      kindUnreadable,
		`{"filter":"due=any","asOf":""}`: kindBadRequest,
		`{"asOf":"2026-03-31"}`:          kindBadRequest,
		`{"filter":"due=SECRET"}`:        kindFilter,
		`{"filter":"","order":"up"}`:     kindBadRequest,
		`{"filter":"party=P" "x"`:        kindUnreadable,
		strings.Repeat(" ", maxSearch+1): kindTooLarge,
	} {
		a := s.do(http.MethodPost, "/v1/searches", strings.NewReader(body), "Content-Type", typeJSON)
		s.wantProblem(a, want)
	}
	s.wantProblem(s.do(http.MethodPost, "/v1/searches", strings.NewReader("x"), "Content-Type", "text/plain"), kindMediaType)
	s.wantProblem(s.get("/v1/searches/unknown"), kindNotFound)
}

// Searches are forgotten after an hour without use, and when there are too
// many, the one that was used longest ago.
func TestSearchesAreBounded(t *testing.T) {
	var all searches
	now := time.Now()
	first := all.add(postedSearch{used: now})
	second := all.add(postedSearch{used: now})
	for range maxSearches - 1 {
		if _, ok := all.get(first, "", now); !ok {
			t.Fatal("a search in use is forgotten")
		}
		all.add(postedSearch{used: now})
	}
	if _, ok := all.get(second, "", now); ok || len(all.byID) != maxSearches || len(all.ids) != maxSearches {
		t.Errorf("%d searches, %d ids", len(all.byID), len(all.ids))
	}
	if _, ok := all.get(first, "", now.Add(searchTTL+1)); ok {
		t.Error("a search is kept too long")
	}
	all.add(postedSearch{used: now.Add(2 * searchTTL)})
	if len(all.byID) != 1 || len(all.ids) != 1 {
		t.Errorf("%d searches are left", len(all.byID))
	}
}
