// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// An Attack is one way to tamper with a ledger, and what caught it.
type Attack struct {
	Name     string   `json:"name"`
	CaughtBy []Caught `json:"caughtBy"`
}

// Caught is what a check returned.
type Caught struct {
	By         string `json:"by"` // opening, reading, audit, checkpoint or receipt
	Check      string `json:"check,omitempty"`
	Record     *int64 `json:"record,omitempty"`
	Subject    string `json:"subject,omitempty"`
	Checkpoint int64  `json:"checkpoint,omitempty"` // the first signed one that covers the record
	Text       string `json:"text"`
}

// The attacks.
const (
	changed    = "changed"
	deleted    = "deleted"
	rolledBack = "rolled-back"
	forked     = "forked"
)

// attack tampers with copies of the ledger.
func (s *story) attack(ctx context.Context) error {
	s.chapter("6. Four attacks by somebody who owns the machine, each on a copy of the ledger")
	for _, a := range []struct {
		name, what string
		do         func(ctx context.Context, a *Attack, dir string) error
	}{
		{changed, fmt.Sprintf("One byte of record %d is changed: June becomes July.", s.Record), s.change},
		{deleted, fmt.Sprintf("Record %d is deleted; those after it move up.", s.Record), s.remove},
		{rolledBack, fmt.Sprintf("An older copy of the database is put back, with the first %d of %d lines.", half, s.Rows), s.rollBack},
		{forked, "With all keys another history is signed (a fork), in which the client was one month late.", s.fork},
	} {
		attack := &Attack{Name: a.name}
		s.Attacks = append(s.Attacks, attack)
		s.Printf("%s%d. %s\n", margin, len(s.Attacks), a.what)
		if err := a.do(ctx, attack, s.path(attacksDir, a.name)); err != nil {
			return fmt.Errorf("the attack %q: %w", a.name, err)
		}
	}
	return nil
}

// errUncaught means that lendlog does not do what it is for.
var errUncaught = errors.New("it was not caught")

// change edits the database with its own tools.
func (s *story) change(ctx context.Context, a *Attack, dir string) error {
	edit := func(entry []byte) []byte {
		return bytes.Replace(entry, []byte(`"time":"2005-06`), []byte(`"time":"2005-07`), 1)
	}
	if err := s.edit(dir, edit); err != nil {
		return err
	}
	return s.named(ctx, a, dir)
}

func (s *story) remove(ctx context.Context, a *Attack, dir string) error {
	if err := s.edit(dir, func([]byte) []byte { return nil }); err != nil {
		return err
	}
	return s.named(ctx, a, dir)
}

func (s *story) edit(dir string, edit func(entry []byte) []byte) (err error) {
	if err := copyTree(dir, s.path(ledgerDir)); err != nil {
		return err
	}
	raw, err := store.OpenRaw(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	edited := false
	err = raw.EditEntry(s.Record, func(entry []byte) []byte {
		now := edit(bytes.Clone(entry))
		edited = !bytes.Equal(now, entry)
		return now
	})
	if err == nil && !edited {
		err = errors.New("nothing was edited")
	}
	return err
}

// named wants whoever reads the record to be refused, and the audit to name
// it.
func (s *story) named(ctx context.Context, a *Attack, dir string) error {
	if err := s.reading(ctx, a, dir, fmt.Sprintf("record %d was altered", s.Record)); err != nil {
		return err
	}
	return s.audited(ctx, a, dir, nil, func(f fsck.Finding) bool {
		return f.Record <= s.Record && s.Record <= f.Last && f.Subject == heroSubject && f.Checkpoint > 0
	})
}

func (s *story) rollBack(ctx context.Context, a *Attack, dir string) error {
	if err := copyTree(dir, s.path(ledgerDir)); err != nil {
		return err
	}
	if err := replaceTree(filepath.Join(dir, "store"), s.path(olderDir, "store")); err != nil {
		return err
	}
	if err := s.opening(ctx, a, dir, "it was rolled back"); err != nil {
		return err
	}
	return s.audited(ctx, a, dir, nil, func(f fsck.Finding) bool { return f.Check == fsck.HeadFile })
}

// fork continues the older copy, keys and all, with another content. First the
// true head file is kept, then it is replaced too.
func (s *story) fork(ctx context.Context, a *Attack, dir string) error {
	if err := copyTree(dir, s.path(olderDir)); err != nil {
		return err
	}
	if err := s.submit(ctx, dir, s.falsified()); err != nil {
		return err
	}
	kept := dir + "-true-head"
	if err := copyTree(kept, dir); err != nil {
		return err
	}
	if err := replaceTree(filepath.Join(kept, "head"), s.path(ledgerDir, "head")); err != nil {
		return err
	}
	if err := s.opening(ctx, a, kept, "it is a fork"); err != nil {
		return err
	}
	report, err := audit(ctx, dir, fsck.Options{Deep: true, Trust: s.trust})
	if err != nil {
		return err
	}
	s.Printf("%s\n", wrap(margin+margin, margin+margin, fmt.Sprintf(
		"Now the head file, which remembers the last checkpoint, is replaced too. The fork opens, and its own audit says %s. What is held outside gives it away:", report.Verdict)))
	if err := s.outside(ctx, a, dir); err != nil {
		return err
	}
	return s.audited(ctx, a, dir, [][]byte{s.checkpoint}, func(f fsck.Finding) bool { return f.Check == fsck.Outside })
}

// falsified are the events of the second half, one of them another than it was
// and one more than there were.
func (s *story) falsified() []event {
	var out []event
	for _, e := range s.events[s.middle:] {
		if isHero(e.document) {
			e.document = bytes.Replace(e.document, []byte(`"monthsPastDue":2`), []byte(`"monthsPastDue":1`), 1)
			more := bytes.Replace(e.document, []byte(heroID), []byte(heroID+"/again"), 1)
			out = append(out, event{e.row, more})
		}
		out = append(out, e)
	}
	return out
}

// outside holds a ledger against what somebody outside has: a checkpoint, which
// the ledger has to continue, and a receipt, whose record it has to hold.
func (s *story) outside(ctx context.Context, a *Attack, dir string) (err error) {
	l, err := ledger.Open(ctx, dir, ledger.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	held, err := s.trust.OpenCheckpoint(s.checkpoint)
	if err != nil {
		return err
	}
	head, err := s.trust.OpenCheckpoint(l.Head().Note) // the key is the true one
	if err != nil {
		return err
	}
	hashes, err := l.ConsistencyProof(ctx, held.Size, head.Size)
	if err != nil {
		return err
	}
	err = tree.VerifyConsistency(hashes, held.Size, head.Size, held.Root, head.Root)
	if err == nil {
		return errUncaught
	}
	s.caught(a, Caught{By: "checkpoint", Checkpoint: held.Size, Text: fmt.Sprintf("the fork's checkpoint %d can't be proved to continue checkpoint %d: %v", head.Size, held.Size, err)})
	if hashes, err = l.InclusionProof(ctx, s.Record, head.Size); err != nil {
		return err
	}
	err = tree.VerifyInclusion(hashes, s.Record, head.Size, tree.LeafHash(s.receipt.Entry), head.Root)
	if err == nil {
		return errUncaught
	}
	s.caught(a, Caught{By: "receipt", Record: &s.Record, Text: fmt.Sprintf("the fork can't prove the record that the receipt is of: %v", err)})
	return nil
}

// opening wants a ledger not to open, and to say so by name.
func (s *story) opening(ctx context.Context, a *Attack, dir, name string) error {
	l, err := ledger.Open(ctx, dir, ledger.Options{})
	if err == nil {
		return errors.Join(errUncaught, l.Close())
	}
	return s.byName(a, "opening", err, name)
}

// reading wants a ledger that may open not to hand out the record, and to say
// so by name.
func (s *story) reading(ctx context.Context, a *Attack, dir, name string) error {
	l, err := ledger.Open(ctx, dir, ledger.Options{})
	if err != nil {
		return err
	}
	_, err = l.Record(ctx, s.Record)
	if closing := l.Close(); err == nil || closing != nil {
		return errors.Join(errUncaught, closing)
	}
	return s.byName(a, "reading", err, name)
}

func (s *story) byName(a *Attack, by string, err error, name string) error {
	if !strings.Contains(err.Error(), name) {
		return fmt.Errorf("%w by name: %w", errUncaught, err)
	}
	s.caught(a, Caught{By: by, Text: err.Error()})
	return nil
}

// audited wants the deep audit of a ledger to have such a finding.
func (s *story) audited(ctx context.Context, a *Attack, dir string, checkpoints [][]byte, such func(fsck.Finding) bool) error {
	report, err := audit(ctx, dir, fsck.Options{Deep: true, Trust: s.trust, Checkpoints: checkpoints})
	if err != nil {
		return err
	}
	for _, f := range report.Findings {
		if such(f) && report.Verdict == proof.Invalid {
			c := Caught{By: "audit", Check: f.Check, Subject: f.Subject, Checkpoint: f.Checkpoint, Text: f.Text}
			if f.Record >= 0 {
				c.Record = &f.Record
			}
			s.caught(a, c)
			return nil
		}
	}
	return errUncaught
}

func audit(ctx context.Context, dir string, o fsck.Options) (*fsck.Report, error) {
	_, p, err := ledger.Locate(dir)
	if err != nil {
		return nil, err
	}
	return fsck.Disk(ctx, fsck.Parts{Store: p.Store, Keys: p.Keys, Vault: p.Vault, Head: p.Head, Mirror: p.Mirror}, o)
}

// caught takes down and prints what a check returned.
func (s *story) caught(a *Attack, c Caught) {
	a.CaughtBy = append(a.CaughtBy, c)
	text := strings.TrimSuffix(c.Text, ": "+ledger.ErrDamaged.Error()) // the remedy, the same each time
	if c.By == "audit" && c.Subject != "" {
		text = fmt.Sprintf("record %d of %s, first bad checkpoint %s: %s", *c.Record, c.Subject, console.Count(c.Checkpoint), text)
	}
	s.say(c.By, "%s", text)
}

// repair mends the ledger whose record was changed.
func (s *story) repair(ctx context.Context) error {
	dir := s.path(attacksDir, changed)
	done, err := ledger.Repair(ctx, dir, ledger.Options{})
	if err != nil {
		return err
	}
	report, err := audit(ctx, dir, fsck.Options{Deep: true, Trust: s.trust, Checkpoints: [][]byte{s.checkpoint}})
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, dir, ledger.Options{})
	if err != nil {
		return err
	}
	r, err := l.Record(ctx, s.Record)
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	s.Repaired = report.Verdict == proof.Valid && bytes.Equal(r.Entry, s.receipt.Entry)
	if !s.Repaired {
		return fmt.Errorf("the repaired ledger is %s", report.Verdict)
	}
	if _, err := os.Stat(done.Damaged); err != nil {
		return err
	}
	s.chapter("7. The first of these is repaired from the mirror, a second copy that is not believed either")
	s.tell("All %s records were derived again and reach the published checkpoint, hash for hash. The ledger opens, its audit says %s, record %d is the one of the receipt, and the damaged database is kept for whoever investigates.",
		console.Count(done.Size), report.Verdict, s.Record)
	return nil
}
