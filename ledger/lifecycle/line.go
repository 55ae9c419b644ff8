// SPDX-License-Identifier: Apache-2.0

package lifecycle

import "time"

// A line is a line of credit with its monthly statements.
type line struct {
	*story
	opened  *event
	paid    *event
	bureau  *event
	limit   int64
	balance int64
	months  int
	cuts    bool // the limit is cut after that
	lapse   int  // the month in which nothing is paid, or -1
}

var limits = quantiles{500, 1000, 2000, 3000, 4500, 6000, 8000, 12000, 20000, 40000}

// run tells the whole story of a line.
func (l *line) run() {
	l.now = 0
	l.on(l.between(intakeFrom, intakeTo))
	l.limit = 100 * 100 * (limits.draw(&l.draw) * l.place.amounts / 100)
	l.months = int(l.between(6, 36))
	l.lapse = -1
	if l.cuts || l.permille(150) {
		l.lapse = int(l.between(1, int64(l.months)-2))
	}
	l.open()
	for i := range l.months {
		l.month(i)
	}
}

func (l *line) open() {
	consent := l.tell("consent.given").
		add("purposes", texts("credit-assessment", "bureau-inquiry")).
		add("scope", text("one line of credit")).
		add("evidenceHash", l.hash()).
		add("version", text("2019-2"))
	l.wait(time.Minute, time.Hour)
	l.tell("identity.verified").because(consent).
		add("method", text("electronic-id")).
		add("provider", text("Synthetic Identity Ltd")).
		add("outcome", text("passed"))
	l.wait(time.Second, time.Minute)
	l.tell("screening.performed").because(consent).
		add("listHash", l.hash()).
		add("hit", truth(false)).
		add("disposition", text("clear"))
	l.wait(time.Second, time.Minute)
	l.bureau = l.tell("bureau.inquired").because(consent).
		add("craName", text(one(&l.draw, l.place.bureaus...))).
		add("consentRef", text(consent.id)).
		add("scoreName", text("Synthetic Score 3")).
		add("scoreValue", number(600+scores.draw(&l.draw))).
		add("responseHash", l.hash()).
		add("operatorId", l.staff(operators))
	l.after(1, 5)
	l.opened = l.tell("line.opened").because(l.bureau).
		add("lineId", l.token("SYN-L-", 10)).
		add("limit", money(l.limit)).
		add("openedDate", date(l.today())).
		add("product", text(one(&l.draw, "credit-card", "credit-card", "overdraft"))).
		add("holderProfile", json(`{"name":"`+l.word()+` Synthetic-`+l.word()+`"}`))
}

// month tells a statement, and the payment of it.
func (l *line) month(i int) {
	day := later(l.opened.day(), i+1)
	cost := l.balance * 15 / 1000
	spent := (l.limit - l.balance - cost) * l.between(0, 60) / 100
	l.balance += max(0, spent) + cost
	l.on(day)
	if i > 5 && l.once(24) {
		l.raise()
	}
	minimum := min(l.balance, max(2500, l.balance*5/100))
	due := day + 21
	l.tell("statement.issued").because(l.opened).
		add("period", text(month(day))).
		add("balance", money(l.balance)).
		add("due", money(l.balance)).
		add("minimumDue", money(minimum)).
		add("dueDate", date(due)).
		add("statementDate", date(day))
	if l.balance == 0 {
		return
	}
	amount := max(minimum, l.balance*l.between(5, 100)/100)
	if i == l.lapse {
		l.on(due + 3)
		l.tell("delinquency.changed").because(l.opened).
			add("period", text(month(due+3))).
			add("daysPastDue", number(3)).
			add("pastDue", money(minimum)).
			add("asOf", date(due+3))
		l.on(due + 5)
		l.pay(amount, min(cost, amount), 1000)
		l.tell("delinquency.changed").because(l.paid).
			add("period", text(month(l.today()))).
			add("daysPastDue", number(0)).
			add("pastDue", money(0)).
			add("asOf", date(l.today()))
		if l.once(3) || l.cuts {
			l.cut()
		}
		return
	}
	l.on(due - l.between(0, 10))
	l.pay(amount, min(cost, amount), 0)
}

// raise tells a higher limit.
func (l *line) raise() {
	old := l.limit
	l.limit += l.limit / 4 / 10000 * 10000
	l.tell("line.changed").because(l.opened).
		add("oldLimit", money(old)).
		add("newLimit", money(l.limit)).
		add("initiator", text("borrower")).
		add("effectiveDate", date(l.today())).
		add("officerId", l.staff(officers))
	l.wait(time.Second, time.Minute)
}

// cut tells a lower limit, and the notice of it.
func (l *line) cut() {
	l.after(1, 5)
	old := l.limit
	l.limit = max(l.balance*103/100/10000*10000+10000, l.limit*6/10/10000*10000)
	if l.limit >= old {
		l.limit = old
		return
	}
	cut := l.tell("line.changed").because(l.opened).
		add("oldLimit", money(old)).
		add("newLimit", money(l.limit)).
		add("initiator", text("lender")).
		add("effectiveDate", date(l.today())).
		add("reasonCodes", texts("delinquency")).
		add("officerId", l.staff(officers))
	l.wait(time.Minute, time.Hour)
	l.tell("control.applied").because(cut).
		add("measure", text("limit-cut")).
		add("alertRef", text(l.last("delinquency.changed").id)).
		add("appliedAt", moment(l.now)).
		add("officerId", *cut.get("officerId"))
	l.wait(time.Minute, time.Hour)
	l.tell("adverse-action.noticed").because(cut).
		add("decisionRef", text(cut.id)).
		add("sentAt", moment(l.now)).
		add("channel", text(one(&l.draw, l.place.notices...))).
		add("templateId", text("limit-cut")).
		add("templateHash", text(templateHash)).
		add("reasonCodes", texts("delinquency")).
		add("contentHash", l.hash()).
		add("locale", text(l.place.locale))
}

// pay tells a payment, of which interest is a part; the penalty comes on top.
func (l *line) pay(amount, interest, penalty int64) {
	l.balance -= amount
	l.paid = l.tell("payment.received").because(l.opened).
		add("paymentId", l.token("SYN-P-", 12)).
		add("amount", money(amount+penalty)).
		add("principal", money(amount-interest)).
		add("interest", money(interest)).
		add("fees", money(0)).
		add("penalty", money(penalty)).
		add("balance", money(l.balance)).
		add("valueDate", date(l.today())).
		add("method", text(one(&l.draw, "direct-debit", "transfer"))).
		add("period", text(month(l.today())))
	l.wait(time.Second, time.Minute)
}
