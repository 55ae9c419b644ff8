// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, text := range []string{"old", "", "new"} {
		if err := WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("%d files are left behind", len(names)-1)
	}
	if err := WriteFile(filepath.Join(dir, "none", "f"), nil, 0o600); err == nil {
		t.Error("wrote into a directory that is not there")
	}
}

func TestHeadFileIsLocked(t *testing.T) {
	dir := t.TempDir()
	h, err := LockHead(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Read(); !errors.Is(err, ErrNoHead) {
		t.Errorf("a missing head file reads as %v", err)
	}
	if err := h.Replace([]byte("note")); err != nil {
		t.Fatal(err)
	}
	if _, err := LockHead(dir); !errors.Is(err, ErrHeld) {
		t.Errorf("locked twice: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h, err = LockHead(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if got, err := h.Read(); err != nil || string(got) != "note" {
		t.Errorf("read %q, %v", got, err)
	}
}

// mirrored is what a frame keeps of a batch.
func mirrored(b *Batch) *Batch {
	return &Batch{First: b.First, Entries: b.Entries, Payloads: b.Payloads, Keys: b.Keys, Head: Head{Note: b.Head.Note}}
}

func scanMirror(t *testing.T, dir string) ([]*Batch, error) {
	t.Helper()
	m, err := OpenMirror(dir)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	var got []*Batch
	err = m.Scan(func(b *Batch) error { got = append(got, b); return nil })
	return got, err
}

func writeMirror(t *testing.T, dir string, batches []*Batch) {
	t.Helper()
	m, err := OpenMirror(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := m.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMirror(t *testing.T) {
	dir := t.TempDir()
	batches := fill(rand.New(rand.NewPCG(9, 10)), 6)
	writeMirror(t, dir, batches[:3])
	m, err := OpenMirror(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Next() != batches[3].First {
		t.Errorf("the mirror goes on at %d, want %d", m.Next(), batches[3].First)
	}
	if err := m.Append(batches[4]); err == nil {
		t.Error("the mirror took a batch that leaves a gap")
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	writeMirror(t, dir, batches[3:])
	got, err := scanMirror(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(batches) {
		t.Fatalf("%d batches came back, want %d", len(got), len(batches))
	}
	for i, b := range batches {
		if diff := cmp.Diff(mirrored(b), got[i]); diff != "" {
			t.Fatalf("batch %d (-want +got):\n%s", i, diff)
		}
	}
}

// A mirror that was cut anywhere gives the whole frames before the cut, and
// goes on from there.
func TestMirrorCutShort(t *testing.T) {
	batches := fill(rand.New(rand.NewPCG(11, 12)), 3)
	for i := range batches {
		// Small ones, so that every cut can be tried.
		batches[i] = &Batch{
			First: int64(2 * i), Entries: [][]byte{[]byte("one"), nil}, Payloads: [][]byte{nil, []byte("two")},
			Keys: []KeyRow{{int64(i), []byte("k")}}, Head: Head{Note: fmt.Appendf(nil, "note %d", i)},
		}
	}
	var ends []int
	var whole []byte
	for _, b := range batches {
		whole = append(whole, appendFrame(nil, b)...)
		ends = append(ends, len(whole))
	}
	for cut := range len(whole) + 1 {
		dir := t.TempDir()
		name := filepath.Join(dir, fmt.Sprintf(mirrorFile, 0))
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		kept := 0
		for kept < len(ends) && ends[kept] <= cut {
			kept++
		}
		m, err := OpenMirror(dir)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if m.Next() != int64(2*kept) {
			t.Fatalf("cut at %d: it goes on at %d, want %d", cut, m.Next(), 2*kept)
		}
		for _, b := range batches[kept:] {
			if err := m.Append(b); err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, whole) {
			t.Fatalf("cut at %d: the completed mirror is another one (%v)", cut, err)
		}
	}
}

// No flipped bit of a mirror goes unnoticed, and a gap between files does not
// either.
func TestMirrorRot(t *testing.T) {
	b := &Batch{Entries: [][]byte{[]byte("one")}, Payloads: [][]byte{[]byte("two")}, Head: Head{Note: []byte("note")}}
	c := &Batch{First: 1, Entries: b.Entries, Payloads: b.Payloads, Head: Head{Note: []byte("next")}}
	first := appendFrame(nil, b)
	whole := append(bytes.Clone(first), appendFrame(nil, c)...)
	for bit := range 8 * len(first) {
		rotten := bytes.Clone(whole)
		rotten[bit/8] ^= 1 << (bit % 8)
		name := filepath.Join(t.TempDir(), fmt.Sprintf(mirrorFile, 0))
		if err := os.WriteFile(name, rotten, 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		_, err := readFrames(name, func(*Batch) error { n++; return nil })
		if n > 0 || !errors.Is(err, ErrMirror) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("bit %d: %d frames were read, %v", bit, n, err)
		}
	}
	dir := t.TempDir()
	for i, frame := range [][]byte{first, appendFrame(nil, &Batch{First: 2})} {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf(mirrorFile, 2*i)), frame, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := scanMirror(t, dir); !errors.Is(err, ErrMirror) {
		t.Errorf("a gap between mirror files reads as %v", err)
	}
}

// Whatever bit of a mirror is flipped, nothing that was published is cut off
// it: only what was never acknowledged is.
func TestMirrorKeepsWhatWasPublished(t *testing.T) {
	frames := []*Batch{
		{Entries: [][]byte{[]byte("one")}, Payloads: [][]byte{[]byte("two")}, Head: Head{Note: []byte("note")}},
		{First: 1, Entries: [][]byte{[]byte("three")}, Payloads: [][]byte{nil}, Head: Head{Note: []byte("next")}},
	}
	var whole []byte
	for _, b := range frames {
		whole = appendFrame(whole, b)
	}
	next := &Batch{First: 2, Entries: [][]byte{[]byte("four")}, Payloads: [][]byte{nil}}
	name := filepath.Join(t.TempDir(), fmt.Sprintf(mirrorFile, 0))
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for bit := range 8 * len(whole) {
		rotten := bytes.Clone(whole)
		rotten[bit/8] ^= 1 << (bit % 8)
		write(rotten)
		m, err := OpenMirror(filepath.Dir(name))
		if err == nil {
			err = errors.Join(m.Check(2), m.Close())
		}
		if !errors.Is(err, ErrMirror) {
			t.Fatalf("bit %d: a mirror that lost what was published opens: %v", bit, err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, rotten) {
			t.Fatalf("bit %d: looking at the mirror changed it (%v)", bit, err)
		}
	}
	// After the last that was published anything may lie, as after a loss of
	// power; it goes when the next frame is written.
	for _, rest := range [][]byte{nil, {0}, make([]byte, 1000), []byte("LLm1"), appendFrame(nil, next)[:20], bytes.Repeat([]byte{0xff}, 100)} {
		write(append(bytes.Clone(whole), rest...))
		m, err := OpenMirror(filepath.Dir(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(m.Check(2), m.Append(next), m.Close()); err != nil {
			t.Fatalf("with %x behind it: %v", rest, err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, appendFrame(bytes.Clone(whole), next)) {
			t.Fatalf("with %x behind it the mirror goes on wrongly (%v)", rest, err)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	b := &Batch{First: 3, Entries: [][]byte{[]byte("e")}, Payloads: [][]byte{[]byte("p")}, Keys: []KeyRow{{1, []byte("k")}}, Head: Head{Note: []byte("n")}}
	frame := appendFrame(nil, b)
	f.Add(frame[len(frameMagic)+4 : len(frame)-frameSum])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := decodeFrame(body)
		if err != nil {
			return
		}
		again := appendFrame(nil, b)
		if !bytes.Equal(again[len(frameMagic)+4:len(again)-frameSum], body) {
			t.Error("a frame that was read does not give its bytes back")
		}
	})
}
