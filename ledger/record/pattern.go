// SPDX-License-Identifier: Apache-2.0

package record

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"unicode/utf8"
)

// A pattern is a regular expression that is anchored at both ends and means
// the same in RE2 and in ECMA-262, which JSON Schema speaks.
type pattern struct {
	text   string
	re     *regexp.Regexp
	states int64 // about how many it is compiled to
	max    int64 // most characters that match; more than any string has when unbounded
	free   bool  // matches may have white space, control characters or other than ASCII

	made sync.Once
	fast *automaton // for most strings; nil before it was made, and where there is none
}

func (p *pattern) match(s string) bool {
	if p.exceeds(s) {
		return false
	}
	p.made.Do(func() { p.fast = newAutomaton(p.text) })
	if p.fast != nil {
		if matches, known := p.fast.match(s); known {
			return matches
		}
	}
	return p.re.MatchString(s)
}

// exceeds reports whether s is longer than any match.
func (p *pattern) exceeds(s string) bool { return int64(len(s)) > p.max*utf8.UTFMax }

// steps returns about how many steps match takes at worst.
func (p *pattern) steps(s string) int64 {
	if p.exceeds(s) {
		return 0
	}
	return p.states * int64(len(s))
}

// A pattern costs memory for as long as its ledger is open, and time for every
// string that it is held against, by what it is when its repetitions are written
// out. So that is bounded, of one pattern and of all in a schema, and its text.
const (
	maxPattern   = 512 // bytes
	maxStates    = 1024
	maxAllStates = 8192
)

// maxSteps bounds the time for all strings of one event, to some tenths of a
// second.
const maxSteps = 1 << 24

// compilePattern compiles text, or says in a phrase what to change.
func compilePattern(text string) (p *pattern, why string) {
	if len(text) > maxPattern {
		return nil, "must have at most 512 bytes"
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, "must be a regular expression that RE2 knows"
	}
	last := len(tree.Sub) - 1
	if tree.Op != syntax.OpConcat || tree.Sub[0].Op != syntax.OpBeginText || tree.Sub[last].Op != syntax.OpEndText {
		return nil, "must be anchored as ^…$; write ^(?:a|b)$ for alternatives"
	}
	if !portable(text) {
		return nil, `must mean the same in RE2 and ECMA-262: no dot, no flags, no escapes but \d \w \t \n \r and those of punctuation`
	}
	n := states(tree)
	if n > maxStates {
		return nil, "must not repeat so much: written out it has more than 1,024 characters; loosen it, and bound the string with maxLength"
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, "must be a regular expression that RE2 knows"
	}
	return &pattern{text: text, re: re, states: n, max: longest(tree), free: freeText(tree)}, ""
}

var (
	escape     = regexp.MustCompile(`^\\[dDwWtnr^$\\.*+?()[\]{}|/]`)
	repetition = regexp.MustCompile(`^\{[0-9]+(,[0-9]*)?\}`)
)

// portable refuses what RE2 and ECMA-262 read differently. The text is one
// that RE2 knows.
func portable(text string) bool {
	class := false
	for i := 0; i < len(text); i++ {
		switch rest := text[i:]; {
		case rest[0] == '\\':
			if !escape.MatchString(rest) && !(class && rest[1] == '-') {
				return false
			}
			i++
		case class:
			if rest[0] == '[' {
				return false
			}
			class = rest[0] != ']'
		case rest[0] == '[':
			if strings.HasPrefix(rest, "[]") || strings.HasPrefix(rest, "[^]") {
				return false
			}
			class = true
		case rest[0] == '{':
			r := repetition.FindString(rest)
			if r == "" {
				return false
			}
			i += len(r) - 1
		case rest[0] == '(':
			if strings.HasPrefix(rest, "(?") && !strings.HasPrefix(rest, "(?:") {
				return false
			}
		case strings.IndexByte(".]}", rest[0]) >= 0:
			return false
		}
	}
	return true
}

// unbounded is the length of what has no longest match. Sums and products of
// it with what a pattern can write stay within an int64 because every step
// cuts them down to it again.
const unbounded = 1 << 31

// longest returns how many characters a match has at most.
func longest(re *syntax.Regexp) int64 {
	var sum, most int64
	for _, sub := range re.Sub {
		n := longest(sub)
		sum, most = sum+n, max(most, n)
	}
	switch re.Op {
	case syntax.OpLiteral:
		sum = int64(len(re.Rune))
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		sum = 1
	case syntax.OpAlternate:
		sum = most
	case syntax.OpStar, syntax.OpPlus:
		sum *= unbounded
	case syntax.OpRepeat:
		if re.Max < 0 {
			sum *= unbounded
		} else {
			sum *= int64(re.Max)
		}
	}
	return min(sum, unbounded)
}

// states returns about how many states a pattern is compiled to.
func states(re *syntax.Regexp) int64 {
	var sum int64
	for _, sub := range re.Sub {
		sum += states(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		sum = int64(len(re.Rune))
	case syntax.OpRepeat:
		sum *= int64(max(re.Min, re.Max))
	case syntax.OpConcat, syntax.OpCapture:
	default:
		sum += int64(len(re.Sub)) + 1
	}
	return min(sum, unbounded)
}

// freeText reports whether a match may have a character that is not printable
// ASCII, or a space.
func freeText(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r <= ' ' || r >= 0x7f {
				return true
			}
		}
	case syntax.OpCharClass:
		n := len(re.Rune)
		return n > 0 && (re.Rune[0] <= ' ' || re.Rune[n-1] >= 0x7f)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	}
	for _, sub := range re.Sub {
		if freeText(sub) {
			return true
		}
	}
	return false
}
