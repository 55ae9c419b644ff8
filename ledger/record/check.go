// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/lendlog/lendlog/ledger/canon"
)

// A check is one compiled schema.
type check struct {
	kind     canon.Kind
	enum     []canon.Value // of a string or an integer; nil: any
	constant bool          // enum comes from "const"
	min, max int64         // an integer's range, a string's code points, an array's items
	bounded  bool          // max comes from the schema

	pattern *pattern
	format  format

	items *check

	properties []property // in canonical order of their names
	rest       *check     // of members that are not in properties; nil: there must be none
}

type property struct {
	name     string
	check    *check
	required bool
}

func (k *check) property(name string) *check {
	for _, p := range k.properties {
		if p.name == name {
			return p.check
		}
	}
	return nil
}

// maxOpen bounds an open string in characters and an open list in items.
const maxOpen = 64

// personal says why a member of this schema could hold personal data, or "".
func (k *check) personal() string {
	switch k.kind {
	case canon.Object:
		return "it is an object"
	case canon.Array:
		if !k.bounded || k.max > maxOpen {
			return "it is a list without maxItems of at most " + strconv.Itoa(maxOpen)
		}
		if k.items == nil {
			return ""
		}
		return k.items.personal()
	case canon.String:
		switch {
		case k.enum != nil || k.format.ok != nil:
		case k.pattern == nil:
			return "it is a string without enum, format or pattern"
		case k.pattern.free:
			return "its pattern lets white space or other than ASCII characters through"
		case min(k.max, int64(k.pattern.max)) > maxOpen:
			return "its pattern and maxLength let more than " + strconv.Itoa(maxOpen) + " characters through"
		}
	}
	return ""
}

// A walk checks one document and remembers where it is.
type walk struct {
	path  []step
	found Violations
	steps int64 // that holding strings against patterns may have taken
}

// A step is the name of a member, or the index of an item if there is none.
type step struct {
	name  string
	index int
}

func (w *walk) pointer() string {
	at := ""
	for _, s := range w.path {
		if s.name == "" && s.index >= 0 {
			at += "/" + strconv.Itoa(s.index)
		} else {
			at = canon.Pointer(at, shorten(s.name))
		}
	}
	return at
}

func (w *walk) fail(code, message string) { w.found.add(w.pointer(), code, message) }

func (w *walk) enter(name string, index int) { w.path = append(w.path, step{name, index}) }

func (w *walk) leave() { w.path = w.path[:len(w.path)-1] }

func (w *walk) value(k *check, v *canon.Value) {
	if len(w.found) == MaxViolations {
		return
	}
	if v.Kind != k.kind {
		switch k.kind {
		case canon.Object, canon.Array, canon.Int:
			w.fail(CodeType, "must be an "+k.kind.String())
		case canon.String:
			if k.format.ok != nil {
				w.fail(CodeType, "must be a string: "+k.format.remedy)
			} else {
				w.fail(CodeType, "must be a string")
			}
		default:
			w.fail(CodeType, "must be true or false")
		}
		return
	}
	switch v.Kind {
	case canon.Object:
		w.object(k, v.Members)
	case canon.Array:
		w.array(k, v.Items)
	case canon.String:
		w.string(k, v.Str)
	case canon.Int:
		if !k.among(v.Int, "") {
			w.enum(k)
		}
		if v.Int < k.min || v.Int > k.max {
			w.fail(CodeRange, "must be from "+strconv.FormatInt(k.min, 10)+" to "+strconv.FormatInt(k.max, 10))
		}
	}
}

// object walks two lists that are both in canonical order.
func (w *walk) object(k *check, members []canon.Member) {
	i := 0
	for p := range k.properties {
		prop := &k.properties[p]
		for i < len(members) && members[i].Name != prop.name && canon.CompareNames(members[i].Name, prop.name) < 0 {
			w.other(k, &members[i])
			i++
		}
		if i < len(members) && members[i].Name == prop.name {
			w.enter(prop.name, -1)
			w.value(prop.check, &members[i].Value)
			w.leave()
			i++
		} else if prop.required {
			w.enter(prop.name, -1)
			w.fail(CodeRequired, "is required; add it")
			w.leave()
		}
	}
	for ; i < len(members); i++ {
		w.other(k, &members[i])
	}
}

// other checks a member that the schema does not name.
func (w *walk) other(k *check, m *canon.Member) {
	w.enter(m.Name, -1)
	if k.rest == nil {
		w.fail(CodeUnknown, "is not a member that this type knows; see the type's schema")
	} else {
		w.value(k.rest, &m.Value)
	}
	w.leave()
}

func (w *walk) array(k *check, items []canon.Value) {
	n := int64(len(items))
	if n < k.min {
		w.fail(CodeItems, "must have at least "+strconv.FormatInt(k.min, 10)+" items")
	}
	if n > k.max {
		w.fail(CodeItems, "must have at most "+strconv.FormatInt(k.max, 10)+" items")
	}
	for i := range items {
		w.enter("", i)
		w.value(k.items, &items[i])
		w.leave()
	}
}

func (w *walk) string(k *check, s string) {
	if !k.among(0, s) {
		w.enum(k)
	}
	if k.min > 0 || k.bounded {
		// A string has at most as many code points as bytes, and at least a
		// quarter as many: most need no counting.
		n := int64(len(s))
		if n > k.max || n < 4*k.min {
			n = int64(utf8.RuneCountInString(s))
		}
		if n < k.min {
			w.fail(CodeLength, "must have at least "+strconv.FormatInt(k.min, 10)+" characters")
		}
		if n > k.max {
			w.fail(CodeLength, "must have at most "+strconv.FormatInt(k.max, 10)+" characters")
		}
	}
	if k.format.ok != nil && !k.format.ok(s) {
		w.fail(CodeFormat, "must be "+k.format.remedy)
	}
	if k.pattern == nil {
		return
	}
	w.steps += k.pattern.steps(s)
	switch {
	case w.steps > maxSteps:
		w.fail(CodeLength, "is too long, with the strings before it, to be held against its pattern; shorten it")
	case !k.pattern.match(s):
		w.fail(CodePattern, "must match the pattern "+k.pattern.text)
	}
}

// among reports whether an integer, or a string, is one of the values allowed.
func (k *check) among(n int64, s string) bool {
	for i := range k.enum {
		if v := &k.enum[i]; v.Int == n && v.Str == s {
			return true
		}
	}
	return k.enum == nil
}

func (w *walk) enum(k *check) {
	if k.constant {
		w.fail(CodeConst, "must be "+string(k.enum[0].Bytes()))
		return
	}
	const most = 1024
	list, n := []byte{'['}, 0
	for ; n < len(k.enum) && len(list) <= most; n++ {
		if n > 0 {
			list = append(list, ',')
		}
		list = append(list, k.enum[n].Bytes()...)
	}
	if n < len(k.enum) {
		w.fail(CodeEnum, fmt.Sprintf("must be one of the %d values in the type's schema, which begin %s", len(k.enum), list))
		return
	}
	w.fail(CodeEnum, "must be one of "+string(list)+"]")
}

// A format is a named rule for strings.
type format struct {
	ok     func(string) bool
	remedy string // follows "must be"
}

var formats = map[string]format{
	"date":      {isDate, "a day like 2026-01-31"},
	"date-time": {isTime, remedyTime},
	"decimal":   {isDecimal, "a decimal like -1234.50, with at most 40 characters, no exponent and no -0"},
}

const remedyTime = "an RFC 3339 time with zone like 2026-01-31T09:30:00Z, with at most nine digits after the second"

func isTime(s string) bool {
	_, ok := parseTime(s)
	return ok
}

func isDate(s string) bool {
	if len(s) != len("2006-01-02") || s[4] != '-' || s[7] != '-' {
		return false
	}
	y, m, d := digits(s[:4]), digits(s[5:7]), digits(s[8:])
	return y >= 0 && m >= 1 && m <= 12 && d >= 1 && d <= daysIn(y, m)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// digits returns the number that s spells in decimal digits, or -1.
func digits(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// parseTime reads an RFC 3339 time as format date-time allows it. It is
// stricter than time.Parse, which lets a comma or a single digit through, and
// knows no leap second, which time.Time cannot hold.
func parseTime(s string) (time.Time, bool) {
	const seconds = len("2006-01-02T15:04:05")
	if len(s) <= seconds || !isDate(s[:10]) || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return time.Time{}, false
	}
	zone, nanos := s[seconds:], 0
	if zone[0] == '.' {
		i := 1
		for i < len(zone) && zone[i] >= '0' && zone[i] <= '9' {
			i++
		}
		if i == 1 || i > 10 {
			return time.Time{}, false
		}
		nanos = digits(zone[1:i])
		for range 10 - i {
			nanos *= 10
		}
		zone = zone[i:]
	}
	offset := 0
	if zone != "Z" {
		if len(zone) != len("+00:00") || zone[0] != '+' && zone[0] != '-' || zone[3] != ':' {
			return time.Time{}, false
		}
		h, m := digits(zone[1:3]), digits(zone[4:])
		if h < 0 || h > 23 || m < 0 || m > 59 {
			return time.Time{}, false
		}
		offset = h*3600 + m*60
		if zone[0] == '-' {
			offset = -offset
		}
	}
	y, mo, d := digits(s[:4]), digits(s[5:7]), digits(s[8:10])
	t := time.Date(y, time.Month(mo), d, hour, minute, second, nanos, time.UTC)
	return t.Add(-time.Duration(offset) * time.Second), true
}

// isDecimal reports whether s is -?(0|[1-9][0-9]*)(\.[0-9]+)?, of at most 40
// characters, and not a negative zero.
func isDecimal(s string) bool {
	if len(s) > 40 {
		return false
	}
	i, zero := 0, true
	if s != "" && s[0] == '-' {
		i++
	}
	whole := i
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		zero = zero && s[i] == '0'
	}
	if i == whole || s[whole] == '0' && i > whole+1 {
		return false
	}
	if i < len(s) {
		if s[i] != '.' || i+1 == len(s) {
			return false
		}
		for i++; i < len(s); i++ {
			if s[i] < '0' || s[i] > '9' {
				return false
			}
			zero = zero && s[i] == '0'
		}
	}
	return !zero || s[0] != '-'
}
