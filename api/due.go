// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/story"
)

const (
	duePage = 100
	dueMax  = 1000

	dueDays = 36600 // that within may look ahead
)

// getDue answers GET /v1/due: what the ledger, or one subject of it, owes as of
// a time. All of it is read under one checkpoint, which stands in the answer.
func (s *Server) getDue(c *call) error {
	table, err := due.Builtin()
	if err != nil {
		return err
	}
	q, err := dueQuery(c, table)
	if err != nil {
		return err
	}
	subject, only := c.GetQuery("subject")
	if strings.HasPrefix(subject, "case/") {
		// Whether there is one must not show.
		if err := c.may(access.RestrictedRead); err != nil {
			return err
		}
	}
	if only {
		return s.dueOf(c, table, q, subject)
	}
	const instead = "name a subject, or run lendlog due on a copy of the ledger"
	if s.tally.Owes(q) {
		if err := s.tallied(c, 0, instead); err != nil {
			return err
		}
		report, head := s.tally.Due(q)
		return s.owes(c, report, head)
	}
	// In days of another zone all is read.
	_, fixed := c.GetQuery("as-of")
	ask := asking{question: c.Request.URL.Query().Encode(), moving: !fixed, instead: instead}
	judged, err := scanned(s, c, &s.due, ask, func(ctx context.Context, head ledger.Head) (*due.Report, error) {
		return table.Collect(q, s.ledger.Stories(ctx, head, table, nil))
	})
	if err != nil {
		return err
	}
	return s.owes(c, judged.answer, judged.head)
}

// dueOf answers what one subject owes.
func (s *Server) dueOf(c *call, table *due.Table, q due.Query, subject string) error {
	leave, err := s.gates.bulk.enter(c.ctx()) // a story can be long
	if err != nil {
		return err
	}
	defer leave()
	head := s.ledger.Head()
	report, err := table.Collect(q, s.ofSubject(c.ctx(), head, subject, table))
	if err != nil {
		return err
	}
	return s.owes(c, report, head)
}

// owes answers with what is owed under a checkpoint.
func (s *Server) owes(c *call, report *due.Report, head ledger.Head) error {
	if err := s.opensDue(c, report); err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		*due.Report
		Size       int64  `json:"size"`
		Checkpoint string `json:"checkpoint"`
	}{report, head.Size, string(head.Note)})
}

// dueQuery reads the query of GET /v1/due.
func dueQuery(c *call, table *due.Table) (q due.Query, err error) {
	wrong := func(name string, err error) error { return badRequest("the query parameter %s: %v", name, err) }
	q = due.Query{AsOf: time.Now(), Zone: time.UTC, States: []due.State{due.Open, due.Breached}}
	if name, ok := c.GetQuery("zone"); ok {
		if q.Zone, err = due.ParseZone(name); err != nil {
			return q, wrong("zone", err)
		}
	}
	if at, ok := c.GetQuery("as-of"); ok {
		if q.AsOf, err = due.ParseAsOf(at, q.Zone); err != nil {
			return q, wrong("as-of", err)
		}
	}
	if states, ok := c.GetQuery("state"); ok {
		if q.States, err = due.ParseStates(states); err != nil {
			return q, wrong("state", err)
		}
	}
	if _, ok := c.GetQuery("within"); ok {
		n, err := c.number("within", 0, 0)
		if err == nil && n > dueDays {
			err = badRequest("the query parameter within is at most %d days", dueDays)
		}
		if err != nil {
			return q, err
		}
		days := int(n)
		q.Within = &days
	}
	if id, ok := c.GetQuery("id"); ok {
		if _, known := table.Obligation(id); !known {
			return q, badRequest("the query parameter id is that of no obligation; docs/obligations.md lists them")
		}
		q.Obligation = id
	}
	limit, err := c.number("limit", 0, duePage)
	if err == nil && limit > dueMax {
		err = badRequest("the query parameter limit is at most %d", dueMax)
	}
	if q.Limit = int(limit); limit == 0 {
		q.Limit = due.None
	}
	if err != nil {
		return q, err
	}
	q.Skip, err = c.skip()
	return q, err
}

// ofSubject yields the story of one subject.
func (s *Server) ofSubject(ctx context.Context, head ledger.Head, subject string, sel ledger.Selection) iter.Seq2[*story.Story, error] {
	return func(yield func(*story.Story, error) bool) {
		kind, id, _ := strings.Cut(subject, "/")
		yield(s.ledger.Story(ctx, head, kind, id, sel))
	}
}

// scan gives a request that reads the whole ledger the time that it needs, to
// a bound. instead is what to do where that does not suffice.
func scan[T any](s *Server, c *call, instead string, do func(context.Context) (T, error)) (T, error) {
	// Reading has to end after the scan: its deadline would end the connection.
	c.deadline(time.Now().Add(s.limits.scan+s.limits.answer), s.limits.answer)
	ctx, cancel := context.WithTimeout(c.ctx(), s.limits.scan)
	defer cancel()
	good, release := c.good()
	defer release()
	defer context.AfterFunc(good, cancel)()
	out, err := do(ctx)
	if err != nil && good.Err() != nil {
		err = errExpelled
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = faultf(kindTooLarge, "the ledger has more records than can be read in %s; %s", s.limits.scan, instead)
	}
	return out, err
}
