// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
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
func (s *Server) admit(c *call) (err error) {
	if c.open = !s.demandsKeys(); c.open || c.route.needs == access.Public {
		return nil
	}
	if c.key, c.until, err = s.shown(c.Request); err != nil {
		return err
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
	c.narrow()
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
	case c.open:
		return nil
	case c.key == nil:
		return errKey
	case !c.key.Role.May(p):
		return lacks(p)
	case p == access.RestrictedRead && !c.key.Opens("/type"): // which is sealed in what is restricted
		return faultf(kindForbidden, "this key opens %s only: what is restricted takes one that opens /type too", strings.Join(c.key.Fields, ", "))
	}
	return nil
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

// still returns an error when the key of a call, or the certificate by which it came,
// has ended since it was let in: whoever sends slowly may have sent nothing but the
// headers before.
func (c *call) still() error {
	if now := time.Now(); c.key != nil && c.key.Over(now) || !c.until.IsZero() && now.After(c.until) {
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

// good returns a context that ends when the key of the call does, or the certificate
// by which it came.
func (c *call) good() (context.Context, context.CancelFunc) {
	if c.key == nil {
		return context.Background(), func() {}
	}
	good, release := c.key.Good()
	if c.until.IsZero() {
		return good, release
	}
	good, cancel := context.WithDeadline(good, c.until)
	return good, func() { cancel(); release() }
}

// mayOpen returns an error unless a call may see what is sealed in a record.
func (c *call) mayOpen(r *ledger.Record) error {
	if e := r.Leaf.Entry; e != nil && e.Type == record.TypeRestricted {
		return c.may(access.RestrictedRead)
	}
	return nil
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
