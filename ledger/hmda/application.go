// SPDX-License-Identifier: Apache-2.0

package hmda

import (
	"slices"
	"strconv"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/story"
)

// The actions taken.
const (
	originated  = "1"
	notAccepted = "2"
	denied      = "3"
	withdrawn   = "4"
	incomplete  = "5"
	purchased   = "6"
	refused     = "7" // a preapproval request
	notUsed     = "8" // a preapproval request that was approved and not accepted
)

// An application is the story of one, read for its line.
type application struct {
	story      *story.Story
	disposed   *story.Record
	lender     string // who reports it, where no record says so
	action     string
	objections []Objection
}

func (a *application) object(field, text string) {
	a.objections = append(a.objections, Objection{field, text})
}

// a value is a member of a record that may be absent.
type value struct {
	canon.Value
	ok bool
}

// codes returns the items of a list of texts.
func (v value) codes() []string {
	var out []string
	for _, item := range v.Items {
		out = append(out, item.Str)
	}
	return out
}

// text returns a text, or a number as one.
func (v value) text() (string, bool) {
	if v.Kind == canon.Int {
		return strconv.FormatInt(v.Int, 10), v.ok
	}
	return v.Str, v.ok && v.Kind == canon.String && v.Str != ""
}

// last returns a member as the last record of a type that has it says it, of
// those that ok is true of.
func (a *application) last(suffix, member string, ok func(*story.Record) bool) value {
	for _, r := range slices.Backward(a.story.OfType(story.Type(suffix))) {
		if v, has := r.Get(member); has && (ok == nil || ok(r)) {
			return value{v, true}
		}
	}
	return value{}
}

func (a *application) collected(member string) value { return a.last("hmda.collected", member, nil) }

// says reports whether a member that was collected is a code.
func (a *application) says(member, code string) bool { return a.collected(member).Str == code }

// number returns a member that was collected and is a count.
func (a *application) number(member string) (int64, bool) {
	v := a.collected(member)
	return v.Int, v.ok && v.Kind == canon.Int
}

// complete reports whether what was collected is there and can be read, so that
// what is absent from it is absent.
func (a *application) complete() bool {
	all := a.story.OfType(story.Type("hmda.collected"))
	return len(all) > 0 && !slices.ContainsFunc(all, func(r *story.Record) bool { return r.Partial })
}

// exempts reports whether the lender says that it need not report a field.
func (a *application) exempts(name string) bool {
	return slices.Contains(a.collected("exempt").codes(), name)
}

// alone reports whether there is no co-applicant.
func (a *application) alone() bool { return a.complete() && !a.collected("coApplicantId").ok }

// named reports whether something else than their id speaks of one.
func (a *application) named() bool {
	isCo := func(r *story.Record) bool { return r.Text("role") == "co-applicant" }
	return a.last("party.linked", "role", isCo).ok || a.last("application.received", "coApplicantId", nil).ok ||
		slices.ContainsFunc([]string{"Ethnicity", "Race", "Sex", "Age", "CreditScore"}, func(member string) bool {
			return a.collected(coApplicant.member + member).ok
		})
}

// legal reports whether a person is not a natural one, as ethnicity, race and
// sex say together; of a purchased loan these say no more than that nobody
// asked.
func (a *application) legal(person string) bool {
	return a.action != purchased && slices.Equal(a.collected(person+"Ethnicity").codes(), []string{"4"}) &&
		slices.Equal(a.collected(person+"Race").codes(), []string{"7"}) && a.says(person+"Sex", "4")
}

// multifamily reports whether affordable units are reported.
func (a *application) multifamily() bool {
	units, _ := a.number("totalUnits")
	_, ok := a.number("multifamilyAffordableUnits")
	return units >= 5 && ok && !a.exempts("multifamilyAffordableUnits")
}

// preapprovals are of home purchases that are not of these kinds.
func (a *application) noPreapproval() bool {
	return within(denied, withdrawn, incomplete, purchased)(a) || a.collected("loanPurpose").ok && !a.says("loanPurpose", "1") ||
		a.multifamily() || a.says("reverseMortgage", "1") || a.says("openEndLineOfCredit", "1")
}

func (a *application) lei() (string, bool) {
	for _, suffix := range []string{"application.disposed", "hmda.collected", "application.received"} {
		if lei, ok := a.last(suffix, "legalEntity", nil).text(); ok {
			return lei, true
		}
	}
	return a.lender, a.lender != ""
}

// day writes a date as the guide has it.
func day(v value) (string, bool) {
	d, err := time.Parse(time.DateOnly, v.Str)
	return d.Format("20060102"), v.ok && err == nil
}

func (a *application) applicationDate() (string, bool) {
	return day(a.last("application.received", "applicationDate", nil))
}

func (a *application) actionDate() (string, bool) {
	v, ok := a.disposed.Get("actionDate")
	return day(value{v, ok})
}

// dollars returns an amount of US dollars.
func (a *application) dollars(field string, v value) (story.Decimal, bool) {
	m, ok := story.MoneyOf(v.Value)
	if ok && m.Currency != "USD" {
		a.object(field, "is not written: the amount on record is not of US dollars")
		ok = false
	}
	return m.Amount, ok
}

func (a *application) money(field string, v value) (string, bool) {
	d, ok := a.dollars(field, v)
	if !ok {
		return "", false
	}
	return d.String(), true
}

// approval returns a member of the last decision that approved and took
// effect.
func (a *application) approval(member string) value {
	return a.last("decision.made", member, func(r *story.Record) bool {
		return r.Text("outcome") == "approved" && r.Text("use") != "shadow"
	})
}

// terms returns a member of the contract, of the approval, or of what was
// applied for, as the action is. The balance at which a loan was purchased no
// record holds.
func (a *application) terms(contract, approval, applied string) value {
	switch a.action {
	case originated:
		return a.last("contract.signed", contract, nil)
	case purchased:
		if contract == "principal" {
			return value{}
		}
		return a.last("contract.signed", contract, nil)
	case notAccepted, notUsed:
		return a.approval(approval)
	}
	if applied == "" {
		return value{}
	}
	return a.last("application.received", applied, nil)
}

func (a *application) loanAmount() (string, bool) {
	return a.money(fieldAmount, a.terms("principal", "decidedAmount", "loanAmount"))
}

func (a *application) interestRate() (string, bool) {
	return a.terms("nominalRate", "decidedRate", "").text()
}

func (a *application) loanTerm() (string, bool) {
	return a.terms("termMonths", "termMonths", "termMonths").text()
}

func (a *application) debtToIncome() (string, bool) {
	return a.last("application.received", "debtToIncome", nil).text()
}

var thousandth, _ = story.ParseDecimal("0.001")

// income returns that of both applicants in thousands, rounded.
func (a *application) income() (string, bool) {
	sum, ok := a.dollars(fieldIncome, a.last("application.received", "income", nil))
	if !ok {
		return "", false
	}
	if v := a.last("application.received", "coApplicantIncome", nil); v.ok {
		more, ok := a.dollars(fieldIncome, v)
		if !ok {
			return "", false
		}
		sum = sum.Add(more)
	}
	return sum.Mul(thousandth).Round(0).String(), true
}

// purchaser says that nobody bought the loan where no record says so.
func (a *application) purchaser() (string, bool) {
	if code, ok := a.collected("purchaserType").text(); ok {
		return code, true
	}
	sold := a.last("loan.transferred", "transferDate", func(r *story.Record) bool {
		d, err := time.Parse(time.DateOnly, r.Text("transferDate"))
		return err != nil || d.Year() == a.year()
	})
	undated := len(a.story.OfType(story.Type("loan.transferred"))) > 0 && !a.last("loan.transferred", "transferDate", nil).ok
	return "0", !sold.ok && !undated
}

// lien is that which was collected, or the rank of what was pledged.
func (a *application) lien() (string, bool) {
	if code, ok := a.collected("lienStatus").text(); ok {
		return code, true
	}
	rank := a.pledged("rank")
	if rank.Kind == canon.Int && rank.Int > 1 {
		return "2", true
	}
	return "1", rank.ok && rank.Int == 1
}

func (a *application) propertyValue() (string, bool) {
	if v := a.collected("propertyValue"); v.ok {
		return a.money(fieldPropertyValue, v)
	}
	return a.money(fieldPropertyValue, a.pledged("value"))
}

// pledged returns a member of the security as it was last recorded before the
// action, if there is only one.
func (a *application) pledged(member string) value {
	var id string
	for i, r := range a.story.OfType(story.Type("collateral.pledged")) {
		if i > 0 && r.Text("collateralId") != id {
			return value{}
		}
		id = r.Text("collateralId")
	}
	return a.last("collateral.pledged", member, func(r *story.Record) bool { return r.Index < a.disposed.Index })
}

func (a *application) denialReason(i int) (string, bool) {
	v, ok := a.disposed.Get("denialReasons")
	return nth(value{v, ok}, i)
}

func (a *application) otherDenialReason() (string, bool) {
	v, ok := a.disposed.Get("otherDenialReason")
	return value{v, ok}.text()
}

// nth returns an item of a list of codes.
func nth(v value, i int) (string, bool) {
	codes := v.codes()
	if i >= len(codes) {
		return "", false
	}
	return codes[i], codes[i] != ""
}

// within is true of applications on which one of the actions was taken.
func within(actions ...string) condition {
	return func(a *application) bool { return slices.Contains(actions, a.action) }
}
