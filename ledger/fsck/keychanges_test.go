// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// An operator who has all keys signs with one that the log does not announce, or
// not as it has to be.
func TestKeyChanges(t *testing.T) {
	l := ledgertest.New(t)
	l.Submit(ledgertest.NewEvents(1).Take(40)...)
	done, err := l.RotateCheckpoint(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	l.Submit(ledgertest.NewEvents(2).Take(10)...)
	dir := l.Stopped()
	ledgertest.Check(t, dir)
	parts := ledgertest.Parts(t, dir)
	keys, err := vault.ReadKeys(parts.Keys)
	if err != nil {
		t.Fatal(err)
	}
	old, now := keys.Checkpoints[0], keys.Checkpoints[1]
	stranger, err := vault.NewCheckpointKey(ledgertest.Origin)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(by *vault.CheckpointKey) func(*store.Batch) {
		trust := &proof.Trust{Origin: ledgertest.Origin, Keys: []proof.TrustedKey{{Key: old.Verifier}}}
		return func(b *store.Batch) {
			cp, err := trust.OpenCheckpoint(b.Head.Note)
			if err == nil {
				b.Head.Note, err = tree.Checkpoint.Sign(cp, by)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	restate := func(c proof.KeyChange, before, after *vault.CheckpointKey) func(*ledgertest.Item) {
		return func(it *ledgertest.Item) {
			if it.Entry == nil || it.Entry.Type != record.TypeKeyChanged {
				return
			}
			statement, err := c.Sign(before, after)
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range it.Entry.Open.Members {
				if m.Name == "statement" {
					it.Entry.Open.Members[i].Value = canon.Text(statement)
				}
			}
		}
	}
	as := proof.KeyChange{Origin: ledgertest.Origin, Key: done.Key, From: done.Index + 1, Until: done.Index + 1}
	elsewhere := as
	elsewhere.From, elsewhere.Until = as.From+1, as.From+1
	for name, lie := range map[string]ledgertest.Lie{
		"signed with a key that nobody announced": {Batch: sign(stranger)},
		"signed with the key that is over":        {Batch: sign(old)},
		"announced by a stranger":                 {After: restate(as, stranger, now), Batch: sign(now)},
		"announced for another place":             {After: restate(elsewhere, old, now), Batch: sign(now)},
	} {
		t.Run(name, func(t *testing.T) {
			f := ledgertest.Forge(t, parts, lie)
			report, err := fsck.Disk(t.Context(), f.Parts, fsck.Options{})
			if err != nil || report.Verdict != proof.Invalid {
				t.Fatalf("the audit is %v: %v", report.Verdict, err)
			}
			for _, c := range report.Checks {
				if c.Name == fsck.Signature && c.Result != proof.Fail {
					t.Errorf("the check %s says %s", c.Name, c.Text)
				}
			}
		})
	}
}
