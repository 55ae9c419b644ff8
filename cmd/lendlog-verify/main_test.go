// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write deps.txt anew")

// TestDeps holds what the verifier links against deps.txt: an auditor who read
// it has to learn of every change.
func TestDeps(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", ".")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	slices.Sort(deps)
	got := strings.Join(deps, "\n") + "\n"
	if *update {
		if err := os.WriteFile("deps.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("deps.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the verifier links other packages than deps.txt lists (-want +got):\n%s\n"+
			"If that is meant, run: go test ./cmd/lendlog-verify -run TestDeps -update", diff)
	}
	for _, banned := range []string{
		"net/http", "os/exec", "database/sql", "github.com/dgraph-io/", "github.com/gin-gonic/",
		"github.com/ethereum/", "filippo.io/torchwood", "github.com/lendlog/lendlog/api",
		"github.com/lendlog/lendlog/ledger/store", "github.com/lendlog/lendlog/ledger/vault",
	} {
		for _, d := range deps {
			if d == banned || strings.HasSuffix(banned, "/") && strings.HasPrefix(d, banned) {
				t.Errorf("the verifier links %s", d)
			}
		}
	}
	// crypto/x509, which time stamps need, names addresses of certificates by types
	// of net. Nobody else may, for the verifier asks nobody.
	out, err = exec.Command("go", "list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}} {{join .Imports " "}}{{end}}`, ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if of := strings.Fields(line); len(of) > 0 && slices.ContainsFunc(of[1:], func(d string) bool { return d == "net" || strings.HasPrefix(d, "net/") }) {
			t.Errorf("%s imports net", of[0])
		}
	}
	if !slices.Contains(deps, "github.com/lendlog/lendlog/ledger/proof") {
		t.Error("go list did not list the verifier's packages")
	}
}

// in returns the path of a golden file of ledger/proof.
func in(name string) string { return filepath.Join("..", "..", "ledger", "proof", "testdata", name) }

// altered writes a golden file with one thing changed and returns its path.
func altered(t *testing.T, name, old, new string) string {
	t.Helper()
	b, err := os.ReadFile(in(name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s does not contain %q", name, old)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Replace(string(b), old, new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func verifier(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestExitCodes(t *testing.T) {
	trust := "--trust=" + in("trust.json")
	valid, receipt := in("evidence.json"), in("receipt.json")
	invalid := altered(t, "evidence.json", "12000.00", "12000.01")
	incomplete := altered(t, "evidence.json", `"v": `, `"later": 1, "v": `)
	malformed := altered(t, "evidence.json", `"index": `, `"later": 1, "index": `)
	other := altered(t, "evidence.json", "lendlog-evidence/1", "lendlog-evidence/2")
	event, schema := "--event="+in("event.json"), "--schema="+in("decided.schema.json")
	tests := []struct {
		name    string
		args    []string
		want    int
		message string // of stderr where the code is 2, else of stdout
	}{
		{"valid", []string{trust, valid}, 0, "VALID: all 7 checks"},
		{"receipt", []string{trust, receipt}, 0, "no event was given"},
		{"receipt and event", []string{trust, event, schema, receipt}, 0, "exactly the event that was submitted"},
		{"receipt of another event", []string{trust, "--event=" + altered(t, "event.json", "12000.00", "1.00"), schema, receipt}, 3, "sealed members are not the event's"},
		{"invalid", []string{trust, invalid}, 3, "INVALID: 1 of"},
		{"incomplete", []string{trust, incomplete}, 4, "INCOMPLETE"},
		{"malformed", []string{trust, malformed}, 3, "/records/0/later is not a member"},
		{"policy with demands", []string{"--trust=" + altered(t, "trust.json", `"v": `, `"maxAgeSeconds": 60, "v": `), valid}, 4, "maxAgeSeconds"},
		{"anchored", []string{"--trust=" + in("trust-anchors.json"), in("evidence-anchored.json")}, 0, "anchored on Hoodi (a testnet"},
		{"in a block that is not confirmed", []string{"--trust=" + in("vectors/trust-anchors.json"), in("evidence-anchored.json")}, 4, "--block 560048:300:0x"},
		{"in a block that is named", []string{"--trust=" + in("vectors/trust-anchors.json"), "--block=560048:300:0xac7deb1d4205cad59ea04753e37b438a170159b9cfc33594c139055841263847", in("evidence-anchored.json")}, 0, "in block 300"},
		{"in a block with its time", []string{"--trust=" + in("vectors/trust-anchors.json"), "--block=560048:300:0xac7deb1d4205cad59ea04753e37b438a170159b9cfc33594c139055841263847:1769850000", in("evidence-anchored.json")}, 0, "in block 300"},
		{"in a block with no time", []string{"--trust=" + in("vectors/trust-anchors.json"), "--block=560048:300:0xac7deb1d4205cad59ea04753e37b438a170159b9cfc33594c139055841263847:0", in("evidence-anchored.json")}, 2, "the time of a block"},
		{"in another block", []string{"--trust=" + in("vectors/trust-anchors.json"), "--block=560048:300:0x007deb1d4205cad59ea04753e37b438a170159b9cfc33594c139055841263847", in("evidence-anchored.json")}, 3, "another block at this height"},
		{"block of no chain", []string{trust, "--block=1:2:0xac7deb1d4205cad59ea04753e37b438a170159b9cfc33594c139055841263847", valid}, 2, "names no contract on chain 1"},
		{"block that is none", []string{trust, "--block=1:2", valid}, 2, "ID:NUMBER:HASH"},
		{"stamped", []string{"--trust=" + in("trust-stamps.json"), in("evidence-stamped.json")}, 0, "2 authorities stamped"},
		{"another ledger's policy", []string{"--trust=" + altered(t, "trust.json", `"genesis": "`, `"genesis": "AAAA`), valid}, 2, "/genesis is not 32 bytes"},

		{"valid and valid", []string{trust, valid, receipt}, 0, "evidence.json\n✓"},
		{"valid and incomplete", []string{trust, valid, incomplete}, 4, ""},
		{"invalid and incomplete", []string{trust, invalid, incomplete}, 3, ""},
		{"incomplete and invalid", []string{trust, incomplete, invalid}, 3, ""},
		{"invalid and unread", []string{trust, invalid, "nowhere.json"}, 3, ""},
		{"unread and invalid", []string{trust, "nowhere.json", invalid}, 3, ""},
		{"unread and valid", []string{trust, "nowhere.json", valid}, 2, "nowhere.json"},
		{"unread and incomplete", []string{trust, "nowhere.json", incomplete}, 2, "nowhere.json"},

		{"no evidence", []string{trust, in("trust.json")}, 2, "neither evidence nor a receipt"},
		{"another version", []string{trust, other}, 2, "neither evidence nor a receipt"},
		{"no JSON", []string{trust, "main.go"}, 2, "is not JSON"},
		{"a directory", []string{trust, "."}, 2, "directory"},
		{"no trust", []string{valid}, 2, "--trust is required"},
		{"trust that is none", []string{"--trust=" + valid, valid}, 2, "couldn't read the trust policy"},
		{"trust that is nowhere", []string{"--trust=nowhere.json", valid}, 2, "nowhere.json"},
		{"trust behind a file", []string{valid, trust}, 2, "flags stand before"},
		{"no file", []string{trust}, 2, "no file"},
		{"flag behind a file", []string{trust, valid, "--json"}, 2, "flags stand before"},
		{"unknown flag", []string{trust, "--strict", valid}, 2, "--help"},
		{"event and two files", []string{trust, event, receipt, receipt}, 2, "one receipt"},
		{"event and evidence", []string{trust, event, schema, valid}, 2, "--event goes with a receipt"},
		{"event of an unknown type", []string{trust, event, receipt}, 2, "with --schema"},
		{"event that is nowhere", []string{trust, "--event=nowhere.json", receipt}, 2, "nowhere.json"},
		{"schema without event", []string{trust, schema, receipt}, 2, "--schema goes with --event"},
		{"schema that is none", []string{trust, event, "--schema=" + in("event.json"), receipt}, 2, "event.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := verifier(tt.args...)
			said := stdout
			if tt.want == 2 {
				said = stderr
				if stderr == "" || !strings.HasPrefix(stderr, "lendlog-verify: ") {
					t.Errorf("stderr: %q", stderr)
				}
			}
			if code != tt.want || !strings.Contains(said, tt.message) {
				t.Errorf("exit code %d, want %d with %q\nstdout: %s\nstderr: %s", code, tt.want, tt.message, stdout, stderr)
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, arg := range []string{"-h", "--help"} {
		code, stdout, stderr := verifier(arg)
		if code != 0 || !strings.Contains(stdout, "Example:\n  lendlog-verify --trust trust.json ") || stderr != "" {
			t.Errorf("%s: exit code %d\n%s%s", arg, code, stdout, stderr)
		}
	}
	if code, stdout, _ := verifier("-version"); code != 0 || stdout != "lendlog-verify dev\n" {
		t.Errorf("version: exit code %d, %q", code, stdout)
	}
}

func TestJSON(t *testing.T) {
	code, stdout, _ := verifier("--trust", in("trust.json"), "--json", in("evidence.json"), in("receipt.json"))
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if code != 0 || len(lines) != 2 {
		t.Fatalf("exit code %d, %d lines", code, len(lines))
	}
	for i, name := range []string{"evidence.json", "receipt.json"} {
		var line struct {
			File   string
			Report struct{ Verdict string }
		}
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
			t.Fatal(err)
		}
		if line.File != in(name) || line.Report.Verdict != "VALID" {
			t.Errorf("line %d: %+v", i, line)
		}
	}
}

// No text of a file, nor its name, reaches the terminal as it is.
func TestSteersNoTerminal(t *testing.T) {
	const steer = "\u009b2J\u202e\u2066\u200b\ufeff\U000e0041"
	escaped := `\u001b]0;x\u0007` + steer
	trust := "--trust=" + in("trust.json")
	name := filepath.Join(t.TempDir(), "\x1b[2J"+steer+".json")
	b, err := os.ReadFile(in("evidence.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{trust, altered(t, "evidence.json", `"v": `, `"`+escaped+`": 1, "v": `)},
		{trust, altered(t, "evidence.json", `"index": `, `"`+escaped+`": 1, "index": `)},
		{trust, altered(t, "evidence.json", `\"/parent\"`, `\"/par`+escaped+`\"`)},
		{trust, altered(t, "evidence.json", `"file/L-1"`, `"file/`+escaped+`"`)},
		{trust, altered(t, "evidence.json", `"checkpoint": "`, `"checkpoint": "`+escaped)},
		{trust, altered(t, "evidence.json", `"v": `, `"`+escaped+`": 1.0, "v": `)},
		{trust, altered(t, "evidence.json", `"description\"`, `"description`+steer+`\"`)},
		{"--trust=" + altered(t, "trust.json", `"v": `, `"`+escaped+`": 1, "v": `), in("evidence.json")},
		{"--trust=" + altered(t, "trust.json", `"v": `, `"`+escaped+`": 1.0, "v": `), in("evidence.json")},
		{trust, name, name},
		{trust, name + "\x1b"},
	} {
		for _, more := range [][]string{nil, {"--json"}} {
			_, stdout, stderr := verifier(append(more, args...)...)
			for _, r := range stdout + stderr {
				if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || strings.ContainsRune(steer[len("\u009b2J"):], r)) {
					t.Errorf("%q: U+%04X is printed:\n%s%s", args, r, stdout, stderr)
					break
				}
			}
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

// A verdict that nobody could read is none.
func TestFullDisk(t *testing.T) {
	var errs bytes.Buffer
	for _, args := range [][]string{{}, {"--json"}} {
		code := run(append(args, "--trust", in("trust.json"), in("evidence.json"), in("receipt.json")), full{}, &errs)
		if code != exitInternal || !strings.Contains(errs.String(), "no space") {
			t.Errorf("%q: exit code %d: %s", args, code, &errs)
		}
	}
}
