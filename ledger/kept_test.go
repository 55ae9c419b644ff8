// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/keeper/keepertest"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/vault"
)

// readable fails where a record's sealed members can't be read.
func (h *house) readable(index int64) {
	h.t.Helper()
	if r, err := h.l.Record(h.t.Context(), index); err != nil || len(r.Unreadable) > 0 || r.Schema == nil {
		h.t.Errorf("record %d can't be read: %v", index, err)
	}
}

// onDisk returns everything that lies in the directories of keys and vault.
func (h *house) onDisk() (all string) {
	h.t.Helper()
	for _, dir := range []string{h.keysDir(), filepath.Join(h.dir, "vault")} {
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			h.t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				h.t.Fatal(err)
			}
			all += filepath.Base(name) + "\n" + string(b)
		}
	}
	return all
}

// The vault's key is with a keeper, and nowhere in the ledger's directories. The
// keeper is told what for, once for each file of the vault, when the ledger is opened
// or audited; where it refuses, neither is done, nothing is lost, and what is open
// goes on.
func TestKeptVault(t *testing.T) {
	ward := keepertest.New(t)
	h := newHouse(t, ledger.CreateOptions{VaultCommand: ward.Command})
	first := h.pays(0, 2)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(filepath.Join(ward.Dir, "0001.key"))
	if err != nil || strings.Contains(h.onDisk(), strings.TrimSpace(string(secret))) {
		t.Errorf("the key lies in the ledger's directories: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(h.keysDir(), vault.VaultFile)); err == nil {
		t.Error("the ledger has a key of the vault of its own")
	}
	ward.Log()
	h.run()
	if log := ward.Log(); !slices.Equal(log, []string{"unwrap open 00000000.vault given"}) {
		t.Errorf("to open it the keeper wrote down %q", log)
	}
	ward.Behave(keepertest.Refuses)
	h.readable(first.Receipt.Index)
	h.pays(2, 2)
	if log := ward.Log(); len(log) != 0 {
		t.Errorf("for appends and reads the keeper was asked %q", log)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); !errors.Is(err, vault.ErrKeeper) || !strings.Contains(err.Error(), "says: not after five") {
		t.Fatalf("a ledger whose keeper refuses opens, or says %v", err)
	}
	report, err := fsck.Disk(t.Context(), ledgertest.Parts(t, h.dir), fsck.Options{Deep: true})
	if err != nil || report.Verdict != proof.Incomplete {
		t.Errorf("an audit whose keeper refuses is %v, want incomplete: %v", report.Verdict, err)
	}
	ward.Behave("")
	ward.Log()
	h.run()
	h.readable(first.Receipt.Index)
	h.pays(4, 1)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	ward.Log()
	report, err = fsck.Disk(t.Context(), ledgertest.Parts(t, h.dir), fsck.Options{Deep: true})
	if err != nil || report.Verdict != proof.Valid {
		t.Errorf("an audit is %v: %v", report.Verdict, err)
	}
	if log := ward.Log(); !slices.Equal(log, []string{"unwrap audit 00000000.vault given"}) {
		t.Errorf("to audit it the keeper wrote down %q", log)
	}
	h.run()
}

// Keys for new persons are made ahead. A keeper that refuses is noticed while there is
// room; then events of new persons are refused, those of others taken, and all are
// taken once it answers again.
func TestKeeperRefusesToGrow(t *testing.T) {
	ward := keepertest.New(t)
	h := newHouse(t, ledger.CreateOptions{VaultCommand: ward.Command})
	of := func(i int) []byte {
		return document("payment.received", "file/A", fmt.Sprint(i), payment(i), map[string]any{"party": fmt.Sprint("p", i)})
	}
	var pending []*ledger.Pending
	submit := func(i int) error {
		p, err := h.l.Enqueue(t.Context(), h.event(of(i)), "key-1")
		if err == nil {
			pending = append(pending, p)
		}
		return err
	}
	if err := submit(0); err != nil {
		t.Fatal(err)
	}
	ward.Behave(keepertest.Refuses)
	i := 1
	for ; ; i++ {
		if i > 1<<15 {
			t.Fatal("no new bucket keys were needed")
		}
		err := submit(i)
		if errors.Is(err, ledger.ErrKeeper) && strings.Contains(err.Error(), "not after five") {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if i < 16_000 {
		t.Errorf("event %d is refused", i)
	}
	h.append(document("payment.received", "file/A", "known", payment(1), map[string]any{"party": "p0"}))
	ward.Behave("")
	ward.Log()
	if err := submit(i); err != nil {
		t.Fatal(err)
	}
	if log := ward.Log(); !slices.Contains(log, "wrap grow 00000001.vault given") {
		t.Errorf("the keeper wrote down %q", log)
	}
	for _, p := range pending {
		if _, err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.reopen()
	h.readable(h.l.Head().Size - 2)
}

// restart opens the ledger again, with do performing its steps.
func (h *house) restart(do func(step string, f func() error) error) {
	h.t.Helper()
	if err := h.close(); err != nil {
		h.t.Fatal(err)
	}
	if err := h.open(); err != nil {
		h.t.Fatal(err)
	}
	h.l.OnStep(do)
	h.start()
}

// vaultKey returns what the ledger in a directory has for a key of its vault, and
// whether another one is taking over. It is not open.
func (h *house) vaultKey() (public string, ending bool) {
	h.t.Helper()
	keys, err := vault.ReadKeys(h.keysDir())
	if err != nil {
		h.t.Fatal(err)
	}
	if keys.VaultNext != nil {
		return "", true
	}
	return keys.Vault.Commitment(), false
}

// The vault's key goes to a keeper, to another key of it, to another keeper and back
// into a file, wherever each is interrupted. Events go on, and all records can be
// read.
func TestRotateToKeeper(t *testing.T) {
	steps := []string{"", vault.StepNext, "store", vault.StepRewrap, vault.StepGone, vault.StepDone}
	for _, step := range steps {
		for _, done := range []bool{false, true} {
			if step == "" && done {
				continue
			}
			t.Run(fmt.Sprintf("%s done=%v", step, done), func(t *testing.T) {
				first, second := keepertest.New(t), keepertest.New(t)
				h := newHouse(t, ledger.CreateOptions{})
				records := []int64{h.pays(0, 1).Receipt.Index}
				for i, move := range []struct {
					to   ledger.Custody
					file string
				}{
					{ledger.Custody{Command: first.Command}, "vault.command"},
					{ledger.Custody{}, "vault.command"}, // to its next key
					{ledger.Custody{Command: second.Command}, "vault.command"},
					{ledger.Custody{File: true}, "vault.key"},
				} {
					if i == 1 {
						first.Add()
					}
					before, _ := h.vaultKey()
					f := &fault{step: step, done: done}
					f.armed.Store(true)
					h.restart(f.do)
					_, err := h.l.RotateVault(t.Context(), move.to)
					if hit := f.hit.Load() == 1; hit != (err != nil) || !hit && step != "" && step != vault.StepGone {
						t.Fatalf("rotation %d ends with %v, and the fault was hit: %v", i, err, hit)
					}
					if err := h.close(); err != nil && !errors.Is(err, errInjected) {
						t.Fatal(err)
					}
					now, ending := h.vaultKey()
					h.run()
					records = append(records, h.pays(10+2*i, 1).Receipt.Index)
					if ending || now == before {
						if _, err := h.l.RotateVault(t.Context(), move.to); err != nil {
							t.Fatalf("rotation %d doesn't go on: %v", i, err)
						}
					}
					records = append(records, h.pays(11+2*i, 1).Receipt.Index)
					h.reopen()
					for _, index := range records {
						h.readable(index)
					}
					names, err := filepath.Glob(filepath.Join(h.keysDir(), "vault*"))
					if err != nil || len(names) != 1 || filepath.Base(names[0]) != move.file {
						t.Errorf("after rotation %d the files of the vault's key are %q: %v", i, names, err)
					}
					announced := h.l.KeyRecords()
					if now, _ := h.vaultKey(); len(announced) != i+1 || announced[i].Key != now {
						t.Errorf("after rotation %d the records of keys are %v, and the key is %s", i, announced, now)
					}
				}
			})
		}
	}
}

// A keeper that refuses in the middle of a rotation leaves a ledger that has both
// keys, and goes on with either.
func TestKeeperRefusesARotation(t *testing.T) {
	ward := keepertest.New(t)
	h := newHouse(t, ledger.CreateOptions{})
	record := h.pays(0, 1).Receipt.Index
	ward.Behave(keepertest.Refuses)
	before := h.onDisk()
	if _, err := h.l.RotateVault(t.Context(), ledger.Custody{Command: ward.Command}); err == nil || !strings.Contains(err.Error(), "not after five") {
		t.Fatalf("it goes to a keeper that refuses: %v", err)
	}
	if h.onDisk() != before || len(h.l.KeyRecords()) != 0 {
		t.Error("something was done")
	}
	ward.Behave("")
	h.restart(func(step string, f func() error) error {
		if step == vault.StepRewrap {
			ward.Behave(keepertest.Refuses)
		}
		return f()
	})
	if _, err := h.l.RotateVault(t.Context(), ledger.Custody{Command: ward.Command}); !errors.Is(err, vault.ErrKeeper) {
		t.Fatalf("a keeper that refuses has a file: %v", err)
	}
	h.pays(1, 1)
	h.reopen() // without its new keeper, which has nothing yet
	h.readable(record)
	if _, err := h.l.RotateVault(t.Context(), ledger.Custody{File: true}); err == nil || !strings.Contains(err.Error(), "has to be finished") {
		t.Errorf("another rotation begins before the one is finished: %v", err)
	}
	ward.Behave("")
	if _, err := h.l.RotateVault(t.Context(), ledger.Custody{}); err != nil {
		t.Fatal(err)
	}
	h.reopen()
	h.readable(record)
	if _, err := h.l.RotateVault(t.Context(), ledger.Custody{}); err == nil || !strings.Contains(err.Error(), "have whoever keeps it make another one") {
		t.Errorf("the same key takes over from itself: %v", err)
	}
	if n := len(h.l.KeyRecords()); n != 1 {
		t.Errorf("%d keys are announced, want 1", n)
	}
}

// A key that comes back to the keeper that had it before is announced again.
func TestKeyComesBack(t *testing.T) {
	ward := keepertest.New(t)
	h := newHouse(t, ledger.CreateOptions{VaultCommand: ward.Command})
	var indexes []int64
	for _, to := range []ledger.Custody{{File: true}, {Command: ward.Command}, {File: true}, {Command: ward.Command}} {
		done, err := h.l.RotateVault(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		indexes = append(indexes, done.Index)
	}
	if !slices.IsSorted(indexes) || len(slices.Compact(slices.Clone(indexes))) != 4 {
		t.Errorf("the records are %v", indexes)
	}
	h.reopen()
}

// Keys of both sorts are rotated while events come in from many sides, of new persons
// and of others. None is refused, every receipt holds, and evidence from before,
// between and after is VALID.
func TestRotateUnderLoad(t *testing.T) {
	ward := keepertest.New(t)
	h := newHouse(t, ledger.CreateOptions{})
	stop := make(chan struct{})
	var submitters sync.WaitGroup
	var count atomic.Int64
	receipts := make([][]*proof.Receipt, 4)
	for k := range receipts {
		submitters.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				doc := document("payment.received", fmt.Sprintf("file/%d", k), fmt.Sprintf("%d-%d", k, i), payment(i), map[string]any{"party": fmt.Sprintf("p-%d-%d", k, i/2)})
				ev, err := record.ParseEvent(doc, h.l.Catalogue())
				if err != nil {
					t.Error(err)
					return
				}
				r, err := h.l.Append(t.Context(), ev, "key-1")
				if err != nil {
					t.Errorf("event %d of %d is refused: %v", i, k, err)
					return
				}
				receipts[k] = append(receipts[k], r.Receipt)
				count.Add(1)
			}
		})
	}
	// more waits until so many more events were taken, or none are any more.
	more := func(n int64) {
		for want := count.Load() + n; count.Load() < want && !t.Failed(); {
			head, newer := h.l.Watch()
			if head.Size >= 1<<20 {
				t.Error("events are without end")
			}
			select {
			case <-newer:
			case <-t.Context().Done():
				t.Fatal("the test is over, and events are not")
			}
		}
	}
	more(20)
	var rotated []ledger.Rotated
	for _, rotate := range []func() (ledger.Rotated, error){
		func() (ledger.Rotated, error) { return h.l.RotateCheckpoint(t.Context(), "", 10) },
		func() (ledger.Rotated, error) {
			return h.l.RotateVault(t.Context(), ledger.Custody{Command: ward.Command})
		},
		func() (ledger.Rotated, error) { return h.l.RotateCheckpoint(t.Context(), "", 0) },
		func() (ledger.Rotated, error) { return h.l.RotateVault(t.Context(), ledger.Custody{File: true}) },
	} {
		done, err := rotate()
		if err != nil {
			t.Error(err)
			break
		}
		rotated = append(rotated, done)
		more(20)
	}
	close(stop)
	submitters.Wait()
	trust := h.l.Trust()
	for _, list := range receipts {
		for i, r := range list {
			if i%5 != 0 {
				continue
			}
			if report := proof.VerifyReceipt(trust, h.receipt(&ledger.Result{Receipt: r}), nil); report.Verdict != proof.Valid {
				t.Errorf("the receipt of record %d is %v", r.Index, report.Verdict)
			}
			verdict(t, trust, h.evidence(r.Index), proof.Valid, "")
			h.readable(r.Index)
		}
	}
	h.reopen()
	for _, done := range rotated {
		verdict(t, trust, h.evidence(done.Index), proof.Valid, "")
	}
}
