// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/record"
)

// anonymous is the submitter of what is recorded by a ledger that demands no
// keys, and the grantor there.
const anonymous = ledger.Local

// challenge is what RFC 6750 asks of an answer to whoever lacks a key.
const challenge = `Bearer realm="lendlog"`

// errKey answers whatever is no key that is accepted: that there is none, that
// it is malformed, unknown, expired or revoked. Telling these apart would tell a
// stranger which keys there are.
var errKey = &fault{
	kind:   kindUnauthorized,
	detail: "send a key of this ledger as Authorization: Bearer KEY; one that is malformed, unknown, expired or revoked is answered like none",
	header: http.Header{"Www-Authenticate": {challenge}},
}

// lacks answers a key whose role does not have a permission.
func lacks(p access.Permission) error {
	f := faultf(kindForbidden, "the role of this key does not have the permission %s", p)
	f.header = http.Header{"Www-Authenticate": {fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, challenge, p)}}
	return f
}

// errSource answers an event of a source that the key does not speak for.
var errSource = faultf(kindForbidden, "the key may not submit events of this source; its grant names those that it may, and an admin grants another key for other ones")

// errExpelled ends what a key was good for when it began.
var errExpelled = faultf(kindUnauthorized, "the key was revoked or has expired")

// admit lets a call in, or returns why not. What anybody may ask is never
// refused here, whatever key it comes with.
func (s *Server) admit(c *call) error {
	if c.open = !s.demandsKeys(); c.open || c.route.needs == access.Public {
		return nil
	}
	if c.key = s.shown(c); c.key == nil {
		return errKey
	}
	q, ok := c.key.Take(time.Now())
	reset := int64((q.Reset + time.Second - 1) / time.Second)
	// draft-ietf-httpapi-ratelimit-headers
	h := c.Writer.Header()
	h.Set("RateLimit-Policy", fmt.Sprintf(`"key";q=%d;w=%d`, q.Limit, keys.Window/time.Second))
	h.Set("RateLimit", fmt.Sprintf(`"key";r=%d;t=%d`, q.Left, reset))
	if !ok {
		f := faultf(kindRateLimited, "the key has had its %d requests in a minute; send the same again after Retry-After", q.Limit)
		f.header = http.Header{"Retry-After": {strconv.FormatInt(reset, 10)}}
		return f
	}
	s.conf.Keys.Touch(c.ctx(), c.key)
	return c.may(c.route.needs)
}

// demandsKeys reports whether there is access control.
func (s *Server) demandsKeys() bool { return s.conf.Keys != nil && s.conf.Keys.Demanded() }

// bearer returns what a request shows as its key, "" for nothing or for more
// than one.
func bearer(h http.Header) string {
	shown := h.Values("Authorization")
	if len(shown) != 1 {
		return ""
	}
	scheme, key, _ := strings.Cut(shown[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(key, " ")
}

// may returns an error unless a call has a permission. Of a ledger that demands
// no keys everybody has all.
func (c *call) may(p access.Permission) error {
	switch {
	case c.open || c.key != nil && c.key.Role.May(p):
		return nil
	case c.key == nil:
		return errKey
	}
	return lacks(p)
}

// owner is the id of the key that a call came with, and otherwise of nobody in
// particular.
func (c *call) owner() string {
	if c.key == nil {
		return anonymous
	}
	return c.key.ID
}

// covers returns an error unless events of a source may be submitted, still.
func (c *call) covers(ev *record.Event) error {
	if err := c.still(); err != nil {
		return err
	}
	if c.open || c.key != nil && c.key.Covers(ev.Source) {
		return nil
	}
	return errSource
}

// still returns an error when the key of a call has ended since it was let in:
// whoever sends slowly may have sent nothing but the headers before.
func (c *call) still() error {
	if c.key != nil && c.key.Over(time.Now()) {
		return errKey
	}
	return nil
}

// parseFilter reads a filter, and narrows it to what the call may see.
func (c *call) parseFilter(text string) (*index.Filter, error) {
	f, err := index.ParseFilter(text)
	if err != nil || c.may(access.RestrictedRead) == nil {
		return f, err
	}
	others, err := index.ParseFilter("not type=restricted")
	if err != nil {
		return nil, err
	}
	return f.And(others), nil
}

// good returns a context that ends when the key of the call does.
func (c *call) good() (context.Context, context.CancelFunc) {
	if c.key == nil {
		return context.Background(), func() {}
	}
	return c.key.Good()
}

// mayOpen returns an error unless a call may see what is sealed in a record.
func (c *call) mayOpen(r *ledger.Record) error {
	if e := r.Leaf.Entry; e != nil && e.Type == record.TypeRestricted {
		return c.may(access.RestrictedRead)
	}
	return nil
}

const maxGrant = 16 << 10 // bytes of what is posted

// errOpen answers who would manage keys of a ledger that has none. Whoever
// reaches such a server may do all else, but not shut out the others.
var errOpen = faultf(kindForbidden, "this ledger has no keys yet; its operator grants the first one with lendlog access grant --role admin --dir DIR while no server holds it")

// A grantDoc is a grant as it is listed.
type grantDoc struct {
	ID      string     `json:"id"`
	Role    string     `json:"role"`
	State   string     `json:"state"`
	Label   string     `json:"label,omitempty"`
	Sources []string   `json:"sources,omitempty"`
	Rate    int64      `json:"rate,omitempty"`
	Granted time.Time  `json:"granted"`
	Expires *time.Time `json:"expires,omitempty"`
	Revoked *time.Time `json:"revoked,omitempty"`
	Used    string     `json:"used,omitempty"` // a day
	Index   int64      `json:"index"`
}

func newGrantDoc(s keys.Status) grantDoc {
	d := grantDoc{ID: s.ID, Role: string(s.Role), State: s.State, Label: s.Label, Sources: s.Sources, Rate: s.Rate, Granted: s.At, Index: s.Index}
	if !s.Expires.IsZero() {
		d.Expires = &s.Expires
	}
	if !s.Granted.Revoked.IsZero() {
		d.Revoked = &s.Granted.Revoked
	}
	if !s.Used.IsZero() {
		d.Used = s.Used.Format(time.DateOnly)
	}
	return d
}

// listGrants answers GET /v1/access/grants.
func (s *Server) listGrants(c *call) error {
	if !s.demandsKeys() {
		return errOpen
	}
	docs := []grantDoc{}
	for _, g := range s.conf.Keys.List() {
		docs = append(docs, newGrantDoc(g))
	}
	return c.json(http.StatusOK, struct {
		Grants []grantDoc `json:"grants"`
	}{docs})
}

// postGrant answers POST /v1/access/grants with a new key, which is shown once.
func (s *Server) postGrant(c *call) error {
	if !s.demandsKeys() {
		return errOpen
	}
	v, err := c.small(maxGrant, "what a key is granted for")
	if err != nil {
		return err
	}
	terms, err := readTerms(v)
	if err != nil {
		return err
	}
	key, index, err := s.conf.Keys.Grant(c.ctx(), terms, c.owner())
	if err != nil {
		return err
	}
	c.Header("Location", fmt.Sprintf("/v1/records/%d", index))
	return c.json(http.StatusCreated, struct {
		ID    string `json:"id"`
		Key   string `json:"key"`
		Index int64  `json:"index"`
	}{key.ID(), key.Reveal(), index})
}

func readTerms(v canon.Value) (t access.Terms, err error) {
	wrong := faultf(kindUnreadable, `what a key is granted for is an object such as {"role": "submitter", "sources": ["urn:lender:origination"], "label": "origination", "expires": "2027-11-30T00:00:00Z", "rate": 6000}`)
	for _, m := range v.Members {
		kind := canon.String
		switch m.Name {
		case "role":
			t.Role = access.Role(m.Value.Str)
		case "label":
			t.Label = m.Value.Str
		case "expires":
			if t.Expires, err = time.Parse(time.RFC3339, m.Value.Str); err != nil {
				return t, wrong
			}
		case "rate":
			kind, t.Rate = canon.Int, m.Value.Int
		case "sources":
			kind = canon.Array
			for _, item := range m.Value.Items {
				if item.Kind != canon.String {
					return t, wrong
				}
				t.Sources = append(t.Sources, item.Str)
			}
			slices.Sort(t.Sources)
			t.Sources = slices.Compact(t.Sources)
		default:
			return t, wrong
		}
		if m.Value.Kind != kind {
			return t, wrong
		}
	}
	return t, nil
}

// revokeGrant answers POST /v1/access/grants/{id}/revoke.
func (s *Server) revokeGrant(c *call) error {
	if !s.demandsKeys() {
		return errOpen
	}
	v, err := c.small(maxGrant, "why a key is revoked")
	if err != nil {
		return err
	}
	reason, ok := v.Get("reason")
	if len(v.Members) > 1 || len(v.Members) == 1 && (!ok || !isWord(reason.Str)) {
		return faultf(kindUnreadable, `why a key is revoked is an object such as {"reason": "rotated"}, with a code that stands openly in the ledger, or {}`)
	}
	id := c.Param("id")
	if !access.ValidID(id) {
		return keys.ErrNotFound
	}
	index, err := s.conf.Keys.Revoke(c.ctx(), id, c.owner(), reason.Str)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		ID    string `json:"id"`
		Index int64  `json:"index"`
	}{id, index})
}

// small reads a small JSON object.
func (c *call) small(limit int64, what string) (v canon.Value, err error) {
	media, err := c.media(typeJSON)
	if err != nil {
		return v, err
	}
	if media != typeJSON {
		return v, unsupported(what+" is JSON", typeJSON)
	}
	body, err := c.body(limit)
	if err != nil {
		return v, err
	}
	if v, err = canon.Parse(body, canon.Limits{}); err != nil {
		return v, unreadable("", err)
	}
	if v.Kind != canon.Object {
		return v, faultf(kindUnreadable, "%s is a JSON object", what)
	}
	return v, nil
}

// checkAccess returns an error where a ledger demands keys and the server was
// given none: it must not be open then.
func checkAccess(conf Config) error {
	if conf.Keys != nil {
		return nil
	}
	switch granted, err := conf.Ledger.Granted(context.Background()); {
	case err != nil:
		return err
	case len(granted) > 0:
		return errors.New("couldn't make a server: the ledger demands keys, and there are none to hold what clients show against")
	}
	return nil
}
