// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/proof"
)

// eventAt is one on a subject, by its type and data.
func eventAt(id, typ, subject, at, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"urn:lender:x","type":"org.lendlog.%s.v1","subject":%q,"time":%q,"data":%s}`, id, typ, subject, at, data)
}

// lend submits four applications with decisions, of two products and months.
func (h *house) lend() *house {
	h.t.Helper()
	for i, product := range []string{"card", "card", "personal", "personal"} {
		file := fmt.Sprintf("file/L%d", i)
		month := []string{"01", "02"}[i%2]
		h.submit(eventAt(fmt.Sprintf("a%d", i), "application.received", file, "2026-"+month+"-01T10:00:00Z", fmt.Sprintf(`{"applicationId":"A%d","product":%q}`, i, product)))
		h.submit(eventAt(fmt.Sprintf("d%d", i), "decision.made", file, "2026-"+month+"-03T22:00:00Z", fmt.Sprintf(`{"outcome":%q,"reasonCodes":["debt-to-income"]}`, []string{"declined", "approved"}[i/2])))
	}
	return h
}

// The reports say what the ledger counts, of what, and how to count it again.
func TestReports(t *testing.T) {
	h := newHouse(t, true).lend()
	b := h.as(access.Compliance)
	b.get("reports").want(t, http.StatusOK,
		"4 decisions were made.", "2 of 4 files were approved: 50.0%", "The most frequent reason is debt in relation to income: 100.0%",
		"Of 4 applications half were decided within 2 days", "<svg", "lendlog stats --dir COPY", strings.ReplaceAll(h.ledger.Head().Root.String(), "+", "&#43;"))
	b.get("reports?from=2026-02&to=2026-02").want(t, http.StatusOK, "2 decisions were made.", "lendlog stats --dir COPY --from 2026-02 --to 2026-02")
	b.get("reports?product=card").want(t, http.StatusOK, "0 of 2 files were approved", "--product card")
	for _, query := range []string{"from=2026", "from=2026-02&to=2026-01", "past=45", "past=x"} {
		b.get("reports?"+query).want(t, http.StatusBadRequest, "be read")
	}
	b.lang = "zh"
	b.get("reports").want(t, http.StatusOK, "共作出 4 项决定", "批准")
	h.as(access.PrivacyOfficer).get("reports").want(t, http.StatusForbidden, "may not see")
}

// A CSV has the numbers of the table.
func TestFigureCSV(t *testing.T) {
	h := newHouse(t, true).lend()
	b := h.as(access.Auditor)
	read := func(path string) [][]string {
		t.Helper()
		got := b.get(path).want(t, http.StatusOK)
		if got.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(got.header.Get("Content-Disposition"), `attachment; filename="lendlog-`) {
			t.Errorf("%s has the headers %v", path, got.header)
		}
		records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got.body, "\ufeff"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return records
	}
	want := [][]string{{"Month", "approved", "declined"}, {"2026-01", "1", "1"}, {"2026-02", "1", "1"}}
	if diff := cmp.Diff(want, read("reports/decisions")); diff != "" {
		t.Error(diff)
	}
	// The page leads to what it shows.
	b.get("reports?from=2026-02&to=2026-02").want(t, http.StatusOK, root+`reports/decisions?from=2026-02&amp;to=2026-02"`, root+`reports?from=2026-02&amp;to=2026-02&amp;again=1"`)
	if diff := cmp.Diff([][]string{want[0], want[2]}, read("reports/decisions?from=2026-02&to=2026-02")); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"approval", "waits", "overrides", "directions", "vintages", "complaints"} {
		read("reports/" + name)
	}
	b.get("reports/nothing").want(t, http.StatusNotFound)
}

func TestDue(t *testing.T) {
	h := newHouse(t, true).lend()
	b := h.as(access.Auditor)
	got := b.get("due").want(t, http.StatusOK, "overdue: 2", "Adverse-action notice", "subjects/file/L0", "lendlog due --dir COPY --as-of", "days over")
	if strings.Contains(got.body, "file/L2") {
		t.Error("an approval owes a notice of a decline")
	}
	b.get("due?state=met&state=met-late").want(t, http.StatusOK, "Nothing is like this", root+`due?state=met&amp;state=met-late&amp;again=1"`)
	b.get("due?id=complaint.promised").want(t, http.StatusOK, "Nothing is like this", "--id complaint.promised")
	for query, field := range map[string]string{"state=late": "State", "within=x": "Due within days", "id=nothing": "Obligation", "zone=Mars": "Time zone of days"} {
		b.get("due?"+query).want(t, http.StatusBadRequest, "be read", "It is the field "+field)
	}
	b.lang = "zh"
	b.get("due").want(t, http.StatusOK, "不利决定通知", "逾期：2")
}

// What is owed and what is found has pages, and each of it is on one of them.
func TestLongLists(t *testing.T) {
	h := newHouse(t, true)
	const n = 103
	var events []ledgertest.Event
	for i := range n {
		declined := eventAt(fmt.Sprint("d", i), "decision.made", fmt.Sprint("file/D", i), "2026-01-03T22:00:00Z", `{"outcome":"declined"}`)
		paid := eventAt(fmt.Sprint("p", i), "payment.received", fmt.Sprint("file/P", i), "2026-03-01T10:00:00Z", `{"amount":{"amount":"10","currency":"EUR"},"principal":{"amount":"7","currency":"EUR"},"interest":{"amount":"2","currency":"EUR"}}`)
		events = append(events, ledgertest.Event{Document: []byte(declined), Submitter: ledger.Local}, ledgertest.Event{Document: []byte(paid), Submitter: ledger.Local})
	}
	h.ledger.Submit(events...)
	b := h.as(access.Auditor)
	for _, list := range []string{"due?state=breached", "findings?rule=payment-parts"} {
		name, query, _ := strings.Cut(list, "?")
		seen, pages := map[string]bool{}, 0
		last := ""
		for path := list; path != "" && pages < 9; pages++ {
			got := b.get(path).want(t, http.StatusOK, fmt.Sprintf("of %d</span>", n))
			wantWellFormed(t, got, "en")
			all, err := elements(got.body)
			if err != nil {
				t.Fatal(err)
			}
			last, path = path, ""
			for _, e := range all {
				if subject, ok := strings.CutPrefix(e.attrs["href"], root+"subjects/"); ok {
					if seen[subject] {
						t.Errorf("%s comes twice", subject)
					}
					seen[subject] = true
				}
				if e.attrs["rel"] == "next" {
					path = name + e.attrs["href"]
				}
			}
		}
		if len(seen) != n || pages != 3 {
			t.Errorf("%d pages have %d subjects", pages, len(seen))
		}
		b.get(last).want(t, http.StatusOK, `rel="prev"`, "101 to 103 of 103", query+"&amp;again=1")
		b.get(name+"?from=x").want(t, http.StatusNotFound)
		b.get(name+"?from=0").want(t, http.StatusNotFound)
		b.get(name+"?from=999").want(t, http.StatusNotFound)
	}
}

// A list that holds less than there is ends with a way to the rest.
func TestOlderFindings(t *testing.T) {
	h := newHouse(t, true)
	const n, listed = 1010, 1000
	var events []ledgertest.Event
	for i := range n {
		paid := eventAt(fmt.Sprint("p", i), "payment.received", fmt.Sprint("file/P", i), "2026-03-01T10:00:00Z", `{"amount":{"amount":"10","currency":"EUR"},"principal":{"amount":"7","currency":"EUR"},"interest":{"amount":"2","currency":"EUR"}}`)
		events = append(events, ledgertest.Event{Document: []byte(paid), Submitter: ledger.Local})
	}
	h.ledger.Submit(events...)
	b := h.as(access.Auditor)
	const rest = root + "search?filter=finding%3dpayment-parts"
	full := b.get(fmt.Sprintf("findings?rule=payment-parts&from=%d", listed-findingsListed+1)).want(t, http.StatusOK, "951 to 1,000 of 1,010", `rel="next"`)
	if strings.Contains(full.body, rest) {
		t.Error("a page that another one follows leads to the rest")
	}
	for _, query := range []string{"", "rule=payment-parts&"} {
		past := b.get(fmt.Sprintf("findings?%sfrom=%d", query, listed+1)).want(t, http.StatusOK, "Older ones of one rule", rest, `rel="prev"`)
		wantWellFormed(t, past, "en")
		if strings.Contains(past.body, "No rule finds anything") || strings.Contains(past.body, `rel="next"`) {
			t.Errorf("the last page of %q is %s", query, past.body)
		}
	}
	b.get(fmt.Sprintf("findings?from=%d", n+1)).want(t, http.StatusNotFound)
}

// Of few decisions no share is told, which swings with each; and there is no chart of
// nothing.
func TestFewNumbers(t *testing.T) {
	h := newHouse(t, true)
	for i := range fewest + 1 {
		month := "2026-01"
		if i == fewest {
			month = "2026-02"
		}
		file := fmt.Sprint("file/L", i)
		h.submit(eventAt(fmt.Sprint("a", i), "application.received", file, month+"-01T10:00:00Z", fmt.Sprintf(`{"applicationId":"A%d"}`, i)))
		h.submit(eventAt(fmt.Sprint("d", i), "decision.made", file, month+"-01T10:00:00Z", `{"outcome":"approved"}`))
	}
	b := h.as(access.Compliance)
	got := b.get("reports/approval").want(t, http.StatusOK)
	if want := "2026-01,1,10\n2026-02,,1\n"; !strings.HasSuffix(strings.ReplaceAll(got.body, "\r", ""), want) {
		t.Errorf("the shares are %q, want %q", got.body, want)
	}
	page := b.get("reports").want(t, http.StatusOK, "figure-approval-title", "fewer than ten")
	if strings.Contains(page.body, "figure-waits-title") {
		t.Error("there is a chart of times that are all naught")
	}
}

func TestFindings(t *testing.T) {
	h := newHouse(t, true)
	h.submit(eventAt("p", "payment.received", "file/P<script>", "2026-03-01T10:00:00Z", `{"amount":{"amount":"10","currency":"EUR"},"principal":{"amount":"7","currency":"EUR"},"interest":{"amount":"2","currency":"EUR"}}`))
	h.submit(eventAt("f", "finding.raised", "case/audit-1", "2026-03-01T10:00:00Z", `{"name":"<script>alert(1)</script>","severity":"high","dueAt":"2026-04-01"}`))
	b := h.as(access.Compliance)
	got := b.get("findings").want(t, http.StatusOK, "The parts of a payment are the payment", "the parts add up to 9 EUR", "subjects/file/P%3Cscript%3E", "&lt;script&gt;alert", "overdue", "high")
	if strings.Contains(got.body, "<script>") {
		t.Error("a name gets out of its place")
	}
	b.get("findings?severity=low").want(t, http.StatusOK, "No audit has recorded a finding like this")
	b.get("findings?rule=decline-reasons").want(t, http.StatusOK, "No rule finds anything like this")
	b.get("findings?rule=nothing").want(t, http.StatusBadRequest)
	b.get("findings?severity=%22").want(t, http.StatusBadRequest)
	b.lang = "zh"
	b.get("findings").want(t, http.StatusOK, "还款各部分之和等于还款额")
}

// A sample is the one that its seed draws, with the findings that were made of it.
func TestExamination(t *testing.T) {
	h := newHouse(t, true).lend()
	h.submit(eventAt("r", "requirement.received", "case/bafin-7", "2026-03-01T10:00:00Z", `{"authority":"BaFin","content":"All declines of May.","dueAt":"2026-04-01"}`))
	kept := string(h.ledger.Head().Note)
	h.lendMore(3)
	b := h.as(access.Compliance)
	q := url.Values{"checkpoint": {strings.ReplaceAll(kept, "\n", "\r\n")}, "seed": {"6 1 3 '3"}, "count": {"3"}, "exam": {"exam-1"}}
	b.get("examination").want(t, http.StatusOK, "BaFin", "All declines of May.", "overdue", "This is the newest one")
	drawn := b.get("examination?"+q.Encode()).want(t, http.StatusOK, "3 records were drawn", `lendlog bundle --sample 3 --seed &#39;6 1 3 &#39;\&#39;&#39;3&#39; --checkpoint kept.txt`, "not examined yet", "3 records remain", "Record a finding")
	index := between(drawn.body, `name="index" value="`, `"`)
	note := url.Values{"index": {index}, "description": {"A notice is missing."}, "severity": {"high"}, "dueAt": {"2026-05-01"}}
	for name, value := range q {
		note[name] = value
	}
	noted := b.post("examination/notes", note).want(t, http.StatusOK, "It is recorded", "3 records were drawn", `<span class="badge warn">finding</span>`)
	if !strings.Contains(noted.path, "seed=6") {
		t.Errorf("it leads to %s", noted.path)
	}
	// What is not in order takes a note; the last word about a record holds.
	mark := func(outcome, description string) shownPage {
		form := url.Values{"index": {index}, "outcome": {outcome}, "description": {description}, "examiner": {"examiner-7"}}
		for name, value := range q {
			form[name] = value
		}
		return b.post("examination/marks", form)
	}
	mark("fine", "").want(t, http.StatusNotFound) // which no form sends
	mark("not-in-order", " ").want(t, http.StatusBadRequest)
	mark("not-in-order", "The agency is not <named>.").want(t, http.StatusOK, "It is recorded", "2 records remain", "In order: 0. Not in order: 1.", "not in order", "by examiner-7", "The agency is not &lt;named&gt;.")
	if marked := mark("in-order", "").want(t, http.StatusOK, "2 records remain", "In order: 1. Not in order: 0.", `<span class="badge good">in order</span>`); !strings.Contains(marked.path, "examiner=examiner-7") {
		t.Errorf("it leads to %s", marked.path)
	}
	bundle := b.post("examination/bundle", q).want(t, http.StatusOK, "lendlog-bundle/1")
	if strings.Contains(bundle.body, "disclosures\":[{") {
		t.Error("the evidence discloses what was not asked for")
	}
	// Who records nothing can't make a note, and is told so.
	a := h.as(access.Auditor)
	if got := a.get("examination?"+q.Encode()).want(t, http.StatusOK, "Your role records nothing"); strings.Contains(got.body, "examination/notes") {
		t.Error("a form is offered to whoever may not send it")
	}
	a.post("examination/notes", note).want(t, http.StatusForbidden)
	a.post("examination/marks", note).want(t, http.StatusForbidden)
	for name, value := range map[string]string{"count": "10001", "start": "x", "checkpoint": "nonsense", "exam": "<b>"} {
		bad := url.Values{}
		for k, v := range q {
			bad[k] = v
		}
		bad.Set(name, value)
		if got := b.get("examination?" + bad.Encode()); got.code != http.StatusBadRequest {
			t.Errorf("%s of %q is answered %d", name, value, got.code)
		}
	}
}

// A sample that is larger than a page is shown in parts, each record once, and its
// evidence is one file.
func TestLargeSample(t *testing.T) {
	h := newHouse(t, false)
	h.lendMore(130)
	q := url.Values{"seed": {"6 1 3"}, "count": {"250"}, "checkpoint": {string(h.ledger.Head().Note)}}
	b := h.browser()
	seen := map[string]bool{}
	sizes := []int{}
	want := min(250, int(h.ledger.Head().Size))
	for part := 1; ; part++ {
		q.Set("part", fmt.Sprint(part))
		rows := strings.Split(b.get("examination?"+q.Encode()).want(t, http.StatusOK, fmt.Sprintf("%d records were drawn", want), "Parts of the sample").body, `<tr id="record-`)[1:]
		if len(rows) == 0 || part > 10 {
			break
		}
		sizes = append(sizes, len(rows))
		for _, row := range rows {
			index, _, _ := strings.Cut(row, `"`)
			if seen[index] {
				t.Errorf("record %s stands in two parts", index)
			}
			seen[index] = true
		}
	}
	if len(seen) != want || len(sizes) != (want+99)/100 {
		t.Errorf("%d of %d records are shown, in parts of %v", len(seen), want, sizes)
	}
	file := b.post("examination/bundle", q).want(t, http.StatusOK)
	if report, err := proof.VerifyBundle(h.ledger.Trust(), strings.NewReader(file.body), nil, nil); err != nil || report.Verdict == proof.Invalid {
		t.Errorf("its evidence is %+v, %v", report, err)
	}
	if file.header.Get("Content-Disposition") == "" {
		t.Error("it is not a download")
	}
	q.Set("end", "999999")
	b.post("examination/bundle", q).want(t, http.StatusBadRequest)
}

// lendMore submits decisions on so many further files.
func (h *house) lendMore(n int) {
	h.t.Helper()
	for i := range n {
		h.submit(eventAt(fmt.Sprintf("more-%d", i), "decision.made", fmt.Sprintf("file/M%d", i), "2026-03-03T22:00:00Z", `{"outcome":"approved"}`))
	}
}

func between(s, before, after string) string {
	_, rest, _ := strings.Cut(s, before)
	out, _, _ := strings.Cut(rest, after)
	return out
}

// A key is shown once, kept by no browser, and stands in no address.
func TestAdmin(t *testing.T) {
	h := newHouse(t, true)
	b := h.as(access.Admin)
	b.get("admin").want(t, http.StatusOK, "your own", "anchors its checkpoints nowhere", "Privacy officer")
	b.post("admin/grants", url.Values{"role": {"submitter"}, "label": {"<script>"}}).want(t, http.StatusBadRequest, "a submitter is granted with the sources", "&lt;script&gt;")
	b.post("admin/grants", url.Values{"role": {"auditor"}, "label": {"<late>"}, "expires": {"2020-01-01"}}).want(t, http.StatusBadRequest, "Last day names a day that is over", "&lt;late&gt;")
	form := url.Values{"role": {"submitter"}, "label": {"origination"}, "sources": {"urn:lender:b\r\nurn:lender:a"}, "expires": {"2099-12-31"}, "rate": {"60"}}
	b.post("admin/grants", form).want(t, http.StatusConflict, "This form was sent already")
	form.Set("once", between(b.get("admin").body, `name="once" value="`, `"`))
	got := b.post("admin/grants", form).want(t, http.StatusOK, "A key was granted")
	// Loading the answer again sends the form again.
	granted := len(h.keys.List())
	again := b.post("admin/grants", form).want(t, http.StatusConflict, "This form was sent already", "origination")
	if len(h.keys.List()) != granted || strings.Contains(again.body, `class="secret"`) {
		t.Error("the same form grants another key")
	}
	key, err := access.ParseKey(between(got.body, `class="secret">`, "<"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got.path, key.Reveal()) || got.header.Get("Cache-Control") != "no-store" || h.keys.Find(key.Reveal()) == nil {
		t.Errorf("it is at %s with %v", got.path, got.header)
	}
	listed := b.get("admin").want(t, http.StatusOK, key.ID(), "origination", "urn:lender:a", "1 January 2100", "60 requests a minute")
	if strings.Contains(listed.body, key.Reveal()) || strings.Contains(h.log.String(), key.ID()) {
		t.Error("the key is shown again")
	}
	b.post("admin/revoke", url.Values{"id": {key.ID()}, "reason": {"<b>"}}).want(t, http.StatusBadRequest)
	b.post("admin/revoke", url.Values{"id": {key.ID()}, "reason": {"rotated"}}).want(t, http.StatusOK, "refused from now on", "revoked")
	if h.keys.Find(key.Reveal()) != nil {
		t.Error("the key that was revoked is accepted")
	}
	b.post("admin/revoke", url.Values{"id": {"nothing"}}).want(t, http.StatusNotFound)
	b.post("admin/anchors", url.Values{"do": {"now"}, "target": {"nowhere"}})
	for _, r := range access.Roles() {
		if r == access.Admin {
			continue
		}
		other := h.as(r)
		if got := other.get("admin").want(t, http.StatusForbidden, "may not see"); strings.Contains(got.body, `href="/console/admin"`) {
			t.Errorf("%s sees a page in the navigation that it may not have", r)
		}
		other.post("admin/grants", url.Values{"role": {"admin"}}).want(t, http.StatusForbidden)
	}
	// One's own key ends one's session.
	own, err := access.ParseKey(h.shown[access.Admin])
	if err != nil {
		t.Fatal(err)
	}
	b.post("admin/revoke", url.Values{"id": {own.ID()}, "reason": {"left"}}).want(t, http.StatusUnauthorized)
}

// Before a ledger demands keys there are none to manage.
func TestAdminOfOpenLedger(t *testing.T) {
	h := newHouse(t, false)
	h.browser().get("admin").want(t, http.StatusOK, "demands no keys yet")
}

// Who looked, and what for, is there for whoever may read.
func TestLooks(t *testing.T) {
	h := newHouse(t, true).lend()
	b := h.as(access.Compliance)
	b.post("purpose", url.Values{"purpose": {"exam-2026"}})
	b.get("subjects/file/L0").want(t, http.StatusOK)
	other := h.as(access.Auditor)
	other.get("looks?subject=file%2FL0").want(t, http.StatusOK, "Looks at file/L0", "exam-2026", "ledger/looks/file/L0", "Compliance")
	other.get("looks").want(t, http.StatusOK, "All looks", "Grants and revocations", "granted: Privacy officer")
	other.post("looks", url.Values{"person": {"P-<77>"}}).want(t, http.StatusOK, "Looks at this person", "Nobody has looked at this")
	for _, query := range []string{"from=yesterday", "by=%00"} {
		other.get("looks?"+query).want(t, http.StatusBadRequest)
	}
	h.as(access.Monitor).get("looks").want(t, http.StatusForbidden)
}

// A look at a record is one, however many chains tell of it.
func TestLookIsCountedOnce(t *testing.T) {
	p := &looksPage{Looked: &client.Looked{Looks: []*look.Done{
		{Look: "a", Records: look.SpansOf(7), Count: 1},
		{Look: "a", Records: look.SpansOf(7), Count: 1},
		{Look: "a", Records: look.SpansOf(9), Count: 1},
		{Look: "b", Count: 5}, {Look: "b", Count: 5},
	}}}
	got := p.Looks()
	if len(got) != 2 || got[0].Count != 2 || got[1].Count != 5 {
		t.Errorf("the looks are %+v", got)
	}
}

// A grant for a purpose is in the access log and the administration with all that it
// says, and its holder is not told that a story is clean of which they see a part.
func TestNarrowKey(t *testing.T) {
	h := newHouse(t, true).fill(1)
	subject, _ := h.story()
	key, _, err := h.keys.Grant(t.Context(), access.Terms{
		Role: access.Regulator, Purpose: "supervision", Basis: "supervisory-request", Fields: []string{"/data/amount", "/subject"}, Expires: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
	}, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	h.as(access.Compliance).get("looks").want(t, http.StatusOK, "granted: Regulator", key.ID())
	h.as(access.Compliance).get("subjects/"+subject).want(t, http.StatusOK, "Checks of the rules that were made: ")
	b := h.browser()
	b.post("signin", url.Values{"key": {key.Reveal()}}).want(t, http.StatusOK)
	got := b.get("subjects/"+subject).want(t, http.StatusOK, "so this story is not judged as a whole", "that could not be made")
	if strings.Contains(got.body, "Nothing contradicts") {
		t.Error("a key that opens a part is told that nothing contradicts")
	}
	b.get("search?filter=type%3Ddecision.made").want(t, http.StatusOK, root+"subjects/"+subject)
	b.get("subjects/"+subject+"/evidence").want(t, http.StatusOK)
	b.get("examination?seed=6-1-3&count=3").want(t, http.StatusOK, "disclose what my key opens")
	b.post("examination/bundle", url.Values{"seed": {"6-1-3"}, "count": {"3"}, "disclose": {"all"}}).want(t, http.StatusOK)

	admin := h.as(access.Admin)
	listed := admin.get("admin").want(t, http.StatusOK, "supervision", "basis: supervisory-request", "opens 2 fields only:", "/data/amount", "no purpose stated")
	form := url.Values{"role": {"regulator"}, "purpose": {"supervision"}, "fields": {"/subject\r\n/data/amount"}, "once": {between(listed.body, `name="once" value="`, `"`)}}
	admin.post("admin/grants", form).want(t, http.StatusBadRequest, "say when it expires", "/data/amount")
	form.Set("expires", "2099-12-31")
	granted := admin.post("admin/grants", form).want(t, http.StatusOK, "A key was granted")
	got = admin.get("admin")
	if id := between(granted.body, "Its id is ", ","); h.keys.Get(id) == nil || !h.keys.Get(id).Scoped() || h.keys.Get(id).Purpose != "supervision" || !strings.Contains(got.body, id) {
		t.Errorf("%q is not granted for a purpose, with fields", id)
	}
}
