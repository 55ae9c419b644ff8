// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/stats"
)

// statsDoc is the statistics of the ledger under a checkpoint.
type statsDoc struct {
	*stats.Report
	Size       int64  `json:"size"`
	Checkpoint string `json:"checkpoint"`
}

// getStats answers GET /v1/stats. All of it is read under one checkpoint, which
// stands in the answer: the newest, or one that was so within the last minute.
// Every scope is told from one count.
func (s *Server) getStats(c *call) error {
	// A sum over one record is its value.
	if err := ledger.Whole(c.ctx()); err != nil {
		return err
	}
	scope := stats.Scope{From: c.Query("from"), To: c.Query("to"), Product: c.Query("product")}
	if err := scope.Check(); err != nil {
		return badRequest("the query parameters from, to and product: %v", err)
	}
	counted, err := scanned(s, c, &s.stats, asking{age: shelfAge, instead: "run lendlog stats on a copy of the ledger"}, func(ctx context.Context, head ledger.Head) (*stats.Collector, error) {
		return s.ledger.Count(ctx, head, nil)
	})
	if err != nil {
		return err
	}
	report, err := s.ledger.Report(counted.answer, scope)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, &statsDoc{report, counted.head.Size, string(counted.head.Note)})
}
