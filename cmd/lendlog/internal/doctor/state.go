// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// resting is how long nothing was recorded when somebody should know.
const resting = 7 * 24 * time.Hour

// state holds the head file, the mirror and the store against each other.
func (c *checkup) state() {
	signed, at, err := store.Published(c.paths.Head)
	if err != nil {
		c.fail("head file", "put it back from its backup; the newest checkpoint that anybody holds will do", "%v", err)
		return
	}
	head, err := c.own(signed)
	if err != nil {
		c.fail("head file", "put this ledger's own keys or its own head file back", "%v", err)
		return
	}
	c.published, c.at = &head, at
	age := c.Now().Sub(at).Round(time.Second)
	switch {
	case age < 0:
		c.fail("head file", "set the clock right", "checkpoint %d was published %v from now: the clock went back", head.Size, -age)
	case age > resting:
		c.warn("head file", "make sure that nothing was to be recorded, and that its producers still run", "checkpoint %d was published %v ago", head.Size, age)
	default:
		c.ok("head file", "checkpoint %d was published %v ago, and its signature is the ledger's", head.Size, age)
	}
	c.mirror(head)
	c.store(head)
}

// own verifies one of the ledger's own checkpoints.
func (c *checkup) own(signed []byte) (tree.Checkpoint, error) {
	keys, err := vault.ReadKeys(c.paths.Keys)
	if err != nil {
		return tree.Checkpoint{}, err
	}
	vkey, err := keys.Verifier()
	if err != nil {
		return tree.Checkpoint{}, err
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return tree.Checkpoint{}, err
	}
	cp, _, err := tree.OpenCheckpoint(signed, note.VerifierList(v))
	return cp, err
}

// mirror holds the end of the mirror against what was published.
func (c *checkup) mirror(head tree.Checkpoint) {
	if _, err := os.Stat(c.paths.Mirror); err != nil {
		c.fail("mirror", "mount its volume; make the directory only to have a new mirror written", "%v", err)
		return
	}
	m, err := store.OpenMirror(c.paths.Mirror)
	if err != nil {
		c.fail("mirror", "move its files elsewhere, and open the ledger: the mirror is written anew from the store", "%v", err)
		return
	}
	defer m.Close()
	const again = "open the ledger: the mirror is completed from the store; `lendlog audit --deep` holds all of it against the store"
	switch last, err := c.own(m.Note()); {
	case m.Check(head.Size) != nil:
		c.fail("mirror", "see \"the mirror is damaged\" in docs/operators.md", "%v", m.Check(head.Size))
	case m.Next() < head.Size:
		c.warn("mirror", again, "it ends at record %d, and %d were published", m.Next(), head.Size)
	case m.Note() != nil && err != nil:
		c.fail("mirror", "move its files elsewhere, and open the ledger: the mirror is written anew from the store", "its last checkpoint is not the ledger's: %v", err)
	case m.Note() != nil && last.Size == head.Size && last.Root != head.Root:
		c.fail("mirror", "keep everything, and find out who wrote it", "it has another history than was published")
	default:
		c.ok("mirror", "it reaches as far as what was published")
	}
}

// store holds the head of the database, where nobody holds it, against what was
// published, and tells whether all records are indexed.
func (c *checkup) store(head tree.Checkpoint) {
	if c.held {
		c.ok("store", "the process that holds it looks after it")
		c.skip("index", "a process holds the store; it opened only with a whole index")
		return
	}
	h, err := store.ReadHead(c.paths.Store)
	switch {
	case errors.Is(err, store.ErrOpenEnded):
		c.warn("store", "open the ledger, which checks it; if it refuses it says what to do", "%v", err)
		return
	case err != nil:
		c.fail("store", "`lendlog audit` names what is wrong; then `lendlog repair`", "%v", err)
		return
	}
	last, err := c.own(h.Note)
	switch {
	case err != nil:
		c.fail("store", "put the right store back, or `lendlog repair`", "its checkpoint is not the ledger's: %v", err)
	case last.Size < head.Size:
		c.fail("store", "`lendlog repair` builds it again from the mirror", "it was rolled back: it has %d records, and %d were published", last.Size, head.Size)
	case last.Size == head.Size && last.Root != head.Root:
		c.fail("store", "keep everything, find out who made it, and `lendlog repair`", "it has another history than was published")
	default:
		c.ok("store", "it has the %d records that were published", last.Size)
	}
	if full := h.Size / index.Segment; h.Segments < full {
		c.warn("index", "open the ledger, which indexes the rest", "%d of %d segments are indexed", h.Segments, full)
	} else {
		c.ok("index", "all records are indexed")
	}
}

// outside looks at what witnesses cosigned and what was anchored.
func (c *checkup) outside() {
	witnessed, anchored := ledger.Archives(c.Dir)
	c.cosigned(witnessed)
	switch st, err := os.Stat(anchored); {
	case missing(err):
		c.warn("anchors", "anchor checkpoints with --anchors, or have witnesses: without either nobody outside can date the records", "nothing was ever anchored")
	case err != nil:
		c.fail("anchors", "run this as the owner of the ledger's files", "%v", err)
	default:
		c.age("anchors", "`lendlog anchor status` says what waits and why", "the last anchor was archived", st.ModTime())
	}
}

// stale is how old what is outside may be.
const stale = 24 * time.Hour

// age tells how long ago something was that should come again and again.
func (c *checkup) age(check, remedy, what string, at time.Time) {
	if age := c.Now().Sub(at).Round(time.Second); age > stale {
		c.warn(check, remedy, "%s %v ago", what, age)
	} else {
		c.ok(check, "%s %v ago", what, age)
	}
}
