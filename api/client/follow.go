// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// FollowOptions say what a follower asks for.
type FollowOptions struct {
	// Entries asks for the entries alone: [Record.Schema], [Record.Event] and
	// [Record.Sealed] stay empty. It shows no personal value, and costs less.
	Entries bool
}

// Follow yields all records from index from on, in their order and without a
// gap, and goes on with each as soon as it is published, until ctx ends or the
// caller has enough. A negative from begins with what is recorded from now on.
// It goes on by itself after a connection broke or the server was started
// again.
//
// Every record is verified as by [Client.Record], under a checkpoint that was
// accepted: what is followed continues what the client has seen before. Of a
// restricted record only the entry is shown, as with Entries.
//
// The second value is the error that ended it: of ctx, [ErrUnreachable], a
// [*Problem] or a [*LieError].
func (c *Client) Follow(ctx context.Context, from int64, o FollowOptions) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		f := &follower{c: c, next: from, entries: o.Entries, yield: yield}
		if err := f.run(ctx); err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// A follower is the state of one call of Follow. Connections come and go.
type follower struct {
	c       *Client
	next    int64 // index of the next record; negative while any may be
	entries bool
	yield   func(*Record, error) bool
}

// run connects again and again.
func (f *follower) run(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		lived, err := f.connect(ctx)
		var again *attemptError
		if !errors.As(err, &again) {
			return f.beyond(ctx, err)
		}
		if lived {
			attempt = 0
		}
		if err := f.c.pause(ctx, attempt, again); err != nil {
			return err
		}
	}
}

// beyond looks closer at a server that does not have what comes next: if it had
// it once, the ledger was rolled back.
func (f *follower) beyond(ctx context.Context, err error) error {
	var p *Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		if _, err := f.c.Checkpoint(ctx); err != nil {
			return err
		}
	}
	return err
}

// connect follows over one connection until its end. It reports whether that
// was of use: records came, or it was held for a while.
func (f *follower) connect(ctx context.Context) (lived bool, err error) {
	conn, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(f.c.stall, func() { cancel(errSilent) })
	defer silent.Stop()
	defer func() {
		if err != nil && ctx.Err() == nil && errors.Is(context.Cause(conn), errSilent) {
			err = &attemptError{err: errSilent}
		}
	}()

	view := "record"
	if f.entries {
		view = "entry"
	}
	path := "/v1/events?view=" + view
	if f.next >= 0 {
		path += fmt.Sprintf("&from=%d", f.next)
	}
	floor := f.c.Newest()
	resp, err := f.c.send(conn, request{method: http.MethodGet, path: path, accept: typeEvents}, http.NoBody)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	m := newMessages(resp.Body)
	var under *Checkpoint // the last one that came
	for {
		silent.Reset(f.c.stall)
		e, err := m.next()
		silent.Stop()
		switch {
		case errors.Is(err, errLongLine):
			return lived, lie(-1, "an event of it has more than %d bytes", maxAnswer)
		case err != nil && ctx.Err() != nil:
			return lived, ctx.Err()
		case err != nil:
			return lived, &attemptError{err: fmt.Errorf("what is followed broke off: %w", err)}
		}
		switch e.name {
		case "": // a comment
			lived = true
		case "checkpoint":
			if floor, err = f.checkpoint(ctx, e.data, floor); err != nil {
				return lived, err
			}
			if f.next < 0 {
				f.next = floor.Size
			}
			cp := floor
			under = &cp
		case "record":
			r, err := f.record(ctx, e.data, under)
			if err != nil {
				return lived, err
			}
			lived = true
			f.next++
			if !f.yield(r, nil) {
				return lived, errEnough
			}
		case "problem":
			p := &Problem{}
			if json.Unmarshal(e.data, p) != nil {
				return lived, lie(-1, "the problem that ends it cannot be read")
			}
			return lived, &attemptError{err: p}
		}
	}
}

// checkpoint accepts a checkpoint that was sent with the proof that it
// continues the one before.
func (f *follower) checkpoint(ctx context.Context, data []byte, floor Checkpoint) (Checkpoint, error) {
	var d struct {
		Checkpoint string `json:"checkpoint"`
		From       int64  `json:"from"`
		Proof      hashes `json:"proof"`
	}
	if json.Unmarshal(data, &d) != nil {
		return Checkpoint{}, lie(-1, "a checkpoint cannot be read")
	}
	return f.c.acceptBy(ctx, []byte(d.Checkpoint), floor, func(ctx context.Context, older, newer Checkpoint) ([]tree.Hash, error) {
		if older.Size == d.From && tree.VerifyConsistency(d.Proof, older.Size, newer.Size, older.Root, newer.Root) == nil {
			return d.Proof, nil
		}
		return f.c.Consistency(ctx, older, newer) // from another one, or not shown to be
	})
}

// record verifies the record that comes next, under the checkpoint before it.
func (f *follower) record(ctx context.Context, data []byte, under *Checkpoint) (*Record, error) {
	d := &recordDoc{}
	switch err := json.Unmarshal(data, d); {
	case err != nil:
		return nil, lie(f.next, "it cannot be read")
	case under == nil:
		return nil, lie(d.Index, "it came before any checkpoint")
	case d.Index != f.next:
		return nil, lie(d.Index, "it came where record %d should have come", f.next)
	}
	r := &Record{Index: d.Index, Entry: []byte(d.Entry), Proof: d.Proof, Checkpoint: *under}
	if err := stands(r.Index, r.Entry, r.Proof, *under); err != nil {
		return nil, err
	}
	var err error
	if r.Leaf, err = record.ParseLeaf(r.Entry); err != nil {
		return nil, lie(d.Index, "%w", err)
	}
	if e := r.Leaf.Entry; f.entries || e != nil && e.Type == record.TypeRestricted {
		return r, nil
	}
	if err := f.c.show(ctx, r, d); err != nil {
		return nil, err
	}
	return r, nil
}

const typeEvents = "text/event-stream"

// A message is an event of a text/event-stream.
type message struct {
	name string // "" of a comment
	data []byte
}

// messages reads server-sent events, as much of them as a ledger's server
// sends: lines end in LF or CRLF, and ids are not looked at, because what is
// verified says which record it is.
type messages struct{ r *bufio.Reader }

func newMessages(r io.Reader) *messages { return &messages{bufio.NewReaderSize(r, 64<<10)} }

// next returns the next event, or a comment. What was cut off is not returned.
func (m *messages) next() (e message, err error) {
	for {
		line, err := readLine(m.r)
		if err != nil {
			return message{}, err
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) == 0 {
			if e.data != nil {
				if e.name == "" {
					e.name = "message" // as the format says
				}
				return e, nil
			}
			e = message{}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "":
			if e.name == "" && e.data == nil {
				return e, nil
			}
		case "event":
			e.name = string(value)
		case "data":
			if e.data != nil {
				e.data = append(e.data, '\n')
			}
			if e.data = append(e.data, value...); e.data == nil {
				e.data = []byte{}
			}
			if len(e.data) > maxAnswer {
				return message{}, errLongLine
			}
		}
	}
}
