// SPDX-License-Identifier: Apache-2.0

// Package oidctest runs a real OpenID provider for tests, of zitadel/oidc, on this
// machine. It can be bent, so that it does what no provider should.
package oidctest

import (
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// A Client is a server that the provider knows.
type Client struct {
	ID       string
	Secret   string // "" for a public client
	Redirect string
}

// A Provider is one that is running. Whoever comes is signed in there as Person,
// without being asked.
type Provider struct {
	URL string // what it calls itself

	// What follows is set between requests.
	Client Client
	Person string // its name for whoever comes; "" for somebody who declines
	Down   bool   // it answers nothing

	Discovery func(doc map[string]any) // changes what it says of itself
	Answer    func(q url.Values)       // changes what it sends people back with
	Token     func(t *Token)           // changes an ID token
	Reuse     bool                     // it takes a code as often as it is shown

	// Redeemed counts the codes that were shown to it.
	Redeemed atomic.Int64

	key     atomic.Pointer[rsa.PrivateKey]
	handler http.Handler

	mu       sync.Mutex // guards what follows
	requests map[string]*request
	codes    map[string]string // to ids of requests
}

// New runs a provider until the test ends.
func New(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{requests: map[string]*request{}, codes: map[string]string{}}
	p.key.Store(first())
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.URL = server.URL
	o, err := op.NewProvider(&op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true, AuthMethodPost: true}, storage{p: p}, op.StaticIssuer(p.URL), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", o)
	back := op.AuthCallbackURL(o)
	mux.Handle("/login", op.NewIssuerInterceptor(o.IssuerFromRequest).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.login(w, r, back(r.Context(), r.FormValue("id")))
	}))
	p.handler = mux
	return p
}

// first is the key that all providers begin with: it takes long to make one.
var first = sync.OnceValue(NewKey)

// NewKey makes a key to sign with.
func NewKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// Rotate gives it another key to sign with, and takes the one before away.
func (p *Provider) Rotate() { p.key.Store(NewKey()) }

// login signs in whoever comes.
func (p *Provider) login(w http.ResponseWriter, r *http.Request, back string) {
	p.mu.Lock()
	q := p.requests[r.FormValue("id")]
	if q != nil {
		q.person = p.Person
	}
	p.mu.Unlock()
	switch {
	case q == nil:
		http.NotFound(w, r)
	case p.Person == "":
		http.Redirect(w, r, q.RedirectURI+"?"+url.Values{"error": {"access_denied"}, "state": {q.State}}.Encode(), http.StatusFound)
	default:
		http.Redirect(w, r, back, http.StatusFound)
	}
}

// ServeHTTP implements http.Handler. What the provider answers is bent on its way.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.Down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == "/oauth/token" {
		p.Redeemed.Add(1)
	}
	answered := httptest.NewRecorder()
	p.handler.ServeHTTP(answered, r)
	body := p.bend(r.URL.Path, answered)
	maps.Copy(w.Header(), answered.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(answered.Code)
	_, _ = w.Write(body)
}
