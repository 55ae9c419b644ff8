// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/proof/portable"
)

// upload posts files, each given as its field and its content in turn.
func (b *browser) upload(path string, files ...string) shownPage {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i < len(files); i += 2 {
		w, err := form.CreateFormFile(files[i], files[i]+".json")
		if err != nil {
			b.t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+root+path, &body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

// Without JavaScript the server verifies, for whoever comes.
func TestVerifyPosted(t *testing.T) {
	h := newHouse(t, true)
	index := h.submit(payment("p-1"))
	e, err := h.ledger.Prove(t.Context(), index, nil)
	if err != nil {
		t.Fatal(err)
	}
	evidence, trust := string(e.Bytes()), string(h.ledger.Trust().Bytes())
	bent := strings.Replace(evidence, "10.00", "90.00", 1)
	b := h.browser()

	page := b.upload("verify", "document", evidence, "trust", trust).want(t, http.StatusOK, `data-verdict="VALID"`, "10.00", "Signed checkpoint")
	wantWellFormed(t, page, "en")
	if shown, _, _ := strings.Cut(page.body, "<template"); strings.Contains(shown, "ledger&#39;s own trust file. It shows") || strings.Contains(shown, "INVALID") {
		t.Error("under a trust file that was given it says something else too")
	}
	own := b.upload("verify", "document", evidence).want(t, http.StatusOK, `data-verdict="VALID"`)
	if shown, _, _ := strings.Cut(own.body, "<template"); !strings.Contains(shown, `data-part="own"`) {
		t.Error("it does not say that the trust file is the ledger's own")
	}
	b.upload("verify", "document", bent, "trust", trust).want(t, http.StatusOK, `data-verdict="INVALID"`, `data-result="fail"`)
	b.upload("verify", "document", `{"v":"lendlog-bundle/1"}`+"\n{}\n").want(t, http.StatusOK, `data-verdict="UNREAD"`, "bundles are verified in the browser")
	b.upload("verify", "document", `{"v":"<script>"}`, "trust", trust).want(t, http.StatusOK, `data-verdict="UNREAD"`)
	two := b.upload("verify", "document", evidence, "document", bent, "trust", trust).want(t, http.StatusOK)
	if n := strings.Count(two.body, `data-verdict="`); n != 3 { // and the model
		t.Errorf("of two files there are %d reports", n-1)
	}
	b.upload("verify", "document", evidence, "trust", "{").want(t, http.StatusBadRequest)
	b.upload("verify", "document", evidence, "trust", trust, "trust", trust).want(t, http.StatusBadRequest)
	b.upload("verify", "document", strings.Repeat("x", maxVerified)).want(t, http.StatusBadRequest)
}

func payment(id string) string {
	return `{"specversion":"1.0","id":"` + id + `","source":"urn:lender","type":"org.lendlog.payment.received.v1","subject":"line/7","party":"C-1","time":"2026-03-01T10:00:00Z","data":{"amount":{"amount":"10.00","currency":"EUR"}}}`
}

// The page that is saved is one file that can load and send nothing, runs the
// script of its policy alone, and is the same each time.
func TestSavedVerifier(t *testing.T) {
	page, err := SavedVerifier()
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	if again, err := SavedVerifier(); err != nil || !bytes.Equal(again, page) {
		t.Errorf("it is another the second time: %v", err)
	}
	within := func(what, pattern string) string {
		m := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
		if len(m) != 1 {
			t.Fatalf("it has %d of %s", len(m), what)
		}
		return m[0][1]
	}
	script, style := within("its script", `(?s)<script type="module">(.*?)</script>`), within("its style", `(?s)<style>(.*?)</style>`)
	want := "default-src 'none'; script-src " + hashSource(script) + "; style-src " + hashSource(style) + "; form-action 'none'; base-uri 'none'"
	if got := strings.ReplaceAll(strings.ReplaceAll(within("its policy", `Content-Security-Policy" content="([^"]*)"`), "&#39;", "'"), "&#43;", "+"); got != want {
		t.Errorf("its policy is %s, want %s", got, want)
	}
	if _, verifier, _ := strings.Cut(portable.Module, "\n"); !strings.HasPrefix(script, verifier) {
		t.Error("it does not begin with verify.mjs")
	}
	if strings.Contains(script, `from "./verify.mjs"`) && !strings.Contains(script, "//   import { verify }") {
		t.Error("it imports something")
	}
	markup := strings.Replace(strings.Replace(text, script, "", 1), style, "", 1)
	if m := regexp.MustCompile(`(?i)\s(src|srcset|href|action)=`).FindString(markup); m != "" {
		t.Errorf("it has%s", m)
	}
	for lang, name := range htmlLang {
		if !strings.Contains(text, `<main lang="`+name+`" data-language>`) || !strings.Contains(text, wordsOf(t, lang)["verify.limits.true"]) {
			t.Errorf("it does not speak %s", name)
		}
	}
	h := newHouse(t, true)
	if got := h.browser().get("verify.html").want(t, http.StatusOK); got.body != text || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") {
		t.Error("the console serves another")
	}
}

func hashSource(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
