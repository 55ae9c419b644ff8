// SPDX-License-Identifier: Apache-2.0

//go:build long

package ledger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
)

// smallDisk mounts a file system of so many MiB in memory. That needs root.
func smallDisk(t *testing.T, mib int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		t.Fatalf("couldn't mount a small disk, which only root may: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes space on a disk until so many bytes are left.
func fill(t *testing.T, dir string, left int64) (free func()) {
	t.Helper()
	f, err := os.CreateTemp(dir, "somebody-else-*")
	if err != nil {
		t.Error(err)
		return func() {}
	}
	defer f.Close()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Error(err)
	}
	for n := int64(st.Bavail)*st.Bsize - left; n > 0; n -= 1 << 20 { // others write as well
		if err = syscall.Fallocate(int(f.Fd()), 0, 0, n); !errors.Is(err, syscall.ENOSPC) {
			break
		}
	}
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Error(err)
		}
	}
}

// Appends stop before anything is harmed, reads go on, also after a restart,
// and free space means service again.
func TestDiskFills(t *testing.T) {
	disk := smallDisk(t, 640)
	h := &house{t: t, dir: filepath.Join(disk, "ledger")}
	if err := ledger.Create(t.Context(), h.dir, ledger.CreateOptions{Origin: origin}); err != nil {
		t.Fatal(err)
	}
	h.run()
	doc := func(i int) []byte {
		return document("payment.received", fmt.Sprintf("file/%d", i%5), fmt.Sprint(i), payment(i), nil)
	}
	first := h.append(doc(0))
	ballast := filepath.Join(h.dir, "store", "ballast")
	if st, err := os.Stat(ballast); err != nil || st.Size() != 64<<20 {
		t.Fatalf("the ledger has no ballast: %v", err)
	}
	full := func() {
		t.Helper()
		if _, err := h.l.Append(t.Context(), h.event(doc(1)), "key-1"); !errors.Is(err, ledger.ErrNoSpace) {
			t.Errorf("an append was answered with %v", err)
		}
		if err := h.l.Writable(); !errors.Is(err, ledger.ErrNoSpace) {
			t.Errorf("writable: %v", err)
		}
		if r, err := h.l.Record(t.Context(), first.Receipt.Index); err != nil || !bytes.Equal(r.Entry, first.Receipt.Entry) {
			t.Errorf("reads stopped as well: %v", err)
		}
	}
	free := fill(t, disk, 100<<20)
	full()
	free()
	h.append(doc(1))

	// To the last byte: the ballast lets it close in good order.
	free = fill(t, disk, 0)
	full2 := doc(2)
	if _, err := h.l.Append(t.Context(), h.event(full2), "key-1"); !errors.Is(err, ledger.ErrNoSpace) {
		t.Errorf("an append was answered with %v", err)
	}
	if err := h.close(); err != nil {
		t.Fatalf("the ledger didn't close in good order: %v", err)
	}
	ledgertest.Check(t, h.dir)
	// What the ballast took is enough to open it again, to read.
	h.run()
	full()
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	// Not a byte.
	free2 := fill(t, disk, 0)
	if err := h.open(); !errors.Is(err, ledger.ErrNoSpace) {
		t.Fatalf("opened without a byte to write: %v", err)
	}
	if _, err := ledger.Repair(t.Context(), h.dir, ledger.Options{}); !errors.Is(err, ledger.ErrNoSpace) {
		t.Errorf("repaired without a byte to write: %v", err)
	}
	free2()
	free()
	h.run()
	if again := h.append(doc(1)); !again.Repeated {
		t.Error("an acknowledged event was appended twice")
	}
	h.append(doc(2))
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	ledgertest.Check(t, h.dir)
	if err := ledger.Create(t.Context(), filepath.Join(disk, "other"), ledger.CreateOptions{Origin: origin}); err != nil {
		t.Fatal(err)
	}
}

// A ledger that can't have all its files is not made.
func TestCreateOnAFullDisk(t *testing.T) {
	disk := smallDisk(t, 100)
	dir := filepath.Join(disk, "ledger")
	if err := ledger.Create(t.Context(), dir, ledger.CreateOptions{Origin: origin}); !errors.Is(err, ledger.ErrNoSpace) {
		t.Errorf("made a ledger on a small disk: %v", err)
	}
}

// The mirror, the head file or the vault on a volume of its own, which fills
// between two events and while the ledger runs: it stops, and loses nothing.
func TestOtherVolumesFill(t *testing.T) {
	for _, part := range []string{"mirror", "head", "vault"} {
		t.Run(part, func(t *testing.T) {
			disk := smallDisk(t, 40)
			o := ledger.CreateOptions{Origin: origin}
			switch part {
			case "mirror":
				o.Paths.Mirror = filepath.Join(disk, part)
			case "head":
				o.Paths.Head = filepath.Join(disk, part)
			case "vault":
				o.Paths.Vault = filepath.Join(disk, part)
			}
			h := &house{t: t, dir: filepath.Join(t.TempDir(), "ledger")}
			if err := ledger.Create(t.Context(), h.dir, o); err != nil {
				t.Fatal(err)
			}
			h.run()
			doc := func(i int) []byte {
				return document("payment.received", fmt.Sprintf("file/%d", i%5), fmt.Sprint(i), payment(i), nil)
			}
			h.append(doc(0))
			free := fill(t, disk, 4<<20)
			if _, err := h.l.Append(t.Context(), h.event(doc(1)), "key-1"); !errors.Is(err, ledger.ErrNoSpace) {
				t.Errorf("an append was answered with %v", err)
			}
			free()
			h.append(doc(1))
			// Suddenly: between the look at the space and the step.
			if err := h.close(); err != nil {
				t.Fatal(err)
			}
			if err := h.open(); err != nil {
				t.Fatal(err)
			}
			var release func()
			h.l.OnStep(func(step string, perform func() error) error {
				if step == part && release == nil {
					release = fill(t, disk, 0)
				}
				return perform()
			})
			h.start()
			// Longer than what is left of the file system's last block.
			_, err := h.l.Append(t.Context(), h.event(suddenEvent(2)), "key-1")
			if part != "vault" && !errors.Is(err, ledger.ErrStopped) {
				t.Errorf("an append whose outcome is unknown was answered with %v", err)
			}
			_ = h.close()
			if release != nil {
				release()
			}
			h.run()
			for i := range 2 {
				if again := h.append(doc(i)); !again.Repeated {
					t.Errorf("event %d was lost", i)
				}
			}
			h.append(suddenEvent(2))
			if err := h.close(); err != nil {
				t.Fatal(err)
			}
			ledgertest.Check(t, h.dir)
		})
	}
}

const suddenEnv = "LENDLOG_DISK_WORKER"

func init() { workers[suddenEnv] = suddenWorker }

// suddenWorker appends to the ledger in dir while the disk fills between the
// look at it and the transaction. It prints what was acknowledged.
func suddenWorker(dir string) {
	l, err := ledger.Open(context.Background(), dir, ledger.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	commits := 0
	l.OnStep(func(step string, perform func() error) error {
		if step == "store" {
			if commits++; commits == 20 {
				fill(&testing.T{}, filepath.Dir(dir), 0)
			}
		}
		return perform()
	})
	go func() {
		fmt.Fprintln(os.Stderr, "the ledger has stopped:", l.Run(context.Background()))
		os.Exit(1)
	}()
	for i := 0; ; i++ {
		ev, err := record.ParseEvent(suddenEvent(i), l.Catalogue())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		r, err := l.Append(context.Background(), ev, "key-1")
		if errors.Is(err, ledger.ErrNoSpace) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err == nil {
			fmt.Println(i, r.Receipt.Index)
		}
	}
}

func suddenEvent(i int) []byte {
	return document("case.opened", fmt.Sprintf("case/%d", i%3), fmt.Sprint("sudden-", i),
		fmt.Sprintf(`{"caseKind": "fraud", "narrative": %q}`, strings.Repeat("a story ", 2000)), map[string]any{"time": "2026-01-01T00:00:00Z"})
}

// A disk that fills between the look at it and the commit kills the process:
// the database writes through mapped memory. All that was acknowledged is there.
func TestDiskFillsSuddenly(t *testing.T) {
	disk := smallDisk(t, 640)
	h := &house{t: t, dir: filepath.Join(disk, "ledger")}
	if err := ledger.Create(t.Context(), h.dir, ledger.CreateOptions{Origin: origin}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), suddenEnv+"="+h.dir)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err == nil || !strings.Contains(log.String(), "SIGBUS") {
		t.Fatalf("it ended with %v: %s", err, log.String())
	}
	// With the ballast it left behind it can be read at once.
	if err := h.open(); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		i     int
		index int64
	}
	var acknowledged []answer
	for line := range strings.Lines(string(out)) {
		var a answer
		if _, err := fmt.Sscan(line, &a.i, &a.index); err != nil {
			t.Fatal(err)
		}
		acknowledged = append(acknowledged, a)
		r, err := h.l.Record(t.Context(), a.index)
		if err != nil || !bytes.Equal(r.Document(), h.event(suddenEvent(a.i)).Document().Bytes()) {
			t.Fatalf("record %d: %v", a.index, err)
		}
	}
	if len(acknowledged) < 19 {
		t.Fatalf("%d events were acknowledged", len(acknowledged))
	}
	if err := h.l.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(disk, "somebody-else-*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	h.run()
	for _, a := range acknowledged {
		if again := h.append(suddenEvent(a.i)); !again.Repeated || again.Receipt.Index != a.index {
			t.Errorf("event %d is record %d now", a.i, again.Receipt.Index)
		}
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	ledgertest.Check(t, h.dir)
}

// TestServerOnAFullDisk holds the real program against a disk that fills under
// load, at once and to the last byte, over and over.
func TestServerOnAFullDisk(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "lendlog")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/lendlog").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	disk := smallDisk(t, 640)
	dir := filepath.Join(disk, "ledger")
	if out, err := exec.Command(bin, "init", "--dir", dir, "--origin", origin).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	acknowledged := map[int]int64{}
	next, died, refused := 0, 0, 0
	for round := range 12 {
		s := serve(t, bin, dir)
		for i, index := range acknowledged { // nothing was lost
			status, got := s.post(t, i)
			if status != http.StatusOK || got != index {
				t.Fatalf("round %d: event %d is answered with %d, record %d, and was record %d", round, i, status, got, index)
			}
			if len(acknowledged) > 200 && i%7 > 0 {
				break
			}
		}
		filled := make(chan func(), 1)
		go func() {
			time.Sleep(time.Duration(20+17*round) * time.Millisecond)
			filled <- fill(t, disk, int64(round%3)*(200<<20))
		}()
		for range 400 {
			status, index := s.post(t, next)
			switch status {
			case http.StatusCreated, http.StatusOK:
				acknowledged[next] = index
				next++
				continue
			case http.StatusInsufficientStorage:
				refused++
				if code := s.get(t, "/v1/records/0"); code != http.StatusOK {
					t.Errorf("reads stopped as well: %d", code)
				}
			case 0:
				died++
				s.ends(t)
			default:
				t.Errorf("an append was answered with %d", status)
			}
			break
		}
		free := <-filled
		if round%2 == 0 {
			free()
			if s.alive() {
				status, index := s.post(t, next)
				if status != http.StatusCreated && status != http.StatusOK {
					t.Errorf("space was freed, and an append is answered with %d", status)
				} else {
					acknowledged[next] = index
					next++
				}
			}
			s.stop(t)
		} else {
			s.stop(t)
			free()
		}
	}
	t.Logf("%d events were acknowledged; %d times appends were refused, %d times the server died", len(acknowledged), refused, died)
	if refused == 0 {
		t.Error("no append was ever refused")
	}
	h := &house{t: t, dir: dir}
	h.run()
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	ledgertest.Check(t, dir)
}

// A server is the real program.
type server struct {
	cmd  *exec.Cmd
	url  string
	log  bytes.Buffer
	done chan error
}

func serve(t *testing.T, bin, dir string) *server {
	t.Helper()
	s := &server{cmd: exec.Command(bin, "serve", "--json", "--dir", dir, "--listen", "127.0.0.1:0"), done: make(chan error, 1)}
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var up struct{ URL string }
	if err := json.NewDecoder(out).Decode(&up); err != nil {
		_ = s.cmd.Wait()
		t.Fatalf("the server didn't start: %v\n%s", err, s.log.String())
	}
	s.url = up.URL
	go func() { s.done <- s.cmd.Wait() }()
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	return s
}

func (s *server) alive() bool {
	select {
	case err := <-s.done:
		s.done <- err
		return false
	default:
		return true
	}
}

// ends waits for a server that hung up to be known as ended.
func (s *server) ends(t *testing.T) {
	t.Helper()
	ledgertest.Until(t, "the end of a server that does not answer", func() bool { return !s.alive() })
}

// stop ends the server in good order, if it lives, and requires that it was.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if !s.alive() {
		if text := s.log.String(); !strings.Contains(text, "SIGBUS") && !strings.Contains(text, "space") {
			t.Errorf("the server died: %s", text)
		}
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.done:
		if err != nil {
			t.Errorf("the server didn't end in good order: %v\n%s", err, s.log.String())
		}
	case <-time.After(2 * time.Minute):
		_ = s.cmd.Process.Kill()
		t.Errorf("the server hangs: %s", s.log.String())
	}
}

// post submits event i and returns the status, 0 when there was no answer.
func (s *server) post(t *testing.T, i int) (status int, index int64) {
	t.Helper()
	doc := document("payment.received", fmt.Sprintf("file/%d", i%5), fmt.Sprint(i), payment(i), nil)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+"/v1/records", bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/cloudevents+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, 0
	}
	var answer struct{ Index int64 }
	_ = json.Unmarshal(b, &answer)
	return resp.StatusCode, answer.Index
}

func (s *server) get(t *testing.T, path string) (status int) {
	t.Helper()
	resp, err := http.Get(s.url + path)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
