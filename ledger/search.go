// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/story"
	"github.com/lendlog/lendlog/ledger/tree"
)

// ErrCursor: a cursor is not one that a search with this filter and order gave.
var ErrCursor = errors.New("the cursor is not of this filter and order: begin again without one")

// A Query asks for records.
type Query struct {
	Filter *index.Filter
	Oldest bool   // the oldest come first; otherwise the newest
	Limit  int    // records of a page, at least 1
	Cursor string // of the page before; empty for the first
	// Size is how many of the ledger's records are searched, the first ones: as
	// many as lie under a checkpoint. 0 is all, and for a cursor as many as at
	// the first page.
	Size int64
	// AsOf is the time as of which it is judged what is due; zero is now, and
	// for a cursor that of the first page. A filter that does not ask for it
	// has no such time.
	AsOf time.Time
	// Open refuses terms that ask for what is sealed, or for a person, a
	// subject or an event's id.
	Open bool
	// Tally, when not nil, is asked which records have findings, so that not every
	// story has to be read. It finds what is found without it.
	Tally *Tally
}

// A Page is what a search found.
type Page struct {
	Indexes []int64 // of the records, in the order that was asked for
	// Size is how many records were searched: those of all pages of a search
	// are as many as there were at the first.
	Size int64
	Root tree.Hash // of the tree of Size leaves
	Head Head      // the newest checkpoint when the page was read, which covers Size
	// AsOf is the time as of which it was judged what is due, the same for all
	// pages of a search; zero where the filter does not ask for it.
	AsOf time.Time
	// Cursor asks for the next page; it is empty when there is none. A page
	// may have fewer records than its limit, even none, and a cursor: what one
	// page may read is bounded.
	Cursor string
}

// What one page may read: a leaf costs 1, opening a record 4 more. As much
// again may be read of stories, of which those of the last candidate are read
// to their end.
const (
	searchWork = 1 << 13
	openWork   = 4
)

// Search returns a page of the records that a query asks for. Restricted
// records are found by what their entries show: type, capture, recorded and
// index; they are in no story, so that no finding tells of one. A filter that
// the ledger cannot be asked is an *index.FilterError.
func (l *Ledger) Search(ctx context.Context, q Query) (*Page, error) {
	s, err := l.newSearch(ctx, q)
	if err != nil {
		return nil, err
	}
	p := &Page{Size: s.size, Head: s.pub.shown(), AsOf: s.asOf}
	if p.Root, err = s.pub.view.RootAt(s.size); err != nil {
		return nil, err
	}
	s.work, s.storyWork = searchWork, searchWork
	for i, err := range s.candidates {
		if err != nil {
			return nil, err
		}
		if len(p.Indexes) == q.Limit || s.work <= 0 {
			p.Cursor = s.cursor(i)
			break
		}
		found, err := s.match(i)
		if errors.Is(err, errEnough) {
			p.Cursor = s.cursor(i)
			break
		}
		if err != nil {
			return nil, err
		}
		if found {
			p.Indexes = append(p.Indexes, i)
		}
	}
	if s.stopped >= 0 {
		p.Cursor = s.cursor(s.stopped)
	}
	return p, nil
}

// CheckFilter returns what a search would refuse a filter for, or nil.
func (l *Ledger) CheckFilter(ctx context.Context, f *index.Filter) error {
	known, err := l.searched()
	if err == nil {
		_, err = f.Bind(known, asks(ctx, false))
	}
	return err
}

// asks is what a filter may ask for in the scope of a context.
func asks(ctx context.Context, open bool) index.Asks {
	if s := scopeOf(ctx); s != nil {
		return index.Asks{Open: open, Only: s.opens}
	}
	return index.Asks{Open: open}
}

// a search is a query under way.
type search struct {
	ctx   context.Context
	q     Query
	bound *index.Query

	// What was published when it began.
	pub      *published
	newest   []index.Item
	segments int64

	// The blocks that were read last: candidates that follow often lie in them.
	entries, payloads store.Block

	searched
	asOf time.Time
	// What the stories of subjects say of their records, by term and index.
	findings map[[32]byte]map[int64][]string
	due      map[[32]byte]map[int64][]due.Item
	told     []int64 // the only candidates, ascending, by the tally; nil where it does not know

	size       int64 // that is searched
	first, end int64 // the indexes that are left
	work       int   // that is left
	storyWork  int   // that is left for stories
	stopped    int64 // where the candidates ended early, -1 when they did not
}

func (l *Ledger) newSearch(ctx context.Context, q Query) (*search, error) {
	if q.Limit < 1 {
		return nil, errors.New("a page has at least one record")
	}
	known, err := l.searched()
	if err != nil {
		return nil, err
	}
	s := &search{
		ctx: ctx, q: q, stopped: -1, searched: known,
		findings: map[[32]byte]map[int64][]string{}, due: map[[32]byte]map[int64][]due.Item{},
	}
	if q.Filter.Due() {
		if s.asOf = q.AsOf; s.asOf.IsZero() {
			s.asOf = time.Now()
		}
		s.asOf = s.asOf.Round(0).UTC()
	}
	l.chains.RLock()
	s.pub, s.newest, s.segments = l.published.Load(), l.state.newest, l.state.head.Segments
	l.chains.RUnlock()
	// The catalogue is read after that, so that it knows all of these records.
	if s.bound, err = q.Filter.Bind(s.searched, asks(ctx, q.Open)); err != nil {
		return nil, err
	}
	if s.size = s.pub.view.Size; q.Size > 0 {
		s.size = min(s.size, q.Size)
	}
	at := int64(-1)
	if q.Cursor != "" {
		if at, err = s.resume(q.Cursor); err != nil {
			return nil, err
		}
	}
	if q.Tally != nil && s.bound.Found != nil {
		if s.told, err = q.Tally.suspects(ctx, s.bound.Found, s.size); err != nil {
			return nil, err
		}
	}
	s.first, s.end = s.bound.First, min(s.bound.End, s.size)
	if t := s.bound.RecordedFrom; t != nil {
		if s.first, err = l.recorded(s.first, s.size, *t); err != nil {
			return nil, err
		}
	}
	if t := s.bound.RecordedTo; t != nil {
		if s.end, err = l.recorded(0, s.size, *t); err != nil {
			return nil, err
		}
		s.end = min(s.end, s.bound.End)
	}
	switch {
	case at < 0:
	case q.Oldest:
		s.first = max(s.first, at)
	default:
		s.end = min(s.end, at+1)
	}
	return s, nil
}

// searched is what a filter knows of the ledger.
type searched struct {
	l           *Ledger
	rules       *rule.Table
	obligations *due.Table
}

func (l *Ledger) searched() (s searched, err error) {
	if s.rules, err = rule.Builtin(); err != nil {
		return s, err
	}
	s.l = l
	s.obligations, err = due.Builtin()
	return s, err
}

func (s searched) Schemas() []*record.Schema     { return s.l.Catalogue().Every() }
func (s searched) Term(kind, id string) [32]byte { return s.l.terms.Term(kind, id) }
func (s searched) Identity(source, id string) [32]byte {
	return seal.Identity(s.l.keys.Index, source, id)
}
func (s searched) Key(owner string) (int64, bool) { return s.l.keyring.idOf(owner) }
func (s searched) Rules() *rule.Table             { return s.rules }
func (s searched) Obligations() *due.Table        { return s.obligations }

// recorded returns the first index from first on, below size, of which the
// first entry that is not before it was recorded at a time or later, or size.
// The clock of a ledger never goes back.
func (l *Ledger) recorded(first, size int64, at time.Time) (int64, error) {
	var failed error
	n := sort.Search(int(max(0, size-first)), func(n int) bool {
		for i := first + int64(n); i < size && failed == nil; i++ {
			var lf leaf
			if lf, failed = l.leafAt(i); failed == nil && lf.Entry != nil {
				return !lf.Entry.Recorded.Before(at)
			}
		}
		return true // an index-root at the end
	})
	return first + int64(n), failed
}

// match reads a candidate and holds it against the filter.
func (s *search) match(i int64) (bool, error) {
	s.work--
	if err := s.ctx.Err(); err != nil {
		return false, err
	}
	if !s.entries.Has(i) {
		var err error
		if s.entries, err = s.l.store.EntryBlock(i); err != nil {
			return false, err
		}
	}
	lf, err := s.l.checkEntry(s.pub.view, i, s.entries.Items[i-s.entries.First])
	if err != nil {
		return false, err
	}
	return s.bound.Match(i, lf.Entry, &candidate{search: s, index: i, entry: lf.Entry, stories: s.storyWork > 0})
}

// a candidate opens a record as far as the filter asks for it.
type candidate struct {
	*search
	index   int64
	entry   *record.Entry
	members map[string]canon.Value // nil before it is opened
	keys    []int64
	stories bool // that stories may still be read for it
}

// open decrypts what it can: also to learn whose keys they are, because the id
// of a key is as good as what opens with it.
func (c *candidate) open() error {
	if c.members != nil {
		return nil
	}
	if !c.payloads.Has(c.index) {
		var err error
		if c.payloads, err = c.l.store.PayloadBlock(c.index); err != nil {
			return err
		}
	}
	c.work -= openWork
	payload := c.payloads.Items[c.index-c.payloads.First]
	groups, _, err := c.l.decrypt(c.entry.Event, payload)
	if err != nil {
		return fmt.Errorf("record %d: %w", c.index, err)
	}
	c.members = map[string]canon.Value{}
	for _, g := range groups {
		for _, m := range g.members {
			c.members[m.Name] = m.Value
		}
	}
	parts, err := seal.ParsePayload(payload)
	for _, g := range parts {
		c.keys = append(c.keys, g.KeyID)
	}
	return err
}

// Keys implements index.Sealed.
func (c *candidate) Keys() ([]int64, error) {
	err := c.open()
	return c.keys, err
}

// Member implements index.Sealed.
func (c *candidate) Member(pointer string) (canon.Value, bool, error) {
	err := c.open()
	v, ok := c.members[pointer]
	return v, ok, err
}

// Findings implements index.Sealed.
func (c *candidate) Findings() ([]string, error) {
	of := c.entry.Term
	if c.findings[of] == nil {
		table := &rule.Table{Rules: c.bound.Rules}
		told, err := c.story(of, table)
		if err != nil {
			return nil, err
		}
		found := map[int64][]string{}
		for _, f := range table.Judge(told).Findings {
			for _, i := range f.Records {
				found[i] = append(found[i], f.Rule)
			}
		}
		c.findings[of] = found
	}
	return c.findings[of][c.index], nil
}

// Due implements index.Sealed. Days are those of UTC, unless an obligation has
// a zone of its own.
func (c *candidate) Due() ([]due.Item, error) {
	of := c.entry.Term
	if c.due[of] == nil {
		told, err := c.story(of, c.obligations)
		if err != nil {
			return nil, err
		}
		items := map[int64][]due.Item{}
		for item := range c.obligations.Judge(told, c.asOf, time.UTC) {
			items[item.Trigger] = append(items[item.Trigger], item)
		}
		c.due[of] = items
	}
	return c.due[of][c.index], nil
}

// story reads the story of a subject as it lay at the first page, without
// records when nothing triggers the selection. It is errEnough when the page
// may not read any more; to the first candidate of a page that never happens.
func (c *candidate) story(of [32]byte, sel Selection) (*story.Story, error) {
	if !c.stories {
		return nil, errEnough
	}
	told, err := c.l.tell(c.ctx, of, reading{sel: sel, size: c.size})
	if err != nil {
		return nil, err
	}
	t := &told.tellers[0]
	c.storyWork -= int(told.read) + openWork*len(t.records)
	return t.story(), nil
}

// cursor asks for a page that begins with the candidate at an index. It is
// bound to what it was given for, and tells nothing of it.
func (s *search) cursor(at int64) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(s.size))
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	b = binary.BigEndian.AppendUint64(b, uint64(s.asOf.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(s.asOf.Nanosecond()))
	return base64.RawURLEncoding.EncodeToString(append(b, s.cursorMAC(b)...))
}

func (s *search) cursorMAC(b []byte) []byte {
	m := hmac.New(sha256.New, s.l.keys.Index[:])
	fmt.Fprintf(m, "lendlog/cursor %x %t %t %s", b, s.q.Oldest, s.q.Open, s.q.Filter)
	return m.Sum(nil)[:16]
}

// resume takes from a cursor what the first page was of, and returns where the
// next one begins.
func (s *search) resume(cursor string) (at int64, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) != 44 || !hmac.Equal(b[28:], s.cursorMAC(b[:28])) {
		return 0, ErrCursor
	}
	s.size = int64(binary.BigEndian.Uint64(b))
	at = int64(binary.BigEndian.Uint64(b[8:]))
	asOf := time.Unix(int64(binary.BigEndian.Uint64(b[16:])), int64(binary.BigEndian.Uint32(b[24:]))).UTC()
	if s.size > s.pub.view.Size || s.q.Size > 0 && s.size > s.q.Size || s.q.Filter.Due() && !s.q.AsOf.IsZero() && !s.q.AsOf.Equal(asOf) {
		return 0, ErrCursor
	}
	s.asOf = asOf
	return at, nil
}

// An Explanation says how a search would find its records.
type Explanation struct {
	Size       int64 // records that are searched
	First, End int64 // the indexes that its times and indexes leave
	// By is what gives the candidates: identity, subject or index.
	By      string
	Sources []Source // of the index
	// Candidates is how many records all sources name.
	Candidates int64
	// Read are the terms that reading an entry decides, Opened those for which
	// a record has to be opened. What a source names is read again in any case.
	Read, Opened []string
	// Judged are the terms for which all records of a candidate's subject are
	// read: findings, and what is due.
	Judged []string
}

// A Source is one term that the index answers.
type Source struct {
	Term       string
	Candidates int64
}

// Explain counts the candidates of a query. It reads all of the index that
// the query's times leave.
func (l *Ledger) Explain(ctx context.Context, q Query) (*Explanation, error) {
	s, err := l.newSearch(ctx, q)
	if err != nil {
		return nil, err
	}
	e := &Explanation{Size: s.size, First: s.first, End: max(s.first, s.end), By: "index"}
	e.Read, e.Opened, e.Judged = s.bound.Filtered()
	for _, source := range s.bound.Sources {
		e.Sources = append(e.Sources, Source{Term: source.Term})
	}
	if s.bound.Identities != nil || s.bound.Terms != nil {
		e.By, e.Sources = "subject", nil
		if s.bound.Identities != nil {
			e.By = "identity"
		}
		for _, err := range s.candidates {
			if err != nil {
				return nil, err
			}
			e.Candidates++
		}
		return e, nil
	}
	if s.first >= s.end {
		return e, nil
	}
	err = s.eachSegment(func(g segment) error {
		all := s.left(g.n)
		for i := range e.Sources {
			set, err := g.find(i)
			if err != nil {
				return err
			}
			left := s.left(g.n)
			left.And(&set)
			e.Sources[i].Candidates += int64(left.Len())
			all.And(&set)
		}
		e.Candidates += int64(all.Len())
		return nil
	})
	return e, err
}
