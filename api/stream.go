// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/record"
)

const (
	// inFlight and inFlightBytes bound what one stream or batch has in the
	// server: beyond them it is read no further, so that a client that sends
	// faster than the ledger commits, or that does not take its answers, waits
	// instead of filling the memory.
	inFlight      = 4096
	inFlightBytes = 16 << 20

	// A value takes so much more in memory than its bytes.
	valueBytes = 96

	// maxLine leaves room for white space around an event.
	maxLine = record.MaxEvent + 4096
)

// A line is one event as it came, or why it could not be read.
type line struct {
	number int64 // 1, 2, 3 …
	text   []byte
	err    error
}

// An outcome is what became of a line.
type outcome struct {
	number int64
	result *ledger.Result
	err    error
}

// flight is a line on its way.
type flight struct {
	number, weight int64
	event          *record.Event
	pending        *ledger.Pending
	begun          time.Time
	err            error
}

// pipe takes lines from next until its error, has them parsed, sealed and
// queued in their order for whom the call is of, and calls answer with what became of each, in the
// same order. It is a pipeline of three: one goroutine reads and parses, one
// seals and queues, and the caller's waits for the commits and answers. So the
// events of one stream are recorded in the order in which they were sent,
// whatever they are about, and many of them share a commit.
//
// answer is told whether another line is on its way behind this one. When it
// fails pipe ends with its error as soon as next returns; lines that are queued
// by then are recorded all the same. An error of next other than io.EOF is
// returned after all answers.
func (s *Server) pipe(ctx context.Context, c *call, next func() (line, error), answer func(o outcome, more bool) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var (
		parsed  = make(chan flight, 256)
		flying  = make(chan flight, inFlight)
		budget  = semaphore.NewWeighted(inFlightBytes)
		working sync.WaitGroup
		readErr error
		sealErr error
	)
	defer working.Wait()
	defer cancel()
	working.Go(func() {
		defer close(parsed)
		defer s.rescue(ctx, &readErr)
		readErr = s.parseLines(ctx, c, next, budget, parsed)
	})
	working.Go(func() {
		defer close(flying)
		defer s.rescue(ctx, &sealErr)
		for f := range parsed {
			if f.err == nil {
				f.begun = time.Now()
				f.pending, f.err = s.ledger.Enqueue(ctx, f.event, c.owner())
				f.event = nil
			}
			select {
			case flying <- f:
			case <-ctx.Done():
			}
		}
	})
	for f := range flying {
		o := s.land(ctx, f)
		if err := ctx.Err(); err != nil {
			return err
		}
		err := answer(o, len(flying) > 0)
		budget.Release(f.weight)
		if err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if sealErr != nil {
		return sealErr
	}
	// flying was closed after parsed, and that after readErr was set.
	return readErr
}

// parseLines is the first third of pipe.
func (s *Server) parseLines(ctx context.Context, c *call, next func() (line, error), budget *semaphore.Weighted, parsed chan<- flight) error {
	for {
		l, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f := flight{number: l.number, weight: min(weigh(l.text), inFlightBytes), err: l.err}
		if err := budget.Acquire(ctx, f.weight); err != nil {
			return err
		}
		switch {
		case f.err != nil:
		case len(l.text) > record.MaxEvent:
			f.err = tooLarge(record.MaxEvent)
		default:
			if f.event, f.err = record.ParseEvent(l.text, s.ledger.Catalogue()); f.err == nil {
				f.err = c.covers(f.event)
			}
		}
		select {
		case parsed <- f:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// weigh returns about what a line takes in memory, and parsed: much more than
// its bytes where it has many values.
func weigh(text []byte) int64 {
	values := 0
	for _, mark := range []string{",", "[", "{"} {
		values += bytes.Count(text, []byte(mark))
	}
	return int64(1024 + len(text) + valueBytes*values)
}

// land waits for the commit of a line.
func (s *Server) land(ctx context.Context, f flight) outcome {
	o := outcome{number: f.number, err: f.err}
	if o.err == nil {
		if o.result, o.err = f.pending.Wait(ctx); o.err == nil {
			s.metrics.appends.Observe(time.Since(f.begun).Seconds())
		}
	}
	s.metrics.count(o.result, o.err)
	return o
}

// submitStream takes events line by line for as long as the client sends, and
// answers each with a line after its commit, at last with a summary.
func (s *Server) submitStream(c *call, full bool) error {
	control := http.NewResponseController(c.Writer)
	// Without it HTTP/1 reads the whole body before the first answer.
	if err := control.EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = control.SetWriteDeadline(time.Time{}) // see patientWriter; next bounds the reading
	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()
	// Ending the reading, see stop, makes net/http end the context of the
	// whole connection when the body was read to its end already. So a stream
	// does not go by that context, nor may another request follow on the
	// connection. A client that goes away shows in reading and in writing.
	ctx := context.WithoutCancel(c.ctx())
	c.sendContinue() // with the headers so far
	c.Header("Connection", "close")
	w := newAnswers(ctx, c, s, full)
	w.end = "\n"
	w.begin(typeStream)
	if err := w.flush(); err != nil {
		return err
	}

	// stop ends reading, from wherever it is called.
	var reading sync.Mutex // guards stopped, and the deadline that goes with it
	var stopped error
	stop := func(why error) {
		reading.Lock()
		defer reading.Unlock()
		if stopped == nil {
			stopped = why
			_ = control.SetReadDeadline(time.Unix(1, 0))
		}
	}
	lines := newLines(c.Request.Body)
	next := func() (line, error) {
		reading.Lock()
		if stopped == nil {
			_ = control.SetReadDeadline(time.Now().Add(s.limits.line))
		}
		reading.Unlock()
		l, err := lines.next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			stop(errSlow) // unless that was done by a stop
		}
		return l, err
	}
	good, release := c.good()
	defer release()
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-s.stopping:
			stop(errStopping)
		case <-good.Done():
			stop(errExpelled)
		case <-ended:
		}
	})
	err := s.pipe(ctx, c, next, func(o outcome, more bool) error {
		if errors.Is(o.err, ledger.ErrStopped) {
			stop(o.err) // every line behind it would fare alike
		}
		err := w.answer(o)
		if err == nil && !more {
			// Whoever waits for this answer before sending on gets it now.
			err = w.flush()
		}
		if err != nil {
			stop(err)
		}
		return err
	})
	close(ended)
	watching.Wait()
	if w.err != nil {
		return w.err
	}
	if stopped != nil {
		err = stopped
	} else if err != nil {
		// What is left of the body cannot be believed to be all of it.
		return err
	}
	w.summary(s.ledger.Head().Note, err)
	if stopped != nil {
		lingerAtEnd(ctx) // the client may be sending still
	}
	return w.flush()
}

// sendContinue asks for the body where the client waits for that. net/http
// does so only when the body is read before the answer begins, and gin keeps
// such a status to itself.
func (c *call) sendContinue() {
	if w, ok := c.Writer.(interface{ Unwrap() http.ResponseWriter }); ok && strings.EqualFold(c.GetHeader("Expect"), "100-continue") {
		w.Unwrap().WriteHeader(http.StatusContinue)
	}
}

// lines cuts a body into lines.
type lines struct {
	r      *bufio.Reader
	number int64
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxLine)} }

// next returns the next line that is not empty. Its text holds until the
// next call. io.EOF means that the body came to its end.
func (l *lines) next() (line, error) {
	for {
		text, err := l.r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = l.r.ReadSlice('\n')
			}
			if err == nil || errors.Is(err, io.EOF) {
				l.number++
				return line{number: l.number, err: tooLarge(record.MaxEvent)}, nil
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return line{}, gone(err)
		}
		if len(text) == 0 {
			return line{}, io.EOF
		}
		l.number++
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return line{number: l.number, text: text}, nil
		}
	}
}
