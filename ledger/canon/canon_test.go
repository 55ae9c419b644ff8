// SPDX-License-Identifier: Apache-2.0

package canon_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"

	"github.com/lendlog/lendlog/ledger/canon"
)

// oracle is the canonical form that an independent implementation gives.
func oracle(t *testing.T, doc []byte) []byte {
	t.Helper()
	want, err := jcs.Transform(doc)
	if err != nil {
		t.Fatalf("the oracle refuses %q: %v", doc, err)
	}
	return want
}

// FuzzParse calls it for whatever Parse accepts; this is the same for values
// that are likelier to be interesting, spelled in as many ways as JSON has.
func TestCanonicalFormEqualsOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(8785, 7493))
	for range 4000 {
		v := canon.List(randomValue(rng, 4))
		doc := spell(nil, rng, v)
		got, err := canon.Parse(doc, canon.Limits{})
		if err != nil {
			t.Fatalf("Parse(%q): %v", doc, err)
		}
		if want := oracle(t, doc); string(got.Bytes()) != string(want) {
			t.Fatalf("of %q\n got %q\nwant %q", doc, got.Bytes(), want)
		}
		if string(v.Bytes()) != string(got.Bytes()) {
			t.Fatalf("Parse(%q) lost something: %q became %q", doc, v.Bytes(), got.Bytes())
		}
	}
}

var runes = [][2]rune{
	{0x00, 0x1f}, {' ', '~'}, {' ', '~'}, {0x7f, 0x9f}, {0xa0, 0x7ff}, {0x2028, 0x2029},
	{0xd000, 0xd7ff}, {0xe000, 0xe010}, {0xfb00, 0xffff}, {0x1f600, 0x1f64f}, {0x10000, 0x10010}, {0x10fff0, 0x10ffff},
}

func randomString(rng *rand.Rand) string {
	var b strings.Builder
	for range rng.IntN(6) {
		r := runes[rng.IntN(len(runes))]
		b.WriteRune(r[0] + rng.Int32N(r[1]-r[0]+1))
	}
	return b.String()
}

func randomValue(rng *rand.Rand, depth int) canon.Value {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch canon.Kind(rng.IntN(kinds)) {
	case canon.Null:
		return canon.Value{}
	case canon.Bool:
		return canon.Flag(rng.IntN(2) == 0)
	case canon.Int:
		return canon.Number((rng.Int64N(canon.MaxInt+1) >> rng.IntN(54)) * (1 - 2*rng.Int64N(2)))
	case canon.String:
		return canon.Text(randomString(rng))
	case canon.Array:
		items := make([]canon.Value, rng.IntN(4))
		for i := range items {
			items[i] = randomValue(rng, depth-1)
		}
		return canon.List(items...)
	default:
		names := make(map[string]bool)
		var members []canon.Member
		for range rng.IntN(6) {
			if n := randomString(rng); !names[n] {
				names[n] = true
				members = append(members, canon.Member{Name: n, Value: randomValue(rng, depth-1)})
			}
		}
		return canon.Map(members...)
	}
}

// spell writes v as JSON that is not canonical: with white space, escapes that
// are not needed, and members in any order.
func spell(b []byte, rng *rand.Rand, v canon.Value) []byte {
	space := func() {
		for rng.IntN(4) == 0 {
			b = append(b, " \t\r\n"[rng.IntN(4)])
		}
	}
	str := func(s string) {
		b = append(b, '"')
		for _, r := range s {
			switch {
			case r >= ' ' && r != '"' && r != '\\' && rng.IntN(3) > 0:
				b = append(b, string(r)...)
			case r == '/':
				b = append(b, `\/`...)
			default:
				for _, u := range utf16.Encode([]rune{r}) {
					b = fmt.Appendf(b, []string{`\u%04x`, `\u%04X`}[rng.IntN(2)], u)
				}
			}
		}
		b = append(b, '"')
	}
	space()
	switch v.Kind {
	case canon.String:
		str(v.Str)
	case canon.Array:
		b = append(b, '[')
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = spell(b, rng, item)
		}
		space()
		b = append(b, ']')
	case canon.Object:
		members := slices.Clone(v.Members)
		rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		b = append(b, '{')
		for i, m := range members {
			if i > 0 {
				b = append(b, ',')
			}
			space()
			str(m.Name)
			space()
			b = append(b, ':')
			b = spell(b, rng, m.Value)
		}
		space()
		b = append(b, '}')
	default:
		b = v.Append(b)
	}
	space()
	return b
}

func TestCanonicalForm(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", ` { } `, `{}`},
		{"literals", `[ null , true , false ]`, `[null,true,false]`},
		{"integers", `[0, -1, 9007199254740991, -9007199254740991]`, `[0,-1,9007199254740991,-9007199254740991]`},
		// U+1F600 is D83D DE00 in UTF-16 and so comes before U+FB01, though its
		// bytes come after.
		{"UTF-16 order", `{"ﬁ":1,"😀":2,"é":3,"a":4,"":5}`, `{"":5,"a":4,"é":3,"😀":2,"ﬁ":1}`},
		{"supplementary order", `{"😁":1,"😀":2,"𐀀":3}`, `{"𐀀":3,"😀":2,"😁":1}`},
		{"order behind a common prefix", `{"x😀b":1,"x😀a":2,"xﬁ":3,"x":4}`, `{"x":4,"x😀a":2,"x😀b":1,"xﬁ":3}`},
		{"emoji names", `{"👩‍👧":1,"👩":2}`, `{"👩":2,"👩‍👧":1}`},
		{"no normalization", `["e\u0301","\u00e9"]`, "[\"e\u0301\",\"\u00e9\"]"},
		{"escapes kept", `"\"\\\b\f\n\r\t\u0000\u001F"`, `"\"\\\b\f\n\r\t\u0000\u001f"`},
		{"escapes dropped", `"\/\u0041\u20ac\ud83d\ude00\u007f\u2028"`, "\"/A€😀\u007f\u2028\""},
		{"RFC 8785, section 3.2.3", `{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
			"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := canon.Parse([]byte(tt.in), canon.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(v.Bytes())); diff != "" {
				t.Errorf("canonical form (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(string(oracle(t, []byte("["+tt.in+"]"))), "["+tt.want+"]"); diff != "" {
				t.Errorf("this table is wrong, says the oracle (-oracle +table):\n%s", diff)
			}
			if _, err := canon.ParseCanonical([]byte(tt.want), canon.Limits{}); err != nil {
				t.Errorf("ParseCanonical of the canonical form: %v", err)
			}
		})
	}
}

func TestCompareNamesEqualsUTF16(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 32))
	for range 20000 {
		a, b := randomString(rng), randomString(rng)
		if rng.IntN(2) == 0 {
			b = a + b
		}
		want := slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		got := canon.CompareNames(a, b)
		if (got < 0) != (want < 0) || (got > 0) != (want > 0) {
			t.Fatalf("CompareNames(%q, %q) = %d, UTF-16 says %d", a, b, got, want)
		}
	}
}

func TestConstructors(t *testing.T) {
	v := canon.Map(
		canon.Member{Name: "b", Value: canon.Texts("x", "y")},
		canon.Member{Name: "a", Value: canon.List(canon.Flag(true), canon.Flag(false), canon.Number(-7), canon.Value{})},
	)
	if got, want := string(v.Bytes()), `{"a":[true,false,-7,null],"b":["x","y"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if b, ok := v.Get("b"); !ok || b.Items[1].Str != "y" {
		t.Errorf("Get(b) = %v, %t", b, ok)
	}
	if _, ok := v.Get("B"); ok {
		t.Error("Get finds a name in another case")
	}
	if a, _ := v.Get("a"); !a.Items[0].IsTrue() || a.Items[1].IsTrue() || a.Items[2].IsTrue() {
		t.Error("IsTrue is not true of the Bool true alone")
	}
}

func TestPointer(t *testing.T) {
	for _, tt := range []struct{ base, token, want string }{
		{"", "a", "/a"},
		{"/a", "", "/a/"},
		{"/a", "m~n/o", "/a/m~0n~1o"},
		{"", "~1", "/~01"},
	} {
		if got := canon.Pointer(tt.base, tt.token); got != tt.want {
			t.Errorf("Pointer(%q, %q) = %q, want %q", tt.base, tt.token, got, tt.want)
		}
	}
}

func TestKindNames(t *testing.T) {
	var got []string
	for k := canon.Null; k <= canon.Object; k++ {
		got = append(got, k.String())
	}
	if diff := cmp.Diff([]string{"null", "boolean", "integer", "string", "array", "object"}, got); diff != "" {
		t.Error(diff)
	}
}

// event is a decision as a lender would submit it, about 700 bytes.
const event = `{"specversion":"1.0","id":"0198f3a2-7c11-7d3e-9a41-5b7f00c1d2e3","source":"urn:lendlog:lender:5493001KJTIIGC8Y1R12:origination","type":"org.lendlog.decision.made.v1","subject":"file/2026-000117","party":"party-5531","time":"2026-02-02T08:14:55.120Z","datacontenttype":"application/json","data":{"outcome":"declined","reasonCodes":["debt-to-income","credit-history-short"],"reasons":[{"code":"debt-to-income","text":"Your monthly debt is high in relation to your income."}],"decisionMode":"assisted","policyId":"consumer-credit","policyVersion":"2026.1","modelId":"pd-consumer","modelVersion":"4.2.0","use":"live","officerId":"staff-204","jurisdiction":"DE-BE","legalEntity":"5493001KJTIIGC8Y1R12"}}`

func BenchmarkParse(b *testing.B) {
	v, err := canon.Parse([]byte(event), canon.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name  string
		parse func([]byte, canon.Limits) (canon.Value, error)
		doc   []byte
	}{{"any", canon.Parse, []byte(event)}, {"canonical", canon.ParseCanonical, v.Bytes()}} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(bb.doc)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bb.parse(bb.doc, canon.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	v, err := canon.Parse([]byte(event), canon.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		buf = v.Append(buf[:0])
	}
}
