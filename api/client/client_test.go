// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

func TestDialTrust(t *testing.T) {
	s := serve(t)
	c, err := client.Dial(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	if !c.FirstUse() || !bytes.Equal(c.Trust().Bytes(), s.ledger.Trust().Bytes()) {
		t.Error("trust on first use is not the ledger's own, or not said to be so")
	}
	if s.dial().FirstUse() {
		t.Error("a pinned trust is said to be the server's")
	}

	other := ledgertest.New(t)
	_, err = client.Dial(t.Context(), s.url, client.WithTrust(other.Trust()))
	wantLie(t, err, "no signature of a known key")

	// The same keys, but another beginning.
	trust := s.ledger.Trust()
	trust.Genesis[0] ^= 1
	_, err = client.Dial(t.Context(), s.url, client.WithTrust(trust))
	wantLie(t, err, "it is another ledger")

	lie := func(r *http.Request, _ *http.Response, body []byte) []byte {
		if r.URL.Path == "/v1/trust" {
			trust := s.ledger.Trust()
			trust.VRF = other.Trust().VRF
			return trust.Bytes()
		}
		return body
	}
	s.lie.Store(&lie)
	_, err = client.Dial(t.Context(), s.url)
	wantLie(t, err, "VRF key of the policy")

	for _, bad := range []string{"", "ledger.bank.example", "ftp://ledger.bank.example", "http://", "http://ledger.bank.example/?x=1", "http://a b"} {
		if _, err := client.Dial(t.Context(), bad); !errors.Is(err, client.ErrURL) {
			t.Errorf("%q gave %v", bad, err)
		}
	}
}

func TestSubmit(t *testing.T) {
	s := serve(t)
	c := s.dial()
	for _, ev := range append(events(0, 40), restricted(t)) {
		first, err := c.Submit(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.Submit(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		if !again.Repeated || again.Receipt.Index != first.Receipt.Index || !bytes.Equal(again.Receipt.Entry, first.Receipt.Entry) {
			t.Errorf("the same event gave record %d, repeated %v, after record %d", again.Receipt.Index, again.Repeated, first.Receipt.Index)
		}
		parsed, err := record.ParseEvent(ev, s.ledger.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*client.Result{first, again} {
			if got := proof.VerifyReceipt(c.Trust(), r.Receipt, parsed); got.Verdict != proof.Valid {
				t.Errorf("the receipt of record %d is %v", r.Receipt.Index, got)
			}
		}
	}
	if c.Newest().Size != s.ledger.Head().Size {
		t.Errorf("the newest checkpoint is of %d records, want %d", c.Newest().Size, s.ledger.Head().Size)
	}
}

func TestSubmitOwnTypes(t *testing.T) {
	s := serve(t)
	c := s.dial(client.WithoutTypes())
	for _, ev := range append(events(0, 10), restricted(t)) {
		r, err := c.Submit(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Record(t.Context(), r.Receipt.Index); err != nil {
			t.Error(err)
		}
	}
	// Schemas are kept: that they are asked for once shows on the way.
	before := s.requests.Load()
	if _, err := c.Submit(t.Context(), events(0, 1)[0]); err != nil {
		t.Fatal(err)
	}
	if n := s.requests.Load() - before; n > 2 {
		t.Errorf("a repeated event took %d requests", n)
	}

	lie := func(r *http.Request, _ *http.Response, body []byte) []byte {
		if strings.HasPrefix(r.URL.Path, "/v1/schemas/") {
			return replace(t, body, "additionalProperties", " additionalProperties")
		}
		return body
	}
	s.lie.Store(&lie)
	_, err := s.dial(client.WithoutTypes()).Submit(t.Context(), events(20, 1)[0])
	wantLie(t, err, "schema")
	lie = func(r *http.Request, _ *http.Response, body []byte) []byte {
		if strings.HasPrefix(r.URL.Path, "/v1/schemas/") {
			return append(body, '\n')
		}
		return body
	}
	s.lie.Store(&lie)
	_, err = s.dial(client.WithoutTypes()).Submit(t.Context(), events(20, 1)[0])
	wantLie(t, err, "does not have the hash")
}

func TestRefusals(t *testing.T) {
	s := serve(t)
	c := s.dial()
	ev := events(0, 1)[0]
	if _, err := c.Submit(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	first := s.ledger.Head().Size - 1

	_, err := c.Submit(t.Context(), with(mustParse(t, ev), "note", canon.Text("another content")).Bytes())
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 409 || p.Type != "urn:lendlog:problem:conflict" || p.Index == nil || *p.Index != first {
		t.Errorf("a conflict gave %v", err)
	}

	before := s.requests.Load()
	_, err = c.Submit(t.Context(), with(mustParse(t, ev), "time", canon.Text("yesterday")).Bytes())
	if !errors.As(err, &p) || p.Status != 422 || len(p.Errors) == 0 || p.Errors[0].Pointer != "/time" {
		t.Errorf("a time without a date gave %v", err)
	}
	if n := s.requests.Load() - before; n != 1 {
		t.Errorf("a refusal was asked for %d times", n)
	}

	before = s.requests.Load()
	for _, bad := range []string{"", "{", `{"a":1,"a":2}`, strings.Repeat(" ", record.MaxEvent+1)} {
		var v record.Violations
		if _, err := c.Submit(t.Context(), []byte(bad)); !errors.As(err, &v) {
			t.Errorf("%.20q gave %v", bad, err)
		}
	}
	if n := s.requests.Load() - before; n != 0 {
		t.Errorf("what is no event was sent %d times", n)
	}

	_, err = c.Record(t.Context(), 1<<40)
	if !errors.As(err, &p) || p.Status != 404 {
		t.Errorf("a record that does not exist gave %v", err)
	}
}

func TestRead(t *testing.T) {
	s := serve(t)
	c := s.dial()
	docs := append(events(0, 150), restricted(t))
	at := map[string][]int64{} // by subject
	for i, o := range must(stream(t, c, docs, client.StreamOptions{})) {
		if o.Refused != nil {
			t.Fatal(o.Refused)
		}
		ev, err := record.ParseEvent(docs[i], s.ledger.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Record(t.Context(), o.Result.Receipt.Index)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(ev.Document().Bytes()), string(r.Event.Document().Bytes())); diff != "" {
			t.Errorf("record %d gives another event (-submitted +read):\n%s", r.Index, diff)
		}
		if !o.Result.Repeated {
			at[ev.Subject] = append(at[ev.Subject], r.Index)
		}
		if err := c.Complete(t.Context(), o.Result.Receipt); err != nil {
			t.Fatal(err)
		}
		if got := proof.VerifyReceipt(c.Trust(), o.Result.Receipt, ev); got.Verdict != proof.Valid {
			t.Errorf("the completed receipt of record %d is %v", r.Index, got)
		}
	}
	for subject, want := range at {
		kind, id, _ := strings.Cut(subject, "/")
		tl, err := c.Timeline(t.Context(), kind, id, 1, 1000)
		if err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
		var got []int64
		for _, r := range tl.Records {
			got = append(got, r.Index)
		}
		if diff := cmp.Diff(want, got); diff != "" || tl.Count != int64(len(want)) {
			t.Errorf("%s has %d records (-want +got):\n%s", subject, tl.Count, diff)
		}
	}
	all, err := c.Prove(t.Context(), s.ledger.Head().Size-1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := proof.Verify(c.Trust(), all); got.Verdict != proof.Valid {
		t.Errorf("evidence is %v", got)
	}
	for _, pointers := range [][]string{{}, {"/subject"}, {"/id", "/data/narrative"}} {
		e, err := c.Prove(t.Context(), s.ledger.Head().Size-1, pointers)
		if err != nil {
			t.Fatal(err)
		}
		if want := len(pointers) + min(1, len(pointers)); len(e.Records[0].Disclosures) != want { // and /type
			t.Errorf("evidence with %v discloses %d members", pointers, len(e.Records[0].Disclosures))
		}
	}
	for i := range int64(30) { // the ledger's own records, genesis included
		if _, err := c.Record(t.Context(), i); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
	types, err := c.Types(t.Context())
	if err != nil || len(types) == 0 {
		t.Fatalf("there are %d types: %v", len(types), err)
	}
	for _, typ := range types {
		sch, err := c.Schema(t.Context(), [32]byte(typ.Schema))
		if err != nil || sch.Type != typ.Type {
			t.Errorf("the schema of %s: %v", typ.Type, err)
		}
	}
}

func TestReadIndexRoot(t *testing.T) {
	s := serve(t)
	s.restart(s.ledger.Dir) // closing appends one
	c := s.dial()
	r, err := c.Record(t.Context(), s.ledger.Head().Size-1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Leaf.IndexRoot == nil || r.Event != nil {
		t.Errorf("the last leaf is %s", r.Entry)
	}
}

// Pages of a timeline have to join.
func TestTimelinePages(t *testing.T) {
	s := serve(t)
	c := s.dial()
	var docs [][]byte
	payment := mustParse(t, eventOf(t, "org.lendlog.payment.received.v1"))
	for i := range 230 {
		docs = append(docs, with(payment, "id", canon.Text("p-"+string(rune('a'+i%26))+string(rune('a'+i/26)))).Bytes())
	}
	if _, err := stream(t, c, docs, client.StreamOptions{}); err != nil {
		t.Fatal(err)
	}
	subject, _ := payment.Get("subject")
	kind, id, _ := strings.Cut(subject.Str, "/")
	for _, x := range []struct{ from, limit, want int64 }{{1, 1000, 230}, {1, 100, 100}, {101, 100, 100}, {99, 150, 132}, {230, 7, 1}, {231, 7, 0}, {1, 0, 0}} {
		tl, err := c.Timeline(t.Context(), kind, id, x.from, x.limit)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(tl.Records)) != x.want || x.limit > 0 && tl.Count != 230 {
			t.Errorf("from %d, at most %d: %d of %d records, want %d", x.from, x.limit, len(tl.Records), tl.Count, x.want)
		}
		// Only a whole timeline is a story.
		if story := tl.Story(); (story != nil) != (x.want == 230) || story != nil && len(story.Records) != 230 {
			t.Errorf("from %d, at most %d: it tells %v", x.from, x.limit, story)
		}
	}
}

var _ fsck.Log = (*client.Log)(nil)

func TestLog(t *testing.T) {
	s := serve(t)
	c := s.dial()
	log := c.Log()
	if _, err := stream(t, c, events(0, 300), client.StreamOptions{}); err != nil {
		t.Fatal(err)
	}
	if note, err := log.Checkpoint(t.Context()); err != nil || !bytes.Equal(note, s.ledger.Head().Note) {
		t.Errorf("the checkpoint is %q: %v", note, err)
	}
	leaves, err := log.HashTile(t.Context(), 0, 0, 256)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := log.EntryBundle(t.Context(), 0, 256)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 256 {
		n := int(entries[0])<<8 | int(entries[1])
		if leaf := tree.LeafHash(entries[2 : 2+n]); !bytes.Equal(leaf[:], leaves[32*i:32*i+32]) {
			t.Fatalf("entry %d does not hash to its leaf", i)
		}
		entries = entries[2+n:]
	}
	if b, err := log.HashTile(t.Context(), 0, 1, 3); err != nil || len(b) != 96 {
		t.Errorf("a tile that is not full gave %d bytes: %v", len(b), err)
	}
	if b, err := log.HashTile(t.Context(), 1, 0, 1); err != nil || len(b) != 32 {
		t.Errorf("a tile of level 1 gave %d bytes: %v", len(b), err)
	}
}

func TestMemory(t *testing.T) {
	s := serve(t)
	name := filepath.Join(t.TempDir(), "checkpoint")
	c := s.dial(client.WithMemory(client.File(name)))
	if _, err := c.Submit(t.Context(), events(0, 1)[0]); err != nil {
		t.Fatal(err)
	}
	note, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(note, c.Newest().Note) {
		t.Fatalf("remembered is %q, want the newest checkpoint: %v", note, err)
	}
	s.ledger.Stop()
	old := copyOf(t, s.ledger.Dir)
	s.use(ledgertest.Start(t, s.ledger.Dir, ledger.Options{}))
	for _, ev := range events(1, 50) {
		if _, err := s.dial(client.WithMemory(client.File(name))).Submit(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}

	// An older state under the same keys, with a history of its own since.
	s.restart(old)
	s.record(events(100, 5))
	_, err = client.Dial(t.Context(), s.url, client.WithTrust(s.ledger.Trust()), client.WithMemory(client.File(name)))
	lie := wantLie(t, err, "rolled back")
	if len(lie.Checkpoints) != 2 {
		t.Fatalf("the evidence is %d checkpoints", len(lie.Checkpoints))
	}
	for _, note := range lie.Checkpoints {
		if _, err := s.ledger.Trust().OpenCheckpoint(note); err != nil {
			t.Errorf("the evidence does not verify: %v", err)
		}
	}
	s.record(events(105, 100))
	_, err = client.Dial(t.Context(), s.url, client.WithTrust(s.ledger.Trust()), client.WithMemory(client.File(name)))
	if lie := wantLie(t, err, "forked"); len(lie.Checkpoints) != 2 {
		t.Fatalf("the evidence is %d checkpoints", len(lie.Checkpoints))
	}

	// Without a pinned trust, too: the memory is of this ledger's keys.
	_, err = client.Dial(t.Context(), s.url, client.WithMemory(client.File(name)))
	wantLie(t, err, "forked")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Dial(t.Context(), s.url, client.WithMemory(client.File(name))); err == nil {
		t.Error("an empty memory is taken for none")
	}
	other := ledgertest.New(t)
	if err := os.WriteFile(name, other.Head().Note, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = client.Dial(t.Context(), s.url, client.WithMemory(client.File(name)))
	wantLie(t, err, "remembered")
}

// Receipts that come at the same time have checkpoints in any order.
func TestConcurrent(t *testing.T) {
	s := serve(t)
	c := s.dial()
	docs := events(0, 120)
	var running sync.WaitGroup
	for i := range 12 {
		running.Go(func() {
			for _, ev := range docs[10*i : 10*i+10] {
				if _, err := c.Submit(t.Context(), ev); err != nil {
					t.Error(err)
				}
				if _, err := c.Checkpoint(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if got, want := c.Newest().Size, s.ledger.Head().Size; got != want {
		t.Errorf("the newest checkpoint is of %d records, want %d", got, want)
	}
}

// A fork is found out by a client that lives through it.
func TestFork(t *testing.T) {
	s := serve(t)
	s.ledger.Stop()
	other := copyOf(t, s.ledger.Dir)
	s.restart(s.ledger.Dir)
	c := s.dial()
	for _, ev := range events(0, 5) {
		if _, err := c.Submit(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	s.restart(other)
	_, err := c.Checkpoint(t.Context())
	wantLie(t, err, "rolled back")
	var last error
	for _, ev := range events(50, 10) {
		_, last = c.Submit(t.Context(), ev)
	}
	if lie := wantLie(t, last, "forked"); len(lie.Checkpoints) != 2 {
		t.Errorf("the evidence is %d checkpoints", len(lie.Checkpoints))
	}
}

func TestConsistency(t *testing.T) {
	s := serve(t)
	c := s.dial()
	older := c.Newest()
	if _, err := stream(t, c, events(0, 20), client.StreamOptions{}); err != nil {
		t.Fatal(err)
	}
	p, err := c.Consistency(t.Context(), older, c.Newest())
	if err != nil {
		t.Fatal(err)
	}
	newer := c.Newest()
	if err := tree.VerifyConsistency(p, older.Size, newer.Size, older.Root, newer.Root); err != nil {
		t.Error(err)
	}
	if _, err := c.Consistency(t.Context(), newer, older); err == nil {
		t.Error("a larger checkpoint is taken for the older one")
	}
	forged := older
	forged.Root[0] ^= 1
	_, err = c.Consistency(t.Context(), forged, newer)
	wantLie(t, err, "forked")
}

func TestContext(t *testing.T) {
	s := serve(t)
	c := s.dial(client.WithSleep(func(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() }))
	down := func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }
	s.before.Store(&down)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Submit(ctx, events(0, 1)[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := c.Checkpoint(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := collect(c.Stream(ctx, never, client.StreamOptions{})); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// never is a stream of events that goes on without any.
func never(func([]byte) bool) { select {} }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func mustParse(t *testing.T, doc []byte) canon.Value {
	t.Helper()
	v, err := canon.Parse(doc, canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// with returns an object with another value of a member.
func with(v canon.Value, name string, value canon.Value) canon.Value {
	out := []canon.Member{{Name: name, Value: value}}
	for _, m := range v.Members {
		if m.Name != name {
			out = append(out, m)
		}
	}
	return canon.Map(out...)
}

// eventOf returns an event of a type.
func eventOf(t *testing.T, typ string) []byte {
	t.Helper()
	e := ledgertest.NewEvents(7)
	for range 10000 {
		if ev := e.Next(); ev.Want == ledgertest.Accepted && bytes.Contains(ev.Document, []byte(typ)) {
			return ev.Document
		}
	}
	t.Fatalf("the generator makes no event of type %s", typ)
	return nil
}

func restricted(t *testing.T) []byte { return eventOf(t, "org.lendlog.case.opened.v1") }
