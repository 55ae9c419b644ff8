// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/vault"
)

// keyring holds the party keys by their owner (see seal.Owner). Which key
// belongs to whom is known only in memory: on disk the owner lies inside the
// wrap, which dies with its bucket key.
type keyring struct {
	mu      sync.RWMutex // guards all below
	vault   *vault.Vault
	grow    func(bucket int64) error // makes a bucket of the vault exist
	owners  map[string]*partyKey
	numbers map[int64]*partyKey
	next    int64
	free    []int64 // ids below next of keys that were given back
}

type partyKey struct {
	seal.PartyKey
	row    []byte       // wrapped
	stored atomic.Bool  // the row is in the store, or in the batch under way; set by the sequencer
	users  atomic.Int64 // events on their way that were sealed with it; grows under the lock
}

// openKeyring unwraps the stored keys, all of which must open, and counts
// them.
func (l *Ledger) openKeyring(v *vault.Vault) (n int64, err error) {
	k := &keyring{vault: v, owners: map[string]*partyKey{}, numbers: map[int64]*partyKey{}}
	k.grow = func(bucket int64) error {
		if bucket < v.Len() {
			return nil
		}
		return spaceError(l.do(stepVault, func() error { return v.Grow(bucket) }))
	}
	l.keyring = k
	return n, l.store.ScanKeys(func(r store.KeyRow) error {
		n++
		b, err := v.Bucket(r.ID / seal.BucketSize)
		if err != nil {
			return err
		}
		p, err := seal.Unwrap(r.ID, r.Row, b.Key)
		if err != nil {
			return fmt.Errorf("%w: %w; if the vault is not this ledger's newest, put that back instead", ErrDamaged, err)
		}
		key := &partyKey{PartyKey: p, row: r.Row}
		key.stored.Store(true)
		k.owners[p.Owner], k.numbers[p.ID] = key, key
		k.next = max(k.next, p.ID+1)
		return nil
	})
}

// get returns the owner's key, making one for a new owner. The caller gives it
// back in the end.
func (k *keyring) get(owner string) (*partyKey, error) {
	k.mu.RLock()
	key := k.owners[owner]
	if key != nil {
		key.users.Add(1)
	}
	k.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if key = k.owners[owner]; key != nil {
		key.users.Add(1)
		return key, nil
	}
	id := k.next
	if len(k.free) > 0 {
		id = k.free[len(k.free)-1]
	}
	p := seal.PartyKey{ID: id, Owner: owner, Key: seal.NewKey()}
	if err := k.grow(p.Bucket()); err != nil {
		return nil, err
	}
	b, err := k.vault.Bucket(p.Bucket())
	if err != nil {
		return nil, err
	}
	key = &partyKey{PartyKey: p, row: p.Wrap(b.Key, b.Generation)}
	key.users.Add(1)
	k.owners[owner], k.numbers[p.ID] = key, key
	if id == k.next {
		k.next++
	} else {
		k.free = k.free[:len(k.free)-1]
	}
	return key, nil
}

// giveBack forgets those keys that nobody uses any more and that were never
// stored: of events that were refused. Whoever submits one event after another
// under a known identity, each of another party, would otherwise fill the
// memory and the vault.
func (k *keyring) giveBack(keys []*partyKey) {
	for _, key := range keys {
		if key.users.Add(-1) > 0 || key.stored.Load() {
			continue
		}
		k.mu.Lock()
		if key.users.Load() == 0 && !key.stored.Load() && k.numbers[key.ID] == key {
			delete(k.owners, key.Owner)
			delete(k.numbers, key.ID)
			k.free = append(k.free, key.ID)
		}
		k.mu.Unlock()
	}
}

func (k *keyring) byID(id int64) (seal.Key, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	p := k.numbers[id]
	if p == nil {
		return seal.Key{}, false
	}
	return p.Key, true
}

// ownerOf returns whose key has an id; "" of one that is not there any more.
func (k *keyring) ownerOf(id int64) string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if p := k.numbers[id]; p != nil {
		return p.Owner
	}
	return ""
}

// idOf returns the id of an owner's key, if they have one.
func (k *keyring) idOf(owner string) (int64, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	key := k.owners[owner]
	if key == nil {
		return 0, false
	}
	return key.ID, true
}

// count returns how many keys there ever were: their ids lie below it.
func (k *keyring) count() int64 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.next
}

// termsPerGeneration bounds the cache to twice as many subjects.
const termsPerGeneration = 1 << 18
