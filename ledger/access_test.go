// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
)

// What is granted and revoked stands in the ledger, once each, with nothing of
// the key, and is read again from there.
func TestGrants(t *testing.T) {
	l := ledgertest.New(t)
	if all, err := l.Granted(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("a new ledger has the grants %v, %v", all, err)
	}
	if _, err := l.Revoke(t.Context(), "aaaaaaaa", ledger.Local, ""); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("what was never granted is revoked: %v", err)
	}
	key := access.NewKey()
	g := &access.Grant{ID: key.ID(), Hash: key.Hash(), Terms: access.Terms{
		Role: access.Submitter, Sources: []string{"urn:secret-source"}, Label: "secret-label", Rate: 10,
		Expires: time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC),
	}}
	index, err := l.Grant(t.Context(), g, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	other := *g
	other.Role, other.Sources = access.Auditor, nil
	var conflict *ledger.ConflictError
	if _, err := l.Grant(t.Context(), &other, ledger.Local); !errors.As(err, &conflict) {
		t.Errorf("one id is granted twice: %v", err)
	}
	r, err := l.Record(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"secret", key.Reveal()[12:40]} {
		if strings.Contains(string(r.Entry)+string(r.Document()), secret) {
			t.Errorf("the record of a grant holds %s", secret)
		}
	}
	l = ledgertest.Start(t, l.Stopped(), ledger.Options{})
	all, err := l.Granted(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := all[g.ID]
	if len(all) != 1 || got.ID != g.ID || got.Role != g.Role || got.Digest != g.Digest() || !got.Expires.Equal(g.Expires) || got.Index != index || got.At.IsZero() || !got.Revoked.IsZero() {
		t.Errorf("%+v was granted, and %+v is read", g, all)
	}
	revoked, err := l.Revoke(t.Context(), g.ID, "bbbbbbbb", "stolen")
	if err != nil {
		t.Fatal(err)
	}
	size := l.Head().Size
	if again, err := l.Revoke(t.Context(), g.ID, ledger.Local, ""); err != nil || again != revoked || l.Head().Size != size {
		t.Errorf("revoked again it is record %d, %v", again, err)
	}
	if all, err = l.Granted(t.Context()); err != nil || all[g.ID].Revoked.IsZero() || all[g.ID].Index != revoked {
		t.Errorf("a grant that was revoked is %+v, %v", all, err)
	}
	ledgertest.Check(t, l.Stopped())
}

// Nobody but the ledger says who may come in.
func TestAccessIsTheLedgers(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	for at, doc := range map[string][]byte{
		"/subject": document("access.occurred", "ledger/access", "1", `{"actorKind": "system", "purpose": "servicing", "count": 1}`, nil),
		"/type":    document("role.granted", "ledger/access", "2", `{"id": "aaaaaaaa", "means": "api-key", "role": "admin", "digest": "`+strings.Repeat("00", 32)+`", "grantor": "local"}`, nil),
	} {
		ev, err := record.ParseEvent(doc, h.l.Catalogue())
		if err == nil {
			_, err = h.l.Append(t.Context(), ev, "key-1")
		}
		var found record.Violations
		if !errors.As(err, &found) || found[0].Pointer != at {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// A ledger that an older program made says what it lacks.
func TestGrantOfAnOlderLedger(t *testing.T) {
	builtin, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var older []*record.Schema
	for _, s := range builtin.All() {
		if s.Type != record.TypeRoleGranted {
			older = append(older, s)
		}
	}
	catalogue, err := new(record.Catalogue).With(older...)
	if err != nil {
		t.Fatal(err)
	}
	l := ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{Catalogue: catalogue}), ledger.Options{})
	g := &access.Grant{ID: "aaaaaaaa", Terms: access.Terms{Role: access.Admin}}
	if _, err := l.Grant(t.Context(), g, ledger.Local); err == nil || !strings.Contains(err.Error(), "types add --builtin") {
		t.Errorf("without the type: %v", err)
	}
}
