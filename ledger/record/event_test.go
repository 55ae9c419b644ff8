// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// decision is what a lender would submit, with every attribute there is.
const decision = `{
  "specversion": "1.0",
  "id": "D-2026-000117",
  "source": "urn:lendlog:lender:5493001KJTIIGC8Y1R12:origination",
  "type": "org.lendlog.decision.made.v1",
  "subject": "file/2026-000117",
  "party": "party-5531",
  "parent": "line/line-20041",
  "time": "2026-02-02T09:14:55.12+01:00",
  "capture": "import",
  "sequence": "0000017",
  "causationid": "A-2026-000117 urn:other#S-9",
  "signature": "eyJhbGciOiJFZERTQSJ9..c2lnbmF0dXJl",
  "datacontenttype": "application/json; charset=utf-8",
  "dataschema": "https://example.com/schemas/decision.json",
  "traceid": "4bf92f3577b34da6",
  "attempt": 2,
  "retried": true,
  "data": {
    "outcome": "declined",
    "reasonCodes": ["debt-to-income", "credit-history-short"],
    "reasons": [
      {"code": "debt-to-income", "text": "Your monthly debt is high in relation to your income."},
      {"code": "credit-history-short", "text": "Your credit history is too short."}
    ],
    "decisionMode": "assisted",
    "policyId": "consumer-credit", "policyVersion": "2026.1",
    "policyHash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "modelId": "pd-consumer", "modelVersion": "4.2.0",
    "use": "live",
    "officerId": "staff-204",
    "inputs": [{"name": "debtToIncome", "value": "48.10", "from": "A-2026-000117"}, {"name": "score", "value": "612"}],
    "jurisdiction": "DE-BE",
    "legalEntity": "5493001KJTIIGC8Y1R12"
  }
}`

// plain is an event with nothing in it that could be left out.
const plain = `{"specversion":"1.0","id":"1","source":"urn:a","type":"org.lendlog.loan.closed.v1","subject":"file/1","time":"2026-01-31T09:30:00Z","data":{"reason":"paid"}}`

func TestParseEvent(t *testing.T) {
	e, err := record.ParseEvent([]byte(decision), builtin(t))
	if err != nil {
		t.Fatal(err)
	}
	text := func(name, s string) canon.Member { return canon.Member{Name: name, Value: canon.Text(s)} }
	want := &record.Event{
		ID: "D-2026-000117", Source: "urn:lendlog:lender:5493001KJTIIGC8Y1R12:origination",
		Type: "org.lendlog.decision.made.v1", Subject: "file/2026-000117", Kind: "file", SubjectID: "2026-000117",
		Party: "party-5531", Parent: "line/line-20041", Capture: record.Import, Sequence: "0000017",
		CausationID: "A-2026-000117 urn:other#S-9", Signature: "eyJhbGciOiJFZERTQSJ9..c2lnbmF0dXJl",
		Time: "2026-02-02T09:14:55.12+01:00", At: time.Date(2026, 2, 2, 8, 14, 55, 120e6, time.UTC),
		Extensions: canon.Map(
			canon.Member{Name: "attempt", Value: canon.Number(2)},
			text("capture", "import"),
			text("datacontenttype", "application/json; charset=utf-8"),
			text("dataschema", "https://example.com/schemas/decision.json"),
			canon.Member{Name: "retried", Value: canon.Flag(true)},
			text("traceid", "4bf92f3577b34da6"),
		),
	}
	want.Data, _ = parseValue(t, decision).Get("data")
	got := *e
	got.Schema = nil
	if diff := cmp.Diff(want, &got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if e.Schema == nil || e.Schema.Type != e.Type {
		t.Error("the event lacks its schema")
	}
	if diff := cmp.Diff(string(parseValue(t, decision).Bytes()), string(e.Document().Bytes())); diff != "" {
		t.Errorf("the document is not the event again (-want +got):\n%s", diff)
	}
}

func TestDocumentGivesEqualEvent(t *testing.T) {
	cat := builtin(t)
	for _, doc := range []string{decision, plain} {
		e, err := record.ParseEvent([]byte(doc), cat)
		if err != nil {
			t.Fatal(err)
		}
		again, err := record.NewEvent(e.Document(), cat)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, again, cmp.Comparer(func(a, b *record.Schema) bool { return a == b })); diff != "" {
			t.Errorf("it changes on the way (-before +after):\n%s", diff)
		}
	}
}

func TestPlainEvent(t *testing.T) {
	e, err := record.ParseEvent([]byte(plain), builtin(t))
	if err != nil {
		t.Fatal(err)
	}
	if e.Party+e.Parent+e.Capture+e.Sequence+e.CausationID+e.Signature != "" {
		t.Errorf("attributes out of nowhere: %+v", e)
	}
	if e.Extensions.Kind != canon.Object || e.Extensions.Members != nil {
		t.Errorf("extensions out of nowhere: %+v", e.Extensions)
	}
	for range e.Causes() {
		t.Error("a cause out of nowhere")
	}
	var present []string
	for _, p := range e.Schema.Pointers() {
		if _, ok := e.Member(p); ok {
			present = append(present, p)
		}
	}
	if diff := cmp.Diff([]string{"/id", "/source", "/subject"}, present); diff != "" {
		t.Errorf("present members (-want +got):\n%s", diff)
	}
}

// CloudEvents lets a producer spell an absent attribute as null.
func TestNullIsAbsent(t *testing.T) {
	cat := builtin(t)
	with := strings.Replace(plain, `"id"`, `"party":null,"capture":null,"data_base64":null,"traceid":null,"time2":null,"id"`, 1)
	e, err := record.ParseEvent([]byte(with), cat)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(e.Document().Bytes()); got != string(parseValue(t, plain).Bytes()) {
		t.Errorf("the document holds more than the event: %s", got)
	}
}

func TestMember(t *testing.T) {
	e, err := record.ParseEvent([]byte(decision), builtin(t))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"/causationid": `"A-2026-000117 urn:other#S-9"`,
		"/extensions": `{"attempt":2,"capture":"import","datacontenttype":"application/json; charset=utf-8",` +
			`"dataschema":"https://example.com/schemas/decision.json","retried":true,"traceid":"4bf92f3577b34da6"}`,
		"/id":             `"D-2026-000117"`,
		"/parent":         `"line/line-20041"`,
		"/party":          `"party-5531"`,
		"/sequence":       `"0000017"`,
		"/signature":      `"eyJhbGciOiJFZERTQSJ9..c2lnbmF0dXJl"`,
		"/source":         `"urn:lendlog:lender:5493001KJTIIGC8Y1R12:origination"`,
		"/subject":        `"file/2026-000117"`,
		"/data/officerId": `"staff-204"`,
		"/data/inputs":    `[{"from":"A-2026-000117","name":"debtToIncome","value":"48.10"},{"name":"score","value":"612"}]`,
		"/data/reasons": `[{"code":"debt-to-income","text":"Your monthly debt is high in relation to your income."},` +
			`{"code":"credit-history-short","text":"Your credit history is too short."}]`,
	}
	got := make(map[string]string)
	for _, p := range e.Schema.Pointers() {
		if v, ok := e.Member(p); ok {
			got[p] = string(v.Bytes())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	for _, p := range []string{"", "/", "/refs", "/submitter", "/time", "/type", "/specversion", "/data", "/data/", "/data/none"} {
		if v, ok := e.Member(p); ok {
			t.Errorf("Member(%q) = %s", p, v.Bytes())
		}
	}
}

func TestCauses(t *testing.T) {
	for _, tt := range []struct {
		causationid string
		want        []string
	}{
		{"A-1", []string{"urn:a A-1"}},
		{"A-1 A-2", []string{"urn:a A-1", "urn:a A-2"}},
		{"urn:b#A-1 A-2", []string{"urn:b A-1", "urn:a A-2"}},
		{"https://b/#part#A-1", []string{"https://b/#part A-1"}},
	} {
		doc := strings.Replace(plain, `"id"`, `"causationid":"`+tt.causationid+`","id"`, 1)
		e, err := record.ParseEvent([]byte(doc), builtin(t))
		if err != nil {
			t.Fatalf("%s: %v", tt.causationid, err)
		}
		var got []string
		for source, id := range e.Causes() {
			got = append(got, source+" "+id)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("causes (-want +got):\n%s", diff)
		}
		for range e.Causes() {
			break // must not go on behind the caller's back
		}
	}
}

func TestParseEventRefuses(t *testing.T) {
	cat := builtin(t)
	edit := func(name, value string) string {
		doc := parseValue(t, plain)
		var m []canon.Member
		for _, x := range doc.Members {
			if x.Name != name {
				m = append(m, x)
			}
		}
		text := string(canon.Map(m...).Bytes())
		if value != "" {
			text = text[:len(text)-1] + `,"` + name + `":` + value + "}"
		}
		return text
	}
	long := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	manyExtensions := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"x%d":"",`, i)
		}
		return "{" + b.String() + plain[1:]
	}
	for _, tt := range []struct {
		name, doc string
		want      []string // nil: accepted
	}{
		{"syntax", `{"specversion":"1.0",}`, []string{" syntax"}},
		{"fraction in data", edit("data", `{"reason":"paid","balance":{"amount":1.5,"currency":"EUR"}}`), []string{"/data/balance/amount syntax"}},
		{"duplicate member", `{"id":"1",` + plain[1:], []string{"/id syntax"}},
		{"too large", plain + strings.Repeat(" ", record.MaxEvent), []string{" size"}},
		{"as large as can be", plain + strings.Repeat(" ", record.MaxEvent-len(plain)), nil},
		{"batch", `[` + plain + `]`, []string{" type"}},
		{"nothing in it", `{}`, []string{"/id required", "/source required", "/type required", "/subject required", "/time required", "/specversion required", "/data required"}},

		{"no version", edit("specversion", ""), []string{"/specversion required"}},
		{"other version", edit("specversion", `"1.1"`), []string{"/specversion const"}},
		{"version that is a number", edit("specversion", `1`), []string{"/specversion const"}},

		{"no id", edit("id", ""), []string{"/id required"}},
		{"null id", edit("id", "null"), []string{"/id required"}},
		{"empty id", edit("id", `""`), []string{"/id length"}},
		{"id that is a number", edit("id", `17`), []string{"/id type"}},
		{"longest id", edit("id", long(256)), nil},
		{"id too long", edit("id", long(257)), []string{"/id length"}},
		{"id too long in bytes", edit("id", `"`+strings.Repeat("é", 129)+`"`), []string{"/id length"}},
		{"id with a space", edit("id", `"a b"`), nil},
		{"id with C0", edit("id", `"a\u0000"`), []string{"/id character"}},
		{"id with a line feed", edit("id", `"a\nb"`), []string{"/id character"}},
		{"id with DEL", edit("id", `"\u007f"`), []string{"/id character"}},
		{"id with C1", edit("id", `"\u0085"`), []string{"/id character"}},
		{"id with U+2028", edit("id", `"\u2028"`), []string{"/id character"}},
		{"id with U+2029", edit("id", `"\u2029"`), []string{"/id character"}},
		{"id with U+00A0 and U+FFFD", edit("id", `"\u00a0\ufffd"`), nil},
		{"id in NFC", edit("id", `"\u00e9"`), nil},
		{"id not in NFC", edit("id", `"e\u0301"`), []string{"/id character"}},
		{"id in other characters", edit("id", `"決定-😀"`), nil},

		{"no source", edit("source", ""), []string{"/source required"}},
		{"source not in NFC", edit("source", `"urn:\u212b"`), []string{"/source character"}},
		{"source too long", edit("source", long(257)), []string{"/source length"}},

		{"no type", edit("type", ""), []string{"/type required"}},
		{"unknown type", edit("type", `"org.lendlog.loan.closed.v2"`), []string{"/type unknown-type"}},
		{"type in capitals", edit("type", `"org.lendlog.Loan.closed.v1"`), []string{"/type unknown-type"}},
		{"type of the ledger's own", edit("type", `"org.lendlog.genesis.v1"`), []string{"/type reserved-type"}},
		{"outer form", edit("type", `"org.lendlog.restricted.v1"`), []string{"/type reserved-type"}},

		{"no subject", edit("subject", ""), []string{"/subject required"}},
		{"subject without a kind", edit("subject", `"1"`), []string{"/subject subject"}},
		{"subject without an id", edit("subject", `"file/"`), []string{"/subject subject"}},
		{"subject of no kind", edit("subject", `"/1"`), []string{"/subject subject"}},
		{"subject of an unknown kind", edit("subject", `"loan/1"`), []string{"/subject subject"}},
		{"subject in capitals", edit("subject", `"File/1"`), []string{"/subject subject"}},
		{"subject that does not go with the type", edit("subject", `"line/1"`), []string{"/subject subject"}},
		{"subject with slashes", edit("subject", `"file/a/b"`), nil},
		{"subject too long", edit("subject", `"file/`+strings.Repeat("x", 252)+`"`), []string{"/subject length"}},
		{"subject with a control character", edit("subject", `"file/a\tb"`), []string{"/subject character"}},

		{"empty party", edit("party", `""`), []string{"/party length"}},
		{"party not in NFC", edit("party", `"o\u0308"`), []string{"/party character"}},
		{"parent that is no subject", edit("parent", `"line-1"`), []string{"/parent subject"}},
		{"parent of any kind", edit("parent", `"portfolio/1"`), nil},

		{"no time", edit("time", ""), []string{"/time required"}},
		{"time without zone", edit("time", `"2026-01-31T09:30:00"`), []string{"/time format"}},
		{"time in lower case", edit("time", `"2026-01-31t09:30:00z"`), []string{"/time format"}},
		{"time with ten digits", edit("time", `"2026-01-31T09:30:00.1234567891Z"`), []string{"/time format"}},
		{"time with nine digits", edit("time", `"2026-01-31T09:30:00.123456789Z"`), nil},
		{"leap second", edit("time", `"2016-12-31T23:59:60Z"`), []string{"/time format"}},
		{"day that is none", edit("time", `"2026-02-29T00:00:00Z"`), []string{"/time format"}},
		{"time as a number", edit("time", `1769851800`), []string{"/time format"}},

		{"live", edit("capture", `"live"`), nil},
		{"late", edit("capture", `"late"`), []string{"/capture enum"}},
		{"other capture", edit("capture", `"manual"`), []string{"/capture enum"}},
		{"capture that is no text", edit("capture", `true`), []string{"/capture enum"}},

		{"sequence as a number", edit("sequence", `17`), []string{"/sequence type"}},
		{"longest sequence", edit("sequence", long(1024)), nil},
		{"sequence too long", edit("sequence", long(1025)), []string{"/sequence length"}},
		{"signature too long", edit("signature", long(8193)), []string{"/signature length"}},
		{"longest signature", edit("signature", long(8192)), nil},
		{"two spaces between causes", edit("causationid", `"a  b"`), []string{"/causationid format"}},
		{"space after the last cause", edit("causationid", `"a "`), []string{"/causationid format"}},
		{"cause without source", edit("causationid", `"#a"`), []string{"/causationid format"}},
		{"cause without id", edit("causationid", `"urn:a#"`), []string{"/causationid format"}},
		{"causes on two lines", edit("causationid", `"a\nb"`), []string{"/causationid character"}},
		{"causes too long", edit("causationid", long(1025)), []string{"/causationid length"}},

		{"content type", edit("datacontenttype", `"application/json"`), nil},
		{"content type in capitals", edit("datacontenttype", `"Application/JSON ; charset=UTF-8"`), nil},
		{"other content type", edit("datacontenttype", `"application/xml"`), []string{"/datacontenttype attribute"}},
		{"content type that is longer", edit("datacontenttype", `"application/jsonl"`), []string{"/datacontenttype attribute"}},
		{"empty content type", edit("datacontenttype", `""`), []string{"/datacontenttype attribute"}},
		{"content type that is no text", edit("datacontenttype", `1`), []string{"/datacontenttype type"}},
		{"binary data", edit("data_base64", `"e30="`), []string{"/data_base64 attribute"}},
		{"empty dataschema", edit("dataschema", `""`), []string{"/dataschema length"}},

		{"extension in capitals", edit("traceId", `"x"`), []string{"/traceId attribute"}},
		{"attribute in capitals", edit("Party", `"x"`), []string{"/Party attribute"}},
		{"extension with a hyphen", edit("trace-id", `"x"`), []string{"/trace-id attribute"}},
		{"longest name", edit(strings.Repeat("x", 20), `"x"`), nil},
		{"name too long", edit(strings.Repeat("x", 21), `"x"`), []string{"/" + strings.Repeat("x", 21) + " attribute"}},
		{"empty name", edit("", `"x"`), []string{"/ attribute"}},
		{"empty extension", edit("traceid", `""`), nil},
		{"longest extension", edit("traceid", long(1024)), nil},
		{"extension too long", edit("traceid", long(1025)), []string{"/traceid length"}},
		{"extension with a control character", edit("traceid", `"\u0007"`), []string{"/traceid character"}},
		{"extension that is an object", edit("traceid", `{}`), []string{"/traceid type"}},
		{"extension that is a list", edit("traceid", `["x"]`), []string{"/traceid type"}},
		{"32 extensions", manyExtensions(32), nil},
		{"33 extensions", manyExtensions(33), []string{" attribute"}},

		{"no data", edit("data", ""), []string{"/data required"}},
		{"null data", edit("data", `null`), []string{"/data required"}},
		{"data that is text", edit("data", `"x"`), []string{"/data type"}},
		{"data that lacks a member", edit("data", `{}`), []string{"/data/reason required"}},
		{"data with an unknown member", edit("data", `{"reason":"paid","x":1}`), []string{"/data/x unknown-member"}},
		{"all at once", `{"specversion":"1","id":"","source":1,"type":"org.lendlog.loan.closed.v1","subject":"x","time":"now","data":{"reason":1}}`,
			[]string{"/id length", "/source type", "/specversion const", "/time format", "/subject subject", "/data/reason type"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := record.ParseEvent([]byte(tt.doc), cat)
			if (e == nil) != (err != nil) {
				t.Fatalf("an event and an error, or neither: %v, %v", e, err)
			}
			if got := places(err); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}

// Text that does not come from Parse, such as the headers of binary mode, may
// be anything.
func TestNewEventRefusesInvalidUTF8(t *testing.T) {
	doc := parseValue(t, plain)
	for i := range doc.Members {
		if doc.Members[i].Name == "id" {
			doc.Members[i].Value = canon.Text("\xff")
		}
	}
	_, err := record.NewEvent(doc, builtin(t))
	if diff := cmp.Diff([]string{"/id character"}, places(err)); diff != "" {
		t.Error(diff)
	}
}

func TestEventErrorsSayWhatToDo(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{`org.lendlog.loan.closed.v1`, `org.lendlog.loan.paid.v1`, "/type is not a type of this ledger; see GET /v1/types or `lendlog types`"},
		{`"id"`, `"capture":"late","id"`, "/capture is set to late by the ledger itself, by its own clock; leave it out or send live or import"},
		{`"time":"2026-01-31T09:30:00Z",`, ``, "/time is required; add it"},
		{`{"reason":"paid"}}`, `{"reason":1.5}}`, "/data/reason is a number with a fraction or an exponent; write decimals as strings (byte 149)"},
	} {
		_, err := record.ParseEvent([]byte(strings.Replace(plain, tt.old, tt.new, 1)), builtin(t))
		if err == nil || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}

// No part of an event finds its way into the error that refuses it.
func TestEventErrorsHoldNoValues(t *testing.T) {
	const secret = "Muster"
	cat := builtin(t)
	doc := parseValue(t, decision)
	for i := range doc.Members {
		for _, bad := range []canon.Value{canon.Text(secret + "\n"), canon.List(canon.Text(secret)), canon.Text(strings.Repeat(secret, 2000))} {
			members := slices.Clone(doc.Members)
			members[i].Value = bad
			e, err := record.NewEvent(canon.Map(members...), cat)
			if err == nil {
				t.Errorf("%s may be anything: %v", members[i].Name, e)
			} else if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", members[i].Name, err)
			}
		}
	}
}

func TestOwnEvents(t *testing.T) {
	cat := builtin(t)
	for _, s := range cat.All() {
		kind := s.SubjectKinds[0]
		if kind == "*" {
			kind = "file"
		}
		doc := func(kind string) canon.Value {
			text := func(name, s string) canon.Member { return canon.Member{Name: name, Value: canon.Text(s)} }
			return canon.Map(text("specversion", "1.0"), text("id", "1"), text("source", "urn:a"), text("type", s.Type),
				text("subject", kind+"/1"), text("time", "2026-01-31T09:30:00Z"), canon.Member{Name: "data", Value: s.Examples[0]})
		}
		right, wrong := record.NewEvent, record.NewOwnEvent
		if s.Own {
			right, wrong = wrong, right
		}
		if e, err := right(doc(kind), cat); err != nil || e.Schema != s {
			t.Errorf("%s: %v", s.Type, err)
		}
		if _, err := wrong(doc(kind), cat); !slices.Equal(places(err), []string{"/type reserved-type"}) {
			t.Errorf("%s may be appended by the wrong hand: %v", s.Type, err)
		}
		if _, err := right(doc("staff"), cat); !s.GoesWith("staff") && !slices.Equal(places(err), []string{"/subject subject"}) {
			t.Errorf("%s goes with any subject: %v", s.Type, err)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	cat := builtin(f)
	oracles := make(map[string]*oracle)
	for _, s := range cat.All() {
		o, err := newOracle(s.Text)
		if err != nil {
			f.Fatal(err)
		}
		oracles[s.Type] = o
		for _, e := range s.Examples {
			f.Add([]byte(strings.Replace(strings.Replace(plain, "org.lendlog.loan.closed.v1", s.Type, 1), `{"reason":"paid"}`, string(e.Bytes()), 1)))
		}
	}
	f.Add([]byte(decision))
	f.Add([]byte(strings.Replace(plain, `"id"`, `"party":null,"traceid":1,"causationid":"a b#c","id"`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := record.ParseEvent(b, cat)
		if err != nil {
			var vs record.Violations
			if !errors.As(err, &vs) || len(vs) == 0 || len(vs) > record.MaxViolations || e != nil {
				t.Fatalf("%v, %v", e, err)
			}
			return
		}
		if !oracles[e.Type].valid(t, e.Data) {
			t.Fatalf("the oracle refuses the data %s", e.Data.Bytes())
		}
		again, err := record.NewEvent(e.Document(), cat)
		if err != nil {
			t.Fatalf("the document of an event is no event: %v", err)
		}
		if diff := cmp.Diff(e, again, cmp.Comparer(func(a, b *record.Schema) bool { return a == b })); diff != "" {
			t.Fatalf("it changes on the way:\n%s", diff)
		}
		if e.Kind+"/"+e.SubjectID != e.Subject || e.SubjectID == "" {
			t.Fatalf("subject %q is split into %q and %q", e.Subject, e.Kind, e.SubjectID)
		}
		if at, err := time.Parse(time.RFC3339Nano, e.Time); err != nil || !at.Equal(e.At) {
			t.Fatalf("time %q is read as %v", e.Time, e.At)
		}
		if n := 0; e.CausationID != "" {
			for source, id := range e.Causes() {
				if n++; source == "" || id == "" {
					t.Fatalf("causationid %q names nothing", e.CausationID)
				}
			}
			if n == 0 {
				t.Fatalf("causationid %q has no causes", e.CausationID)
			}
		}
	})
}

func BenchmarkParseEvent(b *testing.B) {
	cat := builtin(b)
	doc := parseValue(b, decision).Bytes()
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := record.ParseEvent(doc, cat); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	e, err := record.ParseEvent([]byte(decision), builtin(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if vs := e.Schema.Check(e.Data); vs != nil {
			b.Fatal(vs)
		}
	}
}

// What Check is there to be faster than.
func BenchmarkCheckByOracle(b *testing.B) {
	e, err := record.ParseEvent([]byte(decision), builtin(b))
	if err != nil {
		b.Fatal(err)
	}
	o, err := newOracle(e.Schema.Text)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !o.valid(b, e.Data) {
			b.Fatal("not valid")
		}
	}
}

// An event of a type that comes with the program, of which the ledger has no
// schema yet, is told apart from one of a type that nobody knows.
func TestUnregisteredType(t *testing.T) {
	for typ, says := range map[string]string{
		"org.lendlog.loan.closed.v1": "types add --builtin",
		"org.lendlog.loan.opened.v9": "is not a type of this ledger;",
	} {
		doc := `{"specversion":"1.0","id":"1","source":"urn:test","type":"` + typ + `","subject":"file/1","time":"2026-03-01T10:00:00Z","data":{}}`
		_, err := record.ParseEvent([]byte(doc), new(record.Catalogue))
		if got := places(err); !slices.Equal(got, []string{"/type unknown-type"}) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}
