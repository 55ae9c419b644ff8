// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// ceHeader begins the names of the headers that carry attributes, in the form
// of http.Header.
const ceHeader = "Ce-"

// isBinary reports whether a request carries an event in the binary mode of
// the CloudEvents HTTP binding.
func isBinary(h http.Header) bool { return len(h[ceHeader+"Specversion"]) > 0 }

// binaryEvent puts an event of the binary mode together: attributes from the
// headers, data from the body. The error is of type record.Violations, and
// names an attribute as it would stand in the structured mode.
func binaryEvent(h http.Header, body []byte) (canon.Value, error) {
	var found record.Violations
	refuse := func(name, code, message string) {
		if len(found) < record.MaxViolations {
			found = append(found, record.Violation{Pointer: canon.Pointer("", name), Code: code, Message: message})
		}
	}
	var members []canon.Member
	for name, values := range h {
		attribute, ok := strings.CutPrefix(name, ceHeader)
		if !ok {
			continue
		}
		attribute = strings.ToLower(attribute)
		value, why := decodeHeader(values[0])
		switch {
		case attribute == "data", attribute == "data_base64", attribute == "datacontenttype":
			refuse(attribute, record.CodeAttribute, "must not stand in a header; the data is the body, and Content-Type its type")
			continue
		case len(values) > 1:
			refuse(attribute, record.CodeAttribute, "stands in more than one header; send it once")
			continue
		case why != "":
			refuse(attribute, record.CodeCharacter, why)
			continue
		}
		members = append(members, canon.Member{Name: attribute, Value: canon.Text(value)})
	}
	if t := h.Get("Content-Type"); t != "" {
		members = append(members, canon.Member{Name: "datacontenttype", Value: canon.Text(t)})
	}
	if len(body) > 0 {
		// The data lies one level deeper in the event than it does here.
		data, err := canon.Parse(body, canon.Limits{Depth: maxDepth - 1, Values: record.MaxValues})
		if err != nil {
			return canon.Value{}, syntax("/data", err)
		}
		members = append(members, canon.Member{Name: "data", Value: data})
	}
	if len(found) > 0 {
		slices.SortFunc(found, func(a, b record.Violation) int { return strings.Compare(a.Pointer, b.Pointer) })
		return canon.Value{}, found
	}
	return canon.Map(members...), nil
}

// maxDepth is how deep an event may be nested: canon's own limit.
const maxDepth = 32

// decodeHeader decodes the value of a ce- header (CloudEvents HTTP binding
// 1.0.2, section 3.1.3.2): quotes first, then percent signs, once. Characters
// beyond ASCII are also taken as they are, because SDKs send them so. The
// second result says in a phrase why a value is refused.
func decodeHeader(s string) (value, why string) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = unquote(s[1 : len(s)-1])
	}
	if strings.IndexByte(s, '%') >= 0 {
		b := make([]byte, 0, len(s))
		for i := 0; i < len(s); i++ {
			if s[i] != '%' {
				b = append(b, s[i])
				continue
			}
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return "", "has a percent sign without two hexadecimal digits after it; write a percent sign as %25"
			}
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		}
		s = string(b)
	}
	if !utf8.ValidString(s) {
		return "", "must be UTF-8; percent-encode what is not ASCII"
	}
	return s, ""
}

// unquote resolves the backslashes of a quoted string (RFC 7230, section
// 3.2.6).
func unquote(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
