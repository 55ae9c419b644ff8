// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func config(remote bool) Config {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lendlog_test"}, func() float64 { return 7 }))
	return Config{
		Metrics: registry, Remote: remote, Logger: slog.New(slog.DiscardHandler),
		Health: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.URL.Path+" of "+r.Host)
		}),
	}
}

func TestHandler(t *testing.T) {
	for _, tt := range []struct {
		method, path, host string
		remote             bool
		status             int
		has                string
	}{
		{"GET", "/metrics", "127.0.0.1:9090", false, http.StatusOK, "lendlog_test 7"},
		{"GET", "/livez", "localhost", false, http.StatusOK, "/livez of localhost"},
		{"GET", "/readyz", "10.0.0.7:9090", true, http.StatusOK, "/readyz of localhost"},
		{"HEAD", "/readyz", "localhost", false, http.StatusOK, ""},
		{"GET", "/debug/pprof/", "localhost", false, http.StatusOK, "goroutine"},
		{"GET", "/debug/pprof/heap?debug=1", "localhost", false, http.StatusOK, "heap profile"},
		{"GET", "/debug/pprof/cmdline", "localhost", false, http.StatusNotFound, ""},
		{"GET", "/v1/records/0", "localhost", false, http.StatusNotFound, ""},
		{"GET", "/", "localhost", false, http.StatusNotFound, ""},
		{"POST", "/metrics", "localhost", false, http.StatusMethodNotAllowed, ""},
		// A page whose name was made to resolve to this machine.
		{"GET", "/metrics", "evil.example", false, http.StatusMisdirectedRequest, "this machine only"},
		{"GET", "/debug/pprof/goroutine?debug=2", "evil.example", false, http.StatusMisdirectedRequest, "this machine only"},
		{"GET", "/metrics", "prometheus.example", true, http.StatusOK, "lendlog_test 7"},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Host = tt.host
		Handler(config(tt.remote)).ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.has) {
			t.Errorf("%s %s at %s: %d %.80s", tt.method, tt.path, tt.host, w.Code, w.Body)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %v", tt.method, tt.path, w.Header())
		}
	}
}

// A page of another origin, opened by somebody on the machine, has nothing measured.
func TestAbuseOfPages(t *testing.T) {
	for site, status := range map[string]int{"none": 200, "same-origin": 200, "same-site": 403, "cross-site": 403} {
		for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/heap", "/debug/pprof/trace?seconds=0"} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = "localhost"
			r.Header.Set("Sec-Fetch-Site", site)
			if Handler(config(false)).ServeHTTP(w, r); w.Code != status {
				t.Errorf("%s for %s: %d", path, site, w.Code)
			}
		}
	}
}

func TestServe(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, config(false)) }()
	resp, err := http.Get("http://" + ln.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
