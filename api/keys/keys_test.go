// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

func open(t testing.TB, l *ledgertest.Ledger) *Keys {
	t.Helper()
	k, err := Open(t.Context(), l.Dir, l.Ledger, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *Keys) grant(t testing.TB, terms access.Terms) access.Key {
	t.Helper()
	key, _, err := k.Grant(t.Context(), terms, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (k *Keys) revoke(t testing.TB, key access.Key) {
	t.Helper()
	if _, err := k.Revoke(t.Context(), key.ID(), ledger.Local, "rotated"); err != nil {
		t.Fatal(err)
	}
}

// state returns the state of the only grant of that id.
func (k *Keys) stateOf(id string) string {
	for _, s := range k.List() {
		if s.ID == id {
			return s.State
		}
	}
	return ""
}

var auditor = access.Terms{Role: access.Auditor, Label: "firm"}

// A key holds from its grant to its end, over restarts, and the ledger demands
// keys for ever.
func TestKeys(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	if k.Demanded() || k.Find(access.NewKey().Reveal()) != nil || k.List() != nil {
		t.Error("a new ledger has keys")
	}
	first, second := k.grant(t, auditor), k.grant(t, access.Terms{Role: access.Submitter, Sources: []string{"urn:a"}, Rate: 7})
	for range 2 {
		if !k.Demanded() {
			t.Error("no keys are demanded")
		}
		if got := k.Find(first.Reveal()); got == nil || got.Role != access.Auditor || got.ID != first.ID() {
			t.Errorf("the first key is %v", got)
		}
		if got := k.Find(second.Reveal()); got == nil || got.Rate != 7 || !got.Covers("urn:a:b") {
			t.Errorf("the second key is %v", got)
		}
		l = ledgertest.Start(t, l.Stopped(), ledger.Options{})
		k = open(t, l)
	}
	// One that was made up has the id of another, or none that is known.
	forged := access.NewKey().Reveal()
	for _, shown := range []string{"", forged, first.ID(), first.String(), first.Reveal()[:60], strings.ToUpper(first.Reveal()), first.Reveal() + " "} {
		if k.Find(shown) != nil {
			t.Errorf("%q is accepted", shown)
		}
	}
	key := k.Find(first.Reveal())
	good, release := key.Good()
	defer release()
	k.revoke(t, first)
	if good.Err() == nil || k.Find(first.Reveal()) != nil || k.stateOf(first.ID()) != Revoked || k.stateOf(second.ID()) != Active {
		t.Error("a key that was revoked is good")
	}
	k.revoke(t, second)
	if _, err := k.Revoke(t.Context(), "aaaaaaaa", ledger.Local, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("a key that never was is revoked: %v", err)
	}
	l = ledgertest.Start(t, l.Stopped(), ledger.Options{})
	k = open(t, l)
	if !k.Demanded() || k.Find(first.Reveal()) != nil || k.Find(second.Reveal()) != nil {
		t.Error("a ledger whose keys were revoked is open")
	}
	ledgertest.Check(t, l.Stopped())
}

// A key that was revoked grants and revokes no other, however close that is.
func TestRevokedDoesNothing(t *testing.T) {
	k := open(t, ledgertest.New(t))
	admin, other := k.grant(t, access.Terms{Role: access.Admin}), k.grant(t, auditor)
	if _, _, err := k.Grant(t.Context(), auditor, admin.ID()); err != nil {
		t.Fatal(err)
	}
	k.revoke(t, admin)
	if _, _, err := k.Grant(t.Context(), auditor, admin.ID()); !errors.Is(err, ErrBy) {
		t.Errorf("it grants a key: %v", err)
	}
	if _, err := k.Revoke(t.Context(), other.ID(), admin.ID(), ""); !errors.Is(err, ErrBy) || k.Find(other.Reveal()) == nil {
		t.Errorf("it revokes a key: %v", err)
	}
}

// A successor is granted before its predecessor is revoked, and at no moment is
// neither good.
func TestRotation(t *testing.T) {
	k := open(t, ledgertest.New(t))
	current := k.grant(t, auditor)
	for range 5 {
		next := k.grant(t, auditor)
		if k.Find(current.Reveal()) == nil || k.Find(next.Reveal()) == nil {
			t.Fatal("the two do not hold together")
		}
		k.revoke(t, current)
		if k.Find(current.Reveal()) != nil || k.Find(next.Reveal()) == nil {
			t.Fatal("the wrong one is good")
		}
		current = next
	}
}

func TestExpiry(t *testing.T) {
	k := open(t, ledgertest.New(t))
	now := time.Now()
	k.now = func() time.Time { return now }
	terms := auditor
	terms.Expires = now.Add(time.Hour).Truncate(time.Second)
	key := k.grant(t, terms)
	if k.Find(key.Reveal()) == nil || k.stateOf(key.ID()) != Active {
		t.Error("it is not good before")
	}
	now = terms.Expires
	if k.Find(key.Reveal()) != nil || k.stateOf(key.ID()) != Expired {
		t.Error("it is good after")
	}
	if _, _, err := k.Grant(t.Context(), terms, ledger.Local); !errors.Is(err, ErrTerms) {
		t.Errorf("a key that is over is granted: %v", err)
	}
	if _, _, err := k.Grant(t.Context(), access.Terms{Role: "root"}, ledger.Local); !errors.Is(err, ErrTerms) {
		t.Errorf("a role that is none is granted: %v", err)
	}
}

// The file is believed only as far as the ledger has a record of it.
func TestFileAgainstLedger(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	if _, err := os.Stat(k.path); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("there is a file before there are keys")
	}
	stolen := k.grant(t, access.Terms{Role: access.Monitor})
	early, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	good := k.grant(t, auditor)
	k.revoke(t, stolen)
	file, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file, []byte(good.Reveal()[12:60])) {
		t.Error("the file holds a key")
	}
	own := access.NewKey()
	planted := access.FileBytes([]access.Grant{{ID: own.ID(), Hash: own.Hash(), Terms: access.Terms{Role: access.Admin}}})
	for name, c := range map[string]struct {
		file []byte
		mode os.FileMode
		says string // "" when it opens
	}{
		"as it was":         {file, 0o600, ""},
		"an older one":      {early, 0o600, ""},
		"one key added":     {planted, 0o600, "of which the ledger has no record"},
		"another role":      {bytes.Replace(file, []byte(`"auditor"`), []byte(`"admin"`), 1), 0o600, "another grant"},
		"another hash":      {regexp.MustCompile(`"hash":"[0-9a-f]{64}`).ReplaceAll(file, []byte(`"hash":"`+strings.Repeat("7", 64))), 0o600, "another grant"},
		"cut":               {file[:len(file)-1], 0o600, "not as a server writes it"},
		"empty":             {nil, 0o600, "can't be read"},
		"for all":           {file, 0o644, "can be read by others; run chmod 600"},
		"of a newer format": {regexp.MustCompile(`access/.`).ReplaceAll(file, []byte("access/9")), 0o600, "use the program that wrote it"},
	} {
		if err := os.WriteFile(k.path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(k.path, c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := Open(t.Context(), l.Dir, l.Ledger, nil)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want %q", name, err, c.says)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Find(stolen.Reveal()) != nil || got.stateOf(stolen.ID()) != Revoked {
			t.Errorf("%s: a key that was revoked is good", name)
		}
	}
	// Without the file the ledger is shut, and not open.
	if err := os.Remove(k.path); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	k, err = Open(t.Context(), l.Dir, l.Ledger, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !k.Demanded() || k.Find(good.Reveal()) != nil || k.stateOf(good.ID()) != Lost || !strings.Contains(log.String(), "has none") {
		t.Errorf("without the file: %v, %s", k.List(), &log)
	}
	if k.Find(k.grant(t, auditor).Reveal()) == nil {
		t.Error("no key can be granted any more")
	}
}

// Whatever fails to be written, no key is good that was revoked, and none that
// was not handed out.
func TestFileFaults(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	key := k.grant(t, auditor)
	full := errors.New("no space left on device")
	k.replace = func(string, []byte, os.FileMode) error { return full }
	if got, _, err := k.Grant(t.Context(), auditor, ledger.Local); !errors.Is(err, full) || !got.IsZero() {
		t.Errorf("a grant that couldn't be kept: %v", err)
	}
	// A use that can't be noted is one all the same.
	k.Touch(t.Context(), k.Find(key.Reveal()))
	// The record counts, now and after a restart.
	if _, err := k.Revoke(t.Context(), key.ID(), ledger.Local, ""); err != nil || k.Find(key.Reveal()) != nil {
		t.Errorf("revoked, with the record only: %v", err)
	}
	if again := open(t, l); again.Find(key.Reveal()) != nil || again.stateOf(key.ID()) != Revoked {
		t.Error("after a restart it is good again")
	}

	// The file counts where the ledger takes no records.
	k = open(t, l)
	key = k.grant(t, auditor)
	l.Hold(ledger.ErrUnwitnessed)
	if _, _, err := k.Grant(t.Context(), auditor, ledger.Local); !errors.Is(err, ledger.ErrUnwitnessed) {
		t.Errorf("a grant without a record: %v", err)
	}
	if _, err := k.Revoke(t.Context(), key.ID(), ledger.Local, ""); !errors.Is(err, ledger.ErrUnwitnessed) || k.Find(key.Reveal()) != nil {
		t.Errorf("revoked, with the file only: %v", err)
	}
	if again := open(t, l); again.Find(key.Reveal()) != nil || again.stateOf(key.ID()) != Revoked {
		t.Error("after a restart it is good again")
	}
	l.Release()
	k.revoke(t, key) // again, and now it is recorded
	for _, s := range k.List() {
		if s.ID == key.ID() && (s.State != Revoked || s.Revoked.IsZero()) {
			t.Errorf("that it was revoked is not recorded: %+v", s)
		}
	}

	// Neither: the error says that it holds until a restart only.
	key = k.grant(t, auditor)
	l.Hold(ledger.ErrUnwitnessed)
	k.replace = func(string, []byte, os.FileMode) error { return full }
	if _, err := k.Revoke(t.Context(), key.ID(), ledger.Local, ""); err == nil || !strings.Contains(err.Error(), "until the server is started again") || k.Find(key.Reveal()) != nil {
		t.Errorf("revoked, and nothing written: %v", err)
	}
	l.Release()
}

// The day of the last use is written once a day.
func TestUse(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	now := time.Date(2026, 12, 1, 23, 0, 0, 0, time.UTC)
	k.now = func() time.Time { return now }
	shown := k.grant(t, auditor)
	writes := 0
	replace := k.replace
	k.replace = func(path string, data []byte, mode os.FileMode) error {
		writes++
		return replace(path, data, mode)
	}
	for range 5 {
		k.Touch(t.Context(), k.Find(shown.Reveal()))
	}
	if writes != 1 {
		t.Errorf("it was written %d times", writes)
	}
	now = now.Add(2 * time.Hour)
	k.Touch(t.Context(), k.Find(shown.Reveal()))
	if got := open(t, l).List(); writes != 2 || len(got) != 1 || got[0].Row.Used.Format(time.DateOnly) != "2026-12-02" {
		t.Errorf("%d writes, %+v", writes, got)
	}
	st, err := os.Stat(k.path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", st.Mode(), err)
	}
}

func TestTake(t *testing.T) {
	k := newKey(access.Grant{Terms: access.Terms{Rate: 3}})
	now := time.Now()
	for i := range 3 {
		if q, ok := k.Take(now.Add(time.Duration(i) * time.Second)); !ok || q != (Quota{3, int64(2 - i), Window - time.Duration(i)*time.Second}) {
			t.Errorf("request %d: %+v, %v", i, q, ok)
		}
	}
	if q, ok := k.Take(now.Add(50 * time.Second)); ok || q != (Quota{3, 0, 10 * time.Second}) {
		t.Errorf("one too many: %+v, %v", q, ok)
	}
	if q, ok := k.Take(now.Add(Window)); !ok || q.Left != 2 {
		t.Errorf("in the next window: %+v, %v", q, ok)
	}
	if _, ok := k.Take(now.Add(-time.Hour)); !ok {
		t.Error("a clock that was set back shuts a key out")
	}
	if q, _ := newKey(access.Grant{}).Take(now); q.Limit != DefaultRate {
		t.Errorf("the default is %d", q.Limit)
	}
}

// Grants, uses and revocations at once leave a file that opens, with exactly the
// keys that were not revoked.
func TestConcurrently(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	var mu sync.Mutex
	good := map[string]bool{}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			key, _, err := k.Grant(t.Context(), access.Terms{Role: access.Auditor, Label: fmt.Sprint(n)}, ledger.Local)
			if err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				found := k.Find(key.Reveal())
				if found == nil {
					t.Error("a key is lost")
					return
				}
				k.Touch(t.Context(), found)
				found.Take(time.Now())
				k.List()
			}
			if n%2 == 0 {
				if _, err := k.Revoke(t.Context(), key.ID(), ledger.Local, ""); err != nil || k.Find(key.Reveal()) != nil {
					t.Errorf("revoked: %v", err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			good[key.Reveal()] = n%2 != 0
		})
	}
	all.Wait()
	again := open(t, l)
	for shown, want := range good {
		if (k.Find(shown) != nil) != want || (again.Find(shown) != nil) != want {
			t.Errorf("a key is good: %v, want %v", !want, want)
		}
	}
	ledgertest.Check(t, l.Stopped())
}

// Secrets are compared in one place, in constant time, whether there is such a
// key or not.
func TestComparedInConstantTime(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	compares := 0
	for _, file := range append(files, "../access.go") {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		compares += strings.Count(string(source), "subtle.ConstantTimeCompare(")
		if regexp.MustCompile(`Hash(\(\))?(\[:\])? *[!=]=|[!=]= *\w+\.Hash|Reveal\(\) *[!=]=|bytes\.Equal`).Match(source) {
			t.Errorf("%s compares a secret in another way", file)
		}
	}
	if compares != 1 {
		t.Errorf("keys are compared in %d places", compares)
	}
}
