// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// WriteFile replaces a file durably: a temporary file beside it, fsync,
// rename, fsync of the directory. After nil the new content survives the loss
// of power; after an error either the old or the new content is there.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("couldn't write %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("couldn't write %s: %w", path, err)
	}
	return SyncDir(dir)
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// list returns the paths of the files in dir whose names end in suffix, in
// their order; of a directory that is absent none. (filepath.Glob takes a
// directory that cannot be read for an empty one.)
func list(dir, suffix string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, err
}

// HeadFile remembers the last published checkpoint outside the store, so that
// a store that was rolled back or swapped is noticed. It holds the lock of
// the whole ledger.
//
// An attacker who controls it, but not the store, can stop the ledger from
// opening; one who controls both can roll back to a state that only holders
// of later receipts or checkpoints can refute.
type HeadFile struct {
	dir  string
	lock *os.File
	note []byte // what the file holds, where that is known
}

const (
	headName = "checkpoint"
	lockName = "lock"
)

// LockHead takes the lock of the ledger whose head file lies in dir. It
// returns ErrHeld when another process has it.
func LockHead(dir string) (*HeadFile, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there: %w", dir, ErrNoHead)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't lock the ledger: %w; the directory of the head file has to be there: mount its volume, or put it back as docs/operators.md says", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", dir, ErrHeld)
		}
		return nil, fmt.Errorf("couldn't lock the ledger: %w", err)
	}
	return &HeadFile{dir: dir, lock: f}, nil
}

// ErrNoHead means that the head file is missing.
var ErrNoHead = errors.New("the head file is missing: without it a rolled-back store cannot be told from the newest one; put it back, or see docs/operators.md")

// Read returns the signed checkpoint that was published last.
func (h *HeadFile) Read() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(h.dir, headName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoHead
	}
	h.note = b
	return b, err
}

// Replace makes note the last published checkpoint, durably. Where it is so
// already it needs no space.
func (h *HeadFile) Replace(note []byte) error {
	if bytes.Equal(note, h.note) {
		return SyncDir(h.dir)
	}
	err := WriteFile(filepath.Join(h.dir, headName), note, 0o600)
	h.note = nil
	if err == nil {
		h.note = note
	}
	return err
}

// Close gives the lock back.
func (h *HeadFile) Close() error { return h.lock.Close() }
