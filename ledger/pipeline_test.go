// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// A gate holds the writer up at a step, once, until it is opened, and then lets the
// fault have its way.
type gate struct {
	fault
	at      string
	held    atomic.Bool
	reached atomic.Bool
	signed  atomic.Int64  // signatures that were asked for
	more    chan struct{} // closed once something waits behind the first batch
	opened  chan struct{}
	open    func()
}

func newGate(at string) *gate {
	g := &gate{at: at, more: make(chan struct{}), opened: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	return g
}

func (g *gate) do(step string, perform func() error) error {
	if step == "sign" && g.signed.Add(1) == 1 {
		<-g.more
	}
	if step == g.at && g.held.CompareAndSwap(false, true) {
		g.reached.Store(true)
		<-g.opened
	}
	return g.fault.do(step, perform)
}

var second = document("payment.received", "file/new-0", "second", payment(2), nil)

// heldUp returns a ledger with some records, an event that is held up at the gate, and
// the second one, which is in the batch behind.
func heldUp(t *testing.T, g *gate) (h *house, held, behind *ledger.Pending) {
	t.Helper()
	h = newHouse(t, ledger.CreateOptions{})
	more := sync.OnceFunc(func() { close(g.more) })
	t.Cleanup(func() { more(); g.open() }) // or a test that fails could not close the ledger
	h.append(document("payment.received", "file/new-0", "before", payment(1), nil))
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); err != nil {
		t.Fatal(err)
	}
	h.l.OnStep(g.do)
	h.start()
	held = h.enqueue(torn(0))
	ledgertest.Until(t, "the event is to be signed", func() bool { return g.signed.Load() == 1 })
	behind = h.enqueue(second)
	more()
	ledgertest.Until(t, "the event is at the step "+g.at, g.reached.Load)
	return h, held, behind
}

func (h *house) enqueue(doc []byte) *ledger.Pending {
	h.t.Helper()
	p, err := h.l.Enqueue(h.t.Context(), h.event(doc), "key-1")
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// behind submits torn events behind the two of heldUp, and waits until as many of them
// as go into a batch with the second are numbered; a full batch is signed as well.
func (h *house) behind(g *gate, count int) (pending []*ledger.Pending) {
	h.t.Helper()
	signed := g.signed.Load()
	for i := range count {
		pending = append(pending, h.enqueue(torn(1+i)))
	}
	if count+1 >= ledger.BatchRecords {
		signed++
	}
	ledgertest.Until(h.t, "the next batch is prepared", func() bool {
		return h.l.Queued() == max(0, count+1-ledger.BatchRecords) && g.signed.Load() == signed
	})
	return pending
}

// Where the outcome of a batch is unknown nothing behind it is written, however far it
// is: numbered, or signed.
func TestWriteFailsWithABatchBehind(t *testing.T) {
	for _, step := range ledger.Steps[2:] {
		for _, done := range []bool{false, true} {
			for _, count := range []int{5, ledger.BatchRecords + 3} {
				t.Run(fmt.Sprintf("%s done=%v behind=%d", step, done, count), func(t *testing.T) {
					g := newGate(step)
					g.fault.step, g.fault.done = step, done
					g.armed.Store(true)
					h, first, behind := heldUp(t, g)
					before := h.l.Head()
					pending := append(h.behind(g, count), first, behind)
					if count < ledger.BatchRecords {
						pending = append(pending, h.enqueue(torn(0)))
					}
					asked := make(chan error, 2)
					go func() {
						_, err := h.l.ProveSubject(context.Background(), "file", "new-0", nil)
						asked <- err
					}()
					go func() {
						_, err := h.l.RotateCheckpoint(context.Background(), "", 0)
						asked <- err
					}()
					g.open()
					for i, p := range pending {
						if _, err := p.Wait(t.Context()); !errors.Is(err, ledger.ErrStopped) {
							t.Fatalf("event %d: %v, want %v", i, err, ledger.ErrStopped)
						}
					}
					for range 2 {
						if err := <-asked; !errors.Is(err, ledger.ErrStopped) {
							t.Errorf("a question, or another key: %v, want %v", err, ledger.ErrStopped)
						}
					}
					if head := h.l.Head(); head.Size != before.Size {
						t.Errorf("%d records are published, want %d", head.Size, before.Size)
					}
					if err := h.l.Writable(); err == nil {
						t.Error("a ledger with an unknown outcome takes appends")
					}
					if err := h.close(); !errors.Is(err, errInjected) {
						t.Fatalf("the ledger ended with %v", err)
					}
					h.run()
					size := before.Size
					if step != "store" || done {
						size++ // the first batch had been committed
					}
					if head := h.l.Head(); head.Size != size {
						t.Errorf("opened again it has %d records, want %d", head.Size, size)
					}
					if again := h.append(torn(0)); again.Repeated != (size > before.Size) {
						t.Errorf("the first event is a repeat: %v", again.Repeated)
					}
					docs := [][]byte{second} // and of the first and the last behind it
					for i := 1; i <= count; i++ {
						if i <= 20 || i > count-20 {
							docs = append(docs, torn(i))
						}
					}
					for i, r := range h.appendAll(docs...) {
						if r.Repeated {
							t.Fatalf("an event behind the batch that failed is there: %s", docs[i])
						}
					}
				})
			}
		}
	}
}

// A batch that cannot be signed fails alone: the one before it, which is being written,
// is published, and the next one follows that.
func TestSigningFailsBehindAWrite(t *testing.T) {
	for _, done := range []bool{false, true} {
		t.Run(fmt.Sprintf("done=%v", done), func(t *testing.T) {
			g := newGate("store")
			g.fault.step, g.fault.done = "sign", done
			h, first, behind := heldUp(t, g)
			before := h.l.Head()
			held, _ := h.l.Keys()
			g.armed.Store(true)
			for i, p := range append(h.behind(g, ledger.BatchRecords-1), behind) {
				if _, err := p.Wait(t.Context()); !errors.Is(err, ledger.ErrSigner) {
					t.Fatalf("event %d: %v, want %v", i, err, ledger.ErrSigner)
				}
			}
			if first.Done() || h.l.Head().Size != before.Size {
				t.Error("the batch before it was published by that")
			}
			if now, _ := h.l.Keys(); now != held {
				t.Errorf("%d keys are held, want %d: nobody has those of the batch that failed", now, held)
			}
			if err := h.l.Writable(); err != nil {
				t.Errorf("a failed signature stopped the ledger: %v", err)
			}
			g.open()
			r, err := first.Wait(t.Context())
			if err != nil || r.Receipt.Index != before.Size {
				t.Fatalf("the batch before it: %+v, %v", r, err)
			}
			h.checkReceipt(torn(0), r)
			for i := range 20 {
				if r := h.append(torn(i)); r.Repeated != (i == 0) {
					t.Errorf("event %d is a repeat: %v", i, r.Repeated)
				}
			}
			h.reopen()
		})
	}
}

// What rests on an event that is being written is answered once that is published, and
// until then nobody learns anything of it.
func TestRepeatOfAnEventInFlight(t *testing.T) {
	for _, step := range ledger.Steps[2:] {
		t.Run(step, func(t *testing.T) {
			g := newGate(step)
			h, first, behind := heldUp(t, g)
			before := h.l.Head()
			again := h.enqueue(torn(0))
			conflict := h.enqueue(document("payment.received", "file/new-1", "torn-0", payment(7), nil))
			after := h.enqueue(document("payment.received", "file/new-0", "after", payment(8), map[string]any{"causationid": "torn-0"}))
			ledgertest.Until(t, "the events behind it are taken", func() bool { return h.l.Queued() == 0 })
			asked := make(chan error, 1)
			go func() {
				e, err := h.l.ProveSubject(context.Background(), "file", "new-0", nil)
				if err == nil && len(e.Records) < 2 {
					err = fmt.Errorf("the evidence has %d records", len(e.Records))
				}
				asked <- err
			}()

			for i, p := range []*ledger.Pending{first, behind, again, conflict, after} {
				if p.Done() {
					t.Errorf("event %d was answered before the first is published", i)
				}
			}
			if head := h.l.Head(); head.Size != before.Size {
				t.Errorf("%d records are published, want %d", head.Size, before.Size)
			}
			if _, err := h.l.Record(t.Context(), before.Size); !errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("the record that is being written can be read: %v", err)
			}
			if line, err := h.l.Timeline(t.Context(), "file", "new-0", 1, 10); err != nil || line.Count != 1 || len(line.Records) != 1 {
				t.Errorf("the timeline shows it: %+v, %v", line, err)
			}
			if len(asked) > 0 {
				t.Errorf("the question was answered: %v", <-asked)
			}

			g.open()
			r, err := first.Wait(t.Context())
			if err != nil || r.Repeated || r.Receipt.Index != before.Size {
				t.Fatalf("the first: %+v, %v", r, err)
			}
			h.checkReceipt(torn(0), r)
			switch r, err := again.Wait(t.Context()); {
			case err != nil || !r.Repeated || r.Receipt.Index != before.Size:
				t.Errorf("the repeat: %+v, %v", r, err)
			default:
				h.checkReceipt(torn(0), r)
			}
			var c *ledger.ConflictError
			if _, err := conflict.Wait(t.Context()); !errors.As(err, &c) || c.Index != before.Size {
				t.Errorf("the conflict: %v", err)
			}
			if r, err = after.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := h.l.Record(t.Context(), r.Receipt.Index)
			if err != nil || got.Leaf.Entry.Seq != 4 || !slices.Equal(got.Leaf.Entry.Refs, []int64{before.Size}) {
				t.Errorf("what follows from it: %+v, %v", got.Leaf.Entry, err)
			}
			if err := <-asked; err != nil {
				t.Errorf("the question: %v", err)
			}
		})
	}
}

// A ledger that is stopped with a batch in each stage, and more waiting, answers all.
func TestStopWithBothStagesFull(t *testing.T) {
	g := newGate("store")
	h, first, behind := heldUp(t, g)
	before := h.l.Head()
	pending := append([]*ledger.Pending{first, behind}, h.behind(g, ledger.BatchRecords+10)...)
	h.stop()
	g.open()
	for i, p := range pending {
		r, err := p.Wait(t.Context())
		if err != nil || r.Receipt.Index != before.Size+int64(i) {
			t.Fatalf("event %d: %+v, %v", i, r, err)
		}
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	h.run()
	head := h.l.Head()
	last, err := h.l.Record(t.Context(), head.Size-1)
	if want := before.Size + int64(len(pending)) + 1; err != nil || head.Size != want || last.Leaf.IndexRoot == nil {
		t.Errorf("it closed with %d records, want %d, and as the last %+v (%v)", head.Size, want, last.Leaf, err)
	}
}

// Batches follow each other, so what one submitter sends in order is numbered in that
// order; what was acknowledged is published, with all that lies before it.
func TestOrderIsKept(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	const clients, events = 4, 700
	var wg sync.WaitGroup
	for c := range clients {
		docs := make([][]byte, events)
		for i := range docs {
			docs[i] = document("payment.received", fmt.Sprint("file/", c), fmt.Sprint(c, "-", i), payment(i), nil)
		}
		wg.Go(func() {
			var pending []*ledger.Pending
			for _, doc := range docs {
				p, err := h.l.Enqueue(context.Background(), h.event(doc), "key-1")
				if err != nil {
					t.Error(err)
					return
				}
				pending = append(pending, p)
			}
			last := int64(-1)
			for i, p := range pending {
				r, err := p.Wait(context.Background())
				if err != nil || r.Repeated || r.Receipt.Index <= last {
					t.Errorf("event %d behind record %d: %+v, %v", i, last, r, err)
					return
				}
				last = r.Receipt.Index
				got, err := h.l.Record(context.Background(), last)
				if err != nil || got.Leaf.Entry.Seq != int64(i+1) || h.l.Head().Size <= last {
					t.Errorf("record %d is no. %d of its subject, want %d (%v), of %d", last, got.Leaf.Entry.Seq, i+1, err, h.l.Head().Size)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 3 {
			if _, err := h.l.RotateCheckpoint(context.Background(), "", 5); err != nil {
				t.Errorf("rotation %d: %v", i, err)
			}
			if _, err := h.l.ProveSubject(context.Background(), "file", "0", nil); err != nil && !errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("question %d: %v", i, err)
			}
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for before := h.l.Head(); ; {
			head, newer := h.l.Watch()
			if head.Size < before.Size || head.Recorded.Before(before.Recorded) {
				t.Errorf("the head went from %d at %v to %d at %v", before.Size, before.Recorded, head.Size, head.Recorded)
			}
			before = head
			select {
			case <-newer:
			case <-ctx.Done():
				return
			}
		}
	}()
	wg.Wait()
	stop()
	<-ended
	h.reopen()
}
