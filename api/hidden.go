// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger/access"
)

// conceal hands on the requests of those who show a key, also where they are refused by
// it: they know that the ledger is there. All others are answered before anything that
// differs from ledger to ledger is looked at: the route, the method, limits that others
// may have used up.
func (s *Server) conceal(next http.Handler) http.Handler {
	stranger := gin.New()
	stranger.NoRoute(func(g *gin.Context) {
		c := s.newCall(g, &route{name: "stranger", needs: access.LogRead})
		err := error(errKey)
		if !s.conf.Remote && !Loopback(g.Request.Host) {
			err = errHost
		}
		s.fail(c, err)
		s.done(c, g.Writer.Status())
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k, _, _ := s.shown(r); k == nil {
			stranger.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// A Nowhere answers where no ledger is: for a ledger that there is not, or that is
// closed, and beside ledgers. Of its configuration no ledger is used.
type Nowhere struct {
	server *Server
}

// NewNowhere returns what answers for a ledger that there is not: like a hidden one
// answers strangers. With keys it is there and closed, and says so to their holders.
func NewNowhere(conf Config) (*Nowhere, error) {
	conf.Ledger, conf.Hidden = nil, true
	if conf.Keys == nil {
		conf.Keys = keys.None()
	}
	return newNowhere(conf, func(*Server) []route { return nil }, errClosed)
}

// NewRoot returns what answers beside several ledgers: /livez, and /readyz with
// what ready returns.
func NewRoot(conf Config, ready func() error) (*Nowhere, error) {
	conf.Ledger, conf.Keys, conf.Hidden = nil, nil, false
	return newNowhere(conf, func(s *Server) []route {
		return []route{
			{http.MethodGet, "/livez", "livez", access.Public, nil, s.livez},
			{http.MethodGet, "/readyz", "readyz", access.Public, nil, func(c *call) error {
				why := ready()
				if s.isStopping() {
					why = errStopping
				}
				if why != nil {
					return faultf(kindNotReady, "%s", why)
				}
				c.bytes(http.StatusOK, typeText, []byte("ok\n"+s.warnings()))
				return nil
			}},
		}
	}, errNoRoute)
}

func newNowhere(conf Config, routes func(*Server) []route, otherwise error) (*Nowhere, error) {
	s := newServer(conf)
	if err := s.conf.Registry.Register(s.metrics.requests); err != nil {
		return nil, fmt.Errorf("couldn't register the metrics: %w", err)
	}
	if err := s.mount(routes(s), otherwise); err != nil {
		return nil, err
	}
	return &Nowhere{s}, nil
}

// Handler returns it as a handler.
func (n *Nowhere) Handler() http.Handler { return n.server.Handler() }

// Serve answers requests from ln with a handler, which has the root's among others,
// until ctx ends, as [Server.Serve] does. stop stops the intake of the ledgers.
func (n *Nowhere) Serve(ctx context.Context, ln net.Listener, handler http.Handler, stop func()) error {
	s := n.server
	return s.serve(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.crowded() { // the others don't see the connections
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	}), func() {
		s.StopIntake()
		stop()
	})
}
