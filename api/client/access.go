// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/lendlog/lendlog/ledger/access"
)

// A Grant is one that a server lists. It is the server's word: its record is in
// the ledger, for whoever may read that.
type Grant struct {
	ID    string `json:"id"`
	Means string `json:"means,omitempty"` // "" for a key
	// Whoever comes by a certificate, of which it is SHA-256 of the public key in
	// hexadecimal digits, or as a person of an issuer.
	Certificate string      `json:"certificate,omitempty"`
	Issuer      string      `json:"issuer,omitempty"`
	Person      string      `json:"person,omitempty"`
	Role        access.Role `json:"role"`
	State       string      `json:"state"` // active, expired, revoked or lost
	Label       string      `json:"label,omitempty"`
	Sources     []string    `json:"sources,omitempty"`
	Rate        int64       `json:"rate,omitempty"` // requests a minute; 0 for the server's default
	Purpose     string      `json:"purpose,omitempty"`
	Basis       string      `json:"basis,omitempty"`
	Fields      []string    `json:"fields,omitempty"` // the sealed members that may be opened; none for all
	Granted     time.Time   `json:"granted"`
	Expires     time.Time   `json:"expires,omitzero"` // zero for never
	Revoked     time.Time   `json:"revoked,omitzero"` // zero while it is not
	Used        string      `json:"used,omitempty"`   // the day of its last use
	Index       int64       `json:"index"`            // of its last record
}

// Grants returns all grants that there ever were. The key of the client has to be
// an admin's, as for the two below.
func (c *Client) Grants(ctx context.Context) ([]Grant, error) {
	b, err := c.get(ctx, "/v1/access/grants", maxLarge)
	if err != nil {
		return nil, err
	}
	var d struct {
		Grants []Grant `json:"grants"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, lie(-1, "its grants cannot be read")
	}
	return d.Grants, nil
}

// Grant has a key granted, and returns it with the index of the record of that.
// It is sent once: an answer that is lost takes along a key that nobody has, which
// Grants lists and Revoke revokes.
func (c *Client) Grant(ctx context.Context, t access.Terms) (access.Key, int64, error) {
	d, err := c.grant(ctx, t, grantOf{})
	if err != nil {
		return access.Key{}, 0, err
	}
	key, err := access.ParseKey(d.Key)
	if err != nil {
		return access.Key{}, 0, lie(-1, "what it granted is no key")
	}
	return key, d.Index, nil
}

// GrantRequest has a key granted that somebody made and keeps to themselves, and
// returns the index of the record of that.
func (c *Client) GrantRequest(ctx context.Context, t access.Terms, r access.Request) (int64, error) {
	d, err := c.grant(ctx, t, grantOf{Request: r.String()})
	return d.Index, err
}

// GrantTo has something granted to whoever comes by the certificate, or as the person,
// that a grant names, and returns the grant's id with the index of the record of that.
func (c *Client) GrantTo(ctx context.Context, g access.Grant) (id string, index int64, err error) {
	of := grantOf{Issuer: g.Issuer, Person: g.Person}
	if g.Means == access.ByCertificate {
		of.Certificate = hex.EncodeToString(g.Certificate[:])
	}
	d, err := c.grant(ctx, g.Terms, of)
	if err == nil && !access.ValidID(d.ID) {
		err = lie(-1, "the id of what it granted is none")
	}
	return d.ID, d.Index, err
}

// A grantOf says to whom something is granted, where it is not a new key.
type grantOf struct {
	Request     string `json:"request,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Issuer      string `json:"issuer,omitempty"`
	Person      string `json:"person,omitempty"`
}

// A granted is what a server answers.
type granted struct {
	ID    string `json:"id"`
	Key   string `json:"key"`
	Index int64  `json:"index"`
}

func (c *Client) grant(ctx context.Context, t access.Terms, of grantOf) (d granted, err error) {
	body := struct {
		Role    access.Role `json:"role"`
		Sources []string    `json:"sources,omitempty"`
		Label   string      `json:"label,omitempty"`
		Expires time.Time   `json:"expires,omitzero"`
		Rate    int64       `json:"rate,omitempty"`
		Purpose string      `json:"purpose,omitempty"`
		Basis   string      `json:"basis,omitempty"`
		Fields  []string    `json:"fields,omitempty"`
		grantOf
	}{t.Role, t.Sources, t.Label, t.Expires, t.Rate, t.Purpose, t.Basis, t.Fields, of}
	err = c.manage(ctx, "/v1/access/grants", body, &d)
	return d, err
}

// Revoke has a key revoked by its id, with a code for the reason unless it is "",
// and returns the index of the record of that.
func (c *Client) Revoke(ctx context.Context, id, reason string) (int64, error) {
	if !access.ValidID(id) {
		return 0, &Problem{Status: http.StatusNotFound, Title: "what is to be revoked is no id of a grant"}
	}
	body := struct {
		Reason string `json:"reason,omitempty"`
	}{reason}
	var d struct {
		Index int64 `json:"index"`
	}
	err := c.manage(ctx, "/v1/access/grants/"+id+"/revoke", body, &d)
	return d.Index, err
}

// manage posts a document, once, and reads the answer.
func (c *Client) manage(ctx context.Context, path string, body, answer any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, b, err = c.attempt(ctx, request{method: http.MethodPost, path: path, contentType: typeJSON, accept: typeJSON, body: b}, maxSmall)
	if err != nil {
		return onlyOnce(err)
	}
	if json.Unmarshal(b, answer) != nil {
		return lie(-1, "its answer about a grant cannot be read")
	}
	return nil
}

// A SubmitterKey is a public key of a submitter.
type SubmitterKey struct {
	Submitter string          `json:"submitter"` // the id that entries name
	Key       string          `json:"key"`       // its thumbprint (RFC 7638)
	JWK       json.RawMessage `json:"jwk"`
	From      int64           `json:"from"`            // index of the record that adds it
	Until     int64           `json:"until,omitempty"` // of the one that retires it; 0 for none
}

// ChangeSubmitterKeys has a key of a submitter announced, unless jwk is nil, and
// those of these thumbprints retired, with a code for the reason unless it is "". It
// returns all keys that the submitter ever had.
func (c *Client) ChangeSubmitterKeys(ctx context.Context, submitter string, jwk json.RawMessage, retire []string, reason string) ([]SubmitterKey, error) {
	body := struct {
		Submitter string          `json:"submitter"`
		JWK       json.RawMessage `json:"jwk,omitempty"`
		Retire    []string        `json:"retire,omitempty"`
		Reason    string          `json:"reason,omitempty"`
	}{submitter, jwk, retire, reason}
	var d struct {
		Keys []SubmitterKey `json:"keys"`
	}
	err := c.manage(ctx, "/v1/access/submitter-keys", body, &d)
	return d.Keys, err
}
