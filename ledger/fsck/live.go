// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"sync"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// live is the audit of a log that a server answers for.
type live struct {
	*audit
	log Log

	mu    sync.Mutex            // guards tiles
	tiles map[int64][]tree.Hash // of the lowest level, fetched together with their entries
}

// Live audits the log of a running server: its tree, tiles, chains, clock and
// index-roots, from all of its entries. What is sealed, and what lies beside
// the log on the server's disk, it cannot see; a deep audit is INCOMPLETE for
// it, and says so. An error means that the server could not be read to the
// end.
func Live(ctx context.Context, log Log, o Options) (*Report, error) {
	l := &live{audit: newAudit(o), log: log, tiles: map[int64][]tree.Hash{}}
	signed, err := log.Checkpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the checkpoint: %w", err)
	}
	// What a server does not show can't pass, and is no reason to doubt it
	// unless it was asked for.
	const elsewhere = "not to be seen from outside: audit the parts on disk, or a copy of them, with --dir"
	for _, name := range []string{HeadFile, Postings, Counts} {
		l.note(name, elsewhere)
	}
	for _, name := range order {
		switch {
		case deepOnly(name) && o.Deep:
			l.skip(name, elsewhere)
		case deepOnly(name):
			l.note(name, elsewhere)
		}
	}
	size, root, isSigned, err := l.checkpoint(ctx, signed)
	if err != nil {
		return nil, err
	}
	if !isSigned {
		return l.finish(), nil // who can't sign a checkpoint has nothing to audit
	}
	l.report.Size = size
	outside := l.outside()
	var wanted []int64
	for _, cp := range outside {
		wanted = append(wanted, cp.Size)
	}
	r := newReplay(ctx, l.audit, l, size, wanted...)
	ids := newTwins()
	r.eachEntry = ids.add
	if err := r.run(); err != nil {
		return nil, err
	}
	r.settle(true, root)
	r.summary()
	l.checkOutside(outside, r)
	if err := l.twins(ctx, ids); err != nil {
		return nil, err
	}
	for i := range l.list {
		f := &l.list[i]
		f.covered(size, "server")
		if f.Record >= 0 && f.Record < size {
			e, err := l.entry(ctx, f.Record)
			if err != nil {
				return nil, err
			}
			if e != nil {
				f.Subject = termName(e.Term)
			}
		}
		if f.Remedy == repairStore {
			f.Remedy = "keep what the server answered; ask the operator to audit the parts on disk"
		}
	}
	return l.finish(), nil
}

// checkpoint opens the server's checkpoint, under the keys of the genesis
// record where the auditor names none. One that is not signed still says how
// many records to read.
func (l *live) checkpoint(ctx context.Context, signed []byte) (size int64, root tree.Hash, ok bool, err error) {
	first, err := l.log.EntryBundle(ctx, 0, 1)
	if err != nil {
		return 0, root, false, fmt.Errorf("couldn't read the genesis record: %w", err)
	}
	items, err := splitBundle(first, 1)
	if err != nil {
		l.genesis(nil, err)
	} else {
		l.genesis(items[0], nil)
	}
	if l.policy == nil {
		l.skip(Signature, "whose signature counts is not known: the genesis record can't be read, and no trust file was given")
		return 0, root, false, nil
	}
	for _, demand := range l.policy.Unsupported {
		l.skip(Signature, "the trust file asks for %s, which this audit can't check", demand)
	}
	cp, err := l.policy.OpenCheckpoint(signed)
	if err != nil && l.opt.Followed != nil {
		if cp, followed := l.opt.Followed.OpenCheckpoint(signed); followed == nil {
			l.policy = l.opt.Followed
			l.skip(Signature, "the ledger has a checkpoint key that the trust file does not name, and announced it under one that it names; get the new trust file from where you got this one")
			return cp.Size, cp.Root, true, nil
		}
	}
	if err != nil {
		l.fail(whole(Signature, askOperator, "the server's checkpoint: %v", err))
		return 0, root, false, nil
	}
	l.pass(Signature, "the checkpoint of %d records is signed by a key that may sign it", cp.Size)
	return cp.Size, cp.Root, true, nil
}

// bundles implements source.
func (l *live) bundles(size int64) iter.Seq[bundle] {
	return func(yield func(bundle) bool) {
		for n := int64(0); n*tree.Width < size; n++ {
			width := int(min(tree.Width, size-n*tree.Width))
			load := func(ctx context.Context) (items [][]byte, damaged, fatal error) { return l.load(ctx, n, width) }
			if !yield(bundle{n * tree.Width, load}) {
				return
			}
		}
	}
}

func (l *live) load(ctx context.Context, n int64, width int) (items [][]byte, damaged, fatal error) {
	b, err := l.log.EntryBundle(ctx, n, width)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't read records %d to %d: %w", n*tree.Width, n*tree.Width+int64(width)-1, err)
	}
	tile, err := l.fetchTile(ctx, 0, n, width)
	if err != nil {
		return nil, nil, err
	}
	l.mu.Lock()
	l.tiles[n] = tile
	l.mu.Unlock()
	items, damaged = splitBundle(b, width)
	return items, damaged, nil
}

// splitBundle takes an entry bundle apart.
func splitBundle(b []byte, width int) ([][]byte, error) {
	items := make([][]byte, 0, width)
	for len(b) > 0 {
		if len(b) < 2 || int(binary.BigEndian.Uint16(b)) > len(b)-2 {
			return nil, errors.New("the bundle is cut short")
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		items = append(items, b[2:n:n])
		b = b[n:]
	}
	if len(items) != width {
		return nil, fmt.Errorf("the bundle has %d entries, not %d", len(items), width)
	}
	return items, nil
}

// tile implements source.
func (l *live) tile(ctx context.Context, level int, n int64, width int) ([]tree.Hash, error) {
	if level == 0 {
		l.mu.Lock()
		t, ok := l.tiles[n]
		delete(l.tiles, n)
		l.mu.Unlock()
		if ok {
			return t, nil
		}
	}
	return l.fetchTile(ctx, level, n, width)
}

func (l *live) fetchTile(ctx context.Context, level int, n int64, width int) ([]tree.Hash, error) {
	b, err := l.log.HashTile(ctx, level, n, width)
	if err != nil {
		return nil, fmt.Errorf("couldn't read tile %d/%d: %w", level, n, err)
	}
	if len(b) != 32*width {
		return nil, nil // as good as none
	}
	out := make([]tree.Hash, width)
	for i := range out {
		out[i] = tree.Hash(b[32*i:])
	}
	return out, nil
}

// twins finds event identities that two records share, in 16 bytes a record.
type twins struct {
	seed maphash.Seed
	list []twin
}

type twin struct {
	hash  uint64
	index int64
}

func newTwins() *twins { return &twins{seed: maphash.MakeSeed()} }

func (t *twins) add(index int64, e *record.Entry) {
	t.list = append(t.list, twin{maphash.Bytes(t.seed, e.Event[:]), index})
}

// twins reports the records that stand under one event identity.
func (l *live) twins(ctx context.Context, t *twins) error {
	slices.SortFunc(t.list, func(a, b twin) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.index, b.index))
	})
	for i := 1; i < len(t.list); i++ {
		a, b := t.list[i-1], t.list[i]
		if a.hash != b.hash {
			continue
		}
		x, err := l.entry(ctx, a.index)
		if err != nil {
			return err
		}
		y, err := l.entry(ctx, b.index)
		if err != nil {
			return err
		}
		if x != nil && y != nil && x.Event == y.Event {
			l.fail(about(Identities, b.index, askOperator, "it has the event identity of record %d: one event was accepted twice", a.index))
		}
	}
	l.pass(Identities, "%d records, each under an event identity of its own", len(t.list))
	return nil
}

func (l *live) entry(ctx context.Context, index int64) (*record.Entry, error) {
	n, at := index/tree.Width, int(index%tree.Width)
	width := int(min(tree.Width, l.report.Size-n*tree.Width))
	b, err := l.log.EntryBundle(ctx, n, width)
	if err != nil {
		return nil, fmt.Errorf("couldn't read record %d: %w", index, err)
	}
	items, err := splitBundle(b, width)
	if err != nil {
		return nil, nil // reported when it was first read
	}
	leaf, err := record.ParseLeaf(items[at])
	if err != nil {
		return nil, nil
	}
	return leaf.Entry, nil
}
