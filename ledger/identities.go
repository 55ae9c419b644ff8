// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"fmt"

	"github.com/lendlog/lendlog/ledger/store"
)

// identities remembers which event identities are taken, by the first eight
// bytes of their digests. So a new event needs no look at the store, and a row
// that the store can no longer find is damage and not a new event: a key that
// is missing in Badger may have been there.
//
// It is an open hash table of numbers that are random already, of which at
// most three quarters are used: 11 to 22 bytes an event. Two identities that
// share eight bytes, of which there is a chance of one in a million among six
// million events, would have the second refused as damage.
type identities struct {
	slots []uint64 // a power of two of them; 0 is free
	used  int

	// The newest rows, because what follows from a record mostly follows
	// soon: two generations, of which the older one is dropped.
	recent, older map[[32]byte]store.Identity
}

// recentIdentities bounds a generation, which takes about 6 MiB.
const recentIdentities = 1 << 16

func fingerprint(digest [32]byte) uint64 {
	return max(1, binary.BigEndian.Uint64(digest[:]))
}

// find returns the slot of a fingerprint, or the free one where it belongs.
func (s *identities) find(f uint64) *uint64 {
	mask := uint64(len(s.slots) - 1)
	for i := f & mask; ; i = (i + 1) & mask {
		if s.slots[i] == f || s.slots[i] == 0 {
			return &s.slots[i]
		}
	}
}

func (s *identities) has(digest [32]byte) bool {
	f := fingerprint(digest)
	return len(s.slots) > 0 && *s.find(f) == f
}

func (s *identities) add(digest [32]byte) {
	if 4*s.used >= 3*len(s.slots) {
		old := s.slots
		s.slots = make([]uint64, max(1024, 2*len(old)))
		for _, f := range old {
			if f != 0 {
				*s.find(f) = f
			}
		}
	}
	f := fingerprint(digest)
	if slot := s.find(f); *slot == 0 {
		*slot = f
		s.used++
	}
}

// keep adds an identity whose row was written just now.
func (s *identities) keep(id store.Identity) {
	s.add(id.Digest)
	if s.recent == nil || len(s.recent) >= recentIdentities {
		s.recent, s.older = make(map[[32]byte]store.Identity, recentIdentities), s.recent
	}
	s.recent[id.Digest] = id
}

// identity returns the record that was accepted under a digest, if any was.
// Only the owner of the state may call it, and who holds chains.
func (l *Ledger) identity(digest [32]byte) (id store.Identity, ok bool, err error) {
	if !l.state.taken.has(digest) {
		return store.Identity{}, false, nil
	}
	if id, ok = l.state.taken.recent[digest]; ok {
		return id, true, nil
	}
	if id, ok = l.state.taken.older[digest]; ok {
		return id, true, nil
	}
	id, ok, err = l.store.Identity(digest)
	switch {
	case err == nil && !ok:
		err = fmt.Errorf("the store has lost an event identity: %w", ErrDamaged)
	case err == nil && id.Index >= l.state.edge.Size:
		err = fmt.Errorf("the store knows an identity of record %d, beyond its end: %w", id.Index, ErrDamaged)
	}
	return id, ok, err
}
