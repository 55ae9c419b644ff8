// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"
	"time"
)

// A breach is a way to break one rule of ledger/rule or one obligation of
// ledger/due, and nothing else.
type breach struct {
	id    string
	of    string       // kind of the subject
	house func(*story) // of a story of the lender itself: what tells it
	needs func(*fate)  // of a file: what has to happen in it
	// plant breaks it and returns the events at fault, the first of them the
	// one that a finding is about.
	plant planting
	done  string
}

type planting func(s *story) []*event

// plant breaks what is to be broken in the story. Of nil there is nothing.
func (s *story) plant(b *breach) {
	if b == nil {
		return
	}
	s.fault = &Fault{Kind: b.id, Subject: s.subject, Done: b.done}
	for _, e := range b.plant(s) {
		s.fault.Events = append(s.fault.Events, e.id)
	}
}

// Faults lists the ids of the rules and obligations that can be broken, in
// their order.
func Faults() []string {
	var ids []string
	for _, b := range breaches {
		ids = append(ids, b.id)
	}
	slices.Sort(ids)
	return ids
}

// shift moves an event, and all days and times that it tells.
func (e *event) shift(by time.Duration) {
	e.at += by.Milliseconds()
	for i := range e.members {
		switch m := &e.members[i]; m.kind {
		case kindDay:
			m.n += int64(by / day)
		case kindMoment:
			m.n += by.Milliseconds()
		}
	}
}

const day = 24 * time.Hour

// follow moves an event behind another one.
func (e *event) follow(other *event) { e.shift(time.Duration(other.at-e.at+60_000) * time.Millisecond) }

// precede moves an event before another one.
func (e *event) precede(other *event) {
	e.shift(time.Duration(other.at-e.at-1) * time.Millisecond)
}

// again tells an event once more, a minute later and with another id.
func (s *story) again(e *event) *event {
	s.now = e.at + 60_000
	c := s.tell(e.typ)
	c.cause, c.members = e.cause, append(c.members, e.members...)
	return c
}

// nth returns the event of a type that has so many of it before.
func (s *story) nth(typ string, n int) *event {
	for _, e := range s.events {
		if e.typ == typ {
			if n == 0 {
				return e
			}
			n--
		}
	}
	return nil
}

// What a story has to be like.
func in(p *place) func(*fate)         { return func(f *fate) { f.where = p } }
func outcomeOf(o outcome) func(*fate) { return func(f *fate) { f.outcome = o } }
func endingOf(e ending) func(*fate)   { return func(f *fate) { f.ending = e } }
func each(of ...func(*fate)) func(*fate) {
	return func(f *fate) {
		for _, needs := range of {
			needs(f)
		}
	}
}

func bounced(f *fate)       { f.reversed = true }
func wrong(f *fate)         { f.corrected = true }
func complained(f *fate)    { f.complaint = true }
func objected(f *fate)      { f.dispute = true }
func leftToOfficer(f *fate) { f.referred = true }
func reviewed(f *fate)      { f.outcome, f.reviewed, f.overturned = declined, true, false }
func overturned(f *fate)    { f.outcome, f.reviewed, f.overturned = declined, true, true }
func kept(f *fate)          { f.product, f.ending, f.runsOn = homeLoan, refinanced, true }
func secured(f *fate)       { f.product = carLoan }
func guaranteed(f *fate)    { f.product, f.guaranteed = carLoan, true }
func cofunded(f *fate)      { f.shared = true }
func waived(f *fate)        { f.ending, f.waived = late, true }
func cut(f *fate)           { f.cut = true }
func recovered(f *fate)     { f.recovers = true }
func missing(f *fate)       { f.incomplete = true }

// more adds one to the last digit of a member.
func more(typ, name string) planting {
	return func(s *story) []*event {
		e := s.first(typ)
		e.get(name).n++
		return []*event{e}
	}
}

// without takes a member away.
func without(typ string, names ...string) planting {
	return func(s *story) []*event {
		e := s.last(typ)
		for _, name := range names {
			e.unset(name)
		}
		return []*event{e}
	}
}

// same makes two people one.
func same(typ, name, as string) planting {
	return func(s *story) []*event {
		e := s.first(typ)
		e.set(name, *e.get(as))
		return []*event{e}
	}
}

// soon makes the day that the first event of a type names so many days after
// it.
func soon(typ, name string, days int64) planting {
	return func(s *story) []*event {
		e := s.first(typ)
		e.set(name, date(e.day()+days))
		return []*event{e}
	}
}

// another makes a code one that nothing else names.
func another(typ, name, code string) planting {
	return func(s *story) []*event {
		e := s.first(typ)
		e.set(name, text(code))
		return []*event{e}
	}
}

// skipped takes the event of a type out that has n of it before, and blames the
// one that called for it.
func skipped(typ string, n int, blame string, nth int) planting {
	return func(s *story) []*event {
		s.drop(s.nth(typ, n))
		return []*event{s.nth(blame, nth)}
	}
}

// twice tells the first event of a type twice.
func twice(typ string) planting {
	return func(s *story) []*event {
		e := s.first(typ)
		return []*event{s.again(e), e}
	}
}

// overtaken moves what has to come first behind what needs it.
func overtaken(needed, by string) planting {
	return func(s *story) []*event {
		n, e := s.first(needed), s.last(by)
		n.follow(e)
		return []*event{e, n}
	}
}

// hasty moves an event before what it needs.
func hasty(typ, needed string) planting {
	return func(s *story) []*event {
		e, n := s.last(typ), s.last(needed)
		e.precede(n)
		return []*event{e, n}
	}
}

// overdue moves what discharges an obligation so many days.
func overdue(typ, trigger string, days int) planting {
	return func(s *story) []*event {
		e := s.last(typ)
		e.shift(time.Duration(days) * day)
		return []*event{s.last(trigger), e}
	}
}

// since moves what the days of an obligation run from, and all before it, so
// many days into the past.
func since(typ, trigger string, days int) planting {
	return func(s *story) []*event {
		e := s.first(typ)
		until := e.at
		for _, x := range s.events {
			if x.at <= until {
				x.shift(time.Duration(-days) * day)
			}
		}
		return []*event{s.first(trigger), e}
	}
}

var breaches = []breach{
	// Sums.
	{id: "payment-parts", of: "file", plant: more("payment.received", "interest"), done: "added a cent to the interest of a payment"},
	{id: "payment-balance", of: "file", plant: more("payment.received", "balance"), done: "added a cent to the balance after a payment"},
	{id: "closing-balance", of: "file", plant: func(s *story) []*event {
		e := s.last("payment.received")
		s.drop(e)
		closed := s.last("loan.closed")
		closed.cause = e.cause
		return []*event{closed}
	}, done: "left out the last payment of a loan that was closed as paid"},
	{id: "close-reason", of: "file", needs: endingOf(refinanced), plant: func(s *story) []*event {
		e := s.last("loan.closed")
		e.get("balance").n += 100_00
		return []*event{e}
	}, done: "left 100 of balance on a loan that was closed as refinanced"},
	{id: "disbursed-within-contract", of: "file", plant: func(s *story) []*event {
		c, e := s.first("contract.signed"), s.first("loan.disbursed")
		c.get("principal").n -= 100_00
		return []*event{e, c}
	}, done: "made a contract over 100 less than was paid out"},
	{id: "disbursed-within-approved", of: "file", plant: func(s *story) []*event {
		d, e := s.last("decision.made"), s.first("loan.disbursed")
		s.first("contract.signed").unset("principal")
		d.get("decidedAmount").n -= 100_00
		return []*event{e, d}
	}, done: "approved 100 less than was paid out, under a contract that states no principal"},
	{id: "principal-within-approved", of: "file", plant: func(s *story) []*event {
		e := s.first("contract.signed")
		e.get("principal").n += 100_00
		return []*event{e, s.last("decision.made")}
	}, done: "made a contract over 100 more than was approved"},
	{id: "drawn-within-limit", of: "line", plant: func(s *story) []*event {
		e := s.last("statement.issued")
		limit, from := s.first("line.opened").get("limit"), s.first("line.opened")
		if changed := s.last("line.changed"); changed != nil {
			limit, from = changed.get("newLimit"), changed
		}
		e.get("balance").n = limit.n + 1
		return []*event{e, from}
	}, done: "stated a balance of a cent more than the limit"},
	{id: "reversal-within-payment", of: "file", needs: bounced, plant: more("payment.reversed", "amount"), done: "reversed a cent more than was paid"},
	{id: "reserve-roll", of: "portfolio", house: (*story).tellPortfolio, plant: more("reserve.accrued", "closing"), done: "added a cent to a closing reserve"},
	{id: "provision-required", of: "portfolio", house: (*story).tellPortfolio, plant: more("provision.computed", "required"), done: "added a cent to the provision that is required"},

	{id: "funding-shares", of: "file", needs: each(in(china), cofunded), plant: func(s *story) []*event {
		e := s.first("funding.allocated")
		e.set("shares", json(`[{"funder":"syn-partner-bank","share":"0.60"},{"funder":"syn-lender","share":"0.50"}]`))
		return []*event{e}
	}, done: "shared a loan out by 60 and 50 percent"},
	{id: "waiver-within-fee", of: "file", needs: waived, plant: more("fee.waived", "amount"), done: "waived a cent more than the fee"},
	{id: "reconciliation-count", of: "portfolio", house: (*story).tellPortfolio, plant: more("reconciliation.completed", "count"), done: "called a reconciliation balanced with one record more than the ledger has"},
	{id: "repriced-rate", of: "file", needs: each(in(europe), kept), plant: more("terms.repriced", "newRate"), done: "made the new rate a hundredth of a percent more than fixing and margin"},
	{id: "repriced-within-cap", of: "file", needs: each(in(europe), kept), plant: func(s *story) []*event {
		e := s.first("terms.repriced")
		e.get("cap").n = e.get("newRate").n - 1
		return []*event{e}
	}, done: "made the new rate a hundredth of a percent more than its cap"},

	// Order.
	{id: "consent-before-pull", of: "file", needs: in(europe), plant: overtaken("consent.given", "bureau.inquired"), done: "gave the consent after the credit report was pulled"},
	{id: "identity-before-disbursement", of: "file", plant: overtaken("identity.verified", "loan.disbursed"), done: "verified the identity after the money was paid out"},
	{id: "screening-before-disbursement", of: "file", plant: overtaken("screening.performed", "loan.disbursed"), done: "screened after the money was paid out"},
	{id: "disclosure-before-contract", of: "file", plant: overtaken("disclosure.confirmed", "contract.signed"), done: "confirmed the cost after the contract"},
	{id: "approval-before-contract", of: "file", plant: func(s *story) []*event {
		c, d := s.first("contract.signed"), s.first("decision.made")
		c.precede(d)
		s.first("disclosure.confirmed").precede(c)
		return []*event{c, d}
	}, done: "signed the contract before the approval"},
	{id: "approval-before-disbursement", of: "file", plant: hasty("loan.disbursed", "decision.made"), done: "paid the money out before the approval"},
	{id: "recovery-after-charge-off", of: "file", needs: each(endingOf(chargedOff), recovered), plant: func(s *story) []*event {
		e, c := s.first("recovery.received"), s.first("loan.charged-off")
		c.follow(e)
		return []*event{e, c}
	}, done: "charged the loan off after the first recovery"},
	{id: "reversal-after-payment", of: "file", needs: bounced, plant: func(s *story) []*event {
		e := s.first("payment.reversed")
		ref := e.get("paymentRef").s
		paid := s.events[slices.IndexFunc(s.events, func(x *event) bool { return x.id == ref })]
		e.precede(paid)
		paid.get("balance").n += paid.get("principal").n
		return []*event{e, paid}
	}, done: "reversed a payment before it came in"},
	{id: "notice-after-decision", of: "file", needs: each(in(europe), outcomeOf(declined)), plant: hasty("adverse-action.noticed", "decision.made"), done: "sent the notice before the decision"},
	{id: "validation-before-approval", of: "model", house: (*story).tellModel, plant: func(s *story) []*event {
		e, v := s.first("model.approved"), s.first("model.validated")
		v.follow(e)
		return []*event{e, v}
	}, done: "validated the model after it was approved"},
	{id: "denial-after-decline", of: "file", needs: outcomeOf(declined), plant: hasty("application.disposed", "decision.made"), done: "disposed of the application as denied before the decision"},
	{id: "origination-after-contract", of: "file", plant: hasty("application.disposed", "contract.signed"), done: "disposed of the application as originated before the contract"},
	{id: "review-after-request", of: "file", needs: reviewed, plant: hasty("review.completed", "review.requested"), done: "completed the review before it was requested"},
	{id: "resolution-after-complaint", of: "file", needs: each(in(europe), complained), plant: func(s *story) []*event {
		s.last("complaint.opened").unset("dueAt")
		return hasty("complaint.resolved", "complaint.opened")(s)
	}, done: "resolved the complaint before it came in"},
	{id: "answer-after-dispute", of: "file", needs: each(in(europe), objected), plant: hasty("credit-report.corrected", "credit-report.disputed"), done: "answered the dispute before it came in"},
	{id: "notice-before-negative", of: "file", needs: each(in(china), endingOf(chargedOff)), plant: without("credit-report.furnished", "noticeRef"), done: "furnished bad information without naming the notice"},
	{id: "restriction-respected", of: "file", needs: in(europe), plant: func(s *story) []*event {
		e := s.last("decision.made")
		s.now = e.at - 1
		restricted := s.tell("processing.restricted").add("basis", text("gdpr-18"))
		s.now = e.at + 1
		s.tell("processing.lifted").because(restricted).add("restrictionRef", text(restricted.id))
		return []*event{e, restricted}
	}, done: "decided while the processing was restricted"},

	// People.
	{id: "classification-people", of: "file", needs: each(in(china), endingOf(late)), plant: same("classification.changed", "approverId", "initiatorId"), done: "had a classification approved by who initiated it"},
	{id: "correction-people", of: "file", needs: wrong, plant: same("record.corrected", "approverId", "requesterId"), done: "had a correction approved by who asked for it"},
	{id: "reviewer-not-officer", of: "file", needs: each(reviewed, leftToOfficer), plant: func(s *story) []*event {
		e, d := s.last("review.completed"), s.last("decision.made")
		e.set("reviewerId", *d.get("officerId"))
		return []*event{e, d}
	}, done: "had a decision reviewed by who made it"},
	{id: "reconciliation-people", of: "portfolio", house: (*story).tellPortfolio, plant: same("reconciliation.completed", "reviewerId", "preparerId"), done: "had a reconciliation reviewed by who prepared it"},
	{id: "finding-closer", of: "case", house: (*story).tellFinding, plant: func(s *story) []*event {
		e, raised := s.first("finding.closed"), s.first("finding.raised")
		e.set("closerId", *raised.get("auditeeId"))
		return []*event{e, raised}
	}, done: "had a finding closed by whom it is about"},
	{id: "request-people", of: "file", needs: waived, plant: same("fee.waived", "approverId", "requesterId"), done: "had a waiver approved by who asked for it"},
	{id: "no-self-grant", of: "staff", house: (*story).tellOfficer, plant: same("authority.granted", "grantorId", "personId"), done: "had somebody grant authority to themselves"},
	{id: "policy-people", of: "policy", house: (*story).tellPolicy, plant: same("policy.published", "secondApproverId", "authorId"), done: "had a policy approved by who wrote it"},
	{id: "policy-approvers", of: "policy", house: (*story).tellPolicy, plant: without("policy.published", "secondApproverId"), done: "published a policy with one approver"},
	{id: "model-people", of: "model", house: (*story).tellModel, plant: same("model.validated", "validatorId", "developerId"), done: "had a model validated by who developed it"},
	{id: "provision-people", of: "portfolio", house: (*story).tellPortfolio, plant: same("reserve.drawn", "approverId", "preparerId"), done: "had a draw on a reserve approved by who prepared it"},

	// Reasons.
	{id: "decline-reasons", of: "file", needs: outcomeOf(declined), plant: func(s *story) []*event {
		without("adverse-action.noticed", "reasonCodes", "principalReasons")(s)
		return without("decision.made", "reasonCodes", "reasons")(s)
	}, done: "declined without a reason"},
	{id: "notice-reasons", of: "file", needs: outcomeOf(declined), plant: func(s *story) []*event {
		e := s.last("adverse-action.noticed")
		e.set("reasonCodes", texts("collateral"))
		return []*event{e, s.last("decision.made")}
	}, done: "gave a reason in the notice that was none of the decision"},
	{id: "manual-officer", of: "file", needs: leftToOfficer, plant: without("decision.made", "officerId"), done: "decided by hand without naming the officer"},
	{id: "override-explained", of: "file", needs: overturned, plant: without("decision.made", "reasonCodes"), done: "overrode a decision without a reason"},
	{id: "draw-cites-charge-off", of: "portfolio", house: (*story).tellPortfolio, plant: without("reserve.drawn", "chargeOffRef"), done: "drew on a reserve without naming a charge-off"},

	{id: "fee-disclosed", of: "file", needs: endingOf(late), plant: another("fee.charged", "feeCode", "visit"), done: "charged a fee that was not disclosed"},
	{id: "guarantor-informed", of: "file", needs: guaranteed, plant: without("guarantee.given", "noticeRef"), done: "took a guarantee without a notice to the guarantor"},
	{id: "servicing-stated", of: "file", needs: endingOf(sold), plant: without("loan.transferred", "servicingRetained", "servicer"), done: "sold a loan without saying who services it"},

	// Contacts.
	{id: "contact-frequency", of: "file", needs: each(in(unitedStates), endingOf(chargedOff)), plant: func(s *story) []*event {
		e := s.nth("collection.contacted", 2) // a month from every other one
		for range 7 {
			e = s.again(e)
		}
		return []*event{e}
	}, done: "called eight times in one day"},
	{id: "contact-hours", of: "file", needs: each(in(unitedStates), endingOf(chargedOff)), plant: func(s *story) []*event {
		e := s.first("collection.contacted")
		e.get("consumerLocalTime").n = e.day()*dayMillis + (22-s.place.offset)*3_600_000
		return []*event{e}
	}, done: "called at ten in the evening where the debtor lives"},

	// Classes.
	{id: "class-floor", of: "file", needs: each(in(china), endingOf(chargedOff)), plant: func(s *story) []*event {
		e := s.nth("classification.changed", 1)
		e.get("to").n--
		return []*event{e}
	}, done: "kept a loan in class 2 that was more than 90 days past due"},

	// Once.
	{id: "one-application", of: "file", plant: twice("application.received"), done: "received the application twice"},
	{id: "one-disposition", of: "file", plant: twice("application.disposed"), done: "disposed of the application twice"},
	{id: "one-opening", of: "line", plant: twice("line.opened"), done: "opened the line twice"},
	{id: "one-statement", of: "line", plant: twice("statement.issued"), done: "issued the statement of a month twice"},
	{id: "reversal-once", of: "file", needs: bounced, plant: func(s *story) []*event {
		e := s.first("payment.reversed")
		x := s.again(e)
		x.follow(s.last("loan.closed"))
		return []*event{x, e}
	}, done: "reversed a payment again after the loan was closed"},

	// Corrections.
	{id: "correction-target", of: "file", plant: func(s *story) []*event {
		s.now = s.last("payment.received").at + 1000
		e := s.tell("record.voided").
			add("target", text(uuid(s.now, &s.draw))).
			add("reasonCode", text("duplicate")).
			add("requesterId", s.staff(initiators)).
			add("approverId", s.staff(approvers))
		return []*event{e}
	}, done: "voided a record that there is not"},

	// Obligations.
	{id: "us.application.decided", of: "file", needs: in(unitedStates), plant: since("application.completed", "application.completed", 40), done: "decided 40 days after the application was completed"},
	{id: "us.adverse-action.notice", of: "file", needs: each(in(unitedStates), outcomeOf(declined)), plant: overdue("adverse-action.noticed", "decision.made", 35), done: "sent the notice after more than 30 days"},
	{id: "us.counteroffer.notice", of: "file", needs: each(in(unitedStates), outcomeOf(counteroffer)), plant: overdue("adverse-action.noticed", "decision.counteroffered", 70), done: "sent the notice more than 90 days after the counteroffer"},
	{id: "us.incomplete.notice", of: "file", needs: each(in(unitedStates), missing), plant: since("application.received", "application.incomplete", 40), done: "said more than 30 days later what was missing"},
	{id: "us.credit-report.dispute", of: "file", needs: each(in(unitedStates), objected), plant: overdue("credit-report.corrected", "credit-report.disputed", 35), done: "answered a dispute after more than 30 days"},
	{id: "cn.credit-report.objection", of: "file", needs: each(in(china), objected), plant: overdue("credit-report.corrected", "credit-report.disputed", 25), done: "answered an objection after more than 20 days"},
	{id: "complaint.promised", of: "file", needs: each(in(europe), complained), plant: overdue("complaint.resolved", "complaint.opened", 20), done: "resolved a complaint after the day that was promised"},
	{id: "us.complaint.response", of: "file", needs: each(in(unitedStates), complained), plant: func(s *story) []*event {
		s.fromRegulator()
		return overdue("complaint.resolved", "complaint.opened", 20)(s)
	}, done: "answered a complaint that a regulator sent on after more than 15 days"},
	{id: "us.complaint.final", of: "file", needs: each(in(unitedStates), complained), plant: func(s *story) []*event {
		opened := s.fromRegulator()
		s.again(s.last("complaint.resolved")).shift(65 * day)
		s.first("complaint.resolved").set("disposition", text("in-progress"))
		return []*event{opened, s.last("complaint.resolved")}
	}, done: "closed a complaint that a regulator sent on after more than 60 days"},
	{id: "cn.complaint.decided", of: "file", needs: each(in(china), complained), plant: func(s *story) []*event {
		s.last("complaint.opened").unset("dueAt")
		return overdue("complaint.resolved", "complaint.opened", 65)(s)
	}, done: "decided a complaint after more than 60 days"},
	{id: "review.completed", of: "file", needs: reviewed, plant: overdue("review.completed", "review.requested", 40), done: "completed a review after more than a month"},
	{id: "us.line-cut.notice", of: "line", needs: each(in(unitedStates), cut), plant: func(s *story) []*event {
		e := s.last("adverse-action.noticed")
		e.shift(35 * day)
		cut := s.events[slices.IndexFunc(s.events, func(x *event) bool { return x.id == e.cause })]
		return []*event{cut, e}
	}, done: "told of a lower limit after more than 30 days"},
	{id: "repricing.notice", of: "file", needs: each(in(europe), kept), plant: func(s *story) []*event {
		e := s.first("terms.repriced")
		e.get("noticeSentAt").n += 20 * dayMillis
		return []*event{e}
	}, done: "told of a new rate after it held"},
	{id: "monitoring.in-time", of: "file", needs: each(in(europe), kept), plant: soon("monitoring.reviewed", "dueDate", -9), done: "reviewed a loan nine days too late"},
	{id: "monitoring.next", of: "file", needs: each(in(europe), kept), plant: soon("monitoring.reviewed", "nextDue", 90), done: "reviewed a loan again after more than the 90 days that were named"},
	{id: "identity.refreshed", of: "file", needs: each(in(europe), kept), plant: soon("identity.verified", "refreshBy", 90), done: "verified an identity again after more than the 90 days that were named"},
	{id: "collateral.revalued", of: "file", needs: secured, plant: soon("collateral.pledged", "revalueBy", 90), done: "did not value collateral again within the 90 days that were named"},
	{id: "partner.first-review", of: "party", house: (*story).tellPartner, plant: skipped("partner.reviewed", 0, "partner.admitted", 0), done: "left out the first review of a partner"},
	{id: "partner.reviewed", of: "party", house: (*story).tellPartner, plant: skipped("partner.reviewed", 1, "partner.reviewed", 0), done: "left out the second review of a partner"},
	{id: "plan.drilled", of: "policy", house: (*story).tellPlan, plant: soon("plan.approved", "nextDue", 90), done: "drilled a plan after more than the 90 days that were named"},
	{id: "training.renewed", of: "staff", house: (*story).tellOfficer, plant: soon("training.attested", "validUntil", 90), done: "repeated a course after more than the 90 days that were named"},
	{id: "finding.answered", of: "case", house: (*story).tellFinding, plant: soon("finding.raised", "dueAt", 2), done: "answered a finding after more than the two days that were named"},
	{id: "finding.remedied", of: "case", house: (*story).tellFinding, plant: overdue("finding.closed", "finding.answered", 80), done: "closed a finding after the day that was promised"},
	{id: "requirement.answered", of: "case", house: (*story).tellRequirement, plant: overdue("requirement.answered", "requirement.received", 30), done: "answered an authority after the day that it named"},
	{id: "incident.next-report", of: "case", house: (*story).tellIncident, plant: func(s *story) []*event {
		e := s.last("incident.reported")
		e.shift(40 * day)
		return []*event{s.nth("incident.reported", 1), e}
	}, done: "made the last report of an incident after the day that was named"},
	{id: "vulnerability.remediated", of: "case", house: (*story).tellVulnerability, plant: overdue("vulnerability.remediated", "vulnerability.found", 40), done: "remediated a vulnerability after the day that was named"},
	{id: "model.validated", of: "model", house: (*story).tellModel, plant: skipped("model.validated", 3, "model.validated", 2), done: "left out a yearly validation of a model"},
}

// fromRegulator makes the complaint of a file one that a regulator sent on, for
// which the lender names no day itself.
func (s *story) fromRegulator() *event {
	e := s.last("complaint.opened")
	e.set("channel", text("regulator"))
	e.unset("dueAt")
	return e
}
