// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
)

// blank is what may stand around a number or a date.
const blank = " \t\u00a0"

// A number says how numbers are written. The digits of a decimal are kept as
// they stand: nothing goes through floating point.
type number struct {
	group, point   string // "" is none
	prefix, suffix string
	exponent       bool // 1.5E+03 is accepted and written out
}

// maxDecimal is how long a decimal may be in a record.
const maxDecimal = 40

// decimal returns the form that a record has: -?(0|[1-9][0-9]*)(\.[0-9]+)?,
// and no -0.
func (n number) decimal(cell string) (string, bool) {
	s := strings.Trim(cell, blank)
	s, negative := strings.CutPrefix(s, "-")
	s, ok := strings.CutPrefix(s, n.prefix)
	if !ok {
		return "", false
	}
	if n.prefix != "" && !negative {
		s, negative = strings.CutPrefix(s, "-")
	}
	if s, ok = strings.CutSuffix(s, n.suffix); !ok {
		return "", false
	}
	if n.suffix != "" {
		s = strings.TrimRight(s, blank)
	}
	exponent := 0
	if n.exponent {
		if s, exponent, ok = cutExponent(s); !ok {
			return "", false
		}
	}
	whole, fraction, pointed := s, "", false
	if n.point != "" {
		whole, fraction, pointed = strings.Cut(s, n.point)
	}
	if pointed && !digits(fraction) {
		return "", false
	}
	if n.group != "" {
		if whole, ok = ungroup(whole, n.group); !ok {
			return "", false
		}
	}
	// ".5" is what some programs write for 0.5.
	if !digits(whole) && !(whole == "" && pointed) {
		return "", false
	}
	whole, fraction = shift(whole, fraction, exponent)
	out := strings.TrimLeft(whole, "0")
	if out == "" {
		out = "0"
	}
	if fraction != "" {
		out += "." + fraction
	}
	if negative && strings.Trim(out, "0.") != "" {
		out = "-" + out
	}
	return out, len(out) <= maxDecimal
}

// maxExponent is far beyond what a record can hold.
const maxExponent = 2 * maxDecimal

// cutExponent returns what stands before E and the integer after it, which is
// 0 when there is none.
func cutExponent(s string) (before string, exponent int, ok bool) {
	i := strings.IndexAny(s, "Ee")
	if i < 0 {
		return s, 0, true
	}
	exponent, err := strconv.Atoi(s[i+1:])
	return s[:i], exponent, err == nil && -maxExponent <= exponent && exponent <= maxExponent
}

// shift moves the point between two strings of digits by some places, to the
// right when places is positive.
func shift(whole, fraction string, places int) (string, string) {
	all := whole + fraction
	at := len(whole) + places
	if at < 0 {
		all, at = strings.Repeat("0", -at)+all, 0
	}
	if at > len(all) {
		all += strings.Repeat("0", at-len(all))
	}
	return all[:at], all[at:]
}

// integer accepts a fraction of zeros, because programs that keep numbers as
// floating point write 36.0 for 36.
func (n number) integer(cell string) (int64, bool) {
	s, ok := n.decimal(cell)
	if !ok {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if strings.Trim(fraction, "0") != "" {
		return 0, false
	}
	i, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || i > canon.MaxInt || i < -canon.MaxInt {
		return 0, false
	}
	return i, true
}

// like shows how a number is written.
func (n number) like(fraction bool) string {
	s := n.prefix + "1" + n.group + "234"
	if fraction {
		s += n.point + "50"
	}
	return strconv.Quote(s + n.suffix)
}

// ungroup removes the separators of groups of three digits, or, as is written
// in India, of two digits and of three at the end.
func ungroup(s, group string) (string, bool) {
	groups := strings.Split(s, group)
	last := len(groups) - 1
	if last == 0 {
		return s, true
	}
	if len(groups[last]) != 3 || groups[0] == "" {
		return "", false
	}
	size := 3
	if last > 1 {
		size = len(groups[1])
	}
	if size != 2 && size != 3 || len(groups[0]) > size {
		return "", false
	}
	for _, g := range groups[1:last] {
		if len(g) != size {
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// compare orders two decimals in the form that number.decimal returns.
func compare(a, b string) int {
	a, negative := strings.CutPrefix(a, "-")
	b, other := strings.CutPrefix(b, "-")
	switch {
	case negative && !other:
		return -1
	case other && !negative:
		return 1
	case negative:
		a, b = b, a
	}
	wa, fa, _ := strings.Cut(a, ".")
	wb, fb, _ := strings.Cut(b, ".")
	if len(wa) != len(wb) {
		return sign(len(wa) < len(wb))
	}
	wa += strings.TrimRight(fa, "0")
	wb += strings.TrimRight(fb, "0")
	return strings.Compare(wa, wb)
}

func sign(less bool) int {
	if less {
		return -1
	}
	return 1
}

// A layout is a date format: tokens and what stands between them.
type layout []string

// tokens are the parts of a date format, a longer one before its beginning.
// The others of the Latin letters are kept for later.
var tokens = []string{"YYYY", "MON", "MM", "M", "DD", "D", "hh", "mm", "ss", "F", "Z"}

const remedyLayout = "a date format is made of YYYY, MM or M or MON (Jan), DD or D, hh, mm, ss, F (digits of a second), Z (Z or an offset such as +08:00), T, and signs between them, as in DD.MM.YYYY"

func parseLayout(format string) (layout, error) {
	var l layout
	seen := map[byte]bool{}
	for rest := format; rest != ""; {
		part := ""
		for _, t := range tokens {
			if strings.HasPrefix(rest, t) {
				part = t
				break
			}
		}
		switch c := rest[0]; {
		case part != "" && seen[part[0]]:
			return nil, fmt.Errorf("%q stands twice; %s", part, remedyLayout)
		case part != "":
			seen[part[0]] = true
			if n := len(l); n > 0 && varies(l[n-1]) && part != "MON" && part != "Z" {
				return nil, fmt.Errorf("after %q there must be a sign: %s", l[n-1], remedyLayout)
			}
		case c == 'T' || c > ' ' && c < 0x7f && !letter(c) && !digits(rest[:1]) || c == ' ':
			part = rest[:1]
		default:
			return nil, fmt.Errorf("%s", remedyLayout)
		}
		l, rest = append(l, part), rest[len(part):]
	}
	if !seen['Y'] || !seen['M'] {
		return nil, fmt.Errorf("a year YYYY and a month are needed; %s", remedyLayout)
	}
	if (seen['h'] || seen['m'] || seen['s'] || seen['F'] || seen['Z']) && !(seen['D'] && seen['h'] && seen['m']) ||
		seen['F'] && !seen['s'] {
		return nil, fmt.Errorf("a time of day needs DD, hh and mm, and F needs ss; %s", remedyLayout)
	}
	return l, nil
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// varies reports whether a token stands for a varying number of digits.
func varies(token string) bool { return token == "M" || token == "D" || token == "F" }

func (l layout) has(tokens ...string) bool {
	return slices.ContainsFunc(l, func(part string) bool { return slices.Contains(tokens, part) })
}

// A moment is what a cell says of a time, and no more.
type moment struct {
	year, month, day, hour, minute, second int
	fraction, zone                         string
}

var months = [...]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// parse reads a cell that is exactly of the layout and a time that exists.
func (l layout) parse(cell string) (m moment, ok bool) {
	s := strings.Trim(cell, blank)
	m.day = 1
	for _, part := range l {
		ok := true
		switch part {
		case "YYYY":
			m.year, s, ok = take(s, 4, 4)
		case "MM":
			m.month, s, ok = take(s, 2, 2)
		case "M":
			m.month, s, ok = take(s, 1, 2)
		case "DD":
			m.day, s, ok = take(s, 2, 2)
		case "D":
			m.day, s, ok = take(s, 1, 2)
		case "hh":
			m.hour, s, ok = take(s, 2, 2)
		case "mm":
			m.minute, s, ok = take(s, 2, 2)
		case "ss":
			m.second, s, ok = take(s, 2, 2)
		case "MON":
			m.month, s, ok = takeMonth(s)
		case "F":
			before := s
			_, s, ok = take(s, 1, 9)
			m.fraction = before[:len(before)-len(s)]
		case "Z":
			m.zone, s, ok = takeZone(s)
		default:
			s, ok = strings.CutPrefix(s, part)
		}
		if !ok {
			return moment{}, false
		}
	}
	t := time.Date(m.year, time.Month(m.month), m.day, 0, 0, 0, 0, time.UTC)
	exists := m.year > 0 && m.month > 0 && t.Month() == time.Month(m.month) && t.Day() == m.day &&
		m.hour < 24 && m.minute < 60 && m.second < 60
	return m, exists && s == ""
}

// take reads from least to most digits.
func take(s string, least, most int) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && i < most && s[i] >= '0' && s[i] <= '9' {
		n = 10*n + int(s[i]-'0')
		i++
	}
	return n, s[i:], i >= least
}

func takeMonth(s string) (n int, rest string, ok bool) {
	if len(s) < 3 {
		return 0, s, false
	}
	for i, name := range months {
		if strings.EqualFold(s[:3], name) {
			return i + 1, s[3:], true
		}
	}
	return 0, s, false
}

// takeZone reads what is left when it is Z, ±hh:mm or ±hhmm.
func takeZone(s string) (zone, rest string, ok bool) {
	if s == "Z" {
		return s, "", true
	}
	if len(s) == 5 {
		s = s[:3] + ":" + s[3:]
	}
	return s, "", offset(s)
}

// offset reports whether s is ±hh:mm.
func offset(s string) bool {
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return false
	}
	hours, _, ok := take(s[1:3], 2, 2)
	minutes, _, too := take(s[4:], 2, 2)
	return ok && too && hours < 24 && minutes < 60
}

// The forms of a moment in a record.

func (m moment) date() string { return fmt.Sprintf("%04d-%02d-%02d", m.year, m.month, m.day) }

func (m moment) yearMonth() string { return fmt.Sprintf("%04d-%02d", m.year, m.month) }

func (m moment) time(zone string) string {
	if m.zone != "" {
		zone = m.zone
	}
	fraction := m.fraction
	if fraction != "" {
		fraction = "." + fraction
	}
	return fmt.Sprintf("%sT%02d:%02d:%02d%s%s", m.date(), m.hour, m.minute, m.second, fraction, zone)
}
