// SPDX-License-Identifier: Apache-2.0

//go:build long

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The system calls that are made to fail. At those that change something the
// program is also killed.
var (
	changing = []string{"write", "pwrite64", "fsync", "fdatasync", "msync", "renameat", "renameat2", "ftruncate", "fallocate", "unlinkat", "mkdirat", "fchmod"}
	reading  = []string{"openat", "read", "pread64", "mmap", "flock", "getdents64", "newfstatat", "statfs"}
)

// Of the calls on one part of a ledger so many are tried, the first among
// them, or all when there are fewer.
const (
	tryChanging  = 7
	tryTemporary = 20
	tryReading   = 3
)

// TestSyscalls has strace make system calls of the real program fail, or kill
// it at them: of init, of serve under a small load, of serve after a kill, and
// of repair. Afterwards the ledger opens; what was acknowledged is there,
// nothing is there twice or by half, and the deep audit passes. Only where a
// call failed may the ledger ask for `lendlog repair` first: Badger can lose a
// table when the fsync of its manifest fails.
func TestSyscalls(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatalf("this test needs strace (apt-get install strace): %v", err)
	}
	t.Parallel()
	bin, seed := build(t), newSeed(t)
	closed := newWitness(t, bin)
	s := closed.start()
	closed.script(t.Context(), s)
	s.terminate()
	cut := closed.cut(t)

	for _, tt := range []struct {
		name string
		run  func(t *testing.T, tr *tracer)
	}{
		{"init", func(t *testing.T, tr *tracer) {
			err := tr.run(t, bin, "init", "--dir", tr.dir, "--origin", "witness.test/1")
			if _, err := os.Stat(filepath.Join(tr.dir, "lendlog.json")); err == nil {
				tr.repair(t, bin)
			}
			checkInit(t, bin, tr.dir, err == nil)
		}},
		{"serve", func(t *testing.T, tr *tracer) { closed.fork(t, tr.dir).serve(tr) }},
		{"serve after a kill", func(t *testing.T, tr *tracer) { cut.fork(t, tr.dir).serve(tr) }},
		{"repair", func(t *testing.T, tr *tracer) {
			w := closed.fork(t, tr.dir)
			_ = tr.run(t, bin, "repair", "--dir", tr.dir)
			w.repaired()
			w.finish()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inject(t, rand.New(rand.NewPCG(seed, 0)), tt.run)
		})
	}
}

// inject runs a scenario once as it is, and then again and again, each time
// with one fault at one of the calls that were seen.
func inject(t *testing.T, r *rand.Rand, scenario func(*testing.T, *tracer)) {
	var sites map[site]*seen
	t.Run("no fault", func(t *testing.T) {
		tr := newTracer(t)
		tr.calls = slices.Concat(changing, reading)
		scenario(t, tr)
		sites = tr.sites(t)
	})
	if t.Failed() {
		return
	}
	errs, kills, missed, repaired := map[string]int{}, map[string]int{}, 0, 0
	for _, s := range slices.SortedFunc(maps.Keys(sites), func(a, b site) int {
		return cmp.Or(strings.Compare(a.call, b.call), strings.Compare(a.part, b.part))
	}) {
		changes := slices.Contains(changing, s.call)
		tries := tryReading
		switch {
		case s.part == temporary:
			tries = tryTemporary
		case changes:
			tries = tryChanging
		}
		numbers := []int{1}
		for _, n := range r.Perm(sites[s].most - 1) {
			numbers = append(numbers, n+2)
		}
		for _, n := range numbers[:min(tries, len(numbers))] {
			faults := []string{"error=" + []string{"EIO", "ENOSPC"}[n%2]}
			if changes {
				faults = append(faults, "signal=SIGKILL")
			}
			for _, fault := range faults {
				t.Run(fmt.Sprintf("%s %s %d %s", s.call, s.part, n, fault), func(t *testing.T) {
					tr := newTracer(t)
					tr.calls, tr.paths = []string{s.call}, sites[s].paths
					tr.fault = fmt.Sprintf("inject=%s:%s:when=%d", s.call, fault, n)
					scenario(t, tr)
					hits := errs
					if fault == "signal=SIGKILL" {
						hits = kills
					}
					if tr.repaired {
						repaired++
					}
					hit := tr.hits(t)
					for _, at := range hit {
						hits[at.call+" "+at.part]++
					}
					if len(hit) == 0 {
						missed++
						// The first call is any thread's first.
						if n == 1 {
							t.Error("nothing was hit")
						}
					}
				})
			}
		}
	}
	t.Logf("calls that failed: %d %v", sum(errs), errs)
	t.Logf("calls at which the program was killed: %d %v", sum(kills), kills)
	t.Logf("faults that no thread ran into: %d; ledgers that had to be repaired: %d", missed, repaired)
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// A tracer runs a program under strace.
//
// strace counts the calls of every thread for itself, so that a fault may hit
// the same call of several threads, or none; its log tells.
type tracer struct {
	dir   string // of the ledger
	log   string
	calls []string
	paths []string // what the calls have to be on; none: on anything
	fault string

	repaired bool // the ledger had to be
}

func newTracer(t *testing.T) *tracer {
	dir := t.TempDir()
	return &tracer{dir: filepath.Join(dir, "ledger"), log: filepath.Join(dir, "log")}
}

// prefix is what the program's arguments follow.
func (tr *tracer) prefix() []string {
	// With -D the program, and not strace, is the child that is waited for.
	args := []string{"strace", "-D", "-f", "-y", "-qq", "-e", "signal=none", "-o", tr.log, "-e", "trace=" + strings.Join(tr.calls, ",")}
	for _, p := range tr.paths {
		args = append(args, "-P", filepath.Join(tr.dir, p))
	}
	if tr.fault != "" {
		args = append(args, "-e", tr.fault)
	}
	return append(args, "--")
}

// run runs a command to its end. When it is not killed and fails, it says so.
func (tr *tracer) run(t *testing.T, args ...string) error {
	t.Helper()
	args = append(tr.prefix(), args...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("it does not end:\n%s", out)
	}
	if err != nil && !killed(err) && len(out) == 0 && !tr.silenced(t) {
		t.Errorf("it failed without a word: %v", err)
	}
	return err
}

// silenced reports whether a fault hit what the program had to say: without
// paths it may be any write, also that to the standard error.
func (tr *tracer) silenced(t *testing.T) bool {
	t.Helper()
	return slices.ContainsFunc(tr.read(t), func(c call) bool { return c.hit && c.name == "write" && c.stderr })
}

// repair repairs a ledger that a failed call has left so that it asks for it.
func (tr *tracer) repair(t *testing.T, bin string) {
	t.Helper()
	if !strings.Contains(tr.fault, "error=") {
		return
	}
	out, err := exec.Command(bin, "show", "0", "--dir", tr.dir).CombinedOutput()
	if err == nil {
		return
	}
	if !strings.Contains(string(out), "lendlog repair") {
		t.Fatalf("after a call that failed: %v\n%s", err, out)
	}
	if out, err := exec.Command(bin, "repair", "--dir", tr.dir).CombinedOutput(); err != nil {
		t.Fatalf("lendlog repair: %v\n%s", err, out)
	}
	tr.repaired = true
}

// patience is how long a program may take that should end.
const patience = 2 * time.Minute

// A site is a system call on a part of a ledger.
type site struct{ call, part string }

// seen is what one run did at a site.
type seen struct {
	most  int // calls of the thread that made the most
	paths []string
}

// temporary is the part that has the temporary files of all others: their
// names are random, so strace cannot select them.
const temporary = "temporary"

func (tr *tracer) sites(t *testing.T) map[site]*seen {
	t.Helper()
	sites := map[site]*seen{}
	byThread := map[string]int{}
	all := map[string]int{} // of a call, wherever it is made
	paths := map[string]map[string]bool{}
	for _, c := range tr.read(t) {
		s := site{c.name, c.part()}
		if s.part == "" && s.call != "msync" { // which is on an address
			continue
		}
		if sites[s] == nil {
			sites[s] = &seen{}
		}
		byThread[c.thread+s.call+s.part]++
		sites[s].most = max(sites[s].most, byThread[c.thread+s.call+s.part])
		if paths[s.part] == nil {
			paths[s.part] = map[string]bool{}
		}
		paths[s.part][c.path] = true
	}
	for _, c := range tr.read(t) {
		all[c.thread+c.name]++
		if s := sites[site{c.name, temporary}]; s != nil {
			s.most = max(s.most, all[c.thread+c.name])
		}
	}
	for s, seen := range sites {
		if s.part != "" && s.part != temporary {
			seen.paths = slices.Sorted(maps.Keys(paths[s.part]))
		}
	}
	return sites
}

// hits returns where the fault was run into.
func (tr *tracer) hits(t *testing.T) (hit []site) {
	t.Helper()
	for _, c := range tr.read(t) {
		if c.hit {
			hit = append(hit, site{c.name, c.part()})
		}
	}
	return hit
}

// A call is a system call in strace's log.
type call struct {
	thread, name string
	path         string // within the ledger; the random part of a name is *
	stderr       bool   // it is on the standard error
	hit          bool
}

// part is the directory that the call's path lies in. Calls of the Go runtime
// and on sockets have none.
func (c call) part() string {
	first, _, _ := strings.Cut(c.path, "/")
	if strings.Contains(c.path, "*") {
		return temporary
	}
	return first
}

var (
	callLine   = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	restLine   = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>`)
	quotedPath = regexp.MustCompile(`[<"](/[^>"]*)[>"]`)
	randomName = regexp.MustCompile(`(/\.[A-Za-z0-9.-]*\.)\d+$|(store\.damaged-).*`)
)

func (tr *tracer) read(t *testing.T) (calls []call) {
	t.Helper()
	text, err := os.ReadFile(tr.log)
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]int{} // by thread
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		m := callLine.FindStringSubmatch(line)
		if m != nil {
			c := call{thread: m[1], name: m[2], stderr: strings.HasPrefix(m[3], "2<")}
			for _, p := range quotedPath.FindAllStringSubmatch(m[3], -1) {
				if rel, ok := strings.CutPrefix(p[1], tr.dir); ok {
					c.path = cmp.Or(strings.TrimPrefix(randomName.ReplaceAllString(rel, "$1$2*"), "/"), ".")
				}
			}
			last[c.thread] = len(calls)
			calls = append(calls, c)
		} else if m = restLine.FindStringSubmatch(line); m == nil {
			continue
		}
		if at, ok := last[m[1]]; ok && (strings.HasSuffix(line, "(INJECTED)") || strings.HasSuffix(line, "= ?")) {
			calls[at].hit = true
		}
	}
	return calls
}

// fork is a witness of a copy of the ledger, which knows what w knows.
func (w *witness) fork(t *testing.T, dir string) *witness {
	t.Helper()
	// The logs of Badger's memtables are mostly holes.
	if out, err := exec.Command("cp", "-a", "--sparse=always", w.dir, dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	return &witness{
		t: t, bin: w.bin, dir: dir, trust: w.trust, types: w.types,
		random: rand.New(rand.NewPCG(1, 1)),
		sent:   maps.Clone(w.sent), acks: maps.Clone(w.acks), order: slices.Clone(w.order), heads: maps.Clone(w.heads), next: w.next,
		told: make(chan struct{}, 1),
	}
}

// cut makes a copy of the ledger whose server was killed between the
// transaction and the mirror: opening it replays a memtable of Badger's,
// completes the mirror and publishes.
func (w *witness) cut(t *testing.T) *witness {
	t.Helper()
	tr := newTracer(t)
	tr.calls, tr.paths, tr.fault = []string{"write", "pwrite64"}, []string{"mirror/0000000000000000.mirror"}, "inject=write,pwrite64:signal=SIGKILL:when=3"
	cut := w.fork(t, tr.dir)
	cut.under = tr.prefix()
	s := cut.start()
	for tries := 0; tries < 100 && cut.single(t.Context(), s, cut.random); tries++ {
	}
	s.kill()
	if len(tr.hits(t)) == 0 {
		t.Fatal("the server has not written the mirror")
	}
	return cut
}

// script submits and reads a little in every way, one after the other.
func (w *witness) script(ctx context.Context, s *server) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for range 3 {
		w.single(ctx, s, w.random)
	}
	w.stream(ctx, s, w.random, 20)
	w.batch(ctx, s, w.random)
	w.contradict(ctx, s, w.random)
	for range 5 {
		w.read(ctx, s, w.random)
	}
	w.single(ctx, s, w.random)
	w.watch(ctx, s, w.random)
	if ctx.Err() != nil {
		w.t.Error("the server does not answer")
	}
}

// serve has a server run into the tracer's fault, and checks what is left.
func (w *witness) serve(tr *tracer) {
	w.t.Helper()
	w.under, w.excused = tr.prefix(), func(status int) bool { return status >= 500 }
	timer := time.AfterFunc(2*patience, func() { w.t.Error("the server does not end") })
	if s, err := w.tryStart(); err == nil {
		w.script(w.t.Context(), s)
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		err := s.cmd.Wait()
		if ee := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ee) {
			w.t.Error(err)
		}
	}
	timer.Stop()
	w.under, w.excused = nil, nil
	tr.repair(w.t, w.bin)
	w.finish()
}
