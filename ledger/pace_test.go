// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"testing"
	"time"
)

// Who reads along leaves more to those who write, the more they write.
func TestPace(t *testing.T) {
	for _, tt := range []struct {
		came   int64
		within time.Duration
		want   time.Duration
	}{
		{0, time.Minute, 4 * time.Second},
		{200, time.Second, 4 * time.Second},
		{200, 100 * time.Millisecond, 24 * time.Second},
		{100_000, 10 * time.Second, 24 * time.Second},
		{100_000, time.Hour, 4 * time.Second},
		{1, 0, 24 * time.Second},
	} {
		if got := rested(time.Second, tt.came, tt.within); got != tt.want {
			t.Errorf("%d records within %v: %v, want %v", tt.came, tt.within, got, tt.want)
		}
	}
}
