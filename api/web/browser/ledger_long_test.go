// SPDX-License-Identifier: Apache-2.0

//go:build long

package browser

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
)

// A ledger is served by the program, with what screens show: credit files with
// planted faults, 10,000 real applications, 30,000 real credit cards, witnesses, time
// stamps, feeds, a key of each role, and a regulator's that opens one member only.
type ledger struct {
	t        *testing.T
	bin, dir string // the program, and where all files lie
	url      string
	keys     map[access.Role]string
	examples map[string]string // of what paths of pages leave open
	evidence string            // file
	saved    string            // the page that verifies
	trusts   []asking          // trust files that ask for more and more
}

// An asking is a trust file, and what evidence of the ledger is under it in a browser.
type asking struct {
	Trust   string `json:"trust"`
	Verdict string `json:"verdict"`
	Check   string `json:"check"`
	Result  string `json:"result"`
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{t: t, bin: filepath.Join(t.TempDir(), "lendlog"), dir: t.TempDir(), keys: map[access.Role]string{}}
	if out, err := exec.Command("go", "build", "-o", l.bin, "../../../cmd/lendlog").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	l.run("init", "--dir", "L", "--origin", "ledger.bank.example/2026", "--admin-key", "admin.key")
	l.keys[access.Admin] = l.read("admin.key")
	for _, role := range visitors {
		if role == access.Admin {
			continue
		}
		file := string(role) + ".key"
		args := []string{"access", "grant", "--role", string(role), "--label", "the " + string(role), "--out", file, "--dir", "L"}
		if role.May(access.RecordsSubmit) {
			args = append(args, "--source", "urn:")
		}
		l.run(args...)
		l.keys[role] = l.read(file)
	}
	expires := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	l.run("access", "grant", "--role", "regulator", "--label", "the regulator", "--purpose", "supervision", "--basis", "supervisory-request",
		"--fields", "/subject", "--expires", expires, "--out", "regulator.key", "--dir", "L")
	l.keys[access.Regulator] = l.read("regulator.key")
	l.fill()
	l.prove()
	l.saved = filepath.Join(l.dir, "verify.html")
	l.run("verify", "--page", "verify.html")
	l.serve()
	return l
}

// fill submits what the screens show.
func (l *ledger) fill() {
	l.t.Helper()
	l.run("generate", "--loans", "60", "--seed", "7", "--faults", "20", "--out", "events.ndjson", "--answers", "answers.ndjson")
	l.run("submit", "events.ndjson", "--dir", "L")
	data := os.Getenv("LENDLOG_DATA")
	if data == "" {
		l.t.Fatal("LENDLOG_DATA must name the directory of the real data")
	}
	l.run("import", "--mapping", "lendingclub-accepted", filepath.Join(data, "lendingclub", "accepted_sample.csv"), "--dir", "L")
	l.run("import", "--mapping", "lendingclub-rejected", filepath.Join(data, "lendingclub", "rejected_sample.csv"), "--dir", "L")
	l.run("import", "--mapping", "taiwan-credit-cards", filepath.Join(data, "uci-taiwan", "UCI_Credit_Card.csv"), "--dir", "L")
	l.write("live.ndjson", strings.Join([]string{
		heartbeat("payments", "beat-1", time.Now().Add(-3*time.Hour)),
		heartbeat("origination", "beat-2", time.Now()),
	}, "\n"))
	l.run("submit", "live.ndjson", "--dir", "L")
}

// heartbeat is one of a feed that says it comes every quarter of an hour.
func heartbeat(feed, id string, at time.Time) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"urn:bank:%s","type":"org.lendlog.feed.heartbeat.v1","subject":"feed/%s","time":%q,"data":{"producerSequence":88412,"intervalSeconds":900,"dropped":0,"queued":3}}`,
		id, feed, feed, at.UTC().Format(time.RFC3339))
}

// prove makes evidence of a record, and examples out of what is there: a declined
// application with all that a lender keeps, and a story in which something is late.
func (l *ledger) prove() {
	l.t.Helper()
	var found struct{ Index int64 }
	l.decode(l.run("query", "type=decision.made outcome=declined time>=2019-01-01", "--limit", "1", "--json", "--dir", "L"), &found)
	kind, id := "", ""
	for line := range strings.Lines(l.read("answers.ndjson")) {
		var planted struct{ Fault, Subject string }
		l.decode([]byte(line), &planted)
		if planted.Fault == "us.counteroffer.notice" {
			kind, id, _ = strings.Cut(planted.Subject, "/")
		}
	}
	if found.Index == 0 || id == "" {
		l.t.Fatalf("there is no declined application (%d), or no story with a late step (%s)", found.Index, id)
	}
	l.examples = map[string]string{"{index}": fmt.Sprint(found.Index), "{kind}": kind, "{id}": id, "{id...}": id, "{type}": "org.lendlog.decision.made.v1"}
	l.evidence = filepath.Join(l.dir, "evidence.json")
	l.run("prove", fmt.Sprint(found.Index), "--dir", "L", "-o", "evidence.json")
}

// serve starts the server with two witnesses and two authorities for time stamps,
// and waits until all have done their work once.
func (l *ledger) serve() {
	l.t.Helper()
	trust, err := proof.ParseTrust([]byte(l.read("L/trust.json")))
	if err != nil {
		l.t.Fatal(err)
	}
	key := trust.Keys[0].Key
	w1, w2 := ledgertest.NewWitness(l.t, "witness.example/1", 1, key), ledgertest.NewWitness(l.t, "witness.example/2", 2, key)
	l.write("witnesses", string(ledgertest.Policy(2, w1, w2)))
	one, two := ledgertest.NewTSA(l.t, "one"), ledgertest.NewTSA(l.t, "two")
	l.write("witnessed.json", string(l.run("trust", "--trust", "L/trust.json", "--quorum", "2", "--witness", w1.Key, "--witness", w2.Key)))
	l.write("stamped.json", string(l.run("trust", "--trust", "L/trust.json", "--stamps", "2", "--stamp-root", one.Roots, "--stamp-root", two.Roots)))
	l.trusts = []asking{
		{filepath.Join(l.dir, "L", "trust.json"), "VALID", "inclusion", "pass"},
		// It was there before any witness, so none says when it was not there yet.
		{filepath.Join(l.dir, "witnessed.json"), "INCOMPLETE", "witnesses", "pass"},
		{filepath.Join(l.dir, "stamped.json"), "INCOMPLETE", "policy", "missing"}, // a browser cannot verify stamps
	}
	l.write("anchors.yaml", fmt.Sprintf("targets:\n  - name: stamps\n    timestamp:\n      authorities:\n        - {url: %s, roots: %s}\n        - {url: %s, roots: %s}\n    every: 1h\n    poll: 50ms\n",
		one.URL, one.Roots, two.URL, two.Roots))
	cmd := exec.Command(l.bin, "serve", "--json", "--quiet", "--dir", "L", "--listen", "127.0.0.1:0", "--witnesses", "witnesses", "--witness-every", "1s", "--anchors", "anchors.yaml")
	cmd.Dir = l.dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			l.t.Errorf("the server: %v\n%s", err, &errs)
		}
	})
	var listening struct{ URL string }
	if err := json.NewDecoder(out).Decode(&listening); err != nil {
		l.t.Fatalf("the server does not start: %v\n%s", err, &errs)
	}
	l.url = listening.URL
	l.becomes("/v1/checkpoints/newest", "witness.example/2")
	l.becomes("/v1/anchors/archive", `"stamp"`)
	l.becomes("/v1/stats", `"checkpoint"`) // which waits until all of it was read once
}

// becomes waits until an answer has a text in it.
func (l *ledger) becomes(path, text string) {
	l.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, l.url+path, http.NoBody)
		if err != nil {
			l.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+l.keys[access.Auditor])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			l.t.Fatal(err)
		}
		var b bytes.Buffer
		_, err = b.ReadFrom(resp.Body)
		resp.Body.Close()
		if err == nil && strings.Contains(b.String(), text) {
			return
		}
	}
	l.t.Fatalf("%s never has %s", path, text)
}

// run runs the program.
func (l *ledger) run(args ...string) []byte {
	l.t.Helper()
	cmd := exec.Command(l.bin, args...)
	cmd.Dir = l.dir
	out, err := cmd.Output()
	if err != nil {
		var ee *exec.ExitError
		errors.As(err, &ee)
		l.t.Fatalf("lendlog %s: %v\n%s", strings.Join(args, " "), err, ee.Stderr)
	}
	return out
}

func (l *ledger) decode(b []byte, to any) {
	l.t.Helper()
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(to); err != nil {
		l.t.Fatalf("%v: %s", err, b)
	}
}

func (l *ledger) read(name string) string {
	l.t.Helper()
	b, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func (l *ledger) write(name, text string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}
