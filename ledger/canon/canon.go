// SPDX-License-Identifier: Apache-2.0

// Package canon reads strict JSON and writes canonical JSON (RFC 8785).
//
// Everything lendlog hashes is JSON in its canonical form, and everything it
// accepts is first read by [Parse], which refuses what two programs could
// understand differently: duplicate members, invalid UTF-8, lone surrogates,
// trailing bytes, and every number that is not an integer of at most 2^53-1
// in its shortest spelling. Amounts and rates are therefore decimal strings,
// and writing a number canonically needs no floating point.
//
// Member names are matched byte for byte: a name in another case is another
// name. A document that has exactly one spelling is checked by
// [ParseCanonical].
package canon

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxInt is the largest magnitude of a number, 2^53-1 (RFC 7493, section 2.2).
const MaxInt = 1<<53 - 1

// Kind tells which JSON type a Value has.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Int
	String
	Array
	Object
)

// String returns the JSON Schema name of the type.
func (k Kind) String() string {
	return [...]string{"null", "boolean", "integer", "string", "array", "object"}[k]
}

// A Value is one JSON value. The zero Value is null.
type Value struct {
	Kind    Kind
	Int     int64    // of an Int; 1 for true
	Str     string   // of a String, decoded
	Items   []Value  // of an Array
	Members []Member // of an Object, in canonical order, names distinct
}

// A Member is a name and a value of an object.
type Member struct {
	Name  string
	Value Value
}

// Text returns a String.
func Text(s string) Value { return Value{Kind: String, Str: s} }

// Number returns an Int. |n| must not exceed MaxInt.
func Number(n int64) Value { return Value{Kind: Int, Int: n} }

// Flag returns a Bool.
func Flag(b bool) Value {
	if b {
		return Value{Kind: Bool, Int: 1}
	}
	return Value{Kind: Bool}
}

// List returns an Array.
func List(items ...Value) Value { return Value{Kind: Array, Items: items} }

// Texts returns an Array of Strings.
func Texts(items ...string) Value {
	v := Value{Kind: Array, Items: make([]Value, len(items))}
	for i, s := range items {
		v.Items[i] = Text(s)
	}
	return v
}

// Map returns an Object with the given members, which must have distinct
// names, in canonical order.
func Map(members ...Member) Value {
	slices.SortFunc(members, func(a, b Member) int { return CompareNames(a.Name, b.Name) })
	return Value{Kind: Object, Members: members}
}

// Footprint returns about how many bytes the value takes in memory, on a machine
// of 64 bits: much more than it takes in a file where it has many values.
func (v Value) Footprint() int {
	n := 96 + len(v.Str) // a Member takes as much
	for _, item := range v.Items {
		n += item.Footprint()
	}
	for _, m := range v.Members {
		n += len(m.Name) + m.Value.Footprint()
	}
	return n
}

// Get returns the member of an Object with the given name.
func (v Value) Get(name string) (Value, bool) {
	for i := range v.Members {
		if v.Members[i].Name == name {
			return v.Members[i].Value, true
		}
	}
	return Value{}, false
}

// IsTrue reports whether v is the Bool true.
func (v Value) IsTrue() bool { return v.Kind == Bool && v.Int == 1 }

// Bytes returns the canonical form of v.
func (v Value) Bytes() []byte { return v.Append(nil) }

// Append appends the canonical form of v (RFC 8785, section 3.2) to dst.
func (v Value) Append(dst []byte) []byte {
	switch v.Kind {
	case Null:
		return append(dst, "null"...)
	case Bool:
		if v.Int == 1 {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case Int:
		return AppendInt(dst, v.Int)
	case String:
		return AppendString(dst, v.Str)
	case Array:
		dst = append(dst, '[')
		for i := range v.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = v.Items[i].Append(dst)
		}
		return append(dst, ']')
	default:
		dst = append(dst, '{')
		for i := range v.Members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendString(dst, v.Members[i].Name)
			dst = append(dst, ':')
			dst = v.Members[i].Value.Append(dst)
		}
		return append(dst, '}')
	}
}

// AppendInt appends the decimal form of n.
func AppendInt(dst []byte, n int64) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	var buf [20]byte
	i := len(buf)
	for {
		i--
		buf[i] = byte('0' + n%10)
		n /= 10
		if n == 0 {
			return append(dst, buf[i:]...)
		}
	}
}

const hexDigits = "0123456789abcdef"

// AppendString appends s, which must be valid UTF-8, as a JSON string that
// escapes only what RFC 8785, section 3.2.2.2 says.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = appendChar(append(dst, s[start:i]...), c)
		start = i + 1
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// appendChar appends one byte of a string, escaped where that must be.
func appendChar(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\t':
		return append(dst, '\\', 't')
	case '\n':
		return append(dst, '\\', 'n')
	case '\f':
		return append(dst, '\\', 'f')
	case '\r':
		return append(dst, '\\', 'r')
	}
	if c < 0x20 {
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(dst, c)
}

// CompareNames orders member names by their UTF-16 code units (RFC 8785,
// section 3.2.3). It differs from the order of bytes only where one name has
// a character above U+FFFF and the other one from U+E000 to U+FFFF.
func CompareNames(a, b string) int {
	n := min(len(a), len(b))
	i := 0
	for i < n && a[i] == b[i] {
		i++
	}
	if i == n {
		return len(a) - len(b)
	}
	if a[i] < utf8.RuneSelf || b[i] < utf8.RuneSelf {
		return int(a[i]) - int(b[i])
	}
	for i > 0 && !utf8.RuneStart(a[i]) {
		i--
	}
	ra, _ := utf8.DecodeRuneInString(a[i:])
	rb, _ := utf8.DecodeRuneInString(b[i:])
	if (ra > 0xFFFF) != (rb > 0xFFFF) {
		// The lead surrogate of a supplementary character is 0xD800 to 0xDBFF.
		if ra > 0xFFFF {
			ra = 0xD800
		} else {
			rb = 0xD800
		}
	}
	return int(ra) - int(rb)
}

// Pointer appends a reference token to a JSON Pointer (RFC 6901).
func Pointer(base, token string) string {
	if strings.ContainsAny(token, "~/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
	}
	return base + "/" + token
}
