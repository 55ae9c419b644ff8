// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/signer/signertest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lendlog":     main,
		"test-signer": func() { signertest.Main(os.Args[1:], os.Stdin, os.Stdout) },
	})
}

// TestScripts runs the program as a person does: testdata/script holds what
// they type and what they see.
func TestScripts(t *testing.T) {
	data, err := filepath.Abs("internal/demo/data")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := filepath.Abs("../../ledger/proof/testdata")
	if err != nil {
		t.Fatal(err)
	}
	builtin, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "../lendlog-verify").CombinedOutput(); err != nil {
		t.Fatalf("go build lendlog-verify: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("DATA", data)
			e.Setenv("GOLDEN", golden)
			e.Setenv("PORTABLE", filepath.Join(golden, "..", "portable"))
			// The indexes of the first records that are submitted to a new
			// ledger, which begins with genesis, all types and an index-root.
			for i := range 3 {
				e.Setenv(fmt.Sprintf("R%d", i), strconv.Itoa(len(builtin.All())+2+i))
			}
			e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "serve": serveInBackground, "terminate": stopServer, "crash": crashServer, "address": freeAddress, "post": post, "change": change, "same-records": sameRecords, "older-ledger": olderLedger, "aged-ledger": agedLedger,
			"witness": func(ts *testscript.TestScript, neg bool, args []string) { startWitness(t, ts, neg, args) }, "witness-policy": witnessPolicy,
			"witness-down": witnessDown, "witness-up": witnessUp, "becomes": becomes,
			"follow": followInBackground, "watch": watchInBackground, "arrives": arrives, "interrupt": interrupt,
			"tsa": func(ts *testscript.TestScript, neg bool, args []string) { startTSA(t, ts, neg, args) }, "tsa-down": tsaDown, "tsa-up": tsaUp, "fill": fill,
			"serve-with": serveWith, "hangup": hangup, "fetch": fetch,
			"grant-of": grantOf, "browse": browse,
			"provider":     func(ts *testscript.TestScript, neg bool, args []string) { startProvider(t, ts, neg, args) },
			"certificates": func(ts *testscript.TestScript, neg bool, args []string) { issueClients(t, ts, neg, args) },
			"issue":        func(ts *testscript.TestScript, neg bool, args []string) { issue(t, ts, neg, args) },
			"readme":       readme, "idle-ledger": idleLedger, "env-from": envFrom, "id-of": idOfKey, "jwk": writeJWK, "signs": signsEvent,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// exits runs a command and holds its exit code against the one that is given:
// exits 2 lendlog show.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ee *exec.ExitError
		if !errors.As(err, &ee) {
			ts.Fatalf("%v", err)
		}
		got = ee.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s ended with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// olderLedger makes a ledger as a program did that lacked a type: older-ledger
// DIR TYPE.
func olderLedger(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: older-ledger DIR TYPE")
	}
	builtin, err := record.Builtin()
	ts.Check(err)
	older := slices.DeleteFunc(slices.Clone(builtin.All()), func(s *record.Schema) bool { return s.Type == args[1] })
	catalogue, err := new(record.Catalogue).With(older...)
	ts.Check(err)
	ts.Check(ledger.Create(context.Background(), ts.MkAbs(args[0]), ledger.CreateOptions{Origin: "ledger.example/older", Catalogue: catalogue}))
}

// envFrom sets a variable to what a file holds: env-from NAME FILE.
func envFrom(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: env-from NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// idOfKey sets a variable to the id of the key in a file: id-of NAME FILE.
func idOfKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: id-of NAME FILE")
	}
	key, err := access.ParseKey(strings.TrimSpace(ts.ReadFile(args[1])))
	ts.Check(err)
	ts.Setenv(args[0], key.ID())
}

// submitterKey is the key of a submitter of that name.
func submitterKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// writeJWK writes the public key of a name, and sets a variable to its thumbprint:
// jwk NAME VARIABLE FILE.
func writeJWK(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: jwk NAME VARIABLE FILE")
	}
	key := submitterKey(args[0]).Public()
	ts.Setenv(args[1], proof.Thumbprint(key))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), proof.JWK(key).Bytes(), 0o600))
}

// signsEvent writes an event of that id, signed with the key of a name: signs NAME
// SUBMITTER ID FILE. What it is of is in event.json.
func signsEvent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: signs NAME SUBMITTER ID FILE")
	}
	v, err := canon.Parse([]byte(ts.ReadFile("event.json")), canon.Limits{})
	ts.Check(err)
	members := slices.DeleteFunc(v.Members, func(m canon.Member) bool { return m.Name == "id" })
	v = canon.Map(append(members, canon.Member{Name: "id", Value: canon.Text(args[2])})...)
	signature, err := proof.SignEvent(v, "l.example/1", args[1], submitterKey(args[0]))
	ts.Check(err)
	v = canon.Map(append(v.Members, canon.Member{Name: "signature", Value: canon.Text(signature)})...)
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), append(v.Bytes(), '\n'), 0o600))
}

// agedLedger makes a ledger as of three hours ago, and sets EARLIER and LATER to
// quarters of an hour that lie behind its making: aged-ledger DIR.
func agedLedger(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: aged-ledger DIR")
	}
	ago := func() time.Time { return time.Now().Add(-3 * time.Hour) }
	ts.Check(ledger.Create(context.Background(), ts.MkAbs(args[0]), ledger.CreateOptions{Origin: "ledger.example/aged", Now: ago}))
	earlier := time.Now().Add(-2 * time.Hour).UTC().Truncate(ledger.PeriodStep)
	ts.Setenv("EARLIER", earlier.Format(time.RFC3339))
	ts.Setenv("LATER", earlier.Add(time.Hour).In(time.FixedZone("", 8*3600)).Format(time.RFC3339))
}

// running is the server of a script.
type running struct {
	*exec.Cmd
	errs bytes.Buffer
}

// A table has what runs for each script, of which some run at once.
type table struct{ of sync.Map }

func (t *table) put(ts *testscript.TestScript, r *running) { t.of.Store(ts, r) }

// take returns nil where nothing runs.
func (t *table) take(ts *testscript.TestScript) *running {
	r, _ := t.of.LoadAndDelete(ts)
	got, _ := r.(*running)
	return got
}

var servers, followers table

// serveInBackground starts a server and sets SERVER to its URL and ADDRESS to
// its address: serve DIR.
func serveInBackground(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve DIR [FLAG...]")
	}
	address, err := ledgertest.Address() // which nobody else gets when the server has ended
	ts.Check(err)
	startServer(ts, append([]string{"--listen", address, "--dir"}, args...)...)
}

// startServer starts a server, as serve does, of whatever the flags say.
func startServer(ts *testscript.TestScript, flags ...string) {
	bin, err := exec.LookPath("lendlog")
	ts.Check(err)
	s := &running{Cmd: exec.Command(bin, append([]string{"serve", "--json"}, flags...)...)}
	s.Dir, s.Stderr = ts.MkAbs("."), &s.errs
	out, err := s.StdoutPipe()
	ts.Check(err)
	ts.Check(s.Start())
	ts.Defer(func() { _ = s.Process.Kill(); _ = s.Wait() })
	var ready struct {
		URL   string `json:"url"`
		Admin string `json:"admin"`
	}
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		_ = s.Wait()
		ts.Fatalf("the server doesn't start: %v\n%s", err, &s.errs)
	}
	ready.URL = strings.Replace(ready.URL, "//[::]:", "//127.0.0.1:", 1)
	ts.Setenv("SERVER", ready.URL)
	ts.Setenv("ADMIN", ready.Admin)
	_, address, _ := strings.Cut(ready.URL, "://")
	ts.Setenv("ADDRESS", address)
	servers.put(ts, s)
}

// stopServer sends the server of the script SIGTERM and wants exit code 0. What
// the server logged is in the file that is named.
func stopServer(ts *testscript.TestScript, neg bool, args []string) {
	s := servers.take(ts)
	if neg || s == nil || len(args) > 1 {
		ts.Fatalf("usage: terminate [FILE], after serve")
	}
	ts.Check(s.Process.Signal(syscall.SIGTERM))
	if err := s.Wait(); err != nil {
		ts.Fatalf("the server ended with %v\n%s", err, &s.errs)
	}
	if len(args) == 1 {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), s.errs.Bytes(), 0o600))
	}
}

// crashServer kills the server of the script: crash.
func crashServer(ts *testscript.TestScript, neg bool, args []string) {
	s := servers.take(ts)
	if neg || s == nil || len(args) > 0 {
		ts.Fatalf("usage: crash, after serve")
	}
	ts.Check(s.Process.Kill())
	_ = s.Wait()
}

// freeAddress sets variables to addresses at which nobody listens: address
// NAME...
func freeAddress(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: address NAME...")
	}
	for _, name := range args {
		address, err := ledgertest.Address()
		ts.Check(err)
		ts.Setenv(name, address)
	}
}

// followInBackground begins to follow the server into a file: follow FILE
// [FLAG...].
func followInBackground(ts *testscript.TestScript, neg bool, args []string) {
	runInBackground(ts, neg, "tail", args)
}

// watchInBackground begins to monitor the server into a file: watch FILE
// [FLAG...].
func watchInBackground(ts *testscript.TestScript, neg bool, args []string) {
	runInBackground(ts, neg, "monitor", args)
}

// runInBackground runs a command against the server, until it is interrupted.
func runInBackground(ts *testscript.TestScript, neg bool, command string, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: follow or watch FILE [FLAG...], after serve")
	}
	bin, err := exec.LookPath("lendlog")
	ts.Check(err)
	out, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer out.Close()
	f := &running{Cmd: exec.Command(bin, append([]string{command, "--server", ts.Getenv("SERVER")}, args[1:]...)...)}
	f.Dir, f.Stdout, f.Stderr = ts.MkAbs("."), out, &f.errs
	ts.Check(f.Start())
	ts.Defer(func() { _ = f.Process.Kill(); _ = f.Wait() })
	followers.put(ts, f)
}

// readme runs the commands of the README of a monitor's evidence that hold a
// text, by a shell, as whoever reads it would, and wants an exit code of each:
// readme DIR TEXT CODE. DIR is a pattern that one directory matches.
func readme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: readme DIR TEXT CODE")
	}
	dirs, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(dirs) != 1 {
		ts.Fatalf("%d directories are %s", len(dirs), args[0])
	}
	ran := 0
	for line := range strings.Lines(ts.ReadFile(filepath.Join(dirs[0], "README.txt"))) {
		if command := strings.TrimSpace(line); strings.HasPrefix(line, "    ") && strings.Contains(command, args[1]) {
			ran++
			exits(ts, false, []string{args[2], "sh", "-c", `cd "$1" && eval "$2"`, "sh", dirs[0], command})
		}
	}
	if ran == 0 {
		ts.Fatalf("the README has no command with %s", args[1])
	}
}

// idleLedger makes a ledger that promises a checkpoint every second: idle-ledger
// DIR.
func idleLedger(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: idle-ledger DIR")
	}
	ts.Check(ledger.Create(context.Background(), ts.MkAbs(args[0]), ledger.CreateOptions{Origin: "ledger.example/idle", WitnessInterval: time.Second}))
}

// arrives waits until a file has a line that matches: arrives FILE PATTERN.
func arrives(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: arrives FILE PATTERN")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	if !ledgertest.Comes(func() bool { return re.MatchString(ts.ReadFile(args[0])) }) {
		ts.Fatalf("%s does not arrive in\n%s", args[1], ts.ReadFile(args[0]))
	}
}

// interrupt sends the follower, or the monitor, of the script SIGINT and wants exit code 0.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	f := followers.take(ts)
	if neg || f == nil || len(args) > 0 {
		ts.Fatalf("usage: interrupt, after follow")
	}
	ts.Check(f.Process.Signal(os.Interrupt))
	if err := f.Wait(); err != nil {
		ts.Fatalf("the follower ended with %v\n%s", err, &f.errs)
	}
}

// towers are the witnesses of a script, by their names.
var towers sync.Map // of *testscript.TestScript and name to *ledgertest.Witness

type tower struct {
	ts   *testscript.TestScript
	name string
}

// startWitness starts a witness of a ledger and sets NAME_KEY to the key of its
// cosignatures: witness NAME DIR.
func startWitness(t *testing.T, ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: witness NAME DIR")
	}
	b, err := os.ReadFile(filepath.Join(ts.MkAbs(args[1]), "trust.json"))
	ts.Check(err)
	trust, err := proof.ParseTrust(b)
	ts.Check(err)
	sum := sha256.Sum256([]byte(args[0]))
	w := ledgertest.NewWitness(t, "witness.example/"+args[0], sum[0], trust.Keys[0].Key)
	towers.Store(tower{ts, args[0]}, w)
	ts.Setenv(args[0]+"_KEY", w.Key)
}

func towerOf(ts *testscript.TestScript, name string) *ledgertest.Witness {
	w, ok := towers.Load(tower{ts, name})
	if !ok {
		ts.Fatalf("there is no witness %s", name)
	}
	return w.(*ledgertest.Witness)
}

// witnessPolicy writes a policy of witnesses: witness-policy FILE QUORUM NAME...
func witnessPolicy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: witness-policy FILE QUORUM NAME...")
	}
	quorum, err := strconv.Atoi(args[1])
	ts.Check(err)
	var all []*ledgertest.Witness
	for _, name := range args[2:] {
		all = append(all, towerOf(ts, name))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), ledgertest.Policy(quorum, all...), 0o600))
}

// witnessDown has a witness answer 503, and witnessUp has it answer again:
// witness-down NAME.
func witnessDown(ts *testscript.TestScript, _ bool, args []string) {
	towerOf(ts, args[0]).Fail(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) })
}

func witnessUp(ts *testscript.TestScript, _ bool, args []string) { towerOf(ts, args[0]).Fail(nil) }

// becomes asks the server until its answer matches, and saves it in a file, if
// one is named: becomes PATH PATTERN [FILE].
func becomes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: becomes PATH PATTERN [FILE], after serve")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	var body []byte
	if !ledgertest.Comes(func() bool {
		resp, err := http.Get(ts.Getenv("SERVER") + args[0])
		ts.Check(err)
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		ts.Check(err)
		return re.Match(body)
	}) {
		ts.Fatalf("%s does not become %s:\n%s", args[0], args[1], body)
	}
	if len(args) == 3 {
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), body, 0o600))
	}
}

// post submits the event in a file to the server, in plain HTTP, and wants it
// accepted, or, negated, refused: post FILE.
func post(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: post FILE, after serve")
	}
	resp, err := http.Post(ts.Getenv("SERVER")+"/v1/records", "application/cloudevents+json", strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	defer resp.Body.Close()
	if (resp.StatusCode == http.StatusCreated) == neg {
		ts.Fatalf("%s", resp.Status)
	}
}

// change replaces the last occurrence of a text in a file: change FILE OLD NEW.
func change(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: change FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	at := strings.LastIndex(text, args[1])
	if at < 0 {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	text = text[:at] + args[2] + text[at+len(args[1]):]
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// sameRecords holds two files of `lendlog timeline --json` against each other,
// leaving out what may differ between two ways of asking.
func sameRecords(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same-records FILE FILE")
	}
	var docs [2]string
	for i, name := range args {
		for line := range strings.Lines(ts.ReadFile(name)) {
			var doc map[string]any
			ts.Check(json.Unmarshal([]byte(line), &doc))
			delete(doc, "proof")
			delete(doc, "checkpoint")
			b, err := json.Marshal(doc)
			ts.Check(err)
			docs[i] += string(b) + "\n"
		}
	}
	if (docs[0] == docs[1]) == neg || docs[0] == "" {
		ts.Fatalf("%s\n%s", docs[0], docs[1])
	}
}

// ofType finds the types that a filter asks for.
var ofType = regexp.MustCompile(`\btype=([a-z-]+\.[a-z-]+)`)

// TestHelp wants of every command a sentence, a text, and an example that
// calls the command itself with flags that it has, and of these and the pages
// that they ask for types that there are.
func TestHelp(t *testing.T) {
	root := newRoot(console.New(nil, &bytes.Buffer{}, &bytes.Buffer{}))
	n := 0
	builtin, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var texts []string // that show filters
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 8 {
		t.Fatalf("there are %d pages: %v", len(pages), err)
	}
	for _, page := range append(pages, "../../README.md") {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
		if cmd.HasParent() && cmd.Parent().Name() == "completion" || cmd.Name() == "help" {
			return // cobra's own
		}
		n++
		if cmd.Short == "" || cmd.Long == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: no help, or a Short that is not a title", cmd.CommandPath())
		}
		if !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s: no example of itself", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Long) {
			if len(line) > 88 {
				t.Errorf("%s: a line of its help has %d characters: %s", cmd.CommandPath(), len(line), line)
			}
		}
		texts = append(texts, cmd.Long, cmd.Example)
		example := strings.ReplaceAll(cmd.Example, "\\\n", " ")
		for line := range strings.Lines(example) {
			_, call, ok := strings.Cut(line, root.Name()+" ")
			if !ok {
				continue
			}
			call, _, _ = strings.Cut(call, " > ")
			call, _, _ = strings.Cut(call, "|")
			called, rest, err := root.Find(strings.Fields(strings.TrimSuffix(strings.TrimSpace(call), ")")))
			if err != nil {
				t.Errorf("%s: its example %q calls no command: %v", cmd.CommandPath(), call, err)
				continue
			}
			if err := called.ParseFlags(rest); err != nil {
				t.Errorf("%s: its example %q: %v", cmd.CommandPath(), call, err)
			}
		}
	}
	visit(root)
	for _, m := range ofType.FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
		if _, ok := builtin.Type("org.lendlog." + m[1] + ".v1"); !ok {
			t.Errorf("an example or a page asks for type=%s, which is none", m[1])
		}
	}
	if n < 17 {
		t.Errorf("there are %d commands only", n)
	}
}

// TestExampleEvents wants the event that `lendlog types show` prints of each
// type to be one that is accepted.
func TestExampleEvents(t *testing.T) {
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range cat.All() {
		if s.Own {
			continue
		}
		n++
		if len(s.Examples) == 0 {
			t.Errorf("%s has no example", s.Type)
			continue
		}
		if _, err := record.ParseEvent(exampleEvent(s).Bytes(), cat); err != nil {
			t.Errorf("%s: %v", s.Type, err)
		}
	}
	if n == 0 {
		t.Error("there is no type")
	}
}

func TestExitCodes(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, exitOK},
		{"a wrong call", usagef("x"), exitUsage},
		{"a file that is not there", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, exitUsage},
		{"a disk that is full", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, exitFailed},
		{"anything else", errors.New("x"), exitFailed},
		{"said already", exit(exitIncomplete), exitIncomplete},
	} {
		if got := exitCode(tc.err); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
	for _, tc := range []struct{ a, b, want int }{
		{exitOK, exitIncomplete, exitIncomplete},
		{exitIncomplete, exitInvalid, exitInvalid},
		{exitInvalid, exitIncomplete, exitInvalid},
		{exitInvalid, exitOK, exitInvalid},
	} {
		if got := worse(tc.a, tc.b); got != tc.want {
			t.Errorf("worse(%d, %d) = %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}

// TestFullDisk wants a result that could not be written to be a failure.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	var errs bytes.Buffer
	if code := run([]string{"types"}, nil, full, &errs); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if !strings.Contains(errs.String(), "couldn't write the result") {
		t.Errorf("stderr = %q", errs.String())
	}
}

// A line that is too long is one event, which is too large wherever it was cut,
// and those behind it are still read.
func TestDocumentsWithLongLines(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 3*maxLine) + `"}`
	for name, in := range map[string]string{
		"first":         long + "\n{}\n{}",
		"in the middle": "{}\n" + long + "\r\n{}",
		"last":          "{}\n\n{}\n" + long,
		"blank":         "{}\n" + strings.Repeat(" ", 2*maxLine) + "\n{}",
	} {
		var sizes []int
		for ev, err := range documents(strings.NewReader(in)) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if text := string(ev.Document); text != "{}" && len(text) <= record.MaxEvent {
				t.Errorf("%s: line %d is an event of %d bytes", name, ev.Line, len(text))
			}
			sizes = append(sizes, len(ev.Document))
		}
		if len(sizes) != 3 {
			t.Errorf("%s: the events have %v bytes, want three of them", name, sizes)
		}
	}
}

// FuzzDocuments wants every input to end, and what was yielded to be pieces of
// it in their order.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{
		`{"a":1}`, `[{"a":1},{"a":2}]`, "{\"a\":1}\n{\"a\":2}\n", "", " [", "[]", "[1,]", "[1] 2", "{", "nul", "\xff", "1 2 3", `[{"a":"]"}]`,
		"\n{\"a\":1}\n\n{\"b\":\n{\"c\":x}\r\n {}", "{\n}{}", "{}{}", "{\"a\":\n{}\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		at, number := 0, int64(0)
		for ev, err := range documents(bytes.NewReader(in)) {
			if err != nil {
				return
			}
			if number++; ev.Number != number {
				t.Fatalf("event %d is called %d", number, ev.Number)
			}
			i := bytes.Index(in[at:], ev.Document)
			if i < 0 || len(ev.Document) == 0 || !json.Valid(ev.Document) && ev.Line == 0 {
				t.Fatalf("event %d, %q, is no piece of the input after byte %d", number, ev.Document, at)
			}
			at += i + len(ev.Document)
			if line := int64(bytes.Count(in[:at], []byte("\n"))) + 1; ev.Line != 0 && ev.Line != line && len(in) <= maxLine {
				t.Fatalf("event %d stands on line %d, not %d", number, line, ev.Line)
			}
		}
	})
}

var authorities sync.Map // of *testscript.TestScript and name to *ledgertest.TSA

func authorityOf(ts *testscript.TestScript, args []string) *ledgertest.TSA {
	if len(args) == 1 {
		if a, ok := authorities.Load(tower{ts, args[0]}); ok {
			return a.(*ledgertest.TSA)
		}
	}
	ts.Fatalf("name an authority that was started with tsa NAME")
	return nil
}

// startTSA starts a time-stamp authority, sets NAME_URL to its URL, and copies its
// root to NAME.pem: tsa NAME.
func startTSA(t *testing.T, ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tsa NAME")
	}
	a := ledgertest.NewTSA(t, args[0])
	authorities.Store(tower{ts, args[0]}, a)
	ts.Setenv(args[0]+"_URL", a.URL)
	root, err := os.ReadFile(a.Roots)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pem"), root, 0o600))
}

// tsaDown has an authority answer 503, and tsaUp has it answer again: tsa-down
// NAME.
func tsaDown(ts *testscript.TestScript, _ bool, args []string) {
	authorityOf(ts, args).Fail(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) })
}

func tsaUp(ts *testscript.TestScript, _ bool, args []string) { authorityOf(ts, args).Fail(nil) }

// fill writes the variables of the script that a file names into it: fill FILE.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fill FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
}
