// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
)

// from asks for a page as a browser does that a site leads there.
func (b *browser) from(site, path string) shownPage {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+root+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", site)
	return b.do(req)
}

// A link, a picture or a form of another site has nobody look at anything, which would
// be recorded as a look of theirs: it takes a click on a page of the console.
func TestAbuseLedByAnotherSite(t *testing.T) {
	h := newHouse(t, true).fill(5)
	b := h.as(access.Auditor)
	b.post("purpose", url.Values{"purpose": {"exam-7"}})
	addresses, private := examples(h), 0
	size := h.ledger.Head().Size
	for _, p := range pages() {
		if p.method != "" || p.needs == access.Public {
			continue
		}
		private++
		for _, site := range []string{"cross-site", "same-site"} {
			for _, address := range addresses[p.name] {
				got := b.from(site, address).want(t, http.StatusForbidden, "Another site led you here")
				wantWellFormed(t, got, "en")
			}
		}
	}
	if got := h.ledger.Head().Size; got != size || private < 10 {
		t.Errorf("of %d pages came %d records", private, got-size)
	}
	subject, _ := h.story()
	refused := b.from("cross-site", "subjects/"+subject+"?from=2")
	if link := `<a href="/console/subjects/` + subject + `?from=2">Show the page`; !strings.Contains(refused.body, link) {
		t.Errorf("it does not say %s: %s", link, refused.content())
	}
	b.from("same-origin", "subjects/"+subject+"?from=2").want(t, http.StatusOK)
	b.from("none", "subjects/"+subject).want(t, http.StatusOK)
	h.browser().from("cross-site", "verify").want(t, http.StatusOK)
}

// Of a sign-in by a provider, which is another site, the first page is shown. Where
// that lies another site does not say.
func TestAbuseLedByTheProvider(t *testing.T) {
	h, p := newProvided(t)
	h.grantTo(p, "staff-7", access.Terms{Role: access.Auditor})
	b := h.browser()
	if got := b.from("cross-site", "signin/oidc?next=records/1"); got.path != "search" || got.code != http.StatusOK {
		t.Errorf("another site leads to %s (%d)", got.path, got.code)
	}
	b.from("cross-site", "records/1").want(t, http.StatusForbidden, "Another site led you here")
	for next, want := range map[string]string{"records/1": "records/1", "//evil.example/": "evil.example/", "https://evil.example/": "https:/evil.example/", "../..//evil.example": "search"} {
		got := h.browser().get("signin/oidc?next=" + url.QueryEscape(next))
		if got.path != want {
			t.Errorf("%s leads to %s (%d)", next, got.path, got.code)
		}
	}
}

// leads are the attributes of an element that lead or send somewhere.
var leads = []string{"href", "src", "action", "formaction", "xlink:href"}

// computes is what a spreadsheet takes for a formula; a number is none.
var computes = regexp.MustCompile(`^([=+@\t\r]|-[^0-9])`)

// Whatever stands in records, labels and addresses, on every page, in every role that
// sees it: it is text, leads nowhere, and is no formula in a table.
func TestAbuseMarkup(t *testing.T) {
	h := newHouse(t, true).fill(5)
	// A formula, and whatever could end the text that it stands in.
	const evil = `=HYPERLINK("x")</textarea></svg><svg onload=alert(1)><script>alert(1)</script>'"><img src=x onerror=alert(1)>`
	h.submitHostile(evil)
	// Not all of it is taken; what is has to be shown.
	_, _, _ = h.keys.Grant(t.Context(), access.Terms{Role: access.Monitor, Label: evil}, ledger.Local)
	_, _, _ = h.keys.Grant(t.Context(), access.Terms{Role: access.Submitter, Label: "x", Sources: []string{"urn:" + evil}}, ledger.Local)
	harmless := func(p shownPage) {
		t.Helper()
		if kind := p.header.Get("Content-Type"); strings.HasPrefix(kind, "text/csv") {
			rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(p.body, "\ufeff"))).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				for _, cell := range row {
					if computes.MatchString(cell) {
						t.Errorf("%s has the cell %q", p.path, cell)
					}
				}
			}
			return
		} else if !strings.HasPrefix(kind, "text/html") || p.header.Get("Content-Disposition") != "" {
			return
		}
		wantWellFormed(t, p, "en")
		all, err := elements(p.body)
		if err != nil {
			return // which wantWellFormed told
		}
		for _, e := range all {
			for _, name := range leads {
				if to, ok := e.attrs[name]; ok && (strings.HasPrefix(to, "//") || strings.Contains(to, "\\") || regexp.MustCompile(`^\s*[a-zA-Z][a-zA-Z0-9+.-]*:`).MatchString(to)) {
					t.Errorf("%s leads to %s", p.path, to)
				}
			}
			if strings.Contains(e.text, "alert(1)") && (e.name == "script" || e.name == "style") {
				t.Errorf("%s has it in a %s", p.path, e.name)
			}
		}
	}
	given := map[string][]string{
		"signin": {"next"}, "search": {"filter", "s", "cursor", "order"}, "timeline": {"from"}, "reports": {"from", "to", "past", "product"},
		"due": {"state", "within", "zone", "id", "as-of", "from"}, "findings": {"rule", "severity", "from"}, "looks": {"subject", "by", "from", "to", "before"}, "examination": {"seed", "count", "exam"},
	}
	shown, auditor, admin := 0, h.as(access.Auditor), h.as(access.Admin)
	auditor.post("purpose", url.Values{"purpose": {"exam-7"}})
	for name, addresses := range examples(h) {
		b := auditor
		if name == "admin" {
			b = admin
		}
		shown++
		harmless(b.get(addresses[0]))
		path, _, _ := strings.Cut(addresses[0], "?")
		for _, evil := range []string{evil, `javascript:alert(1)//`} {
			for _, parameter := range append(given[name], "other") {
				harmless(b.get(path + "?" + url.Values{parameter: {evil}}.Encode()))
			}
		}
		harmless(b.get(path + "/" + url.PathEscape(evil)))
	}
	for _, role := range []access.Role{access.Auditor, access.Admin} {
		for _, p := range pages() {
			if p.method == "" || p.path == "signout" {
				continue
			}
			form := url.Values{"role": {"auditor"}}
			for _, name := range []string{"key", "next", "q", "label", "sources", "expires", "rate", "reason", "person", "note", "text", "purpose", "target", "do", "seed", "count", "exam"} {
				form.Set(name, evil)
			}
			harmless(h.as(role).post(strings.NewReplacer("{index}", "1", "{kind}", "file", "{id}", "A").Replace(p.path), form))
		}
	}
	harmless(auditor.upload("verify", "document", `{"v":"lendlog-evidence/1","origin":"`+strings.ReplaceAll(evil, `"`, `\"`)+`"}`))
	if shown < 18 {
		t.Errorf("%d pages were shown", shown)
	}
	harmless(auditor.get("search/export?filter="+url.QueryEscape("recorded>2000-01-01T00:00:00Z")).want(t, http.StatusOK, "'=HYPERLINK"))
}

// What a key for some members exports says of each other member that it is sealed: a
// blank would say that there is none.
func TestAbuseScopedExport(t *testing.T) {
	h := newHouse(t, true)
	h.submit(payment("secret-id"))
	key, _, err := h.keys.Grant(t.Context(), access.Terms{Role: access.Regulator, Fields: []string{"/data/amount", "/subject"}, Expires: time.Now().Add(time.Hour).Truncate(time.Second)}, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	b.post("signin", url.Values{"key": {key.Reveal()}})
	b.post("purpose", url.Values{"purpose": {"exam-7"}})
	got := b.get("search/export?filter="+url.QueryEscape("type=payment.received")).want(t, http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got.body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	cells := map[string]string{}
	for i, name := range rows[0] {
		cells[name] = rows[1][i]
	}
	for name, want := range map[string]string{"subject": "line/7", "data.amount.amount": "10.00", "id": "[sealed]", "source": "[sealed]", "party": "[sealed]", "data.paymentId": "[sealed]"} {
		if cells[name] != want {
			t.Errorf("%s is %q, want %q", name, cells[name], want)
		}
	}
}

// A key that is revoked while an export goes on ends it: nobody is handed the part that
// was read, as if it were all.
func TestAbuseRevokedWhileExporting(t *testing.T) {
	var asked atomic.Int64
	h := newHouse(t, true, func(h *house, c *Config) {
		next := c.API
		c.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/v1/searches/") && asked.Add(1) == 2 {
				for _, g := range h.keys.List() {
					if g.Role == access.Auditor {
						if _, err := h.keys.Revoke(r.Context(), g.ID, ledger.Local, "stolen"); err != nil {
							t.Error(err)
						}
					}
				}
			}
			next.ServeHTTP(w, r)
		})
	}).fill(30)
	b := h.as(access.Auditor)
	asked.Store(0)
	got := b.get("search/export?filter=" + url.QueryEscape("recorded>2000-01-01T00:00:00Z"))
	if !strings.HasPrefix(got.path, "signin?next=") || strings.Contains(got.header.Get("Content-Type"), "csv") {
		t.Errorf("it ends at %s with %v", got.path, got.header)
	}
	if asked.Load() < 2 {
		t.Errorf("%d pages were read", asked.Load())
	}
}
