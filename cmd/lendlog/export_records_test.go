// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/export"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// failing is a ledger that fails in one place.
type failing struct {
	access.Ledger
	at string
}

var errDied = &wrapped{access.ErrNetwork}

type wrapped struct{ error }

func (w *wrapped) Unwrap() error { return w.error }

func (l *failing) Find(ctx context.Context, f *index.Filter, asOf time.Time, progress func(string, int64, int64)) (string, iter.Seq2[*access.Record, error], error) {
	checkpoint, records, err := l.Ledger.Find(ctx, f, asOf, progress)
	if l.at != "a page" {
		return checkpoint, records, err
	}
	return checkpoint, func(yield func(*access.Record, error) bool) {
		for r := range records {
			if !yield(r, nil) {
				return
			}
			break
		}
		yield(nil, errDied)
	}, err
}

func (l *failing) Submit(ctx context.Context, events iter.Seq2[access.Event, error], o access.SubmitOptions) iter.Seq2[access.Outcome, error] {
	return func(yield func(access.Outcome, error) bool) {
		switch l.at {
		case "the record":
			yield(access.Outcome{}, errDied)
		case "no answer":
		case "a refusal":
			yield(access.Outcome{Refused: errors.New("not today")}, nil)
		case "the answer":
			for range l.Ledger.Submit(ctx, events, o) {
			}
			yield(access.Outcome{}, errDied)
		default:
			l.Ledger.Submit(ctx, events, o)(yield)
		}
	}
}

func (l *failing) Consistency(ctx context.Context, older, newer string) ([]tree.Hash, error) {
	if l.at == "the proof" {
		return nil, errDied
	}
	return l.Ledger.Consistency(ctx, older, newer)
}

// newLedgerOf makes a ledger with an example of every type.
func newLedgerOf(t *testing.T) (dir string, l access.Ledger) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "ledger")
	if err := ledger.Create(t.Context(), dir, ledger.CreateOptions{Origin: "export.test/1"}); err != nil {
		t.Fatal(err)
	}
	l, err := access.Local(t.Context(), dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	events := func(yield func(access.Event, error) bool) {
		for i, s := range cat.All() {
			if !s.Own && !yield(access.Event{Number: int64(i), Document: exampleEvent(s).Bytes()}, nil) {
				return
			}
		}
	}
	for out, err := range l.Submit(t.Context(), events, access.SubmitOptions{}) {
		if err != nil || out.Refused != nil {
			t.Fatal(err, out.Refused)
		}
	}
	return dir, l
}

func newExporter(t *testing.T, out, format string) *exporter {
	t.Helper()
	f, err := index.ParseFilter("not type=access.occurred")
	if err != nil {
		t.Fatal(err)
	}
	return &exporter{
		c: console.New(nil, &bytes.Buffer{}, &bytes.Buffer{}), filter: f, format: format, out: out,
		by: export.Reader{Actor: "staff-1", ActorKind: "staff", Purpose: "audit", Source: "urn:test"},
	}
}

// accesses counts what the ledger has on record of exports.
func accesses(t *testing.T, l access.Ledger) (n int) {
	t.Helper()
	f, err := index.ParseFilter("type=access.occurred exported=true")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range l.Search(t.Context(), f, true, 100, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// holds wants a file and its manifest to be VALID under the trust file of a
// ledger.
func holds(t *testing.T, trust, file string) *export.Manifest {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run([]string{"export", "verify", file, "--trust", trust}, nil, &out, &errs); code != exitOK {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
	b, err := os.ReadFile(file + manifestEnd)
	if err != nil {
		t.Fatal(err)
	}
	m, err := export.ParseManifest(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestExportFormats exports one ledger with records of all types in every format:
// the rows are the same, and their hash.
func TestExportFormats(t *testing.T) {
	dir, l := newLedgerOf(t)
	to := t.TempDir()
	var rows [][32]byte
	for _, format := range export.Formats {
		out := filepath.Join(to, "all."+format)
		m, err := newExporter(t, out, format).run(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if got := holds(t, filepath.Join(dir, "trust.json"), out); got.Digest() != m.Digest() {
			t.Errorf("%s: the manifest is another one", format)
		}
		rows = append(rows, m.Rows)
	}
	if rows[0] != rows[1] || rows[1] != rows[2] {
		t.Error("the rows of the formats have different hashes")
	}
	if n := accesses(t, l); n != len(export.Formats) {
		t.Errorf("%d exports are recorded", n)
	}
}

// TestExportFails lets the ledger, or the disk, fail in every place: there is a
// whole export that is recorded, or there is no file.
func TestExportFails(t *testing.T) {
	dir, l := newLedgerOf(t)
	recorded := accesses(t, l)
	for _, tc := range []struct {
		at       string
		recorded int // in the ledger all the same
		says     string
	}{
		{"a page", 0, "server"},
		{"the record", 0, "perhaps not recorded"},
		{"no answer", 0, "didn't answer"},
		{"a refusal", 0, "not today"},
		{"the answer", 1, "perhaps not recorded"},
		{"the proof", 1, "but its file was not kept"},
		{"the manifest", 1, "but its file is not there"},
	} {
		t.Run(tc.at, func(t *testing.T) {
			to := t.TempDir()
			out := filepath.Join(to, "x.csv")
			if tc.at == "the manifest" { // cannot have its name
				if err := os.MkdirAll(filepath.Join(out+manifestEnd, "in the way"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			x := newExporter(t, out, export.CSV)
			_, err := x.run(t.Context(), &failing{l, tc.at})
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("%v, want that it says %q", err, tc.says)
			}
			if errors.Is(err, errDied) && exitCode(err) != exitNetwork {
				t.Errorf("exit code %d", exitCode(err))
			}
			if names := entriesOf(t, to); tc.at != "the manifest" && len(names) > 0 || slices.ContainsFunc(names, func(n string) bool { return n != "x.csv"+manifestEnd }) {
				t.Errorf("there is %v", names)
			}
			recorded += tc.recorded
			if n := accesses(t, l); n != recorded {
				t.Errorf("%d exports are recorded, want %d", n, recorded)
			}
			if tc.at == "the manifest" {
				if err := os.RemoveAll(out + manifestEnd); err != nil {
					t.Fatal(err)
				}
			}
			// It can be done again, and over a manifest that was left alone.
			if err := os.WriteFile(out+manifestEnd, []byte("left"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := newExporter(t, out, export.CSV).run(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			recorded++
			holds(t, filepath.Join(dir, "trust.json"), out)
			if names := entriesOf(t, to); len(names) != 2 {
				t.Errorf("there is %v", names)
			}
		})
	}
}

func entriesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestExportKilled ends real programs between the last row and the record: the
// server before it has the record, and the exporter once the server has it and
// before it is told.
func TestExportKilled(t *testing.T) {
	w := newWitness(t, build(t))
	s := w.start()
	recorded := 0
	for _, who := range []string{"server", "exporter"} {
		t.Run(who, func(t *testing.T) {
			to := t.TempDir()
			out := filepath.Join(to, "x.csv")
			at, err := url.Parse(s.url)
			if err != nil {
				t.Fatal(err)
			}
			arrived, ended := make(chan struct{}), make(chan struct{})
			var once sync.Once
			inner := httputil.NewSingleHostReverseProxy(at)
			inner.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
			proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/v1/records") {
					inner.ServeHTTP(rw, r)
					return
				}
				if who == "exporter" {
					inner.ServeHTTP(httptest.NewRecorder(), r)
				}
				once.Do(func() { close(arrived) })
				<-ended
				panic(http.ErrAbortHandler)
			}))
			defer proxy.Close()
			var errs bytes.Buffer
			args := []string{"export", "records", "--actor", "s", "--purpose", "audit", "--server", proxy.URL, "-o", out}
			cmd := exec.Command(w.bin, args...)
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-arrived
			if who == "server" {
				s.kill()
			} else {
				_ = cmd.Process.Kill()
			}
			close(ended)
			err = cmd.Wait()
			if who == "server" {
				if cmd.ProcessState.ExitCode() != exitNetwork || !strings.Contains(errs.String(), "perhaps not recorded") {
					t.Errorf("%v\n%s", err, &errs)
				}
				if names := entriesOf(t, to); len(names) > 0 {
					t.Errorf("there is %v", names)
				}
				s = w.start()
			} else {
				if !killed(err) {
					t.Fatalf("%v\n%s", err, &errs)
				}
				if slices.ContainsFunc(entriesOf(t, to), func(n string) bool { return !strings.HasSuffix(n, ".partial") }) {
					t.Errorf("there is %v", entriesOf(t, to))
				}
				recorded++
			}
			// Again, without a proxy between.
			args[slices.Index(args, proxy.URL)] = s.url
			found, err := exec.Command(w.bin, "query", "type=access.occurred", "--json", "--server", s.url).Output()
			if n := bytes.Count(found, []byte("\n")); err != nil || n != recorded {
				t.Errorf("%d exports are recorded: %v", n, err)
			}
			w.run(args...)
			recorded++
			holds(t, filepath.Join(w.dir, "trust.json"), out)
		})
	}
	s.terminate()
	w.run("audit", "--deep", "--dir", w.dir)
}
