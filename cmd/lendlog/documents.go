// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/ledger/record"
)

// documents yields the events of a file as they come. Of NDJSON each line is
// one, whatever stands in it: one that is malformed is for whoever checks it to
// refuse, and keeps no other out. A JSON array, or documents that go over
// several lines, cannot be read beyond what is malformed. Each is handed on
// byte for byte, so that whoever checks it sees what was written.
func documents(r io.Reader) iter.Seq2[access.Event, error] {
	return func(yield func(access.Event, error) bool) {
		l := lines{r: bufio.NewReaderSize(r, maxLine)}
		first, err := l.next()
		switch {
		case errors.Is(err, io.EOF):
			yield(access.Event{}, usagef("there is no event in the input"))
		case err != nil:
			yield(access.Event{}, err)
		case l.isEvent(first):
			l.events(first, yield)
		default:
			sequence(bytes.TrimLeft(first, whiteSpace), l.r, yield)
		}
	}
}

const (
	// maxLine leaves room for white space around an event.
	maxLine    = record.MaxEvent + 4096
	whiteSpace = " \t\r\n"
)

// lines cuts an input into lines.
type lines struct {
	r      *bufio.Reader
	number int64 // of the line that was read last
	long   bool  // its end was not read
}

// next returns the next line that is not blank, with its end, and of a long one
// the first maxLine bytes.
func (l *lines) next() ([]byte, error) {
	for {
		text, err := l.r.ReadSlice('\n')
		begins := !l.long
		l.long = errors.Is(err, bufio.ErrBufferFull)
		switch {
		case err != nil && !l.long && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("couldn't read the input: %w", err)
		case !begins:
			continue // the rest of a long line
		case len(text) == 0:
			return nil, io.EOF
		}
		l.number++
		if l.long || len(bytes.Trim(text, whiteSpace)) > 0 {
			return bytes.Clone(text), nil
		}
	}
}

// isEvent reports whether the first line of an input is an event, or was meant
// to be, and not the beginning of one that goes on below.
func (l *lines) isEvent(first []byte) bool {
	var doc json.RawMessage
	err := json.NewDecoder(bytes.NewReader(first)).Decode(&doc)
	return bytes.HasPrefix(bytes.TrimLeft(first, whiteSpace), []byte("{")) &&
		(l.long || !errors.Is(err, io.ErrUnexpectedEOF))
}

// events yields the lines of NDJSON.
func (l *lines) events(first []byte, yield func(access.Event, error) bool) {
	text, err := first, error(nil)
	for n := int64(1); err == nil; n++ {
		if !l.long { // a long line is too large as it is
			text = bytes.Trim(text, whiteSpace)
		}
		if !yield(access.Event{Number: n, Line: l.number, Document: text}, nil) {
			return
		}
		text, err = l.next()
	}
	if !errors.Is(err, io.EOF) {
		yield(access.Event{}, err)
	}
}

// sequence yields the items of a JSON array, or the documents that stand one
// after another. begin was read from r already, and has no white space in
// front.
func sequence(begin []byte, r io.Reader, yield func(access.Event, error) bool) {
	d := json.NewDecoder(io.MultiReader(bytes.NewReader(begin), r))
	list := bytes.HasPrefix(begin, []byte("["))
	if list {
		if _, err := d.Token(); err != nil {
			yield(access.Event{}, err)
			return
		}
	}
	for n := int64(1); ; n++ {
		if list && !d.More() {
			if err := endOfArray(d); err != nil {
				yield(access.Event{}, usagef("couldn't read what follows event %d: %w", n-1, err))
			}
			return
		}
		var doc json.RawMessage
		err := d.Decode(&doc)
		if !list && errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(access.Event{}, usagef("couldn't read event %d: %w", n, syntax(err)))
			return
		}
		if !yield(access.Event{Number: n, Document: doc}, nil) {
			return
		}
	}
}

func endOfArray(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return syntax(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the array is followed by other bytes")
	}
	return nil
}

// syntax keeps what a file holds out of the message: encoding/json quotes the
// character it stumbled over.
func syntax(err error) error {
	var se *json.SyntaxError
	switch {
	case errors.As(err, &se):
		return fmt.Errorf("it is not JSON from byte %d on; send one event, a JSON array of events, or NDJSON", se.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the input ends within it")
	}
	return err
}
