// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"time"

	"github.com/lendlog/lendlog/ledger"
)

// hurry is how long a request of somebody who would rather not wait brings up to date
// what nobody else does.
const hurry = 2 * time.Second

// Run keeps what is said of the whole ledger (statistics, obligations, findings) up to
// date until ctx ends, so that no request waits for it. Without it the first request
// after a change reads what is new.
func (s *Server) Run(ctx context.Context) error { return s.tally.Run(ctx) }

// tallied has the tally tell of the newest checkpoint, or of one that is at most so old,
// or as old as the request is content with. Who would rather not wait (RFC 7240, wait=0) gets what
// there is, and is told where there is nothing yet.
func (s *Server) tallied(c *call, age time.Duration, instead string) error {
	if err := ledger.Whole(c.ctx()); err != nil {
		return err // a sum over one record is its value
	}
	age = max(age, c.content())
	fresh := func() bool {
		head, at, ok := s.tally.Head()
		return ok && (head.Size == s.ledger.Head().Size || time.Since(at)+s.tallyOlder < age)
	}
	if fresh() {
		return nil
	}
	if c.GetHeader("Prefer") == "wait=0" {
		return s.talliedSoon(c, instead)
	}
	leave, err := s.gates.scans.enter(c.ctx())
	if err != nil {
		return err
	}
	defer leave()
	if fresh() {
		return nil
	}
	return s.bringUp(c, instead, s.tally.Update)
}

// talliedSoon does so for somebody who would rather not wait.
func (s *Server) talliedSoon(c *call, instead string) error {
	if !s.tally.Busy() && s.gates.scans.room.TryAcquire(1) {
		defer s.gates.scans.room.Release(1)
		err := s.bringUp(c, instead, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, hurry)
			defer cancel()
			return s.tally.Update(ctx)
		})
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	if _, _, ok := s.tally.Head(); ok {
		return nil
	}
	done, total := s.tally.Progress()
	return faultf(kindCounting, "%d of %d records are counted; ask again after Retry-After", done, max(total, s.ledger.Head().Size))
}

// bringUp has the tally updated in the time that a scan may take.
func (s *Server) bringUp(c *call, instead string, update func(context.Context) error) error {
	_, err := scan(s, c, instead, func(ctx context.Context) (struct{}, error) { return struct{}{}, update(ctx) })
	return err
}
