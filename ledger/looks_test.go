// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/record"
)

// Nobody but the ledger says who looked.
func TestLooksAreTheLedgers(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	const data = `{"look": "A", "grant": "aaaaaaaa", "role": "auditor", "purpose": "audit", "act": "read", "exported": false}`
	v2 := func(typ, subject string) []byte {
		return []byte(strings.Replace(string(document(typ, subject, "1", data, nil)), typ+".v1", typ+".v2", 1))
	}
	for name, tc := range map[string]struct {
		doc []byte
		at  string
	}{
		"a chain":           {document("access.occurred", "ledger/looks/file/A", "1", `{"count": 1}`, nil), "/subject"},
		"that of a day":     {document("access.occurred", "ledger/looks/2026-11-30", "1", `{"count": 1}`, nil), "/subject"},
		"that of the cases": {document("case.opened", "case/looks/2026-11-30", "1", `{"caseKind": "fraud"}`, nil), "/subject"},
		"a look":            {v2("access.occurred", "ledger/looks/file/A"), "/type"},
		"a look at a case":  {v2("case.accessed", "case/C"), "/type"},
	} {
		ev, err := record.ParseEvent(tc.doc, h.l.Catalogue())
		if err == nil {
			_, err = h.l.Append(t.Context(), ev, "key-1")
		}
		var found record.Violations
		if !errors.As(err, &found) || found[0].Pointer != tc.at {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A ledger that an older program made says what it lacks.
func TestLooksOfAnOlderLedger(t *testing.T) {
	builtin, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	older := slices.DeleteFunc(slices.Clone(builtin.All()), func(s *record.Schema) bool { return strings.HasSuffix(s.Type, ".v2") })
	catalogue, err := new(record.Catalogue).With(older...)
	if err != nil {
		t.Fatal(err)
	}
	l := ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{Catalogue: catalogue}), ledger.Options{})
	k := &look.Look{Opened: look.Opened{Loose: look.SpansOf(0)}}
	if err := l.RecordLook(t.Context(), k, k.Parts(time.Now())); !errors.Is(err, ledger.ErrNoLooks) || !strings.Contains(err.Error(), "types add --builtin") {
		t.Errorf("without the types: %v", err)
	}
}

// Looks are found by what was looked at, by whom, and when, page by page, those at
// many at once included, and say nothing in the open of what they were at.
func TestLooked(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	var all []int64
	for i := range look.Spread + 2 {
		r := h.append(document("payment.received", fmt.Sprintf("file/%02d", i), fmt.Sprint(i), payment(1), map[string]any{"party": fmt.Sprint("person-", i)}))
		all = append(all, r.Receipt.Index)
	}
	do := func(grant string, indexes ...int64) {
		t.Helper()
		k := &look.Look{Grant: grant, Role: "auditor", Purpose: "audit", Act: look.Read}
		var err error
		if k.Opened, err = h.l.Opened(t.Context(), indexes...); err == nil {
			err = h.l.RecordLook(t.Context(), k, k.Parts(time.Now()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	before := h.l.Head().Size
	do("aaaaaaaa", all[0])
	do("bbbbbbbb", all...)
	do("aaaaaaaa", all[1])
	do("aaaaaaaa", 0) // the ledger's own
	if got := h.l.Head().Size - before; got != 2+1+2 {
		t.Errorf("the looks are %d records", got)
	}
	ask := func(q ledger.Looking) (told []string, page *ledger.Looked) {
		t.Helper()
		page, err := h.l.Looked(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Looks {
			told = append(told, d.Grant+" "+strings.Replace(d.Chain, look.Day(d.At), "day", 1))
		}
		return told, page
	}
	for name, tc := range map[string]struct {
		q    ledger.Looking
		want []string
	}{
		"a subject":      {ledger.Looking{Subject: "file/00"}, []string{"bbbbbbbb day", "aaaaaaaa ledger/looks/file/00"}},
		"another":        {ledger.Looking{Subject: "file/01"}, []string{"aaaaaaaa ledger/looks/file/01", "bbbbbbbb day"}},
		"one of many":    {ledger.Looking{Subject: "file/05"}, []string{"bbbbbbbb day"}},
		"nobody":         {ledger.Looking{Subject: "file/nobody"}, nil},
		"a person":       {ledger.Looking{Party: "person-0"}, []string{"bbbbbbbb day", "aaaaaaaa ledger/looks/party/person-0"}},
		"a key":          {ledger.Looking{By: "bbbbbbbb"}, []string{"bbbbbbbb day"}},
		"a key, subject": {ledger.Looking{By: "aaaaaaaa", Subject: "file/00"}, []string{"aaaaaaaa ledger/looks/file/00"}},
		"before":         {ledger.Looking{Subject: "file/00", To: time.Now().Add(-time.Hour)}, nil},
		"since":          {ledger.Looking{Subject: "file/00", From: time.Now().Add(time.Hour)}, nil},
		"all":            {ledger.Looking{}, []string{"aaaaaaaa ledger/looks/party/person-1", "aaaaaaaa ledger/looks/file/01", "bbbbbbbb day", "aaaaaaaa ledger/looks/party/person-0", "aaaaaaaa ledger/looks/file/00"}},
	} {
		tc.q.Limit = 10
		got, _ := ask(tc.q)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		tc.q.Limit = 1
		var paged []string
		for {
			one, page := ask(tc.q)
			paged = append(paged, one...)
			if tc.q.Before = page.Before; tc.q.Before == 0 {
				break
			}
		}
		if diff := cmp.Diff(tc.want, paged); diff != "" {
			t.Errorf("%s, page by page (-want +got):\n%s", name, diff)
		}
	}
	for i := before; i < h.l.Head().Size; i++ {
		r, err := h.l.Record(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		if e := string(r.Entry); strings.Contains(e, "person-") || strings.Contains(e, "file/") || strings.Contains(e, `"records"`) {
			t.Errorf("the entry of a look says at what: %s", e)
		}
	}
}
