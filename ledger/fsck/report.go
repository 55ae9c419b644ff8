// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/lendlog/lendlog/ledger/proof"
)

// The checks, by their stable names, in the order in which a report lists
// them. Those from Keys on are made by a deep audit only.
const (
	HeadFile   = "head-file"   // the checkpoint outside the store is signed, and the store continues it
	Signature  = "checkpoint"  // the store's own checkpoint is signed by a key that may
	Outside    = "outside"     // checkpoints that the auditor brought are of this history
	Genesis    = "genesis"     // leaf 0 says what ledger this is, and is the one pinned
	Entries    = "entries"     // every record is there, once, in canonical form
	Tree       = "tree"        // all records hash to the signed root
	Tiles      = "tiles"       // the tiles of all levels are those of the records
	Clock      = "clock"       // recorded never goes back
	Chains     = "chains"      // seq and prev of every subject go on without a gap
	Postings   = "postings"    // the rows by which a subject is found are those of the records
	IndexRoots = "index-roots" // every index-root commits to the map before it
	Identities = "identities"  // every event identity has one record, and its row
	Schemas    = "schemas"     // every schema was registered, with its hash, before it was used
	Periods    = "periods"     // every period that was closed has the records that it says
	Counts     = "counts"      // the head row counts what is there, and nothing else is
	Keys       = "keys"        // every party key unwraps, as many as are counted, one for each owner
	Payloads   = "payloads"    // every payload opens under the keys of those whose data it is
	Seals      = "seals"       // the sealed members hash to the entry
	Events     = "events"      // the event is valid, and the entry says what it says
	Terms      = "terms"       // every record stands under the term of its subject
	Refs       = "refs"        // refs name what the event says it follows from
	Submitters = "submitters"  // events are signed by those who submitted them, where the trust file lists keys
	Index      = "index"       // the rows by which records are searched are those of the records
	Mirror     = "mirror"      // the mirror equals the store, byte for byte
	Notes      = "notes"       // every checkpoint in the mirror is signed, and of this history
)

var order = []string{
	HeadFile, Signature, Outside, Genesis, Entries, Tree, Tiles, Clock, Chains, Postings, IndexRoots,
	Identities, Schemas, Periods, Counts, Keys, Payloads, Seals, Events, Terms, Refs, Submitters, Index, Mirror, Notes,
}

// A Check is one line of a report.
type Check struct {
	Name   string
	Result proof.Result
	Text   string // what holds, or why it is not known, or how many findings there are
}

// A Finding is one thing that is wrong.
type Finding struct {
	Check        string // the check that failed
	Record, Last int64  // the first and the last record it is about, -1 when it is not about records
	// Subject is kind/id where a key opens it, otherwise "term" and the
	// subject's term in base64, and empty where not even that is known.
	Subject string
	// Checkpoint is the size of the first signed checkpoint that covers
	// Record, so that one of the two is wrong; 0 when there is none.
	Checkpoint int64
	// Where is who holds that checkpoint: mirror, store, head file or auditor.
	Where  string
	Text   string // what is wrong, in plain words
	Remedy string
}

// A Report is a verdict with its reasons.
type Report struct {
	Verdict  proof.Verdict
	Origin   string // of the ledger; empty when it cannot be told
	Size     int64  // records that the checkpoint covers
	Deep     bool
	Checks   []Check
	Findings []Finding
	More     int64 // findings beyond those that are listed
	// Submitters is what records say of submitters' keys that a trust file which
	// lists such keys does not: the first hundred of these.
	Submitters []string
}

// WriteText writes the report for people: a line per check, a block per
// finding, and the verdict.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	signs := [...]string{"✓", "✗", "?", "–"}
	words := [...]string{"", "FAILED: ", "NOT CHECKED: ", ""}
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%s %-11s %s%s\n", signs[c.Result], c.Name, words[c.Result], c.Text)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n✗ %s\n", f.title())
		fmt.Fprintf(&b, "    %s\n", f.Text)
		if f.Subject != "" {
			fmt.Fprintf(&b, "    subject           %s\n", plain(f.Subject))
		}
		if f.Checkpoint > 0 {
			fmt.Fprintf(&b, "    first checkpoint  %d (%s)\n", f.Checkpoint, f.Where)
		}
		if f.Remedy != "" {
			fmt.Fprintf(&b, "    what to do        %s\n", f.Remedy)
		}
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "\nand %d more\n", r.More)
	}
	if len(r.Findings) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(r.sentence() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// plain quotes a stranger's text that could steer a terminal or hide itself.
func plain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.QuoteToASCII(s)
	}
	return s
}

func (f Finding) title() string {
	switch {
	case f.Record < 0:
		return f.Check
	case f.Last > f.Record:
		return fmt.Sprintf("%s: records %d to %d", f.Check, f.Record, f.Last)
	}
	return fmt.Sprintf("%s: record %d", f.Check, f.Record)
}

func (r *Report) sentence() string {
	n := map[proof.Result]int{}
	for _, c := range r.Checks {
		n[c.Result]++
	}
	switch r.Verdict {
	case proof.Invalid:
		return fmt.Sprintf("INVALID: %d of %d checks failed; keep a copy of everything as it is before you repair.", n[proof.Fail], len(r.Checks)-n[proof.Note])
	case proof.Incomplete:
		return fmt.Sprintf("INCOMPLETE: nothing failed, but %d of %d checks could not be made.", n[proof.Missing], len(r.Checks)-n[proof.Note])
	}
	return fmt.Sprintf("VALID: all %d checks passed for the %d records of %s.", n[proof.Pass], r.Size, r.Origin)
}

// MarshalJSON writes the stable machine form:
//
//	{"verdict", "origin", "size", "deep", "checks": [{"name", "result", "text"}],
//	 "findings": [{"check", "record", "last", "subject", "checkpoint", "where", "text", "remedy"}], "more"}
//
// Members of a finding that do not apply are absent.
func (r *Report) MarshalJSON() ([]byte, error) {
	type check struct {
		Name   string `json:"name"`
		Result string `json:"result"`
		Text   string `json:"text"`
	}
	type finding struct {
		Check      string `json:"check"`
		Record     *int64 `json:"record,omitempty"`
		Last       *int64 `json:"last,omitempty"`
		Subject    string `json:"subject,omitempty"`
		Checkpoint int64  `json:"checkpoint,omitempty"`
		Where      string `json:"where,omitempty"`
		Text       string `json:"text"`
		Remedy     string `json:"remedy,omitempty"`
	}
	out := struct {
		Verdict  string    `json:"verdict"`
		Origin   string    `json:"origin"`
		Size     int64     `json:"size"`
		Deep     bool      `json:"deep"`
		Checks   []check   `json:"checks"`
		Findings []finding `json:"findings"`
		More     int64     `json:"more"`
	}{Verdict: r.Verdict.String(), Origin: r.Origin, Size: r.Size, Deep: r.Deep, Checks: []check{}, Findings: []finding{}, More: r.More}
	for _, c := range r.Checks {
		out.Checks = append(out.Checks, check{c.Name, c.Result.String(), c.Text})
	}
	for _, f := range r.Findings {
		j := finding{Check: f.Check, Subject: f.Subject, Checkpoint: f.Checkpoint, Where: f.Where, Text: f.Text, Remedy: f.Remedy}
		if f.Record >= 0 {
			j.Record = &f.Record
		}
		if f.Last > f.Record {
			j.Last = &f.Last
		}
		out.Findings = append(out.Findings, j)
	}
	return json.Marshal(out)
}

// The remedies.
const (
	repairStore  = "keep a copy of the store, then run `lendlog repair`: it refills the store from the mirror, and refuses if the mirror is not what was signed"
	repairMirror = "keep a copy of the mirror, move it away, and start the ledger: it writes a new mirror from the store"
	askOperator  = "keep a copy of everything: whoever holds the ledger's keys signed this; hold it against receipts and checkpoints that others have"
)

// firstListed is how many findings of every check are listed whatever the limit.
const firstListed = 3

// findings collects what is wrong, check by check, up to a limit.
type findings struct {
	most   int
	list   []Finding
	more   int64
	failed map[string]int64
	// missing is why a check could not be made, passed what holds where it
	// did; a check that has none of the three was forgotten, which counts as
	// not made.
	missing map[string]string
	passed  map[string]string
	notes   map[string]string
}

func newFindings(most int) *findings {
	if most <= 0 {
		most = 100
	}
	return &findings{most: most, failed: map[string]int64{}, missing: map[string]string{}, passed: map[string]string{}, notes: map[string]string{}}
}

// fail reports a finding. One that continues the last of its check is made one
// with it, so that a thousand neighbours are one finding.
func (f *findings) fail(x Finding) {
	x.Last = max(x.Last, x.Record)
	for i := len(f.list) - 1; i >= 0; i-- {
		last := &f.list[i]
		if last.Check != x.Check {
			continue
		}
		if x.Record >= 0 && x.Record == last.Last+1 && last.Text == x.Text {
			last.Last = x.Last
			return
		}
		break
	}
	f.failed[x.Check]++
	// The first of every check are listed in any case: one check must not
	// crowd out what the others found.
	if len(f.list) >= f.most && f.failed[x.Check] > firstListed {
		f.more++
		return
	}
	f.list = append(f.list, x)
}

// about is a finding about one record.
func about(check string, index int64, remedy, format string, args ...any) Finding {
	return Finding{Check: check, Record: index, Last: index, Remedy: remedy, Text: fmt.Sprintf(format, args...)}
}

// whole is a finding that is not about one record.
func whole(check, remedy, format string, args ...any) Finding {
	return about(check, -1, remedy, format, args...)
}

func (f *findings) skip(check, format string, args ...any) {
	if _, ok := f.missing[check]; !ok {
		f.missing[check] = fmt.Sprintf(format, args...)
	}
}

func (f *findings) pass(check, format string, args ...any) {
	f.passed[check] = fmt.Sprintf(format, args...)
}

func (f *findings) note(check, format string, args ...any) {
	f.notes[check] = fmt.Sprintf(format, args...)
}

// report makes the lines and the verdict out of what was collected.
func (f *findings) report(r *Report) {
	r.Verdict = proof.Valid
	for _, name := range order {
		c := Check{Name: name, Result: proof.Missing, Text: "the audit did not get to it"}
		missing, isMissing := f.missing[name]
		passed, isPassed := f.passed[name]
		note, isNote := f.notes[name]
		switch n := f.failed[name]; {
		case n == 1:
			c.Result, c.Text = proof.Fail, "1 finding"
		case n > 1:
			c.Result, c.Text = proof.Fail, fmt.Sprintf("%d findings", n)
		case isMissing:
			c.Text = missing
		case isPassed:
			c.Result, c.Text = proof.Pass, passed
		case isNote:
			c.Result, c.Text = proof.Note, note
		}
		switch {
		case c.Result == proof.Fail:
			r.Verdict = proof.Invalid
		case c.Result == proof.Missing && r.Verdict == proof.Valid:
			r.Verdict = proof.Incomplete
		}
		r.Checks = append(r.Checks, c)
	}
	slices.SortStableFunc(f.list, func(a, b Finding) int {
		if a.Check != b.Check {
			return slices.Index(order, a.Check) - slices.Index(order, b.Check)
		}
		return int(a.Record - b.Record)
	})
	r.Findings, r.More = f.list, f.more
}
