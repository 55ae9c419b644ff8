// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// supervision are terms that only the second format of the file has.
var supervision = access.Terms{
	Role: access.Regulator, Label: "authority", Purpose: "supervision", Basis: "supervisory-request",
	Fields: []string{"/data/amount", "/subject"}, Expires: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
}

// What was granted is told of a key that was revoked too, after a restart and where
// only the record of it was left; and it lets nobody in.
func TestRevokedIsRemembered(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	shown := k.grant(t, supervision)
	k.Touch(t.Context(), k.Find(shown.Reveal()))
	path := filepath.Join(l.Dir, File)
	older, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	k.revoke(t, shown)
	check := func(k *Keys, name string) {
		t.Helper()
		s := k.List()[0]
		if s.State != Revoked || s.Revoked.IsZero() || s.Row.Label != "authority" || s.Row.Used.IsZero() || s.Purpose != "supervision" || s.Basis != "supervisory-request" || len(s.Fields) != 2 {
			t.Errorf("%s: %+v", name, s)
		}
		if k.Find(shown.Reveal()) != nil || k.Get(shown.ID()) != nil {
			t.Errorf("%s: it is good", name)
		}
	}
	check(k, "at once")
	check(open(t, l), "after a restart")
	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	check(open(t, l), "with an older file")
	// What marks it can be taken out of the file, and does not bring it back.
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "revoked") {
		t.Fatal("the older file is marked")
	}
	// It grants and revokes nothing either.
	again := open(t, l)
	if _, _, err := again.Grant(t.Context(), auditor, shown.ID()); !errors.Is(err, ErrBy) {
		t.Errorf("it grants: %v", err)
	}
}

// One key works at several ledgers that know no more than its request, and each ends
// it for itself.
func TestRequestAtSeveral(t *testing.T) {
	own := access.NewKey()
	r, err := access.ParseRequest(own.Request().String())
	if err != nil {
		t.Fatal(err)
	}
	var all []*Keys
	for n := range 3 {
		l := ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{Origin: fmt.Sprintf("lender.example/%d", n)}), ledger.Options{})
		k := open(t, l)
		g := access.Grant{ID: r.ID, Hash: r.Hash, Terms: supervision}
		if _, err := k.Add(t.Context(), g, ledger.Local); err != nil {
			t.Fatal(err)
		}
		if found := k.Find(own.Reveal()); found == nil || found.Role != access.Regulator {
			t.Error("the key is not known")
		}
		if _, err := k.Add(t.Context(), g, ledger.Local); !errors.Is(err, ErrTaken) {
			t.Errorf("it is granted twice: %v", err)
		}
		b, err := os.ReadFile(filepath.Join(l.Dir, File))
		if err != nil || strings.Contains(string(b), own.Reveal()[12:40]) {
			t.Errorf("the file holds the key, %v", err)
		}
		all = append(all, k)
	}
	all[1].revoke(t, own)
	for n, k := range all {
		if good := k.Find(own.Reveal()) != nil; good != (n != 1) {
			t.Errorf("after its end at one, ledger %d: %v", n, good)
		}
	}
	if _, err := all[1].Add(t.Context(), access.Grant{ID: r.ID, Hash: r.Hash, Terms: supervision}, ledger.Local); !errors.Is(err, ErrTaken) {
		t.Errorf("what was revoked is granted again: %v", err)
	}
}

// Whatever is no whole grant is not granted.
func TestAddRefuses(t *testing.T) {
	k := open(t, ledgertest.New(t))
	hash := access.NewKey().Hash()
	for name, g := range map[string]access.Grant{
		"no id":         {Hash: hash, Terms: supervision},
		"no hash":       {ID: "aaaaaaaa", Terms: supervision},
		"no expiry":     {ID: "aaaaaaaa", Hash: hash, Terms: access.Terms{Role: access.Regulator, Purpose: "supervision"}},
		"over":          {ID: "aaaaaaaa", Hash: hash, Terms: access.Terms{Role: access.Auditor, Expires: time.Unix(1, 0)}},
		"another means": {ID: "aaaaaaaa", Hash: hash, Means: access.ByOIDC, Terms: supervision},
	} {
		if _, err := k.Add(t.Context(), g, ledger.Local); !errors.Is(err, ErrTerms) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if k.Demanded() {
		t.Error("something was granted")
	}
}

// A grant of other means is no key, whatever is shown.
func TestOtherMeansShowNoKey(t *testing.T) {
	k := open(t, ledgertest.New(t))
	own := access.NewKey()
	g := access.Grant{ID: own.ID(), Means: access.ByCertificate, Hash: own.Hash(), Certificate: own.Hash(), Terms: access.Terms{Role: access.Auditor}}
	if _, err := k.Add(t.Context(), g, ledger.Local); err != nil {
		t.Fatal(err)
	}
	if k.Find(own.Reveal()) != nil {
		t.Error("a certificate is taken for a key")
	}
	if s := k.List()[0]; s.Means != access.ByCertificate || s.State != Active {
		t.Errorf("%+v", s)
	}
}

// Of a ledger that is closed its keys are known, and its file stays as it is.
func TestPeek(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	good, ended := k.grant(t, auditor), k.grant(t, auditor)
	k.revoke(t, ended)
	path := filepath.Join(l.Dir, File)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	peeked, err := Peek(l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	found := peeked.Find(good.Reveal())
	if found == nil || peeked.Find(ended.Reveal()) != nil || !peeked.Demanded() {
		t.Error("the keys are not those of the file")
	}
	peeked.Touch(t.Context(), found)
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was written, %v", err)
	}
	if none := None(); !none.Demanded() || none.Find(good.Reveal()) != nil || none.Find("") != nil {
		t.Error("where no ledger is, a key is good or none is needed")
	}
	if peeked, err := Peek(t.TempDir()); err != nil || peeked.Find(good.Reveal()) != nil {
		t.Errorf("without a file: %v", err)
	}
}
