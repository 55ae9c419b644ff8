// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// What follows looks at the parts of a ledger that another process may hold, and
// changes nothing.

// Held reports whether a process holds the ledger whose head file lies in dir. It
// takes the lock for a moment: who opens the ledger just then is refused.
func Held(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// Published returns the signed checkpoint that was published last, and when that
// was by the clock of its volume.
func Published(dir string) (note []byte, at time.Time, err error) {
	path := filepath.Join(dir, headName)
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, time.Time{}, ErrNoHead
	}
	if err == nil {
		note, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	return note, st.ModTime(), nil
}

// ErrOpenEnded means that the process before was killed: what the database has is
// known once it is opened.
var ErrOpenEnded = errors.New("the store was not closed in good order")

// ReadHead returns the head row of a database that nobody holds and that was closed
// in good order.
func ReadHead(dir string) (h Head, err error) {
	if _, err := os.Stat(filepath.Join(dir, "MANIFEST")); errors.Is(err, os.ErrNotExist) {
		return Head{}, fmt.Errorf("%s holds no store: %w", dir, ErrDamaged)
	}
	db, err := open(settings(dir, slog.New(slog.DiscardHandler)).WithReadOnly(true), true)
	switch {
	case errors.Is(err, ErrHeld):
		return Head{}, err
	case err != nil:
		return Head{}, fmt.Errorf("%w: %w", ErrOpenEnded, err)
	}
	s := &Store{db: db, dir: dir}
	defer func() { err = errors.Join(err, s.Close()) }()
	h, ok, err := s.Head()
	if err == nil && !ok {
		err = fmt.Errorf("the store has no head: %w", ErrDamaged)
	}
	return h, err
}
