// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// withValues makes a store of which most lies in value logs, and closes it.
func withValues(t *testing.T, dir string) []*Batch {
	t.Helper()
	s := openStore(t, dir, true)
	batches := fill(rand.New(rand.NewPCG(5, 6)), 12)
	commitAll(t, s, batches)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return batches
}

func commitAll(t *testing.T, s *Store, batches []*Batch) {
	t.Helper()
	for _, b := range batches {
		if err := s.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
}

// longest returns the name of the longest value log.
func longest(t *testing.T, dir string) (name string, size int64) {
	t.Helper()
	names, err := list(dir, ".vlog")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if st, err := os.Stat(n); err != nil {
			t.Fatal(err)
		} else if st.Size() > size {
			name, size = n, st.Size()
		}
	}
	if size < longValue {
		t.Fatal("there is nothing in the value logs")
	}
	return name, size
}

func contents(batches []*Batch) (entries, payloads [][]byte) {
	for _, b := range batches {
		entries, payloads = append(entries, b.Entries...), append(payloads, b.Payloads...)
	}
	return entries, payloads
}

// A store of an older program, which had all values with their keys, is read and
// written on.
func TestValuesOfOlderPrograms(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	batches := fill(rand.New(rand.NewPCG(5, 6)), 12)
	older, err := openWith(dir, true, settings(dir, quietLog).WithValueThreshold(1<<20).WithValueLogFileSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	commitAll(t, older, batches[:6])
	if err := older.Close(); err != nil {
		t.Fatal(err)
	}
	entries, payloads := contents(batches)
	for range 2 {
		s := openStore(t, dir, false)
		commitAll(t, s, batches[6:]) // what is there is written once more
		if err := s.db.Flatten(1); err != nil {
			t.Fatal(err)
		}
		checkItems(t, s.Entries, entries, 0, int64(len(entries)))
		checkItems(t, s.Payloads, payloads, 0, int64(len(payloads)))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	longest(t, dir)
}

// A value log that is gone or cut is noticed before anything is read from it.
func TestValueLogIsGone(t *testing.T) {
	for name, harm := range map[string]func(log string, size int64) error{
		"gone":  func(log string, _ int64) error { return os.Remove(log) },
		"cut":   func(log string, size int64) error { return os.Truncate(log, size-1) },
		"empty": func(log string, _ int64) error { return os.Truncate(log, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			withValues(t, dir)
			if err := harm(longest(t, dir)); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, false, quietLog); !errors.Is(err, ErrDamaged) {
				t.Errorf("it was opened: %v", err)
			}
		})
	}
}

// Whichever bit of a value log is flipped, what is read is what was written, or
// damage.
func TestValueLogRots(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	entries, payloads := contents(withValues(t, dir))
	log, size := longest(t, dir)
	was, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	found := 0
	for n := range 40 {
		at := r.Int64N(size)
		if n < 20 {
			at = 20 + int64(n) // lengths and key of the first value
		}
		b := slices.Clone(was)
		b[at] ^= 1 << r.IntN(8)
		if err := os.WriteFile(log, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenToRead(dir, quietLog)
		if err != nil {
			t.Fatalf("bit of byte %d: %v", at, err)
		}
		for _, of := range []struct {
			want [][]byte
			read func(first, count int64, yield func(int64, []byte) error) error
		}{{entries, s.Entries}, {payloads, s.Payloads}} {
			err := of.read(0, int64(len(of.want)), func(i int64, item []byte) error {
				if !slices.Equal(item, of.want[i]) {
					t.Errorf("bit of byte %d: item %d is another", at, i)
				}
				return nil
			})
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("bit of byte %d: %v", at, err)
			}
			if err != nil {
				found++
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("bit of byte %d: closing: %v", at, err)
		}
	}
	if found == 0 {
		t.Error("no flipped bit was noticed")
	}
}

// Where a value log cannot be read any more while it is mapped, as on a disk that
// fails, reading is an error, nothing is written on, and closing comes to its end.
func TestValueLogFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := openStore(t, dir, true)
	batches := fill(rand.New(rand.NewPCG(5, 6)), 12)
	commitAll(t, s, batches[:11])
	log, _ := longest(t, dir)
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		read := s.Entries(0, batches[10].Head.Size, func(int64, []byte) error { return nil })
		if !errors.Is(read, ErrDamaged) {
			t.Errorf("it was read: %v", read)
		}
		if err := s.Commit(batches[11]); !errors.Is(err, ErrDamaged) {
			t.Errorf("it was written on: %v", err)
		}
		ended <- s.Close()
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("closing: %v", err)
		}
	case <-time.After(5 * time.Minute):
		t.Fatal("closing does not end")
	}
}
