// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"

	"github.com/lendlog/lendlog/ledger/stats"
)

// statsDoc is the statistics of the ledger under a checkpoint.
type statsDoc struct {
	*stats.Report
	Size       int64  `json:"size"`
	Checkpoint string `json:"checkpoint"`
}

// getStats answers GET /v1/stats. All of it is told under one checkpoint, which
// stands in the answer: the newest, or one that was so within the last minute.
func (s *Server) getStats(c *call) error {
	scope := stats.Scope{From: c.Query("from"), To: c.Query("to"), Product: c.Query("product")}
	if err := scope.Check(); err != nil {
		return badRequest("the query parameters from, to and product: %v", err)
	}
	if err := s.tallied(c, shelfAge, "run lendlog stats on a copy of the ledger"); err != nil {
		return err
	}
	report, head, err := s.tally.Stats(scope)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, &statsDoc{report, head.Size, string(head.Note)})
}
