// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

var update = flag.Bool("update", false, "write the golden files anew; a format that was published must not change")

func hash(t testing.TB, s string) [32]byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != 32 {
		t.Fatalf("%q is not 32 bytes in base64", s)
	}
	return [32]byte(b)
}

func texts(pairs ...string) canon.Value {
	var members []canon.Member
	for i := 0; i < len(pairs); i += 2 {
		members = append(members, canon.Member{Name: pairs[i], Value: canon.Text(pairs[i+1])})
	}
	return canon.Map(members...)
}

// goldenLeaves are the leaves of the little ledger that ledger/proof makes from
// fixed keys; its tests say where each hash in them comes from.
func goldenLeaves(t testing.TB) map[string]record.Leaf {
	open := texts(
		"origin", "ledger.example/golden", "format", "lendlog/1", "hash", "sha256", "map", "torchwood-mpt",
		"vrfKey", "ZnI/dD1UlQOixXOUQ7dYTqy17NXlqn0qfcD7KOi1tGk=",
		"indexKeyCommitment", "NdEYhXDc6qTIHfdI7PbXDs+hNOcwnYPBTz8ObbAXNLE=",
	)
	open = canon.Map(append(open.Members,
		canon.Member{Name: "checkpointKeys", Value: canon.Texts("ledger.example/golden+af6ed9f6+Acps7tqv26INIy2EVlkb5656nOenNS1G1cg5ZqJiDFfz")},
		canon.Member{Name: "shard", Value: canon.Map(
			canon.Member{Name: "number", Value: canon.Number(1)},
			canon.Member{Name: "of", Value: canon.Number(1)},
			canon.Member{Name: "rule", Value: canon.Text("all subjects")},
		)},
		canon.Member{Name: "witnessIntervalSeconds", Value: canon.Number(86400)},
		canon.Member{Name: "lateAfterSeconds", Value: canon.Number(86400)},
	)...)
	return map[string]record.Leaf{
		"genesis": {Entry: &record.Entry{
			Capture:   record.Live,
			Event:     hash(t, "p83+Kzhe2diEoUBR+Jp/uDo4+hZ3f8EwekNMeHB2Lck="),
			Open:      open,
			Recorded:  time.Date(2026, 1, 31, 9, 0, 0, 123e6, time.UTC),
			Schema:    hash(t, "FxAevpr/1aEWuve5ql+PpZoacw1XqaKWg773cCCMzWU="),
			Sealed:    hash(t, "kE7wssUZMdCmBMlucX+6DD4AuzcR50vND52Tw7HX8tQ="),
			Seq:       1,
			Submitter: "ledger",
			Term:      hash(t, "IWtbO7t89xjvfmagnrUYSQXDe8LkTJqGmtbK0C06p6U="),
			Time:      "2026-01-31T10:00:00+01:00",
			Type:      record.TypeGenesis,
		}},
		"entry": {Entry: &record.Entry{
			Capture:   record.Live,
			Event:     hash(t, "UF5na7er0IIl3KgxaaoWLeB28PF9G0WZ0jIu0rvTUkc="),
			Open:      texts("outcome", "approved"),
			Prev:      hash(t, "iS30u9eHVbosgRAV/J+kWIBkGJnjFf5XQ4ZAiP/Aaq0="),
			Recorded:  time.Date(2026, 1, 31, 9, 2, 0, 123e6, time.UTC),
			Refs:      []int64{1},
			Schema:    hash(t, "8Mncc5rIz5AFFoZeJNZUHC2pw5f+ptoLB1MJidAvdBE="),
			Sealed:    hash(t, "7ksdclDg9OnhHZPLZE0+7hBIjM0eFDtIyjgjQhAXC1Y="),
			Seq:       2,
			Submitter: "core-banking",
			Term:      hash(t, "ebuwZi1aYLy0gLjQBcxP/FO0LOsNjqm2L41cW6AtOJU="),
			Time:      "2026-01-31T10:02:00+01:00",
			Type:      "com.example.loan.decided.v1",
		}},
		"restricted": {Entry: &record.Entry{
			Capture:  record.Live,
			Event:    hash(t, "H5o5XrqHpktLZuk0kViQNRlGwDYRZjQ96X0mQexfTAg="),
			Open:     canon.Map(),
			Recorded: time.Date(2026, 1, 31, 9, 3, 0, 123e6, time.UTC),
			Schema:   hash(t, "U1utPqBYFZoUkH8AgCEKeAtsSDMYLMWvud68j9Q8ba4="),
			Sealed:   hash(t, "PgddZrrnVFGjqw6oeOjvRt6MX+bRjXSSuyBNR05U2Vo="),
			Seq:      1,
			Term:     hash(t, "n7WAeB7MqTQQbcGImU5fA637hZXMtfeOzcQxS3fjKwk="),
			Type:     record.TypeRestricted,
		}},
		"index-root": {IndexRoot: &record.IndexRoot{
			Covers: 4,
			Root:   hash(t, "dFkkmzic8gRVFgqDY6vVkC0VmP2EeDnIztMG0+JDlhY="),
		}},
	}
}

func leafBytes(l record.Leaf) []byte {
	if l.IndexRoot != nil {
		return l.IndexRoot.Bytes()
	}
	return l.Entry.Bytes()
}

var leafNotes = map[string]string{
	"capture":   "How the record came into the ledger: live, late or import.",
	"covers":    "How many leaves the map speaks of: all before this one, so it is this one's index.",
	"event":     "The event's identity: HMAC-SHA-256 under the ledger's index key of part(\"lendlog/event\") ‖ part(source) ‖ part(id).",
	"open":      "The members of data that the schema opens; {} in a restricted record.",
	"prev":      "Leaf hash of the subject's record before: SHA-256(0x00 ‖ its bytes). Only when seq is greater than 1.",
	"recorded":  "The ledger's clock at commit, in UTC, always with three digits of milliseconds.",
	"refs":      "Indexes of the records it follows from, ascending. Absent when there are none, and in a restricted record.",
	"root":      "Hash of the map from term to be64(count) ‖ leaf hash of the subject's last record, over all leaves before.",
	"schema":    "SHA-256 of the schema's bytes. In a restricted record that of the outer form; the real one is sealed.",
	"sealed":    "Root of the small tree over the disclosures of all sealed members.",
	"seq":       "The record's number among those of its subject.",
	"submitter": "Id of the key that submitted it. Absent from a restricted record.",
	"term":      "The subject, as the first 32 bytes of a VRF output.",
	"time":      "Business time, as submitted. Absent from a restricted record.",
	"type":      "The record type. All restricted records have the same one here.",
	"v":         "The format. The last member and the closing brace end the leaf: no line end follows.",
}

// annotate writes a leaf with one member a line and a comment above each.
// Without the comments and line ends it is the leaf, byte for byte.
func annotate(t *testing.T, leaf []byte) []byte {
	t.Helper()
	v, err := canon.Parse(leaf, canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var out, bare bytes.Buffer
	out.WriteString("# Without the lines that begin with a number sign, and without line ends, this is the golden file beside it.\n" +
		"# docs/formats.md, section 2, specifies the format. All hashes are in base64.\n")
	for i, m := range v.Members {
		piece := append(append(canon.AppendString([]byte(","), m.Name), ':'), m.Value.Bytes()...)
		if i == 0 {
			piece[0] = '{'
		}
		if i == len(v.Members)-1 {
			piece = append(piece, '}')
		}
		if leafNotes[m.Name] == "" {
			t.Errorf("nothing explains the member %s", m.Name)
		}
		fmt.Fprintf(&out, "#\n# bytes %d to %d: %s\n%s\n", bare.Len(), bare.Len()+len(piece)-1, leafNotes[m.Name], piece)
		bare.Write(piece)
	}
	if !bytes.Equal(bare.Bytes(), leaf) {
		t.Error("the pieces do not make the leaf")
	}
	return out.Bytes()
}

func TestGoldenLeaves(t *testing.T) {
	for name, leaf := range goldenLeaves(t) {
		got := leafBytes(leaf)
		golden(t, name+".json", got)
		golden(t, name+".annotated", annotate(t, got))
		parsed, err := record.ParseLeaf(got)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(leaf, parsed); diff != "" {
			t.Errorf("%s is read as another leaf (-want +got):\n%s", name, diff)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s changed (-want +got): a published format never changes, a new one has a new version\n%s", path, diff)
	}
}

// Whatever is not exactly the bytes of a leaf is refused, though much of it
// says the same.
func TestParseLeafRefuses(t *testing.T) {
	leaves := goldenLeaves(t)
	entry, restricted, root := string(leafBytes(leaves["entry"])), string(leafBytes(leaves["restricted"])), string(leafBytes(leaves["index-root"]))
	const b64 = "UF5na7er0IIl3KgxaaoWLeB28PF9G0WZ0jIu0rvTUkc="
	tests := []struct {
		name, of, old, new string
	}{
		{"white space first", entry, `{"capture"`, ` {"capture"`},
		{"white space last", entry, `"lendlog/1"}`, "\"lendlog/1\"}\n"},
		{"white space in an object", entry, `{"capture"`, `{ "capture"`},
		{"white space after a colon", entry, `"seq":2`, `"seq": 2`},
		{"white space in an array", entry, `[1]`, `[1 ]`},
		{"white space in open", entry, `{"outcome":`, "{\"outcome\":\t"},
		{"byte order mark", entry, `{"capture"`, "\ufeff" + `{"capture"`},
		{"trailing byte", entry, `"lendlog/1"}`, `"lendlog/1"}0`},
		{"trailing zero byte", entry, `"lendlog/1"}`, "\"lendlog/1\"}\x00"},
		{"second document", entry, `"lendlog/1"}`, `"lendlog/1"}{}`},
		{"cut short", entry, `"lendlog/1"}`, `"lendlog/1"`},
		{"members out of order", entry, `"seq":2,"submitter":"core-banking"`, `"submitter":"core-banking","seq":2`},
		{"last member first", entry, `{"capture":"live"`, `{"v":"lendlog/1","capture":"live"`},
		{"duplicate member", entry, `"seq":2`, `"seq":2,"seq":2`},
		{"duplicate member in open", entry, `"outcome":"approved"`, `"outcome":"approved","outcome":"approved"`},
		{"duplicate under an escape", entry, `"seq":2`, `"seq":2,"\u0073eq":2`},
		{"case variant", entry, `"seq":2`, `"Seq":2`},
		{"case variant beside it", entry, `{"capture":"live"`, `{"Capture":"late","capture":"live"`},
		{"another case of hash member", entry, `"event":`, `"EVENT":`},
		{"unknown member", entry, `"time":`, `"thing":1,"time":`},
		{"null member", entry, `,"submitter":"core-banking"`, `,"submitter":null`},
		{"null in place of absent refs", entry, `"refs":[1]`, `"refs":null`},
		{"unicode escape in a value", entry, `"live"`, `"\u006cive"`},
		{"unicode escape in upper case", entry, `"approved"`, `"a\u000Approved"`},
		{"unicode escape of what has a short one", entry, `"approved"`, `"a\u000aproved"`},
		{"unicode escape in a name", entry, `"seq"`, `"\u0073eq"`},
		{"escaped slash", entry, `"lendlog/1"`, `"lendlog\/1"`},
		{"lone surrogate", entry, `"approved"`, `"\ud800"`},
		{"surrogates for a character", entry, `"approved"`, `"\ud83d\ude00"`},
		{"invalid UTF-8", entry, `"approved"`, "\"\xff\""},
		{"raw control character", entry, `"approved"`, "\"a\nb\""},
		{"fraction", entry, `"seq":2`, `"seq":2.0`},
		{"exponent", entry, `"seq":2`, `"seq":2e0`},
		{"upper-case exponent", entry, `"seq":2`, `"seq":2E0`},
		{"leading zero", entry, `"seq":2`, `"seq":02`},
		{"plus sign", entry, `"seq":2`, `"seq":+2`},
		{"minus zero", entry, `[1]`, `[-0]`},
		{"beyond 2^53-1", entry, `"seq":2`, `"seq":9007199254740992`},
		{"fraction in open", entry, `"approved"`, `1.0`},
		{"number as a string", entry, `"seq":2`, `"seq":"2"`},
		{"seq zero", entry, `"seq":2`, `"seq":0`},
		{"seq negative", entry, `"seq":2`, `"seq":-1`},
		{"seq one with prev", entry, `"seq":2`, `"seq":1`},
		{"another version", entry, `"lendlog/1"`, `"lendlog/2"`},
		{"unknown capture", entry, `"live"`, `"Live"`},
		{"open is a list", entry, `{"outcome":"approved"}`, `[]`},
		{"hash without padding", entry, b64, strings.TrimSuffix(b64, "=")},
		{"hash of 31 bytes", entry, b64, "UF5na7er0IIl3KgxaaoWLeB28PF9G0WZ0jIu0rvTUg=="},
		{"hash in base64url", entry, "iS30u9eHVbosgRAV/J+kWIBkGJnjFf5XQ4ZAiP/Aaq0=", "iS30u9eHVbosgRAV_J-kWIBkGJnjFf5XQ4ZAiP_Aaq0="},
		{"hash with unused bits", entry, b64, strings.TrimSuffix(b64, "c=") + "d="},
		{"hash with a line break", entry, b64, b64[:20] + `\n` + b64[20:]},
		{"hash with line breaks at its end", entry, b64, b64 + `\r\n`},
		{"recorded without milliseconds", entry, "09:02:00.123Z", "09:02:00Z"},
		{"recorded with microseconds", entry, "09:02:00.123Z", "09:02:00.123000Z"},
		{"recorded with an offset", entry, "09:02:00.123Z", "09:02:00.123+00:00"},
		{"recorded with a comma", entry, "09:02:00.123Z", "09:02:00,123Z"},
		{"recorded on no day", entry, "2026-01-31T09", "2026-02-31T09"},
		{"recorded at 24 h", entry, "09:02:00.123Z", "24:00:00.000Z"},
		{"refs empty", entry, `[1]`, `[]`},
		{"refs repeated", entry, `[1]`, `[1,1]`},
		{"refs descending", entry, `[1]`, `[1,0]`},
		{"refs negative", entry, `[1]`, `[-1]`},
		{"refs of strings", entry, `[1]`, `["1"]`},
		{"refs no list", entry, `[1]`, `1`},
		{"submitter empty", entry, `"core-banking"`, `""`},
		{"submitter with a space", entry, `"core-banking"`, `"core banking"`},
		{"submitter of 65 characters", entry, `"core-banking"`, `"` + strings.Repeat("x", 65) + `"`},
		{"time without zone", entry, "10:02:00+01:00", "10:02:00"},
		{"time with a comma", entry, "10:02:00+01:00", "10:02:00,5Z"},
		{"time with one digit of hours", entry, "10:02:00+01:00", "9:02:00+01:00"},
		{"time in lower case", entry, "10:02:00+01:00", "10:02:00z"},
		{"time at second 60", entry, "10:02:00+01:00", "10:02:60+01:00"},
		{"type empty", entry, `"com.example.loan.decided.v1"`, `""`},
		{"type with a space", entry, "loan.decided", "loan decided"},
		{"an entry that says it is restricted", entry, "com.example.loan.decided.v1", record.TypeRestricted},
		{"an entry that says it is an index-root", entry, "com.example.loan.decided.v1", record.TypeIndexRoot},

		{"restricted with a time", restricted, `"type":`, `"time":"2026-01-31T10:02:00Z","type":`},
		{"restricted with a submitter", restricted, `"term":`, `"submitter":"x","term":`},
		{"restricted with refs", restricted, `"schema":`, `"refs":[1],"schema":`},
		{"restricted with open members", restricted, `"open":{}`, `"open":{"outcome":"approved"}`},
		{"restricted that says it is not", restricted, record.TypeRestricted, "com.example.loan.decided.v1"},

		{"index-root covers less than nothing", root, `"covers":4`, `"covers":-1`},
		{"index-root with a fraction", root, `"covers":4`, `"covers":4.0`},
		{"index-root with another member", root, `"root":`, `"prev":"` + b64 + `","root":`},
		{"index-root without a root", root, `"root":"dFkkmzic8gRVFgqDY6vVkC0VmP2EeDnIztMG0+JDlhY=",`, ``},
		{"index-root of another version", root, `"lendlog/1"`, `"lendlog/2"`},
		{"index-root with a line break", root, `=`, `=\n`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Count(tt.of, tt.old) != 1 {
				t.Fatalf("%q does not stand in the leaf once", tt.old)
			}
			bad := strings.Replace(tt.of, tt.old, tt.new, 1)
			if bad == tt.of {
				t.Fatal("nothing was changed")
			}
			if _, err := record.ParseLeaf([]byte(bad)); err == nil {
				t.Errorf("accepted: %s", bad)
			}
		})
	}
}

// Every member has to be there, but for refs, without which an entry is
// another, valid one; and none may have another type.
func TestParseLeafMembers(t *testing.T) {
	others := []canon.Value{{}, canon.Flag(true), canon.Number(7), canon.Text("x"), canon.List(), canon.Map()}
	for name, leaf := range goldenLeaves(t) {
		v, err := canon.Parse(leafBytes(leaf), canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range v.Members {
			missing := canon.Value{Kind: canon.Object, Members: append(append([]canon.Member{}, v.Members[:i]...), v.Members[i+1:]...)}
			_, err := record.ParseLeaf(missing.Bytes())
			if optional := m.Name == "refs"; (err == nil) != optional {
				t.Errorf("%s without %s: %v", name, m.Name, err)
			}
			for _, other := range others {
				if other.Kind == m.Value.Kind {
					continue
				}
				changed := canon.Value{Kind: canon.Object, Members: append([]canon.Member{}, v.Members...)}
				changed.Members[i].Value = other
				if _, err := record.ParseLeaf(changed.Bytes()); err == nil {
					t.Errorf("%s with a %s for %s is accepted", name, other.Kind, m.Name)
				}
			}
		}
	}
	for _, other := range others {
		if _, err := record.ParseLeaf(other.Bytes()); err == nil {
			t.Errorf("%s is a leaf", other.Bytes())
		}
	}
}

// No bit of a leaf can be changed without its bytes being refused, or being
// another leaf.
func TestParseLeafBits(t *testing.T) {
	for name, leaf := range goldenLeaves(t) {
		good := leafBytes(leaf)
		for i := range len(good) * 8 {
			bad := bytes.Clone(good)
			bad[i/8] ^= 1 << (i % 8)
			got, err := record.ParseLeaf(bad)
			if err == nil && cmp.Equal(got, leaf) {
				t.Errorf("%s is the same with bit %d changed: %s", name, i, bad)
			}
		}
	}
}

func TestParseLeafSize(t *testing.T) {
	e := *goldenLeaves(t)["entry"].Entry
	room := record.MaxEntry - len(e.Bytes())
	e.Open = texts("outcome", "approved"+strings.Repeat("x", room))
	if _, err := record.ParseLeaf(e.Bytes()); err != nil {
		t.Errorf("an entry of %d bytes: %v", len(e.Bytes()), err)
	}
	e.Open = texts("outcome", "approved"+strings.Repeat("x", room+1))
	if _, err := record.ParseLeaf(e.Bytes()); err == nil {
		t.Errorf("an entry of %d bytes is accepted", len(e.Bytes()))
	}
}

// What is accepted is written again as it was, and ParseLeaf reads just what
// the oracle reads.
func FuzzParseLeaf(f *testing.F) {
	for _, leaf := range goldenLeaves(f) {
		f.Add(leafBytes(leaf))
	}
	f.Add(payment().Bytes())
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		leaf, err := record.ParseLeaf(b)
		agree(t, b)
		if err != nil {
			return
		}
		if (leaf.Entry == nil) == (leaf.IndexRoot == nil) {
			t.Fatalf("%s is both kinds of leaf, or none", b)
		}
		if got := leafBytes(leaf); !bytes.Equal(got, b) {
			t.Errorf("%s is written again as %s", b, got)
		}
	})
}

// agree holds ParseLeaf against the oracle.
func agree(t *testing.T, b []byte) {
	t.Helper()
	got, err := record.ParseLeaf(b)
	want, wantErr := record.OracleLeaf(b)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: ParseLeaf says %v, the oracle %v", b, err, wantErr)
	}
	if err == nil {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s is read as another leaf than by the oracle (-want +got):\n%s", b, diff)
		}
	}
}

// Leaves that are changed in the ways of TestParseLeafRefuses and others, one
// or two at a time, are read as by the oracle.
func TestParseLeafOracle(t *testing.T) {
	pieces := []string{
		` `, "\n", `,`, `:`, `{`, `}`, `[`, `]`, `"`, `\`, `\"`, `\\`, `\/`, `\n`, `\u0007`, `\u000a`, `\u001F`, `\u001f`, `\u00e9`, `é`, "\xff", "\x00", "\x7f",
		`0`, `1`, `-`, `-0`, `.0`, `e1`, `null`, `true`, `{}`, `[]`, `""`, `=`, `==`, `Z`, `+00:00`, `.5`, `9007199254740991`, `9007199254740992`,
		`,"refs":[1]`, `,"refs":[0,5]`, `,"refs":[]`, `,"prev":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`, `,"submitter":"x"`, `,"time":"2026-01-31T10:02:00Z"`,
		`,"seq":1`, `"seq":1`, `"v":"lendlog/1"`, record.TypeRestricted, record.TypeIndexRoot, `{"a":1,"b":{"c":[true,"é"]}}`, `{"b":1,"a":1}`, `{"a":1,"a":1}`,
	}
	rng := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for _, leaf := range goldenLeaves(t) {
		good := leafBytes(leaf)
		v, err := canon.Parse(good, canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for range 20_000 {
			var bad []byte
			switch rng.IntN(3) {
			case 0: // a piece put in, or in place of some bytes
				at := rng.IntN(len(good) + 1)
				end := min(at+rng.IntN(3), len(good))
				bad = slices.Concat(good[:at], []byte(pieces[rng.IntN(len(pieces))]), good[end:])
			case 1: // bytes left out
				at := rng.IntN(len(good))
				bad = slices.Delete(bytes.Clone(good), at, min(at+1+rng.IntN(40), len(good)))
			default: // members left out, doubled, moved, or with another's value
				m := slices.Clone(v.Members)
				for range 1 + rng.IntN(2) {
					i, j := rng.IntN(len(m)), rng.IntN(len(m))
					switch rng.IntN(4) {
					case 0:
						m = slices.Delete(m, i, i+1)
					case 1:
						m = slices.Insert(m, i, m[j])
					case 2:
						m[i], m[j] = m[j], m[i]
					default:
						m[i].Value = m[j].Value
					}
				}
				bad = canon.Value{Kind: canon.Object, Members: m}.Bytes()
			}
			agree(t, bad)
			if _, err := record.ParseLeaf(bad); err == nil {
				accepted++
			}
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d of the changed leaves are leaves: the changes are too coarse to tell", accepted)
	}
}
