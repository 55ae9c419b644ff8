// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"errors"

	"github.com/lendlog/lendlog/ledger/record"
)

// Match holds the receipt's entry against the event that was submitted. That
// it returns nil means that the entry is the record of exactly this event:
// every digest was recomputed. Of its place in a ledger it says nothing, which
// is what VerifyReceipt is for.
func (rc *Receipt) Match(ev *record.Event) error {
	leaf, err := record.ParseLeaf(rc.Entry)
	if err != nil {
		return err
	}
	if leaf.Entry == nil {
		return errors.New("a receipt is of a record, not of an index-root")
	}
	var r Report
	if !r.event(rc, leaf.Entry, ev) {
		return errors.New(r.Checks[len(r.Checks)-1].Text)
	}
	return nil
}
