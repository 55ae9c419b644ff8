// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/tree"
)

var errInjected = errors.New("injected")

// A fault makes the next performance of a step fail.
type fault struct {
	step  string
	done  bool // the step is done all the same
	armed atomic.Bool
	hit   atomic.Int64
}

func (f *fault) do(step string, perform func() error) error {
	if step != f.step || !f.armed.CompareAndSwap(true, false) {
		return perform()
	}
	f.hit.Add(1)
	if f.done {
		if err := perform(); err != nil {
			return err
		}
	}
	return errInjected
}

// Every durable step of a commit fails once, done or not. What was
// acknowledged before is there afterwards, what was not is there whole or not
// at all, and sending it again is always right.
func TestEveryStepFailsOnce(t *testing.T) {
	for _, step := range ledger.Steps[1:] {
		for _, done := range []bool{false, true} {
			for _, batch := range []int{1, 40} {
				t.Run(fmt.Sprintf("%s done=%v batch=%d", step, done, batch), func(t *testing.T) {
					h := newHouse(t, ledger.CreateOptions{})
					var docs [][]byte
					var acknowledged []*ledger.Result
					for i := range 10 {
						docs = append(docs, document("payment.received", fmt.Sprintf("file/%d", i%3), fmt.Sprint(i), payment(i), nil))
						acknowledged = append(acknowledged, h.append(docs[i]))
					}
					if err := h.close(); err != nil {
						t.Fatal(err)
					}
					before := tornBatch(t, h, &fault{step: step, done: done}, batch)

					if err := h.open(); err != nil {
						t.Fatal(err)
					}
					after := h.l.Head()
					p, err := h.l.ConsistencyProof(t.Context(), before.Size, after.Size)
					if err != nil {
						t.Fatal(err)
					}
					if err := tree.VerifyConsistency(p, before.Size, after.Size, before.Root, after.Root); err != nil {
						t.Fatal(err)
					}
					h.start()
					for i, r := range acknowledged {
						again := h.append(docs[i])
						if !again.Repeated || again.Receipt.Index != r.Receipt.Index || !bytes.Equal(again.Receipt.Entry, r.Receipt.Entry) {
							t.Fatalf("event %d is not where its receipt says", i)
						}
					}
					// All of the batch or nothing of it.
					repeated := 0
					for i := range batch {
						if h.append(torn(i)).Repeated {
							repeated++
						}
					}
					want := 0
					if step != ledger.Steps[1] && (done || step != ledger.Steps[2]) {
						want = batch // it had been committed
					}
					if repeated != want {
						t.Errorf("%d of the %d records of the torn batch are there, want %d", repeated, batch, want)
					}
				})
			}
		}
	}
}

func torn(i int) []byte {
	return document("payment.received", fmt.Sprintf("file/new-%d", i%5), fmt.Sprint("torn-", i), payment(i), nil)
}

// tornBatch opens the ledger, commits one batch during which the fault hits,
// and closes it. It returns the head before.
func tornBatch(t *testing.T, h *house, f *fault, batch int) ledger.Head {
	t.Helper()
	if err := h.open(); err != nil {
		t.Fatal(err)
	}
	h.l.OnStep(f.do)
	before := h.l.Head()
	var pending []*ledger.Pending
	for i := range batch {
		p, err := h.l.Enqueue(t.Context(), h.event(torn(i)), "key-1")
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
	}
	f.armed.Store(true)
	h.start()
	for i, p := range pending {
		_, err := p.Wait(t.Context())
		want := ledger.ErrStopped
		if f.step == ledger.Steps[1] {
			want = ledger.ErrSigner
		}
		if !errors.Is(err, want) {
			t.Fatalf("event %d of the batch: %v, want %v", i, err, want)
		}
	}
	if f.hit.Load() != 1 {
		t.Fatalf("the fault was hit %d times", f.hit.Load())
	}
	if head := h.l.Head(); head.Size != before.Size {
		t.Errorf("the torn batch was published: %d records after %d", head.Size, before.Size)
	}
	if f.step == ledger.Steps[1] {
		// A signer that was down fails the batch and nothing else.
		if err := h.l.Writable(); err != nil {
			t.Errorf("a failed signature stopped the ledger: %v", err)
		}
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
		return before
	}
	if err := h.l.Writable(); err == nil {
		t.Error("a ledger with an unknown outcome takes appends")
	}
	if err := h.close(); !errors.Is(err, errInjected) {
		t.Errorf("the ledger ended with %v", err)
	}
	return before
}

// New bucket keys are needed every 16,384 parties. When they cannot be
// written, the event that needs them is refused, and the next try succeeds.
func TestVaultFails(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); err != nil {
		t.Fatal(err)
	}
	var fails, done atomic.Bool
	h.l.OnStep(func(step string, perform func() error) error {
		if step != ledger.Steps[0] || !fails.Load() {
			return perform()
		}
		if done.Load() {
			if err := perform(); err != nil {
				return err
			}
		}
		return errInjected
	})
	h.start()
	h.append(document("payment.received", "file/A", "first", payment(1), nil))
	fails.Store(true)
	refused := 0
	var pending []*ledger.Pending
	for i := 0; refused < 2; i++ {
		if i > 1<<15 {
			t.Fatal("no new bucket keys were needed")
		}
		ev := h.event(document("payment.received", "file/A", fmt.Sprint(i), payment(i), map[string]any{"party": fmt.Sprint("p", i)}))
		p, err := h.l.Enqueue(t.Context(), ev, "key-1")
		if errors.Is(err, errInjected) {
			refused++
			done.Store(true)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
	}
	fails.Store(false)
	h.append(document("payment.received", "file/A", "last", payment(1), map[string]any{"party": "the last"}))
	for _, p := range pending {
		if _, err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.reopen()
	if r, err := h.l.Record(t.Context(), h.l.Head().Size-2); err != nil || len(r.Unreadable) > 0 {
		t.Errorf("the last record: %+v, %v", r, err)
	}
}

// Repair gives back a store that was lost, damaged or rolled back, and
// changes nothing when the mirror cannot.
func TestRepair(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, h *house, old string)
	}{
		{"lost", func(t *testing.T, h *house, _ string) { remove(t, h, "store") }},
		{"rolled back", func(t *testing.T, h *house, old string) { replace(t, h, "store", old) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, ledger.CreateOptions{})
			doc := func(i int) []byte {
				return document("payment.received", fmt.Sprintf("file/%d", i%3), fmt.Sprint(i), payment(i), nil)
			}
			var results []*ledger.Result
			for i := range 20 {
				results = append(results, h.append(doc(i)))
				if i == 10 {
					h.reopen()
				}
			}
			if err := h.close(); err != nil {
				t.Fatal(err)
			}
			old := snapshot(t, h, "store")
			h.run()
			var docs [][]byte
			for i := range 700 {
				docs = append(docs, doc(i))
			}
			results = append(results, h.appendAll(docs[20:]...)...)
			head := h.l.Head()
			if err := h.close(); err != nil {
				t.Fatal(err)
			}
			tt.damage(t, h, old)
			if err := h.open(); err == nil {
				t.Fatal("the broken ledger opened")
			}
			done, err := ledger.Repair(t.Context(), h.dir, ledger.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if done.Size < head.Size {
				t.Errorf("repaired %d of %d records", done.Size, head.Size)
			}
			h.run()
			for i, again := range h.appendAll(docs...) {
				if r := results[i]; !again.Repeated || again.Receipt.Index != r.Receipt.Index {
					t.Fatalf("event %d is not where its receipt says", i)
				}
			}
		})
	}
}

func TestRepairRefusesAShortMirror(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	h.append(document("payment.received", "file/A", "1", payment(1), nil))
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	short := snapshot(t, h, "mirror")
	h.run()
	h.append(document("payment.received", "file/A", "2", payment(2), nil))
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	replace(t, h, "mirror", short)
	if _, err := ledger.Repair(t.Context(), h.dir, ledger.Options{}); err == nil {
		t.Error("repaired from a mirror that lacks published records")
	}
	// The store is as it was, and opening completes the mirror from it.
	h.run()
	h.reopen()
}

// The mirror of another ledger, or of another history of this one, is refused
// before anything is added to it, by opening and by repair.
func TestForeignMirror(t *testing.T) {
	pay := func(h *house, from, to int) {
		for i := from; i < to; i++ {
			h.append(document("payment.received", "file/A", fmt.Sprint(i), payment(i), nil))
		}
	}
	h, other := newHouse(t, ledger.CreateOptions{}), newHouse(t, ledger.CreateOptions{})
	pay(h, 0, 5)
	pay(other, 0, 3)
	for _, x := range []*house{h, other} {
		if err := x.close(); err != nil {
			t.Fatal(err)
		}
	}
	own := snapshot(t, h, "mirror")
	for _, records := range []int{3, 20} { // a shorter and a longer one
		if records > 3 {
			other.run()
			pay(other, 3, records)
			if err := other.close(); err != nil {
				t.Fatal(err)
			}
		}
		foreign := snapshot(t, other, "mirror")
		replace(t, h, "mirror", foreign)
		if err := h.open(); err == nil || !strings.Contains(err.Error(), "not this ledger's") {
			t.Errorf("opened with the mirror of another ledger: %v", err)
		}
		if _, err := ledger.Repair(t.Context(), h.dir, ledger.Options{}); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("repaired from the mirror of another ledger: %v", err)
		}
		if got := snapshot(t, h, "mirror"); !sameFiles(t, got, foreign) {
			t.Error("the foreign mirror was changed")
		}
	}
	// Another history under the same keys.
	replace(t, h, "mirror", own)
	fork := &house{t: t, dir: filepath.Join(t.TempDir(), "fork")}
	if err := os.CopyFS(fork.dir, os.DirFS(h.dir)); err != nil {
		t.Fatal(err)
	}
	secrets, err := filepath.Glob(filepath.Join(fork.dir, "keys", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range secrets {
		if err := os.Chmod(name, 0o600); err != nil { // CopyFS lets others read
			t.Fatal(err)
		}
	}
	h.run()
	pay(h, 5, 10)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	own = snapshot(t, h, "mirror")
	fork.run()
	pay(fork, 7, 9)
	if err := fork.close(); err != nil {
		t.Fatal(err)
	}
	replace(t, h, "mirror", snapshot(t, fork, "mirror"))
	if err := h.open(); err == nil || !strings.Contains(err.Error(), "another history") {
		t.Errorf("opened with the mirror of a fork: %v", err)
	}
	replace(t, h, "mirror", own)
	h.run()
}

// A store that is ahead of its head file was committed but not published when
// the process ended; one that is behind it was rolled back; one beside it is
// a fork.
func TestHeadFileAgainstStore(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	h.append(document("payment.received", "file/A", "1", payment(1), nil))
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	oldStore, oldHead, oldMirror := snapshot(t, h, "store"), snapshot(t, h, "head"), snapshot(t, h, "mirror")
	h.run()
	h.append(document("payment.received", "file/A", "2", payment(2), nil))
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	newStore, newHead, newMirror := snapshot(t, h, "store"), snapshot(t, h, "head"), snapshot(t, h, "mirror")

	// Ahead: as after a crash between commit and head file.
	replace(t, h, "head", oldHead)
	h.run()
	h.reopen()
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	// Behind.
	replace(t, h, "store", oldStore)
	replace(t, h, "mirror", oldMirror)
	if err := h.open(); err == nil {
		t.Error("a store behind its head file opened")
	}
	// A fork: another history from the old state on, longer than the first.
	replace(t, h, "head", oldHead)
	h.run()
	for i := range 5 {
		h.append(document("payment.received", "file/A", fmt.Sprint("fork-", i), payment(i), nil))
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	replace(t, h, "head", newHead)
	if err := h.open(); err == nil {
		t.Error("a fork of the published history opened")
	}
	// Missing.
	remove(t, h, "head")
	if err := h.open(); err == nil {
		t.Error("opened without a head file")
	}
	replace(t, h, "store", newStore)
	replace(t, h, "mirror", newMirror)
	replace(t, h, "head", newHead)
	h.run()
}
