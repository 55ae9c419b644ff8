// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// reviewed is a lender's own schema.
const reviewed = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:lendlog:schema:com.example.loan.reviewed.v1",
  "title": "Loan reviewed",
  "type": "object",
  "x-subject": "file",
  "properties": {
    "result": {"type": "string", "enum": ["kept", "called"], "x-open": true},
    "note": {"type": "string", "x-key": "party"}
  },
  "required": ["result"],
  "additionalProperties": false,
  "examples": [{"result": "kept", "note": "All well."}]
}`

func parseSchema(t *testing.T, text string) *record.Schema {
	t.Helper()
	s, err := record.ParseSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func register(t *testing.T, l *ledgertest.Ledger, s *record.Schema) ledger.Registration {
	t.Helper()
	r, err := l.Register(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// review submits an event of the lender's own type.
func review(t *testing.T, l *ledgertest.Ledger, id, data string) *ledger.Result {
	t.Helper()
	doc := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"urn:test","type":"com.example.loan.reviewed.v1","subject":"file/1","time":"2026-03-01T10:00:00Z","data":%s}`, id, data)
	ev, err := record.ParseEvent([]byte(doc), l.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Append(t.Context(), ev, "key-1")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A lender's schema holds from its registration on, and across openings; an
// event of a version that was replaced can still be read and proved.
func TestRegister(t *testing.T) {
	dir := ledgertest.Create(t, ledger.CreateOptions{})
	t.Cleanup(func() { ledgertest.Check(t, dir) })
	l := ledgertest.Start(t, dir, ledger.Options{})
	first := parseSchema(t, reviewed)
	second := parseSchema(t, strings.Replace(reviewed, `"kept", "called"`, `"kept", "called", "watched"`, 1))

	size := l.Head().Size
	if r := register(t, l, first); r.Repeated || r.Index != size {
		t.Errorf("registered as %+v, want record %d", r, size)
	}
	old := review(t, l, "r-1", `{"result":"kept","note":"n"}`)
	size = l.Head().Size
	if r := register(t, l, second); r.Repeated || r.Index != size {
		t.Errorf("registered as %+v, want record %d", r, size)
	}
	if r := register(t, l, second); !r.Repeated || r.Index != size || l.Head().Size != size+1 {
		t.Errorf("registered again as %+v of %d records", r, l.Head().Size)
	}
	review(t, l, "r-2", `{"result":"watched"}`)
	l.Stop()

	l = ledgertest.Start(t, dir, ledger.Options{})
	if s, ok := l.Catalogue().Type(first.Type); !ok || s.Hash != second.Hash {
		t.Error("the second version is not the current one after opening")
	}
	if s, ok := l.Schema(first.Hash); !ok || string(s.Text) != reviewed {
		t.Error("the first version is lost")
	}
	if r := register(t, l, second); !r.Repeated || r.Index != size {
		t.Errorf("registered again after opening as %+v", r)
	}
	review(t, l, "r-3", `{"result":"watched"}`)
	r, err := l.Record(t.Context(), old.Receipt.Index)
	if err != nil || r.Schema.Hash != first.Hash || r.Document() == nil {
		t.Fatalf("the old record: %+v, %v", r, err)
	}
	e, err := l.Prove(t.Context(), old.Receipt.Index, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if v := proof.Verify(l.Trust(), e); v.Verdict != proof.Valid {
		t.Errorf("its evidence is %v: %+v", v.Verdict, v.Checks)
	}
	if e.Schemas == nil || string(e.Schemas[0]) != reviewed {
		t.Error("its evidence carries another schema")
	}
}

// What is not admitted appends nothing and changes nothing.
func TestRegisterRefuses(t *testing.T) {
	l := ledgertest.New(t)
	first := parseSchema(t, reviewed)
	register(t, l, first)
	size := l.Head().Size
	for name, change := range map[string][2]string{
		"x-own":             {`"x-subject"`, `"x-own": true, "x-subject"`},
		"a name of lendlog": {"com.example.", "org.lendlog."},
		"opened":            {`"note": {"type": "string", "x-key": "party"}`, `"note": {"type": "boolean", "x-open": true}`},
	} {
		s := parseSchema(t, strings.NewReplacer(change[0], change[1], `, "note": "All well."`, "").Replace(reviewed))
		_, err := l.Register(t.Context(), s)
		var vs record.Violations
		if !errors.As(err, &vs) {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := l.Schema(s.Hash); ok || l.Head().Size != size {
			t.Errorf("%s: something was registered", name)
		}
	}
}

// Of versions that come in at the same time each is held against those before
// it: one seals what the other opens, which may come first but never last.
func TestRegisterConcurrently(t *testing.T) {
	l := ledgertest.New(t)
	opened := parseSchema(t, strings.NewReplacer(
		`"note": {"type": "string", "x-key": "party"}`, `"note": {"type": "string", "enum": ["a"], "x-open": true}`,
		`"All well."`, `"a"`).Replace(reviewed))
	sealed := parseSchema(t, reviewed)
	var registering sync.WaitGroup
	for range 4 {
		for _, s := range []*record.Schema{opened, sealed} {
			registering.Go(func() {
				var vs record.Violations
				if _, err := l.Register(t.Context(), s); err != nil && !errors.As(err, &vs) {
					t.Error(err)
				}
			})
		}
	}
	registering.Wait()
	if current, ok := l.Catalogue().Type(sealed.Type); !ok || current.Hash != sealed.Hash {
		t.Error("the version that seals the member is not the current one")
	}
}

// A ledger that an older program made takes its own types until the newer ones
// are registered.
func TestUnregistered(t *testing.T) {
	builtin, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var older []*record.Schema
	for _, s := range builtin.All() {
		if s.Type != "org.lendlog.loan.closed.v1" {
			older = append(older, s)
		}
	}
	catalogue, err := new(record.Catalogue).With(older...)
	if err != nil {
		t.Fatal(err)
	}
	dir := ledgertest.Create(t, ledger.CreateOptions{Catalogue: catalogue})
	t.Cleanup(func() { ledgertest.Check(t, dir) })
	l := ledgertest.Start(t, dir, ledger.Options{})
	size := l.Head().Size
	l.Stop()
	l = ledgertest.Start(t, dir, ledger.Options{})
	if _, ok := l.Catalogue().Type("org.lendlog.loan.closed.v1"); ok {
		t.Error("a type is taken that was never registered")
	}
	missing, err := l.Unregistered()
	if err != nil || len(missing) != 1 || missing[0].Type != "org.lendlog.loan.closed.v1" {
		t.Fatalf("unregistered are %v, %v", missing, err)
	}
	if r := register(t, l, missing[0]); r.Index < size {
		t.Errorf("registered as %+v", r)
	}
	if missing, err := l.Unregistered(); err != nil || len(missing) > 0 {
		t.Errorf("unregistered are %v, %v", missing, err)
	}
	if _, ok := l.Catalogue().Type("org.lendlog.loan.closed.v1"); !ok {
		t.Error("the type is not taken")
	}
}

// Whoever gives up waiting has submitted all the same.
func TestRegisterWithoutWaiting(t *testing.T) {
	l := ledgertest.New(t)
	s := parseSchema(t, reviewed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Register(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	register(t, l, s)
	if _, ok := l.Catalogue().Type(s.Type); !ok {
		t.Error("the type is not there")
	}
}
