// SPDX-License-Identifier: Apache-2.0

// Package borrower says what of a file its borrower is given: their decisions, the
// principal reasons, the notice and the key terms, in evidence that anybody can
// verify, and on a page that a person can read.
//
// What is given stands in one table, of types and members. Nothing else of a record
// is disclosed, and no record of another type, and none of somebody else, is in the
// file: not its entry either. So the file does not claim to be all that there is of
// the subject.
//
// It does no I/O.
package borrower

import (
	"slices"

	"github.com/lendlog/lendlog/ledger/story"
)

// A row is what of a type is given and shown. Of the members of data that stand
// open in the entry, which is given whole, it names those that the page shows.
type row struct {
	typ     string
	members []string
}

// table is the whole of it, in the order of a page. testdata/table.golden shows how
// each member lies in its schema.
var table = []row{
	{"application.received", []string{"applicationId", "applicationDate", "product", "loanAmount", "termMonths", "legalEntity"}},
	{"decision.made", []string{"outcome", "reasonCodes", "reasons", "decidedAmount", "decidedRate", "termMonths", "installment", "decisionMode", "legalEntity", "jurisdiction"}},
	{"decision.counteroffered", []string{"offeredAmount", "offeredRate", "offeredTermMonths", "sentAt", "expiresAt", "legalEntity", "jurisdiction"}},
	{"adverse-action.noticed", []string{"sentAt", "channel", "reasonCodes", "principalReasons", "craName", "scoreName", "scoreValue", "scoreDate", "scoreRange", "keyFactors", "ecoaNotice", "contentHash", "legalEntity", "jurisdiction"}},
	{"disclosure.confirmed", []string{"comprehensiveCostRate", "contentHash", "confirmedAt", "legalEntity"}},
	{"contract.signed", []string{"contractId", "signedDate", "product", "principal", "nominalRate", "annualPercentageRate", "comprehensiveFinancingCostRate", "termMonths", "installment", "documentHash", "legalEntity", "jurisdiction"}},
	{"application.disposed", []string{"actionTaken", "actionDate", "denialReasons", "otherDenialReason", "legalEntity"}},
}

// Of every record it is given whose it is, and in which file.
var attributes = []string{"/party", "/subject"}

// What is asked for of the records to find out what holds, and is not given but for
// the corrections themselves.
var (
	typeCorrected = story.Type("record.corrected")
	typeVoided    = story.Type("record.voided")

	asked = []string{"/id", "/source", "/data/target", "/data/targetSource", pointerMembers}
)

const pointerMembers = "/data/members"

// find returns the row of a type by its full name.
func find(typ string) (row, bool) {
	i := slices.IndexFunc(table, func(r row) bool { return story.Type(r.typ) == typ })
	if i < 0 {
		return row{}, false
	}
	return table[i], true
}

func pointer(member string) string { return "/data/" + member }

// gives reports whether a member, by its pointer, may be disclosed of the type.
func (r row) gives(ptr string) bool {
	return slices.Contains(attributes, ptr) || slices.ContainsFunc(r.members, func(m string) bool { return pointer(m) == ptr })
}

// Pointers returns the members that evidence of the file has to disclose for Cut to
// make the borrower's of it.
func Pointers() []string {
	all := slices.Concat(attributes, asked)
	for _, r := range table {
		for _, m := range r.members {
			all = append(all, pointer(m))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
