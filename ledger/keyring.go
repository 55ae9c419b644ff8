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
	numbers []*partyKey // by id; nil where a key was given back, or is not there
	free    []int64     // ids of keys that were given back
}

// There is one for every party, so it is kept small.
type partyKey struct {
	seal.PartyKey
	row    []byte       // wrapped, until it is in the store; the sequencer's
	stored atomic.Bool  // the row is in the store, or in the batch under way; set by the sequencer
	users  atomic.Int64 // events on their way that were sealed with it; grows under the lock
}

// openKeyring unwraps the stored keys, all of which must open, and counts
// them.
func (l *Ledger) openKeyring(v *vault.Vault) (n int64, err error) {
	k := &keyring{vault: v, owners: map[string]*partyKey{}}
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
		key := &partyKey{PartyKey: p}
		key.stored.Store(true)
		k.put(key)
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
	id := int64(len(k.numbers))
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
	if len(k.free) > 0 {
		k.free = k.free[:len(k.free)-1]
	}
	k.put(key)
	return key, nil
}

// put adds a key.
func (k *keyring) put(key *partyKey) {
	for int64(len(k.numbers)) <= key.ID {
		k.numbers = append(k.numbers, nil)
	}
	k.owners[key.Owner], k.numbers[key.ID] = key, key
}

// at returns the key with an id; nil where there is none.
func (k *keyring) at(id int64) *partyKey {
	if id < 0 || id >= int64(len(k.numbers)) {
		return nil
	}
	return k.numbers[id]
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
			k.numbers[key.ID] = nil
			k.free = append(k.free, key.ID)
		}
		k.mu.Unlock()
	}
}

func (k *keyring) byID(id int64) (seal.Key, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	p := k.at(id)
	if p == nil {
		return seal.Key{}, false
	}
	return p.Key, true
}

// ownerOf returns whose key has an id; "" of one that is not there any more.
func (k *keyring) ownerOf(id int64) string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if p := k.at(id); p != nil {
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
	return int64(len(k.numbers))
}

// termsPerGeneration bounds the cache to twice as many subjects.
const termsPerGeneration = 1 << 18
