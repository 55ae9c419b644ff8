// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// The media types of a submission.
const (
	typeEvent  = "application/cloudevents+json"
	typeBatch  = "application/cloudevents-batch+json"
	typeStream = "application/x-ndjson"
	typeJSON   = "application/json"
)

// submissions lists them for whoever sent something else.
var submissions = []string{typeEvent, typeJSON + " (with ce- headers)", typeBatch, typeStream}

const (
	maxBatch       = 16 << 20 // bytes
	maxBatchEvents = 1 << 16
)

// submit takes events: POST /v1/records.
func (s *Server) submit(c *call) error {
	if s.isStopping() {
		return errStopping
	}
	full := false
	if v, ok := c.GetQuery("receipt"); ok {
		if full = v == "full"; !full {
			return badRequest("the query parameter receipt is full, or absent")
		}
	}
	media, err := c.media(submissions...)
	if err != nil {
		return err
	}
	switch {
	case media == typeEvent:
		return s.submitStructured(c)
	case media == typeBatch:
		return s.gates.bulk.through(func(c *call) error { return s.submitBatch(c, full) })(c)
	case media == typeStream:
		return s.gates.streams.through(func(c *call) error { return s.submitStream(c, full) })(c)
	case media == typeJSON && !isBinary(c.Request.Header):
		return unsupported("JSON without ce- headers is no CloudEvent", submissions...)
	case media == typeJSON || media == "" && isBinary(c.Request.Header):
		return s.submitBinary(c)
	}
	return unsupported("this Content-Type is not known here", submissions...)
}

func (s *Server) submitStructured(c *call) error {
	body, err := c.body(record.MaxEvent)
	if err != nil {
		return err
	}
	return s.submitOne(c, func() (*record.Event, error) { return record.ParseEvent(body, s.ledger.Catalogue()) })
}

func (s *Server) submitBinary(c *call) error {
	body, err := c.body(record.MaxEvent)
	if err != nil {
		return err
	}
	if len(body) > 0 && c.GetHeader("Content-Type") == "" {
		return unsupported("the body has no Content-Type", submissions...)
	}
	return s.submitOne(c, func() (*record.Event, error) {
		doc, err := binaryEvent(c.Request.Header, body)
		if err != nil {
			return nil, err
		}
		return record.NewEvent(doc, s.ledger.Catalogue())
	})
}

// submitOne reads one event, appends it, and answers with the whole receipt.
// It takes its turn only now that the body is there, so that slow clients keep
// nobody waiting.
func (s *Server) submitOne(c *call, read func() (*record.Event, error)) error {
	leave, err := s.gates.events.enter(c.ctx())
	if err != nil {
		return err
	}
	defer leave()
	begun := time.Now()
	var result *ledger.Result
	ev, err := read()
	if err == nil {
		err = c.covers(ev)
	}
	if err == nil {
		if result, err = s.ledger.Append(c.ctx(), ev, c.owner()); err == nil {
			s.metrics.appends.Observe(time.Since(begun).Seconds())
		}
	}
	s.metrics.count(result, err)
	if err != nil {
		return err
	}
	if err := s.ledger.AddProof(c.ctx(), result.Receipt); err != nil {
		return err
	}
	status := http.StatusCreated
	if result.Repeated {
		status = http.StatusOK
	}
	s.locateRecord(c, result.Receipt.Index)
	c.bytes(status, typeJSON, result.Receipt.Bytes())
	return nil
}

// submitBatch appends an array of events, each for itself, and answers with
// an array of what became of each.
func (s *Server) submitBatch(c *call, full bool) error {
	body, err := c.body(maxBatch)
	if err != nil {
		return err
	}
	events, err := splitBatch(body)
	if err != nil {
		return err
	}
	n := 0
	next := func() (line, error) {
		if n == len(events) {
			return line{}, io.EOF
		}
		n++
		return line{number: int64(n), text: events[n-1]}, nil
	}
	w := newAnswers(c.ctx(), c, s, full)
	w.begin(typeJSON)
	w.text("[")
	err = s.pipe(c.ctx(), c, next, func(o outcome, _ bool) error {
		if o.number > 1 {
			w.text(",\n")
		}
		return w.answer(o)
	})
	w.text("]\n")
	return errors.Join(err, w.flush())
}

// splitBatch cuts a JSON array into its elements, so that one event that
// cannot be read does not take the others with it.
func splitBatch(body []byte) ([]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	unreadable := func() error {
		return faultf(kindUnreadable, "the batch is not a JSON array; what is wrong is near byte %d", d.InputOffset())
	}
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, unreadable()
	}
	events := make([]json.RawMessage, 0, 64)
	for d.More() {
		if len(events) == maxBatchEvents {
			return nil, faultf(kindTooLarge, "a batch has at most %d events; send a stream instead", maxBatchEvents)
		}
		var e json.RawMessage
		if err := d.Decode(&e); err != nil {
			return nil, unreadable()
		}
		events = append(events, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, unreadable()
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, unreadable()
	}
	return events, nil
}

// syntax turns what canon refused into violations of a document in which the
// parsed part lies at a pointer.
func syntax(at string, err error) error {
	var se *canon.SyntaxError
	if !errors.As(err, &se) {
		return err
	}
	return record.Violations{{
		Pointer: at + se.Pointer, Code: record.CodeSyntax,
		Message: fmt.Sprintf("%s (byte %d)", se.Reason, se.Offset),
	}}
}
