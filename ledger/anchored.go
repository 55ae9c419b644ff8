// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// anchoredFile is the archive of anchors, in the ledger's directory.
const anchoredFile = "anchors/archive"

// AddAnchored archives an anchor of a signed checkpoint of this ledger. Of an
// anchor on a chain it verifies that the contract logged that very checkpoint in
// some block, of a time stamp that it is one of it; that the chain has the block,
// and whose stamp it is, is for whoever reads it to find out. What the archive has
// already is not added again.
func (l *Ledger) AddAnchored(signed []byte, a proof.Anchor) error {
	head, err := l.ownHead(signed)
	if err == nil {
		err = proof.Anchored{Anchor: a}.Check(head.Checkpoint)
	}
	var place string
	if err == nil {
		place, err = a.Place()
	}
	if err != nil {
		return fmt.Errorf("couldn't archive an anchor: %w", err)
	}
	return l.anchored.Append(place, head.Size, proof.Anchored{Checkpoint: signed, Anchor: a}.Value())
}

// Anchored returns all anchors of the archive in the order in which they were
// added, without proofs of consistency. One that is altered is passed over.
func (l *Ledger) Anchored() []proof.Anchored {
	var out []proof.Anchored
	for i := range l.anchored.Count() {
		if a, _, ok := l.anchoredAt(i); ok {
			out = append(out, a)
		}
	}
	return out
}

// AnchoredAfter returns of each place the nearest anchor of a checkpoint that
// covers a record, without proofs of consistency.
func (l *Ledger) AnchoredAfter(index int64) (out []proof.Anchored) {
	l.nearest(map[int]bool{}, index, func(a proof.Anchored, _ tree.Checkpoint) { out = append(out, a) })
	return out
}

// nearest calls back with the nearest anchor of each place that covers a record
// and verifies, unless it did before: tried are those of the archive that were
// looked at, and whether they verify. Few do not, so few are tried.
func (l *Ledger) nearest(tried map[int]bool, index int64, found func(proof.Anchored, tree.Checkpoint)) {
	for _, place := range l.anchored.After(index, 16) {
		for _, i := range place {
			good, known := tried[i]
			if !known {
				var a proof.Anchored
				var cp tree.Checkpoint
				if a, cp, good = l.anchoredAt(i); good {
					found(a, cp)
				}
				tried[i] = good
			}
			if good {
				break
			}
		}
	}
}

// anchoredAt returns anchor i of the archive with its checkpoint, if it verifies
// and the ledger continues it.
func (l *Ledger) anchoredAt(i int) (proof.Anchored, tree.Checkpoint, bool) {
	item, err := l.anchored.Item(i)
	if err != nil {
		return proof.Anchored{}, tree.Checkpoint{}, false
	}
	a, err := proof.ParseAnchored(item)
	if err != nil {
		return proof.Anchored{}, tree.Checkpoint{}, false
	}
	head, err := l.ownHead(a.Checkpoint)
	if err != nil || a.Check(head.Checkpoint) != nil {
		return proof.Anchored{}, tree.Checkpoint{}, false
	}
	return a, head.Checkpoint, true
}

// checkAnchored refuses a store that is behind a checkpoint that was anchored, or
// does not continue it.
func (l *Ledger) checkAnchored(view tree.View) error {
	i, ok := l.anchored.Newest()
	if !ok {
		return nil
	}
	item, err := l.anchored.Item(i)
	if err != nil {
		return err
	}
	a, err := proof.ParseAnchored(item)
	var cp tree.Checkpoint
	if err == nil {
		cp, err = l.openNote(a.Checkpoint)
	}
	if err != nil {
		l.opt.Logger.Warn("the newest anchor in the archive does not verify", "error", err)
		return nil
	}
	return continues(view, cp, "anchored")
}

// continues refuses a view that does not continue a checkpoint that was shown to
// somebody outside, how being what they did with it.
func continues(view tree.View, cp tree.Checkpoint, how string) error {
	if cp.Size > view.Size {
		return fmt.Errorf("the store has %d records, but checkpoint %d was %s: it was rolled back; run `lendlog repair` to refill it from the mirror", view.Size, cp.Size, how)
	}
	if root, err := view.RootAt(cp.Size); err != nil {
		return err
	} else if root != cp.Root {
		return fmt.Errorf("the store does not continue the %s checkpoint %d: it is a fork of this ledger, or another one; put the right store back or run `lendlog repair`", how, cp.Size)
	}
	return nil
}

// anchorsOf returns for evidence under a checkpoint the nearest anchor of each
// place that covers each of these records, as far as they go into one file.
func (l *Ledger) anchorsOf(under basis, indexes ...int64) (out []proof.Anchored, err error) {
	tried := map[int]bool{}
	for _, index := range indexes {
		l.nearest(tried, index, func(a proof.Anchored, cp tree.Checkpoint) {
			if cp.Size > under.view.Size || len(out) == proof.MaxAnchored {
				return
			}
			var unproved error
			a.Proof, unproved = under.view.ProveConsistency(min(cp.Size, under.size), max(cp.Size, under.size))
			err = errors.Join(err, unproved)
			out = append(out, a)
		})
	}
	return out, err
}

// addObserved adds to evidence, for each of its records, the nearest one before it
// that names a block of a chain. It discloses nothing of them.
func (l *Ledger) addObserved(ctx context.Context, e *proof.Evidence, under basis) error {
	of := l.terms.Term("ledger", "chains")
	l.chains.RLock()
	count := l.state.chain(of).count
	l.chains.RUnlock()
	if count == 0 {
		return nil
	}
	added := map[int64]bool{}
	for _, r := range e.Records {
		added[r.Index] = true
	}
	for _, r := range slices.Clone(e.Records) {
		var failed error
		before := sort.Search(int(count), func(i int) bool { // how many lie before it
			p, err := l.store.Postings(of, int64(i)+1, 1)
			failed = errors.Join(failed, err)
			return err != nil || p[0].Index >= r.Index
		})
		if failed != nil {
			return failed
		}
		if before == 0 {
			continue
		}
		p, err := l.store.Postings(of, int64(before), 1)
		if err != nil {
			return err
		}
		if added[p[0].Index] {
			continue
		}
		added[p[0].Index] = true
		observed, err := l.Record(ctx, p[0].Index)
		if err != nil {
			return err
		}
		if err := placed(p[0], leaf{observed.Leaf, observed.Entry}); err != nil {
			return err
		}
		if observed.Leaf.Entry.Type != record.TypeChainObserved {
			continue
		}
		if _, err := l.prove(e, under, observed, func(string) bool { return false }); err != nil {
			return err
		}
	}
	return nil
}
