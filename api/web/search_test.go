// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/tree"
)

// The box takes whatever somebody has in hand.
func TestBox(t *testing.T) {
	h := newHouse(t, true).fill(20)
	subject, index := h.story()
	r, err := h.ledger.Record(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	member := func(pointer string) string {
		for _, m := range r.Members {
			if m.Pointer == pointer {
				return m.Value.Str
			}
		}
		t.Fatalf("the decision has no %s", pointer)
		return ""
	}
	leaf := tree.LeafHash(r.Entry)
	record, timeline := fmt.Sprintf("records/%d", index), "subjects/"+subject
	_, bare, _ := strings.Cut(subject, "/")
	b := h.as(access.Auditor)
	for typed, want := range map[string]string{
		fmt.Sprint(index):           record,
		fmt.Sprintf("#%d", index):   record,
		" " + subject + " ":         timeline,
		bare:                        timeline,
		hex.EncodeToString(leaf[:]): record,
		base64.StdEncoding.EncodeToString(leaf[:]): record,
		"type=decision.made outcome=declined":      "search?filter=type%3Ddecision.made+outcome%3Ddeclined",
		"capture=import, live":                     "search?filter=capture%3Dimport%2C+live",
	} {
		if got := b.post("search", url.Values{"q": {typed}}).want(t, http.StatusOK); got.path != want {
			t.Errorf("%q leads to %s, want %s", typed, got.path, want)
		}
	}
	// What names a person or an event is in no address.
	for _, typed := range []string{member("/party"), "party=" + member("/party"), "officer=nobody", "subject=" + subject} {
		got := b.post("search", url.Values{"q": {typed}}).want(t, http.StatusOK)
		if !strings.HasPrefix(got.path, "search?s=") || strings.Contains(got.path, typed) {
			t.Errorf("%q leads to %s", typed, got.path)
		}
		wantWellFormed(t, got, "en")
	}
	if got := b.post("search", url.Values{"q": {"party=" + member("/party")}}); !strings.Contains(got.body, "file/"+bare) {
		t.Error("a party is not found")
	}
	size := h.ledger.Head().Size
	b.post("search", url.Values{"q": {"amount>"}}).want(t, http.StatusOK, "a value is missing")
	if now := h.ledger.Head().Size; now != size {
		t.Errorf("a filter that lacks its value left %d records", now-size)
	}
	if strings.Contains(h.log.String(), bare) {
		t.Error("the log names a subject")
	}
}

// An event is found by its id, because those who ask for it do not know its source.
func TestBoxFindsEvents(t *testing.T) {
	h := newHouse(t, false)
	index := h.submit(`{"specversion":"1.0","type":"org.lendlog.fee.charged.v1","source":"urn:lender:fees","id":"F-77","subject":"file/A-1","time":"2026-01-02T03:04:05Z","data":{"feeCode":"late"}}`)
	if got := h.browser().post("search", url.Values{"q": {"F-77"}}); got.path != fmt.Sprintf("records/%d", index) {
		t.Errorf("the event leads to %s", got.path)
	}
}

// So it is where the newest records are the ledger's own.
func TestBoxFindsEventsBehindOwn(t *testing.T) {
	h := newHouse(t, true)
	index := h.submit(`{"specversion":"1.0","type":"org.lendlog.fee.charged.v1","source":"urn:lender:fees","id":"F-77","subject":"file/A-1","time":"2026-01-02T03:04:05Z","data":{"feeCode":"late"}}`)
	for range 2 * searchRows {
		if _, _, err := h.keys.Grant(t.Context(), access.Terms{Role: access.Auditor}, ledger.Local); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.as(access.Compliance).post("search", url.Values{"q": {"F-77"}}); got.path != fmt.Sprintf("records/%d", index) {
		t.Errorf("the event leads to %s", got.path)
	}
}

func TestFilters(t *testing.T) {
	h := newHouse(t, true).fill(20)
	b := h.as(access.Compliance)
	got := b.post("search", url.Values{"type": {"decision.made"}, "outcome": {"declined"}, "from": {"2019-01-01"}, "order": {"oldest"}}).want(t, http.StatusOK, "outcome=declined", "Declined on")
	if !strings.Contains(got.path, "order=oldest") || strings.Contains(got.body, "Approved on") {
		t.Errorf("the filters lead to %s", got.path)
	}
	// A chip takes its term away, and the rest stays.
	left := b.post("search", url.Values{"filter": {"type=decision.made"}, "order": {"oldest"}}).want(t, http.StatusOK, "Approved on")
	if strings.Contains(left.body, "outcome=declined<") {
		t.Error("the term is still there")
	}
	// What was typed stays in the box, and what is wrong with it is named.
	if got := b.post("search", url.Values{"q": {"outcome=declined"}}); !strings.Contains(got.body, `value="outcome=declined" maxlength`) {
		t.Error("the box is emptied")
	}
	b.post("search", url.Values{"q": {"type=decision.made foo=bar"}}).want(t, http.StatusOK, "cannot be read: <code>foo=bar</code>", `value="type=decision.made foo=bar" maxlength`)
	b.post("search", url.Values{"q": {"time>2021-13"}}).want(t, http.StatusOK, "cannot be read: <code>time&gt;2021-13</code>")
	b.post("search", url.Values{"filter": {"type=nothing"}}).want(t, http.StatusOK, "cannot be read")
	b.get("search?filter="+url.QueryEscape(`party="x"`)).want(t, http.StatusOK, "cannot be read")
	b.get("search?filter=recorded%3C2000").want(t, http.StatusOK, "Nothing was found", "Try one of these")
}

// The pages of a search have all that it finds, once.
func TestSearchPages(t *testing.T) {
	h := newHouse(t, true).fill(20)
	b := h.as(access.Auditor)
	for _, form := range []url.Values{{"q": {"capture=import"}}, {"q": {`capture=import not party="nobody"`}}} {
		got := b.post("search", form)
		seen := map[string]bool{}
		for pages := 0; ; pages++ {
			all, err := elements(got.body)
			if err != nil {
				t.Fatal(err)
			}
			next := ""
			for _, e := range all {
				href := e.attrs["href"]
				if strings.HasPrefix(href, "/console/records/") {
					if seen[href] {
						t.Fatalf("%s comes twice", href)
					}
					seen[href] = true
				}
				if e.attrs["rel"] == "next" {
					next = strings.TrimPrefix(href, root)
				}
			}
			if next == "" {
				break
			}
			if pages > 100 {
				t.Fatal("there is no end of it")
			}
			got = b.get(next).want(t, http.StatusOK)
		}
		if len(seen) != h.filled {
			t.Errorf("%v finds %d of %d records", form, len(seen), h.filled)
		}
	}
}

// A search that is kept is for whoever searched, and nobody else learns what it was.
func TestKeptSearchIsOnesOwn(t *testing.T) {
	h := newHouse(t, true).fill(5)
	mine := h.as(access.Auditor).post("search", url.Values{"q": {`party="P-secret"`}}).want(t, http.StatusOK, "P-secret")
	for _, other := range []*browser{h.as(access.Regulator), h.enters(access.Regulator)} {
		for _, path := range []string{mine.path, strings.Replace(mine.path, "search", "search/export", 1), "search?s=nothing"} {
			if got := other.get(path); got.code == http.StatusOK && strings.HasPrefix(path, "search?") || strings.Contains(got.body, "P-secret") {
				t.Errorf("%s shows what somebody else searched for", path)
			}
		}
	}
}

func TestExport(t *testing.T) {
	h := newHouse(t, true).fill(20)
	got := h.as(access.Auditor).get("search/export?filter=type%3Ddecision.made").want(t, http.StatusOK, "org.lendlog.decision.made.v1")
	if !strings.HasPrefix(got.body, "\ufeffindex,") || !strings.Contains(got.header.Get("Content-Disposition"), `filename="records.csv"`) {
		t.Errorf("the export is %.80q", got.body)
	}
	h.as(access.PrivacyOfficer).get("search/export?filter=").want(t, http.StatusForbidden)
}

func FuzzParseHash(f *testing.F) {
	f.Add(strings.Repeat("ab", 32))
	f.Add("6prnulyebXQ1k/92kipg6kfXjHDfo/DPFQbQMgcRwWs=")
	f.Fuzz(func(t *testing.T, s string) {
		if h, ok := parseHash(s); ok && !strings.EqualFold(hex.EncodeToString(h[:]), s) && base64.StdEncoding.EncodeToString(h[:]) != strings.NewReplacer("\n", "", "\r", "").Replace(s) {
			t.Errorf("%q is read as %x", s, h)
		}
	})
}
