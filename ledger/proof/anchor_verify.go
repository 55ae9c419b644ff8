// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/proof/timestamp"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// anchored are the anchors of a file that count under its policy.
type anchored struct {
	chains  []onChain
	stamps  []stamped
	unnamed int // on chains, by contracts or by publishers that the policy does not name
	unknown int // of authorities that it does not know
}

// An onChain is a checkpoint in a block.
type onChain struct {
	size  int64
	chain *Chain
	chain.Block
	unconfirmed error // why it is not known that the chain has the block; nil when it is
}

// A stamped is a checkpoint that an authority stamped.
type stamped struct {
	size int64
	at   time.Time
	by   string   // the key of the root
	key  [32]byte // of the authority, by its hash
}

// connected verifies another checkpoint of a file, and that one of its tree and
// the file's continues the other.
func (r *Report) connected(t *Trust, cp tree.Checkpoint, signed []byte, proof []tree.Hash) (head, error) {
	h, err := t.openHead(signed)
	if err != nil {
		return head{}, err
	}
	older, newer := h.Checkpoint, cp
	if older.Size > newer.Size {
		older, newer = newer, older
	}
	if err := tree.VerifyConsistency(proof, older.Size, newer.Size, older.Root, newer.Root); err != nil {
		return head{}, fmt.Errorf("the ledger signed a tree of %d records and one of %d, and the file does not show that the larger continues the smaller: %w", older.Size, newer.Size, err)
	}
	return h, nil
}

// anchors verifies the anchors of a file, and returns those that count. What it
// says of each is whether it is what it claims to be; a policy that names neither
// chains nor authorities believes none.
func (r *Report) anchors(t *Trust, cp tree.Checkpoint, list []Anchored) (out anchored) {
	type place struct {
		*Chain
		chain.Hash
	}
	asked := map[place]error{}
	good := 0
	for i, a := range list {
		h, err := r.connected(t, cp, a.Checkpoint, a.Proof)
		if err != nil {
			r.add("anchors", -1, Fail, "checkpoint %d under anchors: %v", i, err)
			continue
		}
		if a.Anchor.Chain == nil {
			r.stamp(t, h, i, a.Anchor.Stamp, &out)
			continue
		}
		block, by, err := onChainOf(h.Checkpoint, a.Anchor.Chain)
		if err != nil {
			r.add("anchors", -1, Fail, "anchor %d: %v", i, err)
			continue
		}
		good++
		c := t.chain(a.Anchor.Chain, by, h.Size)
		if c == nil {
			out.unnamed++
			continue
		}
		at := place{c, block.Hash}
		why, ok := asked[at]
		if !ok {
			why = t.confirmed(c, block)
			asked[at] = why
		}
		if errors.Is(why, ErrOtherBlock) {
			r.add("anchors", -1, Fail, "anchor %d is said to be in block %d of %s with the hash %s, but %v", i, block.Number, c, block.Hash, why)
			continue
		}
		out.chains = append(out.chains, onChain{h.Size, c, block, why})
	}
	switch {
	case t.Chains == nil && good > 0:
		r.add("anchors", -1, Note, "%d anchors are events of contracts in blocks; the policy names no chains, so whether a chain has the blocks, and whose contracts they are, is not known", good)
	case out.unnamed > 0:
		r.add("anchors", -1, Note, "%d anchors are on chains, by contracts or by publishers that the policy does not name", out.unnamed)
	}
	return out
}

// onChainOf verifies that a contract logged a checkpoint, and returns where, and
// who sent it.
func onChainOf(cp tree.Checkpoint, p *chain.Proof) (chain.Block, chain.Address, error) {
	block, event, err := p.Verify()
	switch {
	case err != nil:
		return chain.Block{}, chain.Address{}, err
	case event.OriginHash != sha256.Sum256([]byte(cp.Origin)):
		return chain.Block{}, chain.Address{}, fmt.Errorf("the event in block %d is of another ledger", block.Number)
	case event.Size != uint64(cp.Size) || event.Root != cp.Root:
		return chain.Block{}, chain.Address{}, fmt.Errorf("the event in block %d is of another checkpoint, of %d records", block.Number, event.Size)
	}
	return block, event.By, nil
}

// stamp verifies a time stamp where the policy names authorities.
func (r *Report) stamp(t *Trust, h head, i int, token []byte, out *anchored) {
	if t.Stamps == nil {
		return
	}
	s, err := timestamp.Verify(token, []byte(h.Text()), t.Stamps.Roots)
	switch {
	case errors.Is(err, timestamp.ErrUnknown):
		out.unknown++
	case err != nil:
		r.add("stamps", -1, Fail, "anchor %d: %v", i, err)
	default:
		out.stamps = append(out.stamps, stamped{h.Size, s.Time, string(t.Stamps.Roots[s.Root].RawSubjectPublicKeyInfo), s.Key})
	}
}

// on returns the earliest confirmed block with a checkpoint that covers a leaf, and
// where there is none an unconfirmed one; nil when there is neither.
func (a *anchored) on(index int64) *onChain {
	var found *onChain
	for i := range a.chains {
		c := &a.chains[i]
		switch {
		case c.size <= index:
		case found == nil, (c.unconfirmed == nil) && (found.unconfirmed != nil),
			(c.unconfirmed == nil) == (found.unconfirmed == nil) && c.Time < found.Time:
			found = c
		}
	}
	return found
}

// by returns the time by which a quorum of authorities had stamped checkpoints
// that cover a leaf, and how many had: among any quorum is an honest one.
func (a *anchored) by(index int64, quorum int) (time.Time, int) {
	first := map[string]time.Time{}
	roots := map[[32]byte]string{}
	for _, s := range a.stamps {
		if s.size <= index {
			continue
		}
		// Who leads to several roots, by the certificates that somebody put into a
		// token, counts for one of them.
		if _, ok := roots[s.key]; !ok {
			roots[s.key] = s.by
		}
		by := roots[s.key]
		if at, ok := first[by]; !ok || s.at.Before(at) {
			first[by] = s.at
		}
	}
	if len(first) < quorum {
		return time.Time{}, len(first)
	}
	times := make([]time.Time, 0, len(first))
	for _, at := range first {
		times = append(times, at)
	}
	slices.SortFunc(times, time.Time.Compare)
	return times[quorum-1], len(first)
}

// covers says whether a leaf is anchored as the policy asks for, and by when it
// was there; zero where that is not known. record is the leaf's index, or -1 where
// it stands for a whole file.
func (r *Report) covers(t *Trust, a *anchored, record, index int64) (before time.Time) {
	if t.Chains != nil {
		switch c := a.on(index); {
		case c == nil:
			r.add("anchors", record, Missing, "no checkpoint with it was anchored, on a chain and by a publisher that the policy names, so far as the file shows; ask for evidence once one is")
		case c.unconfirmed != nil:
			r.add("anchors", record, Missing, "it is anchored in block %d, which is not confirmed: %v", c.Number, c.unconfirmed)
		default:
			before = time.Unix(int64(c.Time), 0)
			r.add("anchors", record, Pass, "anchored on %s in block %d, %s", c.chain, c.Number, c.Hash)
		}
	}
	if s := t.Stamps; s != nil {
		switch at, n := a.by(index, s.Quorum); {
		case n < s.Quorum:
			r.add("stamps", record, Missing, "%d of the %d authorities that the policy asks for have stamped a checkpoint with it, so far as the file shows; ask for evidence once they have", n, s.Quorum)
		default:
			if before.IsZero() || at.Before(before) {
				before = at
			}
			r.add("stamps", record, Pass, "%d authorities stamped a checkpoint with it, and %d are asked for", n, s.Quorum)
		}
	}
	return before
}

// An observed is a block of a chain of the policy that a record names. Nobody knows
// the hash of a block before it is made, so that record and all behind it are later.
type observed struct {
	index int64 // of the record
	chain *Chain
	chain.Block
}

// observations returns the blocks that records of the file name and that are known
// to be on a chain. Time is 0 where only the record says it.
func (v *verifier) observations() (out []observed) {
	for _, l := range v.links {
		if l.Type != record.TypeChainObserved {
			continue
		}
		id, _ := l.Open.Get("chain")
		number, _ := l.Open.Get("block")
		hash, _ := l.Open.Get("blockHash")
		h, err := chain.ParseHash(hash.Str)
		if err != nil || id.Kind != canon.Int || number.Kind != canon.Int || id.Int < 1 || number.Int < 0 {
			continue
		}
		b := chain.Block{Number: uint64(number.Int), Hash: h}
		c, err := v.trust.observed(uint64(id.Int), &b, l.Open)
		switch {
		case errors.Is(err, ErrOtherBlock):
			v.add("time", l.index, Fail, "it names block %d of %s with the hash %s, but %v", b.Number, c, b.Hash, err)
		case c != nil && err == nil:
			out = append(out, observed{l.index, c, b})
		}
	}
	return out
}

// observed tells on which chain of the policy a block is, nil where that is not
// known, and sets its time where that is.
func (t *Trust) observed(id uint64, b *chain.Block, open canon.Value) (c *Chain, err error) {
	for i := range t.Chains {
		if t.Chains[i].ID != id {
			continue
		}
		c = &t.Chains[i]
		for _, known := range c.Blocks {
			switch {
			case known.Number != b.Number:
			case known.Hash == b.Hash:
				b.Time = known.Time
				return c, nil
			default:
				err = ErrOtherBlock
			}
		}
	}
	if c == nil || err != nil || t.Confirm == nil {
		if err == nil {
			c = nil
		}
		return c, err
	}
	at, _ := open.Get("at")
	claimed, bad := time.Parse(time.RFC3339, at.Str)
	if bad != nil || claimed.Unix() < 1 {
		return nil, nil
	}
	b.Time = uint64(claimed.Unix())
	return c, t.Confirm(id, *b)
}

// notBefore holds when a record was recorded against the latest block that one
// before it names.
func (v *verifier) notBefore(l link, blocks []observed) {
	var latest, unknown *observed
	for i := range blocks {
		switch b := &blocks[i]; {
		case b.index > l.index:
		case b.Time == 0:
			unknown = b
		case latest == nil || b.Time > latest.Time:
			latest = b
		}
	}
	switch {
	case latest != nil:
		at := time.Unix(int64(latest.Time), 0)
		clock := func(t time.Time) string { return t.UTC().Format(record.TimeLayout) }
		if l.Recorded.Before(at.Add(-v.trust.tolerance())) {
			v.add("time", l.index, Fail, "it says that it was recorded at %s, but record %d, which does not lie behind it, names block %d of %s, which is of %s: it was dated back", clock(l.Recorded), latest.index, latest.Number, latest.chain, clock(at))
			return
		}
		v.add("time", l.index, Pass, "it was recorded after block %d of %s, of %s", latest.Number, latest.chain, clock(at))
	case unknown != nil:
		v.add("time", l.index, Note, "it was recorded after block %d of %s, with the hash %s, whose time the policy does not say", unknown.Number, unknown.chain, unknown.Hash)
	}
}

// leafAnchored says whether a leaf of the file is anchored, and holds when it was
// recorded, if it was, against when it was.
func (v *verifier) leafAnchored(index int64, e *record.Entry) {
	before := v.covers(v.trust, &v.anchored, index, index)
	if e != nil && !before.IsZero() {
		v.notAfter(v.trust, index, e.Recorded, before)
	}
}

// notAfter holds a time of recording against the time by which the record was
// anchored.
func (r *Report) notAfter(t *Trust, index int64, at, before time.Time) {
	clock := func(t time.Time) string { return t.UTC().Format(record.TimeLayout) }
	if at.After(before.Add(t.tolerance())) {
		r.add("time", index, Fail, "it says that it was recorded at %s, but it was anchored by %s: it was dated forward", clock(at), clock(before))
		return
	}
	r.add("time", index, Pass, "it was there by %s, by its anchors", clock(before))
}

// unanchored says of a receipt that nothing in it shows an anchor.
func (r *Report) unanchored(t *Trust, index int64) {
	if t.Chains != nil {
		r.add("anchors", index, Missing, "the policy asks for anchors, which a receipt has none of: ask for evidence of the record")
	}
	if t.Stamps != nil {
		r.add("stamps", index, Missing, "the policy asks for time stamps, which a receipt has none of: ask for evidence of the record")
	}
}
