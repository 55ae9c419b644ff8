// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// BundleFormat is the version of a file of evidence of many records, which is
// written and verified line by line in bounded memory (docs/formats.md,
// section 13).
const BundleFormat = "lendlog-bundle/1"

// MaxSample bounds how many records a sample has, for a verifier remembers
// which they are.
const MaxSample = 10_000

// What a verifier holds at a time: a line; the schemas; and, of what it found,
// so many failures, missing checks, and lines whose members it shows.
const (
	maxBundleLine    = 4 << 20
	maxBundleValues  = 1 << 17
	maxBundleSchemas = 4096
	maxSchemaBytes   = 64 << 20
	maxListed        = 100
	maxShownLines    = 1000
	maxShown         = 64 << 20 // bytes in memory
)

// A Bundle is the head of a file of evidence of many records under one
// checkpoint. Exactly one of Period, Sample and Query is set.
type Bundle struct {
	Checkpoint []byte // signed note
	Genesis    Genesis
	Period     *Period
	Sample     *Sample
	Query      *Query
	Anchored   []Anchored // of checkpoints that cover the whole file, or for nothing
}

// A Period claims that the lines of the file are all leaves of the log from
// Start up to, but without, End; and that among them are all records that were
// recorded in a time. Where leaves lie before that time the line of Start is
// the last record before it; where records lie behind, the last line is the one
// that follows it.
type Period struct {
	From, To   time.Time // From ≤ recorded < To; zero where the log itself begins or ends
	Start, End int64
	Before     []tree.Hash // the subtrees of the leaves before Start, see tree.Prefix
	After      []tree.Hash // proves that the tree of End leaves is a prefix of the checkpoint's
}

// A Sample claims that the records of the file are those that Draw draws from
// the leaves from Start up to, but without, End, under the text of the
// checkpoint.
type Sample struct {
	Seed       string
	Count      int64
	Start, End int64
}

// A Query says what the records of the file were found by. It claims nothing:
// others may match too.
type Query struct{ Filter string }

// Draw returns the indexes of a sample, in ascending order: with k = 0, 1, 2 …
// the first eight bytes of SHA-256(part("lendlog/sample") ‖ part(seed) ‖
// part(checkpoint) ‖ be64(k)) are a number, which is left out when it is not
// below the greatest multiple of the number of leaves, and else, modulo that
// number, counts from start; what was drawn before is left out. checkpoint is
// the text of the checkpoint without its signatures, so that nobody who signs
// it knows what a seed named later will draw.
func (s *Sample) Draw(checkpoint string) []int64 {
	n := uint64(s.End - s.Start)
	if uint64(s.Count) >= n {
		all := make([]int64, n)
		for i := range all {
			all[i] = s.Start + int64(i)
		}
		return all
	}
	var seed []byte
	for _, part := range []string{"lendlog/sample", s.Seed, checkpoint} {
		seed = binary.BigEndian.AppendUint16(seed, uint16(len(part)))
		seed = append(seed, part...)
	}
	drawn := make(map[int64]bool, s.Count)
	for k := uint64(0); int64(len(drawn)) < s.Count; k++ {
		h := sha256.Sum256(binary.BigEndian.AppendUint64(seed, k))
		// As many numbers are left out at the end as make the rest even.
		if x := binary.BigEndian.Uint64(h[:]); x <= math.MaxUint64-(math.MaxUint64%n+1)%n {
			drawn[s.Start+int64(x%n)] = true
		}
	}
	out := make([]int64, 0, len(drawn))
	for i := range drawn {
		out = append(out, i)
	}
	slices.Sort(out)
	return out
}

// Check reports why no bundle begins with this head.
func (b *Bundle) Check() error {
	claims := 0
	for _, is := range []bool{b.Period != nil, b.Sample != nil, b.Query != nil} {
		if is {
			claims++
		}
	}
	switch p, s := b.Period, b.Sample; {
	case claims != 1:
		return errors.New("the first line has not exactly one of period, sample and query")
	case p != nil && (p.Start < 0 || p.Start >= p.End || !p.From.IsZero() && !p.To.IsZero() && !p.From.Before(p.To)):
		return errors.New("/period ends before it begins")
	case p != nil && p.From.IsZero() && p.Start != 0:
		return errors.New("/period/start is not 0, but it has no from")
	case s != nil && (s.Start < 0 || s.Start >= s.End || s.End > maxTree):
		return errors.New("/sample ends before it begins")
	case s != nil && (s.Count < 1 || s.Count > MaxSample):
		return fmt.Errorf("/sample/count is not one to %d", MaxSample)
	case s != nil && (s.Seed == "" || len(s.Seed) > 1024):
		return errors.New("/sample/seed is not of one to 1,024 bytes")
	}
	return nil
}

// maxTree is beyond every tree.
const maxTree = 1 << 62

// A BundleWriter writes a bundle line by line.
type BundleWriter struct {
	w          io.Writer
	contiguous bool // no record has a proof of its own
	lines      int64
	schemas    map[[32]byte]bool
	buf        []byte
}

// NewBundleWriter writes the first line of a head that passes Check.
func NewBundleWriter(w io.Writer, b *Bundle) (*BundleWriter, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	out := &BundleWriter{w: w, contiguous: b.Period != nil, schemas: map[[32]byte]bool{}}
	m := []canon.Member{
		member("v", canon.Text(BundleFormat)), member("checkpoint", canon.Text(string(b.Checkpoint))), member("genesis", b.Genesis.value()),
	}
	switch {
	case b.Period != nil:
		p := b.Period
		var of []canon.Member
		if !p.From.IsZero() {
			of = append(of, member("from", canon.Text(p.From.UTC().Format(record.TimeLayout))))
		}
		if !p.To.IsZero() {
			of = append(of, member("to", canon.Text(p.To.UTC().Format(record.TimeLayout))))
		}
		of = append(of, member("start", canon.Number(p.Start)), member("end", canon.Number(p.End)),
			member("before", encodeHashes(p.Before)), member("after", encodeHashes(p.After)))
		m = append(m, member("period", canon.Map(of...)))
	case b.Sample != nil:
		s := b.Sample
		m = append(m, member("sample", canon.Map(member("seed", canon.Text(s.Seed)), member("count", canon.Number(s.Count)),
			member("start", canon.Number(s.Start)), member("end", canon.Number(s.End)))))
	default:
		m = append(m, member("query", canon.Map(member("filter", canon.Text(b.Query.Filter)))))
	}
	if len(b.Anchored) > 0 {
		m = append(m, member("anchors", anchorsValue(b.Anchored)))
	}
	return out, out.line(m...)
}

// line writes members in the order in which they come.
func (w *BundleWriter) line(m ...canon.Member) error {
	w.buf = append(canon.Value{Kind: canon.Object, Members: m}.Append(w.buf[:0]), '\n')
	if len(w.buf) > maxBundleLine {
		return fmt.Errorf("a line of the bundle would have more than %d MiB", maxBundleLine>>20)
	}
	_, err := w.w.Write(w.buf)
	return err
}

// Add writes a record, before it the schema that its disclosures need unless
// that was written already; nil for none. Records come in the order of their
// indexes. Those of a Period have no proof.
func (w *BundleWriter) Add(r Record, schema []byte) error {
	if schema != nil {
		if hash := sha256.Sum256(schema); !w.schemas[hash] {
			w.schemas[hash] = true
			if err := w.line(member("schema", canon.Text(string(schema)))); err != nil {
				return err
			}
		}
	}
	w.lines++
	return w.line(r.value(!w.contiguous).Members...)
}

// Close writes the last line. It does not close what is written to.
func (w *BundleWriter) Close() error { return w.line(member("end", canon.Number(w.lines))) }

// bundleBegin is how every bundle begins, of whatever version.
const bundleBegin = `{"v":"lendlog-bundle/`

// IsBundle reports whether what is to be read begins as a bundle does. It does
// not take it out of r.
func IsBundle(r *bufio.Reader) bool {
	b, _ := r.Peek(len(bundleBegin))
	return string(b) == bundleBegin
}

// A bundleReader reads a bundle line by line.
type bundleReader struct {
	in   *bufio.Reader
	n    int64 // lines that were read
	long []byte
}

// errCut is for a file that lacks its last line.
var errCut = errors.New("the file ends before its last line: it was cut off; fetch it again")

// A formError says what is wrong with how a bundle is written, as opposed to
// that it could not be read.
type formError struct{ err error }

func (e formError) Error() string { return e.err.Error() }

// next returns the next line, which holds until the one after, or io.EOF.
func (r *bundleReader) next() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		r.long = append(r.long[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(r.long) > maxBundleLine {
				return nil, formError{fmt.Errorf("line %d has more than %d MiB", r.n+1, maxBundleLine>>20)}
			}
			line, err = r.in.ReadSlice('\n')
			r.long = append(r.long, line...)
		}
		line = r.long
	}
	switch {
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, formError{errCut}
	case err != nil:
		return nil, err
	case len(line) > maxBundleLine:
		return nil, formError{fmt.Errorf("line %d has more than %d MiB", r.n+1, maxBundleLine>>20)}
	}
	r.n++
	return line, nil
}

// object reads the next line and hands its object to read.
func (r *bundleReader) object(read func(*object)) error {
	line, err := r.next()
	if err != nil {
		return err
	}
	v, err := canon.Parse(line, canon.Limits{Values: maxBundleValues})
	if err == nil {
		read(open(v, "", &err))
	}
	if err != nil {
		return formError{fmt.Errorf("line %d: %w", r.n, err)}
	}
	return nil
}

func (r *bundleReader) head() (*Bundle, error) {
	b := &Bundle{}
	err := r.object(func(o *object) {
		o.version(BundleFormat)
		b.Checkpoint = []byte(o.text("checkpoint"))
		b.Genesis = o.genesis()
		if v, ok := o.take("period", canon.Object); ok {
			p := open(v, "/period", o.err)
			b.Period = &Period{
				From: p.moment("from"), To: p.moment("to"), Start: p.number("start"), End: p.number("end"),
				Before: p.hashes("before"), After: p.hashes("after"),
			}
			p.end()
		}
		if v, ok := o.take("sample", canon.Object); ok {
			s := open(v, "/sample", o.err)
			b.Sample = &Sample{Seed: s.text("seed"), Count: s.number("count"), Start: s.number("start"), End: s.number("end")}
			s.end()
		}
		if v, ok := o.take("query", canon.Object); ok {
			q := open(v, "/query", o.err)
			b.Query = &Query{Filter: q.text("filter")}
			q.end()
		}
		if has(o, "anchors") {
			b.Anchored = parseAnchors(o)
		}
		o.end()
	})
	if err == nil {
		if err = b.Check(); err != nil {
			err = formError{err}
		}
	}
	return b, err
}

// moment reads a time as the ledger's clock writes it; zero when it is absent.
func (o *object) moment(name string) time.Time {
	v, ok := o.take(name, canon.String)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(record.TimeLayout, v.Str)
	if err != nil || t.Format(record.TimeLayout) != v.Str || t.IsZero() {
		o.fail(name, "is not a time as "+record.TimeLayout)
	}
	return t
}
