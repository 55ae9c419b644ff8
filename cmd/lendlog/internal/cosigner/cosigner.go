// SPDX-License-Identifier: Apache-2.0

// Package cosigner is a witness (C2SP tlog-witness) of ledgers of others, for a
// regulator, an auditor or another lender. It cosigns a checkpoint only if that
// continues what it cosigned before, and only after it has read every leaf up
// to it and derived the map of all subjects again: so no index-root under a
// checkpoint that it cosigned commits to another map, and no record is left out
// of one.
//
// What it cosigned, and how far it has replayed, is on disk before a cosignature
// leaves. A checkpoint that takes long to replay is answered with 503 and goes on
// being replayed; once it is cosigned, whoever asks again is told its size.
//
// It believes nothing but the keys of trust files that were pinned outside the
// ledgers. What it refuses it keeps, with what shows why.
package cosigner

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/net/netutil"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// keyFile is the signer key of the witness, in its directory.
const (
	keyFile    = "witness.key"
	lockFile   = "lock"
	ledgersDir = "ledgers"
)

// Create makes the directory of a new witness with a key under a name, such as
// witness.regulator.example/1, and returns its verifier key.
func Create(dir, name string) (vkey string, err error) {
	if err := tree.ValidOrigin(name); err != nil {
		return "", fmt.Errorf("%q is no name of a witness: %w", name, err)
	}
	path := filepath.Join(dir, keyFile)
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s exists: the key of a witness is never overwritten", path)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	secret, _, err := note.GenerateKey(nil, name)
	if err != nil {
		return "", err
	}
	key, err := tree.NewCosignKey(secret)
	if err != nil {
		return "", err
	}
	return key.VerifierKey(), store.WriteFile(path, []byte(secret+"\n"), 0o600)
}

// Key reads the key of the witness in a directory.
func Key(dir string) (*tree.CosignKey, error) {
	path := filepath.Join(dir, keyFile)
	secret, err := vault.ReadSecret(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is no directory of a witness: it has no %s; `lendlog witness init` makes one", dir, keyFile)
	}
	if err != nil {
		return nil, err
	}
	key, err := tree.NewCosignKey(secret)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; put the key of this witness back", path, err)
	}
	return key, nil
}

// A Ledger is one to be witnessed.
type Ledger struct {
	Trust []byte // the trust file, pinned outside the ledger
	Tiles string // URL below which its tiles are: …/tile/entries/000
	Key   string // shown to the server, in a header, over https or on this machine only; "" for none
}

// Config says whom to witness, and where to keep what was seen.
type Config struct {
	Dir         string // that Create made; one process at a time may use it
	Ledgers     []Ledger
	MaxSubjects int // of one ledger, each 131 bytes of memory; 0 means 10 million
	Logger      *slog.Logger
	Registry    *prometheus.Registry // nil makes one
	Now         func() time.Time     // nil is time.Now
	Transport   http.RoundTripper    // for tiles; nil is one of its own
	TLS         *tls.Config          // of Serve; nil for none
	// Patience is how long an answer may be waited for; 0 means 5 s, which is
	// less than those who ask have.
	Patience time.Duration
}

// A Witness cosigns. Its Handler may be used without Serve.
type Witness struct {
	conf    Config
	key     *tree.CosignKey
	lock    *os.File
	ledgers []*ledger // in the order of the configuration
	metrics *metrics
	handler http.Handler
	reading chan struct{} // places for those who send a body, and for those who wait
	waiting chan struct{}
	run     context.Context // ends with Close
	stop    context.CancelFunc
}

// ErrUsage: the witness was called in a way that cannot work.
var ErrUsage = errors.New("it cannot be a witness like this")

type usageError struct{ err error }

func (e *usageError) Error() string   { return e.err.Error() }
func (e *usageError) Unwrap() []error { return []error{ErrUsage, e.err} }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// Open takes up what the witness knows. No server is asked yet. An error that is
// [ErrUsage] is the caller's.
func Open(c Config) (_ *Witness, err error) {
	if c.MaxSubjects == 0 {
		c.MaxSubjects = 10_000_000
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	if c.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxResponseHeaderBytes = maxRequest
		c.Transport = t
	}
	w := &Witness{conf: c, reading: make(chan struct{}, maxReading), waiting: make(chan struct{}, maxWaiting)}
	if w.key, err = Key(c.Dir); err != nil {
		return nil, usagef("%w", err)
	}
	if len(c.Ledgers) == 0 {
		return nil, usagef("there is no ledger to witness")
	}
	if w.lock, err = os.OpenFile(filepath.Join(c.Dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	w.run, w.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			_ = w.Close()
		}
	}()
	if err := syscall.Flock(int(w.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, usagef("another witness uses %s: two with one key could cosign two histories", c.Dir)
	}
	w.metrics = newMetrics(w)
	for _, known := range c.Ledgers {
		l, err := w.ledger(known)
		if err != nil {
			return nil, err
		}
		w.ledgers = append(w.ledgers, l)
	}
	if err := store.SyncDir(filepath.Join(c.Dir, ledgersDir)); err != nil {
		return nil, err
	}
	if err := c.Registry.Register(w.metrics); err != nil {
		return nil, err
	}
	w.handler = w.mount()
	return w, nil
}

func (w *Witness) ledger(known Ledger) (*ledger, error) {
	trust, err := proof.ParseTrust(known.Trust)
	if err != nil {
		return nil, usagef("%w", err)
	}
	if w.of(trust.Origin) != nil {
		return nil, usagef("two trust files name %s: a witness has one history of a ledger", trust.Origin)
	}
	tiles, err := newSource(known.Tiles, known.Key, w.conf.Transport)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return openLedger(&ledger{
		trust: trust, pinned: known.Trust, key: w.key, source: tiles, log: w.conf.Logger, now: w.conf.Now,
		dir:   filepath.Join(w.conf.Dir, ledgersDir, id(trust.Origin)),
		count: func(r *Refusal) { w.metrics.refusals.WithLabelValues(trust.Origin, r.Kind).Inc() },
	}, w.conf.MaxSubjects)
}

// Name returns the name of the witness.
func (w *Witness) Name() string { return w.key.Name() }

// of returns the ledger of an origin, nil for none.
func (w *Witness) of(origin string) *ledger {
	for _, l := range w.ledgers {
		if l.trust.Origin == origin {
			return l
		}
	}
	return nil
}

// Close ends what is under way and lets go of the directory.
func (w *Witness) Close() error {
	w.stop()
	var errs []error
	for _, l := range w.ledgers {
		errs = append(errs, l.close())
	}
	return errors.Join(append(errs, w.lock.Close())...)
}

// add answers the body of a request.
func (w *Witness) add(ctx context.Context, body []byte) answer {
	q, err := parseRequest(body)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	text, _, ok := tree.SplitNote(q.signed)
	if !ok {
		return refuse(http.StatusBadRequest, "what stands behind the empty line is no signed note")
	}
	origin, _, _ := strings.Cut(text, "\n")
	l := w.of(origin)
	if l == nil {
		return refuse(http.StatusNotFound, "this witness does not know the ledger")
	}
	if _, err := tree.ParseCheckpoint(text); err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	if _, err := note.Open(q.signed, note.VerifierList()); err != nil && !errors.As(err, new(*note.UnverifiedNoteError)) {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, w.conf.Patience)
	defer cancel()
	return l.add(ctx, w.run, q)
}

const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 5 * time.Minute // the archive is long
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 10 * time.Second
	maxHeader     = 16 << 10
	// maxConns are open at a time, and others wait: a ledger's server needs one, and
	// readers of what is public must not take all files that the process may open.
	maxConns = 256
)

// Serve answers requests from ln until ctx ends. Then it finishes those under
// way and returns nil.
func (w *Witness) Serve(ctx context.Context, ln net.Listener) error {
	ln = netutil.LimitListener(ln, maxConns)
	if w.conf.TLS != nil {
		ln = tls.NewListener(ln, w.conf.TLS)
	}
	s := &http.Server{
		Handler: w.handler, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(w.conf.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	select {
	case err := <-ended:
		return fmt.Errorf("couldn't serve: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if s.Shutdown(drain) != nil {
		_ = s.Close() // whoever is slow asks again
	}
	<-ended
	return nil
}
