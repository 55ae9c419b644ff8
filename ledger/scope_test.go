// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// Within a scope nothing else is opened, whatever is called, and what is derived of
// other members is refused; what the ledger does for itself goes on.
func TestScope(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	doc := document("payment.received", "file/A-1", "secret-id", `{"paymentId": "secret-payment", "amount": {"amount": "12.50", "currency": "EUR"}}`, nil)
	index0 := h.append(doc).Receipt.Index
	restricted := h.append(document("case.opened", "case/K-1", "case-id", `{"caseKind": "suspicious-report", "narrative": "secret-narrative"}`, nil)).Receipt.Index
	ctx := ledger.Within(t.Context(), []string{"/data/amount"})
	head := h.l.Head()

	shows := func(name string, r *ledger.Record, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Seeds != nil || r.Document() != nil {
			t.Errorf("%s comes with seeds, or whole", name)
		}
		for _, m := range r.Members {
			if !m.Open && m.Pointer != "/data/amount" {
				t.Errorf("%s shows %s", name, m.Pointer)
			}
		}
		if s, ok := r.Story(); ok && strings.Contains(string(s.Data.Bytes()), "secret-") {
			t.Errorf("the story of %s shows %s", name, s.Data.Bytes())
		}
		docs, err := r.Disclosures()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			if x, err := seal.ParseDisclosure(d.Disclosure); err != nil || x.Pointer != "/data/amount" {
				t.Errorf("%s discloses %s, %v", name, d.Disclosure, err)
			}
		}
	}
	r, err := h.l.Record(ctx, index0)
	shows("a record", r, err)
	if docs, _ := r.Disclosures(); len(docs) != 1 {
		t.Errorf("%d members are disclosed", len(docs))
	}
	r, err = h.l.Record(ctx, restricted)
	shows("a restricted record", r, err)
	if r.Schema != nil || len(r.Members) != 0 {
		t.Errorf("a restricted record shows of what type it is: %+v", r)
	}
	for r, err := range h.l.Records(ctx, 0, head.Size, func(string) bool { return true }) {
		shows("one of all records", r, err)
	}
	// Of others than those in scope nothing is disclosed, whatever is asked for.
	e, err := h.l.Prove(ctx, index0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b := string(e.Bytes()); strings.Contains(b, "secret-") || !strings.Contains(b, "12.50") || strings.Contains(b, "file/A-1") {
		t.Errorf("evidence is %s", b)
	}
	if report := proof.Verify(h.l.Trust(), e); report.Verdict != proof.Valid {
		t.Errorf("evidence is %v: %v", report.Verdict, report.Checks)
	}
	var bundle strings.Builder
	if err := h.l.WriteBundle(ctx, &bundle, ledger.Bundling{}, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"secret-id", "secret-payment", "secret-narrative", "file/A-1", "case/K-1"} {
		if strings.Contains(bundle.String(), s) {
			t.Errorf("a bundle shows %s", s)
		}
	}
	if !strings.Contains(bundle.String(), "12.50") {
		t.Error("a bundle shows nothing")
	}

	obligations, err := due.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"timeline": func() error { _, err := h.l.Timeline(ctx, "file", "A-1", 1, 1); return err },
		"evidence of a subject": func() error {
			_, err := h.l.ProveSubject(ctx, "file", "A-1", func(string) bool { return false })
			return err
		},
		"story":      func() error { _, err := h.l.Story(ctx, head, "file", "A-1", obligations); return err },
		"statistics": func() error { _, err := h.l.Statistics(ctx, head, nil); return err },
		"stories": func() (err error) {
			for _, e := range h.l.Stories(ctx, head, obligations, nil) {
				err = errors.Join(err, e)
			}
			return err
		},
	} {
		if err := do(); !errors.Is(err, ledger.ErrScope) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, found := range map[string]bool{
		"": true, "amount.amount>12": true, "type=payment.received": true, "index=0": true, "type=restricted": true,
		"paymentId=secret-payment": false, "not paymentId=x": false, "subject=file/A-1": false, "party=customer-file/A-1": false, "officer=x": false,
		"source=urn:test:core": false, "id=secret-id source=urn:test:core": false, "finding=any": false, "due=any": false,
	} {
		f, err := index.ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.l.Search(ctx, ledger.Query{Filter: f, Limit: 10})
		var refused *index.FilterError
		if found != (err == nil) || !found && !errors.As(err, &refused) {
			t.Errorf("%q: %v", text, err)
		}
		if same := h.l.CheckFilter(ctx, f); (same == nil) != found {
			t.Errorf("%q is checked otherwise: %v", text, same)
		}
		if !found {
			if err := h.l.WriteBundle(ctx, io.Discard, ledger.Bundling{Filter: f}, nil); !errors.As(err, &refused) {
				t.Errorf("a bundle by %q: %v", text, err)
			}
		}
	}
	// An event that is sent again is known again.
	ev, err := record.ParseEvent(doc, h.l.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := h.l.Append(ctx, ev, "key-1"); err != nil || !again.Repeated || len(again.Receipt.Seeds) == 0 {
		t.Errorf("sent again it is %+v, %v", again, err)
	}
	// With /type among them a restricted record is opened as far.
	r, err = h.l.Record(ledger.Within(t.Context(), []string{"/type"}), restricted)
	if err != nil {
		t.Fatal(err)
	}
	if sealed := slices.DeleteFunc(r.Members, func(m ledger.Member) bool { return m.Open }); r.Schema == nil || len(sealed) != 1 || sealed[0].Pointer != "/type" {
		t.Errorf("with /type it shows %+v", sealed)
	}
	if ledger.Whole(ctx) == nil || ledger.Whole(t.Context()) != nil {
		t.Error("whether all is opened is wrong")
	}
}
