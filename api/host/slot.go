// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/keys"
)

// A Ledger is one that is to be served.
type Ledger struct {
	Name string
	Dir  string
	// Public has checkpoints, proofs and what else needs no key answered to everybody,
	// so that all can know that the ledger is there.
	Public bool
	// Open opens it, and makes a server of it with a configuration to which Ledger,
	// Keys, Registry and whatever else it has of its own are added.
	Open func(ctx context.Context, conf api.Config) (Opened, error)
}

// An Opened is a ledger that is open. All its members are required.
type Opened struct {
	Server   *api.Server
	Registry *prometheus.Registry        // what the server measures
	Run      func(context.Context) error // runs the sequencer, until the context ends
	Beside   func(context.Context) error // runs what runs beside it; nil when it is over
	Close    func() error
	// Rotate rotates one of the ledger's own keys.
	Rotate func(context.Context, Rotation) (Rotated, error)
}

// The states of a ledger.
const (
	Open   = "open"
	Closed = "closed" // because somebody closed it
	Failed = "failed" // it should be open
)

// A Status tells how a ledger does.
type Status struct {
	Name   string `json:"name"`
	Dir    string `json:"dir"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"` // why it failed
}

// drain is how long requests under way have to end when their ledger is closed.
const drain = 30 * time.Second

// a slot is the place of one ledger.
type slot struct {
	Ledger
	host *Host
	log  *slog.Logger
	conf api.Config

	changing sync.Mutex // held while it is opened or closed

	mu     sync.Mutex // guards state and reason
	state  string
	reason error

	served atomic.Pointer[served] // nil before it is opened first
}

// served is what answers in a slot from one opening or closing to the next.
type served struct {
	handler http.Handler
	using   sync.RWMutex       // read-locked by every request under way
	cut     context.Context    // ends the requests under way
	cutOff  context.CancelFunc // of cut

	// Of a ledger that is open.
	opened *Opened
	stop   func()        // has what runs end
	asked  atomic.Bool   // somebody called stop
	ended  chan struct{} // closed when it has
	err    error         // with which the sequencer ended; read after ended
}

func newServed(handler http.Handler) *served {
	s := &served{handler: handler, ended: make(chan struct{})}
	s.cut, s.cutOff = context.WithCancel(context.Background())
	return s
}

func (s *slot) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Name: s.Name, Dir: s.Dir, State: s.state}
	if s.reason != nil {
		st.Reason = s.reason.Error()
	}
	return st
}

func (s *slot) set(state string, reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.reason = state, reason
}

// serve answers a request.
func (s *slot) serve(w http.ResponseWriter, r *http.Request) {
	for {
		now := s.served.Load()
		if now == nil {
			s.host.nowhere.Handler().ServeHTTP(w, r)
			return
		}
		// A lock that waits means that another has taken its place, or soon will.
		if now.using.TryRLock() {
			defer now.using.RUnlock()
			now.serve(w, r)
			return
		}
		if s.served.Load() == now {
			s.host.nowhere.Handler().ServeHTTP(w, r)
			return
		}
	}
}

// serve answers a request until it is cut off.
func (s *served) serve(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.cut, func() {
		cancel()
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Unix(1, 0))
		_ = c.SetWriteDeadline(time.Unix(1, 0))
	})()
	s.handler.ServeHTTP(w, r.WithContext(ctx))
}

// open opens the ledger, unless it is open.
func (s *slot) open(ctx context.Context) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.status().State == Open {
		return nil
	}
	opened, err := s.Ledger.Open(ctx, s.conf)
	if err != nil {
		s.set(Failed, err)
		s.absent(ctx)
		return err
	}
	now := newServed(opened.Server.Handler())
	now.opened = &opened
	s.run(ctx, now)
	s.host.metrics.add(s.Name, opened.Registry)
	s.served.Store(now)
	s.set(Open, nil)
	s.log.InfoContext(ctx, "a ledger is open")
	return nil
}

// run runs what of a ledger runs. When that ends by itself, the ledger is closed.
func (s *slot) run(ctx context.Context, now *served) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	beside, stopBeside := context.WithCancel(running)
	over := make(chan error, 1)
	go func() {
		err := now.opened.Beside(beside)
		over <- err
		if err != nil {
			stop()
		}
	}()
	now.stop = func() {
		now.asked.Store(true)
		stop()
	}
	go func() {
		err := now.opened.Run(running)
		stopBeside()
		now.err = errors.Join(err, <-over)
		stop()
		close(now.ended)
		if !now.asked.Load() {
			s.failed(now, now.err)
		}
	}()
}

// failed closes a ledger that stopped by itself.
func (s *slot) failed(now *served, why error) {
	if why == nil {
		why = errors.New("it ended")
	}
	s.log.Error("a ledger has stopped; the others go on, and lendlog ledgers open opens it again", slog.Any("error", why))
	if s.served.Load() == now {
		_ = s.close(context.Background(), Failed, why)
	}
}

// close closes the ledger, and leaves it in a state for a reason.
func (s *slot) close(ctx context.Context, state string, reason error) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.status().State != Open {
		if s.status().State == Failed && state == Closed {
			s.set(Closed, nil) // nobody waits for it any more
		}
		return nil
	}
	now := s.served.Load()
	s.set(state, reason)
	s.absent(ctx)
	now.opened.Server.StopIntake()
	cut := time.AfterFunc(drain, now.cutOff)
	now.using.Lock() // for good
	cut.Stop()
	now.cutOff()
	now.stop()
	<-now.ended
	s.host.metrics.remove(s.Name)
	err := now.opened.Close()
	s.log.InfoContext(ctx, "a ledger is closed")
	if reason == nil {
		err = errors.Join(err, now.err)
	}
	if err != nil {
		return fmt.Errorf("couldn't close the ledger in good order: %w", err)
	}
	return nil
}

// absent has those who hold a key told that the ledger is closed, as far as the file
// of keys can be read, and all others that there is none.
func (s *slot) absent(ctx context.Context) {
	conf := s.conf
	var err error
	if conf.Keys, err = keys.Peek(s.Dir); err != nil {
		s.log.WarnContext(ctx, "couldn't read the keys of a ledger that is not open, so their holders are told what strangers are", slog.Any("error", err))
	}
	away, err := api.NewNowhere(conf)
	if err != nil {
		s.log.ErrorContext(ctx, "couldn't say that a ledger is closed", slog.Any("error", err))
		return
	}
	s.served.Store(newServed(away.Handler()))
}

// stopIntake has the ledger take no events any more.
func (s *slot) stopIntake() {
	if now := s.served.Load(); now != nil && now.opened != nil {
		now.opened.Server.StopIntake()
	}
}
