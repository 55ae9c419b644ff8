// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"context"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/proof"
)

// Parts returns where the parts of the ledger in dir lie, as the audit wants
// them.
func Parts(t testing.TB, dir string) fsck.Parts {
	t.Helper()
	_, p, err := ledger.Locate(dir)
	if err != nil {
		t.Fatalf("couldn't find the parts of the ledger: %v", err)
	}
	return fsck.Parts{Store: p.Store, Keys: p.Keys, Vault: p.Vault, Head: p.Head, Mirror: p.Mirror}
}

// Check audits the ledger in dir, which nobody may hold: everything is derived
// again from its bytes and compared. The test fails when anything is wrong, or
// could not be checked. A ledger whose process was killed has to be opened
// first, because opening completes its mirror. Check may be called while the
// test cleans up.
func Check(t testing.TB, dir string) {
	t.Helper()
	report, err := fsck.Disk(context.WithoutCancel(t.Context()), Parts(t, dir), fsck.Options{Deep: true})
	if err != nil {
		t.Errorf("couldn't audit the ledger: %v", err)
		return
	}
	if report.Verdict != proof.Valid {
		var b strings.Builder
		_ = report.WriteText(&b)
		t.Errorf("the ledger's audit:\n%s", b.String())
	}
}
