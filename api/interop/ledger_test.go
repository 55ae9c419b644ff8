// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"filippo.io/torchwood"
)

// bin is the directory of the programs that are run, each built once.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "interop")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		bin = dir
		for program, at := range map[string]string{
			"./cmd/lendlog": filepath.Join("..", ".."),
			"github.com/transparency-dev/tessera/cmd/fsck":        ".",
			"github.com/transparency-dev/tessera/internal/hammer": ".",
		} {
			cmd := exec.Command("go", "build", "-o", bin+string(filepath.Separator), program)
			cmd.Dir = at
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "couldn't build %s: %v\n%s", program, err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

const origin = "ledger.interop.example/2026"

// A ledger is one in a directory, with what is public of it.
type ledger struct {
	t       *testing.T
	dir     string
	key     string // C2SP verifier key
	url     string // while it is served
	loans   int    // life cycles that were submitted
	young   string // a copy of it as it was created
	serving *exec.Cmd
}

// create makes a ledger that anybody may read.
func create(t *testing.T) *ledger {
	l := &ledger{t: t, dir: filepath.Join(t.TempDir(), "ledger")}
	var made struct {
		VerifierKeys []string `json:"verifierKeys"`
	}
	if err := json.Unmarshal(l.run("init", "--json", "--dir", l.dir, "--origin", origin, "--public-log"), &made); err != nil {
		t.Fatal(err)
	}
	l.key = made.VerifierKeys[0]
	l.young = filepath.Join(t.TempDir(), "young")
	l.copy(l.dir, l.young)
	return l
}

// run runs lendlog to its good end and returns what it prints.
func (l *ledger) run(args ...string) []byte {
	l.t.Helper()
	cmd := exec.Command(filepath.Join(bin, "lendlog"), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("lendlog %v: %v\n%s", args, err, &errs)
	}
	return out.Bytes()
}

// serve serves the ledger until it is stopped or the test ends.
func (l *ledger) serve(flags ...string) {
	l.t.Helper()
	cmd := exec.Command(filepath.Join(bin, "lendlog"), append([]string{"serve", "--json", "--dir", l.dir, "--listen", "127.0.0.1:0"}, flags...)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.serving = cmd
	l.t.Cleanup(l.stop)
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var listens struct {
		URL string `json:"url"`
	}
	if err != nil || json.Unmarshal(line, &listens) != nil {
		l.stop()
		l.t.Fatalf("lendlog does not listen: %v\n%s", err, &log)
	}
	l.url = listens.URL
}

// stop ends the server in good order.
func (l *ledger) stop() {
	l.t.Helper()
	if l.serving == nil {
		return
	}
	cmd := l.serving
	l.serving = nil
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		l.t.Errorf("lendlog serve: %v", err)
	}
}

// submit submits the events of so many more life cycles.
func (l *ledger) submit(loans int) {
	l.t.Helper()
	l.loans += loans
	file := filepath.Join(l.t.TempDir(), "events.ndjson")
	l.run("generate", "--loans", fmt.Sprint(loans), "--seed", fmt.Sprint(l.loans), "--out", file)
	l.run("submit", file, "--json", "--server", l.url)
}

// fork returns a second history of the ledger under its very keys, as an operator
// can make one who keeps a copy: another record stands where its last ones do,
// and it is longer.
func (l *ledger) fork() *ledger {
	l.t.Helper()
	f := &ledger{t: l.t, dir: filepath.Join(l.t.TempDir(), "ledger"), key: l.key, loans: 1000}
	l.copy(l.young, f.dir)
	f.serve()
	for f.size() <= l.size() {
		f.submit(20)
	}
	return f
}

// copy copies a ledger that nobody holds, permissions included: its keys are for
// their owner alone.
func (l *ledger) copy(from, to string) {
	l.t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		l.t.Fatalf("%v\n%s", err, out)
	}
}

// checkpoint returns the newest checkpoint, signed, and its size.
func (l *ledger) checkpoint() (signed []byte, size int64) {
	l.t.Helper()
	signed = l.get("/log/checkpoint")
	text, _, _ := strings.Cut(string(signed), "\n\n")
	cp, err := torchwood.ParseCheckpoint(text + "\n")
	if err != nil {
		l.t.Fatal(err)
	}
	return signed, cp.N
}

func (l *ledger) size() int64 {
	l.t.Helper()
	_, size := l.checkpoint()
	return size
}

// get returns what an address answers with 200, and getJSON what it answers to
// whoever accepts JSON.
func (l *ledger) get(path string) []byte {
	l.t.Helper()
	return l.answer(path, "*/*")
}

func (l *ledger) getJSON(path string) []byte {
	l.t.Helper()
	return l.answer(path, "application/json")
}

func (l *ledger) answer(path, accept string) []byte {
	l.t.Helper()
	req, err := http.NewRequest(http.MethodGet, l.url+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		l.t.Fatalf("GET %s: %s %v\n%s", path, resp.Status, err, body)
	}
	return body
}
