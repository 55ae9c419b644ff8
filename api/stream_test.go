// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

func TestStream(t *testing.T) {
	for query, full := range map[string]bool{"": false, "?receipt=full": true} {
		t.Run(query, func(t *testing.T) {
			s := serve(t, ledger.CreateOptions{}, nil)
			events, want := mixed(t, s)
			got := s.stream(query, events...)
			last := got[len(got)-1]
			checkMixed(t, s, events, got[:len(got)-1], want, full)
			if diff := cmp.Diff([]int64{3, 2, 3}, []int64{last.Accepted, last.Repeated, last.Refused}); diff != "" || !last.Summary || last.Problem != nil {
				t.Errorf("the summary is %s:\n%s", last.raw, diff)
			}
			cp, err := s.trust().OpenCheckpoint([]byte(last.Checkpoint))
			if err != nil || cp.Size <= got[7].Index {
				t.Errorf("the summary's checkpoint: %v, of size %d", err, cp.Size)
			}
			// What was answered without a proof is proved later.
			for i, l := range got[:len(got)-1] {
				if full || l.Status >= 400 {
					continue
				}
				d := decode[struct {
					Proof      []tree.Hash
					Checkpoint string
				}](t, s.want(s.get(fmt.Sprintf("/v1/records/%d/proof", l.Index), "Accept", typeJSON), http.StatusOK).body)
				s.verifyReceipt(l.receipt(t, d.Proof, d.Checkpoint), events[i])
			}
		})
	}
}

func TestStreamLines(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	for body, want := range map[string][]int64{
		"":                                {},
		"\n\r\n  \n":                      {},
		decision(1):                       {1}, // no line feed at the end
		decision(1) + "\r\n":              {1},
		"\n \n" + decision(1) + "\n\nx\n": {3, 5}, // empty lines count
	} {
		a := s.want(s.post(typeStream, body), http.StatusOK)
		lines := parseLines(t, a.body)
		got := []int64{}
		for _, l := range lines[:len(lines)-1] {
			got = append(got, l.Line)
		}
		if diff := cmp.Diff(want, got); diff != "" || !lines[len(lines)-1].Summary {
			t.Errorf("%.40q: the answers are of lines (-want +got):\n%s", body, diff)
		}
	}
}

// A dialogue is a stream whose client reads each answer before it sends on.
type dialogue struct {
	*testServer
	body   *io.PipeWriter
	resp   *http.Response
	lines  *bufio.Reader
	cancel context.CancelFunc
}

func (s *testServer) dialogue() *dialogue {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/records", r)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", typeStream)
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	return &dialogue{s, w, resp, bufio.NewReader(resp.Body), cancel}
}

func (d *dialogue) send(text string) {
	d.t.Helper()
	if _, err := io.WriteString(d.body, text); err != nil {
		d.t.Fatal(err)
	}
}

func (d *dialogue) receive() answerLine {
	d.t.Helper()
	line, err := d.lines.ReadBytes('\n')
	if err != nil {
		d.t.Fatal(err)
	}
	return decode[answerLine](d.t, line)
}

// end reads to the end, which has the answers checked.
func (d *dialogue) end() {
	d.t.Helper()
	if rest, err := io.ReadAll(d.lines); err != nil || len(rest) > 0 {
		d.t.Errorf("after the last line came %q, %v", rest, err)
	}
}

// Every answer is sent when nothing else is on its way, so that a client may
// wait for each.
func TestAnswersAreFlushed(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	d := s.dialogue()
	for n := range 5 {
		d.send(decision(n) + "\n")
		if l := d.receive(); l.Line != int64(n)+1 || l.Status != http.StatusCreated {
			t.Errorf("line %d was answered %s", n+1, l.raw)
		}
	}
	d.send("x\n")
	if l := d.receive(); l.Status != http.StatusUnprocessableEntity {
		t.Errorf("a bad line was answered %s", l.raw)
	}
	s.wantMetric("lendlog_streams 1")
	_ = d.body.Close()
	if l := d.receive(); !l.Summary || l.Accepted != 5 || l.Refused != 1 {
		t.Errorf("the summary is %s", l.raw)
	}
	d.end()
}

// A client that waits to be told before it sends its body is told.
func TestExpectContinue(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	s.client.Transport.(*checkedTransport).RoundTripper.(*http.Transport).ExpectContinueTimeout = time.Hour
	a := s.post(typeStream, decision(1)+"\n"+decision(2), "Expect", "100-continue")
	if lines := parseLines(t, s.want(a, http.StatusOK).body); len(lines) != 3 || lines[2].Accepted != 2 {
		t.Errorf("answered %s", a.body)
	}
	// Whoever is refused is not asked for it.
	s.wantProblem(s.post("text/csv", decision(3), "Expect", "100-continue"), kindMediaType)
	s.want(s.post(typeEvent, decision(3), "Expect", "100-continue"), http.StatusCreated)
}

// A client that goes away in the middle of a line: what it sent before is
// recorded, the half line is not, and nothing of the stream is left.
func TestDisconnect(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	d := s.dialogue()
	d.send(decision(1) + "\n" + decision(2) + "\n")
	d.receive()
	d.receive()
	d.send(decision(3)) // whole but for its line feed
	d.cancel()
	s.streamsEnd()
	noGoroutines(t, "submitStream")
	s.wantNoDefect(`"status":499`)
	for n, want := range map[int]int{1: http.StatusOK, 2: http.StatusOK, 3: http.StatusCreated} {
		s.want(s.post(typeEvent, decision(n)), want)
	}
}

// A client that goes away without taking its answers leaves nothing behind,
// and what it sent is answered when it is sent again.
func TestDisconnectUnread(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	d := s.dialogue()
	var lines strings.Builder
	for n := range inFlight {
		lines.WriteString(decision(n) + "\n")
	}
	d.send(lines.String())
	d.cancel()
	s.streamsEnd()
	noGoroutines(t, "submitStream")
	s.wantNoDefect(`"status":499`)
	got := s.stream("", strings.Split(lines.String(), "\n")...)
	if last := got[len(got)-1]; !last.Summary || last.Accepted+last.Repeated != inFlight {
		t.Errorf("the summary is %s", last.raw)
	}
}

// wantNoDefect waits until the log has the given words, and fails the test when
// it calls anything an error.
func (s *testServer) wantNoDefect(words string) {
	s.t.Helper()
	ledgertest.Comes(func() bool { return strings.Contains(s.log.String(), words) })
	if log := s.log.String(); !strings.Contains(log, words) || strings.Contains(log, `"level":"ERROR"`) {
		s.t.Errorf("the log, which should have %s and no error, says\n%s", words, log)
	}
}

// streamsEnd waits until no stream is open.
func (s *testServer) streamsEnd() {
	s.t.Helper()
	ledgertest.Until(s.t, "the end of a stream", func() bool {
		return strings.Contains(string(s.get("/metrics").body), "\nlendlog_streams 0\n")
	})
}

// A client that sends without reading is not read from for ever, and once it
// reads gets every answer in order.
func TestSlowReader(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	const lines = 2 * inFlight
	d := s.dialogue()
	half := make(chan struct{})
	go func() {
		defer func() { _ = d.body.Close() }()
		for n := range lines {
			if n == inFlight/2 {
				close(half)
			}
			if _, err := io.WriteString(d.body, decision(n)+"\n"); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	<-half
	for n := range lines {
		if l := d.receive(); l.Line != int64(n)+1 || l.Status != http.StatusCreated {
			t.Fatalf("line %d was answered %s", n+1, l.raw)
		}
	}
	if l := d.receive(); l.Accepted != lines {
		t.Errorf("the summary is %s", l.raw)
	}
	d.end()
}

// A client that takes no answers is read from only so far, by the number of
// its events or by their bytes.
func TestStreamIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		size        int
		least, most int64
	}{
		// What is between the steps of the pipe comes on top: a channel of 256
		// and an event in each goroutine's hands.
		"number": {600, inFlight, inFlight + 256 + 4},
		"bytes":  {200 << 10, inFlightBytes / (202 << 10), inFlightBytes/(201<<10) + 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, ledger.CreateOptions{}, nil)
			synctest.Test(t, func(t *testing.T) {
				const lines = 6000
				// No event, because the ledger lives outside of the bubble.
				text := bytes.Repeat([]byte("x"), c.size)
				var read, answered int64
				release, done := make(chan struct{}), make(chan error, 1)
				go func() {
					done <- s.pipe(t.Context(), &call{open: true}, func() (line, error) {
						if read == lines {
							return line{}, io.EOF
						}
						read++
						return line{number: read, text: text}, nil
					}, func(outcome, bool) error {
						<-release
						answered++
						return nil
					})
				}()
				synctest.Wait() // everything stands still
				if read < c.least || read > c.most {
					t.Errorf("%d lines were read, want %d to %d", read, c.least, c.most)
				}
				close(release)
				if err := <-done; err != nil || answered != lines {
					t.Errorf("%d answers, %v", answered, err)
				}
			})
		})
	}
}

// When the server stops, an open stream gets its answers and a summary that
// says why, and Serve waits for that.
func TestStopEndsStreams(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	idle, busy := s.dialogue(), s.dialogue()
	busy.send(decision(1) + "\n")
	if l := busy.receive(); l.Status != http.StatusCreated {
		t.Fatalf("answered %s", l.raw)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	for name, d := range map[string]*dialogue{"idle": idle, "busy": busy} {
		l := d.receive()
		if !l.Summary || l.Problem == nil || l.Problem.Type != "urn:lendlog:problem:"+kindStopped.name {
			t.Errorf("the %s stream ended with %s", name, l.raw)
		}
		d.end()
		_ = d.body.Close()
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := s.client.Get(s.url + "/livez"); err == nil {
		t.Error("a server that has stopped answers")
	}
	s.wantNoDefect(`"status":200`)
	// The ledger runs on, and has what was answered.
	r, err := s.ledger.Record(t.Context(), s.ledger.Head().Size-1)
	if err != nil || r.Leaf.Entry.Type != "org.lendlog.decision.made.v1" {
		t.Errorf("the last record: %v", err)
	}
}

// What was read before the server stops is answered, also when the client has
// sent all it had.
func TestStopKeepsAnswers(t *testing.T) {
	for name, serve := range ways {
		t.Run(name, func(t *testing.T) { stopKeepsAnswers(t, serve(t, nil)) })
	}
}

func stopKeepsAnswers(t *testing.T, s *testServer) {
	d := s.dialogue()
	var lines strings.Builder
	for n := range 500 {
		lines.WriteString(decision(n) + "\n")
	}
	d.send(lines.String())
	_ = d.body.Close()
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	for n := int64(0); ; n++ {
		l := d.receive()
		if l.Summary {
			if l.Accepted != n || l.Refused != 0 {
				t.Errorf("after %d answers the summary is %s", n, l.raw)
			}
			break
		}
		if l.Line != n+1 || l.Status != http.StatusCreated {
			t.Errorf("line %d was answered %s", n+1, l.raw)
		}
	}
	d.end()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// So is it when the client goes on sending: a connection that is closed over
// unread bytes is reset, and that would take the answers along which the
// client has not read yet.
func TestStopWhileSending(t *testing.T) {
	for name, serve := range ways {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				stopWhileSending(t, serve(t, nil))
			}
		})
	}
}

func stopWhileSending(t *testing.T, s *testServer) {
	d := s.dialogue()
	var sending sync.WaitGroup
	sending.Go(func() {
		for n := 0; ; n++ {
			if _, err := io.WriteString(d.body, decision(n)+"\n"); err != nil {
				return
			}
		}
	})
	d.receive()
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	<-s.stopping
	for n := int64(1); ; n++ {
		l := d.receive()
		if l.Summary {
			if l.Accepted != n || l.Problem == nil || l.Problem.Type != "urn:lendlog:problem:"+kindStopped.name {
				t.Errorf("after %d answers the summary is %s", n, l.raw)
			}
			break
		}
		if l.Line != n+1 || l.Status != http.StatusCreated {
			t.Errorf("line %d was answered %s", n+1, l.raw)
		}
	}
	d.end()
	_ = d.resp.Body.Close()
	_ = d.body.Close()
	sending.Wait()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A request that doesn't end is cut off after the time to drain, and Serve
// says so.
func TestDrainTimeout(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, func(c *Config) { c.DrainTimeout = time.Millisecond })
	begun := make(chan struct{})
	s.engine.GET("/block", s.handle(route{name: "block", handler: func(c *call) error {
		close(begun)
		<-c.ctx().Done()
		return c.ctx().Err()
	}}))
	failed := make(chan error, 1)
	go func() {
		resp, err := http.Get(s.url + "/block")
		if err == nil {
			_ = resp.Body.Close()
		}
		failed <- err
	}()
	<-begun
	if err := s.stop(); err == nil || !strings.Contains(err.Error(), "couldn't wait") {
		t.Errorf("Serve ended with %v", err)
	}
	s.stop = func() error { return nil } // it has failed as it should
	if err := <-failed; err == nil {
		t.Error("the request that was cut off was answered")
	}
}

func FuzzLines(f *testing.F) {
	f.Add("a\nb\n")
	f.Add("\n\n a \r\n")
	f.Add("no end")
	f.Add(strings.Repeat("x", 100))
	f.Fuzz(func(t *testing.T, body string) {
		l := newLines(strings.NewReader(body))
		var got []string
		last := int64(0)
		for {
			next, err := l.next()
			if err == io.EOF {
				break
			}
			if err != nil || next.number <= last {
				t.Fatalf("line %d after %d: %v", next.number, last, err)
			}
			last = next.number
			if next.err == nil {
				got = append(got, string(next.text))
			} else if len(body) <= record.MaxEvent {
				t.Fatal("a short line is too large")
			}
		}
		var want []string
		for _, text := range strings.Split(body, "\n") {
			if text = strings.TrimSpace(text); text != "" {
				want = append(want, text)
			}
		}
		if len(body) <= maxLine && !cmp.Equal(got, want) {
			t.Fatalf("%q gives %q, want %q", body, got, want)
		}
	})
}
