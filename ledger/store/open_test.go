// SPDX-License-Identifier: Apache-2.0

package store

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// A process that is killed while Badger makes a log, or deletes one, leaves it
// without a byte.
func TestOpenWithEmptyLogs(t *testing.T) {
	for _, names := range [][]string{{"00007.mem"}, {"000009.vlog"}, {"00007.mem", "00008.mem", "000009.vlog"}} {
		dir, _ := filled(t)
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open(dir, false, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%v: %v", names, err)
			continue
		}
		if got := indexes(t, s, 0, 600); len(got) != 600 {
			t.Errorf("%v: %d records", names, len(got))
		}
		if err := s.Close(); err != nil {
			t.Errorf("%v: %v", names, err)
		}
	}
}

// A directory may be called anything, and one that cannot be read is not
// taken for an empty one.
func TestList(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[a*")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "1.mirror")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := list(dir, ".mirror"); err != nil || len(got) != 1 || got[0] != file {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := list(filepath.Join(dir, "absent"), ".mirror"); err != nil || got != nil {
		t.Errorf("of an absent directory: %q, %v", got, err)
	}
	if _, err := list(file, ".mirror"); err == nil {
		t.Error("a file was listed")
	}
}
