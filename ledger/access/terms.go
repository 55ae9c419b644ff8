// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of what a key is granted for.
const (
	MaxSources = 32
	MaxSource  = 256 // bytes, as of the source of an event
	MaxLabel   = 128 // bytes
	MaxRate    = 1_000_000
	MaxFields  = 32
	MaxField   = 128 // bytes of a JSON Pointer
)

// Terms are what a key is granted for.
type Terms struct {
	Role Role
	// Sources are what the key may submit events of: a source that is one of
	// them, or goes on after one of them with : / ? or #. Without any it submits
	// nothing.
	Sources []string
	Label   string    // what the key is for, such as origination; no person's name
	Expires time.Time // from when on it is refused, in whole seconds; zero for never
	Rate    int64     // requests a minute; 0 for the server's default
	// Purpose and Basis are codes that stand openly in the ledger: what it is
	// granted for, such as supervision, and by what right, such as
	// supervisory-request or a transfer basis of GDPR chapter V. "" where it was not said.
	Purpose, Basis string
	// Fields are JSON Pointers of the sealed members that may be opened, and of
	// which what is sealed may be searched. Without any all are that the role may.
	Fields []string
}

// code is what a purpose and a basis are, as in the schema of the record.
var code = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// pointer is what a field is (RFC 6901).
var pointer = regexp.MustCompile(`^(/([^/~]|~[01])+)+$`)

// Check returns what is wrong with terms, or nil.
func (t *Terms) Check() error {
	if _, err := ParseRole(string(t.Role)); err != nil {
		return err
	}
	if len(t.Sources) > 0 && !t.Role.May(RecordsSubmit) {
		return fmt.Errorf("the role %s submits nothing: it is granted without sources", t.Role)
	}
	if len(t.Sources) == 0 && t.Role == Submitter {
		return errors.New("a submitter is granted with the sources of its events, each a prefix of whole parts such as urn:lender:origination")
	}
	if len(t.Sources) > MaxSources {
		return fmt.Errorf("a key has at most %d sources", MaxSources)
	}
	for i, s := range t.Sources {
		if s == "" || !plain(s, MaxSource) {
			return fmt.Errorf("source %d is not 1 to %d bytes of UTF-8 without control characters", i+1, MaxSource)
		}
		if i > 0 && s <= t.Sources[i-1] {
			return errors.New("the sources are not sorted, or one stands twice")
		}
	}
	if !plain(t.Label, MaxLabel) {
		return fmt.Errorf("the label is not at most %d bytes of UTF-8 without control characters", MaxLabel)
	}
	if t.Rate < 0 || t.Rate > MaxRate {
		return fmt.Errorf("the rate is 1 to %d requests a minute, or 0 for the server's own", MaxRate)
	}
	if !t.Expires.Equal(t.Expires.Truncate(time.Second)) || t.Expires.Year() > 9999 {
		return errors.New("the expiry is a time in whole seconds")
	}
	return t.checkPurpose()
}

// checkPurpose returns what is wrong with purpose, basis and fields. Whatever is
// granted for a purpose ends: its holder is somebody else's, and nobody here sees
// them leave.
func (t *Terms) checkPurpose() error {
	for _, c := range []struct{ name, code string }{{"purpose", t.Purpose}, {"basis", t.Basis}} {
		if c.code != "" && !code.MatchString(c.code) {
			return fmt.Errorf("the %s is a code of at most 64 letters, digits, dots, hyphens and underscores, such as supervision", c.name)
		}
	}
	if t.Basis != "" && t.Purpose == "" {
		return errors.New("a basis goes with the purpose that it is of")
	}
	if len(t.Fields) > 0 && !t.Role.May(RecordsRead) {
		return fmt.Errorf("the role %s opens nothing: it is granted without fields", t.Role)
	}
	if len(t.Fields) > MaxFields {
		return fmt.Errorf("a key has at most %d fields", MaxFields)
	}
	for i, f := range t.Fields {
		if !plain(f, MaxField) || !pointer.MatchString(f) {
			return fmt.Errorf("field %d is not a JSON Pointer of at most %d bytes, such as /data/amount", i+1, MaxField)
		}
		if i > 0 && f <= t.Fields[i-1] {
			return errors.New("the fields are not sorted, or one stands twice")
		}
	}
	if t.Expires.IsZero() && (t.Purpose != "" || len(t.Fields) > 0) {
		return errors.New("what is granted for a purpose, or for some fields, ends: say when it expires")
	}
	return nil
}

// Scoped reports whether only some sealed members may be opened.
func (t *Terms) Scoped() bool { return len(t.Fields) > 0 }

// Opens reports whether the sealed member of a pointer may be opened, where the
// role opens any.
func (t *Terms) Opens(pointer string) bool { return !t.Scoped() || slices.Contains(t.Fields, pointer) }

func plain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}

// Covers reports whether events of a source may be submitted.
func (t *Terms) Covers(source string) bool {
	for _, prefix := range t.Sources {
		rest, ok := strings.CutPrefix(source, prefix)
		// What stands behind a host, up to an @, would make another host of it.
		if _, host, is := strings.Cut(prefix, "://"); is && !strings.ContainsAny(host, "/?#") {
			if end := strings.IndexAny(rest+"/", "/?#"); strings.Contains(rest[:end], "@") {
				continue
			}
		}
		// A prefix of a part would let urn:lender:card speak for
		// urn:lender:cards.
		if ok && (rest == "" || strings.ContainsRune(":/?#", rune(rest[0])) || strings.ContainsRune(":/?#", rune(prefix[len(prefix)-1]))) {
			return true
		}
	}
	return false
}

// Expired reports whether the time of the key is over.
func (t *Terms) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }
