// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

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
	latest      time.Time // that an entry may be of, by the clocks of witnesses and anchors; zero where none are asked for
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
	anchored := v.total.anchors(t, cp, v.Bundle.Anchored)
	if before := v.total.covers(t, &anchored, -1, cp.Size-1); !before.IsZero() {
		if latest := before.Add(t.tolerance()); v.latest.IsZero() || latest.Before(v.latest) {
			v.latest = latest
		}
		v.total.add("time", -1, Note, "the ledger with these records was there by %s, by its anchors", before.UTC().Format(record.TimeLayout))
	}
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
	v.one.Checks, v.one.Shown, v.links, v.roots = v.one.Checks[:0], v.one.Shown[:0], v.links[:0], v.roots[:0]
	v.record(rec)
	var e *record.Entry
	if len(v.links) > 0 {
		e = v.links[0].Entry
		if e.Recorded.Before(v.recorded) {
			v.one.add("time", rec.Index, Fail, "it was recorded before a record that lies before it")
		}
		v.recorded = e.Recorded
		if !v.latest.IsZero() && e.Recorded.After(v.latest) {
			v.one.add("time", rec.Index, Fail, "it says that it was recorded at %s, but witnesses cosigned the ledger with it, or it was anchored, before: it was dated forward", e.Recorded.Format(record.TimeLayout))
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
		if v.shown += s.Value.Footprint(); v.shows && v.lines <= maxShownLines && v.shown <= maxShown {
			v.total.Shown = append(v.total.Shown, s)
		}
	}
	return nil
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
