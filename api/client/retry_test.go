// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// onlyOnce requires that every event is in the ledger, once, and nothing else
// is there that was not before.
func (s *server) onlyOnce(before int64, documents [][]byte) {
	s.t.Helper()
	if got, want := s.ledger.Head().Size-before, int64(len(documents)); got != want {
		s.t.Errorf("%d records were appended, want %d", got, want)
	}
	var all []ledgertest.Event
	for _, d := range documents {
		all = append(all, ledgertest.Event{Document: d, Submitter: "local", Want: ledgertest.Repeat})
	}
	seen := map[int64]bool{}
	for i, r := range s.ledger.Submit(all...) {
		if r.Receipt.Index < before || seen[r.Receipt.Index] {
			s.t.Errorf("event %d is record %d, which is another's", i, r.Receipt.Index)
		}
		seen[r.Receipt.Index] = true
	}
}

// firstTimes answers the first n submissions in another way than the server.
func (s *server) firstTimes(n int, f func(w http.ResponseWriter, r *http.Request) bool) {
	left := atomic.Int64{}
	left.Store(int64(n))
	g := func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == "/v1/records" && left.Add(-1) >= 0 && f(w, r)
	}
	s.before.Store(&g)
}

func TestRetries(t *testing.T) {
	hangUp := func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	status := func(code int, retryAfter string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1))
			if retryAfter != "" {
				w.Header().Set("Retry-After", retryAfter)
			}
			w.WriteHeader(code)
			return true
		}
	}
	for _, x := range []struct {
		name  string
		times int
		do    func(*server) func(http.ResponseWriter, *http.Request) bool
		least time.Duration // of each pause
		gives string        // of an error; empty when it comes right
	}{
		{"cut before the commit", 3, func(*server) func(http.ResponseWriter, *http.Request) bool { return hangUp }, 0, ""},
		{"cut after the commit", 3, func(s *server) func(http.ResponseWriter, *http.Request) bool {
			return func(_ http.ResponseWriter, r *http.Request) bool {
				(*s.handler.Load()).ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
		}, 0, ""},
		{"cut within the answer", 3, func(s *server) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				rec := httptest.NewRecorder()
				(*s.handler.Load()).ServeHTTP(rec, r)
				w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
				w.WriteHeader(rec.Code)
				_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
				panic(http.ErrAbortHandler)
			}
		}, 0, ""},
		{"503", 5, func(*server) func(http.ResponseWriter, *http.Request) bool { return status(503, "") }, 0, ""},
		{"503, come back", 2, func(*server) func(http.ResponseWriter, *http.Request) bool { return status(503, "7") }, 7 * time.Second, ""},
		{"503, come back at a date", 2, func(*server) func(http.ResponseWriter, *http.Request) bool {
			return status(503, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		}, 2 * time.Minute, ""}, // no longer than that
		{"429", 2, func(*server) func(http.ResponseWriter, *http.Request) bool { return status(429, "1") }, time.Second, ""},
		{"500", 1, func(*server) func(http.ResponseWriter, *http.Request) bool { return status(500, "") }, 0, ""},
		{"502", 1, func(*server) func(http.ResponseWriter, *http.Request) bool { return status(502, "nonsense") }, 0, ""},
		{"503 for good", 100, func(*server) func(http.ResponseWriter, *http.Request) bool { return status(503, "") }, 0, "503"},
		{"404", 1, func(*server) func(http.ResponseWriter, *http.Request) bool { return status(404, "") }, 0, "404"},
		{"400", 1, func(*server) func(http.ResponseWriter, *http.Request) bool { return status(400, "1") }, 0, "400"},
		{"a redirect", 1, func(*server) func(http.ResponseWriter, *http.Request) bool { return status(307, "") }, 0, "307"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := serve(t)
			var pauses []time.Duration
			c := s.dial(client.WithRetries(6), client.WithSleep(func(ctx context.Context, d time.Duration) error {
				pauses = append(pauses, d)
				return ctx.Err()
			}))
			doc := events(0, 1)
			for _, mode := range []string{"one", "stream"} {
				pauses = nil
				before := s.ledger.Head().Size
				s.firstTimes(x.times, x.do(s))
				var err error
				if mode == "one" {
					_, err = c.Submit(t.Context(), doc[0])
				} else {
					if strings.HasPrefix(x.name, "cut") {
						break // below, at random places
					}
					doc = events(1, 1)
					_, err = stream(t, c, doc, client.StreamOptions{})
				}
				if x.gives != "" {
					var p *client.Problem
					if !errors.As(err, &p) || strconv.Itoa(p.Status) != x.gives {
						t.Errorf("%s: got %v", mode, err)
					}
					if want := map[string]int{"503": 6}[x.gives]; len(pauses) != want {
						t.Errorf("%s: paused %d times, want %d", mode, len(pauses), want)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", mode, err)
				}
				if len(pauses) != x.times {
					t.Errorf("%s: paused %d times, want %d", mode, len(pauses), x.times)
				}
				for i, d := range pauses {
					if least := max(x.least, 50*time.Millisecond<<i); d < least || d > max(x.least, 10*time.Second) {
						t.Errorf("%s: pause %d is %v, want at least %v", mode, i, d, least)
					}
				}
				s.onlyOnce(before, doc)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	addr, err := ledgertest.Address()
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Dial(t.Context(), "http://"+addr, client.WithSleep(noSleep))
	if !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("got %v", err)
	}

	s := serve(t)
	c := s.dial(client.WithRetries(2))
	hangUp := func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	s.before.Store(&hangUp)
	_, err = c.Timeline(t.Context(), "party", "somebody-in-person", 1, 10)
	if !errors.Is(err, client.ErrUnreachable) || strings.Contains(err.Error(), "somebody") {
		t.Errorf("got %v", err)
	}
	if _, err := stream(t, c, events(0, 3), client.StreamOptions{}); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("a stream ended with %v", err)
	}
}

// A cutter passes bytes on to a server and cuts every connection off after
// some, on its way there or back.
type cutter struct {
	t    *testing.T
	to   string
	mu   sync.Mutex // guards rng
	rng  *rand.Rand
	most int64
	cuts atomic.Int64
	off  atomic.Bool
}

func (c *cutter) budget() *atomic.Int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b atomic.Int64
	b.Store(1 + c.rng.Int64N(c.most))
	return &b
}

// serve listens until the end of the test and returns its URL.
func (c *cutter) serve() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	var running sync.WaitGroup
	c.t.Cleanup(func() { ln.Close(); running.Wait() })
	running.Go(func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { c.pass(from) })
		}
	})
	return "http://" + ln.Addr().String()
}

func (c *cutter) pass(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer to.Close()
	defer context.AfterFunc(c.t.Context(), func() { from.Close(); to.Close() })()
	left := c.budget()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		both.Go(func() {
			defer way[0].Close()
			defer way[1].Close()
			buf := make([]byte, 1024)
			for {
				n, err := way[0].Read(buf)
				if err != nil {
					return
				}
				if !c.off.Load() {
					if over := -left.Add(-int64(n)); over >= 0 {
						_, _ = way[1].Write(buf[:max(0, n-int(over))])
						c.cuts.Add(1)
						return
					}
				}
				if _, err := way[1].Write(buf[:n]); err != nil {
					return
				}
			}
		})
	}
	both.Wait()
}

// Whatever is cut off where: every event is in the ledger, once.
func TestCutAtRandom(t *testing.T) {
	for _, x := range []struct {
		name   string
		proofs bool
		events int
		most   int64
	}{
		{"digests", false, 2000, 200 << 10},
		{"proofs", true, 500, 200 << 10},
		{"often", false, 40, 12 << 10},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := serve(t)
			direct := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) }))
			t.Cleanup(direct.Close)
			cut := &cutter{t: t, to: direct.Listener.Addr().String(), rng: rand.New(rand.NewPCG(3, 5)), most: x.most}
			cut.off.Store(true)
			c, err := client.Dial(t.Context(), cut.serve(), client.WithTrust(s.ledger.Trust()),
				client.WithSleep(noSleep), client.WithRetries(1000), client.WithStall(250*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			cut.off.Store(false)
			docs := events(0, x.events)
			before := s.ledger.Head().Size
			got, err := collect(c.Stream(t.Context(), slices.Values(docs), client.StreamOptions{Proofs: x.proofs}))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d connections were cut off", cut.cuts.Load())
			if cut.cuts.Load() < 3 {
				t.Error("too few connections were cut off for the test to say anything")
			}
			for i, o := range got {
				if o.Number != int64(i+1) || o.Result == nil {
					t.Fatalf("outcome %d is of event %d: %v", i, o.Number, o.Refused)
				}
			}
			if len(got) != len(docs) {
				t.Errorf("%d outcomes, want %d", len(got), len(docs))
			}
			s.onlyOnce(before, docs)
		})
	}
}

// A stream goes on over a server that restarts, refuses for a while, or falls
// silent.
func TestStreamInterrupted(t *testing.T) {
	const long, short = time.Minute, 250 * time.Millisecond
	for _, x := range []struct {
		name  string
		stall time.Duration
		line  func(n int, l string) []string
	}{
		{"no summary", long, func(n int, l string) []string {
			if strings.Contains(l, `"summary"`) {
				return []string{cut}
			}
			return []string{l}
		}},
		{"truncated line", long, func(n int, l string) []string {
			if n == 7 {
				return []string{l[:len(l)/2], cut}
			}
			return []string{l}
		}},
		{"a good end too soon", long, func(n int, l string) []string {
			if n == 7 {
				return []string{`{"summary":true,"accepted":6,"repeated":0,"refused":0,"checkpoint":"","problem":{"title":"The ledger takes no events now","status":503}}` + "\n", cut}
			}
			return []string{l}
		}},
		{"one that may fare better later", long, func(n int, l string) []string {
			if n == 7 {
				return []string{`{"line":7,"status":503,"problem":{"status":503}}` + "\n"}
			}
			return []string{l}
		}},
		{"silence", short, func(n int, l string) []string {
			if n >= 7 {
				return nil
			}
			return []string{l}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := serve(t)
			c := s.dial(client.WithStall(x.stall), client.WithRetries(1000))
			var connections atomic.Int64
			line := func(n int, l string) []string {
				if n == 1 {
					connections.Add(1)
				}
				if connections.Load() > 1 {
					return []string{l}
				}
				return x.line(n, l)
			}
			s.line.Store(&line)
			docs := events(0, 20)
			before := s.ledger.Head().Size
			// An event is sent when the one before has its outcome, so that
			// nothing comes to help.
			next := make(chan []byte, 1)
			next <- docs[0]
			n := 0
			for o, err := range c.Stream(t.Context(), func(yield func([]byte) bool) {
				for d := range next {
					if !yield(d) {
						return
					}
				}
			}, client.StreamOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; o.Number != int64(n) || o.Result == nil {
					t.Fatalf("outcome %d is of event %d: %v", n, o.Number, o.Refused)
				}
				if n < len(docs) {
					next <- docs[n]
				} else {
					close(next)
				}
			}
			if n != len(docs) {
				t.Errorf("%d outcomes, want %d", n, len(docs))
			}
			if connections.Load() < 2 {
				t.Error("nothing was interrupted")
			}
			s.onlyOnce(before, docs)
		})
	}
}

func TestStreamRefusals(t *testing.T) {
	s := serve(t)
	c := s.dial()
	good := events(0, 2)
	docs := [][]byte{good[0], []byte("{\n"), []byte(`{"specversion":"1.0"}`), good[0], good[1]}
	got, err := stream(t, c, docs, client.StreamOptions{Proofs: true})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, o := range got {
		var p *client.Problem
		switch {
		case o.Refused == nil && o.Result.Repeated:
			kinds = append(kinds, "repeated")
		case o.Refused == nil:
			kinds = append(kinds, "accepted")
		case errors.As(o.Refused, &p):
			kinds = append(kinds, strconv.Itoa(p.Status))
		default:
			kinds = append(kinds, "violations")
		}
	}
	if want := []string{"accepted", "violations", "422", "repeated", "accepted"}; !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
	if got, err := stream(t, c, nil, client.StreamOptions{}); err != nil || len(got) > 0 {
		t.Errorf("a stream of nothing gave %d outcomes: %v", len(got), err)
	}
	// Who has had enough leaves, and the client goes on.
	for range c.Stream(t.Context(), slices.Values(events(2, 100)), client.StreamOptions{}) {
		break
	}
	if _, err := c.Checkpoint(t.Context()); err != nil {
		t.Error(err)
	}
}

// A stream that the server ends because no event came is opened again with the
// next one, and that counts as no failure.
func TestStreamIdles(t *testing.T) {
	s := serve(t)
	c := s.dial(client.WithRetries(1))
	const idle = 3
	ended := make(chan struct{})
	var streams atomic.Int64
	var said atomic.Bool
	early := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		if n := streams.Add(1); said.Load() {
			return false
		} else if n == 1 {
			defer close(ended)
		}
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = io.WriteString(w, `{"summary":true,"accepted":0,"repeated":0,"refused":0,"checkpoint":"","problem":`+
			`{"type":"urn:lendlog:problem:too-slow","title":"The client was too slow","status":408,"detail":"no line came"}}`+"\n")
		return true
	}
	s.before.Store(&early)
	before, docs := s.ledger.Head().Size, events(0, idle)
	outcomes, err := collect(c.Stream(t.Context(), func(yield func([]byte) bool) {
		<-ended
		time.Sleep(time.Second) // in which another stream would be ended too
		said.Store(true)
		for _, d := range docs {
			if !yield(d) {
				return
			}
		}
	}, client.StreamOptions{}))
	if err != nil || len(outcomes) != idle {
		t.Errorf("%d outcomes, %v", len(outcomes), err)
	}
	if n := streams.Load(); n != 2 {
		t.Errorf("%d streams were opened, want 2", n)
	}
	s.onlyOnce(before, docs)
}
