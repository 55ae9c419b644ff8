// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"encoding/binary"
	"strings"

	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A claim is a claim of completeness whose subject has that term.
type claim struct {
	*Complete
	of    term.Term
	holds bool // set by complete
}

// claim verifies of whom completeness is claimed.
func (v *verifier) claim(c *Complete) {
	bad := func(format string, args ...any) { v.add("subject", -1, Fail, format, args...) }
	kind, id, _ := strings.Cut(c.Subject, "/")
	if kind == "" || id == "" {
		bad("a subject is <kind>/<id>")
		return
	}
	of, err := term.Verify(v.trust.VRF, kind, id, c.Proof)
	if err != nil {
		bad("the proof of the subject %s is wrong: %v", named(c.Subject), err)
		return
	}
	if _, twice := v.subjects[of]; twice {
		bad("completeness of %s is claimed twice", named(c.Subject))
		return
	}
	v.subjects[of] = c.Subject
	v.whole = append(v.whole, &claim{Complete: c, of: of})
}

// complete verifies that the records of the file that are of a subject are all
// that the map has of it. That they are one chain, chains has verified.
func (v *verifier) complete(c *claim) {
	add := func(res Result, format string, args ...any) { v.add("complete", -1, res, format, args...) }
	subject := named(c.Subject)
	if v.root == nil {
		add(Missing, "the file lacks the index-root that commits to the map of all subjects; ask for evidence with it")
		return
	}
	if v.root.Covers != v.checkpoint.Size-1 {
		add(Missing, "the index-root covers %d of the %d records under the checkpoint, and the others may be of %s too; ask for evidence whose last record is an index-root", v.root.Covers, v.checkpoint.Size, subject)
		return
	}
	var n int64
	var last tree.Hash
	for _, l := range v.links { // in the order of their indexes
		if l.Term != c.of || l.leaf == last && n > 0 {
			continue
		}
		if n++; l.Seq != n {
			add(Fail, "record %d is number %d of %s, and number %d is not in the file", l.index, l.Seq, subject, n)
			return
		}
		last = l.leaf
	}
	var value []byte
	if n > 0 {
		value = append(binary.BigEndian.AppendUint64(nil, uint64(n)), last[:]...)
	}
	err := mpt.VerifyLookup(mpt.Hash(v.root.Root), c.of[:], value, n > 0, c.Map)
	switch {
	case err != nil && n == 0:
		add(Fail, "the map of all subjects does not show that there is no record of %s: %v", subject, err)
	case err != nil:
		add(Fail, "the map of all subjects does not show that %s has exactly these %d records: %v", subject, n, err)
	case n == 0:
		add(Pass, "there is no record of %s among the %d under the checkpoint", subject, v.checkpoint.Size)
	case n == 1:
		add(Pass, "this is the only record of %s among the %d under the checkpoint", subject, v.checkpoint.Size)
	default:
		add(Pass, "these are all %d records of %s among the %d under the checkpoint", n, subject, v.checkpoint.Size)
	}
	if c.holds = err == nil; c.holds {
		add(Note, "that the map itself is right is shown by whoever replays the log, as an audit does; a receipt of a record that is not here proves that it is wrong")
	}
}

// against holds a receipt against the file. Both are signed by the ledger, so
// that they contradict each other proves fraud to anybody. From a file that
// lacks records which the map has nothing follows: whoever held it may have cut
// them out.
func (v *verifier) against(rc *Receipt) {
	add := func(res Result, format string, args ...any) { v.add("receipt", rc.Index, res, format, args...) }
	own := VerifyReceipt(v.trust, rc, nil)
	for _, c := range own.Checks {
		if c.Result == Fail {
			add(Fail, "the receipt itself does not verify: %s", c.Text)
			return
		}
	}
	cp, err := v.trust.OpenCheckpoint(rc.Checkpoint)
	leaf, bad := record.ParseLeaf(rc.Entry)
	switch {
	case err != nil || bad != nil || leaf.Entry == nil:
		add(Fail, "the receipt itself does not verify")
		return
	case rc.Proof == nil && cp.Size > 1:
		add(Missing, "the receipt holds no inclusion proof, so it accuses nobody; hold one that has it against the file")
		return
	case cp.Size == v.checkpoint.Size && cp.Root != v.checkpoint.Root:
		add(Fail, "the ledger signed two trees of %d records: it was forked; keep both files", cp.Size)
		return
	}
	switch here, ok := v.leaves[rc.Index]; {
	case ok && here == tree.LeafHash(rc.Entry):
		add(Pass, "the record that the receipt is of is in the file")
		return
	case ok:
		add(Fail, "the ledger gave a receipt for another record at this place: it was forked; keep both files")
		return
	}
	for _, c := range v.whole {
		if c.of != leaf.Entry.Term {
			continue
		}
		if v.root == nil || rc.Index >= v.root.Covers {
			add(Missing, "the receipt is of a record that came after what the file covers; ask for newer evidence")
			return
		}
		if !c.holds {
			add(Missing, "what the file claims of %s does not hold, so that the record is not in it accuses nobody; ask the ledger for evidence anew", named(c.Subject))
			return
		}
		add(Fail, "the ledger gave a receipt for number %d of %s and leaves it out here: fraud; keep both files", leaf.Entry.Seq, named(c.Subject))
		return
	}
	add(Missing, "the file claims nothing of the subject that the receipt is about")
}
