// SPDX-License-Identifier: Apache-2.0

package record

import (
	"regexp"
	"testing"
)

// Matcher is what a pattern is held against.
type Matcher struct{ *automaton }

// AutomatonOf returns the automaton of a pattern, and whether it has one.
func AutomatonOf(pattern string) (Matcher, bool) {
	a := newAutomaton(pattern)
	return Matcher{a}, a != nil
}

// Agrees reports whether the automaton says of a string what regexp says, and
// whether that is that it matches.
func (m Matcher) Agrees(re *regexp.Regexp, s string) (agrees, matches bool) {
	matches, known := m.match(s)
	return !known || matches == re.MatchString(s), matches
}

// Compose is compose with the shared definitions.
func Compose(t *testing.T, text string) []byte {
	t.Helper()
	defs, err := readDefinitions(sharedDefinitions)
	if err != nil {
		t.Fatal(err)
	}
	composed, err := compose([]byte(text), defs)
	if err != nil {
		t.Fatal(err)
	}
	return composed
}

// CompileBuiltin does anew what Builtin does once.
func CompileBuiltin() error {
	_, err := compileAll(schemas, sharedDefinitions)
	return err
}
