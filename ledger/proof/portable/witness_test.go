// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
)

// Sections 6 to 8, where the policy asks for witnesses.
func TestWitnesses(t *testing.T) {
	policy, doc := string(published(t, "trust-witnesses.json")), string(published(t, "valid-witnessed.json"))
	receipt := string(published(t, "valid-receipt-witnessed.json"))
	e, err := proof.ParseEvidence([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(e.Checkpoint), "\n") // three of text, none, the ledger's, two of witnesses
	quoted := func(s string) string { return strings.Trim(string(canon.Text(s).Bytes()), `"`) }
	one, two, three := `witness.example/1+39e30d48`, `witness.example/2+`, `witness.example/3+`
	edges := []edge{{job{name: "as it is", Trust: []byte(policy), Document: []byte(doc)}, "VALID", ""}}
	for _, c := range []struct{ old, new, verdict, check string }{
		{`"quorum": 2,`, `"quorum": 1,`, "VALID", ""},
		{`"quorum": 2,`, `"quorum": 3,`, "INCOMPLETE", "witnesses"},
		{`"quorum": 2,`, `"quorum": 0,`, badCall, ""},
		{`"quorum": 2,`, `"quorum": 4,`, badCall, ""},
		{`"quorum": 2,`, `"quorum": "2",`, badCall, ""},
		{`"quorum": 2,`, ``, badCall, ""},
		{`"quorum": 2,`, `"quorum": 2, "later": 1,`, badCall, ""},
		{`"toleranceSeconds": 10`, `"toleranceSeconds": 1`, "VALID", ""},
		{`"toleranceSeconds": 10`, `"toleranceSeconds": 2147483648`, "VALID", ""},
		{`"toleranceSeconds": 10`, `"toleranceSeconds": 2147483649`, badCall, ""},
		{`"toleranceSeconds": 10`, `"toleranceSeconds": 0`, badCall, ""},
		{`"toleranceSeconds": 10`, `"toleranceSeconds": null`, badCall, ""},
		{one, strings.ToUpper(one[len(one)-8:]), badCall, ""},
		{one, one[:len(one)-8] + strings.ToUpper(one[len(one)-8:]), "VALID", ""},
		{one, "witness.example/x+39e30d48", badCall, ""},
		{two, "witness.example/ 2+", badCall, ""},
		{three, "+", badCall, ""},
		{`"witnesses": {`, `"witnesses": null, "x": {`, badCall, ""},
		{`"witnesses": {`, `"witnesses": [], "x": {`, badCall, ""},
	} {
		if !strings.Contains(policy, c.old) {
			t.Fatalf("the policy has no %s", c.old)
		}
		edges = append(edges, edge{job{name: c.new, Trust: []byte(strings.Replace(policy, c.old, c.new, 1)), Document: []byte(doc)}, c.verdict, c.check})
	}
	for _, c := range []struct{ of, old, new, verdict, check string }{
		{doc, `"witnesses": [`, `"witnesses": [], "x": [`, "INVALID", "format"},
		{doc, `"witnesses": [`, `"witnesses": null, "x": [`, "INVALID", "format"},
		{doc, `"witnesses": [`, `"witnesses": {}, "x": [`, "INVALID", "format"},
		{doc, `"witnesses": [`, `"x": [`, "INCOMPLETE", "time"},
		{doc, `"witnesses": [`, `"Witnesses": [`, "INCOMPLETE", "sections"},
		{doc, `"witnesses": [`, `"witnesses": [{},`, "INVALID", "format"},
		{doc, `"witnesses": [`, `"witnesses": [{"checkpoint": "", "proof": []},`, "INVALID", "witnesses"},
		{doc, quoted(lines[5]), ``, "INCOMPLETE", "witnesses"},
		{doc, quoted(lines[5]), quoted(lines[5] + lines[5]), "VALID", ""},
		{doc, quoted(lines[5]), quoted(lines[6] + lines[5]), "VALID", ""},
		{doc, quoted(lines[5]), quoted(strings.Replace(lines[5], "/1 ", "/2 ", 1)), "INCOMPLETE", "witnesses"},
		{doc, quoted(lines[5]), quoted(strings.TrimSuffix(lines[5], "==\n") + "\n"), "INVALID", "checkpoint"},
		{doc, quoted(lines[5]), quoted(lines[5][:len(lines[5])-9] + "AAAA==\n"), "INVALID", "checkpoint"},
		{doc, quoted(lines[4]), ``, "INVALID", "checkpoint"},
		{receipt, quoted(lines[5]), ``, "INCOMPLETE", "witnesses"},
		{receipt, quoted(lines[5]), quoted(lines[5] + lines[5]), "VALID", ""},
	} {
		if !strings.Contains(c.of, c.old) {
			t.Fatalf("the file has no %s", c.old)
		}
		j := job{name: c.old + " for " + c.new, Trust: []byte(policy), Document: []byte(strings.Replace(c.of, c.old, c.new, 1))}
		if c.of == receipt {
			j.Event, j.Schema = published(t, "event.json"), published(t, "decided.schema.json")
		}
		edges = append(edges, edge{j, c.verdict, c.check})
	}
	hold(t, edges)
	// Of a bit that is another all say the same, of each of the proofs and notes.
	var jobs []job
	section := strings.LastIndex(doc, `"witnesses"`)
	for bit := 8 * section; bit < 8*len(doc); bit += 97 {
		changed := bytes.Clone([]byte(doc))
		changed[bit/8] ^= 1 << (bit % 8)
		jobs = append(jobs, job{name: "a bit", Trust: []byte(policy), Document: changed})
	}
	compare(t, jobs)
}
