// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

const (
	// tolerance is how far the ledger lets its clock be from that of witnesses.
	tolerance = 2 * time.Minute
	// jump is what the wall clock may move against the monotonic one.
	jump = 5 * time.Second
	// unsynchronized is what adjtimex(2) answers where nothing sets the clock.
	unsynchronized = 5
)

// clock looks at the clock of this machine; moved is how far it went against the
// monotonic clock while everything else was looked at.
func (c *checkup) clock(moved time.Duration) {
	const remedy = "set the clock right; after a jump start the server again"
	switch newest := c.cosignedAt(); {
	case moved.Abs() > jump:
		c.fail("clock", remedy, "it jumped by %v just now", moved.Round(time.Second))
	case newest.Sub(c.Now()) > tolerance:
		c.fail("clock", remedy, "witnesses cosigned a checkpoint %v from now", newest.Sub(c.Now()).Round(time.Second))
	case !c.at.IsZero() && c.at.After(c.Now()):
		c.fail("clock", remedy, "a checkpoint was published %v from now", c.at.Sub(c.Now()).Round(time.Second))
	default:
		if state, err := syscall.Adjtimex(&syscall.Timex{}); err == nil && state == unsynchronized {
			c.warn("clock", "have something set it, such as chrony or systemd-timesyncd", "the kernel says that nothing sets it")
			return
		}
		c.ok("clock", "it agrees with what was published and cosigned")
	}
}

// cosigned looks at the archive of what witnesses cosigned.
func (c *checkup) cosigned(path string) {
	const remedy = "see lendlog_witness_failing and the log: no quorum answers"
	switch _, err := os.Stat(path); {
	case missing(err):
		c.warn("cosignatures", "have witnesses cosign with --witnesses: without them or anchors a rollback shows to nobody", "no witness ever cosigned a checkpoint")
		return
	case err != nil:
		c.fail("cosignatures", "run this as the owner of the ledger's files", "%v", err)
		return
	}
	newest := c.cosignedAt()
	if newest.IsZero() {
		c.warn("cosignatures", remedy, "the archive has no cosigned checkpoint")
		return
	}
	c.age("cosignatures", remedy, "the last checkpoint was cosigned", newest)
}

// cosignedAt returns the latest time in the newest note of the archive, zero for
// none. Whose it is, is not looked at: who can write the archive can stop the
// ledger in other ways too.
func (c *checkup) cosignedAt() (latest time.Time) {
	witnessed, _ := ledger.Archives(c.Dir)
	w, err := store.OpenWitnessed(witnessed)
	if err != nil || w.Count() == 0 {
		return time.Time{}
	}
	defer w.Close()
	signed, err := w.Note(w.Count() - 1)
	if err != nil {
		return time.Time{}
	}
	for line := range strings.Lines(string(signed)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "—" {
			continue
		}
		if at, err := tree.CosignedAt(note.Signature{Base64: fields[2]}); err == nil && at.After(latest) {
			latest = at
		}
	}
	return latest
}
