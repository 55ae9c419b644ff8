// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// lookedDoc is an answer to who looked.
type lookedDoc struct {
	Looks  []*look.Done
	Chains []string
	Before int64
}

// file is an event of a file, a party and another person.
func file(n int, subject, party, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"f-%d","source":"urn:lender","type":"org.lendlog.application.received.v1","subject":%q,"party":%q,"time":"2026-03-01T10:00:00Z","data":{"applicationId":"A-1",%s}}`, n, subject, party, data)
}

// watched is a ledger that demands keys, with two applications and a case.
func watched(t *testing.T) *guarded {
	t.Helper()
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	submitter := as(g.of[access.Submitter])
	for _, event := range []string{
		file(1, "file/A", "P", `"channel":"web","coApplicantId":"Q"`), file(2, "file/A", "P", `"channel":"web"`), file(3, "file/B", "P", `"channel":"branch"`),
		`{"specversion":"1.0","id":"c-1","source":"urn:lender","type":"org.lendlog.case.opened.v1","subject":"case/C","time":"2026-02-03T09:30:00Z","data":{"caseKind":"fraud"}}`,
	} {
		g.want(g.post(typeEvent, event, submitter...), http.StatusCreated)
	}
	return g
}

// first is the index of the first record of file/A in such a ledger.
func (g *guarded) first() int64 {
	g.t.Helper()
	indexes, err := g.ledger.IndexesOf(g.t.Context(), "file", "A", 1, 1)
	if err != nil {
		g.t.Fatal(err)
	}
	return indexes[0]
}

// looks asks who looked, with the body of a question.
func (g *guarded) looks(body string) lookedDoc {
	g.t.Helper()
	a := g.want(g.do(http.MethodPost, "/v1/access/looks", strings.NewReader(body), append(as(g.of[access.Compliance]), "Content-Type", typeJSON)...), http.StatusOK)
	return decode[lookedDoc](g.t, a.body)
}

// told says what looks there were, in a few words each, the oldest first.
func (d lookedDoc) told(first int64) []string {
	var all []string
	for _, k := range slices.Backward(d.Looks) {
		var at look.Spans
		for _, x := range k.Records {
			end := x.End
			if end != look.Endless {
				end -= first
			}
			at = append(at, look.Span{First: x.First - first, End: end})
		}
		// It was told of a moment before it was recorded, maybe on the day before.
		day := strings.NewReplacer(look.Day(k.At), "day", look.Day(k.At.Add(-time.Minute)), "day")
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", k.Role, k.Purpose, k.Act, day.Replace(k.Chain), at)))
	}
	return all
}

// Every way to open something is a look, with who, what for and which records, and
// whatever opens nothing is none.
func TestLooksAreRecorded(t *testing.T) {
	g := watched(t)
	n := g.first()
	auditor := append(as(g.of[access.Auditor]), headerPurpose, "audit-1")
	monitor := as(g.of[access.Monitor])
	search := func(filter string) string {
		a := g.want(g.do(http.MethodPost, "/v1/searches", strings.NewReader(fmt.Sprintf(`{"filter":%q}`, filter)), append(slices.Clone(auditor), "Content-Type", typeJSON)...), http.StatusCreated)
		return decode[struct{ Path string }](t, a.body).Path
	}
	post := func(path, body string) answer {
		return g.do(http.MethodPost, path, strings.NewReader(body), append(slices.Clone(auditor), "Content-Type", typeJSON)...)
	}
	first := fmt.Sprintf("/v1/records/%d", n)
	const ofA = "ledger/looks/file/A"
	day := func(act, spans string) []string { return []string{"auditor audit-1 " + act + " day " + spans} }
	in := func(act string, chains ...string) (all []string) {
		for _, c := range chains {
			all = append(all, "auditor audit-1 "+act+" "+c)
		}
		return all
	}
	three := func(act string) []string {
		return in(act, ofA+" 0", "ledger/looks/party/P 0", "ledger/looks/party/Q 0")
	}
	for _, tc := range []struct {
		name string
		do   func() answer
		want []string
	}{
		{"a record", func() answer { return g.get(first, auditor...) }, three(look.Read)},
		{"a proof", func() answer { return g.get(first+"/proof", auditor...) }, nil},
		{"evidence of nothing", func() answer { return g.get(first+"/evidence?disclose=none", monitor...) }, nil},
		{"the ledger's own", func() answer { return g.get("/v1/records/0", auditor...) }, nil},
		{"an entry", func() answer { return g.get("/log/tile/entries/000.p/1", monitor...) }, nil},
		{"sums", func() answer { return g.get("/v1/stats", auditor...) }, nil},
		{"headers", func() answer { return g.do(http.MethodHead, first+"/findings", nil, auditor...) }, nil},
		{"nobody's", func() answer { return g.get("/v1/records/9999", auditor...) }, nil},
		{"what is not to be seen", func() answer { return g.get(first, monitor...) }, nil},
		{"a subject", func() answer { return g.get("/v1/subjects/file/A", auditor...) }, in(look.Read, ofA+" 0-1", "ledger/looks/party/P 0-1")},
		{"evidence", func() answer { return g.get(first+"/evidence", auditor...) }, three(look.Evidence)},
		{"whose it is", func() answer { return g.get(fmt.Sprintf("/v1/records/%d/evidence?disclose=/subject", n+2), auditor...) }, in(look.Read, "ledger/looks/file/B 2", "ledger/looks/party/P 2")},
		{"evidence of a subject", func() answer { return g.get("/v1/subjects/file/B/evidence", auditor...) }, in(look.Evidence, "ledger/looks/file/B 2", "ledger/looks/party/P 2")},
		{"findings, which were read", func() answer { return g.get(first+"/findings", auditor...) }, nil},
		{"a person", func() answer { return g.get(search("party=P"), auditor...) }, in(look.Search, ofA+" 0-1", "ledger/looks/file/B 2", "ledger/looks/party/P 0-2", "ledger/looks/party/Q 0")},
		{"a stranger", func() answer { return g.get(search("party=nobody"), auditor...) }, in(look.Search, "ledger/looks/party/nobody")},
		{"an officer", func() answer { return g.get(search("officer=S"), auditor...) }, in(look.Search, "ledger/looks/staff/S")},
		{"what is sealed", func() answer { return g.get(search("loanPurpose=boat"), auditor...) }, day(look.Search, "")},
		{"entries that were found", func() answer { return g.get("/v1/records?view=entry&filter=type%3Dapplication.received", auditor...) }, nil},
		{"what is open, and is not there", func() answer { return g.get("/v1/records?filter=outcome%3Dreferred", auditor...) }, nil},
		{"a period", func() answer { return post("/v1/bundles", `{}`) }, day(look.Bundle, "")},
		{"a period of entries", func() answer { return post("/v1/bundles", `{"disclose":[]}`) }, nil},
		{"a case", func() answer { return g.get(fmt.Sprintf("/v1/records/%d", n+3), auditor...) }, nil},
		{"for a case", func() answer {
			return g.get(fmt.Sprintf("/v1/records/%d", n+2), append(as(g.of[access.Compliance]), headerCase, "C")...)
		}, nil},
	} {
		before := g.ledger.Head().Size
		if a := tc.do(); a.status == 0 {
			t.Fatal(tc.name)
		}
		// Only the looks that this one made.
		var got []string
		for _, line := range g.looks(`{"limit":1000}`).since(before).told(n) {
			if strings.Contains(line, " "+look.Bundle+" ") {
				line = line[:strings.LastIndex(line, " ")] // the range has the whole ledger
			}
			got = append(got, strings.TrimSpace(line))
		}
		want := tc.want
		for i := range want {
			want[i] = strings.TrimSpace(want[i])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	// Cases are told of in cases, but for ranges that they lie in.
	cases := g.looks(`{"subject":"case/C"}`)
	if ranges := len(cases.Looks); ranges != 3 {
		t.Errorf("there are %d looks at the case", ranges)
	}
	cases.Looks = slices.DeleteFunc(cases.Looks, func(k *look.Done) bool { return k.Act == look.Bundle })
	if diff := cmp.Diff([]string{"auditor audit-1 read case/C 3", "compliance unstated read case/C 2"}, cases.told(n)); diff != "" {
		t.Errorf("of the case (-want +got):\n%s", diff)
	}
	if related := cases.Looks[0].Related; !slices.Contains(related, "file/B") {
		t.Errorf("for the case were looked at %v", related)
	}
	g.wantProblem(g.get("/v1/access/looks?subject=case/C", as(g.of[access.PrivacyOfficer])...), kindForbidden)
	g.wantProblem(g.get(first, append(as(g.of[access.PrivacyOfficer]), headerCase, "C")...), kindForbidden)
	g.wantProblem(g.get(first, append(as(g.of[access.Compliance]), headerCase, "none")...), kindBadRequest)
	for _, purpose := range []string{"", "two words", ".", strings.Repeat("x", 65), "Ü"} {
		g.wantProblem(g.get(first, append(as(g.of[access.Compliance]), headerPurpose, purpose)...), kindBadRequest)
	}
}

func (d lookedDoc) since(size int64) lookedDoc {
	d.Looks = slices.DeleteFunc(d.Looks, func(k *look.Done) bool { return k.Index < size })
	return d
}

// The looks at a subject are a chain of which it can be proved that it has no
// others, and so are those at a person.
func TestLooksAreProved(t *testing.T) {
	g := watched(t)
	n := g.first()
	regulator := as(g.of[access.Regulator])
	g.want(g.get(fmt.Sprintf("/v1/records/%d", n), append(regulator, headerPurpose, "supervision")...), http.StatusOK)
	for _, subject := range []string{"file/A", "party/Q"} {
		q := fmt.Sprintf(`{"subject":%q}`, subject)
		if kind, id, _ := strings.Cut(subject, "/"); kind == "party" {
			q = fmt.Sprintf(`{"party":%q}`, id)
		}
		d := g.looks(q)
		if len(d.Looks) != 1 || d.Looks[0].Grant != idOf(t, g.of[access.Regulator]) || d.Looks[0].Purpose != "supervision" || !slices.Contains(d.Chains, look.Chain(subject)) {
			t.Fatalf("looked at %s: %+v in %v", subject, d.Looks, d.Chains)
		}
		a := g.want(g.get("/v1/subjects/ledger/"+strings.ReplaceAll(strings.TrimPrefix(look.Chain(subject), "ledger/"), "/", "%2F")+"/evidence", as(g.of[access.Compliance])...), http.StatusOK)
		e, err := proof.ParseEvidence(a.body)
		if err != nil {
			t.Fatal(err)
		}
		report := proof.Verify(g.trust(), e)
		if report.Verdict != proof.Valid || len(e.Complete) != 1 || e.Complete[0].Subject != look.Chain(subject) || !disclosed(t, e, d.Looks[0].Index, "/data/records", fmt.Sprintf("[%q]", fmt.Sprint(n))) {
			t.Errorf("evidence of the looks at %s is %v: %+v", subject, report.Verdict, report.Checks)
		}
	}
}

// disclosed reports whether evidence shows a value of a record.
func disclosed(t *testing.T, e *proof.Evidence, index int64, pointer, value string) bool {
	t.Helper()
	for _, r := range e.Records {
		for _, m := range r.Disclosures {
			d, err := seal.ParseDisclosure(m.Disclosure)
			if err != nil {
				t.Fatal(err)
			}
			if r.Index == index && d.Pointer == pointer && string(d.Value.Bytes()) == value {
				return true
			}
		}
	}
	return false
}

// What cannot be recorded is not opened, by any way, and what opens nothing is
// answered as ever.
func TestUnrecordedOpensNothing(t *testing.T) {
	g := watched(t)
	n := g.first()
	auditor := as(g.of[access.Auditor])
	a := g.want(g.do(http.MethodPost, "/v1/searches", strings.NewReader(`{"filter":"party=P"}`), append(as(g.of[access.Auditor]), "Content-Type", typeJSON)...), http.StatusCreated)
	search := decode[struct{ Path string }](t, a.body).Path
	record := fmt.Sprintf("/v1/records/%d", n)
	g.want(g.get(record, as(g.of[access.Regulator])...), http.StatusOK)
	for why, tc := range map[error]kind{ledger.ErrUnwitnessed: kindUnwitnessed, ledger.ErrNoSpace: kindNoSpace, ledger.ErrClock: kindClock, errors.New("whatever"): kindInternal} {
		g.ledger.Hold(why)
		for _, path := range []string{record, record + "/evidence", record + "/findings", "/v1/subjects/file/A", search, "/v1/records", "/v1/events?from=1", fmt.Sprintf("/v1/records/%d", n+3), "/v1/access/looks"} {
			p := g.wantProblem(g.get(path, auditor...), tc)
			if tc != kindInternal && !strings.HasPrefix(p.Detail, "nothing was opened, because the look at it could not be recorded; ") {
				t.Errorf("%s: %q", path, p.Detail)
			}
		}
		g.wantProblem(g.do(http.MethodPost, "/v1/bundles", strings.NewReader(`{}`), append(as(g.of[access.Auditor]), "Content-Type", typeJSON)...), tc)
		g.want(g.get(record+"/evidence?disclose=none", auditor...), http.StatusOK)
		g.want(g.get(record+"/proof"), http.StatusOK)
		g.want(g.get("/v1/records/0", auditor...), http.StatusOK)
		// What was looked at a moment ago is on record.
		g.want(g.get(record, as(g.of[access.Regulator])...), http.StatusOK)
		g.ledger.Release()
	}
	g.want(g.get(record, auditor...), http.StatusOK)
}

// A ledger that an older program made opens nothing until it can record that.
func TestLooksOfAnOlderLedger(t *testing.T) {
	builtin, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	older := slices.DeleteFunc(slices.Clone(builtin.All()), func(s *record.Schema) bool { return s.Type == record.TypeAccessOccurred })
	catalogue, err := new(record.Catalogue).With(older...)
	if err != nil {
		t.Fatal(err)
	}
	g := serveGuarded(t, ledger.CreateOptions{Catalogue: catalogue}, nil)
	g.want(g.post(typeEvent, decision(1), as(g.of[access.Submitter])...), http.StatusCreated)
	p := g.wantProblem(g.get("/v1/records?filter=type%3Ddecision.made", as(g.of[access.Auditor])...), kindNotReady)
	if !strings.Contains(p.Detail, "lendlog types add --builtin") {
		t.Errorf("it says %q", p.Detail)
	}
	now, _ := builtin.Type(record.TypeAccessOccurred)
	g.want(g.addType(string(now.Text), "", as(g.of[access.Admin])...), http.StatusCreated)
	g.want(g.get("/v1/records?filter=type%3Ddecision.made", as(g.of[access.Auditor])...), http.StatusOK)
}

// The same look is recorded once within a while, and each other one for itself.
func TestLooksCoalesce(t *testing.T) {
	g := watched(t)
	record := fmt.Sprintf("/v1/records/%d", g.first()+2)
	parts := func(role access.Role, path string, headers ...string) int64 {
		t.Helper()
		before := g.ledger.Head().Size
		g.want(g.get(path, append(as(g.of[role]), headers...)...), http.StatusOK)
		return g.ledger.Head().Size - before
	}
	for _, tc := range []struct {
		name    string
		role    access.Role
		path    string
		headers []string
		want    int64
	}{
		{"first", access.Auditor, record, nil, 2},
		{"again", access.Auditor, record, nil, 0},
		{"another way to read it", access.Auditor, "/v1/subjects/file/B", nil, 0},
		{"for another purpose", access.Auditor, record, []string{headerPurpose, "x"}, 2},
		{"again for that", access.Auditor, record, []string{headerPurpose, "x"}, 0},
		{"by another", access.Regulator, record, nil, 2},
		{"taken along", access.Auditor, record + "/evidence", nil, 2},
		{"others", access.Auditor, "/v1/subjects/file/A", nil, 3},
		{"some of them", access.Auditor, "/v1/subjects/file/A?limit=1", nil, 0},
	} {
		if got := parts(tc.role, tc.path, tc.headers...); got != tc.want {
			t.Errorf("%s: %d records, want %d", tc.name, got, tc.want)
		}
	}
	// After a while it is another look.
	s := looks{window: time.Minute}
	k := &look.Look{Grant: "a", Opened: look.Opened{Loose: look.SpansOf(1)}}
	now := time.Now()
	all := k.Parts(now)
	s.add(k, all, now)
	if len(s.fresh(k, all, now.Add(time.Minute-1))) != 0 || len(s.fresh(k, all, now.Add(time.Minute))) != 1 {
		t.Error("a look lasts longer or shorter than its while")
	}
	for i := range int64(3 * maxLooks) {
		k.Grant = fmt.Sprint(i)
		s.add(k, all, now)
	}
	if len(s.recent) > maxLooks || len(s.keys) > maxLooks {
		t.Errorf("%d looks are remembered", len(s.recent))
	}
}

// A follower is one look, however much comes, and those who look at looks come to
// an end.
func TestFollowingIsOneLook(t *testing.T) {
	g := watched(t)
	n := g.first()
	f := g.follow(fmt.Sprintf("?from=%d", n), append(as(g.of[access.Auditor]), headerPurpose, "watch")...)
	defer f.cancel()
	f.records(4)
	g.want(g.post(typeEvent, file(9, "file/Z", "Z", `"channel":"web"`), as(g.of[access.Submitter])...), http.StatusCreated)
	f.records(2) // the look and that one
	d := g.looks(`{"subject":"file/Z"}`)
	if diff := cmp.Diff([]string{"auditor watch follow day 0-"}, d.told(n)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := g.looks(`{"subject":"file/Z","from":"2031-01-01"}`); len(d.Looks) != 0 {
		t.Errorf("in a time to come: %v", d.Looks)
	}
	// To be shown it was a look at looks, by another one; to be shown one's own is
	// none.
	size := g.ledger.Head().Size
	for range 5 {
		g.looks(`{}`)
	}
	if grown := g.ledger.Head().Size - size; grown > 1 {
		t.Errorf("five looks at the same looks are %d records", grown)
	}
}

// An auditor, who submits nothing, has an export recorded.
func TestExportIsALook(t *testing.T) {
	g := watched(t)
	post := func(key, body string) answer {
		return g.do(http.MethodPost, "/v1/access/exports", strings.NewReader(body), append(as(key), "Content-Type", typeJSON, headerPurpose, "audit")...)
	}
	const data = `{"content":["lendlog-export/1 sha256:00"],"count":3,"exported":true,"outcome":"granted","actorId":"s-1","actorKind":"auditor","role":"examiner"}`
	a := g.want(post(g.of[access.Auditor], `{"data":`+data+`,"subject":"file/A"}`), http.StatusCreated)
	d := decode[struct {
		Event   json.RawMessage
		Receipt string
	}](t, a.body)
	if !strings.Contains(string(d.Event), `"capacity":"examiner"`) || !strings.Contains(string(d.Event), `"role":"auditor"`) {
		t.Errorf("the event is %s", d.Event)
	}
	r, err := proof.ParseReceipt([]byte(d.Receipt))
	if err != nil {
		t.Fatal(err)
	}
	of := g.looks(`{"subject":"file/A"}`)
	if len(of.Looks) != 1 || of.Looks[0].Index != r.Index || of.Looks[0].Export != "lendlog-export/1 sha256:00" || of.Looks[0].Act != look.Export || !of.Looks[0].Exported {
		t.Errorf("looked: %+v", of.Looks)
	}
	g.wantProblem(post(g.of[access.PrivacyOfficer], `{"data":`+data+`}`), kindForbidden)
	for _, body := range []string{`{}`, `{"data":{}}`, `{"data":` + data + `,"subject":"case/C"}`, `{"data":` + data + `,"by":"me"}`, `{"data":{"content":["x"],"grant":"y"}}`} {
		if a := post(g.of[access.Auditor], body); a.status != kindUnreadable.status {
			t.Errorf("%s is answered with %d: %s", body, a.status, a.body)
		}
	}
	g.wantProblem(post(g.of[access.Auditor], `{"data":`+data+`,"subject":"file/none"}`), kindNotFound)
}
