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
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
)

// event is one of a file, at a minute of a day of 2026.
func event(typ, subject, id string, minute int, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","type":"org.lendlog.%s.v1","source":"urn:lender:x","id":%q,"subject":%q,"time":"2026-01-02T%02d:%02d:00Z","data":%s}`,
		typ, id, subject, minute/60, minute%60, data)
}

// A correction stands beside what it corrects, and says what is right; what was
// voided says so.
func TestCorrections(t *testing.T) {
	h := newHouse(t, true)
	paid := h.submit(event("payment.received", "file/A/1", "P-1", 0, `{"amount":{"amount":"10.00","currency":"USD"},"valueDate":"2026-01-02"}`))
	h.submit(event("payment.received", "file/A/1", "P-2", 1, `{"amount":{"amount":"20.00","currency":"USD"}}`))
	right := h.submit(event("record.corrected", "file/A/1", "C-1", 2, `{"target":"P-1","members":[{"pointer":"/data/amount","value":"{\"amount\":\"12.50\",\"currency\":\"USD\"}"},{"pointer":"/data/valueDate"}],"reasonCode":"keying-error"}`))
	void := h.submit(event("record.voided", "file/A/1", "V-1", 3, `{"target":"P-2"}`))
	got := h.as(access.Auditor).get("subjects/file/A%2F1").want(t, http.StatusOK,
		"A payment of 10.00 USD", "right is: 12.50 USD", "should not be there", "voided",
		fmt.Sprintf("corrects record %d.", paid), "These are all 4 records that there are")
	h.as(access.Auditor).post(fmt.Sprintf("records/%d/open", paid), url.Values{"purpose": {"x"}}).want(t, http.StatusOK, "right is: 12.50 USD")
	beside := strings.Index(got.body, "right is: 12.50 USD")
	if second := strings.Index(got.body, "A payment of 20.00 USD"); beside < 0 || beside > second {
		t.Error("the correction does not stand beside what it corrects")
	}
	for _, index := range []int64{right, void} {
		if !strings.Contains(got.body, fmt.Sprintf("id=\"r%d\"", index)) {
			t.Errorf("record %d is not in its own place", index)
		}
	}
}

// Of a subject without a record it is proved that there is none.
func TestSubjectWithoutRecord(t *testing.T) {
	h := newHouse(t, true)
	h.submit(payment("p-1"))
	b := h.as(access.Auditor)
	b.get("subjects/file/<none>").want(t, http.StatusNotFound, "No record of this subject is in the ledger under checkpoint", "file/&lt;none&gt;", "file/%3Cnone%3E/evidence")
	got := b.get("subjects/file/%3Cnone%3E/evidence").want(t, http.StatusOK)
	trust := h.ledger.Trust()
	e, err := proof.ParseEvidence([]byte(got.body))
	if err != nil || proof.Verify(trust, e).Verdict != proof.Valid {
		t.Errorf("it is not proved that there is none: %v", err)
	}
	b.lang = "zh"
	wantWellFormed(t, b.get("subjects/file/none"), "zh")
}

// What is late, missing or contradicts shows at the record that it is about.
func TestJudged(t *testing.T) {
	h := newHouse(t, true)
	h.submit(event("application.received", "file/A", "A-1", 0, `{"applicationId":"A-1","jurisdiction":"US"}`))
	h.submit(event("decision.made", "file/A", "D-1", 1, `{"outcome":"declined","reasonCodes":["debt-to-income"],"jurisdiction":"US"}`))
	h.submit(event("payment.received", "file/A", "P-1", 2, `{"amount":{"amount":"10.00","currency":"USD"},"principal":{"amount":"1.00","currency":"USD"},"interest":{"amount":"1.00","currency":"USD"},"jurisdiction":"US"}`))
	b := h.as(access.Compliance)
	b.get("subjects/file/A").want(t, http.StatusOK, "late or missing", "Missing: ", "finding", "The rule: ")
	b.lang = "zh"
	wantWellFormed(t, b.get("subjects/file/A").want(t, http.StatusOK, "缺失：", "规则："), "zh")
}

// What a rule says has days and times as people read them, and tells two within a second
// apart.
func TestSentenceOf(t *testing.T) {
	for lang, want := range map[string]string{
		"en": "9 August 2021 10:11:57.961 UTC comes before 29 August 2021 and 12-2021-08.",
		"zh": "2021年8月9日 10:11:57.961 UTC comes before 2021年8月29日 and 12-2021-08。",
	} {
		text := "2021-08-09T10:11:57.961Z comes before 2021-08-29 and 12-2021-08"
		if got := (&visit{lang: lang}).sentenceOf(text, text); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

// A long timeline has pages; each record is on one of them, and one that is too long
// to be judged says so.
func TestLongTimeline(t *testing.T) {
	h := newHouse(t, true)
	var events []ledgertest.Event
	for i := range wholeStory + timelinePage + 7 {
		text := event("payment.received", "file/L", fmt.Sprint(i), i, `{"amount":{"amount":"1.00","currency":"USD"}}`)
		events = append(events, ledgertest.Event{Document: []byte(text), Submitter: ledger.Local})
	}
	h.ledger.Submit(events...)
	b := h.as(access.Auditor)
	seen := map[string]bool{}
	pages := 0
	for path := "subjects/file/L"; path != ""; pages++ {
		got := b.get(path).want(t, http.StatusOK, "too long to be judged", "These are all 257 records")
		wantWellFormed(t, got, "en")
		all, err := elements(got.body)
		if err != nil {
			t.Fatal(err)
		}
		path = ""
		for _, e := range all {
			if e.name == "li" && e.attrs["id"] != "" {
				if seen[e.attrs["id"]] {
					t.Fatalf("%s comes twice", e.attrs["id"])
				}
				seen[e.attrs["id"]] = true
			}
			if e.attrs["rel"] == "next" {
				path = "subjects/file/L" + e.attrs["href"]
			}
		}
	}
	if len(seen) != 257 || pages != 6 {
		t.Errorf("%d pages have %d records", pages, len(seen))
	}
	b.get("subjects/file/L?from=258").want(t, http.StatusNotFound)
	if got := b.get("subjects/file/L?from=101"); !strings.Contains(got.body, "101 to 150 of 257") {
		t.Error("a page does not begin where it is asked for")
	}
}
