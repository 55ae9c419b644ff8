// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/tree"
)

func TestVerifyReceipt(t *testing.T) {
	w := newWorld(t)
	for i := range 4 {
		rc := w.receipt(i)
		wantVerdict(t, proof.VerifyReceipt(&w.trust, rc, w.records[i].event), proof.Valid, "", "")
		if err := rc.Match(w.records[i].event); err != nil {
			t.Error(err)
		}
		r := proof.VerifyReceipt(&w.trust, rc, nil)
		wantVerdict(t, r, proof.Valid, "", "")
		if !slices.ContainsFunc(r.Checks, func(c proof.Check) bool { return c.Name == "event" && c.Result == proof.Note }) {
			t.Error("nothing says that no event was given")
		}
		again, err := proof.ParseReceipt(rc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rc, again); diff != "" {
			t.Errorf("a receipt is read as another (-want +got):\n%s", diff)
		}
	}
}

// What the ledger, or somebody on the way, can do to a receipt.
func TestVerifyReceiptAltered(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name         string
		index        int
		alter        func(*proof.Receipt)
		verdict      proof.Verdict
		check, words string
	}{
		{"nothing", 2, func(*proof.Receipt) {}, proof.Valid, "", ""},
		{"nothing at all", 2, func(rc *proof.Receipt) { *rc = proof.Receipt{} }, proof.Invalid, "checkpoint", ""},
		{"no proof", 2, func(rc *proof.Receipt) { rc.Proof = nil }, proof.Incomplete, "inclusion", "no inclusion proof"},
		{"an empty proof", 2, func(rc *proof.Receipt) { rc.Proof = []tree.Hash{} }, proof.Invalid, "inclusion", ""},
		{"no proof, beyond the checkpoint", 2, func(rc *proof.Receipt) { rc.Proof, rc.Index = nil, 5 }, proof.Invalid, "inclusion", "5 records only"},
		{"no proof, no entry", 2, func(rc *proof.Receipt) { rc.Proof, rc.Entry = nil, []byte("{}") }, proof.Invalid, "entry", ""},
		{"no proof, another entry", 2, func(rc *proof.Receipt) { rc.Proof = nil; replace(&rc.Entry, "approved", "declined") }, proof.Invalid, "event", "open members"},
		{"another proof", 2, func(rc *proof.Receipt) { rc.Proof = w.receipt(3).Proof }, proof.Invalid, "inclusion", ""},
		{"another index", 2, func(rc *proof.Receipt) { rc.Index = 3 }, proof.Invalid, "inclusion", ""},
		{"another record", 2, func(rc *proof.Receipt) { *rc = *w.receipt(1) }, proof.Invalid, "event", "type or time"},
		{"an index-root", 2, func(rc *proof.Receipt) {
			rc.Index, rc.Entry, rc.Proof = 4, w.leaves[4], w.small().Prove(4)
		}, proof.Invalid, "entry", "not of an index-root"},
		{"a restricted record", 2, func(rc *proof.Receipt) { *rc = *w.receipt(3) }, proof.Invalid, "event", "type or time"},
		{"restricted by word only", 2, func(rc *proof.Receipt) { rc.Restricted = &proof.Restricted{Submitter: submitter} }, proof.Invalid, "format", "open record"},
		{"no seeds", 2, func(rc *proof.Receipt) { rc.Seeds = nil }, proof.Incomplete, "event", "lacks the seed"},
		{"a seed missing", 2, func(rc *proof.Receipt) { delete(rc.Seeds, "staff") }, proof.Incomplete, "event", "lacks the seed of the key group staff"},
		{"a seed too many", 2, func(rc *proof.Receipt) { rc.Seeds["institution"] = seal.Seed{} }, proof.Invalid, "event", "key group that its type does not have"},
		{"another seed", 2, func(rc *proof.Receipt) { rc.Seeds["staff"] = seal.Seed{} }, proof.Invalid, "event", "sealed members"},
		{"seeds exchanged", 2, func(rc *proof.Receipt) {
			rc.Seeds["staff"], rc.Seeds["party"] = rc.Seeds["party"], rc.Seeds["staff"]
		}, proof.Invalid, "event", "sealed members"},

		{"restricted: nothing", 3, func(*proof.Receipt) {}, proof.Valid, "", ""},
		{"restricted: not said", 3, func(rc *proof.Receipt) { rc.Restricted = nil }, proof.Incomplete, "event", "member restricted"},
		{"restricted: another submitter", 3, func(rc *proof.Receipt) { rc.Restricted.Submitter = "branches" }, proof.Invalid, "event", "sealed members"},
		{"restricted: other refs", 3, func(rc *proof.Receipt) { rc.Restricted.Refs = []int64{1} }, proof.Invalid, "event", "sealed members"},
		{"restricted: no refs", 3, func(rc *proof.Receipt) { rc.Restricted.Refs = nil }, proof.Invalid, "event", "sealed members"},
		{"restricted: written openly", 3, func(rc *proof.Receipt) { *rc = *w.receipt(2) }, proof.Invalid, "event", "written openly"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			rc := w.receipt(tt.index)
			tt.alter(rc)
			wantVerdict(t, proof.VerifyReceipt(&w.trust, rc, w.records[tt.index].event), tt.verdict, tt.check, tt.words)
		})
	}
}

// Every member of an event is held against the receipt: one that was submitted
// otherwise, or not at all, is noticed.
func TestVerifyReceiptOfAnotherEvent(t *testing.T) {
	w := newWorld(t)
	sealed, open := "sealed members are not", "open members are not"
	tests := []struct {
		index       int
		name, value string // "" takes the member away
		words       string
	}{
		{1, "id", `"D-9"`, sealed},
		{1, "source", `"//other.example"`, sealed},
		{1, "subject", `"file/L-2"`, sealed},
		{1, "party", `"P-2"`, sealed},
		{1, "party", ``, sealed},
		{1, "parent", `"line/1"`, sealed},
		{1, "sequence", `"1"`, sealed},
		{1, "causationid", `"D-0"`, sealed},
		{1, "tenant", `"south"`, sealed},
		{1, "tenant", ``, sealed},
		{1, "branch", `"1"`, sealed},
		{1, "capture", `"live"`, "captured as import"},
		{1, "capture", ``, "captured as import"},
		{1, "time", `"2026-01-31T09:01:00Z"`, "type or time"},
		{1, "data", `{"outcome":"approved","reasonCodes":["debt-to-income"],"reasons":["Your monthly debt is high."],"officerId":"staff-204"}`, open},
		{1, "data", `{"outcome":"declined","reasonCodes":[],"reasons":["Your monthly debt is high."],"officerId":"staff-204"}`, open},
		{1, "data", `{"outcome":"declined","reasons":["Your monthly debt is high."],"officerId":"staff-204"}`, open},
		{1, "data", `{"outcome":"declined","reasonCodes":["debt-to-income"],"reasons":["Your monthly debt is low."],"officerId":"staff-204"}`, sealed},
		{1, "data", `{"outcome":"declined","reasonCodes":["debt-to-income"],"officerId":"staff-204"}`, sealed},
		{1, "data", `{"outcome":"declined","reasonCodes":["debt-to-income"],"reasons":["Your monthly debt is high."],"officerId":"staff-205"}`, sealed},
		{1, "data", `{"outcome":"declined","reasonCodes":["debt-to-income"],"reasons":["Your monthly debt is high."],"officerId":"staff-204","amount":"0"}`, sealed},
		{2, "capture", `"import"`, "captured as live"},
		{2, "signature", ``, sealed},
		{2, "signature", `"x"`, sealed},
		{3, "id", `"C-9"`, sealed},
		{3, "time", `"2026-01-31T09:03:00Z"`, sealed},
		{3, "data", `{"kind":"fraud"}`, sealed},
		{3, "capture", `"import"`, "captured as live"},
	}
	for _, tt := range tests {
		t.Run(tt.name+tt.value, func(t *testing.T) {
			ev := w.records[tt.index].event
			doc := ev.Document()
			doc.Members = slices.DeleteFunc(doc.Members, func(m canon.Member) bool { return m.Name == tt.name })
			if tt.value != "" {
				v, err := canon.Parse([]byte(tt.value), canon.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				doc = canon.Map(append(doc.Members, canon.Member{Name: tt.name, Value: v})...)
			}
			changed, err := ev.Schema.Event(doc)
			if err != nil {
				t.Fatal(err)
			}
			wantVerdict(t, proof.VerifyReceipt(&w.trust, w.receipt(tt.index), changed), proof.Invalid, "event", tt.words)
			if err := w.receipt(tt.index).Match(changed); err == nil || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("Match says %v", err)
			}
		})
	}
	// A restricted event whose record is another restricted type's.
	other, err := record.ParseSchema(bytes.Replace(w.schemas["noted"].Text, []byte("case.noted"), []byte("case.closed"), 1))
	if err != nil {
		t.Fatal(err)
	}
	doc := w.records[3].event.Document()
	for i := range doc.Members {
		if doc.Members[i].Name == "type" {
			doc.Members[i].Value = canon.Text(other.Type)
		}
	}
	ev, err := other.Event(doc)
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, proof.VerifyReceipt(&w.trust, w.receipt(3), ev), proof.Invalid, "event", sealed)
}

// What a ledger can put into the entry itself, under its own signature.
func TestVerifyReceiptLies(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name    string
		lie     lie
		verdict proof.Verdict
		words   string
	}{
		{"type", func(e *record.Entry, _ []seal.Disclosure) { e.Type = "com.example.loan.reviewed.v1" }, proof.Invalid, "type or time"},
		{"time", func(e *record.Entry, _ []seal.Disclosure) { e.Time = "2026-01-31T09:02:00Z" }, proof.Invalid, "type or time"},
		{"open", func(e *record.Entry, _ []seal.Disclosure) { e.Open = texts("outcome", "declined") }, proof.Invalid, "open members"},
		{"open less", func(e *record.Entry, _ []seal.Disclosure) { e.Open = canon.Map() }, proof.Invalid, "open members"},
		{"open more", func(e *record.Entry, _ []seal.Disclosure) { e.Open = texts("outcome", "approved", "amount", "1") }, proof.Invalid, "open members"},
		{"capture", func(e *record.Entry, _ []seal.Disclosure) { e.Capture = record.Import }, proof.Invalid, "captured as import"},
		{"sealed value", func(_ *record.Entry, all []seal.Disclosure) { all[1].Value = canon.Text("1.00") }, proof.Invalid, "sealed members"},
		{"sealed salt", func(_ *record.Entry, all []seal.Disclosure) { all[1].Salt[0]++ }, proof.Invalid, "sealed members"},
		{"schema", func(e *record.Entry, _ []seal.Disclosure) { e.Schema = sha256.Sum256(nil) }, proof.Incomplete, "--schema"},
		{"restricted", func(e *record.Entry, _ []seal.Disclosure) {
			e.Type, e.Open, e.Refs = record.TypeRestricted, canon.Map(), nil
		}, proof.Invalid, "type or time"},
		// The ledger's own clock, and whether it was late by it, are its to say.
		{"late", func(e *record.Entry, _ []seal.Disclosure) { e.Capture = record.Late }, proof.Valid, ""},
		{"recorded", func(e *record.Entry, _ []seal.Disclosure) { e.Recorded = e.Recorded.Add(time.Hour) }, proof.Valid, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lying := newLyingWorld(t, map[int]lie{2: tt.lie})
			wantVerdict(t, proof.VerifyReceipt(&lying.trust, lying.receipt(2), w.records[2].event), tt.verdict, "event", tt.words)
			if err := lying.receipt(2).Match(w.records[2].event); (err == nil) != (tt.verdict == proof.Valid) {
				t.Errorf("Match says %v", err)
			}
		})
	}
}

// Where the policy lists submitters' keys, a receipt is held against them too.
func TestVerifyReceiptSubmitter(t *testing.T) {
	w := newWorld(t)
	p := w.signedTrust()
	wantVerdict(t, proof.VerifyReceipt(p, w.receipt(2), w.records[2].event), proof.Valid, "", "")
	wantVerdict(t, proof.VerifyReceipt(p, w.receipt(2), nil), proof.Incomplete, "submitter", "stands in the event")
	wantVerdict(t, proof.VerifyReceipt(p, w.receipt(1), w.records[1].event), proof.Incomplete, "submitter", "no signature")
	wantVerdict(t, proof.VerifyReceipt(p, w.receipt(3), w.records[3].event), proof.Incomplete, "submitter", "no signature")
	p.Submitters[0].Key, p.Submitters[1].Key = p.Submitters[1].Key, p.Submitters[0].Key
	wantVerdict(t, proof.VerifyReceipt(p, w.receipt(2), w.records[2].event), proof.Invalid, "submitter", "signature is wrong")
	p.Submitters = p.Submitters[1:]
	wantVerdict(t, proof.VerifyReceipt(p, w.receipt(2), w.records[2].event), proof.Incomplete, "submitter", "no key of submitter core-banking")
}

func TestMatchRefuses(t *testing.T) {
	w := newWorld(t)
	for name, entry := range map[string][]byte{"an index-root": w.leaves[4], "no leaf": []byte("{}"), "another record": w.leaves[1]} {
		rc := w.receipt(2)
		rc.Entry = entry
		if rc.Match(w.records[2].event) == nil {
			t.Errorf("%s matches", name)
		}
	}
}

func TestParseReceiptRefuses(t *testing.T) {
	w := newWorld(t)
	const b32 = `"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`
	good := string(w.receipt(3).Document().Bytes())
	tests := []struct{ old, new string }{
		{`{"v":"lendlog-receipt/1",`, `{`},
		{`"lendlog-receipt/1"`, `"lendlog-receipt/2"`},
		{`"index":3,`, ``},
		{`"index":3`, `"index":3.0`},
		{`"index":3`, `"index":null`},
		{`"seeds":{`, `"seeds":{"party ":1,`},
		{`"seeds":{`, `"seeds":{"staff":"",`},
		{`"proof":[`, `"proof":[1,`},
		{`"proof":[`, `"proof":["AAAA",`},
		{`"proof":[`, `"proof":["` + b32[1:44] + `\n=",`},
		{`"proof":[`, `"proof":null,"x":[`},
		{`"restricted":{`, `"restricted":{"x":1,`},
		{`"refs":[2]`, `"refs":[-2]`},
		{`"refs":[2]`, `"refs":["2"]`},
		{`"refs":[2]`, `"refs":{}`},
		{`,"submitter":"core-banking"`, ``},
		{`"restricted":{`, `"restricted":[],"x":{`},
	}
	if _, err := proof.ParseReceipt([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		if n := bytes.Count([]byte(good), []byte(tt.old)); n != 1 {
			t.Fatalf("%s stands there %d times", tt.old, n)
		}
		bad := bytes.Replace([]byte(good), []byte(tt.old), []byte(tt.new), 1)
		if _, err := proof.ParseReceipt(bad); err == nil {
			t.Errorf("accepted with %s for %s", tt.new, tt.old)
		}
	}
	var many []tree.Hash
	rc := w.receipt(2)
	for range 64 {
		many = append(many, tree.Hash{})
	}
	rc.Proof = many
	if _, err := proof.ParseReceipt(rc.Bytes()); err == nil {
		t.Error("a proof of 64 hashes is accepted")
	}
}
