// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/record"
)

// secretPayment has what only those are shown who said for what purpose they look.
const secretPayment = `{"specversion":"1.0","type":"org.lendlog.payment.received.v1","source":"urn:lender:x","id":"E-4711","subject":"file/A-1","party":"P-1","time":"2026-01-02T03:04:05Z","data":{"amount":{"amount":"4711.50","currency":"USD"}}}`

// lastLook is the purpose of the newest look.
func (h *house) lastLook() string {
	h.t.Helper()
	for i := h.ledger.Head().Size - 1; i > 0; i-- {
		r, err := h.ledger.Record(h.t.Context(), i)
		if err != nil {
			h.t.Fatal(err)
		}
		if e := r.Leaf.Entry; e != nil && e.Type == record.TypeAccessOccurred {
			purpose, _ := e.Open.Get("purpose")
			return purpose.Str
		}
	}
	return ""
}

// No page shows what is sealed, and none leaves a record of a look, before somebody
// said for what purpose they look; then all of them do, and the look has the purpose.
func TestSealedTakesAPurpose(t *testing.T) {
	h := newHouse(t, true).fill(5)
	h.submit(secretPayment)
	b := h.enters(access.Auditor)
	size := h.ledger.Head().Size
	hides := func(p shownPage) shownPage {
		t.Helper()
		for _, secret := range []string{"4,711.50", "E-4711<"} {
			if strings.Contains(p.body, secret) {
				t.Errorf("%s shows %s", p.path, secret)
			}
		}
		if now := h.ledger.Head().Size; now != size {
			t.Errorf("%s leaves %d records", p.path, now-size)
			size = now
		}
		return p
	}
	asks, asked := "For what purpose do you look?", 0
	addresses := examples(h)
	for _, p := range pages() {
		if !p.opens || p.method != "" {
			continue
		}
		asked++
		for _, address := range addresses[p.name] {
			wantWellFormed(t, hides(b.get(address).want(t, http.StatusOK, asks)), "en")
		}
	}
	if asked < 6 {
		t.Errorf("%d pages ask for a purpose", asked)
	}
	for _, form := range []url.Values{{"exam": {"e"}}, {"person": {"P-1"}}} {
		hides(b.post("looks", form).want(t, http.StatusOK, asks))
	}
	hides(b.get("records/1/evidence?disclose=all").want(t, http.StatusOK, asks))
	hides(b.get("subjects/file/A-1").want(t, http.StatusOK, asks, `name="next" value="subjects/file/A-1"`))

	// A search shows what is open. One that asks for more asks for a purpose too.
	const open = "Shown is what stands open in the records."
	found := hides(b.get("search?filter="+url.QueryEscape("type=payment.received")).want(t, http.StatusOK, open, "A payment was received on 2 January 2026."))
	wantWellFormed(t, found, "en")
	for _, filter := range []string{"finding=any", "due=any", `party="P-1"`, `subject="file/A-1"`, "type=payment.received amount>1"} {
		got := hides(b.post("search", url.Values{"q": {filter}}).want(t, http.StatusOK, "This search names a person, a subject or an event"))
		wantWellFormed(t, got, "en")
	}
	hides(b.get("search?filter=finding%3Dany").want(t, http.StatusOK, "This search names a person"))
	hides(b.get("search?filter=nonsense").want(t, http.StatusOK, "cannot be read"))
	hides(b.post("search", url.Values{"q": {"A-1"}}).want(t, http.StatusOK, "This search names a person", `name="q" value="A-1"`))

	// Who says what for goes on to what they asked for.
	b.post("search", url.Values{"q": {"A-1"}, "purpose": {"two words"}}).want(t, http.StatusBadRequest, "no purpose", `name="q" value="A-1"`)
	if got := b.post("search", url.Values{"q": {"A-1"}, "purpose": {"exam-7"}}).want(t, http.StatusOK, "4,711.50"); got.path != "subjects/file/A-1" || h.lastLook() != "exam-7" {
		t.Errorf("it leads to %s, and the look is for %q", got.path, h.lastLook())
	}
	b = h.enters(access.Auditor)
	b.post("purpose", url.Values{"purpose": {"Max Mustermann"}, "next": {"subjects/file/A-1"}}).want(t, http.StatusBadRequest, "no purpose", `name="next" value="subjects/file/A-1"`)
	if got := b.post("purpose", url.Values{"purpose": {"exam-8"}, "next": {"subjects/file/A-1"}}).want(t, http.StatusOK, "4,711.50"); got.path != "subjects/file/A-1" || h.lastLook() != "exam-8" {
		t.Errorf("it leads to %s, and the look is for %q", got.path, h.lastLook())
	}
	b.get("search?filter="+url.QueryEscape("type=payment.received")).want(t, http.StatusOK, "4,711.50", "file/A-1")
}

// What a key was granted for counts as said.
func TestGrantedPurpose(t *testing.T) {
	h := newHouse(t, true)
	h.submit(secretPayment)
	terms := access.Terms{Role: access.Regulator, Purpose: "supervision", Basis: "supervisory-request", Expires: time.Now().Add(time.Hour).Truncate(time.Second)}
	key, _, err := h.keys.Grant(t.Context(), terms, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	b.post("signin", url.Values{"key": {key.Reveal()}})
	b.get("subjects/file/A-1").want(t, http.StatusOK, "4,711.50", "for: supervision")
	if got := h.lastLook(); got != "supervision" {
		t.Errorf("the look is for %q", got)
	}
}

// Where nothing is asked for, nothing is opened, whatever was said before.
func TestLandingOpensNothing(t *testing.T) {
	h := newHouse(t, true).fill(3)
	h.submit(secretPayment)
	for _, b := range []*browser{h.enters(access.Auditor), h.as(access.Auditor)} {
		size := h.ledger.Head().Size
		for _, path := range []string{"", "search", "search?filter=recorded%3C2000"} {
			got := b.get(path).want(t, http.StatusOK, "The newest records", "A payment was received on 2 January 2026.")
			if strings.Contains(got.body, "4,711.50") {
				t.Errorf("%s opens something", path)
			}
		}
		if now := h.ledger.Head().Size; now != size {
			t.Errorf("it leaves %d records", now-size)
		}
	}
}

// Whose key opens some members only is offered the pages that work with it, and no
// others.
func TestScopedNavigation(t *testing.T) {
	h := newHouse(t, true).fill(3)
	terms := access.Terms{Role: access.Regulator, Purpose: "supervision", Basis: "supervisory-request", Fields: []string{"/data/amount", "/subject"}, Expires: time.Now().Add(time.Hour).Truncate(time.Second)}
	key, _, err := h.keys.Grant(t.Context(), terms, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	all, err := elements(b.post("signin", url.Values{"key": {key.Reveal()}}).body)
	if err != nil {
		t.Fatal(err)
	}
	offered := map[string]bool{}
	for _, e := range all {
		if path, ok := strings.CutPrefix(e.attrs["href"], root); ok && e.name == "a" && e.attrs["rel"] == "" && path != "" && !strings.Contains(path, "/") {
			offered[path] = true
			b.get(path).want(t, http.StatusOK)
		}
	}
	for _, p := range pages() {
		if p.nav && p.whole {
			b.get(p.path).want(t, http.StatusForbidden, "Your key opens too little for this")
			if offered[p.path] {
				t.Errorf("it is offered %s", p.path)
			}
		}
	}
	if !offered["examination"] || !offered["health"] || !offered["search"] {
		t.Errorf("it is offered %v", offered)
	}
}
