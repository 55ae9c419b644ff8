// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// pay makes payments on a subject, of which none breaks a rule.
func pay(t *testing.T, subject string, n int) []ledgertest.Event {
	t.Helper()
	events := make([]ledgertest.Event, n)
	for i := range events {
		events[i] = event(t, "payment.received", subject, fmt.Sprintf("%s-%d", subject, i), "", fmt.Sprintf(`"paymentId":"P%d"`, i))
	}
	return events
}

// A page that may read no more stories ends early, and may be empty, but never
// without a cursor; the next one goes on. The stories of its first candidate
// are read in any case, however long they are.
func TestStoriesOfAPageAreBounded(t *testing.T) {
	l := ledgertest.New(t)
	var decisions []int64
	for i, n := range []int{900, 900, 900, 1700} {
		subject := fmt.Sprintf("file/F-%d", i)
		decision := `"outcome":"approved"`
		if n == 1700 {
			decision = `"outcome":"declined"`
		}
		l.Submit(pay(t, subject, n)...)
		done := l.Submit(event(t, "decision.made", subject, subject, "", decision))
		decisions = append(decisions, done[0].Receipt.Index)
	}
	q := ledger.Query{Filter: filter(t, "finding=decline-reasons due=us.adverse-action.notice/breached"), Oldest: true, Limit: 10, AsOf: begunDue}
	var pages []int
	var got []int64
	for {
		p, err := l.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		pages, got = append(pages, len(p.Indexes)), append(got, p.Indexes...)
		if q.Cursor = p.Cursor; q.Cursor == "" || len(pages) > 9 {
			break
		}
	}
	if len(pages) < 2 || pages[0] != 0 || !slices.Equal(got, decisions[3:]) {
		t.Errorf("pages of %v records, together %v, want %v", pages, got, decisions[3:])
	}
	// What the page has read it need not read again.
	p, err := l.Search(t.Context(), ledger.Query{Filter: filter(t, "subject=file/F-3 not finding=any"), Limit: 1701})
	if err != nil || len(p.Indexes) != 1700 || p.Cursor != "" {
		t.Errorf("%d records, cursor %q, %v", len(p.Indexes), p.Cursor, err)
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// begunDue is a time at which a notice after a decline of 4 March 2026 is over.
var begunDue = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

// All pages judge the records that there were at the first page, as of the
// same time, whatever has come since.
func TestStoriesAreOfTheFirstPage(t *testing.T) {
	l := ledgertest.New(t)
	var want []int64
	for i := range 4 {
		subject := fmt.Sprintf("file/F-%d", i)
		want = append(want, l.Submit(event(t, "decision.made", subject, fmt.Sprint("D", i), "", `"outcome":"declined"`))[0].Receipt.Index)
	}
	for _, text := range []string{"due=us.adverse-action.notice/breached", "finding=decline-reasons", "due=any finding=any not due=met"} {
		f := filter(t, text)
		first, err := l.Search(t.Context(), ledger.Query{Filter: f, Oldest: true, Limit: 1})
		if err != nil || len(first.Indexes) != 1 || first.AsOf.IsZero() == f.Due() {
			t.Fatalf("%s: %+v, %v", text, first, err)
		}
		if f.Due() {
			q := ledger.Query{Filter: f, Oldest: true, Limit: 1, Cursor: first.Cursor, AsOf: first.AsOf.Add(1)}
			if _, err := l.Search(t.Context(), q); !errors.Is(err, ledger.ErrCursor) {
				t.Errorf("%s: of another time the cursor is taken: %v", text, err)
			}
		}
		if strings.HasPrefix(text, "due=any") { // the last: what comes now puts all right
			l.Submit(
				event(t, "adverse-action.noticed", "file/F-2", "N2", "", `"decisionRef":"D2"`),
				event(t, "record.corrected", "file/F-3", "C3", "", `"target":"D3","members":[{"pointer":"/data/outcome","value":"\"approved\""}]`),
			)
		}
		got := first.Indexes
		for q := (ledger.Query{Filter: f, Oldest: true, Limit: 1, Cursor: first.Cursor}); q.Cursor != ""; {
			p, err := l.Search(t.Context(), q)
			if err != nil || !p.AsOf.Equal(first.AsOf) {
				t.Fatalf("%s: %+v, %v", text, p, err)
			}
			got, q.Cursor = append(got, p.Indexes...), p.Cursor
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	got, err := search(l.Ledger, t, ledger.Query{Filter: filter(t, "due=any finding=any not due=met"), Oldest: true, Limit: 1})
	if err != nil || !slices.Equal(got, want[:2]) {
		t.Errorf("a new search finds %v, want %v: %v", got, want[:2], err)
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// What is due is judged as of a time, by the state of each obligation by itself.
func TestSearchWhatIsDue(t *testing.T) {
	l := ledgertest.New(t)
	first := l.Head().Size
	l.Submit(
		event(t, "decision.made", "file/A", "a1", "", `"outcome":"declined","jurisdiction":"US"`),
		event(t, "decision.made", "file/B", "b1", `"party":"P-1"`, `"outcome":"declined","jurisdiction":"US"`),
		event(t, "adverse-action.noticed", "file/B", "b2", "", `"decisionRef":"b1","sentAt":"2026-04-10T00:00:00Z"`),
		event(t, "decision.made", "file/C", "c1", "", `"outcome":"declined","jurisdiction":"DE"`),
		event(t, "complaint.opened", "file/A", "a2", "", `"channel":"regulator","receivedAt":"2026-03-04","jurisdiction":"US"`),
		event(t, "statement.issued", "line/L", "l1", "", `"due":{"amount":"250.00","currency":"EUR"}`),
	)
	const notice = "us.adverse-action.notice"
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tc := range []struct {
		text, asOf string
		want       []int64 // from first on
	}{
		{"due=" + notice, "2026-03-03", nil},
		{"due=" + notice + "/open", "2026-03-05", []int64{0, 1}},
		{"due=" + notice + "/open", "2026-04-03", []int64{0, 1}},
		{"due=" + notice + "/open", "2026-04-04", nil},
		{"due=" + notice + "/breached", "2026-04-04", []int64{0, 1}},
		{"due=" + notice + "/breached," + notice + "/met-late", "2026-05-01", []int64{0, 1}},
		{"due=" + notice + "/met-late", "2026-05-01", []int64{1}},
		{"due=met", "2026-05-01", nil},
		{"due=breached type=decision.made", "2026-05-01", []int64{0}},
		{"due=us.complaint.response,us.complaint.final", "2026-05-01", []int64{4}},
		{"due!=any", "2026-05-01", []int64{2, 3, 5}},
		{"due=any party=P-1", "2026-05-01", []int64{1}},
		{"due=any jurisdiction=DE", "2026-05-01", nil},
		{"data.due=250", "2026-05-01", []int64{5}},
		{"data.due>200 due!=any", "2026-05-01", []int64{5}},
		{"due.currency=EUR", "2026-05-01", []int64{5}},
	} {
		want := make([]int64, len(tc.want))
		for i, n := range tc.want {
			want[i] = first + n
		}
		q := ledger.Query{Filter: filter(t, fmt.Sprintf("index>=%d %s", first, tc.text)), Oldest: true, Limit: 2, AsOf: day(tc.asOf)}
		if got, err := search(l.Ledger, t, q); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s as of %s: %v, want %v: %v", tc.text, tc.asOf, got, want, err)
		}
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// A restricted record is in no story: no finding and no obligation tells of it,
// neither of the record itself nor of another one of its subject.
func TestRestrictedIsNotJudged(t *testing.T) {
	l := ledgertest.New(t)
	const overdue = `"caseKind":"fraud","openedAt":"2026-01-01","dueAt":"2026-01-31"`
	l.Submit(
		event(t, "case.opened", "case/K", "k1", "", overdue),
		event(t, "case.opened", "case/K", "k2", "", overdue),
		event(t, "record.corrected", "case/K", "k3", "", `"target":"k1","members":[{"pointer":"/data/dueAt","value":"\"2026-02-01\""}],"requesterId":"S-1","approverId":"S-1"`),
	)
	last := l.Head().Size - 1
	for text, want := range map[string][]int64{
		"type=restricted finding=any":                       nil,
		"type=restricted due=any":                           nil,
		"type=restricted not due=any":                       {last - 1, last - 2},
		"subject=case/K finding=any":                        {last},
		"subject=case/K finding=correction-people":          {last},
		"subject=case/K due=any":                            nil,
		"type=restricted not finding=any capture=late,live": {last - 1, last - 2},
	} {
		if got, err := search(l.Ledger, t, ledger.Query{Filter: filter(t, text), Limit: 10}); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v: %v", text, got, want, err)
		}
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// What can't be read any more says nothing: neither what is found nor what is
// due rests on it.
func TestErasedIsNotJudged(t *testing.T) {
	l := ledgertest.New(t)
	payment := `"paymentId":"P","amount":{"amount":"5.00","currency":"EUR"},"principal":{"amount":"4.00","currency":"EUR"},"interest":{"amount":"0.50","currency":"EUR"}`
	at := l.Submit(event(t, "payment.received", "file/A", "a1", `"party":"P-1"`, payment))[0].Receipt.Index
	q := ledger.Query{Filter: filter(t, "finding=payment-parts"), Limit: 10}
	if got, err := search(l.Ledger, t, q); err != nil || !slices.Equal(got, []int64{at}) {
		t.Errorf("%v, %v", got, err)
	}
	l.ForgetKey("party:P-1")
	if got, err := search(l.Ledger, t, q); err != nil || len(got) > 0 {
		t.Errorf("after the erasure %v, %v", got, err)
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// A name that there is not is refused with those that are near it, and what
// asked for a member that a lender's own type calls so is told how.
func TestUnknownFindingsAndDues(t *testing.T) {
	l := ledgertest.New(t)
	for text, want := range map[string]string{
		"finding=decline-reason":                  "column 1: no rule has this name: near it are decline-reasons, close-reason, notice-reasons;",
		"type=decision.made not finding=Any":      "column 20: no rule has this name: near it are any,",
		"due=us.adverse-action.notices":           "column 1: no obligation or state has this name: near it are us.adverse-action.notice,",
		"due=us.adverse-action.notice,breach":     "column 1: no obligation or state has this name: near it are breached,",
		"due=us.adverse-action.notice/late":       "column 1: after the slash comes the state of the obligation: breached, open, met-late, met",
		"due=open/us.adverse-action.notice":       "column 1: no obligation or state has this name",
		"due=any/open":                            "column 1: no obligation or state has this name",
		"due=250.00":                              "column 1: no obligation or state has this name",
		"type=statement.issued due=2026-01":       "column 23: no obligation or state has this name",
		"finding=decline-reasons,payment-parts":   "",
		"type=statement.issued due=open":          "",
		"type=decision.made finding!=any due=any": "",
	} {
		for _, open := range []bool{false, true} {
			_, err := l.Search(t.Context(), ledger.Query{Filter: filter(t, text), Limit: 10, Open: open})
			if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
				t.Errorf("%s: %v, want %q", text, err, want)
			}
			if err != nil && strings.HasPrefix(want, "column 1: no ") && !strings.Contains(err.Error(), "a member of data") {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	register(t, l, parseSchema(t, strings.NewReplacer(`"note"`, `"due"`, `"result"`, `"finding"`).Replace(reviewed)))
	for text, want := range map[string]string{
		"due=open":                        "column 1: records of com.example.loan.reviewed.v1 have a member of data that is called due: write data.due",
		"index>1 finding=any":             "column 9: records of com.example.loan.reviewed.v1 have a member of data that is called finding: write data.finding",
		"due=kept":                        "column 1: no obligation or state has this name",
		"data.due=open data.finding=kept": "",
		"due=open type=decision.made":     "",
		"finding=any not type=com.example.loan.reviewed.v1": "",
	} {
		_, err := l.Search(t.Context(), ledger.Query{Filter: filter(t, text), Limit: 10})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}
