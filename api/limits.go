// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// limits bound what all clients together can make the server hold, however
// they behave. What is held is a sum of products: so many requests of a sort
// at a time, each of which is bounded in turn. docs/operators.md gives the sum,
// and TestMemoryIsBounded measures it.
type limits struct {
	// conns are open at a time; further ones wait to be accepted. From half
	// of them on a connection serves one request only, so that clients that
	// keep theirs idle give way.
	conns int
	// streams, bulk (batches and stories to judge), documents (to verify, for
	// anybody, who must not be in the way of those with a key), scans (of the whole
	// ledger), events, reads and followers are the requests of each sort under way
	// at a time, bundles those for evidence of many records, which a client may be
	// slow to take. Further ones wait for patience and are then told to come again.
	streams, bulk, documents, scans, bundles, events, reads, followers int64
	// multiplexed are the requests under way that share a connection with others,
	// as those of HTTP/2 may: as many as there may be connections, so that what a
	// connection may take is not taken many times over.
	multiplexed int64
	patience    time.Duration

	header    time.Duration // to send the headers of a request
	idle      time.Duration // between the requests of a connection
	request   time.Duration // for every request but a stream, a scan and a follower's, and every pause of a client in taking its answers
	answer    time.Duration // more than request, for who was too slow to be told
	line      time.Duration // between the lines of a stream
	scan      time.Duration // to scan the whole ledger
	heartbeat time.Duration // between signs of life to a follower
	linger    time.Duration // for the client of a stream to close after its end
	look      time.Duration // in which the same look is recorded once
}

var defaultLimits = limits{
	conns: 256, streams: 16, bulk: 2, documents: 1, scans: 1, bundles: 2, events: 64, reads: 32, followers: 32,
	multiplexed: 256,
	patience:    10 * time.Second,
	header:      10 * time.Second,
	idle:        2 * time.Minute,
	request:     time.Minute,
	answer:      10 * time.Second,
	line:        10 * time.Minute,
	scan:        10 * time.Minute,
	heartbeat:   10 * time.Second,
	linger:      2 * time.Second,
	look:        10 * time.Minute,
}

// maxHeader bounds the headers of a request in bytes. Parsed they may take
// thirty times as much.
const maxHeader = 32 << 10

// gates are the limits at work.
type gates struct {
	streams, bulk, documents, scans, bundles, events, reads, followers, multiplexed gate
}

func newGates(l limits) gates {
	gate := func(n int64) gate { return gate{semaphore.NewWeighted(n), l.patience} }
	return gates{
		streams: gate(l.streams), bulk: gate(l.bulk), documents: gate(l.documents), scans: gate(l.scans), bundles: gate(l.bundles), events: gate(l.events), reads: gate(l.reads),
		followers: gate(l.followers), multiplexed: gate(l.multiplexed),
	}
}

// A gate lets so many through at a time.
type gate struct {
	room     *semaphore.Weighted
	patience time.Duration
}

var errBusy = faultf(kindBusy, "as many requests of this sort as the server takes are under way; send the same again after Retry-After")

// enter waits for its turn. The caller calls leave at the end.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	if !g.room.TryAcquire(1) {
		wait, cancel := context.WithTimeout(ctx, g.patience)
		defer cancel()
		if g.room.Acquire(wait, 1) != nil {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, errBusy
		}
	}
	return func() { g.room.Release(1) }, nil
}

// through returns the handler behind the gate.
func (g gate) through(handler func(*call) error) func(*call) error {
	return func(c *call) error {
		leave, err := g.enter(c.ctx())
		if err != nil {
			return err
		}
		defer leave()
		return handler(c)
	}
}

// crowded reports whether so many connections are open that each serves one request
// only.
func (s *Server) crowded() bool { return s.crowd.n.Load() > int64(s.limits.conns)/2 }

// crowd counts open connections.
type crowd struct{ n atomic.Int64 }

func (c *crowd) state(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		c.n.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.n.Add(-1)
	}
}
