// SPDX-License-Identifier: Apache-2.0

package record

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// An automaton matches strings of ASCII as a pattern does, with one look into a
// table for each byte. Most values that are held against a pattern are a few bytes
// long, for which package regexp takes many times as long.
type automaton struct {
	class   [utf8.RuneSelf]uint8 // of a byte; the pattern tells no two of a class apart
	classes int
	next    []uint16 // of a state and a class; 0 is the state from which nothing matches
	accepts []bool   // by state
}

// begin is the state before the first byte.
const begin = 1

// match reports whether the pattern matches s. known is false if s is not ASCII.
func (a *automaton) match(s string) (matches, known bool) {
	state := begin
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false, false
		}
		if state = int(a.next[state*a.classes+int(a.class[s[i]])]); state == 0 {
			return false, true
		}
	}
	return a.accepts[state], true
}

// What an automaton may take: states, places in its table of two bytes each, of which
// those of the types that come with lendlog have up to 2,322, and steps to make it.
// Patterns that need more do without.
const (
	maxAutomaton      = 1 << 9
	maxAutomatonTable = 1 << 12
	maxAutomatonSteps = 1 << 18
)

// newAutomaton returns nil for a pattern that is to do without. The pattern must be
// one that compilePattern accepts.
func newAutomaton(pattern string) *automaton {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil
	}
	anchors := 0
	for i := range prog.Inst {
		if prog.Inst[i].Op == syntax.InstEmptyWidth {
			anchors++
		}
	}
	if anchors != 2 { // the first and the last thing
		return nil
	}
	m := maker{prog: prog, seen: make([]int, len(prog.Inst)), known: map[string]uint16{}}
	a := new(automaton)
	bytes := m.classify(a)
	a.classes = len(bytes)
	m.state(a, nil) // state 0
	m.state(a, m.reach(nil, uint32(prog.Start)))
	for state := begin; state < len(m.sets); state++ {
		for class, c := range bytes {
			m.round++
			var to []uint32
			for _, pc := range m.sets[state] {
				if in := &prog.Inst[pc]; reads(in, c) {
					to = m.reach(to, in.Out)
				}
			}
			n, ok := m.state(a, to)
			if !ok {
				return nil
			}
			a.next[state*a.classes+class] = n
		}
	}
	return a
}

// reads reports whether an instruction reads a byte.
func reads(in *syntax.Inst, c byte) bool {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1:
		return in.MatchRune(rune(c))
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return c != '\n'
	}
	return false
}

// A maker makes an automaton out of the sets of instructions that a program can be
// at, of which each is a state.
type maker struct {
	prog  *syntax.Prog
	sets  [][]uint32
	known map[string]uint16
	seen  []int // the round in which an instruction was reached last
	round int
	steps int
}

// classify fills a.class, and returns a byte of each class.
func (m *maker) classify(a *automaton) (bytes []byte) {
	var begins [utf8.RuneSelf + 1]bool
	mark := func(r rune) { begins[min(max(r, 0), utf8.RuneSelf)] = true }
	for i := range m.prog.Inst {
		switch in := &m.prog.Inst[i]; in.Op {
		case syntax.InstRuneAnyNotNL:
			mark('\n')
			mark('\n' + 1)
		case syntax.InstRune, syntax.InstRune1:
			for k := 0; k < len(in.Rune); k += 2 { // from … to, or one
				mark(in.Rune[k])
				mark(in.Rune[min(k+1, len(in.Rune)-1)] + 1)
			}
		}
	}
	for c := range utf8.RuneSelf {
		if c == 0 || begins[c] {
			bytes = append(bytes, byte(c))
		}
		a.class[c] = uint8(len(bytes) - 1)
	}
	return bytes
}

// reach adds to a set the instructions from pc on that wait for a byte, or for the
// end.
func (m *maker) reach(set []uint32, pc uint32) []uint32 {
	m.steps++
	if m.seen[pc] == m.round+1 {
		return set
	}
	m.seen[pc] = m.round + 1
	switch in := &m.prog.Inst[pc]; in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		return m.reach(m.reach(set, in.Out), in.Arg)
	case syntax.InstCapture, syntax.InstNop:
		return m.reach(set, in.Out)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(in.Arg) == syntax.EmptyBeginText {
			return m.reach(set, in.Out)
		}
	case syntax.InstFail:
		return set
	}
	return append(set, pc)
}

// state returns the number of the state that is a set. The anchor at the end stands
// right before the match: who waits for it may end here.
func (m *maker) state(a *automaton, set []uint32) (n uint16, ok bool) {
	slices.Sort(set)
	key := make([]byte, 0, 2*len(set))
	ends := false
	for _, pc := range set {
		key = append(key, byte(pc>>8), byte(pc)) // a program has fewer than 2^16, by maxStates
		ends = ends || m.prog.Inst[pc].Op == syntax.InstEmptyWidth
	}
	if n, ok := m.known[string(key)]; ok {
		return n, true
	}
	if m.steps += len(set); len(m.sets) == maxAutomaton || len(a.next)+a.classes > maxAutomatonTable || m.steps > maxAutomatonSteps {
		return 0, false
	}
	n = uint16(len(m.sets))
	m.known[string(key)] = n
	m.sets = append(m.sets, set)
	a.accepts = append(a.accepts, ends)
	a.next = append(a.next, make([]uint16, a.classes)...)
	return n, true
}
