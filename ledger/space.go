// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/lendlog/lendlog/ledger/store"
)

// Badger writes through mapped memory: where a volume has no space left for a
// page, the process ends, and merging tables needs about as much space as they
// take. So appends stop long before, and what must be written after that has
// space of its own in the ballast. A volume that somebody else fills between
// the look at it and the commit ends the process; opening then finds all that
// was acknowledged.

// floors are the free bytes below which appends stop. Only the store's volume
// has to have room for merging.
func floors(p Paths, minFree int64) map[string]int64 {
	rest := minFree / 32
	return map[string]int64{p.Mirror: rest, p.Head: rest, p.Vault: rest, p.Store: minFree}
}

// Floors returns how many bytes have to be free on the volume of each part, or
// appends stop, where nobody opens the ledger with other Options.
func Floors(p Paths) map[string]int64 { return floors(p, Options{}.withDefaults().MinFree) }

func (l *Ledger) floors() map[string]int64 { return floors(l.conf.Paths, l.opt.MinFree) }

// ballastSize is how many bytes the ballast has, and how many the store needs
// to be opened or closed: to write one memtable is 32 MiB.
func (l *Ledger) ballastSize() int64 { return min(l.opt.MinFree/8, 64<<20) }

// enoughSpace returns nil when every volume that a commit writes to has as
// much free space as it needs.
func (l *Ledger) enoughSpace() error {
	if l.short {
		return fmt.Errorf("%s was opened without room to work in; free some space and start the ledger again: %w", l.conf.Paths.Store, ErrNoSpace)
	}
	for dir, floor := range l.floors() {
		if err := atLeast(dir, floor); err != nil {
			return err
		}
	}
	return nil
}

func atLeast(dir string, floor int64) error {
	free, err := store.Free(dir)
	if err != nil {
		return fmt.Errorf("couldn't find out how much space is free: %w", err)
	}
	if free < floor {
		return fmt.Errorf("%s has %d MiB free, and %d are needed: %w", dir, free>>20, floor>>20, ErrNoSpace)
	}
	return nil
}

// takeBallast takes ballast when there is none and enough space for it.
func (l *Ledger) takeBallast() {
	if l.ballast.Held() || atLeast(l.conf.Paths.Store, l.opt.MinFree+l.ballastSize()) != nil {
		return
	}
	if err := l.ballast.Take(l.ballastSize()); err != nil {
		l.opt.Logger.Warn("the ledger has no ballast", "error", err)
	}
}

func (l *Ledger) dropBallast() {
	if err := l.ballast.Drop(); err != nil {
		l.opt.Logger.Warn("the ledger keeps its ballast", "error", err)
	}
}

// OnDisk returns how many bytes the store and the mirror take.
func (l *Ledger) OnDisk() (store, mirror int64, err error) {
	if store, err = l.store.Size(); err == nil {
		mirror, err = l.mirror.Size()
	}
	if err != nil {
		return 0, 0, fmt.Errorf("couldn't measure the ledger: %w", err)
	}
	return store, mirror, nil
}

// makeRoom is what has to be done before the store is opened. Without room to
// work in, nothing is merged and nothing appended: the ledger can be read.
func (l *Ledger) makeRoom() error {
	l.short = errors.Is(atLeast(l.conf.Paths.Store, l.opt.MinFree), ErrNoSpace)
	if !l.short {
		return nil
	}
	l.dropBallast()
	if l.short = errors.Is(atLeast(l.conf.Paths.Store, l.opt.MinFree), ErrNoSpace); !l.short {
		return nil
	}
	l.opt.Logger.Warn("too little free space: the ledger can only be read", "store", l.conf.Paths.Store)
	if err := atLeast(l.conf.Paths.Store, l.ballastSize()); err != nil {
		return fmt.Errorf("the store can't be opened: %w", err)
	}
	return nil
}

// lastIndexRoot appends the index-root with which a ledger closes. It is left
// out when there is no space even without ballast, and while appends wait for
// witnesses: opening can do without it.
func (l *Ledger) lastIndexRoot() error {
	if l.held.Load() != nil {
		return nil
	}
	if l.enoughSpace() != nil {
		l.dropBallast()
		for dir, floor := range l.floors() {
			if err := atLeast(dir, floor/16); err != nil {
				l.opt.Logger.Warn("closing without an index-root", "error", err)
				return nil
			}
		}
	}
	return l.commitIndexRoot()
}

// spaceError makes ErrNoSpace of what the system says.
func spaceError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
