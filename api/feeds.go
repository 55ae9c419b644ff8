// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/reconcile"
)

const (
	// feedsRanges is how many ranges of missing numbers are listed of a producer.
	feedsRanges = 100

	// What is read of the ledger for them is read in parts, with rests between: a
	// lender who has just started a large ledger hears of gaps some minutes later.
	feedsPart  = 1024
	feedsPause = time.Second // at least, between two parts that are not full
	feedsRetry = time.Minute // after a record that can't be read
)

// feeds is what has arrived of each producer.
type feeds struct {
	mu   sync.Mutex // guards all below
	gaps *reconcile.Gaps
	size int64 // records that were read
}

// add takes records as far as they could be read.
func (f *feeds) add(arrivals []reconcile.Arrival, size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gaps == nil {
		f.gaps = reconcile.NewGaps()
	}
	for _, a := range arrivals {
		f.gaps.Add(a)
	}
	f.size = size
}

// read is how many records were read.
func (f *feeds) read() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size
}

// report returns what is missing among so many records.
func (f *feeds) report() (gaps []reconcile.Gap, unreadable, size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gaps == nil {
		return []reconcile.Gap{}, 0, f.size
	}
	gaps, unreadable = f.gaps.Report(feedsRanges)
	return gaps, unreadable, f.size
}

// WatchFeeds reads which numbers of its producers the ledger has, all of it once and
// then what comes, until ctx ends: GET /v1/feeds tells what is missing.
func (s *Server) WatchFeeds(ctx context.Context) error {
	pace := s.ledger.NewPace()
	for {
		head, newer := s.ledger.Watch()
		from := s.feeds.read()
		to := min(from+feedsPart, head.Size)
		began := time.Now()
		err := s.readFeeds(ctx, from, to, pace)
		pause := pace.Rest(time.Since(began))
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.log.ErrorContext(ctx, "couldn't read which numbers of producers are there", slog.Any("error", err))
			pause = feedsRetry
		case to == head.Size:
			select {
			case <-newer:
			case <-ctx.Done():
				return nil
			}
			pause = max(pause, feedsPause)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// readFeeds reads a part of the ledger.
func (s *Server) readFeeds(ctx context.Context, from, to int64, pace *ledger.Pace) error {
	var arrivals []reconcile.Arrival
	for r, err := range s.ledger.Records(ctx, from, to, func(string) bool { return true }) {
		if err != nil {
			return err
		}
		pace.Breathe(ctx)
		if told, ok := r.Story(); ok && r.Leaf.Entry.Submitter != ledger.OwnSubmitter {
			sequence := ""
			for _, m := range r.Members {
				if m.Pointer == "/sequence" {
					sequence = m.Value.Str
				}
			}
			arrivals = append(arrivals, reconcile.NewArrival(&told, sequence))
		}
	}
	s.feeds.add(arrivals, to)
	return nil
}

// getFeeds answers GET /v1/feeds: which numbers of each producer are missing among
// the records that were read, which may be fewer than there are.
func (s *Server) getFeeds(c *call) error {
	// What is missing is told of sealed members.
	if err := ledger.Whole(c.ctx()); err != nil {
		return err
	}
	gaps, unreadable, size := s.feeds.report()
	return c.json(http.StatusOK, struct {
		Size       int64           `json:"size"`
		Of         int64           `json:"of"`
		Feeds      []reconcile.Gap `json:"feeds"`
		Unreadable int64           `json:"unreadable"`
	}{size, s.ledger.Head().Size, gaps, unreadable})
}
