// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// lifetime is how long somebody may take at the provider.
const lifetime = 10 * time.Minute

// maxNext is how long, in bytes, what somebody wanted to see may be, to be remembered.
const maxNext = 1 << 10

// An attempt is one try to sign in:
//
//	<seconds since 1970>.<random>.<where to go then, in base64url>
//
// The browser keeps it in a cookie while its user is at the provider. State, nonce and
// the verifier of PKCE are derived from it under a secret of the process: so nothing
// is kept here, which many who begin could fill, and none of them can be made or
// guessed by whoever has the cookie or sees the address that the browser was sent to.
type attempt string

func newAttempt(now time.Time, next string) attempt {
	if len(next) > maxNext {
		next = ""
	}
	return attempt(strconv.FormatInt(now.Unix(), 10) + "." + rand.Text() + "." + base64.RawURLEncoding.EncodeToString([]byte(next)))
}

// next returns where to go then.
func (a attempt) next() string {
	b, err := base64.RawURLEncoding.DecodeString(string(a[strings.LastIndex(string(a), ".")+1:]))
	if err != nil {
		return ""
	}
	return string(b)
}

// fresh reports whether it is not too long ago that an attempt was begun.
func (a attempt) fresh(now time.Time) bool {
	begun, _, _ := strings.Cut(string(a), ".")
	at, err := strconv.ParseInt(begun, 10, 64)
	age := now.Sub(time.Unix(at, 0))
	return err == nil && age > -time.Minute && age < lifetime
}

// A purpose is what something is derived for.
type purpose string

const (
	forState    purpose = "state"
	forNonce    purpose = "nonce"
	forVerifier purpose = "verifier"
)

// of derives 43 characters of base64url from an attempt, as many as RFC 7636 wants of
// a verifier.
func (s *SignIn) of(a attempt, p purpose) string {
	m := hmac.New(sha256.New, s.secret[:])
	m.Write([]byte(string(p) + " " + string(a)))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// newCookie is the cookie of attempts of a server at that address.
func newCookie(at *url.URL) http.Cookie {
	// Lax, not Strict: it has to come along when the provider sends people back.
	c := http.Cookie{Name: "lendlog-sign-in", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if at.Scheme == "https" {
		c.Name, c.Secure = "__Host-"+c.Name, true
	}
	return c
}

// remember has the browser keep an attempt.
func (s *SignIn) remember(w http.ResponseWriter, a attempt) {
	c := s.cookie
	c.Value, c.MaxAge = string(a), int(lifetime/time.Second)
	http.SetCookie(w, &c)
}

// forget has it keep none.
func (s *SignIn) forget(w http.ResponseWriter) {
	c := s.cookie
	c.MaxAge = -1
	http.SetCookie(w, &c)
}

// recall returns the attempt of the browser that has sent a request, and what it comes
// back with, if the two belong together.
func (s *SignIn) recall(r *http.Request) (attempt, answer, error) {
	back, err := readAnswer(r.URL.RawQuery)
	if err != nil {
		return "", back, err
	}
	c, err := r.Cookie(s.cookie.Name)
	if err != nil {
		return "", back, &Refusal{Reason: Stale}
	}
	a := attempt(c.Value)
	if subtle.ConstantTimeCompare([]byte(s.of(a, forState)), []byte(back.state)) != 1 || !a.fresh(s.conf.now()) {
		return "", back, &Refusal{Reason: Stale}
	}
	return a, back, nil
}

// attempts are those that were used, for as long as they are fresh. A provider has to
// take each code once; this holds also where it doesn't. Only those stay for which a
// provider took a code, so that strangers can't fill memory.
type attempts struct {
	mu   sync.Mutex // guards used
	used map[attempt]bool
}

// take reports whether an attempt was not used before, and is now.
func (t *attempts) take(a attempt, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.used, func(old attempt, _ bool) bool { return !old.fresh(now) })
	if t.used[a] {
		return false
	}
	if t.used == nil {
		t.used = map[attempt]bool{}
	}
	t.used[a] = true
	return true
}

// drop takes an attempt back that came to nothing.
func (t *attempts) drop(a attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.used, a)
}
