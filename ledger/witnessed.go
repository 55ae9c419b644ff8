// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// witnessedFile is the archive of cosigned checkpoints, in the ledger's
// directory.
const witnessedFile = "witnessed"

// ErrUnwitnessed: the ledger was told to wait for its witnesses, and no quorum
// of them has answered yet.
var ErrUnwitnessed = errors.New("no quorum of the witnesses has confirmed since the ledger was started that it knows of no newer records: appends wait for one, reads go on")

// A WitnessedHead is a checkpoint of this ledger that witnesses cosigned. Whose
// cosignatures they are is for whoever reads it to verify.
type WitnessedHead struct {
	tree.Checkpoint
	Note []byte // signed, with the cosignatures; must not be changed
}

// IndexedHead returns the newest published checkpoint, whose last leaf commits
// to the map of all subjects: what is to be shown to a witness. It appends that
// leaf unless it is there. The ledger must be running.
func (l *Ledger) IndexedHead(ctx context.Context) (Head, error) {
	m, err := l.mapped(ctx, term.Term{})
	if err != nil {
		return Head{}, err
	}
	return m.pub.shown(), nil
}

// AddWitnessed archives a checkpoint of this ledger with the cosignatures of
// witnesses, which were verified. One that is older than the newest in the
// archive, or that the ledger does not continue, is an error.
func (l *Ledger) AddWitnessed(signed []byte) error {
	if _, err := l.ownHead(signed); err != nil {
		return fmt.Errorf("couldn't archive a checkpoint: %w", err)
	}
	return l.witnessed.Append(signed)
}

// ownHead verifies a checkpoint under the ledger's own key, and that the ledger
// continues it.
func (l *Ledger) ownHead(signed []byte) (WitnessedHead, error) {
	cp, err := l.openNote(signed)
	if err != nil {
		return WitnessedHead{}, err
	}
	root, err := l.published.Load().view.RootAt(cp.Size)
	if err != nil {
		return WitnessedHead{}, l.outOfRange(err)
	}
	if root != cp.Root {
		return WitnessedHead{}, fmt.Errorf("checkpoint %d is of another history of this ledger", cp.Size)
	}
	return WitnessedHead{cp, signed}, nil
}

// Witnessed returns the newest checkpoint of the archive. One that is altered
// is passed over.
func (l *Ledger) Witnessed() (WitnessedHead, bool) {
	return l.witnessedFrom(l.witnessed.Count()-1, -1)
}

// WitnessedBefore returns the nearest checkpoint of the archive that does not
// cover a record, and WitnessedAfter the nearest that does.
func (l *Ledger) WitnessedBefore(index int64) (WitnessedHead, bool) {
	return l.witnessedFrom(l.witnessed.After(index)-1, -1)
}

// WitnessedAfter returns the nearest checkpoint of the archive that covers a
// record.
func (l *Ledger) WitnessedAfter(index int64) (WitnessedHead, bool) {
	return l.witnessedFrom(l.witnessed.After(index), 1)
}

// witnessedFrom returns note i of the archive, or the next one in a direction
// that verifies. Few do not, so few are tried.
func (l *Ledger) witnessedFrom(i, step int) (WitnessedHead, bool) {
	for range 16 {
		if i < 0 || i >= l.witnessed.Count() {
			break
		}
		if signed, err := l.witnessed.Note(i); err == nil {
			if head, err := l.ownHead(signed); err == nil {
				return head, true
			}
		}
		i += step
	}
	return WitnessedHead{}, false
}

// checkWitnessed refuses a store that is behind a checkpoint that was witnessed,
// or does not continue it.
func (l *Ledger) checkWitnessed(view tree.View) error {
	n := l.witnessed.Count()
	if n == 0 {
		return nil
	}
	signed, err := l.witnessed.Note(n - 1)
	if err != nil {
		return err
	}
	cp, err := l.openNote(signed)
	if err != nil {
		l.opt.Logger.Warn("the newest checkpoint in the archive of witnessed ones does not verify", "error", err)
		return nil
	}
	return continues(view, cp, "witnessed")
}

// Hold has the ledger refuse appends, and append nothing of its own, until
// Release: why is ErrUnwitnessed until a quorum of its witnesses has answered
// after a start, and ErrClock while they say that the ledger's clock is wrong.
func (l *Ledger) Hold(why error) { l.held.Store(&why) }

// witnessSubject is the subject of decisions to go on without witnesses.
const witnessSubject = "ledger/witnesses"

// Override records an operator's decision to go on although no quorum of the
// witnesses has answered, with a code for the reason, and then has the ledger
// take appends again. The ledger must be running.
func (l *Ledger) Override(ctx context.Context, reason string) error {
	if _, ok := l.Catalogue().Type(record.TypeOverridden); !ok {
		return errors.New("the ledger has no type to record this with, because an older program made it: stop it, and run `lendlog types add --builtin --dir DIR` first")
	}
	ev, err := l.own(ownEvent{
		typ: record.TypeOverridden, subject: witnessSubject, id: "override/" + rand.Text(),
		data: canon.Map(
			canon.Member{Name: "size", Value: canon.Number(l.Head().Size)},
			canon.Member{Name: "reason", Value: canon.Text(reason)},
		),
	})
	if err != nil {
		return fmt.Errorf("couldn't record the decision to go on without witnesses: %w", err)
	}
	p, err := l.prepare(ctx, ev, ownSubmitter)
	if err != nil {
		return err
	}
	if err := l.submit(ctx, p); err != nil { // past the hold
		l.keyring.giveBack(p.keys)
		return err
	}
	if _, err := p.Wait(ctx); err != nil {
		return fmt.Errorf("couldn't record the decision to go on without witnesses: %w", err)
	}
	l.Release()
	return nil
}

// Release has the ledger take appends again after Hold.
func (l *Ledger) Release() { l.held.Store(nil) }
