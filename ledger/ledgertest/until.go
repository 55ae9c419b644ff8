// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"testing"
	"time"
)

// patience is for what has to come, however slow the machine: far longer than it
// takes on one that has other work, and short enough that the package's own limit
// does not end the test, with every goroutine's stack in the place of a reason.
const patience = 4 * time.Minute

// Until waits for what has to come, and fails the test when it did not.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !Comes(ok) {
		t.Fatalf("it did not come within %v: %s", patience, what)
	}
}

// Comes is Until for whoever can tell better what was there instead.
func Comes(ok func() bool) bool {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}
