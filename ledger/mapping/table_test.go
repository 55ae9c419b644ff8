// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/lendlog/lendlog/ledger/mapping"
	"github.com/lendlog/lendlog/ledger/record"
)

// parse returns a mapping that must be right.
func parse(t testing.TB, text string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Parse([]byte(text), catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// rows maps a text and returns all of its rows.
func rows(t *testing.T, m *mapping.Mapping, r io.Reader) []*mapping.Row {
	t.Helper()
	var out []*mapping.Row
	for row, err := range m.Rows("file.csv", r) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	return out
}

// cells is a mapping of two columns, of which one holds letters beyond ASCII
// and line ends.
const cells = `v: lendlog-mapping/1
file: {delimiter: "%s", encoding: %s}
columns: {größe: {as: decimal, point: ","}}
defaults: {source: urn:example, time: 2026-01-01T00:00:00Z}
events:
  - type: org.lendlog.application.received.v1
    id: "{id}"
    subject: file/{id}
    data: {applicationId: "{id}", debtToIncome: "{größe}", loanPurpose: "{wofür}"}
`

func TestFilesOfEveryKind(t *testing.T) {
	type encoded struct {
		name string
		mark string
		text func(string) string
	}
	utf16 := func(e unicode.Endianness) func(string) string {
		return func(s string) string {
			s, err := unicode.UTF16(e, unicode.UseBOM).NewEncoder().String(s)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	with := func(c *charmap.Charmap) func(string) string {
		return func(s string) string {
			s, err := c.NewEncoder().String(s)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	same := func(s string) string { return s }
	encodings := []encoded{
		{"utf-8", "", same},
		{"utf-8", "\xef\xbb\xbf", same},
		{"utf-16", "", utf16(unicode.LittleEndian)},
		{"utf-16", "", utf16(unicode.BigEndian)},
		{"iso-8859-1", "", with(charmap.ISO8859_1)},
		{"iso-8859-15", "", with(charmap.ISO8859_15)},
		{"windows-1252", "", with(charmap.Windows1252)},
	}
	type line struct {
		Line           int
		ID, Size, What string
	}
	for _, e := range encodings {
		for _, end := range []string{"\n", "\r\n", "\r"} {
			for _, delimiter := range []string{",", ";", `\t`, "|", "§"} {
				for _, last := range []string{"", end} {
					d := strings.ReplaceAll(delimiter, `\t`, "\t")
					text := strings.Join([]string{
						"id" + d + "größe" + d + "wofür",
						`1` + d + `"1,5"` + d + `Tür`,
						`"2"` + d + `2` + d + `"zwei` + end + `Zeilen ""und"" mehr"`,
						"",
						`3` + d + d,
					}, end) + last
					m := parse(t, fmt.Sprintf(cells, delimiter, e.name))
					var got []line
					for _, r := range rows(t, m, iotest.OneByteReader(strings.NewReader(e.mark+e.text(text)))) {
						if r.Rejected != nil {
							t.Fatalf("%s%q, %q, %q: line %d: %s", e.name, e.mark, end, d, r.Line, r.Reason())
						}
						ev, err := record.ParseEvent(r.Events[0].Document, catalogue(t))
						if err != nil {
							t.Fatal(err)
						}
						size, _ := ev.Data.Get("debtToIncome")
						what, _ := ev.Data.Get("loanPurpose")
						got = append(got, line{r.Line, ev.ID, size.Str, what.Str})
					}
					want := []line{{2, "1", "1.5", "Tür"}, {3, "2", "2", "zwei\nZeilen \"und\" mehr"}, {6, "3", "", ""}}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s%q, line end %q, delimiter %q:\n%s", e.name, e.mark, end, d, diff)
					}
				}
			}
		}
	}
}

// In a file with LF a CR is part of a cell.
func TestCRWithinACell(t *testing.T) {
	m := parse(t, fmt.Sprintf(cells, ",", "utf-8"))
	got := rows(t, m, strings.NewReader("id,größe,wofür\n1,,a\rb\n"))
	if len(got) != 1 || !bytes.Contains(got[0].Events[0].Document, []byte(`"a\rb"`)) {
		t.Errorf("%d rows, the first %s", len(got), got[0].Events)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, tc := range []struct {
		name, encoding string
		file           io.Reader
		want           string
	}{
		{"empty", "utf-8", strings.NewReader(""), "the file is empty"},
		{"only a mark", "utf-8", strings.NewReader("\xef\xbb\xbf"), "the file is empty"},
		{"column missing", "utf-8", strings.NewReader("id,secret,wofür\n"), `names no column "größe", which line 3 of the mapping`},
		{"column twice", "utf-8", strings.NewReader("id,größe,größe,wofür\n"), `names 2 columns "größe"; say in the mapping which of them`},
		{"quotation mark", "utf-8", strings.NewReader("id,gr\"secret,wofür\n"), "the header line has a quotation mark"},
		{"other mark", "windows-1252", strings.NewReader("\xef\xbb\xbfid"), "byte order mark of UTF-8, and the mapping says windows-1252"},
		{"UTF-16", "utf-8", strings.NewReader("\xff\xfei\x00d\x00"), "byte order mark of UTF-16, and the mapping says utf-8"},
		{"no mark", "utf-16", strings.NewReader("id,größe"), "byte order mark"},
		{"disk", "utf-8", io.MultiReader(strings.NewReader("id,größe,wofür\n1,"), iotest.ErrReader(broken)), "the disk is gone"},
		{"open quotation mark", "utf-8", strings.NewReader("id,größe,wofür\n1,\"" + strings.Repeat("secret\n", 1<<18)), "a row has more than 1 MiB"},
	} {
		m := parse(t, fmt.Sprintf(cells, ",", tc.encoding))
		var got error
		for _, err := range m.Rows("file.csv", tc.file) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), tc.want) || strings.Contains(got.Error(), "secret") {
			t.Errorf("%s: %v; want %q", tc.name, got, tc.want)
		}
	}
}

func TestRowsThatAreRejected(t *testing.T) {
	text := strings.ReplaceAll(small, "amount: decimal", "amount: {as: decimal, required: true}")
	text = strings.Replace(text, "    data:\n", "    data:\n      appliedTo: [{number: \"{n}\", amount: {amount: \"{amount!}\", currency: EUR}}]\n", 1)
	text = strings.Replace(text, "columns:", "columns:\n  n: integer", 1)
	m := parse(t, text)
	for _, tc := range []struct{ row, want string }{
		{"1,2.50,2016-01-01,1", ""},
		{"secret,2.5.0,2016-01-01,1", `column amount must be a decimal like "1234.50"`},
		{"secret,,2016-01-01,1", "column amount must be filled"},
		{"secret,x,2016-02-30,1", `column amount must be a decimal like "1234.50"; column due must be a date of the form YYYY-MM-DD`},
		{"secret,2.50,,1", "column due is empty, and /time of org.lendlog.payment.received.v1 needs it"},
		{",2.50,2016-01-01,1", "column id is empty, and /id of org.lendlog.payment.received.v1 needs it; column id is empty, and /subject of org.lendlog.payment.received.v1 needs it"},
		{"secret,2.50,2016-01-01,0", "the row makes an event org.lendlog.payment.received.v1 of which /data/appliedTo/0/number must be"},
		{"secret\x01,2.50,2016-01-01,1", "column id does not fit: /id of org.lendlog.payment.received.v1 must be UTF-8 without control characters"},
		{"secret\xff,2.50,2016-01-01,1", "column id must be text in the encoding of the file"},
		{"secret,2.50,2016-01-01", "the row has 3 cells and should have 4"},
		{"secret,2.50,2016-01-01,1,2", "the row has 5 cells and should have 4"},
		{"secret,2\"50,2016-01-01,1", "the row has a quotation mark within a cell"},
		{"\"secret\"x,2.50,2016-01-01,1", "the row has a quotation mark that is not closed, or is followed"},
		{"\"se\ncret\",\"\nx\",2016-01-01,1", `column amount must be a decimal like "1234.50" (line 3)`},
		{strings.Repeat("secret", 50) + ",2.50,2016-01-01,1", "column id does not fit: /id of org.lendlog.payment.received.v1 must have at most 256 bytes"},
	} {
		got := rows(t, m, strings.NewReader("id,amount,due,n\n"+tc.row+"\n9,1,2016-01-01,1\n"))
		if len(got) != 2 || len(got[1].Events) != 1 || got[1].Number != 2 {
			t.Errorf("%q: the row after it is not mapped: %+v", tc.row, got)
			continue
		}
		r := got[0]
		if (r.Rejected == nil) != (tc.want == "") || len(r.Events) > 0 == (r.Rejected != nil) ||
			!strings.HasPrefix(r.Reason(), tc.want) || r.Line != 2 || strings.Contains(r.Reason(), "secret") {
			t.Errorf("%q: line %d, %d events, %q; want %q", tc.row, r.Line, len(r.Events), r.Reason(), tc.want)
		}
		if r.Text != tc.row {
			t.Errorf("%q is kept as %q", tc.row, r.Text)
		}
	}
}

// A quotation mark that is never closed rejects what follows it, and says so.
func TestLastQuotationMark(t *testing.T) {
	m := parse(t, small)
	got := rows(t, m, strings.NewReader("id,amount,due\n1,2.50,2016-01-01\n2,\"3.50,2016-01-01\n4,5.50,2016-01-01"))
	if len(got) != 2 || got[1].Line != 3 || !strings.Contains(got[1].Reason(), "not closed") || got[1].Text != "2,\"3.50,2016-01-01\n4,5.50,2016-01-01" {
		t.Errorf("%+v", got)
	}
}

func TestBadCharacterOfAnEncoding(t *testing.T) {
	m := parse(t, fmt.Sprintf(cells, ",", "windows-1252"))
	got := rows(t, m, strings.NewReader("id,gr\xf6\xdfe,wof\xfcr\n1,,\x80\n2,,\x81\n"))
	if len(got) != 2 || got[0].Rejected != nil || !bytes.Contains(got[0].Events[0].Document, []byte("€")) ||
		got[1].Reason() != "column wofür must be text in the encoding of the file" {
		t.Errorf("%+v", got)
	}
}

func TestFileWithoutHeader(t *testing.T) {
	m := parse(t, `v: lendlog-mapping/1
file: {header: false, width: 3, "null": [NA]}
columns: {id: {at: 3}, dti: {at: 1, as: decimal}}
events:
  - {type: org.lendlog.application.received.v1, source: "x:{$file}", id: "{id}", subject: "file/{$row}", time: 2026-01-01T00:00:00Z, data: {applicationId: "{id}", debtToIncome: "{dti}"}}
`)
	var got []string
	for row, err := range m.Rows("a b#c.csv", strings.NewReader("1.5,,A\n NA ,,B\nNA,,NA\n1,A\n")) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Rejected != nil {
			got = append(got, row.Reason())
			continue
		}
		got = append(got, string(row.Events[0].Document))
	}
	want := []string{
		`{"capture":"import","data":{"applicationId":"A","debtToIncome":"1.5"},"id":"A","source":"x:a%20b%23c.csv","specversion":"1.0","subject":"file/1","time":"2026-01-01T00:00:00Z","type":"org.lendlog.application.received.v1"}`,
		`{"capture":"import","data":{"applicationId":"B"},"id":"B","source":"x:a%20b%23c.csv","specversion":"1.0","subject":"file/2","time":"2026-01-01T00:00:00Z","type":"org.lendlog.application.received.v1"}`,
		"column id is empty, and /id of org.lendlog.application.received.v1 needs it; column id is empty, and /data/applicationId of org.lendlog.application.received.v1 needs it",
		"the row has 2 cells and should have 3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHeader(t *testing.T) {
	f, err := parse(t, fmt.Sprintf(cells, ";", "utf-8")).Open("file.csv", strings.NewReader("\xef\xbb\xbf\"id\";größe;wofür\r1;2;\r"))
	if err != nil || f.Header() != `"id";größe;wofür` || f.Delimiter() != ';' {
		t.Errorf("%v, %v", f, err)
	}
}

// A file is read as it comes: a row is handed on before the reader has seen
// the end.
func TestRowsStream(t *testing.T) {
	m := parse(t, small)
	in, out := io.Pipe()
	go func() {
		_, _ = io.WriteString(out, "id,amount,due\n")
		line := []byte(strings.Repeat(" ", 4096) + "1,2.50,2016-01-01\n")
		for {
			if _, err := out.Write(line); err != nil {
				return
			}
		}
	}()
	n := 0
	for _, err := range m.Rows("file.csv", in) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 100 {
			break
		}
	}
	in.Close()
	if n != 100 {
		t.Errorf("%d rows", n)
	}
}

// FuzzRows wants every file to end, in whatever encoding; the same rows from a
// file with other line ends; and to keep of every row what encoding/csv reads
// from it again.
func FuzzRows(f *testing.F) {
	for _, s := range []string{
		"id,größe,wofür\n1,2,3\n", "id,größe,wofür\r1,\"2\r\n\",3\r", "\xef\xbb\xbfid,größe,wofür\r\n1,2,\"\"\"\"\r\n\r\n,,\r\n",
		"id,größe,wofür\n\"1,2", "id,größe,wofür\n1,2,3,4\n1\"2,,\n", "\xff\xfei\x00", "id\xff,größe,wofür\n\xff,,\n",
	} {
		f.Add([]byte(s))
	}
	cat := catalogue(f)
	var all []*mapping.Mapping
	for _, e := range []string{"utf-8", "utf-16", "windows-1252"} {
		all = append(all, parse(f, fmt.Sprintf(cells, ",", e)))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		for i, m := range all {
			var number int64
			line := 0
			for row, err := range m.Rows("file.csv", bytes.NewReader(file)) {
				if err != nil {
					break
				}
				if number++; row.Number != number || row.Line <= line {
					t.Fatalf("row %d is called %d and is on line %d after line %d", number, row.Number, row.Line, line)
				}
				line = row.Line
				if i == 0 && !bytes.Contains(bytes.ReplaceAll(file, []byte("\r"), []byte("\n")), bytes.ReplaceAll([]byte(row.Text), []byte("\r"), []byte("\n"))) {
					t.Fatalf("%q does not stand in the file", row.Text)
				}
				if row.Rejected != nil {
					if len(row.Events) > 0 || row.Reason() == "" {
						t.Fatalf("row %d is mapped and rejected", row.Number)
					}
					continue
				}
				if again, err := csv.NewReader(strings.NewReader(row.Text)).ReadAll(); err != nil || len(again) != 1 {
					t.Fatalf("%q, which was mapped, is not one row: %v", row.Text, err)
				}
				for _, e := range row.Events {
					if _, err := record.ParseEvent(e.Document, cat); err != nil {
						t.Fatalf("%s: %v", e.Document, err)
					}
				}
			}
		}
		if bytes.ContainsAny(file, "\r\"") {
			return
		}
		count := func(file []byte) (documents []string) {
			for row, err := range all[0].Rows("file.csv", bytes.NewReader(file)) {
				if err != nil {
					return append(documents, "refused")
				}
				documents = append(documents, fmt.Sprintf("%d %s %s", row.Line, row.Reason(), row.Events))
			}
			return documents
		}
		want := count(file)
		for _, end := range []string{"\r", "\r\n"} {
			if diff := cmp.Diff(want, count(bytes.ReplaceAll(file, []byte("\n"), []byte(end)))); diff != "" {
				t.Fatalf("with line ends %q:\n%s", end, diff)
			}
		}
	})
}
