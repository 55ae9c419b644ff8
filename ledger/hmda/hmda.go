// SPDX-License-Identifier: Apache-2.0

// Package hmda writes a loan/application register from the stories of a
// ledger, in the form of the HMDA Filing Instructions Guide for 2024 to 2026: a
// transmittal sheet, and a line of 110 fields, parted by pipes, for each
// application on which an action was taken in the year.
//
// A line holds what the records say. Where nothing says it, a field has the
// guide's code for not applicable or exempt only where the guide leaves no other
// answer, or where the lender's record says so; else it stays empty, and the
// line is incomplete. Some of the checks of the official editor are made too.
// That a file passes them here does not mean that it passes there, nor that what
// it says is right: it is for the lender to check with the official editor.
package hmda

import (
	"slices"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/story"
)

// Width is how many fields a line has.
const Width = 110

// Selection says which records of a ledger a register is made of.
type Selection struct{}

// Triggers reports whether records of a type call for a line.
func (Selection) Triggers(typ string) bool { return typ == story.Type("application.disposed") }

// Reads reports whether a line is made of records of a type.
func (Selection) Reads(typ string) bool { return slices.Contains(types, typ) }

// Member reports whether a line is made of members of a name.
func (Selection) Member(name string) bool { return members[name] }

var types = []string{
	story.Type("application.received"), story.Type("application.disposed"), story.Type("decision.made"),
	story.Type("contract.signed"), story.Type("collateral.pledged"), story.Type("loan.transferred"),
	story.Type("party.linked"), story.Type("hmda.collected"),
}

// members are those that the layout names, and those that it works with.
var members = func() map[string]bool {
	all := map[string]bool{}
	for _, f := range layout {
		all[f.member] = true
	}
	for _, name := range []string{
		"legalEntity", "applicationDate", "loanAmount", "termMonths", "income", "coApplicantIncome", "debtToIncome",
		"actionTaken", "actionDate", "denialReasons", "otherDenialReason", "outcome", "use", "decidedAmount", "decidedRate",
		"principal", "nominalRate", "collateralId", "value", "rank", "transferDate", "role", "coApplicantId", "exempt",
	} {
		all[name] = true
	}
	return all
}()

// A Line is what a register says of one application.
type Line struct {
	Index int64 // of the record that disposed of the application
	// Collected says that data was collected for the register: there is an
	// hmda.collected. Without it the application is hardly one for a covered
	// loan.
	Collected bool
	Fields    [Width]string
	// Missing are the names of the fields that no record answers. They are
	// empty in Fields.
	Missing []string
	// Objections are what the checks found.
	Objections []Objection
}

// An Objection says what is wrong with a field.
type Objection struct {
	Field string `json:"field"`
	Text  string `json:"text"` // holds no value
}

// Field returns a field by its name in the guide.
func (l *Line) Field(name string) string { return l.Fields[position(name)] }

// LEI returns the legal entity of the lender, "" where it is not known.
func (l *Line) LEI() string { return l.Field(fieldLEI) }

// String returns the line as it stands in the file, without its end.
func (l *Line) String() string { return strings.Join(l.Fields[:], "|") }

// New returns the line of a story, and whether there is one: whether the last
// action on the application was taken in the year. Corrections and voidings
// have been applied. lei is the legal entity of the lender where no record
// names it; it may be "".
func New(s *story.Story, year int, lei string) (*Line, bool) {
	disposals := s.OfType(story.Type("application.disposed"))
	if len(disposals) == 0 {
		return nil, false
	}
	a := &application{story: s, disposed: disposals[len(disposals)-1], lender: lei}
	a.action = a.disposed.Text("actionTaken")
	if a.year() != year {
		return nil, false
	}
	l := &Line{Index: a.disposed.Index, Collected: len(s.OfType(story.Type("hmda.collected"))) > 0}
	for i, f := range layout {
		text, ok := f.answer(a)
		if ok && !writable(text) {
			a.object(f.name, "is not written: it has a character that the file has no place for")
			text, ok = "", false
		}
		if !ok {
			l.Missing = append(l.Missing, f.name)
			continue
		}
		l.Fields[i] = text
	}
	if len(disposals) > 1 {
		a.object(fieldAction, "was recorded more than once; the last is taken, and the others should be voided")
	}
	if s.Unclear || a.disposed.Partial {
		a.object(fieldAction, "rests on records that cannot be read to the end, so that any field may be another")
	}
	if a.alone() && a.named() {
		a.object(fieldCoEthnicity, "says that there is no co-applicant, because none has an id; but there is word of one")
	}
	l.Objections = a.objections
	for _, c := range checks {
		if c.wrong(l) && !slices.Contains(l.Missing, c.field) {
			l.Objections = append(l.Objections, Objection{c.field, c.text + " (" + c.edit + ")"})
		}
	}
	return l, true
}

// year returns that of the action: of its date, or of the record's own time
// where it has none.
func (a *application) year() int {
	if d, err := time.Parse(time.DateOnly, a.disposed.Text("actionDate")); err == nil {
		return d.Year()
	}
	return a.disposed.At.Year()
}

// writable reports whether a text fits between two pipes.
func writable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r == '|' || r < ' ' || r == 0x7f })
}
