// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// A server serves a real ledger through a proxy that may lie.
type server struct {
	t       *testing.T
	ledger  *ledgertest.Ledger
	url     string
	handler atomic.Pointer[http.Handler]
	// lie, when set, sees every whole answer and returns what goes out.
	lie atomic.Pointer[func(r *http.Request, resp *http.Response, body []byte) []byte]
	// line does the same with the lines of streams, which are counted from 1.
	line atomic.Pointer[func(n int, line string) []string]
	// before, when set, may answer in the place of the server, and says so.
	before   atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
	requests atomic.Int64
	hangUp   func() // on all clients
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{t: t}
	s.use(ledgertest.New(t))
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) }))
	t.Cleanup(inner.Close)
	to, err := url.Parse(inner.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval:  -1,
		ModifyResponse: s.change,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if f := s.before.Load(); f != nil && (*f)(w, r) {
			return
		}
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(outer.Close)
	s.url, s.hangUp = outer.URL, outer.CloseClientConnections
	return s
}

// use serves a ledger from now on.
func (s *server) use(l *ledgertest.Ledger) {
	s.t.Helper()
	a, err := api.New(api.Config{Ledger: l.Ledger, Version: "test"})
	if err != nil {
		s.t.Fatal(err)
	}
	h := a.Handler()
	s.handler.Store(&h)
	s.ledger = l
}

// change applies the lies.
func (s *server) change(resp *http.Response) error {
	if media := resp.Header.Get("Content-Type"); strings.HasPrefix(media, "application/x-ndjson") || media == "text/event-stream" {
		if f := s.line.Load(); f != nil {
			resp.Body = changeLines(resp.Body, *f)
		}
		return nil
	}
	f := s.lie.Load()
	if f == nil {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return err
	}
	body = (*f)(resp.Request, resp, body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Del("Content-Length")
	return nil
}

// cut is a line that breaks the connection off.
const cut = "\x00cut"

func changeLines(body io.ReadCloser, f func(int, string) []string) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		defer body.Close()
		lines := bufio.NewReader(body)
		for n := 1; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil {
				w.CloseWithError(err)
				return
			}
			for _, out := range f(n, line) {
				if out == cut {
					w.CloseWithError(errors.New("cut"))
					return
				}
				if _, err := io.WriteString(w, out); err != nil {
					return
				}
			}
		}
	}()
	return struct {
		io.Reader
		io.Closer
	}{r, r}
}

// dial returns a client that trusts the ledger that is served.
func (s *server) dial(options ...client.Option) *client.Client {
	s.t.Helper()
	c, err := client.Dial(s.t.Context(), s.url, append([]client.Option{client.WithTrust(s.ledger.Trust()), client.WithSleep(noSleep)}, options...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

func noSleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// copyOf returns a copy of a ledger's directory. The ledger must not be open.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// restart stops the ledger that is served and serves the one in dir.
func (s *server) restart(dir string) {
	s.t.Helper()
	s.ledger.Stop()
	s.use(ledgertest.Start(s.t, dir, ledger.Options{}))
}

// record appends events without the server.
func (s *server) record(documents [][]byte) {
	s.t.Helper()
	var all []ledgertest.Event
	for _, d := range documents {
		all = append(all, ledgertest.Event{Document: d, Submitter: "another", Want: ledgertest.Accepted})
	}
	s.ledger.Submit(all...)
}

// events returns n events that are accepted, each once, after the first from.
func events(from, n int) [][]byte {
	e := ledgertest.NewEvents(1)
	var out [][]byte
	for len(out) < from+n {
		if ev := e.Next(); ev.Want == ledgertest.Accepted {
			out = append(out, ev.Document)
		}
	}
	return out[from:]
}

// replace is a lie: one part of a body for another. The test fails when there
// is no such part.
func replace(t *testing.T, body []byte, old, new string) []byte {
	t.Helper()
	if !bytes.Contains(body, []byte(old)) {
		t.Errorf("there is no %s to lie about in %.400s", old, body)
	}
	return bytes.ReplaceAll(body, []byte(old), []byte(new))
}

// edit is a lie: a change of a JSON document.
func edit(t *testing.T, body []byte, f func(map[string]any)) []byte {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Errorf("couldn't read what to lie about: %v", err)
		return body
	}
	f(v)
	out, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return out
}

// collect reads a stream to its end.
func collect(outcomes iter.Seq2[client.Outcome, error]) ([]client.Outcome, error) {
	var all []client.Outcome
	for o, err := range outcomes {
		if err != nil {
			return all, err
		}
		all = append(all, o)
	}
	return all, nil
}

// wantLie fails the test unless err is a LieError that says so.
func wantLie(t *testing.T, err error, says string) *client.LieError {
	t.Helper()
	var lie *client.LieError
	if !errors.As(err, &lie) {
		t.Fatalf("got %v, want a LieError about %q", err, says)
	}
	if !strings.Contains(lie.Error(), says) {
		t.Fatalf("got %v, want a LieError about %q", lie, says)
	}
	return lie
}

// stream submits events in a stream.
func stream(t *testing.T, c *client.Client, events [][]byte, o client.StreamOptions) ([]client.Outcome, error) {
	t.Helper()
	return collect(c.Stream(t.Context(), slices.Values(events), o))
}
