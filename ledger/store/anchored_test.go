// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
)

// item stands for an anchor, which nobody reads here.
func item(name string) canon.Value {
	return canon.Map(canon.Member{Name: "stamp", Value: canon.Text(name)})
}

// goldenAnchored is an archive of three anchors.
const goldenAnchored = `{"anchor":{"stamp":"a"},"kind":"stamp/1","size":7}
{"anchor":{"stamp":"b"},"kind":"chain/1/0x","size":9}
{"anchor":{"stamp":"c"},"kind":"stamp/1","size":3}
`

func openAnchored(t testing.TB, path string) *Anchored {
	t.Helper()
	a, err := OpenAnchored(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// has requires of an archive that it has these anchors, in this order.
func has(t testing.TB, a *Anchored, names ...string) {
	t.Helper()
	var got []string
	for i := range a.Count() {
		v, err := a.Item(i)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := v.Get("stamp")
		got = append(got, s.Str)
	}
	if !slices.Equal(got, names) {
		t.Errorf("the archive has %q, want %q", got, names)
	}
}

func TestAnchoredGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchors", "archive")
	a := openAnchored(t, path)
	has(t, a)
	if _, ok := a.Newest(); ok {
		t.Error("an archive without anchors has a newest")
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("an archive without anchors has a directory: %v", err)
	}
	for range 2 { // the second time nothing is new
		for _, l := range []struct {
			kind string
			size int64
			name string
		}{{"stamp/1", 7, "a"}, {"chain/1/0x", 9, "b"}, {"stamp/1", 3, "c"}} {
			if err := a.Append(l.kind, l.size, item(l.name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != goldenAnchored {
		t.Fatalf("the file is %q: %v", got, err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	for _, a := range []*Anchored{a, openAnchored(t, path)} {
		has(t, a, "a", "b", "c")
		if i, ok := a.Newest(); !ok || i != 1 {
			t.Errorf("the newest is number %d", i)
		}
		for size, want := range map[int64][][]int{0: {{1}, {2, 0}}, 2: {{1}, {2, 0}}, 3: {{1}, {0}}, 7: {{1}}, 9: nil} {
			if got := a.After(size, 16); !slices.EqualFunc(got, want, slices.Equal[[]int]) {
				t.Errorf("after %d: %v, want %v", size, got, want)
			}
		}
		if got := a.After(0, 1); !slices.EqualFunc(got, [][]int{{1}, {2}}, slices.Equal[[]int]) {
			t.Errorf("one of each: %v", got)
		}
	}
	for name, err := range map[string]error{
		"no kind": a.Append("", 1, item("x")), "no size": a.Append("k", 0, item("x")), "no anchor": a.Append("k", 1, canon.Text("x")),
		"a long one": a.Append("k", 1, item(strings.Repeat("x", maxAnchored))),
	} {
		if err == nil {
			t.Errorf("%s is archived", name)
		}
	}
	has(t, a, "a", "b", "c")
}

// The archive is cut anywhere: whole lines are there, and the next one goes where
// the torn one began.
func TestAnchoredIsCut(t *testing.T) {
	dir := t.TempDir()
	for n := range len(goldenAnchored) + 1 {
		path := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(path, []byte(goldenAnchored[:n]), 0o600); err != nil {
			t.Fatal(err)
		}
		want := []string{"a", "b", "c"}[:strings.Count(goldenAnchored[:n], "\n")]
		a := openAnchored(t, path)
		has(t, a, want...)
		if err := a.Append("stamp/2", 11, item("d")); err != nil {
			t.Fatal(err)
		}
		want = append(slices.Clone(want), "d")
		has(t, a, want...)
		has(t, openAnchored(t, path), want...)
	}
}

// What is no line of it is passed over, and what is behind it is found.
func TestAnchoredPassesOver(t *testing.T) {
	first, rest, _ := strings.Cut(goldenAnchored, "\n")
	for name, between := range map[string]string{
		"nothing": "", "empty lines": "\n\n", "zeros": strings.Repeat("\x00", 5000) + "\n", "a long line": strings.Repeat("x", maxAnchored+7) + "\n",
		"no size":          `{"anchor":{},"kind":"k"}` + "\n",
		"more than it has": `{"anchor":{},"kind":"k","size":8,"x":1}` + "\n",
		"a negative size":  `{"anchor":{},"kind":"k","size":-8}` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "archive")
		if err := os.WriteFile(path, []byte(first+"\n"+between+rest), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { has(t, openAnchored(t, path), "a", "b", "c") })
	}
}

// A file of whatever bytes opens, and takes an anchor.
func FuzzAnchored(f *testing.F) {
	f.Add([]byte(goldenAnchored))
	f.Add([]byte(goldenAnchored[:60]))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "archive")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		a := openAnchored(t, path)
		n := a.Count()
		if err := a.Append("fuzz", 5, item("\x00new")); err != nil {
			t.Fatal(err)
		}
		again := openAnchored(t, path)
		if a.Count() != again.Count() || a.Count() > n+1 {
			t.Errorf("%d anchors, and after opening it again %d", a.Count(), again.Count())
		}
	})
}
