// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
)

const steering = "\x1b[2J\u009b\u200b\u202e\u2028\ufeff\U000e0041"

func sample(verdict proof.Verdict) proof.Report {
	return proof.Report{
		Verdict: verdict,
		Checks: []proof.Check{
			{Name: "checkpoint", Record: -1, Result: proof.Pass, Text: "signed"},
			{Name: "inclusion", Record: 7, Result: proof.Fail, Text: "no" + steering},
			{Name: "subject", Record: 7, Result: proof.Missing, Text: "ask for it"},
			{Name: "time", Record: -1, Result: proof.Note, Text: "the operator's clock"},
		},
		Shown: []proof.Shown{
			{Record: 7, What: "type", Value: canon.Text("a" + steering + "é漢")},
			{Record: 7, What: "/data/n", Value: canon.Number(-3)},
			{Record: 7, What: "/data/o", Value: canon.Map(canon.Member{Name: "<b>", Value: canon.Flag(true)})},
			{Record: 7, What: "/parent", Absent: true},
			{Record: 9, What: "/party", Value: canon.Text("(absent)")},
			{Record: 9, What: "/data/verificationStatus", Absent: true},
			{Record: 9, What: "/id", Value: canon.Text(strings.Repeat("漢", 300))},
		},
	}
}

func TestWriteText(t *testing.T) {
	var b bytes.Buffer
	if err := sample(proof.Invalid).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	const escaped = `\u001b[2J\u009b\u200b\u202e\u2028\ufeff\udb40\udc41`
	want := `✓ checkpoint  signed
✗ inclusion   record 7: FAILED: no` + escaped + `
? subject     record 7: NOT CHECKED: ask for it
– time        the operator's clock
  record 7 says
    type                     "a` + escaped + `é漢"
    /data/n                  -3
    /data/o                  {"<b>":true}
    /parent                  (absent)
  record 9 says
    /party                   "(absent)"
    /data/verificationStatus (absent)
    /id                      "` + strings.Repeat("漢", 199) + `…
INVALID: 1 of 3 checks failed; keep this file as it is.
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("the text differs (-want +got):\n%s", diff)
	}
	for verdict, last := range map[proof.Verdict]string{
		proof.Valid:      "VALID: all 1 check that the trust policy asks for passed.\n",
		proof.Incomplete: "INCOMPLETE: nothing failed, but 1 check could not be made.\n",
	} {
		b.Reset()
		if err := sample(verdict).WriteText(&b); err != nil || !strings.HasSuffix(b.String(), "\n"+last) {
			t.Errorf("%v: %v\n%s", verdict, err, &b)
		}
	}
	// An error of writing is never lost, wherever it comes.
	for room := range b.Len() {
		if err := sample(proof.Incomplete).WriteText(&small{room}); err == nil {
			t.Fatalf("a report cut after %d bytes passes for a whole one", room)
		}
	}
}

// A small is a writer for so many bytes.
type small struct{ room int }

func (s *small) Write(p []byte) (int, error) {
	if s.room -= len(p); s.room < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestMarshalJSON(t *testing.T) {
	r := sample(proof.Invalid)
	r.Shown = r.Shown[:5]
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const escaped = `\u001b[2J\u009b\u200b\u202e\u2028\ufeff\udb40\udc41`
	want := `{"verdict":"INVALID","checks":[` +
		`{"name":"checkpoint","result":"pass","text":"signed"},` +
		`{"name":"inclusion","record":7,"result":"fail","text":"no` + escaped + `"},` +
		`{"name":"subject","record":7,"result":"missing","text":"ask for it"},` +
		`{"name":"time","result":"note","text":"the operator's clock"}],` +
		`"shown":[{"record":7,"what":"type","value":"a` + escaped + `é漢"},` +
		`{"record":7,"what":"/data/n","value":-3},` +
		`{"record":7,"what":"/data/o","value":{"\u003cb\u003e":true}},` +
		`{"record":7,"what":"/parent"},` +
		`{"record":9,"what":"/party","value":"(absent)"}]}`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Errorf("the JSON differs (-want +got):\n%s", diff)
	}
	// The escapes mean what was there.
	var back struct{ Shown []struct{ Value any } }
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.Shown[0].Value != "a"+steering+"é漢" {
		t.Errorf("the value is read as %q", back.Shown[0].Value)
	}
	b, err = json.Marshal(proof.Report{})
	if want := `{"verdict":"INCOMPLETE","checks":[],"shown":[]}`; err != nil || string(b) != want {
		t.Errorf("the empty report is %s, %v", b, err)
	}
}

// Where nothing was checked, nothing holds.
func TestZeroReport(t *testing.T) {
	if v := (proof.Report{}).Verdict; v != proof.Incomplete || v.ExitCode() != 4 || v.String() != "INCOMPLETE" {
		t.Errorf("the zero report is %v, exit code %d", v, v.ExitCode())
	}
	if proof.Valid.ExitCode() != 0 || proof.Invalid.ExitCode() != 3 || proof.Valid.String() != "VALID" || proof.Invalid.String() != "INVALID" {
		t.Error("the verdicts have other words or exit codes")
	}
}

func TestWorse(t *testing.T) {
	order := []int{0, 4, 2, 3} // VALID, INCOMPLETE, unread, INVALID
	for i, a := range order {
		for j, b := range order {
			if got, want := proof.Worse(a, b), order[max(i, j)]; got != want {
				t.Errorf("of %d and %d %d is worse, want %d", a, b, got, want)
			}
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"plain é漢 \\u0041":          "plain é漢 \\u0041",
		"a\x00\x7f\n\tb":            `a\u0000\u007f\u000a\u0009b`,
		"\u00a0\u00ad\u061c\u2066x": `\u00a0\u00ad\u061c\u2066x`,
		"\U0001f600\U000e0001":      "\U0001f600" + `\udb40\udc01`,
		"\xff\xfe":                  "\ufffd\ufffd",
	} {
		if got := proof.Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

// A subject that looks like another one is not shown like it.
func TestSubjectsThatLookAlike(t *testing.T) {
	w := newWorld(t)
	for subject, shown := range map[string]string{
		"file/L-9":          `no record of file/L-9 among`,
		"file/L-1 ":         `no record of "file/L-1 " among`,
		"file/L-1\u200b":    `no record of file/L-1\u200b among`,
		"file/\u00e9\u6f22": "no record of file/\u00e9\u6f22 among",
		"file/e\u0301":      `no record of file/e\u0301 among`,
	} {
		kind, id, _ := strings.Cut(subject, "/")
		r := proof.Verify(&w.trust, w.complete(w.evidence(map[int][]string{4: nil}), kind, id))
		if !slices.ContainsFunc(r.Checks, func(c proof.Check) bool { return c.Name == "complete" && strings.Contains(c.Text, shown) }) {
			t.Errorf("%q is shown otherwise than as %s: %v", subject, shown, r.Checks)
		}
	}
}
