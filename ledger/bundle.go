// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// ErrNotOurs means that a checkpoint is not one of this ledger.
var ErrNotOurs = errors.New("the checkpoint is not one of this ledger")

// ErrBundling means that no bundle can be of what was asked for.
var ErrBundling = errors.New("no bundle can be of this")

// A Bundling says what goes into a bundle, and under which checkpoint. Of
// Sample and Filter at most one is set; with neither it is of a period.
type Bundling struct {
	// From and To are the period, From ≤ recorded < To; zero for where the log
	// begins or ends.
	From, To time.Time
	// Sample draws from the leaves from Start up to End; an End of 0 is that of
	// the checkpoint.
	Sample *proof.Sample
	// Filter finds records, the oldest first.
	Filter *index.Filter
	// Checkpoint is a signed checkpoint of this ledger that was kept; nil for
	// the newest.
	Checkpoint []byte
	// Pointers are those of the sealed members that are disclosed, of every
	// record that has them; none for an empty list, all for nil. Of what was
	// erased nothing is.
	Pointers []string
	// Opening, when not nil, is told which leaves may be opened, before anything is
	// written; its error ends the bundle. It is not asked where nothing is
	// disclosed.
	Opening func(look.Spans) error
}

// WriteBundle writes evidence of many records, line by line, and so in bounded
// memory. Nothing is written before it is known that the ledger can be asked
// for this: else it is ErrBundling, for a filter an *index.FilterError, for a
// checkpoint that it did not sign ErrNotOurs. progress, when not nil, is told how
// many of how many leaves were read.
func (l *Ledger) WriteBundle(ctx context.Context, w io.Writer, b Bundling, progress func(done, total int64)) error {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	pub := l.published.Load()
	m := &bundling{l: l, ctx: ctx, pub: pub, size: pub.view.Size, pointers: b.Pointers, opening: b.Opening, progress: progress}
	e, err := l.evidence(l.basisOf(pub))
	if err != nil {
		return err
	}
	m.head = proof.Bundle{Checkpoint: e.Checkpoint, Genesis: e.Genesis}
	if b.Checkpoint != nil {
		if err := m.under(b.Checkpoint); err != nil {
			return err
		}
	}
	switch {
	case b.Sample != nil:
		return m.sample(w, *b.Sample)
	case b.Filter != nil:
		return m.found(w, b.Filter)
	}
	return m.period(w, b.From, b.To)
}

// A bundling is a bundle being made.
type bundling struct {
	l        *Ledger
	ctx      context.Context
	pub      *published
	size     int64 // of the checkpoint
	head     proof.Bundle
	out      *proof.BundleWriter
	pointers []string
	opening  func(look.Spans) error
	progress func(done, total int64)
}

// under has the bundle made under a checkpoint that was kept.
func (m *bundling) under(note []byte) error {
	cp, err := m.l.Trust().OpenCheckpoint(note)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	if cp.Size > m.size {
		return fmt.Errorf("%w: it is of %d records, and there are %d", ErrNotOurs, cp.Size, m.size)
	}
	root, err := m.pub.view.RootAt(cp.Size)
	if err != nil {
		return err
	}
	if cp.Size < 1 || root != cp.Root {
		return fmt.Errorf("%w: its root is another; keep it, for two signed roots of one size prove fraud", ErrNotOurs)
	}
	m.head.Checkpoint, m.size = note, cp.Size
	m.head.Genesis.Proof, err = m.pub.view.ProveInclusion(0, cp.Size)
	return err
}

// begin writes what a bundle begins with, once it is known which leaves may be
// opened.
func (m *bundling) begin(w io.Writer, opened look.Spans) (err error) {
	if err := m.head.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrBundling, err)
	}
	if m.opening != nil && (m.pointers == nil || len(m.pointers) > 0) {
		if err := m.opening(opened); err != nil {
			return err
		}
	}
	if m.head.Anchored, err = m.l.anchorsOf(basis{view: m.pub.view, size: m.size}, m.size-1); err != nil {
		return err
	}
	m.out, err = proof.NewBundleWriter(w, &m.head)
	return err
}

// add writes a record, with a proof where each has one.
func (m *bundling) add(r *Record) error {
	e := &proof.Evidence{}
	disclosed, err := m.l.disclose(e, r, func(p string) bool { return m.pointers == nil || slices.Contains(m.pointers, p) })
	if err != nil {
		return err
	}
	rec := e.Records[0]
	if m.head.Period == nil {
		if rec.Proof, err = m.pub.view.ProveInclusion(r.Index, m.size); err != nil {
			return err
		}
	}
	if slices.Contains(disclosed, "/subject") {
		rec.Subject = m.l.proveSubject(r)
	}
	var schema []byte
	if len(e.Schemas) > 0 {
		schema = e.Schemas[0]
	}
	return m.out.Add(rec, schema)
}

func (m *bundling) period(w io.Writer, from, to time.Time) error {
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return fmt.Errorf("%w: the period ends before it begins", ErrBundling)
	}
	p := &proof.Period{From: from, To: to, End: m.size}
	if !from.IsZero() {
		first, err := m.l.recorded(0, m.size, from)
		if err != nil {
			return err
		}
		p.Start = max(0, first-1)
	}
	if !to.IsZero() {
		last, err := m.l.recorded(p.Start, m.size, to)
		if err != nil {
			return err
		}
		for p.End = last; p.End < m.size; {
			lf, err := m.l.leafAt(p.End)
			if err != nil {
				return err
			}
			if p.End++; lf.Entry != nil {
				break
			}
		}
	}
	var err error
	if p.Before, err = m.pub.view.Prefix(p.Start); err != nil {
		return err
	}
	if p.After, err = m.pub.view.ProveConsistency(p.End, m.size); err != nil {
		return err
	}
	m.head.Period = p
	if err := m.begin(w, look.Spans{{First: p.Start, End: p.End}}); err != nil {
		return err
	}
	opens := func(string) bool { return m.pointers == nil || len(m.pointers) > 0 }
	for r, err := range m.l.Records(m.ctx, p.Start, p.End, opens) {
		if err != nil {
			return err
		}
		m.progress(r.Index-p.Start, p.End-p.Start)
		if err := m.add(r); err != nil {
			return err
		}
	}
	return m.out.Close()
}

func (m *bundling) sample(w io.Writer, s proof.Sample) error {
	if s.End == 0 {
		s.End = m.size
	}
	if s.End > m.size {
		return fmt.Errorf("%w: the sample is of leaves up to %d, and the checkpoint has %d", ErrBundling, s.End, m.size)
	}
	m.head.Sample = &s
	root, err := m.pub.view.RootAt(m.size)
	if err != nil {
		return err
	}
	if err := m.head.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrBundling, err)
	}
	drawn := s.Draw(tree.Checkpoint{Origin: m.l.conf.Origin, Size: m.size, Root: root}.Text())
	if err := m.begin(w, look.SpansOf(drawn...)); err != nil {
		return err
	}
	for n, i := range drawn {
		m.progress(int64(n), int64(len(drawn)))
		r, err := m.l.Record(m.ctx, i)
		if err != nil {
			return err
		}
		if err := m.add(r); err != nil {
			return err
		}
	}
	return m.out.Close()
}

func (m *bundling) found(w io.Writer, f *index.Filter) error {
	if err := m.l.CheckFilter(m.ctx, f); err != nil {
		return err
	}
	m.head.Query = &proof.Query{Filter: f.String()}
	if err := m.begin(w, look.Spans{{First: 0, End: m.size}}); err != nil {
		return err
	}
	// A bundle says of no other time than that of its newest record.
	asOf, err := m.newest()
	if err != nil {
		return err
	}
	q := Query{Filter: f, Oldest: true, Limit: 256, Size: m.size, AsOf: asOf}
	for {
		page, err := m.l.Search(m.ctx, q)
		if err != nil {
			return err
		}
		for _, i := range page.Indexes {
			m.progress(i, m.size)
			r, err := m.l.Record(m.ctx, i)
			if err != nil {
				return err
			}
			if err := m.add(r); err != nil {
				return err
			}
		}
		if q.Cursor = page.Cursor; q.Cursor == "" {
			return m.out.Close()
		}
	}
}

// newest returns when the last record under the checkpoint was recorded.
func (m *bundling) newest() (at time.Time, err error) {
	var lf leaf
	for i := m.size - 1; err == nil && lf.Entry == nil; i-- { // record 0 has one
		lf, err = m.l.leafAt(i)
	}
	if err == nil {
		at = lf.Entry.Recorded
	}
	return at, err
}
