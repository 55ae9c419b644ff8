// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"context"
	"testing"

	"github.com/lendlog/lendlog/ledger"
)

// Check audits the ledger in dir, which nobody may hold, and fails the test
// when anything is wrong.
func Check(t testing.TB, dir string) {
	t.Helper()
	l, err := ledger.Open(context.WithoutCancel(t.Context()), dir, ledger.Options{})
	if err != nil {
		t.Errorf("the ledger doesn't open: %v", err)
		return
	}
	if err := l.Close(); err != nil {
		t.Errorf("the ledger doesn't close: %v", err)
	}
}
