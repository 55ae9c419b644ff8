// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// filled is a store and a mirror of 600 records in batches of ten.
func filled(t testing.TB) (dir, mirror string) {
	t.Helper()
	dir, mirror = filepath.Join(t.TempDir(), "store"), t.TempDir()
	s, err := Open(dir, true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m, err := OpenMirror(mirror)
	if err != nil {
		t.Fatal(err)
	}
	for first := int64(0); first < 600; first += 10 {
		b := &Batch{First: first, Keys: []KeyRow{{ID: first, Row: []byte("row")}}, Head: Head{Size: first + 10, Note: []byte("note")}}
		for i := range int64(10) {
			b.Entries = append(b.Entries, fmt.Append(nil, "entry ", first+i))
			b.Payloads = append(b.Payloads, fmt.Append(nil, "payload ", first+i))
		}
		if err := errors.Join(s.Commit(b), m.Append(b)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Close(), m.Close()); err != nil {
		t.Fatal(err)
	}
	return dir, mirror
}

// indexes returns the records that are found in blocks, each checked.
func indexes(t *testing.T, s *Store, first, end int64) (out []int64) {
	t.Helper()
	for b := range s.EntryBlocks(first, end) {
		if b.Err != nil {
			continue
		}
		for i, item := range b.Items {
			index := b.First + int64(i)
			if want := fmt.Sprint("entry ", index); string(item) != want {
				t.Errorf("record %d is %q", index, item)
			}
			out = append(out, index)
		}
	}
	return out
}

func TestBlocksPastDamage(t *testing.T) {
	dir, _ := filled(t)
	r, err := OpenRaw(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, tc := range []struct{ first, end, from, to int64 }{
		{0, 600, 0, 600}, {0, 1 << 62, 0, 600}, {35, 36, 30, 40}, {256, 257, 256, 260}, {255, 256, 250, 256}, {600, 700, 590, 600},
	} {
		got := indexes(t, r.Store, tc.first, tc.end)
		var want []int64
		for i := tc.from; i < tc.to; i++ {
			want = append(want, i)
		}
		if !slices.Equal(got, want) {
			t.Errorf("from %d to %d: %v", tc.first, tc.end, got)
		}
	}
	if err := errors.Join(r.Delete(key('e', 0)), r.Delete(key('e', 100)), r.Set(key('e', 200), []byte{9}), r.Set([]byte("e?"), nil)); err != nil {
		t.Fatal(err)
	}
	if got := indexes(t, r.Store, 0, 600); len(got) != 570 || got[0] != 10 || slices.Contains(got, 105) || slices.Contains(got, 200) {
		t.Errorf("past damage: %v", got)
	}
	for range r.EntryBlocks(0, 600) {
		break // stopping early is no harm
	}
}

func TestRaw(t *testing.T) {
	dir, _ := filled(t)
	r, err := OpenRaw(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, ok, err := r.Get([]byte("nothing")); ok || err != nil {
		t.Errorf("a key that is not there: %v, %v", ok, err)
	}
	err = errors.Join(
		r.EditEntry(33, func(b []byte) []byte { return append(b, '!') }),
		r.EditEntry(255, func([]byte) []byte { return nil }),
		r.EditPayload(33, func(b []byte) []byte { return bytes.ToUpper(b) }),
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.EditEntry(600, func(b []byte) []byte { return b }); !errors.Is(err, ErrDamaged) {
		t.Errorf("editing a record that is not there: %v", err)
	}
	for b := range r.EntryBlocks(33, 34) {
		if string(b.Items[3]) != "entry 33!" || string(b.Items[4]) != "entry 34" {
			t.Errorf("%q", b.Items)
		}
	}
	for b := range r.PayloadBlocks(33, 34) {
		if string(b.Items[3]) != "PAYLOAD 33" {
			t.Errorf("%q", b.Items)
		}
	}
	for b := range r.EntryBlocks(255, 256) {
		if len(b.Items) != 5 {
			t.Errorf("after dropping one: %q", b.Items)
		}
	}
	keys, err := r.Keys([]byte{'k'})
	if err != nil || len(keys) != 60 {
		t.Errorf("%d keys: %v", len(keys), err)
	}
	n, err := r.Census()
	// One batch of ten spans two tiles, and so two blocks; so does one at 512.
	if err != nil || n['k'] != 60 || n['h'] != 1 || n['e'] != 62 || n['p'] != 62 || n['s']+n['i'] != 0 {
		t.Errorf("census %v: %v", n, err)
	}
}

func TestReadMirrorPastDamage(t *testing.T) {
	_, dir := filled(t)
	name := filepath.Join(dir, fmt.Sprintf(mirrorFile, 0))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var at []int64 // where the frames begin
	for f := range ReadMirror(dir) {
		if f.Err != nil || f.File != name || f.Batch.First != int64(10*len(at)) || len(f.Batch.Keys) != 1 {
			t.Fatalf("%+v", f)
		}
		at = append(at, f.Offset)
	}
	if len(at) != 60 {
		t.Fatalf("%d frames", len(at))
	}
	for _, tc := range []struct {
		name       string
		edit       func([]byte) []byte
		good, bad  int
		torn       bool
		unexpected bool
	}{
		{"a bit of a body", func(b []byte) []byte { b[at[7]+40] ^= 1; return b }, 59, 1, false, false},
		{"a magic", func(b []byte) []byte { b[at[7]] ^= 1; return b }, 7, 1, false, false},
		{"a length", func(b []byte) []byte { b[at[7]+4] ^= 0x80; return b }, 7, 1, false, false},
		{"cut short", func(b []byte) []byte { return b[:len(b)-1] }, 59, 1, true, true},
		{"cut in a head", func(b []byte) []byte { return b[:at[59]+3] }, 59, 1, true, true},
		{"empty", func([]byte) []byte { return nil }, 0, 0, false, false},
	} {
		if err := os.WriteFile(name, tc.edit(bytes.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		good, bad := 0, 0
		for f := range ReadMirror(dir) {
			if f.Err == nil {
				good++
				continue
			}
			bad++
			if f.Torn != tc.torn || errors.Is(f.Err, io.ErrUnexpectedEOF) != tc.unexpected {
				t.Errorf("%s: %+v", tc.name, f)
			}
		}
		if good != tc.good || bad != tc.bad {
			t.Errorf("%s: %d frames and %d that can't be read", tc.name, good, bad)
		}
	}
}

// No bytes make the reader panic, or hold more than it was given.
func FuzzReadMirror(f *testing.F) {
	_, dir := filled(f)
	whole, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf(mirrorFile, 0)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:400])
	f.Add([]byte(frameMagic + "\xff\xff\xff\xff"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			var frame Frame
			n, err := readFrame(r, &frame)
			if err != nil {
				return
			}
			if n > int64(len(b)) || n < int64(len(frameMagic)+4+frameSum) {
				t.Fatalf("a frame of %d bytes out of %d", n, len(b))
			}
			if frame.Err == nil {
				if got := appendFrame(nil, frame.Batch); int64(len(got)) != n {
					t.Fatalf("a frame of %d bytes is written with %d", n, len(got))
				}
			}
		}
	})
}

// Reading leaves a store as it is that was closed, and completes one that was
// not.
func TestOpenToRead(t *testing.T) {
	list := func(dir string) (out []string) {
		t.Helper()
		names, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			out = append(out, n.Name())
		}
		return out
	}
	dir, _ := filled(t)
	before := list(dir)
	s, err := OpenToRead(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if got := indexes(t, s, 0, 600); len(got) != 600 {
		t.Errorf("%d records", len(got))
	}
	if err := s.Commit(&Batch{First: 600}); err == nil {
		t.Error("a store that is opened to be read takes a batch")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if after := list(dir); !slices.Equal(slices.DeleteFunc(after, func(n string) bool { return n == "LOCK" }), before) {
		t.Errorf("files before %v, after %v", before, after)
	}

	w, err := Open(dir, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Commit(&Batch{First: 600, Entries: [][]byte{[]byte("entry 600")}, Payloads: [][]byte{nil}}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenToRead(dir, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrHeld) {
		t.Errorf("a store that is held: %v", err)
	}
	killed := t.TempDir() // as the files are when the process is killed now
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s, err = OpenToRead(killed, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := indexes(t, s, 0, 601); len(got) != 601 {
		t.Errorf("%d records of a store that was not closed", len(got))
	}
}

// A table that is damaged in its structure makes Badger end the process; here
// it is an error, and names the remedy. The audit reads on beside it.
func TestTableDamagedInStructure(t *testing.T) {
	dir, _ := filled(t)
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatalf("%d tables: %v", len(tables), err)
	}
	b, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	// Before the first key of a block stand the lengths of what it shares with
	// the one before, none, and of what is its own.
	at := bytes.Index(b, key('e', 0))
	if at < 4 {
		t.Fatal("the first key is not in the table")
	}
	b[at-2], b[at-1] = 0xff, 0xff
	if err := os.WriteFile(tables[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, false, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrDamaged) {
		t.Errorf("opening: %v", err)
	}
	s, err := OpenToRead(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	none := func(int64, []byte) error { return nil }
	if err := s.Entries(0, 600, none); !errors.Is(err, ErrDamaged) {
		t.Errorf("entries: %v", err)
	}
	if _, err := s.Census(); !errors.Is(err, ErrDamaged) {
		t.Errorf("census: %v", err)
	}
	for b := range s.EntryBlocks(0, 600) {
		if !errors.Is(b.Err, ErrDamaged) || b.First != 0 {
			t.Errorf("block %d: %v", b.First, b.Err)
		}
	}
}
