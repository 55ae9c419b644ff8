// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/lendlog/lendlog/ledger/canon"
)

// A Verdict is the outcome of a verification. The zero Verdict is Incomplete:
// where nothing was checked, nothing holds.
type Verdict int

// The three verdicts.
const (
	Incomplete Verdict = iota // nothing failed, but a check could not be made
	Valid                     // every check the policy asks for passed
	Invalid                   // a check failed: evidence of tampering
)

// String returns VALID, INVALID or INCOMPLETE.
func (v Verdict) String() string { return [...]string{"INCOMPLETE", "VALID", "INVALID"}[v] }

// ExitCode returns the exit code of a command that ends with the verdict.
func (v Verdict) ExitCode() int { return [...]int{4, 0, 3}[v] }

// ExitUnread is the exit code for a file that is neither evidence nor a
// receipt, or cannot be read.
const ExitUnread = 2

// Worse returns the exit code of the two that decides over several files:
// that of Invalid before ExitUnread before that of Incomplete before that of
// Valid.
func Worse(a, b int) int {
	for _, code := range []int{Invalid.ExitCode(), ExitUnread, Incomplete.ExitCode()} {
		if a == code || b == code {
			return code
		}
	}
	return Valid.ExitCode()
}

// A Result is the outcome of one check.
type Result int

// The results of a check.
const (
	Pass    Result = iota
	Fail           // makes the verdict INVALID
	Missing        // could not be made: at best INCOMPLETE
	Note           // the policy does not ask for it; said so that nobody assumes it
)

// String returns the word that reports print.
func (r Result) String() string { return [...]string{"pass", "fail", "missing", "note"}[r] }

// A Check is one line of a report.
type Check struct {
	Name   string // stable; docs/formats.md section 10 lists them
	Record int64  // index of the record it is about, -1 for the whole file
	Result Result
	Text   string // what was found, in plain words, and what to do where it did not pass
}

// A Shown is one thing that verified evidence says of a record.
type Shown struct {
	Record int64
	What   string // JSON Pointer of a member, or the name of a part of the entry
	Value  canon.Value
	Absent bool // the event has no such member, which is known too
}

// A Report is a verdict with its reasons.
type Report struct {
	Verdict Verdict
	Checks  []Check
	Shown   []Shown // of records whose every check passed; none when Invalid
}

func (r *Report) add(name string, index int64, res Result, format string, args ...any) {
	r.Checks = append(r.Checks, Check{name, index, res, fmt.Sprintf(format, args...)})
}

// NewReport returns the report of checks that were made elsewhere, with the
// verdict that follows from them.
func NewReport(checks []Check, shown []Shown) Report {
	r := Report{Checks: checks, Shown: shown}
	return r.conclude()
}

// conclude returns the report with its verdict.
func (r *Report) conclude() Report {
	switch n := r.count(); {
	case n[Fail] > 0:
		r.Verdict, r.Shown = Invalid, nil
	case n[Missing] > 0 || n[Pass] == 0:
		r.Verdict = Incomplete
	default:
		r.Verdict = Valid
	}
	return *r
}

func (r *Report) count() (n [4]int) {
	for _, c := range r.Checks {
		n[c.Result]++
	}
	return n
}

// WriteText writes the report for people: a line per check, then what the
// evidence shows, in JSON, then the verdict. Nothing in it steers a terminal.
func (r Report) WriteText(w io.Writer) error {
	signs := [...]string{"✓", "✗", "?", "–"}
	pr := func(format string, args ...any) (err error) {
		_, err = fmt.Fprintf(w, format, args...)
		return err
	}
	for _, c := range r.Checks {
		where := ""
		if c.Record >= 0 {
			where = fmt.Sprintf("record %d: ", c.Record)
		}
		words := [...]string{"", "FAILED: ", "NOT CHECKED: ", ""}
		if err := pr("%s %-11s %s%s%s\n", signs[c.Result], c.Name, where, words[c.Result], Printable(c.Text)); err != nil {
			return err
		}
	}
	width := 22
	for _, s := range r.Shown {
		width = min(max(width, len(s.What)), 32)
	}
	for i, s := range r.Shown {
		if i == 0 || r.Shown[i-1].Record != s.Record {
			if err := pr("  record %d says\n", s.Record); err != nil {
				return err
			}
		}
		value := "(absent)" // cannot be mistaken for a string, which stands in quotation marks
		if !s.Absent {
			value = clip(string(s.Value.Bytes()))
		}
		if err := pr("    %-*s %s\n", width, clip(s.What), value); err != nil {
			return err
		}
	}
	return pr("%s\n", r.sentence())
}

func (r Report) sentence() string {
	n := r.count()
	switch r.Verdict {
	case Invalid:
		return fmt.Sprintf("INVALID: %d of %s failed; keep this file as it is.", n[Fail], checks(len(r.Checks)-n[Note]))
	case Incomplete:
		return fmt.Sprintf("INCOMPLETE: nothing failed, but %s could not be made.", checks(n[Missing]))
	}
	return fmt.Sprintf("VALID: all %s that the trust policy asks for passed.", checks(n[Pass]))
}

func checks(n int) string {
	if n == 1 {
		return "1 check"
	}
	return fmt.Sprintf("%d checks", n)
}

// Printable returns s with everything escaped that could steer a terminal or
// hide text: control characters, invisible ones, and what changes the
// direction of writing. What a file says is a stranger's text.
func Printable(s string) string {
	// A lone byte 0x9b is a command too, to terminals that are not set to UTF-8.
	if utf8.ValidString(s) && strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	return string(escape([]byte(s), hidden))
}

func hidden(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }

// escape writes the characters of s that meet a condition as JSON does in
// strings, those above U+FFFF as two surrogates.
func escape(s []byte, which func(rune) bool) []byte {
	out := make([]byte, 0, len(s)+16)
	for _, r := range string(s) {
		switch {
		case !which(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// clip makes a stranger's text printable and keeps it from flooding a
// terminal.
func clip(s string) string {
	const most = 200
	n := 0
	for i := range s {
		if n++; n > most {
			return Printable(s[:i]) + "…"
		}
	}
	return Printable(s)
}

// named makes a subject printable so that it is not taken for another one: what
// differs from its normal form is escaped, and blanks stand in quotation marks.
func named(subject string) string {
	s := clip(subject)
	if !norm.NFC.IsNormalString(subject) {
		s = string(escape([]byte(s), func(r rune) bool { return r > '~' }))
	}
	if strings.Contains(s, " ") {
		s = `"` + s + `"`
	}
	return s
}

// MarshalJSON writes the stable machine form:
//
//	{"verdict": "VALID", "checks": [{"name", "record", "result", "text"}], "shown": [{"record", "what", "value"}]}
//
// record is absent from checks of the whole file, value where the event has no
// such member. value is of any type. What a terminal could take for a command
// is escaped.
func (r Report) MarshalJSON() ([]byte, error) {
	type check struct {
		Name   string `json:"name"`
		Record *int64 `json:"record,omitempty"`
		Result string `json:"result"`
		Text   string `json:"text"`
	}
	type shown struct {
		Record int64           `json:"record"`
		What   string          `json:"what"`
		Value  json.RawMessage `json:"value,omitempty"`
	}
	out := struct {
		Verdict string  `json:"verdict"`
		Checks  []check `json:"checks"`
		Shown   []shown `json:"shown"`
	}{Verdict: r.Verdict.String(), Checks: []check{}, Shown: []shown{}}
	for _, c := range r.Checks {
		j := check{Name: c.Name, Result: c.Result.String(), Text: c.Text}
		if c.Record >= 0 {
			j.Record = &c.Record
		}
		out.Checks = append(out.Checks, j)
	}
	for _, s := range r.Shown {
		j := shown{Record: s.Record, What: s.What}
		if !s.Absent {
			j.Value = s.Value.Bytes()
		}
		out.Shown = append(out.Shown, j)
	}
	b, err := json.Marshal(out)
	return escape(b, hidden), err
}
