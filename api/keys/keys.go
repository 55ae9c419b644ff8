// SPDX-License-Identifier: Apache-2.0

// Package keys keeps the API keys of a ledger: it grants and revokes them, knows
// one again that a client shows, and counts how often each is used.
//
// Grants lie in a file beside the ledger, which is replaced as a whole. They are
// believed only as far as the ledger has a record of each, with the same digest:
// one that somebody wrote into the file is refused, and one that was revoked
// stays so, whatever the file says. A ledger that has a record of any grant
// demands keys from then on, also when all are revoked or the file is lost.
package keys

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/store"
)

// File is the name of the file in the ledger's directory.
const File = "access.json"

// Errors that callers tell apart.
var (
	// ErrNotFound: there was never a grant of this id.
	ErrNotFound = errors.New("there is no such grant")
	// ErrTerms: nobody is granted a key for that.
	ErrTerms = errors.New("that can't be granted")
	// ErrBy: the grant by which it was asked for is not accepted any more.
	ErrBy = errors.New("the key that asks for it was revoked or has expired")
)

// Keys are the keys of one ledger. Its methods may be called concurrently.
type Keys struct {
	path    string
	ledger  *ledger.Ledger
	log     *slog.Logger
	now     func() time.Time
	replace func(path string, data []byte, mode os.FileMode) error // tests have it fail

	changing sync.Mutex // held while state and file change
	state    atomic.Pointer[state]
}

// state is what lookups see. It is never changed, but for what a Key counts.
type state struct {
	keys map[string]*Key // those that are accepted until they expire, by their ids
	// granted are all grants of the ledger's records. It is empty of a ledger
	// that demands no keys.
	granted map[string]ledger.Granted
}

// accepts reports whether something may be done by a grant of that id, or by
// ledger.Local.
func (s *state) accepts(id string, now time.Time) bool {
	key := s.keys[id]
	return id == ledger.Local || key != nil && !key.Expired(now)
}

// Open reads the grants of the ledger in dir. It refuses a file that others can
// read, or that holds what the ledger did not grant. nil discards the log.
func Open(ctx context.Context, dir string, l *ledger.Ledger, log *slog.Logger) (*Keys, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	k := &Keys{path: filepath.Join(dir, File), ledger: l, log: log, now: time.Now, replace: store.WriteFile}
	st := &state{keys: map[string]*Key{}}
	var err error
	if st.granted, err = l.Granted(ctx); err != nil {
		return nil, fmt.Errorf("couldn't read who was granted what: %w", err)
	}
	grants, err := k.read()
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		recorded, ok := st.granted[g.ID]
		switch {
		case !ok:
			return nil, fmt.Errorf("%s holds the grant %s, of which the ledger has no record: somebody wrote it there, or it belongs to another ledger or a newer copy; find out who, move the file away, and grant new keys with `lendlog access grant --dir`", k.path, g.ID)
		case g.Digest() != recorded.Digest:
			return nil, fmt.Errorf("%s has another grant %s than the ledger recorded: somebody altered it; find out who, move the file away, and grant new keys with `lendlog access grant --dir`", k.path, g.ID)
		case recorded.Revoked.IsZero():
			st.keys[g.ID] = newKey(g)
		}
	}
	if len(st.granted) > 0 && len(st.keys) == 0 {
		log.WarnContext(ctx, "the ledger demands keys and has none: put the file of grants back, or grant one with lendlog access grant --dir", slog.String("file", k.path))
	}
	k.state.Store(st)
	return k, nil
}

// read reads the file; of one that is absent it returns nothing.
func (k *Keys) read() ([]access.Grant, error) {
	st, err := os.Stat(k.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the grants: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others; run chmod 600 on it", k.path)
	}
	b, err := os.ReadFile(k.path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the grants: %w", err)
	}
	grants, err := access.ParseFile(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; put it back from a copy, or move it away and grant new keys with `lendlog access grant --dir`", k.path, err)
	}
	return grants, nil
}

// write replaces the file by the grants of a state.
func (k *Keys) write(keys map[string]*Key) error {
	grants := make([]access.Grant, 0, len(keys))
	for _, key := range keys {
		grants = append(grants, key.current())
	}
	slices.SortFunc(grants, func(a, b access.Grant) int { return cmp.Compare(a.ID, b.ID) })
	return k.replace(k.path, access.FileBytes(grants), 0o600)
}

// Demanded reports whether the ledger is open to nobody without a key.
func (k *Keys) Demanded() bool { return len(k.state.Load().granted) > 0 }

// nobody is the hash that a key of an unknown id is held against, so that it
// takes as long as a wrong one.
var nobody = access.NewKey().Hash()

// Find returns the key that a client shows, nil unless it is accepted now. What
// is malformed, unknown, expired or revoked is told apart by nothing.
func (k *Keys) Find(shown string) *Key {
	parsed, err := access.ParseKey(shown)
	if err != nil {
		return nil
	}
	key, want, got := k.state.Load().keys[parsed.ID()], nobody, parsed.Hash()
	if key != nil {
		want = key.Hash
	}
	if same := subtle.ConstantTimeCompare(got[:], want[:]) == 1; !same || key == nil || key.Expired(k.now()) {
		return nil
	}
	return key
}

// Get returns the key of an id, nil unless it is accepted now. Whoever asks has
// made sure that it was shown.
func (k *Keys) Get(id string) *Key {
	if key := k.state.Load().keys[id]; key != nil && !key.Expired(k.now()) {
		return key
	}
	return nil
}

// Grant grants a key to whoever it is handed to, by the grant of an id or
// ledger.Local. The ledger has a record of it, and the file the grant, when Grant
// returns. Nobody can show the key again.
func (k *Keys) Grant(ctx context.Context, t access.Terms, grantor string) (key access.Key, index int64, err error) {
	if err := t.Check(); err != nil {
		return access.Key{}, 0, fmt.Errorf("%w: %w", ErrTerms, err)
	}
	if t.Expired(k.now()) {
		return access.Key{}, 0, fmt.Errorf("%w: it would have expired already", ErrTerms)
	}
	k.changing.Lock()
	defer k.changing.Unlock()
	before := k.state.Load()
	if !before.accepts(grantor, k.now()) {
		return access.Key{}, 0, ErrBy
	}
	keys := maps.Clone(before.keys)
	if len(keys) >= access.MaxGrants {
		maps.DeleteFunc(keys, func(_ string, key *Key) bool { return key.Expired(k.now()) })
	}
	if len(keys) >= access.MaxGrants {
		return access.Key{}, 0, fmt.Errorf("%w: there are %d keys already; revoke those that are not used", ErrTerms, len(keys))
	}
	for {
		key = access.NewKey()
		if _, taken := before.granted[key.ID()]; !taken {
			break
		}
	}
	g := access.Grant{ID: key.ID(), Hash: key.Hash(), Terms: t}
	if index, err = k.ledger.Grant(ctx, &g, grantor); err != nil {
		return access.Key{}, 0, fmt.Errorf("couldn't record the grant: %w", err)
	}
	after := &state{keys: keys}
	if after.granted, err = k.ledger.Granted(ctx); err != nil {
		return access.Key{}, 0, fmt.Errorf("couldn't read the grant back: %w", err)
	}
	keys[g.ID] = newKey(g)
	if err := k.write(keys); err != nil {
		// The record stays, of a key that nobody has.
		delete(keys, g.ID)
		k.state.Store(after)
		return access.Key{}, 0, fmt.Errorf("couldn't keep the grant, so its key is good for nothing; try again: %w", err)
	}
	k.state.Store(after)
	return key, index, nil
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
	if _, ok := before.granted[id]; !ok {
		return 0, ErrNotFound
	}
	keys := maps.Clone(before.keys)
	delete(keys, id)
	after := &state{keys: keys, granted: before.granted}
	k.state.Store(after)
	if key := before.keys[id]; key != nil {
		key.end()
	}
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

// The states of a grant.
const (
	Active  = "active"
	Expired = "expired"
	Revoked = "revoked"
	Lost    = "lost" // recorded, but not in the file: nobody can use it
)

// A Status is what there is to know of a grant.
type Status struct {
	ledger.Granted
	State string
	// Of what is in the file; zero of the others.
	Sources []string
	Label   string
	Rate    int64
	Used    time.Time // the day of its last use; zero for never
}

// List returns all grants that there ever were, in the order of their ids.
func (k *Keys) List() []Status {
	st, now := k.state.Load(), k.now()
	var all []Status
	for _, id := range slices.Sorted(maps.Keys(st.granted)) {
		s := Status{Granted: st.granted[id], State: Lost}
		key := st.keys[id]
		switch {
		case !s.Granted.Revoked.IsZero():
			s.State = Revoked
		case key != nil && key.Expired(now):
			s.State = Expired
		case key != nil:
			s.State = Active
		}
		if key != nil {
			g := key.current()
			s.Sources, s.Label, s.Rate, s.Used = g.Sources, g.Label, g.Rate, g.Used
		}
		all = append(all, s)
	}
	return all
}

// Touch notes that a key is used today. The first use in a day is written down;
// where that fails the key is good all the same.
func (k *Keys) Touch(ctx context.Context, key *Key) {
	today := k.now().UTC().Truncate(24 * time.Hour).Unix()
	if key.used.Swap(today) == today {
		return
	}
	k.changing.Lock()
	defer k.changing.Unlock()
	if err := k.write(k.state.Load().keys); err != nil {
		k.log.WarnContext(ctx, "couldn't note that a key is used", slog.String("key", key.ID), slog.Any("error", err))
	}
}
