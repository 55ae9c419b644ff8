// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"strings"

	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/story"
)

// Judge holds the records of a subject against the rules, and notes with each
// what was found of it. They must be all that it has: of a part, findings
// would be false.
func Judge(subject string, records []*Record) (*rule.Report, error) {
	rules, err := rule.Builtin()
	if err != nil {
		return nil, err
	}
	told := make([]story.Record, 0, len(records))
	for _, r := range records {
		if r.Story != nil {
			told = append(told, *r.Story)
		}
	}
	whole := story.New(subject, told)
	report := rules.Judge(whole)
	for _, r := range records {
		r.note(whole, report)
	}
	return report, nil
}

// note takes over what is said of the record.
func (r *Record) note(whole *story.Story, report *rule.Report) {
	if told := whole.Record(r.Index); told != nil {
		r.CorrectedBy, r.VoidedBy = told.CorrectedBy, told.VoidedBy
	}
	for _, f := range report.Findings {
		if f.Names(r.Index) {
			r.Findings = append(r.Findings, f)
		}
	}
}

// JudgeOne notes with a record what the story of its subject says of it. It
// returns false when that cannot be said: the subject cannot be read any more,
// or has too many records.
func JudgeOne(ctx context.Context, l Ledger, r *Record) (bool, error) {
	kind, id, ok := strings.Cut(r.Subject, "/")
	if !ok || r.Story == nil {
		return false, nil
	}
	records, count, err := l.Timeline(ctx, kind, id, 1, 1)
	if err == nil && 1 < count && count <= rule.MaxRecords {
		records, count, err = l.Timeline(ctx, kind, id, 1, count)
	}
	if err != nil || int64(len(records)) != count {
		return false, err
	}
	if _, err := Judge(r.Subject, records); err != nil {
		return false, err
	}
	for _, same := range records {
		if same.Index == r.Index {
			r.CorrectedBy, r.VoidedBy, r.Findings = same.CorrectedBy, same.VoidedBy, same.Findings
		}
	}
	return true, nil
}
