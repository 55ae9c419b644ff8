// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lendlog/lendlog/ledger/keeper"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// params are what the genesis record fixes.
type params struct {
	genesis        tree.Hash
	checkpointKeys []string
	lateAfter      time.Duration
	// witnessInterval is the longest time that is promised between two
	// checkpoints that witnesses cosigned.
	witnessInterval time.Duration
}

// Open opens the ledger in dir and checks it before it answers anything:
//
//   - the head file is there, and this process alone holds its lock;
//   - the store is not behind the head file, and continues it;
//   - the right edge, and everything that was still in a memtable of Badger
//     when the process before this one was killed, hash to the signed root,
//     record by record, and every payload opens;
//   - the chains of all subjects are without a gap and give the map of the
//     last index-root;
//   - identities and keys are those that the head counts, and all keys open;
//   - the index has the rows of every full segment.
//
// What fails is named with its remedy, and nothing is changed.
func Open(ctx context.Context, dir string, o Options) (*Ledger, error) {
	l, err := openFiles(dir, o)
	if err != nil {
		return nil, err
	}
	if err := l.check(ctx); err != nil {
		return nil, errors.Join(spaceError(err), l.Close())
	}
	return l, nil
}

func readConfig(dir string) (config, error) {
	path := filepath.Join(dir, configFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return config{}, fmt.Errorf("%s is not a ledger (it has no %s): put that file back if it was lost, see docs/operators.md, or make one with `lendlog init --dir %s --origin ORIGIN`", dir, configFile, dir)
	}
	if err != nil {
		return config{}, err
	}
	var c config
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil && c.V == configFormat || c.V == "" {
		return config{}, fmt.Errorf("%s can't be read: %w; put it back from a backup, or write it again as docs/operators.md says", path, err)
	}
	if c.V != configFormat {
		return config{}, fmt.Errorf("%s is of format %q and this program knows %s: use the program that wrote it, or put the file back from a backup", path, c.V, configFormat)
	}
	c.Paths, err = c.Paths.withDefaults(dir)
	return c, err
}

// openFiles takes the lock and opens the parts of a ledger, without looking
// at what is in them.
func openFiles(dir string, o Options) (l *Ledger, err error) {
	conf, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	keys, err := vault.UnlockKeys(conf.Paths.Keys, o.Passphrase)
	if err != nil {
		return nil, err
	}
	if l, err = newLedger(o.withDefaults(), dir, conf, keys); err != nil {
		return nil, err
	}
	if l.headFile, err = store.LockHead(conf.Paths.Head); err != nil {
		return nil, err
	}
	if err := l.makeRoom(); err != nil {
		return nil, errors.Join(err, l.headFile.Close())
	}
	open := store.Open
	if l.short {
		open = store.OpenShort
	}
	if l.store, err = open(conf.Paths.Store, false, l.opt.Logger); err != nil {
		return nil, errors.Join(err, l.headFile.Close())
	}
	if l.mirror, err = openMirror(conf.Paths.Mirror); err != nil {
		return nil, errors.Join(err, l.store.Close(), l.headFile.Close())
	}
	if l.witnessed, err = store.OpenWitnessed(filepath.Join(dir, witnessedFile)); err != nil {
		return nil, errors.Join(err, l.mirror.Close(), l.store.Close(), l.headFile.Close())
	}
	if l.anchored, err = store.OpenAnchored(filepath.Join(dir, anchoredFile)); err != nil {
		return nil, errors.Join(err, l.witnessed.Close(), l.mirror.Close(), l.store.Close(), l.headFile.Close())
	}
	l.tiles = newTileCache(l.store)
	return l, nil
}

// openMirror does not begin a new mirror where a volume is not mounted.
func openMirror(dir string) (*store.Mirror, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("the mirror's directory can't be read: %w; mount its volume, or make the directory to have a new mirror written, see docs/operators.md", err)
	}
	return store.OpenMirror(dir)
}

// check is the part of Open that reads. On success the ledger is published
// and its state is the sequencer's.
func (l *Ledger) check(ctx context.Context) error {
	seen, seenNote, err := l.lastPublished()
	if err != nil {
		return err
	}
	head, ok, err := l.store.Head()
	if err == nil && !ok {
		err = fmt.Errorf("the head row is missing: %w", ErrDamaged)
	}
	if err != nil {
		return err
	}
	cp, err := l.openNote(head.Note)
	if err != nil || cp.Size != head.Size {
		return fmt.Errorf("the store's checkpoint does not verify: %w", errors.Join(err, ErrDamaged))
	}
	if cp.Size < seen.Size {
		return fmt.Errorf("the store has %d records, but checkpoint %d was published: it was rolled back; run `lendlog repair` to refill it from the mirror", cp.Size, seen.Size)
	}
	view, err := l.rebuildEdge(cp)
	if err != nil {
		return err
	}
	if root, err := view.RootAt(seen.Size); err != nil {
		return err
	} else if root != seen.Root {
		return fmt.Errorf("the store does not continue the published checkpoint %d: it is a fork of this ledger, or another one; put the right store back or run `lendlog repair`", seen.Size)
	}
	l.state.edge, l.state.head = view.Edge, head
	l.show(&published{view: view, root: cp.Root, head: head})
	if err := l.readParams(); err != nil {
		return err
	}
	if err := l.checkKeys(); err != nil {
		return err
	}
	if err := l.checkTail(ctx, view); err != nil {
		return err
	}
	if err := l.store.Checked(); err != nil {
		return err
	}
	if err := l.rebuildMap(); err != nil {
		return err
	}
	// Only now the keys are known that signed what others have.
	if err := l.readKeys(ctx, head.Note, seenNote); err != nil {
		return err
	}
	if err := errors.Join(l.checkWitnessed(view), l.checkAnchored(view)); err != nil {
		return err
	}
	if err := l.checkIdentities(); err != nil {
		return err
	}
	if err := l.openIndex(ctx, view); err != nil {
		return err
	}
	if err := l.readSchemas(ctx); err != nil {
		return err
	}
	if err := l.catchUpMirror(view, seen.Size); err != nil {
		return err
	}
	// A store ahead of its head file was committed but not published when the
	// process ended: publish it through the code that always does.
	x := l.state.follow(nil, 0)
	x.root = cp.Root
	return l.publish(x)
}

func (l *Ledger) lastPublished() (cp tree.Checkpoint, signed []byte, err error) {
	if signed, err = l.headFile.Read(); err != nil {
		return tree.Checkpoint{}, nil, err
	}
	if cp, err = l.openNote(signed); err != nil {
		return tree.Checkpoint{}, nil, fmt.Errorf("the head file in %s does not verify: %w; restore it as docs/operators.md says, and check the keys", l.conf.Paths.Head, err)
	}
	return cp, signed, nil
}

// rebuildEdge reads the right edge of the tree and requires it to hash to the
// checkpoint.
func (l *Ledger) rebuildEdge(cp tree.Checkpoint) (tree.View, error) {
	var leaves []tree.Hash
	first := cp.Size - cp.Size%tree.Width
	err := l.store.Entries(first, cp.Size-first, func(_ int64, entry []byte) error {
		leaves = append(leaves, tree.LeafHash(entry))
		return nil
	})
	if err != nil {
		return tree.View{}, err
	}
	edge, err := tree.RebuildEdge(cp.Size, l.store, leaves)
	if err != nil {
		return tree.View{}, err
	}
	root, err := tree.View{Edge: edge}.RootAt(cp.Size)
	if err != nil {
		return tree.View{}, err
	}
	if root != cp.Root {
		return tree.View{}, fmt.Errorf("the store does not hash to its own checkpoint %d: %w", cp.Size, ErrDamaged)
	}
	return tree.View{Edge: edge, Full: tileReader{l.tiles, edge}}, nil
}

// readParams reads the genesis record.
func (l *Ledger) readParams() error {
	lf, err := l.leafAt(0)
	if err != nil {
		return err
	}
	return l.takeParams(lf)
}

// takeParams takes the parameters of the ledger from its genesis record, which
// must be one of this program's format, and of this ledger's origin and keys.
func (l *Ledger) takeParams(lf leaf) error {
	if lf.Entry == nil || lf.Entry.Type != record.TypeGenesis {
		return fmt.Errorf("leaf 0 is not a genesis record: %w", ErrDamaged)
	}
	open := lf.Entry.Open
	text := func(name string) string { v, _ := open.Get(name); return v.Str }
	if f := text("format"); f != record.Format {
		return fmt.Errorf("the ledger is of format %q and this program knows %s: use the program that made it", f, record.Format)
	}
	if text("origin") != l.conf.Origin {
		return fmt.Errorf("the genesis record is of origin %q, %s says %q: this store belongs to another ledger", text("origin"), configFile, l.conf.Origin)
	}
	if text("vrfKey") != base64Of(l.keys.VRF.Public()) || text("indexKeyCommitment") != indexKeyCommitment(l.keys.Index) {
		return fmt.Errorf("the keys in %s are not those of the genesis record; put this ledger's own keys back", l.conf.Paths.Keys)
	}
	late, _ := open.Get("lateAfterSeconds")
	keys, _ := open.Get("checkpointKeys")
	interval, _ := open.Get("witnessIntervalSeconds")
	l.params = params{
		genesis: tree.LeafHash(lf.bytes), lateAfter: time.Duration(late.Int) * time.Second,
		witnessInterval: time.Duration(interval.Int) * time.Second,
	}
	for _, k := range keys.Items {
		l.params.checkpointKeys = append(l.params.checkpointKeys, k.Str)
	}
	return nil
}

func (l *Ledger) checkKeys() error {
	v, err := l.keys.OpenVault(l.conf.Paths.Vault, l.conf.Origin, keeper.ForOpening)
	if err != nil {
		return err
	}
	n, err := l.openKeyring(v)
	if err != nil {
		return err
	}
	if n != l.state.head.Keys {
		return fmt.Errorf("the store has %d party keys, its head counts %d: %w", n, l.state.head.Keys, ErrDamaged)
	}
	return nil
}

// checkTail re-hashes every record that was replayed from the log of a
// memtable, and looks at all rows that belong to it.
func (l *Ledger) checkTail(ctx context.Context, view tree.View) error {
	size := view.Size
	first := l.store.Tail(size)
	identities := make([][32]byte, 0, size-first)
	err := l.store.Entries(first, size-first, func(i int64, b []byte) error {
		identities = append(identities, [32]byte{})
		if i%4096 == 0 {
			l.opt.Progress("checking the newest records", i-first, size-first)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		lf, err := l.checkEntry(view, i, b)
		if err != nil || lf.Entry == nil {
			return err
		}
		identities[i-first] = lf.Entry.Event
		p, err := l.store.Postings(lf.Entry.Term, lf.Entry.Seq, 1)
		if err == nil && (p[0].Index != i || p[0].Leaf != tree.LeafHash(b)) {
			err = ErrDamaged
		}
		if err != nil {
			return fmt.Errorf("record %d is not in the chain of its subject: %w", i, err)
		}
		id, ok, err := l.store.Identity(lf.Entry.Event)
		if err == nil && (!ok || id.Index != i || id.Restricted != (lf.Entry.Type == record.TypeRestricted)) {
			err = fmt.Errorf("the identity of record %d is missing: %w", i, ErrDamaged)
		}
		return err
	})
	if err != nil {
		return err
	}
	return l.store.Payloads(first, size-first, func(i int64, payload []byte) error {
		return l.checkPayload(i, identities[i-first], payload)
	})
}

// checkPayload opens the payload of a record. An index-root has no identity,
// and nothing in its payload.
func (l *Ledger) checkPayload(i int64, identity [32]byte, payload []byte) error {
	if identity == ([32]byte{}) && len(payload) == 0 {
		return nil
	}
	if _, _, err := l.decrypt(identity, payload); err != nil {
		return fmt.Errorf("the payload of record %d: %w", i, err)
	}
	return nil
}

// checkEntry holds the bytes of one entry against the tree.
func (l *Ledger) checkEntry(view tree.View, i int64, b []byte) (leaf, error) {
	want, err := view.Leaf(i)
	if err != nil {
		return leaf{}, err
	}
	if tree.LeafHash(b) != want {
		return leaf{}, fmt.Errorf("record %d was altered: its bytes do not hash to its leaf: %w", i, ErrDamaged)
	}
	parsed, err := record.ParseLeaf(b)
	if err != nil {
		return leaf{}, fmt.Errorf("record %d: %w", i, err)
	}
	return leaf{parsed, b}, nil
}

// rebuildMap reads the chains of all subjects, checks that none has a gap,
// and holds the map against the last index-root.
func (l *Ledger) rebuildMap() error {
	s := &l.state
	var newer []store.Posting // after the last index-root
	var n, last int64
	var term [32]byte
	err := s.scanChains(l.store, func(p store.Posting) error {
		if p.Term != term {
			term, last = p.Term, 0
		}
		if p.Seq != last+1 || p.Index >= s.head.Size {
			return fmt.Errorf("a subject's record %d is missing before record %d of the ledger: %w", last+1, p.Index, ErrDamaged)
		}
		last = p.Seq
		if n++; n%65536 == 0 {
			l.opt.Progress("reading the chains of all subjects", n, s.head.Entries)
		}
		if p.Index > s.head.IndexRoot {
			newer = append(newer, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n != s.head.Entries {
		return fmt.Errorf("the store has %d records in chains, its head counts %d: %w", n, s.head.Entries, ErrDamaged)
	}
	if s.head.IndexRoot >= 0 {
		lf, err := l.leafAt(s.head.IndexRoot)
		if err != nil {
			return err
		}
		if lf.IndexRoot == nil || lf.IndexRoot.Root != s.subjects.Hash() {
			return fmt.Errorf("the chains of the subjects do not give the map of index-root %d: %w", s.head.IndexRoot, ErrDamaged)
		}
	}
	for _, p := range newer {
		s.subjects.Set(p.Term[:], chain{p.Seq, p.Leaf}.value())
	}
	return nil
}

// scanChains sets the map to the chains as of the last index-root, telling
// each posting.
func (s *state) scanChains(st *store.Store, each func(store.Posting) error) error {
	return st.ScanPostings(func(p store.Posting) error {
		if err := each(p); err != nil {
			return err
		}
		if p.Index < s.head.IndexRoot {
			s.subjects.Set(p.Term[:], chain{p.Seq, p.Leaf}.value())
		}
		return nil
	})
}

func (l *Ledger) checkIdentities() error {
	var n int64
	var fold [32]byte
	err := l.store.ScanIdentities(func(id store.Identity) error {
		if n++; n%65536 == 0 {
			l.opt.Progress("reading the event identities", n, l.state.head.Identities)
		}
		id.Fold(&fold)
		l.state.taken.add(id.Digest)
		return nil
	})
	if err == nil && (n != l.state.head.Identities || fold != l.state.head.Fold) {
		err = fmt.Errorf("the store's %d event identities are not the %d that its head counts: %w", n, l.state.head.Identities, ErrDamaged)
	}
	return err
}

// ownMirror refuses the mirror of another ledger, or of another history of
// this one, before anything is added to it.
func (l *Ledger) ownMirror(view tree.View) error {
	note := l.mirror.Note()
	if note == nil {
		return nil
	}
	cp, err := l.openNote(note)
	if err == nil && cp.Size <= view.Size {
		root, rootErr := view.RootAt(cp.Size)
		if rootErr != nil {
			return rootErr
		}
		if root != cp.Root {
			err = fmt.Errorf("its checkpoint %d is of another history", cp.Size)
		}
	}
	if err != nil {
		return fmt.Errorf("the mirror in %s is not this ledger's (%w): put the right one back, or move its files elsewhere and open the ledger again, which writes the mirror anew from the store", l.conf.Paths.Mirror, err)
	}
	return nil
}

// catchUpMirror completes a mirror that the process did not live to write, or
// that was lost. It never goes back, and writes nothing that it has not held
// against the tree: what rotted in the store must not get into the mirror.
func (l *Ledger) catchUpMirror(view tree.View, published int64) error {
	if err := l.mirror.Check(published); err != nil {
		return err
	}
	if err := l.ownMirror(view); err != nil {
		return err
	}
	size := l.state.head.Size
	switch next := l.mirror.Next(); {
	case next > size:
		return fmt.Errorf("the mirror has %d records, the store only %d: the store was rolled back; run `lendlog repair`", next, size)
	case next == size:
		return nil
	}
	have := map[int64]bool{}
	l.opt.Logger.Warn("completing the mirror", "from", l.mirror.Next(), "to", size)
	err := l.mirror.Scan(func(b *store.Batch) error {
		for _, k := range b.Keys {
			have[k.ID] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	var keys []store.KeyRow
	err = l.store.ScanKeys(func(k store.KeyRow) error {
		if !have[k.ID] {
			keys = append(keys, k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for first := l.mirror.Next(); first < size; first = l.mirror.Next() {
		count := min(size-first, tree.Width) // of whatever size, a frame can be read again
		b := &store.Batch{First: first, Keys: keys}
		keys = nil
		identities := make([][32]byte, 0, count)
		err := l.store.Entries(first, count, func(i int64, entry []byte) error {
			lf, err := l.checkEntry(view, i, entry)
			if err != nil {
				return err
			}
			identities = append(identities, [32]byte{})
			if lf.Entry != nil {
				identities[i-first] = lf.Entry.Event
			}
			b.Entries = append(b.Entries, bytes.Clone(entry))
			return nil
		})
		if err != nil {
			return err
		}
		err = l.store.Payloads(first, count, func(i int64, payload []byte) error {
			b.Payloads = append(b.Payloads, bytes.Clone(payload))
			return l.checkPayload(i, identities[i-first], payload)
		})
		if err != nil {
			return err
		}
		if first+count == size {
			b.Head.Note = l.state.head.Note
		}
		if err := l.mirror.Append(b); err != nil {
			return err
		}
	}
	return nil
}
