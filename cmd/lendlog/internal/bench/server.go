// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lendlog/lendlog/ledger/lifecycle"
)

// A server is `lendlog serve` in a process of its own.
type server struct {
	cmd     *exec.Cmd
	address string
	log     bytes.Buffer
	cpu     time.Duration // before what is measured
	peak    func() int64
	once    sync.Once // a second signal would end it at once
}

// serve starts a server of the ledger in dir.
func (b *bench) serve(dir string) (*server, error) {
	s := &server{cmd: exec.CommandContext(b.ctx, b.Program, "serve", "--json", "--quiet", "--listen", "127.0.0.1:0", "--dir", dir)}
	s.cmd.Stderr = &s.log
	s.cmd.Cancel = s.terminate
	s.cmd.WaitDelay = time.Minute
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("couldn't start a server: %w", err)
	}
	var ready struct {
		URL string `json:"url"`
	}
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		return nil, errors.Join(fmt.Errorf("the server doesn't start: %w", err), s.stop())
	}
	s.address = strings.TrimPrefix(ready.URL, "http://")
	s.cpu, s.peak = processCPU(s.cmd.Process.Pid), watchMemory(s.cmd.Process.Pid)
	return s, nil
}

// usage adds to a result the processor time of the server since it was
// started, and of this process since its load began.
func (s *server) usage(r *Result, load time.Duration) {
	r.CPU = micros(processCPU(s.cmd.Process.Pid)-s.cpu) / float64(r.Records)
	r.LoadCPU = micros(load) / float64(r.Records)
}

// terminate asks the server to end in good order.
func (s *server) terminate() (err error) {
	s.once.Do(func() { err = s.cmd.Process.Signal(syscall.SIGTERM) })
	return err
}

// stop ends the server in good order.
func (s *server) stop() error {
	_ = s.terminate()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the server ended badly: %w: %s", err, bytes.TrimSpace(s.log.Bytes()))
	}
	return nil
}

// measureStreams measures NDJSON streams, one and four at a time, and one of
// whole credit files.
func (b *bench) measureStreams() error {
	book, err := lifecycle.New(lifecycle.Config{Loans: int(b.Records), Seed: b.Seed, Window: bookWindow})
	if err != nil {
		return err
	}
	mixed := func(streams int) (of []iter.Seq[[]byte]) {
		for i := range streams {
			of = append(of, NewEvents(b.Seed, i).all())
		}
		return of
	}
	for _, load := range []struct {
		path, what string
		streams    []iter.Seq[[]byte]
	}{
		{"stream-1", "POST of NDJSON, everything on", mixed(1)},
		{"stream-4", "POST of NDJSON, everything on", mixed(4)},
		{"stream-files", "POST of NDJSON: whole credit files of about thirty records, as lendlog generate makes them", []iter.Seq[[]byte]{documents(book)}},
	} {
		r := Result{Path: load.path, What: load.what}
		if err := b.measureServer(&r, func(s *server) error { return b.stream(s, &r, load.streams) }); err != nil {
			return fmt.Errorf("couldn't measure %s: %w", r.Path, err)
		}
		r.wantRate(20_000)
		b.add("stream", r)
	}
	return nil
}

// bookWindow is how many credit files go on at a time.
const bookWindow = 2000

// documents are the events of a book.
func documents(book *lifecycle.Book) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for e := range book.Events() {
			if !yield(e.Document) {
				return
			}
		}
	}
}

// measureSingles measures single posts, each with its receipt and proof.
func (b *bench) measureSingles() error {
	for _, of := range []struct {
		clients int
		share   int64 // of all records
	}{{1, 200}, {16, 20}, {64, 10}} {
		r := Result{Path: fmt.Sprintf("single-%d", of.clients), What: fmt.Sprintf("single POSTs, clients at once: %d; each waits for its receipt with proof", of.clients)}
		if err := b.measureServer(&r, func(s *server) error {
			return b.single(s, &r, of.clients, int(max(b.Records/of.share, 256)))
		}); err != nil {
			return fmt.Errorf("couldn't measure %s: %w", r.Path, err)
		}
		switch of.clients {
		case 1:
			r.want(r.P50 <= 3, "p50 ≤ 3 ms")
		case 64:
			r.wantRate(8_000)
			r.want(r.P99 <= 25, "p99 ≤ 25 ms")
		}
		b.add("single", r)
	}
	return nil
}

// measureServer runs load on a new server with a new ledger.
func (b *bench) measureServer(r *Result, load func(*server) error) error {
	dir, err := b.create(r.Path)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := b.serve(dir)
	if err != nil {
		return err
	}
	err = load(s)
	r.Memory = s.peak()
	if err := errors.Join(err, s.stop()); err != nil {
		return err
	}
	return b.settle(r, dir)
}

// stream sends all records in streams of these events at once.
func (b *bench) stream(s *server, r *Result, streams []iter.Seq[[]byte]) error {
	// The events lie in files, so that sending them costs next to nothing.
	perStream := b.Records / int64(len(streams))
	names := make([]string, len(streams))
	for i, events := range streams {
		names[i] = filepath.Join(b.dir, fmt.Sprintf("events-%d.ndjson", i))
		defer os.Remove(names[i])
		if err := b.writeEvents(names[i], events, perStream); err != nil {
			return err
		}
	}
	waits := make([]latencies, len(streams))
	begun, before := time.Now(), ownCPU()
	group, ctx := errgroup.WithContext(b.ctx)
	var done progressed
	for i := range streams {
		group.Go(func() error {
			return sendStream(ctx, s.address, names[i], perStream, &waits[i], func(n int64) {
				b.Progress(r.Path, done.add(n), b.Records)
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	r.over(perStream*int64(len(streams)), time.Since(begun))
	s.usage(r, ownCPU()-before)
	for i := range waits[1:] {
		waits[0].merge(&waits[1+i])
	}
	r.latency(&waits[0])
	return nil
}

// progressed is a sum of what several goroutines have done.
type progressed struct {
	mu  sync.Mutex
	sum int64
}

func (p *progressed) add(n int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sum += n
	return p.sum
}

// writeEvents writes the first n events to a file, one a line.
func (b *bench) writeEvents(name string, events iter.Seq[[]byte], n int64) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	i := int64(0)
	for doc := range events {
		if i == n {
			break
		}
		_, _ = w.Write(doc)
		_ = w.WriteByte('\n')
		if i++; i%10_000 == 0 {
			b.Progress("making events", i, n)
			if err := b.ctx.Err(); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

// sendStream sends a file as one stream, and requires that each of its n
// lines becomes a record.
func sendStream(ctx context.Context, address, name string, n int64, waits *latencies, progress func(int64)) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	sent := &sending{r: f}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/records", sent)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answers := bufio.NewReaderSize(resp.Body, 512<<10)
	for i := range n {
		if _, err := answers.ReadSlice('\n'); err != nil {
			return fmt.Errorf("the stream ended after %d answers: %w", i, err)
		}
		waits.add(sent.since(i))
		if i%10_000 == 9_999 {
			progress(10_000)
		}
	}
	var summary struct {
		Accepted int64 `json:"accepted"`
	}
	if err := json.NewDecoder(answers).Decode(&summary); err != nil {
		return fmt.Errorf("couldn't read the summary of the stream: %w", err)
	}
	if summary.Accepted != n {
		return fmt.Errorf("%d of %d events were accepted", summary.Accepted, n)
	}
	return nil
}

// sending remembers when lines were handed over to be sent.
type sending struct {
	r io.Reader

	mu    sync.Mutex // guards all below
	lines int64
	parts []part
}

// part is what was read at a time: the lines below end that no earlier part
// had begun.
type part struct {
	end int64
	at  time.Time
}

func (s *sending) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines += int64(bytes.Count(p[:n], []byte{'\n'}))
	s.parts = append(s.parts, part{s.lines, time.Now()})
	return n, err
}

// since returns how long ago line i was sent whole. It is asked for them in
// their order.
func (s *sending) since(i int64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.parts) > 1 && s.parts[0].end <= i {
		s.parts = s.parts[1:]
	}
	return time.Since(s.parts[0].at)
}

// single sends n events, one to a request, from so many clients at once.
func (b *bench) single(s *server, r *Result, clients, n int) error {
	docs := make([][][]byte, clients)
	for i := range docs {
		docs[i] = NewEvents(b.Seed, i).Take(n / clients)
	}
	waits := make([]latencies, clients)
	begun, before := time.Now(), ownCPU()
	group, ctx := errgroup.WithContext(b.ctx)
	var done progressed
	for i := range clients {
		group.Go(func() error {
			return sendSingles(ctx, s.address, docs[i], &waits[i], func() { b.Progress(r.Path, done.add(1), int64(n)) })
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	r.over(int64(n/clients*clients), time.Since(begun))
	s.usage(r, ownCPU()-before)
	for i := range waits[1:] {
		waits[0].merge(&waits[1+i])
	}
	r.latency(&waits[0])
	return nil
}

// sendSingles is one client: it sends each event when it has the receipt of
// the one before. It speaks HTTP by hand, because net/http's client costs as
// much as what is measured.
func sendSingles(ctx context.Context, address string, docs [][]byte, waits *latencies, progress func()) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	answers := bufio.NewReader(conn)
	var request []byte
	for _, doc := range docs {
		request = append(request[:0], "POST /v1/records HTTP/1.1\r\nHost: "+address+"\r\nContent-Type: application/cloudevents+json\r\nContent-Length: "...)
		request = append(strconv.AppendInt(request, int64(len(doc)), 10), "\r\n\r\n"...)
		request = append(request, doc...)
		begun := time.Now()
		if _, err := conn.Write(request); err != nil {
			return err
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusCreated {
			return fmt.Errorf("the server answered a new event with status %d", resp.StatusCode)
		}
		waits.add(time.Since(begun))
		progress()
	}
	return nil
}
