// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/tree"
)

// An Anchored is a checkpoint that was anchored outside the ledger, and what
// connects it with the checkpoint of the file: the proof that the smaller of the
// two trees is a prefix of the larger.
type Anchored struct {
	Checkpoint []byte // signed note
	Proof      []tree.Hash
	Anchor     Anchor
}

// An Anchor is what somebody outside has of a checkpoint. Exactly one member is
// set.
type Anchor struct {
	Chain *chain.Proof // it is on a chain
	Stamp []byte       // RFC 3161 time stamp token over the signed checkpoint's text
}
