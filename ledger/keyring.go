// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/vault"
)

// keyring holds the party keys by their owner (see seal.Owner). Which key
// belongs to whom is known only in memory: on disk the owner lies inside the
// wrap, which dies with its bucket key.
type keyring struct {
	// growing is held while the vault is written to, which may take as long as the
	// command that keeps its key; grown is shared by all who need that.
	growing sync.Mutex
	grown   singleflight.Group
	low     chan struct{} // of 1: soon there will be no bucket for a new owner
	write   func() ([]vault.Bucket, error)

	mu      sync.RWMutex // guards all below
	vault   *vault.Vault // and its buckets, which are added to with growing held too
	owners  map[string]*partyKey
	numbers []*partyKey // by id; nil where a key was given back, or is not there
	free    []int64     // ids of keys that were given back
}

// There is one for every party, so it is kept small.
type partyKey struct {
	seal.PartyKey
	row    []byte       // wrapped, until it is in the store; the sequencer's, then its batch's
	stored atomic.Bool  // the row is in the store, or in a batch under way; set by the sequencer
	users  atomic.Int64 // events on their way that were sealed with it; grows under the lock
}

// openKeyring unwraps the stored keys, all of which must open, and counts
// them.
func (l *Ledger) openKeyring(v *vault.Vault) (n int64, err error) {
	k := &keyring{vault: v, low: make(chan struct{}, 1), owners: map[string]*partyKey{}}
	k.write = func() (fresh []vault.Bucket, err error) {
		err = l.do(stepVault, func() error { fresh, err = v.Make(); return err })
		if errors.Is(err, vault.ErrKeeper) {
			err = fmt.Errorf("%w: %w", ErrKeeper, err)
		}
		return fresh, spaceError(err)
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
	for {
		key, err := k.add(owner)
		if key != nil || err != nil {
			return key, err
		}
		if err := k.grow(false); err != nil {
			return nil, err
		}
	}
}

// add makes a key for an owner who has none. It returns nil where the vault has no
// bucket for it.
func (k *keyring) add(owner string) (key *partyKey, err error) {
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
	if p.Bucket() >= k.vault.Len() {
		return nil, nil
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
	if k.isLow() {
		select {
		case k.low <- struct{}{}:
		default: // it is known
		}
	}
	return key, nil
}

// aheadOf is how many new owners there is room for when the vault is grown, so that
// none of them has to wait for whoever keeps its key.
const aheadOf = 4096

// isLow reports whether there is room for few new owners. Whoever calls it holds the
// lock.
func (k *keyring) isLow() bool { return k.vault.Len()*seal.BucketSize-int64(len(k.numbers)) < aheadOf }

// grow adds buckets to the vault, unless there is room: for one owner, or ahead for
// many. Those who need it at once share one outcome, so that a keeper that does not
// answer is waited for once, and those who need nothing of it don't wait at all.
func (k *keyring) grow(ahead bool) error {
	_, err, _ := k.grown.Do("", func() (any, error) {
		k.growing.Lock()
		defer k.growing.Unlock()
		k.mu.RLock()
		room := k.vault.Len()*seal.BucketSize > int64(len(k.numbers)) && !(ahead && k.isLow())
		k.mu.RUnlock()
		if room {
			return nil, nil
		}
		fresh, err := k.write()
		if err != nil {
			return nil, err
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.vault.Add(fresh)
		return nil, nil
	})
	return err
}

// growAgain is how long after a failure the vault is grown ahead again.
const growAgain = 10 * time.Second

// growAhead adds buckets before they are needed, until ctx ends.
func (k *keyring) growAhead(ctx context.Context, log *slog.Logger) {
	for {
		select {
		case <-k.low:
		case <-ctx.Done():
			return
		}
		err := k.grow(true)
		if err == nil {
			continue
		}
		log.WarnContext(ctx, "couldn't make keys for new persons ahead; soon events of new persons are refused", slog.Any("error", err))
		select {
		case <-time.After(growAgain):
		case <-ctx.Done():
			return
		}
	}
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
const termsPerGeneration = 1 << 19
