// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// What ProveSubject takes into one file, which is made in memory.
const (
	maxComplete      = 10_000   // records
	maxCompleteBytes = 24 << 20 // of entries and disclosures
)

// ErrTooMany means that what was asked for does not go into one file.
var ErrTooMany = errors.New("there is too much for one file")

// Prove makes evidence of one record under the newest checkpoint that witnesses
// cosigned, with the nearest ones before and after the record, and the nearest
// anchors after it; until a witnessed one covers it, under the newest published checkpoint. It discloses those sealed
// members for which disclose returns true; nil discloses all. The subject is
// proved when its member is disclosed.
func (l *Ledger) Prove(ctx context.Context, index int64, disclose func(pointer string) bool) (*proof.Evidence, error) {
	pub := l.published.Load()
	base := basis{pub.view, pub.view.Size, pub.head.Note}
	if w, ok := l.Witnessed(); ok && w.Size > index && w.Size <= base.size {
		base.size, base.note = w.Size, w.Note
	}
	r, err := l.Record(ctx, index)
	if err != nil {
		return nil, err
	}
	if r.Leaf.Entry != nil && r.sealed == nil && disclose == nil {
		return nil, fmt.Errorf("record %d: %w; prove it without disclosures", index, ErrErased)
	}
	e, err := l.evidence(base)
	if err != nil {
		return nil, err
	}
	disclosed, err := l.prove(e, base, r, disclose)
	if err != nil {
		return nil, err
	}
	if err := l.addOutside(ctx, e, base); err != nil {
		return nil, err
	}
	if slices.Contains(disclosed, "/subject") {
		e.Records[0].Subject = l.proveSubject(r)
	}
	return e, nil
}

// proveSubject proves whose record it is that was opened whole.
func (l *Ledger) proveSubject(r *Record) *proof.Subject {
	subject := r.value("/subject").Str
	kind, id, _ := cutSubject(subject)
	_, p := l.keys.VRF.Prove(kind, id)
	return &proof.Subject{Subject: subject, Proof: p}
}

// ProveSubject makes evidence of all records of a subject and of that there
// are no others, under a checkpoint whose last leaf is an index-root; it
// appends one unless the last leaf is one already, for all who ask within a
// moment. Of a subject without records it proves that; one that no record can
// have is ErrNotFound. It discloses as Prove does, of a record that was erased
// nothing. What is too much for one file is ErrTooMany. The ledger must be
// running.
func (l *Ledger) ProveSubject(ctx context.Context, kind, id string, disclose func(pointer string) bool) (*proof.Evidence, error) {
	// That there is no record of it would be true, and mislead whoever reads
	// it as the subject that it resembles.
	if !record.IsSubject(kind, id) {
		return nil, fmt.Errorf("%w: no record can be of such a subject", ErrNotFound)
	}
	if !scopeOf(ctx).opens("/subject") {
		return nil, ErrScope
	}
	of := l.terms.Term(kind, id)
	m, err := l.mapped(ctx, of)
	if err != nil {
		return nil, err
	}
	if m.count > maxComplete {
		return nil, fmt.Errorf("the subject has %d records, and a file takes %d: %w; prove those that are asked for one by one", m.count, maxComplete, ErrTooMany)
	}
	base := l.basisOf(m.pub)
	e, err := l.evidence(base)
	if err != nil {
		return nil, err
	}
	_, p := l.keys.VRF.Prove(kind, id)
	e.Complete = []proof.Complete{{Subject: kind + "/" + id, Proof: p, Map: m.proof}}
	postings, err := l.store.Postings(of, 1, m.count)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, at := range postings {
		r, err := l.Record(ctx, at.Index)
		if err != nil {
			return nil, err
		}
		if err := placed(at, leaf{r.Leaf, r.Entry}); err != nil {
			return nil, err
		}
		if _, err := l.prove(e, base, r, disclose); err != nil {
			return nil, err
		}
		if size += weight(e.Records[len(e.Records)-1]); size > maxCompleteBytes {
			return nil, fmt.Errorf("the subject's %d records are too large with all that is to be disclosed: %w; disclose less of them, or none", m.count, ErrTooMany)
		}
	}
	root, err := l.Record(ctx, m.pub.view.Size-1)
	if err != nil {
		return nil, err
	}
	if _, err = l.prove(e, base, root, nil); err != nil {
		return nil, err
	}
	return e, l.addOutside(ctx, e, base)
}

// A basis is the checkpoint that a file of evidence is made under: of a size
// that the view has.
type basis struct {
	view tree.View
	size int64
	note []byte
}

// basisOf returns the checkpoint of a published state, with what witnesses
// cosigned of it.
func (l *Ledger) basisOf(pub *published) basis {
	b := basis{pub.view, pub.view.Size, pub.head.Note}
	if w, ok := l.Witnessed(); ok && w.Size == b.size {
		b.note = w.Note
	}
	return b
}

// evidence begins a file of evidence.
func (l *Ledger) evidence(under basis) (*proof.Evidence, error) {
	genesis, err := l.leafAt(0)
	if err != nil {
		return nil, err
	}
	e := &proof.Evidence{Checkpoint: under.note}
	e.Genesis.Entry = genesis.bytes
	if e.Genesis.Proof, err = under.view.ProveInclusion(0, under.size); err != nil {
		return nil, l.outOfRange(err)
	}
	return e, nil
}

// prove adds a record to evidence, and returns the pointers it disclosed.
func (l *Ledger) prove(e *proof.Evidence, under basis, r *Record, disclose func(pointer string) bool) (disclosed []string, err error) {
	if disclosed, err = l.disclose(e, r, disclose); err != nil {
		return nil, err
	}
	rec := &e.Records[len(e.Records)-1]
	if rec.Proof, err = under.view.ProveInclusion(r.Index, under.size); err != nil {
		return nil, l.outOfRange(err)
	}
	return disclosed, nil
}

// disclose does as prove does, but that it proves nothing of where the record
// lies.
func (l *Ledger) disclose(e *proof.Evidence, r *Record, disclose func(pointer string) bool) (disclosed []string, err error) {
	rec := proof.Record{Index: r.Index, Entry: r.Entry}
	if disclosed = r.discloses(disclose); len(disclosed) > 0 {
		if rec.Disclosures, err = proof.Disclose(r.Schema, r.sealed, disclosed...); err != nil {
			return nil, err
		}
		e.AddSchema(r.Schema.Text)
	}
	e.Records = append(e.Records, rec)
	return disclosed, nil
}

// addOutside adds to evidence what others have of the ledger around its records, and
// the records with which the ledger named blocks of chains before them, and its new
// checkpoint keys.
func (l *Ledger) addOutside(ctx context.Context, e *proof.Evidence, under basis) error {
	if err := errors.Join(l.addObserved(ctx, e, under), l.addAnnounced(ctx, e, under), l.addWitnessed(e, under)); err != nil {
		return err
	}
	indexes := make([]int64, len(e.Records))
	for i, r := range e.Records {
		indexes[i] = r.Index
	}
	var err error
	if e.Anchored, err = l.anchorsOf(under, indexes...); err != nil {
		return l.outOfRange(err)
	}
	return nil
}

// addAnnounced adds to evidence the records that announce the checkpoint keys which
// may have signed its checkpoint. It discloses nothing of them.
func (l *Ledger) addAnnounced(ctx context.Context, e *proof.Evidence, under basis) error {
	for _, k := range l.KeyRecords() {
		there := slices.ContainsFunc(e.Records, func(r proof.Record) bool { return r.Index == k.Index })
		if k.Purpose != forCheckpoints || k.Index >= under.size || there {
			continue
		}
		r, err := l.Record(ctx, k.Index)
		if err != nil {
			return err
		}
		if _, err := l.prove(e, under, r, func(string) bool { return false }); err != nil {
			return err
		}
	}
	return nil
}

// addWitnessed adds to evidence the nearest witnessed checkpoints before and
// after each of its records, as far as there are any and they go into one file.
func (l *Ledger) addWitnessed(e *proof.Evidence, under basis) error {
	looked := map[int]bool{} // at that place of the archive
	added := map[string]bool{string(under.note): true}
	add := func(i, step int) error {
		if looked[i] {
			return nil
		}
		looked[i] = true
		w, ok := l.witnessedFrom(i, step)
		if !ok || added[string(w.Note)] || w.Size > under.view.Size || len(e.Witnessed) == proof.MaxWitnessed {
			return nil
		}
		p, err := under.view.ProveConsistency(min(w.Size, under.size), max(w.Size, under.size))
		if err != nil {
			return err
		}
		added[string(w.Note)] = true
		e.Witnessed = append(e.Witnessed, proof.Witnessed{Checkpoint: w.Note, Proof: p})
		return nil
	}
	for _, r := range e.Records {
		after := l.witnessed.After(r.Index)
		if err := errors.Join(add(after-1, -1), add(after, 1)); err != nil {
			return l.outOfRange(err)
		}
	}
	return nil
}

// weight is about how many bytes a record takes in a file.
func weight(r proof.Record) int {
	n := len(r.Entry) + 48*len(r.Proof)
	for _, d := range r.Disclosures {
		n += len(d.Disclosure) + 48*len(d.Proof)
	}
	return n
}

// A mapping is what the map says of a term, under a published checkpoint whose
// last leaf commits to the map.
type mapping struct {
	pub   *published
	count int64
	proof []byte
	err   error
}

// A question asks the sequencer for a mapping.
type question struct {
	term   term.Term
	answer chan<- mapping // takes one without waiting
}

func (l *Ledger) mapped(ctx context.Context, of term.Term) (mapping, error) {
	answer := make(chan mapping, 1)
	select {
	case l.questions <- question{of, answer}:
	case <-l.stopped:
		return mapping{}, ErrStopped
	case <-ctx.Done():
		return mapping{}, ctx.Err()
	}
	m := <-answer // the sequencer has taken the question
	return m, m.err
}

// answer answers all questions that wait. They share an index-root. An error
// is an unknown outcome, as of commit.
func (l *Ledger) answer(first question) error {
	waiting := []question{first}
	for more := true; more && len(waiting) < batchRecords; {
		select {
		case q := <-l.questions:
			waiting = append(waiting, q)
		default:
			more = false
		}
	}
	reply := func(find func(question) mapping) {
		for _, q := range waiting {
			q.answer <- find(q)
		}
	}
	refuse := func(err error) { reply(func(question) mapping { return mapping{err: err} }) }
	if l.state.head.IndexRoot != l.state.head.Size-1 {
		if held := l.held.Load(); held != nil {
			refuse(*held)
			return nil
		}
		if err := l.enoughSpace(); err != nil {
			refuse(err)
			return nil
		}
		if err := l.commitIndexRoot(); err != nil {
			if errors.Is(err, ErrSigner) {
				refuse(err)
				return nil
			}
			l.closed.Store(true) // no more intake, before anybody learns of it
			refuse(ErrStopped)
			return err
		}
	}
	l.chains.Lock() // looking a proof up may hash
	defer l.chains.Unlock()
	pub := l.published.Load()
	reply(func(q question) mapping {
		m := mapping{pub: pub, count: l.state.chain(q.term).count}
		_, _, m.proof = l.state.subjects.ProveLookup(q.term[:])
		return m
	})
	return nil
}
