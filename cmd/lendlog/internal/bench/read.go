// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/proof"
)

const (
	histories = 2000 // subjects that are read at most
	searches  = 700
	page      = 100 // records of each at most
)

// measureReads opens a ledger again and reads of it.
func (b *bench) measureReads(dir string, events *Events) (err error) {
	var l *ledger.Ledger
	r := Result{Path: "open", What: "opening after a stop in good order, with every check"}
	begun, before := time.Now(), ownCPU()
	err = b.inProcess(&r, func() error {
		l, err = ledger.Open(b.ctx, dir, ledger.Options{Progress: b.Progress})
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r.over(l.Head().Size, time.Since(begun))
	r.CPU = micros(ownCPU()-before) / float64(r.Records)
	b.add("open", r)
	if b.wanted("history") {
		if err := b.measureHistory(l, events); err != nil {
			return err
		}
	}
	if b.wanted("search") {
		return b.measureSearch(l, events)
	}
	return nil
}

func (b *bench) measureHistory(l *ledger.Ledger, events *Events) (err error) {
	r := Result{Path: "history", What: "all records of one subject, at most a page of 100: read, decrypted, checked; random subjects"}
	var waits latencies
	var records int64
	begun, before := time.Now(), ownCPU()
	err = b.inProcess(&r, func() error {
		rng := rand.New(rand.NewPCG(b.Seed, 2))
		n := min(histories, int64(events.Subjects()))
		for i := range n {
			kind, id := events.Subject(rng.Uint64N(events.Subjects()))
			asked := time.Now()
			t, err := l.Timeline(b.ctx, kind, id, 1, page)
			if err != nil {
				return err
			}
			waits.add(time.Since(asked))
			records += int64(len(t.Records))
			b.Progress("history", i+1, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.over(records, time.Since(begun))
	r.CPU = micros(ownCPU()-before) / float64(records)
	r.latency(&waits)
	r.want(r.P50 <= 1, "p50 ≤ 1 ms")
	b.add("history", r)
	return nil
}

// measureSearch reads pages of searches that the index answers, or a window of
// time: a person's records, a rare value, a common one, some of any time.
func (b *bench) measureSearch(l *ledger.Ledger, events *Events) (err error) {
	r := Result{Path: "search", What: "a page of 100 by one indexed term or a window of time: found, read, decrypted, checked"}
	var waits latencies
	var records int64
	begun, before := time.Now(), ownCPU()
	err = b.inProcess(&r, func() error {
		rng := rand.New(rand.NewPCG(b.Seed, 3))
		for i := range int64(searches) {
			text := [...]string{
				"party=" + events.party(rng.Uint64N(events.Subjects())),
				"type=decision.made",
				"outcome=declined",
				"index<" + strconv.FormatInt(1+rng.Int64N(l.Head().Size), 10) + " reasonCodes=debt-to-income",
				"recorded<" + begun.UTC().Add(-time.Duration(rng.Int64N(int64(time.Hour)))).Format(time.RFC3339),
				"time=2026-01-0" + strconv.FormatInt(5+rng.Int64N(5), 10),
				"reasonCodes=nobody-has-this",
			}[i%7]
			f, err := index.ParseFilter(text)
			if err != nil {
				return err
			}
			asked := time.Now()
			found, err := l.Search(b.ctx, ledger.Query{Filter: f, Limit: page})
			if err != nil {
				return err
			}
			for _, at := range found.Indexes {
				if _, err := l.Record(b.ctx, at); err != nil {
					return err
				}
			}
			waits.add(time.Since(asked))
			records += int64(len(found.Indexes))
			b.Progress("search", i+1, searches)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.over(records, time.Since(begun))
	r.CPU = micros(ownCPU()-before) / float64(max(1, records))
	r.latency(&waits)
	r.want(r.P99 <= 50, "p99 ≤ 50 ms")
	b.add("search", r)
	return nil
}

// measureAudits audits a ledger that nobody holds.
func (b *bench) measureAudits(dir string) error {
	_, p, err := ledger.Locate(dir)
	if err != nil {
		return err
	}
	parts := fsck.Parts{Store: p.Store, Keys: p.Keys, Vault: p.Vault, Head: p.Head, Mirror: p.Mirror}
	defer fsck.SpendMemory()() // as lendlog audit does
	for _, deep := range []bool{false, true} {
		r, least := Result{Path: "audit", What: "every record against the signed root, chains, map, tiles, rows"}, 300_000.0
		if deep {
			r, least = Result{Path: "audit-deep", What: "also every payload opened, every event validated and sealed again, the mirror"}, 100_000
		}
		var report *fsck.Report
		begun, before := time.Now(), ownCPU()
		err := b.inProcess(&r, func() (err error) {
			report, err = fsck.Disk(b.ctx, parts, fsck.Options{Deep: deep, Progress: b.Progress})
			return err
		})
		if err != nil {
			return err
		}
		if report.Verdict != proof.Valid {
			return fmt.Errorf("the audit of what was measured says %s", report.Verdict)
		}
		r.over(report.Size, time.Since(begun))
		r.CPU = micros(ownCPU()-before) / float64(r.Records)
		r.wantRate(least)
		b.add("audit", r)
	}
	return nil
}
