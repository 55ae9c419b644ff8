// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
)

// TestKill ends the real program, starts it again, and holds it against what
// its clients were told before: invariants I1, I5 and I11. LENDLOG_KILLS sets
// how often the server is killed under load, and init and repair half as often;
// LENDLOG_SEED what is random; in time no run is like another.
func TestKill(t *testing.T) {
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("LENDLOG_KILLS"), strconv.Itoa(scale.Of(6, 20))))
	if err != nil || kills < 1 {
		t.Fatal("LENDLOG_KILLS is not a number from 1 on")
	}
	bin := build(t)

	// The server, under load and now and then while it opens.
	t.Run("serve", func(t *testing.T) {
		const each = 25 // of one ledger, which is read as a whole after every kill
		for n := 0; n < kills; n += each {
			w, opening := newWitness(t, bin), 0
			for range min(each, kills-n) {
				s := w.start()
				w.check(s)
				w.load(s, func() { w.soon(); s.kill() })
				if w.random.IntN(3) == 0 {
					opening++
					w.stillborn()
				}
				if t.Failed() {
					t.FailNow()
				}
			}
			told := w.finish()
			t.Logf("killed %d times under load and %d times while it opened; of %d events %d were acknowledged before; %d checkpoints were seen",
				min(each, kills-n), opening, len(w.sent), told, len(w.heads))
		}
	})
	t.Run("SIGTERM", func(t *testing.T) { // ends it with code 0
		w := newWitness(t, bin)
		w.excused = func(status int) bool { return status == http.StatusServiceUnavailable }
		for range 3 {
			s := w.start()
			w.check(s)
			w.load(s, func() { w.soon(); s.terminate() })
		}
		w.finish()
	})

	// A ledger that is being made is whole or none.
	t.Run("init", func(t *testing.T) {
		r := rand.New(rand.NewPCG(newSeed(t), 0))
		dir := t.TempDir()
		initialize(t, bin, filepath.Join(dir, "first"))
		began := time.Now()
		initialize(t, bin, filepath.Join(dir, "second")) // with the program in memory
		takes := time.Since(began)
		ended, whole := 0, 0
		for n := range kills / 2 {
			made := filepath.Join(dir, strconv.Itoa(n))
			done := killSoon(t, r, takes, bin, "init", "--dir", made, "--origin", "witness.test/1")
			if done {
				ended++
			}
			if checkInit(t, bin, made, done) {
				whole++
			}
		}
		t.Logf("killed %d times of %d; %d ledgers were whole", kills/2-ended, kills/2, whole)
	})

	// A store that is being repaired can be repaired again.
	t.Run("repair", func(t *testing.T) {
		w := newWitness(t, bin)
		for range 3 {
			s := w.start()
			w.load(s, func() { w.soon(); s.kill() })
		}
		began := time.Now()
		w.run("repair", "--dir", w.dir)
		takes := time.Since(began)
		ended := 0
		for range kills / 2 {
			if killSoon(t, w.random, takes, bin, "repair", "--dir", w.dir) {
				ended++
			}
			w.repaired()
			if t.Failed() {
				t.FailNow()
			}
			w.clearDamaged()
		}
		w.finish()
		t.Logf("killed %d times of %d", kills/2-ended, kills/2)
	})
}

// initialize makes a ledger.
func initialize(t *testing.T, bin, dir string) {
	t.Helper()
	if out, err := exec.Command(bin, "init", "--dir", dir, "--origin", "witness.test/1").CombinedOutput(); err != nil {
		t.Fatalf("lendlog init: %v\n%s", err, out)
	}
}

// checkInit looks at what an interrupted `lendlog init` left in dir: a whole
// ledger, or none, and then doing what the next one says leads to one. done
// says that it had reported success.
func checkInit(t *testing.T, bin, dir string, done bool) (whole bool) {
	t.Helper()
	_, err := os.Stat(filepath.Join(dir, "lendlog.json"))
	whole = err == nil
	if done && !whole {
		t.Fatal("init made a ledger and there is none")
	}
	if !whole {
		out, err := exec.Command(bin, "show", "0", "--dir", dir).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "is not a ledger") {
			t.Fatalf("what is no ledger was shown: %v\n%s", err, out)
		}
	}
	for tries := 0; ; tries++ {
		out, err := exec.Command(bin, "init", "--dir", dir, "--origin", "witness.test/1").CombinedOutput()
		if err == nil && !whole {
			break
		}
		path, says, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(out)), "lendlog: couldn't make the ledger: "), " ")
		if err == nil || !strings.HasPrefix(says, "is not empty: a ledger is created once, and never over another") || tries > 4 {
			t.Fatalf("init again: %v\n%s", err, out)
		}
		if whole {
			break
		}
		if !strings.Contains(says, "empty this one if it holds only what an interrupted `lendlog init` left") {
			t.Fatalf("init again doesn't say what to do: %s", out)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(bin, "audit", "--deep", "--dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("the audit of a new ledger: %v\n%s", err, out)
	}
	return whole
}

// repaired opens a ledger whose repair was interrupted, repairing it when that
// is what opening it asks for, and checks it.
func (w *witness) repaired() {
	w.t.Helper()
	s, err := w.tryStart()
	if err != nil {
		if !strings.Contains(s.errs.String(), "lendlog repair") {
			w.t.Fatalf("after an interrupted repair: %v\n%s", err, &s.errs)
		}
		w.run("repair", "--dir", w.dir)
		s = w.start()
	}
	w.check(s)
	s.kill()
}

// clearDamaged removes the stores that repairs have put aside.
func (w *witness) clearDamaged() {
	w.t.Helper()
	old, err := filepath.Glob(filepath.Join(w.dir, "store.damaged-*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			w.t.Fatal(err)
		}
	}
}
