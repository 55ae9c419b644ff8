// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/lendlog/lendlog/ledger/access"
)

// Grant grants a new key to whoever it is handed to, by the grant of an id or
// ledger.Local. Nobody can show the key again.
func (k *Keys) Grant(ctx context.Context, t access.Terms, grantor string) (key access.Key, index int64, err error) {
	key = k.fresh()
	r := key.Request()
	if index, err = k.Add(ctx, access.Grant{ID: r.ID, Hash: r.Hash, Terms: t}, grantor); err != nil {
		return access.Key{}, 0, err
	}
	return key, index, nil
}

// Add grants whatever a grant says, by the grant of an id or ledger.Local: to
// whoever made a key and sent its request, or comes by other means. The id is one
// that was never granted here, else the error is ErrTaken. The ledger has a record
// of the grant, and the file the grant, when Add returns.
func (k *Keys) Add(ctx context.Context, g access.Grant, grantor string) (index int64, err error) {
	if err := g.Check(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrTerms, err)
	}
	if g.Expired(k.now()) {
		return 0, fmt.Errorf("%w: it would have expired already", ErrTerms)
	}
	k.changing.Lock()
	defer k.changing.Unlock()
	before := k.state.Load()
	if !before.accepts(grantor, k.now()) {
		return 0, ErrBy
	}
	if before.taken(g.ID) {
		return 0, ErrTaken
	}
	if err := before.free(&g, k.now()); err != nil {
		return 0, err
	}
	keys := maps.Clone(before.keys)
	if len(keys) >= access.MaxGrants {
		maps.DeleteFunc(keys, func(_ string, key *Key) bool { return key.Over(k.now()) })
	}
	if len(keys) >= access.MaxGrants {
		return 0, fmt.Errorf("%w: there are %d keys already; revoke those that are not used", ErrTerms, len(keys))
	}
	if index, err = k.ledger.Grant(ctx, &g, grantor); err != nil {
		return 0, fmt.Errorf("couldn't record the grant: %w", err)
	}
	after := &state{keys: keys}
	if after.granted, err = k.ledger.Granted(ctx); err != nil {
		return 0, fmt.Errorf("couldn't read the grant back: %w", err)
	}
	keys[g.ID] = newKey(g)
	if err := k.write(keys); err != nil {
		// The record stays, of what nobody can use.
		delete(keys, g.ID)
		k.state.Store(after)
		return 0, fmt.Errorf("couldn't keep the grant, so it is good for nothing; try again with a new key: %w", err)
	}
	k.state.Store(after)
	return index, nil
}

// fresh makes a key of an id that was never granted.
func (k *Keys) fresh() access.Key {
	key := access.NewKey()
	for k.state.Load().taken(key.ID()) {
		key = access.NewKey()
	}
	return key
}

// taken reports whether there was ever a grant of an id.
func (s *state) taken(id string) bool {
	_, ok := s.granted[id]
	return ok
}

// Revoke has a key refused at once and for ever, by the grant of an id or
// ledger.Local, with a code for the reason unless it is "". It holds over a
// restart when either the file or the record could be written: the error says so
// when only one was. Revoking again does what was missing.
func (k *Keys) Revoke(ctx context.Context, id, revoker, reason string) (index int64, err error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	before := k.state.Load()
	if !before.accepts(revoker, k.now()) {
		return 0, ErrBy
	}
	if !before.taken(id) {
		return 0, ErrNotFound
	}
	keys := maps.Clone(before.keys)
	after := &state{keys: keys, granted: before.granted}
	if key := before.keys[id]; key != nil {
		key.end()
		keys[id] = key.ended(k.now())
	}
	k.state.Store(after)
	kept := k.write(keys)
	index, recorded := k.ledger.Revoke(ctx, id, revoker, reason)
	if recorded == nil {
		after = &state{keys: keys}
		if after.granted, err = k.ledger.Granted(ctx); err != nil {
			return 0, fmt.Errorf("the key is revoked, and couldn't be read back: %w", err)
		}
		k.state.Store(after)
	}
	switch {
	case kept != nil && recorded != nil:
		return 0, fmt.Errorf("the key is refused until the server is started again, and neither file nor ledger could be written; revoke it again when that is put right: %w", errors.Join(kept, recorded))
	case recorded != nil:
		return 0, fmt.Errorf("the key is revoked, and that couldn't be recorded; revoke it again when that is put right: %w", recorded)
	case kept != nil:
		k.log.WarnContext(ctx, "couldn't write the file of grants; the ledger has the record that one is revoked, which counts", slog.Any("error", kept))
	}
	return index, nil
}

// ended is the key as one that was revoked, on the day of its first end.
func (k *Key) ended(now time.Time) *Key {
	g := k.current()
	if g.Revoked.IsZero() {
		g.Revoked = day(now)
	}
	return newKey(g)
}
