// SPDX-License-Identifier: Apache-2.0

package hmda

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lendlog/lendlog/ledger/story"
)

var positions = func() map[string]int {
	at := make(map[string]int, Width)
	for i, f := range layout {
		at[f.name] = i
	}
	return at
}()

// position returns where a field stands in a line.
func position(name string) int {
	i, ok := positions[name]
	if !ok {
		panic("internal error: the register has no field " + name)
	}
	return i
}

// is reports whether a field is one of some codes.
func (l *Line) is(name string, codes ...string) bool { return slices.Contains(codes, l.Field(name)) }

// number returns a field that is a number.
func (l *Line) number(name string) (story.Decimal, bool) { return story.ParseDecimal(l.Field(name)) }

// exceeds reports whether one number is larger than another.
func (l *Line) exceeds(name, limit string) bool {
	n, ok := l.number(name)
	most, limited := l.number(limit)
	return ok && limited && n.Cmp(most) > 0
}

// codes returns the fields of a list that are not blank.
func (l *Line) codes(name string) []string {
	var codes []string
	for i := 1; ; i++ {
		at, ok := positions[name+": "+strconv.Itoa(i)]
		if !ok {
			return codes
		}
		if l.Fields[at] != "" {
			codes = append(codes, l.Fields[at])
		}
	}
}

// A check is one of the validity edits of the official editor, of those that
// need nothing but the line. Which codes a field may have is checked where they
// are recorded.
type check struct {
	edit  string // its number there
	field string
	text  string // what has to hold of the field
	wrong func(*Line) bool
}

var checks = slices.Concat(
	[]check{
		{"V600", fieldLEI, "has 20 letters and digits", func(l *Line) bool {
			return l.Field(fieldLEI) != "" && len(l.Field(fieldLEI)) != leiLength
		}},
		{"V609", fieldULI, "must end with the check digits of the rest", func(l *Line) bool {
			return len(l.Field(fieldULI)) >= minULI && !ValidULI(l.Field(fieldULI))
		}},
		{"V612-2", fieldPurpose, "must be 1 where a preapproval was requested", func(l *Line) bool {
			return l.is(fieldPreapproval, "1") && !l.is(fieldPurpose, "1")
		}},
		{"V613-2", fieldPreapproval, "must be 1 where the action taken is 7 or 8", func(l *Line) bool {
			return l.is(fieldAction, refused, notUsed) && !l.is(fieldPreapproval, "1")
		}},
		{"V613-3", fieldPreapproval, "must be 2 where the action taken is 3, 4, 5 or 6", func(l *Line) bool {
			return l.is(fieldAction, denied, withdrawn, incomplete, purchased) && l.is(fieldPreapproval, "1")
		}},
		{"V615-2", fieldConstruction, "must be 2 where there is an interest in the land of a manufactured home", func(l *Line) bool {
			return !l.is(fieldConstruction, "2") && l.is(fieldLandInterest, "1", "2", "3", "4")
		}},
		{"V615-3", fieldConstruction, "must be 2 where a manufactured home secures the loan", func(l *Line) bool {
			return !l.is(fieldConstruction, "2") && l.is(fieldSecuredBy, "1", "2")
		}},
		{"V619-3", fieldActionDate, "must not be before the application date", func(l *Line) bool {
			applied := l.Field(fieldApplied)
			return len(applied) == len(l.Field(fieldActionDate)) && l.Field(fieldActionDate) < applied
		}},
		{"V622", fieldStreet, "must come with city, state and ZIP code", func(l *Line) bool {
			return !l.is(fieldStreet, "", "NA", "Exempt") && (l.is("City", "NA") || l.is("State", "NA") || l.is("Zip Code", "NA"))
		}},
		{"V627", fieldTract, "must begin with the county", func(l *Line) bool {
			county, tract := l.Field(fieldCounty), l.Field(fieldTract)
			return len(county) == 5 && len(tract) == 11 && !strings.HasPrefix(tract, county)
		}},
		{"V672-2", fieldLoanCosts, "must be NA where total points and fees are reported", func(l *Line) bool {
			_, costs := l.number(fieldLoanCosts)
			_, points := l.number(fieldPointsAndFees)
			return costs && points
		}},
		{"V678-5", fieldPenaltyTerm, "must not be longer than the loan term", func(l *Line) bool {
			return l.exceeds(fieldPenaltyTerm, fieldTerm)
		}},
		{"V692-3", fieldAffordableUnits, "must not be more than the total units", func(l *Line) bool {
			return l.exceeds(fieldAffordableUnits, fieldUnits)
		}},
		{"V693-3", fieldSubmission, "must be 1 or 2 unless the action taken is 6", func(l *Line) bool {
			return l.is(fieldSubmission, "3") && !l.is(fieldAction, purchased)
		}},
		{"V694-3", fieldPayable, "must be 1 or 2 where the action taken is 1", func(l *Line) bool {
			return l.is(fieldAction, originated) && l.is(fieldPayable, "3")
		}},
		{"V696-3", fieldResult + ": 1", "must be as many results as there are systems", func(l *Line) bool {
			return len(l.codes(fieldSystem)) != len(l.codes(fieldResult))
		}},
		once("V669-3", "Reason for Denial"),
		worded("V671", "Reason for Denial", "9"),
		worded("V702", fieldSystem, "5"),
		worded("V703", fieldResult, "16"),
	},
	applicant.checks([]string{"V628-3", "V628-4", "V629-2", "V630", "V635-3", "V635-4", "V636-2", "V637", "V643", "V644-2", "V645", "V661", "V662"}),
	coApplicant.checks([]string{"V631-3", "V631-4", "V632-2", "V633", "V638-3", "V638-4", "V639-2", "V640", "V647", "V648-2", "V649", "V666", "V667"}),
)

// once wants each code of a list no more than once.
func once(edit, name string) check {
	return check{edit, name + ": 1", "must have each code once", func(l *Line) bool {
		codes := l.codes(name)
		slices.Sort(codes)
		return len(slices.Compact(codes)) != len(l.codes(name))
	}}
}

// worded wants a text beside the code of a list that asks for one, and none
// without it.
func worded(edit, name, code string) check {
	return check{edit, name + freeText + code, "must be given with code " + code + ", and only then", func(l *Line) bool {
		return slices.Contains(l.codes(name), code) != (l.Field(name+freeText+code) != "")
	}}
}

// checks are those of a person, under the numbers that they have for it.
func (p person) checks(edits []string) []check {
	const bySight = " Collected on the Basis of Visual Observation or Surname"
	var all []check
	add := func(field, text string, wrong func(*Line) bool) {
		all = append(all, check{edits[len(all)], field, text, wrong})
	}
	// notSaid are the codes of a list that stand for no choice: not given, not
	// applicable, and no co-applicant.
	lists := func(title string, notSaid []string, broad int) {
		name := title + " of " + p.title
		all = append(all, once(edits[len(all)], name))
		add(name+": 1", "must be the only code where it stands for none", func(l *Line) bool {
			codes := l.codes(name)
			return len(codes) > 1 && slices.ContainsFunc(codes, func(c string) bool { return slices.Contains(notSaid, c) })
		})
		add(name+": 1", "must be of the broad categories where it was collected by sight", func(l *Line) bool {
			return l.is(name+bySight, "1") && slices.ContainsFunc(l.codes(name), func(c string) bool {
				n, err := strconv.Atoi(c)
				return err != nil || n > broad
			})
		})
		add(name+bySight, "must be 3 where it does not apply", func(l *Line) bool {
			return l.is(name+": 1", notSaid[1]) && !l.is(name+bySight, "3")
		})
	}
	lists("Ethnicity", []string{"3", "4", "5"}, 2)
	lists("Race", []string{"6", "7", "8"}, 5)

	sex, model := "Sex of "+p.title, p.title+", Name and Version of Credit Scoring Model"
	add(sex, "must be 1 or 2 where it was collected by sight", func(l *Line) bool { return l.is(sex+bySight, "1") && !l.is(sex, "1", "2") })
	add(sex+bySight, "must be 2 or 3 where both were selected", func(l *Line) bool { return l.is(sex, "6") && !l.is(sex+bySight, "2", "3") })
	add(sex+bySight, "must be 3 where it does not apply", func(l *Line) bool { return l.is(sex, "4") && !l.is(sex+bySight, "3") })
	add("Credit Score of "+p.title, "must be 8888 where the model is 9, and only then", func(l *Line) bool {
		return l.is("Credit Score of "+p.title, "8888") != l.is(model, "9")
	})
	add(model+freeText+"8", "must be given with code 8, and only then", func(l *Line) bool {
		return l.is(model, "8") != (l.Field(model+freeText+"8") != "")
	})
	return all
}
