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
	disclose, err := c.pointers()
	if err != nil {
		return err
	}
	e, err := s.ledger.ProveSubject(c.ctx(), kind, id, disclose)
	if err != nil {
		return err
	}
	c.bytes(http.StatusOK, typeJSON, e.Bytes())
	return nil
}

// pointers reads the query parameter disclose of records of several types,
// which need not have all members that are named.
func (c *call) pointers() (func(string) bool, error) {
	list, ok := c.GetQuery("disclose")
	switch {
	case !ok || list == "all":
		return nil, nil
	case list == "none":
		return func(string) bool { return false }, nil
	}
	pointers := strings.Split(list, ",")
	for i, p := range pointers {
		if !strings.HasPrefix(p, "/") {
			return nil, badRequest("number %d of the pointers in disclose does not begin with a slash; all, none, or JSON Pointers with commas between them are understood", i+1)
		}
	}
	return func(p string) bool { return slices.Contains(pointers, p) }, nil
}
