// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/story"
)

// anybodysSource is the source of what is recorded in a ledger that demands no
// keys.
const anybodysSource = "urn:lendlog:console"

// takeNote records a finding of an examination about a record: as finding.raised,
// on the case of the examination, with the record as what it follows from.
func takeNote(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	f := v.r.PostForm
	exam, description := f.Get("exam"), strings.TrimSpace(f.Get("description"))
	index, err := strconv.ParseInt(f.Get("index"), 10, 64)
	if err != nil || index < 0 {
		return errMissing
	}
	if err := wrongExam(exam, ""); err != nil {
		return err
	}
	switch {
	case description == "":
		return wrong("examination.note.description", "needed")
	case f.Get("severity") != "" && !purposeCode.MatchString(f.Get("severity")):
		return wrong("examination.note.severity", "code")
	}
	data := map[string]any{"audit": exam, "findingId": fmt.Sprintf("%s-%d", exam, index), "description": description, "raisedAt": time.Now().UTC().Format(time.RFC3339)}
	for _, member := range []string{"name", "severity", "dueAt"} {
		if text := strings.TrimSpace(f.Get(member)); text != "" {
			data[member] = text
		}
	}
	return v.recordOf(exam, index, "finding.raised", data)
}

// inOrder and notInOrder are what an examiner says of a record.
const (
	inOrder    = "in-order"
	notInOrder = "not-in-order"
)

// takeMark records that a record of a sample was examined, and whether it is in
// order: as sample.examined, on the case of the examination. What is not in order
// takes a note that says why.
func takeMark(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	f := v.r.PostForm
	exam, outcome, note, examiner := f.Get("exam"), f.Get("outcome"), strings.TrimSpace(f.Get("description")), strings.TrimSpace(f.Get("examiner"))
	index, err := strconv.ParseInt(f.Get("index"), 10, 64)
	if err != nil || index < 0 || outcome != inOrder && outcome != notInOrder {
		return errMissing
	}
	if err := wrongExam(exam, examiner); err != nil {
		return err
	}
	if outcome == notInOrder && note == "" {
		return wrong("examination.mark.note", "needed")
	}
	data := map[string]any{"audit": exam, "recordIndex": index, "outcome": outcome, "examinedAt": time.Now().UTC().Format(time.RFC3339)}
	for member, text := range map[string]string{"description": note, "examinerId": examiner} {
		if text != "" {
			data[member] = text
		}
	}
	if seed := f.Get("seed"); seed != "" {
		data["sample"] = fmt.Sprintf("%s records by the seed %s", f.Get("count"), seed)
	}
	return v.recordOf(exam, index, "sample.examined", data)
}

// recordOf submits what an examination says of a record, on its case and with the
// record as what it follows from, and goes back to the sample.
func (v *visit) recordOf(exam string, index int64, typ string, data map[string]any) error {
	source := v.source()
	if source == "" {
		return errLacks
	}
	l, err := v.ledger()
	if err != nil {
		return err
	}
	about, err := l.Record(v.ctx(), index)
	if err != nil {
		return err
	}
	event := map[string]any{
		"specversion": "1.0", "id": strings.ReplaceAll(typ, ".", "-") + "-" + rand.Text(), "source": source, "type": story.Type(typ),
		"subject": examSubject(exam), "time": time.Now().UTC().Format(time.RFC3339), "data": data,
	}
	if e := about.Event; e != nil {
		if e.Subject != "" {
			data["relatedSubjects"] = []string{e.Subject}
		}
		if cause := e.Source + "#" + e.ID; !strings.Contains(cause, " ") {
			event["causationid"] = cause
		}
	}
	document, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("couldn't write what an examination says: %w", err)
	}
	got, err := l.Submit(v.ctx(), document)
	if err != nil {
		return err
	}
	f := v.r.PostForm
	back := url.Values{"exam": {exam}, "noted": {strconv.FormatInt(got.Receipt.Index, 10)}}
	for _, name := range []string{"checkpoint", "seed", "count", "start", "end", "examiner", "part"} {
		if f.Get(name) != "" {
			back.Set(name, f.Get(name))
		}
	}
	return v.redirect("examination?" + back.Encode() + fmt.Sprintf("#record-%d", index))
}

// source is what events of the visitor are of: the first source of their key.
// "" is of whoever may submit nothing.
func (v *visit) source() string {
	switch k := v.Key(); {
	case v.open:
		return anybodysSource
	case k != nil && len(k.Sources) > 0:
		return k.Sources[0]
	}
	return ""
}
