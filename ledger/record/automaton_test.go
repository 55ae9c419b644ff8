// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/record"
)

// builtinPatterns returns the patterns of all types that come with lendlog.
func builtinPatterns(t testing.TB) (list []string) {
	t.Helper()
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	find := regexp.MustCompile(`"pattern": *("(?:[^"\\]|\\.)*")`)
	for _, s := range cat.All() {
		for _, m := range find.FindAllSubmatch(s.Text, -1) {
			var p string
			if err := json.Unmarshal(m[1], &p); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

// An automaton says of every string what package regexp says.
func TestAutomata(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	var try []string
	var add func(v canon.Value)
	add = func(v canon.Value) {
		if v.Kind == canon.String {
			try = append(try, v.Str)
		}
		for _, item := range v.Items {
			add(item)
		}
		for _, m := range v.Members {
			add(m.Value)
		}
	}
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range cat.All() {
		for _, x := range s.Examples {
			add(x)
		}
	}
	try = append(try, strangeStrings...)
	try = append(try, "0x"+strings.Repeat("0f", 20), "0x"+strings.Repeat("0f", 32), strings.Repeat("ab", 32), strings.Repeat("+", 43)+"=", strings.Repeat("_", 43), "en-Latn-US", "a/b", "EC", "/a", "12345678901")
	slices.Sort(try)
	try = slices.Compact(try)
	const letters = "abzAZ019-_./:+=~!TZ \t\n\x00\x7fé"
	found := builtinPatterns(t)
	if len(found) < 15 {
		t.Errorf("only %d patterns were found in the types", len(found))
	}
	for _, p := range append(found, patterns...) {
		m, ok := record.AutomatonOf(p)
		if !ok {
			t.Errorf("%s has no automaton", p)
			continue
		}
		re, matched := regexp.MustCompile(p), 0
		check := func(s string) {
			agrees, matches := m.Agrees(re, s)
			if !agrees {
				t.Fatalf("of %q %s is said to match: %v", s, p, matches)
			}
			if matches {
				matched++
			}
		}
		for _, s := range try {
			check(s)
			for range scale.Of(3, 100) {
				b := []byte(s)
				for range 1 + rng.IntN(2) {
					at := rng.IntN(len(b) + 1)
					switch c := letters[rng.IntN(len(letters))]; {
					case at < len(b) && rng.IntN(3) > 0:
						b[at] = c
					case at < len(b) && rng.IntN(2) > 0:
						b = slices.Delete(b, at, at+1)
					default:
						b = slices.Insert(b, at, c)
					}
				}
				check(string(b))
			}
		}
		if matched == 0 {
			t.Errorf("nothing matches %s: this tests little of it", p)
		}
	}
}

// A pattern whose automaton would be too large does without, and matches all the
// same.
func TestNoAutomaton(t *testing.T) {
	for _, p := range []string{`^(?:a|b)*a(?:a|b){10}$`, `^[a-z]{0,600}$`, `^(?:abcdefghijklmnopqrstuvwxyz0123456789){5}$`} {
		if _, ok := record.AutomatonOf(p); ok {
			t.Errorf("%s has an automaton", p)
		}
	}
}
