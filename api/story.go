// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"unsafe"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
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

// begin reads what comes before the page that holds as many records from from
// on, if the page reaches the end.
func (s *Server) begin(ctx context.Context, kind, id string, from, page, count int64) (*telling, error) {
	if page == 0 || from+page-1 < count || count > rule.MaxRecords {
		return nil, nil
	}
	t := &telling{}
	for at := int64(1); at < from; at += timelineStep {
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
	if t.size += footprint(one.Data); t.size > maxStory {
		t.records = nil
		return
	}
	t.records = append(t.records, one)
}

// footprint returns about how many bytes a value takes in memory.
func footprint(v canon.Value) int {
	n := int(unsafe.Sizeof(canon.Member{})) + len(v.Str)
	for _, item := range v.Items {
		n += footprint(item)
	}
	for _, m := range v.Members {
		n += len(m.Name) + footprint(m.Value)
	}
	return n
}

// An alteredDoc says by which records a record was corrected or voided.
type alteredDoc struct {
	Index       int64   `json:"index"`
	CorrectedBy []int64 `json:"correctedBy,omitempty"`
	VoidedBy    int64   `json:"voidedBy,omitempty"`
}

// end judges the story, and returns how the answer ends after its records.
func (t *telling) end(subject string) ([]byte, error) {
	if t == nil || t.size > maxStory {
		return []byte("]}\n"), nil
	}
	rules, err := rule.Builtin()
	if err != nil {
		return nil, err
	}
	whole := story.New(subject, t.records)
	d := struct {
		*rule.Report
		Altered []alteredDoc `json:"altered"`
	}{rules.Judge(whole), []alteredDoc{}}
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
