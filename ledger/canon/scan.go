// SPDX-License-Identifier: Apache-2.0

package canon

// A Scanner reads an object in canonical form from front to back, for formats
// that know which members come next. What is asked for is stepped over when it
// is there; else the method says so and the Scanner stays where it is. So a
// document has been read in its one form when all of its pieces were.
type Scanner struct{ p parser }

// NewScanner returns a Scanner of a copy of b.
func NewScanner(b []byte) Scanner {
	return Scanner{parser{b: string(b), lim: Limits{}.withDefaults(), canonical: true}}
}

// NewScanner is the function NewScanner with a copy in the room, which values are
// read into.
func (r *Room) NewScanner(b []byte) Scanner {
	return Scanner{parser{b: r.copy(b), lim: Limits{}.withDefaults(), canonical: true, room: r}}
}

// Offset returns the number of bytes that were read.
func (s *Scanner) Offset() int { return s.p.i }

// AtEnd reports whether all was read.
func (s *Scanner) AtEnd() bool { return s.p.i == len(s.p.b) }

// Skip steps over exactly these bytes.
func (s *Scanner) Skip(text string) bool { return s.p.literal(text) }

// Peek returns the next n bytes, or "" where there are fewer.
func (s *Scanner) Peek(n int) string {
	if n > len(s.p.b)-s.p.i {
		return ""
	}
	return s.p.b[s.p.i : s.p.i+n]
}

// Text reads a String.
func (s *Scanner) Text() (string, bool) {
	start := s.p.i
	if s.Peek(1) != `"` {
		return "", false
	}
	text, err := s.p.str()
	return text, s.keep(start, err)
}

// Int reads an Int.
func (s *Scanner) Int() (int64, bool) {
	start := s.p.i
	if c := s.Peek(1); c != "-" && (c < "0" || c > "9") {
		return 0, false
	}
	v, err := s.p.number()
	return v.Int, s.keep(start, err)
}

// Value reads the value of a member of the object.
func (s *Scanner) Value() (Value, bool) {
	start := s.p.i
	s.p.begin()
	v, err := s.p.value(1)
	s.p.end()
	return v, s.keep(start, err)
}

// keep goes back to where it was when a piece could not be read.
func (s *Scanner) keep(start int, err error) bool {
	if err != nil {
		s.p.i = start
	}
	return err == nil
}
