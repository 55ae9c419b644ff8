// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Search asks for records.
type Search struct {
	Filter string // in the language of docs/integrate.md; empty for all
	Oldest bool   // the oldest come first; otherwise the newest
	Page   int    // records that are asked for at a time, up to 1000; 0 for 100
	// AsOf is the time as of which it is judged what is due; zero is now. It
	// goes with a filter that asks for it.
	AsOf time.Time
	// Entries asks [Client.OpenSearchPage] for the entries alone, as
	// [FollowOptions] do: nothing is opened, so no look is recorded. The filter asks
	// for neither findings nor what is due then.
	Entries bool
}

// A Found is a record that a search found.
type Found struct {
	*Record
	// Size is how many records were searched: as many as the ledger had when
	// the search began.
	Size int64
	// AsOf is the time as of which it was judged what is due; zero where the
	// filter does not ask for it.
	AsOf time.Time
}

// Search yields the records that a filter wants. Each is verified as by
// [Client.Record], and none comes twice or out of order. That each is one that
// was asked for, and that none was left out, is the server's word. The filter is
// posted, so that nothing of it stands in a URL.
func (c *Client) Search(ctx context.Context, s Search) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		if err := c.search(ctx, s, yield); err != nil {
			yield(Found{}, err)
		}
	}
}

func (c *Client) search(ctx context.Context, s Search, yield func(Found, error) bool) error {
	id, err := c.PostSearch(ctx, s)
	if err != nil {
		return err
	}
	if s.Page <= 0 {
		s.Page = 100
	}
	size, last, asOf := int64(-1), int64(-1), s.AsOf
	for cursor := ""; ; {
		p, err := c.SearchPage(ctx, id, cursor, s.Page)
		switch {
		case err != nil:
			return err
		case size >= 0 && p.Size != size:
			return lie(-1, "the pages of one search are of ledgers of different sizes")
		case (size >= 0 || !asOf.IsZero()) && !p.AsOf.Equal(asOf):
			return lie(-1, "a page of the search is as of another time")
		}
		size, cursor, asOf = p.Size, p.Cursor, p.AsOf
		for _, r := range p.Records {
			if last >= 0 && (r.Index <= last) == s.Oldest || r.Index == last {
				return lie(r.Index, "it is out of its order")
			}
			last = r.Index
			if !yield(Found{r, size, asOf}, nil) {
				return nil
			}
		}
		if cursor == "" {
			return nil
		}
	}
}

// A SearchPage is a part of what a search found.
type SearchPage struct {
	Records []*Record // each verified as by [Client.Record]
	Size    int64     // how many records are searched: the same for all pages
	// AsOf is the time as of which it was judged what is due; zero where the
	// filter does not ask for it.
	AsOf time.Time
	// Cursor asks for the next page; it is empty of the last one. A page may have
	// fewer records than were asked for, even none, and a cursor.
	Cursor string
}

// SearchPage reads a page of a search that was posted: the first without a cursor,
// each other with that of the one before. limit is how many records are asked for,
// up to 1000.
func (c *Client) SearchPage(ctx context.Context, id, cursor string, limit int) (*SearchPage, error) {
	return c.searchPage(ctx, "/v1/searches/"+url.PathEscape(id), url.Values{}, cursor, limit, false)
}

// OpenSearchPage reads a page of a search for what stands open in entries. Its
// filter stands in the URL, so the server refuses one that names a person, a
// subject, an event or what is sealed: post that.
func (c *Client) OpenSearchPage(ctx context.Context, s Search, cursor string, limit int) (*SearchPage, error) {
	query := url.Values{"filter": {s.Filter}, "order": {s.order()}}
	if !s.AsOf.IsZero() {
		query.Set("as-of", s.AsOf.UTC().Format(time.RFC3339Nano))
	}
	if s.Entries {
		query.Set("view", "entry")
	}
	return c.searchPage(ctx, "/v1/records", query, cursor, limit, s.Entries)
}

func (c *Client) searchPage(ctx context.Context, path string, query url.Values, cursor string, limit int, entries bool) (*SearchPage, error) {
	floor := c.Newest()
	query.Set("limit", strconv.Itoa(limit))
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	b, err := c.get(ctx, path+"?"+query.Encode(), maxLarge)
	if err != nil {
		return nil, err
	}
	var d struct {
		Size       int64        `json:"size"`
		Checkpoint string       `json:"checkpoint"`
		AsOf       time.Time    `json:"asOf"`
		Cursor     string       `json:"cursor"`
		Records    []*recordDoc `json:"records"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, lie(-1, "the search cannot be read")
	}
	switch {
	case len(d.Records) > limit:
		return nil, lie(-1, "a page has more records than were asked for")
	case d.Cursor != "" && d.Cursor == cursor:
		return nil, lie(-1, "a page of the search follows itself")
	}
	p := &SearchPage{Size: d.Size, AsOf: d.AsOf, Cursor: d.Cursor, Records: make([]*Record, len(d.Records))}
	for i, rd := range d.Records {
		if rd == nil {
			return nil, lie(-1, "the search cannot be read")
		}
		open := c.open
		if entries {
			open = c.entry
		}
		if p.Records[i], err = open(ctx, rd, d.Checkpoint, floor); err != nil {
			return nil, err
		}
		if rd.Index >= d.Size {
			return nil, lie(rd.Index, "it is beyond what was searched")
		}
	}
	return p, nil
}

func (s *Search) order() string {
	if s.Oldest {
		return "oldest"
	}
	return "newest"
}

// PostSearch has the server keep a search, for an hour after it was last used, and
// returns its id, which tells nothing of it. Only by the same key it is read.
func (c *Client) PostSearch(ctx context.Context, s Search) (id string, err error) {
	search := map[string]string{"filter": s.Filter, "order": s.order()}
	if !s.AsOf.IsZero() {
		search["asOf"] = s.AsOf.UTC().Format(time.RFC3339Nano)
	}
	body, err := json.Marshal(search)
	if err != nil {
		return "", fmt.Errorf("couldn't write the search: %w", err)
	}
	r := request{method: http.MethodPost, path: "/v1/searches", contentType: typeJSON, accept: typeJSON, body: body}
	_, b, err := c.do(ctx, r, maxSmall)
	if err != nil {
		return "", err
	}
	var d struct {
		Path string `json:"path"`
	}
	ok := false
	if json.Unmarshal(b, &d) == nil {
		id, ok = strings.CutPrefix(d.Path, "/v1/searches/")
	}
	if !ok || id == "" || url.PathEscape(id) != id {
		return "", lie(-1, "the search has no place")
	}
	return id, nil
}
