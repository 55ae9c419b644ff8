// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// mirrored is the audit of the mirror: against its own checkpoints, and
// against the store.
type mirrored struct {
	*disk
	next    int64
	edge    tree.Edge
	whole   tree.Hash // root of the mirror at the store's size; zero before it gets there
	blind   bool      // a batch is missing or altered, so that no root is known after it
	entries *cursor
	payload *cursor
	keys    *rows // of the store and of the mirror
	nKeys   int64
	nNotes  int64
	strayed bool // the mirror does not hash to one of its own checkpoints
	// differs is the first record that differs from the store's, -1 before
	// there is one.
	differs int64
	// altered are the records of which the store has other bytes, to be
	// reported when it is known who is right.
	altered []span
}

// checkedFrame is a frame with what can be told of it alone.
type checkedFrame struct {
	store.Frame
	hashes []tree.Hash
	cp     tree.Checkpoint
	noteBy error // why the note does not verify
}

func (d *disk) checkMirror() error {
	switch {
	case d.parts.Mirror == "":
		d.skip(Mirror, "no mirror was given")
		d.skip(Notes, "no mirror was given")
		return nil
	case !exists(d.parts.Mirror):
		d.skip(Mirror, "the mirror is missing; with an empty directory in its place, starting the ledger writes a new one from the store")
		d.skip(Notes, "the mirror is missing")
		return nil
	}
	m := &mirrored{disk: d, differs: -1, keys: newRows(d.head.Keys)}
	m.entries, m.payload = newCursor(d.store.EntryBlocks(0, d.head.Size)), newCursor(d.store.PayloadBlocks(0, d.head.Size))
	defer m.entries.stop()
	defer m.payload.stop()
	err := inOrder(d.ctx, d.opt.Workers, store.ReadMirror(d.parts.Mirror), m.readFrame, m.frame)
	if err != nil {
		return err
	}
	m.settle()
	if !d.opt.Deep {
		return nil // it was read to find out which record was altered
	}
	m.summary()
	return m.checkKeys()
}

func (m *mirrored) readFrame(_ context.Context, f store.Frame) checkedFrame {
	c := checkedFrame{Frame: f}
	if f.Err != nil {
		return c
	}
	c.hashes = make([]tree.Hash, len(f.Batch.Entries))
	for i, e := range f.Batch.Entries {
		c.hashes[i] = tree.LeafHash(e)
	}
	if n := f.Batch.Head.Note; len(n) > 0 && m.policy != nil {
		c.cp, c.noteBy = m.policy.OpenCheckpoint(n)
	}
	return c
}

// frame takes the next batch of the mirror.
func (m *mirrored) frame(c checkedFrame) error {
	m.progress("comparing the mirror", m.next, m.head.Size)
	switch {
	case c.Torn && m.next >= m.headFile.Size:
		return nil // never acknowledged; that the mirror ends early is told at the end
	case c.Err != nil:
		m.fail(about(Mirror, m.next, repairMirror, "the batch that begins here can't be read: %v", c.Err))
		m.blind = true
		return nil
	case c.Batch.First > m.next:
		if !m.blind {
			m.fail(about(Mirror, m.next, repairMirror, "missing from the mirror, up to record %d", c.Batch.First-1))
		}
		m.blind = true
	case c.Batch.First < m.next:
		m.fail(about(Mirror, c.Batch.First, repairMirror, "the mirror has these records twice"))
		return nil
	}
	m.next = c.Batch.First
	for i, entry := range c.Batch.Entries {
		m.compare(m.next, entry, c.Batch.Payloads[i])
		m.next++
	}
	for _, k := range c.Batch.Keys {
		m.keys.add(keyRow(k))
		m.nKeys++
	}
	if m.blind {
		return nil
	}
	if n := m.head.Size - m.edge.Size; n > 0 && n <= int64(len(c.hashes)) {
		m.edge.AppendAll(c.hashes[:n])
		c.hashes = c.hashes[n:]
		var err error
		if m.whole, err = (tree.View{Edge: m.edge}).RootAt(m.edge.Size); err != nil {
			return err
		}
	}
	m.edge.AppendAll(c.hashes)
	return m.note(c)
}

func keyRow(k store.KeyRow) (int64, []byte, []byte) { return k.ID, fmt.Append(nil, k.ID), k.Row }

// compare holds a record of the mirror against the store's.
func (m *mirrored) compare(index int64, entry, payload []byte) {
	if index >= m.head.Size {
		return // told at the end
	}
	if e, ok := m.entries.at(index); ok && !bytes.Equal(e, entry) {
		if m.differs < 0 {
			m.differs = index
		}
		if n := len(m.altered); n > 0 && m.altered[n-1].end == index {
			m.altered[n-1].end++
		} else {
			m.altered = append(m.altered, span{index, index + 1})
		}
		return // the payload belongs to the entry
	}
	p, ok := m.payload.at(index)
	switch {
	case !ok:
		m.fail(about(Payloads, index, repairStore, "the store lacks its payload"))
	case !bytes.Equal(p, payload):
		m.fail(about(Mirror, index, repairStore, "the store and the mirror have different payloads: a deep audit with the ledger's keys tells which of them is right"))
	}
}

// note holds a checkpoint of the mirror against the mirror's own records, and
// by that against the store's.
func (m *mirrored) note(c checkedFrame) error {
	if len(c.Batch.Head.Note) == 0 || m.policy == nil {
		return nil
	}
	m.nNotes++
	first, last := c.Batch.First, m.next-1
	root, err := tree.View{Edge: m.edge}.RootAt(m.edge.Size)
	if err != nil {
		return err
	}
	bad := func(remedy, format string, args ...any) {
		f := about(Notes, first, remedy, format, args...)
		f.Last = last
		m.fail(f)
	}
	switch {
	case c.noteBy != nil:
		bad(repairMirror, "the checkpoint in the mirror after them: %v", c.noteBy)
	case c.cp.Size != m.next:
		bad(repairMirror, "the checkpoint in the mirror after them is of %d records", c.cp.Size)
	case c.cp.Root != root && !m.strayed:
		m.strayed = true // and so it is with all later ones
		bad(repairMirror, "the mirror does not hash to its own checkpoint %d: a record up to there was altered", c.cp.Size)
	case c.cp.Root != root:
	case m.differs >= 0 && m.storeIsSigned() && c.cp.Size <= m.head.Size:
		// Both the mirror and the store are signed, and they are not the same.
		f := about(Notes, m.differs, askOperator, "two histories were signed with the ledger's key: the mirror's checkpoint %d is not of the store's", c.cp.Size)
		f.Checkpoint, f.Where = c.cp.Size, "mirror"
		if m.failed[Notes] == 0 {
			m.fail(f)
		}
	}
	return nil
}

func (m *mirrored) storeIsSigned() bool {
	root, ok := m.replay.roots[m.head.Size]
	return ok && m.headRow.Size > 0 && root == m.headRow.Root
}

// settle says of the records that differ who is right, now that all is read.
func (m *mirrored) settle() {
	for _, s := range m.altered {
		f := Finding{Check: Mirror, Record: s.first, Last: s.end - 1}
		switch {
		case m.right() && m.replay.allLost(s.first, s.end):
			continue // said already
		case m.right():
			f.Check, f.Remedy = Entries, repairStore
			f.Text = "altered: the mirror has the bytes that were signed"
		case m.storeIsSigned():
			f.Remedy = repairMirror
			f.Text = "the mirror has other bytes than the store, which is what its checkpoint signed"
		default:
			f.Remedy = askOperator
			f.Text = "the store and the mirror have different bytes, and neither is what the store's checkpoint signed"
		}
		m.fail(f)
	}
	if m.next > m.head.Size {
		m.fail(Finding{Check: Mirror, Record: m.head.Size, Last: m.next - 1, Remedy: repairStore,
			Text: fmt.Sprintf("the mirror has %d records, the store only %d: the store was rolled back", m.next, m.head.Size)})
	}
}

// right reports whether the mirror is what the store's checkpoint signed.
func (m *mirrored) right() bool { return m.headRow.Size > 0 && m.whole == m.headRow.Root }

// summary says what holds of a mirror in which nothing was found.
func (m *mirrored) summary() {
	if m.next < m.head.Size {
		m.skip(Mirror, "the mirror ends at record %d of %d; opening the ledger completes it", m.next, m.head.Size)
	}
	if m.policy == nil {
		m.skip(Notes, "whose signature counts is not known")
	} else if m.blind {
		m.skip(Notes, "batches of the mirror are missing or altered, so the checkpoints after them can't be held against its records")
	}
	if len(m.replay.lost) > 0 {
		m.skip(Mirror, "the store's records are missing or altered, so not all can be compared")
	}
	m.pass(Mirror, "%d records and %d party keys, as in the store byte for byte", m.next, m.nKeys)
	m.pass(Notes, "%d signed checkpoints are of this history", m.nNotes)
}

// checkKeys holds the rows of the party keys against the store's.
func (m *mirrored) checkKeys() error {
	var n int64
	err := m.store.ScanKeys(func(k store.KeyRow) error {
		m.keys.add(keyRow(k))
		n++
		return m.ctx.Err()
	})
	if m.ctx.Err() != nil {
		return err
	}
	switch {
	case err != nil: // reported with the keys
	case len(m.keys.differ()) == 0 && n == m.nKeys:
	case m.blind || m.next != m.head.Size: // one of them lacks records, which is told, and keys with them
		m.skip(Mirror, "party keys can't be compared, because records are missing")
	default:
		m.fail(whole(Mirror, "find out whether keys were swapped: what they open tells; then repair whichever of store and mirror is wrong",
			"the store has %d party keys and the mirror %d, and they are not the same", n, m.nKeys))
	}
	return nil
}

// A cursor gives the items of blocks by ascending index.
type cursor struct {
	next func() (store.Block, bool)
	stop func()
	b    store.Block
	done bool
}

func newCursor(blocks iter.Seq[store.Block]) *cursor {
	next, stop := iter.Pull(blocks)
	return &cursor{next: next, stop: stop}
}

// at returns the item at an index, which is not smaller than before.
func (c *cursor) at(index int64) ([]byte, bool) {
	for !c.done && c.b.First+int64(len(c.b.Items)) <= index {
		b, ok := c.next()
		c.b, c.done = b, !ok
	}
	if at := index - c.b.First; !c.done && at >= 0 && at < int64(len(c.b.Items)) {
		return c.b.Items[at], true
	}
	return nil, false
}
