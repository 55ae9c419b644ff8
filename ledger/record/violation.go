// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lendlog/lendlog/ledger/canon"
)

// A Violation is one thing that is wrong with a document, and where.
type Violation struct {
	Pointer string // JSON Pointer (RFC 6901); "" is the whole document
	Code    string // a stable word, of those below
	Message string // a phrase that follows the pointer and names the remedy; never holds a value
}

// The codes of violations.
const (
	CodeSyntax       = "syntax"         // not strict JSON
	CodeSize         = "size"           // more bytes than an event may have
	CodeRequired     = "required"       // absent
	CodeUnknown      = "unknown-member" // a member that the schema does not know
	CodeType         = "type"           // another JSON type
	CodeFormat       = "format"         // not a date, a decimal, a reference …
	CodePattern      = "pattern"        // does not match the schema's pattern
	CodeEnum         = "enum"           // not one of the values allowed
	CodeConst        = "const"          // not the one value allowed
	CodeLength       = "length"         // string too short or too long
	CodeRange        = "range"          // integer too small or too large
	CodeItems        = "items"          // too few or too many items
	CodeCharacter    = "character"      // a character that must not occur, or text that is not NFC
	CodeAttribute    = "attribute"      // a context attribute that cannot be accepted
	CodeSubject      = "subject"        // not <kind>/<id>, or a kind that the type does not go with
	CodeUnknownType  = "unknown-type"   // no schema of that name
	CodeSignature    = "signature"      // not signed by a key of its submitter that counts
	CodeReservedType = "reserved-type"  // a type that others may append: the ledger, or the lender
	CodeKeyword      = "keyword"        // of a schema: a keyword outside the profile, or misused
)

// Error gives the violation as one line.
func (v Violation) Error() string {
	at := v.Pointer
	if at == "" {
		at = "the document"
	}
	return at + " " + v.Message
}

// Violations are all that is wrong with one document, in the order in which
// they were found, at most MaxViolations. An error of this type is never
// empty.
type Violations []Violation

// MaxViolations is how many violations are reported of one document.
const MaxViolations = 16

// Error gives the violations on one line.
func (vs Violations) Error() string {
	lines := make([]string, len(vs))
	for i, v := range vs {
		lines[i] = v.Error()
	}
	return strings.Join(lines, "; ")
}

func (vs *Violations) add(pointer, code, message string) {
	if len(*vs) < MaxViolations {
		*vs = append(*vs, Violation{pointer, code, message})
	}
}

func (vs *Violations) addf(pointer, code, format string, args ...any) {
	vs.add(pointer, code, fmt.Sprintf(format, args...))
}

// err keeps an empty list from becoming an error that is not nil.
func (vs Violations) err() error {
	if len(vs) == 0 {
		return nil
	}
	return vs
}

// syntaxViolation turns what canon refused into a violation.
func syntaxViolation(err error) error {
	var se *canon.SyntaxError
	if !errors.As(err, &se) {
		return err
	}
	var vs Violations
	vs.addf(se.Pointer, CodeSyntax, "%s (byte %d)", se.Reason, se.Offset)
	return vs
}

// shorten keeps a hostile member name from filling a log.
func shorten(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	cut := most
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + "…"
}
