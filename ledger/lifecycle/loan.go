// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"strconv"
	"time"
)

// A loan is what is owed under a contract. All amounts are in hundredths.
type loan struct {
	contract    *event
	paid        *event // the last payment
	balance     int64  // principal that is owed
	rate        int64  // nominal, hundredths of a percent a year
	plan        []instalment
	installment int64
	next        int   // the first instalment that is not paid
	class       int64 // of the five tiers
}

type instalment struct {
	due                 int64 // day
	principal, interest int64
}

// interest returns what a balance costs in one month, half a cent rounded up.
func interest(balance, rate int64) int64 { return (balance*rate + 60000) / 120000 }

// amortise returns the plan by which a loan is paid off in equal instalments,
// of which the last one may be smaller, and what an instalment is: the least
// with which nothing is owed in the end. It is found by trying, in whole cents,
// so that it is the same on every machine.
func amortise(plan []instalment, principal, rate int64, term int, first int64) ([]instalment, int64) {
	low, high := principal/int64(term), principal/int64(term)+interest(principal, rate)+1
	for low < high {
		mid := (low + high) / 2
		owed := principal
		for range term {
			owed -= mid - interest(owed, rate)
			if owed <= 0 {
				break
			}
		}
		if owed <= 0 {
			high = mid
		} else {
			low = mid + 1
		}
	}
	for i := range term {
		cost := interest(principal, rate)
		part := min(principal, low-cost)
		plan = append(plan, instalment{due: later(first, i), principal: part, interest: cost})
		if principal -= part; principal == 0 {
			break
		}
	}
	return plan, low
}

// disclose tells what the loan costs, before the contract.
func (f *file) disclose() {
	f.after(0, 6)
	f.disclosure = f.tell("disclosure.confirmed").because(f.decision).
		add("comprehensiveCostRate", percent(f.cost())).
		add("items", json(`[{"code":"interest","rate":"`+string(appendHundredths(nil, f.rate))+`"},{"code":"late-payment","amount":{"amount":"15.00","currency":"`+f.place.currency+`"}}]`)).
		add("version", text("2019-1")).
		add("contentHash", f.hash()).
		add("shownAt", moment(f.now-60_000)).
		add("secondsShown", number(f.between(11, 59))).
		add("confirmedAt", moment(f.now))
}

// cost is what the loan costs a year with compound interest, in hundredths of
// a percent: r and r²(n-1)/2n, which is that to the second order, for twelve
// months.
func (f *file) cost() int64 { return f.rate + f.rate*f.rate*11/240000 }

// sign tells the contract and the disbursement.
func (f *file) sign() {
	f.wait(time.Minute, 40*time.Minute)
	l := &f.loan
	valueDay := f.today() + f.between(0, 3)
	first := later(valueDay, 1)
	*l = loan{balance: f.amount, rate: f.rate, plan: l.plan[:0], class: 1}
	l.plan, l.installment = amortise(l.plan, f.amount, f.rate, f.term, first)
	loanID := f.token("SYN-L-", 10)
	l.contract = f.tell("contract.signed").because(f.decision).
		add("contractId", f.token("SYN-C-", 10)).
		add("loanId", loanID).
		add("product", text(f.product.code)).
		add("signedDate", date(f.today())).
		add("principal", money(f.amount)).
		add("nominalRate", percent(f.rate)).
		add("annualPercentageRate", percent(f.cost())).
		add("comprehensiveFinancingCostRate", percent(f.cost())).
		add("termMonths", number(int64(f.term))).
		add("installment", money(l.installment)).
		add("schedule", f.schedule(l.plan)).
		add("documentHash", f.hash()).
		add("signatures", json(`[{"role":"borrower","method":"electronic"},{"role":"lender","method":"electronic"}]`))
	f.wait(time.Second, 10*time.Minute)
	if f.disposes() {
		f.dispose("1", l.contract)
	}
	f.secure()
	f.on(valueDay)
	f.tell("loan.disbursed").because(l.contract).
		add("loanId", loanID).
		add("product", text(f.product.code)).
		add("amount", money(f.amount)).
		add("valueDate", date(valueDay)).
		add("method", text("transfer")).
		add("payeeAccountToken", f.token("syn-acct-", 12)).
		add("endToEndId", f.token("SYN-E2E-", 12))
}

// secure tells what secures the loan.
func (f *file) secure() {
	f.wait(time.Second, time.Minute)
	f.tell("document.stored").because(f.loan.contract).
		add("sha256", *f.loan.contract.get("documentHash")).
		add("size", number(f.between(40_000, 400_000))).
		add("mediaType", text("application/pdf")).
		add("role", text("contract"))
	if f.product.collateral {
		f.wait(time.Minute, time.Hour)
		kind := "vehicle"
		if f.product == homeLoan {
			kind = "home"
		}
		f.tell("collateral.pledged").because(f.loan.contract).
			add("collateralId", f.token("SYN-K-", 10)).
			add("kind", text(kind)).
			add("value", money(f.amount/100*f.between(105, 160))).
			add("valuer", text("Synthetic Valuers LLP")).
			add("valuationDate", date(f.today()-f.between(3, 40))).
			add("revalueBy", date(later(f.today(), 60))).
			add("rank", number(1))
	}
	if f.guaranteed {
		f.wait(time.Minute, time.Hour)
		guarantor, consent, notice := text("syn-party-"+base32(f.next())), f.token("SYN-CON-", 8), f.token("SYN-NOT-", 8)
		linked := f.tell("party.linked").because(f.loan.contract).
			add("role", text("guarantor")).
			add("linkedPartyId", guarantor).
			add("relation", text("relative")).
			add("consentRef", consent).
			add("noticeRef", notice)
		f.wait(time.Second, time.Minute)
		f.tell("guarantee.given").because(linked).
			add("guarantorId", guarantor).
			add("kind", text("joint-and-several")).
			add("amount", money(f.amount)).
			add("signedDate", date(f.today())).
			add("documentHash", f.hash()).
			add("consentRef", consent).
			add("noticeRef", notice)
	}
	if f.shared {
		f.wait(time.Minute, time.Hour)
		part := f.between(10, 70)
		f.tell("funding.allocated").because(f.loan.contract).
			add("shares", json(`[{"funder":"syn-partner-bank","share":"0.`+strconv.FormatInt(part, 10)+`"},{"funder":"syn-lender","share":"0.`+strconv.FormatInt(100-part, 10)+`"}]`)).
			add("agreement", text("SYN-AG-7")).
			add("allocatedDate", date(f.today()))
		f.wait(time.Second, time.Minute)
		f.tell("data.disclosed").because(f.consent).
			add("recipient", text("Synthetic Partner Bank")).
			add("recipientKind", text("partner")).
			add("recipientCountry", text("CN")).
			add("legalBasis", text("consent")).
			add("purposes", texts("joint-lending")).
			add("fields", texts("name", "income", "loanAmount")).
			add("consentRef", text(f.consent.id)).
			add("agreementRef", text("SYN-AG-7")).
			add("contentHash", f.hash()).
			add("disclosedAt", moment(f.now))
	}
}

// disposes reports whether the application has not been disposed of: one that
// was declined first and approved on review has.
func (f *file) disposes() bool { return f.first("application.disposed") == nil }

// schedule writes a plan.
func (f *file) schedule(plan []instalment) value {
	b := make([]byte, 0, 160*len(plan)+2)
	b = append(b, '[')
	for i, p := range plan {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"number":`...), int64(i+1), 10)
		b = append(appendDay(append(b, `,"dueDate":"`...), p.due), `","principal":`...)
		b = appendMoney(b, p.principal, f.place.currency)
		b = append(appendMoney(append(b, `,"interest":`...), p.interest, f.place.currency), '}')
	}
	return json(string(append(b, ']')))
}

// service tells how the loan is paid back, or not.
func (f *file) service() {
	l, n := &f.loan, len(f.loan.plan)
	f.turn = int(f.below(int64(max(1, n/2))))
	stop := n // the instalment at which things take their turn
	switch f.ending {
	case coolingOff:
		f.coolOff()
		return
	case early, refinanced, sold:
		stop = 1 + int(f.below(int64(min(n-1, 42))))
		if f.runsOn {
			stop = 26
		}
		f.turn = min(f.turn, stop-1)
	case late, restructured, chargedOff:
		stop = 1 + int(f.below(int64(max(1, n*2/3))))
	}
	for l.next < stop {
		f.pay()
	}
	switch f.ending {
	case early, refinanced:
		f.payOff()
	case sold:
		f.sell()
		return
	case late:
		f.fallBehind(1 + f.below(3))
		f.catchUp()
	case restructured:
		f.fallBehind(2 + f.below(3))
		f.restructure()
	case chargedOff:
		f.fallBehind(0)
		f.chargeOff()
		return
	}
	for l.next < len(l.plan) {
		f.pay()
	}
	f.close("paid")
}

// pay tells the payment of the next instalment on its day, or one of the two
// before it.
func (f *file) pay() {
	l := &f.loan
	p := l.plan[l.next]
	f.on(p.due - f.below(3))
	f.receive(p.principal, p.interest, 0, "1", 1)
	if f.product == homeLoan && l.next%12 == 0 {
		f.look()
	}
	if l.next <= f.turn {
		return
	}
	// One thing after a payment, so that they do not get into each other's way.
	switch {
	case f.reversed:
		f.reversed = false
		f.bounce(p)
	case f.doubled:
		f.doubled = false
		f.double()
	case f.corrected:
		f.corrected = false
		f.correct()
	case f.complaint:
		f.complaint = false
		f.complain()
	case f.dispute:
		f.dispute = false
		f.object()
	}
}

// receive tells a payment that pays so many instalments.
func (f *file) receive(principal, interest, penalty int64, kind string, instalments int) *event {
	l := &f.loan
	l.balance -= principal
	cause := l.paid
	if cause == nil {
		cause = l.contract
	}
	e := f.tell("payment.received").because(cause).
		add("paymentId", f.token("SYN-P-", 12)).
		add("amount", money(principal+interest+penalty)).
		add("principal", money(principal)).
		add("interest", money(interest)).
		add("fees", money(0)).
		add("penalty", money(penalty)).
		add("balance", money(l.balance)).
		add("valueDate", date(f.today())).
		add("method", text(one(&f.draw, "direct-debit", "direct-debit", "transfer", "card"))).
		add("repaymentType", text(kind))
	if instalments > 0 {
		b := []byte{'['}
		for i := range instalments {
			p := l.plan[l.next+i]
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(append(b, `{"number":`...), int64(l.next+i+1), 10)
			b = append(append(append(b, `,"period":"`...), month(p.due)...), `","amount":`...)
			b = append(appendMoney(b, p.principal+p.interest, f.place.currency), '}')
		}
		e.add("appliedTo", json(string(append(b, ']')))).add("period", text(month(l.plan[l.next].due)))
		l.next += instalments
	}
	l.paid = e
	return e
}

// bounce tells that the last payment was reversed, and made again.
func (f *file) bounce(p instalment) {
	l := &f.loan
	f.after(1, 2)
	l.balance += p.principal
	l.next--
	f.tell("payment.reversed").because(l.paid).
		add("paymentRef", text(l.paid.id)).
		add("amount", money(p.principal+p.interest)).
		add("reason", text("insufficient funds")).
		add("returnCode", text("AM04")).
		add("valueDate", date(f.today())).
		add("balance", money(l.balance))
	f.after(1, 5)
	f.receive(p.principal, p.interest, 0, "1", 1)
}

// double tells that the last payment was booked twice, and the second voided.
func (f *file) double() {
	l := &f.loan
	first := l.paid
	f.wait(time.Minute, time.Hour)
	e := f.tell("payment.received").because(first)
	e.members = append(e.members, first.members...)
	f.after(1, 4)
	f.tell("record.voided").because(e).
		add("target", text(e.id)).
		add("reason", text("Booked twice.")).
		add("reasonCode", text("duplicate")).
		add("requesterId", f.staff(initiators)).
		add("approverId", f.staff(approvers))
}

// correct tells that the last payment was recorded with a wrong part, and put
// right.
func (f *file) correct() {
	l := &f.loan
	right := *l.paid.get("interest")
	l.paid.set("interest", money(right.n+100*f.between(1, 9)))
	f.after(1, 4)
	f.tell("record.corrected").because(l.paid).
		add("target", text(l.paid.id)).
		add("members", json(`[{"pointer":"/data/interest","value":`+string(appendText(nil, string(f.appendValue(nil, right))))+`}]`)).
		add("reason", text("A digit was wrong.")).
		add("reasonCode", text("keying-error")).
		add("requesterId", f.staff(initiators)).
		add("approverId", f.staff(approvers))
}

// look tells the yearly review of a loan that runs for long, and its new rate.
func (f *file) look() {
	l := &f.loan
	f.after(1, 8)
	f.tell("monitoring.reviewed").because(l.contract).
		add("dueDate", date(f.today()+f.between(0, 30))).
		add("reviewedDate", date(f.today())).
		add("result", text("no-change")).
		add("nextDue", date(later(f.today(), 13))).
		add("reviewerId", f.staff(reviewers))
	f.wait(time.Minute, time.Hour)
	f.tell("identity.verified").because(l.contract).
		add("method", text("electronic-id")).
		add("provider", text("Synthetic Identity Ltd")).
		add("outcome", text("passed")).
		add("refreshBy", date(later(f.today(), 13)))
	if f.place == unitedStates || l.next >= len(l.plan) {
		return
	}
	f.wait(time.Minute, time.Hour)
	old, margin := l.rate, l.rate/3
	l.rate += f.between(-40, 60)
	l.plan, l.installment = amortise(l.plan[:l.next], l.balance, l.rate, len(l.plan)-l.next, l.plan[l.next].due)
	f.tell("terms.repriced").because(l.contract).
		add("benchmark", text("syn-benchmark-12m")).
		add("fixing", percent(l.rate-margin)).
		add("margin", percent(margin)).
		add("oldRate", percent(old)).
		add("newRate", percent(l.rate)).
		add("cap", percent(2000)).
		add("installment", money(l.installment)).
		add("effectiveDate", date(f.today()+14)).
		add("noticeSentAt", moment(f.now))
}

// payOff tells that all is paid between two instalments.
func (f *file) payOff() {
	l := &f.loan
	if l.next == len(l.plan) {
		return
	}
	due := l.plan[l.next].due
	f.on(due - f.between(3, 25))
	days := max(0, 30-(due-f.today()))
	f.receive(l.balance, (l.balance*l.rate*days+1_825_000)/3_650_000, 0, "1", 0)
	l.next = len(l.plan)
	reason := "paid"
	if f.ending == refinanced {
		reason = "refinanced"
	}
	f.close(reason)
}

func (f *file) coolOff() {
	f.after(3, 12)
	f.receive(f.loan.balance, 0, 0, "1", 0)
	f.close("cooling-off")
}

// sell tells that the loan went to another lender.
func (f *file) sell() {
	f.after(3, 20)
	f.tell("loan.transferred").because(f.loan.contract).
		add("buyer", text("Synthetic Receivables SA")).
		add("balance", money(f.loan.balance)).
		add("transferDate", date(f.today())).
		add("servicingRetained", truth(false)).
		add("servicer", text("Synthetic Receivables SA"))
	f.close("sold")
}

func (f *file) close(reason string) {
	if f.last("loan.closed") != nil {
		return
	}
	f.wait(time.Second, time.Hour)
	f.tell("loan.closed").because(f.loan.paid).
		add("reason", text(reason)).
		add("closedDate", date(f.today())).
		add("balance", money(f.loan.balance))
}

// complain tells a complaint and what came of it.
func (f *file) complain() {
	f.after(1, 6)
	about := one(&f.draw, complaints...)
	opened := f.tell("complaint.opened").because(f.loan.contract).
		add("complaintId", f.token("SYN-CMP-", 8)).
		add("category", text(about[0])).
		add("issue", text(about[1])).
		add("receivedAt", moment(f.now)).
		add("dueAt", date(f.today()+15)).
		add("channel", text(one(&f.draw, "phone", "web", "mail", "email", "regulator"))).
		add("narrative", text(about[2]))
	f.after(2, 12)
	resolved := f.tell("complaint.resolved").because(opened).
		add("complaintRef", text(opened.id)).
		add("resolvedAt", moment(f.now)).
		add("disposition", text(one(&f.draw, "closed-with-explanation", "closed-with-explanation", "closed-with-non-monetary-relief", "closed-with-monetary-relief")))
	if resolved.get("disposition").s == "closed-with-monetary-relief" {
		resolved.add("redress", money(100*f.between(5, 60)))
	}
}

var complaints = [][3]string{
	{"Payments", "Payment not credited", "Synthetic: I paid on the day it was due, and the statement says that I did not."},
	{"Communication", "Frequent calls", "Synthetic: Somebody calls every week, although nothing is due."},
	{"Terms", "Cost of paying off early", "Synthetic: I was told another amount than the one I had to pay."},
	{"Privacy", "Statement sent to another address", "Synthetic: My statement went to an address that I left years ago."},
}

// object tells a dispute about what was reported to a bureau.
func (f *file) object() {
	f.after(1, 6)
	disputed := f.tell("credit-report.disputed").because(f.loan.contract).
		add("disputeId", f.token("SYN-D-", 8)).
		add("receivedAt", moment(f.now)).
		add("grounds", text(one(&f.draw, "the balance is not right", "was never late", "not my loan"))).
		add("craName", *f.bureau.get("craName")).
		add("direct", truth(true)).
		add("channel", text("mail"))
	f.after(2, 14)
	f.tell("credit-report.corrected").because(disputed).
		add("disputeRef", text(disputed.id)).
		add("outcome", text(one(&f.draw, "verified", "verified", "corrected"))).
		add("answeredAt", moment(f.now))
}
