// SPDX-License-Identifier: Apache-2.0

// Package signin lets people in whom an OpenID provider vouches for.
//
// It is OpenID Connect's authorization code flow, with PKCE, state and nonce. What
// comes of it is the provider's name for a person, its issuer and subject; who of
// them may do what is for the ledger's grants to say, as of keys. E-mail addresses
// and names are neither asked for nor looked at: they change, and are given to
// others.
//
// Nothing that the provider hands out is kept. Its word counts for the moment of the
// sign-in; what begins then is a session, which ends with the grant or by its own
// limits.
package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/lendlog/lendlog/api/keys"
)

// Config says by which provider people sign in.
type Config struct {
	// Issuer is the provider, as it names itself: an https URL, or an http one of
	// this machine. With Client and Redirect it is required.
	Issuer string
	Client string // the id under which the provider knows this server
	Secret string // of a confidential client; "" for a public one, which PKCE protects alone
	// Redirect is where the provider sends people back to, as it is registered there:
	// the address of which Finish answers.
	Redirect string
	// Find returns the grant of a person, nil unless it is accepted now; required.
	Find   func(issuer, subject string) *keys.Key
	Logger *slog.Logger // nil discards

	now func() time.Time // nil for the clock; tests set it
}

// A SignIn sends people to a provider and takes them when they come back. Its
// methods may be called concurrently.
type SignIn struct {
	conf   Config
	log    *slog.Logger
	reach  *bounded
	http   *http.Client
	secret [32]byte // of this process: to another, its attempts mean nothing
	cookie http.Cookie
	spent  attempts

	asking   sync.Mutex // guards what follows; held while the provider is asked
	provider *provider  // nil until it has answered
	failed   error      // of the last time that it was asked
	next     time.Time  // when it may be asked again
}

// New returns a SignIn. It asks nobody for anything, so that a server starts without
// its provider; see [SignIn.Probe].
func New(conf Config) (*SignIn, error) {
	issuer, redirect, err := conf.addresses()
	switch {
	case err != nil:
		return nil, err
	case conf.Find == nil:
		return nil, errors.New("couldn't let people sign in: nothing says what they were granted")
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.now == nil {
		conf.now = time.Now
	}
	reach := newBounded(issuer)
	s := &SignIn{conf: conf, log: conf.Logger, reach: reach, http: reach.client(), cookie: newCookie(redirect)}
	_, _ = rand.Read(s.secret[:]) // never fails
	return s, nil
}

// Check returns what is wrong with who is asked, or nil. That somebody is found it
// doesn't ask for.
func (c *Config) Check() error {
	_, _, err := c.addresses()
	return err
}

func (c *Config) addresses() (issuer, redirect *url.URL, err error) {
	if c.Client == "" {
		return nil, nil, errors.New("the provider has to know this server as a client: name the client's id")
	}
	if issuer, err = address(theIssuer, c.Issuer); err != nil {
		return nil, nil, err
	}
	redirect, err = address("the address to come back to", c.Redirect)
	return issuer, redirect, err
}

const theIssuer = "the issuer"

// CheckIssuer returns an error unless a text can be that of a provider.
func CheckIssuer(text string) error {
	_, err := address(theIssuer, text)
	return err
}

// address reads a URL that may be sent to, and which nobody else can read or alter
// what passes to.
func address(what, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !private(u) {
		return nil, fmt.Errorf("%s is an https URL such as https://login.bank.example, without a query; http is for this machine alone", what)
	}
	return u, nil
}

// Probe asks for the provider, so that an operator learns at once that it doesn't
// answer. Whoever signs in later asks again.
func (s *SignIn) Probe(ctx context.Context) {
	if _, err := s.find(); err != nil {
		s.log.WarnContext(ctx, "the provider by which people sign in can't be used; it is asked again when somebody signs in", slog.String("issuer", s.conf.Issuer), slog.Any("error", err))
	}
}

// Start sends the browser that a request comes from to the provider, and remembers
// where its user wants to go then. The error is a *Refusal; then nothing was answered.
func (s *SignIn) Start(w http.ResponseWriter, r *http.Request, next string) error {
	p, err := s.find()
	if err != nil {
		return s.refused(r.Context(), err)
	}
	a := newAttempt(s.conf.now(), next)
	s.remember(w, a)
	leaveNothing(w)
	http.Redirect(w, r, p.ask(s.of(a, forState), s.of(a, forVerifier), s.of(a, forNonce)), http.StatusSeeOther)
	return nil
}

// Finish returns the grant of the person whom the provider sends back by a request,
// once for each that was sent there, and where they want to go. The error is a
// *Refusal. Either is for the caller to answer.
func (s *SignIn) Finish(w http.ResponseWriter, r *http.Request) (key *keys.Key, next string, err error) {
	s.forget(w)
	leaveNothing(w)
	a, back, err := s.recall(r)
	if err != nil {
		return nil, "", s.refused(r.Context(), err)
	}
	if key, err = s.finish(r.Context(), a, back); err != nil {
		return nil, "", s.refused(r.Context(), err)
	}
	s.log.InfoContext(r.Context(), "somebody signed in by the provider", slog.String("key", key.ID))
	return key, a.next(), nil
}

// finish ends an attempt with what came back.
func (s *SignIn) finish(ctx context.Context, a attempt, back answer) (*keys.Key, error) {
	p, err := s.find()
	if err != nil {
		return nil, err
	}
	if err := p.sent(back); err != nil {
		return nil, err
	}
	if !s.spent.take(a, s.conf.now()) {
		return nil, &Refusal{Reason: Stale}
	}
	subject, err := p.redeem(ctx, back.code, s.of(a, forVerifier), s.of(a, forNonce))
	if err != nil {
		s.spent.drop(a)
		return nil, err
	}
	key := s.conf.Find(s.conf.Issuer, subject)
	if key == nil {
		return nil, &Refusal{Reason: Unknown, Issuer: s.conf.Issuer, Subject: subject}
	}
	return key, nil
}

// leaveNothing keeps the address that a browser leaves, which holds a code, out of
// caches and of what it tells where it goes.
func leaveNothing(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
}
