// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	grants "github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// create makes a ledger that nobody holds.
func create(t testing.TB) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "L")
	if err := ledger.Create(t.Context(), dir, ledger.CreateOptions{Origin: "ledger.example/doctor"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// states returns how each check of a ledger does at a time.
func states(t testing.TB, dir string, now time.Time) map[string]State {
	t.Helper()
	began := time.Now()
	got := map[string]State{}
	for _, r := range Run(t.Context(), Options{Dir: dir, Version: "test", Now: func() time.Time { return now.Add(time.Since(began)) }}) {
		if _, twice := got[r.Check]; twice {
			t.Errorf("%s is told twice", r.Check)
		}
		if (r.Remedy != "") != (r.State == Warn || r.State == Fail) || r.Text == "" {
			t.Errorf("it says %+v", r)
		}
		got[r.Check] = r.State
	}
	return got
}

// files are all that is in a directory, with when it was changed.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var text []byte
		if d.Type().IsRegular() {
			text, err = os.ReadFile(path)
		}
		all[path] = fmt.Sprint(info.Mode(), info.ModTime(), len(text), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A whole ledger is told to be one, and nothing of it is changed.
func TestWhole(t *testing.T) {
	dir := create(t)
	before := files(t, dir)
	got := states(t, dir, time.Now())
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Errorf("it changed something:\n%.400s", diff)
	}
	for check, state := range got {
		if state == Fail {
			t.Errorf("%s fails", check)
		}
	}
	for _, check := range []string{"ledger", "head file", "mirror", "store", "index", "keys", "vault", "access"} {
		if got[check] != OK {
			t.Errorf("%s is %q", check, got[check])
		}
	}
}

// What is wrong with a ledger is told, and nothing else.
func TestWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(dir string) error
		fails []string
	}{
		"no key":           {func(dir string) error { return os.Remove(filepath.Join(dir, "keys", "vrf.key")) }, []string{"keys", "head file"}},
		"an open vault":    {func(dir string) error { return openAll(filepath.Join(dir, "vault")) }, []string{"vault"}},
		"no vault":         {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "vault")) }, []string{"vault", "space of the vault"}},
		"no head file":     {func(dir string) error { return os.Remove(filepath.Join(dir, "head", "checkpoint")) }, []string{"head file"}},
		"no store":         {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "store")) }, []string{"store", "space of the store", "flushing of the store"}},
		"no mirror":        {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "mirror")) }, []string{"mirror", "space of the mirror", "flushing of the mirror"}},
		"a mirror cut off": {func(dir string) error { return halve(filepath.Join(dir, "mirror")) }, []string{"mirror"}},
		"grants for all": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, keys.File), grants.FileBytes(nil), 0o644)
		}, []string{"access"}},
		"no grants": {func(dir string) error { return os.WriteFile(filepath.Join(dir, keys.File), []byte("{}"), 0o600) }, []string{"access"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := create(t)
			if err := tt.spoil(dir); err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, check := range tt.fails {
				want[check] = true
			}
			for check, state := range states(t, dir, time.Now()) {
				if (state == Fail) != want[check] {
					t.Errorf("%s is %s", check, state)
				}
			}
		})
	}
}

// openAll lets others read all files in a directory.
func openAll(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range names {
		err = errors.Join(err, os.Chmod(name, 0o644))
	}
	return err
}

// halve cuts the first file in a directory.
func halve(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) == 0 {
		return errors.Join(err, errors.New("there is none"))
	}
	st, err := os.Stat(names[0])
	return errors.Join(err, os.Truncate(names[0], st.Size()/2))
}

// A clock that contradicts what was published, or cosigned, fails.
func TestClock(t *testing.T) {
	dir := create(t)
	if got := states(t, dir, time.Now().Add(-time.Hour)); got["clock"] != Fail || got["head file"] != Fail {
		t.Errorf("an hour before it was made: %v", got)
	}
	if got := states(t, dir, time.Now().AddDate(0, 1, 0)); got["clock"] == Fail || got["head file"] != Warn {
		t.Errorf("a month later: %v", got)
	}
	cosign(t, dir, time.Now())
	if got := states(t, dir, time.Now()); got["clock"] == Fail || got["cosignatures"] != OK {
		t.Errorf("cosigned now: %v", got)
	}
	if got := states(t, dir, time.Now().AddDate(0, 0, 2)); got["cosignatures"] != Warn {
		t.Errorf("cosigned two days ago: %v", got)
	}
	cosign(t, dir, time.Now().Add(time.Hour))
	if got := states(t, dir, time.Now()); got["clock"] != Fail {
		t.Errorf("cosigned in an hour: %v", got)
	}
}

// cosign adds a cosigned checkpoint to the archive.
func cosign(t testing.TB, dir string, at time.Time) {
	t.Helper()
	_, paths, err := ledger.Locate(dir)
	if err != nil {
		t.Fatal(err)
	}
	signed, _, err := store.Published(paths.Head)
	if err != nil {
		t.Fatal(err)
	}
	skey, _, err := note.GenerateKey(rand.Reader, "witness.example/1")
	if err != nil {
		t.Fatal(err)
	}
	key, err := tree.NewCosignKey(skey)
	if err != nil {
		t.Fatal(err)
	}
	c := checkup{Options: Options{Dir: dir}, paths: paths}
	cp, err := c.own(signed)
	if err != nil {
		t.Fatal(err)
	}
	witnessed, _ := ledger.Archives(dir)
	w, err := store.OpenWitnessed(witnessed)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Append(append(signed, key.Cosign(cp, at)...)); err != nil {
		t.Fatal(err)
	}
}

// Keys that end, that ended and that nobody used are told by their ids.
func TestLives(t *testing.T) {
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	grant := func(id string, expires, used time.Time) grants.Grant {
		return grants.Grant{ID: id, Terms: grants.Terms{Expires: expires}, Used: used}
	}
	c := &checkup{Options: Options{Now: func() time.Time { return now }}}
	c.lives([]grants.Grant{
		grant("forever", time.Time{}, now),
		grant("soon", now.AddDate(0, 0, 29), now),
		grant("later", now.AddDate(0, 0, 31), now),
		grant("over", now, time.Time{}),
		grant("unused", time.Time{}, time.Time{}),
	})
	got := map[string]string{}
	for _, r := range c.results {
		got[r.Check] = r.Text
	}
	want := map[string]string{
		"keys that end": "they expire within 30 days: soon", "keys that ended": "they have expired: over", "keys unused": "they were never used: unused",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
