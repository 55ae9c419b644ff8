// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
)

// StreamOptions say what a stream asks for.
type StreamOptions struct {
	// Proofs asks for receipts with inclusion proofs. They cost the server and
	// the line; a receipt can be completed at any time by [Client.Complete].
	Proofs bool
	// Witnessed holds every outcome back until the receipt is upgraded, as by
	// [Client.Upgrade], but for no longer than this after it was answered. It
	// implies Proofs, and slows a long stream down to the pace at which the
	// ledger asks its witnesses: 4,096 outcomes are held back at most. 0 holds
	// nothing back, nor does a policy that names no witnesses.
	Witnessed time.Duration
}

// An Outcome is what became of an event of a stream.
type Outcome struct {
	Number int64  // of the event in the stream: 1, 2, 3 …
	Event  []byte // as it was given
	Result *Result
	// Refused says why the event is not in the ledger; Result is then nil. It
	// is [record.Violations] or a [*Problem].
	Refused error
	// Unwitnessed says why the receipt was not upgraded, where that was asked
	// for: [ErrUnwitnessed] when the time for it was over. The event is recorded
	// all the same, and the receipt can be upgraded later.
	Unwitnessed error
}

const (
	inFlight  = 4096    // events that wait for their answers, at most
	slowStart = 64      // of them on a good new connection; each answer makes room for one more
	maxAnswer = 2 << 20 // bytes of one: an entry, every byte escaped, and proofs
)

// Stream sends events one after another, many in flight, and yields what
// became of each, in their order. After a broken connection it sends again
// what was not answered; every event is recorded once all the same. Events are
// taken on another goroutine, ahead of their outcomes, and must not be changed
// before these.
//
// When an outcome is yielded, every digest in the entry of its receipt has been
// recomputed from the event. With Proofs it has also been verified that the
// entry stands at its index under the receipt's checkpoint, which was accepted,
// as by [Client.Submit]. Without Proofs the receipt has neither proof nor
// checkpoint, and its index is the server's word until [Client.Complete]
// returns nil for it.
//
// When Stream ends without an error, every event has had its outcome, and the
// server has signed a checkpoint that was accepted and covers all their
// indexes.
//
// The second value is an error that ended the stream: of ctx, [ErrUnreachable],
// a [*Problem] or a [*LieError]. What was not answered by then may be recorded
// or not; sending it again is right.
func (c *Client) Stream(ctx context.Context, events iter.Seq[[]byte], o StreamOptions) iter.Seq2[Outcome, error] {
	if o.Witnessed <= 0 || c.Trust().Witnesses == nil {
		return c.stream(ctx, events, o.Proofs || o.Witnessed > 0)
	}
	return func(yield func(Outcome, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		type answered struct {
			Outcome
			err error
			by  time.Time // until when it may be held back
		}
		held := make(chan answered, inFlight)
		go func() {
			defer close(held)
			for out, err := range c.stream(ctx, events, true) {
				select {
				case held <- answered{out, err, time.Now().Add(o.Witnessed)}:
				case <-ctx.Done():
					return
				}
			}
		}()
		defer func() {
			cancel()
			for range held { // until the stream has ended
			}
		}()
		for a := range held {
			if a.Result != nil {
				a.Unwitnessed = c.upgradeBy(ctx, a.by, a.Result.Receipt)
			}
			if !yield(a.Outcome, a.err) {
				return
			}
			var lie *LieError
			if errors.As(a.Unwitnessed, &lie) {
				yield(Outcome{}, lie)
				return
			}
		}
	}
}

// stream is Stream without waiting for witnesses.
func (c *Client) stream(ctx context.Context, events iter.Seq[[]byte], proofs bool) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s := &stream{c: c, proofs: proofs, input: make(chan *flight, 64), top: -1, start: slowStart, yield: yield}
		go s.take(ctx, events)
		if err := s.run(ctx); err != nil && !errors.Is(err, errEnough) {
			yield(Outcome{}, err)
		}
	}
}

// errEnough ends a stream whose reader wants no more.
var errEnough = errors.New("the reader of the stream wants no more")

// A stream is the state of one call of Stream. Connections come and go.
type stream struct {
	c      *Client
	proofs bool
	input  chan *flight // what was taken; closed at the end
	yield  func(Outcome, error) bool

	unanswered []*flight // to be sent again before anything new
	top        int64     // largest index answered
	start      int       // events sent on a new connection before any answer
}

// A flight is an event on its way.
type flight struct {
	number  int64
	event   []byte
	doc     canon.Value
	line    []byte
	refused error // found before it was sent
}

// take reads the events and makes them ready.
func (s *stream) take(ctx context.Context, events iter.Seq[[]byte]) {
	defer close(s.input)
	number := int64(0)
	for event := range events {
		number++
		f := &flight{number: number, event: event}
		if f.doc, f.refused = s.c.parse(event); f.refused == nil {
			f.line = append(f.doc.Bytes(), '\n')
		} else {
			// It keeps its place among the answers: the server refuses a null.
			f.line = []byte("null\n")
		}
		select {
		case s.input <- f:
		case <-ctx.Done():
			return
		}
	}
}

// run connects until everything is answered.
func (s *stream) run(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		answered, err := s.connect(ctx)
		var again *attemptError
		if !errors.As(err, &again) {
			return err
		}
		// A server ends a stream that says nothing for a long time. That is no
		// failure: another is opened once there is something to say.
		var p *Problem
		if errors.As(err, &p) && p.Status == http.StatusRequestTimeout && len(s.unanswered) == 0 {
			select {
			case f, ok := <-s.input:
				if ok {
					s.unanswered = append(s.unanswered, f)
				}
			case <-ctx.Done():
				return ctx.Err()
			}
			attempt = -1
			continue
		}
		// A connection that keeps breaking off must not be used up by what
		// was sent before.
		if answered {
			attempt, s.start = 0, min(2*s.start, slowStart)
		} else {
			s.start = max(1, s.start/2)
		}
		if err := s.c.pause(ctx, attempt, again); err != nil {
			return err
		}
	}
}

// connect sends and reads over one connection, until the end of the stream or
// of the connection. It reports whether anything was answered.
func (s *stream) connect(ctx context.Context) (answered bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	floor := s.c.Newest()
	body, w := io.Pipe()
	sent, room := make(chan *flight, inFlight), make(chan struct{}, inFlight)
	for range s.start {
		room <- struct{}{}
	}
	sender := make(chan unsent, 1)
	go func() { sender <- s.send(ctx, w, sent, room, s.unanswered) }()

	r := request{method: http.MethodPost, path: "/v1/records", contentType: typeStream, accept: typeStream}
	if s.proofs {
		r.path += "?receipt=full"
	}
	// A connection that dies before its answer begins is noticed by writing
	// only, and there may be nothing to write.
	silent := time.AfterFunc(s.c.stall, func() { w.CloseWithError(errSilent) })
	stop := context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
	defer stop()
	resp, err := s.c.send(ctx, r, body)
	silent.Stop()
	var waiting *flight
	if err == nil {
		answered, waiting, err = s.read(ctx, resp, sent, room, floor)
		resp.Body.Close()
	}
	cancel()
	rest := <-sender
	close(sent)

	var unanswered []*flight
	if waiting != nil {
		unanswered = append(unanswered, waiting)
	}
	for f := range sent {
		unanswered = append(unanswered, f)
	}
	s.unanswered = append(unanswered, rest.flights...)
	if err == nil {
		switch {
		case !rest.ended:
			err = &attemptError{err: errors.New("the stream was cut short")}
		case len(s.unanswered) > 0:
			err = lie(-1, "the stream ended with %d events unanswered", len(s.unanswered))
		}
	}
	return answered, err
}

// unsent is what a sender leaves.
type unsent struct {
	flights []*flight
	ended   bool // everything was sent
}

// send writes what has to be sent again, and then what comes. Whatever it
// writes goes to sent first.
func (s *stream) send(ctx context.Context, w *io.PipeWriter, sent chan<- *flight, room <-chan struct{}, again []*flight) unsent {
	b := bufio.NewWriterSize(w, 32<<10)
	for {
		var f *flight
		ok := true
		if len(again) > 0 {
			f, again = again[0], again[1:]
		} else {
			select {
			case f, ok = <-s.input:
			default:
				// Nothing waits: who reads the answers may want them first.
				if b.Flush() != nil {
					return unsent{}
				}
				select {
				case f, ok = <-s.input:
				case <-ctx.Done():
					return unsent{}
				}
			}
		}
		if !ok {
			// A stream whose context ends closes its input too.
			ended := ctx.Err() == nil && b.Flush() == nil && w.Close() == nil
			return unsent{ended: ended}
		}
		select {
		case <-room:
		default:
			if b.Flush() != nil {
				return unsent{flights: append([]*flight{f}, again...)}
			}
			select {
			case <-room:
			case <-ctx.Done():
				return unsent{flights: append([]*flight{f}, again...)}
			}
		}
		sent <- f
		if _, err := b.Write(f.line); err != nil {
			return unsent{flights: slices.Clone(again)}
		}
	}
}

// read reads answers and yields outcomes. It returns the event that it could
// not finish.
func (s *stream) read(ctx context.Context, resp *http.Response, sent <-chan *flight, room chan<- struct{}, floor Checkpoint) (answered bool, waiting *flight, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var w watch
	go w.run(ctx, s.c.stall, sent, resp.Body)
	lines := bufio.NewReaderSize(resp.Body, 64<<10)
	var line int64
	var counted [3]int64 // accepted, repeated, refused
	last := int64(-1)    // index of what was accepted last
	for {
		w.reading.Store(true)
		text, err := readLine(lines)
		w.reading.Store(false)
		switch {
		case errors.Is(err, errLongLine):
			return answered, nil, lie(-1, "a line of it has more than %d bytes", maxAnswer)
		case err != nil:
			if ctx.Err() != nil {
				return answered, nil, ctx.Err()
			}
			return answered, nil, &attemptError{err: fmt.Errorf("the stream broke off: %w", err)}
		}
		w.lines.Add(1)
		a, err := parseAnswer(text)
		if err != nil {
			return answered, nil, lie(-1, "line %d: %w", line+1, err)
		}
		if a.Summary {
			return answered, nil, s.summary(ctx, a, counted, floor)
		}
		select {
		case waiting = <-sent:
		default:
			return answered, nil, lie(-1, "it answers an event that was not sent")
		}
		if line++; a.Line != line {
			return answered, waiting, lie(-1, "answer %d is to event %d", line, a.Line)
		}
		out := Outcome{Number: waiting.number, Event: waiting.event}
		if a.Status == http.StatusCreated || a.Status == http.StatusOK {
			out.Result, err = s.result(ctx, waiting, a, floor)
			if err != nil {
				return answered, waiting, err
			}
			if out.Result.Repeated {
				counted[1]++
			} else {
				counted[0]++
				if a.Index <= last {
					return answered, waiting, lie(a.Index, "its event was sent after that of record %d", last)
				}
				last = a.Index
			}
			s.top = max(s.top, a.Index)
		} else {
			out.Refused, err = waiting.refusal(a)
			if err != nil {
				return answered, waiting, err
			}
			counted[2]++
		}
		answered = true
		room <- struct{}{}
		if line <= inFlight-slowStart {
			room <- struct{}{}
		}
		if !s.yield(out, nil) {
			return answered, nil, errEnough
		}
	}
}

var errSilent = errors.New("the server does not answer")

// A watch breaks off a connection on which answers are due and none comes.
type watch struct {
	reading atomic.Bool  // waiting for a line, not for who takes the outcomes
	lines   atomic.Int64 // that came
}

func (w *watch) run(ctx context.Context, stall time.Duration, sent <-chan *flight, conn io.Closer) {
	for before := int64(-1); sleep(ctx, stall) == nil; {
		now := w.lines.Load()
		if now == before && w.reading.Load() && len(sent) > 0 {
			conn.Close()
			return
		}
		before = now
	}
}

// result verifies what the server says to have accepted.
func (s *stream) result(ctx context.Context, f *flight, a *answer, floor Checkpoint) (*Result, error) {
	r, err := a.receipt()
	if err != nil {
		return nil, lie(a.Index, "its receipt cannot be read: %w", err)
	}
	if err := s.c.match(ctx, r, f.doc); err != nil {
		return nil, err
	}
	if !s.proofs {
		r.Proof, r.Checkpoint = nil, nil // what is not verified is not handed out
	} else {
		if _, err := s.c.included(ctx, r.Index, r.Entry, r.Proof, r.Checkpoint, floor); err != nil {
			return nil, err
		}
	}
	return &Result{Receipt: r, Repeated: a.Status == http.StatusOK}, nil
}

// refusal returns why an event is refused. One that may fare better later ends
// the connection, so that it and those behind it are sent again in their
// order.
func (f *flight) refusal(a *answer) (error, error) {
	p := a.Problem
	if p == nil || p.Status != a.Status || a.Status < 400 {
		return nil, lie(-1, "answer %d neither accepts nor refuses", a.Line)
	}
	if p.temporary() {
		return nil, &attemptError{err: p}
	}
	if f.refused != nil {
		return f.refused, nil
	}
	return p, nil
}

// summary verifies the last line.
func (s *stream) summary(ctx context.Context, a *answer, counted [3]int64, floor Checkpoint) error {
	if a.Problem != nil {
		return &attemptError{err: a.Problem}
	}
	if counted != [3]int64{a.Accepted, a.Repeated, a.Refused} {
		return lie(-1, "its summary counts %d accepted, %d repeated and %d refused events, its answers are %d, %d and %d",
			a.Accepted, a.Repeated, a.Refused, counted[0], counted[1], counted[2])
	}
	cp, err := s.c.accept(ctx, []byte(a.Checkpoint), floor)
	if err != nil {
		return err
	}
	if s.top >= cp.Size {
		return lie(s.top, "the checkpoint at the end covers %d records only", cp.Size).with(cp.Note)
	}
	return nil
}

var errLongLine = errors.New("the line is too long")

// readLine returns the next line, which must end in a newline: what does not
// was cut off. It holds until the next call.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err == nil {
		return line, nil
	}
	whole := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(whole) > maxAnswer {
			return nil, errLongLine
		}
		line, err = r.ReadSlice('\n')
		whole = append(whole, line...)
	}
	return whole, err
}
