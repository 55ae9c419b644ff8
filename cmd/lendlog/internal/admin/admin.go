// SPDX-License-Identifier: Apache-2.0

// Package admin serves what whoever runs a server needs to know of it, and nothing
// of what is in a ledger: metrics, health, and profiles of the process. It asks for
// no key, so it has an address of its own, on loopback unless somebody says
// otherwise.
package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lendlog/lendlog/api"
)

// Config says what is shown, and to whom.
type Config struct {
	Metrics prometheus.Gatherer
	Health  http.Handler // answers /livez and /readyz
	// Remote says that other machines may ask. Otherwise requests that name
	// another host are refused, which a page in a browser could make. What a browser
	// says is of a page of another origin is refused in any case.
	Remote bool
	Logger *slog.Logger
}

// Handler answers what there is.
func Handler(conf Config) http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /metrics", promhttp.HandlerFor(conf.Metrics, promhttp.HandlerOpts{}))
	for _, path := range []string{"/livez", "/readyz"} {
		m.Handle("GET "+path, here(conf.Health))
	}
	m.HandleFunc("GET /debug/pprof/", pprof.Index) // and each profile below it
	m.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	m.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		if !conf.Remote && !api.Loopback(r.Host) {
			http.Error(w, "this address is for this machine only", http.StatusMisdirectedRequest)
			return
		}
		if api.LedHere(r) { // a page can't read the answer, and a profile costs what it costs
			http.Error(w, "pages of other origins ask nothing here", http.StatusForbidden)
			return
		}
		m.ServeHTTP(w, r)
	})
}

// here asks for the health of this machine, by whatever name it was reached.
func here(health http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.Host = "localhost"
		health.ServeHTTP(w, r)
	})
}

// Serve answers at a listener until ctx ends.
func Serve(ctx context.Context, ln net.Listener, conf Config) error {
	srv := &http.Server{
		Handler:           Handler(conf),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(conf.Logger.Handler(), slog.LevelWarn),
	}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
