// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"encoding/base64"
	"errors"

	"github.com/lendlog/lendlog/ledger/store"
)

// name completes the findings: whose record it is, and which checkpoint covers
// it first.
func (d *disk) name() error {
	if len(d.list) == 0 {
		return nil
	}
	if err := d.nameSubjects(); err != nil {
		return err
	}
	for _, c := range []struct {
		size  int64
		where string
	}{{d.headRow.Size, "store"}, {d.headFile.Size, "head file"}} {
		for i := range d.list {
			d.list[i].covered(c.size, c.where)
		}
	}
	if d.parts.Mirror == "" || d.policy == nil {
		return nil
	}
	last := int64(-1)
	for _, f := range d.list {
		last = max(last, f.Record)
	}
	for f := range store.ReadMirror(d.parts.Mirror) {
		if f.Err != nil || len(f.Batch.Head.Note) == 0 {
			continue
		}
		end := f.Batch.First + int64(len(f.Batch.Entries))
		wanted := false
		for i := range d.list {
			wanted = wanted || d.list[i].wants(end)
		}
		if wanted {
			if cp, err := d.policy.OpenCheckpoint(f.Batch.Head.Note); err == nil && cp.Size == end {
				for i := range d.list {
					d.list[i].covered(end, "mirror")
				}
			}
		}
		if end > last {
			break
		}
	}
	return d.ctx.Err()
}

// wants reports whether a checkpoint covers the finding's record, and earlier
// than the one that is known.
func (f *Finding) wants(size int64) bool {
	return f.Record >= 0 && size > f.Record && (f.Checkpoint == 0 || size < f.Checkpoint)
}

func (f *Finding) covered(size int64, where string) {
	if f.wants(size) {
		f.Checkpoint, f.Where = size, where
	}
}

// nameSubjects finds out whose records the findings are about.
func (d *disk) nameSubjects() error {
	type known struct {
		identity [32]byte
		subject  string
	}
	records := map[int64]*known{}
	for _, f := range d.list {
		if f.Record >= 0 && f.Subject == "" {
			records[f.Record] = &known{}
		}
	}
	if len(records) == 0 {
		return nil
	}
	// What a row says of a record holds also when its entry is gone.
	err := d.store.ScanPostings(func(p store.Posting) error {
		if k := records[p.Index]; k != nil {
			k.subject = termName(p.Term)
		}
		return d.ctx.Err()
	})
	if err == nil {
		err = d.store.ScanIdentities(func(id store.Identity) error {
			if k := records[id.Index]; k != nil {
				k.identity = id.Digest
			}
			return d.ctx.Err()
		})
	}
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		return err
	}
	d.openRing()
	for i, k := range records {
		if !d.replay.isLost(i) {
			err := d.eachLeaf(i, i+1, func(_ int64, l *readLeaf) {
				if e := l.leaf.Entry; e != nil {
					k.identity, k.subject = e.Event, termName(e.Term)
				}
			})
			if err != nil {
				return err
			}
		}
		for b := range d.store.PayloadBlocks(i, i+1) {
			if at := i - b.First; b.Err == nil && at >= 0 && at < int64(len(b.Items)) {
				if s, ok := d.ring.subject(k.identity, b.Items[at]); ok {
					k.subject = s
				}
			}
		}
	}
	for i := range d.list {
		if k := records[d.list[i].Record]; k != nil {
			d.list[i].Subject = k.subject
		}
	}
	return nil
}

// termName names a subject that no key opens.
func termName(t [32]byte) string { return "term " + base64.StdEncoding.EncodeToString(t[:]) }
