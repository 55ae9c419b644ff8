// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Ballast is a file in the store that holds space in reserve while the ledger
// runs. When the volume is full it is dropped, so that what is in memory can
// still be written and the database closed in good order: Badger writes through
// mapped memory, and ends the process where there is no space for it.
type Ballast struct {
	path string
	held bool
}

const ballastName = "ballast"

// NewBallast returns the ballast of the store in dir, which a process before
// this one may have left there.
func NewBallast(dir string) *Ballast {
	b := &Ballast{path: filepath.Join(dir, ballastName)}
	_, err := os.Stat(b.path)
	b.held = err == nil
	return b
}

// Held reports whether there is ballast.
func (b *Ballast) Held() bool { return b.held }

// Take sets size bytes aside.
func (b *Ballast) Take(size int64) error {
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't take ballast: %w", err)
	}
	err = errors.Join(syscall.Fallocate(int(f.Fd()), 0, 0, size), f.Close())
	if b.held = true; err != nil {
		return fmt.Errorf("couldn't take ballast: %w", errors.Join(err, b.Drop()))
	}
	return nil
}

// Drop gives the space back.
func (b *Ballast) Drop() error {
	b.held = false
	if err := os.Remove(b.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("couldn't drop the ballast: %w", err)
	}
	return nil
}
