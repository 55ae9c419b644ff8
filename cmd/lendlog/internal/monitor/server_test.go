// SPDX-License-Identifier: Apache-2.0

package monitor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/monitor"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A lie sees an answer and returns what goes out in its place.
type lie func(path string, status int, body []byte) (int, []byte)

// A server serves a real ledger, and may lie.
type server struct {
	t      *testing.T
	url    string
	ledger *ledgertest.Ledger
	events *ledgertest.Events

	mu      sync.Mutex // guards all below
	handler http.Handler
	lie     lie
	down    bool
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, events: ledgertest.NewEvents(1)}
	s.use(ledgertest.New(t), false)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		handler, lie, down := s.handler, s.lie, s.down
		s.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		truth := httptest.NewRecorder()
		handler.ServeHTTP(truth, r)
		status, body := truth.Code, truth.Body.Bytes()
		if lie != nil {
			status, body = lie(r.URL.Path, status, body)
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(h.Close)
	s.url = h.URL
	return s
}

// use serves a ledger from now on.
func (s *server) use(l *ledgertest.Ledger, remote bool) {
	s.t.Helper()
	a, err := api.New(api.Config{Ledger: l.Ledger, Version: "test", Remote: remote})
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger, s.handler = l, a.Handler()
}

// restart stops the ledger that is served and serves the one in dir.
func (s *server) restart(dir string) {
	s.t.Helper()
	s.ledger.Stop()
	s.use(ledgertest.Start(s.t, dir, ledger.Options{}), false)
}

// branch stops the ledger and returns a copy of its directory; the ledger is
// served again.
func (s *server) branch() string {
	s.t.Helper()
	s.ledger.Stop()
	to := s.t.TempDir()
	if err := os.CopyFS(to, os.DirFS(s.ledger.Dir)); err != nil {
		s.t.Fatal(err)
	}
	if err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	}); err != nil {
		s.t.Fatal(err)
	}
	s.use(ledgertest.Start(s.t, s.ledger.Dir, ledger.Options{}), false)
	return to
}

func (s *server) tell(l lie) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lie = l
}

func (s *server) goAway(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// record appends n new events, and returns their receipts.
func (s *server) record(n int) (receipts []*proof.Receipt) {
	s.t.Helper()
	for len(receipts) < n {
		ev := s.events.Next()
		if ev.Want != ledgertest.Accepted {
			continue
		}
		r := s.ledger.Submit(ev)[0].Receipt
		if err := s.ledger.AddProof(s.t.Context(), r); err != nil {
			s.t.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	return receipts
}

// A watcher is a monitor under test.
type watcher struct {
	t        *testing.T
	conf     monitor.Config
	monitor  *monitor.Monitor
	events   []monitor.Event
	ahead    time.Duration // of this monitor's clock
	receipts string
}

func watch(t *testing.T, s *server) *watcher {
	t.Helper()
	w := &watcher{t: t, receipts: t.TempDir()}
	w.conf = monitor.Config{
		Server: s.url, Trust: s.ledger.Trust().Bytes(), State: filepath.Join(t.TempDir(), "state"), Receipts: w.receipts, Every: time.Minute,
		Tell: func(_ context.Context, e monitor.Event) { w.events = append(w.events, e) },
		Now:  func() time.Time { return time.Now().Add(w.ahead) },
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	w.open()
	t.Cleanup(func() { _ = w.monitor.Close() })
	return w
}

func (w *watcher) open() {
	w.t.Helper()
	var err error
	if w.monitor, err = monitor.Open(w.conf); err != nil {
		w.t.Fatal(err)
	}
}

// restart ends the monitor and starts it again.
func (w *watcher) restart() {
	w.t.Helper()
	if err := w.monitor.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

// round makes a round that finds nothing.
func (w *watcher) round() monitor.Event {
	w.t.Helper()
	w.events = nil
	r, err := w.monitor.Round(w.t.Context())
	if err != nil || len(r.Broken) > 0 || r.Unchecked > 0 || len(w.events) != 1 {
		w.t.Fatalf("a round of an honest ledger: %v %+v", err, w.events)
	}
	return w.events[0]
}

// lie makes a round that finds a lie of a kind.
func (w *watcher) lie(kind, says string) evidence {
	w.t.Helper()
	w.events = nil
	_, err := w.monitor.Round(w.t.Context())
	var f *monitor.Finding
	if !errors.As(err, &f) || f.Kind != kind || !strings.Contains(f.Text, says) {
		w.t.Fatalf("got %v, want a lie of kind %s about %q", err, kind, says)
	}
	last := w.events[len(w.events)-1]
	if last.Event != "lie" || last.Kind != kind || last.Evidence != f.Dir {
		w.t.Errorf("told was %+v", last)
	}
	return w.evidence(f)
}

// An evidence is a directory with what was saved of a finding.
type evidence struct {
	t     *testing.T
	dir   string
	trust *proof.Trust
	kind  string
}

func (w *watcher) evidence(f *monitor.Finding) evidence {
	w.t.Helper()
	if filepath.Dir(f.Dir) != filepath.Join(w.conf.State, "evidence") || !strings.Contains(filepath.Base(f.Dir), "-"+f.Kind) {
		w.t.Fatalf("the evidence is in %q", f.Dir)
	}
	e := evidence{t: w.t, dir: f.Dir, kind: f.Kind}
	var err error
	if e.trust, err = proof.ParseTrust(e.read("trust.json")); err != nil {
		w.t.Fatal(err)
	}
	readme := string(e.read("README.txt"))
	if !strings.Contains(readme, f.Text) || !strings.Contains(readme, f.Kind) {
		w.t.Errorf("the README doesn't say what was found:\n%s", readme)
	}
	return e
}

func (e evidence) read(name string) []byte {
	e.t.Helper()
	b, err := os.ReadFile(filepath.Join(e.dir, name))
	if err != nil {
		e.t.Fatal(err)
	}
	return b
}

// notes returns the checkpoints that were saved, the smaller first. All are
// signed.
func (e evidence) notes() (list []tree.Checkpoint) {
	e.t.Helper()
	names, err := filepath.Glob(filepath.Join(e.dir, "checkpoint-*.txt"))
	if err != nil {
		e.t.Fatal(err)
	}
	for _, name := range names {
		cp, err := e.trust.OpenCheckpoint(e.read(filepath.Base(name)))
		if err != nil {
			e.t.Fatalf("%s: %v", name, err)
		}
		list = append(list, cp)
	}
	slices.SortFunc(list, func(a, b tree.Checkpoint) int { return int(a.Size - b.Size) })
	return list
}

// follow runs the commands of the README as lendlog-verify and lendlog audit
// run them, and wants their verdicts, one for each file. Of a file that is said
// to hold a checkpoint it wants that it does, and is VALID, and returns how many
// there are.
func (e evidence) follow(want ...string) (holders int) {
	e.t.Helper()
	var got []string
	for line := range strings.Lines(string(e.read("README.txt"))) {
		command, held, holds := strings.Cut(strings.TrimSuffix(line, "\n"), " # holds ")
		words := strings.Fields(command)
		if !strings.HasPrefix(line, "    ") {
			continue
		}
		flags := map[string][]string{}
		var files []string
		for i := 1; i < len(words); i++ {
			if strings.HasPrefix(words[i], "--") {
				flags[words[i]] = append(flags[words[i]], words[i+1])
				i++
			} else {
				files = append(files, words[i])
			}
		}
		if len(flags["--trust"]) != 1 || flags["--trust"][0] != "trust.json" {
			e.t.Fatalf("the README says %s", line)
		}
		switch words[0] {
		case "lendlog-verify":
			var against [][]byte
			for _, name := range flags["--against"] {
				against = append(against, e.read(name))
			}
			for _, name := range files {
				report, err := proof.VerifyFile(e.trust, bytes.NewReader(e.read(name)), nil, against...)
				if err != nil {
					e.t.Fatalf("%s: %v", line, err)
				}
				if !holds {
					got = append(got, report.Verdict.String())
					continue
				}
				holders++
				var doc struct{ Checkpoint string }
				if err := json.Unmarshal(e.read(name), &doc); err != nil || doc.Checkpoint != string(e.read(held)) || report.Verdict != proof.Valid && (e.trust.Witnesses == nil || report.Verdict == proof.Invalid) {
					e.t.Errorf("%s is %v and does not hold %s: %v", name, report.Verdict, held, err)
				}
			}
		case "lendlog":
			o := fsck.Options{Trust: e.trust}
			for _, name := range flags["--checkpoint"] {
				o.Checkpoints = append(o.Checkpoints, e.read(name))
			}
			c, err := client.Dial(e.t.Context(), flags["--server"][0], client.WithTrust(e.trust))
			if err != nil {
				e.t.Fatalf("%s: %v", line, err)
			}
			report, err := fsck.Live(e.t.Context(), c.Log(), o)
			var lie *client.LieError
			switch {
			case errors.As(err, &lie):
				got = append(got, "INVALID")
			case err != nil:
				e.t.Fatalf("%s: %v", line, err)
			default:
				got = append(got, report.Verdict.String())
			}
		default:
			e.t.Fatalf("the README says %s", line)
		}
	}
	if !slices.Equal(got, want) {
		e.t.Errorf("as the README says, the verdicts are %v, want %v\n%s", got, want, e.read("README.txt"))
	}
	return holders
}

// edit is a lie: a change of a JSON document.
func edit(t *testing.T, body []byte, f func(map[string]any)) []byte {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Errorf("couldn't read what to lie about: %v\n%s", err, body)
		return body
	}
	f(v)
	out, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return out
}

// of lies about the good answers of a path.
func of(path string, f func([]byte) []byte) lie {
	return func(p string, status int, b []byte) (int, []byte) {
		if p != path || status != http.StatusOK {
			return status, b
		}
		return status, f(b)
	}
}

func keep(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func receiptName(r *proof.Receipt) string { return fmt.Sprintf("receipt-%d.json", r.Index) }
