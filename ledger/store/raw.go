// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"

	"github.com/dgraph-io/badger/v4"
)

// Raw is the database of a store past all rules: what somebody has who works
// on its files with the database's own tools. It is for the demo, for tests
// and for forensics. Whatever is changed through it, the ledger or its audit
// has to notice.
type Raw struct{ *Store }

// OpenRaw opens the database of a store that no ledger holds.
func OpenRaw(dir string) (*Raw, error) {
	s, err := Open(dir, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return &Raw{s}, nil
}

// Get returns the value of a key, and whether there is one.
func (r *Raw) Get(key []byte) (value []byte, ok bool, err error) {
	value, err = r.get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, false, nil
	}
	return value, err == nil, err
}

// Set writes a key.
func (r *Raw) Set(key, value []byte) error {
	return r.db.Update(func(txn *badger.Txn) error { return txn.Set(key, value) })
}

// SetIdentity writes the row of an event identity.
func (r *Raw) SetIdentity(id Identity) error { return r.Set(identityKey(id.Digest), id.value()) }

// SetSegment writes the rows of a segment of the index.
func (r *Raw) SetSegment(s Segment) error {
	names, lists := key('x', s.N), key('y', s.N)
	return errors.Join(r.Set(names, checked(names, s.Names)), r.Set(lists, checked(lists, s.Lists)))
}

// Delete removes a key.
func (r *Raw) Delete(key []byte) error {
	return r.db.Update(func(txn *badger.Txn) error { return txn.Delete(key) })
}

// Keys returns all keys with a prefix, in order.
func (r *Raw) Keys(prefix []byte) (keys [][]byte, err error) {
	err = r.scan(prefix, prefix, func(k, _ []byte) error {
		keys = append(keys, bytes.Clone(k))
		return nil
	})
	return keys, err
}

// EditEntry replaces the entry of a record in its block by what edit makes of
// it. With nil the record is dropped, and those after it in the block move up.
func (r *Raw) EditEntry(index int64, edit func(entry []byte) []byte) error {
	return r.edit('e', 2, len16, index, edit)
}

// EditPayload is EditEntry for the encrypted payload.
func (r *Raw) EditPayload(index int64, edit func(payload []byte) []byte) error {
	return r.edit('p', 4, len32, index, edit)
}

func (r *Raw) edit(prefix byte, width int, length func([]byte, int) []byte, index int64, edit func([]byte) []byte) error {
	for b := range r.blocks(prefix, width, index, index+1) {
		if b.Err != nil {
			return b.Err
		}
		at := index - b.First
		if at < 0 || at >= int64(len(b.Items)) {
			continue
		}
		var value []byte
		for i, item := range b.Items {
			if int64(i) == at {
				if item = edit(bytes.Clone(item)); item == nil {
					continue
				}
			}
			value = append(length(value, len(item)), item...)
		}
		if len(value) == 0 {
			return r.Delete(key(prefix, b.First))
		}
		return r.Set(key(prefix, b.First), value)
	}
	return fmt.Errorf("record %d is missing: %w", index, ErrDamaged)
}

// Compact merges all tables of the database, as it does by itself over time.
func (r *Raw) Compact() error { return r.db.Flatten(1) }
