// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/certificate/certtest"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

func (k *Keys) grantTo(t testing.TB, g access.Grant) string {
	t.Helper()
	id, _, err := k.GrantTo(t.Context(), g, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

const issuer = "https://login.bank.example/realm"

func staff(name string) access.Grant {
	return access.Grant{Means: access.ByOIDC, Issuer: issuer, Person: name, Terms: auditor}
}

// A certificate is known by its key: renewed it goes on, and another of the same name
// is nobody's.
func TestCertificates(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	authority, other := certtest.New(t, "authority"), certtest.New(t, "authority")
	key := certtest.NewKey(t)
	first := authority.IssueFor(t, key, "core", -time.Hour, time.Hour).Leaf
	id := k.grantTo(t, access.Grant{Means: access.ByCertificate, Certificate: Pin(first), Terms: access.Terms{Role: access.Submitter, Sources: []string{"urn:core"}}})
	for range 2 {
		for name, c := range map[string]struct {
			found bool
			key   *Key
		}{
			"the certificate":       {true, k.FindCertificate(first)},
			"renewed":               {true, k.FindCertificate(authority.IssueFor(t, key, "core", 0, 2*time.Hour).Leaf)},
			"of another authority":  {true, k.FindCertificate(other.IssueFor(t, key, "core", 0, time.Hour).Leaf)},
			"another of its name":   {false, k.FindCertificate(authority.IssueFor(t, certtest.NewKey(t), "core", 0, time.Hour).Leaf)},
			"nobody":                {false, k.FindPerson("", "")},
			"a person by that hash": {false, k.FindPerson(issuer, hex.EncodeToString(first.RawSubjectPublicKeyInfo))},
		} {
			if (c.key != nil) != c.found || c.found && (c.key.ID != id || !c.key.Covers("urn:core")) {
				t.Errorf("%s is %v", name, c.key)
			}
		}
		l = ledgertest.Start(t, l.Stopped(), ledger.Options{})
		k = open(t, l)
	}
	got := k.FindCertificate(first)
	good, release := got.Good()
	defer release()
	if _, err := k.Revoke(t.Context(), id, ledger.Local, "rotated"); err != nil {
		t.Fatal(err)
	}
	if good.Err() == nil || !got.Over(time.Now()) || k.FindCertificate(first) != nil || k.stateOf(id) != Revoked {
		t.Error("a certificate whose grant was revoked is good")
	}
	ledgertest.Check(t, l.Stopped())
}

// A person is known by issuer and name, letter by letter.
func TestPeople(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	id := k.grantTo(t, staff("staff-7"))
	k.grantTo(t, staff("staff-8"))
	for range 2 {
		if got := k.FindPerson(issuer, "staff-7"); got == nil || got.ID != id || got.Role != access.Auditor {
			t.Errorf("the person is %v", got)
		}
		for _, who := range [][2]string{{issuer, "Staff-7"}, {issuer, "staff-7 "}, {issuer + "/", "staff-7"}, {"", "staff-7"}, {issuer, ""}, {issuer + "staff-", "7"}} {
			if got := k.FindPerson(who[0], who[1]); got != nil {
				t.Errorf("%q is taken for %v", who, got.ID)
			}
		}
		l = ledgertest.Start(t, l.Stopped(), ledger.Options{})
		k = open(t, l)
	}
	ledgertest.Check(t, l.Stopped())
}

// Nobody has two grants at a time, so that it is plain whose terms hold; and one can
// follow another.
func TestOneGrantAtATime(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	now := time.Now()
	k.now = func() time.Time { return now }
	first := staff("staff-7")
	first.Expires = now.Add(time.Hour).Truncate(time.Second)
	old := k.grantTo(t, first)
	next := staff("staff-7")
	next.Role = access.Compliance
	if _, _, err := k.GrantTo(t.Context(), next, ledger.Local); !errors.Is(err, ErrTerms) || !strings.Contains(err.Error(), old) {
		t.Errorf("a second grant: %v", err)
	}
	now = first.Expires
	second := k.grantTo(t, next)
	if got := k.FindPerson(issuer, "staff-7"); got == nil || got.ID != second {
		t.Errorf("after the first has expired it is %v", got)
	}
	if _, err := k.Revoke(t.Context(), second, ledger.Local, ""); err != nil {
		t.Fatal(err)
	}
	if got := k.FindPerson(issuer, "staff-7"); got != nil {
		t.Errorf("after the second was revoked it is %v", got.ID)
	}
	third := k.grantTo(t, next)
	for range 2 {
		if got := k.FindPerson(issuer, "staff-7"); got == nil || got.ID != third {
			t.Errorf("the third is %v", got)
		}
		l = ledgertest.Start(t, l.Stopped(), ledger.Options{})
		k = open(t, l)
		k.now = func() time.Time { return now }
	}
}

// No key comes of such a grant, and the ledger tells nobody who guesses a name whether
// it is theirs.
func TestHoldersAreNotTold(t *testing.T) {
	l := ledgertest.New(t)
	k := open(t, l)
	g := staff("staff-7")
	id, index, err := k.GrantTo(t.Context(), g, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Record(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(r.Entry, []byte(`"means":"oidc"`)) || bytes.Contains(r.Entry, []byte("staff-7")) || bytes.Contains(r.Entry, []byte("bank.example")) {
		t.Errorf("the record is %s", r.Entry)
	}
	g.ID = id
	guess := g.Digest()
	if bytes.Contains(r.Entry, []byte(hex.EncodeToString(guess[:]))) {
		t.Error("whoever guesses the person finds the digest")
	}
	held := k.FindPerson(issuer, "staff-7")
	if held.Hash == [32]byte{} {
		t.Error("nothing blinds the digest")
	}
	// Whoever has the file has no key by it.
	file, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	if k.Find("ll_"+id) != nil || !bytes.Contains(file, []byte("lendlog-access/2")) {
		t.Errorf("the file is %s", file)
	}
}

// What doesn't say who comes is not granted.
func TestHoldersThatAreNone(t *testing.T) {
	k := open(t, ledgertest.New(t))
	for name, g := range map[string]access.Grant{
		"no certificate":    {Means: access.ByCertificate, Terms: auditor},
		"no person":         {Means: access.ByOIDC, Issuer: issuer, Terms: auditor},
		"no issuer":         {Means: access.ByOIDC, Person: "staff-7", Terms: auditor},
		"both":              {Means: access.ByOIDC, Issuer: issuer, Person: "staff-7", Certificate: [32]byte{1}, Terms: auditor},
		"a key of a person": {Issuer: issuer, Person: "staff-7", Terms: auditor},
		"other means":       {Means: "face", Terms: auditor},
		"a long name":       {Means: access.ByOIDC, Issuer: issuer, Person: strings.Repeat("x", access.MaxPerson+1), Terms: auditor},
		"a line":            {Means: access.ByOIDC, Issuer: issuer, Person: "staff\n7", Terms: auditor},
	} {
		if _, _, err := k.GrantTo(t.Context(), g, ledger.Local); !errors.Is(err, ErrTerms) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
