// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
)

func TestGuard(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "": "'", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"'": "''", "'=1": "''=1", "[sealed]": "'[sealed]", "[sealed] ": "[sealed] ", "a=1": "a=1", "＝1": "'＝1", "张": "张",
	} {
		if got := guard(in); got != want {
			t.Errorf("guard(%q) = %q, want %q", in, got, want)
		}
		if got, err := unguard(want); err != nil || got != in {
			t.Errorf("unguard(%q) = %q, %v", want, got, err)
		}
	}
	for _, s := range []string{"", "=1", "-1", "[sealed]", "'plain"} {
		if _, err := unguard(s); err == nil {
			t.Errorf("%q was read, which nothing is written as", s)
		}
	}
	// Numbers stay numbers, and a number in a column of texts is a text.
	for _, tc := range []struct {
		kind Kind
		v    canon.Value
		want string
	}{
		{Decimal, canon.Text("-1500.50"), "-1500.50"}, {Integer, canon.Number(-3), "-3"},
		{Text, canon.Text("-1500.50"), "'-1500.50"}, {JSON, canon.Number(-3), "'-3"}, {JSON, canon.Text("=1"), `"=1"`},
	} {
		if got := cell(tc.kind, tc.v); got != tc.want {
			t.Errorf("%v in a column of the kind %s is %q, want %q", tc.v, tc.kind, got, tc.want)
		}
	}
}

// TestCSVRefuses wants what writeCSV does not write to be an error.
func TestCSVRefuses(t *testing.T) {
	columns := []Column{{"index", Integer}, {"a", Text}, {"b", Boolean}}
	for name, file := range map[string]string{
		"nothing":                "",
		"another header":         "index,a,c\r\n",
		"a header cut short":     "index,a",
		"a line feed alone":      "index,a,b\n",
		"too few fields":         "index,a,b\r\n1,x\r\n",
		"too many fields":        "index,a,b\r\n1,x,true,\r\n",
		"a quote inside":         "index,a,b\r\n1,x\"y,true\r\n",
		"a quote that is open":   "index,a,b\r\n1,\"xy,true\r\n",
		"text behind a quote":    "index,a,b\r\n1,\"x\"y,true\r\n",
		"no end":                 "index,a,b\r\n1,x,true",
		"an index of letters":    "index,a,b\r\nx,x,true\r\n",
		"an index with a zero":   "index,a,b\r\n01,x,true\r\n",
		"a formula":              "index,a,b\r\n1,=1,true\r\n",
		"neither true nor false": "index,a,b\r\n1,x,TRUE\r\n",
		"a byte order mark":      "\xef\xbb\xbfindex,a,b\r\n",
	} {
		var last error
		for _, err := range read(strings.NewReader(file), int64(len(file)), columns, CSV, false) {
			last = err
		}
		if last == nil {
			t.Errorf("%s was read", name)
		}
	}
	for _, err := range read(strings.NewReader("index,a,b\r\n"), 11, columns, CSV, true) {
		if err == nil {
			t.Error("a CSV without its byte order mark was read")
		}
	}
}

// FuzzGuard wants no text to reach a spreadsheet as a formula, every one to
// come back, and other programs to read the same.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{"", "=1", "'", "a,b", "\"", "\r\n", "[sealed]", "＋1", " =1", "x\ty;z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		safe := guard(s)
		if safe == "" || safe == sealedCell || strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(safe)[0]) {
			t.Fatalf("%q is written as %q", s, safe)
		}
		if back, err := unguard(safe); err != nil || back != s {
			t.Fatalf("%q comes back as %q: %v", s, back, err)
		}
		var b bytes.Buffer
		w := bufio.NewWriter(&b)
		field(w, 0, safe)
		field(w, 1, "end")
		_, _ = w.WriteString("\r\n")
		_ = w.Flush()
		r := csvReader{bufio.NewReader(bytes.NewReader(b.Bytes()))}
		got, err := r.record(2)
		if err != nil || got[0] != safe || got[1] != "end" {
			t.Fatalf("%q is read as %q: %v", b.Bytes(), got, err)
		}
		if _, err := r.record(2); !errors.Is(err, io.EOF) {
			t.Fatalf("behind the record comes %v", err)
		}
		// encoding/csv makes one line feed of every line break.
		std, err := csv.NewReader(bytes.NewReader(b.Bytes())).Read()
		want := []string{strings.ReplaceAll(safe, "\r\n", "\n"), "end"}
		if err != nil || !slices.Equal(std, want) {
			t.Fatalf("encoding/csv reads %q as %q: %v", b.Bytes(), std, err)
		}
	})
}

// No cell of a sheet is a formula, whatever program opens it, and numbers stay
// numbers.
func TestSheet(t *testing.T) {
	var b strings.Builder
	err := Sheet(&b, [][]string{{"code", "n"}, {"=1+1", "12"}, {"+1", "-3.5"}, {"-a", ""}, {"@x", "1."}, {"a;b", "-"}, {"＝1", "1e5"}, {"'q", "0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "\xef\xbb\xbfcode,n\r\n'=1+1,12\r\n'+1,-3.5\r\n'-a,\r\n'@x,1.\r\n\"a;b\",'-\r\n'＝1,1e5\r\n''q,0.1\r\n"
	if got := b.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
