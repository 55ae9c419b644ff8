// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/vault"
)

// pays appends n records of one file.
func (h *house) pays(from, n int) (last *ledger.Result) {
	h.t.Helper()
	for i := range n {
		last = h.append(document("payment.received", "file/A", fmt.Sprint("p-", from+i), payment(from+i), nil))
	}
	return last
}

func (h *house) rotate(overlap int64) ledger.Rotated {
	h.t.Helper()
	done, err := h.l.RotateCheckpoint(h.t.Context(), "", overlap)
	if err != nil {
		h.t.Fatal(err)
	}
	return done
}

// receipt completes the receipt of a record, under the newest checkpoint.
func (h *house) receipt(r *ledger.Result) *proof.Receipt {
	h.t.Helper()
	if err := h.l.AddProof(h.t.Context(), r.Receipt); err != nil {
		h.t.Fatal(err)
	}
	return r.Receipt
}

// evidence proves a record.
func (h *house) evidence(index int64) *proof.Evidence {
	h.t.Helper()
	e, err := h.l.Prove(h.t.Context(), index, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func (h *house) keysDir() string { return filepath.Join(h.dir, "keys") }

func verdict(t *testing.T, trust *proof.Trust, e *proof.Evidence, want proof.Verdict, says string) {
	t.Helper()
	r := proof.Verify(trust, e)
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if r.Verdict != want || !strings.Contains(b.String(), says) {
		t.Errorf("want %v and %q, got:\n%s", want, says, b.String())
	}
}

// A ledger changes its key twice. Who has the old trust file goes on while both
// keys sign; then what it covers is as valid as ever, and of what came later it is
// told whose key that is. Who has the new one sees no difference.
func TestRotateCheckpoint(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	old := h.l.Trust()
	before := h.pays(0, 2)
	early, receipts := h.evidence(before.Receipt.Index), []*proof.Receipt{h.receipt(before)}

	first := h.rotate(3)
	if first.Until != first.Index+4 || len(first.Retired) != 1 || first.Retired[0] != old.Keys[0].Key {
		t.Errorf("the rotation says %+v", first)
	}
	if !strings.Contains(string(h.l.Head().Note), "— ") || strings.Count(string(h.l.Head().Note), "\n— ") != 2 {
		t.Errorf("the checkpoint that covers the record is not signed by both:\n%s", h.l.Head().Note)
	}
	verdict(t, old, h.evidence(first.Index), proof.Valid, "")
	during := h.pays(2, 1)
	verdict(t, old, h.evidence(during.Receipt.Index), proof.Valid, "")
	receipts = append(receipts, h.receipt(during))

	h.reopen()
	after := h.pays(3, 4)
	if strings.Count(string(h.l.Head().Note), "\n— ") != 1 {
		t.Errorf("the old key signs on:\n%s", h.l.Head().Note)
	}
	now := h.l.Trust()
	across := []*proof.Evidence{early, h.evidence(before.Receipt.Index), h.evidence(first.Index), h.evidence(during.Receipt.Index), h.evidence(after.Receipt.Index)}
	for i, e := range across {
		verdict(t, now, e, proof.Valid, "")
		if i > 0 {
			verdict(t, old, e, proof.Incomplete, fmt.Sprintf("record %d announces that key", first.Index))
		}
	}
	verdict(t, old, early, proof.Valid, "")
	for _, r := range receipts {
		for _, trust := range []*proof.Trust{old, now} {
			if report := proof.VerifyReceipt(trust, r, nil); report.Verdict != proof.Valid {
				t.Errorf("a receipt of record %d under a trust file of %d keys is %v", r.Index, len(trust.Keys), report.Verdict)
			}
		}
	}
	// A trust file follows by the evidence alone.
	if followed, _ := old.Announced(across[4].Records); string(followed.Bytes()) != string(now.Bytes()) {
		t.Errorf("the old trust file becomes\n%s, want\n%s", followed.Bytes(), now.Bytes())
	}

	second := h.rotate(0)
	if second.Until != second.Index+1 {
		t.Errorf("an overlap of nothing ends at %d, and the record is %d", second.Until, second.Index)
	}
	h.pays(7, 2)
	verdict(t, old, h.evidence(after.Receipt.Index), proof.Incomplete, fmt.Sprintf("record %d announces that key", second.Index))
	verdict(t, h.l.Trust(), h.evidence(0), proof.Valid, "")
	if written, err := os.ReadFile(filepath.Join(h.dir, "trust.json")); err != nil || string(written) != string(h.l.Trust().Bytes()) {
		t.Errorf("the trust file in the directory is not the newest: %v\n%s", err, written)
	}

	// What is over can be destroyed.
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(h.keysDir(), "checkpoint.key")); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); err != nil {
		t.Fatal(err)
	}
	states := map[ledger.KeyState]int{}
	for _, k := range h.l.OwnKeys() {
		states[k.State]++
	}
	if states[ledger.KeyOver] != 2 || states[ledger.KeyInUse] != 4 {
		t.Errorf("the keys are %v", states)
	}
	h.start()
	h.pays(9, 1)

	// Who audits under the old trust file is told too.
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	for trust, want := range map[*proof.Trust]proof.Verdict{old: proof.Incomplete, nil: proof.Valid, now: proof.Incomplete} {
		report, err := fsck.Disk(t.Context(), ledgertest.Parts(t, h.dir), fsck.Options{Deep: true, Trust: trust})
		if err != nil || report.Verdict != want {
			t.Errorf("an audit under a trust file of %v keys is %v, want %v: %v", trust, report.Verdict, want, err)
		}
	}
	h.run()
}

// Every durable step of a rotation fails once, done or not. The ledger has the old
// key alone or both, and rotating again goes on.
func TestEveryStepOfARotationFailsOnce(t *testing.T) {
	steps := append([]string{"key"}, ledger.Steps[1:]...)
	for _, step := range steps {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s done=%v", step, done), func(t *testing.T) {
				h := newHouse(t, ledger.CreateOptions{})
				h.pays(0, 2)
				if err := h.close(); err != nil {
					t.Fatal(err)
				}
				if err := h.open(); err != nil {
					t.Fatal(err)
				}
				f := &fault{step: step, done: done}
				h.l.OnStep(f.do)
				f.armed.Store(true)
				h.start()
				if _, err := h.l.RotateCheckpoint(t.Context(), "", 2); err == nil || f.hit.Load() != 1 {
					t.Fatalf("the rotation ends with %v, and the fault was hit %d times", err, f.hit.Load())
				}
				if err := h.close(); err != nil && !errors.Is(err, errInjected) {
					t.Fatal(err)
				}
				h.run()
				announced := len(h.l.KeyRecords())
				want := 0
				if step != "key" && step != "sign" && (done || step != "store") {
					want = 1 // it had been committed
				}
				if announced != want {
					t.Errorf("%d keys are announced, want %d", announced, want)
				}
				h.pays(2, 1)
				again := h.rotate(2)
				if got := len(h.l.KeyRecords()); got != want+1 {
					t.Errorf("%d keys are announced in the end, want %d", got, want+1)
				}
				if files, err := filepath.Glob(filepath.Join(h.keysDir(), "checkpoint*")); err != nil || len(files) != want+2 {
					t.Errorf("%d files of keys, want %d: a key that was made and not announced is to be taken", len(files), want+2)
				}
				h.pays(3, 4)
				verdict(t, h.l.Trust(), h.evidence(again.Index), proof.Valid, "")
				h.reopen()
			})
		}
	}
}

// A key that somebody put into the directory of keys signs nothing that opens, and
// one that was removed too early is missed.
func TestKeysOfStrangers(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	h.pays(0, 1)
	done := h.rotate(0)
	h.pays(1, 1)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	newest := filepath.Join(h.keysDir(), done.File)
	held, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(newest); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); err == nil || !strings.Contains(err.Error(), "no signature of a known key") {
		t.Errorf("without its key the ledger opens: %v", err)
	}
	if err := os.WriteFile(newest, held, 0o600); err != nil {
		t.Fatal(err)
	}

	// Whoever can write all of the directory signs its newest checkpoint with a key
	// of their own.
	stranger, err := vault.NewCheckpointKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := vault.ReadKeys(h.keysDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.AddCheckpoint(stranger); err != nil {
		t.Fatal(err)
	}
	head := filepath.Join(h.dir, "head", "checkpoint")
	signed, err := os.ReadFile(head)
	if err != nil {
		t.Fatal(err)
	}
	trust := &proof.Trust{Origin: origin, Keys: []proof.TrustedKey{{Key: done.Key}}}
	cp, err := trust.OpenCheckpoint(signed)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := cp.Sign(stranger)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(head, forged, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); err == nil || !strings.Contains(err.Error(), "that no record announces") {
		t.Errorf("a checkpoint under a key that nobody announced opens: %v", err)
	}
	if err := errors.Join(os.WriteFile(head, signed, 0o600), os.Remove(filepath.Join(h.keysDir(), stranger.File))); err != nil {
		t.Fatal(err)
	}
	h.run()
}

// The vault is encrypted under another key, wherever that is interrupted.
func TestRotateVault(t *testing.T) {
	read := func(h *house) (key string, files []string) {
		h.t.Helper()
		b, err := os.ReadFile(filepath.Join(h.keysDir(), "vault.key"))
		if err != nil {
			h.t.Fatal(err)
		}
		names, err := filepath.Glob(filepath.Join(h.dir, "vault", "*.vault"))
		if err != nil || len(names) == 0 {
			h.t.Fatalf("there is no vault: %v", err)
		}
		for _, name := range names {
			v, err := os.ReadFile(name)
			if err != nil {
				h.t.Fatal(err)
			}
			files = append(files, string(v))
		}
		return string(b), files
	}
	for _, step := range []string{"", vault.StepNext, "sign", "store", "mirror", "head", vault.StepRewrap, vault.StepDone} {
		for _, done := range []bool{false, true} {
			if step == "" && done {
				continue
			}
			t.Run(fmt.Sprintf("%s done=%v", step, done), func(t *testing.T) {
				h := newHouse(t, ledger.CreateOptions{})
				before := h.pays(0, 2)
				if err := h.close(); err != nil {
					t.Fatal(err)
				}
				key, files := read(h)
				if err := h.open(); err != nil {
					t.Fatal(err)
				}
				if step != "" {
					f := &fault{step: step, done: done}
					h.l.OnStep(f.do)
					f.armed.Store(true)
					h.start()
					if _, err := h.l.RotateVault(t.Context(), ledger.Custody{}); err == nil || f.hit.Load() != 1 {
						t.Fatalf("the rotation ends with %v, and the fault was hit %d times", err, f.hit.Load())
					}
					if err := h.close(); err != nil && !errors.Is(err, errInjected) {
						t.Fatal(err)
					}
					if err := h.open(); err != nil {
						t.Fatal(err)
					}
				}
				h.start()
				h.pays(2, 1)
				rotated, err := h.l.RotateVault(t.Context(), ledger.Custody{})
				if err != nil {
					t.Fatal(err)
				}
				records := h.l.KeyRecords()
				if !slices.Contains(records, ledger.KeyRecord{Index: rotated.Index, Purpose: "vault", Key: rotated.Key}) {
					t.Errorf("the records %v do not name the key", records)
				}
				h.pays(3, 1)
				h.reopen()
				if r, err := h.l.Record(t.Context(), before.Receipt.Index); err != nil || r.Schema == nil {
					t.Errorf("a record from before does not open: %v", err)
				}
				again, now := read(h)
				if again == key || slices.Equal(files, now) {
					t.Error("the key or the vault is as it was")
				}
				if _, err := os.Lstat(filepath.Join(h.keysDir(), "vault.next.key")); err == nil {
					t.Error("the next key is still there")
				}
			})
		}
	}
}
