// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
)

// A pulled follower hands out one record at a time.
type pulled struct {
	t    *testing.T
	next func() (*client.Record, error, bool)
	stop func()
}

func follow(t *testing.T, c *client.Client, from int64, o client.FollowOptions) *pulled {
	next, stop := iter.Pull2(c.Follow(t.Context(), from, o))
	t.Cleanup(stop)
	return &pulled{t, next, stop}
}

// want returns the next record, which has to be that of an index.
func (p *pulled) want(index int64) *client.Record {
	p.t.Helper()
	r, err, ok := p.next()
	if err != nil || !ok || r.Index != index {
		p.t.Fatalf("got %v, %v, want record %d", r, err, index)
	}
	return r
}

// fails returns the error that ends it, after any number of records.
func (p *pulled) fails() error {
	p.t.Helper()
	for {
		r, err, ok := p.next()
		switch {
		case !ok:
			p.t.Fatal("it ended without an error")
		case err != nil:
			if _, _, more := p.next(); more || r != nil {
				p.t.Error("an error does not end it")
			}
			return err
		}
	}
}

// shown is what a record tells, without what changes with the tree.
func shown(r *client.Record) string {
	s := string(r.Entry)
	if r.Event != nil {
		s += string(r.Event.Document().Bytes())
	}
	for _, d := range r.Sealed {
		s += fmt.Sprintf("%s %v %s\n", d.Pointer, d.Present, d.Value.Bytes())
	}
	return s + fmt.Sprint(r.Schema != nil, r.Unreadable)
}

// What is followed is what is read one by one; of a restricted record, and
// where only entries are asked for, it is the entry alone.
func TestFollow(t *testing.T) {
	s := serve(t)
	s.record(events(0, 40))
	c := s.dial()
	all, entries := follow(t, c, 0, client.FollowOptions{}), follow(t, c, 0, client.FollowOptions{Entries: true})
	from := s.ledger.Head().Size
	live := follow(t, c, from, client.FollowOptions{})
	hidden := 0
	check := func(index int64, followers ...*pulled) {
		t.Helper()
		want, err := c.Record(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		bare := &client.Record{Entry: want.Entry}
		if e := want.Leaf.Entry; e != nil && e.Type == record.TypeRestricted {
			want, hidden = bare, hidden+1
		}
		for _, p := range followers {
			got := p.want(index)
			if diff := cmp.Diff(shown(want), shown(got)); diff != "" {
				t.Fatalf("record %d:\n%s", index, diff)
			}
			if got.Checkpoint.Size <= index || got.Proof == nil && got.Checkpoint.Size > 1 {
				t.Fatalf("record %d is not proved", index)
			}
		}
		if diff := cmp.Diff(shown(bare), shown(entries.want(index))); diff != "" {
			t.Fatalf("the entry of record %d:\n%s", index, diff)
		}
	}
	for index := range from {
		check(index, all)
	}
	for i, ev := range append(events(40, 10), restricted(t)) {
		if _, err := c.Submit(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		check(from+int64(i), all, live)
	}
	if hidden == 0 {
		t.Error("nothing was restricted")
	}
	// The newest checkpoint is the client's own.
	if got, want := c.Newest().Size, s.ledger.Head().Size; got != want {
		t.Errorf("the newest checkpoint is of %d records, want %d", got, want)
	}
	for _, p := range []*pulled{all, entries, live} {
		p.stop()
	}
	wantNoFollower(t)
}

// wantNoFollower waits until nothing of a follower is left.
func wantNoFollower(t *testing.T) {
	t.Helper()
	buf := make([]byte, 1<<20)
	if !ledgertest.Comes(func() bool { return !strings.Contains(string(buf[:runtime.Stack(buf, true)]), "(*follower)") }) {
		t.Errorf("something is left of a follower:\n%s", buf)
	}
}

// A connection that breaks anywhere, and a server that is started again, cost
// nothing.
func TestFollowGoesOn(t *testing.T) {
	s := serve(t)
	from := s.ledger.Head().Size
	s.record(events(0, 60))
	n, total := 0, 0
	every := func(_ int, line string) []string {
		if n++; n%23 == 0 {
			total++
			return []string{line[:len(line)/2], cut}
		}
		return []string{line}
	}
	s.line.Store(&every)
	c := s.dial()
	p := follow(t, c, from, client.FollowOptions{})
	for i := range int64(60) {
		p.want(from + i)
	}
	if total < 5 {
		t.Errorf("%d connections broke only", total)
	}
	s.line.Store(nil)
	for round := range 3 {
		s.restart(s.ledger.Dir) // closing appended an index-root
		s.hangUp()
		s.record(events(60+10*round, 10))
		for range 11 {
			from = p.want(from+60).Index - 59
		}
	}
	// Whoever begins with what comes next begins there.
	seen := make(chan struct{})
	told := func(n int, line string) []string {
		if n == 2 { // the end of the first checkpoint
			close(seen)
		}
		return []string{line}
	}
	s.line.Store(&told)
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		<-seen
		s.record(events(200, 2))
	}()
	size := s.ledger.Head().Size
	p = follow(t, c, -1, client.FollowOptions{Entries: true})
	p.want(size)
	p.want(size + 1)
	<-recorded // a record is told before its receipt is there
}

// A server that says nothing, or breaks off without having told anything, is
// given up; one that only tells that it lives is not.
func TestFollowGivesUp(t *testing.T) {
	s := serve(t)
	c, hasty := s.dial(client.WithRetries(3), client.WithStall(time.Minute)), s.dial(client.WithRetries(3), client.WithStall(3*time.Second))
	size := s.ledger.Head().Size
	var asked atomic.Int64
	answer := func(do func(w http.ResponseWriter, r *http.Request)) {
		asked.Store(0)
		f := func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/v1/events" {
				return false
			}
			asked.Add(1)
			do(w, r)
			return true
		}
		s.before.Store(&f)
	}
	// net/http asks once more by itself on a connection that was kept.
	asks := func(n int64) bool { return asked.Load() == n || asked.Load() == n+1 }
	write := func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, text)
		_ = http.NewResponseController(w).Flush()
	}
	for name, do := range map[string]func(http.ResponseWriter, *http.Request){
		"hangs up":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"ends":      func(w http.ResponseWriter, _ *http.Request) { write(w, "") },
		"is silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"grows silent": func(w http.ResponseWriter, r *http.Request) {
			write(w, "event: unknown\ndata: x\n\n")
			<-r.Context().Done()
		},
		"has no good news": func(w http.ResponseWriter, _ *http.Request) {
			write(w, "event: problem\ndata: {\"status\":500,\"title\":\"x\"}\n\n")
		},
	} {
		answer(do)
		c := c
		if strings.HasSuffix(name, "silent") {
			c = hasty
		}
		err := follow(t, c, size, client.FollowOptions{}).fails()
		var p *client.Problem
		if !errors.Is(err, client.ErrUnreachable) && !(errors.As(err, &p) && p.Status == 500) || !asks(4) {
			t.Errorf("a server that %s was asked %d times, then %v", name, asked.Load(), err)
		}
	}
	// Twenty connections that live and end.
	answer(func(w http.ResponseWriter, r *http.Request) {
		if asked.Load() > 20 {
			panic(http.ErrAbortHandler)
		}
		write(w, ":\n\n")
	})
	if err := follow(t, c, size, client.FollowOptions{}).fails(); !errors.Is(err, client.ErrUnreachable) || !asks(24) {
		t.Errorf("it was asked %d times, then %v", asked.Load(), err)
	}
	// What is refused is not asked for again.
	answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	var p *client.Problem
	if err := follow(t, c, size, client.FollowOptions{}).fails(); !errors.As(err, &p) || asked.Load() != 1 {
		t.Errorf("it was asked %d times, then %v", asked.Load(), err)
	}
	s.before.Store(nil)
	if err := follow(t, c, size+100, client.FollowOptions{}).fails(); !errors.As(err, &p) || p.Status != http.StatusNotFound {
		t.Errorf("what is not there gave %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, last := 0, error(nil)
	for _, err := range c.Follow(ctx, 0, client.FollowOptions{}) {
		if n++; n == 3 {
			cancel()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("a context that ended gave %v", last)
	}
	wantNoFollower(t)
}

func TestLiesToFollowers(t *testing.T) {
	s := serve(t)
	from := s.ledger.Head().Size
	s.record(events(0, 10))
	other := ledgertest.New(t)
	// data changes the documents of one kind of event, from the second on.
	data := func(event string, f func(v map[string]any)) func() func(int, string) []string {
		return func() func(int, string) []string {
			current, n := "", 0
			return func(_ int, line string) []string {
				if name, ok := strings.CutPrefix(line, "event: "); ok {
					if current = strings.TrimSpace(name); current == event {
						n++
					}
				}
				doc, ok := strings.CutPrefix(line, "data: ")
				if !ok || current != event || event == "record" && n < 2 {
					return []string{line}
				}
				return []string{"data: " + string(edit(t, []byte(doc), f)) + "\n"}
			}
		}
	}
	// without leaves out events by their numbers.
	without := func(numbers ...int) func() func(int, string) []string {
		return func() func(int, string) []string {
			n := 1
			return func(_ int, line string) []string {
				out := []string{line}
				for _, x := range numbers {
					if x == n {
						out = nil
					}
				}
				if line == "\n" {
					n++
				}
				return out
			}
		}
	}
	for _, tc := range []struct {
		name string
		lie  func() func(int, string) []string
		says string
	}{
		{"no checkpoint", without(1), "before any checkpoint"},
		{"a gap", without(4), fmt.Sprintf("where record %d should have come", from+2)},
		{"the beginning", without(2, 3), fmt.Sprintf("where record %d should have come", from)},
		{"another place", data("record", func(v map[string]any) { v["index"] = from }), fmt.Sprintf("where record %d should have come", from+1)},
		{"another entry", data("record", func(v map[string]any) { entryWith(t, v, `"seq":`, `"seq":1`) }), "not at this place"},
		{"no proof", data("record", func(v map[string]any) { v["proof"] = []string{} }), "not at this place"},
		{"a member", data("record", func(v map[string]any) {
			memberOf(t, v, "/id")["value"] = json.RawMessage(`"another"`)
		}), "committed to"},
		{"no members", data("record", func(v map[string]any) { v["members"] = []any{} }), ""},
		{"no document", data("record", func(v map[string]any) { v["index"] = "x" }), "cannot be read"},
		{"another ledger", data("checkpoint", func(v map[string]any) { v["checkpoint"] = string(other.Head().Note) }), ""},
		{"no signature", data("checkpoint", func(v map[string]any) { v["checkpoint"] = strings.Split(v["checkpoint"].(string), "\n\n")[0] + "\n" }), ""},
		{"no checkpoint in it", data("checkpoint", func(v map[string]any) { v["proof"] = "x" }), "cannot be read"},
	} {
		f := tc.lie()
		s.line.Store(&f)
		wantLie(t, follow(t, s.dial(), from, client.FollowOptions{}).fails(), tc.says)
	}
	// A proof of consistency that does not hold is asked for again.
	f := data("checkpoint", func(v map[string]any) { v["proof"] = []string{} })()
	s.line.Store(&f)
	p := follow(t, s.dial(), from, client.FollowOptions{})
	p.want(from)
	s.record(events(20, 1))
	for i := range int64(10) {
		p.want(from + 1 + i)
	}
}

// A ledger that was rolled back or forked under a follower's eyes.
func TestFollowFork(t *testing.T) {
	s := serve(t)
	s.ledger.Stop()
	old := copyOf(t, s.ledger.Dir)
	older := copyOf(t, s.ledger.Dir)
	s.use(ledgertest.Start(t, s.ledger.Dir, ledger.Options{}))
	from := s.ledger.Head().Size
	s.record(events(0, 20))
	c := s.dial()
	p := follow(t, c, from, client.FollowOptions{})
	for i := range int64(20) {
		p.want(from + i)
	}
	s.restart(old)
	s.hangUp()
	if lie := wantLie(t, p.fails(), "rolled back"); len(lie.Checkpoints) != 2 {
		t.Errorf("the evidence is %d checkpoints", len(lie.Checkpoints))
	}
	s.restart(older)
	s.record(events(100, 60))
	if lie := wantLie(t, follow(t, c, from+20, client.FollowOptions{}).fails(), "forked"); len(lie.Checkpoints) != 2 {
		t.Errorf("the evidence is %d checkpoints", len(lie.Checkpoints))
	}
}
