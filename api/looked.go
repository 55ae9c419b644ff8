// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/record"
)

const (
	looksPage = 100
	looksMax  = 1000

	maxLooking = 4 << 10 // bytes of what is asked for
)

// looking are the names of what says which looks are asked for. A party is asked
// for in a body only.
var looking = []string{"subject", "by", "from", "to", "limit", "before"}

// getLooks answers GET /v1/access/looks.
func (s *Server) getLooks(c *call) error {
	q, err := readLooking(c.GetQuery)
	if err != nil {
		return err
	}
	return s.answerLooks(c, q)
}

// postLooks answers POST /v1/access/looks: the same, and for a person, who must
// not stand in a URL.
func (s *Server) postLooks(c *call) error {
	v, err := c.small(maxLooking, "what looks are asked for")
	if err != nil {
		return err
	}
	asked := map[string]string{}
	for _, m := range v.Members {
		switch {
		case m.Name != "party" && !slices.Contains(looking, m.Name):
			return faultf(kindUnreadable, "beside party, %s there is a member that is not known here", strings.Join(looking, ", "))
		case m.Value.Kind == canon.Int:
			asked[m.Name] = strconv.FormatInt(m.Value.Int, 10)
		default:
			asked[m.Name] = m.Value.Str
		}
	}
	q, err := readLooking(func(name string) (string, bool) {
		text, ok := asked[name]
		return text, ok
	})
	if err != nil {
		return err
	}
	return s.answerLooks(c, q)
}

// readLooking reads which looks are asked for.
func readLooking(get func(name string) (string, bool)) (q ledger.Looking, err error) {
	text := func(name string) string { s, _ := get(name); return s }
	number := func(name string, otherwise, most int64) int64 {
		s, ok := get(name)
		n, failed := parseNumber(s)
		switch {
		case !ok:
			return otherwise
		case failed != nil || n < 1 || n > most:
			err = cmp.Or(err, badRequest("%s is a whole number from 1 to %d", name, most))
		}
		return n
	}
	at := func(name string) time.Time {
		t, failed := lookTime(text(name))
		err = cmp.Or(err, failed)
		return t
	}
	q = ledger.Looking{
		Subject: text("subject"), Party: text("party"), By: text("by"), From: at("from"), To: at("to"),
		Limit: int(number("limit", looksPage, looksMax)), Before: number("before", 0, 1<<53),
	}
	kind, id, _ := strings.Cut(q.Subject, "/")
	switch {
	case err != nil:
	case q.Subject != "" && q.Party != "":
		err = badRequest("looks are asked for at a subject or at a party, and not at both")
	case q.Subject != "" && !record.IsSubject(kind, id):
		err = badRequest("no record can be of this subject: it is KIND/ID, such as file/A-1")
	case q.By != "" && !access.ValidID(q.By):
		err = badRequest("by is the id of a grant, such as k3v9q2ab")
	}
	return q, err
}

// answerLooks answers with a page of looks. To be shown the looks of others is a
// look, at their records; to be shown one's own is none, so that there is an end.
func (s *Server) answerLooks(c *call, q ledger.Looking) error {
	if strings.HasPrefix(q.Subject, "case/") {
		if err := c.may(access.RestrictedRead); err != nil {
			return err
		}
	}
	// A look names whom somebody looked for.
	if err := ledger.Whole(c.ctx()); err != nil {
		return err
	}
	page, err := s.ledger.Looked(c.ctx(), q)
	if err != nil {
		return err
	}
	d := struct {
		Looks      []*look.Done `json:"looks"`
		Chains     []string     `json:"chains"`
		Before     int64        `json:"before,omitempty"`
		Size       int64        `json:"size"`
		Checkpoint string       `json:"checkpoint"`
	}{list(page.Looks), list(page.Chains), page.Before, page.Head.Size, string(page.Head.Note)}
	var others []int64
	for _, k := range page.Looks {
		if c.key != nil && k.Grant != c.key.ID {
			others = append(others, k.Index)
		}
	}
	if err := s.opens(c, look.Read, others...); err != nil {
		return err
	}
	return c.json(http.StatusOK, d)
}

// lookTime reads a time; "" is none.
func lookTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 1970 {
			return t, nil
		}
	}
	return time.Time{}, badRequest("from and to are days of UTC such as 2026-11-30, or RFC 3339 times; what was recorded at to is not meant")
}
