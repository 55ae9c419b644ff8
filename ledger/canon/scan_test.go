// SPDX-License-Identifier: Apache-2.0

package canon_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
)

// A Scanner gives what it is asked for, and stays where it is when something
// else comes next.
func TestScanner(t *testing.T) {
	s := canon.NewScanner([]byte(`{"a":-7,"b":"\"é","c":[{"d":true}]}`))
	refused := func(at int) {
		t.Helper()
		if s.Offset() != at {
			t.Errorf("it stands at byte %d, not %d", s.Offset(), at)
		}
	}
	if s.Skip(`{"b":`) || s.Skip(`{"a": `) || !s.Skip(`{"a":`) {
		t.Error("it does not step over just what is there")
	}
	if _, ok := s.Text(); ok {
		t.Error("a number is a text")
	}
	refused(5)
	if n, ok := s.Int(); !ok || n != -7 {
		t.Errorf("got %d, %v", n, ok)
	}
	if _, ok := s.Int(); ok || !s.Skip(`,"b":`) {
		t.Error("a comma is a number")
	}
	if _, ok := s.Int(); ok {
		t.Error("a text is a number")
	}
	refused(12)
	if text, ok := s.Text(); !ok || text != `"é` {
		t.Errorf("got %q, %v", text, ok)
	}
	if s.Peek(100) != "" || s.Peek(5) != `,"c":` || !s.Skip(`,"c":`) || s.AtEnd() {
		t.Error("it does not see what comes next")
	}
	want := canon.List(canon.Map(canon.Member{Name: "d", Value: canon.Flag(true)}))
	if v, ok := s.Value(); !ok || !cmp.Equal(v, want) {
		t.Errorf("got %v, %v", v, ok)
	}
	if !s.Skip("}") || !s.AtEnd() || s.Skip("}") || s.Peek(1) != "" {
		t.Error("it is not at the end")
	}
	if _, ok := s.Value(); ok {
		t.Error("there is a value after the end")
	}
}

// A Scanner reads as the value of a member what ParseCanonical reads there.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"b":1,"c":2}`, `{"c":2,"b":1}`, `{"b":1,"b":1}`, ` 1`, `1 `, `1.0`, `-0`, `1e3`, `"\u0041"`, `"\u001F"`, `"\/"`, `"é\n"`, "\"\xff\"", nested(31), nested(32),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := canon.NewScanner([]byte(`{"a":` + string(b) + `}`))
		s.Skip(`{"a":`)
		v, ok := s.Value()
		ok = ok && s.Skip("}") && s.AtEnd()
		whole, err := canon.ParseCanonical([]byte(`{"a":`+string(b)+`}`), canon.Limits{})
		if err == nil && len(whole.Members) > 1 { // b is a value, and more members
			return
		}
		if ok != (err == nil) {
			t.Fatalf("the Scanner says %v, ParseCanonical %v", ok, err)
		}
		if ok && !bytes.Equal(v.Bytes(), whole.Members[0].Value.Bytes()) {
			t.Fatalf("the Scanner reads %v, ParseCanonical %v", v, whole.Members[0].Value)
		}
	})
}
