// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lendlog/lendlog/ledger/access"
)

const (
	// DefaultRate is how many requests a minute a key has unless its grant says
	// otherwise: far more than the engine takes one by one, so that it stops a
	// client that runs wild and no other. A stream or a batch is one request.
	DefaultRate = 120_000
	// Window is the time in which that many requests are taken.
	Window = time.Minute
)

// A Key is a grant in use. Its methods may be called concurrently.
type Key struct {
	access.Grant              // but for Used
	used         atomic.Int64 // the day of the last use, in seconds since 1970; 0 for never

	revoked context.Context // ends when it is
	end     context.CancelFunc

	mu    sync.Mutex // guards begun and taken
	begun time.Time  // the window that runs
	taken int64      // requests in it
}

func newKey(g access.Grant) *Key {
	k := &Key{Grant: g}
	if !g.Used.IsZero() {
		k.used.Store(g.Used.Unix())
	}
	k.revoked, k.end = context.WithCancel(context.Background())
	if !g.Revoked.IsZero() {
		k.end()
	}
	return k
}

// current is the grant as it is to be kept.
func (k *Key) current() access.Grant {
	g := k.Grant
	if at := k.used.Load(); at != 0 {
		g.Used = time.Unix(at, 0).UTC()
	}
	return g
}

// Good returns a context that ends when the key does: it is revoked, or it
// expires. Whoever serves a client for long looks at it. The caller calls
// release at the end.
func (k *Key) Good() (good context.Context, release context.CancelFunc) {
	if k.Expires.IsZero() {
		return context.WithCancel(k.revoked)
	}
	return context.WithDeadline(k.revoked, k.Expires)
}

// Over reports whether the key was revoked or has expired since it was found.
func (k *Key) Over(now time.Time) bool { return k.revoked.Err() != nil || k.Expired(now) }

// A Quota is what is left of the requests of a key.
type Quota struct {
	Limit, Left int64         // requests in a window
	Reset       time.Duration // until the next window
}

// Take takes one request, and returns what is left; ok is false when there was
// none.
func (k *Key) Take(now time.Time) (q Quota, ok bool) {
	q.Limit = DefaultRate
	if k.Rate != 0 {
		q.Limit = k.Rate
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if since := now.Sub(k.begun); since < 0 || since >= Window {
		k.begun, k.taken = now, 0
	}
	q.Reset = Window - now.Sub(k.begun)
	if k.taken >= q.Limit {
		return q, false
	}
	k.taken++
	q.Left = q.Limit - k.taken
	return q, true
}
