// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// A Bundling says what a bundle is to be of. Of Sample and Filter at most one
// is set; with neither it is of a period.
type Bundling struct {
	// From and To are the period, From ≤ recorded < To, to the millisecond; zero
	// for where the log begins or ends.
	From, To time.Time
	// Sample asks for records that a seed draws; an End of 0 is that of the
	// checkpoint.
	Sample *proof.Sample
	// Filter asks for what a search finds; see docs/integrate.md.
	Filter string
	// Checkpoint is one that was kept; nil for the newest.
	Checkpoint []byte
	// Pointers are those of the sealed members to disclose: none for an empty
	// list, all for nil.
	Pointers []string
}

// WriteBundle writes evidence of many records to w while it is fetched and
// verified, in bounded memory. What was written is good only when there is no
// error: it was verified under the policy, its verdict is not INVALID, it is of
// the period, the sample or the filter that was asked for, and discloses no more.
// Which records a filter finds is the server's word.
func (c *Client) WriteBundle(ctx context.Context, w io.Writer, b Bundling) error {
	body, err := b.body()
	if err != nil {
		return err
	}
	var floor Checkpoint // one that was kept may lie behind what was seen since
	if b.Checkpoint == nil {
		floor = c.Newest()
	}
	r := request{method: http.MethodPost, path: "/v1/bundles", contentType: typeJSON, accept: typeStream}
	// Once it began to be written it cannot be asked for again.
	for attempt := 0; ; attempt++ {
		resp, err := c.send(ctx, r, bytes.NewReader(body))
		var again *attemptError
		if errors.As(err, &again) {
			if err := c.pause(ctx, attempt, again); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return c.takeBundle(ctx, resp.Body, w, b, floor)
	}
}

func (c *Client) takeBundle(ctx context.Context, from io.Reader, w io.Writer, b Bundling, floor Checkpoint) error {
	var note []byte
	var end int64 // of the leaves that a sample is of
	in := &tee{from: from, to: w}
	report, err := proof.VerifyBundle(c.Trust(), in,
		func(head *proof.Bundle) error {
			note = head.Checkpoint
			if head.Sample != nil {
				end = head.Sample.End
			}
			return b.matches(head)
		},
		func(r *proof.Record) error {
			if r.Subject != nil && b.Pointers != nil && !slices.Contains(b.Pointers, "/subject") {
				return lie(r.Index, "the bundle discloses more than was asked for: whose record it is")
			}
			return atMost(r, b.Pointers)
		},
	)
	var lied *LieError
	switch {
	case in.writing != nil:
		return in.writing
	case in.reading != nil:
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: the bundle was cut off: %w", ErrUnreachable, in.reading)
	case errors.As(err, &lied):
		return err
	case err != nil:
		return lie(-1, "%w", err)
	}
	for _, k := range report.Checks {
		lacking := k.Result == proof.Missing && (k.Name == "schema" || k.Name == "subject")
		if k.Result == proof.Fail || lacking {
			return lie(k.Record, "%s: %s", k.Name, k.Text).with(note)
		}
	}
	cp, err := c.accept(ctx, note, floor)
	if err == nil && b.Sample != nil && b.Sample.End == 0 && end != cp.Size {
		// Of fewer leaves the server would have a say in what is drawn.
		err = lie(-1, "the bundle is of something else than was asked for: its sample is of %d leaves, and its checkpoint of %d", end, cp.Size).with(note)
	}
	return err
}

// A tee writes what is read through it, and remembers which of the two failed.
type tee struct {
	from             io.Reader
	to               io.Writer
	reading, writing error
}

func (t *tee) Read(b []byte) (int, error) {
	n, err := t.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		t.reading = err
	}
	if n > 0 {
		if _, err := t.to.Write(b[:n]); err != nil {
			t.writing = err
			return 0, err
		}
	}
	return n, err
}

// matches reports, as a lie, that a bundle is of something else.
func (b *Bundling) matches(head *proof.Bundle) error {
	other := lie(-1, "the bundle is of something else than was asked for").with(head.Checkpoint)
	switch s := head.Sample; {
	case b.Checkpoint != nil && !bytes.Equal(b.Checkpoint, head.Checkpoint):
		return lie(-1, "the bundle is under another checkpoint than was asked for").with(head.Checkpoint)
	case b.Sample != nil:
		if s == nil || s.Seed != b.Sample.Seed || s.Count != b.Sample.Count || s.Start != b.Sample.Start || b.Sample.End != 0 && s.End != b.Sample.End {
			return other
		}
	case b.Filter != "":
		if f, err := index.ParseFilter(b.Filter); err != nil || head.Query == nil || head.Query.Filter != f.String() {
			return other
		}
	case head.Period == nil || !head.Period.From.Equal(b.From) || !head.Period.To.Equal(b.To):
		return other
	}
	return nil
}

// body writes what is asked for.
func (b *Bundling) body() ([]byte, error) {
	type sample struct {
		Seed  string `json:"seed"`
		Count int64  `json:"count"`
		Start int64  `json:"start,omitempty"`
		End   int64  `json:"end,omitempty"`
	}
	d := struct {
		From       string   `json:"from,omitempty"`
		To         string   `json:"to,omitempty"`
		Sample     *sample  `json:"sample,omitempty"`
		Filter     string   `json:"filter,omitempty"`
		Checkpoint string   `json:"checkpoint,omitempty"`
		Disclose   []string `json:"disclose,omitzero"`
	}{Filter: b.Filter, Checkpoint: string(b.Checkpoint), Disclose: slices.Clone(b.Pointers)}
	if s := b.Sample; s != nil {
		d.Sample = &sample{s.Seed, s.Count, s.Start, s.End}
	}
	for _, t := range []struct {
		at  time.Time
		out *string
	}{{b.From, &d.From}, {b.To, &d.To}} {
		if t.at.IsZero() {
			continue
		}
		if *t.out = t.at.UTC().Format(record.TimeLayout); !t.at.Equal(t.at.Truncate(time.Millisecond)) {
			return nil, errors.New("a period begins and ends with a millisecond")
		}
	}
	return json.Marshal(d)
}
