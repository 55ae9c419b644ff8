// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/torchwood"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/tree"
)

// group makes a group of so many out of these witnesses.
func group(t testing.TB, l *ledgertest.Ledger, quorum int, log *slog.Logger, witnesses ...*ledgertest.Witness) *Group {
	t.Helper()
	p, err := ParsePolicy(ledgertest.Policy(quorum, witnesses...))
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{Ledger: l.Ledger, Policy: p, Logger: log, Every: time.Millisecond, Timeout: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// run runs a group until the end of the test.
func run(t testing.TB, g *Group) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func head(t testing.TB, l *ledgertest.Ledger) ledger.Head {
	t.Helper()
	h, err := l.IndexedHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func key(l *ledgertest.Ledger) string { return l.Info().VerifierKeys[0] }

// A ledger that grows is cosigned by two out of three, one of them down, and
// each checkpoint in the archive is one that torchwood takes under the policy,
// with an index-root as its last leaf.
func TestRun(t *testing.T) {
	l := ledgertest.New(t)
	one, two, three := ledgertest.NewWitness(t, "witness.example/1", 1, key(l)), ledgertest.NewWitness(t, "witness.example/2", 2, key(l)), ledgertest.NewWitness(t, "witness.example/3", 3, key(l))
	three.Fail(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) })
	g := group(t, l, 2, nil, one, two, three)
	run(t, g)
	events := ledgertest.NewEvents(1)
	for range 5 {
		l.Submit(events.Take(20)...)
		size := l.Head().Size
		ledgertest.Until(t, "a cosigned checkpoint", func() bool { w, ok := l.Witnessed(); return ok && w.Size >= size })
	}
	policy, err := torchwood.ParsePolicy(append([]byte("log "+key(l)+"\n"), ledgertest.Policy(2, one, two, three)...))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for w, ok := l.WitnessedAfter(0); ok; w, ok = l.WitnessedAfter(w.Size) {
		if n++; n > 1000 {
			t.Fatal("the archive does not end")
		}
		if cp, _, err := torchwood.VerifyCheckpoint(w.Note, policy); err != nil || cp.N != w.Size {
			t.Errorf("checkpoint %d: %v", w.Size, err)
		}
		r, err := l.Record(t.Context(), w.Size-1)
		if err != nil || r.Leaf.IndexRoot == nil {
			t.Errorf("the last leaf under checkpoint %d is no index-root: %v", w.Size, err)
		}
	}
	if n < 5 {
		t.Errorf("%d checkpoints are in the archive", n)
	}
	// A group archives first and tells after, while the ledger goes on.
	newest, _ := l.Witnessed()
	ledgertest.Until(t, "the status of what is archived", func() bool { return g.Status().Size >= newest.Size })
	s := g.Status()
	if time.Since(s.At) > time.Hour || s.Overdue || s.Promise != 24*time.Hour {
		t.Errorf("the status is %+v", s)
	}
	if w := s.Witnesses; w[0].Cosigned < 5 || w[0].Failing != "" || w[2].Cosigned != 0 || w[2].Failures == 0 || w[2].Failing != "the witness answers 500" {
		t.Errorf("the status of the witnesses is %+v", w)
	}
	// Who begins anew knows what was cosigned.
	if s := group(t, l, 2, nil, one, two, three).Status(); s.Size < newest.Size || s.At.IsZero() {
		t.Errorf("another group knows of %d at %v", s.Size, s.At)
	}
	if s := group(t, l, 3, nil, one, two, three).Status(); s.Size != 0 || !s.At.IsZero() {
		t.Errorf("two cosignatures are a quorum of three")
	}
	ledgertest.Check(t, l.Stopped())
}

// An append waits for no witness.
func TestAppendsWaitForNobody(t *testing.T) {
	l := ledgertest.New(t)
	w := ledgertest.NewWitness(t, "witness.example/1", 1, key(l))
	reached, release := make(chan bool, 1), make(chan bool)
	w.Fail(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case reached <- true:
		default:
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	g := group(t, l, 1, nil, w)
	run(t, g)
	<-reached
	l.Submit(ledgertest.NewEvents(1).Take(50)...)
	if _, ok := l.Witnessed(); ok {
		t.Error("something is cosigned")
	}
}

// Whatever a witness answers, nothing but its cosignature of the checkpoint is
// taken, and it is said what was wrong.
func TestFaults(t *testing.T) {
	l := ledgertest.New(t)
	other := ledgertest.NewWitness(t, "witness.example/2", 2, key(l))
	h := head(t, l)
	cp := tree.Checkpoint{Origin: l.Info().Origin, Size: h.Size, Root: h.Root}
	bigger := cp
	bigger.Size++
	text := func(f func(w *ledgertest.Witness) string) func(*ledgertest.Witness) http.HandlerFunc {
		return func(w *ledgertest.Witness) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, f(w)) }
		}
	}
	code := func(status int, header ...string) func(*ledgertest.Witness) http.HandlerFunc {
		return func(*ledgertest.Witness) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) {
				for i := 0; i+1 < len(header); i += 2 {
					rw.Header().Set(header[i], header[i+1])
				}
				rw.WriteHeader(status)
				fmt.Fprint(rw, strings.Join(header[len(header)/2*2:], ""))
			}
		}
	}
	const size = "text/x.tlog.size"
	tests := []struct {
		name  string
		fault func(w *ledgertest.Witness) http.HandlerFunc
		want  string
	}{
		{"nothing", text(func(*ledgertest.Witness) string { return "" }), "without a cosignature of its key"},
		{"HTML", text(func(*ledgertest.Witness) string { return "<html>\n\n<p>Welcome\n</html>\n" }), "something else than its cosignature"},
		{"too much", text(func(w *ledgertest.Witness) string { return strings.Repeat(w.Cosign(cp, time.Now()), 200) }), "more than 16 KiB"},
		{"another witness' cosignature", text(func(*ledgertest.Witness) string { return other.Cosign(cp, time.Now()) }), "without a cosignature of its key"},
		{"another name for its cosignature", text(func(w *ledgertest.Witness) string {
			return strings.Replace(w.Cosign(cp, time.Now()), w.ID, other.ID, 1)
		}), "without a cosignature of its key"},
		{"a cosignature of another checkpoint", text(func(w *ledgertest.Witness) string { return w.Cosign(bigger, time.Now()) }), "is wrong"},
		{"a whole checkpoint", text(func(w *ledgertest.Witness) string { return cp.Text() + "\n" + w.Cosign(cp, time.Now()) }), "something else than its cosignature"},
		{"a cosignature without its end", text(func(w *ledgertest.Witness) string { return strings.TrimSuffix(w.Cosign(cp, time.Now()), "\n") }), "something else than its cosignature"},
		{"an old cosignature", text(func(w *ledgertest.Witness) string { return w.Cosign(cp, time.Now().Add(-Skew-time.Hour)) }), "away from that of the ledger"},
		{"a cosignature of tomorrow", text(func(w *ledgertest.Witness) string { return w.Cosign(cp, time.Now().Add(24*time.Hour)) }), "away from that of the ledger"},
		{"the end of time", text(func(w *ledgertest.Witness) string { return w.Cosign(cp, time.Unix(1<<50, 0)) }), "time of the cosignature is not one"},
		{"403", code(http.StatusForbidden), "answers 403: it knows the ledger's origin with another key"},
		{"403 with its reason", code(http.StatusForbidden, "Content-Type", "text/plain; charset=utf-8", "refused: leaf 7\x1b[2J: a lie\nmore\n"), `it says "refused: leaf 7\\u001b[2J: a lie"`},
		{"403 with a page", code(http.StatusForbidden, "Content-Type", "text/html", "<html>"), "have the key of `lendlog trust` registered there"},
		{"404", code(http.StatusNotFound), "answers 404: it does not know the ledger"},
		{"422", code(http.StatusUnprocessableEntity), "there are two histories"},
		{"429", code(http.StatusTooManyRequests, "Retry-After", "120"), "answers 429"},
		{"a redirect", code(http.StatusFound, "Location", other.URL+"/add-checkpoint"), "answers 302"},
		{"409 without a size", code(http.StatusConflict), "409 without the size"},
		{"409 with HTML", code(http.StatusConflict, "Content-Type", "text/html", "1\n"), "409 without the size"},
		{"409 with a wrong size", code(http.StatusConflict, "Content-Type", size, "01\n"), "409 without the size"},
		{"409 with the size that was sent", code(http.StatusConflict, "Content-Type", size, "0\n"), "does not stand by the size"},
		{"409 for ever", code(http.StatusConflict, "Content-Type", size, "1\n"), "does not stand by the size"},
		{"409 with another tree of this size", code(http.StatusConflict, "Content-Type", size, fmt.Sprintf("%d\n", h.Size)), "there are two histories"},
		{"409 with a larger tree", code(http.StatusConflict, "Content-Type", size, fmt.Sprintf("%d\n", h.Size+1)), "was rolled back"},
		{"an answer that breaks off", func(*ledgertest.Witness) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Length", "100")
				fmt.Fprint(rw, "— ")
			}
		}, "broke off"},
		{"silence", func(*ledgertest.Witness) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}, "could not be reached"},
	}
	var witnesses []*ledgertest.Witness
	for i, tt := range tests {
		w := ledgertest.NewWitness(t, fmt.Sprintf("witness.example/f%d", i), byte(10+i), key(l))
		w.Fail(tt.fault(w))
		witnesses = append(witnesses, w)
	}
	g := group(t, l, 1, nil, witnesses...)
	g.conf.Timeout = 500 * time.Millisecond
	begun := time.Now()
	g.now = func() time.Time { return begun } // a busy machine would see a rest over
	if g.round(t.Context(), h) {
		t.Error("a quorum cosigned")
	}
	if _, ok := l.Witnessed(); ok {
		t.Error("something was archived")
	}
	for i, tt := range tests {
		s := g.Status().Witnesses[i]
		// A machine that is busy may make any of them silent.
		if !strings.Contains(s.Failing, tt.want) && !(strings.Contains(s.Failing, "could not be reached") || strings.Contains(s.Failing, "broke off")) {
			t.Errorf("%s: %q", tt.name, s.Failing)
		}
		if s.Cosigned != 0 || s.Failures != 1 {
			t.Errorf("%s: %+v", tt.name, s)
		}
		if rest := g.witnesses[i].rest.Sub(begun); rest < minBackoff/2 || strings.Contains(s.Failing, "429") && rest < 2*time.Minute {
			t.Errorf("%s: it is asked again after %v", tt.name, rest)
		}
	}
	// None of them is asked before its rest is over.
	if g.round(t.Context(), h) || g.Status().Witnesses[0].Failures != 1 {
		t.Error("a witness that failed was asked again at once")
	}
	// After that they are heard.
	g.now = time.Now
	for i, w := range witnesses {
		w.Fail(nil)
		g.witnesses[i].rest = time.Time{}
	}
	g.conf.Timeout = time.Minute
	if !g.round(t.Context(), h) {
		t.Fatalf("no quorum: %+v", g.Status())
	}
	w, ok := l.Witnessed()
	if !ok || w.Size != h.Size {
		t.Fatalf("the archive holds %+v", w)
	}
	if s := g.Status().Witnesses; slices.ContainsFunc(s, func(s WitnessStatus) bool { return s.Failing != "" && s.Cosigned > 0 }) {
		t.Errorf("one that cosigned is said to fail: %+v", s)
	}
}

// An answer without end is not read to its end.
func TestEndlessAnswer(t *testing.T) {
	l := ledgertest.New(t)
	w := ledgertest.NewWitness(t, "witness.example/1", 1, key(l))
	w.Fail(func(rw http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := fmt.Fprintln(rw, "— witness.example/1 AAAA"); err != nil {
				return
			}
		}
	})
	g := group(t, l, 1, nil, w)
	g.conf.Timeout = time.Hour
	if g.round(t.Context(), head(t, l)) || !strings.Contains(g.Status().Witnesses[0].Failing, "more than 16 KiB") {
		t.Errorf("the status is %+v", g.Status())
	}
}

// Nobody listens.
func TestDown(t *testing.T) {
	l := ledgertest.New(t)
	w := ledgertest.NewWitness(t, "witness.example/1", 1, key(l))
	w.URL = "http://127.0.0.1:1"
	g := group(t, l, 1, nil, w)
	if g.round(t.Context(), head(t, l)) || !strings.Contains(g.Status().Witnesses[0].Failing, "could not be reached") {
		t.Errorf("the status is %+v", g.Status())
	}
}

// A witness that knows another size than was thought is asked with that.
func TestOldSize(t *testing.T) {
	l := ledgertest.New(t)
	w := ledgertest.NewWitness(t, "witness.example/1", 1, key(l))
	events := ledgertest.NewEvents(1)
	g := group(t, l, 1, nil, w)
	round := func(asked int) {
		t.Helper()
		_, before := w.Head()
		h := head(t, l)
		if !g.round(t.Context(), h) {
			t.Fatalf("no quorum: %+v", g.Status())
		}
		if got, n := w.Head(); n-before != asked || got.Size != h.Size {
			t.Errorf("it was asked %d times and cosigned %d, want %d times and %d", n-before, got.Size, asked, h.Size)
		}
	}
	round(1)
	first, _ := w.Head()
	round(1) // again, for a fresh time
	l.Submit(events.Take(10)...)
	round(1)
	l.Submit(events.Take(10)...)
	w.Believe(first) // it was restored
	round(2)
	w.Believe(tree.Checkpoint{}) // it lost everything
	l.Submit(events.Take(10)...)
	round(2)
	g = group(t, l, 1, nil, w) // we lost what we knew of it
	l.Submit(events.Take(10)...)
	round(2)
}

// One that cosigned more than there is, or something else, is never satisfied,
// and the operator is told.
func TestContradiction(t *testing.T) {
	l := ledgertest.New(t)
	w := ledgertest.NewWitness(t, "witness.example/1", 1, key(l))
	h := head(t, l)
	for _, tt := range []struct {
		believes tree.Checkpoint
		want     error
	}{
		{tree.Checkpoint{Origin: l.Info().Origin, Size: h.Size + 5, Root: tree.EmptyRoot}, ErrAhead},
		{tree.Checkpoint{Origin: l.Info().Origin, Size: h.Size, Root: tree.EmptyRoot}, ErrForked},
		{tree.Checkpoint{Origin: l.Info().Origin, Size: h.Size - 1, Root: tree.EmptyRoot}, ErrForked},
	} {
		log := &logged{}
		g := group(t, l, 1, log.logger(), w)
		w.Believe(tt.believes)
		for range 2 {
			g.witnesses[0].rest = time.Time{}
			if g.round(t.Context(), h) {
				t.Error("it cosigned")
			}
		}
		if s := g.Status().Witnesses[0]; s.Failing != tt.want.Error() || s.Failures != 2 {
			t.Errorf("the status is %+v, want %v", s, tt.want)
		}
		if n := strings.Count(log.String(), "level=ERROR msg=\"a witness contradicts the ledger\""); n != 1 {
			t.Errorf("it is said %d times:\n%s", n, log)
		}
	}
}

// A ledger that waits for its witnesses answers, takes nothing and writes
// nothing, until a quorum has cosigned what it has.
func TestHold(t *testing.T) {
	dir := ledgertest.Create(t, ledger.CreateOptions{})
	l, err := ledger.Open(t.Context(), dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.Hold(ledger.ErrUnwitnessed)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	ledgertest.Until(t, "the sequencer", func() bool { return errors.Is(l.Writable(), ledger.ErrUnwitnessed) })
	size := l.Head().Size
	events := ledgertest.NewEvents(1)
	ev := events.Take(1)[0].Parse(t, l.Catalogue())
	refused := func() {
		t.Helper()
		if _, err := l.Append(t.Context(), ev, "key-1"); !errors.Is(err, ledger.ErrUnwitnessed) {
			t.Errorf("an append is answered %v", err)
		}
		if _, err := l.Record(t.Context(), size-1); err != nil || l.Head().Size != size {
			t.Errorf("reading: %v; it has %d records", err, l.Head().Size)
		}
	}
	refused()
	held := &ledgertest.Ledger{Ledger: l}
	one, two := ledgertest.NewWitness(t, "witness.example/1", 1, key(held)), ledgertest.NewWitness(t, "witness.example/2", 2, key(held))
	one.Believe(tree.Checkpoint{Origin: l.Info().Origin, Size: size + 1, Root: tree.EmptyRoot})
	g := group(t, held, 2, nil, one, two)
	h, err := g.head(t.Context())
	if err != nil || h.Size != size {
		t.Fatalf("%d is to be cosigned: %v", h.Size, err)
	}
	if g.round(t.Context(), h) {
		t.Error("one is a quorum of two")
	}
	refused()
	one.Believe(tree.Checkpoint{})
	g.witnesses[0].rest = time.Time{}
	if !g.round(t.Context(), h) {
		t.Errorf("no quorum: %+v", g.Status())
	}
	if _, err := l.Append(t.Context(), ev, "key-1"); err != nil {
		t.Error(err)
	}
	stop()
	if err := errors.Join(<-ended, l.Close()); err != nil {
		t.Error(err)
	}
	ledgertest.Check(t, dir)
}

// A ledger that closes while it waits appends no index-root: a store that was
// rolled back must not grow.
func TestHeldLedgerClosesAsItIs(t *testing.T) {
	l := ledgertest.New(t)
	l.Submit(ledgertest.NewEvents(1).Take(3)...)
	l.Hold(ledger.ErrUnwitnessed)
	size := l.Head().Size
	if h, err := l.IndexedHead(t.Context()); !errors.Is(err, ledger.ErrUnwitnessed) {
		t.Errorf("an index-root was appended: %d, %v", h.Size, err)
	}
	dir := l.Stopped()
	again := ledgertest.Start(t, dir, ledger.Options{})
	if got := again.Head().Size; got != size {
		t.Errorf("it closed with %d records, and had %d", got, size)
	}
	ledgertest.Check(t, again.Stopped())
}

// The alarm rings once when the promised time has passed without a quorum.
func TestAlarm(t *testing.T) {
	l := ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{WitnessInterval: time.Second}), ledger.Options{})
	w := ledgertest.NewWitness(t, "witness.example/1", 1, key(l))
	w.Fail(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) })
	log := &logged{}
	g := group(t, l, 1, log.logger(), w)
	run(t, g)
	const alarm = `level=ERROR msg="no quorum of the witnesses has cosigned within the time that the genesis record promises"`
	ledgertest.Until(t, "the alarm", func() bool { return strings.Contains(log.String(), alarm) })
	if s := g.Status(); !s.Overdue || s.Promise != time.Second {
		t.Errorf("the status is %+v", s)
	}
	if n := strings.Count(log.String(), alarm); n != 1 {
		t.Errorf("the alarm rang %d times:\n%s", n, log)
	}
	w.Fail(nil)
	ledgertest.Until(t, "a quorum", func() bool { return !g.Status().At.IsZero() })
	// Without anything new it is cosigned again within the promised time.
	first := g.Status().At
	ledgertest.Until(t, "another quorum", func() bool { return g.Status().At.After(first) })
}

// When a quorum of the witnesses says that the ledger's clock is wrong, appends
// stop until it is right; one of them alone stops nothing, nor do two that do
// not agree.
func TestClock(t *testing.T) {
	l := ledgertest.New(t)
	one, two, three := ledgertest.NewWitness(t, "witness.example/1", 1, key(l)), ledgertest.NewWitness(t, "witness.example/2", 2, key(l)), ledgertest.NewWitness(t, "witness.example/3", 3, key(l))
	log := &logged{}
	g := group(t, l, 2, log.logger(), one, two, three)
	off := func(d time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(d) } }
	events := ledgertest.NewEvents(1)
	round := func(cosigned bool, want error) {
		t.Helper()
		for _, w := range g.witnesses {
			w.rest = time.Time{}
		}
		h, err := g.head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want != nil { // what was recorded since is under no index-root
			l.Submit(events.Take(1)...)
		}
		if got := g.round(t.Context(), h); got != cosigned {
			t.Errorf("cosigned is %v: %+v", got, g.Status())
		}
		if err := l.Writable(); !errors.Is(err, want) {
			t.Errorf("it is writable with %v, want %v", err, want)
		}
	}
	l.Submit(events.Take(1)...)
	one.Clock(off(time.Hour))
	round(true, nil)
	two.Clock(off(-time.Hour))
	round(false, nil)
	two.Clock(off(2 * time.Hour))
	l.Submit(events.Take(1)...)
	round(false, ledger.ErrClock)
	ev := ledgertest.NewEvents(9).Take(1)[0].Parse(t, l.Catalogue())
	if _, err := l.Append(t.Context(), ev, "key-1"); !errors.Is(err, ledger.ErrClock) {
		t.Errorf("an append is answered %v", err)
	}
	if !strings.Contains(log.String(), "contradicts the ledger's clock") {
		t.Errorf("the log is\n%s", log)
	}
	two.Clock(time.Now)
	round(true, nil)
	l.Submit(events.Take(1)...)
	ledgertest.Check(t, l.Stopped())
}

func TestBackoff(t *testing.T) {
	for failures := 1; failures < 100; failures++ {
		low, high := backoff(failures, 0), backoff(failures, 1)
		if low < minBackoff/2 || high > maxBackoff || low != high/2 {
			t.Errorf("after %d failures it is %v to %v", failures, low, high)
		}
		if failures > 1 && high < backoff(failures-1, 1) {
			t.Errorf("after %d failures it is shorter than before", failures)
		}
	}
	if backoff(1, 1) != minBackoff || backoff(99, 1) != maxBackoff {
		t.Error("it begins or ends elsewhere")
	}
}

// The request is as C2SP tlog-witness has it.
func TestAddCheckpoint(t *testing.T) {
	for _, tt := range []struct {
		old   int64
		proof []tree.Hash
		want  string
	}{
		{0, nil, "old 0\n\norigin\n"},
		{7, []tree.Hash{{1}, {2}}, "old 7\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\norigin\n"},
	} {
		if got := string(addCheckpoint(tt.old, tt.proof, []byte("origin\n"))); got != tt.want {
			t.Errorf("the request is %q, want %q", got, tt.want)
		}
	}
}

// logged is a log that is read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
