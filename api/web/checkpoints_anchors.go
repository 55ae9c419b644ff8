// SPDX-License-Identifier: Apache-2.0

package web

import (
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/timestamp"
)

// anchored is an anchor of a checkpoint that became final.
type anchored struct {
	Size   int64
	Chain  *onChain // nil for a time stamp
	Issuer string   // of the certificate of a time stamp, by its hash
	Broken bool     // it does not verify, and nothing else stands here
}

// onChain is where an anchor is, and what its header and receipt prove offline,
// once somebody has looked up that the chain has the block.
type onChain struct {
	Chain, Block, Transaction    uint64
	BlockHash, Contract, Account string
	Time                         time.Time // of the block
}

// anchors lists where checkpoints are anchored, and the newest of the archive.
func (v *visit) anchors(c *client.Client, page *checkpointsPage) error {
	if v.May(access.AnchorsRead) {
		var err error
		if page.Targets, err = c.Targets(v.ctx()); err != nil {
			return err
		}
	}
	before, err := v.before("anchors-before")
	if err != nil {
		return err
	}
	list, next, err := c.AnchorsBefore(v.ctx(), int(before), anchoredPage)
	if err != nil {
		return err
	}
	for _, raw := range list {
		page.Anchors = append(page.Anchors, newAnchored(c.Trust(), raw))
	}
	page.OlderAnchors = next
	return nil
}

// newAnchored verifies an anchor as far as that goes without a chain: that it is
// one of a checkpoint of this ledger, and says what stands here.
func newAnchored(trust *proof.Trust, raw []byte) anchored {
	broken := anchored{Broken: true}
	v, err := canon.Parse(raw, canon.Limits{})
	if err != nil {
		return broken
	}
	a, err := proof.ParseAnchored(v)
	if err != nil {
		return broken
	}
	cp, err := trust.OpenCheckpoint(a.Checkpoint)
	if err != nil || a.Check(cp) != nil {
		return broken
	}
	out := anchored{Size: cp.Size}
	if p := a.Anchor.Chain; p != nil {
		block, event, err := p.Verify()
		if err != nil {
			return broken
		}
		out.Chain = &onChain{
			Chain: p.Chain, Block: block.Number, Transaction: p.Index, BlockHash: block.Hash.String(),
			Contract: p.Contract.String(), Account: event.By.String(), Time: time.Unix(int64(block.Time), 0).UTC(),
		}
		return out
	}
	if out.Issuer, err = timestamp.Issuer(a.Anchor.Stamp); err != nil {
		return broken
	}
	return out
}
