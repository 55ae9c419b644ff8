// SPDX-License-Identifier: Apache-2.0

package hmda

import (
	"slices"
	"strconv"

	"github.com/lendlog/lendlog/ledger/story"
)

// Names of fields that the code speaks of, as the guide has them.
const (
	fieldLEI             = "Legal Entity Identifier (LEI)"
	fieldULI             = "Universal Loan Identifier (ULI)"
	fieldApplied         = "Application Date"
	fieldPurpose         = "Loan Purpose"
	fieldPreapproval     = "Preapproval"
	fieldConstruction    = "Construction Method"
	fieldAmount          = "Loan Amount"
	fieldAction          = "Action Taken"
	fieldActionDate      = "Action Taken Date"
	fieldStreet          = "Street Address"
	fieldSubmission      = "Submission of Application"
	fieldSecuredBy       = "Manufactured Home Secured Property Type"
	fieldLandInterest    = "Manufactured Home Land Property Interest"
	fieldCounty          = "County"
	fieldTract           = "Census Tract"
	fieldCoEthnicity     = "Ethnicity of Co-Applicant or Co-Borrower: 1"
	fieldIncome          = "Income"
	fieldDenial          = "Reason for Denial: 1"
	fieldDenialOther     = "Reason for Denial: Conditional Free Form Text Field for Code 9"
	fieldLoanCosts       = "Total Loan Costs"
	fieldPointsAndFees   = "Total Points and Fees"
	fieldPenaltyTerm     = "Prepayment Penalty Term"
	fieldTerm            = "Loan Term"
	fieldPropertyValue   = "Property Value"
	fieldUnits           = "Total Units"
	fieldAffordableUnits = "Multifamily Affordable Units"
	fieldPayable         = "Initially Payable to Your Institution"
	fieldSystem          = "Automated Underwriting System"
	fieldResult          = "Automated Underwriting System Result"
	freeText             = ": Conditional Free Form Text Field for Code "
)

// A condition is about an application.
type condition func(*application) bool

func always(*application) bool { return true }

func either(conditions ...condition) condition {
	return func(a *application) bool {
		return slices.ContainsFunc(conditions, func(c condition) bool { return c(a) })
	}
}

func says(member, code string) condition {
	return func(a *application) bool { return a.says(member, code) }
}

// A field is one of a line.
type field struct {
	name   string
	member string // of hmda.collected that it is, if it is one
	get    func(*application) (string, bool)
	// exemption is the word by which hmda.collected says that the field need
	// not be reported, and exempt what is written then.
	exemption, exempt string
	// must are answers that the guide prescribes whatever the records say, may
	// are those for when they say nothing. The first that holds counts.
	must, may []prescribed
}

type prescribed struct {
	when condition
	text string
}

// from is a field that is worked out of the records.
func from(name string, get func(*application) (string, bool)) field {
	return field{name: name, get: get}
}

// code is a field that stands in hmda.collected as it is.
func code(name, member string) field {
	f := from(name, func(a *application) (string, bool) { return a.collected(member).text() })
	f.member = member
	return f
}

// or replaces how a field of hmda.collected is worked out, where it may stand
// elsewhere too.
func (f field) or(get func(*application) (string, bool)) field {
	f.get = get
	return f
}

// dollars is an amount in hmda.collected.
func dollars(name, member string) field {
	f := from(name, func(a *application) (string, bool) { return a.money(name, a.collected(member)) })
	f.member = member
	return f.exemptAs(member, "Exempt")
}

// noneAs says how to write a number that is 0.
func (f field) noneAs(text string) field {
	get := f.get
	return f.or(func(a *application) (string, bool) {
		given, ok := get(a)
		if n, isNumber := story.ParseDecimal(given); ok && isNumber && n.Sign() == 0 {
			return text, true
		}
		return given, ok
	})
}

func (f field) exemptAs(word, text string) field {
	f.exemption, f.exempt = word, text
	return f
}

func (f field) prescribe(text string, when ...condition) field {
	f.must = append(slices.Clone(f.must), prescribed{either(when...), text})
	return f
}

func (f field) lacking(text string, when ...condition) field {
	f.may = append(slices.Clone(f.may), prescribed{either(when...), text})
	return f
}

// answer returns what the field is, and whether there is an answer.
func (f field) answer(a *application) (string, bool) {
	if f.exemption != "" && a.exempts(f.exemption) {
		return f.exempt, true
	}
	for _, p := range f.must {
		if p.when(a) {
			return p.text, true
		}
	}
	if text, ok := f.get(a); ok {
		return text, true
	}
	for _, p := range f.may {
		if p.when(a) {
			return p.text, true
		}
	}
	return "", false
}

// list makes fields of a list of codes. The codes after the first are blank
// where there are no more.
func list(name string, n int, get func(a *application, i int) (string, bool)) []field {
	fields := make([]field, n)
	for i := range fields {
		fields[i] = from(name+": "+strconv.Itoa(i+1), func(a *application) (string, bool) { return get(a, i) })
		if i > 0 {
			fields[i] = fields[i].lacking("", always)
		}
	}
	return fields
}

// A person is the applicant or the co-applicant.
type person struct {
	member string // what the names of their members begin with
	title  string // in the names of fields
}

var (
	applicant   = person{"applicant", "Applicant or Borrower"}
	coApplicant = person{"coApplicant", "Co-Applicant or Co-Borrower"}
)

// none gives a field of the co-applicant what it is where there is none.
func (p person) none(f field, text string) field {
	if p == coApplicant {
		return f.prescribe(text, (*application).alone)
	}
	return f
}

// chosen are the fields of what a person chose of codes. notAsked is the code
// of who does not have to be asked, as of a loan that was purchased. Whoever
// wrote something into one of the free texts need not have chosen any.
func (p person) chosen(title, member, notAsked, none string, texts []field) []field {
	member = p.member + member
	fields := list(title+" of "+p.title, 5, func(a *application, i int) (string, bool) { return nth(a.collected(member), i) })
	fields[0].member = member
	written := func(a *application) bool {
		return slices.ContainsFunc(texts, func(f field) bool { return a.collected(f.member).ok })
	}
	fields[0] = p.none(fields[0], none).lacking("", written).lacking(notAsked, within(purchased))
	for i := range fields[1:] {
		fields[1+i] = p.none(fields[1+i], "")
	}
	return append(fields, texts...)
}

// free is what a person wrote beside a code.
func (p person) free(title, what, member string) field {
	return p.none(code(title+" of "+p.title+": Free Form Text Field for "+what, p.member+member), "").lacking("", always)
}

func (p person) ethnicity() []field {
	return p.chosen("Ethnicity", "Ethnicity", "4", "5", []field{p.free("Ethnicity", "Other Hispanic or Latino", "EthnicityOther")})
}

func (p person) race() []field {
	return p.chosen("Race", "Race", "7", "8", []field{
		p.free("Race", "American Indian or Alaska Native Enrolled or Principal Tribe", "Tribe"),
		p.free("Race", "Other Asian", "RaceOtherAsian"),
		p.free("Race", "Other Pacific Islander", "RaceOtherPacificIslander"),
	})
}

// sex has no list, but a code for who is not a natural person too.
func (p person) sex() field {
	return p.none(code("Sex of "+p.title, p.member+"Sex"), "5").lacking("4", within(purchased))
}

// observed says how a characteristic was collected. Where it was not, that
// does not apply.
func (p person) observed(title, member, notAsked string) field {
	f := p.none(code(title+" of "+p.title+" Collected on the Basis of Visual Observation or Surname", p.member+member+"Observed"), "4")
	return f.lacking("3", within(purchased), func(a *application) bool {
		v := a.collected(p.member + member)
		return v.Str == notAsked || slices.Equal(v.codes(), []string{notAsked})
	})
}

func (p person) age() field {
	f := p.none(code("Age of "+p.title, p.member+"Age"), "9999")
	return f.lacking("8888", within(purchased), says(p.member+"Sex", "4"))
}

// scoreExempt reports whether the exemption from credit scores is taken, which
// is always of both persons.
func scoreExempt(a *application) bool {
	return a.says("applicantCreditScoreModel", "1111") || a.says("coApplicantCreditScoreModel", "1111") || a.exempts("creditScore")
}

// scoreless actions are those for which no score counts, even where there is no
// co-applicant.
var scoreless = within(withdrawn, incomplete, purchased)

func (p person) score() field {
	f := code("Credit Score of "+p.title, p.member+"CreditScore").prescribe("1111", scoreExempt).prescribe("8888", scoreless)
	return p.none(f, "9999").lacking("8888", func(a *application) bool {
		return a.complete() && (!a.collected(p.member+"CreditScoreModel").ok || a.says(p.member+"CreditScoreModel", "9"))
	})
}

func (p person) scoreModel() []field {
	name := p.title + ", Name and Version of Credit Scoring Model"
	model := code(name, p.member+"CreditScoreModel").prescribe("1111", scoreExempt).prescribe("9", scoreless)
	other := code(name+freeText+"8", p.member+"CreditScoreModelOther").prescribe("", scoreExempt, scoreless)
	return []field{
		p.none(model, "10").lacking("9", func(a *application) bool { return a.complete() && !a.collected(p.member+"CreditScore").ok }),
		p.none(other, "").lacking("", always),
	}
}

// Conditions under which fields do not apply.
var (
	readable    condition = (*application).complete
	multifamily condition = (*application).multifamily

	reverse  = says("reverseMortgage", "1")
	openEnd  = says("openEndLineOfCredit", "1")
	business = says("businessOrCommercialPurpose", "1")
	site     = says("constructionMethod", "1")

	notMade        = within(notAccepted, denied, withdrawn, incomplete, refused, notUsed)
	undecided      = within(withdrawn, incomplete, purchased)
	notDenied      = within(originated, notAccepted, withdrawn, incomplete, purchased, notUsed)
	undisclosed    = either(notMade, reverse, openEnd, business)
	artificial     = func(a *application) bool { return a.legal("applicant") || a.legal("coApplicant") }
	allArtificial  = func(a *application) bool { return a.legal("applicant") && (a.alone() || a.legal("coApplicant")) }
	notMultifamily = func(a *application) bool { n, ok := a.number("totalUnits"); return ok && n < 5 }
)

// denialReasons are those of who denied, and of nobody else.
func denialReasons() []field {
	exempt := func(a *application) bool { return a.exempts("denialReasons") }
	fields := list("Reason for Denial", 4, (*application).denialReason)
	for i := range fields {
		fields[i] = fields[i].prescribe([]string{"1111", "", "", ""}[i], exempt).prescribe([]string{"10", "", "", ""}[i], notDenied)
	}
	other := from(fieldDenialOther, (*application).otherDenialReason).prescribe("", exempt, notDenied).lacking("", always)
	return append(fields, other)
}

// underwriting are the systems that were used, or their results. none is the
// code for no system, other that which asks for a text.
func underwriting(name, member, none, other string) []field {
	exempt := func(a *application) bool {
		return slices.Contains(a.collected("automatedUnderwritingSystem").codes(), "1111")
	}
	bought := func(a *application) bool { return a.action == purchased && !exempt(a) }
	fields := list(name, 5, func(a *application, i int) (string, bool) { return nth(a.collected(member), i) })
	for i := range fields {
		fields[i] = fields[i].prescribe([]string{none, "", "", "", ""}[i], bought).lacking([]string{"1111", "", "", "", ""}[i], exempt)
	}
	fields[0].member = member
	return append(fields, code(name+freeText+other, member+"Other").prescribe("", bought).lacking("", always))
}

// stated makes a field not applicable where what was collected is complete and
// does not have it: that is how a lender says so of what has no code.
func stated(f field) field {
	return f.exemptAs(f.member, "Exempt").lacking("NA", readable)
}

// located is stated, unless the loan was made: then there is a property.
func located(f field) field {
	return f.lacking("NA", func(a *application) bool { return a.complete() && a.action != originated })
}

// layout are the fields of a line, in their order.
var layout = slices.Concat(
	[]field{
		from("Record Identifier", func(*application) (string, bool) { return "2", true }),
		from(fieldLEI, (*application).lei),
		code(fieldULI, "universalLoanIdentifier"),
		from(fieldApplied, (*application).applicationDate).prescribe("NA", within(purchased)),
		code("Loan Type", "loanType"),
		code(fieldPurpose, "loanPurpose"),
		code(fieldPreapproval, "preapproval").lacking("2", (*application).noPreapproval),
		code(fieldConstruction, "constructionMethod"),
		code("Occupancy Type", "occupancyType"),
		from(fieldAmount, (*application).loanAmount),
		from(fieldAction, func(a *application) (string, bool) { return a.action, a.action != "" }),
		from(fieldActionDate, (*application).actionDate),
		located(code(fieldStreet, "streetAddress").exemptAs("streetAddress", "Exempt")),
		located(code("City", "city").exemptAs("streetAddress", "Exempt")),
		located(code("State", "state")),
		located(code("Zip Code", "zipCode").exemptAs("streetAddress", "Exempt")),
		code(fieldCounty, "countyCode").lacking("NA", readable),
		code(fieldTract, "censusTract").lacking("NA", readable),
	},
	applicant.ethnicity(), coApplicant.ethnicity(),
	[]field{applicant.observed("Ethnicity", "Ethnicity", "4"), coApplicant.observed("Ethnicity", "Ethnicity", "4")},
	applicant.race(), coApplicant.race(),
	[]field{
		applicant.observed("Race", "Race", "7"), coApplicant.observed("Race", "Race", "7"),
		applicant.sex(), coApplicant.sex(),
		applicant.observed("Sex", "Sex", "4"), coApplicant.observed("Sex", "Sex", "4"),
		applicant.age(), coApplicant.age(),
		from(fieldIncome, (*application).income).prescribe("NA", multifamily, artificial).lacking("NA", within(purchased)),
		code("Type of Purchaser", "purchaserType").or((*application).purchaser).prescribe("0", notMade),
		stated(code("Rate Spread", "rateSpread")).prescribe("NA", within(denied, withdrawn, incomplete, purchased, refused), reverse),
		code("HOEPA Status", "hoepaStatus").prescribe("3", notMade),
		code("Lien Status", "lienStatus").or((*application).lien),
		applicant.score(), coApplicant.score(),
	},
	applicant.scoreModel(), coApplicant.scoreModel(),
	denialReasons(),
	[]field{
		stated(dollars(fieldLoanCosts, "totalLoanCosts")).prescribe("NA", undisclosed),
		stated(dollars(fieldPointsAndFees, "totalPointsAndFees")).prescribe("NA", notMade, within(purchased), reverse, business),
		stated(dollars("Origination Charges", "originationCharges")).prescribe("NA", undisclosed),
		stated(dollars("Discount Points", "discountPoints").noneAs("")).prescribe("NA", undisclosed),
		stated(dollars("Lender Credits", "lenderCredits").noneAs("")).prescribe("NA", undisclosed),
		from("Interest Rate", (*application).interestRate).exemptAs("interestRate", "Exempt").
			prescribe("NA", within(denied, withdrawn, incomplete, refused)),
		stated(code(fieldPenaltyTerm, "prepaymentPenaltyTerm").noneAs("NA")).prescribe("NA", within(purchased), reverse, business),
		from("Debt-to-Income Ratio", (*application).debtToIncome).exemptAs("debtToIncomeRatio", "Exempt").
			prescribe("NA", undecided, multifamily, allArtificial),
		stated(code("Combined Loan-to-Value Ratio", "combinedLoanToValueRatio")).prescribe("NA", undecided),
		from(fieldTerm, (*application).loanTerm).exemptAs("loanTerm", "Exempt").prescribe("NA", reverse).lacking("NA", openEnd),
		stated(code("Introductory Rate Period", "introductoryRatePeriod").noneAs("NA")),
		code("Balloon Payment", "balloonPayment"),
		code("Interest-Only Payments", "interestOnlyPayments"),
		code("Negative Amortization", "negativeAmortization"),
		code("Other Non-amortizing Features", "otherNonAmortizingFeatures"),
		stated(code(fieldPropertyValue, "propertyValue").or((*application).propertyValue)).prescribe("NA", within(withdrawn, incomplete)),
		code(fieldSecuredBy, "manufacturedHomeSecuredPropertyType").lacking("3", site, multifamily),
		code(fieldLandInterest, "manufacturedHomeLandPropertyInterest").lacking("5", site, multifamily),
		code(fieldUnits, "totalUnits"),
		code(fieldAffordableUnits, "multifamilyAffordableUnits").exemptAs("multifamilyAffordableUnits", "Exempt").
			prescribe("NA", notMultifamily),
		code(fieldSubmission, "submissionOfApplication").lacking("3", within(purchased)),
		code(fieldPayable, "initiallyPayable").lacking("3", within(purchased)),
		stated(code("Mortgage Loan Originator NMLSR Identifier", "originatorId")),
	},
	underwriting(fieldSystem, "automatedUnderwritingSystem", "6", "5"),
	underwriting(fieldResult, "automatedUnderwritingResult", "17", "16"),
	[]field{
		code("Reverse Mortgage", "reverseMortgage"),
		code("Open-End Line of Credit", "openEndLineOfCredit"),
		code("Business or Commercial Purpose", "businessOrCommercialPurpose"),
	},
)
