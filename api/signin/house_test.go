// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/api/signin/oidctest"
	"github.com/lendlog/lendlog/ledger/access"
)

// A house is a server into which people come by a provider.
type house struct {
	t        *testing.T
	url      string
	provider *oidctest.Provider
	signIn   *SignIn
	now      func() time.Time
	granted  map[string]*keys.Key // by issuer and subject
	log      *lockedBuffer
}

const begin, back = "/console/signin/oidc", "/console/signin/oidc/callback"

func newHouse(t *testing.T, secret string) *house {
	t.Helper()
	h := &house{t: t, provider: oidctest.New(t), now: time.Now, granted: map[string]*keys.Key{}, log: &lockedBuffer{}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h.url = server.URL
	h.provider.Client = oidctest.Client{ID: "lendlog", Secret: secret, Redirect: h.url + back}
	h.provider.Person = "staff-7"
	h.granted[h.provider.URL+" staff-7"] = &keys.Key{Grant: access.Grant{ID: "aaaaaaaa"}}
	h.open()
	mux.HandleFunc("GET "+begin, func(w http.ResponseWriter, r *http.Request) {
		if err := h.signIn.Start(w, r, r.FormValue("next")); err != nil {
			h.refuse(w, err)
		}
	})
	mux.HandleFunc("GET "+back, func(w http.ResponseWriter, r *http.Request) {
		key, next, err := h.signIn.Finish(w, r)
		if err != nil {
			h.refuse(w, err)
			return
		}
		fmt.Fprintf(w, "in by %s %s", key.ID, next)
	})
	return h
}

// open makes a SignIn, as a server does that starts.
func (h *house) open() {
	h.t.Helper()
	var err error
	h.signIn, err = New(Config{
		Issuer: h.provider.URL, Client: "lendlog", Secret: h.provider.Client.Secret, Redirect: h.url + back,
		Find:   func(issuer, subject string) *keys.Key { return h.granted[issuer+" "+subject] },
		Logger: slog.New(slog.NewTextHandler(h.log, nil)),
		now:    func() time.Time { return h.now() },
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) refuse(w http.ResponseWriter, err error) {
	var r *Refusal
	if !errors.As(err, &r) {
		h.t.Errorf("it ends with %v", err)
		return
	}
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, "%s %s %s", r.Reason, r.Issuer, r.Subject)
}

// browser is one that nobody has used yet.
func (h *house) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// visit returns what a browser ends up with at an address.
func (h *house) visit(b *http.Client, at string) string {
	h.t.Helper()
	resp, err := b.Get(at)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

// want has somebody sign in, and wants them to end up with that.
func (h *house) want(want string) {
	h.t.Helper()
	if got := h.visit(h.browser(), h.url+begin); got != want {
		h.t.Errorf("it ends with %q, want %q\n%s", got, want, h.log.String())
	}
}

// underway has a browser sign in up to where the provider sends it back, and returns
// that address.
func (h *house) underway(b *http.Client) *url.URL {
	h.t.Helper()
	stopping := *b
	stopping.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == back {
			return http.ErrUseLastResponse
		}
		return nil
	}
	resp, err := stopping.Get(h.url + begin)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	at, err := resp.Location()
	if err != nil {
		h.t.Fatal(err)
	}
	return at
}

// with returns an address with a parameter changed.
func with(at *url.URL, name, value string) string {
	q := at.Query()
	q.Set(name, value)
	other := *at
	other.RawQuery = q.Encode()
	return other.String()
}

// lockedBuffer is a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
