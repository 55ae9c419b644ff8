// SPDX-License-Identifier: Apache-2.0

// Package ledger is the engine of lendlog: a tamper-evident log of lending
// records in a directory of its own.
//
// A ledger is made once with [Create] and then opened with [Open]. Opening
// checks it: a store that is behind its head file, forked, or gappy is
// refused. [Ledger.Run] is the sequencer, the one goroutine that numbers,
// hashes and signs, and its writer, which stores and publishes one batch while
// the next is signed; while it runs, [Ledger.Append] takes events from any
// number of goroutines and returns receipts. Reading and proving need no
// sequencer.
//
//	err := ledger.Create(ctx, dir, ledger.CreateOptions{Origin: "ledger.bank.example/2026"})
//	l, err := ledger.Open(ctx, dir, ledger.Options{})
//	go l.Run(ctx)
//	result, err := l.Append(ctx, event, "key-1")
//
// # What a receipt promises
//
// When Append returns a result, the record is durable, its index never
// changes, and a checkpoint that covers it has been signed and published. The
// ledger MUST NOT reveal an index or a checkpoint before both are durable,
// and MUST NOT lose either afterwards, whatever happens to the process or the
// machine; sequence.go is that promise, in order. An event that was not
// acknowledged may be in the ledger or not, but never half: sending it again
// under the same source and id is always right.
//
// The files are: create.go and open.go (the directory, and every check on
// opening), prepare.go (an event becomes a sealed, encrypted record without a
// number), sequence.go (the commit), read.go (records, timelines, tiles),
// prove.go (evidence), scan.go (the whole ledger, in bounded memory), tally.go
// (what is said of all of it, followed as it grows), leaves.go (hashes of leaves),
// segments.go, search.go and candidates.go (the index, and what is found by
// it), signing.go and rotate.go (which key signs what, and how another one takes
// over), submitters.go (the same of the keys of submitters), repair.go (a store out
// of its mirror).
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// Errors that callers tell apart.
var (
	// ErrNotFound: the ledger has no such record, subject or tile.
	ErrNotFound = errors.New("not found")
	// ErrErased: the record is there, but the key that opens it was destroyed.
	ErrErased = errors.New("the record's sealed members were erased")
	// ErrNoSpace: a volume has less free space than the ledger's floor.
	ErrNoSpace = errors.New("too little free space: appends are stopped, reads go on; free some space")
	// ErrStopped: the ledger takes no appends any more: it was closed, or the
	// outcome of a commit is unknown and it must be opened again.
	ErrStopped = errors.New("the ledger has stopped; open it again")
	// ErrClock: the wall clock jumped or lies behind what is already recorded.
	ErrClock = errors.New("the wall clock is not to be trusted: appends are stopped")
	// ErrSigner: the checkpoint could not be signed; the batch was not written.
	ErrSigner = errors.New("couldn't sign the checkpoint; nothing was written")
	// ErrNoSubmitterKey: the submitter never had the key that is to be retired.
	ErrNoSubmitterKey = errors.New("there is none of this thumbprint")
	// ErrRetired: the submitter's key was retired, and stays so.
	ErrRetired = errors.New("it was retired before, for ever; make another one")
	// ErrKeeper: the command that keeps the vault's key did not wrap new keys. Events
	// of persons who have a key already are taken.
	ErrKeeper = errors.New("there are no keys for new persons, whose events are refused until there are")
	// ErrHeld: another process holds the ledger.
	ErrHeld = store.ErrHeld
	// ErrDamaged: the store lacks or garbles something that it must have.
	ErrDamaged = store.ErrDamaged
)

// A ConflictError says that the event's source and id are taken by a record
// with another content. The conflict itself is recorded, once.
type ConflictError struct {
	Index int64 // record that was accepted first under the identity
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("an event with this source and id but another content is record %d; give the event an id of its own", e.Index)
}

// Options say how to open a ledger.
type Options struct {
	Logger *slog.Logger     // nil discards
	Now    func() time.Time // the wall clock; nil is time.Now
	// Progress, when not nil, is told of long steps of opening and repairing:
	// a phrase, and how much of what is done. total is 0 while unknown.
	Progress func(step string, done, total int64)
	// MinFree is how many bytes have to be free on the store's volume, or
	// appends stop: the database needs room to merge its tables in. On the
	// volumes of mirror, head file and vault it is a thirty-second of that, and
	// ballast of an eighth is kept in the store. 0 means 512 MiB.
	MinFree int64
	// Passphrase is asked for where the keys are encrypted at rest.
	Passphrase vault.Passphrase
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if o.MinFree == 0 {
		o.MinFree = 512 << 20
	}
	return o
}

// A Ledger is an open ledger. Its methods may be called concurrently.
type Ledger struct {
	opt    Options
	dir    string
	conf   config
	keys   vault.Keys
	params params // of the genesis record

	store      *store.Store
	mirror     *store.Mirror
	headFile   *store.HeadFile
	witnessed  *store.Witnessed
	anchored   *store.Anchored
	ballast    *store.Ballast // owned by Run
	short      bool           // the store was opened with too little free space
	tiles      *tileCache
	keyring    *keyring
	terms      *term.Cache
	leafHashes leafHashes

	catalogue   atomic.Pointer[record.Catalogue] // what may be submitted
	registering *semaphore.Weighted              // of 1: held while the catalogue changes
	counting    *semaphore.Weighted              // of 1: held while a period is closed

	published atomic.Pointer[published] // what readers and repeats see

	queue     chan *Pending
	questions chan question         // without a buffer: what is taken is answered
	rotations chan rotation         // likewise
	budget    *semaphore.Weighted   // bytes of events that wait
	stopped   chan struct{}         // closed when Run has ended
	running   atomic.Bool           // Run was called
	closed    atomic.Bool           // no more intake
	held      atomic.Pointer[error] // why there is no intake until Release; nil when there is
	refuse    atomic.Pointer[error] // why appends are refused now; nil when they are not

	// state belongs to Open until it returns, then to Run: to its writer while
	// that has a batch, else to the sequencer. It is changed under chains, so that
	// readers, and the sequencer beside its writer, may look up subjects and
	// identities in it together with what is published.
	state  state
	chains sync.RWMutex

	// signing and the checkpoint keys at hand belong to the sequencer alone; known is
	// the signing of what is published.
	signing *signing
	known   atomic.Pointer[signing]

	rotating sync.Mutex // held while a key takes over; guards the vault's keys of keys
	closing  sync.Once

	// do performs one durable step. Tests replace it to make a step fail,
	// before it was done or after.
	do func(step string, f func() error) error
}

// The durable steps, in the order in which a batch takes them.
const (
	stepVault  = "vault"  // new bucket keys
	stepSign   = "sign"   // the checkpoint
	stepStore  = "store"  // the transaction
	stepMirror = "mirror" // the mirror
	stepHead   = "head"   // the head file
)

// The steps of a rotation before its record.
const stepKey = "key" // a new checkpoint key is in its file

// published is one state of the ledger that outsiders may know.
type published struct {
	view  tree.View
	root  tree.Hash
	head  store.Head
	newer chan struct{} // closed once another state is published
}

// show makes a state the published one and wakes whoever waits for one that is
// newer. It waits for nobody.
func (l *Ledger) show(p *published) {
	p.newer = make(chan struct{})
	if before := l.published.Swap(p); before != nil {
		close(before.newer)
	}
}

// Info says what a ledger is.
type Info struct {
	Origin       string
	Genesis      tree.Hash // leaf hash of leaf 0
	VerifierKeys []string  // C2SP verifier keys of those that sign checkpoints
	PublicLog    bool      // tiles may be read by anybody
	LateAfter    time.Duration
	// WitnessInterval is the longest time that is promised between two
	// checkpoints that witnesses cosigned.
	WitnessInterval time.Duration
	Paths           Paths
}

// Info returns what the ledger is.
func (l *Ledger) Info() Info {
	var keys []string
	for _, k := range l.known.Load().policy.Keys {
		if k.May(l.published.Load().head.Size) {
			keys = append(keys, k.Key)
		}
	}
	return Info{
		Origin: l.conf.Origin, Genesis: l.params.genesis, VerifierKeys: keys,
		PublicLog: l.conf.PublicLog, LateAfter: l.params.lateAfter,
		WitnessInterval: l.params.witnessInterval, Paths: l.conf.Paths,
	}
}

// A Head is the newest published state.
type Head struct {
	Size     int64
	Root     tree.Hash
	Recorded time.Time // the ledger's clock at the last record
	Note     []byte    // signed checkpoint; must not be changed
}

// Head returns the newest published checkpoint.
func (l *Ledger) Head() Head {
	head, _ := l.Watch()
	return head
}

// Watch returns the newest published checkpoint, and a channel that is closed
// once there is a newer one. Who is slow to look misses heads and no records:
// each head covers all that came before it.
func (l *Ledger) Watch() (head Head, newer <-chan struct{}) {
	p := l.published.Load()
	return p.shown(), p.newer
}

func (p *published) shown() Head {
	return Head{Size: p.head.Size, Root: p.root, Recorded: p.head.Recorded, Note: p.head.Note}
}

// Trust returns the trust policy that names this ledger's own keys. Whoever
// takes it from the ledger itself trusts the operator for it; see
// docs/auditors.md.
func (l *Ledger) Trust() *proof.Trust {
	t := *l.known.Load().policy
	t.Keys = slices.Clone(t.Keys)
	return &t
}

// Writable returns nil when appends are taken, or why not.
func (l *Ledger) Writable() error {
	if !l.running.Load() || l.closed.Load() {
		return ErrStopped
	}
	if held := l.held.Load(); held != nil {
		return *held
	}
	err := l.refuse.Load()
	switch {
	case err == nil:
		return nil
	case errors.Is(*err, ErrNoSpace):
		return l.enoughSpace() // it may have been freed since the last event
	}
	return *err
}

// Append hands an event to the sequencer and waits until its record is
// durable and published: Enqueue and Wait in one.
func (l *Ledger) Append(ctx context.Context, ev *record.Event, submitter string) (*Result, error) {
	p, err := l.Enqueue(ctx, ev, submitter)
	if err != nil {
		return nil, err
	}
	return p.Wait(ctx)
}

// Close releases the ledger. Run must have returned.
func (l *Ledger) Close() error {
	l.rotating.Lock()
	defer l.rotating.Unlock()
	var err error
	l.closing.Do(func() {
		err = errors.Join(l.store.Close(), l.mirror.Close(), l.witnessed.Close(), l.anchored.Close(), l.headFile.Close(), l.keys.Close())
	})
	return err
}
