// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/stats"
)

// statsAge is how old an answer may be. A ledger that grows all the time has
// another checkpoint at every question, and none of them tells much news.
const statsAge = time.Minute

// statsDoc is the statistics of the ledger under a checkpoint.
type statsDoc struct {
	*stats.Report
	Size       int64  `json:"size"`
	Checkpoint string `json:"checkpoint"`
}

// statistics are the last that were computed.
type statistics struct {
	mu   sync.Mutex // guards all below
	doc  *statsDoc
	read time.Time // when doc was begun
}

// fresh returns the last statistics, unless they are too old: nil then.
func (c *statistics) fresh(size int64) *statsDoc {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doc == nil || c.doc.Size != size && time.Since(c.read) > statsAge {
		return nil
	}
	return c.doc
}

func (c *statistics) keep(doc *statsDoc, read time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doc, c.read = doc, read
}

// getStats answers GET /v1/stats. All of it is read under one checkpoint, which
// stands in the answer: the newest, or one that was so within the last minute.
func (s *Server) getStats(c *call) error {
	// A sum over one record is its value.
	if err := ledger.Whole(c.ctx()); err != nil {
		return err
	}
	if doc := s.stats.fresh(s.ledger.Head().Size); doc != nil {
		return c.json(http.StatusOK, doc)
	}
	leave, err := s.gates.scans.enter(c.ctx())
	if err != nil {
		return err
	}
	defer leave()
	head := s.ledger.Head()
	doc := s.stats.fresh(head.Size) // of whoever was before us
	if doc == nil {
		read := time.Now()
		report, err := scan(s, c, "run lendlog stats on a copy of the ledger", func(ctx context.Context) (*stats.Report, error) {
			return s.ledger.Statistics(ctx, head, nil)
		})
		if err != nil {
			return err
		}
		doc = &statsDoc{report, head.Size, string(head.Note)}
		s.stats.keep(doc, read)
	}
	return c.json(http.StatusOK, doc)
}
