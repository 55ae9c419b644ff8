// SPDX-License-Identifier: Apache-2.0

package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/record"
)

// A house is a ledger with a console on a real listener.
type house struct {
	t      testing.TB
	ledger *ledgertest.Ledger
	keys   *keys.Keys
	shown  map[access.Role]string // a key of each role; empty of a ledger that demands none
	url    string
	log    *strings.Builder
	filled int // records of synthetic credit files
}

// newHouse serves a ledger; guarded says that it demands keys. What is given changes the
// configuration of the console, once the address of the house is known.
func newHouse(t testing.TB, guarded bool, change ...func(*house, *Config)) *house {
	t.Helper()
	l := ledgertest.New(t)
	k, err := keys.Open(t.Context(), l.Dir, l.Ledger, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, ledger: l, keys: k, shown: map[access.Role]string{}, log: &strings.Builder{}}
	if guarded {
		for _, r := range access.Roles() {
			terms := access.Terms{Role: r}
			if r.May(access.RecordsSubmit) {
				terms.Sources = []string{"urn:lender"}
			}
			key, _, err := k.Grant(t.Context(), terms, ledger.Local)
			if err != nil {
				t.Fatal(err)
			}
			h.shown[r] = key.Reveal()
		}
	}
	server, err := api.New(api.Config{Ledger: l.Ledger, Keys: k, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(server.Handler())
	h.url = "http://" + s.Listener.Addr().String()
	conf := Config{API: server.Handler(), Keys: k, Origin: l.Info().Origin, Logger: slog.New(slog.NewTextHandler(h.log, nil))}
	for _, f := range change {
		f(h, &conf)
	}
	console, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(console)
	s.Start()
	t.Cleanup(s.Close)
	return h
}

// fill submits synthetic credit files, the same each time.
func (h *house) fill(loans int) *house {
	h.t.Helper()
	book, err := lifecycle.New(lifecycle.Config{Loans: loans, Seed: 1, Faults: min(loans, 4)})
	if err != nil {
		h.t.Fatal(err)
	}
	var events []ledgertest.Event
	for e := range book.Events() {
		events = append(events, ledgertest.Event{Document: e.Document, Submitter: ledger.Local})
	}
	h.filled += len(h.ledger.Submit(events...))
	return h
}

// submit appends an event and returns its index.
func (h *house) submit(event string) int64 {
	h.t.Helper()
	r, err := h.ledger.Append(h.t.Context(), h.parse(event), ledger.Local)
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Receipt.Index
}

// parse reads an event.
func (h *house) parse(event string) *record.Event {
	h.t.Helper()
	return ledgertest.Event{Document: []byte(event)}.Parse(h.t, h.ledger.Catalogue())
}

// A browser keeps cookies, and goes where it is sent.
type browser struct {
	t    testing.TB
	url  string
	lang string
	http *http.Client
}

// browser returns one that has not signed in.
func (h *house) browser() *browser {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &browser{t: h.t, url: h.url, lang: "en", http: &http.Client{Jar: jar}}
}

// as returns a browser of somebody of a role who has signed in, and said what for.
func (h *house) as(r access.Role) *browser {
	h.t.Helper()
	b := h.enters(r)
	if r.May(access.LogRead) {
		b.post("purpose", url.Values{"purpose": {"test"}, "next": {"checkpoints"}})
	}
	return b
}

// enters returns a browser of somebody of a role who has signed in.
func (h *house) enters(r access.Role) *browser {
	h.t.Helper()
	b := h.browser()
	if b.post("signin", url.Values{"key": {h.shown[r]}}).code != http.StatusOK {
		h.t.Fatalf("%s can't sign in", r)
	}
	return b
}

// A shownPage is what a browser shows.
type shownPage struct {
	code   int
	header http.Header
	body   string
	path   string // where it ended, below /console/, with its query
}

// get asks for a page below /console/.
func (b *browser) get(path string) shownPage {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+root+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

// post sends a form from a page of the console.
func (b *browser) post(path string, form url.Values, headers ...string) shownPage {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+root+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return b.do(req)
}

func (b *browser) do(req *http.Request) shownPage {
	b.t.Helper()
	req.Header.Set("Accept-Language", b.lang)
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return shownPage{resp.StatusCode, resp.Header, string(body), strings.TrimPrefix(resp.Request.URL.RequestURI(), root)}
}

// content is what a page has to say, or all of it where it has no such part.
func (p shownPage) content() string {
	_, main, ok := strings.Cut(p.body, "<main")
	if !ok {
		main = p.body
	}
	return main[:min(len(main), 2000)]
}

// want fails the test unless a page says all of this.
func (p shownPage) want(t testing.TB, code int, texts ...string) shownPage {
	t.Helper()
	if p.code != code {
		t.Errorf("%s is answered %d, want %d: %s", p.path, p.code, code, p.content())
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			t.Errorf("%s does not say %q:\n%s", p.path, text, p.content())
		}
	}
	return p
}
