// SPDX-License-Identifier: Apache-2.0

// Package bench measures a ledger: how many records a second each way in
// takes, how long one waits, and what a record costs in processor time, disk
// and memory. Everything is durable, on ledgers of its own, with synthetic
// events; beside each way in it measures Badger alone, writing the same rows
// in the same transactions.
//
// Whoever makes the load shares the machine with what is measured. Where a
// server of its own is measured, the two are told apart.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/store"
)

// Paths are what can be measured, in the order in which it is.
var Paths = []string{"engine", "growth", "open", "history", "search", "audit", "sealed", "stream", "single", "console"}

// Options say what to measure.
type Options struct {
	Dir     string   // where to work; everything in it is removed again
	Records int64    // of the large ledgers
	Only    []string // of Paths; empty means all
	Seed    uint64
	Program string // path of this program, to start servers
	Version string
	// Profile, when not empty, is the directory that profiles of the paths in
	// this process go to: of growth what is in memory, of others where the
	// time goes.
	Profile  string
	Progress func(step string, done, total int64) // may be nil
}

// A Report is everything that was measured.
type Report struct {
	Version   string    `json:"version"`
	Begun     time.Time `json:"begun"`
	Seconds   float64   `json:"seconds"`
	Machine   Machine   `json:"machine"`
	Records   int64     `json:"records"`
	Seed      uint64    `json:"seed"`
	Synthetic bool      `json:"synthetic"` // always: nobody's data is measured with
	Results   []Result  `json:"results"`
}

// A Result is one path. What a path does not have is zero and left out.
type Result struct {
	Path    string  `json:"path"`
	What    string  `json:"what"`
	Records int64   `json:"records"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"recordsPerSecond,omitempty"`
	P50     float64 `json:"p50Millis,omitempty"`
	P99     float64 `json:"p99Millis,omitempty"`
	Disk    float64 `json:"diskBytesPerRecord,omitempty"`     // store, mirror and all
	CPU     float64 `json:"cpuMicrosPerRecord,omitempty"`     // of the ledger
	Request float64 `json:"cpuMillisPerRequest,omitempty"`    // of the server
	LoadCPU float64 `json:"loadCPUMicrosPerRecord,omitempty"` // of who made the load, when told apart
	Memory  int64   `json:"peakMemoryBytes,omitempty"`        // without mapped files
	Raw     float64 `json:"rawRecordsPerSecond,omitempty"`    // Badger alone
	Ratio   float64 `json:"ratioToRaw,omitempty"`
	Growth  float64 `json:"costRatio,omitempty"` // cost of a record at the end to that early on
	// GrowthCPU is that of processor time, which others on the machine disturb less.
	GrowthCPU float64 `json:"cpuCostRatio,omitempty"`
	// Yardstick is how much longer the same work took at the end than early on: a
	// growth by as much is the machine's and not the ledger's.
	Yardstick float64 `json:"yardstickRatio,omitempty"`

	Targets []Target `json:"targets,omitempty"`
}

// A Target is one that the design sets.
type Target struct {
	Text string `json:"text"`
	Met  bool   `json:"met"`
}

func (r *Result) want(met bool, format string, args ...any) {
	r.Targets = append(r.Targets, Target{fmt.Sprintf(format, args...), met})
}

func (r *Result) wantRate(least float64) {
	r.want(r.Rate >= least, "≥ %.0f/s", least)
}

// over sets the rate of so many records in so long.
func (r *Result) over(records int64, took time.Duration) {
	r.Records, r.Seconds = records, took.Seconds()
	if took > 0 {
		r.Rate = float64(records) / took.Seconds()
	}
}

// latency sets the quantiles.
func (r *Result) latency(l *latencies) {
	r.P50, r.P99 = millis(l.quantile(0.50)), millis(l.quantile(0.99))
}

// bench is one run.
type bench struct {
	Options
	ctx    context.Context
	dir    string // for everything of this run
	report *Report
}

// Run measures. Whatever it writes is gone when it returns, also when ctx
// ends.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	for _, dir := range []string{o.Dir, o.Profile} {
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("couldn't make a directory that was named: %w", err)
		}
	}
	b := &bench{Options: o, ctx: ctx}
	if b.dir, err = os.MkdirTemp(o.Dir, "lendlog-bench-"); err != nil {
		return nil, fmt.Errorf("couldn't make a directory to work in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return nil, err
	}
	if err := enough(b.dir, o.Records); err != nil {
		return nil, err
	}
	b.report = &Report{Version: o.Version, Begun: time.Now().UTC(), Records: o.Records, Seed: o.Seed, Synthetic: true}
	if b.report.Machine, err = machine(b.dir); err != nil {
		return nil, fmt.Errorf("couldn't look at the machine: %w", err)
	}
	for _, path := range []struct {
		of  []string
		run func() error
	}{
		{[]string{"engine", "growth", "open", "history", "search", "audit"}, b.measureLarge},
		{[]string{"sealed"}, b.measureSealed},
		{[]string{"stream"}, b.measureStreams},
		{[]string{"single"}, b.measureSingles},
		{[]string{"console"}, b.measureConsole},
	} {
		if slices.ContainsFunc(path.of, b.wanted) {
			if err := path.run(); err != nil {
				return nil, err
			}
		}
	}
	b.report.Seconds = time.Since(b.report.Begun).Seconds()
	return b.report, nil
}

func (b *bench) wanted(path string) bool {
	return len(b.Only) == 0 || slices.Contains(b.Only, path)
}

// add reports a result, unless its path was not asked for.
func (b *bench) add(path string, r Result) {
	if b.wanted(path) {
		b.report.Results = append(b.report.Results, r)
	}
}

// create makes a new ledger.
func (b *bench) create(name string) (dir string, err error) {
	dir = filepath.Join(b.dir, name)
	return dir, ledger.Create(b.ctx, dir, ledger.CreateOptions{Origin: "bench.invalid/" + name})
}

// inProcess measures a path in this process: it profiles, and it adds the peak
// of memory to the result.
func (b *bench) inProcess(r *Result, measure func() error) (err error) {
	if b.Profile != "" {
		f, err := os.Create(filepath.Join(b.Profile, r.Path+".pprof"))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	debug.FreeOSMemory() // what was measured before
	peak := watchMemory(os.Getpid())
	err = measure()
	r.Memory = peak()
	return err
}

// profileMemory profiles what this process holds in memory.
func (b *bench) profileMemory(path string) error {
	if b.Profile == "" {
		return nil
	}
	f, err := os.Create(filepath.Join(b.Profile, path+".pprof"))
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}

// settle adds to a result what the ledger's files say, and measures Badger
// alone beside it. The ledger must be closed.
func (b *bench) settle(r *Result, dir string) error {
	_, paths, err := ledger.Locate(dir)
	if err != nil {
		return err
	}
	size, err := diskBytes(dir)
	if err != nil {
		return err
	}
	r.Disk = float64(size) / float64(r.Records)
	if r.Raw, err = b.raw(r.Path, paths.Mirror); err != nil {
		return fmt.Errorf("couldn't measure Badger alone: %w", err)
	}
	r.Ratio = r.Rate / r.Raw
	return nil
}

// raw writes what a mirror holds to a bare database, and returns how many
// records a second that took.
func (b *bench) raw(path, mirror string) (rate float64, err error) {
	m, err := store.OpenMirror(mirror)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	dir := filepath.Join(b.dir, "raw")
	bare, err := store.OpenBare(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, bare.Close(), os.RemoveAll(dir)) }()
	var took time.Duration
	records := int64(0)
	err = m.Scan(func(batch *store.Batch) error {
		rows := bare.Rows(batch)
		begun := time.Now()
		if err := bare.Write(rows); err != nil {
			return err
		}
		took += time.Since(begun)
		records += int64(len(batch.Entries))
		b.Progress("Badger alone, as "+path, records, m.Next())
		return b.ctx.Err()
	})
	return float64(records) / took.Seconds(), err
}
