// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"iter"
	"strings"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/story"
)

// A Due says what is owed by when, and under which checkpoint. Its JSON form is
// what `lendlog due --json` prints.
type Due struct {
	*due.Report
	Size       int64  `json:"size"`
	Checkpoint string `json:"checkpoint"`
}

// Due implements Ledger.
func (l *local) Due(ctx context.Context, q due.Query, subject string, progress func(step string, done, total int64)) (*Due, error) {
	table, err := due.Builtin()
	if err != nil {
		return nil, err
	}
	head := l.Head()
	stories := l.Ledger.Stories(ctx, head, table, func(done, total int64) { progress("reading what is due", done, total) })
	if subject != "" {
		stories = l.story(ctx, head, subject, table)
	}
	report, err := table.Collect(q, stories)
	if err != nil {
		return nil, located(err)
	}
	return &Due{report, head.Size, string(head.Note)}, nil
}

// story yields the story of one subject.
func (l *local) story(ctx context.Context, head ledger.Head, subject string, sel ledger.Selection) iter.Seq2[*story.Story, error] {
	return func(yield func(*story.Story, error) bool) {
		kind, id, _ := strings.Cut(subject, "/")
		yield(l.Story(ctx, head, kind, id, sel))
	}
}

// Due implements Ledger.
func (r *remote) Due(ctx context.Context, q due.Query, subject string, _ func(step string, done, total int64)) (*Due, error) {
	if err := r.whole(ctx); err != nil { // what one can't open, may be what is due
		return nil, err
	}
	got, err := r.Client.Due(ctx, q, subject)
	if err != nil {
		return nil, classify(err)
	}
	return &Due{got.Report, got.Checkpoint.Size, string(got.Checkpoint.Note)}, nil
}
