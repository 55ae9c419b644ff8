// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/story"
)

const (
	// timelinePage is how many records of a subject a page shows.
	timelinePage = 50
	// wholeStory is the longest story that a page reads to its end, to say what
	// contradicts in it and what is due: that takes as long as reading it.
	wholeStory = 200
)

// A timelineView shows the records of one subject in their order.
type timelineView struct {
	Subject     string
	Count       int64
	First, Last int64 // the numbers that are shown
	Earlier     int64 // where the page before begins; 0 for none
	Later       int64 // where the next one begins; 0 for none
	Rows        []*timelineRow
	Judged      bool // what contradicts, and what is due, was looked for
	Complete    completeness
	Open, Late  int // obligations that are not met, and not met in time
	Findings    int
	Checked     int            // checks of the rules that were made
	Unchecked   int            // and could not be, most often because something is sealed or absent
	Marked      []*timelineRow // of all pages, those that are late, missing or contradict
	Imported    bool           // all that are shown were imported
	Size        int64          // of the checkpoint
}

// A timelineRow is one record in its subject's story.
type timelineRow struct {
	Index, Seq  int64
	Sentence    string
	Title       string
	At          time.Time
	Since       int // days since the record before it on the page
	Capture     string
	Restricted  bool
	Unreadable  []string
	Corrects    int64 // the record that it corrects or voids, -1 for none
	Voids       bool  // it voids that
	VoidedBy    int64 // 0 for none
	Corrections []*timelineRow
	Changes     []memberRow // what a correction puts in the place of what was
	Findings    []finding
	Due         []obligation
}

// onPage is a row, and whether it is on the page that names it.
type onPage struct {
	Row  *timelineRow
	Page bool
}

// A finding is a rule that a record breaks.
type finding struct {
	Rule, Title, Text string
	With              []int64 // the other records that show it
}

// An obligation is what a record made the lender owe.
type obligation struct {
	ID, Title string
	State     due.State
	Due, Done time.Time
	DoneBy    int64
	Days      int // left, or of a negative number over
}

// showSubject answers with a page of a subject's timeline.
func showSubject(v *visit) error {
	kind, id := v.r.PathValue("kind"), v.r.PathValue("id")
	from := int64(1)
	if s := v.r.URL.Query().Get("from"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 1 {
			return errMissing
		}
		from = n
	}
	c, err := v.ledger()
	if err != nil {
		return err
	}
	whole, err := c.Timeline(v.ctx(), kind, id, 1, wholeStory)
	var refused *client.Problem
	if from == 1 && errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return v.noRecord(c, kind, id)
	}
	if err != nil {
		return err
	}
	if whole.Count == 0 {
		return errMissing
	}
	shown := whole
	if from+timelinePage-1 > int64(len(whole.Records)) && whole.Count > wholeStory {
		if shown, err = c.Timeline(v.ctx(), kind, id, from, timelinePage); err != nil {
			return err
		}
	}
	p := &timelineView{Subject: whole.Subject, Count: whole.Count, First: from, Size: c.Newest().Size}
	p.Complete = v.complete(c, kind, id, whole)
	if err := v.tellStory(p, shown, whole.Story()); err != nil {
		return err
	}
	p.cut(from)
	if len(p.Rows) == 0 {
		return errMissing
	}
	return v.render(p)
}

// cut keeps the rows of the page that begins with a number.
func (p *timelineView) cut(from int64) {
	for _, r := range p.Rows {
		if len(r.Due) > 0 || len(r.Findings) > 0 {
			p.Marked = append(p.Marked, r)
		}
	}
	p.Rows = slices.DeleteFunc(p.Rows, func(r *timelineRow) bool { return r.Seq < from || r.Seq >= from+timelinePage })
	p.Imported = !slices.ContainsFunc(p.Rows, func(r *timelineRow) bool { return r.Capture != "import" })
	for i, r := range p.Rows[min(1, len(p.Rows)):] {
		if before := p.Rows[i].At; !before.IsZero() && r.At.After(before) {
			r.Since = int(dayOf(r.At).Sub(dayOf(before)) / (24 * time.Hour))
		}
	}
	p.First, p.Last = from, min(p.Count, from+timelinePage-1)
	if p.Last < p.Count {
		p.Later = p.Last + 1
	}
	if from > 1 {
		p.Earlier = max(1, from-timelinePage)
	}
}

// tellStory makes the rows of records. s is the whole story of their subject, nil
// where it is too long.
func (v *visit) tellStory(p *timelineView, t *client.Timeline, s *story.Story) error {
	byIndex := map[int64]*timelineRow{}
	if s == nil { // of a part it is known what it corrects itself
		records := make([]story.Record, 0, len(t.Records))
		for _, r := range t.Records {
			told, _ := r.Story()
			records = append(records, told)
		}
		s = story.New(t.Subject, records)
	} else {
		p.Judged = true
	}
	for i, r := range t.Records {
		row := v.row(r, s.Records[i])
		byIndex[r.Index] = row
		p.Rows = append(p.Rows, row)
	}
	for i, told := range s.Records {
		if target := alters(s, told); target != nil {
			row := byIndex[told.Index]
			row.Corrects, row.Voids = target.Index, told.Type == story.Type("record.voided")
			row.Changes = v.changes(told, t.Records[i], target, t)
			byIndex[target.Index].Corrections = append(byIndex[target.Index].Corrections, row)
		}
	}
	if !p.Judged {
		return nil
	}
	return v.judge(p, s, byIndex)
}

// beside returns a record of a subject with what the others say of it, nil where
// they are too many to read.
func (v *visit) beside(c *client.Client, kind, id string, index int64) (*timelineRow, error) {
	t, err := c.Timeline(v.ctx(), kind, id, 1, wholeStory)
	if err != nil || t.Story() == nil {
		return nil, err
	}
	p := &timelineView{}
	if err := v.tellStory(p, t, t.Story()); err != nil {
		return nil, err
	}
	for _, row := range p.Rows {
		if row.Index == index {
			return row, nil
		}
	}
	return nil, nil
}

func (v *visit) row(r *client.Record, told *story.Record) *timelineRow {
	row := &timelineRow{
		Index: r.Index, Seq: told.Seq, Sentence: v.sentence(told, r.Schema), Title: v.labels(r.Schema).Title, At: told.Time,
		Capture: told.Capture, Restricted: r.Leaf.Entry.Type == record.TypeRestricted, Unreadable: r.Unreadable, Corrects: -1, VoidedBy: told.VoidedBy,
	}
	return row
}

// alters returns the record that another corrects or voids, nil for none.
func alters(s *story.Story, r *story.Record) *story.Record {
	if r.Misfit || r.Type != story.Type("record.corrected") && r.Type != story.Type("record.voided") {
		return nil
	}
	return s.Target(r)
}

// changes are what a correction puts in the place of what was.
func (v *visit) changes(r *story.Record, of *client.Record, target *story.Record, t *client.Timeline) (rows []memberRow) {
	at := slices.IndexFunc(t.Records, func(x *client.Record) bool { return x.Index == target.Index })
	labels := v.labels(t.Records[at].Schema)
	members, _ := r.Data.Get("members")
	for _, m := range members.Items {
		pointer, _ := m.Get("pointer")
		value, present := m.Get("value")
		name := strings.TrimPrefix(pointer.Str, "/data/")
		row := memberRow{Label: labels.member(name), Name: name}
		if right, err := canon.Parse([]byte(value.Str), canon.Limits{}); present && err == nil {
			row.say(labels, right)
		}
		rows = append(rows, row)
	}
	return rows
}

// judge holds a whole story against the rules, and says what is due.
func (v *visit) judge(p *timelineView, s *story.Story, rows map[int64]*timelineRow) error {
	rules, err := rule.Builtin()
	if err != nil {
		return err
	}
	report := rules.Judge(s)
	p.Checked = report.Checked
	for _, n := range report.Unchecked {
		p.Unchecked += n
	}
	for _, f := range report.Findings {
		row := rows[f.Records[0]]
		if row == nil {
			continue
		}
		r, _ := rules.Rule(f.Rule)
		row.Findings = append(row.Findings, finding{f.Rule, v.text(r.Title.EN, r.Title.ZH), v.sentenceOf(f.Text.EN, f.Text.ZH), f.Records[1:]})
		p.Findings++
	}
	table, err := due.Builtin()
	if err != nil {
		return err
	}
	for item := range table.Judge(s, time.Now(), time.UTC) {
		row := rows[item.Trigger]
		if row == nil || item.State == due.Met {
			continue
		}
		switch item.State {
		case due.Open:
			p.Open++
		default:
			p.Late++
		}
		o := obligation{ID: item.Obligation, Title: v.text(item.Title.EN, item.Title.ZH), State: item.State, Due: dayTime(item.Due), Done: dayTime(item.Done), DoneBy: -1, Days: item.Left}
		if item.DoneBy != nil {
			o.DoneBy = *item.DoneBy
		}
		row.Due = append(row.Due, o)
	}
	return nil
}

// dayOf is the beginning of the day of a time, in UTC.
func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// Shows reports whether a record is on the page.
func (p *timelineView) Shows(r *timelineRow) bool { return r.Seq >= p.First && r.Seq <= p.Last }

func dayTime(d due.Day) time.Time {
	t, _ := time.Parse(time.DateOnly, string(d))
	return t
}

// text chooses what is said in the visitor's language.
func (v *visit) text(english, chinese string) string {
	if v.lang == record.Chinese {
		return chinese
	}
	return english
}

// completeness says whether these are all records of a subject. Its words are
// complete.<State>.
type completeness struct {
	State string // proved, partly, more, long or unknown
	Size  int64  // of the checkpoint under which that is so
}

// mostProved is how many records of a subject a page proves to be all: the proof is
// made of each of them.
const mostProved = 500

// complete has the ledger prove that a timeline has all records of its subject.
func (v *visit) complete(c *client.Client, kind, id string, t *client.Timeline) completeness {
	if t.Count > mostProved {
		return completeness{State: "long"}
	}
	e, err := c.ProveSubject(v.ctx(), kind, id, []string{})
	var refused *client.Problem
	switch {
	case errors.As(err, &refused):
		return completeness{State: "unknown"}
	case err != nil:
		v.defect(err)
		return completeness{State: "unknown"}
	}
	cp, err := c.Trust().OpenCheckpoint(e.Checkpoint)
	if err != nil {
		return completeness{State: "unknown"}
	}
	n := int64(0)
	for _, r := range e.Records {
		if leaf, err := record.ParseLeaf(r.Entry); err == nil && leaf.Entry != nil && leaf.Entry.Term == t.Records[0].Leaf.Entry.Term {
			n++
		}
	}
	out := completeness{State: "proved", Size: cp.Size}
	switch {
	case n != t.Count: // it grew in between
		out.State = "more"
	case proof.Verify(c.Trust(), e).Verdict != proof.Valid:
		out.State = "partly"
	}
	return out
}

// A noneView says that a subject has no record.
type noneView struct {
	Subject string
	Size    int64 // of the checkpoint under which that is so
}

// noRecord answers with what proves that a subject has no record, or that there is
// nothing where that cannot be proved.
func (v *visit) noRecord(c *client.Client, kind, id string) error {
	e, err := c.ProveSubject(v.ctx(), kind, id, []string{})
	if err != nil {
		return err
	}
	cp, err := c.Trust().OpenCheckpoint(e.Checkpoint)
	came := slices.ContainsFunc(e.Records, func(r proof.Record) bool { // in between
		leaf, err := record.ParseLeaf(r.Entry)
		return err != nil || leaf.Entry != nil
	})
	if err != nil || came {
		return errMissing
	}
	v.status = http.StatusNotFound
	return v.renderAs("none", noneView{kind + "/" + id, cp.Size})
}

// subjectEvidence answers with a file that proves offline which records a subject
// has, and what they say.
func subjectEvidence(v *visit) error {
	c, err := v.ledger()
	if err != nil {
		return err
	}
	e, err := c.ProveSubject(v.ctx(), v.r.PathValue("kind"), v.r.PathValue("id"), v.opens())
	if err != nil {
		return err
	}
	// The name of the file has no subject: it goes into lists of downloads.
	return v.download("subject.evidence.json", "application/json", e.Bytes())
}
