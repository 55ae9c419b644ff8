// SPDX-License-Identifier: Apache-2.0

// Package host serves several ledgers in one process, each below /ledgers/NAME/ as
// if it were alone: with its own directory, keys, witnesses, anchors and limits. One
// that does not open, is damaged, full or slow, or stops, does not touch the others,
// and each can be closed and opened again while they go on.
//
// Whoever shows no key of a ledger is answered exactly like for one that there is
// not, whatever they ask and however the ledger does, unless it is public. Beside
// the ledgers there are /livez and /readyz, and nothing else.
//
//	h, err := host.New(host.Config{Ledgers: ledgers, Logger: logger})
//	h.OpenAll(ctx)
//	err = errors.Join(h.Serve(ctx, listener), h.Close())
package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lendlog/lendlog/api"
)

// prefix is that of all ledgers' paths.
const prefix = "/ledgers/"

// conns are the connections of a listener, as package api bounds them, and leastShare
// the requests under way that each ledger may have of them in any case.
const (
	conns      = 256
	leastShare = 16
)

// Config says what to serve.
type Config struct {
	Ledgers []Ledger     // at least one
	Logger  *slog.Logger // nil discards
	Remote  bool         // the listener can be reached from other machines
	Version string
	// TLS and Warnings are as of an api.Config.
	TLS      *tls.Config
	Warnings func() []string
}

// A Host serves several ledgers.
type Host struct {
	root    *api.Nowhere
	nowhere *api.Nowhere
	slots   map[string]*slot
	names   []string // in the order in which they were given
	metrics gatherer
}

// name is what a ledger can be called in a path.
var name = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// New returns a host whose ledgers are closed.
func New(conf Config) (*Host, error) {
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if len(conf.Ledgers) == 0 {
		return nil, errors.New("couldn't make a host: there are no ledgers")
	}
	h := &Host{slots: map[string]*slot{}}
	registry := prometheus.NewRegistry()
	h.metrics.add("", registry)
	var err error
	root := api.Config{Logger: conf.Logger, Remote: conf.Remote, Version: conf.Version, Registry: registry, TLS: conf.TLS, Warnings: conf.Warnings}
	if h.root, err = api.NewRoot(root, h.ready); err != nil {
		return nil, err
	}
	if h.nowhere, err = api.NewNowhere(api.Config{Logger: conf.Logger, Remote: conf.Remote, Version: conf.Version}); err != nil {
		return nil, err
	}
	for _, l := range conf.Ledgers {
		if !name.MatchString(l.Name) {
			return nil, fmt.Errorf("couldn't make a host: %q is no name of a ledger: it is 1 to 63 lower-case letters, digits and hyphens, and begins with no hyphen", l.Name)
		}
		if h.slots[l.Name] != nil {
			return nil, fmt.Errorf("couldn't make a host: there are two ledgers called %s", l.Name)
		}
		h.slots[l.Name] = h.newSlot(conf, l)
		h.names = append(h.names, l.Name)
	}
	return h, nil
}

func (h *Host) newSlot(conf Config, l Ledger) *slot {
	logger := conf.Logger.With(slog.String("ledger", l.Name))
	share := max(leastShare, int64(conns/(len(conf.Ledgers)+1)))
	return &slot{
		host: h, Ledger: l, log: logger, state: Closed,
		conf: api.Config{Logger: logger, Remote: conf.Remote, Version: conf.Version, Base: prefix + l.Name, Hidden: !l.Public, Share: share},
	}
}

// OpenAll opens all ledgers, one after the other. One that does not open is logged,
// and left to be opened later.
func (h *Host) OpenAll(ctx context.Context) {
	for _, name := range h.names {
		if err := h.slots[name].open(ctx); err != nil {
			h.slots[name].log.ErrorContext(ctx, "couldn't open a ledger; the others go on, and lendlog ledgers open opens it when that is put right", slog.Any("error", err))
		}
	}
}

// ErrNoLedger: there is no ledger of that name.
var ErrNoLedger = errors.New("this server has no ledger of that name")

// Open opens a ledger that is closed, or could not be opened before.
func (h *Host) Open(ctx context.Context, name string) error {
	if s := h.slots[name]; s != nil {
		return s.open(ctx)
	}
	return ErrNoLedger
}

// CloseLedger closes a ledger when the requests under way have ended, and serves it
// no more until it is opened.
func (h *Host) CloseLedger(ctx context.Context, name string) error {
	if s := h.slots[name]; s != nil {
		return s.close(ctx, Closed, nil)
	}
	return ErrNoLedger
}

// Ledgers tells how all ledgers do, in their order.
func (h *Host) Ledgers() []Status {
	all := make([]Status, len(h.names))
	for i, name := range h.names {
		all[i] = h.slots[name].status()
	}
	return all
}

// ready returns an error unless all ledgers that nobody closed are open. It names
// none: whoever asks need not know which there are.
func (h *Host) ready() error {
	for _, s := range h.slots {
		if s.status().State == Failed {
			return errors.New("not all ledgers that should be open are; lendlog ledgers list tells which")
		}
	}
	return nil
}

// Metrics returns what all ledgers measure, each with its name as the label ledger.
func (h *Host) Metrics() prometheus.Gatherer { return &h.metrics }

// Health returns the handler of /livez and /readyz.
func (h *Host) Health() http.Handler { return h.root.Handler() }

// ServeHTTP implements http.Handler.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix)
	if !ok {
		h.root.Handler().ServeHTTP(w, r)
		return
	}
	name, _, _ := strings.Cut(rest, "/")
	if s := h.slots[name]; s != nil {
		s.serve(w, below(r, prefix+name))
		return
	}
	h.nowhere.Handler().ServeHTTP(w, r)
}

// below returns a request with a base taken away from its path, which has it
// unescaped.
func below(r *http.Request, base string) *http.Request {
	u := *r.URL
	u.Path, u.RawPath = strings.TrimPrefix(u.Path, base), strings.TrimPrefix(u.RawPath, base)
	if u.Path == "" {
		u.Path = "/"
	}
	return withURL(r, &u)
}

func withURL(r *http.Request, u *url.URL) *http.Request {
	inner := new(http.Request)
	*inner = *r
	inner.URL = u
	return inner
}

// Serve answers requests from ln until ctx ends. Then no ledger takes events any
// more, and it returns when all requests have ended, with an error where some had to
// be cut off.
func (h *Host) Serve(ctx context.Context, ln net.Listener) error {
	return h.root.Serve(ctx, ln, h, func() {
		for _, s := range h.slots {
			s.stopIntake()
		}
	})
}

// Close closes all ledgers, after Serve.
func (h *Host) Close() error {
	errs := make([]error, len(h.names))
	var all sync.WaitGroup
	for i, name := range h.names {
		all.Go(func() { errs[i] = h.slots[name].close(context.Background(), Closed, nil) })
	}
	all.Wait()
	return errors.Join(errs...)
}
