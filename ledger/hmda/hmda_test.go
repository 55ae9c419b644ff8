// SPDX-License-Identifier: Apache-2.0

package hmda

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

const lei = "5493001KJTIIGC8Y1R12"

// a told is an event of a story: its type, and its data.
type told struct {
	suffix string
	data   map[string]any
}

// tell makes a story of events that the catalogue accepts.
func tell(t testing.TB, events ...told) *story.Story {
	t.Helper()
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var all []story.Record
	for i, e := range events {
		text, err := json.Marshal(map[string]any{
			"specversion": "1.0", "source": "urn:test", "id": fmt.Sprint("e", i), "type": story.Type(e.suffix),
			"subject": "file/A-1", "party": "C-1", "time": "2026-02-02T10:00:00Z", "data": e.data,
		})
		if err != nil {
			t.Fatal(err)
		}
		event, err := record.ParseEvent(text, cat)
		if err != nil {
			t.Fatalf("%s: %v", e.suffix, err)
		}
		at, err := time.Parse(time.RFC3339, event.Time)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, story.Record{
			Index: int64(i), Seq: int64(i + 1), Type: event.Type, Source: event.Source, ID: event.ID, Time: at, Data: event.Data,
		})
	}
	return story.New("file/A-1", all)
}

func usd(amount string) map[string]any { return map[string]any{"amount": amount, "currency": "USD"} }

// records are those of an application: their members, by the name of their
// type and their own.
type records map[string]any

// base is an application that led to a loan, and has all that a line needs.
func base() records {
	return records{
		"application.received/applicationId": "A-1", "application.received/applicationDate": "2026-01-05",
		"application.received/loanAmount": usd("300000"), "application.received/termMonths": 360,
		"application.received/income": usd("84500.00"), "application.received/debtToIncome": "38.5",
		"decision.made/outcome": "approved", "decision.made/decidedAmount": usd("290000"),
		"decision.made/decidedRate": "6.125", "decision.made/termMonths": 300,
		"contract.signed/principal": usd("280000.00"), "contract.signed/nominalRate": "6.250", "contract.signed/termMonths": 240,
		"collateral.pledged/collateralId": "H-1", "collateral.pledged/rank": 2, "collateral.pledged/value": usd("410000"),

		"hmda.collected/universalLoanIdentifier": "5493001KJTIIGC8Y1R12A2026000117XX" + checkDigits("5493001KJTIIGC8Y1R12A2026000117XX"),
		"hmda.collected/loanType":                "1", "hmda.collected/loanPurpose": "1", "hmda.collected/preapproval": "1",
		"hmda.collected/constructionMethod": "2", "hmda.collected/occupancyType": "3",
		"hmda.collected/streetAddress": "1 Example Street", "hmda.collected/city": "Exampleton", "hmda.collected/state": "CA",
		"hmda.collected/zipCode": "90001-1234", "hmda.collected/countyCode": "06037", "hmda.collected/censusTract": "06037206020",
		"hmda.collected/applicantEthnicity": []string{"1", "11", "12", "13", "14"}, "hmda.collected/applicantEthnicityOther": "Dominican",
		"hmda.collected/applicantEthnicityObserved": "2",
		"hmda.collected/applicantRace":              []string{"1", "2", "27", "4", "44"}, "hmda.collected/applicantTribe": "Example tribe",
		"hmda.collected/applicantRaceOtherAsian": "Thai", "hmda.collected/applicantRaceOtherPacificIslander": "Fijian",
		"hmda.collected/applicantRaceObserved": "2", "hmda.collected/applicantSex": "6", "hmda.collected/applicantSexObserved": "2",
		"hmda.collected/applicantAge": 41, "hmda.collected/applicantCreditScore": 712,
		"hmda.collected/applicantCreditScoreModel": "8", "hmda.collected/applicantCreditScoreModelOther": "Example Score 9",
		"hmda.collected/coApplicantId":        "party-2",
		"hmda.collected/coApplicantEthnicity": []string{"14", "13", "12", "11", "1"}, "hmda.collected/coApplicantEthnicityOther": "Cape Verdean",
		"hmda.collected/coApplicantEthnicityObserved": "2",
		"hmda.collected/coApplicantRace":              []string{"44", "4", "27", "2", "1"}, "hmda.collected/coApplicantTribe": "Other tribe",
		"hmda.collected/coApplicantRaceOtherAsian": "Hmong", "hmda.collected/coApplicantRaceOtherPacificIslander": "Tongan",
		"hmda.collected/coApplicantRaceObserved": "2", "hmda.collected/coApplicantSex": "2", "hmda.collected/coApplicantSexObserved": "1",
		"hmda.collected/coApplicantAge": 39, "hmda.collected/coApplicantCreditScore": 698,
		"hmda.collected/coApplicantCreditScoreModel": "8", "hmda.collected/coApplicantCreditScoreModelOther": "Another Score",
		"hmda.collected/purchaserType": "71", "hmda.collected/rateSpread": "0.428", "hmda.collected/hoepaStatus": "2",
		"hmda.collected/lienStatus": "1", "hmda.collected/totalLoanCosts": usd("4120.00"), "hmda.collected/originationCharges": usd("1500.50"),
		"hmda.collected/discountPoints": usd("600"), "hmda.collected/lenderCredits": usd("250"),
		"hmda.collected/prepaymentPenaltyTerm": 24, "hmda.collected/combinedLoanToValueRatio": "80.05",
		"hmda.collected/introductoryRatePeriod": 60, "hmda.collected/balloonPayment": "2", "hmda.collected/interestOnlyPayments": "1",
		"hmda.collected/negativeAmortization": "2", "hmda.collected/otherNonAmortizingFeatures": "1",
		"hmda.collected/propertyValue": usd("450000"), "hmda.collected/manufacturedHomeSecuredPropertyType": "1",
		"hmda.collected/manufacturedHomeLandPropertyInterest": "4", "hmda.collected/totalUnits": 1,
		"hmda.collected/submissionOfApplication": "1", "hmda.collected/initiallyPayable": "2", "hmda.collected/originatorId": "1234567",
		"hmda.collected/automatedUnderwritingSystem":      []string{"1", "2", "3", "4", "5"},
		"hmda.collected/automatedUnderwritingSystemOther": "Example Underwriter",
		"hmda.collected/automatedUnderwritingResult":      []string{"1", "2", "3", "4", "16"},
		"hmda.collected/automatedUnderwritingResultOther": "pass",
		"hmda.collected/reverseMortgage":                  "2", "hmda.collected/openEndLineOfCredit": "2", "hmda.collected/businessOrCommercialPurpose": "2",

		"application.disposed/actionTaken": "1", "application.disposed/actionDate": "2026-02-02", "application.disposed/legalEntity": lei,
	}
}

// checkDigits returns the two that make an identifier valid.
func checkDigits(id string) string {
	for n := range 97 {
		if digits := fmt.Sprintf("%02d", n+2); ValidULI(id + digits) {
			return digits
		}
	}
	panic("an identifier without check digits")
}

// with changes members. Without a value, a member is taken away, or a record.
func (m records) with(changes records) records {
	all := maps.Clone(m)
	for name, v := range changes {
		if v == nil {
			maps.DeleteFunc(all, func(k string, _ any) bool { return k == name || strings.HasPrefix(k, name+"/") })
			continue
		}
		all[name] = v
	}
	return all
}

// alone takes the co-applicant away.
func (m records) alone() records {
	m = maps.Clone(m)
	maps.DeleteFunc(m, func(name string, _ any) bool { return strings.HasPrefix(name, "hmda.collected/coApplicant") })
	return m
}

// story tells it, one record a type.
func (m records) story(t testing.TB, more ...told) *story.Story {
	t.Helper()
	order := []string{
		"application.received", "party.linked", "decision.made", "collateral.pledged", "contract.signed",
		"hmda.collected", "application.disposed", "loan.transferred",
	}
	var events []told
	for _, suffix := range order {
		data := map[string]any{}
		for name, v := range m {
			if member, ok := strings.CutPrefix(name, suffix+"/"); ok {
				data[member] = v
			}
		}
		if len(data) > 0 {
			events = append(events, told{suffix, data})
		}
	}
	return tell(t, append(events, more...)...)
}

func (m records) line(t testing.TB, more ...told) *Line {
	t.Helper()
	l, ok := New(m.story(t, more...), 2026, "")
	if !ok {
		t.Fatal("there is no line")
	}
	return l
}

// TestFields says of each field what it is in the base: none is without a
// case.
func TestFields(t *testing.T) {
	const (
		ethnicity, race = "Ethnicity of Applicant or Borrower", "Race of Applicant or Borrower"
		coEthnicity     = "Ethnicity of Co-Applicant or Co-Borrower"
		coRace          = "Race of Co-Applicant or Co-Borrower"
		sight           = " Collected on the Basis of Visual Observation or Surname"
		model           = "Applicant or Borrower, Name and Version of Credit Scoring Model"
		coModel         = "Co-Applicant or Co-Borrower, Name and Version of Credit Scoring Model"
		tribe           = ": Free Form Text Field for American Indian or Alaska Native Enrolled or Principal Tribe"
		asian           = ": Free Form Text Field for Other Asian"
		islander        = ": Free Form Text Field for Other Pacific Islander"
		hispanic        = ": Free Form Text Field for Other Hispanic or Latino"
	)
	want := [Width][2]string{
		{"Record Identifier", "2"}, {"Legal Entity Identifier (LEI)", lei},
		{"Universal Loan Identifier (ULI)", "5493001KJTIIGC8Y1R12A2026000117XX" + checkDigits("5493001KJTIIGC8Y1R12A2026000117XX")},
		{"Application Date", "20260105"}, {"Loan Type", "1"}, {"Loan Purpose", "1"}, {"Preapproval", "1"},
		{"Construction Method", "2"}, {"Occupancy Type", "3"}, {"Loan Amount", "280000.00"}, {"Action Taken", "1"},
		{"Action Taken Date", "20260202"}, {"Street Address", "1 Example Street"}, {"City", "Exampleton"}, {"State", "CA"},
		{"Zip Code", "90001-1234"}, {"County", "06037"}, {"Census Tract", "06037206020"},
		{ethnicity + ": 1", "1"}, {ethnicity + ": 2", "11"}, {ethnicity + ": 3", "12"}, {ethnicity + ": 4", "13"},
		{ethnicity + ": 5", "14"}, {ethnicity + hispanic, "Dominican"},
		{coEthnicity + ": 1", "14"}, {coEthnicity + ": 2", "13"}, {coEthnicity + ": 3", "12"}, {coEthnicity + ": 4", "11"},
		{coEthnicity + ": 5", "1"}, {coEthnicity + hispanic, "Cape Verdean"},
		{ethnicity + sight, "2"}, {coEthnicity + sight, "2"},
		{race + ": 1", "1"}, {race + ": 2", "2"}, {race + ": 3", "27"}, {race + ": 4", "4"}, {race + ": 5", "44"},
		{race + tribe, "Example tribe"}, {race + asian, "Thai"}, {race + islander, "Fijian"},
		{coRace + ": 1", "44"}, {coRace + ": 2", "4"}, {coRace + ": 3", "27"}, {coRace + ": 4", "2"}, {coRace + ": 5", "1"},
		{coRace + tribe, "Other tribe"}, {coRace + asian, "Hmong"}, {coRace + islander, "Tongan"},
		{race + sight, "2"}, {coRace + sight, "2"},
		{"Sex of Applicant or Borrower", "6"}, {"Sex of Co-Applicant or Co-Borrower", "2"},
		{"Sex of Applicant or Borrower" + sight, "2"}, {"Sex of Co-Applicant or Co-Borrower" + sight, "1"},
		{"Age of Applicant or Borrower", "41"}, {"Age of Co-Applicant or Co-Borrower", "39"},
		{"Income", "85"}, {"Type of Purchaser", "71"}, {"Rate Spread", "0.428"}, {"HOEPA Status", "2"}, {"Lien Status", "1"},
		{"Credit Score of Applicant or Borrower", "712"}, {"Credit Score of Co-Applicant or Co-Borrower", "698"},
		{model, "8"}, {model + ": Conditional Free Form Text Field for Code 8", "Example Score 9"},
		{coModel, "8"}, {coModel + ": Conditional Free Form Text Field for Code 8", "Another Score"},
		{"Reason for Denial: 1", "10"}, {"Reason for Denial: 2", ""}, {"Reason for Denial: 3", ""}, {"Reason for Denial: 4", ""},
		{"Reason for Denial: Conditional Free Form Text Field for Code 9", ""},
		{"Total Loan Costs", "4120.00"}, {"Total Points and Fees", "NA"}, {"Origination Charges", "1500.50"},
		{"Discount Points", "600"}, {"Lender Credits", "250"}, {"Interest Rate", "6.250"}, {"Prepayment Penalty Term", "24"},
		{"Debt-to-Income Ratio", "38.5"}, {"Combined Loan-to-Value Ratio", "80.05"}, {"Loan Term", "240"},
		{"Introductory Rate Period", "60"}, {"Balloon Payment", "2"}, {"Interest-Only Payments", "1"}, {"Negative Amortization", "2"},
		{"Other Non-amortizing Features", "1"}, {"Property Value", "450000"}, {"Manufactured Home Secured Property Type", "1"},
		{"Manufactured Home Land Property Interest", "4"}, {"Total Units", "1"}, {"Multifamily Affordable Units", "NA"},
		{"Submission of Application", "1"}, {"Initially Payable to Your Institution", "2"},
		{"Mortgage Loan Originator NMLSR Identifier", "1234567"},
		{"Automated Underwriting System: 1", "1"}, {"Automated Underwriting System: 2", "2"}, {"Automated Underwriting System: 3", "3"},
		{"Automated Underwriting System: 4", "4"}, {"Automated Underwriting System: 5", "5"},
		{"Automated Underwriting System: Conditional Free Form Text Field for Code 5", "Example Underwriter"},
		{"Automated Underwriting System Result: 1", "1"}, {"Automated Underwriting System Result: 2", "2"},
		{"Automated Underwriting System Result: 3", "3"}, {"Automated Underwriting System Result: 4", "4"},
		{"Automated Underwriting System Result: 5", "16"},
		{"Automated Underwriting System Result: Conditional Free Form Text Field for Code 16", "pass"},
		{"Reverse Mortgage", "2"}, {"Open-End Line of Credit", "2"}, {"Business or Commercial Purpose", "2"},
	}
	l := base().line(t)
	var got [Width][2]string
	if len(layout) != Width {
		t.Fatalf("the layout has %d fields", len(layout))
	}
	for i, f := range layout {
		got[i] = [2]string{f.name, l.Fields[i]}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if len(l.Missing) > 0 || len(l.Objections) > 0 {
		t.Errorf("missing %q, objections %v", l.Missing, l.Objections)
	}
	if n := strings.Count(l.String(), "|"); n != Width-1 {
		t.Errorf("%d pipes", n)
	}
}

// TestEveryMember takes each member away that the base has: the field that it
// makes is another then, so that the base reads all of them.
func TestEveryMember(t *testing.T) {
	whole := base().line(t)
	fallbacks := []string{ // that the base does not come to
		"application.received/loanAmount", "application.received/termMonths", "application.received/applicationId",
		"decision.made/", "collateral.pledged/",
	}
	sel := Selection{}
	for name := range base() {
		suffix, member, _ := strings.Cut(name, "/")
		if member != "applicationId" && (!sel.Reads(story.Type(suffix)) || !sel.Member(member)) {
			t.Errorf("%s is not selected", name)
		}
		if slices.ContainsFunc(fallbacks, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		if name == "application.disposed/actionTaken" {
			continue // the record must have it
		}
		if l := base().with(records{name: nil}).line(t); l.Fields == whole.Fields && len(l.Missing) == 0 {
			t.Errorf("without %s the line is the same", name)
		}
	}
}
