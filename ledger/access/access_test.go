// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// Who may do what is read here, and changes here.
func TestMatrix(t *testing.T) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-16s", "")
	for _, r := range Roles() {
		fmt.Fprintf(&b, "  %s", r)
	}
	b.WriteString("\n")
	for _, p := range Permissions() {
		fmt.Fprintf(&b, "%-16s", p)
		for _, r := range Roles() {
			mark := "."
			if r.May(p) {
				mark = "x"
			}
			fmt.Fprintf(&b, "  %-*s", len(r), mark)
		}
		b.WriteString("\n")
	}
	golden(t, "matrix.golden", b.Bytes())
}

// The administrator of a server opens nothing that is sealed, and nobody has
// what is not in the table.
func TestAdminReadsNothing(t *testing.T) {
	for _, p := range []Permission{RecordsRead, RecordsSearch, RecordsExport, RestrictedRead, LogRead, StatsRead, RecordsSubmit} {
		if Admin.May(p) {
			t.Errorf("an admin has %s", p)
		}
	}
	for _, r := range append(Roles(), "", "root") {
		if r.May("") || r.May("records:delete") || !r.May(Public) {
			t.Errorf("%s may what nobody may, or not what everybody may", r)
		}
		// Bundles hold restricted records, and evidence of them.
		if r.May(RecordsExport) && !(r.May(RestrictedRead) && r.May(RecordsRead)) {
			t.Errorf("%s exports what it may not read", r)
		}
	}
	if _, err := ParseRole("root"); err == nil || !strings.Contains(err.Error(), "privacy-officer") {
		t.Errorf("an unknown role: %v", err)
	}
}

// fixed is a key that everybody knows.
func fixed(n byte) Key {
	var random [35]byte
	for i := range random {
		random[i] = n + byte(i)*7
	}
	return newKey(random)
}

func TestKeyGolden(t *testing.T) {
	const want = "ll_aadq4fi4_emvdcob7izgviw3cnfyho7ufrsjzviniv63l3rgl2lm6bz7o_4f3b3b58"
	if got := fixed(0).Reveal(); len(got) != keyLength {
		t.Errorf("a key has %d characters", len(got))
	} else if got != want {
		t.Errorf("the key is %s", got)
	}
	k, err := ParseKey(want)
	if err != nil {
		t.Fatal(err)
	}
	if k.Reveal() != want || k.ID() != "aadq4fi4" || k.Hash() != fixed(0).Hash() || k.Hash() == fixed(1).Hash() {
		t.Error("the key is read as another")
	}
	if other := NewKey().Reveal(); other == NewKey().Reveal() {
		t.Error("two new keys are the same")
	}
}

// Every change of one character, every cut and whatever stands around it is
// told without asking anybody.
func TestParseKeyRefuses(t *testing.T) {
	key := fixed(3).Reveal()
	refused := func(s string) {
		t.Helper()
		if _, err := ParseKey(s); !errors.Is(err, ErrKey) {
			t.Errorf("%q is taken for a key: %v", s, err)
		}
	}
	for i := range len(key) {
		refused(key[:i])
		refused(key[i+1:])
		for _, c := range []byte("ab27019_AZ- \n\x00\xff") {
			if c != key[i] {
				refused(key[:i] + string(rune(c)) + key[i+1:])
			}
		}
		if i > 0 && key[i] != key[i-1] {
			b := []byte(key)
			b[i], b[i-1] = b[i-1], b[i]
			refused(string(b))
		}
	}
	for _, s := range []string{"", "Bearer " + key, key + "\n", " " + key, `"` + key + `"`, key + key, strings.ToUpper(key)} {
		refused(s)
	}
}

// A key shows nowhere but where it is revealed on purpose.
func TestKeyIsRedacted(t *testing.T) {
	k := fixed(5)
	secret := k.Reveal()[len(keyPrefix)+idLength+1 : checkedAt]
	var b bytes.Buffer
	holder := struct {
		Key   Key
		Keys  []Key
		At    *Key
		inner Key
	}{k, []Key{k}, &k, k}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&b, verb+verb+verb, k, &k, holder)
	}
	if err := json.NewEncoder(&b).Encode(holder); err != nil {
		t.Fatal(err)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("m", "key", k, "keys", holder, "error", fmt.Errorf("with %v", k))
	}
	fmt.Fprint(&b, ErrKey)
	if strings.Contains(b.String(), secret[:8]) {
		t.Errorf("the secret shows:\n%s", b.String())
	}
	if !strings.Contains(b.String(), k.ID()) {
		t.Error("the id does not show")
	}
}

func grants() []Grant {
	day := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	all := []Grant{
		{ID: fixed(0).ID(), Hash: fixed(0).Hash(), Terms: Terms{Role: Admin}},
		{ID: fixed(9).ID(), Hash: fixed(9).Hash(), Terms: Terms{
			Role: Submitter, Sources: []string{"https://cards.bank.example", "urn:lender:放款"}, Label: "origination",
			Expires: day.AddDate(1, 0, 0).Add(12*time.Hour + 30*time.Minute), Rate: 6000,
		}, Used: day},
	}
	slices.SortFunc(all, func(a, b Grant) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// lent are grants of everything that the second format adds.
func lent() []Grant {
	day := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	r := fixed(11).Request()
	all := append(grants(),
		Grant{ID: r.ID, Hash: r.Hash, Terms: Terms{
			Role: Regulator, Purpose: "supervision", Basis: "supervisory-request", Fields: []string{"/data/amount", "/subject"}, Expires: day.AddDate(0, 6, 0),
		}, Used: day, Revoked: day.AddDate(0, 1, 0)},
		Grant{ID: fixed(3).ID(), Hash: fixed(3).Hash(), Means: ByCertificate, Certificate: [32]byte{1, 2, 3}, Terms: Terms{Role: Submitter, Sources: []string{"urn:lender"}}},
		Grant{ID: fixed(4).ID(), Hash: fixed(4).Hash(), Means: ByOIDC, Issuer: "https://id.bank.example", Person: "248289761001", Terms: Terms{Role: Auditor}},
	)
	slices.SortFunc(all, func(a, b Grant) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func TestFileGolden(t *testing.T) {
	golden(t, "access.golden", FileBytes(grants()))
	golden(t, "access2.golden", FileBytes(lent()))
	var digests bytes.Buffer
	for _, g := range lent() {
		used := g
		used.Used, used.Revoked = used.Used.AddDate(0, 0, 1), used.Revoked.AddDate(0, 0, 1)
		if used.Digest() != g.Digest() {
			t.Error("the digest covers the last use, or the end")
		}
		fmt.Fprintf(&digests, "%s %x\n", g.ID, g.Digest())
	}
	golden(t, "digests.golden", digests.Bytes())
	for _, want := range [][]Grant{nil, grants(), lent()} {
		got, err := ParseFile(FileBytes(want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
	}
}

// The digest that the ledger records changes with everything that the grant
// allows.
func TestDigestCoversTheGrant(t *testing.T) {
	seen := map[[32]byte]string{}
	for name, change := range map[string]func(*Grant){
		"nothing": func(*Grant) {},
		"id":      func(g *Grant) { g.ID = "aaaaaaaa" },
		"hash":    func(g *Grant) { g.Hash[0] ^= 1 },
		"role":    func(g *Grant) { g.Role = Compliance },
		"sources": func(g *Grant) { g.Sources = g.Sources[:1] },
		"label":   func(g *Grant) { g.Label = "" },
		"expires": func(g *Grant) { g.Expires = time.Time{} },
		"rate":    func(g *Grant) { g.Rate = 0 },
		"purpose": func(g *Grant) { g.Purpose = "supervision" },
		"basis":   func(g *Grant) { g.Basis = "supervision" },
		"fields":  func(g *Grant) { g.Fields = []string{"/subject"} },
		"means":   func(g *Grant) { g.Means = ByOIDC },
		"cert":    func(g *Grant) { g.Certificate = g.Hash },
		"issuer":  func(g *Grant) { g.Issuer = "supervision" },
		"person":  func(g *Grant) { g.Person = "supervision" },
	} {
		g := grants()[1]
		change(&g)
		if other, ok := seen[g.Digest()]; ok {
			t.Errorf("a change of %s and of %s have one digest", name, other)
		}
		seen[g.Digest()] = name
	}
}

func TestParseFileRefuses(t *testing.T) {
	good := string(FileBytes(grants()))
	for name, bad := range map[string]string{
		"nothing":          "",
		"no line feed":     strings.TrimSuffix(good, "\n"),
		"more":             good + "\n",
		"another format":   strings.Replace(good, "lendlog-access/1", "lendlog-access/3", 1),
		"a later format":   strings.Replace(good, "lendlog-access/1", "lendlog-access/2", 1),
		"an unknown thing": strings.Replace(good, `"v":`, `"u":1,"v":`, 1),
		"in a grant":       strings.Replace(good, `"used":`, `"until":"x","used":`, 1),
		"white space":      strings.Replace(good, `":`, `": `, 1),
		"a role":           strings.Replace(good, `"admin"`, `"root"`, 1),
		"an id":            strings.Replace(good, fixed(0).ID(), "AADQ4FI4", 1),
		"a short hash":     strings.Replace(good, `"hash":"`, `"hash":"00`, 1),
		"twice":            strings.Replace(good, fixed(9).ID(), fixed(0).ID(), 1),
		"no sources":       strings.Replace(good, `"sources":["https://cards.bank.example","urn:lender:放款"],`, "", 1),
		"empty sources":    strings.Replace(good, `"role":"admin"`, `"role":"admin","sources":[]`, 1),
		"another zone":     strings.Replace(good, `12:30:00Z`, `12:30:00+00:00`, 1),
		"a fraction":       strings.Replace(good, `12:30:00Z`, `12:30:00.5Z`, 1),
		"no day":           strings.Replace(good, `"used":"2026-11-30"`, `"used":"2026-11-31"`, 1),
		"a rate":           strings.Replace(good, `"rate":6000`, `"rate":-1`, 1),
	} {
		if bad == good {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := ParseFile([]byte(bad)); err == nil {
			t.Errorf("%s is taken for a file of grants", name)
		}
	}
}

func TestTermsCheck(t *testing.T) {
	soon := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	many := make([]string, MaxSources+1)
	for i := range many {
		many[i] = fmt.Sprintf("urn:%03d", i)
	}
	for says, terms := range map[string]Terms{
		"the role is one of":      {},
		"submits nothing":         {Role: Auditor, Sources: []string{"urn:a"}},
		"is granted with the sou": {Role: Submitter},
		"at most 32 sources":      {Role: Submitter, Sources: many},
		"source 1 is not":         {Role: Submitter, Sources: []string{""}},
		"source 2 is not":         {Role: Submitter, Sources: []string{"urn:a", "urn:b\n"}},
		"not sorted":              {Role: Submitter, Sources: []string{"urn:a", "urn:a"}},
		"the label is not":        {Role: Auditor, Label: "\x1b[31m"},
		"the rate is":             {Role: Auditor, Rate: MaxRate + 1},
		"whole seconds":           {Role: Auditor, Expires: time.Unix(0, 1)},
		"the purpose is a code":   {Role: Auditor, Purpose: "in words", Expires: soon},
		"the basis is a code":     {Role: Auditor, Purpose: "x", Basis: "§ 44", Expires: soon},
		"goes with the purpose":   {Role: Auditor, Basis: "x", Expires: soon},
		"opens nothing":           {Role: Monitor, Fields: []string{"/subject"}, Expires: soon},
		"at most 32 fields":       {Role: Auditor, Fields: many, Expires: soon},
		"field 1 is not":          {Role: Auditor, Fields: []string{"subject"}, Expires: soon},
		"field 2 is not":          {Role: Auditor, Fields: []string{"/a", "/b~2"}, Expires: soon},
		"the fields are not":      {Role: Auditor, Fields: []string{"/b", "/a"}, Expires: soon},
		"say when it expires":     {Role: Regulator, Purpose: "supervision"},
		"for some fields, ends":   {Role: Regulator, Fields: []string{"/subject"}},
	} {
		if err := terms.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", terms, err, says)
		}
	}
	for _, r := range Roles() {
		terms := Terms{Role: r}
		if r == Submitter {
			terms.Sources = []string{"urn:a"}
		}
		if err := terms.Check(); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
}

// A grant has what its means calls for, and nothing of another.
func TestGrantCheck(t *testing.T) {
	hash, terms := fixed(1).Hash(), Terms{Role: Auditor}
	for says, g := range map[string]Grant{
		"the id is none":        {ID: "AAAAAAAA", Hash: hash, Terms: terms},
		"none that is known":    {ID: "aaaaaaaa", Means: "api-key", Hash: hash, Terms: terms},
		"lacks what its means":  {ID: "aaaaaaaa", Terms: terms},
		"does not call for":     {ID: "aaaaaaaa", Hash: hash, Person: "x", Terms: terms},
		"not call for":          {ID: "aaaaaaaa", Means: ByCertificate, Hash: hash, Certificate: hash, Issuer: "https://id.example", Terms: terms},
		"lacks what":            {ID: "aaaaaaaa", Means: ByCertificate, Certificate: hash, Terms: terms},
		"lacks what its":        {ID: "aaaaaaaa", Hash: hash, Means: ByOIDC, Issuer: "https://id.example", Terms: terms},
		"issuer and person are": {ID: "aaaaaaaa", Hash: hash, Means: ByOIDC, Issuer: "https://id.example", Person: "a\nb", Terms: terms},
		"the role is one of":    {ID: "aaaaaaaa", Hash: hash},
	} {
		if err := g.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", g, err, says)
		}
	}
	for _, g := range lent() {
		if err := g.Check(); err != nil {
			t.Errorf("%+v: %v", g, err)
		}
	}
}

func TestOpens(t *testing.T) {
	for _, tt := range []struct {
		fields []string
		opens  bool
	}{{nil, true}, {[]string{"/data/amount", "/subject"}, true}, {[]string{"/data/amounts", "/data", "/data/amount/amount"}, false}} {
		terms := Terms{Fields: tt.fields}
		if terms.Opens("/data/amount") != tt.opens || terms.Scoped() != (tt.fields != nil) {
			t.Errorf("%v opens /data/amount: %v", tt.fields, !tt.opens)
		}
	}
}

// What is sent in the place of a key is read as it was written, and holds nothing
// that opens anything.
func TestRequest(t *testing.T) {
	k := fixed(0)
	text := k.Request().String()
	golden(t, "request.golden", []byte(text+"\n"))
	if r, err := ParseRequest(text); err != nil || r.ID != k.ID() || r.Hash != k.Hash() {
		t.Errorf("%s is read as %v, %v", text, r, err)
	}
	if strings.Contains(text, k.Reveal()[len(keyPrefix)+idLength+1:][:8]) {
		t.Error("the request holds the secret")
	}
	for i := range len(text) {
		for _, s := range []string{text[:i], text[i+1:], text[:i] + "!" + text[i+1:], text[:i] + "a" + text[i:]} {
			if _, err := ParseRequest(s); !errors.Is(err, ErrRequest) {
				t.Errorf("%q is taken for a request: %v", s, err)
			}
		}
	}
	if _, err := ParseRequest(k.Reveal()); !errors.Is(err, ErrRequest) || strings.Contains(err.Error(), k.ID()) {
		t.Errorf("a key in its place: %v", err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add(fixed(0).Request().String())
	f.Add("llr_aaaaaaaa__")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRequest(s)
		if (err == nil) != (r.String() == s) {
			t.Errorf("%q is read as %v, %v", s, r, err)
		}
	})
}

func TestCovers(t *testing.T) {
	terms := Terms{Sources: []string{"https://cards.bank.example", "urn:lender:card", "urn:open:"}}
	for source, want := range map[string]bool{
		"urn:lender:card": true, "urn:lender:card:eu": true, "urn:lender:card/1": true, "urn:lender:card#x": true,
		"urn:lender:cards": false, "urn:lender:car": false, "urn:lender": false, "URN:lender:card": false, " urn:lender:card": false,
		"https://cards.bank.example/v1": true, "https://cards.bank.example?x": true, "https://cards.bank.example.evil.example": false, "https://cards.bank.example@evil.example": false,
		"https://cards.bank.example:x@evil.example": false, "https://cards.bank.example:8080/x@y": true,
		"urn:open:anything": true, "urn:open:": true, "urn:open": false, "": false,
	} {
		if got := terms.Covers(source); got != want {
			t.Errorf("%q is covered: %v", source, got)
		}
	}
	if (&Terms{}).Covers("") || (&Terms{}).Covers("urn:a") {
		t.Error("no sources cover some")
	}
}

func TestExpired(t *testing.T) {
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	terms := Terms{Expires: at}
	if terms.Expired(at.Add(-time.Nanosecond)) || !terms.Expired(at) || !terms.Expired(at.AddDate(100, 0, 0)) {
		t.Error("a key does not expire at its time")
	}
	if (&Terms{}).Expired(at) {
		t.Error("a key without an expiry expired")
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(fixed(0).Reveal())
	f.Add("ll_aaaaaaaa_")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		if err != nil {
			if !k.IsZero() || strings.Contains(err.Error(), s) && s != "" && len(s) > 8 {
				t.Errorf("%q is refused and shows", s)
			}
			return
		}
		if k.Reveal() != s || !ValidID(k.ID()) || strings.Contains(k.String(), s[12:]) {
			t.Errorf("%q is read as %v", s, k)
		}
	})
}

func FuzzParseFile(f *testing.F) {
	f.Add(FileBytes(nil))
	f.Add(FileBytes(grants()))
	f.Add(FileBytes(lent()))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ParseFile(b)
		if err != nil {
			return
		}
		if !bytes.Equal(FileBytes(got), b) {
			t.Errorf("%q is read as %v", b, got)
		}
		for _, g := range got {
			if g.Check() != nil {
				t.Errorf("%v is taken", g)
			}
		}
	})
}
