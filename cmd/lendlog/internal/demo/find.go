// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/lifecycle"
)

// The synthetic credit files, in which something went wrong.
var book = lifecycle.Config{Loans: 40, Seed: 1, Faults: 3, Window: 40}

// A Fault is a breach that was planted in a synthetic credit file.
type Fault struct {
	Subject string `json:"subject"`
	Planted string `json:"planted"` // id of a rule or an obligation
	Done    string `json:"done"`    // what was planted, in words
	Found   string `json:"found"`   // what the ledger says of it
}

// find fills a second ledger with synthetic credit files, some of which break a
// rule or a deadline, and asks it for what is wrong.
func (s *story) find(ctx context.Context) (err error) {
	b, err := lifecycle.New(book)
	if err != nil {
		return err
	}
	var events []event
	var planted []*lifecycle.Fault
	for e := range b.Events() {
		events = append(events, event{document: e.Document})
		if e.Fault != nil {
			planted = append(planted, e.Fault)
		}
	}
	dir := s.path(filesDir)
	if err := ledger.Create(ctx, dir, ledger.CreateOptions{Origin: filesOrigin}); err != nil {
		return err
	}
	if err := s.submit(ctx, dir, events); err != nil {
		return err
	}
	l, err := access.Local(ctx, dir, ledger.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s.chapter("5. What a ledger finds on its own, in a second one of synthetic credit files")
	s.tell("%d applications for credit and what a lender keeps around them became %s records. Three of them break a rule or a deadline:",
		book.Loans, console.Count(int64(len(events))))
	for _, f := range planted {
		found, err := finding(ctx, l, f)
		if err != nil {
			return err
		}
		s.Planted = append(s.Planted, Fault{f.Subject, f.Kind, f.Done, found})
		s.Printf("%s\n", wrap("   - ", "     ", f.Subject+": the lender "+f.Done))
		s.Printf("%s\n", wrap("     found: ", "            ", found))
	}
	return nil
}

// finding returns what the ledger says of a planted fault. That it says nothing
// is an error.
func finding(ctx context.Context, l access.Ledger, f *lifecycle.Fault) (string, error) {
	kind, id, _ := strings.Cut(f.Subject, "/")
	records, _, err := l.Timeline(ctx, kind, id, 1, 1000)
	if err != nil {
		return "", err
	}
	report, err := access.Judge(f.Subject, records)
	if err != nil {
		return "", err
	}
	for _, x := range report.Findings {
		if x.Rule == f.Kind {
			return fmt.Sprintf("record %d, %s: %s", x.Records[0], x.Rule, x.Text.EN), nil
		}
	}
	owed, err := l.Due(ctx, due.Query{AsOf: time.Now(), Obligation: f.Kind, States: []due.State{due.Breached, due.MetLate}}, f.Subject, func(string, int64, int64) {})
	if err != nil {
		return "", err
	}
	for _, x := range owed.Items {
		return fmt.Sprintf("record %d, %s: %s, it was due on %s", x.Trigger, x.Obligation, x.State, x.Due), nil
	}
	return "", fmt.Errorf("the ledger does not find what was planted in %s: %s", f.Subject, f.Kind)
}
