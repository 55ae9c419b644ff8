// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/xml"
	"errors"
	"flag"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func decisions() Data {
	return Data{
		ID: "decisions", Title: "Decisions by month", Desc: "Approvals lead in every month.", By: "Month", Unit: "decisions",
		Rows: []string{"2026-01", "2026-02", "2026-03", "2026-04"},
		Series: []Series{
			{Name: "approved", Values: []float64{1200, 1431, 0, 1502}},
			{Name: "declined", Values: []float64{340, 287, 3, 411}},
			{Name: "referred", Values: []float64{12, None, 1, 20}},
		},
	}
}

func months(n int) (rows []string, values []float64) {
	for i := range n {
		rows = append(rows, "20"+string(rune('0'+i/120))+string(rune('0'+i/12%10))+"-"+string(rune('0'+(i%12+1)/10))+string(rune('0'+(i%12+1)%10)))
		values = append(values, float64(i*i))
	}
	return rows, values
}

// drawn are the charts of which the bytes are pinned.
func drawn() map[string]template.HTML {
	rows, values := months(60)
	long := Data{ID: "growth", Title: "Records", By: "Month", Rows: rows, Series: []Series{{Name: "records", Values: values}}}
	waits := Data{
		ID: "waits", Title: "审批用时", Desc: "中位数与九成上限", By: "月份", Unit: "天", Rows: []string{"2026-01", "2026-02", "2026-03"},
		Series: []Series{{Name: "中位数", Values: []float64{1.5, None, 1.6}}, {Name: "九成以内", Values: []float64{4.25, 3.5, 1.7}}},
	}
	reasons := Data{
		ID: "reasons", Title: "Reasons <of> declines", By: "Reason", Unit: "", Rows: []string{"income", `<script>"&'`, strings.Repeat("a very long name of a reason ", 4), "信用记录过短"},
		Series: []Series{{Name: "declines", Values: []float64{12, 40, 7, 40}}, {Name: "share", Values: []float64{0.1, 0.4, 0.1, 0.4}, Format: Percent, Plain: true}},
	}
	vintages := Data{
		ID: "vintages", Title: "90 days past due, ever", By: "Month", Rows: []string{"2025-01", "2025-02"},
		Series: []Series{
			{Name: "loans", Values: []float64{100, 81}, Plain: true},
			{Name: "3", Values: []float64{0, 0.0123}, Format: Percent}, {Name: "6", Values: []float64{0.02, None}, Format: Percent},
		},
	}
	return map[string]template.HTML{
		"lines.svg": Lines(waits), "steps.svg": Steps(long), "stack.svg": Stack(decisions()), "bars.svg": Bars(reasons, 3),
		"heat.html": Heat(vintages), "table.html": reasons.Sorted().Table(),
	}
}

// The same numbers make the same bytes.
func TestGolden(t *testing.T) {
	for name, got := range drawn() {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-golden +drawn):\n%s", name, diff)
		}
	}
}

// wellFormed reads a chart as XML, and returns its texts.
func wellFormed(t *testing.T, name string, chart template.HTML) (texts []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(chart)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, chart)
		}
		switch x := token.(type) {
		case xml.CharData:
			texts = append(texts, string(x))
		case xml.StartElement:
			for _, a := range x.Attr {
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s: <%s %s=%q>", name, x.Name.Local, a.Name.Local, a.Value)
				}
			}
		}
	}
}

// Whatever the numbers and names are, a chart is well-formed, has no style of its
// own, and lets no name out of its place.
func TestWellFormed(t *testing.T) {
	for name, chart := range drawn() {
		wellFormed(t, name, chart)
	}
	const hostile = `"><script>alert('x')</script>&amp;`
	for _, values := range [][]float64{
		{math.Inf(1), math.Inf(-1), 3}, {None, 2, None}, {1e300, 1, -1e300}, {-1, -2, -3}, {0, 0, 0}, {5e-324, 0, 0}, {1}, {0.1, 0.2, 0.30000000000000004},
	} {
		d := Data{ID: hostile, Title: hostile, Desc: hostile, By: hostile, Unit: hostile, Rows: []string{hostile, "b", "c"}, Series: []Series{{Name: hostile, Values: values}, {Name: "more", Values: values}}}
		for name, chart := range map[string]template.HTML{"lines": Lines(d), "steps": Steps(d), "stack": Stack(d), "bars": Bars(d, 2), "heat": Heat(d), "table": d.Table()} {
			texts := wellFormed(t, name, chart)
			if strings.Contains(string(chart), "<script") || !slices.Contains(texts, hostile) {
				t.Errorf("%s of %v: the name is not a text of it:\n%s", name, values, chart)
			}
		}
	}
}

// Of nothing there is no chart, but a table.
func TestEmpty(t *testing.T) {
	for _, d := range []Data{{}, {Rows: []string{"a"}}, {Rows: []string{"a"}, Series: []Series{{Name: "x", Values: []float64{None}}}}, {Series: []Series{{Name: "x", Values: []float64{1}}}}} {
		if got := Lines(d) + Steps(d) + Stack(d) + Bars(d, 10); got != "" {
			t.Errorf("%+v draws %s", d, got)
		}
		wellFormed(t, "table", d.Table())
	}
}

// A number between none and none is a point, also where there are too many rows for
// points on a line.
func TestAlone(t *testing.T) {
	rows, values := months(markers + 5)
	for i := range values {
		if i%5 == 0 {
			values[i] = None
		}
	}
	values[7] = None // and 6 is between it and 5
	got := string(Lines(Data{Rows: rows, Series: []Series{{Name: "x", Values: values}}}))
	if strings.Count(got, "<circle") != 1 || !strings.Contains(got, rows[6]+": x") {
		t.Errorf("there are %d points", strings.Count(got, "<circle"))
	}
}

// The axis of shares has parts, also where each is all.
func TestSharesHaveParts(t *testing.T) {
	got := string(Lines(Data{Rows: []string{"a", "b"}, Series: []Series{{Name: "x", Values: []float64{1, 1}, Format: Percent}}}))
	if !strings.Contains(got, ">50.0%<") && !strings.Contains(got, ">60.0%<") {
		t.Errorf("the axis has no parts: %s", got)
	}
}

// The greatest number has the darkest shade, whatever it is, and none a darker one.
func TestShades(t *testing.T) {
	for whole := 1.0; whole < 200; whole++ {
		got := string(Heat(Data{Rows: []string{"a", "b"}, Series: []Series{{Name: "x", Values: []float64{1 / whole, 0.3 / whole}}}}))
		if strings.Count(got, " h5") != 1 || strings.Count(got, " h2") != 1 {
			t.Fatalf("1/%v is shaded as %s", whole, got)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, x := range []struct {
		max   float64
		whole bool
		want  []float64
	}{
		{0, true, []float64{0, 1}},
		{1, true, []float64{0, 1}},
		{3, true, []float64{0, 1, 2, 3}},
		{1502, true, []float64{0, 500, 1000, 1500, 2000}},
		{100, true, []float64{0, 20, 40, 60, 80, 100}},
		{0.5, false, []float64{0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.5}},
	} {
		if diff := cmp.Diff(x.want, ticksTo(x.max, x.whole)); diff != "" {
			t.Errorf("up to %v (-want +got):\n%s", x.max, diff)
		}
	}
}

// Labels keep apart, in their order, and within the picture.
func TestSpread(t *testing.T) {
	got := spread([]float64{50, 52, 51, 100, 100}, 10, 100)
	for i, y := range got {
		if y < 10 || y > 100 {
			t.Errorf("label %d is at %v", i, y)
		}
		for j := range i {
			if math.Abs(y-got[j]) < lineStep-2 {
				t.Errorf("labels %d and %d are at %v and %v", j, i, got[j], y)
			}
		}
	}
	if !(got[0] < got[2] && got[2] < got[1]) {
		t.Errorf("their order is lost: %v", got)
	}
}

func TestCount(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "−1,234", -0.2: "0"} {
		if got := Count(v); got != want {
			t.Errorf("%v is written as %s, want %s", v, got, want)
		}
	}
}

// The records of a CSV have the bare numbers, and nothing where there is none.
func TestRecords(t *testing.T) {
	want := [][]string{
		{"Month", "approved", "declined", "referred"},
		{"2026-01", "1200", "340", "12"}, {"2026-02", "1431", "287", ""}, {"2026-03", "0", "3", "1"}, {"2026-04", "1502", "411", "20"},
	}
	if diff := cmp.Diff(want, decisions().Records()); diff != "" {
		t.Error(diff)
	}
}
