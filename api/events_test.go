// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A following reads one answer to GET /v1/events and verifies it: checkpoints
// continue each other, and records come in their order, under the checkpoint
// that came last.
type following struct {
	s      *testServer
	resp   *http.Response
	lines  *bufio.Reader
	cancel context.CancelFunc
	cp     tree.Checkpoint
	next   int64 // index of the next record; -1 when any may come
	beats  int
}

// follow connects. It waits for the first checkpoint.
func (s *testServer) follow(query string, headers ...string) *following {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/events"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != typeEvents {
		s.t.Fatalf("answered %d, %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	f := &following{s: s, resp: resp, lines: bufio.NewReader(resp.Body), cancel: cancel, next: -1}
	if event, _ := f.event(); event != "checkpoint" {
		s.t.Fatalf("the first event is %q", event)
	}
	return f
}

// event reads the next event and verifies it. Of an answer that has ended it
// is "".
func (f *following) event() (event, data string) {
	t := f.s.t
	t.Helper()
	id := ""
	for {
		line, err := f.lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return "", ""
		}
		if err != nil {
			return "", err.Error()
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case line == ":\n":
			f.beats++
		case name == "id":
			id = value
		case name == "event":
			event = value
		case name == "data":
			data = value
		case line == "\n" && event != "":
			f.check(event, id, data)
			return event, data
		case line != "\n":
			t.Fatalf("a line is %q", line)
		}
	}
}

func (f *following) check(event, id, data string) {
	t := f.s.t
	t.Helper()
	schema := map[string]string{"checkpoint": "FollowedCheckpoint", "record": "Record", "problem": "Problem"}[event]
	if event == "record" && !strings.Contains(data, `"members"`) {
		schema = "FollowedEntry"
	}
	var v any
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	if err := spec().Components.Schemas[schema].Value.VisitJSON(v); err != nil {
		t.Fatalf("%s is not as openapi.yaml says: %v", event, err)
	}
	switch event {
	case "checkpoint":
		d := decode[checkpointDoc](t, []byte(data))
		cp, err := f.s.ledger.Trust().OpenCheckpoint([]byte(d.Checkpoint))
		if err != nil || cp.Size != d.Size || d.From != f.cp.Size || d.Size <= d.From || id != "" {
			t.Fatalf("after a checkpoint of %d came %s, id %q, %v", f.cp.Size, data, id, err)
		}
		if err := tree.VerifyConsistency(d.Proof, d.From, d.Size, f.cp.Root, cp.Root); d.From > 0 && err != nil {
			t.Fatal(err)
		}
		f.cp = cp
	case "record":
		d := decode[leafDoc](t, []byte(data))
		if id != strconv.FormatInt(d.Index, 10) || f.next >= 0 && d.Index != f.next {
			t.Fatalf("record %d came with id %s, want %d", d.Index, id, f.next)
		}
		if err := tree.VerifyInclusion(d.Proof, d.Index, f.cp.Size, tree.LeafHash([]byte(d.Entry)), f.cp.Root); err != nil {
			t.Fatalf("record %d: %v", d.Index, err)
		}
		f.next = d.Index + 1
	}
}

// records reads events until n records came.
func (f *following) records(n int) (all []string) {
	f.s.t.Helper()
	for len(all) < n {
		switch event, data := f.event(); event {
		case "record":
			all = append(all, data)
		case "checkpoint":
		default:
			f.s.t.Fatalf("after %d records came %q, %s", len(all), event, data)
		}
	}
	return all
}

// followersEnd waits until nobody follows.
func (s *testServer) followersEnd() {
	s.t.Helper()
	ledgertest.Until(s.t, "the end of a follower", func() bool {
		return strings.Contains(string(s.get("/metrics").body), "\nlendlog_followers 0\n")
	})
	noGoroutines(s.t, "(*follower)")
}

// read is a record as GET /v1/records/{index} answers it, without what changes
// with the tree.
func (s *testServer) read(index int64) map[string]any {
	s.t.Helper()
	return unproved(s.t, s.want(s.get(fmt.Sprintf("/v1/records/%d", index)), http.StatusOK).body)
}

func unproved(t testing.TB, b []byte) map[string]any {
	t.Helper()
	d := decode[map[string]any](t, b)
	delete(d, "proof")
	delete(d, "checkpoint")
	return d
}

const caseOpened = `{"specversion":"1.0","id":"k1","source":"urn:lender:compliance","type":"org.lendlog.case.opened.v1","subject":"case/K-77","party":"party-1",` +
	`"time":"2026-01-01T12:00:00Z","data":{"caseKind":"suspicious-report","openedAt":"2026-01-01"}}`

// What there is comes first, then what is published, as it is read one by one;
// of a restricted record nothing but its entry.
func TestEvents(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	s.submit(decision(1))
	all := s.follow("?from=0")
	live := s.follow("")
	entries := s.follow("?view=entry")
	size := s.ledger.Head().Size
	for i, data := range all.records(int(size)) {
		if diff := cmp.Diff(s.read(int64(i)), unproved(t, []byte(data))); diff != "" {
			t.Fatalf("record %d:\n%s", i, diff)
		}
	}
	for n := range 3 {
		index := s.submit(decision(10 + n)).Index
		for _, f := range []*following{all, live} {
			if diff := cmp.Diff(s.read(index), unproved(t, []byte(f.records(1)[0]))); diff != "" {
				t.Errorf("record %d:\n%s", index, diff)
			}
		}
		data := entries.records(1)[0]
		if d := decode[map[string]any](t, []byte(data)); d["entry"] != s.read(index)["entry"] || len(d) != 5 || strings.Contains(data, "party-1") {
			t.Errorf("the entry is %s", data)
		}
	}
	s.submit(caseOpened)
	for _, f := range []*following{all, live, entries} {
		data := f.records(1)[0]
		d := decode[leafDoc](t, []byte(data))
		lf, err := record.ParseLeaf([]byte(d.Entry))
		if err != nil || lf.Entry == nil || lf.Entry.Type != record.TypeRestricted || len(decode[map[string]any](t, []byte(data))) != 5 {
			t.Errorf("the restricted record is %s", data)
		}
		for _, leak := range []string{"K-77", "suspicious", "case.opened", "party-1", "seeds", "compliance", "2026-01-01"} {
			if strings.Contains(data, leak) {
				t.Errorf("%s shows in %s", leak, data)
			}
		}
		f.cancel()
	}
	s.followersEnd()
	s.wantNoDefect(`"status":499`)
}

// Whoever was cut off goes on behind what they have, by the header or the
// query, and misses nothing of what was recorded meanwhile.
func TestEventsGoOn(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	first := s.ledger.Head().Size
	s.submit(decision(0))
	f := s.follow("?from=" + strconv.FormatInt(first, 10))
	f.records(1)
	for n := 1; n < 40; n++ {
		s.submit(decision(n))
		if n%4 == 0 {
			had := f.next - 1
			f.cancel()
			if n%8 == 0 {
				// As a browser does: the URL is still that of the beginning.
				f = s.follow("?from=0", "Last-Event-ID", strconv.FormatInt(had, 10))
			} else {
				f = s.follow("?from=" + strconv.FormatInt(had+1, 10))
			}
			f.next = had + 1
		}
		if n%3 == 0 {
			f.records(int(first + int64(n) + 1 - f.next))
		}
	}
	if end := s.ledger.Head().Size; f.next != end {
		t.Errorf("record %d comes next, the ledger has %d", f.next, end)
	}
	// At the end of the ledger one waits.
	f = s.follow("?from=" + strconv.FormatInt(s.ledger.Head().Size, 10))
	index := s.submit(decision(99)).Index
	if f.records(1); f.next != index+1 {
		t.Errorf("record %d came, want %d", f.next-1, index)
	}
}

// Many submit and many follow, one of them never reads: all others get
// everything, and no submission waits for the one.
func TestEventsUnderLoad(t *testing.T) {
	const n = 400
	s := serve(t, ledger.CreateOptions{}, func(c *Config) {
		narrow := defaultLimits
		narrow.request = 5 * time.Second // that one may take nothing
		c.limits = &narrow
	})
	first := s.ledger.Head().Size
	deaf := s.peer()
	if err := deaf.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	deaf.send("GET /v1/events?from=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	var following, submitting sync.WaitGroup
	for i := range 6 {
		view := []string{viewRecord, viewEntry}[i%2]
		f := s.follow(fmt.Sprintf("?view=%s&from=%d", view, first))
		f.next = first
		following.Go(func() {
			f.records(n)
			f.cancel()
		})
	}
	for i := range 4 {
		submitting.Go(func() {
			for j := range n / 4 {
				if a := s.post(typeEvent, decision(i*n+j)); a.status != http.StatusCreated {
					t.Errorf("status %d", a.status)
				}
			}
		})
	}
	submitting.Wait()
	following.Wait()
	// It can keep what fits into the buffers of both sides.
	fill := strings.Repeat("北", 19_000)
	for i := range 150 {
		s.submit(strings.Replace(complaint(i), "TEXT", fill, 1))
	}
	s.followersEnd()
	s.wantNoDefect(`"status":499`)
}

// complaint is an event with a long text.
func complaint(n int) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"c-%d","source":"urn:lender:origination","type":"org.lendlog.complaint.opened.v1","subject":"file/A-1","party":"party-1","time":"2026-02-03T09:30:00Z","data":{"narrative":"TEXT"}}`, n)
}

func TestEventsRefuses(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	size := s.ledger.Head().Size
	for query, says := range map[string]string{
		"?from=-1": "from is a whole number", "?from=x": "from is a whole number", "?view=all": "view is record or entry", "?view=": "view is record or entry",
		"?type=x": "no query parameter type", "?from=1&from=2": "stands twice",
	} {
		if p := s.wantProblem(s.get("/v1/events"+query), kindBadRequest); !strings.Contains(p.Detail, says) {
			t.Errorf("%s: %q doesn't say %q", query, p.Detail, says)
		}
	}
	s.wantProblem(s.get("/v1/events", "Last-Event-ID", "x"), kindBadRequest)
	s.wantProblem(s.get(fmt.Sprintf("/v1/events?from=%d", size+1)), kindNotFound)
	s.wantProblem(s.get("/v1/events", "Last-Event-ID", strconv.FormatInt(size, 10)), kindNotFound)
	s.wantProblem(s.get("/v1/events", "Last-Event-ID", "9223372036854775807"), kindNotFound)
	if a := s.want(s.do(http.MethodHead, "/v1/events", nil), http.StatusOK); a.header.Get("Content-Type") != typeEvents {
		t.Errorf("HEAD is answered with %v", a.header)
	}
}

// So many follow at a time; whoever leaves makes room.
func TestEventsAreBounded(t *testing.T) {
	narrow := defaultLimits
	narrow.followers, narrow.patience = 2, 10*time.Millisecond
	s := serve(t, ledger.CreateOptions{}, func(c *Config) { c.limits = &narrow })
	f := s.follow("")
	s.follow("")
	s.wantProblem(s.get("/v1/events"), kindBusy)
	f.cancel()
	ledgertest.Until(t, "the end of a follower", func() bool {
		s.want(s.do(http.MethodHead, "/v1/checkpoint", nil), http.StatusOK)
		return strings.Contains(string(s.get("/metrics").body), "\nlendlog_followers 1\n")
	})
	s.follow("")
}

// A follower hears that the connection lives, longer than a request may take.
func TestHeartbeats(t *testing.T) {
	narrow := defaultLimits
	narrow.heartbeat, narrow.request, narrow.answer = 20*time.Millisecond, 2*time.Second, time.Millisecond
	s := serve(t, ledger.CreateOptions{}, func(c *Config) { c.limits = &narrow })
	f := s.follow("")
	for begun, beats := time.Now(), 0; beats < 10 || time.Since(begun) < 3*time.Second; beats++ {
		if line, err := f.lines.ReadString('\n'); err != nil || line != ":\n" {
			t.Fatalf("after %d heartbeats came %q, %v", beats, line, err)
		}
		_, _ = f.lines.ReadString('\n')
	}
	s.ledger.Submit(ledgertest.Event{Document: []byte(decision(1)), Submitter: anonymous})
	f.records(1)
}

// A server that stops ends its followers in good order and at once.
func TestEventsEndWithTheServer(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, func(c *Config) { c.DrainTimeout = time.Minute })
	var all []*following
	for range 5 {
		all = append(all, s.follow("?from=0"))
	}
	all[0].records(5)
	begun := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	for _, f := range all {
		for {
			event, data := f.event()
			if event == "" {
				if data != "" {
					t.Errorf("the answer ended with %s", data)
				}
				break
			}
		}
	}
	noGoroutines(t, "(*follower)")
}

// What the store cannot give back ends the answer with the reason.
func TestEventsOfADamagedStore(t *testing.T) {
	dir := ledgertest.Create(t, ledger.CreateOptions{})
	l := ledgertest.Start(t, dir, ledger.Options{})
	results := l.Submit(
		ledgertest.Event{Document: []byte(decision(1)), Submitter: anonymous},
		ledgertest.Event{Document: []byte(decision(2)), Submitter: anonymous},
	)
	l.Stop()
	raw, err := store.OpenRaw(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(raw.EditPayload(results[1].Receipt.Index, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), raw.Close()); err != nil {
		t.Fatal(err)
	}
	s := serveLedger(t, ledgertest.Start(t, dir, ledger.Options{}), nil)
	f := s.follow(fmt.Sprintf("?from=%d", results[0].Receipt.Index))
	f.records(1)
	event, data := f.event()
	if p := decode[problem](t, []byte(data)); event != "problem" || p.Type != "urn:lendlog:problem:damaged" || p.Status != 500 || p.Instance == "" {
		t.Errorf("then came %q, %s", event, data)
	}
	// Its entry is whole.
	s.follow(fmt.Sprintf("?view=entry&from=%d", results[0].Receipt.Index)).records(2)
}
