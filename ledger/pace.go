// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"sync/atomic"
	"time"
)

// A Pace leaves a ledger to those who write to it, while somebody reads along. While
// records come in by the hundreds a second, who reads along takes a tenth of a
// processor, in small pieces that nobody who waits for a receipt notices; else all of
// one, with rests of four times as long between two rounds. It is for one goroutine;
// nil leaves nothing to anybody.
type Pace struct {
	l     *Ledger
	size  int64 // when the ledger was looked at last
	at    time.Time
	busy  bool
	begun time.Time     // the piece of work
	slept time.Duration // in this round

	wanted *atomic.Int32 // how many wait for what is read, for whom it sleeps no more; nil for nobody
}

const (
	breath   = 2 * time.Millisecond // the least piece of work
	hold     = 10 * breath          // what counts of one at the most: the rest was waiting
	lookAt   = 100 * time.Millisecond
	busyRate = 300 // records a second
	restBusy = 9   // times as long as the work
	restCalm = 4
)

// NewPace returns a pace for one who reads along.
func (l *Ledger) NewPace() *Pace {
	now := time.Now()
	return &Pace{l: l, size: l.Head().Size, at: now, begun: now}
}

// Breathe is called between any two steps of a reading. Where others write, it sleeps
// after some of them, until ctx ends at the latest.
func (p *Pace) Breathe(ctx context.Context) {
	if p == nil {
		return
	}
	now := time.Now()
	worked := now.Sub(p.begun)
	if worked < breath {
		return
	}
	if within := now.Sub(p.at); within >= lookAt {
		size := p.l.Head().Size
		p.busy = isBusy(size-p.size, within)
		p.size, p.at = size, now
	}
	if p.busy && (p.wanted == nil || p.wanted.Load() == 0) {
		p.sleep(ctx, restBusy*min(worked, hold))
	}
	p.begun = time.Now()
}

func (p *Pace) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
		p.slept += d
	}
}

// isBusy reports whether so many records within so long are many.
func isBusy(came int64, within time.Duration) bool {
	return float64(came) > busyRate*within.Seconds()
}

// Rest returns how long to read nothing after a round that took so long.
func (p *Pace) Rest(took time.Duration) time.Duration {
	worked := max(took-p.slept, 0)
	p.slept, p.begun = 0, time.Now()
	if p.busy {
		return 0
	}
	return restCalm * worked
}
