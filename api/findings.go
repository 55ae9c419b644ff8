// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"

	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/rule"
)

const (
	findingsPage = 100
	findingsMax  = 1000
)

// listFindings answers GET /v1/findings: what the rules find in the whole ledger,
// or what one of them does. All of it is read under one checkpoint, which stands
// in the answer.
func (s *Server) listFindings(c *call) error {
	table, err := rule.Builtin()
	if err != nil {
		return err
	}
	id, only := c.GetQuery("rule")
	if _, known := table.Rule(id); only && !known {
		return badRequest("the query parameter rule is that of no rule; docs/rules.md lists them")
	}
	limit, err := c.number("limit", 1, findingsPage)
	if err == nil && limit > findingsMax {
		err = badRequest("the query parameter limit is at most %d", findingsMax)
	}
	if err != nil {
		return err
	}
	skip, err := c.skip()
	if err != nil {
		return err
	}
	if err := s.tallied(c, shelfAge, "run lendlog findings on a copy of the ledger"); err != nil {
		return err
	}
	found, head := s.tally.Findings()
	shown := found.Of(id, skip, int(limit))
	var indexes []int64
	for _, f := range shown.Findings {
		indexes = append(indexes, f.Records...)
	}
	if err := s.opens(c, look.Read, indexes...); err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		rule.Survey
		Size       int64  `json:"size"`
		Checkpoint string `json:"checkpoint"`
	}{shown, head.Size, string(head.Note)})
}
