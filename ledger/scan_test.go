// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// A selection is triggered by one type, by its short name, and reads decisions
// and notices, with two members.
type selection string

const decisions selection = "decision.made"

func (s selection) Triggers(typ string) bool { return typ == story.Type(string(s)) }
func (s selection) Reads(typ string) bool {
	return s.Triggers(typ) || typ == story.Type("decision.made") || typ == story.Type("adverse-action.noticed") || typ == record.TypeRestricted
}
func (selection) Member(name string) bool { return name == "outcome" || name == "decisionRef" }

// startAudited runs a ledger that is audited at the end of the test.
func startAudited(t *testing.T) *ledgertest.Ledger {
	dir := ledgertest.Create(t, ledger.CreateOptions{})
	t.Cleanup(func() { ledgertest.Check(t, dir) }) // after it was stopped
	return ledgertest.Start(t, dir, ledger.Options{})
}

// told writes a story in a line.
func told(s *story.Story) string {
	parts := []string{s.Subject}
	for _, r := range s.Records {
		part := fmt.Sprintf("%s %s", r.ID, r.Effective.Bytes())
		if r.VoidedBy != 0 {
			part += " voided"
		}
		parts = append(parts, part)
	}
	if s.Unclear {
		parts = append(parts, "unclear")
	}
	return strings.Join(parts, "; ")
}

// stories reads all of them.
func stories(t *testing.T, l *ledger.Ledger, head ledger.Head) (all []string) {
	t.Helper()
	for s, err := range l.Stories(t.Context(), head, decisions, nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, told(s))
	}
	slices.Sort(all)
	return all
}

// Each subject that has a trigger comes once, with what is selected of it and
// its corrections, and what came after the head does not show. Nothing that is
// restricted does.
func TestStories(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	h.append(document("payment.received", "file/A", "a0", payment(1), nil))
	h.append(document("decision.made", "file/A", "a1", decision, nil))
	h.append(document("decision.made", "file/B", "b1", `{"outcome":"approved"}`, nil))
	h.append(document("payment.received", "file/C", "c1", payment(1), nil))
	h.append(document("adverse-action.noticed", "file/D", "d1", `{}`, nil))
	h.append(document("decision.made", "file/A", "a2", `{"outcome":"referred"}`, nil))
	h.append(document("adverse-action.noticed", "file/A", "a3", `{"decisionRef":"a1","craName":"Example"}`, nil))
	h.append(document("record.voided", "file/A", "a4", `{"target":"a2","reason":"Marta Beispiel"}`, nil))
	h.append(document("record.corrected", "file/B", "b2", `{"target":"b1","members":[{"pointer":"/data/outcome","value":"\"declined\""}],"reason":"Marta Beispiel"}`, nil))
	h.append(document("case.opened", "case/1", "k1", `{"caseKind":"fraud"}`, nil))
	then := h.l.Head()
	h.append(document("adverse-action.noticed", "file/B", "b3", `{"decisionRef":"b1"}`, nil))
	h.append(document("decision.made", "file/C", "c2", `{"outcome":"approved"}`, nil))

	a := `file/A; a1 {"outcome":"declined"}; a2 {"outcome":"referred"} voided; a3 {"decisionRef":"a1"}; a4 {"target":"a2"}`
	b := `file/B; b1 {"outcome":"declined"}; b2 {"members":[{"pointer":"/data/outcome","value":"\"declined\""}],"target":"b1"}`
	if diff := cmp.Diff([]string{a, b}, stories(t, h.l, then)); diff != "" {
		t.Errorf("then:\n%s", diff)
	}
	if diff := cmp.Diff([]string{a, b + `; b3 {"decisionRef":"b1"}`, `file/C; c2 {"outcome":"approved"}`}, stories(t, h.l, h.l.Head())); diff != "" {
		t.Errorf("now:\n%s", diff)
	}

	for subject, want := range map[string]string{"file/A": a, "file/B": b, "file/C": "file/C", "file/D": `file/D; d1 {}`, "case/1": "case/1"} {
		kind, id, _ := strings.Cut(subject, "/")
		s, err := h.l.Story(t.Context(), then, kind, id, decisions)
		if err != nil || told(s) != want {
			t.Errorf("%s: %v, %v", subject, s, err)
		}
	}
	if _, err := h.l.Story(t.Context(), then, "file", "Z", decisions); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("an unknown subject: %v", err)
	}
	for range h.l.Stories(t.Context(), then, decisions, nil) {
		break // a caller who has enough
	}
}

// Of any ledger the stories are those of the timelines, however little room
// there is to find them in.
func TestStoriesAreTheTimelines(t *testing.T) {
	const complaints selection = "complaint.opened"
	l := startAudited(t)
	l.Submit(ledgertest.NewEvents(7).Take(3000)...)
	head := l.Head()
	selected, triggered := map[string][]int64{}, map[string]bool{}
	for index := range head.Size {
		r, err := l.Record(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		part, ok := r.Story()
		if !ok || r.Leaf.Entry.Type == record.TypeRestricted {
			continue
		}
		at := slices.IndexFunc(r.Members, func(m ledger.Member) bool { return m.Pointer == "/subject" })
		subject := r.Members[at].Value.Str
		triggered[subject] = triggered[subject] || complaints.Triggers(part.Type)
		if complaints.Reads(part.Type) || part.Type == story.Type("record.corrected") || part.Type == story.Type("record.voided") {
			selected[subject] = append(selected[subject], index)
		}
	}
	want := map[string][]int64{}
	for subject, indexes := range selected {
		if triggered[subject] {
			want[subject] = indexes
		}
	}
	if len(want) < 20 || len(want) == len(selected) {
		t.Fatalf("%d of %d subjects are triggered", len(want), len(selected))
	}
	for _, room := range []int{1 << 20, 64, 2} {
		last := int64(0)
		got := map[string][]int64{}
		for s, err := range l.StoriesIn(t.Context(), room, complaints, func(done, total int64) {
			if total != head.Size || done > total || done < last {
				t.Errorf("progress is %d of %d after %d", done, total, last)
			}
			last = done
		}) {
			if err != nil {
				t.Fatal(err)
			}
			if got[s.Subject] != nil {
				t.Fatalf("%s comes twice", s.Subject)
			}
			for _, r := range s.Records {
				got[s.Subject] = append(got[s.Subject], r.Index)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("room for %d:\n%s", room, diff)
		}
		if last == 0 {
			t.Errorf("room for %d: no progress", room)
		}
	}
}

// A story has no more records than fit; that there are more is said, and the
// rest of the ledger is read all the same.
func TestStoriesAreBounded(t *testing.T) {
	l := startAudited(t)
	submit := func(subject, id string) ledgertest.Event {
		return ledgertest.Event{Document: document("decision.made", subject, id, `{"outcome":"approved"}`, nil), Submitter: "key-1"}
	}
	var events []ledgertest.Event
	for i := range ledger.StoryRecords {
		events = append(events, submit("file/long", fmt.Sprint(i)))
	}
	l.Submit(events...)
	lengths := func() (out []string) {
		for s, err := range l.Stories(t.Context(), l.Head(), decisions, nil) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprint(s.Subject, " ", len(s.Records), " ", s.Unclear))
		}
		slices.Sort(out)
		return out
	}
	if diff := cmp.Diff([]string{fmt.Sprint("file/long ", ledger.StoryRecords, " false")}, lengths()); diff != "" {
		t.Error(diff)
	}
	l.Submit(submit("file/long", "more"), submit("file/short", "s"))
	if diff := cmp.Diff([]string{fmt.Sprint("file/long ", ledger.StoryRecords, " true"), "file/short 1 false"}, lengths()); diff != "" {
		t.Error(diff)
	}
}

// So it is with records that are large in what is selected of them.
func TestStoriesAreBoundedInBytes(t *testing.T) {
	l := startAudited(t)
	value := strings.Repeat("x", 19_000)
	event := func(id, typ, data string) ledgertest.Event {
		return ledgertest.Event{Document: document(typ, "file/A", id, data, nil), Submitter: "key-1"}
	}
	events := []ledgertest.Event{event("d", "decision.made", `{"outcome":"approved"}`)}
	for i := range 32 {
		members := strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`{"pointer":"/data/outcome","value":%q},`, value), 10), ",")
		events = append(events, event(fmt.Sprint(i), "record.corrected", `{"target":"d","members":[`+members+`]}`))
	}
	l.Submit(events...)
	for s, err := range l.Stories(t.Context(), l.Head(), decisions, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if size := len(s.Records) * 190_000; !s.Unclear || size < ledger.StoryBytes || size > ledger.StoryBytes+400_000 {
			t.Errorf("%d of 33 records, unclear %v", len(s.Records), s.Unclear)
		}
	}
}

// What is damaged ends the reading with an error, and never with less.
func TestStoriesOfADamagedLedger(t *testing.T) {
	l := startAudited(t)
	ev := func(subject, id string) ledgertest.Event {
		return ledgertest.Event{Document: document("decision.made", subject, id, decision, nil), Submitter: "key-1"}
	}
	l.Submit(ev("file/A", "a"), ev("file/B", "b"))
	head := l.Head()
	read := func(ctx context.Context) (n int, err error) {
		for _, e := range l.Stories(ctx, head, decisions, nil) {
			if err = e; err == nil {
				n++
			}
		}
		return n, err
	}
	if n, err := read(t.Context()); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := read(ended); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %d stories, %v", n, err)
	}
	last := head.Size - 1
	whole, err := l.Payload(last)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.EditPayload(last, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t.Context()); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("a payload was changed: %v", err)
	}
	if err := l.EditPayload(last, func([]byte) []byte { return whole }); err != nil {
		t.Fatal(err)
	}
}
