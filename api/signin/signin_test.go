// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/keys"
)

func TestSignIn(t *testing.T) {
	for name, secret := range map[string]string{"confidential": "a secret+of/1%", "public": ""} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, secret)
			h.want("in by aaaaaaaa")
			if n := h.provider.Redeemed.Load(); n != 1 {
				t.Errorf("the code was shown %d times", n)
			}
			for next, kept := range map[string]string{"records/7?x=1&y": "records/7?x=1&y", strings.Repeat("x", maxNext+1): "", "ä\n.": "ä\n."} {
				if got := h.visit(h.browser(), h.url+begin+"?next="+url.QueryEscape(next)); got != strings.TrimSpace("in by aaaaaaaa "+kept) {
					t.Errorf("on to %.20q: %q", next, got)
				}
			}
			h.provider.Person = "staff-8"
			h.want("unknown " + h.provider.URL + " staff-8")
			h.provider.Person = ""
			h.want("declined")
		})
	}
}

// The browser is sent with a challenge, a state and a nonce of its own, for nothing
// but who it is.
func TestRequest(t *testing.T) {
	h := newHouse(t, "")
	seen := map[string]bool{}
	for range 2 {
		w := httptest.NewRecorder()
		if err := h.signIn.Start(w, httptest.NewRequest(http.MethodGet, begin, nil), ""); err != nil {
			t.Fatal(err)
		}
		at, err := w.Result().Location()
		if err != nil {
			t.Fatal(err)
		}
		q := at.Query()
		for name, want := range map[string]string{"response_type": "code", "scope": "openid", "client_id": "lendlog", "redirect_uri": h.url + back, "code_challenge_method": "S256"} {
			if q.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, q.Get(name), want)
			}
		}
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			if v := q.Get(name); len(v) != 43 || seen[v] {
				t.Errorf("%s is %q, as before or too short", name, v)
			} else {
				seen[v] = true
			}
		}
		c := w.Result().Cookies()[0]
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Domain != "" || c.MaxAge != 600 || seen[c.Value] {
			t.Errorf("the cookie is %v", c)
		}
		seen[c.Value] = true
	}
	if c := newCookie(&url.URL{Scheme: "https"}); c.Name != "__Host-lendlog-sign-in" || !c.Secure || c.Path != "/" {
		t.Errorf("over https it is %v", &c)
	}
}

// What stands twice in an answer, or is no answer, is refused.
func TestAnswers(t *testing.T) {
	h := newHouse(t, "")
	for change, want := range map[string]string{
		"&state=x":                             "mismatched",
		"&code=x":                              "mismatched",
		"&iss=a&iss=b":                         "mismatched",
		"&x=%zz":                               "mismatched",
		"&error=server_error":                  "declined",
		"&error=%0aforged":                     "declined",
		"&iss=https://other":                   "mismatched",
		"&x=" + strings.Repeat("x", maxAnswer): "mismatched",
		"&unknown=x":                           "in by aaaaaaaa",
	} {
		b := h.browser()
		at := h.underway(b)
		if got := h.visit(b, at.String()+change); got != want {
			t.Errorf("%.40q: %q, want %q", change, got, want)
		}
	}
	b := h.browser()
	at := h.underway(b)
	if got := h.visit(b, with(at, "code", "")); got != "mismatched" {
		t.Errorf("without a code: %q", got)
	}
	if strings.Contains(h.log.String(), "forged") {
		t.Error("what a provider says is repeated")
	}
}

// An answer says whose it is, where the provider promises that: so the one of another
// provider, to which somebody was led, isn't taken for it.
func TestMixedUpProvider(t *testing.T) {
	h := newHouse(t, "")
	h.provider.Discovery = func(doc map[string]any) { doc["authorization_response_iss_parameter_supported"] = true }
	h.open()
	h.want("mismatched")
	for _, c := range []struct{ issuer, want string }{{h.provider.URL, "in by aaaaaaaa"}, {h.provider.URL + "/", "mismatched"}, {"https://login.other.example", "mismatched"}, {"", "mismatched"}} {
		h.provider.Answer = func(q url.Values) { q.Set("iss", c.issuer) }
		h.want(c.want)
	}
	// Also what it says no with.
	h.provider.Person = ""
	h.want("mismatched")
}

// No token, code, state, verifier or secret is in the log, nor the name of a person.
func TestNothingIsLogged(t *testing.T) {
	h := newHouse(t, "a-secret-of-the-client")
	b := h.browser()
	at := h.underway(b)
	cookie := b.Jar.Cookies(at)[0].Value
	h.visit(b, at.String())
	h.provider.Person = "staff-8"
	h.want("unknown " + h.provider.URL + " staff-8")
	other := h.browser()
	late := h.underway(other)
	h.provider.Down = true
	if got := h.visit(other, late.String()); got != "unavailable" {
		t.Errorf("while the provider is away: %q", got)
	}
	a := attempt(cookie)
	for what, secret := range map[string]string{
		"the code": at.Query().Get("code"), "the state": at.Query().Get("state"), "the cookie": cookie, "the secret": "a-secret-of-the-client",
		"the verifier": h.signIn.of(a, forVerifier), "the nonce": h.signIn.of(a, forNonce), "a person": "staff-",
	} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %s", what)
		}
	}
	if !strings.Contains(h.log.String(), "key=aaaaaaaa") {
		t.Error("the log doesn't say who came in")
	}
}

// Whatever comes back, it is refused without a panic, unless it is what was sent.
func FuzzFinish(f *testing.F) {
	s, err := New(Config{Issuer: "http://127.0.0.1:1", Client: "c", Redirect: "http://127.0.0.1:1/back", Find: func(string, string) *keys.Key { return nil }})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("state=x&code=y", "1.x")
	f.Add("state=x&state=y&error=z&iss=%20", "")
	f.Add("%", string(newAttempt(time.Now(), "x")))
	f.Fuzz(func(t *testing.T, query, cookie string) {
		r := httptest.NewRequest(http.MethodGet, back, nil)
		r.URL.RawQuery = query
		r.AddCookie(&http.Cookie{Name: s.cookie.Name, Value: cookie})
		w := httptest.NewRecorder()
		key, _, err := s.Finish(w, r)
		var refusal *Refusal
		if key != nil || !errors.As(err, &refusal) || refusal.Reason != Stale && refusal.Reason != Mismatched {
			t.Errorf("%q ends with %v, %v", query, key, err)
		}
		if len(w.Result().Cookies()) != 1 {
			t.Error("the cookie stays")
		}
	})
}
