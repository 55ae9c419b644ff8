// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// A bundle that is read is exactly what its entries are written as.
func FuzzSplitBundle(f *testing.F) {
	f.Add([]byte{0, 1, 'a', 0, 0, 0, 2, 'b', 'c'}, 3)
	f.Add([]byte{0, 1}, 1)
	f.Add([]byte{0}, 1)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, b []byte, width int) {
		if width < 0 || width > 256 {
			return
		}
		items, err := splitBundle(b, width)
		if err != nil {
			return
		}
		if len(items) != width {
			t.Fatalf("%d entries, want %d", len(items), width)
		}
		var again []byte
		for _, item := range items {
			again = append(binary.BigEndian.AppendUint16(again, uint16(len(item))), item...)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x is read as %x", b, again)
		}
	})
}

// Two sets of rows are equal when the same rows were added to both, in
// whatever order, and a difference shows in its run.
func TestRows(t *testing.T) {
	const size = 3 * maxRuns
	row := func(i int64) (int64, []byte, []byte) {
		return i, binary.BigEndian.AppendUint64(nil, uint64(i)), []byte("value")
	}
	r := newRows(size)
	for i := range int64(size) {
		r.add(row(i))
	}
	for i := int64(size - 1); i >= 0; i-- {
		if i != 12345 {
			r.add(row(i))
		}
	}
	if got := r.differ(); len(got) != 1 || got[0] != 12345/r.width {
		t.Errorf("differ in %v", got)
	}
	r.add(row(12345))
	if got := r.differ(); len(got) != 0 {
		t.Errorf("differ in %v", got)
	}
	for _, i := range []int64{-1, size, 1 << 62} { // of records that are not there
		r.add(row(i))
		if got := r.differ(); len(got) != 1 || got[0]*r.width < size {
			t.Errorf("row of %d: differ in %v", i, got)
		}
		r.add(row(i))
	}
	// Where a key ends and a value begins counts.
	r.add(1, []byte("ab"), []byte("c"))
	r.add(1, []byte("a"), []byte("bc"))
	if len(r.differ()) == 0 {
		t.Error("two rows with the same bytes are one")
	}
}
