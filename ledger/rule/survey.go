// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"cmp"
	"iter"
	"slices"

	"github.com/lendlog/lendlog/ledger/story"
)

// A Found is a finding in the story of a subject.
type Found struct {
	Subject string `json:"subject"` // "" when it can't be read any more
	Finding
}

// A Survey is what the rules say of many stories.
type Survey struct {
	Subjects  int64         `json:"subjects"` // that were judged
	Checked   int64         `json:"checked"`
	Unchecked map[Why]int64 `json:"unchecked"`
	// Counts has all findings, by the rule; Findings those that are listed, the
	// newest record at fault first.
	Counts   map[string]int64 `json:"counts"`
	Findings []Found          `json:"findings"`
}

// Survey judges stories one after the other, and lists of each rule the newest
// findings, as many as limit. It ends with the first error of the stories.
func (t *Table) Survey(stories iter.Seq2[*story.Story, error], limit int) (*Survey, error) {
	s := &Survey{Unchecked: map[Why]int64{}, Counts: map[string]int64{}, Findings: []Found{}}
	for one, err := range stories {
		if err != nil {
			return nil, err
		}
		report := t.Judge(one)
		s.Subjects++
		s.Checked += int64(report.Checked)
		for why, n := range report.Unchecked {
			s.Unchecked[why] += int64(n)
		}
		for _, f := range report.Findings {
			s.Counts[f.Rule]++
			s.Findings = append(s.Findings, Found{one.Subject, f})
		}
		// What does not fit is dropped now and then, so that memory does not
		// grow with the ledger.
		if len(s.Findings) >= 2*limit*len(t.Rules) {
			s.cut(limit)
		}
	}
	s.cut(limit)
	return s, nil
}

// cut leaves of each rule the newest findings.
func (s *Survey) cut(limit int) {
	slices.SortStableFunc(s.Findings, func(a, b Found) int { return cmp.Compare(b.Records[0], a.Records[0]) })
	kept := map[string]int{}
	s.Findings = slices.DeleteFunc(s.Findings, func(f Found) bool {
		kept[f.Rule]++
		return kept[f.Rule] > limit
	})
}

// Of returns the survey with the findings of one rule, or of all for "", the newest
// first: as many as limit, after so many that are left out. The counts are those of all.
func (s *Survey) Of(rule string, skip, limit int) Survey {
	out := *s
	out.Findings = []Found{}
	for _, f := range s.Findings {
		if len(out.Findings) == limit {
			break
		}
		if rule != "" && f.Rule != rule {
			continue
		}
		if skip--; skip < 0 {
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}
