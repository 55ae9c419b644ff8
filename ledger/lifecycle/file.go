// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"
	"strconv"
	"time"
)

// A fate is what is going to happen to an application and the loan that comes
// of it. It is drawn before the story is told, so that a fault finds the story
// that it needs.
type fate struct {
	where   *place
	product *product
	outcome outcome
	ending  ending

	incomplete  bool // at first; what was missing came later
	referred    bool // the automated decision was left to an officer
	reviewed    bool // the applicant asked for a review of the decline
	overturned  bool // and was right
	complaint   bool
	dispute     bool // of what was reported to a bureau
	corrected   bool // a payment had a wrong value date
	reversed    bool // a payment bounced
	doubled     bool // a payment was booked twice
	prescreened bool // the lender made an offer before
	looked      bool // somebody of the staff looked at it for another reason
	held        bool // an authority wants it to be kept
	forgotten   bool // the applicant wants it to be erased
	guaranteed  bool
	shared      bool // with a partner who funds a part
	waived      bool // the fee for being late
	runsOn      bool // it is not paid off early before two years are over
	cut         bool // the limit of a line
	recovers    bool // something comes in after a charge-off
}

type outcome uint8

const (
	approved outcome = iota
	declined
	counteroffered // and accepted
	counteroffer   // and not accepted
	withdrawn      // by the applicant, before the decision
	neverCompleted // what was missing never came
	notTaken       // approved, and not signed
)

type ending uint8

const (
	asAgreed ending = iota
	early           // paid off before the end
	refinanced
	sold
	late         // in arrears for some months, and cured
	restructured // after some months in arrears
	chargedOff
	coolingOff // given back within days
)

var outcomeShares = []share[outcome]{
	{560, approved}, {270, declined}, {40, counteroffered}, {20, counteroffer}, {50, withdrawn}, {25, neverCompleted}, {35, notTaken},
}

var endingShares = []share[ending]{
	{495, asAgreed}, {250, early}, {75, refinanced}, {15, sold}, {105, late}, {15, restructured}, {35, chargedOff}, {10, coolingOff},
}

func (d *draw) fate() fate {
	f := fate{where: shared(d, places), product: shared(d, products), outcome: shared(d, outcomeShares), ending: shared(d, endingShares)}
	f.incomplete = d.permille(60)
	f.referred = d.permille(180)
	f.reviewed = d.permille(40)
	f.overturned = d.permille(250)
	f.complaint = d.permille(20)
	f.dispute = d.permille(12)
	f.corrected = d.permille(25)
	f.reversed = d.permille(20)
	f.doubled = d.permille(6)
	f.prescreened = f.where == unitedStates && d.permille(60)
	f.looked = d.permille(30)
	f.held = d.permille(4)
	f.forgotten = f.where != unitedStates && d.permille(8)
	f.guaranteed = f.product == carLoan && d.once(8)
	f.shared = f.where == china && d.once(3)
	f.recovers = d.permille(500)
	return f
}

// plain returns the fate of an approved application, and of a loan to which
// nothing happens.
func (f fate) plain() fate { return fate{where: f.where, product: instalmentLoan} }

// settle makes a fate one that can be.
func (f *fate) settle(d *draw) {
	if f.outcome == neverCompleted {
		f.incomplete = true
	}
	if f.product == homeLoan && !slices.Contains([]ending{early, refinanced, sold, coolingOff}, f.ending) {
		f.ending = one(d, early, refinanced, refinanced, sold)
	}
	if f.ending == coolingOff && f.where != europe {
		f.ending = early
	}
}

// A file is an application and the loan that comes of it.
type file struct {
	*story
	fate
	amount     int64 // in hundredths, in the end what is agreed
	term       int
	rate       int64 // nominal, hundredths of a percent a year
	score      int64
	dti        int64
	reasons    []string // why it was declined
	channel    string
	consent    *event
	bureau     *event
	scored     *event
	decision   *event
	disclosure *event
	loan       loan
	turn       int // the instalment after which what is out of the ordinary begins
}

// The reasons for which an application is declined: the codes that HMDA has
// for them, and what the applicant reads.
var reasonsOfDecline = map[string]struct{ hmda, text string }{
	"credit-score":         {"3", "Your credit score is below what we lend at."},
	"debt-to-income":       {"1", "Your monthly debt is high in relation to your income."},
	"employment-length":    {"2", "You have been employed for too short a time."},
	"credit-history-short": {"3", "Your credit history is too short."},
	"delinquency":          {"3", "You were late with payments elsewhere."},
}

var otherReasons = []string{"employment-length", "credit-history-short", "delinquency"}

// intake is when applications come in.
var intakeFrom, intakeTo = dayOf(2019, time.March, 1), dayOf(2021, time.August, 31)

// apply tells everything from the consent to the decision and what follows at
// once from it. It reports whether there is going to be a loan.
func (f *file) apply() bool {
	p := f.place
	f.now = 0
	f.on(f.between(intakeFrom, intakeTo))
	f.amount = 100 * 100 * (f.product.amounts.draw(&f.draw) * p.amounts / 100)
	f.term = shared(&f.draw, f.product.terms)
	f.channel = one(&f.draw, "web", "web", "mobile", "mobile", "branch", "partner", "phone")
	f.judge()

	if f.prescreened {
		f.tell("offer.made").
			add("offerId", f.token("SYN-O-", 10)).
			add("purpose", text("firm-offer-of-credit")).
			add("policyId", text(policyID)).add("policyVersion", text(policyVersion)).add("policyHash", text(policyHash)).
			add("listHash", f.hash()).
			add("limit", money(2*f.amount)).
			add("rate", percent(f.rate)).
			add("channel", text("mail")).
			add("expiresAt", moment(f.now+60*dayMillis))
		f.after(3, 30)
	}
	f.consent = f.tell("consent.given").
		add("purposes", texts("credit-assessment", "bureau-inquiry")).
		add("scope", text("one application and the loan that comes of it")).
		add("evidenceHash", f.hash()).
		add("version", text("2019-2")).
		add("channel", text(f.channel)).
		add("expiresAt", moment(f.now+3650*dayMillis))
	f.wait(time.Minute, 20*time.Minute)
	income := 100 * 100 * (incomes.draw(&f.draw) * p.incomes / 100)
	received := f.tell("application.received").because(f.consent).
		add("applicationId", f.token("SYN-A-", 10)).
		add("applicationDate", date(f.today())).
		add("channel", text(f.channel)).
		add("product", text(f.product.code)).
		add("loanPurpose", text(one(&f.draw, f.product.purposes...))).
		add("loanAmount", money(f.amount)).
		add("termMonths", number(int64(f.term))).
		add("income", money(income)).
		add("employmentLength", text(strconv.FormatInt(f.between(0, 25), 10)+" years")).
		add("homeOwnership", text(one(&f.draw, "rent", "own", "mortgage"))).
		add("debtToIncome", percent(f.dti)).
		add("postalCode", text(strconv.FormatInt(f.between(10, 99), 10)+"xxx")).
		add("consentRefs", texts(f.consent.id)).
		add("applicantProfile", f.profile())
	coApplicant := ""
	if f.once(7) {
		coApplicant = "syn-party-" + base32(f.next())
		received.add("coApplicantId", text(coApplicant)).
			add("coApplicantIncome", money(100*100*(incomes.draw(&f.draw)*p.incomes/100)))
	}
	if f.product == homeLoan && p == unitedStates {
		f.collect(received, coApplicant)
	}
	if f.incomplete {
		f.after(1, 3)
		incomplete := f.tell("application.incomplete").because(received).
			add("missing", texts("proof of income")).
			add("noticeSentAt", moment(f.now)).
			add("respondBy", date(f.today()+21))
		if f.outcome == neverCompleted {
			f.after(23, 27)
			f.dispose("5", incomplete)
			return false
		}
		f.after(2, 18)
	} else {
		f.wait(time.Second, time.Hour)
	}
	completed := f.tell("application.completed").because(received).add("completedAt", moment(f.now))
	if f.outcome == withdrawn {
		f.after(0, 5)
		e := f.tell("application.withdrawn").because(completed).
			add("withdrawnAt", moment(f.now)).
			add("reason", text(one(&f.draw, "another lender", "no longer needed", "terms")))
		f.dispose("4", e)
		return false
	}
	f.assess(f.consent, completed)
	return f.decide()
}

// collect tells what HMDA asks for of a home loan. coApplicant is "" where there
// is none.
func (f *file) collect(received *event, coApplicant string) {
	f.wait(time.Second, time.Minute)
	e := f.tell("hmda.collected").because(received).
		add("universalLoanIdentifier", text(withCheckDigits(f.place.entity+"SYN"+base32(f.next())))).
		add("loanType", text("1")).
		add("loanPurpose", text(one(&f.draw, "1", "1", "31", "32"))).
		add("preapproval", text("2")).
		add("constructionMethod", text("1")).
		add("occupancyType", text(one(&f.draw, "1", "1", "1", "2", "3"))).
		add("state", text(f.jurisdiction[3:])).
		add("applicantEthnicity", texts(one(&f.draw, "1", "2", "2", "3"))).
		add("applicantEthnicityObserved", text("2")).
		add("applicantRace", texts(one(&f.draw, "2", "3", "5", "5", "6"))).
		add("applicantRaceObserved", text("2")).
		add("applicantSex", text(one(&f.draw, "1", "2", "3"))).
		add("applicantSexObserved", text("2")).
		add("applicantAge", number(f.between(21, 74))).
		add("applicantCreditScore", number(f.score)).
		add("applicantCreditScoreModel", text("8")).
		add("applicantCreditScoreModelOther", text("Synthetic Score 3")).
		add("lienStatus", text("1")).
		add("propertyValue", money(f.amount/100*f.between(105, 160))).
		add("totalUnits", number(1)).
		add("submissionOfApplication", text("1")).
		add("initiallyPayable", text("1")).
		add("originatorId", f.staff(agents))
	for _, name := range []string{"balloonPayment", "interestOnlyPayments", "negativeAmortization", "otherNonAmortizingFeatures", "reverseMortgage", "openEndLineOfCredit", "businessOrCommercialPurpose"} {
		e.add(name, text("2"))
	}
	if coApplicant != "" {
		e.add("coApplicantId", text(coApplicant)).
			add("coApplicantEthnicity", texts(one(&f.draw, "1", "2", "2", "3"))).
			add("coApplicantEthnicityObserved", text("2")).
			add("coApplicantRace", texts(one(&f.draw, "2", "3", "5", "5", "6"))).
			add("coApplicantRaceObserved", text("2")).
			add("coApplicantSex", text(one(&f.draw, "1", "2", "3"))).
			add("coApplicantSexObserved", text("2")).
			add("coApplicantAge", number(f.between(21, 74)))
	}
}

// withCheckDigits appends the two check digits of ISO 7064, MOD 97-10, that end
// an LEI and a universal loan identifier.
func withCheckDigits(s string) string {
	n := 0
	for _, c := range s + "00" {
		if c <= '9' {
			n = (10*n + int(c-'0')) % 97
		} else {
			n = (100*n + int(c-'A') + 10) % 97
		}
	}
	n = 98 - n
	return s + string([]byte{byte('0' + n/10), byte('0' + n%10)})
}

// assess tells what is found out about the applicant.
func (f *file) assess(consent, completed *event) {
	f.wait(2*time.Second, 2*time.Minute)
	f.tell("identity.verified").because(completed).
		add("method", text(one(&f.draw, "document-and-selfie", "electronic-id", "in-person"))).
		add("provider", text("Synthetic Identity Ltd")).
		add("outcome", text("passed")).
		add("score", percent(f.between(8200, 9990))).
		add("threshold", percent(8000))
	f.wait(time.Second, 30*time.Second)
	hit := f.permille(8)
	disposition := "clear"
	if hit {
		disposition = "false-positive"
	}
	f.tell("screening.performed").because(completed).
		add("listHash", f.hash()).
		add("hit", truth(hit)).
		add("disposition", text(disposition))
	f.wait(time.Second, time.Minute)
	f.bureau = f.tell("bureau.inquired").because(consent).
		add("craName", text(one(&f.draw, f.place.bureaus...))).
		add("consentRef", text(consent.id)).
		add("scoreName", text("Synthetic Score 3")).
		add("scoreValue", number(f.score)).
		add("scoreRange", json(`{"low":300,"high":850}`)).
		add("responseHash", f.hash()).
		add("operatorId", f.staff(operators))
	if f.place == unitedStates {
		f.bureau.add("permissiblePurpose", text("credit-transaction"))
	}
	f.wait(50*time.Millisecond, 2*time.Second)
	f.scored = f.tell("score.computed").because(f.bureau).
		add("modelId", text(modelID)).
		add("modelVersion", text(modelVersion)).
		add("modelHash", text(modelHash)).
		add("use", text("live")).
		add("output", percent(f.between(50, 900))).
		add("scoreScale", text("percent")).
		add("contributions", json(`[{"name":"bureauScore","contribution":"`+strconv.FormatInt(f.score-600, 10)+`"},{"name":"debtToIncome","contribution":"`+strconv.FormatInt(30-f.dti/100, 10)+`"}]`)).
		add("inputsHash", f.hash()).
		add("latencyMs", number(f.between(4, 90)))
}

// judge draws what an applicant is like who meets this fate.
func (f *file) judge() {
	f.score, f.dti = 600+scores.draw(&f.draw), 500+f.below(3800)
	f.reasons = f.reasons[:0]
	if f.outcome == declined || f.outcome == counteroffer || f.outcome == counteroffered {
		switch f.below(5) {
		case 0, 1:
			f.score = f.between(430, 579)
			f.reasons = append(f.reasons, "credit-score")
		case 2, 3:
			f.dti = f.between(4501, 7900)
			f.reasons = append(f.reasons, "debt-to-income")
		}
		if len(f.reasons) == 0 || f.once(2) {
			f.reasons = append(f.reasons, one(&f.draw, otherReasons...))
		}
	}
	f.rate = f.place.rates.draw(&f.draw)
}

var (
	incomes = quantiles{14000, 22000, 28000, 34000, 40000, 47000, 55000, 66000, 82000, 110000, 260000}
	scores  = quantiles{0, 40, 70, 95, 120, 150, 190, 249} // above the least at which the lender lends
)

// decide tells the decision.
func (f *file) decide() bool {
	f.wait(100*time.Millisecond, 5*time.Second)
	if f.referred {
		referred := f.decideAs("referred", "automated").because(f.scored)
		f.after(0, 4)
		f.decision = f.decideAs("", "manual").because(referred)
	} else {
		f.decision = f.decideAs("", "automated").because(f.scored)
	}
	switch f.outcome {
	case declined:
		f.notice()
		f.dispose("3", f.decision)
		return f.reviewed && f.review()
	case counteroffered, counteroffer:
		f.after(0, 3)
		f.amount = f.amount / 20000 * 10000
		offer := f.tell("decision.counteroffered").because(f.decision).
			add("decisionRef", text(f.decision.id)).
			add("offeredAmount", money(f.amount)).
			add("offeredRate", percent(f.rate)).
			add("offeredTermMonths", number(int64(f.term))).
			add("expiresAt", moment(f.now+30*dayMillis))
		if f.outcome == counteroffer {
			f.after(31, 45)
			f.notice()
			f.dispose("3", offer)
			return false
		}
		f.after(1, 20)
		f.outcome = approved
		f.decision = f.decideAs("", "assisted").because(offer)
	case notTaken:
		f.after(10, 40)
		f.dispose("2", f.decision)
		return false
	}
	f.disclose()
	return true
}

// decideAs tells a decision; its outcome is that of the file unless another is
// given.
func (f *file) decideAs(outcome, mode string) *event {
	if outcome == "" {
		switch f.outcome {
		case declined:
			outcome = "declined"
		case counteroffered, counteroffer:
			outcome = "counteroffered"
		default:
			outcome = "approved"
		}
	}
	e := f.tell("decision.made").add("outcome", text(outcome))
	switch outcome {
	case "declined", "counteroffered":
		e.add("reasonCodes", texts(f.reasons...)).add("reasons", f.why())
	case "approved":
		e.add("decidedAmount", money(f.amount)).
			add("decidedRate", percent(f.rate)).
			add("termMonths", number(int64(f.term))).
			add("grade", text(string(rune('A'+f.below(5)))))
	}
	e.add("decisionMode", text(mode)).
		add("policyId", text(policyID)).add("policyVersion", text(policyVersion)).add("policyHash", text(policyHash)).
		add("modelId", text(modelID)).add("modelVersion", text(modelVersion)).add("modelHash", text(modelHash)).
		add("use", text("live")).
		add("inputs", json(`[{"name":"score","value":"`+strconv.FormatInt(f.score, 10)+`","from":"`+f.bureau.id+
			`"},{"name":"debtToIncome","value":"`+string(appendHundredths(nil, f.dti))+`"}]`))
	if mode != "automated" {
		e.add("officerId", text(officerFor(f.amount/f.place.amounts, &f.draw)))
	}
	return e
}

// why returns the reasons with their texts.
func (f *file) why() value {
	b := []byte{'['}
	for i, code := range f.reasons {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, `{"code":"`...), code...), `","text":`...)
		b = append(appendText(b, reasonsOfDecline[code].text), '}')
	}
	return json(string(append(b, ']')))
}

// notice tells that the applicant was told of an adverse decision.
func (f *file) notice() *event {
	f.after(0, 12)
	e := f.tell("adverse-action.noticed").because(f.decision).
		add("decisionRef", text(f.decision.id)).
		add("sentAt", moment(f.now)).
		add("channel", text(one(&f.draw, f.place.notices...))).
		add("templateId", text(f.place.templateID)).
		add("templateHash", text(templateHash)).
		add("reasonCodes", texts(f.reasons...)).
		add("principalReasons", f.why()).
		add("contentHash", f.hash()).
		add("locale", text(f.place.locale)).
		add("craName", *f.bureau.get("craName")).
		add("scoreName", text("Synthetic Score 3")).
		add("scoreValue", number(f.score)).
		add("scoreDate", date(f.bureau.day())).
		add("scoreRange", json(`{"low":300,"high":850}`)).
		add("keyFactors", json(`[{"code":"utilization","text":"Balances are high in relation to limits."}]`))
	if f.place == unitedStates {
		e.add("ecoaNotice", truth(true))
	}
	return e
}

func (f *file) dispose(action string, cause *event) {
	f.wait(time.Second, time.Hour)
	e := f.tell("application.disposed").because(cause).
		add("actionTaken", text(action)).
		add("actionDate", date(f.today()))
	if action == "3" {
		var codes []string
		for _, r := range f.reasons {
			codes = append(codes, reasonsOfDecline[r].hmda)
		}
		slices.Sort(codes)
		e.add("denialReasons", texts(slices.Compact(codes)...)).add("decisionRef", text(f.decision.id))
	}
}

// review tells the review of a decline by a person, and reports whether it led
// to a loan.
func (f *file) review() bool {
	f.after(2, 20)
	requested := f.tell("review.requested").because(f.decision).
		add("decisionRef", text(f.decision.id)).
		add("requester", text(f.party)).
		add("grounds", text(one(&f.draw, "the income has risen since", "a debt in the report was paid off", "wants a person to look at it")))
	f.after(1, 10)
	completed := f.tell("review.completed").because(requested).
		add("reviewRef", text(requested.id)).
		add("reviewerId", f.staff(reviewers))
	if !f.overturned {
		completed.add("outcome", text("upheld"))
		return false
	}
	f.outcome = approved
	f.wait(time.Minute, time.Hour)
	f.decision = f.decideAs("", "manual").because(completed).
		add("overrideOf", text(f.decision.id)).
		add("reasonCodes", texts("review-granted"))
	completed.add("outcome", text("changed")).add("changedDecisionRef", text(f.decision.id))
	f.disclose()
	return true
}

// afterwards tells what happens to a file when it is over.
func (f *file) afterwards() {
	if f.looked {
		f.after(1, 90)
		f.tell("access.occurred").because(f.consent).
			add("actorId", f.staff(agents)).
			add("actorKind", text("staff")).
			add("role", text("quality-assurance")).
			add("purpose", text("sample-of-closed-files")).
			add("legalBasis", text("internal-control")).
			add("outcome", text("granted")).
			add("exported", truth(false))
	}
	if f.held {
		f.after(1, 60)
		placed := f.tell("hold.placed").because(f.consent).
			add("matter", f.token("SYN-M-", 8)).
			add("authority", text("Synthetic Court")).
			add("legalBasis", text("court-order")).
			add("placedAt", moment(f.now)).
			add("requesterId", f.staff(initiators)).
			add("approverId", f.staff(approvers))
		f.after(30, 90)
		f.tell("hold.released").because(placed).
			add("holdRef", text(placed.id)).
			add("releasedAt", moment(f.now)).
			add("requesterId", f.staff(initiators)).
			add("approverId", f.staff(approvers))
	}
	if f.forgotten {
		f.after(5, 90)
		withdrawn := f.tell("consent.withdrawn").because(f.consent).
			add("consentRef", text(f.consent.id)).
			add("withdrawnAt", moment(f.now)).
			add("channel", text("web"))
		f.wait(time.Minute, time.Hour)
		requested := f.tell("erasure.requested").because(withdrawn).
			add("requestId", f.token("SYN-E-", 8)).
			add("requester", text(f.party)).
			add("receivedAt", moment(f.now)).
			add("dueAt", moment(f.now+30*dayMillis)).
			add("channel", text("web")).
			add("identityVerified", truth(true)).
			add("handlerId", f.staff(agents))
		f.after(2, 14)
		f.tell("erasure.refused").because(requested).
			add("requestRef", text(requested.id)).
			add("refusedAt", moment(f.now)).
			add("reasonCodes", texts("retention-period")).
			add("legalBasis", text("legal-obligation")).
			add("retainUntil", date(f.today()+3650)).
			add("noticeSentAt", moment(f.now)).
			add("approverId", f.staff(approvers))
	}
}

// profile is what else is known of an applicant.
func (f *file) profile() value {
	name := f.word() + " Synthetic-" + f.word()
	if f.place == china {
		name = "合成 " + one(&f.draw, "伟", "芳", "娜", "敏", "静", "强", "磊", "洋") + one(&f.draw, "一", "宁", "杰", "琳", "涛")
	}
	return json(`{"name":"` + name + `","employer":"Synthetic ` + f.word() + ` Ltd"}`)
}

// word returns what could be a name.
func (d *draw) word() string {
	b := make([]byte, 0, 12)
	b = append(b, "ABCDEFGHIJKLMNOPRSTUVWZ"[d.below(23)])
	for range 4 + d.below(5) {
		b = append(b, "aeiourstnlmhkd"[d.below(14)])
	}
	return string(b)
}
