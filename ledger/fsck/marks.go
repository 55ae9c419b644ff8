// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"hash/maphash"

	"github.com/lendlog/lendlog/ledger/record"
)

// marks tell of every record whether it has an event identity, in eight bytes
// a record. They are hashes under a key that is drawn for one audit, so that
// nobody can choose two identities that look alike.
type marks struct {
	seed maphash.Seed
	list []mark // by index
}

// A mark is a hash of an identity, but for its lowest bit, which says that the
// record is restricted. It is 0 for an index without an identity.
type mark uint64

func newMarks() *marks { return &marks{seed: maphash.MakeSeed()} }

// add notes an entry. They come in their order.
func (m *marks) add(index int64, e *record.Entry) {
	for int64(len(m.list)) < index {
		m.list = append(m.list, 0)
	}
	one := m.of(e.Event)
	if e.Type == record.TypeRestricted {
		one |= 1
	}
	m.list = append(m.list, one)
}

// of returns the mark of an identity, as of a record that is not restricted.
func (m *marks) of(identity [32]byte) mark { return mark(maphash.Bytes(m.seed, identity[:])) &^ 1 }

// at returns the mark of a record.
func (m *marks) at(index int64) mark {
	if index < 0 || index >= int64(len(m.list)) {
		return 0
	}
	return m.list[index]
}

func (m mark) is(other mark) bool { return m != 0 && m&^1 == other }

func (m mark) restricted() bool { return m&1 != 0 }
