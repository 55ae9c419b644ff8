// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"strconv"
	"time"
)

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
