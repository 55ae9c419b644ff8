// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// call runs a program and returns its exit code.
func (v verifier) call(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	line := append(v.program[1:len(v.program):len(v.program)], args...)
	cmd := exec.Command(v.program[0], line...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// in makes paths of test vectors out of words that end in .json or .ndjson.
func in(words string) []string {
	out := strings.Fields(words)
	for i, w := range out {
		if flag, file, ok := strings.Cut(w, "="); ok {
			out[i] = flag + "=" + in(file)[0]
		} else if strings.HasSuffix(w, ".json") || strings.HasSuffix(w, ".ndjson") {
			out[i] = filepath.Join("..", "testdata", "vectors", w)
		}
	}
	return out
}

// The programs end as lendlog-verify does, and print the same lines of JSON but
// for their own words.
func TestPrograms(t *testing.T) {
	hidden := filepath.Join(t.TempDir(), "hidden\x1b[2J\u202e.json")
	doc := bytes.Replace(published(t, "valid-plain.json"), []byte(`"v":`), []byte("\"sec\u202etion\u009b\": 1, \"v\":"), 1)
	if err := os.WriteFile(hidden, doc, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args string
		code int
		out  string // in what is printed
	}{
		{"--trust trust.json valid-some.json", 0, "VALID: "},
		{"--trust=trust.json --json valid-some.json", 0, `"verdict":"VALID"`},
		{"--trust trust.json disclosure-value.json", 3, "FAILED"},
		{"--trust trust.json schema-missing.json", 4, "NOT CHECKED"},
		{"--trust trust.json unread-deep.json", 2, ""},
		{"--trust trust.json schema-missing.json unread-deep.json valid-some.json", 2, ""},
		{"--trust trust.json unread-deep.json disclosure-value.json valid-some.json", 3, ""},
		{"--trust trust.json --against receipt-against-fraud.json against-fraud.json", 3, "fraud"},
		{"--trust trust.json --against receipt-against-fraud.json --against receipt-valid-against.json against-fraud.json", 3, ""},
		{"--trust trust.json --event event.json --schema decided.schema.json valid-receipt.json", 0, "every digest"},
		{"--help", 0, "Exit codes"},
		{"", 2, ""},
		{"--trust trust.json", 2, ""},
		{"--trust trust.json --nosuchflag valid-some.json", 2, ""},
		{"--trust valid-some.json valid-some.json", 2, ""},
		{"--trust trust.json no-such.json", 2, ""},
		{"--trust trust.json .", 2, ""},
		{"--trust trust.json ../bundle-period.ndjson", 0, "3 leaves, recorded"},
		{"--trust trust.json --json ../bundle-sample.ndjson valid-some.json", 0, "drawn by the seed"},
		{"--trust trust.json --against receipt-valid-against.json ../bundle-query.ndjson", 2, ""},
		{"--trust trust.json --against valid-some.json valid-some.json", 2, ""},
		{"--trust trust.json --event event.json valid-receipt.json", 2, ""},
		{"--trust trust.json --event event.json --schema noted.schema.json valid-receipt.json", 2, ""},
		{"--trust trust.json --event event.json --schema decided.schema.json valid-receipt.json valid-receipt.json", 2, ""},
	}
	for _, v := range verifiers(t) {
		for _, tt := range tests {
			out, errs, code := v.call(t, in(tt.args)...)
			if code != tt.code || !strings.Contains(out, tt.out) {
				t.Errorf("%s %s ends with %d, want %d, and prints %s%s, want %q", v.name, tt.args, code, tt.code, out, errs, tt.out)
			}
			if code == 2 && errs == "" || strings.Contains(errs, "Traceback") {
				t.Errorf("%s %s complains: %s", v.name, tt.args, errs)
			}
		}
		out, errs, code := v.call(t, "--trust", in("trust.json")[0], hidden, hidden+"x")
		if code != 2 || strings.ContainsAny(out+errs, "\x1b\u202e\u009b") || !strings.Contains(out, `\u001b[2J\u202e`) || !strings.Contains(errs, `\u001b[2J\u202e`) {
			t.Errorf("%s ends with %d and prints %q%q", v.name, code, out, errs)
		}
		out, _, _ = v.call(t, "--trust", in("trust.json")[0], "--json", hidden)
		var line struct {
			File   string
			Report answer
		}
		if err := json.Unmarshal([]byte(out), &line); err != nil || strings.Count(out, "\n") != 1 || strings.ContainsAny(out, "\x1b\u202e\u009b") {
			t.Fatalf("%s prints %q: %v", v.name, out, err)
		}
		if line.File != hidden || line.Report.Verdict != "INCOMPLETE" || len(line.Report.Checks) == 0 || len(line.Report.Shown) == 0 {
			t.Errorf("%s prints %s", v.name, out)
		}
	}
}

// A web page imports verify.mjs into a world without node and, where it was not
// read over TLS, without WebCrypto.
func TestBrowser(t *testing.T) {
	const page = `import { readFileSync } from "node:fs";
		import { createContext, SourceTextModule } from "node:vm";
		const [trust, doc] = process.argv.slice(1).map((file) => readFileSync(file, "utf8"));
		const world = createContext({ TextEncoder, TextDecoder, atob, btoa, trust, doc });
		const load = (text) => new SourceTextModule(text, { context: world });
		const verifier = load(readFileSync("verify.mjs", "utf8"));
		const main = load('import { verify } from "verify"; globalThis.report = verify(doc, trust);');
		await main.link(() => verifier);
		await main.evaluate();
		console.log(JSON.stringify(world.report));`
	for _, v := range verifiers(t) {
		if v.name != "verify.mjs" {
			continue
		}
		out, err := run(t, append([]string{"node", "--no-warnings", "--experimental-vm-modules", "--input-type=module", "-e", page}, in("trust.json valid-complete.json")...)...)
		var got answer
		if err != nil || json.Unmarshal([]byte(out), &got) != nil {
			t.Fatalf("%v: %s", err, out)
		}
		want := reference(t, job{Document: published(t, "valid-complete.json"), Trust: published(t, "trust.json")})
		if got.Verdict != "VALID" || got.said(t) != want.said(t) {
			t.Errorf("in a page it says %s", out)
		}
	}
}
