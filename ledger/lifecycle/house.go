// SPDX-License-Identifier: Apache-2.0

package lifecycle

import "time"

// What the decisions of all files name.
const (
	modelID       = "syn-pd-retail"
	modelVersion  = "4.2"
	modelHash     = "5f0e8a4d0b7c1e93a6d2f4480c9b7715e2d3a1f06b8c4d97e5a20f1b3c6d8e49"
	policyID      = "syn-consumer-credit"
	policyVersion = "2019.1"
	policyHash    = "c1d7a90e52f84b63971e0d4a8b6c3f25e9702d1c5a4b8f36d0e7912a6c5b4d83"
	templateHash  = "91b3f0d2c5e7486aa0c4d6e8f1b2a3947586c7d9e0f1a2b3c4d5e6f708192a3b"
)

// officerFor draws an officer who may decide on so many hundredths of the
// amounts' unit: the last five may decide on anything.
func officerFor(amount int64, d *draw) string {
	if amount > smallAuthority {
		return staffID(officers, groupSize-5+d.below(5))
	}
	return staffID(officers, d.below(groupSize))
}

const (
	smallAuthority = 50_000_00
	fullAuthority  = 2_000_000_00
)

// The years of the records that the lender keeps of itself.
var (
	houseFrom = dayOf(2018, time.October, 1)
	houseTo   = dayOf(2026, time.June, 30)
)

// A houseStory tells about the lender itself. The name is that of the subject
// when it is one of a kind.
type houseStory struct {
	kind, name string
	place      *place // nil is any
	tell       func(s *story)
}

// beginHouse begins the story of something of the lender itself and tells it.
func (s *story) beginHouse(seed uint64, h houseStory) {
	d := draw(seed ^ 2)
	s.begin(seed, h.kind, shared(&d, places))
	if h.place != nil {
		s.place, s.jurisdiction = h.place, h.place.regions[0]
	}
	if h.name != "" {
		s.subject = h.kind + "/" + h.name
	}
	s.now = 0
	s.on(houseFrom + s.below(60))
	h.tell(s)
}

// house lists what there is of the lender itself.
func house() []houseStory {
	all := []houseStory{
		{"model", modelID, unitedStates, (*story).tellModel},
		{"policy", policyID, unitedStates, (*story).tellPolicy},
		{"portfolio", "syn-retail-us", unitedStates, (*story).tellPortfolio},
		{"portfolio", "syn-retail-eu", europe, (*story).tellPortfolio},
		{"portfolio", "syn-retail-cn", china, (*story).tellPortfolio},
	}
	for range 5 {
		all = append(all,
			houseStory{"party", "", nil, (*story).tellPartner},
			houseStory{"case", "", nil, (*story).tellFinding},
			houseStory{"case", "", nil, (*story).tellRequirement},
			houseStory{"case", "", nil, (*story).tellIncident},
			houseStory{"case", "", nil, (*story).tellVulnerability},
			houseStory{"case", "", nil, (*story).tellCase},
			houseStory{"case", "", nil, (*story).tellViolation},
		)
	}
	all = append(all,
		houseStory{"policy", "syn-continuity", unitedStates, (*story).tellPlan},
		houseStory{"feed", "syn-core", unitedStates, (*story).tellFeed},
		houseStory{"feed", "syn-benchmark-12m", europe, (*story).tellBenchmark},
	)
	for i := range int64(groupSize) {
		limit := int64(smallAuthority)
		if i >= groupSize-5 {
			limit = fullAuthority
		}
		name := staffID(officers, i)
		all = append(all, houseStory{"staff", name, unitedStates, func(s *story) { s.tellAuthority(name, limit) }})
	}
	return all
}

// tellModel tells a model's life: it is validated every year until it is
// retired.
func (s *story) tellModel() {
	developer := s.staff(owners)
	registered := s.model("model.registered").
		add("purpose", text("probability-of-default")).
		add("tier", text("1")).
		add("intendedUse", text("Synthetic: default within twelve months on consumer loans.")).
		add("trainingDataHash", s.hash()).
		add("documentationHash", s.hash()).
		add("developerId", developer)
	validate := func(occasion string) *event {
		return s.model("model.validated").because(registered).
			add("outcome", text("passed")).
			add("occasion", text(occasion)).
			add("validatedAt", moment(s.now)).
			add("metrics", json(`[{"name":"gini","value":"0.`+string(appendHundredths(nil, 100*s.between(48, 63))[:2])+`"}]`)).
			add("reportHash", s.hash()).
			add("developerId", developer).
			add("validatorId", s.staff(confirmers))
	}
	s.after(20, 40)
	validated := validate("initial")
	s.after(5, 20)
	s.model("model.approved").because(validated).
		add("use", text("live")).
		add("effectiveFrom", moment(s.now)).
		add("validationRef", text(validated.id)).
		add("developerId", developer).
		add("approverId", s.staff(approvers))
	for s.today() < houseTo-360 {
		s.after(300, 350)
		validate("periodic")
	}
	s.after(100, 200)
	s.model("model.retired").because(registered).
		add("retiredAt", moment(s.now)).
		add("successorVersion", text("5.0")).
		add("approverId", s.staff(approvers))
}

func (s *story) model(typ string) *event {
	return s.tell(typ).add("modelId", text(modelID)).add("modelVersion", text(modelVersion)).add("modelHash", text(modelHash))
}

// tellPolicy tells a policy's life.
func (s *story) tellPolicy() {
	published := s.tell("policy.published").
		add("policyId", text(policyID)).add("policyVersion", text(policyVersion)).add("policyHash", text(policyHash)).
		add("language", text("cel")).
		add("summary", text("Synthetic: score of 600 at least, debt to income of 45 percent at most.")).
		add("effectiveFrom", moment(s.now+14*dayMillis)).
		add("authorId", s.staff(owners)).
		add("approverId", s.staff(approvers)).
		add("secondApproverId", s.staff(grantors))
	s.on(intakeFrom + s.below(90))
	s.tell("regulation.noted").because(published).
		add("regulationId", s.token("SYN-REG-", 8)).
		add("name", text("Synthetic rule on the explanation of decisions")).
		add("authority", text("Synthetic Supervisor")).
		add("status", text("in-force")).
		add("effectiveFrom", date(s.today()+90)).
		add("impact", text("Synthetic: none on the policy.")).
		add("ownerId", s.staff(owners))
	s.on(houseTo - s.below(90))
	s.tell("policy.retired").because(published).
		add("policyId", text(policyID)).add("policyVersion", text(policyVersion)).add("policyHash", text(policyHash)).
		add("retiredAt", moment(s.now)).
		add("successorVersion", text("2026.1")).
		add("approverId", s.staff(approvers))
}

// tellOfficer tells of any officer.
func (s *story) tellOfficer() { s.tellAuthority(staffID(officers, s.below(groupSize)), smallAuthority) }

// tellAuthority tells that somebody may decide on amounts up to a limit.
func (s *story) tellAuthority(person string, limit int64) {
	granted := s.tell("authority.granted").
		add("personId", text(person)).
		add("role", text("credit-officer")).
		add("actions", texts("decide")).
		add("limit", money(limit*s.place.amounts)).
		add("validFrom", date(houseFrom)).
		add("validTo", date(houseTo)).
		add("grantorId", s.staff(grantors))
	for s.today() < houseTo-400 {
		s.after(330, 360)
		if last := s.last("training.attested"); last != nil {
			last.set("validUntil", date(last.day()+370))
		}
		s.tell("training.attested").
			add("personId", text(person)).
			add("course", text("credit-decisions")).
			add("courseVersion", text("3")).
			add("completedAt", moment(s.now)).
			add("passed", truth(true)).
			add("attesterId", s.staff(owners))
	}
	s.on(houseTo - s.below(30))
	s.tell("authority.revoked").because(granted).
		add("personId", text(person)).
		add("grantRef", text(granted.id)).
		add("revokedAt", moment(s.now)).
		add("reasonCode", text("end-of-term")).
		add("revokerId", s.staff(grantors))
}

// The provision that each class asks for, in percent.
var classRates = [...]int64{1, 2, 25, 50, 100}

// tellPortfolio tells what is set aside for a portfolio, half a year after the other.
func (s *story) tellPortfolio() {
	name := text("syn-retail-" + s.place.code)
	preparer, approver := s.staff(owners), s.staff(approvers)
	exposure := s.between(40_000_000, 90_000_000) * 100 * s.place.amounts
	reserve := exposure / 50
	for day := later(houseFrom, 6); day < houseTo; day = later(day, 6) {
		s.on(day)
		exposure += exposure * s.between(-30, 45) / 1000
		var required int64
		var last *event
		for i, rate := range classRates {
			part := exposure * [...]int64{9600, 250, 80, 40, 30}[i] / 10000 / 100 * 100
			need := part * rate / 100
			required += need
			last = s.tell("provision.computed").
				add("portfolio", name).
				add("period", text(month(day))).
				add("class", number(int64(i+1))).
				add("exposure", money(part)).
				add("rate", number(rate).decimal()).
				add("required", money(need)).
				add("actual", money(need)).
				add("method", text("five-tier")).
				add("asOf", date(day)).
				add("preparerId", preparer).
				add("approverId", approver)
			s.wait(time.Second, time.Minute)
		}
		in := max(0, required-reserve)
		s.tell("reserve.accrued").because(last).
			add("portfolio", name).
			add("period", text(month(day))).
			add("opening", money(reserve)).
			add("in", money(in)).
			add("out", money(0)).
			add("closing", money(reserve+in)).
			add("method", text("five-tier")).
			add("provisionRef", text(last.id)).
			add("preparerId", preparer).
			add("approverId", approver)
		reserve += in
		s.wait(time.Minute, time.Hour)
		out := reserve * s.between(1, 30) / 1000
		s.tell("reserve.drawn").
			add("portfolio", name).
			add("period", text(month(day))).
			add("opening", money(reserve)).
			add("in", money(0)).
			add("out", money(out)).
			add("closing", money(reserve-out)).
			add("method", text("five-tier")).
			add("chargeOffRef", s.token("SYN-W-", 8)).
			add("preparerId", preparer).
			add("approverId", approver)
		reserve -= out
		s.wait(time.Minute, time.Hour)
		count := s.between(2000, 9000)
		s.tell("reconciliation.completed").
			add("batchId", s.token("SYN-B-", 10)).
			add("fileHash", s.hash()).
			add("outcome", text("balanced")).
			add("asOf", date(day)).
			add("count", number(count)).
			add("ledgerCount", number(count)).
			add("preparerId", preparer).
			add("reviewerId", s.staff(reviewers))
	}
	s.after(1, 20)
	s.tell("evaluation.completed").
		add("evaluationKind", text("stress-test")).
		add("scope", name).
		add("outcome", text("satisfactory")).
		add("completedAt", moment(s.now)).
		add("reportHash", s.hash()).
		add("evaluatorId", s.staff(confirmers)).
		add("ownerId", preparer)
	s.after(1, 20)
	s.tell("education.delivered").
		add("topic", text("paying-back-early")).
		add("materialHash", s.hash()).
		add("locale", text(s.place.locale)).
		add("channel", text("web")).
		add("deliveredAt", moment(s.now)).
		add("count", number(s.between(500, 5000))).
		add("ownerId", preparer)
	s.after(1, 20)
	loss := s.between(100_00, 9000_00)
	s.tell("loss-event.recorded").
		add("lossEventId", s.token("SYN-LE-", 8)).
		add("eventType", text("execution")).
		add("occurredAt", moment(s.now-20*dayMillis)).
		add("detectedAt", moment(s.now)).
		add("gross", money(loss)).
		add("recovered", money(0)).
		add("net", money(loss)).
		add("ownerId", preparer)
}

// tellFeed tells of the feed from the lender's core system, month by month.
func (s *story) tellFeed() {
	sequence := int64(0)
	for day := later(houseFrom, 1); day < houseTo; day = later(day, 1) {
		s.on(day)
		n := s.between(1000, 5000)
		beat := s.tell("feed.heartbeat").
			add("producerSequence", number(sequence+n)).
			add("queued", number(0)).
			add("dropped", number(0)).
			add("intervalSeconds", number(32*24*60*60)).
			add("clockSource", text("ntp")).
			add("clockSkewMillis", number(s.below(9)))
		s.wait(time.Minute, time.Hour)
		s.tell("batch.closed").because(beat).
			add("batchId", s.token("SYN-B-", 10)).
			add("firstSequence", number(sequence+1)).
			add("lastSequence", number(sequence+n)).
			add("count", number(n)).
			add("rejected", number(0)).
			add("fileHash", s.hash()).
			add("preparerId", s.staff(operators))
		sequence += n
	}
}

// tellBenchmark tells the fixings of a benchmark, month by month.
func (s *story) tellBenchmark() {
	fixing := int64(150)
	for day := later(houseFrom, 1); day < houseTo; day = later(day, 1) {
		s.on(day)
		fixing = max(5, fixing+s.between(-20, 22))
		s.tell("benchmark.observed").
			add("benchmark", text("syn-benchmark-12m")).
			add("fixing", percent(fixing)).
			add("fixingDate", date(day)).
			add("publisher", text("synthetic-administrator")).
			add("sourceHash", s.hash())
	}
}

// decimal writes a whole number as a decimal string.
func (v value) decimal() value { return percent(100 * v.n) }

// tellPartner tells of a partner who finds customers or collects, from the
// admission to the end of the agreement.
func (s *story) tellPartner() {
	partner, functions := s.token("SYN-PARTNER-", 8), texts(one(&s.draw, "acquisition", "credit-enhancement", "collection"))
	admitted := s.tell("partner.admitted").
		add("partnerId", partner).
		add("functions", functions).
		add("name", text("Synthetic "+s.word()+" Ltd")).
		add("agreementRef", s.token("SYN-AG-", 8)).
		add("agreementHash", s.hash()).
		add("validFrom", date(s.today())).
		add("requesterId", s.staff(initiators)).
		add("approverId", s.staff(approvers))
	for range s.between(3, 6) {
		s.after(300, 350)
		s.tell("partner.reviewed").because(admitted).
			add("partnerId", partner).
			add("functions", functions).
			add("outcome", text("satisfactory")).
			add("reviewedAt", moment(s.now)).
			add("reportHash", s.hash()).
			add("reviewerId", s.staff(reviewers))
	}
	s.after(100, 300)
	s.tell("partner.removed").because(admitted).
		add("partnerId", partner).
		add("functions", functions).
		add("removedAt", moment(s.now)).
		add("reasonCode", text("agreement-ended")).
		add("approverId", s.staff(approvers))
}

// tellPlan tells of a plan for going on when something breaks, and its drills.
func (s *story) tellPlan() {
	for range 7 {
		approved := s.plan("plan.approved").
			add("planKind", text("business-continuity")).
			add("recoveryTimeSeconds", number(14_400)).
			add("recoveryPointSeconds", number(300)).
			add("effectiveFrom", moment(s.now)).
			add("nextDue", date(s.today()+340)).
			add("ownerId", s.staff(owners)).
			add("approverId", s.staff(approvers))
		s.after(200, 330)
		s.plan("drill.completed").
			add("planRef", text(approved.id)).
			add("scenario", text("Synthetic: the main site is lost.")).
			add("outcome", text("passed")).
			add("completedAt", moment(s.now)).
			add("recoveryTimeSeconds", number(s.between(1800, 14_000))).
			add("recoveryPointSeconds", number(s.between(0, 300))).
			add("evidenceHash", s.hash()).
			add("leaderId", s.staff(owners))
		s.after(20, 60)
	}
}

func (s *story) plan(typ string) *event {
	return s.tell(typ).add("planId", text("syn-continuity")).add("planVersion", text("3")).add("planHash", text(policyHash))
}

// inTheMeantime goes to a day on which a case begins.
func (s *story) inTheMeantime() { s.on(s.between(intakeFrom, intakeTo)) }

// tellFinding tells of a finding of an audit.
func (s *story) tellFinding() {
	s.inTheMeantime()
	auditee := s.staff(owners)
	raised := s.tell("finding.raised").
		add("findingId", s.token("SYN-F-", 8)).
		add("name", text("Synthetic: income was not verified in three of fifty files")).
		add("severity", text(one(&s.draw, "low", "medium", "high"))).
		add("evidenceHash", s.hash()).
		add("raisedAt", moment(s.now)).
		add("dueAt", date(s.today()+30)).
		add("auditorId", s.staff(confirmers)).
		add("auditeeId", auditee)
	s.after(5, 25)
	answered := s.tell("finding.answered").because(raised).
		add("findingRef", text(raised.id)).
		add("accepted", truth(true)).
		add("remedies", text("Synthetic: a check in the application form.")).
		add("dueAt", date(s.today()+90)).
		add("answeredAt", moment(s.now)).
		add("auditeeId", auditee)
	s.after(20, 85)
	s.tell("finding.closed").because(answered).
		add("findingRef", text(raised.id)).
		add("outcome", text("remedied")).
		add("evidenceHash", s.hash()).
		add("closedAt", moment(s.now)).
		add("closerId", s.staff(confirmers))
}

// tellRequirement tells of what an authority demanded.
func (s *story) tellRequirement() {
	s.inTheMeantime()
	owner := s.staff(owners)
	received := s.tell("requirement.received").
		add("requirementId", s.token("SYN-RQ-", 8)).
		add("authority", text("Synthetic Supervisor")).
		add("content", text("Synthetic: all files declined in a month.")).
		add("documentHash", s.hash()).
		add("receivedAt", moment(s.now)).
		add("dueAt", date(s.today()+20)).
		add("ownerId", owner)
	s.after(3, 18)
	s.tell("requirement.answered").because(received).
		add("requirementRef", text(received.id)).
		add("outcome", text("fulfilled")).
		add("documentHash", s.hash()).
		add("answeredAt", moment(s.now)).
		add("ownerId", owner).
		add("approverId", s.staff(approvers))
}

// tellIncident tells of an incident and its reports.
func (s *story) tellIncident() {
	s.inTheMeantime()
	id, owner := s.token("SYN-I-", 8), s.staff(owners)
	report := func(stage string) *event {
		return s.tell("incident.reported").
			add("incidentId", id).
			add("stage", text(stage)).
			add("incidentClass", text("outage")).
			add("severity", text("major")).
			add("authority", text("Synthetic Supervisor")).
			add("reportedAt", moment(s.now)).
			add("description", text("Synthetic: applications could not be submitted for some hours.")).
			add("personalData", truth(false)).
			add("ownerId", owner)
	}
	first := report("initial").add("dueAt", date(s.today()+3))
	s.after(1, 2)
	second := report("intermediate").because(first).add("dueAt", date(s.today()+30))
	s.after(5, 28)
	report("final").because(second)
}

// tellVulnerability tells of a weakness that was found.
func (s *story) tellVulnerability() {
	s.inTheMeantime()
	owner := s.staff(owners)
	found := s.tell("vulnerability.found").
		add("vulnerabilityId", s.token("SYN-V-", 8)).
		add("severity", text(one(&s.draw, "medium", "high", "critical"))).
		add("system", text("Synthetic Portal")).
		add("foundBy", text("scan")).
		add("foundAt", moment(s.now)).
		add("dueAt", date(s.today()+30)).
		add("ownerId", owner)
	s.after(1, 28)
	s.tell("vulnerability.remediated").because(found).
		add("vulnerabilityRef", text(found.id)).
		add("remedy", text("fixed")).
		add("remediatedAt", moment(s.now)).
		add("ownerId", owner).
		add("verifierId", s.staff(confirmers))
}

// tellViolation tells of a rule of the house that somebody broke.
func (s *story) tellViolation() {
	s.inTheMeantime()
	s.tell("violation.recorded").
		add("violationId", s.token("SYN-VI-", 8)).
		add("rule", text("Synthetic: files are looked at for a reason only.")).
		add("severity", text("low")).
		add("occurredAt", moment(s.now-3*dayMillis)).
		add("detectedAt", moment(s.now)).
		add("personId", s.staff(agents)).
		add("ownerId", s.staff(owners))
}

// tellCase tells of a case of which nobody may know whom it is about.
func (s *story) tellCase() {
	s.inTheMeantime()
	opened := s.tell("case.opened").
		add("caseKind", text(one(&s.draw, "fraud", "suspicious-report"))).
		add("trigger", text("synthetic-alert")).
		add("narrative", text("Synthetic: several cash payments just below the threshold.")).
		add("openedAt", moment(s.now)).
		add("assigneeId", s.staff(agents))
	s.after(5, 25)
	s.tell("case.disposed").because(opened).
		add("caseRef", text(opened.id)).
		add("disposition", text("no-grounds")).
		add("disposedAt", moment(s.now)).
		add("filed", truth(false)).
		add("assigneeId", s.staff(agents)).
		add("approverId", s.staff(approvers))
}
