// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/hex"
	"iter"
	"math/rand/v2"
	"strconv"
	"time"
)

// Events makes synthetic lending events of one submitter: files that are
// applied for, decided on, signed, disbursed and paid back, lines with their
// statements, and what goes wrong with either. One event in ten is the first
// of a new subject; every other one continues any of those still open, so
// that a ledger of n records has n/10 subjects and no working set that is
// smaller. Ids, names and hashes are random, as they are in life. The same
// seed and submitter give the same events.
type Events struct {
	rng       *rand.Rand
	seed      uint64
	source    string
	now       time.Time // business time of the next event
	made      uint64    // events
	subjects  uint64
	open      []story
	doc       []byte
	cents     int64 // of the event being made, so that its amounts fit together
	committed int   // bytes of the event being made that end a member
}

// A story is a subject that goes on.
type story struct {
	subject uint64
	party   uint64
	last    uint64 // number of its last event
	step    uint8
}

// NewEvents returns the events of a submitter.
func NewEvents(seed uint64, submitter int) *Events {
	seed = mix(seed<<16 | uint64(submitter))
	return &Events{
		rng: rand.New(rand.NewPCG(seed, 1)), seed: seed,
		source: "urn:synthetic:" + lei + ":core-" + strconv.Itoa(submitter),
		now:    time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC),
	}
}

// Take returns the next n events.
func (e *Events) Take(n int) [][]byte {
	docs := make([][]byte, n)
	arena := make([]byte, 0, n*eventBytes)
	for i := range docs {
		e.next()
		if len(arena)+len(e.doc) > cap(arena) {
			arena = make([]byte, 0, max((n-i)*eventBytes, len(e.doc)))
		}
		at := len(arena)
		arena = append(arena, e.doc...)
		docs[i] = arena[at:len(arena):len(arena)]
	}
	return docs
}

// all yields events without end. What it yields is valid until the next.
func (e *Events) all() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			if e.next(); !yield(e.doc) {
				return
			}
		}
	}
}

// Subjects returns how many subjects the events so far are about.
func (e *Events) Subjects() uint64 { return e.subjects }

// Subject returns the kind and id of a subject: 0, 1, 2 …
func (e *Events) Subject(n uint64) (kind, id string) {
	h := mix(e.seed ^ n<<1)
	kind = "file"
	if h%10 < 3 {
		kind = "line"
	}
	return kind, kind[:1] + "-" + strconv.FormatUint(h, 36)
}

const (
	eventBytes = 800 // about
	lei        = "5493001KJTIIGC8Y1R12"
)

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// next makes e.doc the next event.
func (e *Events) next() {
	if len(e.open) == 0 || e.rng.IntN(10) == 0 {
		s := story{subject: e.subjects, party: e.subjects}
		if e.rng.IntN(6) == 0 { // somebody who has been here before
			s.party = e.rng.Uint64N(e.subjects + 1)
		}
		e.subjects++
		e.open = append(e.open, s)
		e.advance(len(e.open) - 1)
		return
	}
	e.advance(e.rng.IntN(len(e.open)))
}

// The steps of a file; a line has only its first one. What is paid back or
// drawn on stays at servicing.
const (
	applied = iota
	decided
	signed
	disbursed
	servicing
	declined
)

// advance makes the next event of a story.
func (e *Events) advance(i int) {
	s := &e.open[i]
	kind, _ := e.Subject(s.subject)
	e.cents = 1000 + e.rng.Int64N(5_000_000)
	step := s.step
	s.step++
	over := false
	switch {
	case step == applied && kind == "line":
		e.begin(s, "line.opened")
		e.text("lineId", "L-"+e.token(10)).money("limit", 100*e.cents).text("openedDate", e.day())
		e.code("product", "credit-card", "overdraft", "revolving").profile("holderProfile")
		s.step = servicing
	case step == applied:
		e.begin(s, "application.received")
		e.text("applicationId", "A-"+e.token(10)).text("applicationDate", e.day())
		e.code("channel", "web", "mobile", "branch", "partner").code("product", "instalment-loan", "mortgage", "car-loan")
		e.money("loanAmount", e.cents).number("termMonths", 12+12*e.rng.Int64N(6)).money("income", 2*e.cents)
		e.code("loanPurpose", "debt_consolidation", "car", "home improvement", "moving").text("debtToIncome", e.rate())
		e.text("postalCode", strconv.Itoa(10000+e.rng.IntN(90000)))
		if e.rng.IntN(6) == 0 {
			e.text("coApplicantId", e.party(e.rng.Uint64())).money("coApplicantIncome", e.cents)
		} else {
			e.profile("applicantProfile")
		}
	case step == decided:
		e.begin(s, "decision.made")
		if e.rng.IntN(4) == 0 {
			s.step = declined
			e.text("outcome", "declined").raw("reasonCodes", `["debt-to-income","credit-history-short"]`)
		} else {
			e.text("outcome", "approved").money("decidedAmount", e.cents).text("decidedRate", e.rate())
		}
		e.code("decisionMode", "automated", "assisted", "manual").text("policyId", "consumer-credit").text("policyVersion", "2026.1")
		e.text("policyHash", e.hash()).text("modelId", "pd-retail").text("modelHash", e.hash()).text("officerId", e.staff())
	case step == signed:
		e.begin(s, "contract.signed")
		e.text("contractId", "C-"+e.token(10)).text("signedDate", e.day()).money("principal", e.cents)
		e.text("nominalRate", e.rate()).text("annualPercentageRate", e.rate()).number("termMonths", 36)
		e.money("installment", e.cents/36).text("documentHash", e.hash())
	case step == disbursed:
		e.begin(s, "loan.disbursed")
		e.text("loanId", "L-"+e.token(10)).money("amount", e.cents).text("valueDate", e.day()).text("method", "transfer")
		e.text("payeeAccountToken", "acct-"+e.token(20)).text("endToEndId", e.token(26))
	case step == declined:
		e.begin(s, "adverse-action.noticed")
		e.text("decisionRef", e.id(s.last)).code("channel", "mail", "email").text("templateId", "decline-consumer").text("templateHash", e.hash())
		e.raw("reasonCodes", `["debt-to-income","credit-history-short"]`).text("contentHash", e.hash()).text("locale", "en-GB").raw("ecoaNotice", "true")
		over = true
	default:
		s.step = servicing
		over = e.service(s, kind)
	}
	e.doc = append(e.doc, `,"jurisdiction":"DE-BE","legalEntity":"`+lei+`"}}`...)
	s.last = e.made
	e.made++
	if over {
		e.open[i] = e.open[len(e.open)-1]
		e.open = e.open[:len(e.open)-1]
	}
}

// service makes one of the events of a loan or line in use, and reports
// whether it is the last.
func (e *Events) service(s *story, kind string) (over bool) {
	switch p := e.rng.IntN(1000); {
	case p < 1: // about another subject: its kind must not show
		of := story{subject: s.subject, party: s.party, last: s.last}
		e.head(&of, "case.opened", "case", "k-"+e.token(12))
		e.code("caseKind", "suspicious-report", "fraud").text("narrative", "Several cash payments just below the threshold. "+e.token(60)).text("assigneeId", e.staff())
		_, id := e.Subject(s.subject)
		e.raw("relatedSubjects", `["`+kind+"/"+id+`"]`)
	case p < 11:
		e.begin(s, "complaint.opened")
		e.text("complaintId", "CMP-"+e.token(8)).text("category", "Debt collection").text("issue", "Attempts to collect debt not owed")
		e.code("channel", "phone", "web", "mail").text("narrative", "They called me about a loan that I have paid off, and again on the next day. "+e.token(120))
	case p < 26:
		e.begin(s, "record.corrected")
		e.text("target", e.id(s.last)).text("reason", "The bank reported the wrong value date.").text("reasonCode", "source-error")
		e.raw("members", `[{"pointer":"/data/valueDate","value":"\"2026-03-05\""}]`)
		e.text("requesterId", e.staff()).text("approverId", e.staff())
	case p < 90:
		e.begin(s, "delinquency.changed")
		e.text("period", e.month()).number("monthsPastDue", e.rng.Int64N(4)).number("daysPastDue", e.rng.Int64N(120))
		e.text("accountStatus", "71").text("paymentRating", "1").money("pastDue", e.cents/36).text("asOf", e.day())
	case p < 100 && kind == "file":
		e.begin(s, "loan.closed")
		e.code("reason", "paid", "refinanced", "sold").text("closedDate", e.day()).money("balance", 0)
		return true
	case p < 550 && kind == "line":
		e.begin(s, "statement.issued")
		e.text("period", e.month()).money("balance", e.cents).money("due", e.cents).money("minimumDue", e.cents/10)
		e.text("dueDate", e.day()).text("statementDate", e.day())
	default:
		e.begin(s, "payment.received")
		e.text("paymentId", "P-"+e.token(12)).money("amount", e.cents/36).money("principal", e.cents/40).money("interest", e.cents/36-e.cents/40)
		e.money("fees", 0).money("balance", e.cents).text("valueDate", e.day()).code("method", "direct-debit", "transfer", "card").text("period", e.month())
		e.money("penalty", 0).text("repaymentType", "1")
	}
	return false
}

// begin begins an event of a story: all up to its data.
func (e *Events) begin(s *story, typ string) {
	kind, id := e.Subject(s.subject)
	e.head(s, typ, kind, id)
}

func (e *Events) head(s *story, typ, kind, id string) {
	e.now = e.now.Add(time.Duration(e.rng.IntN(1000)) * time.Millisecond)
	d := append(e.doc[:0], `{"specversion":"1.0","id":"`...)
	d = append(d, e.id(e.made)...)
	d = append(append(d, `","source":"`...), e.source...)
	d = append(append(d, `","type":"org.lendlog.`...), typ...)
	d = append(append(append(append(d, `.v1","subject":"`...), kind...), '/'), id...)
	d = append(append(d, `","party":"`...), e.party(s.party)...)
	d = e.now.AppendFormat(append(d, `","time":"`...), time.RFC3339Nano)
	if s.last > 0 {
		d = append(append(d, `","causationid":"`...), e.source...)
		d = append(append(d, '#'), e.id(s.last)...)
	}
	e.doc = append(d, `","datacontenttype":"application/json","data":{`...)
	e.committed = len(e.doc)
}

// id returns the id of an event by its number.
func (e *Events) id(n uint64) string {
	var b [16]byte
	a, c := mix(e.seed+2*n), mix(e.seed-2*n-1)
	for i := range 8 {
		b[i], b[8+i] = byte(a>>(8*i)), byte(c>>(8*i))
	}
	return hex.EncodeToString(b[:])
}

func (e *Events) party(n uint64) string {
	return "party-" + strconv.FormatUint(mix(e.seed^0xacc^n<<8), 36)
}

func (e *Events) name(name string) []byte {
	if len(e.doc) > e.committed {
		e.doc = append(e.doc, ',')
	}
	return append(append(append(e.doc, '"'), name...), `":`...)
}

func (e *Events) raw(name, json string) *Events {
	e.doc = append(e.name(name), json...)
	return e
}

func (e *Events) text(name, s string) *Events {
	e.doc = append(append(append(e.name(name), '"'), s...), '"')
	return e
}

func (e *Events) code(name string, codes ...string) *Events {
	return e.text(name, codes[e.rng.IntN(len(codes))])
}

func (e *Events) number(name string, n int64) *Events {
	e.doc = strconv.AppendInt(e.name(name), n, 10)
	return e
}

func (e *Events) money(name string, cents int64) *Events {
	d := strconv.AppendInt(append(e.name(name), `{"amount":"`...), cents/100, 10)
	e.doc = append(append(d, '.', byte('0'+cents/10%10), byte('0'+cents%10)), `","currency":"EUR"}`...)
	return e
}

func (e *Events) profile(name string) *Events {
	return e.raw(name, `{"name":"`+e.word()+" "+e.word()+`-Müller","employer":"`+e.word()+` GmbH","town":"`+e.word()+`"}`)
}

func (e *Events) rate() string {
	return strconv.Itoa(2+e.rng.IntN(12)) + "." + strconv.Itoa(10+e.rng.IntN(90))
}

func (e *Events) day() string   { return e.now.AddDate(0, 0, e.rng.IntN(300)).Format(time.DateOnly) }
func (e *Events) month() string { return e.day()[:7] }
func (e *Events) staff() string { return "staff-" + strconv.Itoa(e.rng.IntN(400)) }

func (e *Events) hash() string {
	var b [32]byte
	for i := range b {
		b[i] = byte(e.rng.Uint32())
	}
	return hex.EncodeToString(b[:])
}

// token returns n letters and digits.
func (e *Events) token(n int) string { return e.letters("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", n) }

// word returns a name.
func (e *Events) word() string {
	return e.letters("ABCDEFGHIJKLMNOPRSTUVWZ", 1) + e.letters("aeiourstnlmhkd", 4+e.rng.IntN(6))
}

func (e *Events) letters(of string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = of[e.rng.IntN(len(of))]
	}
	return string(b)
}
