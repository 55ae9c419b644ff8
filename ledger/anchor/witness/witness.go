// SPDX-License-Identifier: Apache-2.0

// Package witness has the checkpoints of a ledger cosigned by C2SP witnesses
// (tlog-witness), so that what they cosigned cannot be taken back without
// their seeing it, and when it was there does not rest on the ledger's clock.
//
//	policy, err := witness.ParsePolicy(file)
//	g, err := witness.New(witness.Config{Ledger: l, Policy: policy})
//	err = g.Run(ctx) // beside l.Run
//
// Witnesses are asked in rounds, after publication: an append never waits for
// one. In a round all of them are asked for one checkpoint, the newest, whose
// last leaf commits to the map of all subjects; asked for a checkpoint each,
// they would not meet on one while the ledger grows. A checkpoint that a quorum
// cosigned goes into the ledger's archive. One that failed is left in peace for
// a while, longer each time.
//
// The first round is made before the ledger takes events, if it was told to
// wait for it ([ledger.Ledger.Hold]): a quorum that cosigns what the ledger has
// knows of no newer one.
package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/lendlog/lendlog/ledger"
)

// Config says who is to be asked, for what, and how often.
type Config struct {
	Ledger *ledger.Ledger // required
	Policy *Policy        // required
	Logger *slog.Logger   // nil discards
	// Every is the pause between two rounds while the ledger grows; 0 means
	// 30 s. Each costs the ledger a leaf, and its archive some hundred bytes.
	Every time.Duration
	// Timeout bounds what one witness takes for its answer; 0 means 10 s.
	Timeout time.Duration
	Client  *http.Client // nil makes one; it must not follow redirects
}

// late is how long those that are slow are waited for once there is a quorum.
const late = 2 * time.Second

// A Group asks the witnesses of one policy.
type Group struct {
	conf      Config
	log       *slog.Logger
	promise   time.Duration // of the genesis record
	witnesses []*asked      // owned by Run
	now       func() time.Time

	mu        sync.Mutex // guards all below
	status    Status
	newest    []byte // the checkpoint of status.Size, with its cosignatures
	confirmed bool   // a quorum has cosigned since Run began
}

// Status is how witnessing goes.
type Status struct {
	// Size and At are of the newest checkpoint that a quorum cosigned: its size,
	// and when the quorum was complete, by the witnesses' clocks. At is zero
	// when there is none.
	Size int64
	At   time.Time
	// Promise is the longest time between two of them, as the genesis record
	// says, and Overdue whether it has passed.
	Promise   time.Duration
	Overdue   bool
	Witnesses []WitnessStatus // in the order of the policy
}

// WitnessStatus is how one witness does.
type WitnessStatus struct {
	Name     string // in the policy
	At       time.Time
	Cosigned int64 // checkpoints
	Failures int64
	Failing  string // why it failed last; "" when it did not
}

// New returns a group. It takes up from the ledger's archive what was cosigned
// last.
func New(conf Config) (*Group, error) {
	if conf.Ledger == nil || conf.Policy == nil {
		return nil, errors.New("couldn't ask witnesses: it takes a ledger and a policy")
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.Every == 0 {
		conf.Every = 30 * time.Second
	}
	if conf.Timeout == 0 {
		conf.Timeout = 10 * time.Second
	}
	if conf.Client == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxResponseHeaderBytes = maxAnswer
		conf.Client = &http.Client{Transport: t}
	}
	client := *conf.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	g := &Group{conf: conf, log: conf.Logger, promise: conf.Ledger.Info().WitnessInterval, now: time.Now}
	g.status.Promise = g.promise
	for _, w := range conf.Policy.Witnesses {
		g.witnesses = append(g.witnesses, &asked{Witness: w, client: &client})
		g.status.Witnesses = append(g.status.Witnesses, WitnessStatus{Name: w.Name})
	}
	if newest, ok := conf.Ledger.Witnessed(); ok {
		if at, ok := conf.Policy.Cosigned(newest.Note); ok {
			g.status.Size, g.status.At, g.newest = newest.Size, at, newest.Note
		}
	}
	return g, nil
}

// Status returns how witnessing goes.
func (g *Group) Status() Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.status
	s.Witnesses = slices.Clone(s.Witnesses)
	s.Overdue = g.now().Sub(s.At) > g.promise
	return s
}

// Newest returns the newest checkpoint that a quorum cosigned, signed and with
// the cosignatures; nil when there is none. It must not be changed.
func (g *Group) Newest() []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.newest
}

// Run asks until ctx ends; then it returns nil.
func (g *Group) Run(ctx context.Context) error {
	defer g.conf.Client.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { g.alarm(ctx); return nil })
	group.Go(func() error {
		for ctx.Err() == nil {
			head, err := g.head(ctx)
			cosigned := false
			if err == nil {
				cosigned = g.round(ctx, head)
			} else if ctx.Err() == nil {
				g.log.WarnContext(ctx, "there is no checkpoint to be witnessed", "error", err)
			}
			g.pause(ctx, head.Size, cosigned)
		}
		return nil
	})
	return group.Wait()
}

// head returns the checkpoint to be cosigned. While the ledger writes nothing,
// because it waits for a quorum or has no space, that is the one it has.
func (g *Group) head(ctx context.Context) (ledger.Head, error) {
	head, err := g.conf.Ledger.IndexedHead(ctx)
	if err != nil && ctx.Err() == nil && !errors.Is(err, ledger.ErrStopped) {
		return g.conf.Ledger.Head(), nil
	}
	return head, err
}

// pause waits until the next round is due. A checkpoint that is cosigned is
// cosigned again when nothing has been recorded for half of the promised
// interval, so that the next record is known to be newer than that.
func (g *Group) pause(ctx context.Context, size int64, cosigned bool) {
	if !cosigned {
		// As soon as somebody may be asked again.
		now, next := g.now(), g.now().Add(g.conf.Every)
		for _, w := range g.witnesses {
			if w.rest.After(now) && w.rest.Before(next) {
				next = w.rest
			}
		}
		sleep(ctx, max(next.Sub(now), 10*time.Millisecond))
		return
	}
	sleep(ctx, g.conf.Every)
	head, newer := g.conf.Ledger.Watch()
	if head.Size != size {
		return
	}
	select {
	case <-newer:
	case <-time.After(g.promise / 2):
	case <-ctx.Done():
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// An answer is what became of asking a witness.
type answer struct {
	number int
	cosignature
	err error
}

// round asks all witnesses for one checkpoint, and reports whether a quorum
// cosigned it.
func (g *Group) round(ctx context.Context, head ledger.Head) (cosigned bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(g.witnesses))
	var asking int
	for i, w := range g.witnesses {
		if g.now().Before(w.rest) {
			continue
		}
		asking++
		go func() {
			ctx, cancel := context.WithTimeout(ctx, g.conf.Timeout)
			defer cancel()
			c, err := w.ask(ctx, head, g.conf.Ledger.ConsistencyProof, g.now)
			answers <- answer{i, c, err}
		}()
	}
	sigs := make([]note.Signature, len(g.witnesses)) // in the order of the policy
	doubts := map[bool]*skewed{true: {}, false: {}}  // by whether the ledger's clock is ahead
	for ; asking > 0; asking-- {
		a := <-answers
		hurried := a.err != nil && ctx.Err() != nil
		g.tell(ctx, a, hurried)
		if skew := (*skewError)(nil); errors.As(a.err, &skew) {
			s := doubts[skew.off > 0]
			s.sigs, s.off = append(s.sigs, a.sig), skew.off
		}
		if a.err != nil {
			continue
		}
		sigs[a.number] = a.sig
		if _, ok := g.conf.Policy.Quorum(sigs); ok && !cosigned {
			cosigned = true
			time.AfterFunc(late, cancel)
		}
	}
	if cosigned {
		g.keep(ctx, head, slices.DeleteFunc(sigs, func(s note.Signature) bool { return s.Name == "" }))
		return true
	}
	for _, s := range doubts {
		g.doubt(ctx, s)
	}
	return false
}

// tell notes what became of asking a witness. One that was only hurried has not
// failed.
func (g *Group) tell(ctx context.Context, a answer, hurried bool) {
	w := g.witnesses[a.number]
	g.mu.Lock()
	s := &g.status.Witnesses[a.number]
	before := s.Failing
	switch {
	case a.err == nil:
		w.failures, w.rest = 0, time.Time{}
		s.Cosigned, s.At, s.Failing = s.Cosigned+1, a.at, ""
	case !hurried:
		w.rest = g.now().Add(w.failed(a.err))
		s.Failures, s.Failing = s.Failures+1, a.err.Error()
	}
	after := s.Failing
	g.mu.Unlock()
	switch {
	case a.err == nil && before != "":
		g.log.InfoContext(ctx, "a witness cosigns again", "witness", w.Name)
	case a.err == nil || hurried || after == before: // said once
	case errors.Is(a.err, ErrAhead), errors.Is(a.err, ErrForked):
		g.log.ErrorContext(ctx, "a witness contradicts the ledger", "witness", w.Name, "error", a.err)
	default:
		g.log.WarnContext(ctx, "a witness did not cosign", "witness", w.Name, "error", a.err)
	}
}

// skewed are cosignatures of witnesses that agree in which direction the ledger's
// clock is wrong.
type skewed struct {
	sigs []note.Signature
	off  time.Duration // of the last of them
}

// doubt stops appends when a quorum of the witnesses says that the ledger's
// clock is wrong, until one cosigns again.
func (g *Group) doubt(ctx context.Context, s *skewed) {
	if _, ok := g.conf.Policy.Quorum(s.sigs); !ok {
		return
	}
	err := fmt.Errorf("it is %v away from the clocks of the witnesses; set it right: %w", s.off.Abs().Round(time.Second), ledger.ErrClock)
	g.conf.Ledger.Hold(err)
	g.log.ErrorContext(ctx, "a quorum of the witnesses contradicts the ledger's clock", "error", err)
}

// keep archives a checkpoint with the cosignatures of a quorum. The ledger takes
// events from then on, if it has waited for that.
func (g *Group) keep(ctx context.Context, head ledger.Head, sigs []note.Signature) {
	at, _ := g.conf.Policy.Quorum(sigs)
	signed := bytes.Clone(head.Note)
	for _, s := range sigs {
		signed = append(signed, "— "+s.Name+" "+s.Base64+"\n"...)
	}
	if err := g.conf.Ledger.AddWitnessed(signed); err != nil {
		// What is lost is that others could be shown it later.
		g.log.ErrorContext(ctx, "couldn't archive a cosigned checkpoint", "error", err)
	}
	g.mu.Lock()
	overdue := !g.status.At.IsZero() && g.now().Sub(g.status.At) > g.promise
	first := !g.confirmed
	g.confirmed = true
	g.status.Size, g.status.At, g.newest = head.Size, at, signed
	g.mu.Unlock()
	switch {
	case first:
		g.log.InfoContext(ctx, "a quorum of the witnesses has cosigned what the ledger has", "size", head.Size)
	case overdue:
		g.log.InfoContext(ctx, "a quorum of the witnesses cosigns again", "size", head.Size)
	}
	g.conf.Ledger.Release()
}

// alarm says, once each time, that the newest cosigned checkpoint is older than
// the genesis record promises.
func (g *Group) alarm(ctx context.Context) {
	begun, said := g.now(), time.Time{}
	for ctx.Err() == nil {
		s := g.Status()
		since := s.At
		if since.IsZero() {
			since = begun
		}
		left := g.promise - g.now().Sub(since)
		if left <= 0 && (said.IsZero() || said.Before(since)) {
			said = g.now()
			g.log.ErrorContext(ctx, "no quorum of the witnesses has cosigned within the time that the genesis record promises", "promised", g.promise, "cosigned", s.At, "size", s.Size)
		}
		sleep(ctx, min(max(left, 10*time.Millisecond), time.Minute))
	}
}
