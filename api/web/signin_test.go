// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
)

func TestSignIn(t *testing.T) {
	h := newHouse(t, true)
	b := h.browser()
	refused := b.post("signin", url.Values{"key": {"ll_nothing"}}).want(t, http.StatusUnauthorized, "no key of this ledger")
	if len(refused.header["Set-Cookie"]) > 0 {
		t.Error("a key that is refused sets a cookie")
	}
	wantWellFormed(t, refused, "en")
	key := h.shown[access.Monitor]
	in := b.post("signin", url.Values{"key": {key}}).want(t, http.StatusOK, "Monitor", "Sign out")
	if strings.Contains(in.body, key) || strings.Contains(h.log.String(), key[12:]) {
		t.Error("the key is shown again")
	}
	b.post("purpose", url.Values{"purpose": {"exam-2026"}}).want(t, http.StatusOK, "for: exam-2026")
	b.post("purpose", url.Values{"purpose": {"<b>"}}).want(t, http.StatusBadRequest, "no purpose")
	b.get("").want(t, http.StatusOK, "for: exam-2026")
	if out := b.post("signout", nil); out.path != "signin" {
		t.Errorf("who signs out is at %s", out.path)
	}
	if got := b.get(""); got.path != "signin" {
		t.Errorf("who signed out is at %s", got.path)
	}
}

// Who signs in comes to where they wanted to go, and nowhere else.
func TestNext(t *testing.T) {
	h := newHouse(t, true)
	for next, want := range map[string]string{
		"signin?next=x":           "/console/signin",
		"//evil.example/x":        "/console/",
		"https://evil.example/":   "/console/",
		"../..//evil.example":     "/console/",
		"\\\\evil.example":        "/console/",
		"\r\nSet-Cookie: x=1":     "/console/",
		"?a=b#c":                  "/console/",
		"signin\x00//evil.exampl": "/console/",
	} {
		b := h.browser()
		b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		got := b.post("signin", url.Values{"key": {h.shown[access.Auditor]}, "next": {next}})
		u, err := url.Parse(got.header.Get("Location"))
		if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.Path, want) || strings.HasPrefix(u.Path, "//") || got.code != http.StatusSeeOther {
			t.Errorf("%q leads to %q (%d)", next, got.header.Get("Location"), got.code)
		}
	}
}

// A session ends with its key.
func TestRevokedKeySignsOut(t *testing.T) {
	h := newHouse(t, true)
	b := h.as(access.Auditor)
	id, err := access.ParseKey(h.shown[access.Auditor])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.keys.Revoke(t.Context(), id.ID(), ledger.Local, "left"); err != nil {
		t.Fatal(err)
	}
	if got := b.get(""); got.path != "signin" {
		t.Errorf("whose key was revoked is at %s", got.path)
	}
	b.post("purpose", url.Values{"purpose": {"x"}}).want(t, http.StatusUnauthorized, "not signed in")
}

// Of a ledger that demands no keys everybody is let in, and told so.
func TestOpenLedger(t *testing.T) {
	h := newHouse(t, false)
	b := h.browser()
	got := b.get("").want(t, http.StatusOK, "demands no keys")
	if strings.HasPrefix(got.path, "signin") {
		t.Error("one has to sign in")
	}
	if got := b.get("signin"); strings.HasPrefix(got.path, "signin") {
		t.Error("there is a form for keys")
	}
}
