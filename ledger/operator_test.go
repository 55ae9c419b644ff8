// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/store"
)

// What an operator can do to a ledger by mistake is refused by name and with
// its remedy, and changes nothing: with the part put back it goes on.
func TestOperator(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	for i := range 3 {
		h.append(document("payment.received", "file/A", fmt.Sprint(i), payment(i), nil))
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	older, newest := filepath.Join(root, "older"), filepath.Join(root, "newest")
	keep := func(to string) {
		if err := copyLedger(to, h.dir); err != nil {
			t.Fatal(err)
		}
	}
	keep(older)
	h.run()
	h.append(document("payment.received", "file/A", "3", payment(3), nil))
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	keep(newest)
	other := newHouse(t, ledger.CreateOptions{})
	if err := other.close(); err != nil {
		t.Fatal(err)
	}

	// What can be done to the copy in dir.
	from := func(source string, parts ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, part := range parts {
				if err := errors.Join(os.RemoveAll(filepath.Join(dir, part)), copyLedger(filepath.Join(dir, part), filepath.Join(source, part))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	gone := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	edit := func(name string, edit func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, edit(b), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	swap := func(name, old, with string) func(*testing.T, string) {
		return edit(name, func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("%s lacks %q", name, old)
			}
			return bytes.ReplaceAll(b, []byte(old), []byte(with))
		})
	}
	text := func(s string) func([]byte) []byte { return func([]byte) []byte { return []byte(s) } }
	headRow := func(edit func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			r, err := store.OpenRaw(filepath.Join(dir, "store"))
			if err != nil {
				t.Fatal(err)
			}
			row, _, err := r.Get([]byte{'h'})
			if err := errors.Join(err, r.Set([]byte{'h'}, edit(row)), r.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	const mirrorFile = "mirror/0000000000000000.mirror"

	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string // of the refusal, a regular expression
	}{
		{"an old copy of the store", from(older, "store"), "it was rolled back; run `lendlog repair`"},
		{"an old copy of store and mirror", from(older, "store", "mirror"), "it was rolled back; run `lendlog repair`"},
		{"another ledger's store", from(other.dir, "store"), "the store's checkpoint does not verify"},
		{"another ledger's mirror", from(other.dir, "mirror"), "the mirror in .* is not this ledger's .*: put the right one back, or move its files elsewhere"},
		{"no store", gone("store"), "holds no store; .* `lendlog repair`"},
		{"an empty store", func(t *testing.T, dir string) {
			gone("store")(t, dir)
			_ = os.Mkdir(filepath.Join(dir, "store"), 0o700)
		}, "holds no store; .* `lendlog repair`"},

		{"no head file", gone("head/checkpoint"), "the head file is missing: .* docs/operators.md"},
		{"no directory of the head file", gone("head"), "the head file is missing: .* docs/operators.md"},
		{"an empty head file", edit("head/checkpoint", text("")), "the head file in .* does not verify: .* restore it as docs/operators.md says"},
		{"another ledger's head file", from(other.dir, "head"), "the head file in .* does not verify: .* restore it as docs/operators.md says, and check the keys"},

		{"no mirror's directory", gone("mirror"), "mount its volume, or make the directory"},
		{"a mirror cut short", edit(mirrorFile, func(b []byte) []byte { return b[:len(b)/2] }), "the mirror is damaged; move its files elsewhere and open the ledger again"},

		{"no keys", gone("keys"), "couldn't read a key; put this ledger's own keys back"},
		{"no index key", gone("keys/index.key"), "put this ledger's own keys back: .*index.key"},
		{"a key that is none", edit("keys/vrf.key", text("none")), "vrf.key is not 32 bytes in base64; put this ledger's own keys back"},
		{"a checkpoint key that is none", edit("keys/checkpoint.key", text("none")), "checkpoint.key is not a note signer key; put this ledger's own keys back"},
		{"another ledger's keys", from(other.dir, "keys"), "does not verify: .* check the keys"},
		{"keys that others can read", func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, "keys", "vrf.key"), 0o640); err != nil {
				t.Fatal(err)
			}
		}, "vrf.key can be read by others; run chmod 600 on it"},
		{"no vault", gone("vault"), "a vault file is missing; restore it from its own backup"},
		{"another ledger's vault", from(other.dir, "vault"), "does not open under the vault.s key: .*; restore it from its own backup"},

		{"no lendlog.json", gone("lendlog.json"), "put that file back if it was lost, see docs/operators.md, or make one with `lendlog init"},
		{"an empty lendlog.json", edit("lendlog.json", text("")), "lendlog.json can't be read: .*; put it back from a backup"},
		{"another origin in lendlog.json", swap("lendlog.json", origin, "other.example/1"), "does not verify: .* check the keys"},
		{"a path in lendlog.json that is not there", swap("lendlog.json", `"paths": {}`, `"paths": {"mirror": "/nowhere/mirror"}`), "/nowhere/mirror.* mount its volume"},

		// Written by a newer program.
		{"lendlog.json of version 2", swap("lendlog.json", "lendlog-dir/1", "lendlog-dir/2"), `is of format "lendlog-dir/2" and this program knows lendlog-dir/1: use the program that wrote it`},
		{"lendlog.json of version 2 with more in it", swap("lendlog.json", `"v": "lendlog-dir/1"`, `"shards": 4, "v": "lendlog-dir/2"`), `is of format "lendlog-dir/2" and this program knows lendlog-dir/1`},
		{"lendlog.json with more in it", swap("lendlog.json", `"paths"`, `"shards": 4, "paths"`), `lendlog.json can't be read: .*"shards"`},
		{"a vault of version 3", swap("vault/00000000.vault", "lendlog/vault/1", "lendlog/vault/3"), `begins neither with "lendlog/vault/1.n" nor with "lendlog/vault/2.n": a newer program wrote it, and has to be used`},
		{"a mirror of version 2", swap(mirrorFile, "LLm1", "LLm2"), "the batch at byte 0 is of format LLm2: this program knows LLm1: use the newer program that wrote it"},
		{"a head row with more in it", headRow(func(b []byte) []byte { return append(bytes.TrimSuffix(b, []byte("}")), `,"witnessed":0}`...) }), "the store's head row has members that this program does not know: use the newer program that wrote it"},
		{"a head row with less in it", headRow(func(b []byte) []byte { return bytes.Replace(b, []byte(`"keys":`), []byte(`"kets":`), 1) }), "the store is damaged; run `lendlog repair`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "ledger")
			if err := copyLedger(dir, newest); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, dir)
			l, err := ledger.Open(t.Context(), dir, ledger.Options{})
			if err == nil {
				_ = l.Close()
				t.Fatal("it opened")
			}
			if !regexp.MustCompile(tt.want).MatchString(err.Error()) {
				t.Errorf("it was refused with\n  %v\nwant\n  %s", err, tt.want)
			}
			// Put back what was broken, and nothing else.
			for _, part := range []string{"head", "keys", "mirror", "store", "vault", "lendlog.json"} {
				if err := errors.Join(os.RemoveAll(filepath.Join(dir, part)), copyLedger(filepath.Join(dir, part), filepath.Join(newest, part))); err != nil {
					t.Fatal(err)
				}
			}
			if l, err = ledger.Open(t.Context(), dir, ledger.Options{}); err != nil {
				t.Fatalf("with the part put back: %v", err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A ledger is held once, however it is reached: by its directory, by a copy
// that shares one of its parts, and without the lock's file.
func TestHeldOnce(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	shared := func(part string) string { // a copy of the directory that names a part of the first
		dir := filepath.Join(t.TempDir(), "copy")
		if err := copyLedger(dir, h.dir); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "lendlog.json")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		named := strings.Replace(string(b), `"paths": {}`, fmt.Sprintf(`"paths": {%q: %q}`, part, filepath.Join(h.dir, part)), 1)
		if err := os.WriteFile(path, []byte(named), 0o600); err != nil || named == string(b) {
			t.Fatal("couldn't edit lendlog.json", err)
		}
		return dir
	}
	linked := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(h.dir, linked); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir string }{
		{"the directory", h.dir},
		{"a link to it", linked},
		{"a copy with its head file", shared("head")},
		{"a copy with its store", shared("store")},
		{"the directory without the lock's file", h.dir},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(tt.name, "without") {
				if err := os.Remove(filepath.Join(h.dir, "head", "lock")); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := ledger.Open(t.Context(), tt.dir, ledger.Options{}); !errors.Is(err, ledger.ErrHeld) {
				t.Errorf("opened twice: %v", err)
			}
		})
	}
	h.append(document("payment.received", "file/A", "1", payment(1), nil))
}

// A clock that runs slow or fast, be it ever so little, is noticed before it
// is off by more than the tolerance; a repeat that says when it was recorded
// is not refused for it once the clock is right.
func TestClockDrifts(t *testing.T) {
	for _, step := range []time.Duration{700 * time.Millisecond, -700 * time.Millisecond} {
		t.Run(step.String(), func(t *testing.T) {
			h := newHouse(t, ledger.CreateOptions{})
			if err := h.close(); err != nil {
				t.Fatal(err)
			}
			var offset atomic.Int64
			h.opt.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
			h.run()
			accepted := 0
			for i := range 20 {
				_, err := h.l.Append(t.Context(), h.event(document("payment.received", "file/A", fmt.Sprint(i), payment(i), nil)), "key-1")
				if errors.Is(err, ledger.ErrClock) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				accepted++
				offset.Add(int64(step))
			}
			// 5 s are tolerated, and time goes on while the test runs.
			if accepted < 1 || accepted > 20-1 {
				t.Errorf("%d appends were accepted with a drifting clock", accepted)
			}
			offset.Store(0)
			h.append(document("payment.received", "file/A", "right again", payment(1), nil))
		})
	}
}
