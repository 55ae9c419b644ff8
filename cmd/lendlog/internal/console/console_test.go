// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTableAlignsByDisplayWidth(t *testing.T) {
	var out bytes.Buffer
	c := New(nil, &out, nil)
	c.Table([]string{">#", "WHO", "WHAT"}, [][]string{
		{"1", "张伟", "申请"},
		{"12", "Ann", "approved"},
		{"3", "한글이름", ""},
	})
	want := strings.Join([]string{
		" #  WHO       WHAT",
		" 1  张伟      申请",
		"12  Ann       approved",
		" 3  한글이름",
		"",
	}, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	// The third column begins at the same cell of every line that has one.
	for _, line := range strings.Split(out.String(), "\n")[:3] {
		last := line[strings.LastIndex(line, " ")+1:]
		if at := Width(strings.TrimSuffix(line, last)); at != 14 {
			t.Errorf("%q: the last column begins at %d, want 14", line, at)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tc := range []struct {
		in    string
		width int
		want  string
	}{
		{"short", 5, "short"},
		{"longer", 5, "long…"},
		{"申请贷款", 5, "申请…"},
		{"申请贷款", 8, "申请贷款"},
		{"", 3, ""},
	} {
		if got := Cut(tc.in, tc.width); got != tc.want || Width(got) > tc.width {
			t.Errorf("Cut(%q, %d) = %q, want %q", tc.in, tc.width, got, tc.want)
		}
	}
}

func TestCleanEscapesWhatSteersATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain, 申请 and é": "plain, 申请 and é",
		"\x1b[2Jgone":     `\u001b[2Jgone`,
		"a\u009bb":        `a\u009bb`,
		"x\u202ey":        `x\u202ey`,
		"new\nline":       `new\u000aline`,
		"zero\u200bwidth": `zero\u200bwidth`,
		"tag\U000e0041":   `tag\udb40\udc41`,
		"a\x9b2Jb\xff":    "a\ufffd2Jb\ufffd",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestJSONPrintsNothingElse(t *testing.T) {
	var out, errs bytes.Buffer
	c := New(nil, &out, &errs)
	c.JSON, c.Color = true, true
	c.Printf("for people\n")
	c.Table([]string{"A"}, [][]string{{"b"}})
	c.Notef("note")
	p := c.Progress()
	p.Set("step", 1, 2)
	p.Done()
	if err := c.Emit(struct {
		A string `json:"a"`
	}{"<b>"}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "{\"a\":\"<b>\"}\n"; got != want {
		t.Errorf("out = %q, want %q", got, want)
	}
	if errs.Len() > 0 {
		t.Errorf("err = %q, want nothing", errs.String())
	}
}

func TestPaintSaysTheSameWithoutColor(t *testing.T) {
	c := New(nil, &bytes.Buffer{}, nil)
	if got := c.Paint(Bad, "INVALID"); got != "INVALID" {
		t.Errorf("not a terminal: %q", got)
	}
	c.Color = true
	if got := c.Paint(Bad, "INVALID"); got != "\x1b[31mINVALID\x1b[0m" {
		t.Errorf("terminal: %q", got)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriterRemembersItsFirstError(t *testing.T) {
	c := New(nil, full{}, nil)
	c.Printf("a")
	c.Printf("b")
	if err := c.Out.Failed(); err == nil || err.Error() != "no space left" {
		t.Errorf("Failed() = %v", err)
	}
}

func TestProgressPrintsALineEveryTenSeconds(t *testing.T) {
	var errs bytes.Buffer
	c := New(nil, &bytes.Buffer{}, &errs)
	now := time.Unix(1_000_000, 0)
	p := c.Progress()
	p.now = func() time.Time { return now }
	for done := int64(0); done <= 2500; done += 100 {
		p.Set("auditing", done, 5000)
		now = now.Add(time.Second)
	}
	p.Set("counting", 7, 0)
	now = now.Add(11 * time.Second)
	p.Set("counting", 12345, 0)
	p.Done()
	want := "auditing: 1,000 of 5,000 (20%), 40s left\n" +
		"auditing: 2,000 of 5,000 (40%), 30s left\n" +
		"counting: 12,345\n"
	if diff := cmp.Diff(want, errs.String()); diff != "" {
		t.Error(diff)
	}
}

func TestProgressMovesABarOnATerminal(t *testing.T) {
	var errs bytes.Buffer
	c := New(nil, &bytes.Buffer{}, &errs)
	c.Live = true
	p := c.Progress()
	p.Set("auditing", 1, 10)
	p.Set("auditing", 5, 20)
	p.Set("next", 1, 0)
	p.Done()
	if !strings.Contains(errs.String(), "auditing") || strings.Contains(errs.String(), "\n") || strings.Contains(errs.String(), "it/s") {
		t.Errorf("bar = %q", errs.String())
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -12345: "-12,345", 1234567: "1,234,567"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}
