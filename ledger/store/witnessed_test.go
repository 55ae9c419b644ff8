// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/tree"
)

// cosigned returns a note of so many records, whose signatures nobody verifies
// here.
func cosigned(size int64, line string) []byte {
	return []byte(tree.Checkpoint{Origin: "ledger.example/1", Size: size, Root: tree.EmptyRoot}.Text() + "\n— ledger.example/1 AAAA\n— witness.example/1 " + line + "\n")
}

// goldenWitnessed is an archive of two notes.
const goldenWitnessed = `ledger.example/1
7
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=

— ledger.example/1 AAAA
— witness.example/1 BBBB

ledger.example/1
9
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=

— ledger.example/1 AAAA
— witness.example/1 CCCC

`

func openWitnessed(t testing.TB, path string) *Witnessed {
	t.Helper()
	w, err := OpenWitnessed(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// holds requires of an archive that it holds these notes.
func holds(t testing.TB, w *Witnessed, want ...[]byte) {
	t.Helper()
	if w.Count() != len(want) {
		t.Fatalf("the archive has %d notes, want %d", w.Count(), len(want))
	}
	for i, n := range want {
		if got, err := w.Note(i); err != nil || !bytes.Equal(got, n) {
			t.Errorf("note %d is %q: %v", i, got, err)
		}
	}
}

func TestWitnessedGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witnessed")
	w := openWitnessed(t, path)
	holds(t, w)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("an archive without notes has a file: %v", err)
	}
	for _, n := range [][]byte{cosigned(7, "BBBB"), cosigned(9, "CCCC")} {
		if err := w.Append(n); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != goldenWitnessed {
		t.Fatalf("the file is %q: %v", got, err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	holds(t, w, cosigned(7, "BBBB"), cosigned(9, "CCCC"))
	holds(t, openWitnessed(t, path), cosigned(7, "BBBB"), cosigned(9, "CCCC"))
}

// The archive is cut anywhere: whole notes are there, and the next one goes
// where the torn one began.
func TestWitnessedIsCut(t *testing.T) {
	dir := t.TempDir()
	second := strings.Index(goldenWitnessed, "ledger.example/1\n9")
	for n := range len(goldenWitnessed) + 1 {
		path := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(path, []byte(goldenWitnessed[:n]), 0o600); err != nil {
			t.Fatal(err)
		}
		w := openWitnessed(t, path)
		var want [][]byte
		if n >= second {
			want = append(want, cosigned(7, "BBBB"))
		}
		if n == len(goldenWitnessed) {
			want = append(want, cosigned(9, "CCCC"))
		}
		holds(t, w, want...)
		if err := w.Append(cosigned(11, "DDDD")); err != nil {
			t.Fatal(err)
		}
		want = append(want, cosigned(11, "DDDD"))
		holds(t, w, want...)
		holds(t, openWitnessed(t, path), want...)
	}
}

// What is no note is passed over, and what is behind it is found.
func TestWitnessedPassesOver(t *testing.T) {
	first, last := string(cosigned(7, "BBBB"))+"\n", string(cosigned(9, "CCCC"))+"\n"
	for name, between := range map[string]string{
		"nothing":                      "",
		"empty lines":                  "\n\n\n",
		"zeros":                        strings.Repeat("\x00", 5000) + "\n\n",
		"a long line":                  strings.Repeat("x", 3*maxWitnessed) + "\n\n",
		"many lines":                   strings.Repeat("x\n", maxWitnessed) + "\n",
		"signatures alone":             "— x y\n\n",
		"a checkpoint alone":           "ledger.example/1\n8\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n",
		"a checkpoint with other text": "ledger.example/1\n8\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\nx\n\n",
		"a smaller one":                string(cosigned(3, "EEEE")) + "\n",
	} {
		path := filepath.Join(t.TempDir(), "witnessed")
		if err := os.WriteFile(path, []byte(first+between+last), 0o600); err != nil {
			t.Fatal(err)
		}
		w := openWitnessed(t, path)
		if w.Count() != 2 {
			t.Errorf("%s: %d notes", name, w.Count())
			continue
		}
		holds(t, w, cosigned(7, "BBBB"), cosigned(9, "CCCC"))
	}
}

func TestWitnessedAfter(t *testing.T) {
	w := openWitnessed(t, filepath.Join(t.TempDir(), "witnessed"))
	for i, size := range []int64{3, 5, 5, 5, 9} {
		if err := w.Append(cosigned(size, fmt.Sprintf("AAA%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	for size, want := range map[int64]int{0: 0, 2: 0, 3: 1, 4: 1, 5: 4, 8: 4, 9: 5, 100: 5} {
		if got := w.After(size); got != want {
			t.Errorf("after %d it is note %d, want %d", size, got, want)
		}
	}
	for name, bad := range map[string][]byte{
		"smaller": cosigned(8, "A"), "no note": []byte("x"), "unsigned": cosigned(9, "")[:60],
		"too long":        cosigned(10, strings.Repeat("A", maxWitnessed)),
		"two paragraphs":  append(cosigned(10, "A"), "\n— x y\n"...),
		"an empty line":   append(cosigned(10, "A"), '\n'),
		"another text":    []byte("a\nb\n\n— x y\n"),
		"no line's end":   bytes.TrimSuffix(cosigned(10, "A"), []byte("\n")),
		"no signatures":   []byte(tree.Checkpoint{Origin: "x", Size: 10}.Text() + "\n"),
		"other than them": []byte(tree.Checkpoint{Origin: "x", Size: 10}.Text() + "\nx\n"),
	} {
		if err := w.Append(bad); err == nil {
			t.Errorf("%s is archived", name)
		}
	}
	if w.Count() != 5 {
		t.Errorf("there are %d notes", w.Count())
	}
}

// A write that failed leaves nothing behind.
func TestWitnessedWriteFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witnessed")
	w := openWitnessed(t, path)
	if err := w.Append(cosigned(7, "BBBB")); err != nil {
		t.Fatal(err)
	}
	file := w.file.file
	readOnly, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	w.file.file = readOnly
	if err := w.Append(cosigned(9, "CCCC")); err == nil {
		t.Error("written into a file that cannot be")
	}
	w.file.file = file
	if _, err := file.WriteAt([]byte("ledger.exam"), w.file.end); err != nil { // half of it
		t.Fatal(err)
	}
	holds(t, w, cosigned(7, "BBBB"))
	if err := w.Append(cosigned(9, "CCCC")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != goldenWitnessed {
		t.Errorf("the file is %q: %v", got, err)
	}
	if _, err := OpenWitnessed(t.TempDir()); err == nil || !strings.Contains(err.Error(), "move it elsewhere") {
		t.Errorf("a directory is opened: %v", err)
	}
}

// Whatever the file holds, what is found are whole notes in their order, each
// with its empty line behind it.
func FuzzWitnessed(f *testing.F) {
	f.Add([]byte(goldenWitnessed))
	f.Add([]byte(goldenWitnessed + goldenWitnessed))
	f.Add([]byte("x\n\n" + goldenWitnessed[:100]))
	f.Fuzz(func(t *testing.T, file []byte) {
		notes, end, err := readWitnessed(bytes.NewReader(file))
		if err != nil || end < 0 || end > int64(len(file)) {
			t.Fatalf("the end is %d of %d: %v", end, len(file), err)
		}
		var last, size int64
		for _, n := range notes {
			if n.offset < last || n.size < size || n.offset+int64(n.length) >= end+1 {
				t.Fatalf("note %+v after %d", n, last)
			}
			last, size = n.offset+int64(n.length), n.size
			signed := file[n.offset:last]
			text, lines, ok := tree.SplitNote(signed)
			cp, err := tree.ParseCheckpoint(text)
			if !ok || err != nil || cp.Size != n.size || !strings.HasPrefix(lines, "— ") || file[last] != '\n' {
				t.Fatalf("no note: %q", signed)
			}
		}
	})
}
