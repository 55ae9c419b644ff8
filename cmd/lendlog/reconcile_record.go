// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/reconcile"
	"github.com/lendlog/lendlog/ledger/story"
)

// maxRecorded is how many breaks a record can hold.
const maxRecorded = 256

// submit records the result and returns the index of the record.
func (r *reconciler) submit(ctx context.Context, l access.Ledger, out *reconciled) (*int64, error) {
	document := r.event(out, time.Now().UTC()).Bytes()
	events := func(yield func(access.Event, error) bool) { yield(access.Event{Number: 1, Document: document}, nil) }
	for got, err := range l.Submit(ctx, events, access.SubmitOptions{}) {
		switch {
		case err != nil:
			return nil, err
		case got.Refused != nil:
			return nil, fmt.Errorf("the ledger refused the record of the reconciliation: %w", got.Refused)
		}
		return &got.Receipt.Index, nil
	}
	return nil, errors.New("the ledger didn't answer whether it recorded the reconciliation")
}

// event makes the event that holds a result.
func (r *reconciler) event(out *reconciled, now time.Time) canon.Value {
	data := canon.Value{Kind: canon.Object}
	add := func(name string, v canon.Value) {
		data.Members = append(data.Members, canon.Member{Name: name, Value: v})
	}
	outcome := "balanced"
	if out.Broken() > 0 || !out.Whole() {
		outcome = "breaks"
	}
	add("outcome", canon.Text(outcome))
	add("fileHash", canon.Text(out.SHA256))
	add("treeSize", canon.Number(out.Size))
	add("rootHash", canon.Text(out.RootHash.String()))
	add("count", canon.Number(out.File.Count))
	add("ledgerCount", canon.Number(out.Report.Ledger.Count))
	add("sums", moneys(out.File.Sums))
	add("ledgerSums", moneys(out.Report.Ledger.Sums))
	add("breaks", recordedBreaks(out.Report))
	add("preparerId", canon.Text(r.preparer))
	if r.reviewer != "" {
		add("reviewerId", canon.Text(r.reviewer))
	}
	if period := out.Period.String(); out.Period != (reconcile.Period{}) {
		add("batchId", canon.Text(period))
	}
	if out.Period.To != "" {
		add("asOf", canon.Text(out.Period.To))
	}
	// The same result at the same checkpoint is the same event, at another time
	// a conflict: so the time is part of what it is known by.
	at := now.Format(time.RFC3339Nano)
	id := sha256.Sum256([]byte(strings.Join([]string{out.SHA256, out.RootHash.String(), out.Period.String(), at}, "\n")))
	text := func(name, value string) canon.Member { return canon.Member{Name: name, Value: canon.Text(value)} }
	return canon.Map(
		text("specversion", "1.0"), text("type", story.Type("reconciliation.completed")), text("source", r.source),
		text("id", "reconciliation/"+hex.EncodeToString(id[:16])), text("subject", r.subject), text("time", at),
		canon.Member{Name: "data", Value: canon.Map(data.Members...)},
	)
}

func moneys(sums []reconcile.Sum) canon.Value {
	list := canon.Value{Kind: canon.Array}
	for _, s := range sums {
		list.Items = append(list.Items, money(s.Amount, s.Currency))
	}
	return list
}

func money(amount, currency string) canon.Value {
	return canon.Map(canon.Member{Name: "amount", Value: canon.Text(amount)}, canon.Member{Name: "currency", Value: canon.Text(currency)})
}

// recordedBreaks are the breaks as a record holds them. Where they don't fit,
// and of what could not be compared, the last one tells how much that is.
func recordedBreaks(report *reconcile.Report) canon.Value {
	list := canon.Value{Kind: canon.Array}
	add := func(reference, explanation string, it *reconcile.Item) {
		b := canon.Map(canon.Member{Name: "reference", Value: canon.Text(reference)}, canon.Member{Name: "explanation", Value: canon.Text(explanation)})
		if it != nil && it.Amount != "" && it.Currency != "" {
			b.Members = slices.Insert(b.Members, 0, canon.Member{Name: "amount", Value: money(it.Amount, it.Currency)})
		}
		list.Items = append(list.Items, b)
	}
	last := ""
	if !report.Whole() {
		last = fmt.Sprintf("Not compared: %d rows of the file, %d records that cannot be read any more, %d subjects that cannot be read as a whole.",
			report.Rejected, report.Unreadable, report.Unclear)
	}
	room := maxRecorded - min(1, len(last))
	if broken := report.Broken(); broken > int64(room) {
		room = maxRecorded - 1
		last = strings.TrimSpace(fmt.Sprintf("%d breaks in all. %s", broken, last))
	}
	for i := range report.Breaks[:min(room, len(report.Breaks))] {
		b := &report.Breaks[i]
		about := b.File
		if about == nil || b.Kind == reconcile.DoubledInLedger {
			about = b.Ledger
		}
		key := b.Key
		if key == "" {
			key = fmt.Sprintf("record %d", about.Place)
		}
		where := strings.Join(slices.DeleteFunc([]string{told(b.File, "line"), told(b.Ledger, "record")}, func(s string) bool { return s == "" }), "; ")
		add(key, wordsOf(b)+" ("+where+")", about)
	}
	if last != "" {
		add("all", last, nil)
	}
	return list
}
