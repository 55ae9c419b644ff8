// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
)

// An Outcome is what becomes of an event that is submitted in its turn.
type Outcome int

// The outcomes.
const (
	Accepted Outcome = iota // a new record
	Repeat                  // the same event as before: nothing is appended
	Conflict                // the source and id of another event
)

// String names the outcome.
func (o Outcome) String() string { return [...]string{"accepted", "a repeat", "a conflict"}[o] }

// An Event is a document to submit, and what has to become of it.
type Event struct {
	Document  []byte // CloudEvents JSON
	Submitter string
	Want      Outcome
}

// Events makes lending events: files that are applied for, decided on,
// disbursed and paid back, credit lines with their statements, co-applicants,
// staff, complaints, corrections, restricted cases, and now and then a repeat
// or a conflict. The same seed gives the same events.
type Events struct {
	rng   *rand.Rand
	now   time.Time // business time of the next event
	n     int       // events made, for their ids
	loans []*loan   // still under way
	sent  []sent    // some of what was accepted, for repeats and conflicts
}

// a loan is a file or a line on its way.
type loan struct {
	subject, party string
	line           bool
	step           int
	last           string // id of its last event
}

type sent struct {
	members   []canon.Member
	submitter string
}

// NewEvents returns the events of a seed. Their business time begins on
// 5 January 2026 and goes on by minutes.
func NewEvents(seed uint64) *Events {
	return &Events{
		rng: rand.New(rand.NewPCG(seed, 0x1e9d)),
		now: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC),
	}
}

// Take returns the next n events.
func (e *Events) Take(n int) []Event {
	out := make([]Event, n)
	for i := range out {
		out[i] = e.Next()
	}
	return out
}

// Next returns the next event.
func (e *Events) Next() Event {
	switch p := e.rng.IntN(100); {
	case p < 2 && len(e.sent) > 0:
		s := e.sent[e.rng.IntN(len(e.sent))]
		return Event{canon.Map(s.members...).Bytes(), s.submitter, Repeat}
	case p < 3 && len(e.sent) > 0:
		s := e.sent[e.rng.IntN(len(e.sent))]
		members := append([]canon.Member{{Name: "note", Value: canon.Text("sent again with another content")}}, s.members...)
		return Event{canon.Map(members...).Bytes(), s.submitter, Conflict}
	case p < 15 || len(e.loans) == 0:
		l := &loan{party: fmt.Sprintf("party-%04d", e.rng.IntN(4000)), line: e.rng.IntN(4) == 0}
		kind := "file"
		if l.line {
			kind = "line"
		}
		l.subject = fmt.Sprintf("%s/%s-%06d", kind, strings.ToUpper(kind[:1]), e.n)
		e.loans = append(e.loans, l)
		return e.advance(l)
	}
	return e.advance(e.loans[e.rng.IntN(len(e.loans))])
}

// advance returns the next event in the life of a loan.
func (e *Events) advance(l *loan) Event {
	l.step++
	switch {
	case l.line && l.step == 1:
		return e.event(l, "line.opened", m("lineId", text(l.subject)), m("limit", e.money(500000)), m("product", text("credit-card")))
	case l.line && l.step < 40:
		if e.rng.IntN(3) == 0 {
			return e.payment(l)
		}
		return e.event(l, "statement.issued", m("period", text("2026-02")), m("balance", e.money(90000)), m("minimumDue", e.money(4000)))
	case l.line:
		return e.end(l, "delinquency.changed", m("monthsPastDue", canon.Number(int64(e.rng.IntN(4)))), m("period", text("2026-03")))
	case l.step == 1:
		data := []canon.Member{
			m("applicationId", text("A-"+l.subject)), m("channel", text("web")), m("product", text("instalment-loan")),
			m("loanAmount", e.money(40000)), m("income", e.money(90000)), m("termMonths", canon.Number(36)),
			m("loanPurpose", text("Möbel, Umzug 搬家")), m("debtToIncome", text("18.24")), m("jurisdiction", text("DE-BE")),
		}
		if e.rng.IntN(3) == 0 {
			co := text(fmt.Sprintf("party-%04d", e.rng.IntN(4000)))
			data = append(data, m("coApplicantId", co), m("coApplicantIncome", e.money(60000)))
		}
		return e.event(l, "application.received", data...)
	case l.step == 2:
		data := []canon.Member{
			m("outcome", text("approved")), m("decidedAmount", e.money(40000)), m("decisionMode", text("assisted")),
			m("policyId", text("consumer-credit")), m("policyVersion", text("2026.1")), m("officerId", e.staff()),
		}
		if e.rng.IntN(3) == 0 {
			l.step = 100
			data[0] = m("outcome", text("declined"))
			data[1] = m("reasonCodes", canon.Texts("debt-to-income"))
		}
		return e.event(l, "decision.made", data...)
	case l.step == 3:
		return e.event(l, "contract.signed", m("contractId", text("C-"+l.subject)), m("principal", e.money(40000)), m("partnerId", text("partner-12")))
	case l.step == 4:
		return e.event(l, "loan.disbursed", m("loanId", text("L-"+l.subject)), m("amount", e.money(40000)), m("method", text("transfer")))
	case l.step == 101:
		return e.end(l, "adverse-action.noticed", m("reasonCodes", canon.Texts("debt-to-income")), m("channel", text("mail")), m("ecoaNotice", canon.Flag(true)))
	case l.step > 30:
		return e.end(l, "loan.closed", m("reason", text("paid")))
	}
	switch e.rng.IntN(12) {
	case 0:
		return e.event(l, "complaint.opened", m("complaintId", text("CMP-"+l.subject)), m("narrative", text("They called me about a loan that I paid off.")), m("channel", text("phone")))
	case 1:
		fix := canon.Map(m("pointer", text("/data/valueDate")), m("value", text(`"2026-03-05"`)))
		return e.event(l, "record.corrected", m("target", text(l.last)), m("members", canon.List(fix)),
			m("requesterId", e.staff()), m("approverId", e.staff()), m("reasonCode", text("source-error")))
	case 2:
		of := &loan{subject: fmt.Sprintf("case/K-%06d", e.n), party: l.party, last: l.last}
		return e.event(of, "case.opened", m("caseKind", text("suspicious-report")), m("narrative", text("Seven cash payments just below the threshold.")),
			m("relatedSubjects", canon.Texts(l.subject)), m("assigneeId", e.staff()))
	}
	return e.payment(l)
}

func (e *Events) payment(l *loan) Event {
	return e.event(l, "payment.received", m("paymentId", text(fmt.Sprintf("P-%06d", e.n))), m("amount", e.money(900)), m("valueDate", text("2026-03-04")))
}

func (e *Events) end(l *loan, typ string, data ...canon.Member) Event {
	for i := range e.loans {
		if e.loans[i] == l {
			e.loans = append(e.loans[:i], e.loans[i+1:]...)
			break
		}
	}
	return e.event(l, typ, data...)
}

// event makes the next event of a loan, caused by its last one.
func (e *Events) event(l *loan, typ string, data ...canon.Member) Event {
	e.now = e.now.Add(time.Duration(1+e.rng.IntN(5)) * time.Minute)
	area := "servicing"
	if l.step <= 2 {
		area = "origination"
	}
	source := "urn:lender:" + area
	id := fmt.Sprintf("%s-%06d", typ, e.n)
	members := []canon.Member{
		m("specversion", text("1.0")), m("id", text(id)), m("source", text(source)), m("type", text("org.lendlog."+typ+".v1")),
		m("subject", text(l.subject)), m("time", text(e.now.Format(time.RFC3339))), m("data", canon.Map(data...)),
	}
	if e.rng.IntN(10) > 0 { // now and then the subject stands in for the party
		members = append(members, m("party", text(l.party)))
	}
	if l.last != "" {
		members = append(members, m("causationid", text(l.last)))
	}
	if e.rng.IntN(5) == 0 {
		members = append(members, m("capture", text("import")), m("sequence", text(fmt.Sprint(e.n))), m("traceparent", text("00-4bf92f")))
	}
	l.last = source + "#" + id
	e.n++
	s := sent{members: members, submitter: "key-" + area}
	if len(e.sent) < 256 {
		e.sent = append(e.sent, s)
	} else if e.rng.IntN(8) == 0 {
		e.sent[e.rng.IntN(len(e.sent))] = s
	}
	return Event{Document: canon.Map(members...).Bytes(), Submitter: s.submitter}
}

func (e *Events) money(most int) canon.Value {
	amount := fmt.Sprintf("%d.%02d", e.rng.IntN(most), e.rng.IntN(100))
	return canon.Map(m("amount", text(amount)), m("currency", text("EUR")))
}

func (e *Events) staff() canon.Value { return text(fmt.Sprintf("staff-%03d", e.rng.IntN(40))) }

func m(name string, v canon.Value) canon.Member { return canon.Member{Name: name, Value: v} }

func text(s string) canon.Value { return canon.Text(s) }
