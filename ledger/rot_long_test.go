// SPDX-License-Identifier: Apache-2.0

//go:build long

package ledger_test

import "testing"

// TestRotLong is TestRot with 2,000 flips of bits in every file, half of them
// in a ledger that was closed and half in one that was killed.
func TestRotLong(t *testing.T) {
	r := newRotten(t)
	suffer(t, r.injuries(t, seed(t), 1000, 50), 10)
}
