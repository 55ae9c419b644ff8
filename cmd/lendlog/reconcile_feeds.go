// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/reconcile"
	"github.com/lendlog/lendlog/ledger/tree"
)

// reconciledFeeds is the JSON form of what arrived.
type reconciledFeeds struct {
	*reconcile.FeedReport
	Size     int64     `json:"size"`
	RootHash tree.Hash `json:"rootHash"`
}

func (r *reconciler) feeds(ctx context.Context) error {
	if r.preparer != "" || r.reviewer != "" {
		return usagef("--preparer and --reviewer go with --record")
	}
	return r.with(ctx, r.c, func(l access.Ledger) error {
		feeds := reconcile.NewFeeds(r.period, r.zone, time.Now(), r.grace)
		progress := r.c.Progress()
		defer progress.Done()
		note, records, err := l.Records(ctx, progress.Set)
		if err != nil {
			return err
		}
		for rec, err := range records {
			if err != nil {
				return err
			}
			if a, ok := arrival(rec); ok {
				feeds.Add(a)
			}
		}
		progress.Done()
		out := reconciledFeeds{FeedReport: feeds.Report()}
		out.Size, out.RootHash = placeOf(note)
		r.printFeeds(&out)
		if err := r.c.Emit(out); err != nil {
			return err
		}
		return exit(verdict(out.Broken(), out.Whole()))
	})
}

// arrival reads what a record says of its producer. The ledger's own records have none.
func arrival(rec *access.Record) (reconcile.Arrival, bool) {
	told := rec.Story
	if told == nil || rec.Submitter == ledger.OwnSubmitter {
		return reconcile.Arrival{}, false
	}
	sequence := ""
	for _, m := range rec.Members {
		if m.Pointer == "/sequence" && m.Value != nil {
			// What a ledger took is a text.
			_ = json.Unmarshal(m.Value, &sequence)
		}
	}
	return reconcile.NewArrival(told, sequence), true
}

// maxFeedRows is how many breaks of one kind are printed of a producer.
const maxFeedRows = 1000

func (r *reconciler) printFeeds(out *reconciledFeeds) {
	c := r.c
	silent := 0
	for i := range out.Producers {
		p := &out.Producers[i]
		if p.Numbered+p.Heartbeats+p.Broken() == 0 {
			silent++
			continue
		}
		c.Printf("%s: %s numbered, %s without a number, %s %s\n", console.Clean(p.Source), console.Count(p.Numbered),
			console.Count(p.Unnumbered+p.Unordered), console.Count(p.Heartbeats), plural(int(p.Heartbeats), "heartbeat", "heartbeats"))
		if p.Said != nil {
			c.Printf("  its records have no numbers, so it can't be told what is missing of those up to %d\n", *p.Said)
		}
		for _, m := range first(p.Missing) {
			if m.From == m.To {
				c.Printf("  missing  %d\n", m.From)
			} else {
				c.Printf("  missing  %d to %d, %s numbers\n", m.From, m.To, console.Count(m.To-m.From+1))
			}
		}
		for _, d := range first(p.Doubled) {
			c.Printf("  doubled  %d: records %s\n", d.Number, listed(d.Records))
		}
		for _, s := range first(p.Late) {
			came := "none has come"
			if s.Next != nil {
				came = fmt.Sprintf("came at %s, record %d", s.Until.Format(time.RFC3339), *s.Next)
			}
			c.Printf("  late     heartbeat due at %s after record %d: %s\n", s.Due.Format(time.RFC3339), s.After, came)
		}
		if p.Dropped > 0 {
			c.Printf("  dropped  %s events, says the producer in record %s\n", console.Count(p.Dropped), listed(first(p.DroppedBy)))
		}
	}
	if silent > 0 {
		c.Printf("%d more %s neither numbers nor heartbeats: what is missing of %s doesn't show\n",
			silent, plural(silent, "source has", "sources have"), plural(silent, "it", "them"))
	}
	if out.Unreadable > 0 {
		c.Printf("%s %s can't be read any more: a number that is missing may be theirs\n", console.Count(out.Unreadable), plural(int(out.Unreadable), "record", "records"))
	}
	switch broken := out.Broken(); {
	case broken > 0:
		c.Printf("%s: %s %s, under the checkpoint of %s records\n", c.Paint(console.Bad, "BREAKS"), console.Count(broken), plural(int(broken), "break", "breaks"), console.Count(out.Size))
	case out.Whole():
		c.Printf("%s: nothing that producers speak of is missing, under the checkpoint of %s records\n", c.Paint(console.Good, "BALANCED"), console.Count(out.Size))
	default:
		c.Printf("%s: no break among what could be read and has a number\n", c.Paint(console.Unsure, "INCOMPLETE"))
	}
}

// first returns as many as are printed.
func first[T any](all []T) []T { return all[:min(len(all), maxFeedRows)] }
