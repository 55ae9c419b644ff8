// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// TestKill ends the real server while several clients submit, starts it again,
// and holds it against what the clients were told before: invariants I1, I5 and
// I11. LENDLOG_KILLS sets how often it is killed, LENDLOG_SEED what is random;
// in time no run is like another.
func TestKill(t *testing.T) {
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("LENDLOG_KILLS"), "5"))
	if err != nil || kills < 1 {
		t.Fatal("LENDLOG_KILLS is not a number from 1 on")
	}
	bin := filepath.Join(t.TempDir(), "lendlog")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Run("SIGKILL", func(t *testing.T) {
		w := newWitness(t, bin)
		for n := range kills {
			if n%3 == 1 {
				w.stillborn()
			}
			s := w.start()
			w.check(s)
			w.load(s, s.kill)
			if t.Failed() {
				t.Fatalf("kill %d of %d", n+1, kills)
			}
		}
		w.finish()
	})
	t.Run("SIGTERM", func(t *testing.T) { // ends it with code 0
		w := newWitness(t, bin)
		w.graceful = true
		for range 3 {
			s := w.start()
			w.check(s)
			w.load(s, s.terminate)
		}
		w.finish()
	})
}

// A witness knows what a ledger's clients were told, and believes nothing
// else.
type witness struct {
	t        *testing.T
	bin, dir string
	trust    *proof.Trust
	types    *record.Catalogue
	random   *rand.Rand
	graceful bool // the server may answer that it is stopping

	mu    sync.Mutex // guards all below
	sent  map[string][]byte
	acks  map[string]ack
	heads map[int64]tree.Hash // every checkpoint that was seen
	next  int                 // number of the next new event
	told  chan struct{}       // an acknowledgement came
}

// An ack is what a client was told of an event.
type ack struct {
	index int64
	leaf  tree.Hash
}

func newWitness(t *testing.T, bin string) *witness {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("LENDLOG_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal("LENDLOG_SEED is not a number")
		}
	}
	t.Logf("LENDLOG_SEED=%d", seed)
	w := &witness{
		t: t, bin: bin, dir: filepath.Join(t.TempDir(), "ledger"),
		random: rand.New(rand.NewPCG(seed, 0)),
		sent:   map[string][]byte{}, acks: map[string]ack{}, heads: map[int64]tree.Hash{},
		told: make(chan struct{}, 1<<16),
	}
	var err error
	if w.types, err = record.Builtin(); err != nil {
		t.Fatal(err)
	}
	w.run("init", "--dir", w.dir, "--origin", "kill.test/1")
	b, err := os.ReadFile(filepath.Join(w.dir, "trust.json"))
	if err != nil {
		t.Fatal(err)
	}
	if w.trust, err = proof.ParseTrust(b); err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs the program to its end, which has to be a good one.
func (w *witness) run(args ...string) {
	w.t.Helper()
	if out, err := exec.Command(w.bin, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("lendlog %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// A server is one run of lendlog serve.
type server struct {
	w    *witness
	cmd  *exec.Cmd
	url  string
	errs bytes.Buffer
}

func (w *witness) start() *server {
	w.t.Helper()
	s := &server{w: w, cmd: exec.Command(w.bin, "serve", "--dir", w.dir, "--listen", "127.0.0.1:0", "--json", "--quiet")}
	s.cmd.Stderr = &s.errs
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	var ready struct {
		URL string `json:"url"`
	}
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		_ = s.cmd.Wait()
		w.t.Fatalf("the server doesn't start again: %v\n%s", err, &s.errs)
	}
	s.url = ready.URL
	return s
}

// stillborn starts a server and kills it somewhere in opening, or soon after:
// what recovers a ledger may be cut off too.
func (w *witness) stillborn() {
	w.t.Helper()
	cmd := exec.Command(w.bin, "serve", "--dir", w.dir, "--listen", "127.0.0.1:0", "--quiet")
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(time.Duration(w.random.IntN(150)) * time.Millisecond)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	err := s.cmd.Wait()
	var ee *exec.ExitError
	if !errors.As(err, &ee) || ee.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		s.w.t.Errorf("the server ended before it was killed: %v\n%s", err, &s.errs)
	}
}

func (s *server) terminate() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		s.w.t.Errorf("SIGTERM: %v, want exit code 0\n%s", err, &s.errs)
	}
}

// load has clients submit, and ends the server after a random number of
// acknowledgements and a random moment more, so that it is hit anywhere in a
// commit.
func (w *witness) load(s *server, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var clients sync.WaitGroup
	for n := range 2 {
		seed := w.random.Uint64()
		clients.Go(func() { w.stream(ctx, s, rand.New(rand.NewPCG(seed, uint64(n)))) })
		clients.Go(func() { w.single(ctx, s, rand.New(rand.NewPCG(seed, uint64(n)+2))) })
	}
	clients.Go(func() { w.watch(ctx, s) })
	after, pause := 1+w.random.IntN(400), time.Duration(w.random.IntN(5_000))*time.Microsecond
	for range after {
		<-w.told
	}
	time.Sleep(pause)
	end()
	cancel()
	clients.Wait()
	for len(w.told) > 0 {
		<-w.told
	}
}

// pick takes a new event, or one that was sent before: whoever was not
// answered sends again, and some who were do so too.
func (w *witness) pick(r *rand.Rand) (id string, event []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next > 0 && r.IntN(5) == 0 {
		id = eventID(r.IntN(w.next))
		return id, w.sent[id]
	}
	n := w.next
	w.next++
	id = eventID(n)
	typ, subject, data := "org.lendlog.payment.received.v1", fmt.Sprintf("line/%d", n%7),
		fmt.Sprintf(`{"amount":{"amount":"%d.00","currency":"TWD"},"method":"transfer","jurisdiction":"TW"}`, n+1)
	if n%11 == 0 { // a new party and a new chain, and a restricted record
		typ, subject, data = "org.lendlog.case.opened.v1", fmt.Sprintf("case/%d", n), `{"caseKind":"fraud"}`
	}
	w.sent[id] = fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"urn:test:kill","type":%q,"subject":%q,"party":"P-%d","time":"2026-03-02T09:30:00Z","data":%s}`,
		id, typ, subject, n%23, data)
	return id, w.sent[id]
}

func eventID(n int) string { return fmt.Sprintf("event-%d", n) }

// acknowledge takes down what a client was told. The same event has to get the
// same answer for ever.
func (w *witness) acknowledge(id string, a ack) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, ok := w.acks[id]; ok && before != a {
		w.t.Errorf("%s was acknowledged as record %d, and now as %d", id, before.index, a.index)
	}
	w.acks[id] = a
	select {
	case w.told <- struct{}{}:
	default: // nobody counts so far
	}
}

func (w *witness) saw(note []byte) {
	cp, err := w.trust.OpenCheckpoint(note)
	if err != nil {
		w.t.Errorf("a checkpoint does not verify: %v", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if root, ok := w.heads[cp.Size]; ok && root != cp.Root {
		w.t.Errorf("two checkpoints of size %d differ", cp.Size)
	}
	w.heads[cp.Size] = cp.Root
}

// watch takes down every checkpoint that is published, as a witness would.
func (w *witness) watch(ctx context.Context, s *server) {
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/checkpoint", nil)
		if err != nil {
			w.t.Error(err)
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return
		}
		note, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			return // cut off
		}
		w.saw(note)
	}
}

// single posts one event after the other until the server is gone.
func (w *witness) single(ctx context.Context, s *server, r *rand.Rand) {
	for ctx.Err() == nil {
		id, event := w.pick(r)
		if _, ok := w.post(ctx, s, id, event); !ok {
			return
		}
	}
}

// post submits one event and verifies its receipt. It returns whether it was
// answered, and whether its record is a new one.
func (w *witness) post(ctx context.Context, s *server, id string, event []byte) (fresh, ok bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/records", bytes.NewReader(event))
	if err != nil {
		w.t.Error(err)
		return false, false
	}
	req.Header.Set("Content-Type", "application/cloudevents+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, false // the server is gone, and says nothing of the event
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, false
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated:
	case http.StatusServiceUnavailable:
		if !w.graceful {
			w.t.Errorf("%s: %s", resp.Status, body)
		}
		return false, false
	default:
		w.t.Errorf("%s: %s", resp.Status, body)
		return false, false
	}
	receipt, err := proof.ParseReceipt(body)
	if err != nil {
		w.t.Error(err)
		return false, false
	}
	parsed, err := record.ParseEvent(event, w.types)
	if err != nil {
		w.t.Error(err)
		return false, false
	}
	if report := proof.VerifyReceipt(w.trust, receipt, parsed); report.Verdict != proof.Valid {
		w.t.Errorf("the receipt of %s is %s: %+v", id, report.Verdict, report.Checks)
	}
	w.saw(receipt.Checkpoint)
	w.acknowledge(id, ack{receipt.Index, tree.LeafHash(receipt.Entry)})
	return resp.StatusCode == http.StatusCreated, true
}

// stream sends events as NDJSON, some dozens ahead of the answers, until the
// server is gone.
func (w *witness) stream(ctx context.Context, s *server, r *rand.Rand) {
	body, in := io.Pipe()
	sent := make(chan string, 1+r.IntN(100))
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	defer sending.Wait()
	defer body.Close()
	defer cancel()
	sending.Go(func() {
		defer in.Close()
		defer close(sent)
		for ctx.Err() == nil {
			id, event := w.pick(r)
			if _, err := in.Write(append(event, '\n')); err != nil {
				return
			}
			select {
			case sent <- id:
			case <-ctx.Done():
				return
			}
		}
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/records", body)
	if err != nil {
		w.t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			return // what was not answered as a whole line was not acknowledged
		}
		var line struct {
			Summary    bool            `json:"summary"`
			Checkpoint string          `json:"checkpoint"`
			Status     int             `json:"status"`
			Index      int64           `json:"index"`
			Leaf       tree.Hash       `json:"leaf"`
			Problem    json.RawMessage `json:"problem"`
		}
		if err := json.Unmarshal(text, &line); err != nil {
			w.t.Errorf("a line of answers is not JSON: %v", err)
			return
		}
		switch {
		case line.Summary:
			w.saw([]byte(line.Checkpoint))
			return
		case line.Status == http.StatusServiceUnavailable && w.graceful:
			<-sent
		case line.Status != http.StatusOK && line.Status != http.StatusCreated:
			w.t.Errorf("a line was answered %d: %s", line.Status, line.Problem)
			return
		default:
			w.acknowledge(<-sent, ack{line.Index, line.Leaf})
		}
	}
}

// check holds a server that was started again against everything that was
// ever acknowledged: it reads the whole log, hashes it, and asks for what it
// did not expect.
func (w *witness) check(s *server) {
	w.t.Helper()
	note := s.get("/v1/checkpoint")
	w.saw(note)
	cp, err := w.trust.OpenCheckpoint(note)
	if err != nil {
		w.t.Fatal(err)
	}
	known := map[int64]string{}
	for id, a := range w.acks {
		if a.index >= cp.Size {
			w.t.Fatalf("%s was acknowledged as record %d and is lost: the log has %d", id, a.index, cp.Size)
		}
		known[a.index] = id
	}

	// Hash the log from its first leaf on: every checkpoint that was ever seen
	// is one of its states.
	var edge tree.Edge
	for i, entry := range s.entries(cp.Size) {
		leaf := tree.LeafHash(entry)
		edge.Append(leaf)
		if want, ok := w.heads[edge.Size]; ok {
			if root, err := (tree.View{Edge: edge}).RootAt(edge.Size); err != nil || root != want {
				w.t.Fatalf("checkpoint %d was seen, and the log does not continue it: %v", edge.Size, err)
			}
		}
		if id, ok := known[int64(i)]; ok {
			if w.acks[id].leaf != leaf {
				w.t.Fatalf("record %d is not the one that was acknowledged", i)
			}
			continue
		}
		w.unacknowledged(s, int64(i), entry)
	}
	var last int64
	for size := range w.heads {
		if last = max(last, size); size > cp.Size {
			w.t.Fatalf("checkpoint %d was seen, the newest is %d", size, cp.Size)
		}
	}
	w.consistent(s, last, cp)

	// Any acknowledged record can be proved; a few are.
	for id, a := range w.acks {
		if w.random.IntN(len(w.acks)) < 5 {
			w.prove(s, id, a)
		}
	}
}

// unacknowledged looks at a record of whose fate nobody was told: it is whole,
// and somebody sent it.
func (w *witness) unacknowledged(s *server, i int64, entry []byte) {
	leaf, err := record.ParseLeaf(entry)
	if err != nil {
		w.t.Fatalf("record %d: %v", i, err)
	}
	if leaf.Entry == nil || leaf.Entry.Submitter == "ledger" {
		return // the ledger's own
	}
	var doc struct {
		Members []struct {
			Pointer string          `json:"pointer"`
			Value   json.RawMessage `json:"value"`
		} `json:"members"`
		Unreadable []string `json:"unreadable"`
	}
	if err := json.Unmarshal(s.get(fmt.Sprintf("/v1/records/%d", i)), &doc); err != nil {
		w.t.Fatal(err)
	}
	var id string
	for _, m := range doc.Members {
		if m.Pointer == "/id" {
			_ = json.Unmarshal(m.Value, &id)
		}
	}
	if len(doc.Unreadable) > 0 || w.sent[id] == nil {
		w.t.Fatalf("record %d is half there: its event is %q, unreadable %q", i, id, doc.Unreadable)
	}
	if before, ok := w.acks[id]; ok && before.index != i {
		w.t.Fatalf("%s is in the log twice: as record %d, which was acknowledged, and as %d", id, before.index, i)
	}
}

func (w *witness) consistent(s *server, from int64, to tree.Checkpoint) {
	w.t.Helper()
	var doc struct {
		Proof []tree.Hash `json:"proof"`
	}
	if err := json.Unmarshal(s.get(fmt.Sprintf("/v1/consistency?from=%d&to=%d", from, to.Size)), &doc); err != nil {
		w.t.Fatal(err)
	}
	if err := tree.VerifyConsistency(doc.Proof, from, to.Size, w.heads[from], to.Root); err != nil {
		w.t.Fatalf("the newest checkpoint does not continue checkpoint %d: %v", from, err)
	}
}

func (w *witness) prove(s *server, id string, a ack) {
	w.t.Helper()
	e, err := proof.ParseEvidence(s.get(fmt.Sprintf("/v1/records/%d/evidence", a.index)))
	if err != nil {
		w.t.Fatal(err)
	}
	report := proof.Verify(w.trust, e)
	if report.Verdict != proof.Valid || tree.LeafHash(e.Records[0].Entry) != a.leaf {
		w.t.Fatalf("%s, record %d, is %s: %+v", id, a.index, report.Verdict, report.Checks)
	}
}

// finish sends everything again, which must append what had not arrived and
// nothing else, and audits the ledger.
func (w *witness) finish() {
	w.t.Helper()
	s := w.start()
	w.check(s)
	ctx := context.Background()
	told := len(w.acks)
	for id, event := range w.sent {
		if _, ok := w.post(ctx, s, id, event); !ok {
			w.t.Fatal("the server doesn't answer")
		}
	}
	w.check(s)
	before := string(s.get("/v1/checkpoint"))
	for id, event := range w.sent {
		if fresh, ok := w.post(ctx, s, id, event); !ok || fresh {
			w.t.Fatalf("%s was appended again", id)
		}
	}
	if after := string(s.get("/v1/checkpoint")); after != before {
		w.t.Fatalf("sending everything again moved the checkpoint from\n%s\nto\n%s", before, after)
	}
	at := map[int64]bool{}
	for _, a := range w.acks {
		at[a.index] = true
	}
	if len(at) != len(w.sent) {
		w.t.Fatalf("%d events lie in %d records", len(w.sent), len(at))
	}
	s.terminate()
	w.run("audit", "--deep", "--dir", w.dir)
	w.t.Logf("%d events, %d of them acknowledged under fire, %d checkpoints seen", len(w.sent), told, len(w.heads))
}

// get reads what has to be there.
func (s *server) get(path string) []byte {
	s.w.t.Helper()
	resp, err := http.Get(s.url + path)
	if err != nil {
		s.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.w.t.Fatalf("GET %s: %s %v\n%s", path, resp.Status, err, body)
	}
	return body
}

// entries reads the whole log, bundle by bundle (C2SP tlog-tiles).
func (s *server) entries(size int64) [][]byte {
	s.w.t.Helper()
	var out [][]byte
	for n := int64(0); n*tree.Width < size; n++ {
		path := fmt.Sprintf("%03d", n%1000)
		for rest := n / 1000; rest > 0; rest /= 1000 {
			path = fmt.Sprintf("x%03d/%s", rest%1000, path)
		}
		if width := size - n*tree.Width; width < tree.Width {
			path += fmt.Sprintf(".p/%d", width)
		}
		for b := s.get("/log/tile/entries/" + path); len(b) > 0; {
			length := int(binary.BigEndian.Uint16(b))
			out = append(out, b[2:2+length])
			b = b[2+length:]
		}
	}
	if int64(len(out)) != size {
		s.w.t.Fatalf("the log has %d entries, its checkpoint says %d", len(out), size)
	}
	return out
}
