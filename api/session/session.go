// SPDX-License-Identifier: Apache-2.0

// Package session knows people who signed in with a browser again: a cookie,
// which means nothing by itself, stands for a key of the ledger. Whatever
// showed that somebody holds the key, a form or an identity provider, calls
// [Sessions.Begin]; from then on [Sessions.Find] tells who sends a request.
//
// A session ends when nobody used it for a while, after a number of hours
// whatever happens, when its holder signs out, and at once when its key is
// revoked or expires. Sessions are in memory only: a server that starts anew
// asks everybody to sign in.
package session

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/lendlog/lendlog/api/keys"
)

const (
	// DefaultIdle and DefaultLongest end sessions of a [Config] that says
	// nothing else.
	DefaultIdle    = 30 * time.Minute
	DefaultLongest = 12 * time.Hour

	// most bounds the sessions; beyond it the one that was used longest ago
	// ends.
	most = 4096

	plainName = "lendlog"
	// A browser takes a cookie of this prefix only with Secure, for all paths
	// and for one host, so that no neighbour can plant one.
	secureName = "__Host-lendlog"
)

// Config says how long sessions last, and how their cookie is sent.
type Config struct {
	Idle, Longest time.Duration // without a request, and in all; 0 for the defaults
	// Secure sends the cookie over https only. Without it the server has to be
	// on a loopback address.
	Secure bool
	Now    func() time.Time // nil is time.Now
}

// Sessions are those of one server. They may be used concurrently.
type Sessions struct {
	conf Config

	mu      sync.Mutex // guards all below, and what changes of each session
	byToken map[digest]*Session
}

// A digest is the SHA-256 of a token: whoever reads the memory of the server
// can't come as somebody who signed in.
type digest [sha256.Size]byte

// A Session is one person in one browser.
type Session struct {
	Key   *keys.Key // by whose grant they came in
	Begun time.Time

	all     *Sessions
	used    time.Time
	purpose string
	arrived bool // it was asked for a page
}

// New returns no sessions yet.
func New(conf Config) *Sessions {
	conf.Idle, conf.Longest = cmp.Or(conf.Idle, DefaultIdle), cmp.Or(conf.Longest, DefaultLongest)
	if conf.Now == nil {
		conf.Now = time.Now
	}
	return &Sessions{conf: conf, byToken: map[digest]*Session{}}
}

// Secure reports whether cookies are sent over https only.
func (s *Sessions) Secure() bool { return s.conf.Secure }

// Begin signs in whoever sent a request and holds k, and sets the cookie. The
// session that the request came with ends, and its token is not used again: who
// planted a cookie in a browser does not come in with the one who signs in.
func (s *Sessions) Begin(w http.ResponseWriter, r *http.Request, k *keys.Key) *Session {
	token, now := rand.Text(), s.conf.Now()
	begun := &Session{Key: k, Begun: now, all: s, used: now}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byToken, s.shown(r))
	if len(s.byToken) >= most {
		s.sweep(now)
	}
	s.byToken[sha256.Sum256([]byte(token))] = begun
	http.SetCookie(w, s.cookie(token, 0))
	return begun
}

// Find returns the session that a request came with, nil for none or one that
// has ended.
func (s *Sessions) Find(r *http.Request) *Session {
	shown, now := s.shown(r), s.conf.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byToken[shown]
	if found == nil {
		return nil
	}
	if s.over(found, now) {
		delete(s.byToken, shown)
		return nil
	}
	found.used = now
	return found
}

// End signs out whoever sent a request, and takes the cookie back.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byToken, s.shown(r))
	http.SetCookie(w, s.cookie("", -1))
}

// Arrives reports whether the session has just begun: once, whoever asks first.
func (s *Session) Arrives() bool {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	first := !s.arrived
	s.arrived = true
	return first
}

// Purpose is the code for which the person looks at records, "" when they gave
// none.
func (s *Session) Purpose() string {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	return s.purpose
}

// SetPurpose says for what the person looks at records from now on.
func (s *Session) SetPurpose(code string) {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.purpose = code
}

// over reports whether a session has ended. It is called with mu held.
func (s *Sessions) over(found *Session, now time.Time) bool {
	return found.Key.Over(now) || now.Sub(found.used) >= s.conf.Idle || now.Sub(found.Begun) >= s.conf.Longest
}

// sweep makes room for one more. It is called with mu held.
func (s *Sessions) sweep(now time.Time) {
	oldest, at := now, digest{}
	for token, found := range s.byToken {
		if s.over(found, now) {
			delete(s.byToken, token)
		} else if !found.used.After(oldest) {
			oldest, at = found.used, token
		}
	}
	if len(s.byToken) >= most {
		delete(s.byToken, at)
	}
}

// shown is the digest of the token that a request came with; that of nothing
// when it came with none, or with more than one.
func (s *Sessions) shown(r *http.Request) digest {
	cookies := r.CookiesNamed(s.name())
	if len(cookies) != 1 {
		return digest{}
	}
	return sha256.Sum256([]byte(cookies[0].Value))
}

func (s *Sessions) name() string {
	if s.conf.Secure {
		return secureName
	}
	return plainName
}

// cookie ends with the browser, unless age is negative: then at once.
func (s *Sessions) cookie(token string, age int) *http.Cookie {
	return &http.Cookie{Name: s.name(), Value: token, Path: "/", MaxAge: age, Secure: s.conf.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}
