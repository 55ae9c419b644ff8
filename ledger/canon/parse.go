// SPDX-License-Identifier: Apache-2.0

package canon

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits bound what Parse accepts, so that a hostile document does not cost
// much more than its length. A zero field means its default.
//
// What costs most is a list of small items: a Value takes 80 bytes, and while
// the list grows its old copies wait for the garbage collector, so that [0,0,…]
// was measured to take up to 420 bytes an item. The default of Values keeps
// that below 1 GiB. No evidence that is worth reading comes near it: the
// largest has 64 MiB, and spends more than 32 bytes on each value.
type Limits struct {
	Depth   int // nesting of arrays and objects; default 32
	Members int // members of one object; default 1024
	Values  int // values in the document, itself included; default 2^21
}

func (l Limits) withDefaults() Limits {
	if l.Depth == 0 {
		l.Depth = 32
	}
	if l.Members == 0 {
		l.Members = 1024
	}
	if l.Values == 0 {
		l.Values = 1 << 21
	}
	return l
}

// A SyntaxError says what Parse refused and where. It never holds a value of
// the document, but Pointer holds names of members, shortened where they are
// long.
type SyntaxError struct {
	Pointer string // JSON Pointer of the value that was being read
	Offset  int    // byte at which reading stopped
	Reason  string // a phrase that follows the pointer: "has a duplicate member"
}

func (e *SyntaxError) Error() string {
	at := e.Pointer
	if at == "" {
		at = "the document"
	}
	return fmt.Sprintf("%s %s (byte %d)", at, e.Reason, e.Offset)
}

// Parse reads exactly one JSON value; white space around it is allowed, any
// other byte is not. The error is a *SyntaxError. The strings of the value
// share one copy of the document.
func Parse(b []byte, lim Limits) (Value, error) {
	p := parser{b: string(b), lim: lim.withDefaults()}
	return p.document()
}

// ParseCanonical is Parse for a document that must be in canonical form. It
// looks at every byte once: each thing that JSON can spell in several ways is
// checked where it is read.
func ParseCanonical(b []byte, lim Limits) (Value, error) {
	p := parser{b: string(b), lim: lim.withDefaults(), canonical: true}
	return p.document()
}

// A Room is memory that documents are read into by who reads many, one after the
// other. Arrays and objects hold until the next Reset; strings hold as long as
// anybody has them, but keep some tens of KiB alive. The zero Room is ready to use;
// it must not be copied, nor used by two goroutines at once.
type Room struct {
	text    strings.Builder
	members []Member
	items   []Value
	open    open
}

// Reset gives up all that was read.
func (r *Room) Reset() { r.members, r.items = r.members[:0], r.items[:0] }

// ParseCanonical is the function ParseCanonical into the room.
func (r *Room) ParseCanonical(b []byte, lim Limits) (Value, error) {
	p := parser{b: r.copy(b), lim: lim.withDefaults(), canonical: true, room: r}
	return p.document()
}

// copy returns a copy of b, which shares memory with others.
func (r *Room) copy(b []byte) string {
	if r.text.Cap()-r.text.Len() < len(b) {
		r.text.Reset()
		r.text.Grow(max(len(b), 1<<15))
	}
	at := r.text.Len()
	r.text.Write(b)
	return r.text.String()[at:]
}

type parser struct {
	b         string
	i         int
	lim       Limits
	canonical bool  // refuse what is not in canonical form
	values    int   // begun so far
	*open           // nil where only a string or a number is read
	room      *Room // where members and items go; nil for memory of their own
}

// open is what was read of the values that have not ended, the outermost
// first. When one ends, its members or items are copied out in one piece, so
// that the Value has no room to spare and nothing that grew is left behind.
type open struct {
	path    []string
	members []Member
	items   []Value
}

var opens = sync.Pool{New: func() any { return new(open) }}

// maxOpen bounds what is kept to be used again, in members or items.
const maxOpen = 1 << 10

func (p *parser) document() (Value, error) {
	p.begin()
	defer p.end()
	p.space()
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	p.space()
	if p.i != len(p.b) {
		return Value{}, p.fail("is followed by other bytes")
	}
	return v, nil
}

func (p *parser) begin() {
	if p.room != nil {
		p.open = &p.room.open
	} else {
		p.open = opens.Get().(*open)
	}
}

func (p *parser) end() {
	o := p.open
	if p.open = nil; p.room == nil {
		clear(o.path[:cap(o.path)]) // else names would keep their document
	}
	clear(o.members) // of what was refused
	clear(o.items)
	o.path, o.members, o.items = o.path[:0], o.members[:0], o.items[:0]
	if p.room == nil && cap(o.members) <= maxOpen && cap(o.items) <= maxOpen {
		opens.Put(o)
	}
}

const notJSON = "is not JSON"

func (p *parser) fail(reason string) error {
	if reason == notJSON && p.canonical {
		reason = "is not JSON in canonical form (RFC 8785)"
	}
	ptr := ""
	if p.open != nil {
		for _, tok := range p.path {
			ptr = Pointer(ptr, shorten(tok))
		}
	}
	return &SyntaxError{Pointer: ptr, Offset: p.i, Reason: reason}
}

// shorten keeps a hostile member name from filling a log.
func shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// space skips white space. The canonical form has none, and what reads on
// refuses it.
func (p *parser) space() {
	for !p.canonical && p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) value(depth int) (Value, error) {
	if p.i == len(p.b) {
		return Value{}, p.fail("ends too early")
	}
	if p.values++; p.values > p.lim.Values {
		return Value{}, p.fail("is beyond the " + strconv.Itoa(p.lim.Values) + " values that a document may have")
	}
	switch c := p.b[p.i]; {
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '"':
		s, err := p.str()
		return Value{Kind: String, Str: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case p.literal("null"):
		return Value{}, nil
	case p.literal("true"):
		return Value{Kind: Bool, Int: 1}, nil
	case p.literal("false"):
		return Value{Kind: Bool}, nil
	}
	return Value{}, p.fail(notJSON)
}

func (p *parser) literal(word string) bool {
	if strings.HasPrefix(p.b[p.i:], word) {
		p.i += len(word)
		return true
	}
	return false
}

func (p *parser) number() (Value, error) {
	start := p.i
	neg := p.b[p.i] == '-'
	if neg {
		p.i++
	}
	digits := p.i
	var n int64
	for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
		n = n*10 + int64(p.b[p.i]-'0')
		if n > MaxInt {
			p.i = start
			return Value{}, p.fail("is an integer beyond 2^53-1; write it as a string")
		}
		p.i++
	}
	if p.i < len(p.b) {
		switch p.b[p.i] {
		case '.', 'e', 'E':
			p.i = start
			return Value{}, p.fail("is a number with a fraction or an exponent; write decimals as strings")
		}
	}
	switch {
	case p.i == digits:
		return Value{}, p.fail(notJSON)
	case p.b[digits] == '0' && p.i > digits+1:
		p.i = start
		return Value{}, p.fail("is a number with a leading zero")
	case neg && n == 0:
		p.i = start
		return Value{}, p.fail("is -0; write 0")
	}
	if neg {
		n = -n
	}
	return Value{Kind: Int, Int: n}, nil
}

func (p *parser) array(depth int) (Value, error) {
	if depth > p.lim.Depth {
		return Value{}, p.fail("is nested too deeply (at most " + strconv.Itoa(p.lim.Depth) + " levels)")
	}
	p.i++
	v := Value{Kind: Array}
	p.space()
	if p.i < len(p.b) && p.b[p.i] == ']' {
		p.i++
		return v, nil
	}
	base := len(p.items)
	for {
		p.path = append(p.path, strconv.Itoa(len(p.items)-base))
		p.space()
		item, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		p.path = p.path[:len(p.path)-1]
		p.items = append(p.items, item)
		p.space()
		if p.i == len(p.b) {
			return Value{}, p.fail("ends too early")
		}
		c := p.b[p.i]
		p.i++
		switch c {
		case ',':
		case ']':
			v.Items = p.keepItems(p.items[base:])
			clear(p.items[base:])
			p.items = p.items[:base]
			return v, nil
		default:
			p.i--
			return Value{}, p.fail(notJSON)
		}
	}
}

func (p *parser) object(depth int) (Value, error) {
	if depth > p.lim.Depth {
		return Value{}, p.fail("is nested too deeply (at most " + strconv.Itoa(p.lim.Depth) + " levels)")
	}
	p.i++
	v := Value{Kind: Object}
	p.space()
	if p.i < len(p.b) && p.b[p.i] == '}' {
		p.i++
		return v, nil
	}
	base, sorted := len(p.members), true
	for {
		p.space()
		if p.i == len(p.b) {
			return Value{}, p.fail("ends too early")
		}
		if p.b[p.i] != '"' {
			return Value{}, p.fail(notJSON)
		}
		name, err := p.str()
		if err != nil {
			return Value{}, err
		}
		p.path = append(p.path, name)
		p.space()
		if p.i == len(p.b) || p.b[p.i] != ':' {
			return Value{}, p.fail(notJSON)
		}
		p.i++
		p.space()
		val, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		p.path = p.path[:len(p.path)-1]
		if len(p.members)-base == p.lim.Members {
			return Value{}, p.fail("has more than " + strconv.Itoa(p.lim.Members) + " members")
		}
		if n := len(p.members); n > base && CompareNames(p.members[n-1].Name, name) >= 0 {
			if sorted = false; p.canonical && p.members[n-1].Name != name {
				return Value{}, p.fail("has members in another order than the canonical form (RFC 8785)")
			}
		}
		p.members = append(p.members, Member{name, val})
		p.space()
		if p.i == len(p.b) {
			return Value{}, p.fail("ends too early")
		}
		c := p.b[p.i]
		p.i++
		switch c {
		case ',':
			continue
		case '}':
		default:
			p.i--
			return Value{}, p.fail(notJSON)
		}
		break
	}
	v.Members = p.keepMembers(p.members[base:])
	clear(p.members[base:])
	p.members = p.members[:base]
	if !sorted {
		slices.SortStableFunc(v.Members, func(a, b Member) int { return CompareNames(a.Name, b.Name) })
		for i := 1; i < len(v.Members); i++ {
			if v.Members[i-1].Name == v.Members[i].Name {
				p.path = append(p.path, v.Members[i].Name)
				return Value{}, p.fail("stands twice in its object")
			}
		}
	}
	return v, nil
}

func (p *parser) keepItems(items []Value) []Value {
	if p.room == nil {
		return slices.Clone(items)
	}
	return keep(&p.room.items, items)
}

func (p *parser) keepMembers(members []Member) []Member {
	if p.room == nil {
		return slices.Clone(members)
	}
	return keep(&p.room.members, members)
}

// keep copies some of what was read to the end of a room. Where that is full it
// takes a greater one, and what was kept before stays where it is.
func keep[T any](room *[]T, some []T) []T {
	r := *room
	if cap(r)-len(r) < len(some) {
		r = make([]T, 0, max(2*cap(r), len(some), 64))
	}
	at := len(r)
	r = append(r, some...)
	*room = r
	return r[at:len(r):len(r)]
}

// str reads a string. Most have no escape and are a part of the document.
func (p *parser) str() (string, error) {
	p.i++
	start := p.i
	var all byte // the bits of all bytes
	for p.i < len(p.b) {
		c := p.b[p.i]
		all |= c
		if c == '"' {
			s := p.b[start:p.i]
			if all >= utf8.RuneSelf && !utf8.ValidString(s) {
				return "", p.fail("is not valid UTF-8")
			}
			p.i++
			return s, nil
		}
		if c == '\\' {
			return p.escaped(start)
		}
		if c < 0x20 {
			return "", p.fail("has a control character in a string; escape it")
		}
		p.i++
	}
	return "", p.fail("ends too early")
}

func (p *parser) escaped(start int) (string, error) {
	out := []byte(p.b[start:p.i])
	for p.i < len(p.b) {
		c := p.b[p.i]
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return "", p.fail("is not valid UTF-8")
			}
			p.i++
			return string(out), nil
		case c < 0x20:
			return "", p.fail("has a control character in a string; escape it")
		case c != '\\':
			out = append(out, c)
			p.i++
			continue
		}
		at, start := p.i, len(out)
		p.i++
		if p.i == len(p.b) {
			break
		}
		c = p.b[p.i]
		p.i++
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 't':
			out = append(out, '\t')
		case 'n':
			out = append(out, '\n')
		case 'f':
			out = append(out, '\f')
		case 'r':
			out = append(out, '\r')
		case 'u':
			r, ok := p.hex4()
			if !ok {
				return "", p.fail(`has a \u escape without four hexadecimal digits`)
			}
			if utf16.IsSurrogate(r) {
				var low rune
				if ok = p.literal(`\u`); ok {
					low, ok = p.hex4()
				}
				if ok {
					r = utf16.DecodeRune(r, low)
				}
				if !ok || r == utf8.RuneError {
					return "", p.fail("has a lone surrogate")
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			return "", p.fail("has an escape that JSON does not know")
		}
		if p.canonical && string(appendChar(nil, out[start])) != p.b[at:p.i] {
			return "", p.fail("has an escape that the canonical form (RFC 8785) spells otherwise")
		}
	}
	return "", p.fail("ends too early")
}

func (p *parser) hex4() (rune, bool) {
	if len(p.b)-p.i < 4 {
		return 0, false
	}
	var r rune
	for _, c := range p.b[p.i : p.i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | (c - '0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | (c - 'a' + 10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | (c - 'A' + 10)
		default:
			return 0, false
		}
	}
	p.i += 4
	return r, true
}
