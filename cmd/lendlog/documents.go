// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
)

// documents yields the events of a file as they come: of a JSON array, or of
// documents one after another, of which one event and NDJSON are cases. Each is
// handed on byte for byte, so that whoever checks it sees what was written.
func documents(r io.Reader) iter.Seq2[access.Event, error] {
	return func(yield func(access.Event, error) bool) {
		b := bufio.NewReaderSize(r, 64<<10)
		d := json.NewDecoder(b)
		list, err := isArray(b)
		if err == nil && list {
			_, err = d.Token()
		}
		if errors.Is(err, io.EOF) {
			yield(access.Event{}, usagef("there is no event in the input"))
			return
		}
		if err != nil {
			yield(access.Event{}, err)
			return
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
}

// isArray looks at the first byte that is not white space.
func isArray(b *bufio.Reader) (bool, error) {
	for {
		c, err := b.ReadByte()
		if err != nil {
			return false, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c == '[', b.UnreadByte()
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
