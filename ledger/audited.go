// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/record"
)

// Who audits a ledger that records it.
const (
	AuditedByServer   = "server"
	AuditedByOperator = "operator"
)

// auditSubject is the subject of records of audits.
const auditSubject = "ledger/audits"

// An Audited is what came out of an audit of the ledger.
type Audited struct {
	Size     int64    // records that the audited checkpoint covers
	Verdict  string   // valid, invalid or incomplete
	By       string   // AuditedByServer or AuditedByOperator
	Deep     bool     // every payload was opened
	Failed   []string // names of the checks that failed
	Findings int64    // that it had
	// Of a record of it:
	Index int64
	At    time.Time // when it was recorded
}

// RecordAudit has the ledger keep what came out of an audit of it. The ledger must
// be running.
func (l *Ledger) RecordAudit(ctx context.Context, a Audited) (index int64, err error) {
	if _, ok := l.Catalogue().Type(record.TypeAuditCompleted); !ok {
		return 0, errors.New("couldn't record an audit: an older program made the ledger, and it does not hold the type; add it with `lendlog types add --builtin`")
	}
	data := []canon.Member{
		{Name: "size", Value: canon.Number(a.Size)},
		{Name: "verdict", Value: canon.Text(a.Verdict)},
		{Name: "auditor", Value: canon.Text(a.By)},
		{Name: "deep", Value: canon.Flag(a.Deep)},
	}
	if len(a.Failed) > 0 {
		failed := canon.Value{Kind: canon.Array}
		for _, name := range a.Failed {
			failed.Items = append(failed.Items, canon.Text(name))
		}
		data = append(data, canon.Member{Name: "failed", Value: failed}, canon.Member{Name: "findings", Value: canon.Number(a.Findings)})
	}
	if index, err = l.recordOnce(ctx, record.TypeAuditCompleted, auditSubject, "audit/"+rand.Text(), data); err != nil {
		return 0, fmt.Errorf("couldn't record an audit: %w", err)
	}
	return index, nil
}

// LastAudit returns the newest audit that the ledger has a record of; false where
// it has none.
func (l *Ledger) LastAudit(ctx context.Context) (a Audited, ok bool, err error) {
	if _, known := l.Catalogue().Type(record.TypeAuditCompleted); !known {
		return a, false, nil
	}
	f, err := index.ParseFilter("type=" + record.TypeAuditCompleted)
	if err != nil {
		return a, false, err
	}
	q := Query{Filter: f, Limit: 1, Open: true}
	for {
		page, err := l.Search(ctx, q)
		if err != nil {
			return a, false, fmt.Errorf("couldn't find the last audit: %w", err)
		}
		if len(page.Indexes) > 0 {
			r, err := l.Record(ctx, page.Indexes[0])
			if err != nil {
				return a, false, fmt.Errorf("couldn't read the last audit: %w", err)
			}
			return auditedOf(r), true, nil
		}
		if q.Cursor = page.Cursor; q.Cursor == "" {
			return a, false, nil
		}
	}
}

// auditedOf reads a record of an audit.
func auditedOf(r *Record) Audited {
	a := Audited{Index: r.Index, At: r.Leaf.Entry.Recorded}
	for _, m := range r.Members {
		switch m.Pointer {
		case "/data/size":
			a.Size = m.Value.Int
		case "/data/verdict":
			a.Verdict = m.Value.Str
		case "/data/auditor":
			a.By = m.Value.Str
		case "/data/deep":
			a.Deep = m.Value.IsTrue()
		case "/data/failed":
			for _, name := range m.Value.Items {
				a.Failed = append(a.Failed, name.Str)
			}
		case "/data/findings":
			a.Findings = m.Value.Int
		}
	}
	return a
}
