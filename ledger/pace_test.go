// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// Who reads along works in small pieces while others write, and in rounds else.
func TestPace(t *testing.T) {
	for _, tt := range []struct {
		came   int64
		within time.Duration
		busy   bool
	}{
		{0, time.Minute, false},
		{200, time.Second, false},
		{200, 100 * time.Millisecond, true},
		{100_000, 10 * time.Second, true},
		{100_000, time.Hour, false},
	} {
		if got := isBusy(tt.came, tt.within); got != tt.busy {
			t.Errorf("%d records within %v: busy is %v", tt.came, tt.within, got)
		}
	}
	worked := time.Now().Add(-time.Hour)
	calm := &Pace{at: time.Now().Add(time.Hour), begun: worked}
	calm.Breathe(t.Context())
	if calm.slept != 0 || calm.begun == worked || calm.Rest(time.Second) != 4*time.Second {
		t.Errorf("a calm ledger: %+v", calm)
	}
	busy := &Pace{at: time.Now().Add(time.Hour), begun: time.Now().Add(-2 * breath), busy: true}
	busy.Breathe(t.Context())
	if busy.slept < restBusy*2*breath {
		t.Errorf("in a busy ledger it sleeps %v", busy.slept)
	}
	if rest := busy.Rest(busy.slept + time.Second); rest != 0 || busy.slept != 0 {
		t.Errorf("after a round in a busy ledger it rests %v more, %+v", rest, busy)
	}
	// Of the time since the last step, what was waiting is not slept for.
	busy.begun = worked
	if busy.Breathe(t.Context()); busy.slept != restBusy*hold {
		t.Errorf("after a wait of an hour it sleeps %v", busy.slept)
	}
	var wanted atomic.Int32
	wanted.Store(1)
	busy.slept, busy.begun, busy.wanted = 0, worked, &wanted
	if busy.Breathe(t.Context()); busy.slept != 0 {
		t.Errorf("while somebody waits for it it sleeps %v", busy.slept)
	}
	busy.wanted = nil
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	busy.begun = worked
	if busy.Breathe(ended); busy.slept != 0 {
		t.Errorf("after its end it sleeps %v", busy.slept)
	}
	(*Pace)(nil).Breathe(t.Context())
}
