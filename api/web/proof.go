// SPDX-License-Identifier: Apache-2.0

package web

import (
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A proofPanel tells step by step why a record is known to be in the ledger.
type proofPanel struct {
	Verdict string // VALID, INVALID or INCOMPLETE
	Steps   []proofStep

	Bytes   int    // of the entry
	Leaf    string // its hash, hexadecimal
	Leaf64  string // and in base64
	Hashes  []string
	Index   int64
	Size    int64 // of the checkpoint
	Root    string
	Origin  string
	Note    string // the signed checkpoint
	Cosigns int    // cosigned checkpoints that the evidence carries
	Anchors int
}

// A proofStep is one step. Its words are proof.<name>, and proof.<name>.<result>.
type proofStep struct {
	Name   string
	Result string   // pass, missing, note, fail or none
	Says   []string // what the verifier found, in its own words
}

// steps are what a reader wants to know, in the order in which one follows from
// the other, with the names of the verifier's checks.
var steps = []struct {
	name   string
	checks []string
}{
	{"entry", []string{"entry"}},
	{"leaf", nil},
	{"inclusion", []string{"inclusion"}},
	{"checkpoint", []string{"checkpoint", "genesis"}},
	{"witnesses", []string{"witnesses"}},
	{"anchors", []string{"anchors", "stamps"}},
	{"time", []string{"time"}},
}

// prove verifies evidence, whose first record is meant, and tells it in steps.
func (v *visit) prove(trust *proof.Trust, e *proof.Evidence) proofPanel {
	first := e.Records[0]
	leaf := tree.LeafHash(first.Entry)
	p := proofPanel{
		Bytes: len(first.Entry), Leaf: leafOf(first.Entry), Leaf64: base64Of(leaf), Index: first.Index,
		Note: string(e.Checkpoint), Cosigns: len(e.Witnessed), Anchors: len(e.Anchored),
	}
	for _, h := range first.Proof {
		p.Hashes = append(p.Hashes, base64Of(h))
	}
	if cp, err := trust.OpenCheckpoint(e.Checkpoint); err == nil {
		p.Size, p.Root, p.Origin = cp.Size, base64Of(cp.Root), cp.Origin
	}
	report := proof.Verify(trust, e)
	p.Verdict = report.Verdict.String()
	for _, s := range steps {
		step := proofStep{Name: s.name, Result: "none"}
		if s.checks == nil {
			step.Result = proof.Pass.String()
		}
		worst := -1
		for _, name := range s.checks {
			for _, c := range report.Checks {
				if c.Name != name || c.Record >= 0 && c.Record != first.Index {
					continue
				}
				if severity[c.Result] > worst {
					worst, step.Result = severity[c.Result], c.Result.String()
				}
				step.Says = append(step.Says, c.Text)
			}
		}
		p.Steps = append(p.Steps, step)
	}
	return p
}

// severity orders the results of the checks of one step.
var severity = map[proof.Result]int{proof.Note: 0, proof.Pass: 1, proof.Missing: 2, proof.Fail: 3}
