// SPDX-License-Identifier: Apache-2.0

package anchor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A shelf is a target that anchors at once: what it holds is what a real one has
// on disk. It fails the test where it is used in a way that no target allows.
type shelf struct {
	t testing.TB

	mu        sync.Mutex // guards all below
	submitted []int64
	under     *anchor.Final // not done yet
	done      []string
	final     int64
	at        time.Time
	fault     func(step string) error // nil for none
	observed  int
}

func (s *shelf) fails(step string) error {
	s.mu.Lock()
	f := s.fault
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(step)
}

func (s *shelf) Name() string { return "shelf" }
func (s *shelf) Close() error { return nil }

func (s *shelf) Submit(_ context.Context, h anchor.Head) error {
	if err := s.fails("submit"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if text, _, ok := tree.SplitNote(h.Note); !ok || text != h.Text() {
		s.t.Errorf("the note of checkpoint %d is of another one", h.Size)
	}
	s.submitted = append(s.submitted, h.Size)
	if s.under == nil {
		s.under = &anchor.Final{ID: fmt.Sprint(h.Size), Head: h, Anchor: proof.Anchor{Stamp: []byte("a stamp")}, Time: time.Now()}
	}
	return nil
}

func (s *shelf) Poll(context.Context) (*anchor.Final, error) {
	if err := s.fails("poll"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.under, nil
}

func (s *shelf) Done(id string) error {
	if err := s.fails("done"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.under == nil || s.under.ID != id {
		s.t.Errorf("%s was not under way", id)
		return nil
	}
	s.done, s.final, s.at, s.under = append(s.done, id), s.under.Head.Size, s.under.Time, nil
	return nil
}

func (s *shelf) Status() anchor.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.under != nil {
		return anchor.Status{State: "mined", Size: s.under.Head.Size, Final: s.final, FinalTime: s.at}
	}
	return anchor.Status{State: "idle", Size: s.final, Final: s.final, FinalTime: s.at}
}

func (s *shelf) Observe(context.Context) (ledger.ChainBlock, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observed++
	return ledger.ChainBlock{Chain: 5, Number: uint64(s.observed), Hash: [32]byte{byte(s.observed)}}, time.Now(), nil
}

// finals returns the sizes that the ledger has final anchors of, as its records
// say.
func finals(t testing.TB, l *ledgertest.Ledger) (sizes []int64) {
	t.Helper()
	for i := range l.Head().Size {
		r, err := l.Record(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		if e := r.Leaf.Entry; e != nil && e.Type == record.TypeAnchorFinal {
			size, _ := e.Open.Get("size")
			sizes = append(sizes, size.Int)
		}
	}
	return sizes
}

// archive counts what it is given.
type archive struct {
	mu    sync.Mutex
	sizes []int64
	fail  error
}

func (a *archive) add(signed []byte, _ proof.Anchor) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return a.fail
	}
	text, _, _ := tree.SplitNote(signed)
	cp, err := tree.ParseCheckpoint(text)
	a.sizes = append(a.sizes, cp.Size)
	return err
}

func newGroup(t testing.TB, l *ledgertest.Ledger, a *archive, p anchor.Place, change ...func(*anchor.Config)) *anchor.Group {
	t.Helper()
	if p.Poll == 0 {
		p.Poll = time.Millisecond
	}
	conf := anchor.Config{Ledger: l.Ledger, Places: []anchor.Place{p}, Archive: a.add}
	for _, f := range change {
		f(&conf)
	}
	g, err := anchor.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// run runs a group until the test ends or stop is called.
func run(t testing.TB, g *anchor.Group) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// A ledger that grows is anchored, each anchor is archived and recorded once, and
// a ledger that rests comes to rest.
func TestRun(t *testing.T) {
	l := ledgertest.New(t)
	var polls atomic.Int64
	s, a := &shelf{t: t, fault: func(step string) error {
		if step == "poll" {
			polls.Add(1)
		}
		return nil
	}}, &archive{}
	g := newGroup(t, l, a, anchor.Place{Target: s, Every: time.Millisecond, Observe: time.Millisecond, Testnet: true, Kind: "shelf"})
	stop := run(t, g)
	events := ledgertest.NewEvents(1)
	for range 4 {
		l.Submit(events.Take(10)...)
		size := l.Head().Size
		ledgertest.Until(t, "a final anchor", func() bool { return s.Status().Final >= size && g.Status()[0].Waiting.IsZero() })
	}
	// A step observes first and anchors then, so the next one may record a block for
	// what came between.
	n := polls.Load()
	ledgertest.Until(t, "another step", func() bool { return polls.Load() > n+1 })
	// Many polls later nothing has been added.
	size := l.Head().Size
	time.Sleep(200 * time.Millisecond)
	if got := l.Head().Size; got != size {
		t.Errorf("a ledger that rests grew from %d to %d records", size, got)
	}
	stop()
	recorded := finals(t, l)
	if len(recorded) < 4 || fmt.Sprint(recorded) != fmt.Sprint(a.sizes) || len(recorded) != len(s.done) {
		t.Errorf("recorded %v, archived %v, done %v", recorded, a.sizes, s.done)
	}
	for _, size := range recorded {
		if r, err := l.Record(t.Context(), size-1); err != nil || r.Leaf.IndexRoot == nil {
			t.Errorf("the last leaf under checkpoint %d is no index-root: %v", size, err)
		}
	}
	st := g.Status()[0]
	if st.Anchors != int64(len(recorded)) || st.Blocks < 1 || st.Failing != "" || st.Stale || !st.Testnet || st.Name != "shelf" {
		t.Errorf("the status is %+v", st)
	}
	// Another group goes on, and has nothing to do.
	stop = run(t, newGroup(t, l, a, anchor.Place{Target: s, Every: time.Millisecond}))
	time.Sleep(50 * time.Millisecond)
	stop()
	if got := l.Head().Size; got != size {
		t.Errorf("a new group has a ledger that rests grow from %d to %d records", size, got)
	}
	ledgertest.Check(t, l.Stopped())
}

// A target that panics has failed, and the ledger and its other places go on.
func TestPanic(t *testing.T) {
	l := ledgertest.New(t)
	broken, whole := &shelf{t: t, fault: func(string) error { panic("nothing holds") }}, &shelf{t: t}
	g := newGroup(t, l, &archive{}, anchor.Place{Target: broken}, func(c *anchor.Config) {
		c.Places = append(c.Places, anchor.Place{Target: whole, Poll: time.Millisecond})
	})
	run(t, g)
	l.Submit(ledgertest.NewEvents(1).Take(5)...)
	ledgertest.Until(t, "an anchor beside it", func() bool { return whole.Status().Final > 0 })
	ledgertest.Until(t, "a failure", func() bool { return strings.Contains(g.Status()[0].Failing, "nothing holds") })
}

// Whoever asks for an anchor again and again has a target that fails asked once a
// second.
func TestNowIsBounded(t *testing.T) {
	l := ledgertest.New(t)
	var polls atomic.Int64
	g := newGroup(t, l, &archive{}, anchor.Place{Poll: time.Hour, Target: &shelf{t: t, fault: func(step string) error {
		if step == "poll" {
			polls.Add(1)
		}
		return errors.New("it is out of order")
	}}})
	run(t, g)
	begun := time.Now()
	ledgertest.Until(t, "a second step", func() bool {
		if err := g.Now(""); err != nil {
			t.Error(err)
		}
		return polls.Load() > 1
	})
	if got, most := polls.Load(), 2+int64(time.Since(begun)/time.Second); got > most {
		t.Errorf("it was asked %d times, want at most %d", got, most)
	}
	if took := time.Since(begun); took < time.Second {
		t.Errorf("it was asked again after %v", took)
	}
}

// An append waits for no target, and fails because of none.
func TestAppendsWaitForNobody(t *testing.T) {
	for _, step := range []string{"submit", "poll", "done"} {
		l := ledgertest.New(t)
		reached, release := make(chan bool, 1), make(chan bool)
		s := &shelf{t: t, fault: func(at string) error {
			if at == step {
				select {
				case reached <- true:
				default:
				}
				<-release
			}
			return nil
		}}
		stop := run(t, newGroup(t, l, &archive{}, anchor.Place{Target: s}))
		<-reached
		l.Submit(ledgertest.NewEvents(1).Take(50)...)
		close(release)
		stop()
	}
	for _, step := range []string{"submit", "poll", "done", "archive"} {
		l := ledgertest.New(t)
		wrong := errors.New("it is out of order")
		s, a := &shelf{t: t, fault: func(at string) error {
			if at == step {
				return wrong
			}
			return nil
		}}, &archive{}
		if step == "archive" {
			a.fail = wrong
		}
		g := newGroup(t, l, a, anchor.Place{Target: s, Stale: time.Nanosecond})
		run(t, g)
		ledgertest.Until(t, "a failure", func() bool { return g.Status()[0].Failures > 2 })
		l.Submit(ledgertest.NewEvents(1).Take(50)...)
		if st := g.Status()[0]; !strings.Contains(st.Failing, "out of order") || !st.Stale && step != "done" {
			t.Errorf("%s fails, and the status is %+v", step, st)
		}
	}
}

// Whatever fails of archiving, recording and letting go, and however often it is
// begun anew, in the end there is one record, and it is archived.
func TestEveryStepFailsOnce(t *testing.T) {
	once := func(fail *bool) error {
		if *fail {
			*fail = false
			return errors.New("it is out of order")
		}
		return nil
	}
	for _, at := range []string{"submit", "poll", "archive", "archive but kept", "record", "done", "done but kept"} {
		t.Run(at, func(t *testing.T) {
			l := ledgertest.New(t)
			l.Submit(ledgertest.NewEvents(1).Take(5)...)
			fail, s, a := true, &shelf{t: t}, &archive{}
			g := newGroup(t, l, a, anchor.Place{Target: s}, func(c *anchor.Config) {
				c.Archive = func(signed []byte, p proof.Anchor) error {
					if at == "archive" {
						if err := once(&fail); err != nil {
							return err
						}
					}
					err := a.add(signed, p)
					switch at {
					case "archive but kept":
						err = once(&fail)
					case "record": // nothing of the ledger's own is appended while it waits
						if once(&fail) != nil {
							l.Hold(ledger.ErrUnwitnessed)
						}
					}
					return err
				}
			})
			s.fault = func(step string) error {
				if step == at || step == "done" && at == "done but kept" {
					return once(&fail)
				}
				return nil
			}
			stop := run(t, g)
			if at == "submit" || at == "poll" {
				ledgertest.Until(t, "a final anchor", func() bool { return s.Status().Final > 0 })
			} else {
				ledgertest.Until(t, "a failure", func() bool { return g.Status()[0].Failures > 0 })
			}
			stop()
			l.Release()
			// A process that was killed comes back.
			stop = run(t, newGroup(t, l, a, anchor.Place{Target: s}))
			ledgertest.Until(t, "a final anchor", func() bool { return s.Status().Final > 0 })
			stop()
			if got := finals(t, l); len(got) != 1 || len(a.sizes) == 0 || a.sizes[0] != got[0] || len(s.done) != 1 {
				t.Errorf("recorded %v, archived %v, done %v", got, a.sizes, s.done)
			}
			ledgertest.Check(t, l.Stopped())
		})
	}
}

// A checkpoint is due after a time, after so many records, and when an operator
// says so.
func TestCadence(t *testing.T) {
	l := ledgertest.New(t)
	events := ledgertest.NewEvents(1)
	s := &shelf{t: t}
	g := newGroup(t, l, &archive{}, anchor.Place{Target: s, Every: time.Hour, Records: 100})
	run(t, g)
	submitted := func() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.submitted) }
	ledgertest.Until(t, "the first one", func() bool { return s.Status().Final > 0 })
	l.Submit(events.Take(20)...)
	time.Sleep(50 * time.Millisecond)
	if n := submitted(); n != 1 {
		t.Fatalf("%d were submitted before anything was due", n)
	}
	if g.Status()[0].Waiting.IsZero() {
		t.Error("nothing waits")
	}
	if err := g.Now("other"); !errors.Is(err, anchor.ErrNoTarget) {
		t.Errorf("an unknown place: %v", err)
	}
	if err := g.Now("shelf"); err != nil {
		t.Fatal(err)
	}
	ledgertest.Until(t, "the one that was asked for", func() bool { return submitted() == 2 })
	if err := g.Now(""); err != nil { // there is nothing new
		t.Fatal(err)
	}
	l.Submit(events.Take(200)...)
	ledgertest.Until(t, "the one after so many records", func() bool { return submitted() >= 3 })
}

// An operator who asks while another checkpoint is handed over is heard after it.
func TestAsksAreNotLost(t *testing.T) {
	l := ledgertest.New(t)
	events := ledgertest.NewEvents(1)
	var g *anchor.Group
	var meanwhile sync.Once
	var size atomic.Int64
	s := &shelf{t: t, fault: func(at string) error {
		if at == "submit" {
			meanwhile.Do(func() {
				l.Submit(events.Take(20)...)
				size.Store(l.Head().Size)
				if err := g.Now(""); err != nil {
					t.Error(err)
				}
			})
		}
		return nil
	}}
	g = newGroup(t, l, &archive{}, anchor.Place{Target: s, Every: time.Hour})
	run(t, g)
	ledgertest.Until(t, "an anchor of what came meanwhile", func() bool { return size.Load() > 0 && s.Status().Final >= size.Load() })
}

// Where there are witnesses only what they cosigned is anchored.
func TestOnlyWhatIsWitnessed(t *testing.T) {
	l := ledgertest.New(t)
	s := &shelf{t: t}
	var mu sync.Mutex
	var newest []byte
	g := newGroup(t, l, &archive{}, anchor.Place{Target: s, Every: time.Millisecond}, func(c *anchor.Config) {
		c.Newest = func() []byte { mu.Lock(); defer mu.Unlock(); return newest }
	})
	run(t, g)
	cosigned := func(note []byte) { mu.Lock(); newest = note; mu.Unlock() }
	ledgertest.Until(t, "that it waits for witnesses", func() bool { return strings.Contains(g.Status()[0].Failing, "no quorum of the witnesses") })
	l.Submit(ledgertest.NewEvents(1).Take(5)...)
	cosigned(l.Head().Note) // without an index-root at its end
	ledgertest.Until(t, "that it waits for another one", func() bool { return g.Status()[0].Failing == "" })
	time.Sleep(20 * time.Millisecond)
	if s.Status().Size != 0 {
		t.Error("a checkpoint that does not end with an index-root was anchored")
	}
	h, err := l.IndexedHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.Submit(ledgertest.NewEvents(2).Take(5)...)
	cosigned(h.Note)
	ledgertest.Until(t, "its anchor", func() bool { return s.Status().Final == h.Size })
	time.Sleep(20 * time.Millisecond)
	if s.Status().Final != h.Size {
		t.Error("something was anchored that no witness had cosigned")
	}
}

// The alarm is given once for what waits too long.
func TestStale(t *testing.T) {
	l := ledgertest.New(t)
	var log bytes.Buffer
	s := &shelf{t: t, fault: func(step string) error {
		if step == "submit" {
			return errors.New("it is out of order")
		}
		return nil
	}}
	g := newGroup(t, l, &archive{}, anchor.Place{Target: s, Stale: 30 * time.Millisecond}, func(c *anchor.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	stop := run(t, g)
	ledgertest.Until(t, "the alarm", func() bool { return g.Status()[0].Stale })
	failed := g.Status()[0].Failures
	ledgertest.Until(t, "more attempts", func() bool { return g.Status()[0].Failures > failed+2 })
	stop()
	if n := strings.Count(log.String(), "records wait for an anchor for longer"); n != 1 {
		t.Errorf("the alarm was given %d times:\n%s", n, log.String())
	}
	if n := strings.Count(log.String(), "anchoring did not go on"); n != 1 {
		t.Errorf("the failure was said %d times:\n%s", n, log.String())
	}
}
