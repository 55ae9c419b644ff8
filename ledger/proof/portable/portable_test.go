// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// A job is what a verifier is asked about one file.
type job struct {
	name                           string
	Document, Trust, Event, Schema []byte
	Against                        [][]byte
}

// What a verifier answers where it has no verdict.
const (
	unread  = "UNREAD" // the file is neither evidence nor a receipt
	badCall = "CALL"   // the policy or the event cannot be used
)

// An answer is a report, or one of the two words.
type answer struct {
	Verdict string `json:"verdict"`
	Checks  []struct {
		Name   string `json:"name"`
		Record *int64 `json:"record"`
		Result string `json:"result"`
		Text   string `json:"text"`
	} `json:"checks"`
	Shown []struct {
		Record int64           `json:"record"`
		What   string          `json:"what"`
		Value  json.RawMessage `json:"value"`
	} `json:"shown"`
	Text string `json:"text"`
}

// deciding returns the checks that failed or could not be made, without their
// words, which are each verifier's own.
func (a answer) deciding() string {
	var out []string
	for _, c := range a.Checks {
		if c.Result != "fail" && c.Result != "missing" {
			continue
		}
		s := c.Name + " " + c.Result
		if c.Record != nil {
			s += fmt.Sprint(" ", *c.Record)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// said returns what the records say.
func (a answer) said(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, s := range a.Shown {
		fmt.Fprintf(&out, "%d %s", s.Record, s.What)
		if s.Value != nil {
			v, err := canon.Parse(s.Value, canon.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, " %s", v.Bytes())
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// A verifier is a program under test.
type verifier struct {
	name    string
	program []string // the command line
	batch   []string // the same for many jobs
}

// long is set where everything is tested.
var long bool

// verifiers returns the programs. The short tests do with those that the
// machine can run, because `make test` asks for Go alone; the long ones fail
// without both.
func verifiers(t *testing.T) (found []verifier) {
	t.Helper()
	for _, v := range []verifier{
		{"verify.mjs", []string{"node", "verify.mjs"}, []string{"node", "batch_test.mjs"}},
		{"verify.py", []string{"python3", "-B", "verify.py"}, []string{"python3", "-B", "batch_test.py"}},
	} {
		switch _, err := exec.LookPath(v.program[0]); {
		case err == nil:
			found = append(found, v)
		case long:
			t.Fatalf("%s cannot be tested: install %s", v.name, v.program[0])
		default:
			t.Logf("%s is not tested, because %s is missing", v.name, v.program[0])
		}
	}
	return found
}

// ask has a verifier answer all jobs in one process.
func (v verifier) ask(jobs []job) ([]answer, error) {
	var in, errs bytes.Buffer
	for _, j := range jobs {
		line, err := json.Marshal(j)
		if err != nil {
			return nil, err
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command(v.batch[0], v.batch[1:]...)
	cmd.Stdin, cmd.Stderr = &in, &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", v.name, err, &errs)
	}
	answers := make([]answer, 0, len(jobs))
	lines := bufio.NewReader(bytes.NewReader(out))
	for range jobs {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("%s answered %d of %d jobs: %w", v.name, len(answers), len(jobs), err)
		}
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// reference is the answer of ledger/proof.
func reference(t *testing.T, j job) answer {
	t.Helper()
	trust, err := proof.ParseTrust(j.Trust)
	if err != nil {
		return answer{Verdict: badCall, Text: err.Error()}
	}
	if trust.Stamps != nil { // which these verifiers cannot check, and say so
		trust.Stamps, trust.Unsupported = nil, append(trust.Unsupported, "stamps")
	}
	var event *record.Event
	if j.Event != nil {
		schema, err := record.ParseSchema(j.Schema)
		if err != nil {
			return answer{Verdict: badCall, Text: err.Error()}
		}
		doc, err := canon.Parse(j.Event, canon.Limits{})
		if err != nil {
			return answer{Verdict: badCall, Text: err.Error()}
		}
		if event, err = schema.Event(doc); err != nil {
			return answer{Verdict: badCall, Text: err.Error()}
		}
	}
	for _, b := range j.Against {
		if _, err := proof.ParseReceipt(b); err != nil {
			return answer{Verdict: badCall, Text: err.Error()}
		}
	}
	r, err := proof.VerifyFile(trust, bytes.NewReader(j.Document), event, j.Against...)
	if err != nil {
		return answer{Verdict: unread, Text: err.Error()}
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// compare has all verifiers answer all jobs, and wants of each what
// ledger/proof answers: the verdict, the checks that decide, and what the file
// says. It returns the answers of ledger/proof.
func compare(t *testing.T, jobs []job) []answer {
	t.Helper()
	programs := verifiers(t)
	got, errs := make([][]answer, len(programs)), make([]error, len(programs))
	var working sync.WaitGroup
	for i, v := range programs {
		working.Go(func() { got[i], errs[i] = v.ask(jobs) })
	}
	want := make([]answer, len(jobs))
	for i, j := range jobs {
		want[i] = reference(t, j)
	}
	working.Wait()
	for i, v := range programs {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		for k, a := range got[i] {
			agree(t, v.name, jobs[k], a, want[k])
		}
	}
	return want
}

// agree wants a verifier to answer a job as ledger/proof does.
func agree(t *testing.T, name string, j job, a, w answer) {
	t.Helper()
	if a.Verdict != w.Verdict || a.deciding() != w.deciding() || a.said(t) != w.said(t) {
		t.Errorf("%s: %s says %s (%s)%s, ledger/proof %s (%s)%s\n%s\n%s%s\n%s", j.name,
			name, a.Verdict, a.deciding(), a.texts(), w.Verdict, w.deciding(), w.texts(), clip(j.Document), a.said(t), "--", w.said(t))
	}
}

func (a answer) texts() string {
	out := cmp.Or(a.Text, "")
	for _, c := range a.Checks {
		if c.Result == "fail" || c.Result == "missing" {
			out += "; " + c.Text
		}
	}
	return out
}

func clip(b []byte) string {
	if len(b) > 2000 {
		return string(b[:2000]) + "…"
	}
	return string(b)
}

// A vector is an item of the manifest.
type vector struct{ File, Trust, Event, Schema, Against, Verdict, Check, Why string }

func manifest(t *testing.T) (all []vector) {
	t.Helper()
	if err := json.Unmarshal(published(t, "manifest.json"), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("there are %d vectors", len(all))
	}
	return all
}

// published reads a file of the test vectors; there is none without a name.
func published(t *testing.T, name string) []byte {
	t.Helper()
	if name == "" {
		return nil
	}
	b, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (v vector) job(t *testing.T) job {
	t.Helper()
	j := job{v.File, published(t, v.File), published(t, v.Trust), published(t, v.Event), published(t, v.Schema), nil}
	if v.Against != "" {
		j.Against = [][]byte{published(t, v.Against)}
	}
	return j
}

// Of every published vector all verifiers say what the manifest says, and
// because of the same check.
func TestVectors(t *testing.T) {
	all := manifest(t)
	jobs := make([]job, len(all))
	for i, v := range all {
		jobs[i] = v.job(t)
	}
	for i, a := range compare(t, jobs) {
		v := all[i]
		if bytes.Contains(jobs[i].Trust, []byte(`"stamps"`)) {
			v.Verdict, v.Check = "INCOMPLETE", "policy"
		}
		if v.Verdict == "REFUSED" {
			v.Verdict = badCall
		}
		result := map[string]string{"INVALID": "fail", "INCOMPLETE": "missing"}[v.Verdict]
		decides := v.Check == ""
		for _, c := range a.Checks {
			decides = decides || c.Name == v.Check && c.Result == result
		}
		if a.Verdict != v.Verdict || !decides {
			t.Errorf("%s is %s (%s), want %s by %s: %s", v.File, a.Verdict, a.deciding(), v.Verdict, v.Check, v.Why)
		}
	}
}

// run returns what a program prints.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if errs.Len() > 0 {
		t.Logf("%s: %s", args[0], &errs)
	}
	return out.String(), err
}
