// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// An examinationPage is what an examiner works with: what authorities asked for,
// and a sample that nobody chose.
type examinationPage struct {
	Requests []demand // of authorities
	Narrow   bool     // the visitor's key opens too little to list those
	Exam     string   // code of the examination, under which its findings are recorded
	Examiner string   // id of who examines; "" where they do not say
	Draw     drawForm
	Drawn    *drawnSample
	Noted    int64 // the record of a note that was just made
	MayNote  bool
}

// Most is how many records a sample may have.
func (p *examinationPage) Most() int { return mostDrawn }

// Of is what a form about a drawn record sends besides.
func (p *examinationPage) Of(index int64) drawnForm { return drawnForm{index, p} }

type drawnForm struct {
	Index int64
	Page  *examinationPage
}

// Part is the address of a part of the sample.
func (p *examinationPage) Part(n int) string { return "examination?" + p.query(n).Encode() }

// query is what the page is asked for with.
func (p *examinationPage) query(part int) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"exam": p.Exam, "examiner": p.Examiner, "checkpoint": p.Draw.Checkpoint, "seed": p.Draw.Seed, "count": p.Draw.Count, "start": p.Draw.Start, "end": p.Draw.End,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if part > 1 {
		q.Set("part", strconv.Itoa(part))
	}
	return q
}

// A drawForm says what sample is asked for, as it was typed.
type drawForm struct {
	Checkpoint, Seed, Count, Start, End string
	Newest                              bool // Checkpoint was filled in, not given
}

// A drawnSample is the records that a seed drew, of which a part is shown.
type drawnSample struct {
	Sample  proof.Sample
	Indexes []int64 // of all of them
	Part    int     // that is shown, from 1 on
	Records []drawnRecord
	Basis   basis
	// How many of all of them were examined, and are in order or not.
	InOrder, NotInOrder int
}

// Remain is how many nobody has examined yet.
func (d *drawnSample) Remain() int { return len(d.Indexes) - d.InOrder - d.NotInOrder }

// Parts are the parts of the sample, none where there is only one.
func (d *drawnSample) Parts() (parts []int) {
	for n := 1; (n-1)*drawnShown < len(d.Indexes) && len(d.Indexes) > drawnShown; n++ {
		parts = append(parts, n)
	}
	return parts
}

// A drawnRecord is one of a sample. Nothing of it is opened.
type drawnRecord struct {
	Index    int64
	Title    string
	Recorded time.Time
	Findings []int64 // that the examination has about it
	Examined *examined
}

// An examined is what an examiner said last of a record.
type examined struct {
	Record  int64 // that says so
	InOrder bool
	At      time.Time
	By      string // who examined, or else who recorded it
	Note    string
}

const (
	mostDrawn  = proof.MaxSample
	mostSeed   = 1024
	drawnShown = 100 // records of a sample on one page
	// mostReviewed is how many records of an examination are read, the newest.
	mostReviewed = 3 * proof.MaxSample
)

func showExamination(v *visit) error {
	q := v.r.URL.Query()
	p := &examinationPage{Exam: q.Get("exam"), Examiner: q.Get("examiner"), Draw: drawForm{Checkpoint: q.Get("checkpoint"), Seed: q.Get("seed"), Count: q.Get("count"), Start: q.Get("start"), End: q.Get("end")}}
	if noted, err := strconv.ParseInt(q.Get("noted"), 10, 64); err == nil && noted > 0 {
		p.Noted = noted
	}
	part, err := strconv.Atoi(cmp.Or(q.Get("part"), "1"))
	if err != nil || part < 1 {
		return errMissing
	}
	if p.Exam != "" {
		if err := wrongExam(p.Exam, p.Examiner); err != nil {
			return err
		}
	}
	l, err := v.ledger()
	if err != nil {
		return err
	}
	p.Requests, err = v.demands(l, "type=requirement.received", requestsListed, "content", "authority", "requirement.answered")
	if fault, _ := faultOf(err); err != nil && fault == errLacks && v.Scoped() {
		p.Narrow = true // the sample needs nothing that is sealed
	} else if err != nil {
		return err
	}
	p.MayNote = v.May(access.RecordsSubmit)
	if p.Draw.Seed != "" {
		if p.Drawn, err = v.draw(l, &p.Draw, part); err != nil {
			return err
		}
		if err := v.review(l, p); err != nil {
			return err
		}
	} else if p.Draw.Checkpoint == "" {
		cp, err := l.Checkpoint(v.ctx())
		if err != nil {
			return err
		}
		p.Draw.Checkpoint, p.Draw.Newest = string(cp.Note), true
	}
	return v.render(p)
}

// mostExaminer bounds the id of who examines, in bytes.
const mostExaminer = 256

// wrongExam returns an error unless an examination and who examines can be read.
func wrongExam(exam, examiner string) error {
	switch {
	case !purposeCode.MatchString(exam):
		return wrong("examination.exam", "code")
	case len(examiner) > mostExaminer:
		return wrong("examination.examiner", "short")
	}
	return nil
}

// requestsListed is how many demands a page shows, the newest.
const requestsListed = 50

// sample reads the form.
func (f *drawForm) sample() (*proof.Sample, error) {
	s := &proof.Sample{Seed: f.Seed}
	for _, n := range []struct {
		name, text string
		to         *int64
	}{{"examination.count", f.Count, &s.Count}, {"examination.start", f.Start, &s.Start}, {"examination.end", f.End, &s.End}} {
		if n.text == "" {
			continue
		}
		var err error
		if *n.to, err = strconv.ParseInt(n.text, 10, 64); err != nil || *n.to < 0 {
			return nil, wrong(n.name, "number")
		}
	}
	switch {
	case s.Count < 1 || s.Count > mostDrawn:
		return nil, wrong("examination.count", "number")
	case len(s.Seed) > mostSeed:
		return nil, wrong("examination.seed", "short")
	}
	return s, nil
}

// note is the checkpoint as it was signed: a form sends other line ends.
func (f *drawForm) note() []byte {
	text := strings.TrimSpace(strings.ReplaceAll(f.Checkpoint, "\r\n", "\n"))
	if text == "" {
		return nil
	}
	return []byte(text + "\n")
}

// bundling is what is asked of the ledger for a sample.
func (f *drawForm) bundling(pointers []string) (client.Bundling, error) {
	s, err := f.sample()
	return client.Bundling{Sample: s, Checkpoint: f.note(), Pointers: pointers}, err
}

// draw draws the sample under a checkpoint of this ledger, and shows a part of it.
func (v *visit) draw(l *client.Client, f *drawForm, part int) (*drawnSample, error) {
	s, err := f.sample()
	if err != nil {
		return nil, err
	}
	under, err := v.drawnUnder(l, f.note())
	if err != nil {
		return nil, err
	}
	if s.End == 0 {
		s.End = under.Size
	}
	if s.End > under.Size || s.Start >= s.End {
		return nil, wrong("examination.end", "range")
	}
	d := &drawnSample{Sample: *s, Indexes: s.Draw(under.Text()), Part: part}
	from := min((part-1)*drawnShown, len(d.Indexes))
	for _, index := range d.Indexes[from:min(from+drawnShown, len(d.Indexes))] {
		e, err := l.Prove(v.ctx(), index, []string{})
		if err != nil {
			return nil, err
		}
		d.Records = append(d.Records, v.drawn(&e.Records[0]))
	}
	command := []string{"lendlog", "bundle", "--sample", f.Count, "--seed", f.Seed}
	for _, flag := range []struct{ name, value string }{{"--start", f.Start}, {"--end", f.End}} {
		if flag.value != "" {
			command = append(command, flag.name, flag.value)
		}
	}
	d.Basis = newBasis(under, append(command, "--checkpoint", "kept.txt", "--dir", "COPY", "-o", "sample.ndjson")...)
	f.Checkpoint = string(under.Note)
	return d, nil
}

// drawnUnder returns the checkpoint that a note is, or else the newest one. One that
// was kept has to be of this ledger, which goes on from it.
func (v *visit) drawnUnder(l *client.Client, note []byte) (client.Checkpoint, error) {
	newest, err := l.Checkpoint(v.ctx())
	if err != nil || note == nil {
		return newest, err
	}
	cp, err := l.Trust().OpenCheckpoint(note)
	if err != nil || cp.Size > newest.Size {
		return client.Checkpoint{}, wrong("examination.checkpoint", "checkpoint")
	}
	kept := client.Checkpoint{Checkpoint: cp, Note: note}
	_, err = l.Consistency(v.ctx(), kept, newest)
	return kept, err
}

// drawn shows a record by what stands openly in its entry.
func (v *visit) drawn(r *proof.Record) drawnRecord {
	one := drawnRecord{Index: r.Index}
	leaf, err := record.ParseLeaf(r.Entry)
	if err != nil || leaf.Entry == nil {
		one.Title = v.say("examination.root")
		return one
	}
	one.Recorded = leaf.Entry.Recorded
	one.Title = v.typeTitle(leaf.Entry.Schema, leaf.Entry.Type)
	return one
}

// typeTitle is what people call a type, by a schema of it.
func (v *visit) typeTitle(schema [32]byte, typ string) string {
	l, err := v.ledger()
	if err != nil {
		return typ
	}
	s, err := l.Schema(v.ctx(), schema)
	if err != nil {
		return typ
	}
	return v.labels(s).Title
}

// review finds what the examination recorded about the drawn records: its findings,
// which name the record as what they follow from, and what was examined.
func (v *visit) review(l *client.Client, p *examinationPage) error {
	if p.Exam == "" {
		return nil
	}
	findings := map[int64][]int64{}
	err := v.recordedOf(l, p.Exam, "finding.raised", func(f *client.Found) {
		for _, ref := range f.Leaf.Entry.Refs {
			findings[ref] = append([]int64{f.Index}, findings[ref]...)
		}
	})
	if err != nil {
		return err
	}
	last := map[int64]*examined{}
	err = v.recordedOf(l, p.Exam, "sample.examined", func(f *client.Found) {
		told, _ := f.Story()
		about, ok := told.Data.Get("recordIndex")
		if _, later := last[about.Int]; !ok || later {
			return
		}
		outcome, _ := told.Data.Get("outcome")
		last[about.Int] = &examined{
			Record: f.Index, InOrder: outcome.Str == inOrder, At: f.Leaf.Entry.Recorded,
			By: cmp.Or(stated(told.Data, "examinerId"), f.Leaf.Entry.Submitter), Note: stated(told.Data, "description"),
		}
	})
	if err != nil {
		return err
	}
	for _, index := range p.Drawn.Indexes {
		switch e := last[index]; {
		case e == nil:
		case e.InOrder:
			p.Drawn.InOrder++
		default:
			p.Drawn.NotInOrder++
		}
	}
	for i := range p.Drawn.Records {
		one := &p.Drawn.Records[i]
		one.Findings, one.Examined = findings[one.Index], last[one.Index]
	}
	return nil
}

// recordedOf tells of the records of a type that an examination made, the newest
// first. A ledger that does not know the type has none.
func (v *visit) recordedOf(l *client.Client, exam, typ string, tell func(*client.Found)) error {
	n := 0
	for found, err := range l.Search(v.ctx(), client.Search{Filter: fmt.Sprintf("type=%s subject=%q", typ, examSubject(exam)), Page: 1000}) {
		if isUnknown(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if found.Leaf.Entry != nil {
			tell(&found)
		}
		if n++; n == mostReviewed {
			break
		}
	}
	return nil
}

// examSubject is the subject of what an examination records.
func examSubject(exam string) string { return "case/" + exam }

// sampleBundle answers with the evidence of a sample, to be verified offline.
func sampleBundle(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	q := v.r.PostForm
	f := drawForm{Checkpoint: q.Get("checkpoint"), Seed: q.Get("seed"), Count: q.Get("count"), Start: q.Get("start"), End: q.Get("end")}
	pointers := []string{}
	if q.Get("disclose") == "all" {
		pointers = v.opens()
	}
	b, err := f.bundling(pointers)
	if err != nil {
		return err
	}
	l, err := v.ledger()
	if err != nil {
		return err
	}
	return v.stream("sample.ndjson", "application/x-ndjson", func(w io.Writer) error { return l.WriteBundle(v.ctx(), w, b) })
}
