// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// An examinationPage is what an examiner works with: what authorities asked for,
// and a sample that nobody chose.
type examinationPage struct {
	Requests []demand // of authorities
	Narrow   bool     // the visitor's key opens too little to list those
	Exam     string   // code of the examination, under which its findings are recorded
	Draw     drawForm
	Drawn    *drawnSample
	Noted    int64 // the record of a note that was just made
	MayNote  bool
}

// A drawForm says what sample is asked for, as it was typed.
type drawForm struct {
	Checkpoint, Seed, Count, Start, End string
	Newest                              bool // Checkpoint was filled in, not given
}

// A drawnSample is the records that a seed drew.
type drawnSample struct {
	Sample  proof.Sample
	Records []drawnRecord
	Basis   basis
	Bundle  []byte // evidence of them, which discloses nothing
}

// A drawnRecord is one of a sample. Nothing of it is opened.
type drawnRecord struct {
	Index    int64
	Title    string
	Recorded time.Time
	Findings []int64 // that the examination has about it
}

// mostDrawn is how many records a sample has that is drawn here.
const mostDrawn = 200

func showExamination(v *visit) error {
	q := v.r.URL.Query()
	p := &examinationPage{Exam: q.Get("exam"), Draw: drawForm{Checkpoint: q.Get("checkpoint"), Seed: q.Get("seed"), Count: q.Get("count"), Start: q.Get("start"), End: q.Get("end")}}
	if noted, err := strconv.ParseInt(q.Get("noted"), 10, 64); err == nil && noted > 0 {
		p.Noted = noted
	}
	if p.Exam != "" && !purposeCode.MatchString(p.Exam) {
		return errForm
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
		if p.Drawn, err = v.draw(l, &p.Draw); err != nil {
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

// requestsListed is how many demands a page shows, the newest.
const requestsListed = 50

// sample reads the form.
func (f *drawForm) sample() (*proof.Sample, error) {
	s := &proof.Sample{Seed: f.Seed}
	for _, n := range []struct {
		text string
		to   *int64
	}{{f.Count, &s.Count}, {f.Start, &s.Start}, {f.End, &s.End}} {
		if n.text == "" {
			continue
		}
		var err error
		if *n.to, err = strconv.ParseInt(n.text, 10, 64); err != nil || *n.to < 0 {
			return nil, errForm
		}
	}
	if s.Count < 1 || s.Count > mostDrawn || len(s.Seed) > 1024 {
		return nil, errForm
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

// draw has the sample drawn, as evidence that discloses nothing, which the client
// verifies: the checkpoint, the draw, and every record.
func (v *visit) draw(l *client.Client, f *drawForm) (*drawnSample, error) {
	b, err := f.bundling([]string{})
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	if err := l.WriteBundle(v.ctx(), &file, b); err != nil {
		return nil, err
	}
	d := &drawnSample{Sample: *b.Sample, Bundle: file.Bytes()}
	var head *proof.Bundle
	_, err = proof.VerifyBundle(l.Trust(), &file,
		func(h *proof.Bundle) error { head = h; d.Sample = *h.Sample; return nil },
		func(r *proof.Record) error {
			d.Records = append(d.Records, v.drawn(r))
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("couldn't read a sample again: %w", err)
	}
	text, _, _ := strings.Cut(string(head.Checkpoint), "\n\n")
	cp, err := tree.ParseCheckpoint(text + "\n")
	if err != nil {
		return nil, fmt.Errorf("couldn't read a sample again: %w", err)
	}
	command := []string{"lendlog", "bundle", "--sample", f.Count, "--seed", f.Seed}
	for _, flag := range []struct{ name, value string }{{"--start", f.Start}, {"--end", f.End}} {
		if flag.value != "" {
			command = append(command, flag.name, flag.value)
		}
	}
	d.Basis = newBasis(client.Checkpoint{Checkpoint: cp}, append(command, "--checkpoint", "kept.txt", "--dir", "COPY", "-o", "sample.ndjson")...)
	f.Checkpoint = string(head.Checkpoint)
	return d, nil
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

// review finds which of the drawn records the examination has findings about:
// those that name the record as what they follow from.
func (v *visit) review(l *client.Client, p *examinationPage) error {
	if p.Exam == "" {
		return nil
	}
	about := map[int64][]int64{}
	search := client.Search{Filter: fmt.Sprintf("type=finding.raised subject=%q", examSubject(p.Exam)), Oldest: true, Page: 1000}
	for found, err := range l.Search(v.ctx(), search) {
		if err != nil {
			return err
		}
		if e := found.Leaf.Entry; e != nil {
			for _, ref := range e.Refs {
				about[ref] = append(about[ref], found.Index)
			}
		}
	}
	for i := range p.Drawn.Records {
		p.Drawn.Records[i].Findings = about[p.Drawn.Records[i].Index]
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
		pointers = nil
	}
	b, err := f.bundling(pointers)
	if err != nil {
		return err
	}
	l, err := v.ledger()
	if err != nil {
		return err
	}
	var file bytes.Buffer // so that no half file goes out
	if err := l.WriteBundle(v.ctx(), &file, b); err != nil {
		return err
	}
	return v.download("sample.ndjson", "application/x-ndjson", file.Bytes())
}
