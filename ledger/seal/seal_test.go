// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A small restricted type with four key groups.
const schemaText = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:lendlog:schema:com.example.case.noted.v1",
  "type": "object",
  "x-subject": "case",
  "x-restricted": true,
  "properties": {
    "kind": {"type": "string", "x-key": "institution"},
    "amount": {"type": "integer", "x-key": "party"},
    "officerId": {"type": "string", "x-key": {"group": "staff.handler", "party": "/data/officerId"}},
    "reporterId": {"type": "string", "x-key": {"group": "reporter", "party": "/data/reporterId"}}
  },
  "additionalProperties": false
}`

func event(t testing.TB, attributes string) *record.Event {
	t.Helper()
	s, err := record.ParseSchema([]byte(schemaText))
	if err != nil {
		t.Fatal(err)
	}
	v, err := canon.Parse([]byte(`{"specversion":"1.0","type":"com.example.case.noted.v1","id":"1","source":"//x","subject":"case/C-1","time":"2026-01-31T09:00:00Z",`+attributes+`}`), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ev, err := s.Event(v)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// TestDisclosures computes what docs/formats.md says by hand.
func TestDisclosures(t *testing.T) {
	ev := event(t, `"party":"P-1","tenant":"n","capture":"import","data":{"kind":"fraud","amount":7}`)
	seeds := map[string]seal.Seed{"party": {1}, "institution": {2}, "staff.handler": {3}, "reporter": {4}}
	outer := map[string]canon.Value{"/type": canon.Text("T"), "/refs": canon.List(canon.Number(3), canon.Number(5))}
	want := []struct {
		pointer, group, value string // "" when absent
	}{
		{"/causationid", "party", ``},
		{"/data/amount", "party", `7`},
		{"/data/kind", "institution", `"fraud"`},
		{"/data/officerId", "staff.handler", ``},
		{"/data/reporterId", "reporter", ``},
		{"/extensions", "party", `{"capture":"import","tenant":"n"}`},
		{"/id", "party", `"1"`},
		{"/parent", "party", ``},
		{"/party", "party", `"P-1"`},
		{"/refs", "institution", `[3,5]`},
		{"/sequence", "party", ``},
		{"/signature", "party", ``},
		{"/source", "party", `"//x"`},
		{"/subject", "party", `"case/C-1"`},
		{"/submitter", "institution", ``},
		{"/time", "institution", ``},
		{"/type", "institution", `"T"`},
	}
	got := seal.Disclosures(ev, outer, seeds)
	if len(got) != len(want) {
		t.Fatalf("%d disclosures, want %d", len(got), len(want))
	}
	var leaves []tree.Hash
	for i, w := range want {
		seed := seeds[w.group]
		salt := sha256.Sum256(append(seed[:], w.pointer...))
		text := `["` + base64.StdEncoding.EncodeToString(salt[:16]) + `","` + w.pointer + `"`
		if w.value != "" {
			text += "," + w.value
		}
		text += "]"
		if string(got[i].Bytes()) != text {
			t.Errorf("disclosure %d is %s, want %s", i, got[i].Bytes(), text)
		}
		leaf := sha256.Sum256(append([]byte{0}, text...))
		if got[i].Hash() != leaf {
			t.Errorf("disclosure %d has another hash", i)
		}
		leaves = append(leaves, leaf)
		parsed, err := seal.ParseDisclosure([]byte(text))
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(got[i], parsed); diff != "" {
			t.Errorf("%s is read as another (-want +got):\n%s", text, diff)
		}
	}
	if seal.Small(got).Root() != (tree.Small{Leaves: leaves}).Root() {
		t.Error("the small tree has another root")
	}
}

// Equal values do not show: not in one record under another pointer, not in
// another record.
func TestSalts(t *testing.T) {
	v := canon.Text("x")
	seen := map[string]bool{}
	for _, seed := range []seal.Seed{{1}, {2}, {31: 1}} {
		for _, ptr := range []string{"/id", "/party", "/data/a"} {
			for _, present := range []bool{true, false} {
				d := seal.Disclose(seed, ptr, v, present)
				if h := d.Hash(); seen[string(h[:])] {
					t.Errorf("%s has the hash of another", d.Bytes())
				} else {
					seen[string(h[:])] = true
				}
			}
		}
	}
}

func TestParseDisclosureRefuses(t *testing.T) {
	const salt = `"AAAAAAAAAAAAAAAAAAAAAA=="`
	good := `[` + salt + `,"/id","1"]`
	if _, err := seal.ParseDisclosure([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		``, `null`, `{}`, `[]`, `"x"`,
		`[` + salt + `]`,
		`[` + salt + `,"/id","1","2"]`,
		`[` + salt + `,1]`,
		`[` + salt + `,null,"1"]`,
		`[1,"/id","1"]`,
		`["","/id","1"]`,
		`["AAAA","/id","1"]`,
		`["AAAAAAAAAAAAAAAAAAAAAA","/id","1"]`,
		`["AAAAAAAAAAAAAAAAAAAAAB==","/id","1"]`,
		`["AAAAAAAAAAAAAAAAAAAAAAA=","/id","1"]`,
		`["AAAAAAAAAAAAAAAAAAAAAAAA","/id","1"]`,
		`["AAAAAAAAAAAAAAAAAAAAAA==\n","/id","1"]`,
		`["AAAAAAAA\r\nAAAAAAAAAAAAAA==","/id","1"]`,
		`["______________________==","/id","1"]`,
		` ` + good, good + "\n", good + `]`, good[:len(good)-1],
		strings.Replace(good, `,`, `, `, 1),
		strings.Replace(good, `"1"`, `1.0`, 1),
		strings.Replace(good, `"1"`, `1e0`, 1),
		strings.Replace(good, `"1"`, `-0`, 1),
		strings.Replace(good, `"1"`, `"\u0031"`, 1),
		strings.Replace(good, `"1"`, `{"b":1,"a":1}`, 1),
		strings.Replace(good, `"1"`, `{"a":1,"a":1}`, 1),
		strings.Replace(good, `/id`, `\/id`, 1),
		"\ufeff" + good,
	} {
		if _, err := seal.ParseDisclosure([]byte(bad)); err == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
}

// What is accepted is written again as it was.
func FuzzParseDisclosure(f *testing.F) {
	for _, s := range []string{
		`["AAAAAAAAAAAAAAAAAAAAAA==","/id","1"]`, `["AAAAAAAAAAAAAAAAAAAAAA==","/data/a"]`,
		`["AAAAAAAAAAAAAAAAAAAAAA==","/extensions",{"a":[1,null,true]}]`, `["AAAAAAAA\nAAAAAAAAAAAAAA==","",null]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := seal.ParseDisclosure(b)
		if err != nil {
			return
		}
		if got := d.Bytes(); !bytes.Equal(got, b) {
			t.Errorf("%s is written again as %s", b, got)
		}
	})
}

func TestEncrypt(t *testing.T) {
	key, context := seal.NewKey(), []byte("context")
	for _, plain := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("long "), 1000)} {
		sealed := key.Encrypt([]byte("before"), plain, context)
		if !bytes.HasPrefix(sealed, []byte("before")) {
			t.Fatal("what stood before was overwritten")
		}
		sealed = sealed[len("before"):]
		if len(plain) > 4 && bytes.Contains(sealed, plain[:4]) {
			t.Error("the plaintext shows")
		}
		got, err := key.Decrypt(sealed, context)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%q comes back as %q, %v", plain, got, err)
		}
		if again := key.Encrypt(nil, plain, context); bytes.Equal(again, sealed) {
			t.Error("the same twice: the nonce repeats")
		}
		for i := range min(len(sealed), 64) * 8 {
			bad := bytes.Clone(sealed)
			bad[i/8] ^= 1 << (i % 8)
			if _, err := key.Decrypt(bad, context); err != seal.ErrOpen {
				t.Errorf("with bit %d changed: %v", i, err)
			}
		}
		for n := range min(len(sealed), 64) {
			if _, err := key.Decrypt(sealed[:n], context); err != seal.ErrOpen {
				t.Errorf("cut to %d bytes: %v", n, err)
			}
		}
		if _, err := key.Decrypt(sealed, []byte("elsewhere")); err != seal.ErrOpen {
			t.Errorf("in another context: %v", err)
		}
		if _, err := seal.NewKey().Decrypt(sealed, context); err != seal.ErrOpen {
			t.Errorf("with another key: %v", err)
		}
	}
}

func TestWrap(t *testing.T) {
	bucket := seal.NewKey()
	party := seal.PartyKey{ID: 300, Owner: "party:P-1", Key: seal.NewKey()}
	if party.Bucket() != 1 || (seal.PartyKey{ID: 255}).Bucket() != 0 || (seal.PartyKey{ID: 256}).Bucket() != 1 {
		t.Error("a bucket is not 256 keys")
	}
	row := party.Wrap(bucket, 7)
	if gen, err := seal.Generation(row); gen != 7 || err != nil {
		t.Errorf("generation %d, %v", gen, err)
	}
	if bytes.Contains(row, []byte("P-1")) || bytes.Contains(row, party.Key[:]) {
		t.Error("the row shows the key or its owner")
	}
	got, err := seal.Unwrap(300, row, bucket)
	if err != nil || got != party {
		t.Errorf("unwrapped %+v, %v", got, err)
	}
	if _, err := seal.Unwrap(301, row, bucket); err == nil {
		t.Error("a row opens under another key's number")
	}
	if _, err := seal.Unwrap(300, row, seal.NewKey()); err == nil {
		t.Error("a row opens under another bucket key")
	}
	for i := range len(row) * 8 { // its generation among them
		bad := bytes.Clone(row)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := seal.Unwrap(300, bad, bucket); err == nil {
			t.Errorf("a row opens with bit %d changed", i)
		}
	}
	for n := range len(row) {
		if _, err := seal.Unwrap(300, row[:n], bucket); err == nil {
			t.Errorf("a row of %d bytes opens", n)
		}
	}
	if _, err := seal.Generation(row[:3]); err == nil {
		t.Error("three bytes have a generation")
	}
}

func TestIdentity(t *testing.T) {
	key := seal.Key{1}
	seen := map[[32]byte]string{}
	for _, k := range []seal.Key{key, {2}} {
		for _, of := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"", "abc"}, {"abc", ""}, {"", ""}, {strings.Repeat("x", 256), "y"}} {
			d := seal.Identity(k, of[0], of[1])
			if other, ok := seen[d]; ok {
				t.Errorf("%q has the identity of %q", of, other)
			}
			seen[d] = of[0] + " " + of[1]
			if d != seal.Identity(k, of[0], of[1]) {
				t.Error("the identity changes")
			}
		}
	}
	// printf '\0\x0dlendlog/event\0\x04//xy\0\x01i' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0100…00 -binary | base64
	const want = "muFV0//astXXtZIOYhOcjmWvLC2/dSb3sFDogKoNXUA="
	if got := seal.Identity(key, "//xy", "i"); base64.StdEncoding.EncodeToString(got[:]) != want {
		t.Errorf("the identity is %x, want %s in base64", got, want)
	}
}

func TestOwner(t *testing.T) {
	full := event(t, `"party":"P-1","data":{"officerId":"S-1","reporterId":"R-1"}`)
	bare := event(t, `"data":{}`)
	tests := []struct {
		ev          *record.Event
		group, want string
	}{
		{full, "party", "party:P-1"},
		{full, "institution", "institution:"},
		{full, "staff", "staff:"},
		{full, "staff.handler", "staff:S-1"},
		{full, "reporter", "party:R-1"},
		{bare, "party", "subject:case/C-1"},
		{bare, "institution", "institution:"},
		{bare, "staff.handler", "staff:"},
		{bare, "reporter", "subject:case/C-1"},
	}
	for _, tt := range tests {
		group := record.Group{Name: tt.group} // without a party, if the schema has it not
		for _, g := range tt.ev.Schema.Groups() {
			if g.Name == tt.group {
				group = g
			}
		}
		if got := seal.Owner(tt.ev, group); got != tt.want {
			t.Errorf("the owner of %s is %q, want %q", tt.group, got, tt.want)
		}
	}
}

func TestPayload(t *testing.T) {
	identity := [32]byte{9}
	members := canon.Map(canon.Member{Name: "/id", Value: canon.Text("1")}, canon.Member{Name: "/data/a", Value: canon.List(canon.Number(1))})
	keys := []seal.PartyKey{{ID: 0, Key: seal.NewKey()}, {ID: 1 << 40, Key: seal.NewKey()}}
	payload := seal.AppendGroup(nil, "institution", keys[0], identity, seal.Seed{1}, canon.Map())
	payload = seal.AppendGroup(payload, "party", keys[1], identity, seal.Seed{2}, members)
	groups, err := seal.ParsePayload(payload)
	if err != nil || len(groups) != 2 {
		t.Fatalf("%d groups, %v", len(groups), err)
	}
	var room seal.Room
	for i, want := range []struct {
		name    string
		seed    seal.Seed
		members []canon.Member
	}{{"institution", seal.Seed{1}, nil}, {"party", seal.Seed{2}, members.Members}} {
		g := groups[i]
		if g.Name != want.name || g.KeyID != keys[i].ID {
			t.Errorf("group %d is %s under key %d", i, g.Name, g.KeyID)
		}
		other := g
		other.Name += "x"
		for name, open := range map[string]func(seal.Group, seal.Key, [32]byte) (seal.Seed, []canon.Member, error){
			"by itself": seal.Group.Open, "in a room": room.Open,
		} {
			seed, got, err := open(g, keys[i].Key, identity)
			if err != nil || seed != want.seed {
				t.Errorf("%s %s: seed %x, %v", g.Name, name, seed, err)
			}
			if diff := cmp.Diff(want.members, got); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", g.Name, name, diff)
			}
			if _, _, err := open(g, keys[i].Key, [32]byte{}); err == nil {
				t.Errorf("%s opens as another record's %s", g.Name, name)
			}
			if _, _, err := open(g, keys[1-i].Key, identity); err == nil {
				t.Errorf("%s opens with another key %s", g.Name, name)
			}
			if _, _, err := open(other, keys[i].Key, identity); err == nil {
				t.Errorf("%s opens as another group %s", g.Name, name)
			}
		}
	}
	// open says whether every group of a payload opens with its own key.
	open := func(payload []byte) bool {
		groups, err := seal.ParsePayload(payload)
		if err != nil || len(groups) != 2 {
			return false
		}
		return !slices.ContainsFunc(groups, func(g seal.Group) bool {
			i := slices.IndexFunc(keys, func(k seal.PartyKey) bool { return k.ID == g.KeyID })
			if i < 0 {
				return true
			}
			_, _, err := g.Open(keys[i].Key, identity)
			return err != nil
		})
	}
	for i := range len(payload) * 8 {
		bad := bytes.Clone(payload)
		bad[i/8] ^= 1 << (i % 8)
		if open(bad) {
			t.Errorf("a payload opens with bit %d changed", i)
		}
	}
	for n := range len(payload) {
		if open(payload[:n]) {
			t.Errorf("a payload of %d bytes opens", n)
		}
	}
	if groups, err := seal.ParsePayload(nil); err != nil || len(groups) != 0 {
		t.Errorf("the empty payload has %d groups, %v", len(groups), err)
	}
}

// No payload makes the parser read beyond it, and none opens without its key.
func FuzzParsePayload(f *testing.F) {
	f.Add(seal.AppendGroup(nil, "party", seal.PartyKey{ID: 3, Key: seal.Key{1}}, [32]byte{}, seal.Seed{}, canon.Map()))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		groups, err := seal.ParsePayload(b)
		if err != nil {
			return
		}
		size := 0
		for _, g := range groups {
			size += 1 + len(g.Name) + 12
			if g.KeyID < 0 {
				t.Errorf("key %d", g.KeyID)
			}
			if _, _, err := g.Open(seal.Key{2}, [32]byte{}); err == nil {
				t.Errorf("%q opens with another key", b)
			}
		}
		if size > len(b) {
			t.Errorf("groups of %d bytes in %d", size, len(b))
		}
	})
}
