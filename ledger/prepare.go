// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/term"
)

// inFlight bounds the bytes of events that wait for the sequencer.
const inFlight = 64 << 20

// A Pending is an event on its way into the ledger.
type Pending struct {
	ledger *Ledger
	event  *record.Event
	weight int64 // about the bytes that it adds to the store

	// Set by prepare, in the submitter's goroutine.
	identity [32]byte
	causes   [][32]byte // identities of the records it follows from
	term     term.Term
	entry    record.Entry // all but Prev, Recorded, Refs, Seq, and Capture where it becomes Late
	payload  []byte
	keys     []*partyKey
	seeds    map[string]seal.Seed
	checked  *signing // by which its submitter's signature was checked
	unsigned error    // what that found

	restricted *proof.Restricted // of a restricted event

	// Set by the sequencer before done is closed.
	done   chan struct{}
	index  int64
	repeat bool // the identity was taken: by the record at index
	bytes  []byte
	note   []byte // checkpoint under which the record was published
	err    error
}

// Enqueue seals and encrypts an event and queues it for the sequencer: Prepare
// and Submit in one. The event counts as submitted when Enqueue returns nil,
// also when nobody calls Wait.
func (l *Ledger) Enqueue(ctx context.Context, ev *record.Event, submitter string) (*Pending, error) {
	if err := l.admit(ev); err != nil {
		return nil, err
	}
	return l.enqueue(ctx, ev, submitter)
}

var errOwn = errors.New("this type can be appended only by the ledger itself")

// admit refuses others what is the ledger's own: by its source it knows its
// records again, in the chain of the periods each begins where the last record of
// the chain says, evidence takes blocks from the chain of those that it saw, the
// chain of access says who may come in, that of keys who signs, and those of looks
// who looked.
func (l *Ledger) admit(ev *record.Event) error {
	origin, ours := strings.CutPrefix(ev.Source, ownPrefix)
	switch {
	case ev.Schema.Own:
		return errOwn
	case ours && origin == l.conf.Origin:
		return record.Violations{{Pointer: "/source", Code: record.CodeAttribute, Message: "is that of the ledger's own records; name the system that the event comes from"}}
	case ev.Subject == periodSubject, ev.Subject == accessSubject, ev.Subject == anchorSubject, ev.Subject == chainSubject, ev.Subject == keySubject, look.IsChain(ev.Subject):
		return record.Violations{{Pointer: "/subject", Code: record.CodeSubject, Message: "has records of the ledger itself only; name another subject"}}
	}
	return nil
}

func (l *Ledger) enqueue(ctx context.Context, ev *record.Event, submitter string) (*Pending, error) {
	p, err := l.prepare(ctx, ev, submitter)
	if err != nil {
		return nil, err
	}
	if err := p.Submit(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// Prepare seals and encrypts an event: all that needs no number, and so may run
// in parallel. The event must have been checked by record.ParseEvent or
// record.NewEvent. Nothing of it is in the ledger before Submit; an event that is
// never submitted keeps the keys that were made for it in memory.
func (l *Ledger) Prepare(ctx context.Context, ev *record.Event, submitter string) (*Pending, error) {
	if err := l.admit(ev); err != nil {
		return nil, err
	}
	return l.prepare(ctx, ev, submitter)
}

// Submit queues a prepared event for the sequencer. It waits while too many
// bytes are in flight. It may be called once; the event counts as submitted
// when it returns nil.
func (p *Pending) Submit(ctx context.Context) error {
	l := p.ledger
	if held := l.held.Load(); held != nil {
		l.keyring.giveBack(p.keys)
		return *held
	}
	err := l.submit(ctx, p)
	if err != nil {
		l.keyring.giveBack(p.keys)
	}
	return err
}

func (l *Ledger) submit(ctx context.Context, p *Pending) error {
	if l.closed.Load() {
		return ErrStopped
	}
	p.weigh()
	if err := l.budget.Acquire(ctx, p.weight); err != nil {
		return err
	}
	var err error
	select {
	case l.queue <- p:
		return nil
	case <-l.stopped:
		err = ErrStopped
	case <-ctx.Done():
		err = ctx.Err()
	}
	l.budget.Release(p.weight)
	return err
}

// entryWeight is about what an entry takes without its open members, and
// keyWeight a wrapped key with its row.
const (
	entryWeight = 768 + store.RecordOverhead
	keyWeight   = 400
)

// submitter is who submitted the event, which the entry of a restricted one hides.
func (p *Pending) submitter() string {
	if p.restricted != nil {
		return p.restricted.Submitter
	}
	return p.entry.Submitter
}

func (p *Pending) weigh() {
	p.weight = int64(entryWeight + len(p.payload) + len(p.entry.Open.Bytes()) + keyWeight*len(p.keys))
}

// prepare does everything that needs no number: it may run in parallel.
func (l *Ledger) prepare(ctx context.Context, ev *record.Event, submitter string) (*Pending, error) {
	if l.closed.Load() {
		return nil, ErrStopped
	}
	p := &Pending{
		ledger: l, event: ev, done: make(chan struct{}), checked: l.known.Load(),
		identity: seal.Identity(l.keys.Index, ev.Source, ev.ID),
		term:     l.terms.Term(ev.Kind, ev.SubjectID),
	}
	for source, id := range ev.Causes() {
		p.causes = append(p.causes, seal.Identity(l.keys.Index, source, id))
	}
	p.entry = record.Entry{
		Capture: record.Live, Event: p.identity, Schema: ev.Schema.Hash,
		Term: p.term, Type: ev.Type, Time: ev.Time, Submitter: submitter,
	}
	if ev.Capture == record.Import {
		p.entry.Capture = record.Import
	}
	p.unsigned = p.checked.signed(ev, l.conf.Origin, submitter)
	var outer map[string]canon.Value
	if ev.Schema.Restricted {
		if err := l.restrict(p, submitter); err != nil {
			return nil, err
		}
		outer = p.restricted.Members(ev)
	} else {
		p.entry.Open = openMembers(ev)
	}
	p.seeds = make(map[string]seal.Seed, len(ev.Schema.Groups()))
	for _, g := range ev.Schema.Groups() {
		var seed seal.Seed
		_, _ = rand.Read(seed[:])
		p.seeds[g.Name] = seed
	}
	disclosures := seal.Disclosures(ev, outer, p.seeds)
	p.entry.Sealed = seal.Small(disclosures).Root()
	err := l.encrypt(p, disclosures)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		l.keyring.giveBack(p.keys)
		return nil, err
	}
	return p, nil
}

// restrict turns the entry of a restricted event into its outer form, which
// shows nothing of it. Its refs are resolved here, because the seal has to
// cover them.
func (l *Ledger) restrict(p *Pending, submitter string) (err error) {
	form, ok := l.Catalogue().Type(record.TypeRestricted)
	if !ok {
		return errors.New("the catalogue lacks " + record.TypeRestricted)
	}
	p.restricted = &proof.Restricted{Submitter: submitter}
	if p.restricted.Refs, err = l.resolve(p.causes); err != nil {
		return err
	}
	p.causes = nil
	p.entry.Type, p.entry.Schema = record.TypeRestricted, form.Hash
	p.entry.Time, p.entry.Submitter = "", ""
	p.entry.Open = canon.Map()
	return nil
}

// resolve finds the records of causes among those published, for a restricted
// record: its refs are sealed, so they may name any record.
func (l *Ledger) resolve(causes [][32]byte) ([]int64, error) {
	size := l.published.Load().head.Size
	var refs []int64
	for _, c := range causes {
		id, ok, err := l.store.Identity(c)
		if err != nil {
			return nil, err
		}
		if ok && id.Index < size {
			refs = append(refs, id.Index)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs), nil
}

func openMembers(ev *record.Event) canon.Value {
	open := canon.Value{Kind: canon.Object}
	for _, m := range ev.Data.Members {
		if decl, ok := ev.Schema.Member(m.Name); ok && decl.Open {
			open.Members = append(open.Members, m)
		}
	}
	return open
}

// encrypt makes the payload, with the keys of those whose data it is.
func (l *Ledger) encrypt(p *Pending, disclosures []seal.Disclosure) error {
	for _, g := range p.event.Schema.Groups() {
		key, err := l.keyring.get(seal.Owner(p.event, g))
		if err != nil {
			return err
		}
		p.keys = append(p.keys, key)
		members := canon.Value{Kind: canon.Object, Members: make([]canon.Member, 0, len(g.Members))}
		for _, i := range g.Members {
			if d := disclosures[i]; d.Present {
				members.Members = append(members.Members, canon.Member{Name: d.Pointer, Value: d.Value})
			}
		}
		p.payload = seal.AppendGroup(p.payload, g.Name, key.PartyKey, p.identity, p.seeds[g.Name], members)
	}
	return nil
}

// opened is what a payload yields of one group.
type opened struct {
	name    string
	seed    seal.Seed
	members []canon.Member
}

// decrypt opens the groups of a payload whose keys are there. A group whose
// key was destroyed is listed as lost.
func (l *Ledger) decrypt(identity [32]byte, payload []byte) (groups []opened, lost []string, err error) {
	parts, err := seal.ParsePayload(payload)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	groups = make([]opened, 0, len(parts))
	for _, g := range parts {
		key, ok := l.keyring.byID(g.KeyID)
		if !ok && g.KeyID >= l.keyring.count() {
			return nil, nil, fmt.Errorf("%w: its group %s names a key that never was", ErrDamaged, g.Name)
		}
		if !ok {
			lost = append(lost, g.Name)
			continue
		}
		seed, members, err := g.Open(key, identity)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: its group %s: %w", ErrDamaged, g.Name, err)
		}
		groups = append(groups, opened{g.Name, seed, members})
	}
	return groups, lost, nil
}
