// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// honest is a ledger of some thousand records, run four times, that all tests
// of this package copy before they touch it.
var honest struct {
	once  sync.Once
	parts fsck.Parts
	// half is a copy of the store after two of the four runs.
	half string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir := honest.parts.Store; dir != "" {
		_ = os.RemoveAll(filepath.Dir(dir))
	}
	os.Exit(code)
}

// copyOf returns the parts of a copy of the honest ledger.
func copyOf(t *testing.T) fsck.Parts {
	t.Helper()
	honest.once.Do(func() {
		l := ledgertest.New(t)
		events := ledgertest.NewEvents(11)
		l.Submit(events.Take(900)...)
		l.Stop()
		half := ""
		for run := range 3 {
			l = ledgertest.Start(t, l.Dir, ledger.Options{})
			l.Submit(events.Take(500 + run)...)
			l.Stop()
			if run == 0 {
				half = copyDir(t, ledgertest.Parts(t, l.Dir).Store, t.TempDir())
			}
		}
		// The test's own directory goes with the first test.
		dir, err := os.MkdirTemp("", "fsck")
		if err != nil {
			t.Fatal(err)
		}
		honest.parts = copyParts(t, ledgertest.Parts(t, l.Dir), dir)
		honest.half = copyDir(t, half, filepath.Join(dir, "half"))
	})
	return copyParts(t, honest.parts, t.TempDir())
}

func copyParts(t *testing.T, p fsck.Parts, to string) fsck.Parts {
	t.Helper()
	return fsck.Parts{
		Store: copyDir(t, p.Store, filepath.Join(to, "store")), Keys: copyDir(t, p.Keys, filepath.Join(to, "keys")),
		Vault: copyDir(t, p.Vault, filepath.Join(to, "vault")), Head: copyDir(t, p.Head, filepath.Join(to, "head")),
		Mirror: copyDir(t, p.Mirror, filepath.Join(to, "mirror")),
	}
}

func copyDir(t *testing.T, from, to string) string {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(from, name.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// raw works on a store with the database's own tools.
func raw(t *testing.T, p fsck.Parts, do func(*store.Raw)) {
	t.Helper()
	r, err := store.OpenRaw(p.Store)
	if err != nil {
		t.Fatal(err)
	}
	do(r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// A tiled log is what a server answers for a list of entries.
type tiled struct {
	entries [][]byte
	note    []byte
	view    tree.View
	full    map[[2]int64]tree.Tile
}

func newTiled(entries [][]byte, note []byte) *tiled {
	l := &tiled{entries: entries, note: note, full: map[[2]int64]tree.Tile{}}
	for _, e := range entries {
		for _, t := range l.view.Append(tree.LeafHash(e)) {
			l.full[[2]int64{int64(t.Level), t.N}] = t.Tile
		}
	}
	l.view.Full = l
	return l
}

// ReadTile implements tree.TileReader.
func (l *tiled) ReadTile(level int, n int64) (tree.Tile, error) {
	return l.full[[2]int64{int64(level), n}], nil
}

// Checkpoint implements fsck.Log.
func (l *tiled) Checkpoint(context.Context) ([]byte, error) { return l.note, nil }

// HashTile implements fsck.Log.
func (l *tiled) HashTile(_ context.Context, level int, n int64, width int) (out []byte, err error) {
	t, err := l.view.Tile(level, n)
	if err != nil {
		return nil, err
	}
	for _, h := range t.Hashes()[:width] {
		out = append(out, h[:]...)
	}
	return out, nil
}

// EntryBundle implements fsck.Log.
func (l *tiled) EntryBundle(_ context.Context, n int64, width int) (out []byte, err error) {
	for _, e := range l.entries[n*tree.Width:][:width] {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(e))), e...)
	}
	return out, nil
}
