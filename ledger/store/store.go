// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/lendlog/lendlog/ledger/tree"
)

// memTable is the size of Badger's memtables. Whatever the unflushed ones
// held is re-hashed on opening, so they are kept moderate; see Tail.
const (
	memTable  = 32 << 20
	memTables = 2
)

// longValue is the size from which on a value lies in a value log, where it is
// written once, and not among the keys, with which it would be merged again and
// again. That is nearly all of a ledger: blocks, tiles and rows of the index. What
// is replaced must stay below, because nothing ever takes a value out of a log:
// that is the head.
const (
	longValue = 4 << 10
	valueLog  = 64 << 20 // of which the last one is read on opening
)

// MaxCommit is how many bytes of entries, payloads and key rows a batch may
// have, with RecordOverhead for the other rows of each record: well below what
// Badger takes in one transaction, which is 15 percent of a memtable.
const (
	MaxCommit      = 4 << 20
	RecordOverhead = 256
)

// Store is the Badger database of one ledger. Reads may run concurrently
// with each other and with one Commit.
type Store struct {
	db      *badger.DB
	dir     string
	logs    int64     // bytes in the logs of memtables that opening replayed
	changed time.Time // modification time of dir at the last fsync of it; owned by Commit
	values  *os.File  // the newest value log; owned by Commit

	// stuck is set when a value log could not be read where it is mapped: Badger
	// then holds that log's lock for ever, and neither writing nor closing would
	// come to its end.
	stuck atomic.Bool
}

// Open opens the database in dir. With create it must not exist yet, and
// without it must.
func Open(dir string, create bool, log *slog.Logger) (*Store, error) {
	return openWith(dir, create, settings(dir, log))
}

func openWith(dir string, create bool, o badger.Options) (*Store, error) {
	_, err := os.Stat(filepath.Join(dir, "MANIFEST"))
	switch {
	case create && err == nil:
		return nil, fmt.Errorf("%s already holds a store", dir)
	case !create && errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s holds no store; a ledger is created with `lendlog init`, and a lost store comes back with `lendlog repair`", dir)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	logs, err := replayed(dir)
	if err != nil {
		return nil, err
	}
	db, err := open(o, !create)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, dir: dir, logs: logs}
	if err := s.newestValues(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenShort is Open where there is little space: nothing is merged. So it is
// not for writing.
func OpenShort(dir string, create bool, log *slog.Logger) (*Store, error) {
	return openWith(dir, create, settings(dir, log).WithNumCompactors(0).WithNumLevelZeroTablesStall(1<<20))
}

// open opens a database whose tables have been checked.
func open(o badger.Options, exists bool) (db *badger.DB, err error) {
	if exists {
		if err := checkFiles(o.Dir, !o.ReadOnly); err != nil {
			return nil, fmt.Errorf("couldn't open the store: %w", err)
		}
	}
	// A process that is killed while Badger makes or deletes a log leaves a
	// file without a byte, which Badger gives its beginning and then takes for
	// an error, one file at a time.
	const made = "Create a new file" // z.NewFile, which Badger does not wrap
	for range 2 + memTables {
		err = guarded(func() error { db, err = badger.Open(o); return err })
		if err == nil || !strings.Contains(err.Error(), made) {
			break
		}
	}
	if err != nil {
		if strings.Contains(err.Error(), "Cannot acquire directory lock") {
			return nil, fmt.Errorf("%s: %w", o.Dir, ErrHeld)
		}
		return nil, fmt.Errorf("couldn't open the store: %w: %w", ErrDamaged, err)
	}
	return db, nil
}

// checkFiles checks what Badger would end the process for, under the lock that
// Badger takes, so that nothing changes meanwhile.
func checkFiles(dir string, deep bool) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%s: %w", dir, ErrHeld)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !name.Type().IsRegular() {
			return fmt.Errorf("%s is no file: move it elsewhere, or run `lendlog repair`", filepath.Join(dir, name.Name()))
		}
		f, err := os.OpenFile(filepath.Join(dir, name.Name()), os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("%w; the owner of the ledger's files has to run this", err)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return checkTables(dir, deep)
}

// uncheckedFile remembers how many bytes of logs were replayed by openings
// that ended before anybody had checked them: Badger flushes what it replays,
// so that the next opening finds no log of it.
const uncheckedFile = "UNCHECKED"

// replayed returns how many bytes of logs have to be checked once the database
// is open, and writes them down until then.
func replayed(dir string) (int64, error) {
	const most = (memTables + 1) * memTable
	path := filepath.Join(dir, uncheckedFile)
	before := int64(0)
	switch b, err := os.ReadFile(path); {
	case err == nil:
		if before, err = strconv.ParseInt(string(b), 10, 64); err != nil || before < 0 {
			before = most
		}
	case !errors.Is(err, os.ErrNotExist):
		return 0, err
	}
	logs, err := logBytes(dir)
	if err != nil || logs == 0 {
		return before, err
	}
	logs = min(logs+before, most)
	return logs, WriteFile(path, strconv.AppendInt(nil, logs, 10), 0o600)
}

// Checked says that everything from Tail on was checked.
func (s *Store) Checked() error {
	if s.logs == 0 {
		return nil
	}
	if err := os.Remove(filepath.Join(s.dir, uncheckedFile)); err != nil {
		return err
	}
	return SyncDir(s.dir)
}

// logBytes returns how many bytes the logs of memtables that were not flushed
// to sorted tables take on disk: none after a store was closed in good order.
func logBytes(dir string) (sum int64, err error) {
	names, err := list(dir, ".mem")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		var st syscall.Stat_t
		if err := syscall.Stat(name, &st); err != nil {
			return 0, err
		}
		sum += st.Blocks * 512 // the file is preallocated, its size says nothing
	}
	return sum, nil
}

// Size returns how many bytes the database takes on disk, the ballast left out.
func (s *Store) Size() (sum int64, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() == ballastName {
			continue
		}
		var st syscall.Stat_t
		switch err := syscall.Stat(filepath.Join(s.dir, e.Name()), &st); {
		case errors.Is(err, os.ErrNotExist): // merged away meanwhile
		case err != nil:
			return 0, err
		}
		sum += st.Blocks * 512
	}
	return sum, nil
}

func settings(dir string, log *slog.Logger) badger.Options {
	o := badger.DefaultOptions(dir)
	o.TableSizeMultiplier = 1 // merging holds some ten tables in memory, of which those of the last level would be large
	return o.
		WithSyncWrites(true).
		WithDetectConflicts(false).
		WithValueThreshold(longValue).
		WithValueLogFileSize(valueLog).
		WithVerifyValueChecksum(true).                        // a value that fails is empty, and its lock is free
		WithChecksumVerificationMode(options.NoVerification). // our hashes are the integrity
		WithCompression(options.None).                        // hashes and ciphertext do not compress
		WithBlockCacheSize(0).
		WithNumVersionsToKeep(1).
		WithMemTableSize(memTable).
		WithNumMemtables(memTables).
		WithBaseTableSize(4 << 20).
		WithMetricsEnabled(false).
		WithLogger(quiet{log})
}

// Close releases the database. Where that cannot be, the database is left as a
// process that is killed leaves it.
func (s *Store) Close() error {
	if s.values != nil {
		_ = s.values.Close() // nothing was written through it
	}
	if s.stuck.Load() {
		return errStuck
	}
	return s.db.Close()
}

var errStuck = fmt.Errorf("a value log could not be read, and the database has to be opened again: %w", ErrDamaged)

// Commit writes the batch in one durable transaction. After an error the
// outcome is unknown.
func (s *Store) Commit(b *Batch) error {
	if s.stuck.Load() {
		return errStuck
	}
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	long := false
	err := b.rows(func(k, v []byte) error {
		long = long || len(v) >= longValue
		return txn.SetEntry(badger.NewEntry(k, v))
	})
	if err != nil {
		return fmt.Errorf("couldn't stage the batch: %w", err)
	}
	if err := txn.Commit(); err != nil {
		return fmt.Errorf("couldn't commit the batch: %w", err)
	}
	// Badger syncs a value log too, but where that fails it only says so in its log.
	if long && s.values != nil {
		if err := s.values.Sync(); err != nil {
			return fmt.Errorf("couldn't commit the batch: %w", err)
		}
	}
	return s.syncDir()
}

// rows calls put for every row that the batch writes, until it returns an
// error.
func (b *Batch) rows(put func(k, v []byte) error) (err error) {
	set := func(k, v []byte) {
		if err == nil {
			err = put(k, v)
		}
	}
	for _, bl := range blocks(b.First, b.Entries, 2, len16) {
		set(key('e', bl.first), bl.value)
	}
	for _, bl := range blocks(b.First, b.Payloads, 4, len32) {
		set(key('p', bl.first), bl.value)
	}
	for _, k := range b.Keys {
		set(key('k', k.ID), k.Row)
	}
	for _, p := range b.Postings {
		v := binary.BigEndian.AppendUint64(make([]byte, 0, 40), uint64(p.Index))
		set(postingKey(p.Term, p.Seq), append(v, p.Leaf[:]...))
	}
	for _, id := range b.Identities {
		set(identityKey(id.Digest), id.value())
	}
	for _, t := range b.Tiles {
		v := make([]byte, 0, tree.Width*32)
		for _, h := range t.Tile.Hashes() {
			v = append(v, h[:]...)
		}
		set(tileKey(t.Level, t.N), v)
	}
	for _, g := range b.Segments {
		names, lists := key('x', g.N), key('y', g.N)
		set(names, checked(names, g.Names))
		set(lists, checked(lists, g.Lists))
	}
	set([]byte{'h'}, b.Head.bytes())
	return err
}

// syncDir makes new files of Badger findable after a crash: it syncs their
// contents but not the directory that names them.
func (s *Store) syncDir() error {
	st, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	if st.ModTime().Equal(s.changed) {
		return nil
	}
	if err := SyncDir(s.dir); err != nil {
		return err
	}
	// The clock of files is coarse: what changes once more before it moves on
	// would not show.
	if time.Since(st.ModTime()) > 100*time.Millisecond {
		s.changed = st.ModTime()
	}
	return s.newestValues()
}

// newestValues opens the newest value log. Badger begins one at the end of a
// commit, and syncs the one before as it ends it, so what is written to one is
// written when it is open here, and an error of that is not missed.
func (s *Store) newestValues() error {
	names, err := list(s.dir, ".vlog")
	if err != nil || len(names) == 0 {
		return err
	}
	newest := slices.Max(names)
	if s.values != nil && s.values.Name() == newest {
		return nil
	}
	f, err := os.Open(newest)
	if err != nil {
		return err
	}
	if s.values != nil {
		_ = s.values.Close() // nothing was written through it
	}
	s.values = f
	return nil
}

// Head returns the head row; ok is false in a new store.
func (s *Store) Head() (h Head, ok bool, err error) {
	v, err := s.get([]byte{'h'})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return Head{}, false, nil
	}
	if err != nil {
		return Head{}, false, err
	}
	h, err = parseHead(v)
	return h, err == nil, err
}

func (s *Store) get(k []byte) (v []byte, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		return guarded(func() error {
			item, err := txn.Get(k)
			if err != nil {
				return err
			}
			v, err = s.copied(item)
			return err
		})
	})
	return v, err
}

// guarded makes an error of a panic: Badger panics on a table that is damaged
// in its structure. So it does of a fault: tables are mapped into memory, and
// what the disk cannot read of them is one. read calls nothing but Badger.
func guarded(read func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			err = fmt.Errorf("a table of the database can't be read: %w", ErrDamaged)
		}
	}()
	return read()
}

// value returns the value of an item, which is valid until its iterator moves.
func (s *Store) value(item *badger.Item) ([]byte, error) {
	return s.read(item, item.ValueSize() < longValue/2) // longer ones lie in a mapped file
}

// copied returns a copy of the value of an item.
func (s *Store) copied(item *badger.Item) ([]byte, error) { return s.read(item, false) }

// read reads a value. What Badger cannot read in a value log it gives back as an
// empty value, which no row has.
func (s *Store) read(item *badger.Item, borrow bool) (v []byte, err error) {
	if item.EstimatedSize() <= crc32.Size { // less than the checksum of a value
		return nil, fmt.Errorf("a row points nowhere: %w", ErrDamaged)
	}
	came := false
	err = guarded(func() (err error) {
		if borrow {
			err = item.Value(func(b []byte) error { v = b; return nil })
		} else {
			v, err = item.ValueCopy(nil)
		}
		came = true
		return err
	})
	if !came {
		s.stuck.Store(true)
	}
	return v, err
}

// forward are the options of all iterators. They do not fetch values ahead:
// Badger does that in goroutines of its own, where a panic ends the process.
func forward(prefix []byte) badger.IteratorOptions {
	opt := badger.DefaultIteratorOptions
	opt.PrefetchValues = false
	opt.Prefix = prefix
	return opt
}

// seek and next move an iterator.
func seek(it *badger.Iterator, key []byte) error {
	return guarded(func() error { it.Seek(key); return nil })
}

func next(it *badger.Iterator) error {
	return guarded(func() error { it.Next(); return nil })
}

// Entries calls yield for count entries from first on, in order, until it
// returns an error. The bytes are valid only during the call.
func (s *Store) Entries(first, count int64, yield func(index int64, entry []byte) error) error {
	return s.items('e', 2, first, count, yield)
}

// Payloads is Entries for the encrypted payloads.
func (s *Store) Payloads(first, count int64, yield func(index int64, payload []byte) error) error {
	return s.items('p', 4, first, count, yield)
}

// EntryBlock returns the whole block that holds an entry: to read one record
// costs that anyway, and whoever wants its neighbours too has them.
func (s *Store) EntryBlock(n int64) (Block, error) { return s.block('e', 2, n) }

// PayloadBlock is EntryBlock for the encrypted payloads.
func (s *Store) PayloadBlock(n int64) (Block, error) { return s.block('p', 4, n) }

func (s *Store) block(prefix byte, width int, n int64) (b Block, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		start, err := blockAt(txn, prefix, n)
		if err != nil {
			return err
		}
		item, err := get(txn, start)
		if err != nil {
			return err
		}
		first, ok := number(start)
		if !ok {
			return fmt.Errorf("block %c: %w", prefix, ErrDamaged)
		}
		if b = s.readBlock(item, first, width); b.Err == nil && !b.Has(n) {
			b.Err = fmt.Errorf("record %d is missing: %w", n, ErrDamaged)
		}
		return b.Err
	})
	return b, err
}

func (s *Store) items(prefix byte, width int, first, count int64, yield func(int64, []byte) error) error {
	if count <= 0 {
		return nil
	}
	at, end := first, first+count
	// block yields what of a block belongs to the range.
	block := func(item *badger.Item) error {
		n, ok := number(item.Key())
		if !ok {
			return fmt.Errorf("block %c: %w", prefix, ErrDamaged)
		}
		if n > at {
			return fmt.Errorf("records %d to %d are missing: %w", at, n-1, ErrDamaged)
		}
		v, err := s.value(item)
		if err != nil {
			return err
		}
		items, err := unpack(v, width)
		if err != nil {
			return fmt.Errorf("block %c%d: %w", prefix, n, err)
		}
		for _, item := range items {
			if n == at && at < end {
				if err := yield(n, item); err != nil {
					return err
				}
				at++
			}
			n++
		}
		return nil
	}
	err := s.db.View(func(txn *badger.Txn) error {
		start, err := blockAt(txn, prefix, first)
		if err != nil {
			return err
		}
		// Most ranges lie in one block. An iterator would copy it.
		item, err := get(txn, start)
		if err == nil {
			err = block(item)
		}
		if err != nil || at >= end {
			return err
		}
		it := txn.NewIterator(forward([]byte{prefix}))
		defer it.Close()
		for err = seek(it, append(start, 0)); err == nil && it.Valid() && at < end; err = next(it) {
			if err := block(it.Item()); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if at < end {
		return fmt.Errorf("record %d is missing: %w", at, ErrDamaged)
	}
	return nil
}

// get returns the item of a key that must be there.
func get(txn *badger.Txn, key []byte) (item *badger.Item, err error) {
	err = guarded(func() (err error) {
		item, err = txn.Get(key)
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		err = fmt.Errorf("a block that was there is gone: %w", ErrDamaged)
	}
	return item, err
}

// blockAt returns the key of the block that holds index n, if any does. A
// block begins at a multiple of 256 at the latest.
func blockAt(txn *badger.Txn, prefix byte, n int64) ([]byte, error) {
	opt := forward([]byte{prefix})
	opt.Reverse = true
	it := txn.NewIterator(opt)
	defer it.Close()
	if err := seek(it, key(prefix, n)); err != nil {
		return nil, err
	}
	if !it.Valid() {
		return nil, fmt.Errorf("record %d is missing: %w", n, ErrDamaged)
	}
	return it.Item().KeyCopy(nil), nil
}

// leastRows is what a record takes at least in the log of a memtable: a posting
// and an identity. An index-root has neither; but it comes with a head, once in a
// batch.
const leastRows = 94 + 63

// Tail returns an index below which nothing was replayed from a memtable's log
// when the store was opened, or by an earlier opening that was not Checked. A
// flipped bit in such a log makes Badger drop the rest of it without an error;
// sorted tables it reads as they are.
func (s *Store) Tail(size int64) (first int64) {
	return max(0, size-s.logs/leastRows)
}

// ReadTile implements tree.TileReader. The hashes are as stored; the caller
// checks them against the tile above.
func (s *Store) ReadTile(level int, n int64) (tree.Tile, error) {
	hashes, err := s.TileHashes(level, n)
	return tree.NewTile(hashes), err
}

// TileHashes returns the hashes of ReadTile alone, for who needs none above them.
func (s *Store) TileHashes(level int, n int64) ([]tree.Hash, error) {
	v, err := s.get(tileKey(level, n))
	if err != nil || len(v) != tree.Width*32 {
		return nil, fmt.Errorf("tile %d/%d is missing: %w", level, n, ErrDamaged)
	}
	hashes := make([]tree.Hash, tree.Width)
	for i := range hashes {
		copy(hashes[i][:], v[i*32:])
	}
	return hashes, nil
}

// Identity returns the record that was accepted under an event identity.
func (s *Store) Identity(digest [32]byte) (id Identity, ok bool, err error) {
	v, err := s.get(identityKey(digest))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return Identity{}, false, nil
	}
	if err != nil {
		return Identity{}, false, err
	}
	id, err = parseIdentity(digest, v)
	return id, err == nil, err
}

// Postings returns count postings of a term from seq on.
func (s *Store) Postings(term [32]byte, seq, count int64) ([]Posting, error) {
	out := make([]Posting, 0, count)
	err := s.scanPostings(append([]byte{'s'}, term[:]...), postingKey(term, seq), func(p Posting) error {
		if p.Seq != seq+int64(len(out)) || int64(len(out)) == count {
			return errStop
		}
		out = append(out, p)
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, err
	}
	if int64(len(out)) < count {
		return nil, fmt.Errorf("the subject's record %d is missing: %w", seq+int64(len(out)), ErrDamaged)
	}
	return out, nil
}

var errStop = errors.New("stop")

// SegmentNames calls yield with the rows of the names of count segments, from
// first on upwards, or downwards, until it returns an error. The bytes are valid
// only during the call.
func (s *Store) SegmentNames(first, count int64, down bool, yield func(n int64, names []byte) error) error {
	if count <= 0 {
		return nil
	}
	opt := forward([]byte{'x'})
	opt.Reverse = down
	return s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(opt)
		defer it.Close()
		err := seek(it, key('x', first))
		for at := first; count > 0; count-- {
			var v []byte
			if err == nil && it.Valid() && bytes.Equal(it.Item().Key(), key('x', at)) {
				v, err = s.value(it.Item())
			} else {
				err = errors.Join(err, fmt.Errorf("segment %d of the index is missing: %w", at, ErrDamaged))
			}
			if err == nil {
				v, err = unchecked(it.Item().Key(), v)
			}
			if err == nil {
				err = yield(at, v)
			}
			if err != nil {
				return err
			}
			if at++; down {
				at -= 2
			}
			err = next(it)
		}
		return err
	})
}

// SegmentLists returns the row of the lists of a segment.
func (s *Store) SegmentLists(n int64) ([]byte, error) {
	v, err := s.get(key('y', n))
	if errors.Is(err, badger.ErrKeyNotFound) {
		err = fmt.Errorf("the lists of segment %d of the index are missing: %w", n, ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	return unchecked(key('y', n), v)
}

// ScanPostings calls yield for every posting, by term and then by seq.
func (s *Store) ScanPostings(yield func(Posting) error) error {
	return s.scanPostings([]byte{'s'}, []byte{'s'}, yield)
}

func (s *Store) scanPostings(prefix, from []byte, yield func(Posting) error) error {
	return s.scan(prefix, from, func(k, v []byte) error {
		if len(k) != 37 || len(v) != 40 {
			return fmt.Errorf("posting: %w", ErrDamaged)
		}
		p := Posting{Seq: int64(binary.BigEndian.Uint32(k[33:])), Index: int64(binary.BigEndian.Uint64(v))}
		if p.Index < 0 {
			return fmt.Errorf("posting: %w", ErrDamaged)
		}
		copy(p.Term[:], k[1:33])
		copy(p.Leaf[:], v[8:])
		return yield(p)
	})
}

// ScanKeys calls yield for every wrapped key, by id.
func (s *Store) ScanKeys(yield func(KeyRow) error) error {
	return s.scan([]byte{'k'}, []byte{'k'}, func(k, v []byte) error {
		if len(k) != 9 {
			return fmt.Errorf("key row: %w", ErrDamaged)
		}
		return yield(KeyRow{ID: int64(binary.BigEndian.Uint64(k[1:])), Row: bytes.Clone(v)})
	})
}

// ScanIdentities calls yield for every event identity.
func (s *Store) ScanIdentities(yield func(Identity) error) error {
	return s.scan([]byte{'i'}, []byte{'i'}, func(k, v []byte) error {
		if len(k) != 33 {
			return fmt.Errorf("identity: %w", ErrDamaged)
		}
		id, err := parseIdentity([32]byte(k[1:]), v)
		if err != nil {
			return err
		}
		return yield(id)
	})
}

func (s *Store) scan(prefix, from []byte, yield func(k, v []byte) error) error {
	return s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(forward(prefix))
		defer it.Close()
		err := seek(it, from)
		for ; err == nil && it.Valid(); err = next(it) {
			v, err := s.value(it.Item())
			if err == nil {
				err = yield(it.Item().Key(), v)
			}
			if err != nil {
				return err
			}
		}
		return err
	})
}

// Free returns the bytes that are free for us on the volume of a directory.
func Free(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// SameVolume reports whether two existing paths lie on one file system.
func SameVolume(a, b string) bool {
	var x, y syscall.Stat_t
	return syscall.Stat(a, &x) == nil && syscall.Stat(b, &y) == nil && x.Dev == y.Dev
}

// quiet passes Badger's errors and warnings on and drops its chatter.
type quiet struct{ log *slog.Logger }

func (q quiet) Errorf(f string, a ...any) {
	q.log.Error("badger: " + strings.TrimSpace(fmt.Sprintf(f, a...)))
}
func (q quiet) Warningf(f string, a ...any) {
	q.log.Warn("badger: " + strings.TrimSpace(fmt.Sprintf(f, a...)))
}
func (q quiet) Infof(string, ...any)  {}
func (q quiet) Debugf(string, ...any) {}
