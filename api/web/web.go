// SPDX-License-Identifier: Apache-2.0

// Package web is the console: the ledger in a browser, for people who do not use
// a command line.
//
// Everything that it shows it asks of the API, in this process, through
// [client], which verifies what is answered: so it can show nobody more than
// their key may see, and nothing that does not verify. pages.go has the one
// table of its pages. A page is a Go file, a template in templates, words in
// words/en and words/zh, and where it needs any, a file in style. It works
// without JavaScript; what a page adds with a module of its own lies in static.
//
//	console, err := web.New(web.Config{API: server.Handler(), Keys: held, Origin: origin})
//	server.Mount(console)
package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/api/session"
	"github.com/lendlog/lendlog/api/signin"
)

// Config says of what the console is.
type Config struct {
	API    http.Handler // of the ledger's server; required
	Keys   *keys.Keys   // of the ledger; required
	Origin string       // of the ledger: its name on every page
	Logger *slog.Logger // nil discards
	// Sessions are shared with whoever else signs people in; nil makes new ones.
	Sessions *session.Sessions
	// SignIn sends people to an OpenID provider, which sends them back to
	// /console/signin/oidc/callback; nil for none.
	SignIn *signin.SignIn
	// Base is what stands before /console/ in links, where the server lies below
	// a path: /ledgers/NAME. It begins with a slash and does not end with one.
	Base string
}

// A Console serves the pages below /console/.
type Console struct {
	conf      Config
	log       *slog.Logger
	sessions  *session.Sessions
	templates templates
	texts     map[string]words // by language
	sentences sentences
	cites     map[string]string // in Chinese, by the English
	assets    *assets
	handler   http.Handler

	kept  keptSearches
	known knownSources
	once  once

	dialling sync.Mutex // guards client
	client   *client.Client
}

// New returns a console. It fails where a template and the words do not fit
// together.
func New(conf Config) (*Console, error) {
	if conf.API == nil || conf.Keys == nil {
		return nil, errors.New("couldn't make a console: it needs the API and the keys of a ledger")
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.Sessions == nil {
		conf.Sessions = session.New(session.Config{})
	}
	c := &Console{conf: conf, log: conf.Logger, sessions: conf.Sessions}
	var err error
	if c.assets, err = newAssets(); err != nil {
		return nil, fmt.Errorf("couldn't make a console: %w", err)
	}
	if c.sentences, err = readSentences(); err != nil {
		return nil, fmt.Errorf("couldn't make a console: %w", err)
	}
	if c.cites, err = readSources(); err != nil {
		return nil, fmt.Errorf("couldn't make a console: %w", err)
	}
	if c.templates, err = c.parse(); err != nil {
		return nil, fmt.Errorf("couldn't make a console: %w", err)
	}
	c.handler = c.routes()
	return c, nil
}

// routes makes the table of pages a handler.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	for _, p := range pages() {
		mux.Handle(p.pattern(), c.serve(p))
	}
	if c.conf.SignIn != nil {
		for _, p := range providerPages() {
			mux.Handle(p.pattern(), c.serve(p))
		}
	}
	mux.Handle("GET "+root+"static/", c.assets)
	mux.Handle("/", c.serve(page{name: "missing", handler: func(*visit) error { return errMissing }}))
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(c.serve(page{name: "refused", handler: func(*visit) error { return errCrossOrigin }}))
	return cross.Handler(mux)
}

// root is where all pages lie, below Config.Base.
const root = "/console/"

// policy of what a page may load and do: nothing of other places, and nothing
// that stands in the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // a URL may name a subject
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	c.handler.ServeHTTP(w, r)
}
