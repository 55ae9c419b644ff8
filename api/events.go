// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

const typeEvents = "text/event-stream"

// The values of the query parameter view.
const (
	viewRecord = "record" // as GET /v1/records/{index} answers
	viewEntry  = "entry"  // what the leaf shows, and nothing that is sealed
)

// view reads the query parameter of that name.
func (c *call) view() (string, error) {
	view := c.DefaultQuery("view", viewRecord)
	if view != viewRecord && view != viewEntry {
		return "", badRequest("the query parameter view is %s or %s", viewRecord, viewEntry)
	}
	return view, nil
}

// leafDoc is a record of which nothing is opened.
type leafDoc struct {
	Index  int64           `json:"index"`
	Leaf   tree.Hash       `json:"leaf"`
	Entry  string          `json:"entry"`
	Parsed json.RawMessage `json:"parsed"`
	Proof  []tree.Hash     `json:"proof"`
}

// newLeafDoc describes a record by its entry, with its proof under the tree of size
// leaves.
func (s *Server) newLeafDoc(ctx context.Context, r *ledger.Record, size int64) (*leafDoc, error) {
	hashes, err := s.ledger.InclusionProof(ctx, r.Index, size)
	if err != nil {
		return nil, err
	}
	return &leafDoc{Index: r.Index, Leaf: tree.LeafHash(r.Entry), Entry: string(r.Entry), Parsed: r.Entry, Proof: list(hashes)}, nil
}

// checkpointDoc is a checkpoint that continues the one before it.
type checkpointDoc struct {
	Size       int64       `json:"size"`
	Checkpoint string      `json:"checkpoint"`
	From       int64       `json:"from"` // size of the checkpoint before it in this answer; 0 of the first
	Proof      []tree.Hash `json:"proof"`
}

// getEvents answers GET /v1/events with the records from an index on, and then
// with what is published, until the client or the server ends it. A follower
// reads the ledger at its own pace, under the newest head whenever it has
// caught up with the one before: nothing waits in a queue for one that is slow,
// and no append waits for it.
func (s *Server) getEvents(c *call) error {
	f, err := s.newFollower(c)
	if err != nil {
		return err
	}
	leave, err := s.gates.followers.enter(c.ctx())
	if err != nil {
		return err
	}
	s.metrics.followers.Inc()
	defer s.metrics.followers.Dec()
	defer leave() // before it is counted as gone
	if err := f.looks(s.ledger.Head()); err != nil {
		return err
	}
	c.Header("Content-Type", typeEvents)
	c.Header("X-Accel-Buffering", "no") // a proxy that gathers holds back what is live
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	if c.Request.Method == http.MethodHead {
		return nil
	}
	// The deadline of reading the request would end the answer; see
	// patientWriter for that of writing.
	control := http.NewResponseController(c.Writer)
	_ = control.SetReadDeadline(time.Time{})
	f.w = bufio.NewWriterSize(patientWriter{c, control, s.limits.request}, 32<<10)
	f.flush = func() error { return gone(control.Flush()) }
	if err := f.follow(); err != nil {
		if !isGone(err) {
			f.problem(err)
		}
		return err
	}
	return nil
}

// A follower is one answer to GET /v1/events.
type follower struct {
	s     *Server
	c     *call
	w     *bufio.Writer
	flush func() error // of what is below w

	view string
	next int64 // index of the record to send next
	day  int64 // since 1970, on which the look was recorded that goes on; 0 before the first
	size int64 // of the last checkpoint sent; 0 before the first
}

// newFollower reads a request.
func (s *Server) newFollower(c *call) (f *follower, err error) {
	f = &follower{s: s, c: c}
	if f.view, err = c.view(); err != nil {
		return nil, err
	}
	if f.view == viewRecord {
		if err := c.may(access.RecordsRead); err != nil {
			return nil, err
		}
	}
	size := s.ledger.Head().Size
	if f.next, err = c.number("from", 0, size); err != nil {
		return nil, err
	}
	// A browser that connects again sends the same URL, and this.
	if last := c.GetHeader("Last-Event-ID"); last != "" {
		n, err := parseNumber(last)
		if err != nil {
			return nil, badRequest("the header Last-Event-ID is the index of a record")
		}
		f.next = min(n, size) + 1
	}
	if f.next > size {
		return nil, faultf(kindNotFound, "the ledger has %d records: from is at most that, and Last-Event-ID the index of one of them", size)
	}
	return f, nil
}

// follow sends what there is and what comes.
func (f *follower) follow() error {
	beat := time.NewTicker(f.s.limits.heartbeat)
	defer beat.Stop()
	good, release := f.c.good()
	defer release()
	for {
		head, newer := f.s.ledger.Watch()
		if err := f.catchUp(head, good); err != nil {
			return err
		}
		select {
		case <-newer:
		case <-beat.C:
			// A connection that is dead shows only when something is sent.
			if _, err := f.w.WriteString(":\n\n"); err != nil {
				return err
			}
		case <-f.c.ctx().Done():
			return gone(f.c.ctx().Err())
		case <-good.Done():
			return errExpelled
		case <-f.s.stopping:
			return nil
		}
	}
}

// catchUp sends a head, unless it was sent, and the records that lie under it,
// while the key is good.
func (f *follower) catchUp(head ledger.Head, good context.Context) error {
	if head.Size > f.size {
		if err := f.checkpoint(head); err != nil {
			return err
		}
	}
	if err := f.looks(head); err != nil {
		return err
	}
	for r, err := range f.s.ledger.Records(f.c.ctx(), f.next, head.Size, f.opens) {
		if err == nil {
			err = f.record(r)
		}
		if err != nil {
			return err
		}
		if f.next++; f.s.isStopping() || good.Err() != nil {
			break
		}
	}
	if err := f.w.Flush(); err != nil {
		return err
	}
	return f.flush()
}

// checkpoint sends a checkpoint before the records that it proves.
func (f *follower) checkpoint(head ledger.Head) error {
	hashes, err := f.s.ledger.ConsistencyProof(f.c.ctx(), f.size, head.Size)
	if err != nil {
		return err
	}
	d := checkpointDoc{Size: head.Size, Checkpoint: string(head.Note), From: f.size, Proof: list(hashes)}
	f.size = head.Size
	return f.send("checkpoint", -1, d)
}

// looks records that what is sealed is sent from here on, once a day: a look at
// every record would be a record to look at.
func (f *follower) looks(head ledger.Head) error {
	today := time.Now().Unix() / (24 * 60 * 60)
	if f.view != viewRecord || f.day == today || f.next >= head.Size {
		return nil
	}
	f.day = today
	return f.s.opensRange(f.c, look.Follow, "", look.Spans{{First: f.next, End: look.Endless}})
}

// opens reports whether records of a type are shown whole. Of a restricted one
// that would say whom it is about, and what: whoever follows everybody's records
// is not told more of it than its entry shows.
func (f *follower) opens(typ string) bool {
	return f.view == viewRecord && typ != record.TypeRestricted
}

// record sends a record with its proof under the last checkpoint.
func (f *follower) record(r *ledger.Record) error {
	if e := r.Leaf.Entry; f.view == viewRecord && e == nil || e != nil && f.opens(e.Type) {
		d, err := f.s.newRecordDoc(f.c.ctx(), r, f.size)
		if err != nil {
			return err
		}
		return f.send("record", r.Index, d)
	}
	d, err := f.s.newLeafDoc(f.c.ctx(), r, f.size)
	if err != nil {
		return err
	}
	return f.send("record", r.Index, d)
}

// problem says why the answer ends before it should.
func (f *follower) problem(err error) {
	p := problemOf(err)
	p.Instance = f.c.id
	if f.send("problem", -1, p) == nil && f.w.Flush() == nil {
		_ = f.flush()
	}
}

// send writes one event. A negative id is none, and leaves the client with the
// one before.
func (f *follower) send(event string, id int64, v any) error {
	doc, err := encode(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if id >= 0 {
		b.WriteString("id: " + strconv.FormatInt(id, 10) + "\n")
	}
	b.WriteString("event: " + event + "\ndata: ")
	b.Write(doc) // ends in a newline and holds no other
	b.WriteString("\n")
	_, err = f.w.Write(b.Bytes())
	return err
}
