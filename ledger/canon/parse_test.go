// SPDX-License-Identifier: Apache-2.0

package canon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
)

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func wide(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":0`, i)
	}
	return "{" + b.String()[1:] + "}"
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		pointer  string
		reason   string // a part of it
	}{
		{"nothing", "", "", "ends too early"},
		{"only space", " \n", "", "ends too early"},
		{"byte order mark", "\ufeff{}", "", "is not JSON"},
		{"other space", "\u00a0{}", "", "is not JSON"},
		{"trailing value", `{} {}`, "", "followed by other bytes"},
		{"trailing comma outside", `{},`, "", "followed by other bytes"},
		{"trailing NUL", "{}\x00", "", "followed by other bytes"},

		{"duplicate", `{"a":{"b":1,"b":1}}`, "/a/b", "stands twice"},
		{"duplicate, apart", `{"b":1,"a":2,"b":3}`, "/b", "stands twice"},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, "/a", "stands twice"},
		{"duplicate by surrogates", `{"😀":1,"\ud83d\ude00":2}`, "/😀", "stands twice"},
		{"duplicate empty name", `{"":1,"":2}`, "/", "stands twice"},

		{"lone high surrogate", `["\ud83d"]`, "/0", "lone surrogate"},
		{"lone low surrogate", `["\ude00"]`, "/0", "lone surrogate"},
		{"surrogates the wrong way round", `["\ude00\ud83d"]`, "/0", "lone surrogate"},
		{"two high surrogates", `["\ud83d\ud83d"]`, "/0", "lone surrogate"},
		{"high surrogate before a letter", `["\ud83dx"]`, "/0", "lone surrogate"},
		{"high surrogate before another escape", `["\ud83d\n"]`, "/0", "lone surrogate"},
		{"high surrogate before U+FFFD", `["\ud83d\ufffd"]`, "/0", "lone surrogate"},
		{"lone surrogate in a name", `{"\ud83d":1}`, "", "lone surrogate"},

		{"2^53", `{"n":9007199254740992}`, "/n", "beyond 2^53-1"},
		{"-2^53", `[-9007199254740992]`, "/0", "beyond 2^53-1"},
		{"2^64+1", `[18446744073709551617]`, "/0", "beyond 2^53-1"},
		{"10^400", "[1" + strings.Repeat("0", 400) + "]", "/0", "beyond 2^53-1"},
		{"-0", `[-0]`, "/0", "is -0"},
		{"1.0", `[1.0]`, "/0", "fraction or an exponent"},
		{"-0.0", `[-0.0]`, "/0", "fraction or an exponent"},
		{"1e3", `[1e3]`, "/0", "fraction or an exponent"},
		{"1E3", `[1E3]`, "/0", "fraction or an exponent"},
		{"leading zero", `[01]`, "/0", "leading zero"},
		{"leading zero, negative", `[-01]`, "/0", "leading zero"},
		{"only zeros", `[00]`, "/0", "leading zero"},
		{"minus alone", `[-]`, "/0", "is not JSON"},
		{"plus", `[+1]`, "/0", "is not JSON"},
		{"point first", `[.5]`, "/0", "is not JSON"},
		{"hexadecimal", `[0x10]`, "", "is not JSON"},
		{"NaN", `[NaN]`, "/0", "is not JSON"},

		{"stray continuation byte", "[\"\x80\"]", "/0", "not valid UTF-8"},
		{"overlong", "[\"\xc0\xaf\"]", "/0", "not valid UTF-8"},
		{"encoded surrogate", "[\"\xed\xa0\x80\"]", "/0", "not valid UTF-8"},
		{"beyond U+10FFFF", "[\"\xf4\x90\x80\x80\"]", "/0", "not valid UTF-8"},
		{"cut short", "[\"\xf0\x9f\x98\"]", "/0", "not valid UTF-8"},
		{"cut short before an escape", "[\"\xf0\x9f\\u0080\"]", "/0", "not valid UTF-8"},
		{"in a name", "{\"\xff\":1}", "", "not valid UTF-8"},

		{"NUL", "[\"\x00\"]", "/0", "control character"},
		{"line feed", "[\"a\nb\"]", "/0", "control character"},
		{"tab after an escape", "[\"\\n\tb\"]", "/0", "control character"},
		{"U+001F", "[\"\x1f\"]", "/0", "control character"},

		{"unknown escape", `["\x41"]`, "/0", "escape that JSON does not know"},
		{"escaped apostrophe", `["\'"]`, "/0", "escape that JSON does not know"},
		{"short escape", `["\u12"]`, "/0", "four hexadecimal digits"},
		{"bad escape", `["\u12g4"]`, "/0", "four hexadecimal digits"},
		{"escape at the end", `["\u00`, "/0", "four hexadecimal digits"},
		{"backslash at the end", `["\`, "/0", "ends too early"},

		{"33 levels", nested(33), strings.Repeat("/0", 32), "nested too deeply"},
		{"33 levels with objects", strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), strings.Repeat("/a", 32), "nested too deeply"},
		{"1025 members", wide(1025), "", "more than 1024 members"},

		{"open object", `{"a":1`, "", "ends too early"},
		{"open array", `[1`, "", "ends too early"},
		{"open string", `["a`, "/0", "ends too early"},
		{"member without value", `{"a"}`, "/a", "is not JSON"},
		{"member without name", `{1:1}`, "", "is not JSON"},
		{"trailing comma in object", `{"a":1,}`, "", "is not JSON"},
		{"trailing comma in array", `[1,]`, "/1", "is not JSON"},
		{"two commas", `[1,,2]`, "/1", "is not JSON"},
		{"semicolon", `{"a":1;"b":2}`, "", "is not JSON"},
		{"wrong bracket", `[1}`, "", "is not JSON"},
		{"comment", `[1/**/]`, "", "is not JSON"},
		{"single quotes", `['a']`, "/0", "is not JSON"},
		{"literal in another case", `[True]`, "/0", "is not JSON"},
		{"literal cut short", `[tru`, "/0", "is not JSON"},
		{"literal with a tail", `[nullx]`, "", "is not JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := canon.Parse([]byte(tt.in), canon.Limits{})
			var se *canon.SyntaxError
			if !errors.As(err, &se) {
				t.Fatalf("Parse gives %v, %v instead of a SyntaxError", v, err)
			}
			if se.Pointer != tt.pointer || !strings.Contains(se.Reason, tt.reason) {
				t.Errorf("got %q %q, want %q and a reason with %q", se.Pointer, se.Reason, tt.pointer, tt.reason)
			}
			if se.Offset < 0 || se.Offset > len(tt.in) {
				t.Errorf("offset %d is outside the %d bytes", se.Offset, len(tt.in))
			}
			if v.Kind != canon.Null {
				t.Errorf("Parse gives a value of kind %s beside the error", v.Kind)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for _, in := range []string{
		"null", " true\r\n", "\tfalse", "0", "-1", `""`, `"` + strings.Repeat("é", 5000) + `"`,
		nested(32), wide(1024), `{"a":1,"A":2,"á":3}`, `["\ud83d\ude00","\ufffd","\u0000"]`,
	} {
		if _, err := canon.Parse([]byte(in), canon.Limits{}); err != nil {
			t.Errorf("Parse(%.40q): %v", in, err)
		}
	}
}

// zeros returns a list of n lists of m zeros.
func zeros(n, m int) string {
	list := "[" + strings.Repeat("0,", m-1) + "0]"
	return "[" + strings.Repeat(list+",", n-1) + list + "]"
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		in  string
		lim canon.Limits
		ok  bool
	}{
		{nested(2), canon.Limits{Depth: 2}, true},
		{nested(3), canon.Limits{Depth: 2}, false},
		{nested(40), canon.Limits{Depth: 40}, true},
		{wide(3), canon.Limits{Members: 3}, true},
		{wide(4), canon.Limits{Members: 3}, false},
		{`[` + wide(3) + `,` + wide(3) + `]`, canon.Limits{Members: 3}, true},
		{wide(2000), canon.Limits{Members: 2000}, true},
		{`1`, canon.Limits{Values: 1}, true},
		{`[1]`, canon.Limits{Values: 1}, false},
		{`[1,[2],{"a":3}]`, canon.Limits{Values: 6}, true},
		{`[1,[2],{"a":3}]`, canon.Limits{Values: 5}, false},
		{wide(3), canon.Limits{Values: 4}, true},
		{wide(3), canon.Limits{Values: 3}, false},
		{zeros(1<<11, 1<<10-1), canon.Limits{}, false}, // 2^21 items and lists, and the document
		{zeros(1<<11-1, 1<<10-1), canon.Limits{}, true},
	} {
		if _, err := canon.Parse([]byte(tt.in), tt.lim); (err == nil) != tt.ok {
			t.Errorf("Parse(%.20q, %+v): %v", tt.in, tt.lim, err)
		}
	}
}

// An error may be logged: of the document it holds short names, no values.
func TestErrorsHoldNoValues(t *testing.T) {
	secret := "Maria Muster"
	for _, in := range []string{
		`{"name":"` + secret + "\x01\"}",
		`{"name":"` + secret + "\xff\"}",
		`{"name":"` + secret + `\ud83d"}`,
		`{"name":"` + secret + `"} x`,
		`{"name":"` + secret + `" x`,
		`{"name":["` + secret + `",1.5]}`,
	} {
		_, err := canon.Parse([]byte(in), canon.Limits{})
		if err == nil || strings.Contains(err.Error(), "Maria") {
			t.Errorf("Parse(%q): %v", in, err)
		}
	}
	_, err := canon.Parse([]byte(`{"`+strings.Repeat("né", 200)+`":x}`), canon.Limits{})
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("a long name makes a long error: %v", err)
	}
}

func TestErrorText(t *testing.T) {
	_, err := canon.Parse([]byte(`{"a":{"b/c":1.5}}`), canon.Limits{})
	want := `/a/b~1c is a number with a fraction or an exponent; write decimals as strings (byte 12)`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = canon.Parse([]byte(`{} 1`), canon.Limits{})
	if want := `the document is followed by other bytes (byte 3)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseCanonicalRefuses(t *testing.T) {
	for _, in := range []string{
		` {}`, "{}\n", `{"a": 1}`, `{"b":1,"a":2}`, `"\u0041"`, `"\/"`, `"\u000a"`, `"\u001F"`, `{"ﬁ":1,"😀":2}`, `[1,]`,
	} {
		if v, err := canon.ParseCanonical([]byte(in), canon.Limits{}); err == nil {
			t.Errorf("ParseCanonical(%q) = %v", in, v)
		}
	}
}

// Parsing does not keep the caller's buffer, which may be used again.
func TestParseCopies(t *testing.T) {
	b := []byte(`{"name":"value"}`)
	v, err := canon.Parse(b, canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if diff := cmp.Diff(canon.Map(canon.Member{Name: "name", Value: canon.Text("value")}), v); diff != "" {
		t.Error(diff)
	}
}

// A room gives what is read without one, refuses the same, and keeps what it read
// until it is reset.
func TestRoom(t *testing.T) {
	many, err := canon.Parse([]byte(wide(100)), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	docs := []string{
		`{}`, `[]`, `1`, `{"a":[1,{"b":[]}],"c":{"d":"é","e":[[2],[3]]}}`, nested(32), string(many.Bytes()),
		`{"a":{"b":1,"b":1}}`, `{"b":1,"a":2}`, `[[1],[2],]`, ``,
	}
	var room canon.Room
	for range 3 {
		for _, doc := range docs {
			want, refused := canon.ParseCanonical([]byte(doc), canon.Limits{})
			var got []canon.Value
			for range 20 {
				v, err := room.ParseCanonical([]byte(doc), canon.Limits{})
				if fmt.Sprint(err) != fmt.Sprint(refused) {
					t.Fatalf("%s: %v, want %v", doc, err, refused)
				}
				got = append(got, v)
			}
			for _, v := range got {
				if !reflect.DeepEqual(v, want) {
					t.Fatalf("%s: %v, want %v", doc, v, want)
				}
			}
		}
		room.Reset()
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		event, `{}`, `[]`, `null`, `-1`, `"\ud83d\ude00"`, `{"ﬁ":1,"😀":2}`, `{"a":1,"\u0061":2}`, `[9007199254740991,9007199254740992]`,
		"[\"\xed\xa0\x80\"]", nested(33), ` { "b" : [ true , false ] , "a" : "\/\b" } `, `[-0]`, `[1e3]`, `["\ud83d"]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := canon.Parse(b, canon.Limits{})
		if err != nil {
			if _, err := canon.ParseCanonical(b, canon.Limits{}); err == nil {
				t.Fatal("ParseCanonical accepts what Parse refuses")
			}
			return
		}
		if !json.Valid(b) {
			t.Fatal("encoding/json says that this is not JSON")
		}
		c := v.Bytes()
		w, err := canon.Parse(c, canon.Limits{})
		if err != nil {
			t.Fatalf("the canonical form %q does not parse: %v", c, err)
		}
		if !bytes.Equal(w.Bytes(), c) {
			t.Fatalf("the canonical form %q parses to %q", c, w.Bytes())
		}
		if diff := cmp.Diff(v, w); diff != "" {
			t.Fatalf("the canonical form parses to another value:\n%s", diff)
		}
		if _, err := canon.ParseCanonical(c, canon.Limits{}); err != nil {
			t.Fatalf("ParseCanonical refuses the canonical form %q: %v", c, err)
		}
		if _, err := canon.ParseCanonical(b, canon.Limits{}); (err == nil) != bytes.Equal(b, c) {
			t.Fatalf("ParseCanonical says %v, the canonical form is %q", err, c)
		}
		if want := oracle(t, []byte("["+string(b)+"]")); string(want) != "["+string(c)+"]" {
			t.Fatalf("canonical form %q, the oracle says %q", c, want)
		}
	})
}
