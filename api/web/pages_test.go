// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/index"
)

// examples are addresses of the pages that one can look at, below /console/, by
// the names of the pages. A page without one fails the test.
func examples(h *house) map[string][]string {
	subject, decision := h.story()
	return map[string][]string{
		"home":     {""},
		"signin":   {"signin", "signin?next=search"},
		"search":   {"search", "search?filter=type%3Ddecision.made", "search?filter=type%3Dpayment.received&order=oldest", "search?filter=nonsense", "search?filter=recorded%3C2000"},
		"export":   {"search/export?filter=type%3Ddecision.made"},
		"record":   {"records/0", fmt.Sprintf("records/%d", decision)},
		"timeline": {"subjects/" + subject, "subjects/" + subject + "?from=2"},

		"verify":      {"verify"},
		"saved":       {"verify.html"},
		"health":      {"health"},
		"checkpoints": {"checkpoints"},

		"record-evidence":  {fmt.Sprintf("records/%d/evidence", decision)},
		"subject-evidence": {"subjects/" + subject + "/evidence"},

		"reports":     {"reports", "reports?from=2024-01&to=2026-12&past=30", "reports?product=nothing"},
		"figure":      {"reports/decisions?from=2024-01", "reports/vintages"},
		"due":         {"due", "due?state=breached&state=met&within=30&zone=America%2FNew_York", "due?id=us.adverse-action.notice"},
		"findings":    {"findings", "findings?rule=payment-parts&severity=high"},
		"examination": {"examination", "examination?seed=6+1+3&count=5&exam=exam-1"},
		"looks":       {"looks", "looks?subject=" + url.QueryEscape(subject) + "&from=2026-01-01"},
		"admin":       {"admin"},
	}
}

// story returns a file of the ledger, and the index of the decision on it.
func (h *house) story() (subject string, decision int64) {
	h.t.Helper()
	filter, err := index.ParseFilter("type=decision.made")
	if err != nil {
		h.t.Fatal(err)
	}
	page, err := h.ledger.Search(h.t.Context(), ledger.Query{Filter: filter, Limit: 1})
	if err != nil || len(page.Indexes) == 0 {
		h.t.Fatalf("no decision is found: %v", err)
	}
	r, err := h.ledger.Record(h.t.Context(), page.Indexes[0])
	if err != nil {
		h.t.Fatal(err)
	}
	for _, m := range r.Members {
		if m.Pointer == "/subject" {
			subject = m.Value.Str
		}
	}
	return subject, r.Index
}

// Every page is shown, in both languages, to every role that may have it, and is
// well-formed; the others are told that they may not.
func TestPages(t *testing.T) {
	h := newHouse(t, true).fill(30)
	addresses := examples(h)
	for _, p := range pages() {
		if p.method != "" {
			continue
		}
		if len(addresses[p.name]) == 0 {
			t.Errorf("the page %s has no example", p.name)
		}
		for _, role := range append(access.Roles(), "") {
			b := h.browser()
			if role != "" {
				b = h.as(role)
			}
			for _, address := range addresses[p.name] {
				for _, lang := range languages {
					b.lang = lang
					shown := b.get(address)
					switch may := p.needs == access.Public || role.May(p.needs); {
					case role == "" && !may:
						if shown.code != http.StatusOK || !strings.HasPrefix(shown.path, "signin?next=") {
							t.Errorf("who did not sign in is sent from %s to %s (%d)", address, shown.path, shown.code)
						}
					case may && shown.code != http.StatusOK, !may && shown.code != http.StatusForbidden:
						t.Errorf("%s is answered %d at %s: %.2000s", role, shown.code, address, shown.body)
					}
					if shown.header.Get("Content-Disposition") == "" {
						wantWellFormed(t, shown, lang)
						wantHeaders(t, shown)
					}
				}
			}
		}
	}
	if h.log.Len() > 0 {
		t.Errorf("the console logs %s", h.log)
	}
}

func wantHeaders(t *testing.T, p shownPage) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "same-origin",
		"Cache-Control":           "no-store",
		"Content-Type":            "text/html; charset=utf-8",
	} {
		if got := p.header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s has %s %q", p.path, name, got)
		}
	}
}

// Whatever is posted from another site is refused, be it by a browser that says
// so or by one that only names the site.
func TestCrossOrigin(t *testing.T) {
	h := newHouse(t, true)
	b := h.as(access.Auditor)
	n := 0
	for _, p := range pages() {
		if p.method == "" {
			continue
		}
		n++
		path := strings.NewReplacer("{index}", "1", "{kind}", "file", "{id}", "A").Replace(p.path)
		b.post(path, url.Values{"purpose": {"evil"}}, "Sec-Fetch-Site", "cross-site").want(t, http.StatusForbidden, "another site")
		b.post(path, url.Values{"purpose": {"evil"}}, "Sec-Fetch-Site", "", "Origin", "https://evil.example").want(t, http.StatusForbidden, "another site")
	}
	if n < 3 {
		t.Errorf("%d pages take forms", n)
	}
	if got := b.get(""); strings.Contains(got.body, "evil") {
		t.Error("a form of another site did something")
	}
}

// Nobody gets a cookie who does not sign in, but for the language that they ask
// for.
func TestNoCookieBeforeSignIn(t *testing.T) {
	for _, guarded := range []bool{true, false} {
		h := newHouse(t, guarded).fill(2)
		b := h.browser()
		for _, addresses := range examples(h) {
			for _, address := range addresses {
				if got := b.get(address); len(got.header["Set-Cookie"]) > 0 {
					t.Errorf("%s sets a cookie", address)
				}
			}
		}
		u, _ := url.Parse(h.url)
		if len(b.http.Jar.Cookies(u)) > 0 {
			t.Error("a cookie was set on the way")
		}
		b.get("?lang=zh")
		if set := b.http.Jar.Cookies(u); len(set) != 1 || set[0].Name != languageCookie {
			t.Errorf("who asks for a language gets %v", set)
		}
	}
}

func TestMissing(t *testing.T) {
	h := newHouse(t, true)
	b := h.as(access.Auditor)
	for _, path := range []string{"nothing", "static/0000/lendlog.css", "records/"} {
		if got := b.get(path); got.code != http.StatusNotFound {
			t.Errorf("%s is answered %d", path, got.code)
		}
	}
}

// On a narrow screen the pages are in a menu, which has them all.
func TestMenu(t *testing.T) {
	body := newHouse(t, true).as(access.Auditor).get("health").want(t, http.StatusOK).body
	menu := between(body, `<details class="menu">`, "</details>")
	pages := between(body, `<nav class="pages"`, "</nav>")
	if strings.Count(body, pages) != 2 || !strings.Contains(menu, pages) || !strings.Contains(pages, "/console/search") || !strings.Contains(menu, "/console/signout") {
		t.Errorf("the menu is %s", menu)
	}
}

// The start of the server is the console.
func TestStart(t *testing.T) {
	h := newHouse(t, true)
	resp, err := h.browser().http.Get(h.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Request.URL.Path; resp.StatusCode != http.StatusOK || got != "/console/signin" {
		t.Errorf("the start leads to %s (%d)", got, resp.StatusCode)
	}
}
