// SPDX-License-Identifier: Apache-2.0

//go:build long

package ledger_test

import "testing"

// TestRotLong is TestRot with thousands of flips in every file, and everything
// that is refused mended.
func TestRotLong(t *testing.T) {
	r := newRotten(t)
	suffer(t, r.injuries(t, seed(t), 1100, 60), 1)
}
