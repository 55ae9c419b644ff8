// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/tree"
)

const (
	searchPage = 100
	searchMax  = 1000

	maxSearch = 16 << 10 // bytes of a search that is posted

	// Searches are kept in memory, so many and for so long after they were
	// last used.
	maxSearches = 4096
	searchTTL   = time.Hour
)

// searches are those that were posted, by their ids.
type searches struct {
	mu   sync.Mutex // guards all below
	byID map[string]*postedSearch
	ids  []string // the one that was used last at the end
}

type postedSearch struct {
	owner  string // who posted it, and nobody else reads its pages
	filter *index.Filter
	oldest bool
	asOf   time.Time
	used   time.Time
}

// add keeps a search and returns its id, which cannot be guessed.
func (s *searches) add(p postedSearch) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.ids) > 0 && (len(s.ids) >= maxSearches || p.used.Sub(s.byID[s.ids[0]].used) > searchTTL) {
		delete(s.byID, s.ids[0])
		s.ids = s.ids[1:]
	}
	if s.byID == nil {
		s.byID = map[string]*postedSearch{}
	}
	id = rand.Text()
	s.byID[id] = &p
	s.ids = append(s.ids, id)
	return id
}

func (s *searches) get(id, owner string, now time.Time) (postedSearch, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.byID[id]
	if p == nil || p.owner != owner || now.Sub(p.used) > searchTTL {
		return postedSearch{}, false
	}
	p.used = now
	at := slices.Index(s.ids, id)
	s.ids = append(slices.Delete(s.ids, at, at+1), id)
	return *p, true
}

// findRecords answers GET /v1/records: a search for what stands open.
func (s *Server) findRecords(c *call) error {
	f, err := c.parseFilter(c.Query("filter"))
	if err != nil {
		return err
	}
	oldest, err := isOldest(c.DefaultQuery("order", "newest"))
	if err != nil {
		return err
	}
	view, err := c.view()
	if err != nil {
		return err
	}
	if view == viewEntry && f.Stories() {
		return badRequest("findings and what is due are computed of what is sealed: they go with view=%s", viewRecord)
	}
	q := ledger.Query{Filter: f, Oldest: oldest, Open: true}
	if at, ok := c.GetQuery("as-of"); ok {
		if q.AsOf, err = searchAsOf(f, at); err != nil {
			return err
		}
	}
	return s.answerSearch(c, q, view)
}

// searchAsOf reads the time as of which a filter asks for what is due.
func searchAsOf(f *index.Filter, text string) (time.Time, error) {
	if !f.Due() {
		return time.Time{}, badRequest("as-of goes with a filter that asks for what is due, such as due=open; recorded and time are fields of the filter")
	}
	at, err := due.ParseAsOf(text, time.UTC)
	if err != nil {
		return at, badRequest("as-of: %v", err)
	}
	return at, nil
}

// postSearch answers POST /v1/searches: it keeps a filter that must not stand
// in a URL, and answers with one that tells nothing.
func (s *Server) postSearch(c *call) error {
	media, err := c.media(typeJSON)
	if err != nil {
		return err
	}
	if media != typeJSON {
		return unsupported("a search is JSON", typeJSON)
	}
	body, err := c.body(maxSearch)
	if err != nil {
		return err
	}
	p, err := readSearch(body, c.parseFilter)
	if err != nil {
		return err
	}
	if err := s.ledger.CheckFilter(c.ctx(), p.filter); err != nil {
		return err
	}
	p.owner, p.used = c.owner(), time.Now()
	path := "/v1/searches/" + s.searches.add(p)
	s.locate(c, path)
	return c.json(http.StatusCreated, struct {
		Path string `json:"path"`
	}{path})
}

// readSearch reads a search, and the filter in it with parse.
func readSearch(body []byte, parse func(string) (*index.Filter, error)) (p postedSearch, err error) {
	v, err := canon.Parse(body, canon.Limits{})
	if err != nil {
		return p, unreadable("", err)
	}
	text := ""
	for _, m := range v.Members {
		switch {
		case m.Value.Kind != canon.String:
			return p, faultf(kindUnreadable, "the members of a search, filter, order and asOf, are strings")
		case m.Name == "filter":
			text = m.Value.Str
		case m.Name == "asOf": // read below, with the filter
		case m.Name == "order":
			if p.oldest, err = isOldest(m.Value.Str); err != nil {
				return p, err
			}
		default:
			return p, faultf(kindUnreadable, "beside filter, order and asOf there is a member that is not known here")
		}
	}
	if v.Kind != canon.Object {
		return p, faultf(kindUnreadable, `a search is an object such as {"filter": "party=P-77"}`)
	}
	if p.filter, err = parse(text); err != nil {
		return p, err
	}
	if at, ok := v.Get("asOf"); ok {
		p.asOf, err = searchAsOf(p.filter, at.Str)
	}
	return p, err
}

func isOldest(order string) (bool, error) {
	if order != "newest" && order != "oldest" {
		return false, badRequest("order is newest or oldest")
	}
	return order == "oldest", nil
}

// getSearch answers GET /v1/searches/{id} with a page of a search.
func (s *Server) getSearch(c *call) error {
	p, ok := s.searches.get(c.Param("id"), c.owner(), time.Now())
	if !ok {
		return faultf(kindNotFound, "there is no such search, or none any more: they are kept for an hour; POST it to /v1/searches again")
	}
	return s.answerSearch(c, ledger.Query{Filter: p.filter, Oldest: p.oldest, AsOf: p.asOf}, viewRecord)
}

// answerSearch answers with a page of records, each as GET /v1/records/{index}
// answers it or as its entry shows it, proved under one checkpoint.
func (s *Server) answerSearch(c *call, q ledger.Query, view string) error {
	limit, err := c.number("limit", 1, searchPage)
	if err == nil && limit > searchMax {
		err = badRequest("the query parameter limit is at most %d; read on with cursor", searchMax)
	}
	if err != nil {
		return err
	}
	q.Limit, q.Cursor, q.Tally = int(limit), c.Query("cursor"), s.tally
	gate := s.gates.reads
	if q.Filter.Stories() {
		gate = s.gates.bulk // a story can be long
	}
	leave, err := gate.enter(c.ctx())
	if err != nil {
		return err
	}
	defer leave()
	page, err := s.ledger.Search(c.ctx(), q)
	if err != nil {
		return err
	}
	if view == viewRecord {
		if err := s.opensFound(c, q.Filter, page.Indexes); err != nil {
			return err
		}
	}
	head, err := encode(struct {
		Size       int64     `json:"size"`
		Root       tree.Hash `json:"root"`
		Checkpoint string    `json:"checkpoint"`
		AsOf       time.Time `json:"asOf,omitzero"`
		Cursor     string    `json:"cursor,omitempty"`
		Records    []string  `json:"records"`
	}{page.Size, page.Root, string(page.Head.Note), page.AsOf, page.Cursor, []string{}})
	if err != nil {
		return err
	}
	c.Header("Content-Type", typeJSON)
	w := bufio.NewWriterSize(c.Writer, 32<<10)
	_, _ = w.Write(bytes.TrimSuffix(head, []byte("]}\n")))
	for i, at := range page.Indexes {
		// One at a time: a thousand large ones would fill the memory.
		r, err := s.ledger.Record(c.ctx(), at)
		if err != nil {
			return err
		}
		d, err := s.foundDoc(c, r, page.Head.Size, view)
		if err != nil {
			return err
		}
		b, err := encode(d)
		if err != nil {
			return err
		}
		if i > 0 {
			_ = w.WriteByte(',')
		}
		_, _ = w.Write(b)
	}
	_, _ = w.WriteString("]}\n")
	return w.Flush()
}

// foundDoc describes a record that was found, as much of it as a view shows.
func (s *Server) foundDoc(c *call, r *ledger.Record, size int64, view string) (any, error) {
	if view == viewEntry {
		return s.newLeafDoc(c.ctx(), r, size)
	}
	if err := c.mayOpen(r); err != nil { // the filter has seen to it
		return nil, err
	}
	return s.newRecordDoc(c.ctx(), r, size)
}
