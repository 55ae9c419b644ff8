// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
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
	path, err := c.postSearch(ctx, s)
	if err != nil {
		return err
	}
	if s.Page <= 0 {
		s.Page = 100
	}
	size, last, asOf := int64(-1), int64(-1), s.AsOf
	for cursor := ""; ; {
		floor := c.Newest()
		query := fmt.Sprintf("%s?limit=%d", path, s.Page)
		if cursor != "" {
			query += "&cursor=" + url.QueryEscape(cursor)
		}
		b, err := c.get(ctx, query, maxLarge)
		if err != nil {
			return err
		}
		var d struct {
			Size       int64        `json:"size"`
			Checkpoint string       `json:"checkpoint"`
			AsOf       time.Time    `json:"asOf"`
			Cursor     string       `json:"cursor"`
			Records    []*recordDoc `json:"records"`
		}
		if err := json.Unmarshal(b, &d); err != nil {
			return lie(-1, "the search cannot be read")
		}
		switch {
		case len(d.Records) > s.Page:
			return lie(-1, "a page has more records than were asked for")
		case size >= 0 && d.Size != size:
			return lie(-1, "the pages of one search are of ledgers of different sizes")
		case (size >= 0 || !asOf.IsZero()) && !d.AsOf.Equal(asOf):
			return lie(-1, "a page of the search is as of another time")
		case d.Cursor != "" && d.Cursor == cursor:
			return lie(-1, "a page of the search follows itself")
		}
		size, cursor, asOf = d.Size, d.Cursor, d.AsOf
		for _, rd := range d.Records {
			if rd == nil {
				return lie(-1, "the search cannot be read")
			}
			r, err := c.open(ctx, rd, d.Checkpoint, floor)
			if err != nil {
				return err
			}
			if r.Index >= size || last >= 0 && (r.Index <= last) == s.Oldest || r.Index == last {
				return lie(r.Index, "it is out of its order, or beyond what was searched")
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

// postSearch returns the path under which the server keeps a search.
func (c *Client) postSearch(ctx context.Context, s Search) (string, error) {
	order := "newest"
	if s.Oldest {
		order = "oldest"
	}
	search := map[string]string{"filter": s.Filter, "order": order}
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
	id, ok := "", false
	if json.Unmarshal(b, &d) == nil {
		id, ok = strings.CutPrefix(d.Path, "/v1/searches/")
	}
	if !ok || id == "" || url.PathEscape(id) != id {
		return "", lie(-1, "the search has no place")
	}
	return d.Path, nil
}
