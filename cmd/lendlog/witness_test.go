// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A witness knows what a ledger's clients were told, and believes nothing
// else.
type witness struct {
	t        *testing.T
	bin, dir string
	trust    *proof.Trust
	types    *record.Catalogue
	random   *rand.Rand
	excused  func(status int) bool // answers that a server may refuse with; nil: none
	under    []string              // what the server is run under
	flags    []string              // of the server
	opening  time.Duration         // how long the server took to listen

	mu    sync.Mutex // guards all below
	sent  map[string][]byte
	acks  map[string]ack
	order []string            // the ids in acks
	heads map[int64]tree.Hash // every checkpoint that was seen
	next  int                 // number of the next new event
	told  chan struct{}       // an acknowledgement came
}

// An ack is what a client was told of an event.
type ack struct {
	index int64
	leaf  tree.Hash
}

// build makes the program, and returns its path. The short form does with the test's
// own binary, which is the program when it is called by its name.
func build(t *testing.T, flags ...string) string {
	t.Helper()
	if !scale.Long && len(flags) == 0 {
		bin, err := exec.LookPath("lendlog")
		if err != nil {
			t.Fatal(err)
		}
		return bin
	}
	bin := filepath.Join(t.TempDir(), "lendlog")
	if out, err := exec.Command("go", slices.Concat([]string{"build", "-o", bin}, flags, []string{"."})...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// newSeed is what is random in a test: LENDLOG_SEED, or else the time.
func newSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("LENDLOG_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal("LENDLOG_SEED is not a number")
		}
	}
	t.Logf("LENDLOG_SEED=%d", seed)
	return seed
}

// newWitness makes a ledger of which nothing is known but its trust file.
func newWitness(t *testing.T, bin string) *witness {
	t.Helper()
	w := &witness{
		t: t, bin: bin, dir: filepath.Join(t.TempDir(), "ledger"),
		random: rand.New(rand.NewPCG(newSeed(t), 0)),
		sent:   map[string][]byte{}, acks: map[string]ack{}, heads: map[int64]tree.Hash{},
		told: make(chan struct{}, 1<<16),
	}
	var err error
	if w.types, err = record.Builtin(); err != nil {
		t.Fatal(err)
	}
	w.run("init", "--dir", w.dir, "--origin", "witness.test/1")
	w.readTrust()
	return w
}

func (w *witness) readTrust() {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "trust.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	if w.trust, err = proof.ParseTrust(b); err != nil {
		w.t.Fatal(err)
	}
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
	s, err := w.tryStart()
	if err != nil {
		w.t.Fatalf("the server doesn't start: %v\n%s", err, &s.errs)
	}
	return s
}

// tryStart starts a server; when it ends before it listens, how it ended is
// the error.
func (w *witness) tryStart() (*server, error) {
	w.t.Helper()
	args := slices.Concat(w.under, []string{w.bin, "serve", "--dir", w.dir, "--listen", "127.0.0.1:0", "--json", "--quiet"}, w.flags)
	s := &server{w: w, cmd: exec.Command(args[0], args[1:]...)}
	s.cmd.Stderr = &s.errs
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	var ready struct {
		URL string `json:"url"`
	}
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		return s, errors.Join(err, s.cmd.Wait())
	}
	s.url, w.opening = ready.URL, time.Since(began)
	return s, nil
}

// stillborn starts a server and kills it somewhere in opening: what recovers
// a ledger may be cut off too.
func (w *witness) stillborn() {
	w.t.Helper()
	killSoon(w.t, w.random, w.opening, w.bin, "serve", "--dir", w.dir, "--listen", "127.0.0.1:0", "--quiet")
}

// killSoon runs a program and kills it at a random moment of the time that it
// takes. It returns whether the program had ended well before.
func killSoon(t *testing.T, r *rand.Rand, takes time.Duration, bin string, args ...string) (ended bool) {
	t.Helper()
	cmd := exec.Command(bin, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(r.Int64N(int64(takes))))
	_ = cmd.Process.Kill()
	err := cmd.Wait()
	if err != nil && !killed(err) {
		t.Errorf("lendlog %s ended before it was killed: %v\n%s", strings.Join(args, " "), err, &errs)
	}
	return err == nil
}

func killed(err error) bool {
	var ee *exec.ExitError
	return errors.As(err, &ee) && ee.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	if err := s.cmd.Wait(); !killed(err) {
		s.w.t.Errorf("the server ended before it was killed: %v\n%s", err, &s.errs)
	}
}

func (s *server) terminate() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		s.w.t.Errorf("SIGTERM: %v, want exit code 0\n%s", err, &s.errs)
	}
}

// load has clients submit and read, each in its own way, until end has ended
// the server.
func (w *witness) load(s *server, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var clients sync.WaitGroup
	client := func(do func(context.Context, *server, *rand.Rand) bool) {
		r := rand.New(rand.NewPCG(w.random.Uint64(), 0))
		clients.Go(func() {
			for ctx.Err() == nil && do(ctx, s, r) {
			}
		})
	}
	for range 2 {
		client(func(ctx context.Context, s *server, r *rand.Rand) bool { return w.stream(ctx, s, r, 1<<30) })
		client(w.single)
	}
	client(w.batch)
	client(w.contradict)
	client(w.read)
	client(w.watch)
	end()
	cancel()
	clients.Wait()
}

// soon waits for a random number of acknowledgements and a random moment
// more, so that what follows hits the server anywhere in a commit.
func (w *witness) soon() {
	for len(w.told) > 0 {
		<-w.told
	}
	pause := time.Duration(w.random.IntN(5_000)) * time.Microsecond
	for range 1 + w.random.IntN(400) {
		select {
		case <-w.told:
		case <-time.After(4 * time.Minute):
			w.t.Error("the server acknowledges nothing any more")
			return
		}
	}
	time.Sleep(pause)
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
	if n%11 == 0 { // a restricted record, at first in a new chain
		typ, subject, data = "org.lendlog.case.opened.v1", fmt.Sprintf("case/%d", n%2003), `{"caseKind":"fraud"}`
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
	before, ok := w.acks[id]
	if ok && before != a {
		w.t.Errorf("%s was acknowledged as record %d, and now as %d", id, before.index, a.index)
	}
	if !ok {
		w.order = append(w.order, id)
	}
	w.acks[id] = a
	select {
	case w.told <- struct{}{}:
	default: // nobody counts so far
	}
}

// acknowledged waits for an event that was acknowledged and returns any.
func (w *witness) acknowledged(ctx context.Context, r *rand.Rand) (id string, event []byte, a ack, ok bool) {
	for ctx.Err() == nil {
		w.mu.Lock()
		if len(w.order) > 0 {
			id = w.order[r.IntN(len(w.order))]
			event, a = w.sent[id], w.acks[id]
			w.mu.Unlock()
			return id, event, a, true
		}
		w.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	return "", nil, ack{}, false
}

// refused judges an answer that is neither an acknowledgement nor what was
// asked for.
func (w *witness) refused(status int, problem []byte) {
	if w.excused == nil || !w.excused(status) {
		w.t.Errorf("answered %d: %s", status, problem)
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

// ask sends a request and reads the answer to its end. Without ok nobody
// answered: the server is gone.
func (w *witness) ask(ctx context.Context, method, url, media string, body []byte) (status int, answer []byte, ok bool) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		w.t.Error(err)
		return 0, nil, false
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, false
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err == nil
}

// watch takes down the checkpoint that is published, as a witness would.
func (w *witness) watch(ctx context.Context, s *server, _ *rand.Rand) bool {
	status, note, ok := w.ask(ctx, http.MethodGet, s.url+"/v1/checkpoint", "", nil)
	if !ok {
		return false
	}
	if status != http.StatusOK {
		w.refused(status, note)
		return false
	}
	w.saw(note)
	return true
}

// read asks for something that was acknowledged, which has to be there.
func (w *witness) read(ctx context.Context, s *server, r *rand.Rand) bool {
	id, _, a, ok := w.acknowledged(ctx, r)
	if !ok {
		return false
	}
	path := fmt.Sprintf("/v1/records/%d", a.index)
	what := r.IntN(3)
	switch what {
	case 1:
		path += "/evidence"
	case 2:
		path = fmt.Sprintf("/v1/subjects/line/%d", r.IntN(7))
	}
	status, body, ok := w.ask(ctx, http.MethodGet, s.url+path, "", nil)
	if !ok {
		return false
	}
	if status != http.StatusOK {
		if what == 2 && status == http.StatusNotFound {
			return true // nothing was submitted of it so far
		}
		w.refused(status, body)
		return false
	}
	switch what {
	case 0:
		if got, unreadable := identify(w.t, body); got != id || unreadable {
			w.t.Errorf("record %d is %s, and %q was acknowledged there", a.index, body, id)
		}
	case 1:
		w.verify(id, a, body)
	}
	return true
}

// contradict submits another event under an identity that was acknowledged,
// which nobody may accept.
func (w *witness) contradict(ctx context.Context, s *server, r *rand.Rand) bool {
	id, event, a, ok := w.acknowledged(ctx, r)
	if !ok {
		return false
	}
	other := bytes.Replace(event, []byte(`"time":"2026`), []byte(`"time":"2025`), 1)
	status, body, ok := w.ask(ctx, http.MethodPost, s.url+"/v1/records", "application/cloudevents+json", other)
	if !ok {
		return false
	}
	var problem struct {
		Index int64 `json:"index"`
	}
	if status != http.StatusConflict {
		w.refused(status, body)
		return false
	}
	if err := json.Unmarshal(body, &problem); err != nil || problem.Index != a.index {
		w.t.Errorf("another event as %s, which is record %d: %s", id, a.index, body)
	}
	return true
}

// single posts one event.
func (w *witness) single(ctx context.Context, s *server, r *rand.Rand) bool {
	id, event := w.pick(r)
	_, ok := w.post(ctx, s, id, event)
	return ok
}

// post submits one event and verifies its receipt. It returns whether it was
// answered, and whether its record is a new one.
func (w *witness) post(ctx context.Context, s *server, id string, event []byte) (fresh, ok bool) {
	status, body, ok := w.ask(ctx, http.MethodPost, s.url+"/v1/records", "application/cloudevents+json", event)
	if !ok {
		return false, false // nothing is said of the event
	}
	if status != http.StatusOK && status != http.StatusCreated {
		w.refused(status, body)
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
	return status == http.StatusCreated, true
}

// An answer is what a stream or a batch says of one event.
type answer struct {
	Summary    bool            `json:"summary"`
	Checkpoint string          `json:"checkpoint"`
	Status     int             `json:"status"`
	Index      int64           `json:"index"`
	Leaf       tree.Hash       `json:"leaf"`
	Problem    json.RawMessage `json:"problem"`
}

func (w *witness) answered(id string, a answer) {
	if a.Status != http.StatusOK && a.Status != http.StatusCreated {
		w.refused(a.Status, a.Problem)
		return
	}
	w.acknowledge(id, ack{a.Index, a.Leaf})
}

// batch sends some dozens of events as one array.
func (w *witness) batch(ctx context.Context, s *server, r *rand.Rand) bool {
	var ids []string
	var events [][]byte
	for range 1 + r.IntN(50) {
		id, event := w.pick(r)
		ids, events = append(ids, id), append(events, event)
	}
	body := slices.Concat([]byte("["), bytes.Join(events, []byte(",")), []byte("]"))
	// What came of an answer that was cut off counts, element by element.
	status, text, ok := w.ask(ctx, http.MethodPost, s.url+"/v1/records", "application/cloudevents-batch+json", body)
	if status == 0 {
		return false
	}
	if status != http.StatusOK {
		w.refused(status, text)
		return false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return false
	}
	for _, id := range ids {
		var a answer
		if err := d.Decode(&a); err != nil {
			if ok {
				w.t.Errorf("a whole answer to a batch: %v", err)
			}
			return false
		}
		w.answered(id, a)
	}
	return ok
}

// stream sends events as NDJSON, some dozens ahead of the answers, until
// there were enough or the server is gone.
func (w *witness) stream(ctx context.Context, s *server, r *rand.Rand, events int) bool {
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
		for n := 0; n < events && ctx.Err() == nil; n++ {
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
		return false
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			return false // what was not answered as a whole line was not acknowledged
		}
		if resp.StatusCode != http.StatusOK {
			w.refused(resp.StatusCode, text)
			return false
		}
		var a answer
		if err := json.Unmarshal(text, &a); err != nil {
			w.t.Errorf("a line of answers is not JSON: %v", err)
			return false
		}
		if a.Summary {
			if a.Checkpoint != "" {
				w.saw([]byte(a.Checkpoint))
			}
			return true
		}
		w.answered(<-sent, a)
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
		if id, ok := known[i]; ok {
			if w.acks[id].leaf != leaf {
				w.t.Fatalf("record %d is not the one that was acknowledged", i)
			}
			continue
		}
		w.unacknowledged(s, i, entry)
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
			w.verify(id, a, s.get(fmt.Sprintf("/v1/records/%d/evidence", a.index)))
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
	id, unreadable := identify(w.t, s.get(fmt.Sprintf("/v1/records/%d", i)))
	if unreadable || w.sent[id] == nil {
		w.t.Fatalf("record %d is half there: its event is %q, unreadable: %v", i, id, unreadable)
	}
	if before, ok := w.acks[id]; ok && before.index != i {
		w.t.Fatalf("%s is in the log twice: as record %d, which was acknowledged, and as %d", id, before.index, i)
	}
}

// identify takes the id of the event out of a record as it is shown.
func identify(t *testing.T, shown []byte) (id string, unreadable bool) {
	var doc struct {
		Members []struct {
			Pointer string          `json:"pointer"`
			Value   json.RawMessage `json:"value"`
		} `json:"members"`
		Unreadable []string `json:"unreadable"`
	}
	if err := json.Unmarshal(shown, &doc); err != nil {
		t.Errorf("a record is not JSON: %v", err)
		return "", true
	}
	for _, m := range doc.Members {
		if m.Pointer == "/id" {
			_ = json.Unmarshal(m.Value, &id)
		}
	}
	return id, len(doc.Unreadable) > 0
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

// verify holds evidence of a record against what was acknowledged.
func (w *witness) verify(id string, a ack, evidence []byte) {
	e, err := proof.ParseEvidence(evidence)
	if err != nil {
		w.t.Errorf("the evidence of %s: %v", id, err)
		return
	}
	report := proof.Verify(w.trust, e)
	if report.Verdict != proof.Valid || tree.LeafHash(e.Records[0].Entry) != a.leaf {
		w.t.Errorf("%s, record %d, is %s: %+v", id, a.index, report.Verdict, report.Checks)
	}
}

// finish sends everything again, which must append what had not arrived and
// nothing else, and audits the ledger. It returns how many events had been
// acknowledged before.
func (w *witness) finish() (told int) {
	w.t.Helper()
	w.flags = []string{"--audit-every", "0"} // its record would move the checkpoint
	s := w.start()
	w.check(s)
	ctx := context.Background()
	told = len(w.acks)
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
	return told
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

// entries yields the whole log, bundle by bundle (C2SP tlog-tiles).
func (s *server) entries(size int64) iter.Seq2[int64, []byte] {
	s.w.t.Helper()
	return func(yield func(int64, []byte) bool) {
		at := int64(0)
		for n := int64(0); n*tree.Width < size; n++ {
			path := fmt.Sprintf("%03d", n%1000)
			for rest := n / 1000; rest > 0; rest /= 1000 {
				path = fmt.Sprintf("x%03d/%s", rest%1000, path)
			}
			if width := size - n*tree.Width; width < tree.Width {
				path += fmt.Sprintf(".p/%d", width)
			}
			for b := s.get("/log/tile/entries/" + path); len(b) > 0; at++ {
				length := int(binary.BigEndian.Uint16(b))
				if !yield(at, b[2:2+length]) {
					return
				}
				b = b[2+length:]
			}
		}
		if at != size {
			s.w.t.Fatalf("the log has %d entries, its checkpoint says %d", at, size)
		}
	}
}
