// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/tree"
)

// TestFind wants the records under the checkpoint, and none that came while
// they were read.
func TestFind(t *testing.T) {
	_, l := newLocal(t)
	defer l.Close()
	submit := func(n int) {
		for _, err := range l.Submit(t.Context(), payments(n), SubmitOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	submit(5)
	f, err := index.ParseFilter("type=payment.received")
	if err != nil {
		t.Fatal(err)
	}
	var last int64
	checkpoint, records, err := l.Find(t.Context(), f, time.Time{}, func(_ string, done, total int64) { last = total })
	if err != nil {
		t.Fatal(err)
	}
	submit(9)
	var got []int64
	for r, err := range records {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Index)
	}
	cp, err := parseCheckpoint(checkpoint)
	if err != nil || len(got) != 5 || !slices.IsSorted(got) || got[4] >= cp.Size || last != cp.Size {
		t.Errorf("records %v under the checkpoint of %d, %v", got, cp.Size, err)
	}
	newer, _, err := l.Find(t.Context(), f, time.Time{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	to, err := parseCheckpoint(newer)
	if err != nil || to.Size <= cp.Size {
		t.Fatal(to, err)
	}
	proof, err := l.Consistency(t.Context(), checkpoint, newer)
	if err != nil || tree.VerifyConsistency(proof, cp.Size, to.Size, cp.Root, to.Root) != nil {
		t.Errorf("the proof does not lead from the one checkpoint to the other: %v", err)
	}
	for _, notes := range [][2]string{{"", newer}, {checkpoint, "x"}, {newer, checkpoint}} {
		if _, err := l.Consistency(t.Context(), notes[0], notes[1]); err == nil {
			t.Errorf("a proof from %q to %q", notes[0], notes[1])
		}
	}
	failed := errors.New("x")
	for _, err := range below(9, func(yield func(*Record, error) bool) { yield(nil, failed) }, nil) {
		if !errors.Is(err, failed) {
			t.Error(err)
		}
	}
}
