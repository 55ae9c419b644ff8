// SPDX-License-Identifier: Apache-2.0

// Package fsck is the audit of a ledger: it derives everything again from
// bytes and compares. It shares no code with the engine that wrote them, so
// that a mistake there is not repeated here.
//
// [Disk] audits the parts of a ledger on disk, which nobody may hold, or
// copies of them; [Live] audits the log of a running server. Both give a
// report with one line per check and a finding for everything that is wrong:
// which record, which subject, and the first signed checkpoint that covers it.
// An audit goes on past what it finds, changes nothing of what it reads, and
// never passes silently over what it could not check.
//
// # What an audit shows
//
// That the ledger is what its signed checkpoint says, and that what the
// checkpoint says is right. An operator who has all keys can sign another
// ledger that is as right: an audit tells it from the first one only by
// checkpoints that it does not hold itself: those of the mirror, of the head
// file, and above all those that the auditor brings ([Options.Checkpoints]).
package fsck

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// Options say how to audit.
type Options struct {
	// Deep also opens every payload, validates every event again, recomputes
	// identities, terms and seals, and compares the mirror byte for byte.
	Deep bool
	// Trust says whose checkpoints are believed, and which ledger it has to
	// be. Without it the keys in the ledger's own genesis record are believed.
	Trust *proof.Trust
	// Followed is what Trust has come to with the checkpoint keys that the log has
	// announced, where whoever reads it has found some; nil for none. An audit that
	// needs it is INCOMPLETE.
	Followed *proof.Trust
	// Checkpoints are signed checkpoints from outside: what is audited has to
	// continue them.
	Checkpoints [][]byte
	// Progress, when not nil, is told how far a step is; total is 0 while it
	// is not known. It may be called from several goroutines, not at once.
	Progress func(step string, done, total int64)
	// Passphrase is asked for where the keys are encrypted at rest.
	Passphrase vault.Passphrase
	Workers    int // that hash and decrypt; 0 is one for each processor
	Limit      int // about how many findings are listed; 0 is 100
}

// audit is one audit under way.
type audit struct {
	opt Options
	*findings
	policy *proof.Trust // nil while nobody's checkpoints can be believed
	own    *proof.Trust // of the keys that the log names, as far as it was read; nil while it names none
	report Report
	told   time.Time // when progress was told last
}

func newAudit(o Options) *audit {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	return &audit{opt: o, findings: newFindings(o.Limit), policy: o.Trust, report: Report{Deep: o.Deep}}
}

// progress tells how far a step is, now and then. Only one goroutine calls it
// at a time.
func (a *audit) progress(step string, done, total int64) {
	if now := time.Now(); now.Sub(a.told) > 100*time.Millisecond {
		a.told = now
		a.opt.Progress(step, done, total)
	}
}

// finish returns the report.
func (a *audit) finish() *Report {
	if a.policy != nil {
		a.report.Origin = a.policy.Origin
	}
	if !a.opt.Deep {
		for _, name := range order {
			if _, said := a.notes[name]; deepOnly(name) && !said {
				a.note(name, "only with --deep")
			}
		}
	}
	a.findings.report(&a.report)
	return &a.report
}

func deepOnly(name string) bool {
	switch name {
	case Keys, Payloads, Seals, Events, Terms, Refs, Submitters, Index, Mirror, Notes:
		return true
	}
	return false
}

// genesis reads leaf 0 and takes from it whose checkpoints are believed,
// unless the auditor said so. It returns nil where there is no such record.
func (a *audit) genesis(entry []byte, err error) *record.Entry {
	switch {
	case err != nil:
		a.fail(about(Genesis, 0, repairStore, "the genesis record can't be read"))
		return nil
	case entry == nil:
		a.fail(about(Genesis, 0, repairStore, "the genesis record is missing"))
		return nil
	}
	leaf, err := record.ParseLeaf(entry)
	if err != nil || leaf.Entry == nil || leaf.Entry.Type != record.TypeGenesis {
		a.fail(about(Genesis, 0, repairStore, "leaf 0 is not a genesis record"))
		return nil
	}
	own, err := policyOf(leaf.Entry, tree.LeafHash(entry))
	if err != nil {
		a.fail(about(Genesis, 0, askOperator, "the genesis record doesn't name what a ledger needs: %v", err))
		return nil
	}
	if a.policy == nil {
		a.policy, a.own = own, own
		a.pass(Genesis, "leaf 0 is the genesis record of %s; no trust file was given, so the keys that it names are believed", own.Origin)
		return leaf.Entry
	}
	a.own = own
	switch {
	case own.Genesis != a.policy.Genesis:
		a.fail(about(Genesis, 0, "ask for the ledger that the trust file names; if this should be it, keep a copy of everything", "the ledger begins with another record than the trust file pins: it is another ledger, or its genesis record was altered"))
	case own.VRF != a.policy.VRF || own.Origin != a.policy.Origin:
		a.fail(about(Genesis, 0, askOperator, "the genesis record names another origin or VRF key than the trust file"))
	default:
		a.pass(Genesis, "leaf 0 is the genesis record that the trust file pins")
	}
	return leaf.Entry
}

// outside opens the checkpoints that the auditor brought. Where the trust file
// asks for witnesses, one of them has to be cosigned.
func (a *audit) outside() []tree.Checkpoint {
	cosigned := a.policy == nil || a.policy.Witnesses == nil
	defer func() {
		if !cosigned {
			a.skip(Outside, "the trust file asks for witnesses, and no checkpoint that as many of them cosigned was given: take the newest from /v1/checkpoints/newest, or from the file witnessed, and give it with --checkpoint")
		}
	}()
	if len(a.opt.Checkpoints) == 0 {
		a.note(Outside, "no checkpoint from outside was given, so another ledger signed with the same keys would not be told apart")
		return nil
	}
	var out []tree.Checkpoint
	for i, signed := range a.opt.Checkpoints {
		if a.policy == nil {
			a.skip(Outside, "without the ledger's keys the checkpoints from outside can't be verified")
			break
		}
		cp, err := a.policy.OpenCheckpoint(signed)
		if err != nil {
			a.skip(Outside, "checkpoint %d from outside is not one of this ledger: %v", i+1, err)
			continue
		}
		out = append(out, cp)
		if !cosigned {
			_, _, err := a.policy.OpenWitnessed(signed)
			cosigned = err == nil
		}
	}
	return out
}

// checkOutside holds the checkpoints from outside against the history.
func (a *audit) checkOutside(list []tree.Checkpoint, r *replay) {
	for _, cp := range list {
		root, ok := r.roots[cp.Size]
		switch {
		case cp.Size > r.size:
			a.fail(Finding{Check: Outside, Record: r.size, Last: cp.Size - 1, Checkpoint: cp.Size, Where: "auditor", Remedy: repairStore,
				Text: fmt.Sprintf("checkpoint %d was signed, but the ledger has %d records: it was rolled back", cp.Size, r.size)})
		case !ok:
			a.skip(Outside, "the root at checkpoint %d can't be computed, because records are missing", cp.Size)
		case root != cp.Root:
			a.fail(Finding{Check: Outside, Record: -1, Last: -1, Checkpoint: cp.Size, Where: "auditor", Remedy: askOperator,
				Text: fmt.Sprintf("checkpoint %d from outside is signed and of another history: the records below it were changed, or two ledgers are kept under one key", cp.Size)})
		}
	}
	if len(list) > 0 {
		a.pass(Outside, "what was brought from outside (%d) is of this history", len(list))
	}
}

// policyOf returns the policy that believes what a genesis record names.
func policyOf(e *record.Entry, hash tree.Hash) (*proof.Trust, error) {
	t := &proof.Trust{Genesis: hash}
	text := func(name string) string { v, _ := e.Open.Get(name); return v.Str }
	if f := text("format"); f != record.Format {
		return nil, fmt.Errorf("it is of another format than %s", record.Format)
	}
	t.Origin = text("origin")
	if err := tree.ValidOrigin(t.Origin); err != nil {
		return nil, err
	}
	vrf, ok := decode32(text("vrfKey"))
	if !ok {
		return nil, errors.New("its VRF key is not 32 bytes in base64")
	}
	t.VRF = vrf
	keys, _ := e.Open.Get("checkpointKeys")
	for _, k := range keys.Items {
		t.Keys = append(t.Keys, proof.TrustedKey{Key: k.Str})
	}
	if len(t.Keys) == 0 {
		return nil, errors.New("it names no checkpoint key")
	}
	// What can be written as a trust file and read again is a policy.
	return proof.ParseTrust(t.Bytes())
}

// A Log is the log of a ledger as C2SP tlog-tiles serves it, with no promise
// that what it answers is right.
type Log interface {
	// Checkpoint returns the newest signed checkpoint.
	Checkpoint(ctx context.Context) ([]byte, error)
	// HashTile returns the first width hashes of a tile, 32 bytes each.
	HashTile(ctx context.Context, level int, n int64, width int) ([]byte, error)
	// EntryBundle returns the first width entries of bundle n, each behind
	// its length in two bytes.
	EntryBundle(ctx context.Context, n int64, width int) ([]byte, error)
}
