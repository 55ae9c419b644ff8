// SPDX-License-Identifier: Apache-2.0

package ledger

import "time"

// A Pace leaves a ledger to those who write to it, while somebody reads along.
type Pace struct {
	l    *Ledger
	size int64 // at the last rest
	at   time.Time
}

// NewPace returns a pace for one who reads along.
func (l *Ledger) NewPace() *Pace { return &Pace{l, l.Head().Size, time.Now()} }

// Rest returns how long to read nothing after reading for some time: so that it takes
// a fifth of a processor, and a twenty-fifth while records come in by the hundreds a
// second, which need both. It is for one goroutine.
func (p *Pace) Rest(took time.Duration) time.Duration {
	size, now := p.l.Head().Size, time.Now()
	rest := rested(took, size-p.size, now.Sub(p.at))
	p.size, p.at = size, now
	return rest
}

const (
	restCalm = 4 // times as long as was read
	restBusy = 24
	busyRate = 300 // records a second
)

// rested is how long to rest when so many records came within so long.
func rested(took time.Duration, came int64, within time.Duration) time.Duration {
	if float64(came) > busyRate*within.Seconds() {
		return restBusy * took
	}
	return restCalm * took
}
