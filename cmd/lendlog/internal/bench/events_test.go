// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"testing"

	"github.com/lendlog/lendlog/ledger/record"
)

func TestEventsAreAcceptedAndAsLargeAsReal(t *testing.T) {
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	const n = 50_000
	e := NewEvents(1, 0)
	types, subjects, ids := map[string]int{}, map[string]bool{}, map[string]bool{}
	size := 0
	for _, doc := range e.Take(n) {
		ev, err := record.ParseEvent(doc, cat)
		if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		types[ev.Type]++
		if ev.Kind != "case" {
			subjects[ev.Subject] = true
		}
		ids[ev.ID] = true
		size += len(doc)
	}
	if mean := size / n; mean < 600 || mean > 900 {
		t.Errorf("an event has %d bytes on average, want 600 to 900", mean)
	}
	if len(ids) != n {
		t.Errorf("%d ids of %d events", len(ids), n)
	}
	if got := len(subjects); got < n/11 || got > n/9 || uint64(got) != e.Subjects() {
		t.Errorf("%d subjects of %d events, Subjects() = %d; want one in ten", got, n, e.Subjects())
	}
	for i := range e.Subjects() {
		if kind, id := e.Subject(i); !subjects[kind+"/"+id] {
			t.Fatalf("Subject(%d) = %s/%s, of which there is no event", i, kind, id)
		}
	}
	for _, typ := range []string{
		"application.received", "decision.made", "contract.signed", "loan.disbursed", "payment.received", "loan.closed", "adverse-action.noticed",
		"line.opened", "statement.issued", "delinquency.changed", "complaint.opened", "record.corrected", "case.opened",
	} {
		if types["org.lendlog."+typ+".v1"] == 0 {
			t.Errorf("no event is of type %s", typ)
		}
	}
	t.Logf("%d bytes each, %v", size/n, types)
}

func TestEventsOfASeedAreTheSame(t *testing.T) {
	join := func(e *Events, cuts ...int) []byte {
		var all []byte
		for _, n := range cuts {
			all = append(all, bytes.Join(e.Take(n), []byte("\n"))...)
			all = append(all, '\n')
		}
		return all
	}
	a := join(NewEvents(7, 3), 500)
	if !bytes.Equal(a, join(NewEvents(7, 3), 123, 377)) {
		t.Error("cut otherwise they differ")
	}
	if bytes.Equal(a, join(NewEvents(8, 3), 500)) || bytes.Equal(a, join(NewEvents(7, 4), 500)) {
		t.Error("another seed or submitter gives the same events")
	}
}
