// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
)

// TestSoak has clients submit and read for LENDLOG_SOAK, a few seconds without
// it. Goroutines and file descriptors stay as they were, so does memory once
// caches are full, no goroutine outlives its request, and the ledger is whole
// afterwards. When LENDLOG_SOAK is set the program has the race detector in it.
func TestSoak(t *testing.T) {
	soak := os.Getenv("LENDLOG_SOAK")
	duration, err := time.ParseDuration(cmp.Or(soak, fmt.Sprintf("%ds", scale.Of(4, 10))))
	if err != nil || duration < time.Second {
		t.Fatal("LENDLOG_SOAK is not a duration from 1s on")
	}
	var flags []string
	if soak != "" {
		flags = append(flags, "-race")
	}
	t.Parallel()
	w := newWitness(t, build(t, flags...))
	s := w.start()
	w.saw(s.get("/v1/checkpoint"))
	idle := s.usage()
	var samples []usage
	w.load(s, func() {
		const count = 48
		for range count {
			time.Sleep(duration / count)
			samples = append(samples, s.usage())
		}
	})

	samples = samples[len(samples)/4:]
	before, after := least(samples[:len(samples)/2]), least(samples[len(samples)/2:])
	t.Logf("in the first half %v, in the second %v", before, after)
	if after.heap > 1<<30 {
		t.Errorf("the heap has %d MiB", after.heap>>20)
	}
	// Caches take longer to fill, and the first merging of tables comes later.
	if duration >= time.Minute && after.heap > before.heap*5/4+64<<20 {
		t.Errorf("the heap grew from %d MiB to %d MiB", before.heap>>20, after.heap>>20)
	}
	if after.goroutines > before.goroutines+8 {
		t.Errorf("%d goroutines became %d", before.goroutines, after.goroutines)
	}
	if after.files > before.files+8 {
		t.Errorf("%d open files became %d", before.files, after.files)
	}
	http.DefaultClient.CloseIdleConnections()
	for tries := 0; ; tries++ {
		now := s.usage()
		if now.goroutines <= idle.goroutines+4 && now.files <= idle.files+4 {
			break
		}
		if tries == 600 {
			t.Errorf("idle before the load: %v, after it: %v", idle, now)
			break
		}
		time.Sleep(100 * time.Millisecond)
	}

	s.terminate()
	if bytes.Contains(s.errs.Bytes(), []byte("DATA RACE")) {
		t.Errorf("a data race:\n%s", &s.errs)
	}
	s = w.start()
	w.check(s)
	s.terminate()
	w.run("audit", "--deep", "--dir", w.dir)
	t.Logf("%d events, %d acknowledged, %d checkpoints seen", len(w.sent), len(w.acks), len(w.heads))
}

// A usage is what a server holds.
type usage struct {
	heap       int64 // bytes at which the next garbage collection begins: twice what lives
	goroutines int64
	files      int64 // open, besides the tables of the database, which grow with the ledger
}

func (u usage) String() string {
	return fmt.Sprintf("%d MiB of heap, %d goroutines and %d open files", u.heap>>20, u.goroutines, u.files)
}

func (s *server) usage() (u usage) {
	s.w.t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(s.get("/metrics")))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "go_memstats_next_gc_bytes":
			u.heap = int64(n)
		case "go_goroutines":
			u.goroutines = int64(n)
		}
	}
	dir := fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid)
	files, err := os.ReadDir(dir)
	if err != nil || u.heap == 0 || u.goroutines == 0 {
		s.w.t.Fatalf("what the server holds is not known: %v, %v", u, err)
	}
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && filepath.Ext(to) != ".sst" && filepath.Ext(to) != ".vlog" {
			u.files++
		}
	}
	return u
}

// least takes the least of every number for itself: what leaks raises it, what
// is held for a while does not.
func least(samples []usage) usage {
	l := samples[0]
	for _, s := range samples[1:] {
		l = usage{min(l.heap, s.heap), min(l.goroutines, s.goroutines), min(l.files, s.files)}
	}
	return l
}
