// SPDX-License-Identifier: Apache-2.0

package look

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Span is the indexes from First up to End.
type Span struct{ First, End int64 }

// Endless is the End of a span that has none.
const Endless = math.MaxInt64

// Spans are indexes of records: ascending, and none touches the next. They are
// written as ranges with commas between them, such as 22,25-31; 40- has no end.
type Spans []Span

// SpansOf returns the spans of indexes in any order.
func SpansOf(indexes ...int64) Spans {
	all := make(Spans, len(indexes))
	for i, n := range indexes {
		all[i] = Span{n, n + 1}
	}
	return all.merged()
}

// With returns the indexes that are in either.
func (s Spans) With(other Spans) Spans { return slices.Concat(s, other).merged() }

// and returns the spans with one index more, of which it takes the room.
func (s Spans) and(i int64) Spans {
	switch n := len(s); {
	case n == 0 || i > s[n-1].End:
		return append(s, Span{i, i + 1})
	case i == s[n-1].End:
		s[n-1].End++
		return s
	}
	return s.With(SpansOf(i))
}

// merged sorts spans and joins those that touch.
func (s Spans) merged() Spans {
	slices.SortFunc(s, func(a, b Span) int { return compare(a.First, b.First) })
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 && x.First <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, x.End)
			continue
		}
		out = append(out, x)
	}
	return out
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Covers reports whether all indexes of other are in s.
func (s Spans) Covers(other Spans) bool {
	for _, x := range other {
		at, found := s.find(x.First)
		if !found || s[at].End < x.End {
			return false
		}
	}
	return true
}

// Has reports whether an index is in s.
func (s Spans) Has(i int64) bool {
	_, found := s.find(i)
	return found
}

// find returns the span that an index is in.
func (s Spans) find(i int64) (at int, found bool) {
	return slices.BinarySearchFunc(s, i, func(x Span, i int64) int {
		switch {
		case x.End <= i:
			return -1
		case x.First > i:
			return 1
		}
		return 0
	})
}

// Count returns how many indexes there are, 0 for without end.
func (s Spans) Count() (n int64) {
	for _, x := range s {
		if x.End == Endless {
			return 0
		}
		n += x.End - x.First
	}
	return n
}

// A record has so many texts of spans, of so many bytes each.
const (
	maxTexts = 256
	maxText  = 256
)

// texts writes spans as a record has them. What does not go into one is written
// as the one span from the first to the last, which says too much and nothing
// too little.
func (s Spans) texts() []string {
	var all []string
	line := ""
	for _, x := range s {
		word := x.text()
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > maxText:
			all = append(all, line)
			line = word
		default:
			line += "," + word
		}
	}
	if line != "" {
		all = append(all, line)
	}
	if len(all) > maxTexts {
		return Spans{{s[0].First, s[len(s)-1].End}}.texts()
	}
	return all
}

func (x Span) text() string {
	first := strconv.FormatInt(x.First, 10)
	switch x.End {
	case x.First + 1:
		return first
	case Endless:
		return first + "-"
	}
	return first + "-" + strconv.FormatInt(x.End-1, 10)
}

// String writes the spans in one line.
func (s Spans) String() string {
	words := make([]string, len(s))
	for i, x := range s {
		words[i] = x.text()
	}
	return strings.Join(words, ",")
}

// MarshalText writes the spans in one line.
func (s Spans) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads such a line.
func (s *Spans) UnmarshalText(b []byte) (err error) {
	if *s, err = parseLine(nil, string(b)); err == nil && s.String() != string(b) {
		err = errSpans
	}
	return err
}

var errSpans = errors.New("the indexes are not ranges in ascending order, such as 22,25-31")

// ParseSpans reads what a record has, and nothing else.
func ParseSpans(texts []string) (Spans, error) {
	var all Spans
	for _, text := range texts {
		var err error
		if all, err = parseLine(all, text); err != nil {
			return nil, err
		}
	}
	if !slices.Equal(all.texts(), texts) {
		return nil, errSpans
	}
	return all, nil
}

// parseLine reads the spans of a text that follow those before.
func parseLine(before Spans, text string) (Spans, error) {
	for word := range strings.SplitSeq(text, ",") {
		x, err := parseSpan(word)
		if err != nil || len(before) > 0 && x.First <= before[len(before)-1].End {
			return nil, errSpans
		}
		before = append(before, x)
	}
	return before, nil
}

func parseSpan(word string) (x Span, err error) {
	first, last, ranged := strings.Cut(word, "-")
	if x.First, err = parseIndex(first); err != nil {
		return x, err
	}
	switch {
	case !ranged:
		x.End = x.First + 1
	case last == "":
		x.End = Endless
	default:
		x.End, err = parseIndex(last)
		x.End++
	}
	if err == nil && x.End <= x.First {
		err = errSpans
	}
	return x, err
}

// parseIndex reads the shortest form of an index. One beyond 2^53 is none.
func parseIndex(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n >= 1<<53 || strconv.FormatInt(n, 10) != s {
		return 0, errSpans
	}
	return n, nil
}
