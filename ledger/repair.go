// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// Repaired tells what Repair did.
type Repaired struct {
	Size    int64  // records in the new store
	Damaged string // where the old store was put; empty when there was none
}

// Repair builds a new store out of the mirror and puts it in the place of the
// old one, which is kept beside it. Nothing in the mirror is believed: every
// entry goes through the same derivation as when it was appended, and the
// result must reach the published checkpoint, hash for hash, or nothing is
// changed.
func Repair(ctx context.Context, dir string, o Options) (_ *Repaired, err error) {
	conf, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	keys, err := vault.UnlockKeys(conf.Paths.Keys, o.Passphrase)
	if err != nil {
		return nil, err
	}
	l, err := newLedger(o.withDefaults(), dir, conf, keys)
	if err != nil {
		return nil, err
	}
	if l.headFile, err = store.LockHead(conf.Paths.Head); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.headFile.Close()) }()
	seen, _, err := l.lastPublished()
	if err != nil {
		return nil, err
	}
	if l.mirror, err = openMirror(conf.Paths.Mirror); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.mirror.Close()) }()
	if err := l.mirror.Check(seen.Size); err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	if note := l.mirror.Note(); note != nil {
		if _, err := l.openNote(note); err != nil {
			return nil, fmt.Errorf("the mirror in %s is not this ledger's (%w): put the right one back; nothing was changed", conf.Paths.Mirror, err)
		}
	}
	if l.mirror.Next() < seen.Size {
		return nil, fmt.Errorf("the mirror holds %d records, but checkpoint %d was published: it cannot repair this store; nothing was changed", l.mirror.Next(), seen.Size)
	}
	fresh := conf.Paths.Store + ".repairing"
	if err := os.RemoveAll(fresh); err != nil {
		return nil, err
	}
	if err := l.roomToRepair(filepath.Dir(fresh)); err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	if err := l.refill(ctx, fresh, seen); err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", errors.Join(err, os.RemoveAll(fresh)))
	}
	done := &Repaired{Size: l.state.head.Size}
	if _, err := os.Stat(conf.Paths.Store); err == nil {
		done.Damaged = conf.Paths.Store + ".damaged-" + l.opt.Now().UTC().Format("20060102T150405.000Z")
		if err := os.Rename(conf.Paths.Store, done.Damaged); err != nil {
			return nil, err
		}
	}
	if err := os.Rename(fresh, conf.Paths.Store); err != nil {
		return nil, err
	}
	return done, store.SyncDir(filepath.Dir(conf.Paths.Store))
}

// roomToRepair makes sure that the database does not run out of space midway:
// a store takes little more than its mirror, and merging up to half of that.
func (l *Ledger) roomToRepair(dir string) error {
	l.dropBallast()
	size, err := l.mirror.Size()
	if err != nil {
		return err
	}
	return atLeast(dir, size+size/2+l.ballastSize())
}

// refill replays the mirror into a new store and checks what came of it.
func (l *Ledger) refill(ctx context.Context, path string, seen tree.Checkpoint) (err error) {
	if l.store, err = store.Open(path, true, l.opt.Logger); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.store.Close()) }()
	l.state.head.IndexRoot = -1
	var rootThen tree.Hash
	reported := time.Now()
	err = l.mirror.Scan(func(b *store.Batch) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Since(reported) > time.Second {
			reported = time.Now()
			l.opt.Progress("refilling the store from the mirror", b.First, l.mirror.Next())
		}
		leaves := make([]leaf, len(b.Entries))
		for i, e := range b.Entries {
			parsed, err := record.ParseLeaf(e)
			if err != nil {
				return fmt.Errorf("record %d of the mirror: %w", b.First+int64(i), err)
			}
			leaves[i] = leaf{parsed, e}
		}
		for from := 0; from < len(leaves); {
			// An index-root speaks of the map before it, so it begins a batch.
			to := from + 1
			for to < len(leaves) && leaves[to].IndexRoot == nil {
				to++
			}
			part := &store.Batch{Payloads: b.Payloads[from:to]}
			if from == 0 {
				part.Keys = b.Keys
			}
			if to == len(leaves) {
				part.Head.Note = b.Head.Note
			}
			if err := l.replay(leaves[from:to], part, seen, &rootThen); err != nil {
				return err
			}
			from = to
		}
		return nil
	})
	if err != nil {
		return err
	}
	if rootThen != seen.Root {
		return fmt.Errorf("the mirror does not reach the published checkpoint %d: it is of a fork, or altered", seen.Size)
	}
	cp, err := l.openNote(l.state.head.Note)
	if err != nil {
		return fmt.Errorf("the mirror's last checkpoint does not verify: %w", err)
	}
	root, err := tree.View{Edge: l.state.edge, Full: l.store}.RootAt(l.state.edge.Size)
	if err != nil {
		return err
	}
	if cp.Size != l.state.edge.Size || cp.Root != root {
		return errors.New("the mirror does not hash to its own last checkpoint")
	}
	return nil
}

// replay commits leaves of the mirror with their payloads, keys and note.
func (l *Ledger) replay(leaves []leaf, from *store.Batch, seen tree.Checkpoint, rootThen *tree.Hash) error {
	x, err := l.state.extend(leaves, from.Payloads)
	if err != nil {
		return fmt.Errorf("the mirror: %w", err)
	}
	x.batch.Keys = from.Keys
	x.batch.Head.Keys += int64(len(from.Keys))
	x.batch.Head.Note = from.Head.Note
	if err := l.store.Commit(x.batch); err != nil {
		return err
	}
	before := l.state.edge.Size
	l.state.adopt(x)
	if before < seen.Size && seen.Size <= x.edge.Size {
		*rootThen, err = tree.View{Edge: x.edge, Full: l.store}.RootAt(seen.Size)
	}
	return err
}
