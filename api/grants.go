// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
)

const maxGrant = 16 << 10 // bytes of what is posted

// errOpen answers who would manage keys of a ledger that has none. Whoever
// reaches such a server may do all else, but not shut out the others.
var errOpen = faultf(kindForbidden, "this ledger has no keys yet; its operator grants the first one with lendlog access grant --role admin --dir DIR while no server holds it")

// A grantDoc is a grant as it is listed.
type grantDoc struct {
	ID    string `json:"id"`
	Means string `json:"means,omitempty"` // but for a key
	// Whoever comes by other means than a key.
	Certificate string     `json:"certificate,omitempty"`
	Issuer      string     `json:"issuer,omitempty"`
	Person      string     `json:"person,omitempty"`
	Role        string     `json:"role"`
	State       string     `json:"state"`
	Label       string     `json:"label,omitempty"`
	Sources     []string   `json:"sources,omitempty"`
	Rate        int64      `json:"rate,omitempty"`
	Purpose     string     `json:"purpose,omitempty"`
	Basis       string     `json:"basis,omitempty"`
	Fields      []string   `json:"fields,omitempty"`
	Granted     time.Time  `json:"granted"`
	Expires     *time.Time `json:"expires,omitempty"`
	Revoked     *time.Time `json:"revoked,omitempty"`
	Used        string     `json:"used,omitempty"` // a day
	Index       int64      `json:"index"`
}

func newGrantDoc(s keys.Status) grantDoc {
	d := grantDoc{
		ID: s.ID, Means: s.Means, Issuer: s.Row.Issuer, Person: s.Row.Person, Role: string(s.Role), State: s.State, Label: s.Row.Label, Sources: s.Row.Sources, Rate: s.Row.Rate,
		Purpose: s.Purpose, Basis: s.Basis, Fields: s.Fields, Granted: s.At, Index: s.Index,
	}
	if s.Row.Means == access.ByCertificate {
		d.Certificate = hex.EncodeToString(s.Row.Certificate[:])
	}
	if !s.Expires.IsZero() {
		d.Expires = &s.Expires
	}
	if !s.Revoked.IsZero() {
		d.Revoked = &s.Revoked
	}
	if !s.Row.Used.IsZero() {
		d.Used = s.Row.Used.Format(time.DateOnly)
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

// postGrant answers POST /v1/access/grants with a new key, which is shown once, or,
// where it was asked for by a request, without one.
func (s *Server) postGrant(c *call) error {
	if !s.demandsKeys() {
		return errOpen
	}
	v, err := c.small(maxGrant, "what a key is granted for")
	if err != nil {
		return err
	}
	g, err := readGrant(v)
	if err != nil {
		return err
	}
	d := struct {
		ID    string `json:"id"`
		Key   string `json:"key,omitempty"`
		Index int64  `json:"index"`
	}{ID: g.ID}
	if g.Means != access.ByKey {
		d.ID, d.Index, err = s.conf.Keys.GrantTo(c.ctx(), g, c.owner())
	} else if g.ID != "" {
		d.Index, err = s.conf.Keys.Add(c.ctx(), g, c.owner())
	} else {
		var key access.Key
		key, d.Index, err = s.conf.Keys.Grant(c.ctx(), g.Terms, c.owner())
		d.ID, d.Key = key.ID(), key.Reveal()
	}
	if err != nil {
		return err
	}
	s.locateRecord(c, d.Index)
	return c.json(http.StatusCreated, d)
}

// readGrant reads what is to be granted. It has an id where that is of a request.
func readGrant(v canon.Value) (g access.Grant, err error) {
	wrong := faultf(kindUnreadable, `what a key is granted for is an object such as {"role": "submitter", "sources": ["urn:lender:origination"], "label": "origination", "expires": "2027-11-30T00:00:00Z", "rate": 6000}; purpose, basis, fields, request, certificate, issuer and person are the others that are known`)
	for _, m := range v.Members {
		kind := canon.String
		switch m.Name {
		case "role":
			g.Role = access.Role(m.Value.Str)
		case "label":
			g.Label = m.Value.Str
		case "purpose":
			g.Purpose = m.Value.Str
		case "basis":
			g.Basis = m.Value.Str
		case "expires":
			if g.Expires, err = time.Parse(time.RFC3339, m.Value.Str); err != nil {
				return g, wrong
			}
		case "request":
			r, err := access.ParseRequest(m.Value.Str)
			if err != nil {
				return g, faultf(kindUnreadable, "/request: %v", err)
			}
			g.ID, g.Hash = r.ID, r.Hash
		case "certificate":
			pin, err := hex.DecodeString(m.Value.Str)
			if err != nil || len(pin) != len(g.Certificate) {
				return g, faultf(kindUnreadable, "/certificate: it is SHA-256 of a SubjectPublicKeyInfo, in 64 hexadecimal digits")
			}
			g.Means, g.Certificate = access.ByCertificate, [32]byte(pin)
		case "issuer":
			g.Means, g.Issuer = access.ByOIDC, m.Value.Str
		case "person":
			g.Means, g.Person = access.ByOIDC, m.Value.Str
		case "rate":
			kind, g.Rate = canon.Int, m.Value.Int
		case "sources":
			kind, g.Sources = canon.Array, distinct(m.Value)
		case "fields":
			kind, g.Fields = canon.Array, distinct(m.Value)
		default:
			return g, wrong
		}
		if m.Value.Kind != kind || slices.ContainsFunc(m.Value.Items, func(item canon.Value) bool { return item.Kind != canon.String }) {
			return g, wrong
		}
	}
	return g, nil
}

// distinct returns the texts of a list, sorted, each once.
func distinct(list canon.Value) (texts []string) {
	for _, item := range list.Items {
		texts = append(texts, item.Str)
	}
	slices.Sort(texts)
	return slices.Compact(texts)
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
