// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"bytes"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// keyChange holds a record that announces a checkpoint key against the keys that
// the log named before it: a key that may sign the checkpoint that covers it, and
// the new one, have to have signed its statement.
func (r *replay) keyChange(index int64, e *record.Entry) {
	purpose, _ := e.Open.Get("purpose")
	if purpose.Str != "checkpoint" {
		return
	}
	statement, _ := e.Open.Get("statement")
	switch {
	case r.own == nil:
		r.skip(Signature, "the genesis record can't be read, so which keys may announce others is not known")
		return
	case len(r.lost) > 0:
		r.skip(Signature, "records are missing or altered, so which keys may announce others is not known")
		return
	}
	later, c, err := r.own.After(statement.Str)
	if err != nil || later == r.own || c.From != index+1 {
		r.fail(about(Signature, index, askOperator, "the checkpoint key that it announces was not announced by one that might"))
		return
	}
	r.own = later
}

// followKeys believes the checkpoint keys that the log announces, each under one
// before it, where the store's own checkpoint is signed with none that is believed.
// To find their records the entries are searched for their type.
func (d *disk) followKeys() {
	head, ok, err := d.store.Head()
	if d.policy == nil || !ok || err != nil {
		return
	}
	if _, err := d.policy.OpenCheckpoint(head.Note); err == nil {
		return
	}
	var announcing []proof.Record
	for b := range d.store.EntryBlocks(0, 1<<62) {
		for i, item := range b.Items {
			if bytes.Contains(item, []byte(`"`+record.TypeKeyChanged+`"`)) {
				announcing = append(announcing, proof.Record{Index: b.First + int64(i), Entry: bytes.Clone(item)})
			}
		}
	}
	later, last := d.policy.Announced(announcing)
	if last < 0 {
		return
	}
	if d.opt.Trust != nil {
		d.skip(Signature, "the ledger has a checkpoint key that the trust file does not name: record %d announces it, under one that it names; get the new trust file from where you got this one", last)
	}
	d.policy = later
}

// settleKeys holds the store's own checkpoint against the keys as the log has
// announced them, with the sizes that each may sign, where no trust file says.
func (d *disk) settleKeys() {
	if d.opt.Trust != nil || d.own == nil || d.headRow.Size == 0 {
		return
	}
	d.policy = d.own
	if _, err := d.policy.OpenCheckpoint(d.head.Note); err != nil {
		d.fail(whole(Signature, askOperator, "the store's own checkpoint: %v", err))
	}
}
