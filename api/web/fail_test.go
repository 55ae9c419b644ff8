// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/access"
)

// Whatever can't be read in a form is named, with how it is written.
func TestWrongFields(t *testing.T) {
	h := newHouse(t, true).fill(1)
	said := wordsOf(t, "en")
	b := h.as(access.Compliance)
	refused := func(p shownPage, field, remedy string) {
		t.Helper()
		p.want(t, http.StatusBadRequest, "It is the field "+said[field]+".", strings.ReplaceAll(said[remedy], "'", "&#39;"))
		wantWellFormed(t, p, "en")
	}
	for query, field := range map[string][2]string{
		"due?state=late":                          {"due.state", "error.write.choice"},
		"due?within=x":                            {"due.within", "error.write.number"},
		"due?id=nothing":                          {"due.obligation", "error.write.choice"},
		"due?zone=Mars":                           {"due.zone", "due.zone.hint"},
		"findings?rule=x":                         {"findings.rule", "error.write.choice"},
		"findings?severity=%22":                   {"findings.severity", "error.write.code"},
		"looks?from=yesterday":                    {"looks.from", "error.write.day"},
		"looks?to=2026-13-01":                     {"looks.to", "error.write.day"},
		"looks?by=x":                              {"looks.by", "error.write.key"},
		"reports?from=2026":                       {"reports.from", "reports.month.hint"},
		"reports?to=x":                            {"reports.to", "error.write.month"},
		"reports?from=2026-02&to=2026":            {"reports.to", "error.write.month"},
		"reports?past=45":                         {"reports.past", "error.write.choice"},
		"examination?exam=a+b":                    {"examination.exam", "error.write.code"},
		"examination?seed=1&count=x":              {"examination.count", "error.write.number"},
		"examination?seed=1&count=0":              {"examination.count", "error.write.number"},
		"examination?seed=1&count=1&start=-1":     {"examination.start", "error.write.number"},
		"examination?seed=1&count=1&end=99999":    {"examination.end", "error.write.range"},
		"examination?seed=1&count=1&checkpoint=x": {"examination.checkpoint", "error.write.checkpoint"},
		"examination?exam=e&examiner=" + strings.Repeat("x", 257): {"examination.examiner", "error.write.short"},
	} {
		refused(b.get(query), field[0], field[1])
	}
	for _, tc := range []struct {
		path, field, remedy string
		form                url.Values
	}{
		{"looks", "looks.person", "error.write.either", url.Values{"person": {"P"}, "subject": {"file/A"}}},
		{"examination/notes", "examination.exam", "error.write.code", url.Values{"index": {"1"}}},
		{"examination/notes", "examination.note.description", "error.write.needed", url.Values{"index": {"1"}, "exam": {"e"}}},
		{"examination/notes", "examination.note.severity", "error.write.code", url.Values{"index": {"1"}, "exam": {"e"}, "description": {"x"}, "severity": {"a b"}}},
		{"examination/marks", "examination.mark.note", "error.write.needed", url.Values{"index": {"1"}, "exam": {"e"}, "outcome": {notInOrder}}},
	} {
		refused(b.post(tc.path, tc.form), tc.field, tc.remedy)
	}
	admin := h.as(access.Admin)
	refused(admin.post("admin/revoke", url.Values{"id": {"x"}, "reason": {"a b"}}), "admin.reason", "error.write.code")
	admin.post("admin/grants", url.Values{"role": {"auditor"}, "expires": {"soon"}}).want(t, http.StatusBadRequest, "read: Last day")
	admin.post("admin/grants", url.Values{"role": {"auditor"}, "rate": {"many"}}).want(t, http.StatusBadRequest, "read: Requests a minute")
	refused(b.upload("verify", "trust", "not JSON"), "verify.trust", "error.write.file")
	// What no form sends is an address that is wrong.
	for _, path := range []string{"looks?before=x", "checkpoints?before=x", "examination?part=x"} {
		b.get(path).want(t, http.StatusNotFound)
	}
}
