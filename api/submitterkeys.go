// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
)

// A submitterKeyDoc is a public key of a submitter as it is listed.
type submitterKeyDoc struct {
	Submitter string          `json:"submitter"`
	Key       string          `json:"key"` // its thumbprint
	JWK       json.RawMessage `json:"jwk"`
	From      int64           `json:"from"`
	Until     int64           `json:"until,omitempty"`
}

func (s *Server) submitterKeys(c *call, status int, keys []proof.SubmitterKey) error {
	docs := []submitterKeyDoc{}
	for _, k := range keys {
		docs = append(docs, submitterKeyDoc{k.ID, proof.Thumbprint(k.Key), proof.JWK(k.Key).Bytes(), k.From, k.Until})
	}
	return c.json(status, struct {
		Keys []submitterKeyDoc `json:"keys"`
	}{docs})
}

// listSubmitterKeys answers GET /v1/access/submitter-keys.
func (s *Server) listSubmitterKeys(c *call) error {
	if !s.demandsKeys() {
		return errOpen
	}
	return s.submitterKeys(c, http.StatusOK, s.ledger.SubmitterKeys())
}

// postSubmitterKey answers POST /v1/access/submitter-keys with all keys of the
// submitter.
func (s *Server) postSubmitterKey(c *call) error {
	if !s.demandsKeys() {
		return errOpen
	}
	v, err := c.small(maxGrant, "a change of a submitter's keys")
	if err != nil {
		return err
	}
	change, err := readSubmitterChange(v)
	if err != nil {
		return err
	}
	change.By = c.owner()
	keys, err := s.ledger.ChangeSubmitterKeys(c.ctx(), change)
	if err != nil {
		return err
	}
	return s.submitterKeys(c, http.StatusOK, keys)
}

func readSubmitterChange(v canon.Value) (change ledger.SubmitterChange, err error) {
	wrong := faultf(kindUnreadable, `a change of a submitter's keys is an object such as {"submitter": "k3v9q2ab", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "…"}, "retire": ["kPrK_qmx…"], "reason": "rotated"}`)
	for _, m := range v.Members {
		switch {
		case m.Name == "submitter" && m.Value.Kind == canon.String:
			change.Submitter = m.Value.Str
		case m.Name == "reason" && m.Value.Kind == canon.String:
			change.Reason = m.Value.Str
		case m.Name == "jwk":
			if change.Add, err = proof.ParseJWK(m.Value); err != nil {
				return change, faultf(kindUnreadable, "/jwk is no public key of a submitter, Ed25519 or P-256: %v", err)
			}
		case m.Name == "retire" && m.Value.Kind == canon.Array:
			for _, item := range m.Value.Items {
				if item.Kind != canon.String {
					return change, wrong
				}
				change.Retire = append(change.Retire, item.Str)
			}
		default:
			return change, wrong
		}
	}
	if err := change.Check(); err != nil {
		return change, faultf(kindUnreadable, "%v", err)
	}
	return change, nil
}
