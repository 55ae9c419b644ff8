// SPDX-License-Identifier: Apache-2.0

// Package keys keeps the API keys of a ledger: it grants and revokes them, knows
// one again that a client shows, and counts how often each is used.
//
// Grants lie in a file beside the ledger, which is replaced as a whole. They are
// believed only as far as the ledger has a record of each, with the same digest:
// one that somebody wrote into the file is refused, and one that was revoked
// stays so, whatever the file says. What was revoked is kept there, marked, for
// whoever wants to know what it was; it lets nobody in. A ledger that has a record
// of any grant demands keys from then on, also when all are revoked or the file is
// lost.
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
	// ErrTaken: there was a grant of that id, which nobody is granted again.
	ErrTaken = errors.New("there was a grant of this id before: make a new key")
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
	keys map[string]*Key // the rows of the file, by their ids, also of what is over
	// granted are all grants of the ledger's records. It is empty of a ledger
	// that demands no keys.
	granted map[string]ledger.Granted

	index   sync.Once       // makes holders
	holders map[holder]*Key // those who come by other means than a key
}

// accepts reports whether something may be done by a grant of that id, or by
// ledger.Local.
func (s *state) accepts(id string, now time.Time) bool {
	key := s.keys[id]
	return id == ledger.Local || key != nil && !key.Over(now)
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
		case g.Revoked.IsZero():
			g.Revoked = day(recorded.Revoked)
		}
		st.keys[g.ID] = newKey(g)
	}
	if len(st.granted) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(st.keys)), func(key *Key) bool { return key.Revoked.IsZero() }) {
		log.WarnContext(ctx, "the ledger demands keys and has none: put the file of grants back, or grant one with lendlog access grant --dir", slog.String("file", k.path))
	}
	k.state.Store(st)
	return k, nil
}

// None returns the keys of no ledger. It demands one and finds none, by the same
// steps as others do.
func None() *Keys { return fixed(nil) }

// Peek returns the keys of the ledger in dir while nothing holds it, as far as its
// file tells, for no more than to tell their holders so. It writes nothing.
func Peek(dir string) (*Keys, error) {
	k := fixed(nil)
	k.path = filepath.Join(dir, File)
	grants, err := k.read()
	if err != nil {
		return nil, err
	}
	return fixed(grants), nil
}

// fixed returns the keys of some grants, which no ledger vouches for, and which are
// kept nowhere.
func fixed(grants []access.Grant) *Keys {
	st := &state{keys: map[string]*Key{}, granted: map[string]ledger.Granted{"": {}}}
	for _, g := range grants {
		st.keys[g.ID] = newKey(g)
	}
	k := &Keys{log: slog.New(slog.DiscardHandler), now: time.Now, replace: func(string, []byte, os.FileMode) error { return nil }}
	k.state.Store(st)
	return k
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
	if same := subtle.ConstantTimeCompare(got[:], want[:]) == 1; !same || key == nil || key.Means != access.ByKey || key.Over(k.now()) {
		return nil
	}
	return key
}

// Get returns the key of an id, nil unless it is accepted now. Whoever asks has
// made sure that it was shown.
func (k *Keys) Get(id string) *Key {
	if key := k.state.Load().keys[id]; key != nil && !key.Over(k.now()) {
		return key
	}
	return nil
}

// Touch notes that a key is used today. The first use in a day is written down;
// where that fails the key is good all the same.
func (k *Keys) Touch(ctx context.Context, key *Key) {
	today := day(k.now()).Unix()
	if key.used.Swap(today) == today {
		return
	}
	k.changing.Lock()
	defer k.changing.Unlock()
	if err := k.write(k.state.Load().keys); err != nil {
		k.log.WarnContext(ctx, "couldn't note that a key is used", slog.String("key", key.ID), slog.Any("error", err))
	}
}

// day returns the day of a time, zero of the zero time.
func day(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }
