// SPDX-License-Identifier: Apache-2.0

//go:build long

package ledger_test

import (
	"cmp"
	"os"
	"strconv"
	"testing"
)

// TestRotLong is TestRot with many flips of bits in every file, half of them in
// a ledger that was closed and half in one that was killed: LENDLOG_FLIPS, or
// else 2,000.
func TestRotLong(t *testing.T) {
	flips, err := strconv.Atoi(cmp.Or(os.Getenv("LENDLOG_FLIPS"), "2000"))
	if err != nil || flips < 2 {
		t.Fatal("LENDLOG_FLIPS has to be a number of at least 2")
	}
	r := newRotten(t)
	suffer(t, r.injuries(t, seed(t), flips/2, min(50, flips/20+1)), 10)
}
