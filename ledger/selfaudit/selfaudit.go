// SPDX-License-Identifier: Apache-2.0

// Package selfaudit has a running ledger audited beside its work, now and then:
// all of its records against the signed root, its tiles, chains, map, clock and
// periods, as [fsck.Live] does it for somebody outside. Rot in records that nobody
// reads shows only so.
//
// It is slow on purpose: after each part it rests four times as long as that part
// took, so that it takes at most a fifth of one processor, and of all ledgers of a
// process one is audited at a time. It holds what [fsck.Live] does: some 16 bytes
// for each record, and the map of all subjects. What came out is recorded in the
// ledger, so that it outlives the process.
//
// What is sealed, the keys and the mirror it does not look at: that takes
// `lendlog audit --deep` on a ledger that no server holds. And who has all keys can
// have the server say anything: an auditor audits again.
package selfaudit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Config says what to audit, and how often.
type Config struct {
	Ledger *ledger.Ledger // required; whoever runs the auditor runs it
	Logger *slog.Logger   // nil discards
	// Every is the time from one audit to the next; 0 is a day.
	Every time.Duration
	// After is how long the ledger is left alone after a start; 0 is a minute.
	After time.Duration
	// Newest returns the newest checkpoint that was cosigned, which the ledger has to
	// continue; nil or an empty one for none.
	Newest func() []byte
}

// A Status is what is known of audits.
type Status struct {
	Every   time.Duration
	Running bool
	Done    int64 // records that the one under way has read
	// Last is the newest that came to an end, by the server or, where the ledger has a
	// record of it, by the operator; nil for none.
	Last *ledger.Audited
	// Trouble is why the last attempt came to no end; "" where it did.
	Trouble string
}

// Failed reports whether the last audit found something.
func (s Status) Failed() bool { return s.Last != nil && s.Last.Verdict == invalid }

// Overdue reports whether there was no audit for so long that one must have failed
// to come to an end.
func (s Status) Overdue(now time.Time) bool {
	return s.Last != nil && !s.Running && now.Sub(s.Last.At) > 2*s.Every
}

// The verdicts, as the ledger records them.
const (
	valid      = "valid"
	invalid    = "invalid"
	incomplete = "incomplete"
)

var verdicts = map[proof.Verdict]string{proof.Valid: valid, proof.Invalid: invalid, proof.Incomplete: incomplete}

// retry is the time to the next attempt after one that came to no end.
const retry = 10 * time.Minute

// An Auditor audits one ledger. Its methods may be called concurrently.
type Auditor struct {
	conf Config

	mu     sync.Mutex // guards all below
	status Status
	note   []byte // of the last audit that was valid: the next has to continue it
}

// New returns an auditor that is not running yet.
func New(conf Config) (*Auditor, error) {
	if conf.Ledger == nil || conf.Every < 0 || conf.After < 0 {
		return nil, errors.New("couldn't make an auditor: it needs a ledger, and times that are not negative")
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.Every == 0 {
		conf.Every = 24 * time.Hour
	}
	if conf.After == 0 {
		conf.After = time.Minute
	}
	return &Auditor{conf: conf, status: Status{Every: conf.Every}}, nil
}

// Status returns what is known now.
func (a *Auditor) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

func (a *Auditor) set(change func(*Status)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.status)
}

// Run audits until ctx ends. That an audit fails ends nothing: it is told.
func (a *Auditor) Run(ctx context.Context) error {
	last, ok, err := a.conf.Ledger.LastAudit(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		a.conf.Logger.ErrorContext(ctx, "the record of the last audit can't be read", slog.Any("error", err))
	case ok:
		a.set(func(s *Status) { s.Last = &last })
	}
	wait := a.conf.After
	if ok {
		wait = max(wait, time.Until(last.At.Add(a.conf.Every)))
	}
	for sleep(ctx, wait) {
		wait = a.conf.Every
		if err := a.Audit(ctx); err != nil && ctx.Err() == nil {
			wait = min(retry, wait)
			a.conf.Logger.ErrorContext(ctx, "the ledger's own audit came to no end; it is tried again", slog.Any("error", err))
		}
	}
	return nil
}

// turn is held by the audit under way: there is one at a time in a process.
var turn = make(chan struct{}, 1)

// Audit audits once, slowly, and has the ledger record what came out. An error means
// that the audit came to no end; what is wrong with the ledger is in the status.
func (a *Auditor) Audit(ctx context.Context) (err error) {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	a.set(func(s *Status) { s.Running, s.Done = true, 0 })
	defer func() {
		a.set(func(s *Status) {
			s.Running, s.Trouble = false, ""
			if err != nil {
				s.Trouble = err.Error()
			}
		})
	}()
	began := time.Now()
	out, note, findings, err := a.look(ctx)
	if err != nil {
		return err
	}
	a.tell(ctx, out, findings, time.Since(began))
	out.At = time.Now().UTC()
	a.set(func(s *Status) { s.Last = &out })
	if out.Verdict == valid {
		a.mu.Lock()
		a.note = note
		a.mu.Unlock()
	}
	// A ledger that takes nothing keeps no record, and the audit counts all the same.
	index, err := a.conf.Ledger.RecordAudit(ctx, out)
	if err != nil {
		a.conf.Logger.WarnContext(ctx, "the ledger keeps no record of its audit", slog.Any("error", err))
		return nil
	}
	kept := out // the one before is read already
	kept.Index = index
	a.set(func(s *Status) { s.Last = &kept })
	return nil
}

// look audits, and returns what came out under which checkpoint.
func (a *Auditor) look(ctx context.Context) (out ledger.Audited, note []byte, findings []fsck.Finding, err error) {
	head := a.conf.Ledger.Head()
	log := &restful{Ledger: a.conf.Ledger, note: head.Note, read: func(n int64) { a.set(func(s *Status) { s.Done = n }) }}
	o := fsck.Options{Trust: a.conf.Ledger.Trust(), Checkpoints: a.outside(), Workers: 1}
	out = ledger.Audited{Size: head.Size, By: ledger.AuditedByServer}
	report, err := fsck.Live(ctx, log, o)
	switch {
	case err == nil:
	case errors.Is(err, ledger.ErrDamaged):
		// The engine itself refuses to read on.
		out.Verdict, out.Failed, out.Findings = invalid, []string{fsck.Entries}, 1
		return out, nil, []fsck.Finding{{Check: fsck.Entries, Record: -1, Text: err.Error()}}, nil
	default:
		return out, nil, nil, fmt.Errorf("couldn't audit the ledger: %w", err)
	}
	out = Of(report, ledger.AuditedByServer)
	out.Size = head.Size // also where nobody known signed it
	return out, head.Note, report.Findings, nil
}

// Of is what a ledger records of an audit, by whoever made it.
func Of(report *fsck.Report, by string) ledger.Audited {
	out := ledger.Audited{Size: report.Size, By: by, Deep: report.Deep, Verdict: verdicts[report.Verdict], Findings: int64(len(report.Findings)) + report.More}
	for _, c := range report.Checks {
		if c.Result == proof.Fail {
			out.Failed = append(out.Failed, c.Name)
		}
	}
	return out
}

// outside are the checkpoints that the ledger has to continue.
func (a *Auditor) outside() (notes [][]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.note != nil {
		notes = append(notes, a.note)
	}
	if a.conf.Newest != nil {
		if note := a.conf.Newest(); len(note) > 0 {
			notes = append(notes, note)
		}
	}
	return notes
}

// most is how many findings are logged; the report of an audit by hand has all.
const most = 10

// tell logs what came out.
func (a *Auditor) tell(ctx context.Context, out ledger.Audited, findings []fsck.Finding, took time.Duration) {
	log := a.conf.Logger.With(slog.Int64("size", out.Size), slog.Duration("took", took.Round(time.Millisecond)))
	switch out.Verdict {
	case valid:
		log.InfoContext(ctx, "the ledger's own audit found nothing wrong")
		return
	case incomplete:
		log.WarnContext(ctx, "the ledger's own audit found nothing wrong, and could not make all checks")
		return
	}
	log.ErrorContext(ctx, "THE LEDGER'S OWN AUDIT FAILED: keep a copy of everything as it is, stop the server, and run lendlog audit --deep", slog.Int64("findings", out.Findings))
	for _, f := range findings[:min(most, len(findings))] {
		log.ErrorContext(ctx, "a check of the ledger's own audit failed", slog.String("check", f.Check), slog.Int64("record", f.Record), slog.String("why", f.Text))
	}
}

// Metrics are what /metrics shows of audits.
func (a *Auditor) Metrics() []prometheus.Collector {
	gauge := func(name, help string, read func(Status) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lendlog_audit_" + name, Help: help}, func() float64 { return read(a.Status()) })
	}
	last := func(read func(*ledger.Audited) float64) func(Status) float64 {
		return func(s Status) float64 {
			if s.Last == nil {
				return 0
			}
			return read(s.Last)
		}
	}
	return []prometheus.Collector{
		gauge("failed", "1 while the last audit of the ledger found something wrong.", func(s Status) float64 {
			if s.Failed() {
				return 1
			}
			return 0
		}),
		gauge("findings", "Things that the last audit of the ledger found to be wrong.", last(func(l *ledger.Audited) float64 { return float64(l.Findings) })),
		gauge("last_timestamp_seconds", "When the last audit of the ledger ended; 0 for none.", last(func(l *ledger.Audited) float64 { return float64(l.At.UnixMilli()) / 1000 })),
		gauge("records", "Records that the last audit of the ledger covered.", last(func(l *ledger.Audited) float64 { return float64(l.Size) })),
	}
}

// restful is the log of a ledger, read with rests.
type restful struct {
	*ledger.Ledger
	note  []byte
	read  func(records int64)
	began time.Time // of what was done since the last rest; zero before the first
}

const (
	idle     = 4 // times as long as it works
	restMost = 5 * time.Second
)

// Checkpoint implements [fsck.Log]: the ledger grows on while it is audited.
func (r *restful) Checkpoint(context.Context) ([]byte, error) { return r.note, nil }

// EntryBundle implements [fsck.Log].
func (r *restful) EntryBundle(ctx context.Context, n int64, width int) ([]byte, error) {
	if !r.began.IsZero() && !sleep(ctx, min(idle*time.Since(r.began), restMost)) {
		return nil, ctx.Err()
	}
	r.began = time.Now()
	b, err := r.Ledger.EntryBundle(ctx, n, width)
	r.read(n*tree.Width + int64(width))
	return b, err
}

// sleep returns false where ctx ended before the time was over.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
