// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// snapshot copies one part of a closed ledger and returns where the copy is.
func snapshot(t *testing.T, h *house, part string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), part)
	if err := os.CopyFS(to, os.DirFS(filepath.Join(h.dir, part))); err != nil {
		t.Fatal(err)
	}
	return to
}

// replace puts a snapshot in the place of a part of a closed ledger.
func replace(t *testing.T, h *house, part, from string) {
	t.Helper()
	remove(t, h, part)
	if err := os.CopyFS(filepath.Join(h.dir, part), os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// remove empties a part of a closed ledger.
func remove(t *testing.T, h *house, part string) {
	t.Helper()
	dir := filepath.Join(h.dir, part)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// sameFiles reports whether two directories hold the same files.
func sameFiles(t *testing.T, a, b string) bool {
	t.Helper()
	read := func(dir string) map[string]string {
		files := map[string]string{}
		names, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			b, err := os.ReadFile(filepath.Join(dir, n.Name()))
			if err != nil {
				t.Fatal(err)
			}
			files[n.Name()] = string(b)
		}
		return files
	}
	return maps.Equal(read(a), read(b))
}
