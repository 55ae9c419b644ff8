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

// fallBehind tells that some instalments are missed; of none, all until the
// loan is given up. It ends on the day before an instalment would be due, or
// on the day on which it is given up.
func (f *file) fallBehind(months int64) {
	l := &f.loan
	since := l.plan[l.next].due
	until := f.place.chargeOff + 3
	if months > 0 {
		until = 30*months - f.between(3, 20)
	}
	for _, days := range []int64{1, 8, 15, 31, 61, 91, 121, 151, 181, 211, 241, 271, 301, 331, 361} {
		if days > until {
			break
		}
		f.on(since + days)
		switch days {
		case 8, 15:
			f.call()
			continue
		}
		f.delinquent(days)
		switch {
		case days == 61:
			f.furnish()
		case days > 61 && f.once(2):
			f.call()
		}
	}
	f.on(since + until)
}

// delinquent tells how many days the oldest instalment is past due, and in the
// five tiers what that means.
func (f *file) delinquent(days int64) {
	l := &f.loan
	var owed int64
	months := int64(0)
	for _, p := range l.plan[l.next:] {
		if p.due >= f.today() {
			break
		}
		owed += p.principal + p.interest
		months++
	}
	f.tell("delinquency.changed").because(l.contract).
		add("period", text(month(f.today()))).
		add("monthsPastDue", number(months)).
		add("daysPastDue", number(days)).
		add("accountStatus", text(metro2(days))).
		add("pastDue", money(owed)).
		add("asOf", date(f.today()))
	if f.place.fiveTier {
		f.classify(days)
	}
}

// metro2 returns the account status of Metro 2.
func metro2(days int64) string {
	switch {
	case days < 30:
		return "11"
	case days < 60:
		return "71"
	case days < 90:
		return "78"
	case days < 120:
		return "80"
	case days < 150:
		return "82"
	case days < 180:
		return "83"
	}
	return "84"
}

// classify tells a class that is worse than the one before.
func (f *file) classify(days int64) {
	to := int64(1)
	switch {
	case days > 360:
		to = 5
	case days > 270:
		to = 4
	case days > 90:
		to = 3
	case days > 0:
		to = 2
	}
	if to > f.loan.class {
		f.wait(time.Second, time.Minute)
		f.reclassify(to, days)
	}
}

func (f *file) reclassify(to, days int64) {
	f.tell("classification.changed").because(f.last("delinquency.changed")).
		add("from", number(f.loan.class)).
		add("to", number(to)).
		add("asOf", date(f.today())).
		add("daysPastDue", number(days)).
		add("basis", text("days past due")).
		add("initiation", text("manual")).
		add("initiatorId", f.staff(initiators)).
		add("confirmerId", f.staff(confirmers)).
		add("approverId", f.staff(approvers))
	f.loan.class = to
}

// call tells an attempt to reach a debtor.
func (f *file) call() *event {
	f.wait(time.Minute, 30*time.Minute)
	return f.tell("collection.contacted").because(f.loan.contract).
		add("contactedAt", moment(f.now)).
		add("consumerLocalTime", local(f.now)).
		add("channel", text("phone")).
		add("direction", text("outbound")).
		add("contacted", text("borrower")).
		add("outcome", text(one(&f.draw, "promise-to-pay", "no-answer", "no-answer", "message-left", "refused"))).
		add("agentId", f.staff(agents)).
		add("scriptHash", text(templateHash)).
		add("recordingHash", f.hash())
}

// furnish tells that bad information went to a bureau, after a notice.
func (f *file) furnish() {
	notice := f.call()
	f.after(5, 15)
	f.tell("credit-report.furnished").because(notice).
		add("craName", *f.bureau.get("craName")).
		add("period", text(month(f.today()))).
		add("fileHash", f.hash()).
		add("negative", truth(true)).
		add("noticeRef", text(notice.id)).
		add("accountStatus", text(metro2(61))).
		add("furnishedAt", moment(f.now))
}

// lateFee is what an instalment costs that is late, in hundredths.
const lateFee = 1500

// catchUp tells that what is past due is paid, with a penalty.
func (f *file) catchUp() {
	l := &f.loan
	f.after(1, 2)
	var principal, interest int64
	n := 0
	for _, p := range l.plan[l.next:] {
		if p.due > f.today() {
			break
		}
		principal, interest = principal+p.principal, interest+p.interest
		n++
	}
	fee := f.tell("fee.charged").because(l.contract).
		add("feeCode", text("late-payment")).
		add("amount", money(lateFee*int64(n))).
		add("payee", text("Synthetic Lender")).
		add("basis", text("contract")).
		add("disclosureRef", text(f.disclosure.id))
	f.wait(time.Second, time.Hour)
	penalty := lateFee * int64(n)
	if f.once(4) || f.waived {
		f.tell("fee.waived").because(fee).
			add("feeRef", text(fee.id)).
			add("feeCode", text("late-payment")).
			add("amount", money(penalty)).
			add("reason", text("goodwill")).
			add("requesterId", f.staff(initiators)).
			add("approverId", f.staff(approvers))
		penalty = 0
		f.wait(time.Second, time.Hour)
	}
	f.receive(principal, interest, penalty, "2", n)
	f.wait(time.Second, time.Minute)
	f.delinquent(0)
}

// restructure tells that what is owed is spread over more months.
func (f *file) restructure() {
	l := &f.loan
	f.after(1, 5)
	left := len(l.plan) - l.next
	term := left + 6
	terms := func(rate int64, term int, installment, end int64) value {
		b := appendMoney([]byte(`{"principal":`), l.balance, f.place.currency)
		b = appendHundredths(append(b, `,"rate":"`...), rate)
		b = strconv.AppendInt(append(b, `","termMonths":`...), int64(term), 10)
		b = appendMoney(append(b, `,"installment":`...), installment, f.place.currency)
		return json(string(append(appendDay(append(b, `,"maturityDate":"`...), end), `"}`...)))
	}
	before := terms(l.rate, left, l.installment, l.plan[len(l.plan)-1].due)
	first := later(f.today()+15, 1)
	l.rate, l.next = l.rate*3/4, 0
	l.plan, l.installment = amortise(l.plan[:0], l.balance, l.rate, term, first)
	f.tell("loan.restructured").because(l.contract).
		add("oldTerms", before).
		add("newTerms", terms(l.rate, term, l.installment, l.plan[len(l.plan)-1].due)).
		add("concessionType", text("lower-rate-and-longer-term")).
		add("reason", text(one(&f.draw, "loss of income", "illness", "divorce"))).
		add("effectiveDate", date(f.today())).
		add("observationEnd", date(later(f.today(), 12))).
		add("contractRef", text(l.contract.id)).
		add("approverId", f.staff(approvers))
}

// chargeOff tells that the loan is given up, and what came in afterwards.
func (f *file) chargeOff() {
	l := &f.loan
	f.after(1, 20)
	charged := f.tell("loan.charged-off").because(f.last("delinquency.changed")).
		add("chargeOffDate", date(f.today())).
		add("amount", money(l.balance)).
		add("basis", text(strconv.FormatInt(f.place.chargeOff, 10)+" days past due")).
		add("approvalRef", f.token("SYN-W-", 8)).
		add("approverId", f.staff(approvers))
	if !f.recovers {
		return
	}
	f.after(1, 10)
	f.tell("collection.assigned").because(charged).
		add("agencyId", text("SYN-AGENCY-1")).
		add("balance", money(l.balance)).
		add("fromDate", date(f.today()))
	for range 1 + f.below(4) {
		f.after(20, 70)
		amount := l.balance * f.between(2, 12) / 100
		fee := amount * 18 / 100
		f.tell("recovery.received").because(charged).
			add("paymentId", f.token("SYN-R-", 12)).
			add("amount", money(amount)).
			add("fee", money(fee)).
			add("receivedDate", date(f.today())).
			add("recoverySource", text(one(&f.draw, "borrower", "collector")))
	}
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
