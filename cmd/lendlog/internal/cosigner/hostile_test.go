// SPDX-License-Identifier: Apache-2.0

package cosigner

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Whatever is answered where tiles should be, nothing is cosigned, nobody is
// called a liar, memory is bounded, and the ledger is cosigned once the tiles are
// right.
func TestHostileTiles(t *testing.T) {
	leaves, _ := honestLeaves(t)
	size := int64(len(leaves))
	l := serveLog(t, testOrigin, leaves)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	bomb := gzipped(t, 64<<20)
	endless := func(w http.ResponseWriter) {
		b := make([]byte, 1<<20)
		for {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}
	bundles := func(f func(http.ResponseWriter)) func(string, http.ResponseWriter) bool {
		return func(path string, w http.ResponseWriter) bool {
			if !strings.HasPrefix(path, "tile/entries/") {
				return false
			}
			f(w)
			return true
		}
	}
	all := func(f func(http.ResponseWriter)) func(string, http.ResponseWriter) bool {
		return func(_ string, w http.ResponseWriter) bool { f(w); return true }
	}
	for name, fault := range map[string]func(string, http.ResponseWriter) bool{
		"endless bundles":      bundles(endless),
		"endless tiles":        all(endless),
		"bundles that unpack":  bundles(func(w http.ResponseWriter) { w.Header().Set("Content-Encoding", "gzip"); _, _ = w.Write(bomb) }),
		"empty bundles":        bundles(func(http.ResponseWriter) {}),
		"bundles of nothing":   bundles(func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 512)) }),
		"zeros for hashes":     all(func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 256*32)) }),
		"a redirect":           all(func(w http.ResponseWriter) { w.Header().Set("Location", l.url); w.WriteHeader(http.StatusFound) }),
		"forbidden":            all(func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }),
		"not there":            all(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }),
		"a connection cut off": all(func(http.ResponseWriter) { panic(http.ErrAbortHandler) }),
		"cut off in a bundle": bundles(func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(make([]byte, 1000))
		}),
		"headers without end": all(func(w http.ResponseWriter) {
			for i := range 100 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 4000))
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, Config{Dir: newDir(t), Transport: transport, Patience: time.Minute}, l)
			l.fail(fault)
			peak := measure(func() {
				if status, text, _ := w.ask(l.body(0, size)); status != http.StatusServiceUnavailable {
					t.Errorf("it answers %d %s", status, text)
				}
			})
			if peak > 200<<20 {
				t.Errorf("it took %d MiB", peak>>20)
			}
			lo := w.of(testOrigin)
			if names, err := lo.refusals(); err != nil || len(names) > 0 {
				t.Errorf("it calls it %v: %v", names, err)
			}
			l.fail(nil)
			w.cosigns(t, l, 0, size)
		})
	}
}

// measure returns by how much memory in use rose while f ran.
func measure(f func()) (peak uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base := m.HeapAlloc
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	for {
		select {
		case <-done:
			return peak
		case <-time.After(5 * time.Millisecond):
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc-min(base, m.HeapAlloc))
		}
	}
}

func gzipped(t *testing.T, n int) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// While a ledger's server holds its tiles back, whoever asks is answered in time,
// other ledgers are cosigned, and when the tiles come the checkpoint is cosigned
// without anybody asking again.
func TestSlow(t *testing.T) {
	leaves, _ := honestLeaves(t)
	size := int64(len(leaves))
	slow, quick := serveLog(t, testOrigin, leaves), serveLog(t, "ledger.quick.example/1", leaves)
	w := start(t, Config{Dir: newDir(t), Patience: 50 * time.Millisecond}, slow, quick)
	open := make(chan struct{})
	slow.fail(func(string, http.ResponseWriter) bool { <-open; return false })
	for range 3 {
		status, text, h := w.ask(slow.body(0, size))
		if status != http.StatusServiceUnavailable || h.Get("Retry-After") != "3" {
			t.Fatalf("it answers %d %s", status, text)
		}
	}
	ledgertest.Until(t, "a cosignature of the quick one", func() bool {
		status, text, _ := w.ask(quick.body(0, size))
		quickly := status == 200 || status == 409
		if !quickly && status != 503 {
			t.Fatalf("it answers %d %s", status, text)
		}
		return quickly
	})
	if _, text := w.get("/view/" + testOrigin); !strings.Contains(text, `"replaying": true`) {
		t.Errorf("the view is %s", text)
	}
	close(open)
	w.of(testOrigin).jobs.Wait()
	if status, text, _ := w.ask(slow.body(0, size)); status != 409 || text != fmt.Sprintf("%d\n", size) {
		t.Errorf("it answers %d %s", status, text)
	}
	w.cosigns(t, slow, size, size)
}

// A witness that is stopped while it replays stops at once, and goes on from
// there.
func TestStopWhileReplaying(t *testing.T) {
	leaves, _ := honestLeaves(t)
	size := int64(len(leaves))
	l := serveLog(t, testOrigin, leaves)
	dir := newDir(t)
	w := start(t, Config{Dir: dir, Patience: 20 * time.Millisecond}, l)
	hold := make(chan struct{})
	defer close(hold)
	l.fail(func(path string, _ http.ResponseWriter) bool {
		if strings.HasPrefix(path, "tile/entries/003") {
			<-hold
			return true
		}
		return false
	})
	if status, text, _ := w.ask(l.body(0, size)); status != 503 {
		t.Fatalf("it answers %d %s", status, text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l.fail(nil)
	w = start(t, Config{Dir: dir}, l)
	if n := w.of(testOrigin).memory.Size(); n > 3*tree.Width || n%tree.Width != 0 {
		t.Errorf("it goes on from leaf %d", n)
	}
	w.cosigns(t, l, 0, size)
}

// No ledger takes more memory than was allowed for, and the operator is told.
func TestMaxSubjects(t *testing.T) {
	leaves, _ := honestLeaves(t)
	size := int64(len(leaves))
	l := serveLog(t, testOrigin, leaves)
	dir := newDir(t)
	w := start(t, Config{Dir: dir, MaxSubjects: 50}, l)
	for range 2 {
		if status, _, _ := w.ask(l.body(0, size)); status != 500 {
			t.Errorf("it answers %d", status)
		}
	}
	if n := w.of(testOrigin).memory.Len(); n != 50 {
		t.Errorf("it holds %d subjects", n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = start(t, Config{Dir: dir}, l)
	w.cosigns(t, l, 0, size)
}

// Many who ask at once, with two histories among them, get cosignatures of one.
func TestConcurrently(t *testing.T) {
	leaves, _ := honestLeaves(t)
	all := roots(t, leaves)
	one := serveLog(t, testOrigin, leaves)
	// The tiles are of one history; the other is signed all the same.
	two := serveLog(t, testOrigin, slices.Delete(slices.Clone(leaves), int(all[1])-3, int(all[1])-2))
	w := start(t, Config{Dir: newDir(t), Patience: time.Minute}, one)
	var group sync.WaitGroup
	var mu sync.Mutex
	got := map[int64]map[tree.Hash]bool{}
	for i := range 60 {
		log := one
		if i%3 == 0 {
			log = two
		}
		group.Go(func() {
			for _, at := range all[1:] {
				old := w.newestSize()
				if old > at {
					continue
				}
				if status, _, _ := w.ask(log.body(old, at)); status == 200 {
					cp := log.checkpoint(at)
					mu.Lock()
					if got[at] == nil {
						got[at] = map[tree.Hash]bool{}
					}
					got[at][cp.Root] = true
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	if len(got) == 0 {
		t.Fatal("nothing was cosigned")
	}
	for size, roots := range got {
		if len(roots) != 1 || !roots[one.checkpoint(size).Root] {
			t.Errorf("%d trees of %d leaves were cosigned", len(roots), size)
		}
	}
}

// newestSize is what a client learns from 409.
func (w *Witness) newestSize() int64 {
	l := w.of(testOrigin)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newest.Size
}

// It serves what it saw, and ends in good order.
func TestServes(t *testing.T) {
	leaves, _ := honestLeaves(t)
	size := int64(len(leaves))
	l := serveLog(t, testOrigin, leaves)
	w := start(t, Config{Dir: newDir(t)}, l)
	if status, _ := w.get("/" + id(testOrigin) + "/checkpoint"); status != 404 {
		t.Errorf("before anything was cosigned it answers %d", status)
	}
	if status, _ := w.get("/cosigned/" + testOrigin); status != 404 {
		t.Errorf("before anything was cosigned it answers %d", status)
	}
	w.cosigns(t, l, 0, size)
	for path, want := range map[string]string{
		"/":                                  `"name": "witness.test/1"`,
		"/view/" + testOrigin:                fmt.Sprintf(`"size": %d`, size),
		"/" + id(testOrigin):                 "404 page not found",
		"/" + id(testOrigin) + "/checkpoint": "\n— witness.test/1 ",
		"/cosigned/" + testOrigin:            "\n— witness.test/1 ",
		"/refused/" + testOrigin:             `"refused": []`,
		"/healthz":                           "ok\n",
		"/metrics":                           fmt.Sprintf(`lendlog_cosigner_replayed_records{origin="%s"} %d`, testOrigin, size),
	} {
		if _, text := w.get(path); !strings.Contains(text, want) {
			t.Errorf("%s is %s", path, text)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- w.Serve(ctx, ln) }()
	resp, err := http.Post("http://"+ln.Addr().String()+"/add-checkpoint", "text/plain", bytes.NewReader(l.body(size, size)))
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Who opens connections and says nothing keeps no more than so many, and the next
// one is served when one of them has gone.
func TestMaxConns(t *testing.T) {
	leaves, _ := honestLeaves(t)
	w := start(t, Config{Dir: newDir(t)}, serveLog(t, testOrigin, leaves))
	ctx, cancel := context.WithCancel(t.Context())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open atomic.Int64
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx, counted{ln, &open}) }()
	var idle []net.Conn
	for range maxConns + 10 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	ledgertest.Until(t, "all that are let in", func() bool { return open.Load() == maxConns })
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + ln.Addr().String() + "/healthz")
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	if n := open.Load(); n > maxConns {
		t.Errorf("%d connections are open", n)
	}
	for _, c := range idle {
		_ = c.Close()
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// counted counts the connections that are open.
type counted struct {
	net.Listener
	n *atomic.Int64
}

type countedConn struct {
	net.Conn
	gone func()
}

func (c countedConn) Close() error {
	c.gone()
	return c.Conn.Close()
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.n.Add(1)
	return countedConn{conn, sync.OnceFunc(func() { c.n.Add(-1) })}, nil
}

// Whoever asks for the same again and again costs no write, and a wrong proof
// sends the witness to the tiles once.
func TestAskedAgain(t *testing.T) {
	leaves, _ := honestLeaves(t)
	size := int64(len(leaves))
	l := serveLog(t, testOrigin, leaves)
	now := time.Now()
	w := start(t, Config{Dir: newDir(t), Now: func() time.Time { return now }}, l)
	w.cosigns(t, l, 0, size-10)
	lo := w.of(testOrigin)
	writes, write := 0, lo.write
	lo.write = func(path string, data []byte, mode os.FileMode) error { writes++; return write(path, data, mode) }
	for range 10 {
		w.cosigns(t, l, size-10, size-10)
	}
	if writes != 0 {
		t.Errorf("it writes %d times", writes)
	}
	now = now.Add(time.Second)
	if w.cosigns(t, l, size-10, size-10); writes != 1 {
		t.Errorf("a later cosignature is written %d times", writes)
	}
	for i := range 3 {
		l.paths()
		if status, text, _ := w.ask(body(size-10, nil, l.sign(l.checkpoint(size)))); status != 422 {
			t.Fatalf("it answers %d %s", status, text)
		}
		lo.jobs.Wait()
		if asked := len(l.paths()); (asked > 0) != (i == 0) {
			t.Errorf("time %d: it asks for %d tiles", i, asked)
		}
	}
	w.cosigns(t, l, size-10, size)
}

// A server that keeps no tile that is not full, once there is a full one, will
// do.
func TestPrunedTiles(t *testing.T) {
	leaves, _ := honestLeaves(t)
	all := roots(t, leaves)
	l := serveLog(t, testOrigin, leaves)
	w := start(t, Config{Dir: newDir(t)}, l)
	pruned := 0
	l.fail(func(path string, w http.ResponseWriter) bool {
		full, _, partial := strings.Cut(path, ".p/")
		var n int
		if _, err := fmt.Sscanf(full[strings.LastIndexByte(full, '/')+1:], "%d", &n); err != nil || !partial || strings.HasPrefix(path, "tile/1/") || (n+1)*tree.Width > len(leaves) {
			return false
		}
		pruned++
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	w.cosigns(t, l, 0, all[1]+1)
	w.cosigns(t, l, all[1]+1, all[2]+1)
	if pruned == 0 {
		t.Error("it asked for full tiles only")
	}
}

// Those who send a body slowly keep nobody from being answered, and where too
// many wait, the others are told to come again.
func TestCrowd(t *testing.T) {
	leaves, _ := honestLeaves(t)
	size := int64(len(leaves))
	l := serveLog(t, testOrigin, leaves)
	w := start(t, Config{Dir: newDir(t), Patience: time.Minute}, l)
	s := httptest.NewServer(w.handler)
	defer s.Close()
	for range 2 * maxWaiting {
		r, slow := io.Pipe()
		defer slow.Close()
		go func() {
			if resp, err := http.Post(s.URL+"/add-checkpoint", "text/plain", r); err == nil {
				_ = resp.Body.Close()
			}
		}()
		if _, err := slow.Write([]byte("old ")); err != nil {
			t.Fatal(err)
		}
	}
	w.cosigns(t, l, 0, size-10)

	open := make(chan struct{})
	l.fail(func(string, http.ResponseWriter) bool { <-open; return false })
	var group sync.WaitGroup
	var crowded atomic.Int64
	for range 2 * maxWaiting {
		group.Go(func() {
			if status, _, h := w.ask(l.body(size-10, size)); status == http.StatusServiceUnavailable && h.Get("Retry-After") != "" {
				if crowded.Add(1) == maxWaiting {
					close(open) // all others wait
				}
			}
		})
	}
	group.Wait()
	if n := crowded.Load(); n != maxWaiting {
		t.Errorf("%d were told to come again", n)
	}
	w.cosigns(t, l, size, size)
}
