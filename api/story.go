// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/story"
)

// maxStory bounds the memory that a story takes while it is judged. That is
// some two thousand ordinary records; a client that reads a longer story
// judges it itself.
const maxStory = 6 << 20

// A telling gathers the whole story of a subject while its last page is
// answered, because findings are of a whole story: a part of one would give
// false ones. It is nil, and gathers nothing, of a page that does not reach the
// end and of a story that is too long.
type telling struct {
	records []story.Record
	size    int // bytes that they take
}

// begin reads the story up to number from, of as many records as count. Of a story
// of which not all is opened nothing is said: it would be false, or tell the rest.
func (s *Server) begin(ctx context.Context, kind, id string, from, count int64) (*telling, error) {
	if count > rule.MaxRecords || ledger.Whole(ctx) != nil {
		return nil, nil
	}
	t := &telling{}
	for at := int64(1); at < from && t.size <= maxStory; at += timelineStep {
		step, err := s.ledger.Timeline(ctx, kind, id, at, min(timelineStep, from-at))
		if err != nil {
			return nil, err
		}
		for _, r := range step.Records {
			t.add(r)
		}
	}
	return t, nil
}

func (t *telling) add(r *ledger.Record) {
	if t == nil || t.size > maxStory {
		return
	}
	one, ok := r.Story()
	if !ok {
		return
	}
	if t.size += recordSize + one.Data.Footprint(); t.size > maxStory {
		t.records = nil
		return
	}
	t.records = append(t.records, one)
}

// recordSize is what a story.Record takes on a machine of 64 bits, with its copy
// in the story.
const recordSize = 1024

// An alteredDoc says by which records a record was corrected or voided.
type alteredDoc struct {
	Index       int64   `json:"index"`
	CorrectedBy []int64 `json:"correctedBy,omitempty"`
	VoidedBy    int64   `json:"voidedBy,omitempty"`
}

// judge judges the story; nil when it is not there to be judged.
func (t *telling) judge(subject string) (*story.Story, *rule.Report, error) {
	if t == nil || t.size > maxStory {
		return nil, nil, nil
	}
	rules, err := rule.Builtin()
	if err != nil {
		return nil, nil, err
	}
	whole := story.New(subject, t.records)
	return whole, rules.Judge(whole), nil
}

// end returns how the answer ends after its records.
func (t *telling) end(subject string) ([]byte, error) {
	whole, report, err := t.judge(subject)
	if err != nil {
		return nil, err
	}
	if report == nil {
		return []byte("]}\n"), nil
	}
	d := struct {
		*rule.Report
		Altered []alteredDoc `json:"altered"`
	}{report, []alteredDoc{}}
	for _, r := range whole.Records {
		if len(r.CorrectedBy) > 0 || r.VoidedBy > 0 {
			d.Altered = append(d.Altered, alteredDoc{r.Index, r.CorrectedBy, r.VoidedBy})
		}
	}
	b, err := encode(d)
	if err != nil {
		return nil, err
	}
	return append([]byte("],"), b[1:]...), nil
}

// getFindings answers GET /v1/records/{index}/findings: what the story of its
// subject says of a record. It is no part of the record, which never changes.
func (s *Server) getFindings(c *call) error {
	index, err := c.index()
	if err != nil {
		return err
	}
	r, err := s.ledger.Record(c.ctx(), index)
	if err == nil {
		err = c.mayOpen(r)
	}
	if err != nil {
		return err
	}
	if err := s.opens(c, look.Read, index); err != nil {
		return err
	}
	d := struct {
		alteredDoc
		Judged   bool           `json:"judged"`
		Findings []rule.Finding `json:"findings"`
	}{alteredDoc{Index: index}, false, []rule.Finding{}}
	whole, report, err := s.judged(c.ctx(), r)
	if err != nil {
		return err
	}
	if report != nil {
		d.Judged = true
		d.CorrectedBy, d.VoidedBy = whole.Record(index).CorrectedBy, whole.Record(index).VoidedBy
		for _, f := range report.Findings {
			if f.Names(index) {
				d.Findings = append(d.Findings, f)
			}
		}
	}
	return c.json(http.StatusOK, d)
}

// judged judges the story of a record's subject; nil where the subject cannot
// be read any more or has too long a story.
func (s *Server) judged(ctx context.Context, r *ledger.Record) (*story.Story, *rule.Report, error) {
	for _, m := range r.Members {
		if m.Pointer != "/subject" {
			continue
		}
		kind, id, _ := strings.Cut(m.Value.Str, "/")
		head, err := s.ledger.Timeline(ctx, kind, id, 1, 0)
		if err != nil {
			return nil, nil, err
		}
		t, err := s.begin(ctx, kind, id, head.Count+1, head.Count)
		if err != nil {
			return nil, nil, err
		}
		return t.judge(m.Value.Str)
	}
	return nil, nil, nil
}
