// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
)

// same compares what was read, written and read again. An empty list of hashes
// may come back as none, but for a receipt's proof, where it means something.
func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read again it differs (-want +got):\n%s", diff)
	}
}

// FuzzParseEvidence wants what is accepted to be read again as the same, to
// have a report that can be printed, and to be VALID only where it says what
// the golden ledger says.
func FuzzParseEvidence(f *testing.F) {
	w := newWorld(f)
	leaves := map[string]bool{}
	for _, l := range w.leaves {
		leaves[string(l)] = true
	}
	for _, name := range []string{"evidence", "evidence-plain", "evidence-signed", "evidence-restricted", "evidence-complete", "evidence-witnessed", "evidence-anchored", "evidence-stamped"} {
		f.Add(read(f, "testdata/"+name+".json"))
	}
	f.Add([]byte(`{"v":"lendlog-evidence/1","checkpoint":"","genesis":{"entry":"","proof":[]},"schemas":[],"records":[{"index":0,"entry":"","proof":[],"disclosures":[]}]}`))
	policies := []*proof.Trust{w.witnessedTrust(2), w.anchoredTrust(3, 5), w.stampedTrust()}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := proof.ParseEvidence(b)
		if err != nil {
			return
		}
		again, err := proof.ParseEvidence(e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range policies {
			printable(t, proof.Verify(p, e))
		}
		r := proof.Verify(&w.trust, e)
		sections := e.Sections
		e.Sections = nil
		same(t, e, again)
		printable(t, r)
		if r.Verdict != proof.Valid {
			return
		}
		if len(sections) > 0 {
			t.Error("VALID with sections that nobody knows")
		}
		for _, rec := range e.Records {
			if !leaves[string(rec.Entry)] {
				t.Errorf("VALID with the entry %s", rec.Entry)
			}
			for _, d := range rec.Disclosures {
				if !w.disclosed(rec.Index, d.Disclosure) {
					t.Errorf("VALID with the disclosure %s", d.Disclosure)
				}
			}
		}
	})
}

// disclosed reports whether those bytes are one of a record's disclosures.
func (w *world) disclosed(index int64, b []byte) bool {
	for _, d := range w.records[index].all {
		if bytes.Equal(d.Bytes(), b) {
			return true
		}
	}
	return false
}

func printable(t *testing.T, r proof.Report) {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if s := strings.ReplaceAll(b.String(), "\n", ""); proof.Printable(s) != s {
		t.Errorf("the report steers a terminal: %q", s)
	}
	j, err := json.Marshal(r)
	if err != nil || proof.Printable(string(j)) != string(j) {
		t.Errorf("the JSON steers a terminal: %q, %v", j, err)
	}
}

func FuzzParseReceipt(f *testing.F) {
	w := newWorld(f)
	f.Add(read(f, "testdata/receipt.json"))
	f.Add(read(f, "testdata/receipt-restricted.json"))
	f.Add([]byte(`{"v":"lendlog-receipt/1","index":0,"entry":"","seeds":{},"checkpoint":""}`))
	receipts := []*proof.Receipt{w.receipt(0), w.receipt(1), w.receipt(2), w.receipt(3)}
	f.Fuzz(func(t *testing.T, b []byte) {
		rc, err := proof.ParseReceipt(b)
		if err != nil {
			return
		}
		again, err := proof.ParseReceipt(rc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		same(t, rc, again)
		if (rc.Proof == nil) != (again.Proof == nil) {
			t.Error("a proof that is empty is not one that was not asked for")
		}
		for i, want := range receipts {
			r := proof.VerifyReceipt(&w.trust, rc, w.records[i].event)
			printable(t, r)
			if r.Verdict != proof.Valid {
				continue
			}
			if rc.Index != want.Index || !bytes.Equal(rc.Entry, want.Entry) || !cmp.Equal(rc.Seeds, want.Seeds) {
				t.Errorf("VALID for event %d: %s", i, b)
			}
		}
	})
}

func FuzzParseTrust(f *testing.F) {
	f.Add(read(f, "testdata/trust.json"))
	f.Add(read(f, "testdata/trust-submitters.json"))
	f.Add(read(f, "testdata/trust-witnesses.json"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := proof.ParseTrust(b)
		if err != nil {
			return
		}
		again, err := proof.ParseTrust(p.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		p.Unsupported = nil
		same(t, p, again)
		if _, err := p.OpenCheckpoint(nil); err == nil {
			t.Error("nothing is a checkpoint")
		}
	})
}

// FuzzVerifySignature wants only the one signature that the submitter made to
// be accepted for an event.
func FuzzVerifySignature(f *testing.F) {
	w := newWorld(f)
	ev := w.records[2].event
	doc := ev.Document()
	f.Add(doc.Bytes(), ev.Signature)
	f.Add([]byte(`{"id":"1"}`), "e30..e30")
	f.Add([]byte(`{}`), "..")
	f.Fuzz(func(t *testing.T, event []byte, signature string) {
		v, err := canon.Parse(event, canon.Limits{})
		if err != nil {
			return
		}
		if proof.VerifySignature(v, signature, origin, submitter, submitterKey.Public()) != nil {
			return
		}
		if signature != ev.Signature {
			t.Errorf("another signature is accepted: %q", signature)
		}
		if got := canon.Map(append(without(v, "signature"), canon.Member{Name: "signature", Value: canon.Text(signature)})...); !bytes.Equal(got.Bytes(), doc.Bytes()) {
			t.Errorf("the signature is accepted for %s", event)
		}
	})
}

func without(v canon.Value, name string) (members []canon.Member) {
	for _, m := range v.Members {
		if m.Name != name {
			members = append(members, m)
		}
	}
	return members
}
