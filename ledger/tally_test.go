// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/stats"
	"github.com/lendlog/lendlog/ledger/story"
)

// tallied is all that a tally says.
type tallied struct {
	Size  int64
	Stats []*stats.Report
	Due   []*due.Report
	Found *rule.Survey
}

var (
	tallyScopes = []stats.Scope{{}, {From: "2024-06"}, {To: "2025-03"}, {From: "2024-01", To: "2025-12", Product: "personal"}}
	tallyDues   = func(now time.Time) (all []due.Query) {
		for _, asOf := range []time.Time{now, now.AddDate(0, -7, 0), now.AddDate(-2, 0, 0), now.AddDate(3, 0, 0)} {
			for _, limit := range []int{0, 7, due.None} {
				all = append(all, due.Query{AsOf: asOf, Zone: time.UTC, Limit: limit})
			}
		}
		within := 20
		return append(all, due.Query{AsOf: now, States: []due.State{due.Open, due.Breached}, Within: &within, Limit: 50}, due.Query{AsOf: now, Obligation: "adverse-action-notice"})
	}
)

const tallyFindings = 5

// told is what the tally says now.
func toldBy(t *testing.T, tally *ledger.Tally) tallied {
	t.Helper()
	head, _, ok := tally.Head()
	if !ok {
		t.Fatal("nothing was read")
	}
	out := tallied{Size: head.Size}
	for _, scope := range tallyScopes {
		r, under, err := tally.Stats(scope)
		if err != nil || under.Size != head.Size {
			t.Fatal(err, under.Size)
		}
		out.Stats = append(out.Stats, r)
	}
	for _, q := range tallyDues(bookEnd) {
		r, _ := tally.Due(q)
		out.Due = append(out.Due, r)
	}
	out.Found, _ = tally.Findings()
	return out
}

// toldWhole is what readings of the whole ledger say under a head.
func toldWhole(t *testing.T, l *ledger.Ledger, head ledger.Head) tallied {
	t.Helper()
	out := tallied{Size: head.Size}
	c, err := l.Count(t.Context(), head, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range tallyScopes {
		r, err := l.Report(c, scope)
		if err != nil {
			t.Fatal(err)
		}
		out.Stats = append(out.Stats, r)
	}
	table, err := due.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var stories []*story.Story
	for s, err := range l.Stories(t.Context(), head, table, nil) {
		if err != nil {
			t.Fatal(err)
		}
		stories = append(stories, s)
	}
	each := func(yield func(*story.Story, error) bool) {
		for _, s := range stories {
			if !yield(s, nil) {
				return
			}
		}
	}
	for _, q := range tallyDues(bookEnd) {
		r, err := table.Collect(q, each)
		if err != nil {
			t.Fatal(err)
		}
		out.Due = append(out.Due, r)
	}
	rules, err := rule.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if out.Found, err = rules.Survey(l.Stories(t.Context(), head, rules, nil), tallyFindings); err != nil {
		t.Fatal(err)
	}
	return out
}

// sameTold requires that both say the same; how much there is on disk moves.
func sameTold(t *testing.T, what string, want, got tallied) {
	t.Helper()
	for _, told := range []tallied{want, got} {
		for _, r := range told.Stats {
			r.Growth.Store, r.Growth.Mirror = nil, nil
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-whole +followed):\n%s", what, diff)
	}
}

var bookEnd = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// bookEvents are the events of a book with faults, a number of stories at once.
func bookEvents(t *testing.T, seed uint64) (all []ledgertest.Event) {
	t.Helper()
	book, err := lifecycle.New(lifecycle.Config{Loans: 24, Seed: seed, Faults: 24, Window: 20})
	if err != nil {
		t.Fatal(err)
	}
	for e := range book.Events() {
		all = append(all, ledgertest.Event{Document: slices.Clone(e.Document), Submitter: "key-1"})
	}
	return all
}

// Whatever is appended between two rounds, and wherever the ledger was opened again,
// a tally says what readings of the whole ledger say.
func TestTallyEqualsReadingEverything(t *testing.T) {
	for seed := range uint64(scale.Of(1, 2)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			book := bookEvents(t, seed)
			if seed%2 == 1 { // corrections before what they correct, and whatever else
				rng.Shuffle(len(book), func(i, j int) { book[i], book[j] = book[j], book[i] })
			}
			events := slices.Concat(book, ledgertest.NewEvents(seed).Take(200))
			dir := ledgertest.Create(t, ledger.CreateOptions{})
			l := ledgertest.Start(t, dir, ledger.Options{})
			tally, err := l.NewTally(tallyFindings)
			if err != nil {
				t.Fatal(err)
			}
			rounds := 0
			for len(events) > 0 {
				n := min(len(events), 1+rng.IntN(len(events)/2+20))
				l.Submit(events[:n]...)
				events = events[n:]
				if err := tally.Update(t.Context()); err != nil {
					t.Fatal(err)
				}
				rounds++
				sameTold(t, fmt.Sprintf("round %d", rounds), toldWhole(t, l.Ledger, l.Head()), toldBy(t, tally))
				if rounds%3 != 0 {
					continue
				}
				l.Stop()
				l = ledgertest.Start(t, dir, ledger.Options{})
				if tally, err = l.NewTally(tallyFindings); err != nil {
					t.Fatal(err)
				}
			}
			if err := tally.Update(t.Context()); err != nil { // it may have just been opened
				t.Fatal(err)
			}
			if said := toldBy(t, tally); rounds < 4 || len(said.Found.Counts) < 5 || len(said.Due[0].Items) < 20 || said.Stats[0].Decisions.Count < 30 {
				t.Errorf("after %d rounds there is too little: %+v", rounds, said)
			}
			l.Stop()
			ledgertest.Check(t, dir)
		})
	}
}

// Whatever a tally knows and the ledger has learned since, a search that asks it finds
// what one finds that reads every story, at once; also in a later page.
func TestTallyFindsFindings(t *testing.T) {
	l := ledgertest.New(t)
	tally, err := l.NewTally(tallyFindings)
	if err != nil {
		t.Fatal(err)
	}
	filters := []string{"finding=any", "finding=decline-reasons type=decision.made", "not finding=decline-reasons outcome=declined", "finding=decline-reasons not finding=payment-parts"}
	all := func(text string, size int64, tally *ledger.Tally) (found []int64, pages int) {
		t.Helper()
		for q := (ledger.Query{Filter: filter(t, text), Limit: 2, Size: size, Tally: tally}); ; pages++ {
			p, err := l.Search(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, p.Indexes...)
			if q.Cursor = p.Cursor; q.Cursor == "" {
				return found, pages + 1
			}
		}
	}
	same := func(size int64) {
		t.Helper()
		for _, text := range filters {
			want, _ := all(text, size, nil)
			if got, _ := all(text, size, tally); !slices.Equal(got, want) {
				t.Errorf("%s of %d records: %v, want %v", text, size, got, want)
			}
		}
	}
	declined := func(n int) ledgertest.Event {
		subject := fmt.Sprint("file/D-", n)
		return event(t, "decision.made", subject, fmt.Sprint("D", n), "", `"outcome":"declined"`)
	}
	l.Submit(declined(1), declined(2))
	for i := range 3 {
		subject := fmt.Sprint("file/P-", i)
		l.Submit(append(pay(t, subject, 900), event(t, "decision.made", subject, subject, "", `"outcome":"approved"`))...)
	}
	before := l.Head().Size
	same(0) // it has read nothing yet
	if err := tally.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(0)
	if found, pages := all("finding=any", 0, tally); len(found) != 2 || pages != 1 {
		t.Errorf("%d records are found in %d pages", len(found), pages)
	}
	if _, pages := all("finding=any", 0, nil); pages < 2 {
		t.Errorf("without the tally there are %d pages: too few to tell", pages)
	}
	// A finding goes away, and others come: more than the tally lists.
	l.Submit(event(t, "record.voided", "file/D-2", "V", "", `"target":"D2"`), declined(3))
	same(0)
	same(before)
	if err := tally.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(0)
	same(before)
	for n := range 2*tallyFindings + 1 {
		l.Submit(declined(4 + n))
	}
	if err := tally.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(0)
	l.Stop()
	ledgertest.Check(t, l.Dir)
}
