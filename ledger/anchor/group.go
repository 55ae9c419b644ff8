// SPDX-License-Identifier: Apache-2.0

package anchor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Config says what is to be anchored, and where.
type Config struct {
	Ledger *ledger.Ledger // required
	Places []Place        // at least one
	// Archive keeps an anchor of a signed checkpoint, durably. It is called again
	// with what it has already, which must do no harm. Nil is the ledger's archive.
	Archive func(signed []byte, a proof.Anchor) error
	// Newest returns the newest checkpoint that a quorum of the witnesses
	// cosigned, nil while there is none. Nothing else is anchored then. It is nil
	// where there are no witnesses: then the newest published one is anchored.
	Newest func() []byte
	Logger *slog.Logger // nil discards
}

// A Place is a target, and when it is used.
type Place struct {
	Target  Target // required
	Kind    string // of target, for people: "ethereum" or "timestamp"
	Testnet bool   // it is for trying things out, and is labelled so

	Every   time.Duration // between two checkpoints while the ledger grows; 0 means 15 min
	Records int64         // a checkpoint is also due after so many; 0 means no such number
	Stale   time.Duration // a record that waits longer for an anchor is an alarm; 0 means four times Every
	Observe time.Duration // between two blocks that are recorded while the ledger grows; 0 means never
	Poll    time.Duration // between two looks at what is under way; 0 means 10 s
}

// An Observer is a target that can tell of the newest block of its chain that is
// final.
type Observer interface {
	Observe(ctx context.Context) (ledger.ChainBlock, time.Time, error)
}

// A Resumer is a target that stops when something contradicts what it did, until
// an operator has looked into it.
type Resumer interface {
	Resume() error
}

// stepTimeout bounds what a target takes for one step, and maxPause how long one
// that failed is left in peace. wakePause is the least between two steps that were
// asked for.
const (
	stepTimeout = 2 * time.Minute
	maxPause    = 5 * time.Minute
	wakePause   = time.Second
)

// errUnwitnessed: nothing is there that may be anchored.
var errUnwitnessed = errors.New("no quorum of the witnesses has cosigned a checkpoint yet, and no other is anchored")

// A Group has the checkpoints of a ledger anchored in all places.
type Group struct {
	conf   Config
	log    *slog.Logger
	places []*place
	begun  time.Time
	now    func() time.Time
}

// A place belongs to the goroutine that runs it, but for what its mutex guards.
type place struct {
	Place
	wake    chan struct{} // holds one: look now
	asks    atomic.Int64  // how often an operator wanted an anchor without waiting until it is due
	resumed atomic.Bool   // an operator takes what stopped the target as settled

	heard    int64         // how many of asks are settled
	handed   int64         // size of the newest checkpoint that was handed over
	last     time.Time     // when that was
	pause    time.Duration // from then on until the next one
	observed time.Time     // when a block was recorded last
	seen     int64         // no record before this one needs another block
	failures int           // in a row
	said     time.Time     // Waiting, of the alarm that was given

	mu     sync.Mutex // guards all below
	status PlaceStatus
}

// A PlaceStatus is how anchoring in a place goes.
type PlaceStatus struct {
	Name, Kind string
	Testnet    bool
	Status
	// Waiting is when the oldest record that no final anchor covers was recorded;
	// zero when there is none.
	Waiting time.Time
	Stale   bool   // it waits for longer than the operator said
	Failing string // why the last attempt failed; "" when it did not
	// Since the group was made:
	Anchors, Failures, Blocks int64
}

// New returns a group. Whoever made the targets closes them, after Run.
func New(conf Config) (*Group, error) {
	switch {
	case conf.Ledger == nil:
		return nil, errors.New("couldn't anchor: it takes a ledger")
	case len(conf.Places) == 0:
		return nil, errors.New("couldn't anchor: no target is named")
	}
	if err := conf.Ledger.CanRecordAnchors(); err != nil {
		return nil, err
	}
	if conf.Archive == nil {
		conf.Archive = conf.Ledger.AddAnchored
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Group{conf: conf, log: conf.Logger, begun: time.Now(), now: time.Now}
	for _, p := range conf.Places {
		if p.Every == 0 {
			p.Every = 15 * time.Minute
		}
		if p.Stale == 0 {
			p.Stale = 4 * p.Every
		}
		if p.Poll == 0 {
			p.Poll = 10 * time.Second
		}
		one := &place{Place: p, wake: make(chan struct{}, 1)}
		one.status = PlaceStatus{Name: p.Target.Name(), Kind: p.Kind, Testnet: p.Testnet}
		s := p.Target.Status()
		one.handed, one.last, one.pause = max(s.Size, s.Final), s.FinalTime, p.Every
		g.places = append(g.places, one)
	}
	return g, nil
}

// Status returns how it goes in each place, in the order of Config.
func (g *Group) Status() []PlaceStatus {
	var all []PlaceStatus
	for _, p := range g.places {
		p.mu.Lock()
		s := p.status
		p.mu.Unlock()
		s.Status = p.Target.Status()
		// A ledger that can't be read says so elsewhere.
		_, s.Waiting, _ = g.conf.Ledger.NextToAnchor(context.Background(), s.Final)
		s.Stale = g.stale(p, s.Waiting)
		all = append(all, s)
	}
	return all
}

// stale reports whether a record that has been waiting since then waits for too
// long. What was recorded before anybody anchored waits from the beginning on.
func (g *Group) stale(p *place, since time.Time) bool {
	if since.IsZero() {
		return false
	}
	if since.Before(g.begun) {
		since = g.begun
	}
	return g.now().Sub(since) > p.Stale
}

// ErrNoTarget: no target has that name.
var ErrNoTarget = errors.New("no target has that name")

// named returns the places of a name, all of them for "".
func (g *Group) named(name string) ([]*place, error) {
	if name == "" {
		return g.places, nil
	}
	i := slices.IndexFunc(g.places, func(p *place) bool { return p.Target.Name() == name })
	if i < 0 {
		return nil, fmt.Errorf("%w: %q", ErrNoTarget, name)
	}
	return g.places[i : i+1], nil
}

// Now has the newest checkpoint anchored in a place, in all of them for "",
// without waiting until it is due. It does not wait for that.
func (g *Group) Now(name string) error {
	places, err := g.named(name)
	for _, p := range places {
		p.asks.Add(1)
		p.look()
	}
	return err
}

// Resume takes what an operator looked into as settled: a target that had stopped
// because something contradicted it goes on, in all places for "". It does not wait
// for that.
func (g *Group) Resume(name string) error {
	places, err := g.named(name)
	for _, p := range places {
		p.resumed.Store(true)
		p.look()
	}
	return err
}

// ResumeStopped does at once, in a group that does not run, what Resume asks for.
func (g *Group) ResumeStopped(name string) error {
	places, err := g.named(name)
	for _, p := range places {
		if r, ok := p.Target.(Resumer); ok {
			err = errors.Join(err, r.Resume())
		}
	}
	return err
}

// look has the place looked at now.
func (p *place) look() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run anchors until ctx ends; then it returns nil.
func (g *Group) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, p := range g.places {
		group.Go(func() error {
			for ctx.Err() == nil {
				g.tell(ctx, p, g.step(ctx, p))
				g.rest(ctx, p)
			}
			return nil
		})
	}
	return group.Wait()
}

// rest waits until the next step.
func (g *Group) rest(ctx context.Context, p *place) {
	d := p.Poll
	if p.failures > 0 {
		d = maxPause
		if p.failures < 20 {
			d = min(d, p.Poll<<(p.failures-1))
		}
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.wake:
		// Whoever asks again and again does not have others asked as often.
		t.Reset(min(p.Poll, wakePause))
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
}

// step does in a place what there is to do. A target that panics, as the answer of
// a stranger may make it, has failed, and takes no server down with it.
func (g *Group) step(ctx context.Context, p *place) (err error) {
	defer func() {
		if v := recover(); v != nil {
			g.log.ErrorContext(ctx, "a target panicked", "target", p.Target.Name(), "stack", string(debug.Stack()))
			err = fmt.Errorf("the program made a mistake: %v; the log says where", v)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if r, ok := p.Target.(Resumer); ok && p.resumed.Swap(false) {
		if err := r.Resume(); err != nil {
			p.resumed.Store(true)
			return fmt.Errorf("couldn't resume: %w", err)
		}
		p.asks.Add(1)
	}
	// A failure of one does not hold up the others.
	return errors.Join(g.observe(ctx, p), g.submit(ctx, p), g.poll(ctx, p), g.alarm(ctx, p))
}

// submit hands the newest checkpoint over when that is due, and there are records
// that are worth it.
func (g *Group) submit(ctx context.Context, p *place) error {
	if s := p.Target.Status(); (s.State == "idle" || s.State == "final") && s.Size <= s.Final {
		p.handed = s.Final // whatever was handed over since was given up
	}
	asks := p.asks.Load() // before the ledger is looked at: an ask means what is there by then
	l := g.conf.Ledger
	size := l.Head().Size
	if due := asks != p.heard || p.last.IsZero() || g.now().Sub(p.last) >= p.pause || p.Records > 0 && size-p.handed >= p.Records; !due {
		return nil
	}
	first, since, err := l.NextToAnchor(ctx, p.handed)
	switch {
	case err != nil:
		return err
	case since.IsZero():
		p.heard = asks
		return nil
	}
	h, err := g.head(ctx)
	switch {
	case err != nil:
		return err
	case h.Size <= first:
		return nil // its witnesses have yet to cosign it
	}
	if err := p.Target.Submit(ctx, h); err != nil {
		return fmt.Errorf("couldn't have checkpoint %d anchored: %w", h.Size, err)
	}
	p.heard, p.handed, p.last = asks, h.Size, g.now()
	// Spread, so that ledgers that were started together do not all come at once.
	p.pause = p.Every - time.Duration(rand.Int64N(int64(p.Every)/10+1))
	g.log.InfoContext(ctx, "a checkpoint is to be anchored", "target", p.Target.Name(), "size", h.Size)
	return nil
}

// head returns the newest checkpoint that may be anchored: its last leaf commits
// to the map of all subjects, and witnesses cosigned it where there are some. It
// is the zero Head while such a one is still to come.
func (g *Group) head(ctx context.Context) (Head, error) {
	l := g.conf.Ledger
	if g.conf.Newest == nil {
		h, err := l.IndexedHead(ctx)
		if err != nil {
			return Head{}, err
		}
		return Head{tree.Checkpoint{Origin: l.Info().Origin, Size: h.Size, Root: h.Root}, h.Note}, nil
	}
	signed := g.conf.Newest()
	if signed == nil {
		return Head{}, errUnwitnessed
	}
	text, _, _ := tree.SplitNote(signed)
	cp, err := tree.ParseCheckpoint(text)
	if err != nil {
		return Head{}, err
	}
	last, err := l.Record(ctx, cp.Size-1)
	if err != nil {
		return Head{}, err
	}
	if last.Leaf.IndexRoot == nil {
		return Head{}, nil // witnesses were asked for it while the ledger wrote nothing
	}
	return Head{cp, signed}, nil
}

// poll moves on what is under way, and keeps what became final.
func (g *Group) poll(ctx context.Context, p *place) error {
	for range 16 {
		f, err := p.Target.Poll(ctx)
		if err != nil || f == nil {
			return err
		}
		if err := g.keep(ctx, p, f); err != nil {
			return err
		}
	}
	return nil // more of them in the next step
}

// keep archives a final anchor, records it, and lets go of it. It can be cut off
// between any two of these: the target comes with the same anchor again until it
// is told, and what was done already is not done twice.
func (g *Group) keep(ctx context.Context, p *place, f *Final) error {
	r := ledger.AnchorRecord{Target: p.Target.Name(), ID: f.ID, Size: f.Head.Size, Root: f.Head.Root, At: f.Time, Testnet: p.Testnet}
	for _, a := range append([]proof.Anchor{f.Anchor}, f.More...) {
		if err := g.conf.Archive(f.Head.Note, a); err != nil {
			return fmt.Errorf("couldn't archive the anchor of checkpoint %d: %w", f.Head.Size, err)
		}
		if a.Chain != nil {
			block, _, err := a.Chain.Verify()
			if err != nil {
				return fmt.Errorf("the anchor of checkpoint %d does not verify: %w", f.Head.Size, err)
			}
			r.Block = &ledger.ChainBlock{Chain: a.Chain.Chain, Number: block.Number, Hash: block.Hash}
			r.Contract = a.Chain.Contract
		} else {
			r.Stamps = append(r.Stamps, sha256.Sum256(a.Stamp))
		}
	}
	index, err := g.conf.Ledger.RecordAnchor(ctx, r)
	if err != nil {
		return err
	}
	if err := p.Target.Done(f.ID); err != nil {
		return fmt.Errorf("couldn't end the anchor of checkpoint %d: %w", f.Head.Size, err)
	}
	p.mu.Lock()
	p.status.Anchors++
	p.mu.Unlock()
	g.log.InfoContext(ctx, "a checkpoint is anchored", "target", p.Target.Name(), "size", f.Head.Size, "testnet", p.Testnet, "record", index)
	return nil
}

// observe records the newest final block when that is due: the records behind it
// are then known to be later than the block. A ledger that rests needs none.
func (g *Group) observe(ctx context.Context, p *place) error {
	o, ok := p.Target.(Observer)
	if !ok || p.Observe == 0 || !p.observed.IsZero() && g.now().Sub(p.observed) < p.Observe {
		return nil
	}
	if first, since, err := g.conf.Ledger.NextToAnchor(ctx, p.seen); err != nil {
		return err
	} else if p.seen = first; since.IsZero() {
		return nil
	}
	block, at, err := o.Observe(ctx)
	if err != nil {
		return fmt.Errorf("couldn't observe a block: %w", err)
	}
	index, err := g.conf.Ledger.RecordBlock(ctx, ledger.BlockRecord{Target: p.Target.Name(), ChainBlock: block, At: at, Testnet: p.Testnet})
	if err != nil {
		return err
	}
	p.observed, p.seen = g.now(), max(p.seen, index)
	p.mu.Lock()
	p.status.Blocks++
	p.mu.Unlock()
	return nil
}

// alarm says, once for each, that a record has been waiting for too long.
func (g *Group) alarm(ctx context.Context, p *place) error {
	_, waiting, err := g.conf.Ledger.NextToAnchor(ctx, p.Target.Status().Final)
	if err != nil {
		return err
	}
	if g.stale(p, waiting) && p.said != waiting {
		p.said = waiting
		g.log.ErrorContext(ctx, "records wait for an anchor for longer than they should", "target", p.Target.Name(), "since", waiting, "limit", p.Stale, "why", p.Target.Status().Degraded)
	}
	return nil
}

// tell notes what became of a step.
func (g *Group) tell(ctx context.Context, p *place, err error) {
	if err != nil && ctx.Err() != nil {
		return // it was stopped, and has not failed
	}
	p.mu.Lock()
	before := p.status.Failing
	if err == nil {
		p.failures, p.status.Failing = 0, ""
	} else {
		p.failures++
		p.status.Failures++
		p.status.Failing = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	after := p.status.Failing
	p.mu.Unlock()
	switch {
	case err != nil && after != before: // said once
		g.log.WarnContext(ctx, "anchoring did not go on", "target", p.Target.Name(), "error", err)
	case err == nil && before != "":
		g.log.InfoContext(ctx, "anchoring goes on again", "target", p.Target.Name())
	}
}
