// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/certificate/certtest"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// ways are those in which a client comes.
var ways = map[string]func(testing.TB, func(*Config)) *testServer{
	"HTTP":          func(t testing.TB, change func(*Config)) *testServer { return serve(t, ledger.CreateOptions{}, change) },
	"HTTP over TLS": func(t testing.TB, change func(*Config)) *testServer { return serveTLS(t, false, change) },
	"HTTP/2":        func(t testing.TB, change func(*Config)) *testServer { return serveTLS(t, true, change) },
}

// serveTLS is serve by TLS.
func serveTLS(t testing.TB, multiplexed bool, change func(*Config)) *testServer {
	t.Helper()
	a := certtest.New(t, "root")
	s := serve(t, ledger.CreateOptions{}, func(c *Config) {
		c.TLS = &tls.Config{Certificates: []tls.Certificate{a.Issue(t, "server", 24*time.Hour)}}
		if change != nil {
			change(c)
		}
	})
	s.url = "https" + strings.TrimPrefix(s.url, "http")
	transport := &http.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: a.Pool()}, ForceAttemptHTTP2: multiplexed}
	s.client = &http.Client{Transport: &checkedTransport{t, transport}}
	t.Cleanup(transport.CloseIdleConnections)
	return s
}

func TestTLS(t *testing.T) {
	for name, major := range map[string]int{"HTTP over TLS": 1, "HTTP/2": 2} {
		t.Run(name, func(t *testing.T) {
			s := ways[name](t, nil)
			resp, err := s.client.Get(s.url + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if _, err := io.ReadAll(resp.Body); err != nil {
				t.Fatal(err)
			}
			if resp.ProtoMajor != major || resp.TLS == nil || resp.TLS.Version != tls.VersionTLS13 {
				t.Errorf("it speaks %s, %v", resp.Proto, resp.TLS)
			}
			// On loopback a browser would keep to it for all that runs there.
			if h := resp.Header.Get("Strict-Transport-Security"); h != "" {
				t.Errorf("it has %s", h)
			}
			s.submit(decision(1))
			s.stream("", decision(2), decision(3))
			s.follow("").cancel()
		})
	}
}

// Where others can reach the server by TLS, browsers are told to come by it only.
func TestStrictTransport(t *testing.T) {
	for name, want := range map[string]string{"HTTP": "", "HTTP over TLS": strictTransport, "HTTP/2": strictTransport} {
		t.Run(name, func(t *testing.T) {
			s := ways[name](t, func(c *Config) { c.Remote = true })
			for _, path := range []string{"/livez", "/v1/records/nothing"} {
				if got := s.get(path).header.Get("Strict-Transport-Security"); got != want {
					t.Errorf("%s answers with %q", path, got)
				}
			}
		})
	}
}

// Whoever speaks plain HTTP where TLS is spoken is told so.
func TestPlainOnTLS(t *testing.T) {
	s := serveTLS(t, true, nil)
	resp, err := http.Get("http" + strings.TrimPrefix(s.url, "https") + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(b), "HTTP request to an HTTPS server") {
		t.Errorf("it is answered %s: %s", resp.Status, b)
	}
}

// Connections of HTTP/2 have no more requests in the server than there may be
// connections.
func TestMultiplexedIsBounded(t *testing.T) {
	narrow := defaultLimits
	narrow.multiplexed, narrow.patience = 2, 10*time.Millisecond
	s := serveTLS(t, true, func(c *Config) { c.limits = &narrow })
	first := s.follow("")
	second := s.follow("")
	s.wantProblem(s.get("/livez"), kindBusy)
	first.cancel()
	second.cancel()
	ledgertest.Until(t, "the room of who left", func() bool { return s.get("/livez").status == http.StatusOK })
}

// Readiness says what the operator has to know besides.
func TestWarnings(t *testing.T) {
	var warnings []string
	s := serve(t, ledger.CreateOptions{}, func(c *Config) { c.Warnings = func() []string { return warnings } })
	s.submit(decision(1))
	for want, of := range map[string][]string{"ok\n": nil, "ok\none\ntwo\n": {"one", "two"}} {
		warnings = of
		if got := string(s.want(s.get("/readyz"), http.StatusOK).body); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

// A connection that is told to linger does so under TLS too.
func TestLingerUnderTLS(t *testing.T) {
	inner := &conn{}
	ctx := withConn(context.Background(), tls.Server(inner, &tls.Config{}))
	lingerAtEnd(ctx)
	if !inner.lingering.Load() {
		t.Error("it does not linger")
	}
}
