// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

const maxPeriod = 1024 // bytes of what is posted

// closePeriod answers POST /v1/periods: it closes a period, and says which
// record holds its numbers.
func (s *Server) closePeriod(c *call) error {
	media, err := c.media(typeJSON)
	if err != nil {
		return err
	}
	if media != typeJSON {
		return unsupported("the end of a period is JSON", typeJSON)
	}
	body, err := c.body(maxPeriod)
	if err != nil {
		return err
	}
	v, err := canon.Parse(body, canon.Limits{})
	if err != nil {
		return unreadable("", err)
	}
	end, _ := v.Get("to")
	to, err := time.Parse(time.RFC3339, end.Str)
	if err != nil || end.Kind != canon.String || len(v.Members) != 1 {
		return faultf(kindUnreadable, `the end of a period is an object such as {"to": "2026-05-01T00:00:00+08:00"}`)
	}
	p, err := scan(s, c, "close a shorter period first", func(ctx context.Context) (*ledger.Period, error) {
		return s.ledger.ClosePeriod(ctx, to, nil)
	})
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if p.Repeated {
		status = http.StatusOK
	}
	s.locateRecord(c, p.Index)
	counts := p.Counts
	if counts == nil {
		counts = []ledger.TypeCount{}
	}
	return c.json(status, struct {
		Index  int64              `json:"index"`
		From   string             `json:"from"`
		To     string             `json:"to"`
		First  int64              `json:"first"`
		Next   int64              `json:"next"`
		Counts []ledger.TypeCount `json:"counts"`
	}{p.Index, p.From.Format(record.TimeLayout), p.To.Format(record.TimeLayout), p.First, p.Next, counts})
}
