// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
)

// Whoever watches sees a head for every record, whether they look at once or
// not, and what they see is published: it can be read and proved.
func TestWatch(t *testing.T) {
	const n = 200
	h := newHouse(t, ledger.CreateOptions{})
	first, forgotten := h.l.Watch() // by one who never looks
	end := first.Size + n
	var watching sync.WaitGroup
	for range 8 {
		watching.Go(func() {
			for size := first.Size; size < end; {
				head, newer := h.l.Watch()
				if head.Size == size {
					<-newer
					if next := h.l.Head(); next.Size <= size {
						t.Errorf("after a head of %d there was one of %d", size, next.Size)
						return
					}
					continue
				}
				if _, err := h.l.Leaf(t.Context(), head.Size-1); err != nil {
					t.Error(err)
				}
				if _, err := h.l.ConsistencyProof(t.Context(), size, head.Size); err != nil {
					t.Error(err)
				}
				size = head.Size
			}
		})
	}
	for i := range n {
		h.append(document("payment.received", "file/A", fmt.Sprint(i), payment(i), nil))
	}
	watching.Wait()
	<-forgotten
	if _, newer := h.l.Watch(); isClosed(newer) {
		t.Error("the newest head is said not to be the newest")
	}
	// A head that is published by opening counts too.
	before := h.l.Head()
	h.reopen()
	if head := h.l.Head(); head.Size <= before.Size {
		t.Errorf("a head of %d after one of %d", head.Size, before.Size)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// The leaves under a head are all there, in their order, as they are read one
// by one; and who has enough of them, or whose context ends, is left alone.
func TestLeaves(t *testing.T) {
	l := startAudited(t)
	events := ledgertest.NewEvents(3)
	l.Submit(events.Take(1500)...)
	head := l.Head()
	l.Submit(events.Take(10)...)
	want, told := int64(0), int64(0)
	for lf, err := range l.Leaves(t.Context(), head, func(done, total int64) {
		if done < told || total != head.Size {
			t.Errorf("progress is %d of %d after %d", done, total, told)
		}
		told = done
	}) {
		if err != nil {
			t.Fatal(err)
		}
		one, err := l.Leaf(t.Context(), want)
		if err != nil || lf.Index != want || one.Index != want || !bytes.Equal(one.Bytes, lf.Bytes) || (lf.Entry == nil) != (lf.IndexRoot != nil) {
			t.Fatalf("leaf %d is said to be %d, %v", want, lf.Index, err)
		}
		if e := lf.Entry; e != nil && e.Type != record.TypeRestricted && len(e.Time) == 0 {
			t.Errorf("leaf %d has no time", want)
		}
		want++
	}
	if want != head.Size || told == 0 {
		t.Errorf("%d leaves of %d, progress %d", want, head.Size, told)
	}
	for range l.Leaves(t.Context(), head, nil) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, last := 0, error(nil)
	for _, err := range l.Leaves(ctx, head, nil) {
		cancel()
		n, last = n+1, err
	}
	if !errors.Is(last, context.Canceled) || n > 1025 {
		t.Errorf("%d leaves after the context ended, then %v", n, last)
	}
	if _, err := l.Leaf(t.Context(), 1<<40); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("a leaf that there is not gave %v", err)
	}
}
