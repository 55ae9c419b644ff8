// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// A record shows what is open in it, and what is sealed once it was said for what.
func TestOpenSealed(t *testing.T) {
	h := newHouse(t, true)
	index := h.submit(`{"specversion":"1.0","type":"org.lendlog.payment.received.v1","source":"urn:lender:x","id":"1","subject":"file/A-1","party":"P-1","time":"2026-01-02T03:04:05Z","data":{"amount":{"amount":"4711.50","currency":"USD"},"jurisdiction":"US-WA"}}`)
	path := fmt.Sprintf("records/%d", index)
	secrets := []string{"4,711.50", "P-1", "file/A-1"}
	hides := func(p shownPage) {
		t.Helper()
		for _, s := range secrets {
			if strings.Contains(p.body, s) {
				t.Errorf("%s shows %s", p.path, s)
			}
		}
	}
	b := h.enters(access.Auditor)
	hides(b.get(path).want(t, http.StatusOK, "A payment was received on 2 January 2026.", "US-WA", "Open it", "proved"))
	b.post(path+"/open", url.Values{"purpose": {"no code"}}).want(t, http.StatusBadRequest, "no purpose")
	b.post(path+"/open", url.Values{}).want(t, http.StatusBadRequest, "no purpose")
	hides(b.get(path))
	b.post(path+"/open", url.Values{"purpose": {"exam-7"}}).want(t, http.StatusOK, append(secrets, "A payment of 4,711.50 USD was received on 2 January 2026.", "for: exam-7")...)

	monitor := h.as(access.Monitor)
	hides(monitor.get(path).want(t, http.StatusOK, "sees what every reader of the log sees"))
	monitor.post(path+"/open", url.Values{"purpose": {"exam-7"}}).want(t, http.StatusForbidden)
	h.as(access.Admin).get(path).want(t, http.StatusForbidden)

	open := newHouse(t, false)
	index = open.submit(`{"specversion":"1.0","type":"org.lendlog.payment.received.v1","source":"urn:lender:x","id":"1","subject":"file/A-1","time":"2026-01-02T03:04:05Z","data":{"amount":{"amount":"1.50","currency":"USD"}}}`)
	open.browser().get(fmt.Sprintf("records/%d", index)).want(t, http.StatusOK, "A payment of 1.50 USD", "file/A-1")
}

// Evidence that is downloaded verifies, and discloses what was asked for.
func TestEvidence(t *testing.T) {
	h := newHouse(t, true).fill(5)
	subject, index := h.story()
	trust := h.ledger.Trust()
	b := h.as(access.Auditor)
	for path, discloses := range map[string]bool{
		fmt.Sprintf("records/%d/evidence?disclose=all", index):  true,
		fmt.Sprintf("records/%d/evidence?disclose=none", index): false,
		fmt.Sprintf("records/%d/evidence", index):               false,
		"subjects/" + subject + "/evidence":                     true,
	} {
		got := b.get(path).want(t, http.StatusOK)
		e, err := proof.ParseEvidence([]byte(got.body))
		if err != nil {
			t.Fatal(err)
		}
		if v := proof.Verify(trust, e).Verdict; v != proof.Valid || (len(e.Records[0].Disclosures) > 0) != discloses {
			t.Errorf("%s is %v and discloses %d members", path, v, len(e.Records[0].Disclosures))
		}
		if name := got.header.Get("Content-Disposition"); !strings.HasPrefix(name, `attachment; filename="`) || strings.Contains(name, subject) {
			t.Errorf("%s is saved as %s", path, name)
		}
	}
	h.as(access.Monitor).get(fmt.Sprintf("records/%d/evidence?disclose=all", index)).want(t, http.StatusForbidden)
}

// Every member of an event may hold markup: it is shown, and never does anything.
func TestHostileValues(t *testing.T) {
	const evil = `<script>alert(1)</script>'"><img src=x onerror=alert(1)>`
	h := newHouse(t, false)
	paths := h.submitHostile(evil)
	b := h.browser()
	for path, of := range paths {
		got := b.get(path).want(t, http.StatusOK)
		wantWellFormed(t, got, "en")
		if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<img src=x") {
			t.Errorf("%s of %s lets markup through", path, of)
		}
	}
	for _, q := range []string{evil, `party="` + evil, "type=" + evil, `party=` + quoted(evil)} {
		wantWellFormed(t, b.post("search", url.Values{"q": {q}}), "en")
		got := b.get("search?filter=" + url.QueryEscape(q) + "&s=" + url.QueryEscape(evil) + "&cursor=" + url.QueryEscape(evil))
		wantWellFormed(t, got, "en")
	}
	wantWellFormed(t, b.get("signin?next="+url.QueryEscape(evil)), "en")
}

// submitHostile submits an event of every type with a text wherever its example has free
// text, and in its attributes. It returns what they are of by the paths of their pages.
func (h *house) submitHostile(evil string) map[string]string {
	h.t.Helper()
	types, paths := 0, map[string]string{}
	for _, s := range builtin(h.t).All() {
		if s.Own || s.Restricted || len(s.Examples) == 0 {
			continue
		}
		data, changed := bend(s.Examples[0], evil)
		if !changed {
			continue
		}
		kind := s.SubjectKinds[0]
		if kind == "*" {
			kind = "file"
		}
		text := canon.Map(
			canon.Member{Name: "specversion", Value: canon.Text("1.0")}, canon.Member{Name: "type", Value: canon.Text(s.Type)},
			canon.Member{Name: "source", Value: canon.Text("urn:" + evil)}, canon.Member{Name: "id", Value: canon.Text(s.Type + evil)},
			canon.Member{Name: "subject", Value: canon.Text(kind + "/" + evil)}, canon.Member{Name: "time", Value: canon.Text("2026-01-02T03:04:05Z")},
			canon.Member{Name: "data", Value: data}).Bytes()
		// What a type takes for no text stays as it was.
		if _, err := record.ParseEvent(text, h.ledger.Catalogue()); err != nil {
			continue
		}
		types++
		paths[fmt.Sprintf("records/%d", h.submit(string(text)))] = s.Type
		paths["subjects/"+kind+"/"+url.PathEscape(evil)] = kind
	}
	if types < 20 {
		h.t.Errorf("only %d types took it", types)
	}
	return paths
}

// bend puts a text into every member that is free text, as far as that shows.
func bend(v canon.Value, text string) (canon.Value, bool) {
	changed := false
	out := canon.Value{Kind: v.Kind, Int: v.Int, Str: v.Str}
	switch v.Kind {
	case canon.String:
		if strings.Contains(v.Str, " ") && !json.Valid([]byte(v.Str)) {
			return canon.Text(text), true
		}
	case canon.Array:
		for _, item := range v.Items {
			bent, c := bend(item, text)
			out.Items, changed = append(out.Items, bent), changed || c
		}
	case canon.Object:
		for _, m := range v.Members {
			bent, c := bend(m.Value, text)
			out.Members, changed = append(out.Members, canon.Member{Name: m.Name, Value: bent}), changed || c
		}
	}
	return out, changed
}

// A record that is not there, and a path that names none, are answered alike.
func TestNoRecord(t *testing.T) {
	b := newHouse(t, true).as(access.Auditor)
	for _, path := range []string{"records/999999", "records/-1", "records/01", "records/x", "records/1e3", "subjects/file/none?from=0", "subjects/file/none?from=x"} {
		b.get(path).want(t, http.StatusNotFound, "nothing here")
	}
}
