// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// golden is a state file that has every member.
func golden(t testing.TB) []byte {
	b, err := os.ReadFile(filepath.Join("testdata", "newest.json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStateGolden(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	s := &state{seen: seen{
		V: stateFormat, Checkpoint: "o.example/1\n2\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— o.example/1 AAAA\n",
		Seen: at, Shown: at.Add(time.Minute), Began: at, Witnessed: &at, Promise: 86400, New: &newcomer{1, at.Add(-time.Minute)}, Stalled: true,
	}}
	b, err := s.bytes()
	if err != nil || string(b) != string(golden(t)) {
		t.Errorf("the state is written as\n%s%v", b, err)
	}
	got, err := parseSeen(golden(t))
	if err != nil || got.Checkpoint != s.Checkpoint || *got.New != *s.New || !got.Shown.Equal(s.Shown) {
		t.Errorf("the state is read as %+v, %v", got, err)
	}
	for old, new := range map[string]string{
		"lendlog-monitor/1": "lendlog-monitor/2",
		`"stalled"`:         `"stuck"`,
		"\n}":               "\n}}",
		"86400":             "-1",
		`"first": 1`:        `"first": -1`,
		"10:00:00":          "25:00:00",
	} {
		if _, err := parseSeen([]byte(strings.Replace(string(golden(t)), old, new, 1))); err == nil {
			t.Errorf("with %s for %s it is read", new, old)
		}
	}
}

// FuzzState wants what is read to be written and read as the same.
func FuzzState(f *testing.F) {
	f.Add(golden(f))
	f.Add([]byte(`{"v":"lendlog-monitor/1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := parseSeen(b)
		if err != nil {
			return
		}
		s := &state{seen: one}
		out, err := s.bytes()
		if err != nil {
			return // a year of five digits
		}
		two, err := parseSeen(out)
		if err != nil || two.Checkpoint != one.Checkpoint || !two.Seen.Equal(one.Seen) || !two.Shown.Equal(one.Shown) || (two.New == nil) != (one.New == nil) {
			t.Fatalf("%s is read as another: %v", out, err)
		}
	})
}

// What was looked at is not looked at again, and what was not stays as it was.
func TestClocked(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	s := &state{seen: seen{V: stateFormat, New: &newcomer{3, at}}, size: 10, dir: t.TempDir()}
	if err := s.clocked(7); err != nil || s.New == nil || *s.New != (newcomer{7, at}) {
		t.Errorf("after 7 of 10: %+v, %v", s.New, err)
	}
	if err := s.clocked(10); err != nil || s.New != nil {
		t.Errorf("after all: %+v, %v", s.New, err)
	}
}

func TestShell(t *testing.T) {
	for in, want := range map[string]string{
		"kept-receipt-12.json": "kept-receipt-12.json", "a b": "'a b'", "x'; rm -r /": `'x'\''; rm -r /'`, "": "''",
	} {
		if got := shell(in); got != want {
			t.Errorf("%q is quoted as %s", in, got)
		}
	}
}
