// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/proof"
)

// histories is how many subjects are read, and page how many of their records
// at most.
const (
	histories = 2000
	page      = 100
)

// measureReads opens a ledger again and reads the records of random subjects.
func (b *bench) measureReads(dir string, events *Events) (err error) {
	resetPeak()
	begun, before := time.Now(), ownCPU()
	l, err := ledger.Open(b.ctx, dir, ledger.Options{Progress: b.Progress})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r := Result{Path: "open", What: "opening after a stop in good order, with every check"}
	r.over(l.Head().Size, time.Since(begun))
	r.CPU = micros(ownCPU()-before) / float64(r.Records)
	r.Memory = peakMemory(os.Getpid())
	b.add("open", r)
	if !b.wanted("history") {
		return nil
	}

	r = Result{Path: "history", What: fmt.Sprintf("all records of one subject out of %d: read, decrypted, checked; random subjects, a page each", l.Head().Size)}
	rng := rand.New(rand.NewPCG(b.Seed, 2))
	var waits latencies
	var records int64
	begun, before = time.Now(), ownCPU()
	for i := range histories {
		kind, id := events.Subject(rng.Uint64N(events.Subjects()))
		asked := time.Now()
		t, err := l.Timeline(b.ctx, kind, id, 1, page)
		if err != nil {
			return err
		}
		waits.add(time.Since(asked))
		records += int64(len(t.Records))
		if i%100 == 0 {
			b.Progress("history", int64(i), histories)
		}
	}
	r.over(records, time.Since(begun))
	r.CPU = micros(ownCPU()-before) / float64(records)
	r.latency(&waits)
	r.want(r.P50 <= 1, "p50 ≤ 1 ms")
	b.add("history", r)
	return nil
}

// measureAudits audits a ledger that nobody holds.
func (b *bench) measureAudits(dir string) error {
	_, p, err := ledger.Locate(dir)
	if err != nil {
		return err
	}
	parts := fsck.Parts{Store: p.Store, Keys: p.Keys, Vault: p.Vault, Head: p.Head, Mirror: p.Mirror}
	for _, deep := range []bool{false, true} {
		r, least := Result{Path: "audit", What: "every record against the signed root, chains, map, tiles, rows"}, 300_000.0
		if deep {
			r, least = Result{Path: "audit-deep", What: "also every payload opened, every event validated and sealed again, the mirror"}, 100_000
		}
		resetPeak()
		begun, before := time.Now(), ownCPU()
		report, err := fsck.Disk(b.ctx, parts, fsck.Options{Deep: deep, Progress: b.Progress})
		if err != nil {
			return err
		}
		if report.Verdict != proof.Valid {
			return fmt.Errorf("the audit of what was measured says %s", report.Verdict)
		}
		r.over(report.Size, time.Since(begun))
		r.CPU = micros(ownCPU()-before) / float64(r.Records)
		r.Memory = peakMemory(os.Getpid())
		r.wantRate(least)
		b.add("audit", r)
	}
	return nil
}
