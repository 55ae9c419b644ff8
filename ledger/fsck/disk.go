// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Parts are the directories of a ledger. Store is required. A part that the
// auditor does not have is left empty, and what needs it is not checked.
type Parts struct {
	Store  string
	Keys   string
	Vault  string
	Head   string
	Mirror string
}

// disk is the audit of the parts on disk.
type disk struct {
	*audit
	ctx    context.Context
	parts  Parts
	store  *store.Store
	head   store.Head // its row; Size is what is audited even when the row is missing
	replay *replay

	postings, identities *table
	edge                 map[int64]tree.Hash // of the postings after the last full tile
	scanned              chan struct{}       // closed when edge is complete

	headFile, headRow tree.Checkpoint // Size 0 when they do not verify

	genesisEntry *record.Entry // nil when it can't be read
	ring         *ring         // nil until opened
}

// Disk audits the parts of a ledger on disk. Nobody may hold them: the error
// is store.ErrHeld then. An error means that there was nothing to audit, or
// that the audit was interrupted; what is wrong with the ledger is in the
// report.
//
// It leaves the files as they are, but for those that Badger has to complete
// after a process was killed, and the lock. Audit a copy where the files
// themselves are evidence.
func Disk(ctx context.Context, p Parts, o Options) (_ *Report, err error) {
	d := &disk{audit: newAudit(o), ctx: ctx, parts: p, edge: map[int64]tree.Hash{}, scanned: make(chan struct{})}
	noted, err := d.readHeadFile()
	if err != nil {
		return nil, err
	}
	if noted != nil {
		defer func() { err = errors.Join(err, noted.Close()) }()
	}
	d.store, err = store.OpenToRead(p.Store, slog.New(slog.DiscardHandler))
	switch {
	case errors.Is(err, store.ErrHeld):
		return nil, err
	case errors.Is(err, store.ErrDamaged):
		d.fail(whole(Entries, repairStore, "the database doesn't open: its files are damaged or missing"))
		return d.finish(), nil
	case err != nil:
		return nil, err
	}
	defer func() { err = errors.Join(err, d.store.Close()) }()
	if err := d.all(noted); err != nil {
		return nil, err
	}
	return d.finish(), nil
}

// readHeadFile takes the lock of the ledger, which lies with the head file. It
// returns nil when there is none.
func (d *disk) readHeadFile() (*store.HeadFile, error) {
	if d.parts.Head == "" {
		d.skip(HeadFile, "no head file was given, so a store that was rolled back can't be told from the newest one")
		return nil, nil
	}
	if _, err := os.Stat(d.parts.Head); err != nil {
		d.skip(HeadFile, "the directory of the head file is missing, so a store that was rolled back can't be told from the newest one")
		return nil, nil
	}
	return store.LockHead(d.parts.Head)
}

// all makes every check. Later ones rest on what earlier ones read.
func (d *disk) all(noted *store.HeadFile) error {
	d.readGenesis()
	d.followKeys()
	d.openHead(noted)
	outside := d.outside()
	wanted := []int64{d.headFile.Size}
	for _, cp := range outside {
		wanted = append(wanted, cp.Size)
	}
	d.replay = newReplay(d.ctx, d.audit, d, d.head.Size, wanted...)
	if d.opt.Deep {
		d.replay.marks = newMarks()
	}
	if err := d.read(); err != nil {
		return err
	}
	d.settleKeys()
	signed := d.replay.settle(d.headRow.Size > 0, d.headRow.Root)
	d.replay.summary()
	d.checkHeadFile()
	d.checkOutside(outside, d.replay)
	if err := d.checkRows(); err != nil {
		return err
	}
	if err := d.checkCounts(); err != nil {
		return err
	}
	if d.opt.Deep {
		if err := d.deep(); err != nil {
			return err
		}
	}
	// The mirror also tells which record was altered when nothing else does.
	if d.opt.Deep || !signed {
		if err := d.checkMirror(); err != nil {
			return err
		}
	}
	return d.name()
}

// readGenesis reads leaf 0. Where the store lacks it, the mirror's tells whose
// checkpoints are believed, so that the rest can be checked.
func (d *disk) readGenesis() {
	var entry []byte
	var err error
	for b := range d.store.EntryBlocks(0, 1) {
		if b.First == 0 {
			if err = b.Err; len(b.Items) > 0 {
				entry = b.Items[0]
			}
		}
	}
	if d.genesisEntry = d.genesis(entry, err); d.genesisEntry != nil || d.policy != nil || d.parts.Mirror == "" {
		return
	}
	for f := range store.ReadMirror(d.parts.Mirror) {
		if f.Err == nil && f.Batch.First == 0 && len(f.Batch.Entries) > 0 {
			d.genesisEntry = d.genesis(f.Batch.Entries[0], nil)
		}
		return
	}
}

// openHead reads the head row and the head file, and decides how many records
// there have to be.
func (d *disk) openHead(noted *store.HeadFile) {
	head, ok, err := d.store.Head()
	if err == nil && ok {
		d.head = head
	} else {
		d.fail(whole(Counts, repairStore, "the head row is missing or can't be read"))
	}
	if d.policy == nil {
		d.skip(Signature, "whose signature counts is not known: the genesis record can't be read, and no trust file was given")
		d.skip(HeadFile, "whose signature counts is not known")
	} else {
		for _, demand := range d.policy.Unsupported {
			d.skip(Signature, "the trust file asks for %s, which this audit can't check", demand)
		}
	}
	if ok && err == nil && d.policy != nil {
		cp, err := d.policy.OpenCheckpoint(head.Note)
		switch {
		case err != nil:
			d.fail(whole(Signature, repairStore, "the store's own checkpoint: %v", err))
		case cp.Size != head.Size:
			d.fail(whole(Signature, repairStore, "the store's own checkpoint is of %d records, its head row of %d", cp.Size, head.Size))
		default:
			d.headRow = cp
			d.pass(Signature, "the checkpoint of %d records is signed by a key that may sign it", cp.Size)
		}
	}
	if noted != nil && d.policy != nil {
		signed, err := noted.Read()
		switch {
		case errors.Is(err, store.ErrNoHead):
			d.skip(HeadFile, "the head file is missing, so a store that was rolled back can't be told from the newest one; put it back, or see docs/operators.md")
		case err != nil:
			d.skip(HeadFile, "the head file can't be read: %v", err)
		default:
			if d.headFile, err = d.policy.OpenCheckpoint(signed); err != nil {
				d.fail(whole(HeadFile, "restore the head file from where it was last copied to, and check the keys", "the head file: %v", err))
			}
		}
	}
	if d.head.Size == 0 {
		d.head.Size = d.headFile.Size
	}
	if d.head.Size == 0 { // nobody says how many there are: as many as are found
		for b := range d.store.EntryBlocks(0, 1<<62) {
			d.head.Size = max(d.head.Size, b.First+int64(len(b.Items)))
		}
	}
	d.report.Size = d.head.Size
}

func (d *disk) checkHeadFile() {
	cp := d.headFile
	root, ok := d.replay.roots[cp.Size]
	switch {
	case cp.Size == 0:
		return // said already
	case cp.Size > d.head.Size:
		d.fail(Finding{Check: HeadFile, Record: d.head.Size, Last: cp.Size - 1, Checkpoint: cp.Size, Where: "head file", Remedy: repairStore,
			Text: fmt.Sprintf("checkpoint %d was published, but the store has %d records: it was rolled back", cp.Size, d.head.Size)})
	case !ok:
		d.skip(HeadFile, "the root at checkpoint %d can't be computed, because records are missing", cp.Size)
	case root != cp.Root && d.replay.keptRoots[cp.Size] != cp.Root: // where the tiles have it, records were altered, which is said
		d.fail(Finding{Check: HeadFile, Record: -1, Last: -1, Checkpoint: cp.Size, Where: "head file", Remedy: repairStore,
			Text: fmt.Sprintf("the store does not continue checkpoint %d, which was published: it is a fork, another ledger, or altered", cp.Size)})
	}
	d.pass(HeadFile, "the store continues checkpoint %d, which was published last", cp.Size)
}

// bundles implements source.
func (d *disk) bundles(size int64) iter.Seq[bundle] {
	return func(yield func(bundle) bool) {
		// Beyond the end there must be nothing.
		for b := range joined(d.store.EntryBlocks(0, 1<<62)) {
			load := func(context.Context) ([][]byte, error, error) { return b.Items, b.Err, nil }
			if !yield(bundle{b.First, load}) {
				return
			}
		}
	}
}

// joined makes one block of the neighbours within a tile: those of records that
// were submitted one by one are small.
func joined(blocks iter.Seq[store.Block]) iter.Seq[store.Block] {
	return func(yield func(store.Block) bool) {
		var now store.Block
		for b := range blocks {
			follows := b.First == now.First+int64(len(now.Items)) && b.First%tree.Width != 0 && now.Err == nil && b.Err == nil
			if follows && len(now.Items) > 0 && len(now.Items)+len(b.Items) <= tree.Width {
				now.Items = append(now.Items, b.Items...)
				continue
			}
			if (len(now.Items) > 0 || now.Err != nil) && !yield(now) {
				return
			}
			now = b
		}
		if len(now.Items) > 0 || now.Err != nil {
			yield(now)
		}
	}
}

// tile implements source. The store keeps full tiles only; for the leaves
// after the last one the postings keep hashes too.
func (d *disk) tile(ctx context.Context, level int, n int64, width int) ([]tree.Hash, error) {
	if width == tree.Width {
		hashes, err := d.store.TileHashes(level, n)
		if errors.Is(err, store.ErrDamaged) {
			return nil, nil
		}
		return hashes, err
	}
	if level > 0 {
		return nil, nil
	}
	select {
	case <-d.scanned:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := make([]tree.Hash, width)
	for i := range out {
		out[i] = d.edge[n*tree.Width+int64(i)]
	}
	return out, nil
}

// read replays the entries, and beside that reads the rows that the store
// keeps for them.
func (d *disk) read() error {
	d.postings, d.identities = d.tables()
	d.replay.postings, d.replay.identities = d.postings.rows, d.identities.rows
	g, ctx := errgroup.WithContext(d.ctx)
	d.replay.ctx = ctx
	g.Go(d.replay.run)
	g.Go(func() error {
		defer close(d.scanned)
		return d.postings.read(ctx)
	})
	g.Go(func() error { return d.identities.read(ctx) })
	return g.Wait()
}

// scanPostings also keeps the hashes that postings have of the newest records.
func (d *disk) scanPostings(yield func(index int64, key, value []byte) error) error {
	first := d.head.Size - d.head.Size%tree.Width
	var row scratch
	return d.store.ScanPostings(func(p store.Posting) error {
		if p.Index >= first && p.Index < d.head.Size {
			d.edge[p.Index] = p.Leaf
		}
		return yield(postingRow(&row, p))
	})
}

// checkCounts holds the head row against what was counted.
func (d *disk) checkCounts() error {
	census, err := d.store.Census()
	if errors.Is(err, store.ErrDamaged) {
		d.fail(whole(Counts, repairStore, "the keys can't be counted: %v", err))
		return nil
	}
	if err != nil {
		return err
	}
	r, h := d.replay, d.head
	differ := func(what string, says, is any) {
		d.fail(whole(Counts, repairStore, "the head row says %s %v, but it is %v", what, says, is))
	}
	count := func(what string, says, is int64) {
		if says != is {
			differ(what, says, is)
		}
	}
	var tiles int64
	for n := h.Size / tree.Width; n > 0; n /= tree.Width {
		tiles += n
	}
	if census['t'] > tiles {
		d.fail(whole(Counts, repairStore, "the store has %d tiles, %d more than its records need", census['t'], census['t']-tiles))
	}
	for prefix, n := range census {
		switch prefix {
		case 'h', 'e', 'p', 't', 'k', 'x', 'y':
		default:
			d.fail(whole(Counts, repairStore, "the store has %d keys of a kind (0x%02x) that it has no use for", n, prefix))
		}
	}
	if len(h.Note) == 0 {
		return nil // the row is missing, which is reported
	}
	count("that there are party keys:", h.Keys, census['k'])
	count("that the index has segments:", h.Segments, census['x'])
	count("that the index has segments:", h.Segments, census['y'])
	if len(r.lost) > 0 {
		d.skip(Counts, "records are missing or altered, so the counts can't be held against them")
		return nil
	}
	count("that there are entries:", h.Entries, r.entries)
	count("that there are event identities:", h.Identities, r.entries)
	count("that the last index-root stands at", h.IndexRoot, r.lastRoot)
	if !h.Recorded.Equal(r.recorded) {
		differ("that the last record is of", h.Recorded.UTC().Format(record.TimeLayout), r.recorded.UTC().Format(record.TimeLayout))
	}
	if h.Fold != r.fold {
		d.fail(whole(Counts, repairStore, "the sum over all event identities in the head row is not that of the records"))
	}
	d.pass(Counts, "%d entries, %d identities and %d party keys, as the head row counts them", h.Entries, h.Identities, h.Keys)
	return nil
}

// exists reports whether a directory is there and holds anything.
func exists(dir string) bool {
	names, err := os.ReadDir(dir)
	return err == nil && len(names) > 0
}
