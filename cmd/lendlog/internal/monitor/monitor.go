// SPDX-License-Identifier: Apache-2.0

// Package monitor follows a ledger of somebody else's, with nothing but a trust
// file, and keeps what it saw: that the ledger only grows, that every
// checkpoint continues the one before and is signed by a key that may, that it
// begins with the record that is pinned, comes as often as it promised, dates
// nothing back, and still has what receipts were given for.
//
// What does not hold is a [Finding]. It is saved with everything that somebody
// else needs to see the same, before anybody is told.
package monitor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// Config says what to watch and where to keep what was seen.
type Config struct {
	Server string // URL
	Trust  []byte // the trust file, pinned outside the ledger
	Key    string // that is shown to the server; "" for none
	State  string // directory of the monitor's own, made where it is absent
	// Receipts is a directory of receipts, evidence and checkpoints that the
	// ledger has to stand by; "" for none. It is read anew in every round.
	Receipts string
	Every    time.Duration // from the end of a round to the next
	Deep     int           // every so many rounds the whole log is derived again; 0 is never
	Patience time.Duration // with a round; 0 is an hour, or a day where the log is derived again

	// Tell is told of every round and all that it found, in their order. It has
	// to be set.
	Tell func(context.Context, Event)

	Now       func() time.Time                           // nil is time.Now
	Wait      func(context.Context, time.Duration) error // nil waits by the clock
	Transport http.RoundTripper                          // nil is one of its own, with TLS
	TLS       *tls.Config                                // how the server is reached; nil is as always
}

// An Event is one thing that a monitor has to say.
type Event struct {
	Time time.Time `json:"time"`
	// Event is "round": all that was checked holds; "unanswered": the server
	// could not be asked; "unchecked": something could not be checked;
	// "broken-promise" or "lie": a finding.
	Event    string `json:"event"`
	Size     int64  `json:"size,omitempty"`  // of a round: records under the newest checkpoint
	Grown    int64  `json:"grown,omitempty"` // of a round: how many of them are new
	Kept     int    `json:"kept,omitempty"`  // of a round: receipts and checkpoints that were held against it
	Deep     bool   `json:"deep,omitempty"`  // of a round: the whole log was derived again
	Kind     string `json:"kind,omitempty"`
	Text     string `json:"text,omitempty"`
	Evidence string `json:"evidence,omitempty"` // directory
}

// ErrUsage: the monitor was called in a way that cannot work.
var ErrUsage = errors.New("it cannot be monitored like this")

// ErrUnanswered: the server could not be reached, or did not answer what was
// asked. That is no lie.
var ErrUnanswered = errors.New("the server did not answer")

// A Monitor watches one ledger. Its methods may not be called concurrently.
type Monitor struct {
	conf      Config
	trust     *proof.Trust
	state     *state
	wire      *wire
	http      *http.Client
	lock      *os.File
	rounds    int             // that began
	continued map[string]bool // notes of others that the ledger was seen to continue
}

// Open takes the state directory, which one monitor at a time may use, and
// takes up what was seen before. The server is not asked yet. An error that is
// [ErrUsage] is the caller's.
func Open(c Config) (m *Monitor, err error) {
	usage := func(format string, args ...any) (*Monitor, error) {
		return nil, &usageError{fmt.Errorf(format, args...)}
	}
	trust, err := proof.ParseTrust(c.Trust)
	if err != nil {
		return usage("%w", err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Wait == nil {
		c.Wait = wait
	}
	if c.Transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSClientConfig, c.Transport = c.TLS, own
	}
	if c.State, err = filepath.Abs(c.State); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(c.State, evidenceDir), 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(c.State, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return usage("another monitor uses %s: give each a directory of its own", c.State)
	}
	m = &Monitor{conf: c, trust: trust, lock: lock, wire: &wire{next: c.Transport, now: c.Now}, continued: map[string]bool{}}
	if m.state, err = loadState(c.State, trust, c.Now); err != nil {
		return usage("%w", err)
	}
	m.follow(m.state.trust)
	m.http = &http.Client{
		Transport:     m.wire,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return m, nil
}

type usageError struct{ err error }

func (e *usageError) Error() string   { return e.err.Error() }
func (e *usageError) Unwrap() []error { return []error{ErrUsage, e.err} }

// Close lets go of the state directory.
func (m *Monitor) Close() error {
	m.http.CloseIdleConnections()
	return m.lock.Close()
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run makes one round after the other until ctx ends or the ledger lies: then
// the error is a [*Finding]. A server that does not answer is asked again, and
// a promise that was broken is told once.
func (m *Monitor) Run(ctx context.Context) error {
	for {
		if _, err := m.Round(ctx); err != nil && !errors.Is(err, ErrUnanswered) {
			return err
		}
		if err := m.conf.Wait(ctx, m.conf.Every); err != nil {
			return err
		}
	}
}

// A Round is what came of one.
type Round struct {
	Broken    []*Finding // promises that are broken, those that were told before included
	Unchecked int        // what could not be checked
}

// Round asks the server once for everything, and tells what it found. A lie is
// a [*Finding], and has been saved and told when it is returned.
func (m *Monitor) Round(ctx context.Context) (Round, error) {
	r := &round{Monitor: m, was: m.state.size, deep: m.conf.Deep > 0 && m.rounds%m.conf.Deep == 0}
	m.rounds++
	m.wire.forget()
	err := r.within(ctx)
	var f *Finding
	switch {
	case ctx.Err() != nil:
		return r.Round, ctx.Err()
	case errors.As(err, &f):
		m.save(f)
		m.tell(ctx, f.event("lie"))
		return r.Round, f
	case errors.Is(err, ErrUnanswered):
		m.tell(ctx, Event{Event: "unanswered", Text: err.Error()})
	case err != nil:
		return r.Round, err
	}
	if late := r.stalled(ctx); late != nil {
		return r.Round, late
	}
	if err == nil {
		m.tell(ctx, Event{Event: "round", Size: m.state.size, Grown: m.state.size - r.was, Kept: r.kept, Deep: r.deep})
	}
	return r.Round, err
}

func (m *Monitor) tell(ctx context.Context, e Event) {
	e.Time = m.conf.Now().UTC()
	m.conf.Tell(ctx, e)
}

// A round is one under way.
type round struct {
	*Monitor
	Round
	was  int64 // records before it
	kept int
	deep bool

	client *client.Client
	newest client.Checkpoint
}

func (r *round) unchecked(ctx context.Context, format string, args ...any) {
	r.Unchecked++
	r.tell(ctx, Event{Event: "unchecked", Text: fmt.Sprintf(format, args...)})
}

// broken saves and tells that a promise was broken.
func (r *round) broken(ctx context.Context, f *Finding, tell bool) {
	r.Broken = append(r.Broken, f)
	if tell {
		r.save(f)
		r.tell(ctx, f.event("broken-promise"))
	}
}

// within is run, but a server that takes for ever did not answer.
func (r *round) within(ctx context.Context) error {
	patience := time.Hour
	if r.deep {
		patience = 24 * time.Hour
	}
	patience = cmp.Or(r.conf.Patience, patience)
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := r.run(bounded)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w within %v", ErrUnanswered, patience)
	}
	return err
}

// run makes the checks. Its error is a lie, or that something was not answered.
func (r *round) run(ctx context.Context) error {
	for _, demand := range r.trust.Unsupported {
		r.unchecked(ctx, "the trust file asks for %s, which this monitor cannot check", demand)
	}
	// What is kept was there before the question, so the answer has to be newer.
	kept := r.readKept(ctx)
	var err error
	options := []client.Option{client.WithTrust(r.trust), client.WithMemory(r.state), client.WithHTTPClient(r.http), client.WithRetries(retries), client.WithAnnounced(r.announced)}
	if r.conf.Key != "" {
		options = append(options, client.WithKey(r.conf.Key))
	}
	r.client, err = client.Dial(ctx, r.conf.Server, options...)
	if err != nil {
		return r.judge(err, Genesis)
	}
	if r.newest, err = r.client.Checkpoint(ctx); err != nil {
		return r.judge(err, Answer)
	}
	if err := r.state.shown(r.newest.Size); err != nil {
		return err
	}
	if err := r.genesis(ctx); err != nil {
		return err
	}
	if err := r.clock(ctx); err != nil {
		return err
	}
	if err := r.witnesses(ctx); err != nil {
		return err
	}
	for _, k := range kept {
		if err := r.stands(ctx, k); err != nil {
			return err
		}
		r.kept++
	}
	if r.deep {
		return r.replay(ctx)
	}
	return nil
}

// follow goes on with the policy that the one of before has come to.
func (m *Monitor) follow(later *proof.Trust) {
	if later != m.trust {
		m.trust, m.conf.Trust = later, later.Bytes()
	}
}

// announced takes up the keys that the ledger announced, on disk first.
func (r *round) announced(ctx context.Context, e *proof.Evidence) error {
	if err := r.state.announced(e); err != nil {
		return err
	}
	r.follow(r.state.trust)
	r.tell(ctx, Event{Event: "keys", Text: "the ledger has a new checkpoint key, which a key of the trust file announced; " + filepath.Join(r.conf.State, keysFile) + " shows it"})
	return nil
}

// retries of a request: the next round is another try.
const retries = 2

// judge makes of an error of the client's what it is to a monitor. kind is that
// of a lie of which the checkpoints in it say no more.
func (r *round) judge(err error, kind string) error {
	var lie *client.LieError
	var p *client.Problem
	switch {
	case errors.As(err, &lie):
		return r.lie(lie, kind)
	case errors.Is(err, client.ErrURL), errors.Is(err, client.ErrKey):
		return &usageError{err}
	case errors.Is(err, client.ErrUnreachable), errors.As(err, &p):
		return fmt.Errorf("%w: %w", ErrUnanswered, err)
	}
	return err
}

// genesis keeps evidence of the first record under the newest checkpoint, which
// shows which ledger that is of, and takes its promise from it.
func (r *round) genesis(ctx context.Context) error {
	if r.state.evidenceOf(r.newest.Note) {
		return nil
	}
	e, err := r.client.Prove(ctx, 0, []string{})
	if err != nil {
		return r.judge(err, Genesis)
	}
	leaf, err := record.ParseLeaf(e.Records[0].Entry)
	if err != nil {
		return err // it was verified
	}
	seconds, _ := leaf.Entry.Open.Get("witnessIntervalSeconds")
	if seconds.Kind != canon.Int {
		r.unchecked(ctx, "the genesis record promises no interval")
	}
	return r.state.begins(e, r.newest.Note, seconds.Int)
}

// witnesses has the server show the newest checkpoint that a quorum cosigned,
// where the trust file asks for witnesses.
func (r *round) witnesses(ctx context.Context) error {
	if r.trust.Witnesses == nil {
		return nil
	}
	cp, at, err := r.client.Witnessed(ctx)
	switch {
	case errors.Is(err, client.ErrUnwitnessed):
		return nil // yet: the promise goes from the first contact
	case err != nil:
		return r.judge(err, Answer)
	}
	return r.state.cosigned(cp.Note, at)
}

// clockTolerance is what the clocks of a ledger and of its monitor may differ
// by.
const clockTolerance = 5 * time.Minute

// maxTimeless bounds how many leaves without a time are looked at in a round;
// the next goes on behind them.
const maxTimeless = 64

// clock holds the time of recording of the first new record against when the
// ledger was seen without it. As that never grows smaller along the log, which
// the audit checks, it speaks for all that came after it.
func (r *round) clock(ctx context.Context) error {
	s := r.state.New
	if s == nil {
		return nil
	}
	index := s.First
	for ; index < min(r.newest.Size, s.First+maxTimeless); index++ {
		e, err := r.client.Prove(ctx, index, []string{})
		if err != nil {
			return r.refused(err, index, Answer)
		}
		leaf, err := record.ParseLeaf(e.Records[0].Entry)
		if err != nil {
			return err
		}
		if leaf.Entry == nil {
			continue // an index-root has no time of its own
		}
		at, now := leaf.Entry.Recorded, r.conf.Now()
		f := &Finding{Kind: Clock, files: []file{{fmt.Sprintf("record-%d.evidence.json", index), e.Bytes()}}}
		switch {
		case at.Before(s.After.Add(-clockTolerance)):
			f.Text = fmt.Sprintf("record %d says that it was recorded at %s, and was not there yet at %s by this monitor's clock: it was dated back, or a clock is wrong",
				index, stamp(at), stamp(s.After))
		case at.After(now.Add(clockTolerance)):
			f.Text = fmt.Sprintf("record %d says that it was recorded at %s, and it is %s by this monitor's clock: it was dated ahead, or a clock is wrong",
				index, stamp(at), stamp(now))
		}
		if f.Text != "" {
			r.broken(ctx, f, true)
		}
		return r.state.clocked(r.state.size)
	}
	return r.state.clocked(index)
}

// refused is judge of a record below the newest checkpoint: a server that says
// that there is none contradicts what it signed.
func (r *round) refused(err error, index int64, kind string) error {
	var p *client.Problem
	if errors.As(err, &p) && (p.Status == http.StatusNotFound || p.Status == http.StatusGone) {
		f := &Finding{Kind: Gone, Text: fmt.Sprintf("the server says that it has no record %d, and signed that it has %d records: %v", index, r.newest.Size, err)}
		f.add(r.trust, r.newest.Note)
		return f
	}
	return r.judge(err, kind)
}

// stalled tells when the newest checkpoint is older than was promised. Nobody
// has to answer for that.
func (r *round) stalled(ctx context.Context) error {
	promise := time.Duration(r.state.Promise) * time.Second
	if r.state.Checkpoint == "" || promise == 0 {
		return nil
	}
	since, text := r.state.Seen, fmt.Sprintf("has had %d records since", r.state.size)
	if r.trust.Witnesses != nil {
		since, text = r.state.Began, "has shown none since"
		if r.state.Witnessed != nil {
			since, text = *r.state.Witnessed, "has shown none since that of"
		}
	}
	age := r.conf.Now().Sub(since)
	if age <= promise {
		return nil
	}
	f := &Finding{Kind: Stalled, Text: fmt.Sprintf("the ledger promises a witnessed checkpoint every %v, and %s %s, %v ago by this monitor's clock",
		promise, text, stamp(since), age.Round(time.Second))}
	f.add(r.trust, []byte(r.state.Checkpoint))
	r.broken(ctx, f, !r.state.Stalled)
	return r.state.stall()
}

// replay derives the whole log again.
func (r *round) replay(ctx context.Context) error {
	report, err := fsck.Live(ctx, r.client.Log(), fsck.Options{Trust: r.trust, Checkpoints: [][]byte{r.newest.Note}})
	var p *client.Problem
	switch {
	case errors.As(err, &p) && p.Status == http.StatusForbidden:
		r.deep = false
		r.unchecked(ctx, "the log was not derived again: %v", p)
		return nil
	case err != nil:
		return r.judge(err, Answer)
	}
	for _, text := range report.Submitters {
		r.unchecked(ctx, "%s", text)
	}
	if report.Verdict != proof.Invalid {
		return nil
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		return err
	}
	b, err := report.MarshalJSON()
	if err != nil {
		return err
	}
	f := &Finding{Kind: Audit, Text: fmt.Sprintf("the log was derived again, and is not what was signed: %d findings", int64(len(report.Findings))+report.More),
		files: []file{{"audit.txt", text.Bytes()}, {"audit.json", append(b, '\n')}}}
	if len(report.Findings) > 0 {
		first := report.Findings[0]
		f.Text += fmt.Sprintf(", the first of check %s: %s", first.Check, first.Text)
	}
	f.add(r.trust, r.newest.Note)
	return f
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
