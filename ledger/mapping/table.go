// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// The encodings by the names that the WHATWG gives them, but for
// iso-8859-1, which really is that.
const encodingUTF8, encodingUTF16 = "utf-8", "utf-16"

var encodings = map[string]encoding.Encoding{
	encodingUTF8:   nil,
	encodingUTF16:  unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM),
	"iso-8859-1":   charmap.ISO8859_1,
	"iso-8859-15":  charmap.ISO8859_15,
	"windows-1252": charmap.Windows1252,
}

func encodingNames() []string { return slices.Sorted(maps.Keys(encodings)) }

// decode returns the file as UTF-8 without a byte order mark. Bytes that are
// not of the encoding come out as U+FFFD, or as they are where the file is
// UTF-8 already.
func decode(r io.Reader, name string) (io.Reader, error) {
	b := bufio.NewReader(r)
	mark, err := b.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	utf8Mark := bytes.Equal(mark, []byte("\xef\xbb\xbf"))
	utf16Mark := bytes.HasPrefix(mark, []byte("\xff\xfe")) || bytes.HasPrefix(mark, []byte("\xfe\xff"))
	switch {
	case utf8Mark && name != encodingUTF8:
		return nil, fmt.Errorf("the file begins with the byte order mark of UTF-8, and the mapping says %s: put that right in file.encoding", name)
	case utf16Mark && name != encodingUTF16:
		return nil, fmt.Errorf("the file begins with the byte order mark of UTF-16, and the mapping says %s: put that right in file.encoding", name)
	case utf8Mark:
		_, err := b.Discard(len(mark))
		return b, err
	case name == encodingUTF8:
		return b, nil
	}
	return encodings[name].NewDecoder().Reader(b), nil
}

// lineEnds turns the line ends of a file that has CR alone into LF. Which line
// ends a file has, the first one outside of quotation marks tells; in a file
// with LF or CRLF a CR alone is part of a cell and stays.
type lineEnds struct {
	r      *bufio.Reader
	mode   lineEnd
	quoted bool
}

type lineEnd byte

const (
	endUnknown lineEnd = iota
	endLF              // or CRLF
	endCR
)

// Read implements io.Reader.
func (l *lineEnds) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if l.mode == endLF {
		return n, err
	}
	for i, c := range b[:n] {
		switch {
		case c == '"':
			l.quoted = !l.quoted
		case l.mode == endUnknown && l.quoted:
		case c == '\n' && l.mode == endUnknown:
			l.mode = endLF
			return n, err
		case c == '\r' && !l.followedByLF(b[i+1:n]):
			b[i], l.mode = '\n', endCR
		}
	}
	return n, err
}

func (l *lineEnds) followedByLF(rest []byte) bool {
	if len(rest) == 0 {
		rest, _ = l.r.Peek(1)
	}
	return len(rest) > 0 && rest[0] == '\n'
}

// maxRecord is how many bytes one row may have.
const maxRecord = 1 << 20

var errRecord = errors.New("a row has more than 1 MiB; is a quotation mark not closed?")

// recorder keeps what was read since the last row, because encoding/csv does
// not tell how a row was written.
type recorder struct {
	r    io.Reader
	from int64 // offset of kept
	kept []byte
}

// Read implements io.Reader.
func (r *recorder) Read(b []byte) (int, error) {
	if len(r.kept) > maxRecord {
		return 0, errRecord
	}
	n, err := r.r.Read(b)
	r.kept = append(r.kept, b[:n]...)
	return n, err
}

// take returns what was read up to an offset, once.
func (r *recorder) take(to int64) string {
	n := int(to - r.from)
	s := string(r.kept[:n])
	r.kept = append(r.kept[:0], r.kept[n:]...)
	r.from = to
	return s
}

// table reads records one by one.
type table struct {
	csv   *csv.Reader
	bytes *recorder
}

func newTable(r io.Reader, d dialect) (*table, error) {
	text, err := decode(r, d.encoding)
	if err != nil {
		return nil, err
	}
	t := &table{bytes: &recorder{r: &lineEnds{r: bufio.NewReaderSize(text, 64<<10)}}}
	t.csv = csv.NewReader(t.bytes)
	t.csv.Comma = d.delimiter
	t.csv.FieldsPerRecord = -1
	t.csv.ReuseRecord = true
	return t, nil
}

// next returns the cells of the next record, which are valid until it is
// called again, the line it begins on and its text. An error of type
// *csv.ParseError is of this record alone.
func (t *table) next() (cells []string, line int, raw string, err error) {
	cells, err = t.csv.Read()
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax):
		line = syntax.StartLine
	case err != nil:
		return nil, 0, "", err
	case len(cells) > 0:
		line, _ = t.csv.FieldPos(0)
	}
	// Line ends before it are of empty lines.
	return cells, line, strings.Trim(t.bytes.take(t.csv.InputOffset()), "\r\n"), err
}
