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
	"github.com/lendlog/lendlog/ledger/term"
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

// check reports what no bundle of this head can be verified with.
func (b *Bundle) check() error {
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

// ErrBundle is for a head that no bundle has.
var ErrBundle = errors.New("no bundle begins like this")

// A BundleWriter writes a bundle line by line.
type BundleWriter struct {
	w          io.Writer
	contiguous bool // no record has a proof of its own
	lines      int64
	schemas    map[[32]byte]bool
	buf        []byte
}

// NewBundleWriter writes the first line. A head that no bundle has is ErrBundle.
func NewBundleWriter(w io.Writer, b *Bundle) (*BundleWriter, error) {
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
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
		o.end()
	})
	if err == nil {
		if err = b.check(); err != nil {
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

// VerifyBundle checks a bundle under a trust policy while it reads it, in
// memory that does not grow with the file. head and each, where they are not
// nil, see the first line and every record of the file before they are
// verified, and may end it all with an error.
//
// What holds of many records is one check of the report, with their number;
// what failed or could not be checked is listed up to a hundred times. What the
// records say is shown of small bundles only. A file that says it is a bundle
// and is not written as one is INVALID. The error is of one that is none, or
// that could not be read.
func VerifyBundle(t *Trust, in io.Reader, head func(*Bundle) error, each func(*Record) error) (Report, error) {
	r := bundleReader{in: bufio.NewReaderSize(in, 64<<10)}
	if !IsBundle(r.in) {
		return Report{}, errors.New("this is no bundle: it does not begin with " + bundleBegin)
	}
	v := bundleVerifier{tallies: map[tally]*int64{}}
	err := v.verify(t, &r, head, each)
	var form formError
	if errors.As(err, &form) {
		v.total.add("format", -1, Fail, "couldn't read the bundle: %v", form.err)
		err = nil
	}
	if err != nil {
		return Report{}, err
	}
	v.sum()
	v.total.claims(t)
	return v.total.conclude(), nil
}

// A tally is what is counted instead of listed.
type tally struct {
	name   string
	result Result
}

type bundleVerifier struct {
	*Bundle
	verifier
	total Report // verifier.Report is of one record
	one   Report

	prefix      tree.Prefix // of a Period: the leaves so far
	last        int64       // index of the last line
	lines       int64
	recorded    time.Time // of the last entry
	latest      time.Time // that an entry may be of, by the witnesses' clocks; zero where none are asked for
	inside      int64     // lines that lie within the period
	after       bool      // the last line lies behind it
	drawn       []int64   // of a Sample: what is still to come
	schemaBytes int
	order       []tally
	tallies     map[tally]*int64
	shows       bool
	shown       int // weight of what is shown
}

func (v *bundleVerifier) verify(t *Trust, r *bundleReader, head func(*Bundle) error, each func(*Record) error) (err error) {
	if v.Bundle, err = r.head(); err != nil {
		return err
	}
	if head != nil {
		if err := head(v.Bundle); err != nil {
			return err
		}
	}
	h, ok := v.total.checkpoint(t, v.Checkpoint)
	if !ok {
		return nil // of a checkpoint that is not signed nothing more can be said
	}
	cp := h.Checkpoint
	if p := t.Witnesses; p != nil && v.total.cosigned(p, h.cosigned) {
		by, _ := h.by(p.Quorum)
		v.latest = by.Add(p.tolerance())
		v.total.add("time", -1, Note, "witnesses cosigned the ledger with these records by %s; that each was not there long before shows evidence", by.UTC().Format(record.TimeLayout))
	}
	v.total.genesis(t, v.Genesis, cp)
	v.verifier = verifier{Report: &v.one, trust: t, checkpoint: cp, schemas: map[[32]byte]*schema{}, subjects: map[term.Term]string{}}
	v.last, v.shows = -1, true
	switch {
	case v.Period != nil:
		if v.Period.End > cp.Size {
			return formError{fmt.Errorf("/period/end is beyond the %d records of the checkpoint", cp.Size)}
		}
		if v.prefix, err = tree.NewPrefix(v.Period.Start, v.Period.Before); err != nil {
			return formError{fmt.Errorf("/period/before: %w", err)}
		}
		v.contiguous = true
		v.last = v.Period.Start - 1
		v.shows = v.Period.End-v.Period.Start <= maxShownLines
	case v.Sample != nil:
		if v.Sample.End > cp.Size {
			return formError{fmt.Errorf("/sample/end is beyond the %d records of the checkpoint", cp.Size)}
		}
		v.drawn = v.Sample.Draw(cp.Text())
		v.shows = len(v.drawn) <= maxShownLines
	}
	for end := false; !end; {
		var rec *Record
		err := r.object(func(o *object) {
			switch {
			case has(o, "schema"):
				v.schema(o)
			case has(o, "end"):
				end = true
				if n := o.number("end"); n != v.lines {
					o.fail("end", fmt.Sprintf("is not the number of the records of the file, %d", v.lines))
				}
			default:
				read := parseRecord(o, !v.contiguous)
				rec = &read
			}
			if rec == nil {
				o.end()
			}
		})
		if errors.Is(err, io.EOF) {
			err = formError{errCut}
		}
		if err != nil {
			return err
		}
		if rec != nil {
			if each != nil {
				if err := each(rec); err != nil {
					return err
				}
			}
			if err := v.add(rec, r.n); err != nil {
				return err
			}
		}
	}
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = formError{errors.New("something follows the last line")}
		}
		return err
	}
	v.together()
	return nil
}

func has(o *object, name string) bool { _, ok := o.Get(name); return ok }

func (v *bundleVerifier) schema(o *object) {
	text := []byte(o.text("schema"))
	hash := sha256.Sum256(text)
	if _, twice := v.schemas[hash]; twice {
		o.fail("schema", "stands there twice")
		return
	}
	if v.schemaBytes += len(text); len(v.schemas) == maxBundleSchemas || v.schemaBytes > maxSchemaBytes {
		o.fail("schema", "is one too many: a bundle has at most 4,096 schemas, and 64 MiB of them")
		return
	}
	v.schemas[hash] = &schema{text: text}
}

// add verifies one record.
func (v *bundleVerifier) add(rec *Record, line int64) error {
	v.lines++
	switch {
	case v.Sample != nil && v.lines > MaxSample, v.lines > v.checkpoint.Size:
		return formError{fmt.Errorf("line %d is of one record more than there can be", line)}
	case v.contiguous && rec.Index != v.last+1:
		return formError{fmt.Errorf("line %d is of record %d, and record %d should follow", line, rec.Index, v.last+1)}
	case v.contiguous && rec.Index >= v.Period.End:
		return formError{fmt.Errorf("line %d is of record %d, which is beyond /period/end", line, rec.Index)}
	case rec.Index <= v.last:
		return formError{fmt.Errorf("line %d is of record %d, which comes after record %d", line, rec.Index, v.last)}
	}
	v.last = rec.Index
	if v.contiguous {
		v.prefix.Append(tree.LeafHash(rec.Entry))
	}
	v.one.Checks, v.one.Shown, v.links = v.one.Checks[:0], v.one.Shown[:0], v.links[:0]
	v.record(rec)
	var e *record.Entry
	if len(v.links) > 0 {
		e = v.links[0].Entry
		if e.Recorded.Before(v.recorded) {
			v.one.add("time", rec.Index, Fail, "it was recorded before a record that lies before it")
		}
		v.recorded = e.Recorded
		if !v.latest.IsZero() && e.Recorded.After(v.latest) {
			v.one.add("time", rec.Index, Fail, "it says that it was recorded at %s, but witnesses had cosigned the ledger with it: it was dated forward", e.Recorded.Format(record.TimeLayout))
		}
	}
	switch {
	case v.Period != nil:
		v.within(rec.Index, e)
	case v.Sample != nil:
		v.sampled(rec.Index)
	}
	for _, c := range v.one.Checks {
		n := v.tally(c.Name, c.Result)
		if *n++; (c.Result == Fail || c.Result == Missing) && *n <= maxListed {
			v.total.Checks = append(v.total.Checks, c)
		}
	}
	for _, s := range v.one.Shown {
		if v.shown += weight(s.Value); v.shows && v.lines <= maxShownLines && v.shown <= maxShown {
			v.total.Shown = append(v.total.Shown, s)
		}
	}
	return nil
}

// weight returns about how many bytes a value takes in memory.
func weight(v canon.Value) int {
	n := 96 + len(v.Str)
	for _, item := range v.Items {
		n += weight(item)
	}
	for _, m := range v.Members {
		n += len(m.Name) + weight(m.Value)
	}
	return n
}

func (v *bundleVerifier) tally(name string, r Result) *int64 {
	t := tally{name, r}
	if v.tallies[t] == nil {
		v.tallies[t] = new(int64)
		v.order = append(v.order, t)
	}
	return v.tallies[t]
}

// within holds the time of a record against the period; e is nil of an
// index-root, which has none.
func (v *bundleVerifier) within(index int64, e *record.Entry) {
	p := v.Period
	first := index == p.Start
	before := e != nil && e.Recorded.Before(p.From)
	switch {
	case v.after:
		v.one.add("range", index, Fail, "it lies behind the record that ends the period")
	case first && before:
		// The last record before the period.
	case first && index > 0:
		v.one.add("range", index, Fail, "the file does not begin with the record before the period")
	case before:
		v.one.add("range", index, Fail, "it was recorded before the period")
	case e != nil && !p.To.IsZero() && !e.Recorded.Before(p.To):
		v.after = true
	default:
		v.inside++
	}
}

// sampled holds the index of a record against what is drawn.
func (v *bundleVerifier) sampled(index int64) {
	at, ok := slices.BinarySearch(v.drawn, index)
	if !ok {
		v.one.add("sample", index, Fail, "it is not drawn by this seed")
		return
	}
	if at > 0 {
		v.one.add("sample", index, Fail, "%d records that are drawn before it are left out", at)
	}
	v.drawn = v.drawn[at+1:]
}

// together makes the checks that are of all lines together.
func (v *bundleVerifier) together() {
	cp, r := v.checkpoint, &v.total
	switch {
	case v.Period != nil:
		p := v.Period
		switch {
		case v.last != p.End-1:
			r.add("range", -1, Fail, "the file ends with record %d, and goes up to %d by its first line", v.last, p.End-1)
			return
		case tree.VerifyConsistency(p.After, p.End, cp.Size, v.prefix.Root(), cp.Root) != nil:
			r.add("range", -1, Fail, "a record is left out, added or altered: the records %d to %d of the file are not those under the checkpoint", p.Start, p.End-1)
			return
		case !v.after && p.End < cp.Size:
			r.add("range", -1, Fail, "the file ends before the period does, and before the checkpoint")
			return
		}
		r.add("range", -1, Pass, "%d leaves, recorded %s, are all there are: none is left out", v.inside, p.words())
		if !v.after && !p.To.IsZero() {
			r.add("range", -1, Missing, "no record behind the period lies under the checkpoint, so it may not have been over: ask again under a later checkpoint")
		}
	case v.Sample != nil:
		if len(v.drawn) > 0 {
			r.add("sample", -1, Fail, "%d records that are drawn last are left out, the lowest of them record %d", len(v.drawn), v.drawn[0])
		} else {
			r.add("sample", -1, Pass, "%d leaves, drawn by the seed %q from those from %d to %d", v.lines, clip(v.Sample.Seed), v.Sample.Start, v.Sample.End-1)
			r.add("sample", -1, Note, "nobody could choose them if the seed was named, or came to be, after this checkpoint was witnessed, which the file does not show")
		}
	default:
		r.add("query", -1, Note, "found by %q; that nothing else matches is not shown: ask for all records of a subject, or of a period", clip(v.Query.Filter))
	}
}

// words says which time a period is.
func (p *Period) words() string {
	from, to := "from the beginning", "up to the checkpoint"
	if !p.From.IsZero() {
		from = "from " + p.From.Format(record.TimeLayout)
	}
	if !p.To.IsZero() {
		to = "to before " + p.To.Format(record.TimeLayout)
	}
	return from + " " + to
}

// sum says what was counted.
func (v *bundleVerifier) sum() {
	for _, t := range v.order {
		switch n := *v.tallies[t]; {
		case t.result == Pass:
			v.total.add(t.name, -1, Pass, "passed for %d records", n)
		case t.result == Note:
			v.total.add(t.name, -1, Note, "%d records disclose nothing; their sealed members stay committed", n)
		case n > maxListed:
			v.total.add(t.name, -1, t.result, "and %d records more", n-maxListed)
		}
	}
}
