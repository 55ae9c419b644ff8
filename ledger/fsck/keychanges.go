// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"bytes"
	"fmt"
	"slices"

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

// submitterKey takes in a record of a submitter's key, and tells of one that the
// auditor's trust file does not name, or lets sign on: only the submitter can say
// whether that is right.
func (r *replay) submitterKey(index int64, e *record.Entry) {
	id, _ := e.Open.Get("submitter")
	change, _ := e.Open.Get("change")
	jwk, _ := e.Open.Get("jwk")
	key, err := proof.ParseJWK(jwk)
	if err != nil {
		r.fail(about(Submitters, index, askOperator, "the submitter's key that it announces %v", err))
		return
	}
	name := proof.Thumbprint(key)
	is := func(k proof.SubmitterKey) bool { return k.ID == id.Str && proof.Thumbprint(k.Key) == name }
	i := slices.IndexFunc(r.submitters, is)
	switch added := change.Str == "added"; {
	case added && i < 0:
		r.submitters = append(r.submitters, proof.SubmitterKey{ID: id.Str, Key: key, From: index})
	case !added && i >= 0 && r.submitters[i].Until == 0:
		r.submitters[i].Until = index
	case len(r.lost) == 0:
		r.fail(about(Submitters, index, askOperator, "the key %s of a submitter can't be %s after the records before", name, plain(change.Str)))
	}
	if r.opt.Trust == nil || len(r.opt.Trust.Submitters) == 0 {
		return
	}
	switch named := slices.ContainsFunc(r.opt.Trust.Submitters, is); {
	case change.Str == "added" && !named:
		r.unnamed("record %d announces the key %s of submitter %s, which the trust file does not name: ask that submitter whether it is theirs, and get the new trust file from where you got this one", index, name, plain(id.Str))
	case change.Str != "added" && slices.ContainsFunc(r.opt.Trust.Submitters, func(k proof.SubmitterKey) bool { return is(k) && k.May(index+1) }):
		r.unnamed("record %d retires the key %s of submitter %s, which may sign on by the trust file: get the new one from where you got this one", index, name, plain(id.Str))
	}
}

// unnamed keeps what the trust file does not say of submitters' keys.
func (a *audit) unnamed(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	a.skip(Submitters, "%s", text)
	if len(a.report.Submitters) < maxUnnamed {
		a.report.Submitters = append(a.report.Submitters, text)
	}
}

// maxUnnamed bounds what is kept of a ledger that announces keys without end.
const maxUnnamed = 100

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
