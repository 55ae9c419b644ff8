// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
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
				if _, err := h.l.Record(t.Context(), head.Size-1); err != nil {
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
		one, err := l.Record(t.Context(), want)
		if err != nil || lf.Index != want || one.Index != want || !bytes.Equal(one.Entry, lf.Bytes) || (lf.Entry == nil) != (lf.IndexRoot != nil) {
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
}

// Records gives what Record gives, of those that are to be opened, and of the
// others nothing that is sealed; large ones too.
func TestRecords(t *testing.T) {
	l := startAudited(t)
	events := ledgertest.NewEvents(3)
	l.Submit(events.Take(300)...)
	var large []ledgertest.Event
	for i := range 40 { // more than is read ahead
		data := `{"narrative":"` + strings.Repeat("北", 19_000) + `"}`
		large = append(large, ledgertest.Event{Submitter: "local", Document: document("complaint.opened", "file/Z", fmt.Sprint("large-", i), data, nil)})
	}
	l.Submit(large...)
	size := l.Head().Size
	opens := func(typ string) bool { return typ != record.TypeRestricted }
	for _, from := range []int64{0, 1, 100, size - 44, size} {
		want := from
		for r, err := range l.Records(t.Context(), from, size, opens) {
			if err != nil {
				t.Fatal(err)
			}
			one, err := l.Record(t.Context(), want)
			if err != nil || r.Index != want || !bytes.Equal(r.Entry, one.Entry) {
				t.Fatalf("record %d came as %d, %v", want, r.Index, err)
			}
			if e := r.Leaf.Entry; e != nil && opens(e.Type) {
				if !bytes.Equal(r.Document(), one.Document()) || len(r.Members) != len(one.Members) || len(r.Seeds) != len(one.Seeds) {
					t.Fatalf("record %d is not shown whole", want)
				}
			} else if len(r.Seeds) > 0 || r.Document() != nil || r.Schema != nil {
				t.Fatalf("record %d shows what is sealed", want)
			}
			want++
		}
		if want != size {
			t.Errorf("from %d on there came %d, want %d", from, want-from, size-from)
		}
	}
	for range l.Records(t.Context(), 0, size, opens) {
		break
	}
	for _, err := range l.Records(t.Context(), 0, size+1, opens) {
		if !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("what is not there gave %v", err)
		}
	}
}
