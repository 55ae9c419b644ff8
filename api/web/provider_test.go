// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/api/signin"
	"github.com/lendlog/lendlog/api/signin/oidctest"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
)

// newProvided is a house into which people come by a provider, as staff-7.
func newProvided(t *testing.T) (*house, *oidctest.Provider) {
	t.Helper()
	p := oidctest.New(t)
	p.Person = "staff-7"
	h := newHouse(t, true, func(h *house, c *Config) {
		p.Client = oidctest.Client{ID: "lendlog", Redirect: h.url + "/console/signin/oidc/callback"}
		var err error
		c.SignIn, err = signin.New(signin.Config{Issuer: p.URL, Client: p.Client.ID, Redirect: p.Client.Redirect, Find: h.keys.FindPerson, Logger: c.Logger})
		if err != nil {
			t.Fatal(err)
		}
	})
	return h, p
}

// grantTo grants a role to somebody of the provider.
func (h *house) grantTo(p *oidctest.Provider, person string, terms access.Terms) *keys.Key {
	h.t.Helper()
	id, _, err := h.keys.GrantTo(h.t.Context(), access.Grant{Means: access.ByOIDC, Issuer: p.URL, Person: person, Terms: terms}, ledger.Local)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.keys.Get(id)
}

// in reports whether the user of a browser is let in.
func (b *browser) in() bool { return !strings.HasPrefix(b.get("").path, "signin") }

// Whoever has a grant comes in by the provider, to where they wanted to go, with the
// role of the grant.
func TestComeInByProvider(t *testing.T) {
	h, p := newProvided(t)
	h.grantTo(p, "staff-7", access.Terms{Role: access.Auditor})
	b := h.browser()
	if shown := b.get("signin?next=records/1"); !strings.Contains(shown.body, `href="/console/signin/oidc?next=records%2f1"`) {
		t.Errorf("the page is %s", shown.body)
	}
	if shown := b.get("signin/oidc?next=records%2F1"); shown.path != "records/1" || shown.code != http.StatusOK {
		t.Errorf("it leads to %s (%d): %s", shown.path, shown.code, shown.body)
	}
	if h.browser().in() {
		t.Error("somebody else is in")
	}
	// Without a provider there is no such page, nor a word of it.
	other := newHouse(t, true).browser()
	if shown := other.get("signin/oidc"); shown.code != http.StatusNotFound {
		t.Errorf("it is answered %d", shown.code)
	}
	if shown := other.get("signin"); strings.Contains(shown.body, "oidc") {
		t.Errorf("the page is %s", shown.body)
	}
}

// Whoever is turned away is told why, in both languages, and nothing that could be
// taken for part of the page or of a command.
func TestTurnedAway(t *testing.T) {
	h, p := newProvided(t)
	for _, c := range []struct {
		person, shown string
		command       bool
	}{
		{"staff-7", "staff-7", true},
		{"auth0|5f7c8ec7c33c6c004bbafe82", "auth0|5f7c8ec7c33c6c004bbafe82", true},
		{`<script>'; rm -rf / #`, "&lt;script&gt;&#39;; rm -rf / #", false},
	} {
		p.Person = c.person
		for _, lang := range languages {
			b := h.browser()
			b.lang = lang
			shown := b.get("signin/oidc")
			if shown.code != http.StatusForbidden || !strings.Contains(shown.body, c.shown) || strings.Contains(shown.body, "lendlog access grant") != c.command {
				t.Errorf("%s is answered %d: %s", c.person, shown.code, shown.body)
			}
			wantWellFormed(t, shown, lang)
			if b.in() {
				t.Errorf("%s is in", c.person)
			}
		}
	}
	p.Person = ""
	h.browser().get("signin/oidc").want(t, http.StatusForbidden, "not signed in")
	h.browser().get("signin/oidc/callback?state=x&code=y").want(t, http.StatusBadRequest, "Begin again")
}

// A session ends with the grant, by which its role can't change in the middle: at once
// when it is revoked, and when it expires.
func TestSessionsEndWithGrants(t *testing.T) {
	h, p := newProvided(t)
	first := h.grantTo(p, "staff-7", access.Terms{Role: access.Auditor})
	b := h.browser()
	if b.get("signin/oidc"); !b.in() {
		t.Fatal("nobody is in")
	}
	if _, err := h.keys.Revoke(t.Context(), first.ID, ledger.Local, "moved"); err != nil {
		t.Fatal(err)
	}
	next := h.grantTo(p, "staff-7", access.Terms{Role: access.Monitor, Expires: time.Now().Add(10 * time.Second).Truncate(time.Second)})
	if b.in() {
		t.Error("somebody is in by the grant of before")
	}
	if b.get("signin/oidc"); !b.in() && !next.Over(time.Now()) {
		t.Error("nobody is in by the next grant")
	}
	for !next.Over(time.Now()) {
		time.Sleep(10 * time.Millisecond)
	}
	if b.in() {
		t.Error("somebody is in by a grant that has expired")
	}
	if shown := b.get("signin/oidc"); shown.code != http.StatusForbidden {
		t.Errorf("whose grant has expired is answered %d", shown.code)
	}
}
