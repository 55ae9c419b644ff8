// SPDX-License-Identifier: Apache-2.0

package hmda

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// action is the base with another action taken.
func action(code string) records {
	m := base().with(records{"application.disposed/actionTaken": code, "hmda.collected/preapproval": "2"})
	switch code {
	case denied, refused:
		m = m.with(records{"application.disposed/denialReasons": []string{"3", "9"}, "application.disposed/otherDenialReason": "Residency."})
	case purchased:
		return m.with(records{"application.received": nil})
	}
	if code == refused || code == notUsed {
		m["hmda.collected/preapproval"] = "1"
	}
	return m
}

// TestAnswers says what fields are where the records differ from the base. A
// want of "missing" means that the line is incomplete.
func TestAnswers(t *testing.T) {
	const missing = "missing"
	ethnicity, coEthnicity := "Ethnicity of Applicant or Borrower: 1", "Ethnicity of Co-Applicant or Co-Borrower: 1"
	race, coRace := "Race of Applicant or Borrower: 1", "Race of Co-Applicant or Co-Borrower: 1"
	sight := " Collected on the Basis of Visual Observation or Surname"
	score, coScore := "Credit Score of Applicant or Borrower", "Credit Score of Co-Applicant or Co-Borrower"
	model, coModel := "Applicant or Borrower, Name and Version of Credit Scoring Model", "Co-Applicant or Co-Borrower, Name and Version of Credit Scoring Model"
	legal := records{"hmda.collected/applicantEthnicity": []string{"4"}, "hmda.collected/applicantRace": []string{"7"}, "hmda.collected/applicantSex": "4"}
	for _, c := range []struct {
		name    string
		records records
		want    map[string]string
	}{
		{"approved and not accepted", action(notAccepted), map[string]string{
			fieldAmount: "290000", "Interest Rate": "6.125", fieldTerm: "300", "Type of Purchaser": "0", "HOEPA Status": "3",
			"Rate Spread": "0.428", fieldLoanCosts: "NA", fieldPointsAndFees: "NA", "Origination Charges": "NA", "Discount Points": "NA",
			"Lender Credits": "NA", "Debt-to-Income Ratio": "38.5", fieldDenial: "10",
		}},
		{"denied", action(denied), map[string]string{
			fieldAmount: "300000", "Interest Rate": "NA", fieldTerm: "360", "Rate Spread": "NA", "HOEPA Status": "3", fieldDenial: "3",
			"Reason for Denial: 2": "9", "Reason for Denial: 3": "", fieldDenialOther: "Residency.", score: "712", fieldPropertyValue: "450000",
		}},
		{"denied without reasons", action(denied).with(records{"application.disposed/denialReasons": nil}), map[string]string{fieldDenial: missing}},
		{"withdrawn", action(withdrawn), map[string]string{
			fieldAmount: "300000", "Interest Rate": "NA", "Debt-to-Income Ratio": "NA", "Combined Loan-to-Value Ratio": "NA",
			fieldPropertyValue: "NA", score: "8888", coScore: "8888", model: "9", coModel: "9", model + freeText + "8": "", fieldIncome: "85",
		}},
		{"withdrawn, alone", action(withdrawn).alone(), map[string]string{coScore: "8888", coModel: "9", coEthnicity: "5"}},
		{"incomplete", action(incomplete), map[string]string{"Debt-to-Income Ratio": "NA", fieldPropertyValue: "NA", score: "8888", fieldTerm: "360"}},
		{"purchased", action(purchased), map[string]string{
			fieldApplied: "NA", fieldAmount: missing, "Interest Rate": "6.250", fieldTerm: "240", fieldIncome: "NA", "Rate Spread": "NA",
			"HOEPA Status": "2", "Type of Purchaser": "71", fieldLoanCosts: "4120.00", fieldPenaltyTerm: "NA", fieldPropertyValue: "450000",
			fieldSystem + ": 1": "6", fieldSystem + ": 2": "", fieldSystem + freeText + "5": "", fieldResult + ": 1": "17", fieldResult + ": 5": "",
		}},
		{"purchased, and nobody was asked", action(purchased).with(records{
			"hmda.collected/applicantEthnicity": nil, "hmda.collected/applicantEthnicityOther": nil, "hmda.collected/applicantEthnicityObserved": nil,
			"hmda.collected/applicantRace": nil, "hmda.collected/applicantTribe": nil, "hmda.collected/applicantRaceOtherAsian": nil,
			"hmda.collected/applicantRaceOtherPacificIslander": nil, "hmda.collected/applicantRaceObserved": nil, "hmda.collected/applicantSex": nil,
			"hmda.collected/applicantSexObserved": nil, "hmda.collected/applicantAge": nil, "hmda.collected/submissionOfApplication": nil,
			"hmda.collected/initiallyPayable": nil, "hmda.collected/preapproval": nil,
		}), map[string]string{
			ethnicity: "4", ethnicity[:len(ethnicity)-3] + sight: "3", race: "7", race[:len(race)-3] + sight: "3",
			"Sex of Applicant or Borrower": "4", "Sex of Applicant or Borrower" + sight: "3", "Age of Applicant or Borrower": "8888",
			"Submission of Application": "3", fieldPayable: "3", fieldPreapproval: "2",
		}},
		{"preapproval refused", action(refused), map[string]string{fieldAmount: "300000", fieldDenial: "3", "Interest Rate": "NA"}},
		{"preapproval not used", action(notUsed), map[string]string{fieldAmount: "290000", "Interest Rate": "6.125", fieldDenial: "10"}},

		{"nobody beside the applicant", base().alone(), map[string]string{
			coEthnicity: "5", coEthnicity[:len(coEthnicity)-3] + sight: "4", coRace: "8", coRace[:len(coRace)-3] + sight: "4",
			"Sex of Co-Applicant or Co-Borrower": "5", "Sex of Co-Applicant or Co-Borrower" + sight: "4",
			"Age of Co-Applicant or Co-Borrower": "9999", coScore: "9999", coModel: "10",
		}},
		{"only a free text", base().with(records{"hmda.collected/applicantEthnicity": nil, "hmda.collected/applicantRace": nil}), map[string]string{ethnicity: "", race: ""}},
		{"nothing chosen", base().with(records{"hmda.collected/applicantEthnicity": nil, "hmda.collected/applicantEthnicityOther": nil}), map[string]string{ethnicity: missing}},
		{"not a natural person", base().alone().with(legal).with(records{
			"hmda.collected/applicantAge": nil, "hmda.collected/applicantEthnicityObserved": nil, "hmda.collected/applicantSexObserved": nil,
			"hmda.collected/applicantRaceObserved": nil,
		}), map[string]string{
			"Age of Applicant or Borrower": "8888", fieldIncome: "NA", "Debt-to-Income Ratio": "NA",
			ethnicity[:len(ethnicity)-3] + sight: "3", race[:len(race)-3] + sight: "3", "Sex of Applicant or Borrower" + sight: "3",
		}},
		{"not a natural person beside one", base().with(legal), map[string]string{fieldIncome: "NA", "Debt-to-Income Ratio": "38.5"}},
		{"no age", base().with(records{"hmda.collected/applicantAge": nil}), map[string]string{"Age of Applicant or Borrower": missing}},
		{"no score was relied on", base().with(records{
			"hmda.collected/applicantCreditScore": nil, "hmda.collected/applicantCreditScoreModel": nil, "hmda.collected/applicantCreditScoreModelOther": nil,
		}), map[string]string{score: "8888", model: "9"}},
		{"a model without a score", base().with(records{"hmda.collected/applicantCreditScore": nil}), map[string]string{score: missing, model: "8"}},
		{"a score without a model", base().with(records{"hmda.collected/coApplicantCreditScoreModel": nil}), map[string]string{coScore: "698", coModel: missing}},
		{"exempt from scores, alone", base().alone().with(records{"hmda.collected/applicantCreditScoreModel": "1111"}), map[string]string{
			score: "1111", coScore: "1111", model: "1111", coModel: "1111", model + freeText + "8": "",
		}},
		{"exempt", action(denied).with(records{"hmda.collected/exempt": []string{
			"streetAddress", "rateSpread", "denialReasons", "totalLoanCosts", "totalPointsAndFees", "originationCharges", "discountPoints", "lenderCredits",
			"interestRate", "prepaymentPenaltyTerm", "debtToIncomeRatio", "combinedLoanToValueRatio", "loanTerm", "introductoryRatePeriod",
			"propertyValue", "multifamilyAffordableUnits", "originatorId", "creditScore",
		}}), map[string]string{
			"Street Address": "Exempt", "City": "Exempt", "Zip Code": "Exempt", "State": "CA", "Rate Spread": "Exempt", fieldDenial: "1111",
			"Reason for Denial: 2": "", fieldDenialOther: "", fieldLoanCosts: "Exempt", fieldPointsAndFees: "Exempt", "Origination Charges": "Exempt",
			"Discount Points": "Exempt", "Lender Credits": "Exempt", "Interest Rate": "Exempt", fieldPenaltyTerm: "Exempt",
			"Debt-to-Income Ratio": "Exempt", "Combined Loan-to-Value Ratio": "Exempt", fieldTerm: "Exempt", "Introductory Rate Period": "Exempt",
			fieldPropertyValue: "Exempt", fieldAffordableUnits: "Exempt", "Mortgage Loan Originator NMLSR Identifier": "Exempt", score: "1111",
		}},
		{"exempt from underwriting systems", base().with(records{
			"hmda.collected/automatedUnderwritingSystem": []string{"1111"}, "hmda.collected/automatedUnderwritingSystemOther": nil,
			"hmda.collected/automatedUnderwritingResult": nil, "hmda.collected/automatedUnderwritingResultOther": nil,
		}), map[string]string{fieldSystem + ": 1": "1111", fieldResult + ": 1": "1111", fieldResult + ": 2": ""}},

		{"a reverse mortgage", base().with(records{"hmda.collected/reverseMortgage": "1", "hmda.collected/preapproval": nil}), map[string]string{
			fieldTerm: "NA", "Rate Spread": "NA", fieldLoanCosts: "NA", "Origination Charges": "NA", fieldPenaltyTerm: "NA", fieldPreapproval: "2",
		}},
		{"an open-end line", base().with(records{"hmda.collected/openEndLineOfCredit": "1", "contract.signed/termMonths": nil, "hmda.collected/totalPointsAndFees": usd("0")}), map[string]string{
			fieldTerm: "NA", fieldLoanCosts: "NA", fieldPointsAndFees: "0", "Rate Spread": "0.428",
		}},
		{"for business", base().with(records{"hmda.collected/businessOrCommercialPurpose": "1"}), map[string]string{
			fieldLoanCosts: "NA", fieldPointsAndFees: "NA", "Lender Credits": "NA", fieldPenaltyTerm: "NA",
		}},
		{"multifamily", base().with(records{"hmda.collected/totalUnits": 5, "hmda.collected/multifamilyAffordableUnits": 0, "hmda.collected/preapproval": nil}), map[string]string{
			fieldAffordableUnits: "0", fieldIncome: "NA", "Debt-to-Income Ratio": "NA", fieldPreapproval: "2",
		}},
		{"multifamily, without affordable units", base().with(records{"hmda.collected/totalUnits": 5}), map[string]string{fieldAffordableUnits: missing, fieldIncome: "85"}},
		{"four units", base().with(records{"hmda.collected/totalUnits": 4, "hmda.collected/multifamilyAffordableUnits": 3}), map[string]string{fieldAffordableUnits: "NA"}},
		{"built on site", base().with(records{
			"hmda.collected/constructionMethod": "1", "hmda.collected/manufacturedHomeSecuredPropertyType": nil, "hmda.collected/manufacturedHomeLandPropertyInterest": nil,
		}), map[string]string{"Manufactured Home Secured Property Type": "3", "Manufactured Home Land Property Interest": "5"}},
		{"manufactured, without a word on it", base().with(records{"hmda.collected/manufacturedHomeSecuredPropertyType": nil}), map[string]string{"Manufactured Home Secured Property Type": missing}},
		{"not for a purchase", base().with(records{"hmda.collected/loanPurpose": "31", "hmda.collected/preapproval": nil}), map[string]string{fieldPreapproval: "2"}},
		{"a purchase without a word on preapproval", base().with(records{"hmda.collected/preapproval": nil}), map[string]string{fieldPreapproval: missing}},

		{"nothing that need not be", base().with(records{
			"hmda.collected/rateSpread": nil, "hmda.collected/totalLoanCosts": nil, "hmda.collected/originationCharges": nil, "hmda.collected/discountPoints": usd("0.00"),
			"hmda.collected/lenderCredits": usd("0"), "hmda.collected/prepaymentPenaltyTerm": 0, "hmda.collected/combinedLoanToValueRatio": nil,
			"hmda.collected/introductoryRatePeriod": 0, "hmda.collected/originatorId": nil, "hmda.collected/countyCode": nil, "hmda.collected/censusTract": nil,
		}), map[string]string{
			"Rate Spread": "NA", fieldLoanCosts: "NA", "Origination Charges": "NA", "Discount Points": "", "Lender Credits": "", fieldPenaltyTerm: "NA",
			"Combined Loan-to-Value Ratio": "NA", "Introductory Rate Period": "NA", "Mortgage Loan Originator NMLSR Identifier": "NA", fieldCounty: "NA", fieldTract: "NA",
		}},
		{"no property yet", action(withdrawn).with(records{
			"hmda.collected/streetAddress": nil, "hmda.collected/city": nil, "hmda.collected/state": nil, "hmda.collected/zipCode": nil,
		}), map[string]string{"Street Address": "NA", "City": "NA", "State": "NA", "Zip Code": "NA"}},
		{"a loan on no property", base().with(records{"hmda.collected/streetAddress": nil, "hmda.collected/state": nil}), map[string]string{"Street Address": missing, "State": missing}},

		{"value and lien of what was pledged", base().with(records{"hmda.collected/propertyValue": nil, "hmda.collected/lienStatus": nil}), map[string]string{
			fieldPropertyValue: "410000", "Lien Status": "2",
		}},
		{"a first lien", base().with(records{"hmda.collected/lienStatus": nil, "collateral.pledged/rank": 1}), map[string]string{"Lien Status": "1"}},
		{"no lien", base().with(records{"hmda.collected/lienStatus": nil, "collateral.pledged": nil}), map[string]string{"Lien Status": missing}},
		{"not sold", base().with(records{"hmda.collected/purchaserType": nil}), map[string]string{"Type of Purchaser": "0"}},
		{"sold in a later year", base().with(records{"hmda.collected/purchaserType": nil, "loan.transferred/transferDate": "2027-01-01"}), map[string]string{"Type of Purchaser": "0"}},
		{"sold to whom?", base().with(records{"hmda.collected/purchaserType": nil, "loan.transferred/transferDate": "2026-12-31"}), map[string]string{"Type of Purchaser": missing}},
		{"sold when?", base().with(records{"hmda.collected/purchaserType": nil, "loan.transferred/buyer": "Example"}), map[string]string{"Type of Purchaser": missing}},
		{"no contract", base().with(records{"contract.signed": nil}), map[string]string{fieldAmount: missing, "Interest Rate": missing, fieldTerm: missing}},
		{"a shadow decision", action(notAccepted).with(records{"decision.made/use": "shadow"}), map[string]string{fieldAmount: missing}},
		{"income of two", base().with(records{"application.received/coApplicantId": "party-2", "application.received/coApplicantIncome": usd("31999.99")}), map[string]string{fieldIncome: "116"}},
		{"income rounded up from the half", base().with(records{"application.received/income": usd("35500")}), map[string]string{fieldIncome: "36"}},
		{"income rounded down", base().with(records{"application.received/income": usd("35499.99")}), map[string]string{fieldIncome: "35"}},
		{"a loss", base().with(records{"application.received/income": usd("-35500")}), map[string]string{fieldIncome: "-36"}},
		{"not in dollars", base().with(records{"contract.signed/principal": map[string]any{"amount": "280000", "currency": "CAD"}}), map[string]string{fieldAmount: missing}},
		{"no income", base().with(records{"application.received/income": nil}), map[string]string{fieldIncome: missing}},
		{"no day of the action", base().with(records{"application.disposed/actionDate": nil}), map[string]string{fieldActionDate: missing}},
		{"a text with a pipe", base().with(records{"hmda.collected/city": "Example|ton"}), map[string]string{"City": missing}},
		{"no legal entity", base().with(records{"application.disposed/legalEntity": nil}), map[string]string{fieldLEI: missing}},
		{"the legal entity of what was collected", base().with(records{"application.disposed/legalEntity": nil, "hmda.collected/legalEntity": lei}), map[string]string{fieldLEI: lei}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := c.records.line(t)
			for name, want := range c.want {
				got := l.Field(name)
				if slices.Contains(l.Missing, name) {
					got += missing
				}
				if got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestNothingCollected holds that no code for "not applicable" stands for what
// nobody asked.
func TestNothingCollected(t *testing.T) {
	l := base().with(records{"hmda.collected": nil}).line(t)
	if l.Collected || !base().line(t).Collected {
		t.Error("it is not said whether data was collected")
	}
	for _, f := range layout {
		if f.member == "" || f.name == "Lien Status" || f.name == fieldPropertyValue || f.name == "Type of Purchaser" {
			continue
		}
		if text := l.Field(f.name); text != "" && f.name != fieldAffordableUnits {
			t.Errorf("%s is %q of an application of which nothing was collected", f.name, text)
		}
	}
	// Of an application that was erased in part it is not known what was there.
	s := base().with(records{"hmda.collected/coApplicantId": nil, "hmda.collected/rateSpread": nil}).story(t)
	for _, r := range s.Records {
		r.Partial = true
	}
	l, ok := New(s, 2026, "")
	if !ok {
		t.Fatal("there is no line")
	}
	if !slices.Contains(l.Missing, "Rate Spread") || l.Field("Ethnicity of Co-Applicant or Co-Borrower: 1") == "5" {
		t.Errorf("what is not readable was taken for what does not apply: missing %q", l.Missing)
	}
}

func TestCorrected(t *testing.T) {
	m := base()
	l := m.line(t, told{"record.corrected", map[string]any{
		"target": "e0", "members": []map[string]any{{"pointer": "/data/applicationDate", "value": `"2026-01-07"`}}, "reason": "typing error",
	}})
	if got := l.Field(fieldApplied); got != "20260107" {
		t.Errorf("the application date is %s after it was corrected", got)
	}
	if l := m.line(t, told{"hmda.collected", map[string]any{"loanType": "3"}}); l.Field("Loan Type") != "3" || l.Field("Lien Status") != "1" {
		t.Errorf("a later record says %s, an earlier one %s", l.Field("Loan Type"), l.Field("Lien Status"))
	}
	voided := told{"record.voided", map[string]any{"target": "e5", "reason": "another loan"}}
	if l, ok := New(m.story(t, voided), 2026, ""); ok {
		t.Errorf("a disposal that was voided has a line: %s", l)
	}
}

func TestYear(t *testing.T) {
	for _, c := range []struct {
		date string
		want []int
	}{
		{"2025-12-31", []int{2025}}, {"2026-01-01", []int{2026}}, {"2026-12-31", []int{2026}}, {"2027-01-01", []int{2027}},
	} {
		s := base().with(records{"application.disposed/actionDate": c.date}).story(t)
		var got []int
		for year := 2024; year < 2029; year++ {
			if _, ok := New(s, year, ""); ok {
				got = append(got, year)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.date, diff)
		}
	}
	if _, ok := New(tell(t, told{"application.received", map[string]any{"applicationId": "A"}}), 2026, ""); ok {
		t.Error("an application that is open has a line")
	}
	if l, _ := New(base().with(records{"application.disposed/legalEntity": nil}).story(t), 2026, lei); l.LEI() != lei || len(l.Missing) > 0 {
		t.Errorf("reported by %q, missing %q", l.LEI(), l.Missing)
	}
}

// TestObjections breaks each check once, and comes near to it once.
func TestObjections(t *testing.T) {
	codes := func(codes ...string) []string { return codes }
	type h = records
	for _, c := range []struct {
		edit         string
		wrong, right records
	}{
		{"V600", base().with(h{"application.disposed/legalEntity": nil}), base()},
		{"V609", base().with(h{"hmda.collected/universalLoanIdentifier": "5493001KJTIIGC8Y1R12A2026000117XX00"}), base().with(h{"hmda.collected/universalLoanIdentifier": "A2026000117"})},
		{"V612-2", base().with(h{"hmda.collected/loanPurpose": "2"}), base().with(h{"hmda.collected/loanPurpose": "2", "hmda.collected/preapproval": "2"})},
		{"V613-2", action(notUsed).with(h{"hmda.collected/preapproval": "2"}), action(notUsed)},
		{"V613-3", action(denied).with(h{"hmda.collected/preapproval": "1"}), action(denied)},
		{"V615-2", base().with(h{"hmda.collected/constructionMethod": "1", "hmda.collected/manufacturedHomeSecuredPropertyType": "3"}), base()},
		{"V615-3", base().with(h{"hmda.collected/constructionMethod": "1", "hmda.collected/manufacturedHomeLandPropertyInterest": "5"}), base()},
		{"V619-3", base().with(h{"application.received/applicationDate": "2026-02-03"}), base().with(h{"application.received/applicationDate": "2026-02-02"})},
		{"V622", action(withdrawn).with(h{"hmda.collected/city": nil}), action(withdrawn).with(h{"hmda.collected/city": nil, "hmda.collected/streetAddress": nil})},
		{"V627", base().with(h{"hmda.collected/countyCode": "06038"}), base().with(h{"hmda.collected/countyCode": nil})},
		{"V628-3", base().with(h{"hmda.collected/applicantEthnicity": codes("1", "14", "1")}), base()},
		{"V628-4", base().with(h{"hmda.collected/applicantEthnicity": codes("3", "1")}), base().with(h{"hmda.collected/applicantEthnicity": codes("3")})},
		{"V629-2", base().with(h{"hmda.collected/applicantEthnicityObserved": "1"}), base().with(h{"hmda.collected/applicantEthnicityObserved": "1", "hmda.collected/applicantEthnicity": codes("1", "2")})},
		{"V630", base().with(h{"hmda.collected/applicantEthnicity": codes("4")}), base().with(h{"hmda.collected/applicantEthnicity": codes("4"), "hmda.collected/applicantEthnicityObserved": "3"})},
		{"V631-3", base().with(h{"hmda.collected/coApplicantEthnicity": codes("2", "2")}), base()},
		{"V631-4", base().with(h{"hmda.collected/coApplicantEthnicity": codes("1", "3")}), base()},
		{"V632-2", base().with(h{"hmda.collected/coApplicantEthnicityObserved": "1"}), base()},
		{"V633", base().with(h{"hmda.collected/coApplicantEthnicity": codes("4")}), base()},
		{"V635-3", base().with(h{"hmda.collected/applicantRace": codes("5", "5")}), base()},
		{"V635-4", base().with(h{"hmda.collected/applicantRace": codes("6", "5")}), base().with(h{"hmda.collected/applicantRace": codes("6")})},
		{"V636-2", base().with(h{"hmda.collected/applicantRaceObserved": "1"}), base().with(h{"hmda.collected/applicantRaceObserved": "1", "hmda.collected/applicantRace": codes("1", "5")})},
		{"V637", base().with(h{"hmda.collected/applicantRace": codes("7")}), base()},
		{"V638-3", base().with(h{"hmda.collected/coApplicantRace": codes("41", "41")}), base()},
		{"V638-4", base().with(h{"hmda.collected/coApplicantRace": codes("7", "41")}), base()},
		{"V639-2", base().with(h{"hmda.collected/coApplicantRaceObserved": "1"}), base()},
		{"V640", base().with(h{"hmda.collected/coApplicantRace": codes("7")}), base()},
		{"V643", base().with(h{"hmda.collected/applicantSexObserved": "1"}), base().with(h{"hmda.collected/applicantSex": "1", "hmda.collected/applicantSexObserved": "1"})},
		{"V644-2", base().with(h{"hmda.collected/applicantSexObserved": "1"}), base().with(h{"hmda.collected/applicantSexObserved": "3"})},
		{"V645", base().with(h{"hmda.collected/applicantSex": "4"}), base()},
		{"V647", base().with(h{"hmda.collected/coApplicantSex": "3"}), base()},
		{"V648-2", base().with(h{"hmda.collected/coApplicantSex": "6"}), base()},
		{"V649", base().with(h{"hmda.collected/coApplicantSex": "4"}), base()},
		{"V661", base().with(h{"hmda.collected/applicantCreditScoreModel": "9", "hmda.collected/applicantCreditScoreModelOther": nil}), base()},
		{"V662", base().with(h{"hmda.collected/applicantCreditScoreModelOther": nil}), base()},
		{"V666", base().with(h{"hmda.collected/coApplicantCreditScore": 8888}), base()},
		{"V667", base().with(h{"hmda.collected/coApplicantCreditScoreModel": "1"}), base()},
		{"V669-3", action(denied).with(h{"application.disposed/denialReasons": codes("9", "9")}), action(denied)},
		{"V671", action(denied).with(h{"application.disposed/otherDenialReason": nil}), action(denied)},
		{"V672-2", base().with(h{"hmda.collected/totalPointsAndFees": usd("10")}), base().with(h{"hmda.collected/totalPointsAndFees": usd("10"), "hmda.collected/totalLoanCosts": nil})},
		{"V678-5", base().with(h{"hmda.collected/prepaymentPenaltyTerm": 241}), base().with(h{"hmda.collected/prepaymentPenaltyTerm": 240})},
		{"V692-3", base().with(h{"hmda.collected/totalUnits": 5, "hmda.collected/multifamilyAffordableUnits": 6}), base().with(h{"hmda.collected/totalUnits": 5, "hmda.collected/multifamilyAffordableUnits": 5, "hmda.collected/preapproval": "2"})},
		{"V693-3", base().with(h{"hmda.collected/submissionOfApplication": "3"}), action(purchased).with(h{"hmda.collected/submissionOfApplication": "3"})},
		{"V694-3", base().with(h{"hmda.collected/initiallyPayable": "3"}), base()},
		{"V696-3", base().with(h{"hmda.collected/automatedUnderwritingResult": codes("1", "16")}), base()},
		{"V702", base().with(h{"hmda.collected/automatedUnderwritingSystemOther": nil}), base()},
		{"V703", base().with(h{"hmda.collected/automatedUnderwritingResultOther": nil}), base()},
	} {
		found := func(m records) (edits []string) {
			l, ok := New(m.story(t), 2026, "1234")
			if !ok {
				t.Fatal("there is no line")
			}
			for _, o := range l.Objections {
				_, edit, _ := strings.Cut(o.Text, "(")
				edits = append(edits, strings.TrimSuffix(edit, ")"))
			}
			return edits
		}
		if got := found(c.wrong); !slices.Contains(got, c.edit) {
			t.Errorf("%s was not found: %q", c.edit, got)
		}
		if got := found(c.right); slices.Contains(got, c.edit) {
			t.Errorf("%s was found where nothing is wrong", c.edit)
		}
	}
	all := map[string]bool{}
	for _, c := range checks {
		all[c.edit] = true
		position(c.field) // panics where there is none
	}
	if len(all) != len(checks) {
		t.Errorf("%d checks have %d numbers", len(checks), len(all))
	}

	for name, m := range map[string]records{
		"no co-applicant, because none has an id": base().alone().with(records{"party.linked/role": "co-applicant", "party.linked/linkedPartyId": "party-2"}),
		"no co-applicant, because":                base().with(records{"hmda.collected/coApplicantId": nil}),
		"dollars":                                 base().with(records{"contract.signed/principal": map[string]any{"amount": "1", "currency": "CAD"}}),
		"a character":                             base().with(records{"hmda.collected/city": "Example|ton"}),
	} {
		if l := m.line(t); !slices.ContainsFunc(l.Objections, func(o Objection) bool { return strings.Contains(o.Text, name) }) {
			t.Errorf("%s: %v", name, l.Objections)
		}
	}
	twice := told{"application.disposed", map[string]any{"actionTaken": "4", "actionDate": "2026-03-01"}}
	if l := base().line(t, twice); l.Field(fieldAction) != "4" || !slices.ContainsFunc(l.Objections, func(o Objection) bool { return strings.Contains(o.Text, "more than once") }) {
		t.Errorf("two disposals: action %s, %v", l.Field(fieldAction), l.Objections)
	}
}

// TestULI has the example of Regulation C, appendix C.
func TestULI(t *testing.T) {
	for uli, want := range map[string]bool{
		"10Bx939c5543TqA1144M999143X38":                    true,
		"10BX939C5543TQA1144M999143X38":                    true,
		"10Cx939c5543TqA1144M999143X10":                    true,
		"10Bx939c5543TqA1144M999133X38":                    false,
		"10Bx939c5543TqA1144M999143X39":                    false,
		"01Bx939c5543TqA1144M999143X38":                    false,
		"10Bx939c5543TqA1144M999143-38":                    false,
		"5493001KJTIIGC8Y1R12":                             false, // an LEI ends with check digits too
		"":                                                 false,
		"10Bx939c5543TqA1144M0000000000000000000000000X38": false,
	} {
		if got := ValidULI(uli); got != want {
			t.Errorf("%s: %v", uli, got)
		}
	}
}
