// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	derive "github.com/lendlog/lendlog/ledger/replay"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A source gives the entries and tiles that are audited.
type source interface {
	// bundles yields runs of entries in their order.
	bundles(size int64) iter.Seq[bundle]
	// tile returns the first width hashes of a tile as they are kept: a zero
	// hash where the source does not keep one, nil where it lacks the tile.
	// An error ends the audit.
	tile(ctx context.Context, level int, n int64, width int) ([]tree.Hash, error)
}

// A bundle is a run of entries that is yet to be loaded.
type bundle struct {
	first int64
	load  func(context.Context) (items [][]byte, damaged, fatal error)
}

// loaded is a bundle with what can be told of each entry alone.
type loaded struct {
	first          int64
	leaves         []readLeaf
	damaged, fatal error
}

type readLeaf struct {
	hash tree.Hash
	leaf record.Leaf
	err  error // the bytes are no leaf
}

func readBundle(ctx context.Context, b bundle) loaded {
	items, damaged, fatal := b.load(ctx)
	out := loaded{first: b.first, damaged: damaged, fatal: fatal, leaves: make([]readLeaf, len(items))}
	var room record.Room // of these leaves alone, and never reset
	for i, item := range items {
		l := &out.leaves[i]
		l.hash = tree.LeafHash(item)
		l.leaf, l.err = room.ParseLeaf(item)
	}
	return out
}

// replay derives from the entries, in their order, all that follows from
// them: tree, tiles, chains, map, rows. What it cannot read it goes around.
type replay struct {
	*audit
	ctx    context.Context
	source source
	size   int64
	wanted []int64 // sizes at which roots are asked for, ascending

	next   int64 // index of the first record not yet seen
	row    [tree.Width]readLeaf
	known  [tree.Width]bool
	hashes [2][tree.Width]tree.Hash // of a row, while it is closed

	edge    tree.Edge // from the entries
	kept    tree.Edge // from the hashes that the tiles keep, once they differ
	strayed bool      // they do
	blind   bool      // a leaf hash was not to be had: from there on no root is known
	roots   map[int64]tree.Hash

	// lost are the records that are missing, or not what the tiles say:
	// nothing is derived from them.
	lost    []span
	differs []int64 // those of them that are there

	subjects  derive.Subjects
	recorded  time.Time
	entries   int64
	lastRoot  int64 // index of the last index-root
	nRoots    int64
	fold      [32]byte
	schemas   map[[32]byte]*registration
	early     map[[32]byte]int64 // first use of schemas that may be registered later
	keptRoots map[int64]tree.Hash
	periods   *periods
	// submitters are the keys of submitters that the log announces.
	submitters []proof.SubmitterKey

	// postings and identities get the rows that the entries call for; nil
	// where there are none to compare with.
	postings, identities *rows
	scratch              scratch
	eachEntry            func(index int64, e *record.Entry) // nil for nothing
	marks                *marks                             // nil where nothing is asked about identities later
}

// A registration is a schema and the record that registered it.
type registration struct {
	schema *record.Schema
	index  int64
}

// A span is the records from first up to and not including end.
type span struct{ first, end int64 }

func newReplay(ctx context.Context, a *audit, src source, size int64, wanted ...int64) *replay {
	wanted = append(wanted, size)
	slices.Sort(wanted)
	r := &replay{
		audit: a, ctx: ctx, source: src, size: size, wanted: slices.Compact(wanted), lastRoot: -1, periods: newPeriods(),
		roots: map[int64]tree.Hash{}, keptRoots: map[int64]tree.Hash{}, schemas: map[[32]byte]*registration{}, early: map[[32]byte]int64{},
	}
	for len(r.wanted) > 0 && r.wanted[0] <= 0 {
		r.wanted = r.wanted[1:]
	}
	r.roots[0] = tree.EmptyRoot
	return r
}

// run reads everything. Its error is no finding: it ends the audit.
func (r *replay) run() error {
	err := inOrder(r.ctx, r.opt.Workers, r.source.bundles(r.size), readBundle, r.bundle)
	if err != nil {
		return err
	}
	if err := r.skipTo(r.size); err != nil {
		return err
	}
	if r.size%tree.Width != 0 {
		if err := r.closeRow(); err != nil {
			return err
		}
	}
	return r.partialTiles()
}

func (r *replay) bundle(b loaded) error {
	if b.fatal != nil {
		return b.fatal
	}
	r.progress("reading the records", r.next, r.size)
	if b.damaged != nil {
		r.fail(about(Entries, b.first, repairStore, "the block of entries that begins here can't be read"))
		return nil // what it held is missing
	}
	if b.first < r.next {
		r.fail(about(Entries, b.first, repairStore, "a block of entries begins here, though the one before it goes on to record %d", r.next-1))
	}
	if err := r.skipTo(min(b.first, r.size)); err != nil {
		return err
	}
	for i, l := range b.leaves {
		index := b.first + int64(i)
		if index >= r.size {
			r.fail(about(Entries, index, repairStore, "the store holds a record beyond the %d that its head counts", r.size))
			continue
		}
		if index != r.next {
			continue
		}
		r.row[index%tree.Width], r.known[index%tree.Width] = l, true
		if err := r.step(); err != nil {
			return err
		}
	}
	return nil
}

// skipTo notes that the records up to index are missing.
func (r *replay) skipTo(index int64) error {
	if r.next >= index {
		return nil
	}
	f := about(Entries, r.next, repairStore, "missing from the store")
	f.Last = index - 1
	r.fail(f)
	r.lose(r.next, index)
	for r.next < index {
		r.row[r.next%tree.Width], r.known[r.next%tree.Width] = readLeaf{}, false
		if err := r.step(); err != nil {
			return err
		}
	}
	return nil
}

// lose notes records, which are not lost yet.
func (r *replay) lose(first, end int64) {
	at := sort.Search(len(r.lost), func(i int) bool { return r.lost[i].end >= first })
	if at < len(r.lost) && r.lost[at].end == first {
		r.lost[at].end = end
		return
	}
	r.lost = slices.Insert(r.lost, at, span{first, end})
}

// isLost reports whether nothing was derived from a record.
func (r *replay) isLost(index int64) bool {
	i := sort.Search(len(r.lost), func(i int) bool { return r.lost[i].end > index })
	return i < len(r.lost) && r.lost[i].first <= index
}

// allLost reports whether nothing was derived from any record of a range.
func (r *replay) allLost(first, end int64) bool {
	for i := first; i < end; i++ {
		if !r.isLost(i) {
			return false
		}
	}
	return true
}

func (r *replay) lostCount() (n int64) {
	for _, s := range r.lost {
		n += s.end - s.first
	}
	return n
}

func (r *replay) step() error {
	r.next++
	if r.next%tree.Width == 0 {
		return r.closeRow()
	}
	return nil
}

// closeRow takes a whole tile of leaves, or the last ones, and holds them
// against the tile that is kept.
func (r *replay) closeRow() error {
	first := (r.next - 1) / tree.Width * tree.Width
	n := int(r.next - first)
	stored, err := r.source.tile(r.ctx, 0, first/tree.Width, n)
	if err != nil {
		return err
	}
	if stored == nil && n == tree.Width {
		r.fail(about(Tiles, first, repairStore, "tile 0/%d, which begins here, is missing", first/tree.Width))
	}
	fromEntries, fromTiles := r.hashes[0][:n], r.hashes[1][:n]
	for i := range n {
		l, keeps := &r.row[i], stored != nil && stored[i] != tree.Hash{}
		switch {
		case !r.known[i] && !keeps:
			r.blind = true
		case !r.known[i]:
			l.hash = stored[i]
		case keeps && stored[i] != l.hash:
			r.differs = append(r.differs, first+int64(i))
			r.lose(first+int64(i), first+int64(i)+1)
		}
		fromEntries[i], fromTiles[i] = l.hash, l.hash
		if keeps {
			fromTiles[i] = stored[i]
		}
	}
	if err := r.grow(fromEntries, fromTiles); err != nil {
		return err
	}
	for i := range n {
		if index := first + int64(i); r.known[i] && !r.isLost(index) {
			r.derive(index, &r.row[i])
		}
	}
	return nil
}

// grow appends leaves to both trees, holds the tiles above against the trees,
// and remembers the roots that are asked for.
func (r *replay) grow(fromEntries, fromTiles []tree.Hash) error {
	if !r.strayed && !slices.Equal(fromEntries, fromTiles) {
		r.strayed, r.kept = true, r.edge.Clone()
	}
	for len(fromEntries) > 0 {
		n := int64(len(fromEntries))
		if len(r.wanted) > 0 {
			n = min(n, r.wanted[0]-r.edge.Size)
		}
		full := r.edge.AppendAll(fromEntries[:n])
		kept := full
		if r.strayed {
			kept = r.kept.AppendAll(fromTiles[:n])
		}
		fromEntries, fromTiles = fromEntries[n:], fromTiles[n:]
		for i, t := range full {
			if t.Level == 0 || r.blind {
				continue
			}
			stored, err := r.source.tile(r.ctx, t.Level, t.N, tree.Width)
			if err != nil {
				return err
			}
			r.compareTile(t.Level, t.N, stored, t.Tile, kept[i].Tile)
		}
		if len(r.wanted) > 0 && r.edge.Size == r.wanted[0] {
			r.wanted = r.wanted[1:]
			if r.blind {
				continue
			}
			var err error
			if r.roots[r.edge.Size], err = (tree.View{Edge: r.edge}).RootAt(r.edge.Size); err != nil {
				return err
			}
			r.keptRoots[r.edge.Size] = r.roots[r.edge.Size]
			if !r.strayed {
				continue
			}
			if r.keptRoots[r.edge.Size], err = (tree.View{Edge: r.kept}).RootAt(r.edge.Size); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareTile holds a tile above the lowest against the two trees. One that
// differs from both is wrong whatever else is.
func (r *replay) compareTile(level int, n int64, stored []tree.Hash, trees ...tree.Tile) {
	first := n << (8 * (level + 1))
	if stored == nil {
		r.fail(about(Tiles, first, repairStore, "tile %d/%d, which begins here, is missing", level, n))
		return
	}
	for _, t := range trees {
		if slices.Equal(stored, t.Hashes()) {
			return
		}
	}
	r.fail(about(Tiles, first, repairStore, "tile %d/%d, which begins here, is not that of the records below it", level, n))
}

// partialTiles holds the tiles that are not full against the tree, where the
// source keeps them.
func (r *replay) partialTiles() error {
	if r.blind {
		return nil
	}
	for level := 1; r.size>>(8*level) > 0; level++ {
		n := r.size >> (8 * (level + 1))
		of, err := tree.View{Edge: r.edge}.Tile(level, n)
		if err != nil || len(of.Hashes()) == 0 {
			continue
		}
		stored, err := r.source.tile(r.ctx, level, n, len(of.Hashes()))
		if err != nil {
			return err
		}
		if stored != nil {
			r.compareTile(level, n, stored, of)
		}
	}
	return nil
}

// derive takes an entry that is there into the state.
func (r *replay) derive(index int64, l *readLeaf) {
	if l.err != nil {
		r.fail(about(Entries, index, askOperator, "its bytes are no entry of format %s: %v", record.Format, l.err))
		r.lose(index, index+1)
		return
	}
	if root := l.leaf.IndexRoot; root != nil {
		r.indexRoot(index, root)
		return
	}
	e := l.leaf.Entry
	r.entries++
	if (e.Type == record.TypeGenesis) != (index == 0) {
		r.fail(about(Genesis, index, askOperator, "a genesis record stands at leaf 0 and nowhere else"))
	}
	if e.Recorded.Before(r.recorded) {
		r.fail(about(Clock, index, askOperator, "it is recorded %v before the record before it", r.recorded.Sub(e.Recorded)))
	}
	r.recorded = e.Recorded
	if n := len(e.Refs); n > 0 && e.Refs[n-1] >= index {
		r.fail(about(Refs, index, askOperator, "it says that it follows from record %d, which is not before it", e.Refs[n-1]))
	}
	r.schema(index, e)
	r.chain(index, e, l.hash)
	r.periods.add(index, e)
	switch e.Type {
	case record.TypePeriodClosed:
		r.period(index, e)
	case record.TypeKeyChanged:
		r.keyChange(index, e)
	case record.TypeSubmitterKey:
		r.submitterKey(index, e)
	}
	if r.postings != nil {
		r.postings.add(postingRow(&r.scratch, store.Posting{Term: e.Term, Seq: e.Seq, Index: index, Leaf: l.hash}))
		id := identityOf(index, e)
		r.identities.add(identityRow(&r.scratch, id))
		id.Fold(&r.fold)
	}
	if r.marks != nil {
		r.marks.add(index, e)
	}
	if r.eachEntry != nil {
		r.eachEntry(index, e)
	}
}

func identityOf(index int64, e *record.Entry) store.Identity {
	return store.Identity{Digest: e.Event, Index: index, Restricted: e.Type == record.TypeRestricted}
}

// A scratch is room for the row that is being added.
type scratch [80]byte

func postingRow(at *scratch, p store.Posting) (index int64, key, value []byte) {
	row := append(at[:0], p.Term[:]...)
	row = binary.BigEndian.AppendUint64(row, uint64(p.Seq))
	row = binary.BigEndian.AppendUint64(row, uint64(p.Index))
	row = append(row, p.Leaf[:]...)
	return p.Index, row[:40], row[40:]
}

func identityRow(at *scratch, id store.Identity) (index int64, key, value []byte) {
	row := append(at[:0], id.Digest[:]...)
	row = binary.BigEndian.AppendUint64(row, uint64(id.Index))
	if id.Restricted {
		row = append(row, 1)
	}
	return id.Index, row[:32], row[32:]
}

// indexRoot holds an index-root against the map of all entries before it.
func (r *replay) indexRoot(index int64, root *record.IndexRoot) {
	r.lastRoot = index
	r.nRoots++
	r.periods.root(index)
	switch {
	case root.Covers != index:
		r.fail(about(IndexRoots, index, askOperator, "the index-root says that it covers %d records, and stands at %d", root.Covers, index))
	case len(r.lost) > 0:
		r.skip(IndexRoots, "records are missing or altered, so the map of all subjects can't be computed")
	case root.Root != r.subjects.Hash():
		r.fail(about(IndexRoots, index, askOperator, "the index-root does not commit to the map of the records before it"))
	}
}

// schema keeps schemas that are registered, and requires the entry's to be.
func (r *replay) schema(index int64, e *record.Entry) {
	if e.Type == record.TypeSchemaRegistered {
		text, _ := e.Open.Get("text")
		sum, _ := e.Open.Get("sha256")
		typ, _ := e.Open.Get("type")
		s, err := record.ParseSchema([]byte(text.Str))
		hash := sha256.Sum256([]byte(text.Str))
		switch {
		case text.Kind != canon.String || sum.Str != base64.StdEncoding.EncodeToString(hash[:]):
			r.fail(about(Schemas, index, askOperator, "the schema that it registers has another hash than it says"))
		case err != nil:
			r.fail(about(Schemas, index, askOperator, "the schema that it registers can't be read: %v", err))
		case s.Type != typ.Str:
			r.fail(about(Schemas, index, askOperator, "the schema that it registers is of another type than it says"))
		case r.schemas[s.Hash] == nil:
			r.schemas[s.Hash] = &registration{s, index}
		}
	}
	if early(e.Type) {
		if _, ok := r.early[e.Schema]; !ok {
			r.early[e.Schema] = index // held against the schemas at the end
		}
		return
	}
	switch reg := r.schemas[e.Schema]; {
	case reg == nil && len(r.lost) > 0:
		r.skip(Schemas, "records are missing or altered, so not all registrations are known")
	case reg == nil:
		r.fail(about(Schemas, index, askOperator, "the schema that it names was not registered before it"))
	case reg.schema.Type != e.Type:
		r.fail(about(Schemas, index, askOperator, "the schema that it names is of another type"))
	}
}

// early reports whether records of a type come before the registration of its
// schema: those that a ledger begins with.
func early(typ string) bool {
	return typ == record.TypeGenesis || typ == record.TypeSchemaRegistered
}

// chain holds an entry against the records of its subject before it.
func (r *replay) chain(index int64, e *record.Entry, hash tree.Hash) {
	count, linked := r.subjects.Extend(e, hash)
	gap := e.Seq - count - 1
	switch {
	case gap == 0 && !linked:
		r.fail(about(Chains, index, askOperator, "its prev is not the hash of number %d of its subject", count))
	case gap < 0:
		r.fail(about(Chains, index, askOperator, "it says that it is number %d of its subject, which has %d before it", e.Seq, count))
	case gap > 0 && gap > r.lostCount():
		r.fail(about(Chains, index, askOperator, "it says that it is number %d of its subject, which has only %d before it: records were left out", e.Seq, count))
	}
}

// settle says what the tiles disagree about, now that all is read: under a
// signed root one of the two is right. It reports whether the records are what
// was signed.
func (r *replay) settle(signed bool, root tree.Hash) bool {
	got, ok := r.roots[r.size]
	switch {
	case !signed:
		r.skip(Tree, "there is no signed root to hold the records against")
	case !ok:
		r.skip(Tree, "records are missing and no tile keeps their hashes, so the root can't be computed")
	case got == root:
		r.pass(Tree, "%d records hash to the root that is signed", r.size)
		r.disagree(Tiles, "the tile that keeps its hash has another one, though its bytes are what was signed")
		return true
	case r.keptRoots[r.size] == root:
		r.disagree(Entries, "altered: its bytes are not those that were signed")
		r.fail(whole(Tree, repairStore, "the records do not hash to the root that is signed; the hashes in the tiles do"))
		return false
	default:
		r.fail(whole(Tree, repairStore, "neither the records nor the hashes in the tiles give the root that is signed"))
	}
	r.disagree(Entries, "its bytes do not have the hash that the tiles keep")
	return false
}

func (r *replay) disagree(check, text string) {
	full := r.size - r.size%tree.Width
	for _, i := range r.differs {
		if check == Tiles && i >= full && r.postings != nil {
			// A store keeps no tile of the newest records; it was held against
			// its posting.
			r.fail(about(Postings, i, repairStore, lacksPosting))
			continue
		}
		r.fail(about(check, i, repairStore, "%s", text))
	}
}

// summary passes the checks of which nothing was found.
func (r *replay) summary() {
	if r.lostCount() == r.size {
		for _, name := range []string{Tiles, Clock, Chains, IndexRoots, Schemas, Periods} {
			r.skip(name, "no record is left to check")
		}
	}
	r.pass(Entries, "%d records are there, each in its one canonical form", r.size)
	r.pass(Tiles, "the tiles of all levels are those of the records")
	of := ""
	if len(r.lost) > 0 {
		of = ", as far as their records can be read"
	}
	r.pass(Clock, "recorded, the operator's clock, never goes back, up to %s", r.recorded.UTC().Format(time.RFC3339))
	r.pass(Chains, "the chains of %d subjects go on without a gap%s", r.subjects.Len(), of)
	r.pass(IndexRoots, "%d index-roots commit to the map before them", r.nRoots)
	r.pass(Periods, "%d periods that were closed have as many records of each type as they say", r.periods.closed)
	for hash, index := range r.early {
		if r.schemas[hash] == nil && len(r.lost) == 0 {
			r.fail(about(Schemas, index, askOperator, "the schema that it names was never registered"))
		}
	}
	r.pass(Schemas, "%d schemas, each registered before it was used", len(r.schemas))
}

func decode32(s string) (out [32]byte, ok bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(out) {
		return out, false
	}
	return [32]byte(b), true
}
