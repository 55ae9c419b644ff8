// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/record"
)

// A Looking asks who looked. Of Subject and Party at most one is set; with neither
// it asks for all looks that are not at what is restricted.
type Looking struct {
	Subject  string    // that was looked at, KIND/ID
	Party    string    // the id of a person who was looked at
	By       string    // the id of the grant by which it was looked; "" for any
	From, To time.Time // From ≤ recorded < To; zero for no bound
	Limit    int       // looks of a page, at least 1
	Before   int64     // only those whose records lie before this index; 0 for all
}

// Looked is a page of looks.
type Looked struct {
	Head  Head // the newest checkpoint when it was read
	Looks []*look.Done
	// Chains are the subjects of the records in which the looks that were asked
	// for can lie, as far as they have any: of the subject or the person the whole
	// answer, but for looks at many at once, which are in those of the days.
	Chains []string
	Before int64 // asks for the next page; 0 when there is none
}

// lookWork is how many records of looks a page opens at most.
const lookWork = 1 << 13

// Looked returns a page of looks, the newest first. Of a subject and a person all
// are found by chains, each of which the map says the length of: so one that is
// missing is damage, or shows in evidence of the chain. Of looks at many at once
// those are meant that were at a record of the subject; or at one that a search for
// the person finds.
func (l *Ledger) Looked(ctx context.Context, q Looking) (*Looked, error) {
	if q.Limit < 1 {
		return nil, errors.New("a page has at least one look")
	}
	out := &Looked{Head: l.Head()}
	if q.To.IsZero() || q.To.After(out.Head.Recorded) {
		q.To = out.Head.Recorded.Add(time.Millisecond)
	}
	s := &looked{l: l, ctx: ctx, q: q, own: map[int64]bool{}}
	if q.Subject == "" && q.Party == "" {
		return out, s.list(out)
	}
	if err := s.gather(out); err != nil {
		return nil, err
	}
	slices.Sort(s.places)
	work := lookWork
	for _, i := range slices.Backward(s.places) {
		if q.Before > 0 && i >= q.Before {
			continue
		}
		if len(out.Looks) == q.Limit || work == 0 {
			out.Before = i + 1
			break
		}
		work--
		d, err := s.read(i)
		if err != nil {
			return nil, err
		}
		if d != nil {
			out.Looks = append(out.Looks, d)
		}
	}
	return out, nil
}

// looked is a question under way.
type looked struct {
	l      *Ledger
	ctx    context.Context
	q      Looking
	places []int64        // of records of looks that may be meant
	own    map[int64]bool // those of them that are, without looking at their records
	wanted look.Spans     // records of the subject or the person
}

// gather finds the records of looks that may be meant.
func (s *looked) gather(out *Looked) (err error) {
	subject := s.q.Subject
	if s.q.Party != "" {
		subject = record.GroupParty + "/" + s.q.Party
	}
	chain := look.Chain(subject)
	if strings.HasPrefix(subject, "case/") {
		chain = subject
	}
	own, err := s.chain(out, chain)
	if err != nil {
		return err
	}
	for _, i := range own {
		s.own[i] = true
	}
	s.places = own
	if err := s.days(out, strings.HasPrefix(subject, "case/")); err != nil {
		return err
	}
	if s.q.Party != "" {
		found, err := s.search(`party="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s.q.Party) + `"`)
		s.wanted = look.SpansOf(found...)
		return err
	}
	kind, id, _ := strings.Cut(subject, "/")
	found, err := s.l.IndexesOf(s.ctx, kind, id, 1, 1<<31)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	s.wanted = look.SpansOf(found...)
	return err
}

// list answers with looks at whatever it was, which the index finds.
func (s *looked) list(out *Looked) error {
	text := "type=" + record.TypeAccessOccurred + " recorded<" + s.q.To.UTC().Format(record.TimeLayout)
	if !s.q.From.IsZero() {
		text += " recorded>=" + s.q.From.UTC().Format(record.TimeLayout)
	}
	if s.q.By != "" {
		text += " grant=" + s.q.By
	}
	if s.q.Before > 0 {
		text += " index<" + strconv.FormatInt(s.q.Before, 10)
	}
	f, err := index.ParseFilter(text)
	if err != nil {
		return err
	}
	page, err := s.l.Search(s.ctx, Query{Filter: f, Limit: s.q.Limit})
	if err != nil {
		return err
	}
	for _, i := range page.Indexes {
		d, err := s.read(i)
		if err != nil {
			return err
		}
		if d != nil {
			out.Looks = append(out.Looks, d)
		}
	}
	if page.Cursor != "" && len(page.Indexes) > 0 {
		out.Before = page.Indexes[len(page.Indexes)-1]
	}
	return nil
}

// search returns all records that a filter wants.
func (s *looked) search(filter string) (found []int64, err error) {
	f, err := index.ParseFilter(filter)
	if err != nil {
		return nil, err
	}
	q := Query{Filter: f, Limit: 1 << 10}
	for {
		page, err := s.l.Search(s.ctx, q)
		if err != nil {
			return nil, err
		}
		found = append(found, page.Indexes...)
		if q.Cursor = page.Cursor; q.Cursor == "" {
			return found, nil
		}
	}
}

// chain returns the records of a chain, and notes it where it has any.
func (s *looked) chain(out *Looked, subject string) ([]int64, error) {
	kind, id, _ := strings.Cut(subject, "/")
	found, err := s.l.IndexesOf(s.ctx, kind, id, 1, 1<<31)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	out.Chains = append(out.Chains, subject)
	return found, err
}

// days adds the records of the days' chains. A look is recorded a moment after the
// time that its day is of.
func (s *looked) days(out *Looked, cases bool) error {
	from := s.q.From
	if genesis, err := s.l.leafAt(0); err != nil {
		return err
	} else if from.Before(genesis.Entry.Recorded) {
		from = genesis.Entry.Recorded
	}
	const oneDay = 24 * time.Hour
	for day := from.UTC().Truncate(oneDay).Add(-oneDay); day.Before(s.q.To); day = day.Add(oneDay) {
		chains := []string{look.Day(day)}
		if cases {
			chains = append(chains, look.CaseDay(day))
		}
		for _, subject := range chains {
			found, err := s.chain(out, subject)
			if err != nil {
				return err
			}
			s.places = append(s.places, found...)
		}
	}
	return nil
}

// read opens a record, and returns the look that it tells of, nil when it is not
// one that is meant.
func (s *looked) read(i int64) (*look.Done, error) {
	r, err := s.l.Record(s.ctx, i)
	if err != nil {
		return nil, err
	}
	e := r.Leaf.Entry
	if e == nil || r.Schema == nil || e.Recorded.Before(s.q.From) || !e.Recorded.Before(s.q.To) {
		return nil, nil
	}
	if t := r.Schema.Type; t != record.TypeAccessOccurred && t != record.TypeCaseAccessed {
		return nil, nil // another record of the case
	}
	d, err := lookOf(r)
	if err != nil {
		return nil, fmt.Errorf("record %d: %w: %w", i, ErrDamaged, err)
	}
	if s.q.By != "" && d.Grant != s.q.By {
		return nil, nil
	}
	if s.q.Subject == "" && s.q.Party == "" || s.own[i] {
		return d, nil
	}
	meant, err := s.meant(d)
	if err != nil || !meant {
		return nil, err
	}
	return d, nil
}

// meant reports whether a look at many was at a record that is wanted. One without
// end was at what came until the end of its day.
func (s *looked) meant(d *look.Done) (bool, error) {
	for _, x := range d.Records {
		for _, w := range s.wanted {
			first := max(w.First, x.First)
			if first >= min(w.End, x.End) {
				continue
			}
			if x.End != look.Endless {
				return true, nil
			}
			lf, err := s.l.leafAt(first)
			if err != nil {
				return false, err
			}
			return lf.Entry == nil || !lf.Entry.Recorded.After(d.At.UTC().Truncate(24*time.Hour).Add(24*time.Hour)), nil
		}
	}
	return false, nil
}

// lookOf reads the look that a record tells of.
func lookOf(r *Record) (*look.Done, error) {
	data := canon.Value{Kind: canon.Object}
	chain := ""
	for _, m := range r.Members {
		if name, ok := strings.CutPrefix(m.Pointer, "/data/"); ok && m.Present {
			data.Members = append(data.Members, canon.Member{Name: name, Value: m.Value})
		} else if m.Pointer == "/subject" {
			chain = m.Value.Str
		}
	}
	d, err := look.Parse(r.Schema.Type, data)
	if err != nil {
		return nil, err
	}
	d.Index, d.Chain, d.At = r.Index, chain, r.Leaf.Entry.Recorded
	return d, nil
}
