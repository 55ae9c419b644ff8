// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
)

// A testServer serves a ledger of its own on a real listener until the end of
// the test. Its client holds every answer against openapi.yaml.
type testServer struct {
	*Server
	t      testing.TB
	ledger *ledgertest.Ledger
	url    string
	client *http.Client
	log    *lockedBuffer
	stop   func() error // ends Serve and returns its error; once
}

// serve starts a server. change, if not nil, adapts its configuration.
func serve(t testing.TB, o ledger.CreateOptions, change func(*Config)) *testServer {
	t.Helper()
	l := ledgertest.Start(t, ledgertest.Create(t, o), ledger.Options{})
	return serveLedger(t, l, change)
}

func serveLedger(t testing.TB, l *ledgertest.Ledger, change func(*Config)) *testServer {
	t.Helper()
	var log lockedBuffer
	conf := Config{Ledger: l.Ledger, Logger: slog.New(slog.NewJSONHandler(&log, nil)), Version: "test"}
	if change != nil {
		change(&conf)
	}
	s, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	ts := &testServer{
		Server: s, t: t, ledger: l, url: "http://" + ln.Addr().String(), log: &log,
		stop: sync.OnceValue(func() error {
			cancel()
			return <-done
		}),
	}
	transport := &http.Transport{DisableCompression: true}
	ts.client = &http.Client{Transport: &checkedTransport{t, transport}}
	t.Cleanup(func() {
		if err := ts.stop(); err != nil {
			t.Errorf("Serve ended with %v", err)
		}
		transport.CloseIdleConnections()
		noGoroutines(t, "lendlog/api.(*Server)")
	})
	return ts
}

// noGoroutines fails the test when a goroutine that runs what is named is
// left.
func noGoroutines(t testing.TB, name string) {
	t.Helper()
	buf := make([]byte, 1<<20)
	var left []string
	gone := ledgertest.Comes(func() bool {
		left = nil
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, name) {
				left = append(left, stack)
			}
		}
		return left == nil
	})
	if !gone {
		t.Errorf("goroutines of %s are left:\n%s", name, strings.Join(left, "\n\n"))
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// An answer is a response with its whole body.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request with the headers given as pairs.
func (s *testServer) do(method, path string, body io.Reader, headers ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, b}
}

func (s *testServer) get(path string, headers ...string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, path, nil, headers...)
}

func (s *testServer) post(contentType, body string, headers ...string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/v1/records", strings.NewReader(body), append(headers, "Content-Type", contentType)...)
}

// want fails the test when an answer has another status.
func (s *testServer) want(a answer, status int) answer {
	s.t.Helper()
	if a.status != status {
		s.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// wantProblem fails the test when an answer is not that problem.
func (s *testServer) wantProblem(a answer, k kind) problem {
	s.t.Helper()
	s.want(a, k.status)
	p := decode[problem](s.t, a.body)
	if p.Type != "urn:lendlog:problem:"+k.name || a.header.Get("Content-Type") != "application/problem+json" {
		s.t.Fatalf("it is %s (%s), want %s: %s", p.Type, a.header.Get("Content-Type"), k.name, a.body)
	}
	return p
}

func decode[T any](t testing.TB, b []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return v
}

// submit sends an event in structured mode and returns its receipt.
func (s *testServer) submit(event string) *proof.Receipt {
	s.t.Helper()
	return s.receipt(s.want(s.post(typeEvent, event), http.StatusCreated))
}

func (s *testServer) receipt(a answer) *proof.Receipt {
	s.t.Helper()
	r, err := proof.ParseReceipt(a.body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// decision is an event of id n about a file.
func decision(n int) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"d-%d","source":"urn:lender:origination","type":"org.lendlog.decision.made.v1",`+
		`"subject":"file/A-%d","party":"party-1","time":"2026-02-03T09:30:00Z",`+
		`"data":{"outcome":"declined","decisionMode":"automated","reasonCodes":["debt-to-income"],"decidedAmount":{"amount":"1200.50","currency":"EUR"}}}`, n, n)
}

// spec is openapi.yaml as a client reads it.
var spec = sync.OnceValue(func() *openapi3.T {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		panic(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		panic(err)
	}
	openapi3filter.RegisterBodyDecoder(typeStream, func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		lines := []any{}
		for d := json.NewDecoder(body); ; {
			var v any
			switch err := d.Decode(&v); {
			case errors.Is(err, io.EOF):
				return lines, nil
			case err != nil:
				return nil, err
			}
			lines = append(lines, v)
		}
	})
	openapi3filter.RegisterBodyDecoder(typeEvents, func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		text, err := io.ReadAll(body)
		return string(text), err
	})
	return doc
})

// operation finds what openapi.yaml says of a request: the path with the
// fewest parameters among those that match.
func operation(method, path string) (*openapi3.PathItem, *openapi3.Operation) {
	var item *openapi3.PathItem
	fewest := 99
	for template, it := range spec().Paths.Map() {
		pattern := regexp.QuoteMeta(template)
		pattern = strings.ReplaceAll(pattern, `\{path\}`, ".+")
		pattern = regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(pattern, "[^/]+")
		if n := strings.Count(template, "{"); n < fewest && regexp.MustCompile("^"+pattern+"$").MatchString(path) {
			item, fewest = it, n
		}
	}
	if item != nil {
		if op := item.GetOperation(method); op != nil {
			return item, op
		}
	}
	// What is no operation is answered as such.
	responses := spec().Components.Responses
	return nil, &openapi3.Operation{Responses: openapi3.NewResponses(
		openapi3.WithStatus(http.StatusNotFound, responses["NotFound"]),
		openapi3.WithStatus(http.StatusMethodNotAllowed, responses["MethodNotAllowed"]),
	)}
}

// checkedTransport holds every response that is read to its end against
// openapi.yaml.
type checkedTransport struct {
	t testing.TB
	http.RoundTripper
}

func (c *checkedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(req)
	if err != nil || req.Method == http.MethodHead {
		return resp, err
	}
	resp.Body = &checkedBody{ReadCloser: resp.Body, check: func(body []byte) { checkResponse(c.t, req, resp, body) }}
	return resp, nil
}

type checkedBody struct {
	io.ReadCloser
	read  bytes.Buffer
	once  sync.Once
	check func([]byte)
}

func (b *checkedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Write(p[:n])
	if errors.Is(err, io.EOF) {
		b.once.Do(func() { b.check(b.read.Bytes()) })
	}
	return n, err
}

func checkResponse(t testing.TB, req *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	item, op := operation(req.Method, req.URL.EscapedPath())
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: req,
			Route:   &routers.Route{Spec: spec(), PathItem: item, Method: req.Method, Operation: op},
		},
		Status:  resp.StatusCode,
		Header:  resp.Header,
		Body:    io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("%s %s: the answer is not as openapi.yaml says: %v\n%d %.2000s", req.Method, req.URL.Path, err, resp.StatusCode, body)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s %s: %s is %q, want %q", req.Method, req.URL.Path, name, got, want)
		}
	}
}
