// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/story"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A Record is one leaf of the ledger with what of it can be opened here.
type Record struct {
	Index int64
	Entry []byte // the leaf's exact bytes
	Leaf  record.Leaf
	// Schema is what the members were validated with: of a restricted record
	// the schema within. Nil for an index-root.
	Schema *record.Schema
	// Members are the sealed members that could be opened, present or not, in
	// the order of their pointers, and then the open ones.
	Members []Member
	// Seeds open the disclosures, by key group: none where not all may be opened.
	Seeds map[string]seal.Seed
	// Unreadable lists the key groups whose key was destroyed.
	Unreadable []string

	restricted *proof.Restricted // of a restricted record that could be opened
	sealed     []seal.Disclosure // of all members; nil when a group is unreadable or the leaf is an index-root
	scope      scope             // by which it was narrowed
}

// A Member is one member of an event.
type Member struct {
	Pointer string // JSON Pointer in the event
	Value   canon.Value
	Present bool
	Open    bool   // shown in the entry; otherwise sealed
	Group   string // key group of a sealed member
}

// Story returns the record as a part of its subject's story, with what of it
// can be opened; false for an index-root, which is nobody's.
func (r *Record) Story() (story.Record, bool) {
	if r.Leaf.Entry == nil {
		return story.Record{}, false
	}
	sealed := func(yield func(string, canon.Value) bool) {
		for _, m := range r.Members {
			if m.Present && !m.Open && !yield(m.Pointer, m.Value) {
				return
			}
		}
	}
	return story.NewRecord(r.Index, r.Leaf.Entry, r.Schema, sealed, len(r.Unreadable) > 0), true
}

// A Leaf is a leaf of the ledger, all of which stands in the clear.
type Leaf struct {
	Index int64
	Bytes []byte // exactly what is hashed
	record.Leaf
}

// What Records reads ahead is bounded.
const (
	aheadRecords = 64
	aheadBytes   = 256 << 10
)

// Records yields the records from an index up to another, each checked against
// the tree, and the members of those of the types for which opens returns true.
// Of others it shows what stands in the entry, and has nothing that is sealed.
func (l *Ledger) Records(ctx context.Context, from, to int64, opens func(typ string) bool) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for from < to {
			ahead, payloads, err := l.readAhead(ctx, from, to, opens)
			if err != nil {
				yield(nil, err)
				return
			}
			for i, r := range ahead {
				if payloads[i] != nil {
					err = l.open(ctx, r, payloads[i])
				} else if e := r.Leaf.Entry; e != nil {
					r.showOpen(e)
				}
				if err != nil {
					yield(nil, err)
					return
				}
				if !yield(r, nil) {
					return
				}
			}
			from += int64(len(ahead))
		}
	}
}

// readAhead reads some of the records from an index on, at least one, and the
// payloads of those that are to be opened; nil of the others.
func (l *Ledger) readAhead(ctx context.Context, from, to int64, opens func(typ string) bool) (ahead []*Record, payloads [][]byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	view := l.published.Load().view
	if from < 0 || to > view.Size {
		return nil, nil, fmt.Errorf("record %d: %w: the ledger has %d", max(from, to-1), ErrNotFound, view.Size)
	}
	size := 0
	take := func(b []byte) error {
		if size += len(b); size >= aheadBytes {
			return errEnough
		}
		return nil
	}
	err = l.store.Entries(from, min(aheadRecords, to-from), func(i int64, b []byte) error {
		lf, err := l.checkEntry(view, i, bytes.Clone(b))
		if err != nil {
			return err
		}
		ahead = append(ahead, &Record{Index: i, Entry: lf.bytes, Leaf: lf.Leaf})
		return take(b)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, nil, err
	}
	payloads = make([][]byte, len(ahead))
	wanted := slices.IndexFunc(ahead, func(r *Record) bool { return r.Leaf.Entry != nil && opens(r.Leaf.Entry.Type) })
	if wanted < 0 {
		return ahead, payloads, nil
	}
	read := 0
	err = l.store.Payloads(from, int64(len(ahead)), func(i int64, b []byte) error {
		read++
		if e := ahead[i-from].Leaf.Entry; e != nil && opens(e.Type) {
			payloads[i-from] = append([]byte{}, b...)
			return take(b)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, nil, err
	}
	return ahead[:read], payloads[:read], nil
}

// leafAt reads the leaf at an index and holds it against the tree.
func (l *Ledger) leafAt(index int64) (leaf, error) {
	view := l.published.Load().view
	if index < 0 || index >= view.Size {
		return leaf{}, fmt.Errorf("record %d: %w: the ledger has %d", index, ErrNotFound, view.Size)
	}
	var lf leaf
	err := l.store.Entries(index, 1, func(i int64, b []byte) (err error) {
		lf, err = l.checkEntry(view, i, bytes.Clone(b))
		return err
	})
	return lf, err
}

// Record returns the record at an index, checked against the tree.
func (l *Ledger) Record(ctx context.Context, index int64) (*Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	lf, err := l.leafAt(index)
	if err != nil {
		return nil, err
	}
	r := &Record{Index: index, Entry: lf.bytes, Leaf: lf.Leaf}
	if lf.Entry == nil {
		return r, nil
	}
	var payload []byte
	err = l.store.Payloads(index, 1, func(_ int64, b []byte) error {
		payload = bytes.Clone(b)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, l.open(ctx, r, payload)
}

// open opens what the context's scope opens. Every record whose members are handed
// out was opened here.
func (l *Ledger) open(ctx context.Context, r *Record, payload []byte) error {
	if err := l.openAll(r, payload); err != nil {
		return err
	}
	r.narrow(scopeOf(ctx))
	return nil
}

// openAll decrypts what it can and checks it against the sealed root, so that a
// payload that belongs elsewhere is never shown.
func (l *Ledger) openAll(r *Record, payload []byte) error {
	e := r.Leaf.Entry
	groups, lost, err := l.decrypt(e.Event, payload)
	if err != nil {
		return fmt.Errorf("record %d: %w", r.Index, err)
	}
	r.Unreadable = lost
	r.Seeds = make(map[string]seal.Seed, len(groups))
	for _, g := range groups {
		r.Seeds[g.name] = g.seed
	}
	if r.Schema, err = l.schemaOf(e, groups); err != nil || r.Schema == nil {
		return err
	}
	pointers := r.Schema.Pointers()
	members := make([]Member, len(pointers), len(pointers)+len(e.Open.Members))
	sealed := make([]seal.Disclosure, len(pointers))
	for _, group := range r.Schema.Groups() {
		at := slices.IndexFunc(groups, func(g opened) bool { return g.name == group.Name })
		if at < 0 {
			if !slices.Contains(lost, group.Name) {
				return fmt.Errorf("record %d: %w: its group %s is missing", r.Index, ErrDamaged, group.Name)
			}
			continue
		}
		g, rest := groups[at], groups[at].members
		for _, i := range group.Members {
			m := Member{Pointer: pointers[i], Group: group.Name}
			if len(rest) > 0 && rest[0].Name == m.Pointer {
				m.Value, m.Present, rest = rest[0].Value, true, rest[1:]
			}
			members[i], sealed[i] = m, seal.Disclose(g.seed, m.Pointer, m.Value, m.Present)
		}
		if len(rest) > 0 {
			return fmt.Errorf("record %d: %w: its group %s has members that its schema does not put there", r.Index, ErrDamaged, group.Name)
		}
	}
	if len(groups)+len(lost) != len(r.Schema.Groups()) {
		return fmt.Errorf("record %d: %w: it has a group that its schema does not know", r.Index, ErrDamaged)
	}
	r.Members = slices.DeleteFunc(members, func(m Member) bool { return m.Group == "" }) // of lost groups
	r.showOpen(e)
	if len(lost) > 0 {
		return nil
	}
	if seal.Small(sealed).Root() != e.Sealed {
		return fmt.Errorf("the payload of record %d does not hash to its seal: %w", r.Index, ErrDamaged)
	}
	r.sealed = sealed
	if e.Type == record.TypeRestricted {
		r.restricted = &proof.Restricted{Submitter: r.value("/submitter").Str}
		for _, v := range r.value("/refs").Items {
			r.restricted.Refs = append(r.restricted.Refs, v.Int)
		}
	}
	return nil
}

// value returns the value of a sealed member, null where it is absent or could not be
// opened.
func (r *Record) value(pointer string) canon.Value {
	for i := range r.Members {
		if m := &r.Members[i]; m.Pointer == pointer && !m.Open {
			return m.Value
		}
	}
	return canon.Value{}
}

// showOpen adds the open members.
func (r *Record) showOpen(e *record.Entry) {
	for _, m := range e.Open.Members {
		r.Members = append(r.Members, Member{Pointer: canon.Pointer("/data", m.Name), Value: m.Value, Present: true, Open: true})
	}
}

// schemaOf returns the schema of an entry's members, nil for a restricted
// record whose members cannot be opened.
func (l *Ledger) schemaOf(e *record.Entry, groups []opened) (*record.Schema, error) {
	hash := e.Schema
	if e.Type == record.TypeRestricted {
		inner := canon.Value{}
		for _, g := range groups {
			for _, m := range g.members {
				if m.Name == "/type" {
					inner = m.Value
				}
			}
		}
		if inner.Kind == canon.Null {
			return nil, nil
		}
		var err error
		if _, hash, err = record.ParseSealedType(inner); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	s, ok := l.Schema(hash)
	if !ok {
		return nil, fmt.Errorf("the schema %s was never registered: %w", base64Of(hash), ErrDamaged)
	}
	return s, nil
}

// event returns the event as it was submitted, read by the schema that validated
// it, of a record that could be opened whole.
func (r *Record) event() (*record.Event, error) {
	present := make([]canon.Member, 0, len(r.sealed))
	for _, d := range r.sealed {
		if d.Present {
			present = append(present, canon.Member{Name: d.Pointer, Value: d.Value})
		}
	}
	ev, err := r.Schema.Event(r.Schema.Document(r.Leaf.Entry, present))
	if err != nil {
		return nil, fmt.Errorf("record %d does not give its event back: %w: %w", r.Index, ErrDamaged, err)
	}
	return ev, nil
}

// repeated answers an event whose identity was taken: by the same event, then
// the first receipt again, or by another, then a recorded conflict.
func (l *Ledger) repeated(ctx context.Context, p *Pending) (*Result, error) {
	r, err := l.Record(unscoped(ctx), p.index)
	if err != nil {
		return nil, err
	}
	if r.Leaf.Entry == nil || r.Leaf.Entry.Event != p.identity {
		return nil, fmt.Errorf("record %d is not of the identity that names it: %w", p.index, ErrDamaged)
	}
	if len(r.Unreadable) > 0 {
		return nil, fmt.Errorf("record %d: %w", p.index, ErrErased)
	}
	first, err := r.event()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first.Document().Bytes(), p.event.Document().Bytes()) {
		return nil, l.recordConflict(ctx, p)
	}
	return &Result{Repeated: true, Receipt: &proof.Receipt{
		Index: r.Index, Entry: r.Entry, Seeds: r.Seeds, Checkpoint: p.note, Restricted: r.restricted,
	}}, nil
}

func (l *Ledger) recordConflict(ctx context.Context, p *Pending) error {
	conflict := &ConflictError{Index: p.index}
	if p.event.Schema.Own {
		return conflict
	}
	ev, err := l.own(ownEvent{
		typ: record.TypeConflicted, subject: conflictSubject, id: "conflict/" + base64Of(p.identity),
		data: canon.Map(
			canon.Member{Name: "index", Value: canon.Number(p.index)},
			canon.Member{Name: "eventHash", Value: canon.Text(base64Of(p.identity))},
		),
	})
	if err != nil {
		return err
	}
	own, err := l.enqueue(ctx, ev, ownSubmitter)
	if err != nil {
		return err
	}
	// A conflict is recorded once per identity: a second one repeats the
	// identity of its record, with another time.
	if _, err := own.Wait(ctx); err != nil && !errors.As(err, new(*ConflictError)) {
		return err
	}
	return conflict
}

// AddProof completes a receipt with the inclusion proof of its record under
// the newest published checkpoint.
func (l *Ledger) AddProof(ctx context.Context, r *proof.Receipt) (err error) {
	pub := l.published.Load()
	if r.Proof, err = pub.view.ProveInclusion(r.Index, pub.view.Size); err != nil {
		return l.outOfRange(err)
	}
	r.Checkpoint = pub.head.Note
	return ctx.Err()
}

func (l *Ledger) outOfRange(err error) error {
	if errors.Is(err, tree.ErrBeyond) {
		return fmt.Errorf("%w: the ledger has %d records", ErrNotFound, l.Head().Size)
	}
	return err
}

// InclusionProof returns the proof that record index lies in the tree of size
// leaves.
func (l *Ledger) InclusionProof(ctx context.Context, index, size int64) ([]tree.Hash, error) {
	p, err := l.published.Load().view.ProveInclusion(index, size)
	return p, errors.Join(l.outOfRange(err), ctx.Err())
}

// ConsistencyProof returns the proof that the tree of oldSize leaves is a
// prefix of the tree of size leaves.
func (l *Ledger) ConsistencyProof(ctx context.Context, oldSize, size int64) ([]tree.Hash, error) {
	p, err := l.published.Load().view.ProveConsistency(oldSize, size)
	return p, errors.Join(l.outOfRange(err), ctx.Err())
}

// HashTile returns the first width hashes of a tile (C2SP tlog-tiles); width
// is 1 to 256.
func (l *Ledger) HashTile(ctx context.Context, level int, n int64, width int) ([]byte, error) {
	if level < 0 || level > 6 || n < 0 || width < 1 || width > tree.Width {
		return nil, ErrNotFound
	}
	t, err := l.published.Load().view.Tile(level, n)
	if err != nil {
		return nil, l.outOfRange(err)
	}
	hashes := t.Hashes()
	if width > len(hashes) {
		return nil, ErrNotFound
	}
	out := make([]byte, 0, width*32)
	for _, h := range hashes[:width] {
		out = append(out, h[:]...)
	}
	return out, ctx.Err()
}

// EntryBundle returns the first width entries of bundle n, each behind its
// length in two bytes (C2SP tlog-tiles); width is 1 to 256.
func (l *Ledger) EntryBundle(ctx context.Context, n int64, width int) ([]byte, error) {
	view := l.published.Load().view
	first := n * tree.Width
	if n < 0 || n > view.Size/tree.Width || width < 1 || width > tree.Width || first+int64(width) > view.Size {
		return nil, ErrNotFound
	}
	var out []byte
	err := l.store.Entries(first, int64(width), func(i int64, b []byte) error {
		if want, err := view.Leaf(i); err != nil {
			return err
		} else if tree.LeafHash(b) != want {
			return fmt.Errorf("record %d was altered: %w", i, ErrDamaged)
		}
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(b))), b...)
		return nil
	})
	return out, errors.Join(err, ctx.Err())
}

// a blockReader reads records of which some may lie in the same block.
type blockReader struct {
	l                 *Ledger
	view              tree.View
	entries, payloads store.Block
}

func (l *Ledger) blockReader() blockReader {
	return blockReader{l: l, view: l.published.Load().view}
}

// placed reads the leaf that a posting names, and holds it against the tree and
// against the posting.
func (b *blockReader) placed(p store.Posting) (leaf, error) {
	if p.Index >= b.view.Size {
		return leaf{}, fmt.Errorf("the subject's record %d is said to be record %d, beyond the end: %w", p.Seq, p.Index, ErrDamaged)
	}
	if !b.entries.Has(p.Index) {
		var err error
		if b.entries, err = b.l.store.EntryBlock(p.Index); err != nil {
			return leaf{}, err
		}
	}
	// Its bytes outlive the block.
	lf, err := b.l.checkEntry(b.view, p.Index, bytes.Clone(b.entries.Items[p.Index-b.entries.First]))
	if err == nil {
		err = placed(p, lf)
	}
	return lf, err
}

// placed returns an error when a leaf is not the one that a posting names.
func placed(p store.Posting, lf leaf) error {
	if e := lf.Entry; e == nil || tree.LeafHash(lf.bytes) != p.Leaf || e.Term != p.Term || e.Seq != p.Seq {
		return fmt.Errorf("record %d is not number %d of its subject: %w", p.Index, p.Seq, ErrDamaged)
	}
	return nil
}

// record is Record of a leaf that was read.
func (b *blockReader) record(ctx context.Context, index int64, lf leaf) (*Record, error) {
	r := &Record{Index: index, Entry: lf.bytes, Leaf: lf.Leaf}
	if lf.Entry == nil {
		return r, nil
	}
	if !b.payloads.Has(index) {
		var err error
		if b.payloads, err = b.l.store.PayloadBlock(index); err != nil {
			return nil, err
		}
	}
	return r, b.l.open(ctx, r, b.payloads.Items[index-b.payloads.First])
}

// A Timeline is the story of one subject, or a part of it.
type Timeline struct {
	Subject string
	Count   int64  // records of the subject in all
	Size    int64  // tree size at which it was read
	Note    []byte // signed checkpoint of that size; must not be changed
	Records []*Record

	postings []store.Posting
}

// Timeline returns up to limit records of a subject from seq from (1, 2, …)
// on, in their order. An unknown subject is ErrNotFound.
func (l *Ledger) Timeline(ctx context.Context, kind, id string, from, limit int64) (*Timeline, error) {
	if !scopeOf(ctx).opens("/subject") {
		return nil, ErrScope
	}
	t, err := l.timeline(ctx, kind+"/"+id, from, limit)
	if err != nil {
		return nil, err
	}
	b := l.blockReader()
	for _, p := range t.postings {
		lf, err := b.placed(p)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		r, err := b.record(ctx, p.Index, lf)
		if err != nil {
			return nil, err
		}
		t.Records = append(t.Records, r)
	}
	return t, nil
}

func (l *Ledger) timeline(ctx context.Context, subject string, from, limit int64) (*Timeline, error) {
	kind, id, _ := cutSubject(subject)
	t := &Timeline{Subject: subject}
	of := l.terms.Term(kind, id)
	// The map says how many there are; the store has to have them.
	l.chains.RLock()
	head := l.published.Load().head
	t.Count, t.Size, t.Note = l.state.chain(of).count, head.Size, head.Note
	l.chains.RUnlock()
	switch {
	case t.Count == 0:
		return nil, fmt.Errorf("the subject is %w", ErrNotFound)
	case from < 1 || limit < 0:
		return nil, errors.New("a timeline is read from 1 on")
	case from > t.Count:
		return t, nil
	}
	var err error
	t.postings, err = l.store.Postings(of, from, min(t.Count-from+1, limit))
	return t, errors.Join(err, ctx.Err())
}

// eachOf hands out all records of a subject of the ledger's own, in their order. Of
// one without records it is ErrNotFound.
func (l *Ledger) eachOf(ctx context.Context, subject string, each func(index int64, lf leaf) error) error {
	t, err := l.timeline(ctx, subject, 1, 1<<31)
	if err != nil {
		return err
	}
	b := l.blockReader()
	for _, p := range t.postings {
		lf, err := b.placed(p)
		if err == nil {
			err = each(p.Index, lf)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func cutSubject(s string) (kind, id string, ok bool) {
	for i := range s {
		if s[i] == '/' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// Term returns the term of a subject.
func (l *Ledger) Term(kind, id string) term.Term { return l.terms.Term(kind, id) }

// tileCache keeps full tiles in memory. What it hands out was either written
// by this process or verified against the tree above it.
type tileCache struct {
	store *store.Store
	mu    sync.Mutex // guards tiles
	tiles map[tileID]tree.Tile
}

type tileID struct {
	level int
	n     int64
}

// cachedTiles bounds the cache: 16 KiB each.
const cachedTiles = 1024

func newTileCache(s *store.Store) *tileCache {
	return &tileCache{store: s, tiles: map[tileID]tree.Tile{}}
}

func (c *tileCache) get(id tileID) (tree.Tile, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tiles[id]
	return t, ok
}

func (c *tileCache) add(id tileID, t tree.Tile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for old := range c.tiles {
		if len(c.tiles) < cachedTiles {
			break
		}
		delete(c.tiles, old)
	}
	c.tiles[id] = t
}

func (c *tileCache) put(tiles []tree.FullTile) {
	for _, t := range tiles {
		c.add(tileID{t.Level, t.N}, t.Tile)
	}
}

// tileReader reads full tiles below an edge, verifying each against the hash
// in the tile above it, up to the edge, which is verified against the
// signature.
type tileReader struct {
	cache *tileCache
	edge  tree.Edge
}

// ReadTile implements tree.TileReader.
func (r tileReader) ReadTile(level int, n int64) (tree.Tile, error) {
	id := tileID{level, n}
	if t, ok := r.cache.get(id); ok {
		return t, nil
	}
	t, err := r.cache.store.ReadTile(level, n)
	if err != nil {
		return tree.Tile{}, err
	}
	want, err := tree.View{Edge: r.edge, Full: r}.Node(8*(level+1), n)
	if err != nil {
		return tree.Tile{}, err
	}
	if t.Root() != want {
		return tree.Tile{}, fmt.Errorf("tile %d/%d was altered: %w", level, n, ErrDamaged)
	}
	r.cache.add(id, t)
	return t, nil
}
