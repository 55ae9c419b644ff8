// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/keys"
)

// A server starts without its provider, says so, and goes on once it is there.
func TestProviderIsAway(t *testing.T) {
	h := newHouse(t, "")
	h.provider.Down = true
	now := time.Now()
	h.now = func() time.Time { return now }
	h.open()
	h.signIn.Probe(t.Context())
	if !strings.Contains(h.log.String(), "can't be used") {
		t.Errorf("the log says %s", h.log.String())
	}
	h.want("unavailable")
	h.provider.Down = false
	h.want("unavailable") // it was asked a moment ago
	now = now.Add(pause)
	h.want("in by aaaaaaaa")
	// It goes away while somebody is there.
	b := h.browser()
	at := h.underway(b)
	h.provider.Down = true
	if got := h.visit(b, at.String()); got != "unavailable" {
		t.Errorf("while somebody is there: %q", got)
	}
	h.provider.Down = false
	h.want("in by aaaaaaaa")
}

// Where a provider is to be reached is its own to say, but not in the clear.
func TestEndpoints(t *testing.T) {
	h := newHouse(t, "")
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri"} {
		for _, at := range []string{"http://10.0.0.1/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "/x", "", "https://", "javascript:alert(1)"} {
			h.provider.Discovery = func(doc map[string]any) { doc[name] = at }
			h.open()
			h.want("unavailable")
			if !strings.Contains(h.log.String(), "the "+name+" of the provider is no https URL") {
				t.Errorf("%s %s: the log says %s", name, at, h.log.String())
			}
		}
	}
	h.provider.Discovery = func(doc map[string]any) { doc["issuer"] = "https://other.example" }
	h.open()
	h.want("unavailable")
	h.provider.Discovery = func(doc map[string]any) { doc["x"] = strings.Repeat("x", maxDocument) }
	h.open()
	h.want("unavailable")
}

// A provider that redirects takes no code along.
func TestRedirectedToken(t *testing.T) {
	h := newHouse(t, "secret")
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was followed") }))
	t.Cleanup(elsewhere.Close)
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)
	h.provider.Discovery = func(doc map[string]any) { doc["token_endpoint"] = redirecting.URL }
	h.open()
	h.want("unavailable")
}

func TestConfig(t *testing.T) {
	find := func(string, string) *keys.Key { return nil }
	good := Config{Issuer: "https://login.example/realm", Client: "lendlog", Redirect: "https://ledger.example/console/signin/oidc/callback", Find: find}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"no issuer":         func(c *Config) { c.Issuer = "" },
		"in the clear":      func(c *Config) { c.Issuer = "http://login.example" },
		"with a query":      func(c *Config) { c.Issuer += "?x=1" },
		"with a user":       func(c *Config) { c.Issuer = "https://me@login.example" },
		"no client":         func(c *Config) { c.Client = "" },
		"no way back":       func(c *Config) { c.Redirect = "" },
		"back in the clear": func(c *Config) { c.Redirect = "http://ledger.example/" },
		"nobody":            func(c *Config) { c.Find = nil },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}
