// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"slices"
	"strings"
)

// getSubjectEvidence answers GET /v1/subjects/{kind}/{id}/evidence: all
// records of a subject with the proof that there are no others.
func (s *Server) getSubjectEvidence(c *call) error {
	kind, id, err := c.subject()
	if err != nil {
		return err
	}
	// Records of several types need not have all members that are named.
	pointers := c.disclosed()
	for i, p := range pointers {
		if !strings.HasPrefix(p, "/") {
			return badRequest("number %d of the pointers in disclose does not begin with a slash; all, none, or JSON Pointers with commas between them are understood", i+1)
		}
	}
	if err := c.opens(pointers); err != nil {
		return err
	}
	e, err := s.ledger.ProveSubject(c.ctx(), kind, id, among(pointers))
	if err == nil {
		err = s.opensEvidence(c, e)
	}
	if err != nil {
		return err
	}
	c.bytes(http.StatusOK, typeJSON, e.Bytes())
	return nil
}

// disclosed reads the query parameter disclose: JSON Pointers, none of them
// for none, nil for all.
func (c *call) disclosed() []string {
	switch list, ok := c.GetQuery("disclose"); {
	case !ok || list == "all":
		return nil
	case list == "none":
		return []string{}
	default:
		return strings.Split(list, ",")
	}
}

// among is what discloses those pointers; nil, which discloses all, for nil.
func among(pointers []string) func(string) bool {
	if pointers == nil {
		return nil
	}
	return func(p string) bool { return slices.Contains(pointers, p) }
}
