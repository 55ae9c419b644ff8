// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/proof"
)

// The headers with which a request says what it looks for.
const (
	headerPurpose = "Lendlog-Purpose" // a code
	headerCase    = "Lendlog-Case"    // the id of a restricted case
)

// An unrecorded is why a look could not be recorded: then nothing is opened.
type unrecorded struct{ err error }

func (e *unrecorded) Error() string { return "couldn't record the look: " + e.err.Error() }
func (e *unrecorded) Unwrap() error { return e.err }

// watched reports whether looks of a call are recorded: of whoever came with a key,
// and gets more than headers.
func (c *call) watched() bool { return c.key != nil && c.Request.Method != http.MethodHead }

// newLook begins a look, with what the request says of it. What was granted for a
// purpose is used for that, where the request names none.
func (s *Server) newLook(c *call, act string) (*look.Look, error) {
	k := &look.Look{Grant: c.key.ID, Role: string(c.key.Role), Purpose: cmp.Or(c.key.Purpose, look.Unstated), Act: act}
	switch given := c.Request.Header.Values(headerPurpose); {
	case len(given) == 0:
	case len(given) == 1 && isPurpose(given[0]):
		k.Purpose = given[0]
	default:
		return nil, badRequest("the header %s is one code of up to 64 letters, digits, dots, hyphens and underscores, which begins with a letter or a digit", headerPurpose)
	}
	if given := c.Request.Header.Values(headerCase); len(given) > 0 {
		if err := c.may(access.RestrictedRead); err != nil {
			return nil, err
		}
		if _, err := s.ledger.IndexesOf(c.ctx(), "case", given[0], 1, 0); len(given) > 1 || err != nil {
			return nil, badRequest("the header %s is the id of a case that the ledger has records of", headerCase)
		}
		k.Case = "case/" + given[0]
	}
	return k, nil
}

func isPurpose(s string) bool { return isWord(s) && !strings.ContainsRune("._-", rune(s[0])) }

// opens records that a call is about to be shown what is sealed in records.
func (s *Server) opens(c *call, act string, indexes ...int64) error {
	if !c.watched() {
		return nil
	}
	k, err := s.newLook(c, act)
	if err != nil {
		return err
	}
	if k.Opened, err = s.ledger.Opened(c.ctx(), indexes...); err != nil {
		return err
	}
	return s.record(c.ctx(), k)
}

// opensRange records that a call is about to be shown whatever lies in spans.
func (s *Server) opensRange(c *call, act, query string, spans look.Spans) error {
	if !c.watched() {
		return nil
	}
	k, err := s.newLook(c, act)
	if err != nil {
		return err
	}
	k.Loose, k.Query = spans, query
	return s.record(c.ctx(), k)
}

// opensFound records that a call is about to be shown what a search found, be it
// nothing.
func (s *Server) opensFound(c *call, f *index.Filter, indexes []int64) error {
	if !c.watched() {
		return nil
	}
	k, err := s.newLook(c, look.Search)
	if err != nil {
		return err
	}
	if k.Opened, err = s.ledger.Opened(c.ctx(), indexes...); err != nil {
		return err
	}
	k.Named = f.Named()
	k.Query, k.Searched = s.ledger.Asks(f)
	return s.record(c.ctx(), k)
}

// opensEvidence records that a call is about to be given evidence, unless it
// discloses nothing. What says no more than whose a record is, is read.
func (s *Server) opensEvidence(c *call, e *proof.Evidence) error {
	act := look.Read
	var indexes []int64
	for _, r := range e.Records {
		if len(r.Disclosures) > 0 {
			indexes = append(indexes, r.Index)
		}
		if len(r.Disclosures) > 1 {
			act = look.Evidence
		}
	}
	return s.opens(c, act, indexes...)
}

// opensDue records that a call is about to be shown a list of what is due, which
// tells of the records that gave rise to it.
func (s *Server) opensDue(c *call, r *due.Report) error {
	var indexes []int64
	for _, item := range r.Items {
		indexes = append(indexes, item.Trigger)
	}
	return s.opens(c, look.Read, indexes...)
}

// opensBundle records that a call is about to be given a bundle. One of what a
// filter finds is recorded before it is known what that is, so as one of all.
func (s *Server) opensBundle(c *call, b *ledger.Bundling, spans look.Spans) error {
	query := ""
	if b.Filter != nil {
		query, _ = s.ledger.Asks(b.Filter)
	}
	return s.opensRange(c, look.Bundle, query, spans)
}

// record records the parts of a look that were not recorded a moment ago.
func (s *Server) record(ctx context.Context, k *look.Look) error {
	now := time.Now()
	parts := s.looks.fresh(k, k.Parts(now), now)
	if len(parts) == 0 {
		return nil
	}
	if err := s.ledger.RecordLook(ctx, k, parts); err != nil {
		return &unrecorded{err}
	}
	s.looks.add(k, parts, now)
	return nil
}

// problemOfLook says what to do where a look could not be recorded.
func problemOfLook(e *unrecorded) *problem {
	p := problemOf(e.err)
	remedy := "ask again later"
	switch {
	case errors.Is(e.err, ledger.ErrNoLooks):
		p = newProblem(kindNotReady, "")
		remedy = "an admin has to register the types that come with the program, with lendlog types add --builtin"
	case errors.Is(e.err, ledger.ErrNoSpace):
		remedy = "the operator has to free some space"
	case errors.Is(e.err, ledger.ErrUnwitnessed):
		remedy = "a quorum of the ledger's witnesses has to answer, or the operator to decide to go on without"
	case errors.Is(e.err, ledger.ErrStopped):
		remedy = "the ledger has stopped and has to be opened again"
	case errors.Is(e.err, ledger.ErrClock):
		remedy = "the operator has to set the clock right"
	case p.Status == kindGone.status || p.Detail == "":
		return p
	}
	p.Detail = "nothing was opened, because the look at it could not be recorded; " + remedy
	// Somebody may sit and wait for what they asked to see, and loses nothing by being
	// told soon; clients come back a few times, and with the 30 s of a submission that
	// would be minutes.
	p.retryAfter = min(p.retryAfter, 1)
	return p
}
