// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// MaxWitnessed bounds the cosigned checkpoints of a file: two for each of a
// thousand records.
const MaxWitnessed = 2048

const (
	maxPolicyWitnesses = 32
	// defaultTolerance is what clocks of witnesses and ledger may differ by, and
	// what passes between publishing a checkpoint and its being cosigned.
	defaultTolerance = 5 * time.Minute
)

// Witnesses are those of a policy: so many of them, each with a key of its own,
// have to have cosigned what is believed.
type Witnesses struct {
	Quorum int
	Keys   []string // C2SP verifier keys, of type 4
	// Tolerance is how far the time of recording may lie outside the times of
	// the cosigned checkpoints around it; 0 means 5 minutes.
	Tolerance time.Duration
}

func parseWitnesses(o *object) *Witnesses {
	w := &Witnesses{Quorum: int(o.number("quorum"))}
	distinct := map[[ed25519.PublicKeySize]byte]bool{}
	for i, v := range o.need("keys", canon.Array).Items {
		c, err := tree.NewCosigner(v.Str)
		if v.Kind != canon.String || err != nil {
			o.fail("keys", fmt.Sprintf("holds at %d no C2SP verifier key of a witness", i))
			return w
		}
		w.Keys = append(w.Keys, v.Str)
		distinct[c.Key()] = true
	}
	switch n := len(distinct); {
	case len(w.Keys) > maxPolicyWitnesses:
		o.fail("keys", fmt.Sprintf("names more than %d witnesses", maxPolicyWitnesses))
	case w.Quorum < 1 || w.Quorum > n:
		o.fail("quorum", fmt.Sprintf("is not a number from 1 to %d, as many witnesses as have a key of their own", n))
	}
	if _, ok := o.Get("toleranceSeconds"); ok {
		n := o.number("toleranceSeconds")
		if n < 1 || n > 1<<31 {
			o.fail("toleranceSeconds", "is not a number of seconds from 1 on; leave it out for 300")
		}
		w.Tolerance = time.Duration(n) * time.Second
	}
	o.taken["toleranceSeconds"] = true
	o.end()
	return w
}

func (w *Witnesses) document() canon.Value {
	m := []canon.Member{member("quorum", canon.Number(int64(w.Quorum))), member("keys", canon.Texts(w.Keys...))}
	if w.Tolerance != 0 {
		m = append(m, member("toleranceSeconds", canon.Number(int64(w.Tolerance/time.Second))))
	}
	return canon.Map(m...)
}

func (w *Witnesses) tolerance() time.Duration {
	if w.Tolerance == 0 {
		return defaultTolerance
	}
	return w.Tolerance
}

// verifiers returns what verifies the cosignatures of the policy's witnesses.
func (t *Trust) cosigners() (list []*tree.Cosigner, err error) {
	if t.Witnesses == nil {
		return nil, nil
	}
	for _, key := range t.Witnesses.Keys {
		c, err := tree.NewCosigner(key)
		if err != nil {
			return nil, fmt.Errorf("the policy's key of a witness cannot be read: %w", err)
		}
		list = append(list, c)
	}
	return list, nil
}

// A head is a checkpoint that was verified under a policy.
type head struct {
	tree.Checkpoint
	cosigned []time.Time // by witnesses of the policy, one time for each key, ascending
}

// times adds when the cosigners of a policy signed a note.
func (h *head) times(known []*tree.Cosigner, sigs []note.Signature) error {
	seen := map[[ed25519.PublicKeySize]byte]bool{}
	for _, s := range sigs {
		i := slices.IndexFunc(known, func(c *tree.Cosigner) bool { return c.Name() == s.Name && c.KeyHash() == s.Hash })
		if i < 0 {
			continue
		}
		at, err := tree.CosignedAt(s)
		if err != nil {
			return fmt.Errorf("the cosignature of %s: %w", clip(s.Name), err)
		}
		if !seen[known[i].Key()] {
			seen[known[i].Key()] = true
			h.cosigned = append(h.cosigned, at)
		}
	}
	slices.SortFunc(h.cosigned, time.Time.Compare)
	return nil
}

// by returns the time by which the tree was there, and from the one from which
// on what is not in it was not there, if a quorum cosigned: among any quorum one
// witness at least is honest, and the bounds hold whichever it is.
func (h head) by(quorum int) (time.Time, bool) {
	if quorum < 1 || len(h.cosigned) < quorum {
		return time.Time{}, false
	}
	return h.cosigned[quorum-1], true
}

func (h head) from(quorum int) (time.Time, bool) {
	if quorum < 1 || len(h.cosigned) < quorum {
		return time.Time{}, false
	}
	return h.cosigned[len(h.cosigned)-quorum], true
}

// ErrUnwitnessed: not as many witnesses of the policy cosigned a checkpoint as
// it asks for.
var ErrUnwitnessed = errors.New("not as many witnesses as the policy asks for cosigned the checkpoint")

// OpenWitnessed verifies a checkpoint as OpenCheckpoint does, and that a quorum
// of the policy's witnesses cosigned it; else the error is ErrUnwitnessed. It
// returns the time by which a quorum had.
func (t *Trust) OpenWitnessed(signed []byte) (tree.Checkpoint, time.Time, error) {
	h, err := t.openHead(signed)
	if err != nil {
		return tree.Checkpoint{}, time.Time{}, err
	}
	if t.Witnesses != nil {
		if at, ok := h.by(t.Witnesses.Quorum); ok {
			return h.Checkpoint, at, nil
		}
	}
	return tree.Checkpoint{}, time.Time{}, ErrUnwitnessed
}

// A Witnessed is a checkpoint that witnesses cosigned, and what connects it with
// the checkpoint of the file: the proof that the smaller of the two trees is a
// prefix of the larger.
type Witnessed struct {
	Checkpoint []byte // signed note
	Proof      []tree.Hash
}

// witnesses verifies the cosigned checkpoints of a file, and that a quorum saw
// its tree, be it as part of a larger one.
func (v *verifier) witnesses(list []Witnessed) {
	seen := v.heads[0].cosigned // of the file's checkpoint, or of a larger one that continues it
	for i, w := range list {
		h, err := v.connected(v.trust, v.checkpoint, w.Checkpoint, w.Proof)
		if err != nil {
			v.add("witnesses", -1, Fail, "checkpoint %d under witnesses: %v", i, err)
			continue
		}
		v.heads = append(v.heads, h)
		if h.Size >= v.checkpoint.Size && len(h.cosigned) > len(seen) {
			seen = h.cosigned
		}
	}
	if p := v.trust.Witnesses; p != nil {
		v.cosigned(p, seen)
	}
}

// cosigned says whether a quorum cosigned.
func (r *Report) cosigned(p *Witnesses, times []time.Time) bool {
	if len(times) < p.Quorum {
		r.add("witnesses", -1, Missing, "%d of the %d witnesses that the policy asks for have cosigned the tree; ask for it again once they have, `lendlog receipt upgrade` does", len(times), p.Quorum)
		return false
	}
	r.add("witnesses", -1, Pass, "%d witnesses of the policy cosigned the tree, and %d are asked for", len(times), p.Quorum)
	return true
}

// times holds when records were recorded against when witnesses cosigned the
// trees before and after them.
func (v *verifier) times() {
	p := v.trust.Witnesses
	if p == nil {
		return
	}
	for _, l := range v.links {
		if l.Type == record.TypeKeyChanged {
			continue // it stands in evidence of others, and says whose keys are whose, whenever that was
		}
		var after, before time.Time // which it was recorded after, and before
		for _, h := range v.heads {
			if at, ok := h.from(p.Quorum); ok && h.Size <= l.index && (after.IsZero() || at.After(after)) {
				after = at
			}
			if at, ok := h.by(p.Quorum); ok && h.Size > l.index && (before.IsZero() || at.Before(before)) {
				before = at
			}
		}
		v.recorded(p, l.index, l.Recorded, after, before)
	}
}

// receivedBy holds when the record of a receipt was recorded against when
// witnesses cosigned the tree that it is in. A receipt shows no tree before.
func (r *Report) receivedBy(p *Witnesses, index int64, at time.Time, h head) {
	before, _ := h.by(p.Quorum)
	if at.After(before.Add(p.tolerance())) {
		r.recorded(p, index, at, time.Time{}, before)
		return
	}
	r.add("time", index, Note, "witnesses cosigned the ledger with it by %s; that it was not there long before shows evidence", before.UTC().Format(record.TimeLayout))
}

// recorded holds a time of recording against the bounds that are not zero.
func (r *Report) recorded(p *Witnesses, index int64, at, after, before time.Time) {
	clock := func(t time.Time) string { return t.UTC().Format(record.TimeLayout) }
	switch slack := p.tolerance(); {
	case !after.IsZero() && at.Before(after.Add(-slack)):
		r.add("time", index, Fail, "it says that it was recorded at %s, but witnesses cosigned the ledger without it at %s: it was dated back", clock(at), clock(after))
	case !before.IsZero() && at.After(before.Add(slack)):
		r.add("time", index, Fail, "it says that it was recorded at %s, but witnesses cosigned the ledger with it at %s: it was dated forward", clock(at), clock(before))
	case before.IsZero():
		r.add("time", index, Missing, "the file has no checkpoint with the record that witnesses cosigned, which would show when it was there; ask for evidence once there is one")
	case after.IsZero():
		r.add("time", index, Missing, "the file has no checkpoint before the record that witnesses cosigned, which would show when it was not there yet; ask for evidence with one, if any was cosigned before")
	default:
		r.add("time", index, Pass, "recorded between %s and %s, by the witnesses' clocks", clock(after), clock(before))
	}
}
