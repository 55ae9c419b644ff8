// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/host"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// A lender is a ledger to be hosted, with a key of each role.
type lender struct {
	name, dir string
	of        map[access.Role]string
	public    bool
	opens     func() error // what opening fails with; nil for nothing
	stops     chan error   // what it stops with
}

func newLender(t *testing.T, name string) *lender {
	t.Helper()
	l := ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{Origin: name + ".example/1"}), ledger.Options{})
	k, err := keys.Open(t.Context(), l.Dir, l.Ledger, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := &lender{name: name, dir: l.Dir, of: map[access.Role]string{}, stops: make(chan error)}
	for _, r := range access.Roles() {
		terms := access.Terms{Role: r}
		if r.May(access.RecordsSubmit) {
			terms.Sources = []string{"urn:lender"}
		}
		key, _, err := k.Grant(t.Context(), terms, ledger.Local)
		if err != nil {
			t.Fatal(err)
		}
		n.of[r] = key.Reveal()
	}
	l.Submit(ledgertest.NewEvents(uint64(len(name))).Take(20)...)
	l.Stopped()
	return n
}

// open opens it as a host asks for.
func (n *lender) open(ctx context.Context, conf api.Config) (o host.Opened, err error) {
	if n.opens != nil {
		if err := n.opens(); err != nil {
			return o, err
		}
	}
	l, err := ledger.Open(ctx, n.dir, ledger.Options{})
	if err != nil {
		return o, err
	}
	conf.Ledger, conf.Registry = l, prometheus.NewRegistry()
	if conf.Keys, err = keys.Open(ctx, n.dir, l, nil); err != nil {
		return o, errors.Join(err, l.Close())
	}
	server, err := api.New(conf)
	if err != nil {
		return o, errors.Join(err, l.Close())
	}
	return host.Opened{
		Server: server, Registry: conf.Registry, Close: l.Close,
		Run: func(ctx context.Context) error {
			ctx, stop := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- l.Run(ctx) }()
			var why error
			select {
			case why = <-n.stops:
			case <-ctx.Done():
			}
			stop()
			return errors.Join(why, <-ended)
		},
		Beside: func(ctx context.Context) error { <-ctx.Done(); return nil },
	}, nil
}

// A server is a host on a real listener.
type server struct {
	*host.Host
	t    *testing.T
	url  string
	stop func()
}

func serve(t *testing.T, lenders ...*lender) *server {
	t.Helper()
	var ledgers []host.Ledger
	for _, n := range lenders {
		ledgers = append(ledgers, host.Ledger{Name: n.name, Dir: n.dir, Public: n.public, Open: n.open})
	}
	h, err := host.New(host.Config{Ledgers: ledgers})
	if err != nil {
		t.Fatal(err)
	}
	h.OpenAll(t.Context())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(ctx, ln) }()
	s := &server{Host: h, t: t, url: "http://" + ln.Addr().String(), stop: sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, h.Close()); err != nil {
			t.Error(err)
		}
	})}
	t.Cleanup(func() {
		s.stop()
		http.DefaultClient.CloseIdleConnections()
		for _, n := range lenders {
			ledgertest.Check(t, n.dir)
		}
	})
	return s
}

// An answer is all that a client sees of one.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *server) do(method, path, key, body string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", "same") // what differs from one to the next otherwise
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Header.Del("Date")
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func (s *server) get(path, key string) answer { return s.do(http.MethodGet, path, key, "") }

func (s *server) want(path, key string, status int) answer {
	s.t.Helper()
	a := s.get(path, key)
	if a.status != status {
		s.t.Errorf("%s is answered %d, want %d: %s", path, a.status, status, a.body)
	}
	return a
}

func (s *server) states() string {
	var all []string
	for _, l := range s.Ledgers() {
		all = append(all, l.Name+" "+l.State)
	}
	return strings.Join(all, ", ")
}

// Each ledger answers below its own path, as if it were alone.
func TestEachIsServedAlone(t *testing.T) {
	a, b := newLender(t, "lender-a"), newLender(t, "b")
	s := serve(t, a, b)
	for _, n := range []*lender{a, b} {
		base := "/ledgers/" + n.name
		if got := s.want(base+"/v1/trust", n.of[access.Auditor], http.StatusOK); !strings.Contains(got.body, n.name+".example/1") {
			t.Errorf("the trust file of %s is %s", n.name, got.body)
		}
		event := `{"specversion":"1.0","id":"x","source":"urn:lender","type":"org.lendlog.payment.received.v1","subject":"line/7","time":"2026-03-01T10:00:00Z","data":{}}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+base+"/v1/records", strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/cloudevents+json")
		req.Header.Set("Authorization", "Bearer "+n.of[access.Submitter])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		at := resp.Header.Get("Location")
		if resp.StatusCode != http.StatusCreated || !strings.HasPrefix(at, base+"/v1/records/") {
			t.Errorf("an event is answered %d, at %q", resp.StatusCode, at)
		}
		s.want(at, n.of[access.Auditor], http.StatusOK)
		s.want(base, n.of[access.Auditor], http.StatusNotFound)
		s.want(base+"/v1/nothing", n.of[access.Auditor], http.StatusNotFound)
		s.want(base+"/../"+n.name+"/v1/trust", n.of[access.Auditor], http.StatusNotFound)
	}
	s.want("/livez", "", http.StatusOK)
	s.want("/readyz", "", http.StatusOK)
	for _, path := range []string{"/", "/ledgers", "/metrics", "/v1/trust", "/openapi.yaml", "/console/", "/log/checkpoint"} {
		s.want(path, a.of[access.Admin], http.StatusNotFound)
	}
}

// What a ledger measures is seen with its name, and by its own keys without the
// others'.
func TestMetricsOfEach(t *testing.T) {
	a, b := newLender(t, "lender-a"), newLender(t, "b")
	s := serve(t, a, b)
	own := s.want("/ledgers/b/metrics", b.of[access.Monitor], http.StatusOK).body
	if !strings.Contains(own, "\nlendlog_records 1") || strings.Contains(own, "lender-a") || strings.Contains(own, "ledger=") {
		t.Errorf("b shows %s", own)
	}
	families, err := s.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetName() == "ledger" {
					seen[f.GetName()+" "+l.GetValue()] = true
				}
			}
		}
	}
	for _, want := range []string{"lendlog_records lender-a", "lendlog_records b", "lendlog_writable b", "lendlog_http_request_seconds b"} {
		if !seen[want] {
			t.Errorf("there is no %s", want)
		}
	}
	if err := s.CloseLedger(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if families, err = s.Metrics().Gather(); err != nil || strings.Contains(fmt.Sprint(families), `value:"b"`) {
		t.Errorf("a ledger that is closed is measured, %v", err)
	}
}

// One that does not open leaves the others alone, and is opened once it can be.
func TestOneDoesNotOpen(t *testing.T) {
	a, b := newLender(t, "lender-a"), newLender(t, "b")
	broken := errors.New("a disk is on fire")
	b.opens = func() error { return broken }
	s := serve(t, a, b)
	if got := s.Ledgers()[1]; got.State != host.Failed || got.Reason != broken.Error() {
		t.Errorf("it is %+v", got)
	}
	s.want("/ledgers/lender-a/v1/trust", a.of[access.Auditor], http.StatusOK)
	s.want("/livez", "", http.StatusOK)
	ready := s.want("/readyz", "", http.StatusServiceUnavailable)
	if strings.Contains(ready.body, "lender") || strings.Contains(ready.body, "fire") {
		t.Errorf("whoever asks learns %s", ready.body)
	}
	// Its holders are told, and strangers what they are told of all.
	s.want("/ledgers/b/v1/trust", b.of[access.Auditor], http.StatusServiceUnavailable)
	s.want("/ledgers/b/v1/trust", a.of[access.Auditor], http.StatusUnauthorized)
	b.opens = nil
	if err := s.Open(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	s.want("/ledgers/b/v1/trust", b.of[access.Auditor], http.StatusOK)
	s.want("/readyz", "", http.StatusOK)
}

// One that stops while it is served leaves the others alone.
func TestOneStops(t *testing.T) {
	a, b := newLender(t, "lender-a"), newLender(t, "b")
	s := serve(t, a, b)
	b.stops <- errors.New("a disk is full")
	if !ledgertest.Comes(func() bool { return s.states() == "lender-a open, b failed" }) {
		t.Fatal(s.states())
	}
	s.want("/ledgers/lender-a/v1/trust", a.of[access.Auditor], http.StatusOK)
	s.want("/readyz", "", http.StatusServiceUnavailable)
	if err := s.Open(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	s.want("/ledgers/b/v1/trust", b.of[access.Auditor], http.StatusOK)
}

// A ledger is closed when what is under way has ended, is free for others then, and
// is opened again as it was left.
func TestCloseAndOpen(t *testing.T) {
	a, b := newLender(t, "lender-a"), newLender(t, "b")
	s := serve(t, a, b)
	// A follower is under way, and ends.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/ledgers/b/v1/events?view=entry", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.of[access.Monitor])
	following, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer following.Body.Close()
	if err := s.CloseLedger(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(following.Body); err != nil {
		t.Errorf("a follower was cut off: %v", err)
	}
	if s.states() != "lender-a open, b closed" {
		t.Error(s.states())
	}
	s.want("/readyz", "", http.StatusOK) // nobody waits for it
	if got := s.want("/ledgers/b/v1/trust", b.of[access.Auditor], http.StatusServiceUnavailable); got.header.Get("Retry-After") == "" {
		t.Error("nobody is told to come again")
	}
	s.want("/ledgers/b/v1/trust", "", http.StatusUnauthorized)
	// Its directory is free.
	l, err := ledger.Open(t.Context(), b.dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Open(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
	}
	s.want("/ledgers/b/v1/trust", b.of[access.Auditor], http.StatusOK)
	if err := errors.Join(s.CloseLedger(t.Context(), "b"), s.CloseLedger(t.Context(), "b")); err != nil {
		t.Error(err)
	}
	for _, err := range []error{s.Open(t.Context(), "c"), s.CloseLedger(t.Context(), "../b")} {
		if !errors.Is(err, host.ErrNoLedger) {
			t.Errorf("a ledger that is not there: %v", err)
		}
	}
}

// While ledgers are opened and closed all the time, requests are answered by the one
// that they name, or that it is closed, and by nothing else.
func TestOpenAndCloseAtOnce(t *testing.T) {
	a, b := newLender(t, "lender-a"), newLender(t, "b")
	s := serve(t, a, b)
	done := make(chan struct{})
	var asking sync.WaitGroup
	for _, n := range []*lender{a, b} {
		for range 2 {
			asking.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					got := s.get("/ledgers/"+n.name+"/v1/trust", n.of[access.Auditor])
					if got.status != http.StatusServiceUnavailable && (got.status != http.StatusOK || !strings.Contains(got.body, n.name+".example/1")) {
						t.Errorf("%s is answered %d %s", n.name, got.status, got.body)
						return
					}
				}
			})
		}
	}
	for range 5 {
		if err := errors.Join(s.CloseLedger(t.Context(), "b"), s.Open(t.Context(), "b")); err != nil {
			t.Error(err)
		}
	}
	close(done)
	asking.Wait()
}

func TestNewRefuses(t *testing.T) {
	open := func(context.Context, api.Config) (host.Opened, error) { return host.Opened{}, nil }
	for _, names := range [][]string{nil, {""}, {"A"}, {"a/b"}, {"a.b"}, {"-a"}, {"a", "a"}, {strings.Repeat("a", 64)}, {"ä"}, {"a\n"}} {
		var ledgers []host.Ledger
		for _, n := range names {
			ledgers = append(ledgers, host.Ledger{Name: n, Open: open})
		}
		if _, err := host.New(host.Config{Ledgers: ledgers}); err == nil {
			t.Errorf("%q are taken for names", names)
		}
	}
}

// Whoever runs the server opens and closes ledgers by a socket that others can't use.
func TestControl(t *testing.T) {
	a, b := newLender(t, "lender-a"), newLender(t, "b")
	s := serve(t, a, b)
	dir, err := os.MkdirTemp("", "lendlog") // a path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "control")
	if _, err := host.Ask(t.Context(), path, "list", ""); !errors.Is(err, host.ErrControl) {
		t.Errorf("without a server: %v", err)
	}
	ln, err := host.ListenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket has the mode %v, %v", st.Mode(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Control(ctx, ln) }()
	if _, err := host.ListenControl(path); err == nil {
		t.Error("two servers listen at one socket")
	}
	all, err := host.Ask(t.Context(), path, "close", "b")
	if err != nil || len(all) != 2 || all[1].State != host.Closed || all[1].Dir != b.dir {
		t.Errorf("closed: %+v, %v", all, err)
	}
	if all, err = host.Ask(t.Context(), path, "open", "b"); err != nil || all[1].State != host.Open {
		t.Errorf("opened: %+v, %v", all, err)
	}
	for _, o := range [][2]string{{"open", "c"}, {"drop", "b"}, {"", ""}} {
		if _, err := host.Ask(t.Context(), path, o[0], o[1]); err == nil {
			t.Errorf("%v is done", o)
		}
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(c, "close b"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || !strings.Contains(string(got), "the order can't be read") {
		t.Errorf("nonsense is answered %s, %v", got, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	// What a server that was killed leaves is no hindrance.
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	again, err := host.ListenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
