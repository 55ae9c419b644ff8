// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/reconcile"
	"github.com/lendlog/lendlog/ledger/record"
)

// states are those of the lines of the page by what they are about.
func states(p shownPage) map[string]string {
	out := map[string]string{}
	for _, row := range strings.Split(p.body, "<tr>")[2:] {
		name, _, _ := strings.Cut(afterText(row, `<th scope="row">`), "</th>")
		state, _, _ := strings.Cut(afterText(row, `<span class="badge `), `"`)
		name, about, ok := strings.Cut(name, `<span class="code about">`)
		if ok {
			name += " " + strings.TrimSuffix(about, "</span>")
		}
		out[name] = state
	}
	return out
}

func afterText(s, begin string) string {
	_, after, _ := strings.Cut(s, begin)
	return after
}

func heartbeat(feed string, at time.Time, dropped int) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"%s-%d","source":"urn:lender:%s","type":"org.lendlog.feed.heartbeat.v1","subject":"feed/%s","time":%q,"data":{"producerSequence":9,"intervalSeconds":900,"dropped":%d}}`,
		feed, at.Unix(), feed, feed, at.UTC().Format(time.RFC3339), dropped)
}

func reconciled(subject, outcome string, at time.Time) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"%s-%d","source":"urn:lender","type":"org.lendlog.reconciliation.completed.v1","subject":%q,"time":%q,"data":{"outcome":%q}}`,
		subject, at.Unix(), subject, at.UTC().Format(time.RFC3339), outcome)
}

// Each line says what is so of the ledger, to whoever may see it.
func TestHealth(t *testing.T) {
	h := newHouse(t, true)
	now := time.Now()
	var broken int64 // the last of these
	for _, event := range []string{
		payment("p-1"),
		heartbeat("a", now.Add(-3*time.Hour), 0), heartbeat("a", now, 0), // it came back
		heartbeat("b", now.Add(-3*time.Hour), 0),
		heartbeat("c", now, 5),
		reconciled("portfolio/a", "breaks", now.Add(-2*time.Hour)), reconciled("portfolio/a", "balanced", now),
		reconciled("portfolio/old", "balanced", now.Add(-reconcileStale-time.Hour)), reconciled("portfolio/young", "balanced", now.Add(-reconcileStale+time.Hour)),
		reconciled("portfolio/b", "balanced", now.Add(-2*time.Hour)), reconciled("portfolio/b", "breaks", now),
	} {
		broken = h.submit(event)
	}
	var conflict *ledger.ConflictError
	if _, err := h.ledger.Append(t.Context(), h.parse(strings.Replace(payment("p-1"), "10.00", "11.00", 1)), ledger.Local); !errors.As(err, &conflict) {
		t.Fatalf("another event under the same identity is answered %v", err)
	}
	page := h.as(access.Compliance).get("health").want(t, http.StatusOK, "5 things need attention")
	if !strings.Contains(page.body, fmt.Sprintf(`<a href="/console/records/%d">`, broken)) {
		t.Error("the reconciliation that found differences is not linked")
	}
	want := map[string]string{
		"Taking events": "good", "Newest record": "good", "Witnesses": "off", "Anchors": "off",
		"Feeds urn:lender:a": "good", "Feeds urn:lender:b": "warn", "Feeds urn:lender:c": "warn",
		"Reconciliations portfolio/a": "good", "Reconciliations portfolio/b": "warn",
		"Reconciliations portfolio/old": "warn", "Reconciliations portfolio/young": "good",
		"Own audits": "off", "Missing numbers": "off", "Certificate of the server": "off",
		"Conflicting events": "warn", "Going on without witnesses": "good", "Findings of audits": "good", "Keys": "hidden",
	}
	got := states(page)
	for name, state := range want {
		if got[name] != state {
			t.Errorf("%s is %q, want %q", name, got[name], state)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the lines are %v", got)
	}
	// An admin sees keys, and nothing of records.
	soon, _, err := h.keys.Grant(t.Context(), access.Terms{Role: access.Monitor, Label: "soon", Expires: now.Add(48 * time.Hour).Truncate(time.Second)}, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	got = states(h.as(access.Admin).get("health"))
	if got["Keys"] != "good" || got["Keys "+soon.ID()+" (soon)"] != "warn" || got["Feeds"] != "hidden" {
		t.Errorf("an admin sees %v", got)
	}
	h.ledger.Hold(ledger.ErrUnwitnessed)
	defer h.ledger.Release()
	if got := states(h.as(access.Monitor).get("health")); got["Taking events"] != "warn" {
		t.Errorf("while it takes no events it says %v", got)
	}
}

// Before a ledger demands keys the page is there as well.
func TestHealthOfOpenLedger(t *testing.T) {
	page := newHouse(t, false).browser().get("health").want(t, http.StatusOK, "Not watched from outside", "a rollback shows to nobody")
	if got := states(page); got["Keys"] != "off" || got["Taking events"] != "good" {
		t.Errorf("it says %v", got)
	}
}

// Of witnesses and anchors each line says the worst, in both languages.
func TestHealthOfTheOutside(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	l := &looking{now: now, of: "witnesses", status: &client.Status{Size: 120, WitnessInterval: 3600}}
	signs := func(w *client.Witnessing) []sign {
		t.Helper()
		l.status.Witnessing = w
		got, err := lookAtWitnesses(l)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	var all []sign
	for _, tt := range []struct {
		of   *client.Witnessing
		want string
	}{
		{nil, "off none"},
		{&client.Witnessing{Overdue: true}, "warn never"},
		{&client.Witnessing{Size: 100, At: ago(2 * time.Hour), Overdue: true}, "warn overdue"},
		{&client.Witnessing{Size: 100, At: ago(time.Minute), Witnesses: []client.Witness{
			{Name: "a", At: ago(time.Minute), Cosigned: 3}, {Name: "b", Failures: 2, Failing: "no route"}, {Name: "c"},
		}}, "good cosigned, good one, warn failing, off silent"},
	} {
		got := signs(tt.of)
		if s := summary(got); s != tt.want {
			t.Errorf("of %+v it says %s, want %s", tt.of, s, tt.want)
		}
		all = append(all, got...)
	}
	l.of = "anchors"
	for want, target := range map[string]client.Target{
		"bad alarm":     {Alarms: []string{"a fork"}, Degraded: "x", Stale: true, Failing: "x"},
		"warn degraded": {Degraded: "no money", Stale: true, Failing: "x"},
		"warn stale":    {Stale: true, Failing: "x", Waiting: ago(time.Hour)},
		"warn failing":  {Failing: "no route"},
		"good first":    {},
		"good final":    {Final: 90, FinalTime: ago(time.Hour), Testnet: true},
	} {
		s := l.anchor(&target)
		if got := summary([]sign{s}); got != want {
			t.Errorf("of %+v it says %s, want %s", target, got, want)
		}
		all = append(all, s)
	}
	for _, lang := range languages {
		w := wordsOf(t, lang)
		for _, s := range all {
			for _, said := range []wording{s.How, s.Remedy} {
				if _, err := w.tell(lang, said); err != nil {
					t.Errorf("in %s: %v", lang, err)
				}
			}
			if (s.State == signBad || s.State == signWrong) != (s.Remedy.name != "") {
				t.Errorf("%s has the remedy %q", s.How.name, s.Remedy.name)
			}
		}
	}
}

// What the server says of audits, numbers and its certificate has a line, a state and,
// where something is wrong, a remedy; the light names the worst.
func TestHealthOfItsOwn(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	l := &looking{now: now}
	var all []sign
	same := func(of any, want string, got []sign, err error) {
		t.Helper()
		if s := summary(got); s != want || err != nil {
			t.Errorf("of %+v it says %s, %v, want %s", of, s, err, want)
		}
		all = append(all, got...)
	}
	audited := func(verdict string, deep bool) *client.Audited {
		return &client.Audited{At: now.Add(-time.Hour), Size: 120, Verdict: verdict, Auditor: "server", Deep: deep, Failed: []string{"tree"}, Findings: 1, Record: 7}
	}
	l.of = "audits"
	for _, tt := range []struct {
		of   *client.Auditing
		want string
	}{
		{nil, "off none"},
		{&client.Auditing{Every: 3600}, "off first"},
		{&client.Auditing{Every: 3600, Trouble: "the disk"}, "warn trouble"},
		{&client.Auditing{Last: audited("valid", false)}, "good passed"},
		{&client.Auditing{Last: audited("valid", true)}, "good deep"},
		{&client.Auditing{Last: audited("incomplete", false)}, "warn incomplete"},
		{&client.Auditing{Every: 60, Overdue: true, Last: audited("valid", false)}, "warn overdue"},
		{&client.Auditing{Every: 60, Trouble: "the disk", Last: audited("valid", false)}, "warn trouble"},
		{&client.Auditing{Every: 60, Trouble: "the disk", Overdue: true, Last: audited("invalid", false)}, "bad failed"},
	} {
		l.status = &client.Status{Audit: tt.of}
		got, err := lookAtAudits(l)
		same(tt.of, tt.want, got, err)
	}
	l.of = "certificate"
	for _, tt := range []struct {
		of   *client.Expiry
		want string
	}{
		{nil, "off none"},
		{&client.Expiry{Expires: now.Add(1000 * time.Hour)}, "good holds"},
		{&client.Expiry{Expires: now.Add(time.Hour), Roots: now.Add(1000 * time.Hour), Refused: true}, "warn soon, good roots, warn refused"},
		{&client.Expiry{Expires: now.Add(-time.Hour), Roots: now.Add(time.Hour)}, "bad over, warn rootsoon"},
		{&client.Expiry{Expires: now.Add(1000 * time.Hour), Roots: now.Add(-time.Hour)}, "good holds, bad rootover"},
	} {
		l.status = &client.Status{Certificate: tt.of}
		got, err := lookAtCertificate(l)
		same(tt.of, tt.want, got, err)
	}
	l.of = "gaps"
	gaps := reconcile.NewGaps()
	for _, n := range []string{"1", "3", "5", "7", "12"} {
		gaps.Add(reconcile.Arrival{Source: "urn:a", Sequence: n})
		gaps.Add(reconcile.Arrival{Source: "urn:b", Sequence: "4"})
		gaps.Add(reconcile.Arrival{Source: "urn:c" + n, Sequence: n})
	}
	list, _ := gaps.Report(10)
	for i, want := range []string{"warn missing", "warn doubled", "good whole"} {
		same(list[i], want, []sign{l.gap(list[i])}, nil)
	}
	if got := rangesOf(list[0]); got != "2, 4, 6, …" {
		t.Errorf("it names %s", got)
	}
	page := &healthPage{}
	page.add(all...)
	if page.State() != signWrong || page.Worst.How.name != "health.audits.failed" {
		t.Errorf("the worst of all is %+v", page.Worst)
	}
	for _, lang := range languages {
		w := wordsOf(t, lang)
		for _, s := range all {
			for _, said := range []wording{s.How, s.Remedy} {
				if text, err := w.tell(lang, said); err != nil || strings.Contains(text, "{") {
					t.Errorf("in %s it says %q, %v", lang, text, err)
				}
			}
			if (s.State == signBad || s.State == signWrong) != (s.Remedy.name != "") {
				t.Errorf("%s has the remedy %q", s.How.name, s.Remedy.name)
			}
		}
	}
}

// summary is the states of signs with the last word of what they say.
func summary(signs []sign) string {
	var out []string
	for _, s := range signs {
		out = append(out, s.State+" "+s.How.name[strings.LastIndexByte(s.How.name, '.')+1:])
	}
	return strings.Join(out, ", ")
}

func TestLasting(t *testing.T) {
	w := wordsOf(t, record.English)
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 seconds", time.Second: "1 second", 119 * time.Second: "119 seconds", 2 * time.Minute: "2 minutes",
		119 * time.Minute: "119 minutes", 2 * time.Hour: "2 hours", 47 * time.Hour: "47 hours", 48 * time.Hour: "2 days", 4800 * time.Hour: "200 days",
	} {
		if got, err := w.tell(record.English, lasting(d)); err != nil || got != want {
			t.Errorf("%v is %q, %v, want %q", d, got, err, want)
		}
	}
}
