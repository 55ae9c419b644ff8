// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"iter"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/story"
)

// Steps are the durable steps of a commit, in their order.
var Steps = []string{stepVault, stepSign, stepStore, stepMirror, stepHead}

// OnStep has do perform every durable step from now on. The ledger must not
// be running.
func (l *Ledger) OnStep(do func(step string, f func() error) error) { l.do = do }

// BatchRecords is the number of records at which a batch is cut off.
const BatchRecords = batchRecords

// IndexRootEvery is after how many records an index-root is appended.
const IndexRootEvery = indexRootEvery

// IndexRootRest is how long index-roots that were asked for lie apart.
const IndexRootRest = indexRootRest

// SubmitOwn has the ledger append an event of its own.
func (l *Ledger) SubmitOwn(ctx context.Context, typ, subject, id string, data canon.Value) (int64, error) {
	ev, err := l.own(ownEvent{typ: typ, subject: subject, id: id, data: data})
	if err != nil {
		return 0, err
	}
	p, err := l.enqueue(ctx, ev, ownSubmitter)
	if err != nil {
		return 0, err
	}
	r, err := p.Wait(ctx)
	if err != nil {
		return 0, err
	}
	return r.Receipt.Index, nil
}

// Keys returns how many party keys are in memory, and how many ids were given.
func (l *Ledger) Keys() (held int, given int64) {
	l.keyring.mu.RLock()
	defer l.keyring.mu.RUnlock()
	return len(l.keyring.owners), int64(len(l.keyring.numbers))
}

// Identities is the set of event identities.
type Identities struct{ set identities }

func (s *Identities) Has(d [32]byte) bool { return s.set.has(d) }
func (s *Identities) Add(d [32]byte)      { s.set.add(d) }

// LoseRow makes the store of an open ledger forget a row, as rot can.
func (l *Ledger) LoseRow(key []byte) error { return (&store.Raw{Store: l.store}).Delete(key) }

// Compact makes the database of an open ledger rewrite its tables.
func (l *Ledger) Compact() error { return (&store.Raw{Store: l.store}).Compact() }

// EditPayload changes a payload in the store of an open ledger, as rot can.
func (l *Ledger) EditPayload(index int64, edit func([]byte) []byte) error {
	return (&store.Raw{Store: l.store}).EditPayload(index, edit)
}

// Payload returns a payload as it is stored.
func (l *Ledger) Payload(index int64) (payload []byte, err error) {
	return payload, l.store.Payloads(index, 1, func(_ int64, b []byte) error {
		payload = bytes.Clone(b)
		return nil
	})
}

// TakeParams reads a genesis record as opening does.
func (l *Ledger) TakeParams(genesis []byte) error {
	lf, err := record.ParseLeaf(genesis)
	if err != nil {
		return err
	}
	return l.takeParams(leaf{lf, genesis})
}

// StoryRecords and StoryBytes bound a story.
const (
	StoryRecords = storyRecords
	StoryBytes   = storyBytes
)

// StoriesIn is Stories with room for so many records at a time.
func (l *Ledger) StoriesIn(ctx context.Context, room int, sel Selection, progress func(done, total int64)) iter.Seq2[*story.Story, error] {
	return l.stories(ctx, l.Head(), sel, room, progress)
}

// ForgetKey makes an open ledger forget an owner's key, as when it was
// destroyed.
func (l *Ledger) ForgetKey(owner string) {
	k := l.keyring
	k.mu.Lock()
	defer k.mu.Unlock()
	k.numbers[k.owners[owner].ID] = nil
	delete(k.owners, owner)
}

// Damage works on the store of an open ledger past all rules.
func (l *Ledger) Damage(do func(*store.Raw) error) error { return do(&store.Raw{Store: l.store}) }

// Document returns the event as it was submitted; nil when a group is unreadable or
// not all may be opened.
func (r *Record) Document() []byte {
	if r.sealed == nil || r.scope != nil {
		return nil
	}
	ev, err := r.event()
	if err != nil {
		panic(err)
	}
	return ev.Document().Bytes()
}

// Queued returns how many events the sequencer has not taken yet.
func (l *Ledger) Queued() int { return len(l.queue) }

// Done reports whether an event was answered.
func (p *Pending) Done() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
