// SPDX-License-Identifier: Apache-2.0

// Package api serves a ledger over HTTP.
//
// Every way in is a row of the table in routes.go, and openapi.yaml, which is
// served at /openapi.yaml, describes each of them; a test holds the two
// against each other. A handler answers what went well and returns an error
// for what did not; [Server] turns the error into an RFC 9457 problem document,
// and problem.go is the only place that knows HTTP statuses of errors.
//
// What is submitted is CloudEvents 1.0, in any of its modes or as a stream
// (submit.go, cloudevents.go, stream.go). What is read comes with what proves
// it (read.go), or is the log itself as C2SP tlog-tiles lays it out (log.go).
//
// No personal value is logged, measured or repeated in a problem: an access
// log line names the route, not the path.
//
//	s, err := api.New(api.Config{Ledger: l, Logger: logger, Version: version})
//	err = s.Serve(ctx, listener) // until ctx ends; only then may l.Run end
//
// A ledger of which a key was granted demands keys of everybody: each route of
// the table names the permission that it needs (access.go). One that has none is
// open to whoever reaches it, and everything is submitted by "local" then.
package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/lendlog/lendlog/api/certificate"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/anchor/witness"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/selfaudit"
)

// Config says what to serve, and how.
type Config struct {
	Ledger   *ledger.Ledger       // required
	Logger   *slog.Logger         // nil discards
	Registry *prometheus.Registry // what /metrics shows; nil makes one
	// Keys are those of the ledger. Without them a ledger that demands keys is
	// not served.
	Keys *keys.Keys
	// Remote says that the listener can be reached from other machines.
	// Tiles, which hold pseudonymous data, are then refused unless the ledger
	// was opened to the public or demands keys. Otherwise requests that name a
	// host other than this machine are refused.
	Remote  bool
	Version string // of the program; shown in /metrics
	// TLS has Serve speak it, HTTP/2 included. A client's certificate is in the TLS
	// state of its requests, verified where the configuration says so.
	TLS *tls.Config
	// Warnings tells what /readyz says besides, a line for each; nil for nothing.
	Warnings func() []string
	// Base is the path below which the API lies where several ledgers are served,
	// such as /ledgers/lender-a: whoever hands requests to Handler takes it away.
	Base string
	// Hidden has whoever shows no key of the ledger answered as if there were none:
	// on every path, in the same words and by the same steps as [Nowhere] answers.
	Hidden bool
	// Share bounds the requests under way at a time, but those of strangers to a hidden
	// ledger, where several ledgers share the connections of a listener; 0 is no bound.
	Share int64
	// Witnesses are those that cosign the ledger's checkpoints, if there are any:
	// /metrics shows how they do, and /log/checkpoint what they cosigned. Whoever
	// made the group runs it.
	Witnesses *witness.Group
	// Anchors has the ledger's checkpoints anchored, if it does so anywhere: /metrics
	// and GET /v1/anchors show how that goes. Whoever made the group runs it.
	Anchors *anchor.Group
	// Audits are those that the server makes of its ledger, if it does: /metrics,
	// /readyz and GET /v1/status show what came out. Whoever made the auditor runs it.
	Audits *selfaudit.Auditor
	// Certificate is the one that TLS shows, for GET /v1/status; nil without one.
	Certificate *certificate.Certificate
	// DrainTimeout bounds how long Serve waits for requests to end; 0 means
	// 30 s.
	DrainTimeout time.Duration

	limits *limits // nil for the default; tests narrow them
}

// A Server serves one ledger. Its Handler may be used without Serve.
type Server struct {
	conf    Config
	ledger  *ledger.Ledger
	log     *slog.Logger
	metrics *metrics
	engine  *gin.Engine
	limits  limits
	gates   gates
	crowd   crowd
	due     shelf[*due.Report]
	feeds   feeds
	// tally is what is said of the whole ledger. Its answers are older than they are
	// by tallyOlder, which only tests set.
	tally      *ledger.Tally
	tallyOlder time.Duration

	searches searches
	share    *gate // nil for no bound
	looks    looks

	stop     sync.Once
	stopping chan struct{} // closed when intake ends
}

// New returns a server. It fails when the registry holds the same metrics
// already.
func New(conf Config) (*Server, error) {
	if conf.Ledger == nil {
		return nil, errors.New("couldn't make a server: it needs a ledger")
	}
	if conf.Hidden && conf.Keys == nil {
		return nil, errors.New("couldn't make a server: a hidden ledger is shown to those with a key, and there are none")
	}
	if err := checkAccess(conf); err != nil {
		return nil, err
	}
	s := newServer(conf)
	var err error
	if s.tally, err = conf.Ledger.NewTally(findingsMax); err != nil {
		return nil, err
	}
	if err := s.metrics.register(s.conf); err != nil {
		return nil, fmt.Errorf("couldn't register the metrics: %w", err)
	}
	if err := s.mount(s.routes(), errNoRoute); err != nil {
		return nil, err
	}
	return s, nil
}

// newServer returns a server with what the configuration leaves to it, and without
// routes.
func newServer(conf Config) *Server {
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.Registry == nil {
		conf.Registry = prometheus.NewRegistry()
	}
	if conf.DrainTimeout == 0 {
		conf.DrainTimeout = 30 * time.Second
	}
	if conf.limits == nil {
		conf.limits = &defaultLimits
	}
	s := &Server{
		conf: conf, ledger: conf.Ledger, log: conf.Logger, metrics: newMetrics(conf), stopping: make(chan struct{}),
		limits: *conf.limits, gates: newGates(*conf.limits), looks: looks{window: conf.limits.look},
	}
	if conf.Share > 0 {
		s.share = &gate{semaphore.NewWeighted(conf.Share), s.limits.patience}
	}
	return s
}

// mount makes the routes of a table gin's. What is none of them is answered with
// an error.
func (s *Server) mount(routes []route, otherwise error) error {
	// Only this package knows gin, so the mode, which belongs to the process,
	// can be set nowhere else. The others print to stdout.
	gin.SetMode(gin.ReleaseMode)
	s.engine = gin.New()
	if err := s.engine.SetTrustedProxies(nil); err != nil {
		return err
	}
	// Routes are found in the path as it was sent, so that a subject's id may
	// hold an escaped slash. call.param decodes; gin would take + for a space.
	s.engine.UseEscapedPath = true
	s.engine.UnescapePathValues = false
	s.engine.RedirectTrailingSlash = false
	s.engine.HandleMethodNotAllowed = true
	for _, r := range routes {
		s.engine.Handle(r.method, r.path, s.handle(r))
		if r.method == http.MethodGet {
			s.engine.Handle(http.MethodHead, r.path, s.handle(r))
		}
	}
	s.engine.NoRoute(s.handle(route{name: "none", needs: access.Public, query: anyQuery, handler: func(*call) error { return otherwise }}))
	s.engine.NoMethod(s.handle(route{name: "none", needs: access.Public, query: anyQuery, handler: func(*call) error { return errNoMethod }}))
	return nil
}

// Handler returns the whole API as a handler.
func (s *Server) Handler() http.Handler {
	if s.conf.Hidden {
		return s.conceal(s.engine)
	}
	return s.engine
}

// Serve answers requests from ln until ctx ends. Then it takes no events any
// more, lets streams and requests end, and returns nil, or an error when some
// had to be cut off. The ledger has to run until Serve has returned.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	return s.serve(ctx, ln, s.Handler(), s.StopIntake)
}

// serve answers requests from ln with a handler until ctx ends, and calls stop then.
func (s *Server) serve(ctx context.Context, ln net.Listener, handler http.Handler, stop func()) error {
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: s.limits.header,
		IdleTimeout:       s.limits.idle,
		MaxHeaderBytes:    maxHeader - 4096, // which net/http adds
		ConnState:         s.crowd.state,
		ConnContext:       withConn,
		// OPTIONS * is answered like every other path that is none.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	limited := s.limits.listen(ln)
	ended := make(chan error, 1)
	go func() { ended <- s.serveOn(srv, limited) }()
	select {
	case err := <-ended:
		return fmt.Errorf("couldn't serve: %w", err)
	case <-ctx.Done():
	}
	stop()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.conf.DrainTimeout)
	defer cancel()
	err := srv.Shutdown(drain)
	if err != nil {
		limited.hurry.Store(true) // Close closes one after the other
		err = errors.Join(fmt.Errorf("couldn't wait for all requests to end: %w", err), srv.Close())
	}
	<-ended
	return err
}

// StopIntake makes every submission answer that the server stops, and every
// stream and follower end after what it has taken. Serve does so when it ends.
func (s *Server) StopIntake() { s.stop.Do(func() { close(s.stopping) }) }

func (s *Server) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}
