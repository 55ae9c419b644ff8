// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// searchRows is how many records a page of a search shows.
const searchRows = 50

// A searchPage shows what a search found, or what one can search for.
type searchPage struct {
	Form   searchForm
	Chips  []chip  // the terms of the filter
	Asked  bool    // there is a filter
	Ask    *asking // for what purpose it is; nil where that need not be known
	Rows   []foundRow
	Size   int64  // how many records were searched
	Oldest bool   // the oldest come first
	Next   string // address of the next page; "" for none
	Wrong  string // what is wrong with the filter, in the ledger's words
	// Kept says that the address of the page tells nothing of the filter, and is
	// good for an hour.
	Kept     bool
	Export   string // address of what was found as CSV
	Examples []example
	Recent   []foundRow // the newest records, where nothing was found or asked for; nothing of them is opened
}

// A chip is a term of the filter, and the filter without it.
type chip struct{ Term, Rest string }

// A foundRow is a record that was found.
type foundRow struct {
	timelineRow
	Subject string
}

// captioned is a table of records with what it is of.
type captioned struct {
	Caption string
	Rows    []foundRow
}

// column is where an error of a filter says that it is.
var column = regexp.MustCompile(`\bcolumn (\d+)`)

// inConsole is what is wrong with a filter without the command that says more.
func inConsole(detail string) string {
	detail, _, _ = strings.Cut(detail, "; `lendlog ")
	return detail
}

// WrongTerm is the term of the filter that is wrong, "" where that is not said.
func (p *searchPage) WrongTerm() string {
	found := column.FindStringSubmatch(p.Wrong)
	if found == nil {
		return ""
	}
	at, _ := strconv.Atoi(found[1])
	text := []rune(p.Form.Filter)
	if at < 1 || at > len(text) {
		return ""
	}
	for at > 1 && !unicode.IsSpace(text[at-2]) { // a value within it
		at--
	}
	return strings.Join(strings.Fields(string(text[at-1:]))[:1], "")
}

// MayExport reports whether the visitor may take what was found along.
func (v *view) MayExport() bool { return v.May(access.RecordsExport) }

// showSearch answers with a page of a search. One for what stands open is in the
// address; any other was posted before, and the address has its id.
func showSearch(v *visit) error {
	q := v.r.URL.Query()
	id, filter := q.Get("s"), q.Get("filter")
	p := &searchPage{Oldest: q.Get("order") == "oldest", Kept: id != "", Asked: q.Has("filter") || id != ""}
	if id != "" {
		asked, ok := v.kept.get(id, v.owner())
		if !ok {
			return errMissing
		}
		filter, p.Oldest = asked.Filter, asked.Oldest
	}
	c, err := v.ledger()
	if err != nil {
		return err
	}
	switch {
	case p.Kept && !v.Opens():
		p.Chips, p.Ask = chips(filter), v.asks("search.ask.lead")
	case p.Asked:
		if err := v.find(c, p, id, client.Search{Filter: filter, Oldest: p.Oldest, Entries: !v.Opens()}, q.Get("cursor")); err != nil {
			return err
		}
	}
	p.Form = newSearchForm(v, filter)
	if len(p.Rows) == 0 && p.Ask == nil && q.Get("cursor") == "" {
		if err := v.examples(c, p); err != nil {
			return err
		}
	}
	return v.render(p)
}

// find reads a page of a search.
func (v *visit) find(c *client.Client, p *searchPage, id string, s client.Search, cursor string) error {
	found, err := v.readPage(c, id, s, cursor)
	var refused *client.Problem
	if errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
		if s.Entries {
			// It asks for more than entries show, unless it can't be read at all.
			if _, err := c.PostSearch(v.ctx(), s); err == nil {
				p.Chips, p.Ask = chips(s.Filter), v.asks("search.ask.lead")
				return nil
			}
		}
		p.Wrong = inConsole(refused.Detail)
		return nil
	}
	if err != nil {
		return err
	}
	p.Chips = chips(s.Filter)
	p.Size = found.Size
	if p.Rows, err = v.foundRows(c, found.Records); err != nil {
		return err
	}
	if s.Entries && len(p.Rows) > 0 {
		p.Ask = v.asks("search.closed.lead")
	}
	address := url.Values{}
	if id != "" {
		address.Set("s", id)
	} else {
		address.Set("filter", s.Filter)
		if s.Oldest {
			address.Set("order", "oldest")
		}
	}
	p.Export = v.URL("search/export?" + address.Encode())
	if found.Cursor != "" {
		address.Set("cursor", found.Cursor)
		p.Next = v.URL("search?" + address.Encode())
	}
	return nil
}

// emptyPages is how many pages without a record are read on one visit: a search may
// have to read much before it finds something. Each is of some thousands of records.
const emptyPages = 16

// readPage reads the first page from a cursor on that has a record.
func (v *visit) readPage(c *client.Client, id string, s client.Search, cursor string) (found *client.SearchPage, err error) {
	for range emptyPages {
		if id != "" {
			found, err = c.SearchPage(v.ctx(), id, cursor, searchRows)
		} else {
			found, err = c.OpenSearchPage(v.ctx(), s, cursor, searchRows)
		}
		if err != nil || len(found.Records) > 0 || found.Cursor == "" {
			return found, err
		}
		cursor = found.Cursor
	}
	return found, nil
}

// asks is ask with other words.
func (v *visit) asks(lead string) *asking {
	a := v.ask()
	a.Lead = lead
	return &a
}

// foundRows are rows of records, of some of which only the entry is known.
func (v *visit) foundRows(c *client.Client, records []*client.Record) (rows []foundRow, err error) {
	for _, r := range records {
		if e := r.Leaf.Entry; r.Schema == nil && e != nil && e.Type != record.TypeRestricted {
			if r.Schema, err = c.Schema(v.ctx(), e.Schema); err != nil {
				return nil, err
			}
		}
		rows = append(rows, v.foundRow(r))
	}
	return rows, nil
}

func (v *visit) foundRow(r *client.Record) foundRow {
	told, ok := r.Story()
	if !ok {
		told = story.Record{Index: r.Index, Type: record.TypeIndexRoot}
	}
	row := foundRow{timelineRow: *v.row(r, &told)}
	row.Subject = attribute(r, "/subject")
	return row
}

// attribute returns an attribute of a record that was opened to the visitor, "" where
// it was not.
func attribute(r *client.Record, pointer string) string {
	for _, d := range r.Sealed {
		if d.Pointer == pointer && d.Present {
			return d.Value.Str
		}
	}
	return ""
}

// chips are the terms of a filter.
func chips(filter string) (all []chip) {
	f, err := index.ParseFilter(filter)
	if err != nil {
		return nil
	}
	terms := f.Terms()
	for i := range terms {
		rest := slices.Delete(slices.Clone(terms), i, i+1)
		all = append(all, chip{terms[i], strings.Join(rest, " ")})
	}
	return all
}

// postSearch takes what was typed and leads to what it means: a record, a subject,
// or a search.
func postSearch(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	c, err := v.ledger()
	if err != nil {
		return err
	}
	form := v.r.PostForm
	if code := form.Get("purpose"); code != "" {
		if err := v.state(code); err != nil {
			return err
		}
	}
	oldest := form.Get("order") == "oldest"
	text := strings.TrimSpace(form.Get("q"))
	if text != "" {
		to, filter, err := v.lookUp(c, text)
		switch {
		case errors.Is(err, errPurposeless):
			ask := &asking{"search.ask.lead", v.URL("search"), []sent{{"q", text}, {"order", form.Get("order")}}}
			return v.render(&searchPage{Form: newSearchForm(v, text), Asked: true, Ask: ask})
		case err != nil:
			return err
		case to != "":
			return v.redirect(to)
		}
		text = filter
	}
	filter := strings.TrimSpace(strings.Join([]string{text, form.Get("filter"), formFilter(form)}, " "))
	return v.leadTo(c, client.Search{Filter: filter, Oldest: oldest})
}

// leadTo sends the visitor to the page of a search: with its filter in the address
// if it tells nothing of a person.
func (v *visit) leadTo(c *client.Client, s client.Search) error {
	// Nobody has asked yet to see what it finds; but what follows from all of a story
	// no entry tells.
	f, err := index.ParseFilter(s.Filter)
	s.Entries = err != nil || !v.Opens() || !f.Stories()
	_, err = c.OpenSearchPage(v.ctx(), s, "", 1)
	var refused *client.Problem
	switch {
	case err == nil:
		q := url.Values{"filter": {s.Filter}}
		if s.Oldest {
			q.Set("order", "oldest")
		}
		return v.redirect("search?" + q.Encode())
	case !errors.As(err, &refused) || refused.Status != http.StatusBadRequest:
		return err
	}
	id, err := c.PostSearch(v.ctx(), s)
	if errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
		p := &searchPage{Wrong: inConsole(refused.Detail), Form: newSearchForm(v, s.Filter), Asked: true}
		v.page.name = "search"
		return v.render(p)
	}
	if err != nil {
		return err
	}
	v.kept.put(id, v.owner(), s)
	return v.redirect("search?s=" + id)
}

// owner is whose a search is that is kept: as for the API, of a key.
func (v *visit) owner() string {
	if k := v.Key(); k != nil {
		return k.ID
	}
	return ""
}

// keptSearches are what was searched for by the ids that the API gave, and by whom. The
// API decides who may read what they find.
type keptSearches struct {
	mu  sync.Mutex // guards all below
	of  map[string]keptSearch
	ids []string // the newest at the end
}

type keptSearch struct {
	client.Search
	owner string
}

// mostKept is how many searches are kept, as many as the API keeps.
const mostKept = 4096

func (k *keptSearches) put(id, owner string, s client.Search) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[string]keptSearch{}
	}
	if len(k.ids) >= mostKept {
		delete(k.of, k.ids[0])
		k.ids = k.ids[1:]
	}
	k.of[id] = keptSearch{s, owner}
	k.ids = append(k.ids, id)
}

func (k *keptSearches) get(id, owner string) (client.Search, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.of[id]
	return s.Search, ok && s.owner == owner
}
